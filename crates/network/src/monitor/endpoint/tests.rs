//! What others send to the endpoint, over real connections.

use std::time::Duration;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

/// Far longer than an answer takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
const PAGE: &str = "the page of this test";

async fn answered(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    let mut stream = TcpStream::connect(address).await.unwrap();
    // Who asks wrongly is left before he has said all, and reads a reset.
    stream.write_all(request).await.ok();
    stream.shutdown().await.ok();
    let read = stream.read_to_end(&mut answer);
    tokio::time::timeout(PATIENCE, read).await.unwrap().ok();
    answer
}

fn asked() -> impl Strategy<Value = Vec<u8>> {
    let near = "(GET|HEAD|POST|get|\\PC{0,5}) (/metrics|/|\\*|/[ -~]{0,20}) HTTP/1.[019]\r\n(([A-Za-z-]{1,12}: [ -~]{0,20}|Content-Length: [0-9]{0,22}|Transfer-Encoding: chunked)\r\n){0,4}\r\n\\PC{0,20}";
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        near.prop_map(String::into_bytes),
        (near, any::<prop::sample::Index>(), any::<u8>()).prop_map(|(text, at, byte)| {
            let mut bytes = text.into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_request_gets_more_than_the_page_or_keeps_others_from_it(requests in prop::collection::vec(asked(), 1..4)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (page, pages) = watch::channel(Bytes::from_static(PAGE.as_bytes()));
            let endpoint = Endpoint::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
            let address = endpoint.address();
            let asking = async {
                for request in &requests {
                    let answer = answered(address, request).await;
                    let text = String::from_utf8_lossy(&answer);
                    assert!(answer.is_empty() || text.starts_with("HTTP/1."), "{text}");
                    let asks = String::from_utf8_lossy(request).contains("GET /metrics");
                    assert!(asks || !text.contains(PAGE), "{request:?}: {text}");
                    assert!(answer.len() < 1_024, "{text}");
                }
                let good = answered(address, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await;
                assert!(String::from_utf8_lossy(&good).ends_with(PAGE));
            };
            tokio::select! {
                ended = endpoint.serve(pages) => panic!("{ended:?}"),
                () = asking => {}
            }
            drop(page);
        });
    }
}

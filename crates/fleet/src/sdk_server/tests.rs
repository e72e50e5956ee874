use std::net::Ipv4Addr;
use std::time::Duration;

use futures_util::StreamExt;
use parking_lot::Mutex;
use stadion_sdk::Sdk;
use stadion_sdk::proto::game_server::{ObjectMeta, Spec, Status as GameServerStatus, spec, status};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::*;

/// Longest wait for anything in these tests.
const PATIENCE: Duration = Duration::from_secs(30);

struct Recorder {
    said: Mutex<Vec<Said>>,
    pings: watch::Sender<u32>,
    view: watch::Sender<Arc<GameServer>>,
}

impl SdkBackend for Recorder {
    fn said(&self, said: Said) -> Result<(), Status> {
        if said == Said::Shutdown {
            return Err(Status::resource_exhausted("not now"));
        }
        self.said.lock().push(said);
        self.view.send_modify(|view| {
            let mut next = view.as_ref().clone();
            next.object_meta.as_mut().unwrap().generation += 1;
            *view = Arc::new(next);
        });
        Ok(())
    }
    fn ping(&self) {
        self.pings.send_modify(|pings| *pings += 1);
    }
    fn view(&self) -> watch::Receiver<Arc<GameServer>> {
        self.view.subscribe()
    }
}

fn duel() -> GameServer {
    GameServer {
        object_meta: Some(ObjectMeta {
            name: "duel-1".into(),
            creation_timestamp: 1_700_000_000,
            labels: [("a".to_owned(), "b".to_owned())].into(),
            ..Default::default()
        }),
        spec: Some(Spec {
            health: Some(spec::Health {
                period_seconds: 5,
                ..Default::default()
            }),
        }),
        status: Some(GameServerStatus {
            state: "Scheduled".into(),
            ports: vec![status::Port {
                name: "default".into(),
                port: 7777,
            }],
            ..Default::default()
        }),
    }
}

async fn start() -> (Arc<Recorder>, u16, CancellationToken) {
    let recorder = Arc::new(Recorder {
        said: Mutex::default(),
        pings: watch::channel(0).0,
        view: watch::channel(Arc::new(duel())).0,
    });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let stop = CancellationToken::new();
    tokio::spawn(serve(listener, recorder.clone(), stop.clone()));
    (recorder, port, stop)
}

/// One HTTP/1.1 exchange; the status and the body.
async fn http(port: u16, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .await
        .unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer))
        .await
        .unwrap()
        .unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (
        head.split(' ').nth(1).unwrap().parse().unwrap(),
        body.to_owned(),
    )
}

#[tokio::test]
async fn rest_and_grpc_share_one_port_and_mean_the_same() {
    let (recorder, port, _stop) = start().await;
    let sdk = Sdk::connect("127.0.0.1", port).await.unwrap();
    sdk.ready().await.unwrap();
    sdk.reserve(9).await.unwrap();
    sdk.set_label("map", "dust").await.unwrap();
    assert_eq!(http(port, "POST", "/ready", "").await, (200, "{}".into()));
    assert_eq!(
        http(port, "POST", "/reserve", r#"{"seconds":"9"}"#).await.0,
        200
    );
    assert_eq!(
        http(
            port,
            "PUT",
            "/metadata/label",
            r#"{"key":"map","value":"dust","x":1}"#
        )
        .await
        .0,
        200
    );
    let said = recorder.said.lock().clone();
    assert_eq!(said[..3], said[3..]);
    assert_eq!(said[1], Said::Reserve { seconds: Some(9) });
}

#[tokio::test]
async fn rest_writes_what_grpc_gateway_writes() {
    let (_, port, _stop) = start().await;
    let (status, body) = http(port, "GET", "/gameserver", "").await;
    assert_eq!(status, 200);
    let expected = serde_json::json!({
        "object_meta": {
            "name": "duel-1", "namespace": "", "uid": "", "resource_version": "", "generation": "0",
            "creation_timestamp": "1700000000", "deletion_timestamp": "0", "annotations": {}, "labels": {"a": "b"},
        },
        "spec": {"health": {
            "disabled": false, "period_seconds": 5, "failure_threshold": 0, "initial_delay_seconds": 0,
        }},
        "status": {
            "state": "Scheduled", "address": "", "ports": [{"name": "default", "port": 7777}], "players": null,
            "counters": {}, "lists": {}, "addresses": [],
        },
    });
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&body).unwrap(),
        expected
    );
}

#[tokio::test]
async fn rest_errors_have_the_shape_of_grpc_gateway() {
    let (recorder, port, _stop) = start().await;
    let error = async |method, path, body| {
        let (status, body) = http(port, method, path, body).await;
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["details"], serde_json::json!([]));
        (status, body["code"].as_i64().unwrap())
    };
    assert_eq!(error("POST", "/health", "").await, (400, 3));
    assert_eq!(
        error("PUT", "/metadata/label", r#"{"key":"a b"}"#).await,
        (400, 3)
    );
    assert_eq!(
        error("POST", "/reserve", r#"{"seconds":-1}"#).await,
        (400, 3)
    );
    assert_eq!(error("POST", "/reserve", "{").await, (400, 3));
    assert_eq!(error("POST", "/shutdown", "").await, (429, 8));
    assert_eq!(error("GET", "/nothing", "").await, (404, 5));
    assert_eq!(error("GET", "/ready", "").await, (501, 12));
    assert_eq!(http(port, "POST", "/health", "{}").await.0, 200);
    assert_eq!(*recorder.pings.borrow(), 1);
}

#[tokio::test]
async fn rest_watch_is_lines_of_results_until_the_server_stops() {
    let (recorder, port, stop) = start().await;
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .await
        .unwrap();
    stream
        .write_all(b"GET /watch/gameserver HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut lines = BufReader::new(stream).lines();
    let mut generation = async || loop {
        let line = timeout(PATIENCE, lines.next_line())
            .await
            .unwrap()
            .unwrap()?;
        if let Some(json) = line.strip_prefix(r#"{"result":"#) {
            let object: serde_json::Value =
                serde_json::from_str(json.strip_suffix('}').unwrap()).unwrap();
            return Some(
                object["object_meta"]["generation"]
                    .as_str()
                    .unwrap()
                    .to_owned(),
            );
        }
    };
    assert_eq!(generation().await.as_deref(), Some("0"));
    recorder.said(Said::Ready).unwrap();
    assert_eq!(generation().await.as_deref(), Some("1"));
    stop.cancel();
    assert_eq!(generation().await, None);
}

#[tokio::test]
async fn signs_of_life_arrive_over_one_stream() {
    let (recorder, port, _stop) = start().await;
    let sdk = Sdk::connect("127.0.0.1", port).await.unwrap();
    let mut pings = recorder.pings.subscribe();
    for count in 1..=3 {
        sdk.health();
        timeout(PATIENCE, pings.wait_for(|pings| *pings == count))
            .await
            .unwrap()
            .unwrap();
    }
}

#[tokio::test]
async fn watch_speaks_websocket_when_asked() {
    let (recorder, port, stop) = start().await;
    let url = format!("ws://127.0.0.1:{port}/watch/gameserver");
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let mut generation = async || {
        let message = timeout(PATIENCE, socket.next()).await.unwrap()?.ok()?;
        let object: serde_json::Value = serde_json::from_str(message.to_text().unwrap()).ok()?;
        Some(
            object["result"]["object_meta"]["generation"]
                .as_str()?
                .to_owned(),
        )
    };
    assert_eq!(generation().await.as_deref(), Some("0"));
    recorder.said(Said::Ready).unwrap();
    assert_eq!(generation().await.as_deref(), Some("1"));
    stop.cancel();
    assert_eq!(generation().await, None);
}

#[tokio::test]
async fn a_solo_server_does_what_agones_local_mode_does() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let solo = Solo::default();
    tokio::spawn(serve(
        listener,
        Arc::new(solo.clone()),
        CancellationToken::new(),
    ));
    let sdk = Sdk::connect("127.0.0.1", port).await.unwrap();
    let mut changes = sdk.watch();
    let mut state = async || {
        timeout(PATIENCE, changes.next())
            .await
            .unwrap()
            .status
            .unwrap()
            .state
    };
    assert_eq!(state().await, "Ready");
    solo.change(|game_server| game_server.status.as_mut().unwrap().state = "Allocated".into());
    assert_eq!(state().await, "Allocated");
    sdk.reserve(1).await.unwrap();
    assert_eq!(state().await, "Reserved");
    assert_eq!(state().await, "Ready");
    sdk.shutdown().await.unwrap();
    assert_eq!(state().await, "Shutdown");
    sdk.ready().await.unwrap();
    assert_eq!(state().await, "Ready");
}

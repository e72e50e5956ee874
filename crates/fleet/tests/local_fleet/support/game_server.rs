//! The game server of these tests; its behaviour is in the environment.

use std::time::Duration;

use stadion_sdk::Sdk;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{SHUTDOWN_MATCH, match_id};

/// A game server that a failed test left behind ends by itself.
const LIFE: Duration = Duration::from_secs(180);

pub(crate) fn main() {
    let Ok(how) = std::env::var("STADION_TEST_SERVER") else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    drop(runtime.block_on(async { timeout(LIFE, behave(&how)).await }));
}

async fn behave(how: &str) {
    for key in [
        "SERVER_ID",
        "MAX_PLAYERS",
        "TICK_RATE",
        "ANTI_CHEAT",
        "REGION",
        "GAME_PORT",
        "TEST_NAME",
    ] {
        println!("{key}={}", std::env::var(key).unwrap());
    }
    assert_eq!(
        std::env::var("AGONES_SDK_HTTP_PORT"),
        std::env::var("AGONES_SDK_GRPC_PORT")
    );
    match how {
        "rest" => rest().await,
        "silent" => {
            Sdk::from_env().await.unwrap().ready().await.unwrap();
            std::future::pending::<()>().await;
        }
        "crash" => {
            Sdk::from_env().await.unwrap().ready().await.unwrap();
            std::process::abort();
        }
        _ => grpc().await,
    }
}

async fn grpc() {
    let sdk = Sdk::from_env().await.unwrap();
    let _health = sdk.health_task(Duration::from_millis(200));
    let mut changes = sdk.watch();
    sdk.ready().await.unwrap();
    loop {
        let now = changes.next().await;
        let state = now.status.as_ref().unwrap().state.clone();
        println!("{state}");
        let meta = now.object_meta.unwrap();
        if state == "Allocated" && !meta.labels.contains_key("agones.dev/sdk-saw") {
            sdk.set_label("saw", &state).await.unwrap();
        }
        if meta.annotations.get("stadion.dev/match-id")
            == Some(&match_id(SHUTDOWN_MATCH).to_string())
        {
            println!("said shutdown");
            sdk.shutdown().await.unwrap();
            std::future::pending::<()>().await;
        }
    }
}

async fn rest() {
    post("/ready").await;
    let mut beat = tokio::time::interval(Duration::from_millis(200));
    loop {
        beat.tick().await;
        post("/health").await;
    }
}

async fn post(path: &str) {
    let port: u16 = std::env::var("AGONES_SDK_HTTP_PORT")
        .unwrap()
        .parse()
        .unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{{}}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

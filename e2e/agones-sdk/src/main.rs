//! The smallest game server that Agones' own documentation would accept, with the official crate and nothing of
//! Stadion's. It knows no variable but those that every Agones SDK reads.
//!
//! Datagrams make it do what a game would decide by itself: `RESERVE seconds`, `EXIT`.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use agones::Sdk;
use tokio::net::UdpSocket;

/// Half of the shortest period that a fleet can ask for: a sign of life is never late.
const HEALTH_PERIOD: Duration = Duration::from_millis(500);

/// Longest datagram that means something, bytes: a word and a number.
const COMMAND_BYTES_MAX: usize = 64;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = std::env::args()
        .nth(1)
        .ok_or("usage: official-game-server PORT")?
        .parse()?;
    let socket = UdpSocket::bind(("127.0.0.1", port)).await?;
    let mut sdk = Sdk::new(None, None).await?;
    let health = sdk.health_check();
    let mut changes = sdk.watch_gameserver().await?;

    let name = sdk
        .get_gameserver()
        .await?
        .object_meta
        .map(|meta| meta.name);
    println!("name {}", name.ok_or("a game server without metadata")?);
    sdk.set_label("build", "official-1.61").await?;
    sdk.set_annotation("note", "set by the official crate")
        .await?;
    sdk.ready().await?;

    let mut beat = tokio::time::interval(HEALTH_PERIOD);
    let mut command = [0; COMMAND_BYTES_MAX];
    loop {
        tokio::select! {
            _ = beat.tick() => health.send(()).await?,
            change = changes.message() => {
                print_change(change?.ok_or("the SDK server ended the watch")?);
            }
            received = socket.recv_from(&mut command) => {
                let text = std::str::from_utf8(&command[..received?.0])?;
                match text.split_once(' ') {
                    None if text == "EXIT" => break,
                    Some(("RESERVE", seconds)) => {
                        sdk.reserve(Duration::from_secs(seconds.parse()?)).await?;
                    }
                    _ => println!("what is {text:?}?"),
                }
            }
        }
    }
    sdk.shutdown().await?;
    println!("shutdown accepted");
    // A game may take a while to end; it is the platform that says when to go.
    std::future::pending().await
}

fn print_change(server: agones::GameServer) {
    let state = server.status.map(|status| status.state).unwrap_or_default();
    let (labels, annotations) = server
        .object_meta
        .map(|meta| (meta.labels, meta.annotations))
        .unwrap_or_default();
    let (labels, annotations) = (
        labels.into_iter().collect::<BTreeMap<_, _>>(),
        annotations.into_iter().collect::<BTreeMap<_, _>>(),
    );
    println!("state {state} labels {labels:?} annotations {annotations:?}");
}

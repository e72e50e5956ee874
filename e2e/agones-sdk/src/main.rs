//! The smallest game server that Agones' own documentation would accept, with the official crate and nothing of
//! Stadion's. It knows no variable but those that every Agones SDK reads.
//!
//! Datagrams make it do what a game would decide by itself; see [`obey`].

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

    let meta = sdk.get_gameserver().await?.object_meta;
    let name = meta.ok_or("a game server without metadata")?.name;
    println!("name {name}");
    sdk.set_label("build", "official-1.61").await?;
    sdk.set_annotation("note", "set by the official crate")
        .await?;
    sdk.ready().await?;

    let mut beat = tokio::time::interval(HEALTH_PERIOD);
    let mut silent = false;
    let mut command = [0; COMMAND_BYTES_MAX];
    loop {
        tokio::select! {
            _ = beat.tick(), if !silent => health.send(()).await?,
            change = changes.message() => {
                print_change(change?.ok_or("the SDK server ended the watch")?);
            }
            received = socket.recv_from(&mut command) => {
                match std::str::from_utf8(&command[..received?.0])? {
                    "SILENCE" => silent = true,
                    text => obey(&mut sdk, text).await?,
                }
            }
        }
    }
}

/// Makes the call that a datagram names, and prints what came of it.
async fn obey(sdk: &mut Sdk, command: &str) -> Result<(), Box<dyn Error>> {
    let (word, number) = command.split_once(' ').unwrap_or((command, ""));
    match word {
        "READY" => sdk.ready().await?,
        "ALLOCATE" => sdk.allocate().await?,
        "RESERVE" => sdk.reserve(Duration::from_secs(number.parse()?)).await?,
        "SHUTDOWN" => sdk.shutdown().await?,
        "COUNTER" => {
            let counter = sdk.beta().clone().get_counter_count("rooms").await;
            println!("counter {counter:?}");
        }
        _ => return Err(format!("unknown: {command:?}").into()),
    }
    println!("done {command}");
    Ok(())
}

fn print_change(server: agones::GameServer) {
    let state = server.status.map(|status| status.state).unwrap_or_default();
    let (labels, annotations) = server
        .object_meta
        .map(|meta| (meta.labels, meta.annotations))
        .unwrap_or_default();
    // In order, so that the lines can be compared.
    let labels: BTreeMap<_, _> = labels.into_iter().collect();
    let annotations: BTreeMap<_, _> = annotations.into_iter().collect();
    println!("state {state} labels {labels:?} annotations {annotations:?}");
}

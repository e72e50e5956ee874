//! Ten thousand players who wait.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::Failure;
use crate::figure::Figure;
use crate::http::Connection;
use crate::platform::Platform;
use crate::process::{cpu_percent, memory_kib, open_files_max};

const PLAYERS: usize = 10_000;
const KIB_MAX: f64 = 8.0;
/// Files of this program besides its connections.
const OTHER_FILES: usize = 64;
/// Connections that are opened at the same moment.
const OPENING_MAX: usize = 64;
const SETTLE: Duration = Duration::from_secs(2);
const SPAN: Duration = Duration::from_secs(10);

const CONFIG: &str = "
fleets: []
gateway:
  limits: { connections_max: 20000, connections_per_address_max: 20000, requests_per_second_per_address: 1000000 }
";

pub(crate) async fn run() -> Result<Vec<Figure>, Failure> {
    // Both ends have one descriptor per connection and the same limit.
    let players = PLAYERS.min(open_files_max().saturating_sub(OTHER_FILES));
    let platform = Platform::start(CONFIG).await?;
    sleep(SETTLE).await;
    let before = memory_kib(platform.pid)?;
    let mut sockets = Vec::with_capacity(players);
    let mut opening = JoinSet::new();
    for number in 0..players {
        if opening.len() >= OPENING_MAX
            && let Some(opened) = opening.join_next().await
        {
            sockets.push(opened??);
        }
        let token = platform.token(&format!("player-{number}"), false)?;
        let gateway = platform.gateway;
        opening.spawn(async move { open(gateway, &token).await.map_err(|e| e.to_string()) });
    }
    while let Some(opened) = opening.join_next().await {
        sockets.push(opened??);
    }
    sleep(SETTLE).await;
    let after = memory_kib(platform.pid)?;
    let cpu = cpu_percent(&[platform.pid], SPAN).await?;
    let count = f64::from(u32::try_from(sockets.len())?);
    drop(sockets);
    platform.stop().await?;
    Ok(vec![
        Figure::alone("websockets_open", count, ""),
        Figure::against(
            "websocket_idle_memory",
            (after - before) / count,
            "KiB",
            KIB_MAX,
            "limit",
        ),
        Figure::alone("websockets_idle_cpu", cpu, "%"),
    ])
}

/// Opens a WebSocket (RFC 6455, section 4.1) and waits for the gateway's `hello`; after that it only stays open.
async fn open(gateway: std::net::SocketAddr, token: &str) -> Result<TcpStream, Failure> {
    let mut connection = Connection::open(gateway).await?;
    // The key need not be random for a server that is ours; this one is the RFC's example.
    let request = format!(
        "GET /v1/connect HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\nconnection: upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let (status, start) = connection.exchange(request.as_bytes()).await?;
    if status != 101 {
        let body = String::from_utf8_lossy(connection.body(start));
        return Err(format!("no WebSocket: {status} {body}").into());
    }
    let greeted = !connection.body(start).is_empty();
    let mut stream = connection.into_stream();
    if !greeted {
        let mut hello = [0; 256];
        if stream.read(&mut hello).await? == 0 {
            return Err("the WebSocket was closed without a hello".into());
        }
    }
    Ok(stream)
}

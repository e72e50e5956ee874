//! How long two players who fit wait for one another's match on a platform that has nothing else to do.

use std::time::Duration;

use stadion_client::wire::{CreateTicket, EventKind, MatchFound, Player};
use stadion_client::{Client, Events, Update};
use tokio::time::{Instant, sleep, timeout};

use crate::Failure;
use crate::figure::{Figure, quantile};
use crate::platform::Platform;

const PAIRS: u32 = 100;
/// `matchmaking.interval_ms`, the default.
const INTERVAL_MS: f64 = 250.0;
/// Seats that nobody takes keep their server for a minute, so every pair has one of its own.
const SERVERS: u64 = 110;
const PATIENCE: Duration = Duration::from_secs(30);
/// Longer than an interval, and no multiple of one: pairs come at every phase of it.
const PAUSE: Duration = Duration::from_millis(337);

pub(crate) async fn run() -> Result<Vec<Figure>, Failure> {
    let config = format!(
        "fleets: [{{name: arena, region: us-east-1, min_replicas: {SERVERS}, max_replicas: {SERVERS}, buffer_size: 0}}]"
    );
    let platform = Platform::start(&config).await?;
    platform.servers_ready(SERVERS).await?;
    let mut waits_ms = Vec::new();
    for pair in 0..PAIRS {
        waits_ms.push(one_pair(&platform, pair).await?);
        sleep(PAUSE).await;
    }
    platform.stop().await?;
    let reference = "interval";
    Ok(vec![
        Figure::against(
            "match_path_p50",
            quantile(&mut waits_ms, 0.5),
            "ms",
            INTERVAL_MS,
            reference,
        ),
        Figure::against(
            "match_path_p99",
            quantile(&mut waits_ms, 0.99),
            "ms",
            INTERVAL_MS,
            reference,
        ),
    ])
}

/// From the first ticket's request until both players know their server, milliseconds.
async fn one_pair(platform: &Platform, pair: u32) -> Result<f64, Failure> {
    let (first, mut first_events) = join(platform, &format!("left-{pair}")).await?;
    let (second, mut second_events) = join(platform, &format!("right-{pair}")).await?;
    let begun = Instant::now();
    let (one, other) = (
        ticket(&format!("left-{pair}")),
        ticket(&format!("right-{pair}")),
    );
    tokio::try_join!(
        first.create_ticket(&one, None),
        second.create_ticket(&other, None)
    )?;
    let found = async { tokio::try_join!(found(&mut first_events), found(&mut second_events)) };
    let (left, right) = timeout(PATIENCE, found)
        .await
        .map_err(|_| "a pair was not matched")??;
    let waited = begun.elapsed();
    if left.match_id != right.match_id {
        return Err("a pair is in two matches".into());
    }
    Ok(waited.as_secs_f64() * 1_000.0)
}

async fn join(platform: &Platform, player: &str) -> Result<(Client, Events), Failure> {
    let token = platform.token(player, false)?;
    let client = Client::new(&format!("http://{}", platform.gateway), &token)?;
    let events = client.connect(0).await?;
    // Opens the connection that the ticket will use.
    client.regions().await?;
    Ok((client, events))
}

fn ticket(player: &str) -> CreateTicket {
    let player = Player {
        player_id: player.into(),
        skill: Some(1_500.0),
        latencies_ms: [("us-east-1".into(), 20)].into(),
        ..Player::default()
    };
    CreateTicket {
        game_mode: "duel".into(),
        players: vec![player],
        ..CreateTicket::default()
    }
}

async fn found(events: &mut Events) -> Result<MatchFound, Failure> {
    loop {
        if let Update::Event(event) = events.next().await?
            && let EventKind::MatchFound(found) = event.kind
        {
            return Ok(found);
        }
    }
}

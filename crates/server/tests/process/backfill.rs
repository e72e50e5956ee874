//! A player leaves a live match, and somebody who queues is put into it and plays.

use std::sync::Arc;
use std::time::Duration;

use stadion_arena::bot::{BotSwarm, SwarmParams};
use stadion_core::time::Clock as _;
use stadion_server::clock::SystemClock;
use stadion_testkit::wait::wait_until;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::crash::player::{Habits, Player};
use crate::stand::{PATIENCE, Stand, run};

/// One game server, and matches of three: whoever comes fourth plays in a match that is live, or not at all.
const SETTINGS: &str = "
drain_timeout_seconds: 0
matchmaking: { interval_ms: 50 }
networking: { port_range_start: 22000, port_range_end: 22999 }
regions: [here]
game_modes:
  - name: brawl
    teams: 1
    players_target: 3
    players_min: 3
    latency_max_ms: 1000
    skill: { initial: 9000, growth_per_second: 0, max: 9000 }
    backfill: high
fleets:
  - { name: arena, region: here, min_replicas: 1, max_replicas: 1, buffer_size: 0, max_players: 3, env: { ARENA_MATCH_SECONDS: \"600\" } }
";

const HABITS: Habits = Habits {
    joins: true,
    leaves: false,
    cancels: false,
};

/// Two players who stay.
fn regulars(stand: &Stand) -> BotSwarm {
    let unix_ms = Arc::new(|| SystemClock.now().0);
    let url = format!("http://{}", stand.gateway);
    BotSwarm::new(SwarmParams {
        modes: vec![("brawl".into(), 1.0)],
        ramp: Duration::ZERO,
        queue_for: Duration::from_secs(600),
        quit_share: 0.0,
        ..SwarmParams::new(&url, stand.token_issuer(), unix_ms, 2)
    })
}

fn by_hand(stand: &Stand, id: &str) -> Player {
    let nonce = id.bytes().map(u64::from).sum();
    Player::new(id.into(), stand.player(id), &["brawl"], HABITS, nonce)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_queues_gets_the_seat_of_who_left() {
    let mut stand = Stand::new(SETTINGS).await;
    stand.start().await;
    stand.servers_ready(1).await;
    let (swarm, stop) = (regulars(&stand), CancellationToken::new());
    let playing = tokio::spawn({
        let (swarm, stop) = (swarm.clone(), stop.clone());
        async move { swarm.run(stop).await }
    });
    let mut leaver = by_hand(&stand, "leaver");
    timeout(PATIENCE, leaver.play()).await.unwrap().unwrap();
    let seat = leaver.seat.as_mut().unwrap();
    assert!(seat.is_joined());
    wait_until("all three to play", || async {
        (swarm.stats().playing == 2).then_some(())
    })
    .await;
    seat.leave().await;
    let match_id = seat.found.match_id.clone();
    let offered = wait_until("the game server to offer the seat", || async {
        let live = stand.matches("live").await;
        live.into_iter().find(|live| live.open_seats == [1])
    })
    .await;
    assert_eq!(offered.match_id, match_id);
    let shown = run(&stand.arguments(&["match", "show", &match_id])).await;
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("open seats"), "{shown}");

    let mut newcomer = by_hand(&stand, "newcomer");
    timeout(PATIENCE, newcomer.play()).await.unwrap().unwrap();
    let seat = newcomer.seat.as_ref().unwrap();
    assert_eq!(seat.found.match_id, match_id);
    assert!(seat.is_joined(), "the game server lets the newcomer in");
    let live = stand.matches("live").await.remove(0);
    assert_eq!(live.open_seats, [0; 0]);
    let last = live.players.last().unwrap();
    assert_eq!(
        (live.players.len(), last.player_id.as_str()),
        (4, "newcomer")
    );
    assert_eq!(stand.report().await.matchmaking.matches.players_joined, 1);

    // Who left is free to look for another match.
    let ask = &leaver.asks[0].request;
    leaver
        .client
        .create_ticket(ask, Some("again"))
        .await
        .unwrap();
    stop.cancel();
    playing.await.unwrap().unwrap();
    stand.stop().await;
}

//! Players who are asked whether they are ready: bots of the arena, of whom some refuse and some keep silent.

use std::sync::Arc;
use std::time::Duration;

use stadion_arena::bot::{BotSwarm, SwarmParams};
use stadion_core::time::Clock;
use stadion_server::clock::SystemClock;
use tokio_util::sync::CancellationToken;

use crate::stand::Stand;

const SETTINGS: &str = "
drain_timeout_seconds: 0
regions: [us-east-1]
matchmaking: { interval_ms: 50 }
scaling: { interval_ms: 100 }
networking: { port_range_start: 22000, port_range_end: 22999 }
game_modes:
  - { name: duel, teams: 2, players_target: 2, players_min: 2, latency_max_ms: 1000, acceptance: { timeout_ms: 1000 } }
fleets:
  - { name: arena, region: us-east-1, min_replicas: 6, max_replicas: 12, buffer_size: 2, env: { ARENA_MATCH_SECONDS: '1' } }
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i2_i3_bots_that_refuse_and_keep_silent_leave_nothing_behind() {
    let mut stand = Stand::new(SETTINGS).await;
    stand.start().await;
    stand.servers_ready(6).await;
    let swarm = BotSwarm::new(SwarmParams {
        modes: vec![("duel".into(), 1.0)],
        ramp: Duration::from_millis(500),
        queue_for: Duration::from_secs(8),
        drain_for: Duration::from_secs(3),
        pause: Duration::from_millis(100),
        refuse_share: 0.2,
        silent_share: 0.2,
        ..SwarmParams::new(
            &format!("http://{}", stand.gateway),
            stand.token_issuer(),
            Arc::new(|| SystemClock.now().0),
            16,
        )
    });
    let stats = swarm.run(CancellationToken::new()).await.unwrap();
    println!(
        "{:?} {:?} {:?}",
        stats.answers, stats.unmatched, stats.errors
    );
    for answer in ["accepted", "refused", "silent"] {
        assert!(stats.answers.contains_key(answer), "{:?}", stats.answers);
    }
    assert!(stats.tickets_matched > 0);
    assert!(stats.requeues.contains_key("requeued:not_accepted"));
    assert!(stats.unmatched.contains_key("cancelled:not_accepted"));
    assert!(stats.errors.is_empty(), "{:?}", stats.errors);

    // Who takes a ticket back in the end ends its check; nothing waits any more.
    for state in ["searching", "requires_acceptance", "placing"] {
        assert_eq!(stand.tickets(state).await, [], "{state}");
    }
    let report = stand.report().await.matchmaking.matches;
    let answered = &report.acceptances;
    assert_eq!(answered["accepted"], stats.answers["accepted"]);
    assert_eq!(answered["refused"], stats.answers["refused"]);
    assert!(answered["unanswered"] >= stats.answers["silent"]);
    assert!(report.abandoned["not_accepted"] > 0);
    // No server was taken for a match that was not accepted.
    let placed =
        report.created + report.abandoned.values().sum::<u64>() - report.abandoned["not_accepted"];
    assert!(placed * 2 <= answered["accepted"], "{report:?}");
    stand.stop().await;
}

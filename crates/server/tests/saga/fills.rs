//! Fills in trouble.

use std::collections::{BTreeMap, BTreeSet};

use stadion_core::id::TicketId;
use stadion_core::matches::{Fill, Match, MatchEnd, Quality};
use stadion_core::state::{Fence, Filter, State};
use stadion_core::ticket::CancelReason;
use stadion_server::director::Outcome;
use stadion_testkit::build::mode_name;
use stadion_testkit::random::Random;

use crate::Scene;

/// Game servers of live matches offer seats, and directors fill some of them or die while they do, as other things happen
/// to the match. Returns what became of the fills.
pub(crate) async fn fill_some(scene: &Scene, random: &mut Random) -> BTreeSet<&'static str> {
    let mut seen = BTreeSet::new();
    for open in scene.state.open_matches().await.unwrap() {
        let Some(placed) = open.allocation.as_ref().filter(|_| random.once_in(2)) else {
            continue;
        };
        let (now, seats) = (scene.clock.now(), [u32::from(random.once_in(2)), 1]);
        let offered = scene
            .state
            .open_seats(open.id, &placed.server, &seats, &[9, 9], now);
        drop(offered.await);
        let searching = scene.state.searching(&mode_name("duel")).await.unwrap();
        let Some(ticket) = searching.first().cloned() else {
            continue;
        };
        let fill = Fill {
            match_id: open.id,
            tickets: vec![(ticket.id, u32::from(random.once_in(2)))],
            players: 1,
            quality: Quality::default(),
            roles: BTreeMap::new(),
        };
        // Another director does the same, a moment earlier or later, or with a lease that it has lost.
        for is_late in [random.once_in(2), true] {
            let lost = u64::from(random.once_in(6));
            let (director, fence) = (scene.director.clone(), Fence(scene.fence.0 - lost));
            let (fill, tickets) = (fill.clone(), [ticket.clone()]);
            let mut filling =
                tokio::spawn(async move { director.fill(fence, &fill, &tickets).await });
            if is_late {
                meanwhile(scene, &open, ticket.id, random).await;
            }
            if random.once_in(3) {
                for _ in 0..random.below(8) {
                    tokio::task::yield_now().await;
                }
                filling.abort();
            }
            if let Ok(outcome) = (&mut filling).await {
                seen.insert(match outcome {
                    Outcome::Filled(_) => "filled",
                    Outcome::Unfilled(_) => "unfilled",
                    Outcome::Stale(_) => "stale",
                    Outcome::Fenced => "fenced",
                    other => panic!("{other:?}"),
                });
            }
            scene.state.check_invariants().unwrap();
        }
    }
    seen
}

/// Something that may happen to a live match, or to the newcomer, while it is being filled.
async fn meanwhile(scene: &Scene, open: &Match, newcomer: TicketId, random: &mut Random) {
    let (state, now) = (&scene.state, scene.clock.now());
    for _ in 0..random.below(4) {
        tokio::task::yield_now().await;
    }
    match random.below(9) {
        0 => drop(
            state
                .end_match(open.id, MatchEnd::Finished, None, now)
                .await,
        ),
        1 => {
            let server = open.allocation.as_ref().map(|placed| &placed.server);
            let withdrawn = state.open_seats(open.id, server.unwrap(), &[], &[], now);
            drop(withdrawn.await);
        }
        2 => {
            let filter = Filter {
                match_id: Some(open.id),
                ..Filter::default()
            };
            for session in state.sessions(&filter).await.unwrap() {
                if random.once_in(2) {
                    drop(state.kick(session.id, now).await);
                }
            }
        }
        3 => {
            let server = open.allocation.as_ref().map(|placed| &placed.server);
            scene.fleet.crash(server.unwrap());
            drop(scene.reaper.pass(scene.fence).await);
        }
        4 | 5 => {
            let reason = CancelReason::Requested;
            drop(state.cancel_ticket(newcomer, reason, now).await);
        }
        _ => {}
    }
}

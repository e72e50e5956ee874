//! Ready checks: goes on with a match the moment that everybody has said yes, and ends the checks whose time is over.
//!
//! Answers come through the gateway straight into the state; this loop follows the state's changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use stadion_core::id::MatchId;
use stadion_core::matches::{Match, MatchState};
use stadion_core::state::{Change, Fence};
use stadion_core::time::Timestamp;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::matchmaking::{PLACEMENTS_MAX, Parts, Reserved};
use super::{LoopError, lease};
use crate::director::Outcome;

/// Follows the ready checks of all game modes while the lease is held, until `shutdown`; then waits for the placements
/// under way.
pub async fn run(parts: Parts, lease: watch::Receiver<Option<Fence>>, shutdown: CancellationToken) {
    let placements = TaskTracker::new();
    let one = |fence| Checks::new(parts.clone(), fence, placements.clone()).run();
    lease::terms(lease, shutdown, "the loop of ready checks", one).await;
    placements.close();
    placements.wait().await;
}

/// The ready checks of one term of the lease.
struct Checks {
    parts: Parts,
    fence: Fence,
    /// Matches that wait for answers, by the end of their check. The planner counts a server for each: players who have
    /// said yes should not hear that there is none.
    waiting: BTreeMap<(Timestamp, MatchId), Reserved>,
    room: Arc<Semaphore>,
    placements: TaskTracker,
}

impl Checks {
    fn new(parts: Parts, fence: Fence, placements: TaskTracker) -> Self {
        Self {
            parts,
            fence,
            waiting: BTreeMap::new(),
            room: Arc::new(Semaphore::new(PLACEMENTS_MAX)),
            placements,
        }
    }

    /// Ends when the state's stream of changes does, or the store refuses.
    async fn run(mut self) -> Result<(), LoopError> {
        let mut changes = self.parts.state.watch();
        self.reload().await?;
        loop {
            let now = self.parts.clock.now();
            let first = self.waiting.first_key_value().map(|((until, _), _)| *until);
            // A check is over once its last moment has passed.
            let wait_ms = first.map(|until| until.plus_ms(1).since_ms(now));
            tokio::select! {
                change = changes.next() => match change {
                    Some(Change::Match(game)) => self.saw(&game),
                    Some(Change::Lagged) => self.reload().await?,
                    Some(_) => {}
                    None => return Ok(()),
                },
                () = tokio::time::sleep(Duration::from_millis(wait_ms.unwrap_or_default())), if wait_ms.is_some() => {
                    let now = self.parts.clock.now();
                    self.parts.state.expire_acceptances(self.fence, now).await?;
                    // The changes say so, too, a moment later.
                    self.waiting.retain(|(until, _), _| *until >= now);
                }
            }
        }
    }

    async fn reload(&mut self) -> Result<(), LoopError> {
        let open = self.parts.state.open_matches().await?;
        let is_waiting = |game: &&Arc<Match>| game.state == MatchState::Accepting;
        let ids: BTreeSet<_> = open.iter().filter(is_waiting).map(|game| game.id).collect();
        self.waiting.retain(|(_, id), _| ids.contains(id));
        for game in &open {
            self.saw(game);
        }
        Ok(())
    }

    fn saw(&mut self, game: &Match) {
        let Some(check) = &game.acceptance else {
            return;
        };
        let key = (check.until, game.id);
        match game.state {
            MatchState::Accepting => {
                let reserve = || Reserved::new(&self.parts.under_way, &game.region);
                self.waiting.entry(key).or_insert_with(reserve);
            }
            MatchState::Placing => {
                let reserve = || Reserved::new(&self.parts.under_way, &game.region);
                let reserved = self.waiting.remove(&key).unwrap_or_else(reserve);
                self.place(game, reserved);
            }
            _ => drop(self.waiting.remove(&key)),
        }
    }

    /// Goes on with a match that everybody has accepted. Those that wait for room are bounded by the matches that the
    /// state keeps.
    fn place(&self, game: &Match, reserved: Reserved) {
        let (parts, fence, room) = (self.parts.clone(), self.fence, self.room.clone());
        let (id, region) = (game.id, game.region.clone());
        let tickets: BTreeSet<_> = game.players.iter().map(|seat| seat.ticket_id).collect();
        self.placements.spawn(async move {
            let _reserved = reserved;
            let Ok(_permit) = room.acquire_owned().await else {
                return;
            };
            if !matches!(parts.director.resume(fence, id).await, Outcome::Placed(_)) {
                return;
            }
            let now = parts.clock.now();
            for ticket_id in tickets {
                if let Ok(ticket) = parts.state.ticket(ticket_id).await {
                    parts.desk.waits.observe(&ticket, &region, now);
                }
            }
        });
    }
}

//! The director: carries a plan out as a saga in which every step may be repeated.
//!
//! commit (all tickets still search, or nothing happens; with a ready check the saga rests here until everybody has
//! said yes, and [`crate::loops::acceptance`] goes on with it) → allocate (keyed by match id) → place (record the server and
//! open the sessions in one transition, which also tells the players). A step that fails for good returns the tickets
//! to their queue with the age they had; a step whose answer was lost is repeated, now or by [`Director::resume`].

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use stadion_core::fleet::{Allocation, AllocationRequest, Fleet, FleetError};
use stadion_core::id::{MatchId, PlayerId, SessionId, TicketId};
use stadion_core::matches::{AbandonReason, Match, MatchPlan, MatchState, NewMatch, Placement};
use stadion_core::rules::AcceptanceRule;
use stadion_core::session::{Session, SessionState};
use stadion_core::state::{Fence, State, StateError};
use stadion_core::time::{Clock, Timestamp};
use tokio::time::Instant;

use crate::clock::Entropy;
use crate::metrics::Metrics;

mod fill;

/// Pause before a fleet that did not answer is asked again: the backend's own retries are faster, this is for restarts.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// What became of a plan.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its players have their seats.
    Placed(MatchId),
    /// It waits for every player's yes, and goes on by [`Director::resume`].
    Accepting(MatchId),
    /// The newcomers have their seats in this live match.
    Filled(MatchId),
    /// Nothing happened: the match does not offer those seats any more.
    Unfilled(MatchId),
    /// Nothing happened: this ticket could not be committed.
    Stale(TicketId),
    /// Its tickets are back in the queue.
    Abandoned(AbandonReason),
    /// The store did not answer; the match, if there is one, will be resumed.
    Pending,
    /// This replica must stop (I9).
    Fenced,
}

/// The parts a director works with.
pub struct Director {
    state: Arc<dyn State>,
    fleet: Arc<dyn Fleet>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    metrics: Arc<Metrics>,
    placement_timeout_ms: u64,
    in_flight: Mutex<HashSet<MatchId>>,
}

impl Director {
    /// A director; a placement that lasts longer than `placement_timeout_ms` is abandoned.
    #[must_use]
    pub fn new(
        state: Arc<dyn State>,
        fleet: Arc<dyn Fleet>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        metrics: Arc<Metrics>,
        placement_timeout_ms: u64,
    ) -> Self {
        Self {
            state,
            fleet,
            clock,
            entropy,
            metrics,
            placement_timeout_ms,
            in_flight: Mutex::default(),
        }
    }

    /// Carries `plan` out to one of its ends, or to its ready check if `acceptance` asks for one.
    pub async fn carry_out(
        &self,
        fence: Fence,
        plan: MatchPlan,
        acceptance: Option<AcceptanceRule>,
    ) -> Outcome {
        let now = self.clock.now();
        let id = MatchId::new(now, self.entropy.bits());
        let Some(_claim) = self.claim(id) else {
            return Outcome::Pending;
        };
        let started = Instant::now();
        let committed = self
            .state
            .commit_match(
                fence,
                NewMatch {
                    id,
                    plan,
                    acceptance,
                },
                now,
            )
            .await;
        self.metrics.committed(started.elapsed());
        match committed {
            Ok(game) if game.state == MatchState::Accepting => Outcome::Accepting(id),
            Ok(placing) => self.place(fence, &placing).await,
            Err(StateError::Stale { ticket_id }) => Outcome::Stale(ticket_id),
            Err(StateError::Fenced) => Outcome::Fenced,
            // The commit may have happened: if so, `resume` finds the match.
            Err(error) => {
                tracing::warn!(%error, match_id = %id, "a match could not be committed");
                Outcome::Pending
            }
        }
    }

    /// Goes on with a placing match: its players have just accepted, or an earlier process or a lost answer left it
    /// behind.
    pub async fn resume(&self, fence: Fence, id: MatchId) -> Outcome {
        let Some(_claim) = self.claim(id) else {
            return Outcome::Pending;
        };
        // Whoever had the claim before may have finished it: a server allocated for it now would serve nobody.
        match self.state.get_match(id).await {
            Ok(placing) if placing.state == MatchState::Placing => {
                self.place(fence, &placing).await
            }
            Ok(_) => Outcome::Pending,
            Err(error) => {
                tracing::warn!(match_id = %id, %error, "a match waits for the store");
                Outcome::Pending
            }
        }
    }

    async fn place(&self, fence: Fence, placing: &Match) -> Outcome {
        let allocation = match self.allocate(placing).await {
            Ok(allocation) => allocation,
            Err(reason) => return self.abandon(fence, placing.id, reason).await,
        };
        let now = self.clock.now();
        let sessions = self.seats(placing, &allocation, now);
        match self
            .state
            .place_match(
                fence,
                placing.id,
                Placement {
                    allocation,
                    sessions,
                },
                now,
            )
            .await
        {
            Ok(live) => {
                let took_ms = now.since_ms(placing.changed_at);
                self.metrics.match_placed(&live, took_ms);
                tracing::debug!(match_id = %live.id, game_mode = %live.game_mode, "match placed");
                Outcome::Placed(live.id)
            }
            Err(StateError::Fenced) => Outcome::Fenced,
            Err(StateError::Unavailable(why)) => {
                tracing::warn!(match_id = %placing.id, why, "a match waits for the store");
                Outcome::Pending
            }
            // Abandoned by somebody else meanwhile: the server serves nobody (I4).
            Err(error) => {
                tracing::warn!(match_id = %placing.id, %error, "a match was given up while it was being placed");
                self.release(placing.id).await;
                Outcome::Pending
            }
        }
    }

    async fn allocate(&self, placing: &Match) -> Result<Allocation, AbandonReason> {
        let players = u32::try_from(placing.players.len()).unwrap_or(u32::MAX);
        let request = AllocationRequest {
            match_id: placing.id,
            region: placing.region.clone(),
            game_mode: placing.game_mode.clone(),
            players,
            requirements: placing.requirements.clone(),
        };
        let started = self.clock.now();
        loop {
            match self.fleet.allocate(&request).await {
                Ok(allocation) => {
                    self.metrics.allocated(self.clock.now().since_ms(started));
                    return Ok(allocation);
                }
                Err(FleetError::NoCapacity { .. }) => return Err(AbandonReason::NoCapacity),
                Err(error) => {
                    if self.clock.now().since_ms(placing.changed_at) > self.placement_timeout_ms {
                        tracing::warn!(match_id = %placing.id, %error, "a match could not be placed in time");
                        return Err(AbandonReason::PlacementTimeout);
                    }
                    tracing::warn!(match_id = %placing.id, %error, "allocation failed, trying again");
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            }
        }
    }

    async fn abandon(&self, fence: Fence, id: MatchId, reason: AbandonReason) -> Outcome {
        match self
            .state
            .abandon_match(fence, id, reason, self.clock.now())
            .await
        {
            Ok(_) => {
                self.metrics.match_abandoned(reason);
                // An allocation whose answer was lost may have happened all the same.
                if reason != AbandonReason::NoCapacity {
                    self.release(id).await;
                }
                Outcome::Abandoned(reason)
            }
            Err(StateError::Fenced) => Outcome::Fenced,
            Err(error) => {
                tracing::warn!(match_id = %id, %error, "a match could not be abandoned");
                Outcome::Pending
            }
        }
    }

    /// Gives a server back; the reaper repeats what fails here.
    async fn release(&self, id: MatchId) {
        if let Err(error) = self.fleet.release(id).await {
            tracing::warn!(match_id = %id, %error, "a game server could not be released, the reaper will");
        }
    }

    fn seats(&self, placing: &Match, allocation: &Allocation, now: Timestamp) -> Vec<Session> {
        let players = placing.players.iter();
        let places = players.map(|player| Place {
            player_id: &player.player_id,
            ticket_id: player.ticket_id,
            team: player.team,
            role: player.role.as_ref(),
        });
        places
            .map(|place| self.seat(placing.id, place, allocation, now))
            .collect()
    }

    fn seat(
        &self,
        match_id: MatchId,
        place: Place<'_>,
        allocation: &Allocation,
        now: Timestamp,
    ) -> Session {
        Session {
            id: SessionId::new(now, self.entropy.bits()),
            player_id: place.player_id.clone(),
            match_id,
            ticket_id: place.ticket_id,
            server: allocation.server.clone(),
            region: allocation.region.clone(),
            team: place.team,
            role: place.role.cloned(),
            state: SessionState::Reserved,
            created_at: now,
            connected_at: None,
            redeem_key: None,
            heartbeat_at: now,
            latency_ms: None,
        }
    }

    /// One task at a time works on a match; `None` when another one does.
    fn claim(&self, id: MatchId) -> Option<Claim<'_>> {
        // A claim must not come to be, and so not be dropped, for a match that another task holds.
        let is_free = self.in_flight.lock().insert(id);
        is_free.then(|| Claim { director: self, id })
    }

    /// Resumes every placing match that nobody works on; how many there were.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn resume_all(&self, fence: Fence) -> Result<usize, StateError> {
        let open = self.state.open_matches().await?;
        let placing: Vec<_> = open
            .into_iter()
            .filter(|m| m.state == MatchState::Placing)
            .collect();
        for left in &placing {
            if self.resume(fence, left.id).await == Outcome::Fenced {
                return Err(StateError::Fenced);
            }
        }
        Ok(placing.len())
    }
}

/// A player's place in a line-up.
#[derive(Clone, Copy)]
struct Place<'a> {
    player_id: &'a PlayerId,
    ticket_id: TicketId,
    team: u32,
    role: Option<&'a String>,
}

struct Claim<'a> {
    director: &'a Director,
    id: MatchId,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.director.in_flight.lock().remove(&self.id);
    }
}

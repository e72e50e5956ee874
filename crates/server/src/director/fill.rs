//! Fills: newcomers for the free seats of live matches.
//!
//! One step, because the server is there already: nothing is left behind that would have to be resumed.

use std::sync::Arc;

use stadion_core::id::MatchId;
use stadion_core::matches::{Fill, Match};
use stadion_core::session::Session;
use stadion_core::state::{Fence, StateError};
use stadion_core::ticket::Ticket;

use super::{Director, Outcome, Place};

impl Director {
    /// Seats the newcomers of `fill`, whose `tickets` are these, or nobody of them.
    pub async fn fill(&self, fence: Fence, fill: &Fill, tickets: &[Arc<Ticket>]) -> Outcome {
        match self.try_fill(fence, fill, tickets).await {
            Ok(outcome) => outcome,
            Err(StateError::Stale { ticket_id }) => Outcome::Stale(ticket_id),
            Err(StateError::Fenced) => Outcome::Fenced,
            Err(StateError::WrongState { .. } | StateError::NotFound { .. }) => {
                Outcome::Unfilled(fill.match_id)
            }
            // It may have happened: then the tickets say so.
            Err(error) => {
                tracing::warn!(%error, match_id = %fill.match_id, "a match could not be filled");
                Outcome::Pending
            }
        }
    }

    async fn try_fill(
        &self,
        fence: Fence,
        fill: &Fill,
        tickets: &[Arc<Ticket>],
    ) -> Result<Outcome, StateError> {
        let id = fill.match_id;
        let live = self.state.get_match(id).await?;
        let sessions = self.new_seats(&live, fill, tickets)?;
        let filled = self
            .state
            .fill_match(fence, id, sessions, self.clock.now())
            .await?;
        self.metrics.match_filled(&filled, fill.players);
        tracing::debug!(match_id = %id, players = fill.players, "match filled");
        Ok(Outcome::Filled(id))
    }

    fn new_seats(
        &self,
        live: &Match,
        fill: &Fill,
        tickets: &[Arc<Ticket>],
    ) -> Result<Vec<Session>, StateError> {
        let gone = |id: MatchId| StateError::WrongState {
            what: "match",
            id: id.to_string(),
            state: live.state.as_str(),
        };
        let allocation = live.allocation.as_ref().ok_or_else(|| gone(live.id))?;
        let mut sessions = Vec::new();
        for (ticket_id, team) in &fill.tickets {
            let ticket = tickets.iter().find(|ticket| ticket.id == *ticket_id);
            let stale = || StateError::Stale {
                ticket_id: *ticket_id,
            };
            for member in &ticket.ok_or_else(stale)?.players {
                let place = Place {
                    player_id: &member.player_id,
                    ticket_id: *ticket_id,
                    team: *team,
                    role: fill.roles.get(&member.player_id),
                };
                sessions.push(self.seat(live.id, place, allocation, self.clock.now()));
            }
        }
        Ok(sessions)
    }
}

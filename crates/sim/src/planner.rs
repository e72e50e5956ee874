//! What is tried: the planner of one game mode.

use std::sync::Arc;

use stadion_core::id::{MatchId, Region, TicketId};
use stadion_core::matchmaker::{Budget, LiveMatch, Plan, Pool, Supply};
use stadion_core::mode::GameMode;
use stadion_core::ticket::Ticket;
use stadion_core::time::Timestamp;

/// The planner of one game mode, as the matchmaking loop uses it: searching tickets are inserted, planned ones and
/// those that ended are removed.
pub trait Planner {
    /// A ticket searches from now on; one with the same id is replaced.
    fn insert(&mut self, ticket: Arc<Ticket>);
    /// A ticket searches no more.
    fn remove(&mut self, id: TicketId);
    /// A live match has free seats; it replaces what was known of that match. A planner without backfill need not care.
    fn open(&mut self, _live: LiveMatch) {}
    /// A live match wants nobody any more.
    fn close(&mut self, _id: MatchId) {}
    /// Plans matches and fills. The caller removes every planned ticket afterwards, and opens every filled match again
    /// that has free seats left.
    fn plan(&mut self, supply: &Supply, budget: Budget, now: Timestamp) -> Plan;
}

/// Makes the planner of each game mode.
pub type MakePlanner<'a> = dyn Fn(&GameMode, &[Region]) -> Box<dyn Planner> + 'a;

impl Planner for Pool {
    fn insert(&mut self, ticket: Arc<Ticket>) {
        Self::insert(self, ticket);
    }

    fn remove(&mut self, id: TicketId) {
        drop(Self::remove(self, id));
    }

    fn open(&mut self, live: LiveMatch) {
        Self::open(self, live);
    }

    fn close(&mut self, id: MatchId) {
        Self::close(self, id);
    }

    fn plan(&mut self, supply: &Supply, budget: Budget, now: Timestamp) -> Plan {
        Self::plan(self, supply, budget, now)
    }
}

/// The planner that the server runs.
#[must_use]
pub fn core(mode: &GameMode, regions: &[Region]) -> Box<dyn Planner> {
    Box::new(Pool::new(mode.clone(), regions.to_vec()))
}

//! The matchmaker: (rules, pool of tickets, supply, now) → plan of matches.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::id::{Region, TicketId};
use crate::matches::MatchPlan;
use crate::mode::GameMode;
use crate::ticket::Ticket;
use crate::time::Timestamp;

/// The searching tickets of one game mode. It lives across ticks, so that a tick costs what changed.
#[derive(Debug)]
pub struct Pool {
    mode: GameMode,
    tickets: BTreeMap<TicketId, Arc<Ticket>>,
}

/// Game servers that are free for this game mode now, by region; regions that are not named have none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Supply {
    /// Servers.
    pub servers: BTreeMap<Region, u32>,
}

/// What one tick may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Matches to propose at most.
    pub matches_max: usize,
}

/// What one tick came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Matches, in the order in which they should be placed. No ticket is in two.
    pub matches: Vec<MatchPlan>,
    /// Matches that could be played but for a game server, by region: what the fleets should grow by.
    pub unplaced: BTreeMap<Region, u32>,
    /// The budget ran out: call again at once.
    pub carry_over: bool,
}

impl Pool {
    /// An empty pool for `mode`.
    #[must_use]
    pub fn new(mode: GameMode) -> Self {
        Self {
            mode,
            tickets: BTreeMap::new(),
        }
    }

    /// Adds a searching ticket; replaces one with the same id.
    pub fn insert(&mut self, ticket: Arc<Ticket>) {
        self.tickets.insert(ticket.id, ticket);
    }

    /// Takes a ticket out; absent ones are no error.
    pub fn remove(&mut self, id: TicketId) {
        self.tickets.remove(&id);
    }

    /// Tickets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tickets.len()
    }

    /// Whether nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tickets.is_empty()
    }

    /// The rules.
    #[must_use]
    pub const fn mode(&self) -> &GameMode {
        &self.mode
    }

    /// Plans matches. Planned tickets stay in the pool until they are removed: the caller does that when the match is
    /// committed, or when the ticket turns out to be stale.
    #[must_use]
    pub fn plan(&self, supply: &Supply, budget: Budget, now: Timestamp) -> Plan {
        let _ = (supply, budget, now);
        Plan::default()
    }
}

//! The matchmaker: (rules, pool of tickets, supply, now) → plan of matches.
//!
//! Tickets stand on one shelf per region that they accept, in order of skill; all that is drawn from one shelf has that
//! region in common, so no match is ever made that no region fits. A match is found around its newest member, whose
//! rules are the strictest: so every player of it agrees to it (I6), a ticket is looked at when it comes and then only
//! when its own waiting could have changed the answer, and a tick costs what changed. Offers of one tick are accepted
//! best first: narrow in skill, near, and old.

mod alarms;
mod allowance;
mod backfill;
mod changes;
mod compiled;
mod group;
mod index;
mod judged;
mod near;
mod offer;
mod pairs;
mod players;
mod proposal;
mod roles;
mod seats;
mod shelf;
mod shelving;
mod slots;
mod teams;
mod tick;
mod why;
mod wishes;

pub use self::backfill::{LiveMatch, Seated};
pub use self::why::{Apart, Explanation, Hold, Next, Relaxation};

use std::collections::BTreeMap;
use std::sync::Arc;

use self::backfill::{Live, Turn};
use self::index::Index;
use self::tick::{Free, Tick};
use crate::id::{MatchId, Region, TicketId};
use crate::limits::REGIONS_MAX;
use crate::matches::{Fill, MatchPlan};
use crate::mode::GameMode;
use crate::ticket::Ticket;
use crate::time::Timestamp;

/// The searching tickets of one game mode. It lives across ticks, so that a tick costs what changed.
#[derive(Debug)]
pub struct Pool {
    mode: GameMode,
    index: Index,
    live: Live,
    /// Regions with a fleet at the last plan, as bits.
    named: u64,
}

/// Game servers that are free for this game mode now, by region. A region that is named with 0 has a fleet that could
/// grow; one that is not named has no fleet for this game mode, and nobody waits for a server there.
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

/// Why tickets are not in a plan, in tickets. Together with the planned ones they are the whole pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Not enough tickets that go together, or one of the players is planned through another ticket.
    pub for_players: u32,
    /// A match would be possible, but no acceptable region has a free game server.
    pub for_server: u32,
    /// No acceptable region has a fleet for this game mode: they wait in vain until one is made.
    pub for_fleet: u32,
    /// The budget ran out before their turn.
    pub for_turn: u32,
}

/// What one tick came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Matches, in the order in which they should be placed. No ticket is in two.
    pub matches: Vec<MatchPlan>,
    /// Free seats of live matches that are filled, in the order in which it should be done; none needs a server. No
    /// ticket is in two of them, nor in a match, and no match has two.
    pub fills: Vec<Fill>,
    /// Matches that could be played but for a game server, by region: what the fleets should grow by. Not known, and
    /// empty, while [`Plan::carry_over`] says that the tick is not over.
    pub unplaced: BTreeMap<Region, u32>,
    /// The budget ran out: call again at once.
    pub carry_over: bool,
    /// Why the others wait.
    pub waiting: Waiting,
    /// The earliest moment at which waiting alone may change the answer; `None` if only new tickets or servers can. The
    /// moment of the plan itself if a tick is not over, or if somebody who is planned may have stood between others:
    /// those are looked at again in the next plan, once it is known that the planned ones stay away.
    pub next_at: Option<Timestamp>,
}

impl Pool {
    /// An empty pool for `mode` on a platform with `regions`; regions beyond [`REGIONS_MAX`] are not used.
    #[must_use]
    pub fn new(mode: GameMode, mut regions: Vec<Region>) -> Self {
        regions.truncate(REGIONS_MAX);
        Self {
            index: Index::new(&mode, regions),
            live: Live::default(),
            mode,
            named: 0,
        }
    }

    /// Adds a searching ticket; replaces one with the same id. O(regions · log n).
    pub fn insert(&mut self, ticket: Arc<Ticket>) {
        self.index.remove(ticket.id);
        let fits = (1..=self.mode.party_players_max()).contains(&ticket.size());
        let playable = fits && ticket.game_mode == self.mode.name;
        self.index.insert(ticket, playable);
    }

    /// Takes a ticket out, if it is in. O(regions · log n).
    pub fn remove(&mut self, id: TicketId) -> Option<Arc<Ticket>> {
        self.index.remove(id)
    }

    /// Offers free seats of a live match; replaces what was offered of it before. Has no effect where the game mode has
    /// no backfill. O(players of the match + log n).
    pub fn open(&mut self, offer: LiveMatch) {
        self.live.open(&mut self.index, offer);
    }

    /// Forgets a live match: it is over, or wants nobody any more.
    pub fn close(&mut self, id: MatchId) {
        self.live.close(&mut self.index, id);
    }

    /// Live matches with free seats, in no order; those set aside are not among them.
    pub fn open_matches(&self) -> impl Iterator<Item = &LiveMatch> {
        self.live.offers()
    }

    /// Tickets, those set aside included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.slots.len()
    }

    /// Whether nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rules.
    #[must_use]
    pub const fn mode(&self) -> &GameMode {
        &self.mode
    }

    /// Plans matches, and fills of live ones. Planned tickets are set aside: the caller removes them when the match is
    /// committed, and inserts them again when it is not. Filled matches are set aside, too: the caller opens them again
    /// with the seats that are left, or with all of them when the fill came to nothing.
    ///
    /// Costs O(regions · (players of a match + log n)) for each ticket that came, whose waiting changed what it allows,
    /// or that could play but for a server; nothing for the others. Pools of equal tickets give equal plans, whatever
    /// the order in which they came about and whatever was planned before. Only
    /// [`Plan::unplaced`] may differ, where more than 1,024 wait for a server under rules by which waiting can also take
    /// a match away: parties, an aim, or whole matches.
    pub fn plan(&mut self, supply: &Supply, budget: Budget, now: Timestamp) -> Plan {
        let regions = &self.index.regions;
        let servers: Vec<u32> = regions
            .iter()
            .map(|region| supply.servers.get(region).copied().unwrap_or(0))
            .collect();
        let mask = |wanted: &dyn Fn(usize) -> bool| {
            (0..regions.len())
                .filter(|region| wanted(*region))
                .fold(0, |mask, region| mask | 1_u64 << region)
        };
        let mut free = Free {
            supplied: mask(&|region| servers[region] > 0),
            named: mask(&|region| supply.servers.contains_key(&regions[region])),
            servers,
        };
        if free.named != self.named {
            self.named = free.named;
            self.index.refresh_all();
        }
        let mut plan = Plan::default();
        self.index.settle(now);
        self.live.wake(&mut self.index, now);
        let mut tick = Tick::new(&mut self.index, &self.mode, now);
        tick.fill(&mut self.live, Turn::Before, budget, &mut plan);
        // A pool made just now looks at everybody after these fills, so they concern those who stand near.
        let due = tick.index.take_due(now);
        let stuck = tick.run(due, &mut free, budget, &mut plan);
        self.live.wake_touched(tick.index);
        tick.fill(&mut self.live, Turn::After, budget, &mut plan);
        tick.finish(stuck, &free, budget, &mut plan);
        plan.next_at = if plan.carry_over || self.index.has_changed() {
            Some(now)
        } else {
            let times = [self.index.next_at(), self.live.next_at()];
            times.into_iter().flatten().min()
        };
        self.count_waiting(&free, &mut plan);
        plan
    }

    fn count_waiting(&self, free: &Free, plan: &mut Plan) {
        let planned: usize = plan
            .matches
            .iter()
            .flat_map(|planned| &planned.teams)
            .map(Vec::len)
            .chain(plan.fills.iter().map(|fill| fill.tickets.len()))
            .sum();
        let left = count(self.index.slots.len() - planned);
        if plan.carry_over {
            plan.waiting.for_turn = left;
            return;
        }
        let masks = self.index.masks.iter();
        let outside = masks.filter(|(mask, _)| **mask != 0 && **mask & free.named == 0);
        plan.waiting.for_fleet = count(outside.map(|(_, tickets)| tickets).sum());
        plan.waiting.for_players = left
            .saturating_sub(plan.waiting.for_server)
            .saturating_sub(plan.waiting.for_fleet);
    }
}

fn count(tickets: usize) -> u32 {
    u32::try_from(tickets).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;

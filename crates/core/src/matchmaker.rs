//! The matchmaker: (rules, pool of tickets, supply, now) → plan of matches.
//!
//! Tickets are tried as anchors, oldest first. Around an anchor a group grows by the tickets nearest in skill among
//! those that accept the same region, as long as every pair of the group keeps the rules of both (I6). All that is
//! drawn from one region's list has that region in common, so no match is ever made that no region fits.

mod board;
mod group;
mod seats;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use self::board::Board;
use crate::id::{PlayerId, Region, TicketId};
use crate::limits::REGIONS_MAX;
use crate::matches::MatchPlan;
use crate::mode::GameMode;
use crate::ticket::Ticket;
use crate::time::Timestamp;

/// Pause between two looks at a pool whose skill windows still widen, milliseconds: with the guide's window a second
/// is some 7 points of skill, too little to be worth a closer look.
const WIDENING_LOOK_MS: u64 = 1_000;

/// The searching tickets of one game mode. It lives across ticks, so that a tick costs what changed.
#[derive(Debug)]
pub struct Pool {
    mode: GameMode,
    regions: Vec<Region>,
    tickets: BTreeMap<TicketId, Entry>,
    /// Tickets by player: a player of two tickets must not be planned twice.
    players: HashMap<PlayerId, Vec<TicketId>>,
}

/// A ticket with what planning asks of it again and again.
#[derive(Debug)]
struct Entry {
    ticket: Arc<Ticket>,
    skill: f64,
    size: u32,
    /// Acceptable regions as bits of the pool's regions.
    mask: u64,
    /// The same regions, best first.
    reaches: Vec<Reach>,
}

/// How well a ticket is placed for one region.
#[derive(Clone, Copy, Debug)]
struct Reach {
    region: usize,
    latency_ms: Option<u32>,
    /// Place in the ticket's preference.
    rank: usize,
}

impl Entry {
    fn new(ticket: Arc<Ticket>, mode: &GameMode, regions: &[Region]) -> Self {
        let mut reaches = Vec::new();
        let fits = (1..=mode.party_players_max()).contains(&ticket.size());
        if fits && ticket.game_mode == mode.name {
            let accepted = |(_, region): &(usize, &Region)| ticket.accepts(mode, region);
            let reach = |(index, region): (usize, &Region)| Reach {
                region: index,
                latency_ms: ticket.latency_ms(region),
                rank: ticket
                    .region_preference
                    .iter()
                    .position(|preferred| preferred == region)
                    .unwrap_or(0),
            };
            reaches.extend(regions.iter().enumerate().filter(accepted).map(reach));
        }
        reaches.sort_by_key(|reach| (reach.latency_ms.unwrap_or(0), reach.rank, reach.region));
        Self {
            skill: ticket.skill(),
            size: u32::try_from(ticket.size()).unwrap_or(u32::MAX),
            mask: reaches
                .iter()
                .fold(0, |mask, reach| mask | 1 << reach.region),
            reaches,
            ticket,
        }
    }
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
    /// Matches that could be played but for a game server, by region: what the fleets should grow by. Not known, and
    /// empty, while [`Plan::carry_over`] says that the tick is not over.
    pub unplaced: BTreeMap<Region, u32>,
    /// The budget ran out: call again at once.
    pub carry_over: bool,
    /// Why the others wait.
    pub waiting: Waiting,
    /// The earliest moment at which waiting alone may change the answer; `None` if only new tickets or servers can.
    pub next_at: Option<Timestamp>,
}

impl Pool {
    /// An empty pool for `mode` on a platform with `regions`; regions beyond [`REGIONS_MAX`] are not used.
    #[must_use]
    pub fn new(mode: GameMode, mut regions: Vec<Region>) -> Self {
        regions.truncate(REGIONS_MAX);
        Self {
            mode,
            regions,
            tickets: BTreeMap::new(),
            players: HashMap::new(),
        }
    }

    /// Adds a searching ticket; replaces one with the same id.
    pub fn insert(&mut self, ticket: Arc<Ticket>) {
        self.remove(ticket.id);
        for player in &ticket.players {
            let tickets = self.players.entry(player.player_id.clone()).or_default();
            tickets.push(ticket.id);
        }
        self.tickets
            .insert(ticket.id, Entry::new(ticket, &self.mode, &self.regions));
    }

    /// Takes a ticket out, if it is in.
    pub fn remove(&mut self, id: TicketId) -> Option<Arc<Ticket>> {
        let entry = self.tickets.remove(&id)?;
        for player in &entry.ticket.players {
            if let Some(tickets) = self.players.get_mut(&player.player_id) {
                tickets.retain(|ticket| *ticket != id);
                if tickets.is_empty() {
                    self.players.remove(&player.player_id);
                }
            }
        }
        Some(entry.ticket)
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
    ///
    /// Costs O(n log n) for the order and O(players of a match) per ticket tried. Equal pools give equal plans,
    /// whatever the order in which they came about.
    #[must_use]
    pub fn plan(&self, supply: &Supply, budget: Budget, now: Timestamp) -> Plan {
        let mut board = Board::new(self, now);
        let mut plan = Plan::default();
        let mut free: Vec<u32> = self
            .regions
            .iter()
            .map(|region| supply.servers.get(region).copied().unwrap_or(0))
            .collect();
        // What one match takes away may have been in another's way: again until nothing is found any more.
        let supplied = loop {
            let found = plan.matches.len();
            let supplied = place(&mut board, &mut plan, &mut free, budget);
            if plan.carry_over || plan.matches.len() == found {
                break supplied;
            }
        };
        plan.next_at = self.next_at(&board, plan.carry_over);
        let planned: usize = plan
            .matches
            .iter()
            .flat_map(|planned| &planned.teams)
            .map(Vec::len)
            .sum();
        let left = count(self.tickets.len() - planned);
        if plan.carry_over {
            plan.waiting.for_turn = left;
        } else {
            let named = self.mask_of(supply.servers.keys());
            plan.waiting.for_fleet = self.outside_of(named, &board);
            count_unplaced(&mut board, &mut plan, named & !supplied);
            plan.waiting.for_players = left - plan.waiting.for_server - plan.waiting.for_fleet;
        }
        plan
    }

    fn mask_of<'a>(&self, named: impl Iterator<Item = &'a Region>) -> u64 {
        named
            .filter_map(|name| self.regions.iter().position(|region| region == name))
            .fold(0, |mask, index| mask | 1 << index)
    }

    /// Unplanned tickets that accept none of the regions in `mask`.
    fn outside_of(&self, mask: u64, board: &Board<'_>) -> u32 {
        let outside = |ticket: &&Ticket| {
            self.tickets
                .get(&ticket.id)
                .is_some_and(|entry| entry.mask != 0 && entry.mask & mask == 0)
        };
        count(board.free_tickets().filter(outside).count())
    }

    fn next_at(&self, board: &Board<'_>, carry_over: bool) -> Option<Timestamp> {
        let now = board.now();
        if carry_over {
            return Some(now);
        }
        let mode = &self.mode;
        let of = |ticket: &Ticket| {
            let settles_at = ticket.created_at.plus_ms(mode.settle_after_ms);
            let settles =
                (mode.players_min < mode.players_target && settles_at > now).then_some(settles_at);
            let widens = (mode.skill.growth_per_second > 0.0
                && mode.skill.after_ms(ticket.waited_ms(now)) < mode.skill.max)
                .then_some(now.plus_ms(WIDENING_LOOK_MS));
            settles.into_iter().chain(widens).min()
        };
        board.free_tickets().filter_map(of).min()
    }
}

/// Plans matches where servers are free; returns the regions (as bits) that still have one.
fn place(board: &mut Board<'_>, plan: &mut Plan, free: &mut [u32], budget: Budget) -> u64 {
    let mut supplied = free
        .iter()
        .enumerate()
        .filter(|(_, servers)| **servers > 0)
        .fold(0, |mask, (region, _)| mask | 1_u64 << region);
    for anchor in board.anchors() {
        if supplied == 0 {
            break;
        }
        let Some(seating) = group::around(board, anchor, supplied) else {
            continue;
        };
        if plan.matches.len() >= budget.matches_max {
            plan.carry_over = true;
            break;
        }
        let region = board.best_region(&seating, supplied);
        free[region] -= 1;
        if free[region] == 0 {
            supplied &= !(1 << region);
        }
        plan.matches.push(board.match_plan(&seating, region));
        board.take(&seating);
    }
    supplied
}

/// Counts the matches that the regions in `mask` could have if they had servers; no ticket counts twice.
fn count_unplaced(board: &mut Board<'_>, plan: &mut Plan, mask: u64) {
    for anchor in board.anchors() {
        let Some(seating) = group::around(board, anchor, mask) else {
            continue;
        };
        let region = board.best_region(&seating, mask);
        *plan.unplaced.entry(board.region(region)).or_default() += 1;
        plan.waiting.for_server += count(seating.members().count());
        board.take(&seating);
    }
}

fn count(tickets: usize) -> u32 {
    u32::try_from(tickets).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;

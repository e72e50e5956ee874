//! The pool laid out for one tick: tickets in order of skill, and one list of them per region.

use std::collections::BTreeMap;

use super::seats::Seating;
use super::{Entry, Pool};
use crate::id::{Region, TicketId};
use crate::matches::{MatchPlan, Quality};
use crate::mode::GameMode;
use crate::ticket::Ticket;
use crate::time::Timestamp;

/// End of a list.
const NONE: u32 = u32::MAX;

/// A ticket in this tick.
pub(super) struct Candidate<'a> {
    entry: &'a Entry,
    /// Lowest and highest skill that its window allows now.
    pub(super) low: f64,
    pub(super) high: f64,
    /// Tickets with equal labels in their requirements have equal numbers.
    pub(super) labels: u32,
}

impl Candidate<'_> {
    pub(super) fn skill(&self) -> f64 {
        self.entry.skill
    }

    pub(super) fn size(&self) -> u32 {
        self.entry.size
    }

    pub(super) fn ticket(&self) -> &Ticket {
        &self.entry.ticket
    }
}

/// The tickets that accept one region, in order of skill; taken ones are unlinked, so that no walk meets them again.
struct RegionList {
    members: Vec<u32>,
    previous: Vec<u32>,
    next: Vec<u32>,
    /// Players of the members before each, taken or not: an upper bound of who is there, in constant time.
    players_before: Vec<u32>,
}

impl RegionList {
    fn new(candidates: &[Candidate<'_>], region: usize) -> Self {
        let mut list = Self {
            members: Vec::new(),
            previous: Vec::new(),
            next: Vec::new(),
            players_before: vec![0],
        };
        let mut players = 0_u32;
        for (index, candidate) in (0..).zip(candidates) {
            if candidate.entry.mask >> region & 1 == 1 {
                let position = super::count(list.members.len());
                list.members.push(index);
                list.previous.push(position.checked_sub(1).unwrap_or(NONE));
                list.next.push(position + 1);
                players = players.saturating_add(candidate.size());
                list.players_before.push(players);
            }
        }
        if let Some(last) = list.next.last_mut() {
            *last = NONE;
        }
        list
    }

    fn unlink(&mut self, index: u32) {
        if let Ok(position) = self.members.binary_search(&index) {
            let (previous, next) = (self.previous[position], self.next[position]);
            if previous != NONE {
                self.next[previous as usize] = next;
            }
            if next != NONE {
                self.previous[next as usize] = previous;
            }
        }
    }
}

/// In which order a walk goes away from its anchor.
#[derive(Clone, Copy)]
pub(super) enum Order {
    /// The nearer side next.
    Nearest,
    /// Lower skill first, then higher.
    Down,
    /// Higher skill first, then lower.
    Up,
}

/// A walk through one region's list, from an anchor outwards.
pub(super) struct Walk {
    region: usize,
    order: Order,
    anchor: u32,
    below: u32,
    above: u32,
}

pub(super) struct Board<'a> {
    pool: &'a Pool,
    now: Timestamp,
    candidates: Vec<Candidate<'a>>,
    lists: Vec<RegionList>,
    /// Tickets that share a player with another, and which.
    rivals: BTreeMap<u32, Vec<u32>>,
    taken: Vec<bool>,
    /// Players without which no match is possible in this tick.
    pub(super) players_least: u32,
}

impl<'a> Board<'a> {
    pub(super) fn new(pool: &'a Pool, now: Timestamp) -> Self {
        let mut entries: Vec<&Entry> = pool.tickets.values().collect();
        entries.sort_unstable_by(|a, b| {
            a.skill
                .total_cmp(&b.skill)
                .then_with(|| a.ticket.created_at.cmp(&b.ticket.created_at))
                .then_with(|| a.ticket.id.cmp(&b.ticket.id))
        });
        let mut labels = BTreeMap::new();
        let candidates: Vec<_> = entries
            .into_iter()
            .map(|entry| {
                let window = pool.mode.skill.after_ms(entry.ticket.waited_ms(now));
                let (low, high) = edges(entry.skill, window);
                let known = super::count(labels.len());
                let labels = *labels
                    .entry(&entry.ticket.requirements.labels)
                    .or_insert(known);
                Candidate {
                    entry,
                    low,
                    high,
                    labels,
                }
            })
            .collect();
        let settled = candidates
            .iter()
            .any(|candidate| settled(candidate.ticket(), &pool.mode, now));
        Self {
            now,
            lists: (0..pool.regions.len())
                .map(|region| RegionList::new(&candidates, region))
                .collect(),
            rivals: rivals(pool, &candidates),
            taken: vec![false; candidates.len()],
            players_least: if settled {
                pool.mode.players_min
            } else {
                pool.mode.players_target
            },
            candidates,
            pool,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    pub(super) fn mode(&self) -> &GameMode {
        &self.pool.mode
    }

    pub(super) fn region(&self, region: usize) -> Region {
        self.pool.regions[region].clone()
    }

    pub(super) fn candidate(&self, index: u32) -> &Candidate<'a> {
        &self.candidates[index as usize]
    }

    pub(super) fn rivals(&self, index: u32) -> &[u32] {
        self.rivals.get(&index).map_or(&[], Vec::as_slice)
    }

    /// Whether the ticket has waited long enough for a match below the target size.
    pub(super) fn settled(&self, index: u32) -> bool {
        settled(self.candidate(index).ticket(), self.mode(), self.now)
    }

    /// Tickets that are neither in a match nor share a player with one.
    pub(super) fn free_tickets(&self) -> impl Iterator<Item = &Ticket> {
        self.candidates
            .iter()
            .zip(&self.taken)
            .filter(|(_, taken)| !**taken)
            .map(|(candidate, _)| candidate.ticket())
    }

    pub(super) fn is_free(&self, index: u32) -> bool {
        !self.taken[index as usize]
    }

    /// The tickets that are free now, oldest first.
    pub(super) fn anchors(&self) -> Vec<u32> {
        let mut anchors: Vec<u32> = (0..super::count(self.candidates.len()))
            .filter(|index| self.is_free(*index))
            .collect();
        anchors.sort_unstable_by_key(|index| {
            let ticket = self.candidate(*index).ticket();
            (ticket.created_at, ticket.id)
        });
        anchors
    }

    /// The anchor's regions that are in `mask`, best first.
    pub(super) fn regions_of(&self, anchor: u32, mask: u64) -> impl Iterator<Item = usize> {
        let reaches = &self.candidate(anchor).entry.reaches;
        reaches
            .iter()
            .map(|reach| reach.region)
            .filter(move |region| mask >> region & 1 == 1)
    }

    /// Players in `region` within the anchor's window, at most.
    pub(super) fn players_near(&self, anchor: u32, region: usize) -> u32 {
        let list = &self.lists[region];
        let Candidate { low, high, .. } = self.candidate(anchor);
        let first = list
            .members
            .partition_point(|index| self.candidate(*index).skill() < *low);
        let end = list
            .members
            .partition_point(|index| self.candidate(*index).skill() <= *high);
        list.players_before[end.max(first)] - list.players_before[first]
    }

    pub(super) fn walk(&self, anchor: u32, region: usize, order: Order) -> Walk {
        let list = &self.lists[region];
        let at = list.members.binary_search(&anchor);
        Walk {
            region,
            order,
            anchor,
            below: at.map_or(NONE, |position| list.previous[position]),
            above: at.map_or(NONE, |position| list.next[position]),
        }
    }

    /// The next ticket of the walk with a skill from `low` to `high`. The range may only shrink from call to call.
    pub(super) fn step(&self, walk: &mut Walk, low: f64, high: f64) -> Option<u32> {
        let list = &self.lists[walk.region];
        let at = |position: u32| -> Option<(u32, f64)> {
            let index = *list.members.get(position as usize)?;
            Some((index, self.candidate(index).skill()))
        };
        let below = at(walk.below).filter(|(_, skill)| *skill >= low);
        let above = at(walk.above).filter(|(_, skill)| *skill <= high);
        let down = match (below, above) {
            (None, None) => return None,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some((_, lower)), Some((_, higher))) => match walk.order {
                Order::Down => true,
                Order::Up => false,
                Order::Nearest => {
                    let skill = self.candidate(walk.anchor).skill();
                    skill - lower <= higher - skill
                }
            },
        };
        let (found, _) = if down {
            walk.below = list.previous[walk.below as usize];
            below?
        } else {
            walk.above = list.next[walk.above as usize];
            above?
        };
        Some(found)
    }

    /// Takes the tickets of a match off the board, and those that share a player with them.
    pub(super) fn take(&mut self, seating: &Seating) {
        for index in seating.members() {
            self.unlink(index);
            for rival in self.rivals(index).to_vec() {
                self.unlink(rival);
            }
        }
    }

    fn unlink(&mut self, index: u32) {
        if self.is_free(index) {
            self.taken[index as usize] = true;
            for reach in &self.candidates[index as usize].entry.reaches {
                self.lists[reach.region].unlink(index);
            }
        }
    }

    /// The region in `mask` that all accept and where the worst-placed is placed best; where nobody measured, the one
    /// they prefer. Exists, because the group was drawn from one region's list.
    pub(super) fn best_region(&self, seating: &Seating, mask: u64) -> usize {
        let common = seating
            .members()
            .fold(mask, |mask, index| mask & self.candidate(index).entry.mask);
        let mut costs = vec![(0_u32, 0_usize); self.lists.len()];
        for index in seating.members() {
            for reach in &self.candidate(index).entry.reaches {
                let (latency_ms, rank) = &mut costs[reach.region];
                *latency_ms = (*latency_ms).max(reach.latency_ms.unwrap_or(0));
                *rank += reach.rank;
            }
        }
        (0..self.lists.len())
            .filter(|region| common >> region & 1 == 1)
            .min_by_key(|region| costs[*region])
            .expect("invariant: a group has a region in common")
    }

    /// The match that a group plays in `region`.
    pub(super) fn match_plan(&self, seating: &Seating, region: usize) -> MatchPlan {
        let tickets = || {
            seating
                .members()
                .map(|index| self.candidate(index).ticket())
        };
        let skills = || seating.members().map(|index| self.candidate(index).skill());
        let waits = || tickets().map(|ticket| ticket.waited_ms(self.now));
        let latency = |index: u32| {
            let reaches = &self.candidate(index).entry.reaches;
            reaches
                .iter()
                .find(|reach| reach.region == region)
                .and_then(|reach| reach.latency_ms)
        };
        let ids = |team: &Vec<u32>| -> Vec<TicketId> {
            team.iter()
                .map(|index| self.candidate(*index).ticket().id)
                .collect()
        };
        MatchPlan {
            game_mode: self.mode().name.clone(),
            region: self.region(region),
            teams: seating.teams.iter().map(ids).collect(),
            players: seating.players,
            quality: Quality {
                skill_spread: skills().fold(f64::NEG_INFINITY, f64::max)
                    - skills().fold(f64::INFINITY, f64::min),
                latency_worst_ms: seating.members().filter_map(latency).max(),
                wait_oldest_ms: waits().max().unwrap_or(0),
                wait_newest_ms: waits().min().unwrap_or(0),
            },
        }
    }
}

fn settled(ticket: &Ticket, mode: &GameMode, now: Timestamp) -> bool {
    ticket.waited_ms(now) >= mode.settle_after_ms
}

/// Lowest and highest skill that a window allows, rounded inwards: whoever is inside also keeps
/// `|skill − other| ≤ window` when that is computed in `f64`.
pub(super) fn edges(skill: f64, window: f64) -> (f64, f64) {
    let (mut low, mut high) = (skill - window, skill + window);
    if skill - low > window {
        low = low.next_up();
    }
    if high - skill > window {
        high = high.next_down();
    }
    (low, high)
}

fn rivals(pool: &Pool, candidates: &[Candidate<'_>]) -> BTreeMap<u32, Vec<u32>> {
    let shared: Vec<_> = pool
        .players
        .values()
        .filter(|tickets| tickets.len() > 1)
        .collect();
    let mut rivals: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    if shared.is_empty() {
        return rivals;
    }
    let index_of: BTreeMap<TicketId, u32> = candidates
        .iter()
        .map(|candidate| candidate.ticket().id)
        .zip(0..)
        .collect();
    for tickets in shared {
        let known = || tickets.iter().filter_map(|id| index_of.get(id));
        for index in known() {
            let others = known().filter(|other| *other != index);
            rivals.entry(*index).or_default().extend(others);
        }
    }
    rivals
}

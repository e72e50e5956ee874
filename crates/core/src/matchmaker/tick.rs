//! One plan: offers of all that are due, best first.

use std::collections::BTreeMap;

use super::group;
use super::index::{Index, bits, item};
use super::near::{self, Around, Limits};
use super::offer::{Found, Look, Offer};
use super::pairs;
use super::teams::{self, Teams};
use super::{Budget, Plan};
use crate::id::Region;
use crate::limits::REGIONS_MAX;
use crate::mode::GameMode;
use crate::time::Timestamp;

/// Matches that are counted as waiting for a server, at most: fleets grow by far fewer at once.
const UNPLACED_MAX: usize = 256;

/// Of those who could play but for a server when they were last looked at, the oldest whom a plan looks at again where
/// waiting can also take a match away: four for each match that is counted. The others count as they were last seen.
const STUCK_LOOKS: usize = 4 * UNPLACED_MAX;

/// Rounds in which all who lost a member offer again before the best is chosen. After them, each takes what it finds:
/// looking at thousands again and again would cost more than it improves.
pub(super) const ROUNDS: u32 = 3;

/// Tickets whose data is asked of the memory before the first of them is looked at.
const BLOCK: usize = 16;

/// Tickets in matches that walks pass over before they are taken off the shelves together.
const GOING_MAX: usize = 256;

/// Points of skill that a millisecond of latency is worth when one region is compared with another.
const POINTS_PER_MS: f64 = 0.25;

/// What is free in a region.
pub(super) struct Free {
    /// Servers by region.
    pub(super) servers: Vec<u32>,
    /// Regions that have one, as bits.
    pub(super) supplied: u64,
    /// Regions that have a fleet.
    pub(super) named: u64,
}

/// The work of one plan.
pub(super) struct Tick<'a> {
    pub(super) index: &'a mut Index,
    pub(super) mode: &'a GameMode,
    around: Around,
    pub(super) now: u64,
    general: bool,
    /// Only matches of two single players are looked for.
    pairs: bool,
    /// Tickets in matches that may be on the shelves, at most.
    pub(super) going_max: usize,
    /// Fewer servers are free than matches are offered.
    scarce: bool,
}

impl<'a> Tick<'a> {
    pub(super) fn new(index: &'a mut Index, mode: &'a GameMode, now: Timestamp) -> Self {
        index.slots.take_nobody();
        let general = index.is_general();
        Self {
            general,
            pairs: !general && index.rules.is_pairs(),
            going_max: GOING_MAX,
            index,
            mode,
            around: Around::default(),
            now: now.0,
            scarce: false,
        }
    }

    /// Plans matches of those who are `due`, where servers are free; returns those who could play but for a server or
    /// their turn, who stay due.
    pub(super) fn run(
        &mut self,
        mut due: Vec<u32>,
        free: &mut Free,
        budget: Budget,
        plan: &mut Plan,
    ) -> Vec<u32> {
        // In place: there may be a million of them.
        let slots = &self.index.slots;
        let is_hopeless = |slot: &mut u32| {
            let hot = slots.hot(*slot);
            hot.stuck && hot.mask & free.supplied == 0
        };
        let mut hopeless: Vec<u32> = due.extract_if(.., is_hopeless).collect();
        if self.general || self.index.rules.aim.is_some() {
            // A wider window may have put others into their match, with which it cannot be played.
            due.extend(slots.oldest_of(&mut hopeless, STUCK_LOOKS));
        }
        let offers = self.offers(due, free);
        let (servable, stuck): (Vec<Offer>, Vec<Offer>) = offers
            .into_iter()
            .partition(|offer| free.supplied >> offer.region & 1 == 1);
        let mut stuck: Vec<u32> = stuck.into_iter().map(|offer| offer.slot).collect();
        stuck.extend(hopeless);
        for left in self.accept(servable, free, budget, plan) {
            stuck.push(left);
        }
        stuck
    }

    /// Has those who could play look again in the next plan, and counts their matches.
    pub(super) fn finish(&mut self, stuck: Vec<u32>, free: &Free, budget: Budget, plan: &mut Plan) {
        if plan.carry_over {
            for slot in stuck {
                self.index.refresh(slot);
            }
        } else {
            self.count_unplaced(stuck, free, budget, plan);
        }
        self.index.take_off();
    }

    /// Looks at each once; who has no match is not looked at before something changes.
    fn offers(&mut self, due: Vec<u32>, free: &Free) -> Vec<Offer> {
        let due = self.index.in_shelf_order(due);
        let mut offers = Vec::new();
        let mut turn = 0;
        for block in due.chunks(BLOCK) {
            self.index.slots.touch(block.iter().copied());
            for slot in block.iter().copied() {
                self.index.slots.hot_mut(slot).stuck = false;
                match self.look((slot, turn), free.supplied, free.named) {
                    Look::Offer(offer) => offers.push(offer),
                    Look::Later(at) => self.index.postpone(slot, at),
                }
                turn += 1;
            }
        }
        offers
    }

    /// The best match around `slot`: in a supplied region if there is one, else in a named one.
    fn look(&mut self, (slot, turn): (u32, u32), supplied: u64, named: u64) -> Look {
        let mask = self.index.slots.hot(slot).mask & named;
        let mut best: Option<Offer> = None;
        let mut later = u64::MAX;
        for region in self.regions_of(slot, mask) {
            let enough = |best: &Offer| {
                best.players == self.index.rules.target && supplied >> best.region & 1 == 1
            };
            if self.general && best.as_ref().is_some_and(enough) {
                break;
            }
            let found = if self.general {
                group::around(self.index, &mut self.around, slot, region, self.now)
                    .map(|group| Found::group(slot, group))
            } else if self.pairs {
                self.pair(slot, region)
            } else {
                self.window(slot, region)
                    .map(|window| Found::window(window, self.around.ends(&window, slot)))
            };
            match found {
                Ok(found) => {
                    let offer = self.offer((slot, turn), region, found);
                    let served = |offer: &Offer| supplied >> offer.region & 1;
                    let rank = |offer: &Offer| (served(offer), offer.players, -offer.cost);
                    if best.as_ref().is_none_or(|best| rank(&offer) > rank(best)) {
                        best = Some(offer);
                    }
                }
                Err(at) => later = later.min(at),
            }
        }
        best.map_or(Look::Later(later), Look::Offer)
    }

    /// The regions in `mask`; where groups are dear to find, the nearest first, or those with most players if a rule set
    /// wants that.
    fn regions_of(&self, slot: u32, mask: u64) -> impl Iterator<Item = usize> + use<> {
        let mut regions = [0_u8; REGIONS_MAX];
        let mut count = 0;
        for (at, region) in bits(mask).enumerate() {
            regions[at] = u8::try_from(region).unwrap_or(u8::MAX);
            count = at + 1;
        }
        if self.general {
            let (hot, reaches) = (self.index.slots.hot(slot), self.index.slots.reaches(slot));
            let choice = |region: usize| reaches[region].choice;
            let set = self.index.rules.rules.rule_set.as_ref();
            if set.is_some_and(|set| set.wants_crowds()) {
                let players = |region: usize| {
                    let shelf = self.index.shelf_index(hot.partition, region);
                    std::cmp::Reverse(self.index.shelves[shelf].players)
                };
                regions[..count].sort_by_key(|region| {
                    let region = usize::from(*region);
                    (players(region), choice(region))
                });
            } else {
                regions[..count].sort_by_key(|region| choice(usize::from(*region)));
            }
        }
        regions.into_iter().take(count).map(usize::from)
    }

    fn pair(&self, slot: u32, region: usize) -> Result<Found, u64> {
        let index = &*self.index;
        let (hot, limits) = (index.slots.hot(slot), self.limits());
        let shelf = &index.shelves[index.shelf_index(hot.partition, region)];
        let within = (limits, self.now);
        pairs::pair(&index.slots, shelf, &index.rules, &item(hot, slot), within)
    }

    fn window(&mut self, slot: u32, region: usize) -> Result<near::Window, u64> {
        let limits = self.limits();
        let index = &*self.index;
        let hot = index.slots.hot(slot);
        let shelf = &index.shelves[index.shelf_index(hot.partition, region)];
        if shelf.players < u64::from(index.rules.players_floor()) {
            return Err(u64::MAX);
        }
        self.around
            .collect(&index.slots, shelf, &item(hot, slot), limits);
        near::window(&mut self.around, &index.rules, hot, self.now)
    }

    fn limits(&self) -> Limits {
        let rules = &self.index.rules;
        Limits {
            reach: rules.allowance.widest(),
            side_max: rules.target as usize - 1,
            narrowest_only: rules.aim.is_none() && rules.sizes.is_empty(),
        }
    }

    /// Its cost: spread, less what waiting is worth, and the latency of the one who offers. An empty match would be as bad
    /// as the widest.
    fn offer(&self, (slot, turn): (u32, u32), region: usize, found: Found) -> Offer {
        let rules = &self.index.rules;
        let missing = i64::from(rules.target - found.players.min(rules.target));
        let unfilled = rules.allowance.widest() / i64::from(rules.target.max(1)) * missing;
        let reach = self.index.slots.reach(slot, region);
        let latency = rules.allowance.units(POINTS_PER_MS) * i64::from(reach.choice);
        let hot = self.index.slots.hot(slot);
        Offer {
            slot,
            turn,
            cost: rules.waiting_cost(found.spread, found.eager, self.now) + latency + unfilled,
            since: hot.since,
            region: super::count(region),
            players: found.players,
            oldest: found.oldest,
            ends: found.ends,
            group: found.group,
        }
    }

    /// Accepts offers, best first; those who lost a member to a better one offer again, until nobody can. Returns those
    /// who could play but for a server or their turn.
    fn accept(
        &mut self,
        mut offers: Vec<Offer>,
        free: &mut Free,
        budget: Budget,
        plan: &mut Plan,
    ) -> Vec<u32> {
        let servers: usize = free.servers.iter().map(|servers| *servers as usize).sum();
        self.scarce = servers < offers.len();
        let mut stuck = Vec::new();
        let mut round = 0;
        while !offers.is_empty() {
            round += 1;
            // Windows are looked for again before they are accepted, pairs and groups are not.
            let looks = !self.pairs && !self.general;
            self.going_max = if looks { 0 } else { usize::MAX };
            let mut losers = self.accept_round(&offers, free, budget, plan, &mut stuck);
            drop(offers);
            self.index.take_off();
            self.going_max = GOING_MAX;
            if round < ROUNDS {
                losers.sort_unstable_by_key(|(_, turn)| *turn);
            }
            offers = Vec::new();
            for block in losers.chunks(BLOCK) {
                self.index.slots.touch(block.iter().map(|(slot, _)| *slot));
                for loser in block {
                    let again = self.offer_again(*loser, free, plan, &mut stuck);
                    match again {
                        Some(offer) if round < ROUNDS => offers.push(offer),
                        Some(offer) => {
                            self.accept_one(&offer, free, budget, plan, &mut stuck);
                            if !self.index.slots.is_taken(offer.slot) && !plan.carry_over {
                                stuck.push(offer.slot);
                            }
                        }
                        None => {}
                    }
                }
            }
        }
        stuck
    }

    /// What a ticket offers that lost a member; nothing if it has to wait.
    fn offer_again(
        &mut self,
        (slot, turn): (u32, u32),
        free: &Free,
        plan: &Plan,
        stuck: &mut Vec<u32>,
    ) -> Option<Offer> {
        if self.index.slots.is_taken(slot) {
            return None;
        }
        if plan.carry_over {
            stuck.push(slot);
            return None;
        }
        match self.look((slot, turn), free.supplied, free.named) {
            Look::Later(at) => self.index.postpone(slot, at),
            Look::Offer(offer) if free.supplied >> offer.region & 1 == 0 => stuck.push(slot),
            Look::Offer(offer) => return Some(offer),
        }
        None
    }

    /// Accepts what is whole, best first. Returns slots and turns of the others.
    fn accept_round(
        &mut self,
        offers: &[Offer],
        free: &mut Free,
        budget: Budget,
        plan: &mut Plan,
        stuck: &mut Vec<u32>,
    ) -> Vec<(u32, u32)> {
        let mut losers = Vec::new();
        for block in self.in_order(offers).chunks(BLOCK) {
            let offers = || block.iter().map(|(.., at)| &offers[*at as usize]);
            let open = offers().filter(|offer| self.is_whole(offer));
            let slots = open.flat_map(|offer| [offer.slot].into_iter().chain(offer.ends));
            self.index.slots.touch(slots);
            for offer in offers() {
                let slot = offer.slot;
                if self.index.slots.is_taken(slot) {
                    continue;
                }
                if plan.carry_over {
                    stuck.push(slot);
                    continue;
                }
                if free.supplied >> offer.region & 1 == 1 && self.is_whole(offer) {
                    self.accept_one(offer, free, budget, plan, stuck);
                    if self.index.slots.is_taken(slot) || plan.carry_over {
                        continue;
                    }
                }
                losers.push((slot, offer.turn));
            }
        }
        losers
    }

    /// Keys and places of the offers, best first; of equal ones, who comes first on the shelves.
    fn in_order(&self, offers: &[Offer]) -> Vec<(i64, u32, u64, u32)> {
        let key = |(at, offer): (u32, &Offer)| {
            (self.rank(offer), u32::MAX - offer.players, offer.since, at)
        };
        let mut order: Vec<_> = (0..).zip(offers).map(key).collect();
        // Most costs are of one offer alone: one number is compared without branches.
        order.sort_unstable_by_key(|(rank, ..)| *rank);
        for alike in order.chunk_by_mut(|one, other| one.0 == other.0) {
            alike.sort_unstable();
        }
        order
    }

    /// Whether it can still be what it was, as far as can be seen at once.
    fn is_whole(&self, offer: &Offer) -> bool {
        let slots = &self.index.slots;
        !offer.ends.iter().any(|slot| slots.is_taken(*slot))
    }

    fn accept_one(
        &mut self,
        offer: &Offer,
        free: &mut Free,
        budget: Budget,
        plan: &mut Plan,
        stuck: &mut Vec<u32>,
    ) {
        let Some(teams) = self.teams(offer) else {
            return;
        };
        if plan.matches.len() + plan.fills.len() < budget.matches_max {
            self.place(&teams, offer.region as usize, free, plan);
        } else {
            plan.carry_over = true;
            stuck.push(offer.slot);
        }
    }

    /// What offers are sorted by: quality, unless servers are scarce. Then whoever waits longest has the next.
    fn rank(&self, offer: &Offer) -> i64 {
        if self.scarce {
            i64::try_from(offer.oldest).unwrap_or(i64::MAX)
        } else {
            offer.cost
        }
    }

    /// The members of an offer, in their teams, if they are all free and the match is as good as it was.
    fn teams(&mut self, offer: &Offer) -> Option<Teams> {
        let (slots, rules) = (&self.index.slots, &self.index.rules);
        if let Some(group) = &offer.group {
            let mut members = group.teams.iter().flatten();
            return members.all(|slot| !slots.is_taken(*slot)).then(|| {
                let mut teams = group.teams.clone();
                if !rules.asks_for_teams() {
                    teams::balance(slots, rules, &mut teams, self.now);
                }
                teams
            });
        }
        if self.pairs {
            return self
                .is_whole(offer)
                .then(|| teams::deal(slots, rules, &offer.ends, 2));
        }
        let region = offer.region as usize;
        let window = self.window(offer.slot, region).ok()?;
        let ends = self.around.ends(&window, offer.slot);
        let found = Found::window(window, ends);
        let again = self.offer((offer.slot, offer.turn), region, found);
        if again.cost > offer.cost {
            return None;
        }
        let members = self.around.members(&window, offer.slot);
        let (slots, rules) = (&self.index.slots, &self.index.rules);
        let mut teams = teams::deal(slots, rules, &members, super::count(members.len()));
        teams::balance(slots, rules, &mut teams, self.now);
        Some(teams)
    }

    /// Counts the matches that could be played but for servers; no ticket counts twice. As many as a plan may have at
    /// most: fleets do not grow by more at once.
    fn count_unplaced(
        &mut self,
        mut stuck: Vec<u32>,
        free: &Free,
        budget: Budget,
        plan: &mut Plan,
    ) {
        stuck.sort_by_cached_key(|slot| {
            let hot = self.index.slots.hot(*slot);
            (hot.since, hot.id)
        });
        let mut matches = 0;
        let mut unplaced: BTreeMap<Region, u32> = BTreeMap::new();
        for slot in &stuck {
            if matches >= budget.matches_max.min(UNPLACED_MAX) {
                break;
            }
            if self.index.slots.is_taken(*slot) {
                continue;
            }
            let wanted = free.named & !free.supplied;
            let Look::Offer(offer) = self.look((*slot, 0), wanted, wanted) else {
                continue;
            };
            let Some(teams) = self.teams(&offer) else {
                continue;
            };
            let region = self
                .best_region(&teams, wanted)
                .unwrap_or(offer.region as usize);
            *unplaced
                .entry(self.index.regions[region].clone())
                .or_default() += 1;
            matches += 1;
            for slot in teams.into_iter().flatten() {
                self.index.slots.mark_taken(slot);
                plan.waiting.for_server += 1;
            }
        }
        for slot in stuck {
            self.index.slots.hot_mut(slot).stuck = true;
            self.index.refresh(slot);
        }
        plan.unplaced = unplaced;
    }
}

//! One plan: offers of all that are due, best first.

use std::collections::BTreeMap;

use super::group;
use super::index::{Index, bits, item};
use super::near::{self, Around, Limits};
use super::offer::{Found, Look, Offer};
use super::teams::{self, Teams};
use super::{Budget, Plan};
use crate::id::Region;
use crate::limits::REGIONS_MAX;
use crate::mode::GameMode;
use crate::ticket::Ticket;
use crate::time::Timestamp;

/// Matches that are counted as waiting for a server, at most: fleets grow by far fewer at once.
const UNPLACED_MAX: usize = 256;

/// Rounds in which all who lost a member offer again before the best is chosen. After them, each takes what it finds:
/// looking at thousands again and again would cost more than it improves.
pub(super) const ROUNDS: u32 = 3;

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
    /// Number of the plan: what is marked with it is taken.
    pub(super) number: u32,
    general: bool,
    /// Fewer servers are free than matches are offered.
    scarce: bool,
}

impl<'a> Tick<'a> {
    pub(super) fn new(
        index: &'a mut Index,
        mode: &'a GameMode,
        now: Timestamp,
        number: u32,
    ) -> Self {
        Self {
            general: index.is_general(),
            index,
            mode,
            around: Around::default(),
            now: now.0,
            number,
            scarce: false,
        }
    }

    /// Plans matches of those who are `due`, where servers are free; returns those who could play but for a server or
    /// their turn, who stay due.
    pub(super) fn run(
        &mut self,
        due: Vec<u32>,
        free: &mut Free,
        budget: Budget,
        plan: &mut Plan,
    ) -> Vec<u32> {
        let free_still = due.into_iter().filter(|slot| !self.is_taken(*slot));
        let (due, hopeless): (Vec<u32>, Vec<u32>) = free_still.partition(|slot| {
            let cold = self.index.slots.cold(*slot);
            !cold.stuck || cold.mask & free.supplied != 0
        });
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
    }

    /// Looks at each once; who has no match is not looked at before something changes.
    fn offers(&mut self, mut due: Vec<u32>, free: &Free) -> Vec<Offer> {
        due.sort_by_cached_key(|slot| {
            let hot = self.index.slots.hot(*slot);
            (self.index.slots.cold(*slot).partition, hot.skill, hot.id)
        });
        let mut offers = Vec::new();
        for slot in due {
            self.index.slots.cold_mut(slot).stuck = false;
            match self.look(slot, free.supplied, free.named) {
                Look::Offer(offer) => offers.push(offer),
                Look::Later(at) => self.index.postpone(slot, at),
            }
        }
        offers
    }

    /// The best match around `slot`: in a supplied region if there is one, else in a named one.
    fn look(&mut self, slot: u32, supplied: u64, named: u64) -> Look {
        let mask = self.index.slots.cold(slot).mask & named;
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
                group::around(
                    self.index,
                    &mut self.around,
                    slot,
                    region,
                    self.now,
                    self.number,
                )
                .map(|group| Found::group(slot, group))
            } else {
                self.window(slot, region)
                    .map(|window| Found::window(window, self.around.ends(&window, slot)))
            };
            match found {
                Ok(found) => {
                    let offer = self.offer(slot, region, found);
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
            let cold = self.index.slots.cold(slot);
            let choice = |region: usize| cold.reaches[region].choice;
            let set = self.index.rules.rules.rule_set.as_ref();
            if set.is_some_and(|set| set.wants_crowds()) {
                let players = |region: usize| {
                    let shelf = self.index.shelf_index(cold.partition, region);
                    std::cmp::Reverse(self.index.shelves[shelf].players())
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

    fn window(&mut self, slot: u32, region: usize) -> Result<near::Window, u64> {
        let index = &*self.index;
        let hot = index.slots.hot(slot);
        let shelf = &index.shelves[index.shelf_index(index.slots.cold(slot).partition, region)];
        if shelf.players() < u64::from(index.rules.players_floor()) {
            return Err(u64::MAX);
        }
        let limits = Limits {
            reach: index.rules.allowance.widest(),
            side_max: index.rules.target as usize - 1,
            narrowest_only: index.rules.aim.is_none() && index.rules.sizes.is_empty(),
            plan: self.number,
        };
        self.around
            .collect(&index.slots, shelf, &item(hot, slot), limits);
        near::window(&mut self.around, &index.rules, hot, self.now)
    }

    /// Its cost: spread, less what waiting is worth, and the latency of the one who offers. An empty match would be as bad
    /// as the widest.
    fn offer(&self, slot: u32, region: usize, found: Found) -> Offer {
        let rules = &self.index.rules;
        let missing = i64::from(rules.target - found.players.min(rules.target));
        let unfilled = rules.allowance.widest() / i64::from(rules.target.max(1)) * missing;
        let reach = &self.index.slots.cold(slot).reaches[region];
        let latency = rules.allowance.units(POINTS_PER_MS) * i64::from(reach.choice);
        let hot = self.index.slots.hot(slot);
        Offer {
            slot,
            cost: rules.waiting_cost(found.spread, found.eager, self.now) + latency + unfilled,
            since: hot.since,
            id: hot.id,
            region,
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
            offers.sort_unstable_by_key(|offer| {
                (
                    self.rank(offer),
                    std::cmp::Reverse(offer.players),
                    offer.since,
                    offer.id,
                )
            });
            let mut losers = Vec::new();
            for offer in offers {
                let slot = offer.slot;
                if self.is_taken(slot) {
                    continue;
                }
                if plan.carry_over {
                    stuck.push(slot);
                } else if free.supplied >> offer.region & 1 == 0 {
                    losers.push(slot);
                } else if self.is_whole(&offer) {
                    self.accept_one(&offer, free, budget, plan, &mut stuck);
                    if !self.is_taken(slot) && !plan.carry_over {
                        losers.push(slot);
                    }
                } else {
                    losers.push(slot);
                }
            }
            offers = Vec::new();
            for slot in losers {
                if self.is_taken(slot) {
                    continue;
                }
                if plan.carry_over {
                    stuck.push(slot);
                    continue;
                }
                match self.look(slot, free.supplied, free.named) {
                    Look::Later(at) => self.index.postpone(slot, at),
                    Look::Offer(offer) if free.supplied >> offer.region & 1 == 0 => {
                        stuck.push(slot);
                    }
                    Look::Offer(offer) if round < ROUNDS => offers.push(offer),
                    Look::Offer(offer) => {
                        self.accept_one(&offer, free, budget, plan, &mut stuck);
                        if !self.is_taken(slot) && !plan.carry_over {
                            stuck.push(slot);
                        }
                    }
                }
            }
        }
        stuck
    }

    /// Whether it can still be what it was, as far as can be seen at once.
    fn is_whole(&self, offer: &Offer) -> bool {
        !offer.ends.iter().any(|slot| self.is_taken(*slot))
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
            self.place(&teams, offer.region, free, plan);
        } else {
            plan.carry_over = true;
            stuck.push(offer.slot);
        }
    }

    pub(super) fn is_taken(&self, slot: u32) -> bool {
        self.index.slots.hot(slot).taken == self.number
    }

    /// What offers are sorted by: quality, unless servers are scarce. Then whoever waits longest has the next.
    fn rank(&self, offer: &Offer) -> i64 {
        if self.scarce {
            i64::try_from(offer.oldest).unwrap_or(i64::MAX)
        } else {
            offer.cost
        }
    }

    fn place(&mut self, teams: &Teams, region: usize, free: &mut Free, plan: &mut Plan) {
        let region = if self.index.rules.rules.rule_set.is_some() {
            // Its rules have been asked about this one.
            region
        } else {
            self.best_region(teams, free.supplied).unwrap_or(region)
        };
        free.servers[region] -= 1;
        if free.servers[region] == 0 {
            free.supplied &= !(1 << region);
        }
        plan.matches.push(self.match_plan(teams, region));
        for slot in teams.iter().flatten().copied() {
            self.take(slot);
        }
    }

    /// Sets a ticket aside that is planned.
    pub(super) fn take(&mut self, slot: u32) {
        self.index.slots.hot[slot as usize].taken = self.number;
        if self.index.slots.cold(slot).contested {
            self.block_rivals(slot);
        }
        self.index.unshelve(slot);
    }

    /// Tickets that share a player with `slot` are not planned beside it.
    fn block_rivals(&mut self, slot: u32) {
        let slots = &self.index.slots;
        let players = &slots.ticket(slot).players;
        let shares = |other: &Ticket| {
            let ids = other.players.iter().map(|player| &player.player_id);
            ids.into_iter()
                .any(|id| players.iter().any(|player| player.player_id == *id))
        };
        let rivals: Vec<u32> = slots
            .iter()
            .filter(|(other, cold)| *other != slot && cold.contested && shares(&cold.ticket))
            .map(|(other, _)| other)
            .collect();
        for rival in rivals {
            self.index.slots.hot[rival as usize].taken = self.number;
            self.index.refresh(rival);
            let (partition, mask) = (
                self.index.slots.cold(rival).partition,
                self.index.slots.cold(rival).mask,
            );
            for region in bits(mask) {
                let shelf = self.index.shelf_index(partition, region);
                self.index.touch(shelf, self.index.slots.hot(rival).skill);
            }
        }
    }

    /// The members of an offer, in their teams, if they are all free and the match is as good as it was.
    fn teams(&mut self, offer: &Offer) -> Option<Teams> {
        if let Some(group) = &offer.group {
            let mut members = group.teams.iter().flatten();
            return members.all(|slot| !self.is_taken(*slot)).then(|| {
                let mut teams = group.teams.clone();
                if !self.index.rules.asks_for_teams() {
                    teams::balance(&self.index.slots, &self.index.rules, &mut teams, self.now);
                }
                teams
            });
        }
        let window = self.window(offer.slot, offer.region).ok()?;
        let ends = self.around.ends(&window, offer.slot);
        let again = self.offer(offer.slot, offer.region, Found::window(window, ends));
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
            if self.index.slots.hot(*slot).taken == self.number {
                continue;
            }
            let wanted = free.named & !free.supplied;
            let Look::Offer(offer) = self.look(*slot, wanted, wanted) else {
                continue;
            };
            let Some(teams) = self.teams(&offer) else {
                continue;
            };
            let region = self.best_region(&teams, wanted).unwrap_or(offer.region);
            *unplaced
                .entry(self.index.regions[region].clone())
                .or_default() += 1;
            matches += 1;
            for slot in teams.into_iter().flatten() {
                self.index.slots.hot[slot as usize].taken = self.number;
                plan.waiting.for_server += 1;
            }
        }
        for slot in stuck {
            self.index.slots.cold_mut(slot).stuck = true;
            self.index.refresh(slot);
        }
        plan.unplaced = unplaced;
    }
}

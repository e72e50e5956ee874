//! What lives across ticks: shelves of tickets by region, and the moments at which each is worth a look.

use std::cmp::Reverse;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;

use super::compiled::Compiled;
use super::shelf::{Item, Shelf};
use super::slots::{self, Cold, Hot, Slots};
use super::wishes;
use crate::id::{PlayerId, Region, TicketId};
use crate::mode::GameMode;
use crate::ticket::Ticket;
use crate::time::Timestamp;

/// [`Cold::due`] of a ticket that will be looked at in the next plan anyway.
pub(super) const FRESH: u64 = 0;

/// A moment for a ticket: when, its slot, its serial.
type Alarm = Reverse<(u64, u32, u32)>;

/// Everything by which tickets are found.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) rules: Compiled,
    pub(super) regions: Vec<Region>,
    /// Regions by rising name.
    order: Vec<usize>,
    pub(super) slots: Slots,
    /// By partition and region.
    pub(super) shelves: Vec<Shelf>,
    partitions: HashMap<String, u32>,
    /// Key and tickets of each partition.
    tenants: Vec<(String, usize)>,
    vacant: Vec<u32>,
    /// Tickets by the regions that they accept.
    pub(super) masks: BTreeMap<u64, usize>,
    /// Players' slots by a hash of their id. Two players of one hash are taken for one, which costs them a tick.
    players: HashMap<u64, u32, BuildHasherDefault<DefaultHasher>>,
    /// Tickets that are no single players without special wishes.
    particular: usize,
    /// To look at in the next plan.
    fresh: Vec<u32>,
    due: BinaryHeap<Alarm>,
    /// When latency limits rise.
    widening: BinaryHeap<Alarm>,
    /// Partition, regions and whereabouts of who went away, or came to an older age, since the last plan.
    pub(super) changed: Vec<(u32, u64, Hot)>,
    /// Shelves that changed since the last plan, and at which skill; kept while live matches have free seats.
    pub(super) touched: Option<Vec<(usize, i32)>>,
    was_general: bool,
    /// The newest ticket that ever came, and the newest of the last plan.
    newest: (u64, u128),
    newest_planned: (u64, u128),
}

impl Index {
    pub(super) fn new(mode: &GameMode, regions: Vec<Region>) -> Self {
        let mut order: Vec<usize> = (0..regions.len()).collect();
        order.sort_by(|a, b| regions[*a].cmp(&regions[*b]));
        Self {
            rules: Compiled::new(mode),
            order,
            slots: Slots::default(),
            shelves: Vec::new(),
            partitions: HashMap::new(),
            tenants: Vec::new(),
            vacant: Vec::new(),
            masks: BTreeMap::new(),
            players: HashMap::default(),
            particular: 0,
            fresh: Vec::new(),
            due: BinaryHeap::new(),
            widening: BinaryHeap::new(),
            changed: Vec::new(),
            touched: None,
            was_general: false,
            newest: (0, 0),
            newest_planned: (0, 0),
            regions,
        }
    }

    pub(super) fn insert(&mut self, ticket: Arc<Ticket>, playable: bool) {
        let rules = &self.rules;
        let hot = hot(rules, &ticket);
        let reaches = if playable {
            slots::reaches(&ticket, &self.regions, &self.order, rules.rules.region_by)
        } else {
            Box::default()
        };
        let particular = is_particular(&ticket);
        let wishes = wishes::of(&ticket, &rules.rules);
        let key = slots::partition_key(&ticket, rules);
        let partition = self.move_in(key);
        let players = hashes(&ticket);
        let cold = Cold {
            ticket,
            reaches,
            mask: 0,
            partition,
            due: FRESH,
            serial: 0,
            stuck: false,
            contested: false,
            particular,
            wishes,
        };
        let slot = self.slots.put(hot, cold);
        self.contest(&players, slot);
        self.particular += usize::from(self.slots.cold(slot).particular);
        self.fresh.push(slot);
        *self.masks.entry(0).or_default() += 1;
        self.widen(slot, hot.created);
        let age = (hot.since, hot.id);
        self.newest = self.newest.max(age);
        if age < self.newest_planned {
            // It comes with an age, and is new to those who are newer.
            let cold = self.slots.cold(slot);
            self.changed.push((cold.partition, cold.mask, hot));
        }
    }

    /// Notes who its players are; whoever is here twice is matched once at most.
    fn contest(&mut self, players: &[u64], slot: u32) {
        for player in players {
            let other = *self.players.entry(*player).or_insert(slot);
            if other != slot {
                for slot in [other, slot] {
                    let cold = self.slots.cold_mut(slot);
                    if !cold.contested {
                        cold.contested = true;
                        self.particular += usize::from(!cold.particular);
                        cold.particular = true;
                    }
                }
            }
        }
    }

    /// A contested ticket with these players is gone: says anew who of the others contest one another. Walks the whole
    /// pool, which only happens when the state let a player in twice.
    fn settle_contest(&mut self, players: &[u64]) {
        let rivals: Vec<(u32, Vec<u64>)> = self
            .slots
            .iter()
            .filter(|(_, cold)| cold.contested)
            .map(|(slot, cold)| (slot, hashes(&cold.ticket)))
            .filter(|(_, others)| others.iter().any(|player| players.contains(player)))
            .collect();
        for (slot, _) in &rivals {
            let cold = self.slots.cold_mut(*slot);
            cold.contested = false;
            cold.particular = is_particular(&cold.ticket);
            self.particular -= usize::from(!cold.particular);
        }
        for (slot, players) in rivals {
            self.contest(&players, slot);
        }
    }

    /// Puts a ticket on the shelves of the regions that it accepts after its waiting until `now`, and says when there
    /// will be more.
    fn widen(&mut self, slot: u32, now: u64) {
        let hot = *self.slots.hot(slot);
        let waited = now.saturating_sub(hot.created);
        let limit = self.rules.latency_max(waited);
        let cold = self.slots.cold(slot);
        let (partition, before, serial) = (cold.partition, cold.mask, cold.serial);
        let within = cold
            .reaches
            .iter()
            .enumerate()
            .filter(|(_, reach)| reach.worst != u16::MAX && u32::from(reach.worst) <= limit)
            .fold(0, |mask, (region, _)| mask | 1_u64 << region);
        let mask = within | before;
        for region in bits(mask & !before) {
            let shelf = self.shelf_index(partition, region);
            self.shelves[shelf].insert(item(&hot, slot), hot.size, &self.slots);
            self.touch(shelf, hot.skill);
        }
        self.count_mask(before, mask);
        self.slots.cold_mut(slot).mask = mask;
        if let Some(after) = self.rules.next_latency(waited) {
            let at = hot.created.saturating_add(after);
            self.widening.push(Reverse((at, slot, serial)));
        }
    }

    fn count_mask(&mut self, before: u64, after: u64) {
        if let Some(tickets) = self.masks.get_mut(&before) {
            *tickets -= 1;
            if *tickets == 0 {
                self.masks.remove(&before);
            }
        }
        *self.masks.entry(after).or_default() += 1;
    }

    pub(super) fn remove(&mut self, id: TicketId) -> Option<Arc<Ticket>> {
        let slot = self.slots.slot_of(id)?;
        self.unshelve(slot);
        let (slot, cold) = self.slots.take(id)?;
        self.particular -= usize::from(cold.particular);
        self.move_out(cold.partition);
        let players: Vec<u64> = hashes(&cold.ticket);
        for player in &players {
            if self.players.get(player) == Some(&slot) {
                self.players.remove(player);
            }
        }
        if cold.contested {
            self.settle_contest(&players);
        }
        self.count_mask(cold.mask, 0);
        if let Some(tickets) = self.masks.get_mut(&0) {
            *tickets -= 1;
            if *tickets == 0 {
                self.masks.remove(&0);
            }
        }
        Some(cold.ticket)
    }

    /// Takes a ticket off the shelves: it is planned, or on its way out.
    pub(super) fn unshelve(&mut self, slot: u32) {
        let hot = *self.slots.hot(slot);
        let cold = self.slots.cold_mut(slot);
        let (partition, mask) = (cold.partition, cold.mask);
        cold.mask = 0;
        if mask == 0 {
            return;
        }
        for region in bits(mask) {
            let shelf = self.shelf_index(partition, region);
            self.shelves[shelf].remove(&item(&hot, slot), hot.size, &self.slots);
            self.touch(shelf, hot.skill);
        }
        self.count_mask(mask, 0);
        if self.is_general() || self.rules.aim.is_some() {
            self.changed.push((partition, mask, hot));
        }
    }

    /// Notes for live matches that somebody came, went or is free again there.
    pub(super) fn touch(&mut self, shelf: usize, skill: i32) {
        if let Some(touched) = &mut self.touched {
            touched.push((shelf, skill));
        }
    }

    pub(super) fn shelf_index(&self, partition: u32, region: usize) -> usize {
        partition as usize * self.regions.len() + region
    }

    pub(super) fn move_in(&mut self, key: String) -> u32 {
        if let Some(partition) = self.partitions.get(&key) {
            self.tenants[*partition as usize].1 += 1;
            return *partition;
        }
        let partition = self.vacant.pop().unwrap_or_else(|| {
            self.tenants.push((String::new(), 0));
            super::count(self.tenants.len() - 1)
        });
        self.tenants[partition as usize] = (key.clone(), 1);
        self.partitions.insert(key, partition);
        let shelves = self.tenants.len() * self.regions.len();
        if self.shelves.len() < shelves {
            self.shelves.resize_with(shelves, Shelf::default);
        }
        partition
    }

    pub(super) fn move_out(&mut self, partition: u32) {
        let (key, tickets) = &mut self.tenants[partition as usize];
        *tickets -= 1;
        if *tickets == 0 {
            self.partitions.remove(key);
            *key = String::new();
            self.vacant.push(partition);
        }
    }

    /// Whether groups are more than windows of single players.
    pub(super) fn is_general(&self) -> bool {
        self.particular > 0 || self.rules.is_particular()
    }

    /// All that is worth a look at `now`; each once.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Vec<u32> {
        while let Some(Reverse((at, slot, serial))) = self.widening.peek().copied() {
            if at > now.0 {
                break;
            }
            self.widening.pop();
            if self.is_current(slot, serial) {
                let before = self.slots.cold(slot).mask;
                self.widen(slot, now.0);
                let cold = self.slots.cold(slot);
                let (partition, more) = (cold.partition, cold.mask & !before);
                self.changed.push((partition, more, *self.slots.hot(slot)));
                self.refresh(slot);
            }
        }
        self.newest_planned = self.newest;
        let general = self.is_general();
        if general != self.was_general {
            self.was_general = general;
            self.refresh_all();
        }
        self.refresh_changed();
        while let Some(Reverse((at, slot, serial))) = self.due.peek().copied() {
            if at > now.0 {
                break;
            }
            self.due.pop();
            if self.is_current(slot, serial) && self.slots.cold(slot).due == at {
                self.refresh(slot);
            }
        }
        let mut due = std::mem::take(&mut self.fresh);
        due.retain(|slot| {
            self.slots.cold[*slot as usize]
                .as_ref()
                .is_some_and(|cold| cold.due == FRESH && cold.mask != 0)
        });
        due.sort_unstable();
        due.dedup();
        due
    }

    fn is_current(&self, slot: u32, serial: u32) -> bool {
        self.slots.cold[slot as usize]
            .as_ref()
            .is_some_and(|cold| cold.serial == serial)
    }

    /// To be looked at in the next plan.
    pub(super) fn refresh(&mut self, slot: u32) {
        self.slots.cold_mut(slot).due = FRESH;
        self.fresh.push(slot);
    }

    pub(super) fn refresh_all(&mut self) {
        let all: Vec<u32> = self.slots.iter().map(|(slot, _)| slot).collect();
        for slot in all {
            self.refresh(slot);
        }
    }

    /// Not to be looked at before `at`.
    pub(super) fn postpone(&mut self, slot: u32, at: u64) {
        let cold = self.slots.cold_mut(slot);
        cold.due = at.max(1);
        let alarm = Reverse((cold.due, slot, cold.serial));
        if at != u64::MAX {
            self.due.push(alarm);
        }
    }

    /// The next moment at which somebody is worth a look.
    pub(super) fn next_at(&mut self) -> Option<Timestamp> {
        while let Some(Reverse((at, slot, serial))) = self.due.peek().copied() {
            if self.is_current(slot, serial)
                && self.slots.cold(slot).due == at
                && self.slots.cold(slot).mask != 0
            {
                break;
            }
            self.due.pop();
        }
        while let Some(Reverse((_, slot, serial))) = self.widening.peek().copied() {
            if self.is_current(slot, serial) {
                break;
            }
            self.widening.pop();
        }
        let first = |heap: &BinaryHeap<Alarm>| heap.peek().map(|Reverse((at, ..))| Timestamp(*at));
        first(&self.due)
            .into_iter()
            .chain(first(&self.widening))
            .min()
    }
}

/// What planning asks of a ticket again and again.
pub(super) fn hot(rules: &Compiled, ticket: &Ticket) -> Hot {
    let uncertainty: f64 = ticket.players.iter().map(|p| p.skill_uncertainty).sum();
    #[expect(clippy::cast_precision_loss, reason = "a party is small")]
    let players = ticket.size().max(1) as f64;
    let known_ms = whole_ms(rules.rules.uncertainty_ms_per_point * uncertainty / players);
    let skill = slots::skill(ticket, rules.rules.party_skill);
    let head_start_ms = rules.rules.population.map_or(0, |population| {
        let distance = (skill - population.mean) / population.deviation;
        whole_ms(population.head_start_ms * distance * distance)
    });
    let created = ticket.created_at.0;
    Hot {
        id: ticket.id.as_u128(),
        since: created.saturating_sub(known_ms),
        created,
        head_start_ms: u32::try_from(head_start_ms).unwrap_or(u32::MAX),
        skill: rules.allowance.skill(skill),
        size: super::count(ticket.size()),
        taken: 0,
    }
}

pub(super) fn item(hot: &Hot, slot: u32) -> Item {
    #[expect(clippy::cast_possible_truncation, reason = "the upper half is wanted")]
    let (high, low) = ((hot.id >> 64) as u64, hot.id as u64);
    Item {
        skill: hot.skill,
        slot,
        // Ids begin with the time, except in tests.
        tie: if high == 0 { low } else { high },
    }
}

/// The set bits.
pub(super) fn bits(mut mask: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = mask.trailing_zeros();
        (mask != 0).then(|| {
            mask &= mask - 1;
            bit as usize
        })
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float saturates"
)]
fn whole_ms(ms: f64) -> u64 {
    ms as u64
}

/// More than a single player without special wishes.
fn is_particular(ticket: &Ticket) -> bool {
    ticket.size() != 1 || !ticket.requirements.labels.is_empty()
}

fn hashes(ticket: &Ticket) -> Vec<u64> {
    ticket
        .players
        .iter()
        .map(|player| hash(&player.player_id))
        .collect()
}

fn hash(player: &PlayerId) -> u64 {
    let mut hasher = DefaultHasher::new();
    player.hash(&mut hasher);
    hasher.finish()
}

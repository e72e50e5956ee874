//! What lives across ticks: shelves of tickets by region, and the moments at which each is worth a look.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::alarms::Alarms;
use super::compiled::Compiled;
use super::players::Players;
use super::shelf::{Item, Shelf};
use super::shelving::{Pending, Stand};
use super::slots::{self, Cold, Holder, Hot, Reach, Slots};
use super::wishes;
use crate::id::{Region, TicketId};
use crate::mode::GameMode;
use crate::ticket::{Ticket, TicketPlayer};
use crate::time::Timestamp;

/// [`Hot::due`] of a ticket that will be looked at in the next plan anyway.
pub(super) const FRESH: u64 = 0;

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
    pub(super) pending: Pending,
    partitions: HashMap<String, u32>,
    /// Key and tickets of each partition.
    tenants: Vec<(String, usize)>,
    /// The partition of the last ticket that came.
    last_partition: u32,
    vacant: Vec<u32>,
    /// Tickets by the regions that they accept.
    pub(super) masks: BTreeMap<u64, usize>,
    players: Players,
    /// Tickets that are no single players without special wishes.
    particular: usize,
    /// To look at in the next plan.
    fresh: Vec<u32>,
    due: Alarms<Holder>,
    /// When latency limits rise.
    widening: Alarms<Holder>,
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
            slots: Slots::new(regions.len()),
            shelves: Vec::new(),
            pending: Pending::default(),
            partitions: HashMap::new(),
            tenants: Vec::new(),
            last_partition: 0,
            vacant: Vec::new(),
            masks: BTreeMap::new(),
            players: Players::default(),
            particular: 0,
            fresh: Vec::new(),
            due: Alarms::default(),
            widening: Alarms::default(),
            changed: Vec::new(),
            touched: None,
            was_general: false,
            newest: (0, 0),
            newest_planned: (0, 0),
            regions,
        }
    }

    pub(super) fn insert(&mut self, ticket: Arc<Ticket>, playable: bool) {
        let key = slots::partition_key(&ticket, &self.rules);
        let partition = self.move_in(key);
        let (hot, cold) = self.of(ticket, playable, partition);
        let ticket = Arc::clone(&cold.ticket);
        let particular = cold.particular;
        let slot = self.slots.put(hot, cold);
        let reaches = self.slots.reaches_mut(slot);
        if playable {
            let by = self.rules.rules.region_by;
            slots::write_reaches(reaches, &ticket, (&self.regions, &self.order), by);
        } else {
            reaches.fill(Reach::NEVER);
        }
        self.particular += usize::from(particular);
        self.contest(&ticket, slot);
        self.fresh.push(slot);
        self.widen(slot, hot.created);
        let age = (hot.since, hot.id);
        self.newest = self.newest.max(age);
        if age < self.newest_planned {
            // It comes with an age, and is new to those who are newer.
            let mask = self.slots.hot(slot).mask;
            self.changed.push((partition, mask, hot));
        }
    }

    /// What is kept of a ticket.
    fn of(&self, ticket: Arc<Ticket>, playable: bool, partition: u32) -> (Hot, Cold) {
        let rules = &self.rules;
        let mut hot = hot(rules, &ticket);
        hot.partition = partition;
        let variance = |player: &TicketPlayer| player.skill_uncertainty.powi(2);
        let variance: f64 = ticket.players.iter().map(variance).sum();
        #[expect(clippy::cast_possible_truncation, reason = "seven digits are enough")]
        let variance = variance as f32;
        let first = ticket.players.first();
        let cold = Cold {
            wishes: wishes::of(&ticket, &rules.rules),
            serial: 0,
            first_player: first.map_or(0, |player| self.players.check(&player.player_id)),
            variance,
            playable,
            contested: false,
            particular: is_particular(&ticket),
            ticket,
        };
        hot.touchy = cold.is_touchy();
        (hot, cold)
    }

    /// Notes who its players are; whoever is here twice is matched once at most.
    fn contest(&mut self, ticket: &Ticket, slot: u32) {
        for player in &ticket.players {
            let other = self.players.claim(&player.player_id, slot, &self.slots);
            if other != slot {
                for slot in [other, slot] {
                    self.slots.hot_mut(slot).touchy = true;
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
    fn settle_contest(&mut self, gone: &Ticket) {
        let rivals: Vec<(u32, Arc<Ticket>)> = self
            .slots
            .iter()
            .filter(|(_, cold)| cold.contested && cold.ticket.shares_player_with(gone))
            .map(|(slot, cold)| (slot, Arc::clone(&cold.ticket)))
            .collect();
        for (slot, _) in &rivals {
            let cold = self.slots.cold_mut(*slot);
            cold.contested = false;
            cold.particular = is_particular(&cold.ticket);
            self.particular -= usize::from(!cold.particular);
            let touchy = cold.is_touchy();
            self.slots.hot_mut(*slot).touchy = touchy;
        }
        for (slot, ticket) in rivals {
            self.contest(&ticket, slot);
        }
    }

    /// Notes a ticket for the shelves of the regions that it accepts after its waiting until `now`, and says when there
    /// will be more.
    fn widen(&mut self, slot: u32, now: u64) {
        let hot = *self.slots.hot(slot);
        let waited = now.saturating_sub(hot.created);
        let limit = self.rules.latency_max(waited);
        let within = self
            .slots
            .reaches(slot)
            .iter()
            .enumerate()
            .filter(|(_, reach)| reach.worst != u16::MAX && u32::from(reach.worst) <= limit)
            .fold(0, |mask, (region, _)| mask | 1_u64 << region);
        let more = within & !hot.mask;
        for region in bits(more) {
            let shelf = self.shelf_index(hot.partition, region);
            self.shelves[shelf].players += u64::from(hot.size());
            self.touch(shelf, hot.skill);
        }
        if more != 0 {
            self.count_mask(hot.mask, hot.mask | more);
            self.slots.hot_mut(slot).mask = hot.mask | more;
            self.pending.coming.push(Stand::of(&self.slots, slot, more));
        }
        if let Some(after) = self.rules.next_latency(waited) {
            let at = hot.created.saturating_add(after);
            let serial = self.slots.cold(slot).serial;
            self.widening.set(at, (slot, serial));
        }
    }

    /// A ticket accepts these regions no more, and those from now on.
    fn count_mask(&mut self, before: u64, after: u64) {
        if let Some(tickets) = self.masks.get_mut(&before) {
            *tickets -= 1;
            if *tickets == 0 {
                self.masks.remove(&before);
            }
        }
        if after != 0 {
            *self.masks.entry(after).or_default() += 1;
        }
    }

    pub(super) fn remove(&mut self, id: TicketId) -> Option<Arc<Ticket>> {
        let slot = self.slots.slot_of(id)?;
        let was_on_shelves = self.slots.hot(slot).mask != 0;
        self.unshelve(slot);
        let (slot, cold) = self.slots.take(id)?;
        if was_on_shelves {
            self.pending.vacant.push(slot);
        } else {
            self.slots.release(slot);
        }
        self.particular -= usize::from(cold.particular);
        self.move_out(self.slots.hot(slot).partition);
        self.players.release(cold.first_player, slot);
        if self.slots.hot(slot).players > 1 {
            for player in &cold.ticket.players {
                let check = self.players.check(&player.player_id);
                self.players.release(check, slot);
            }
        }
        if cold.contested {
            self.settle_contest(&cold.ticket);
        }
        Some(cold.ticket)
    }

    /// A ticket is planned: it is on no shelf until it is put in again, and no moment of its own brings it back.
    pub(super) fn set_aside(&mut self, slot: u32) {
        self.slots.forget_moments(slot);
        self.unshelve(slot);
    }

    /// Notes that a ticket goes from the shelves: it is planned, or on its way out.
    fn unshelve(&mut self, slot: u32) {
        let hot = *self.slots.hot(slot);
        let mask = hot.mask;
        if mask == 0 {
            return;
        }
        self.slots.hot_mut(slot).mask = 0;
        for region in bits(mask) {
            let shelf = self.shelf_index(hot.partition, region);
            self.shelves[shelf].players -= u64::from(hot.size());
            self.touch(shelf, hot.skill);
        }
        self.pending.going.push((slot, mask));
        self.count_mask(mask, 0);
        if self.is_general() || self.rules.aim.is_some() {
            self.changed.push((hot.partition, mask, hot));
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
        if let Some((last, tickets)) = self.tenants.get_mut(self.last_partition as usize)
            && *tickets > 0
            && *last == key
        {
            *tickets += 1;
            return self.last_partition;
        }
        if let Some(partition) = self.partitions.get(&key) {
            self.tenants[*partition as usize].1 += 1;
            self.last_partition = *partition;
            return *partition;
        }
        let partition = self.vacant.pop().unwrap_or_else(|| {
            self.tenants.push((String::new(), 0));
            super::count(self.tenants.len() - 1)
        });
        self.tenants[partition as usize] = (key.clone(), 1);
        self.partitions.insert(key, partition);
        self.last_partition = partition;
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

    /// Brings the shelves to `now`.
    pub(super) fn settle(&mut self, now: Timestamp) {
        let slots = &self.slots;
        self.due
            .tidy(slots.len(), |at, holder| slots.is_due_at(at, holder));
        self.widening
            .tidy(slots.len(), |_, holder| slots.is_current(holder));
        while let Some((_, holder)) = self.widening.take(now.0) {
            let slot = holder.0;
            if self.slots.is_current(holder) {
                let before = self.slots.hot(slot).mask;
                self.widen(slot, now.0);
                let hot = *self.slots.hot(slot);
                self.changed.push((hot.partition, hot.mask & !before, hot));
                self.refresh(slot);
            }
        }
        self.newest_planned = self.newest;
        let general = self.is_general();
        if general != self.was_general {
            self.was_general = general;
            self.refresh_all();
        }
        self.settle_shelves();
    }

    /// All that is worth a look at `now`; each once. Who is set aside by now stays for the next plan.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Vec<u32> {
        self.refresh_changed();
        while let Some((at, holder)) = self.due.take(now.0) {
            if self.slots.is_due_at(at, holder) {
                self.refresh(holder.0);
            }
        }
        let mut due = std::mem::take(&mut self.fresh);
        due.retain(|slot| {
            let hot = self.slots.hot(*slot);
            hot.due == FRESH && hot.mask != 0
        });
        due.sort_unstable();
        due.dedup();
        let aside = due.extract_if(.., |slot| self.slots.is_taken(*slot));
        self.fresh.extend(aside);
        due
    }

    /// To be looked at in the next plan.
    pub(super) fn refresh(&mut self, slot: u32) {
        self.slots.hot_mut(slot).due = FRESH;
        self.fresh.push(slot);
    }

    pub(super) fn refresh_all(&mut self) {
        self.fresh.clear();
        self.fresh.extend(self.slots.iter().map(|(slot, _)| slot));
        for slot in &self.fresh {
            let hot = self.slots.hot_mut(*slot);
            (hot.due, hot.stuck) = (FRESH, false);
        }
    }

    /// Moments that are kept, those that count no more included.
    #[cfg(test)]
    pub(super) fn moments(&self) -> usize {
        self.due.len().max(self.widening.len())
    }

    /// Not to be looked at before `at`.
    pub(super) fn postpone(&mut self, slot: u32, at: u64) {
        let at = at.max(1);
        self.slots.hot_mut(slot).due = at;
        if at != u64::MAX {
            let serial = self.slots.cold(slot).serial;
            self.due.set(at, (slot, serial));
        }
    }

    /// The next moment at which somebody is worth a look.
    pub(super) fn next_at(&mut self) -> Option<Timestamp> {
        let slots = &self.slots;
        let due = self.due.next_at(|at, holder| slots.is_due_at(at, holder));
        let widening = self.widening.next_at(|_, holder| slots.is_current(holder));
        due.into_iter().chain(widening).min().map(Timestamp)
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
        mask: 0,
        due: FRESH,
        head_start_ms: u32::try_from(head_start_ms).unwrap_or(u32::MAX),
        skill: rules.allowance.skill(skill),
        partition: 0,
        players: u8::try_from(ticket.size()).unwrap_or(u8::MAX),
        touchy: false,
        stuck: false,
        measured: ticket.players.iter().all(|p| !p.latencies_ms.is_empty()),
    }
}

pub(super) fn item(hot: &Hot, slot: u32) -> Item {
    Item {
        skill: hot.skill,
        tie: hot.tie(),
        slot,
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

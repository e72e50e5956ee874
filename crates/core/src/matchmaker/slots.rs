//! The waiting tickets, each in a slot: what planning asks of them again and again, laid out for it.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;

use super::compiled::Compiled;
use super::players::{FOLD, fold};
use super::shelf::{Ids, Item};
use super::wishes::{self, Wishes};
use crate::id::{Region, TicketId};
use crate::limits::{LATENCY_MAX_MS, REGIONS_MAX};
use crate::rules::{Aggregate, RegionBy};
use crate::ticket::{Attribute, Ticket, TicketPlayer};

const _: () = assert!(
    LATENCY_MAX_MS < u16::MAX as u32,
    "latencies are kept in 16 bits"
);

/// What planning reads of a ticket at every step: one line of a processor's cache answers it.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Hot {
    pub(super) id: u128,
    /// Creation, less the waiting that uncertainty counts for: from here on its allowance widens.
    pub(super) since: u64,
    pub(super) created: u64,
    /// Regions that it accepts by now, as bits: those on whose shelves it is.
    pub(super) mask: u64,
    /// Not worth looking at before; `u64::MAX` if only others can change that.
    pub(super) due: u64,
    /// Head start towards wider aims, milliseconds.
    pub(super) head_start_ms: u32,
    pub(super) skill: i32,
    pub(super) partition: u32,
    /// Players; see [`Hot::size`].
    pub(super) players: u8,
    /// It may refuse somebody whom skill and region allow.
    pub(super) touchy: bool,
    /// It could have played at the last plan, but for a server.
    pub(super) stuck: bool,
    /// All of its players measured.
    pub(super) measured: bool,
}

const _: () = assert!(size_of::<Hot>() == 64, "one line of the cache");

impl Hot {
    /// Creation, less its head start.
    pub(super) fn eager(&self) -> u64 {
        self.created.saturating_sub(u64::from(self.head_start_ms))
    }

    /// Players.
    pub(super) fn size(&self) -> u32 {
        u32::from(self.players)
    }

    /// What tells tickets of one skill apart on a shelf, without their whole ids: the older first, in steps of a quarter
    /// of a second and up to some hours, and among those of one moment mostly too. Half is from the id: behind its 48
    /// bits of time come the first 16 of its random ones.
    #[expect(clippy::cast_possible_truncation, reason = "those bits are wanted")]
    pub(super) const fn tie(&self) -> u32 {
        (self.since >> 8 << 16) as u32 | (self.id >> 64) as u32 & 0xffff
    }

    /// Whether it allows at least as much as `other` at every moment. Exactly one of two does so strictly.
    pub(super) fn is_older(&self, other: &Self) -> bool {
        (self.since, self.id) < (other.since, other.id)
    }
}

/// How well a ticket is placed for a region.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach {
    /// Latency of the worst-placed player, milliseconds; 0 if nobody measured, [`Reach::NEVER`] if it is out of the
    /// question.
    pub(super) worst: u16,
    /// What regions are compared by: worst or mean latency, or the place in the preference.
    pub(super) choice: u16,
}

impl Reach {
    pub(super) const NEVER: Self = Self {
        worst: u16::MAX,
        choice: u16::MAX,
    };
}

/// What is read when a ticket is in a match, or comes or goes.
#[derive(Debug)]
pub(super) struct Cold {
    pub(super) ticket: Arc<Ticket>,
    /// Roles and the like, where the rules ask for them.
    pub(super) wishes: Option<Box<Wishes>>,
    /// No other ticket of the pool has it. Moments are those of a serial.
    pub(super) serial: u32,
    /// Part of the hash of its first player, by which the pool finds it.
    pub(super) first_player: u32,
    /// Sum of its players' uncertainties, squared.
    pub(super) variance: f32,
    /// Whether the game mode can be played by as many as it has.
    pub(super) playable: bool,
    /// A player of it is in another ticket of the pool.
    pub(super) contested: bool,
    /// It is more than a single player without special wishes.
    pub(super) particular: bool,
}

impl Cold {
    /// Whether the two go together, whatever the time, skill, region and seats.
    pub(super) fn goes_with(&self, other: &Self) -> bool {
        wishes::tolerant(self.wishes.as_deref(), other.wishes.as_deref())
            && self
                .ticket
                .requirements
                .agrees_with(&other.ticket.requirements)
            && !self.is_rival_of(other)
    }

    /// Whether a player is in both.
    pub(super) fn is_rival_of(&self, other: &Self) -> bool {
        self.contested && other.contested && self.ticket.shares_player_with(&other.ticket)
    }

    /// What [`Hot::touchy`] should be.
    pub(super) fn is_touchy(&self) -> bool {
        let avoids = |wishes: &Wishes| !wishes.avoided.is_empty();
        self.contested
            || self.wishes.as_deref().is_some_and(avoids)
            || !self.ticket.requirements.labels.is_empty()
    }
}

/// A ticket that has a moment: its slot, its serial.
pub(super) type Holder = (u32, u32);

/// Tickets by slot.
#[derive(Debug)]
pub(super) struct Slots {
    pub(super) hot: Vec<Hot>,
    pub(super) cold: Vec<Option<Cold>>,
    /// By slot and region of the pool.
    reaches: Vec<Reach>,
    regions: usize,
    /// Who is in a match of the plan that is being made, as bits.
    taken: Vec<u64>,
    free: Vec<u32>,
    /// Slots by id. The ids are in the slots: a table that had them too would be as large as all the rest.
    by_id: HashTable<u32>,
    seed: u64,
    serial: u32,
}

impl Ids for Slots {
    fn id(&self, slot: u32) -> u128 {
        // Who is looked for may be gone, and has no slot.
        self.hot.get(slot as usize).map_or(u128::MAX, |hot| hot.id)
    }
}

impl Slots {
    pub(super) fn new(regions: usize) -> Self {
        Self {
            hot: Vec::new(),
            cold: Vec::new(),
            reaches: Vec::new(),
            regions,
            taken: Vec::new(),
            free: Vec::new(),
            by_id: HashTable::new(),
            seed: RandomState::new().hash_one(regions),
            serial: 0,
        }
    }

    /// Puts a ticket into a slot, where its reaches can be written.
    pub(super) fn put(&mut self, hot: Hot, mut cold: Cold) -> u32 {
        cold.serial = self.next_serial();
        let slot = if let Some(slot) = self.free.pop() {
            self.hot[slot as usize] = hot;
            self.cold[slot as usize] = Some(cold);
            slot
        } else {
            self.hot.push(hot);
            self.cold.push(Some(cold));
            let reaches = self.hot.len() * self.regions;
            self.reaches.resize(reaches, Reach::NEVER);
            super::count(self.hot.len() - 1)
        };
        let Self {
            by_id, seed, hot, ..
        } = self;
        let hash_of = |slot: &u32| hash(hot[*slot as usize].id, *seed);
        by_id.insert_unique(hash_of(&slot), slot, hash_of);
        slot
    }

    fn next_serial(&mut self) -> u32 {
        self.serial = self.serial.wrapping_add(1);
        self.serial
    }

    /// Forgets the moments that its ticket has.
    pub(super) fn forget_moments(&mut self, slot: u32) {
        self.cold_mut(slot).serial = self.next_serial();
    }

    /// Takes a ticket out. Its slot can be used again after [`Slots::release`]: until then a shelf may name it.
    pub(super) fn take(&mut self, id: TicketId) -> Option<(u32, Cold)> {
        let id = id.as_u128();
        let Self {
            by_id, hot, seed, ..
        } = self;
        let found = by_id.find_entry(hash(id, *seed), |slot| hot[*slot as usize].id == id);
        let (slot, _) = found.ok()?.remove();
        Some((slot, self.cold[slot as usize].take()?))
    }

    pub(super) fn release(&mut self, slot: u32) {
        self.free.push(slot);
    }

    pub(super) fn slot_of(&self, id: TicketId) -> Option<u32> {
        let id = id.as_u128();
        let same = |slot: &u32| self.hot[*slot as usize].id == id;
        self.by_id.find(hash(id, self.seed), same).copied()
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn hot(&self, slot: u32) -> &Hot {
        &self.hot[slot as usize]
    }

    pub(super) fn hot_mut(&mut self, slot: u32) -> &mut Hot {
        &mut self.hot[slot as usize]
    }

    /// Its standing in every region.
    pub(super) fn reaches(&self, slot: u32) -> &[Reach] {
        &self.reaches[slot as usize * self.regions..][..self.regions]
    }

    pub(super) fn reaches_mut(&mut self, slot: u32) -> &mut [Reach] {
        &mut self.reaches[slot as usize * self.regions..][..self.regions]
    }

    pub(super) fn reach(&self, slot: u32, region: usize) -> Reach {
        self.reaches[slot as usize * self.regions + region]
    }

    /// Reads what will be needed of `slots`, so that the memory fetches them side by side.
    pub(super) fn touch(&self, slots: impl IntoIterator<Item = u32>) {
        let read = |sum: u32, slot: u32| {
            sum ^ self.hot(slot).partition ^ u32::from(self.reach(slot, 0).choice)
        };
        std::hint::black_box(slots.into_iter().fold(0, read));
    }

    /// The same of those who stand beside one another, as far as a walk reads it.
    pub(super) fn touch_hot(&self, items: &[Item]) {
        let read = |sum: u32, item: &Item| sum ^ self.hot(item.slot).partition;
        std::hint::black_box(items.iter().fold(0, read));
    }

    /// The same of the roles that they would take.
    pub(super) fn touch_roles(&self, slots: impl IntoIterator<Item = u32>) {
        let read = |sum: u32, slot: u32| {
            let wishes = self.cold(slot).wishes.as_deref();
            let roles = wishes.and_then(|wishes| wishes.roles.first());
            sum ^ roles.map_or(0, |roles| roles.listed)
        };
        std::hint::black_box(slots.into_iter().fold(0, read));
    }

    /// Begins a plan: nobody is taken.
    pub(super) fn take_nobody(&mut self) {
        self.taken.clear();
        self.taken.resize(self.hot.len().div_ceil(64), 0);
    }

    /// Takes so many out of `all`, those who have waited longest.
    pub(super) fn oldest_of<'a>(
        &self,
        all: &'a mut Vec<u32>,
        count: usize,
    ) -> impl Iterator<Item = u32> + use<'a> {
        if all.len() > count {
            let age = |slot: &u32| (self.hot(*slot).since, self.hot(*slot).id);
            all.select_nth_unstable_by_key(count, age);
        }
        all.drain(..all.len().min(count))
    }

    pub(super) fn mark_taken(&mut self, slot: u32) {
        self.taken[slot as usize / 64] |= 1 << (slot % 64);
    }

    /// Whether it is in a match of this plan.
    pub(super) fn is_taken(&self, slot: u32) -> bool {
        self.taken[slot as usize / 64] >> (slot % 64) & 1 == 1
    }

    /// A slot that is known to be used.
    pub(super) fn cold(&self, slot: u32) -> &Cold {
        self.cold[slot as usize]
            .as_ref()
            .expect("invariant: shelves and queues name used slots")
    }

    pub(super) fn cold_mut(&mut self, slot: u32) -> &mut Cold {
        self.cold[slot as usize]
            .as_mut()
            .expect("invariant: shelves and queues name used slots")
    }

    /// Whether the ticket is still there, and not set aside since.
    pub(super) fn is_current(&self, (slot, serial): Holder) -> bool {
        let cold = self.cold[slot as usize].as_ref();
        cold.is_some_and(|cold| cold.serial == serial)
    }

    /// Whether it is to be looked at at this moment.
    pub(super) fn is_due_at(&self, at: u64, holder: Holder) -> bool {
        let hot = self.hot(holder.0);
        hot.due == at && hot.mask != 0 && self.is_current(holder)
    }

    pub(super) fn is_used(&self, slot: u32) -> bool {
        self.cold[slot as usize].is_some()
    }

    pub(super) fn ticket(&self, slot: u32) -> &Ticket {
        &self.cold(slot).ticket
    }

    /// Used slots.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Cold)> {
        (0..)
            .zip(&self.cold)
            .filter_map(|(slot, cold)| Some((slot, cold.as_ref()?)))
    }
}

/// Ids are random but for their time.
fn hash(id: u128, seed: u64) -> u64 {
    fold(mixed(id) ^ seed, FOLD)
}

#[expect(clippy::cast_possible_truncation, reason = "the halves are wanted")]
const fn mixed(id: u128) -> u64 {
    ((id >> 64) as u64).rotate_left(32) ^ id as u64
}

/// The party's skill.
pub(super) fn skill(ticket: &Ticket, by: Aggregate) -> f64 {
    let skills = ticket.players.iter().map(|player| player.skill);
    match by {
        Aggregate::Mean => ticket.skill(),
        Aggregate::Min => skills.fold(f64::INFINITY, f64::min),
        Aggregate::Max => skills.fold(f64::NEG_INFINITY, f64::max),
        Aggregate::Sum => skills.sum(),
    }
}

/// Writes the ticket's standing in every region; `order` names the regions by rising name.
pub(super) fn write_reaches(
    reaches: &mut [Reach],
    ticket: &Ticket,
    (regions, order): (&[Region], &[usize]),
    by: RegionBy,
) {
    reaches.fill(Reach::NEVER);
    let preference = &ticket.region_preference;
    for (rank, region) in (0_u16..).zip(preference) {
        if let Some(index) = regions.iter().position(|known| known == region) {
            reaches[index] = Reach {
                worst: 0,
                choice: rank,
            };
        }
    }
    let measured = |player: &&TicketPlayer| !player.latencies_ms.is_empty();
    let players = super::count(ticket.players.iter().filter(measured).count());
    // Players who did not measure go where the party prefers to go.
    let enough = !preference.is_empty() || players == super::count(ticket.players.len());
    if players == 0 {
        return;
    }
    let mut sums = [(0_u32, 0_u32, 0_u32); REGIONS_MAX];
    for player in ticket.players.iter().filter(measured) {
        let mut wanted = order.iter().copied().peekable();
        for (region, latency_ms) in &player.latencies_ms {
            while let Some(index) = wanted.peek().copied() {
                let order = compare(&regions[index], region);
                if order.is_gt() {
                    break;
                }
                wanted.next();
                if order.is_eq() {
                    let (worst, sum, players) = sums[index];
                    sums[index] = (worst.max(*latency_ms), sum + latency_ms, players + 1);
                    break;
                }
            }
        }
    }
    let short = |ms: u32| u16::try_from(ms).unwrap_or(u16::MAX - 1);
    for (reach, (worst, sum, by_players)) in reaches.iter_mut().zip(sums) {
        let wished = preference.is_empty() || reach.worst == 0;
        *reach = if wished && enough && by_players == players {
            let choice = match by {
                RegionBy::Worst => worst,
                RegionBy::Mean => sum / players,
            };
            Reach {
                worst: short(worst),
                choice: short(choice),
            }
        } else {
            Reach::NEVER
        };
    }
}

/// Names by their text; most that are equal are one and the same.
fn compare(one: &Region, other: &Region) -> std::cmp::Ordering {
    let (one, other) = (one.as_str(), other.as_str());
    if std::ptr::eq(one, other) {
        return std::cmp::Ordering::Equal;
    }
    one.cmp(other)
}

/// Tickets with equal keys may meet; the others never do.
pub(super) fn partition_key(ticket: &Ticket, rules: &Compiled) -> String {
    let mut key = String::new();
    for name in &rules.rules.same {
        for player in &ticket.players {
            match player.attributes.get(name) {
                Some(Attribute::Text(text)) => key.push_str(text),
                Some(other) => key.push_str(&format!("{other:?}")),
                None => {}
            }
            key.push('\u{1f}');
            // One party is one piece: its first player speaks for it when all agree.
            let agree = ticket
                .players
                .iter()
                .all(|other| other.attributes.get(name) == player.attributes.get(name));
            if agree {
                break;
            }
        }
        key.push('\u{1e}');
    }
    key
}

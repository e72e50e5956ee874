//! The waiting tickets, each in a slot: what planning asks of them again and again, laid out for it.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;

use super::compiled::Compiled;
use super::shelf::Ids;
use super::wishes::Wishes;
use crate::id::{Region, TicketId};
use crate::limits::LATENCY_MAX_MS;
use crate::rules::{Aggregate, RegionBy};
use crate::ticket::{Attribute, Ticket};

const _: () = assert!(
    LATENCY_MAX_MS < u16::MAX as u32,
    "latencies are kept in 16 bits"
);

/// What every step of a walk reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hot {
    pub(super) id: u128,
    /// Creation, less the waiting that uncertainty counts for: from here on its allowance widens.
    pub(super) since: u64,
    pub(super) created: u64,
    /// Head start towards wider aims, milliseconds.
    pub(super) head_start_ms: u32,
    pub(super) skill: i32,
    pub(super) size: u32,
    /// The plan that took it, as a number.
    pub(super) taken: u32,
}

impl Hot {
    /// Creation, less its head start.
    pub(super) fn eager(&self) -> u64 {
        self.created.saturating_sub(u64::from(self.head_start_ms))
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
    const NEVER: Self = Self {
        worst: u16::MAX,
        choice: u16::MAX,
    };
}

/// What is read when a ticket is looked at itself.
#[derive(Debug)]
pub(super) struct Cold {
    pub(super) ticket: Arc<Ticket>,
    /// By region of the pool.
    pub(super) reaches: Box<[Reach]>,
    /// Regions that it accepts by now, as bits.
    pub(super) mask: u64,
    pub(super) partition: u32,
    /// Not worth looking at before; `u64::MAX` if only others can change that.
    pub(super) due: u64,
    /// Counts the tickets that were in this slot.
    pub(super) serial: u32,
    /// It could have played at the last plan, but for a server.
    pub(super) stuck: bool,
    /// A player of it is in another ticket of the pool.
    pub(super) contested: bool,
    /// It is more than a single player without special wishes.
    pub(super) particular: bool,
    /// Roles and the like, where the rules ask for them.
    pub(super) wishes: Option<Box<Wishes>>,
}

impl Cold {
    /// Whether it may refuse somebody whom skill and region allow.
    pub(super) fn is_touchy(&self) -> bool {
        let avoids = |wishes: &Wishes| !wishes.avoided.is_empty();
        self.contested
            || self.wishes.as_deref().is_some_and(avoids)
            || !self.ticket.requirements.labels.is_empty()
    }
}

/// Tickets by slot.
#[derive(Debug, Default)]
pub(super) struct Slots {
    pub(super) hot: Vec<Hot>,
    pub(super) cold: Vec<Option<Cold>>,
    free: Vec<u32>,
    /// Slots by id. The ids are in the slots: a table that had them too would be as large as all the rest.
    by_id: HashTable<u32>,
    hasher: RandomState,
    serial: u32,
}

impl Ids for Slots {
    fn id(&self, slot: u32) -> u128 {
        // Who is looked for may be gone, and has no slot.
        self.hot.get(slot as usize).map_or(u128::MAX, |hot| hot.id)
    }
}

impl Slots {
    pub(super) fn put(&mut self, hot: Hot, mut cold: Cold) -> u32 {
        self.serial = self.serial.wrapping_add(1);
        cold.serial = self.serial;
        let id = cold.ticket.id;
        let slot = if let Some(slot) = self.free.pop() {
            self.hot[slot as usize] = hot;
            self.cold[slot as usize] = Some(cold);
            slot
        } else {
            self.hot.push(hot);
            self.cold.push(Some(cold));
            super::count(self.hot.len() - 1)
        };
        let Self {
            by_id, hasher, hot, ..
        } = self;
        let hash_of = |id: u128| hasher.hash_one(id);
        by_id.insert_unique(hash_of(id.as_u128()), slot, |slot| {
            hash_of(hot[*slot as usize].id)
        });
        slot
    }

    pub(super) fn take(&mut self, id: TicketId) -> Option<(u32, Cold)> {
        let hash = self.hasher.hash_one(id.as_u128());
        let Self { by_id, hot, .. } = self;
        let found = by_id.find_entry(hash, |slot| hot[*slot as usize].id == id.as_u128());
        let (slot, _) = found.ok()?.remove();
        let cold = self.cold[slot as usize].take()?;
        self.free.push(slot);
        Some((slot, cold))
    }

    pub(super) fn slot_of(&self, id: TicketId) -> Option<u32> {
        let hash = self.hasher.hash_one(id.as_u128());
        let found = self
            .by_id
            .find(hash, |slot| self.hot[*slot as usize].id == id.as_u128());
        found.copied()
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn hot(&self, slot: u32) -> &Hot {
        &self.hot[slot as usize]
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

/// The ticket's standing in every region; `order` names the regions by rising name.
pub(super) fn reaches(
    ticket: &Ticket,
    regions: &[Region],
    order: &[usize],
    by: RegionBy,
) -> Box<[Reach]> {
    let mut reaches = vec![Reach::NEVER; regions.len()].into_boxed_slice();
    let preference = &ticket.region_preference;
    for (rank, region) in (0_u16..).zip(preference) {
        if let Some(index) = regions.iter().position(|known| known == region) {
            reaches[index] = Reach {
                worst: 0,
                choice: rank,
            };
        }
    }
    let measured = |player: &crate::ticket::TicketPlayer| !player.latencies_ms.is_empty();
    if !ticket.players.iter().any(measured) {
        return reaches;
    }
    let mut sums = vec![(0_u32, 0_u32, 0_u32); regions.len()];
    for player in ticket.players.iter().filter(|player| measured(player)) {
        let mut wanted = order.iter().copied().peekable();
        for (region, latency_ms) in &player.latencies_ms {
            while wanted.next_if(|index| regions[*index] < *region).is_some() {}
            if let Some(index) = wanted.next_if(|index| regions[*index] == *region) {
                let (worst, sum, players) = sums[index];
                sums[index] = (worst.max(*latency_ms), sum + latency_ms, players + 1);
            }
        }
    }
    let players = super::count(ticket.players.iter().filter(|p| measured(p)).count());
    for (index, (worst, sum, by_players)) in sums.into_iter().enumerate() {
        let wished = preference.is_empty() || reaches[index].worst == 0;
        // Players who did not measure go where the party prefers to go.
        let everybody = by_players == players
            && (!preference.is_empty() || players == super::count(ticket.players.len()));
        reaches[index] = if wished && everybody {
            let choice = match by {
                RegionBy::Worst => worst,
                RegionBy::Mean => sum / players.max(1),
            };
            let short = |ms: u32| u16::try_from(ms).unwrap_or(u16::MAX - 1);
            Reach {
                worst: short(worst),
                choice: short(choice),
            }
        } else {
            Reach::NEVER
        };
    }
    reaches
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

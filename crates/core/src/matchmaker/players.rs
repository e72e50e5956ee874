//! Which ticket a player waits in, so that nobody is matched through two.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::slots::Slots;
use crate::id::PlayerId;

/// Odd, with as many ones as zeros and no pattern: the golden ratio in 64 bits.
pub(super) const FOLD: u64 = 0x9e37_79b9_7f4a_7c15;

/// The first ticket of each player. Ids are in the tickets: an entry holds half of a hash, and asks the ticket in the
/// rare case that it agrees.
#[derive(Debug)]
pub(super) struct Players {
    entries: HashTable<Entry>,
    /// Players choose their names, and must not choose where those go.
    seed: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    check: u32,
    slot: u32,
}

impl Default for Players {
    fn default() -> Self {
        Self {
            entries: HashTable::new(),
            seed: RandomState::new().hash_one(FOLD),
        }
    }
}

impl Players {
    /// What a player is found by.
    pub(super) fn check(&self, player: &PlayerId) -> u32 {
        let text = player.as_str().as_bytes();
        let mut state = self.seed ^ text.len() as u64;
        for bytes in text.chunks(8) {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            state = fold(state ^ u64::from_le_bytes(word), FOLD);
        }
        u32::try_from(fold(state, self.seed | 1) >> 32).unwrap_or(u32::MAX)
    }

    /// The slot of the ticket that has `player`: `slot`, unless there is another.
    pub(super) fn claim(&mut self, player: &PlayerId, slot: u32, slots: &Slots) -> u32 {
        let check = self.check(player);
        let same = |entry: &Entry| {
            let players = || slots.ticket(entry.slot).players.iter();
            entry.check == check
                && (entry.slot == slot || players().any(|other| other.player_id == *player))
        };
        if let Some(known) = self.entries.find(spread(check), same) {
            return known.slot;
        }
        let entry = Entry { check, slot };
        self.entries
            .insert_unique(spread(check), entry, |entry| spread(entry.check));
        slot
    }

    /// The ticket in `slot` goes away.
    pub(super) fn release(&mut self, check: u32, slot: u32) {
        let own = |entry: &Entry| entry.slot == slot && entry.check == check;
        if let Ok(entry) = self.entries.find_entry(spread(check), own) {
            entry.remove();
        }
    }
}

/// The table wants 64 bits, mixed.
fn spread(check: u32) -> u64 {
    u64::from(check).wrapping_mul(FOLD)
}

/// Both halves of the product, one over the other.
pub(super) fn fold(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    #[expect(clippy::cast_possible_truncation, reason = "the halves are wanted")]
    let (high, low) = ((product >> 64) as u64, product as u64);
    high ^ low
}

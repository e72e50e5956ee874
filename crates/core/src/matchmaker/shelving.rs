//! Bringing the shelves up to date. Who comes and goes between two plans is put on them and taken off in the order in
//! which they stand, so that each part of a shelf is fetched from memory once, and a pool that is filled at once is
//! written from one end to the other.

use super::index::{Index, bits, item};
use super::shelf::{self, Ids, Item, Shelf};
use super::slots::Slots;

/// Tickets that are brought up to date together.
const BLOCK: usize = 16;

/// A ticket in the order of the shelves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stand {
    partition: u32,
    skill: i32,
    tie: u32,
    pub(super) slot: u32,
    /// Regions, as bits.
    pub(super) mask: u64,
}

impl Stand {
    pub(super) fn of(slots: &Slots, slot: u32, mask: u64) -> Self {
        let hot = slots.hot(slot);
        Self {
            partition: hot.partition,
            skill: hot.skill,
            tie: hot.tie(),
            slot,
            mask,
        }
    }

    const fn item(&self) -> Item {
        Item {
            skill: self.skill,
            tie: self.tie,
            slot: self.slot,
        }
    }
}

/// Puts them into the order in which they stand on the shelves. It is the same in every pool of these tickets, which the
/// numbers of partitions and slots are not.
fn sort(stands: &mut [Stand], slots: &Slots) {
    shelf::sort(
        stands,
        |stand| (stand.skill, stand.tie),
        |stand| slots.id(stand.slot),
    );
}

/// Who comes and who goes.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// Who comes to stand, and on the shelves of which regions.
    pub(super) coming: Vec<Stand>,
    /// Slots, and the regions from whose shelves they go.
    pub(super) going: Vec<(u32, u64)>,
    /// Who came to stand when the shelves were last brought up to date, in their order.
    pub(super) stood: Vec<u32>,
    /// Slots to be used again when no shelf names them any more.
    pub(super) vacant: Vec<u32>,
}

impl Index {
    /// Makes the shelves hold what they should.
    pub(super) fn settle_shelves(&mut self) {
        self.take_off();
        self.pending.stood = Vec::new();
        if !self.pending.coming.is_empty() {
            let mut stands = std::mem::take(&mut self.pending.coming);
            let slots = &self.slots;
            // Some went away before they ever stood.
            stands.retain(|stand| slots.is_used(stand.slot));
            sort(&mut stands, slots);
            self.on_each(&stands, |shelf, stand, slots| {
                shelf.insert(stand.item(), slots);
            });
            self.pending.stood = stands.into_iter().map(|stand| stand.slot).collect();
        }
        for slot in self.pending.vacant.drain(..) {
            self.slots.release(slot);
        }
    }

    /// Those who are `due`, in an order that is the same in every pool of these tickets, which slots are not, and in which
    /// each part of a shelf is read once. Mostly they are who just came to stand, and are in that order already.
    pub(super) fn in_shelf_order(&mut self, due: Vec<u32>) -> Vec<u32> {
        let slots = &self.slots;
        let mut stood = std::mem::take(&mut self.pending.stood);
        let mut wanted = vec![0_u64; slots.hot.len().div_ceil(64)];
        for slot in &due {
            wanted[*slot as usize / 64] |= 1 << (slot % 64);
        }
        stood.retain(|slot| {
            let (word, bit) = (&mut wanted[*slot as usize / 64], 1 << (slot % 64));
            let is_wanted = *word & bit != 0;
            *word &= !bit;
            is_wanted
        });
        if stood.len() == due.len() {
            return stood;
        }
        drop(stood);
        let mut items: Vec<Item> = due
            .into_iter()
            .map(|slot| item(slots.hot(slot), slot))
            .collect();
        shelf::sort(
            &mut items,
            |item| (item.skill, item.tie),
            |item| slots.id(item.slot),
        );
        items.into_iter().map(|item| item.slot).collect()
    }

    /// Takes off the shelves who went away or is in a match.
    pub(super) fn take_off(&mut self) {
        if self.pending.going.is_empty() {
            return;
        }
        let slots = &self.slots;
        let going = self.pending.going.drain(..);
        let mut stands: Vec<Stand> = going
            .map(|(slot, mask)| Stand::of(slots, slot, mask))
            .collect();
        sort(&mut stands, slots);
        self.on_each(&stands, |shelf, stand, slots| {
            shelf.remove(&stand.item(), slots);
        });
    }

    /// Changes all shelves on which they stand or will stand.
    fn on_each(&mut self, stands: &[Stand], change: impl Fn(&mut Shelf, &Stand, &Slots)) {
        for block in stands.chunks(BLOCK) {
            self.touch_shelves(block);
            for stand in block {
                for region in bits(stand.mask) {
                    let shelf = self.shelf_index(stand.partition, region);
                    change(&mut self.shelves[shelf], stand, &self.slots);
                }
            }
        }
    }

    /// Reads where they stand or will stand, so that the memory fetches it side by side.
    fn touch_shelves(&self, block: &[Stand]) {
        let read = |sum: u32, stand: &Stand| {
            bits(stand.mask).fold(sum, |sum, region| {
                let shelf = self.shelf_index(stand.partition, region);
                sum ^ self.shelves[shelf].touch(stand.skill)
            })
        };
        std::hint::black_box(block.iter().fold(0, read));
    }
}

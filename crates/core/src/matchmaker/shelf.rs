//! Tickets of one region in order of skill, kept in order while tickets come and go.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Items of one chunk: 768 bytes, so that making room for one moves little. A chunk splits in two at this size.
const CHUNK_ITEMS_MAX: usize = 64;

/// Places in a chunk: one behind its last item is one.
const PLACES: usize = 2 * CHUNK_ITEMS_MAX;

/// Items behind the last one found that are compared before a search begins: who is looked for in the order of the shelf
/// is mostly one of them.
const NEXT_ITEMS: usize = 3;

/// Items that a full chunk keeps where the shelf is filled from below: there is room for who comes later.
const CHUNK_ITEMS_FILLED: usize = CHUNK_ITEMS_MAX / 4 * 3;

/// Neighbours that are together no larger than this become one chunk again.
const CHUNK_ITEMS_MERGED: usize = CHUNK_ITEMS_MAX / 2;

/// A ticket on the shelf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// Its skill, in the pool's fixed-point units.
    pub(super) skill: i32,
    /// What tells it from others of its skill, but for rare ones.
    pub(super) tie: u32,
    /// Where it is in the pool.
    pub(super) slot: u32,
}

impl Item {
    const fn key(&self) -> (i32, u32) {
        (self.skill, self.tie)
    }
}

/// Puts `all` into the order of a shelf: by skill and tie, and where those agree by id. First by one number, which is
/// compared without a branch that nobody can foresee; ids are read for those who agree only.
pub(super) fn sort<T>(all: &mut [T], key: impl Fn(&T) -> (i32, u32), id: impl Fn(&T) -> u128) {
    let order = |one: &T| {
        let (skill, tie) = key(one);
        u64::from(skill.cast_unsigned() ^ 1 << 31) << 32 | u64::from(tie)
    };
    all.sort_unstable_by_key(order);
    for alike in all.chunk_by_mut(|one, other| order(one) == order(other)) {
        if alike.len() > 1 {
            alike.sort_unstable_by_key(&id);
        }
    }
}

/// Whole ids by slot, for the rare items that agree in all that they carry.
pub(super) trait Ids {
    fn id(&self, slot: u32) -> u128;
}

/// A place on the shelf.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    chunk: usize,
    index: usize,
}

/// Chunks in order. Finding costs O(log n), inserting and removing O(log n + [`CHUNK_ITEMS_MAX`]); one after the other
/// in the order of the shelf, O(log [`CHUNK_ITEMS_MAX`]).
#[derive(Debug, Default)]
pub(super) struct Shelf {
    chunks: Vec<Vec<Item>>,
    /// First item of each chunk, so that a search reads one array.
    firsts: Vec<Item>,
    /// Where the last search ended: the next one often ends near. A hint; atomic only so that a pool can be lent to
    /// another thread. Of its number the low bits are the index in the chunk.
    last: AtomicUsize,
    /// Players, those included who are about to come to stand here.
    pub(super) players: u64,
}

impl Shelf {
    fn last(&self) -> Place {
        let last = self.last.load(Ordering::Relaxed);
        Place {
            chunk: last / PLACES,
            index: last % PLACES,
        }
    }

    fn remember(&self, Place { chunk, index }: Place) {
        self.last.store(chunk * PLACES + index, Ordering::Relaxed);
    }

    /// Where `item` is, or where it would be.
    fn seek(&self, item: &Item, ids: &impl Ids) -> Result<Place, Place> {
        let Place { chunk, index } = self.last();
        if let Some(items) = self.chunks.get(chunk) {
            let next = items.iter().enumerate().skip(index).take(NEXT_ITEMS);
            if let Some((index, _)) = next.into_iter().find(|(_, other)| *other == item) {
                self.remember(Place { chunk, index });
                return Ok(Place { chunk, index });
            }
        }
        let found = self.search(item, ids);
        let (Ok(place) | Err(place)) = found;
        self.remember(place);
        found
    }

    fn search(&self, item: &Item, ids: &impl Ids) -> Result<Place, Place> {
        let order = |other: &Item| {
            other
                .key()
                .cmp(&item.key())
                .then_with(|| ids.id(other.slot).cmp(&ids.id(item.slot)))
        };
        let chunk = self.chunk(|first| order(first).is_le());
        let Some(items) = self.chunks.get(chunk) else {
            return Err(Place { chunk: 0, index: 0 });
        };
        match items.binary_search_by(order) {
            Ok(index) => Ok(Place { chunk, index }),
            Err(index) => Err(Place { chunk, index }),
        }
    }

    /// The last chunk whose first item is not behind what is looked for; the first one if there is none.
    fn chunk(&self, is_before: impl Fn(&Item) -> bool) -> usize {
        let holds = |chunk: usize| {
            self.firsts.get(chunk).is_some_and(&is_before)
                && !self.firsts.get(chunk + 1).is_some_and(&is_before)
        };
        let last = self.last().chunk;
        let near = [last, last + 1].into_iter().find(|chunk| holds(*chunk));
        near.unwrap_or_else(|| self.firsts.partition_point(&is_before).max(1) - 1)
    }

    pub(super) fn insert(&mut self, item: Item, ids: &impl Ids) {
        let is_last = |last: &Item| {
            let order = last.key().cmp(&item.key());
            order
                .then_with(|| ids.id(last.slot).cmp(&ids.id(item.slot)))
                .is_lt()
        };
        let last = self
            .chunks
            .last()
            .filter(|chunk| chunk.last().is_some_and(is_last));
        let place = if let Some(last) = last {
            Place {
                chunk: self.chunks.len() - 1,
                index: last.len(),
            }
        } else {
            let (Ok(place) | Err(place)) = self.seek(&item, ids);
            place
        };
        if self.chunks.is_empty() {
            self.chunks.push(Vec::new());
            self.firsts.push(item);
        }
        let Place { chunk, index } = place;
        let is_end = chunk + 1 == self.chunks.len() && index == self.chunks[chunk].len();
        if is_end && index >= CHUNK_ITEMS_FILLED {
            let mut next = Vec::with_capacity(CHUNK_ITEMS_MAX);
            next.push(item);
            self.chunks.push(next);
            self.firsts.push(item);
            return;
        }
        if self.chunks[chunk].len() == CHUNK_ITEMS_MAX {
            // Room for what comes: half of a chunk is what a split leaves to each side.
            let mut upper = Vec::with_capacity(CHUNK_ITEMS_MAX);
            upper.extend(self.chunks[chunk].drain(CHUNK_ITEMS_MAX / 2..));
            self.firsts.insert(chunk + 1, upper[0]);
            self.chunks.insert(chunk + 1, upper);
            if let Some(index) = index.checked_sub(CHUNK_ITEMS_MAX / 2).filter(|at| *at > 0) {
                self.chunks[chunk + 1].insert(index, item);
                return;
            }
        }
        self.chunks[chunk].insert(index, item);
        self.firsts[chunk] = self.chunks[chunk][0];
    }

    pub(super) fn remove(&mut self, item: &Item, ids: &impl Ids) {
        let Ok(Place { chunk, index }) = self.seek(item, ids) else {
            return;
        };
        self.chunks[chunk].remove(index);
        let len = self.chunks[chunk].len();
        if len == 0 {
            self.chunks.remove(chunk);
            self.firsts.remove(chunk);
            return;
        }
        self.firsts[chunk] = self.chunks[chunk][0];
        let next = self.chunks.get(chunk + 1).map_or(usize::MAX, Vec::len);
        if len.saturating_add(next) <= CHUNK_ITEMS_MERGED {
            let next = self.chunks.remove(chunk + 1);
            self.firsts.remove(chunk + 1);
            self.chunks[chunk].extend(next);
        }
    }

    /// Reads the chunk of a skill at some places: a search will read it too.
    pub(super) fn touch(&self, skill: i32) -> u32 {
        let last = self.last().chunk;
        let is_here = self
            .firsts
            .get(last)
            .is_some_and(|first| first.skill <= skill)
            && self
                .firsts
                .get(last + 1)
                .is_none_or(|next| skill < next.skill);
        if is_here {
            return 0;
        }
        let after = self.firsts.partition_point(|first| first.skill <= skill);
        let Some(chunk) = self.chunks.get(after.saturating_sub(1)) else {
            return 0;
        };
        let at = |share: usize| {
            chunk
                .get(chunk.len() * share / 4)
                .map_or(0, |item| item.slot)
        };
        at(0) ^ at(1) ^ at(2) ^ at(3)
    }

    /// Where `item` is; the first place if it is not there.
    pub(super) fn find(&self, item: &Item, ids: &impl Ids) -> Place {
        match self.seek(item, ids) {
            Ok(place) | Err(place) => place,
        }
    }

    /// Items of its chunk that stand no more than `far` from a place.
    pub(super) fn beside(&self, place: &Place, far: usize) -> &[Item] {
        let items = self.chunks.get(place.chunk).map_or(&[][..], Vec::as_slice);
        let end = items.len().min(place.index + far + 1);
        &items[place.index.saturating_sub(far).min(end)..end]
    }

    /// What stands there.
    pub(super) fn at(&self, place: &Place) -> Option<&Item> {
        self.chunks.get(place.chunk)?.get(place.index)
    }

    /// The next lower item.
    pub(super) fn below(&self, place: &mut Place) -> Option<&Item> {
        if place.index == 0 {
            place.chunk = place.chunk.checked_sub(1)?;
            place.index = self.chunks[place.chunk].len();
        }
        place.index -= 1;
        self.chunks[place.chunk].get(place.index)
    }

    /// The next higher item.
    pub(super) fn above(&self, place: &mut Place) -> Option<&Item> {
        place.index += 1;
        if place.index >= self.chunks.get(place.chunk)?.len() {
            if place.chunk + 1 >= self.chunks.len() {
                return None;
            }
            place.chunk += 1;
            place.index = 0;
        }
        self.chunks[place.chunk].get(place.index)
    }

    /// Items with a skill from `low` to `high`.
    pub(super) fn range(&self, low: i32, high: i32) -> impl Iterator<Item = &Item> {
        let after = self.firsts.partition_point(|first| first.skill < low);
        self.chunks[after.saturating_sub(1).min(self.chunks.len())..]
            .iter()
            .flatten()
            .skip_while(move |item| item.skill < low)
            .take_while(move |item| item.skill <= high)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct NoTies;

    impl Ids for NoTies {
        fn id(&self, slot: u32) -> u128 {
            u128::from(slot)
        }
    }

    fn item(skill: i32, slot: u32) -> Item {
        Item {
            skill,
            slot,
            tie: slot / 2,
        }
    }

    proptest! {
        #[test]
        fn a_shelf_is_a_sorted_list(changes in prop::collection::vec((any::<bool>(), -50_i32..50, 0_u32..40), 1..3_000)) {
            let mut shelf = Shelf::default();
            let mut model: Vec<Item> = Vec::new();
            for (add, skill, slot) in changes {
                let item = item(skill, slot);
                let known = model.iter().position(|other| *other == item);
                match (add, known) {
                    (true, None) => { shelf.insert(item, &NoTies); model.push(item); }
                    (false, Some(at)) => { shelf.remove(&item, &NoTies); model.swap_remove(at); }
                    _ => {}
                }
            }
            model.sort_by_key(|item| (item.skill, item.tie, item.slot));
            let all: Vec<Item> = shelf.range(i32::MIN, i32::MAX).copied().collect();
            prop_assert_eq!(&all, &model);
            let middle: Vec<Item> = shelf.range(-10, 10).copied().collect();
            let wanted: Vec<Item> = model.iter().filter(|item| item.skill.abs() <= 10).copied().collect();
            prop_assert_eq!(middle, wanted);
            for (at, item) in model.iter().enumerate() {
                let mut place = shelf.find(item, &NoTies);
                prop_assert_eq!(shelf.above(&mut place), model.get(at + 1));
                let mut place = shelf.find(item, &NoTies);
                prop_assert_eq!(shelf.below(&mut place), at.checked_sub(1).map(|at| &model[at]));
            }
        }
    }
}

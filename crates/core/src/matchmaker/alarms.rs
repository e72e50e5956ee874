//! Moments at which something is worth a look.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Moments that count no more and are kept all the same, beside as many as there are things: 16 bytes each.
const STALE_MAX: usize = 1_024;

/// Moments of things that come, go, and get another moment. One that counts no more stays until it comes, or until there
/// are too many of them.
#[derive(Debug)]
pub(super) struct Alarms<K>(BinaryHeap<Reverse<(u64, K)>>);

impl<K> Default for Alarms<K>
where
    K: Ord,
{
    fn default() -> Self {
        Self(BinaryHeap::new())
    }
}

impl<K: Copy + Ord> Alarms<K> {
    pub(super) fn set(&mut self, at: u64, of: K) {
        self.0.push(Reverse((at, of)));
    }

    /// The next one that has come by `now`, whether it counts or not.
    pub(super) fn take(&mut self, now: u64) -> Option<(u64, K)> {
        let due = self.0.peek_mut().filter(|first| first.0.0 <= now)?;
        Some(std::collections::binary_heap::PeekMut::pop(due).0)
    }

    /// The next moment of those that `count`.
    pub(super) fn next_at(&mut self, count: impl Fn(u64, K) -> bool) -> Option<u64> {
        while let Some(Reverse((at, of))) = self.0.peek().copied() {
            if count(at, of) {
                return Some(at);
            }
            self.0.pop();
        }
        None
    }

    /// Forgets all but those that `count`, if most do not: of so many `things` each has one at most.
    pub(super) fn tidy(&mut self, things: usize, count: impl Fn(u64, K) -> bool) {
        if self.0.len() > 2 * things + STALE_MAX {
            let mut all = std::mem::take(&mut self.0).into_vec();
            all.retain(|Reverse((at, of))| count(*at, *of));
            all.sort_unstable();
            all.dedup();
            self.0 = all.into();
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Those that count no more included.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Of each thing the moment that it was given last counts.
        #[test]
        fn moments_come_in_order_and_stale_ones_do_not_pile_up(
            given in prop::collection::vec((0_u32..40, 1_u64..1_000), 0..4_000), now in 0_u64..1_000,
        ) {
            let mut alarms = Alarms::default();
            let mut last = std::collections::BTreeMap::new();
            for (thing, at) in given {
                alarms.set(at, thing);
                last.insert(thing, at);
                alarms.tidy(40, |at, thing| last.get(&thing) == Some(&at));
                prop_assert!(alarms.len() <= 80 + STALE_MAX);
            }
            let mut due = std::collections::BTreeSet::new();
            while let Some((at, thing)) = alarms.take(now) {
                prop_assert!(at <= now);
                if last.get(&thing) == Some(&at) {
                    due.insert(thing);
                }
            }
            let wanted = last.iter().filter(|(_, at)| **at <= now);
            prop_assert_eq!(due, wanted.map(|(thing, _)| *thing).collect());
            let next = alarms.next_at(|at, thing| last.get(&thing) == Some(&at));
            prop_assert_eq!(next, last.values().copied().filter(|at| *at > now).min());
        }
    }
}

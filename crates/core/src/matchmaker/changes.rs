//! Whom it concerns when a ticket goes away or becomes acceptable elsewhere.

use std::collections::BTreeMap;

use super::index::{FRESH, Index, bits, item};
use super::slots::Hot;

/// See [`Index::next_to`].
const NEIGHBOUR_MATCHES: usize = 16;

impl Index {
    /// Whether somebody went away since those around were last looked at, and somebody is left.
    pub(super) fn has_changed(&self) -> bool {
        !self.changed.is_empty() && !self.masks.is_empty()
    }

    /// Looks again at those around whom somebody went away or became acceptable, as far as it may matter.
    pub(super) fn refresh_changed(&mut self) {
        let changed = std::mem::take(&mut self.changed);
        let again = if self.is_general() || self.rules.aim.is_none() {
            self.within_windows_of(&changed)
        } else {
            self.next_to(&changed)
        };
        for slot in again {
            // Whether it could play but for a server is to be seen anew.
            self.slots.hot_mut(slot).stuck = false;
            if self.slots.hot(slot).due != FRESH {
                self.refresh(slot);
            }
        }
    }

    /// Everybody whose window may hold one of them.
    fn within_windows_of(&self, changed: &[(u32, u64, Hot)]) -> Vec<u32> {
        let mut spans: BTreeMap<usize, Vec<(i32, i32)>> = BTreeMap::new();
        let widest = i32::try_from(self.rules.allowance.widest()).unwrap_or(i32::MAX);
        for (partition, mask, hot) in changed {
            for region in bits(*mask) {
                let shelf = self.shelf_index(*partition, region);
                let span = (
                    hot.skill.saturating_sub(widest),
                    hot.skill.saturating_add(widest),
                );
                spans.entry(shelf).or_default().push(span);
            }
        }
        let mut again = Vec::new();
        for (shelf, mut spans) in spans {
            spans.sort_unstable();
            let mut reached = i32::MIN;
            for (low, high) in spans {
                let low = low.max(reached);
                again.extend(self.shelves[shelf].range(low, high).map(|item| item.slot));
                reached = reached.max(high);
            }
        }
        again
    }

    /// The neighbours of them in whose best windows they may have been: a window has as many players as a match, and
    /// those who are newer than its newest are passed over. In a crowd, only the nearest [`NEIGHBOUR_MATCHES`] matches
    /// full are looked at again at once; the others when their time comes.
    fn next_to(&self, changed: &[(u32, u64, Hot)]) -> Vec<u32> {
        let far = self.rules.target as usize * NEIGHBOUR_MATCHES;
        let mut again = Vec::new();
        for (partition, mask, hot) in changed {
            for region in bits(*mask) {
                let shelf = &self.shelves[self.shelf_index(*partition, region)];
                let place = shelf.find(&item(hot, u32::MAX), &self.slots);
                let (mut down, mut up) = (place, place);
                again.extend(shelf.at(&place).map(|item| item.slot));
                again.extend(
                    (0..far)
                        .map_while(|_| shelf.below(&mut down))
                        .map(|item| item.slot),
                );
                again.extend(
                    (0..far)
                        .map_while(|_| shelf.above(&mut up))
                        .map(|item| item.slot),
                );
            }
        }
        again
    }
}

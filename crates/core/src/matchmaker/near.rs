//! Who is near a ticket: the older ones on its shelf, by distance in skill, and the best window of single players.
//!
//! Of all members of a possible match, one is the newest, and it allows least. So a match is looked for around its
//! newest member, among those who are older: what the newest allows, everybody does. A ticket that came later never
//! changes what is found around an older one, and one that went away only makes it less; therefore the moment computed
//! for a ticket is never too late, and nothing needs to be computed again before it.

use super::compiled::Compiled;
use super::shelf::{Item, Shelf};
use super::slots::Slots;

/// Items that a walk to one side looks at, at most: the skipped ones are newer. Whoever meets so many has a crowd of
/// newer ones around, which are looked at themselves.
const LOOKS_MAX: u32 = 16_384;

/// A ticket near another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Near {
    pub(super) slot: u32,
    pub(super) skill: i32,
    pub(super) created: u64,
}

/// The tickets around one, nearest first on both sides.
#[derive(Debug, Default)]
pub(super) struct Around {
    pub(super) low: Vec<Near>,
    pub(super) high: Vec<Near>,
    /// Oldest of the first so many.
    low_oldest: Vec<u64>,
    high_oldest: Vec<u64>,
    /// A walk ended before it had seen everybody who could matter.
    pub(super) cut: bool,
}

/// What limits the walks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Farthest in skill, units.
    pub(super) reach: i64,
    /// Tickets of each side.
    pub(super) side_max: usize,
    /// The plan whose tickets are not free any more.
    pub(super) plan: u32,
}

impl Around {
    /// Collects the older free tickets around `slot`.
    pub(super) fn collect(&mut self, slots: &Slots, shelf: &Shelf, item: &Item, limits: Limits) {
        self.cut = false;
        let mut place = shelf.find(item, slots);
        side(&mut self.low, &mut self.cut, slots, item, limits, || {
            shelf.below(&mut place)
        });
        let mut place = shelf.find(item, slots);
        side(&mut self.high, &mut self.cut, slots, item, limits, || {
            shelf.above(&mut place)
        });
    }

    /// Needed before [`Self::oldest`].
    fn age(&mut self, created: u64) {
        let ages = |side: &[Near], oldest: &mut Vec<u64>| {
            oldest.clear();
            oldest.push(created);
            let mut least = created;
            oldest.extend(side.iter().map(|near| {
                least = least.min(near.created);
                least
            }));
        };
        ages(&self.low, &mut self.low_oldest);
        ages(&self.high, &mut self.high_oldest);
    }

    fn oldest(&self, low: usize, high: usize) -> u64 {
        self.low_oldest[low].min(self.high_oldest[high])
    }

    /// The lowest skill of a window that takes the `low` nearest below.
    fn bottom(&self, low: usize, own: i32) -> i64 {
        i64::from(low.checked_sub(1).map_or(own, |at| self.low[at].skill))
    }

    fn top(&self, high: usize, own: i32) -> i64 {
        i64::from(high.checked_sub(1).map_or(own, |at| self.high[at].skill))
    }

    /// The smallest spread above `allowed` that any window around `own` has: what must be allowed for anything new.
    pub(super) fn next_spread(&self, own: i32, allowed: i64) -> Option<i64> {
        let mut next: Option<i64> = None;
        let mut high = self.high.len();
        for low in 0..=self.low.len() {
            let bottom = self.bottom(low, own);
            while high > 0 && self.top(high, own) - bottom > allowed {
                high -= 1;
            }
            let spread = if self.top(high, own) - bottom > allowed {
                Some(self.top(high, own) - bottom)
            } else {
                self.high
                    .get(high)
                    .map(|near| i64::from(near.skill) - bottom)
            };
            next = next.into_iter().chain(spread).min();
        }
        next
    }

    /// The first moment after `now` at which a smaller match becomes enough because somebody has waited longer.
    pub(super) fn next_settling(&self, rules: &Compiled, created: u64, now: u64) -> Option<u64> {
        let all = self.low.iter().chain(&self.high).map(|near| near.created);
        all.chain([created])
            .filter_map(|created| {
                let after = rules.next_size(now.saturating_sub(created))?;
                Some(created.saturating_add(after))
            })
            .min()
    }
}

fn side<'a>(
    found: &mut Vec<Near>,
    cut: &mut bool,
    slots: &Slots,
    item: &Item,
    limits: Limits,
    mut next: impl FnMut() -> Option<&'a Item>,
) {
    found.clear();
    let own = slots.hot(item.slot);
    let mut looks = 0;
    while let Some(other) = next() {
        if (i64::from(other.skill) - i64::from(item.skill)).abs() > limits.reach {
            return;
        }
        looks += 1;
        let hot = slots.hot(other.slot);
        if hot.taken != limits.plan && hot.is_older(own) {
            if found.len() >= limits.side_max {
                *cut = true;
                return;
            }
            found.push(Near {
                slot: other.slot,
                skill: other.skill,
                created: hot.created,
            });
        } else if looks >= LOOKS_MAX {
            *cut = true;
            return;
        }
    }
}

/// A window of single players: so many below, so many above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) low: usize,
    pub(super) high: usize,
    pub(super) spread: i64,
    pub(super) oldest: u64,
}

impl Window {
    pub(super) fn players(&self) -> usize {
        self.low + self.high + 1
    }
}

/// The best window of single players around `own` that may play at `now`, or the first moment at which there may be one.
///
/// The narrowest of the full size, else the largest that is enough. O(players of a match).
pub(super) fn window(
    around: &mut Around,
    rules: &Compiled,
    own: &super::slots::Hot,
    now: u64,
) -> Result<Window, u64> {
    let target = rules.target as usize;
    let allowed = rules.allowance.after(now.saturating_sub(own.since));
    let when = |spread: i64| {
        let waited = rules.allowance.until(spread);
        waited.map_or(u64::MAX, |waited| own.since.saturating_add(waited))
    };
    let least = rules.players_floor() as usize;
    if around.low.len() + around.high.len() + 1 < least {
        return Err(u64::MAX);
    }
    around.age(own.created);
    let of = |around: &Around, low: usize, high: usize| Window {
        low,
        high,
        spread: around.top(high, own.skill) - around.bottom(low, own.skill),
        oldest: around.oldest(low, high),
    };
    let full = (0..target.min(around.low.len() + 1))
        .filter(|low| target - 1 - low <= around.high.len())
        .map(|low| of(around, low, target - 1 - low))
        .min_by_key(|window| (window.spread, window.oldest));
    if let Some(window) = full
        && window.spread <= allowed
    {
        return Ok(window);
    }
    if rules.sizes.is_empty() {
        return Err(full.map_or(u64::MAX, |window| when(window.spread)));
    }
    let mut best: Option<Window> = None;
    let mut high = around.high.len();
    for low in 0..=around.low.len() {
        let bottom = around.bottom(low, own.skill);
        if i64::from(own.skill) - bottom > allowed {
            break;
        }
        while high > 0 && around.top(high, own.skill) - bottom > allowed {
            high -= 1;
        }
        // An even number may need one less than there are.
        for high in (high.saturating_sub(rules.shapes.len())..=high).rev() {
            let window = of(around, low, high);
            let waited = now.saturating_sub(window.oldest);
            let players = super::count(window.players());
            let fits = players >= rules.players_least(waited)
                && players <= rules.target
                && rules.seats_solos(players, waited);
            let better =
                |best: &Window| (window.players(), -window.spread) > (best.players(), -best.spread);
            if fits && best.as_ref().is_none_or(better) {
                best = Some(window);
            }
        }
    }
    best.ok_or_else(|| {
        let wider = around
            .next_spread(own.skill, allowed)
            .map_or(u64::MAX, when);
        let settled = around
            .next_settling(rules, own.created, now)
            .unwrap_or(u64::MAX);
        wider.min(settled)
    })
}

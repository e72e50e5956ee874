//! Who is near a ticket: the older ones on its shelf, by distance in skill, and the best window of single players.
//!
//! Of all members of a possible match, one is the newest, and it allows least. So a match is looked for around its
//! newest member, among those who are older: what the newest allows, everybody does. A ticket that came later never
//! changes what is found around an older one, and one that went away only makes it less; therefore the moment computed
//! for a ticket is never too late, and nothing needs to be computed again before it.

use super::compiled::Compiled;
use super::shelf::{Item, Shelf};
use super::slots::{Hot, Slots};

/// Items that a walk to one side passes over, at most: they are newer. Whoever meets so many has a crowd around, in
/// which everybody newer is looked at too.
pub(super) const PASSED_MAX: u32 = 1_024;

/// Pause before a crowd is looked at again of which only a part could be considered, milliseconds.
pub(super) const CROWD_LOOK_MS: u64 = 1_000;

/// Neighbours on each side whose data is asked of the memory before a walk begins.
pub(super) const TOUCHED_MAX: usize = 24;

/// A ticket near another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Near {
    pub(super) slot: u32,
    pub(super) skill: i32,
    pub(super) created: u64,
    pub(super) eager: u64,
}

/// Of the first so many of one side, the oldest, and the sum of when they began to wait.
#[derive(Debug, Default)]
struct Ages {
    oldest: Vec<u64>,
    eager: Vec<u64>,
}

impl Ages {
    fn of(&mut self, own: &Hot, side: &[Near]) {
        let (mut oldest, mut eager) = (own.created, 0);
        self.oldest.clear();
        self.eager.clear();
        self.oldest.push(oldest);
        self.eager.push(eager);
        for near in side {
            oldest = oldest.min(near.created);
            // Sums of the times of 2^20 tickets fit: a time in milliseconds is below 2^42 until the year 2109.
            eager = near.eager.saturating_add(eager);
            self.oldest.push(oldest);
            self.eager.push(eager);
        }
    }
}

/// The tickets around one, nearest first on both sides.
#[derive(Debug, Default)]
pub(super) struct Around {
    pub(super) low: Vec<Near>,
    pub(super) high: Vec<Near>,
    low_ages: Ages,
    high_ages: Ages,
    /// There is more on a side than was collected.
    pub(super) cut: bool,
    /// A walk ended because it passed too many newer ones.
    pub(super) crowded: bool,
}

/// What limits the walks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Farthest in skill, units.
    pub(super) reach: i64,
    /// Tickets of each side.
    pub(super) side_max: usize,
    /// Only the narrowest match is wanted, and of equally narrow ones any.
    pub(super) narrowest_only: bool,
}

impl Around {
    /// Collects the older free tickets around `slot`.
    pub(super) fn collect(&mut self, slots: &Slots, shelf: &Shelf, item: &Item, limits: Limits) {
        (self.cut, self.crowded) = (false, false);
        let place = shelf.find(item, slots);
        // Whether somebody is older cannot be foreseen: without this, one would be fetched after the other.
        slots.touch_hot(shelf.beside(&place, limits.side_max.min(TOUCHED_MAX)));
        let (mut down, mut up) = (place, place);
        side(
            &mut self.low,
            (&mut self.cut, &mut self.crowded),
            slots,
            item,
            limits,
            || shelf.below(&mut down),
        );
        let mut limits = limits;
        if limits.narrowest_only
            && self.low.len() >= limits.side_max
            && let Some(farthest) = self.low.last()
        {
            // Those below are a match: whoever is as far above would not make it narrower.
            let spread = i64::from(item.skill) - i64::from(farthest.skill);
            limits.reach = limits.reach.min(spread - 1);
        }
        side(
            &mut self.high,
            (&mut self.cut, &mut self.crowded),
            slots,
            item,
            limits,
            || shelf.above(&mut up),
        );
    }

    /// Needed before windows are looked at.
    fn age(&mut self, own: &Hot) {
        self.low_ages.of(own, &self.low);
        self.high_ages.of(own, &self.high);
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
    (cut, crowded): (&mut bool, &mut bool),
    slots: &Slots,
    item: &Item,
    limits: Limits,
    mut next: impl FnMut() -> Option<&'a Item>,
) {
    found.clear();
    let own = slots.hot(item.slot);
    let mut passed = 0;
    while let Some(other) = next() {
        if (i64::from(other.skill) - i64::from(item.skill)).abs() > limits.reach {
            return;
        }
        if found.len() >= limits.side_max {
            *cut = true;
            return;
        }
        if slots.is_taken(other.slot) {
            // It is about to go from the shelf.
            continue;
        }
        let hot = slots.hot(other.slot);
        if hot.is_older(own) {
            found.push(Near {
                slot: other.slot,
                skill: other.skill,
                created: hot.created,
                eager: hot.eager(),
            });
        } else {
            passed += 1;
            if passed >= PASSED_MAX {
                *crowded = true;
                return;
            }
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
    /// When its members began to wait, on average, head starts included.
    pub(super) eager: u64,
}

/// The best window of single players around `own` that may play at `now`, or the first moment at which there may be one.
///
/// One of the full size, narrow and old; else the largest that is enough. O(players of a match).
pub(super) fn window(
    around: &mut Around,
    rules: &Compiled,
    own: &Hot,
    now: u64,
) -> Result<Window, u64> {
    let again = if around.crowded {
        now.saturating_add(CROWD_LOOK_MS)
    } else {
        u64::MAX
    };
    let least = rules.players_floor() as usize;
    if around.low.len() + around.high.len() + 1 < least {
        return Err(again);
    }
    around.age(own);
    let search = Search {
        around,
        rules,
        own,
        now,
    };
    let found = search.full();
    if found.is_ok() || rules.sizes.is_empty() {
        return found.map_err(|at| at.min(again));
    }
    let at = found.err().unwrap_or(u64::MAX).min(again);
    search.smaller().map_err(|other| other.min(at))
}

impl Window {
    pub(super) fn players(&self) -> usize {
        self.low + self.high + 1
    }
}

struct Search<'a> {
    around: &'a Around,
    rules: &'a Compiled,
    own: &'a Hot,
    now: u64,
}

impl Search<'_> {
    fn allowed(&self) -> i64 {
        self.rules
            .allowance
            .after(self.now.saturating_sub(self.own.since))
    }

    /// When the newest, and so everybody, allows `spread`.
    fn allowed_at(&self, spread: i64) -> u64 {
        self.rules.allowed_at(spread, self.own.since)
    }

    fn of(&self, low: usize, high: usize) -> Window {
        let (around, own) = (self.around, self.own.skill);
        Window {
            low,
            high,
            spread: around.top(high, own) - around.bottom(low, own),
            oldest: around.low_ages.oldest[low].min(around.high_ages.oldest[high]),
            eager: (around.low_ages.eager[low] + around.high_ages.eager[high] + self.own.eager())
                / (low as u64 + high as u64 + 1),
        }
    }

    /// Windows of the full size.
    fn full(&self) -> Result<Window, u64> {
        let target = self.rules.target as usize;
        let around = self.around;
        let (lows, highs) = (around.low.len(), around.high.len());
        let mut best: Option<(i64, Window)> = None;
        let mut first = u64::MAX;
        let mut consider = |window: Window| {
            let at = self
                .allowed_at(window.spread)
                .max(self.rules.aimed_at(window.spread, window.eager));
            first = first.min(at);
            if at <= self.now {
                let cost = self
                    .rules
                    .waiting_cost(window.spread, window.eager, self.now);
                if best.is_none_or(|(least, _)| cost < least) {
                    best = Some((cost, window));
                }
            }
        };
        for low in (target - 1).saturating_sub(highs)..target.min(lows + 1) {
            consider(self.of(low, target - 1 - low));
        }
        best.map(|(_, window)| window).ok_or(first)
    }

    /// The largest window below the full size that is enough.
    fn smaller(&self) -> Result<Window, u64> {
        let (around, rules, own) = (self.around, self.rules, self.own);
        let (now, allowed) = (self.now, self.allowed());
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
                let window = self.of(low, high);
                let waited = now.saturating_sub(window.oldest);
                let players = super::count(window.players());
                let least = rules.players_least(waited);
                // Before a smaller match is enough, a full one is made when it is as narrow as it should be.
                let fits = players >= least
                    && least < rules.target
                    && players <= rules.target
                    && rules.seats_solos(players, waited);
                let better = |best: &Window| {
                    (window.players(), -window.spread) > (best.players(), -best.spread)
                };
                if fits && best.as_ref().is_none_or(better) {
                    best = Some(window);
                }
            }
        }
        best.ok_or_else(|| {
            let wider = around.next_spread(own.skill, allowed);
            let wider = wider.map_or(u64::MAX, |spread| self.allowed_at(spread));
            let settled = around
                .next_settling(rules, own.created, now)
                .unwrap_or(u64::MAX);
            wider.min(settled)
        })
    }
}

impl Around {
    /// The lowest and the highest who play in `window`.
    pub(super) fn ends(&self, window: &Window, slot: u32) -> [u32; 2] {
        let end = |side: &[Near], players: usize| {
            players.checked_sub(1).map_or(slot, |last| side[last].slot)
        };
        [end(&self.low, window.low), end(&self.high, window.high)]
    }

    /// Who plays in `window`.
    pub(super) fn members(&self, window: &Window, slot: u32) -> Vec<u32> {
        let inside = self.low[..window.low]
            .iter()
            .chain(&self.high[..window.high]);
        inside.map(|near| near.slot).chain([slot]).collect()
    }
}

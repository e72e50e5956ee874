//! Matches of two single players, found without collecting anybody: what a game of one against one asks for each who
//! comes.

use super::compiled::Compiled;
use super::near::{CROWD_LOOK_MS, Limits, PASSED_MAX};
use super::offer::Found;
use super::shelf::{Item, Shelf};
use super::slots::{Hot, Slots};

/// The nearest older one of one side.
struct Partner {
    slot: u32,
    spread: i64,
    created: u64,
    eager: u64,
}

/// The better of the nearest older ones below and above, if they may play at `now`, or the first moment at which one of
/// them may. The same as the best window of two.
pub(super) fn pair(
    slots: &Slots,
    shelf: &Shelf,
    rules: &Compiled,
    item: &Item,
    (limits, now): (Limits, u64),
) -> Result<Found, u64> {
    let own = slots.hot(item.slot);
    let place = shelf.find(item, slots);
    let (mut down, mut up) = (place, place);
    let mut reach = limits.reach;
    let below = nearest(slots, item, own, reach, || shelf.below(&mut down));
    if limits.narrowest_only
        && let Ok(Some(partner)) = &below
    {
        // Whoever is as far above would not make the match narrower.
        reach = reach.min(partner.spread - 1);
    }
    let above = nearest(slots, item, own, reach, || shelf.above(&mut up));
    let mut first = if below.is_err() || above.is_err() {
        now.saturating_add(CROWD_LOOK_MS)
    } else {
        u64::MAX
    };
    let mut best: Option<(i64, Found)> = None;
    let side = |side: Result<Option<Partner>, Crowd>| side.ok().flatten();
    for (is_above, partner) in [(true, side(above)), (false, side(below))] {
        let Some(partner) = partner else {
            continue;
        };
        let eager = (partner.eager + own.eager()) / 2;
        let at = rules
            .allowed_at(partner.spread, own.since)
            .max(rules.aimed_at(partner.spread, eager));
        if at > now {
            first = first.min(at);
            continue;
        }
        let cost = rules.waiting_cost(partner.spread, eager, now);
        if best.as_ref().is_none_or(|(least, _)| cost < *least) {
            let found = Found {
                players: 2,
                spread: partner.spread,
                oldest: partner.created.min(own.created),
                eager,
                ends: if is_above {
                    [item.slot, partner.slot]
                } else {
                    [partner.slot, item.slot]
                },
                group: None,
            };
            best = Some((cost, found));
        }
    }
    best.map(|(_, found)| found).ok_or(first)
}

/// Too many newer ones stand on one side.
struct Crowd;

fn nearest<'a>(
    slots: &Slots,
    item: &Item,
    own: &Hot,
    reach: i64,
    mut next: impl FnMut() -> Option<&'a Item>,
) -> Result<Option<Partner>, Crowd> {
    let mut passed = 0;
    while let Some(other) = next() {
        let spread = (i64::from(other.skill) - i64::from(item.skill)).abs();
        if spread > reach {
            return Ok(None);
        }
        if slots.is_taken(other.slot) {
            continue;
        }
        let hot = slots.hot(other.slot);
        if hot.is_older(own) {
            return Ok(Some(Partner {
                slot: other.slot,
                spread,
                created: hot.created,
                eager: hot.eager(),
            }));
        }
        passed += 1;
        if passed >= PASSED_MAX {
            return Err(Crowd);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::matchmaker::index::item;
    use crate::matchmaker::near::{self, Around};
    use crate::matchmaker::tests::{NOW, mode, pool, ticket};
    use crate::mode::SkillWindow;

    /// What is found: players' ends in any order, or when to look again.
    type Seen = Result<(i64, u64, u64, Vec<u32>), u64>;

    fn seen(found: Result<Found, u64>) -> Seen {
        found.map(|found| {
            let mut ends = found.ends.to_vec();
            ends.sort_unstable();
            (found.spread, found.oldest, found.eager, ends)
        })
    }

    proptest! {
        #[test]
        fn a_pair_is_the_best_window_of_two(
            crowd in prop::collection::vec((1_300_u32..1_700, 0_u32..40), 2..40),
            aimed in any::<bool>(),
        ) {
            let mut mode = mode(2, 2, 2);
            mode.rules.aim = aimed.then_some(SkillWindow { initial: 5.0, growth_per_second: 3.0, max: 90.0 });
            let mut pool = pool(mode, &[]);
            for (id, (skill, waited_s)) in (1..).zip(&crowd) {
                pool.insert(ticket(id, &format!("{skill} {waited_s} 1 eu:20 -")));
            }
            let index = &mut pool.index;
            index.settle(NOW);
            index.slots.take_nobody();
            let mut around = Around::default();
            for slot in (0..).take(crowd.len()) {
                let (slots, rules) = (&index.slots, &index.rules);
                let hot = slots.hot(slot);
                let (shelf, item) = (&index.shelves[index.shelf_index(hot.partition, 0)], item(hot, slot));
                let limits = Limits {
                    reach: rules.allowance.widest(),
                    side_max: 1,
                    narrowest_only: !aimed,
                };
                let found = pair(slots, shelf, rules, &item, (limits, NOW.0));
                around.collect(slots, shelf, &item, limits);
                let window = near::window(&mut around, rules, hot, NOW.0)
                    .map(|window| Found::window(window, around.ends(&window, slot)));
                prop_assert_eq!(seen(found), seen(window));
            }
        }
    }
}

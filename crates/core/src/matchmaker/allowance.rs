//! How far apart in skill the players of a match may be, in whole numbers, so that every moment can be computed back.

use crate::mode::SkillWindow;
use crate::rules::{Aggregate, Rules, SkillStep};

/// Units of a point of skill. With ±1,000,000 points this leaves half of an `i32`.
const UNITS_PER_POINT: f64 = 1_024.0;

/// The same where a party's skill is the sum of up to sixteen.
const UNITS_PER_POINT_OF_SUMS: f64 = 64.0;

/// Spread that a ticket allows, as a function of its waiting: the steady widening or the last step, whichever is more.
#[derive(Clone, Debug)]
pub(super) struct Allowance {
    scale: f64,
    initial: i64,
    /// Units per 1,000 ms.
    growth: i64,
    max: i64,
    /// Waiting in milliseconds and the spread from then on, both rising.
    steps: Vec<(u64, i64)>,
}

impl Allowance {
    pub(super) fn new(window: &SkillWindow, rules: &Rules) -> Self {
        Self::with_steps(window, &rules.skill_steps, rules)
    }

    /// The spread that is aimed at.
    pub(super) fn aim(rules: &Rules) -> Option<Self> {
        let aim = rules.aim.as_ref()?;
        Some(Self::with_steps(aim, &rules.aim_steps, rules))
    }

    fn with_steps(window: &SkillWindow, given: &[SkillStep], rules: &Rules) -> Self {
        let scale = match rules.party_skill {
            Aggregate::Sum => UNITS_PER_POINT_OF_SUMS,
            _ => UNITS_PER_POINT,
        };
        let mut steps: Vec<(u64, i64)> = Vec::new();
        let mut given: Vec<_> = given.iter().collect();
        given.sort_by_key(|step| step.after_ms);
        for step in given {
            let spread = units(step.spread_max, scale);
            if steps.last().is_none_or(|(_, last)| *last < spread) {
                steps.push((step.after_ms, spread));
            }
        }
        Self {
            scale,
            initial: units(window.initial, scale),
            growth: units(window.growth_per_second, scale),
            max: units(window.max, scale),
            steps,
        }
    }

    /// A skill in units.
    pub(super) fn skill(&self, skill: f64) -> i32 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "tickets are checked to be within SKILL_MAX, and a float saturates"
        )]
        let units = (skill * self.scale).round() as i32;
        units
    }

    /// Units as points.
    #[expect(clippy::cast_precision_loss, reason = "spreads are below 2^33 units")]
    pub(super) fn points(&self, units: i64) -> f64 {
        units as f64 / self.scale
    }

    /// Points as units.
    pub(super) fn units(&self, points: f64) -> i64 {
        units(points, self.scale)
    }

    /// Spread allowed after `waited_ms`, units.
    pub(super) fn after(&self, waited_ms: u64) -> i64 {
        let waited = i64::try_from(waited_ms).unwrap_or(i64::MAX);
        let widened = self.growth.saturating_mul(waited) / 1_000;
        let steady = self.initial.saturating_add(widened).min(self.max);
        let passed = self.steps.partition_point(|(after, _)| *after <= waited_ms);
        let step = passed.checked_sub(1).map_or(0, |last| self.steps[last].1);
        steady.max(step)
    }

    /// Waiting after which `spread` is allowed, milliseconds; `None` if it never is.
    pub(super) fn until(&self, spread: i64) -> Option<u64> {
        let steady = if spread <= self.initial.min(self.max) {
            Some(0)
        } else if spread <= self.max && self.growth > 0 {
            let missing = i128::from(spread - self.initial) * 1_000;
            let growth = i128::from(self.growth);
            u64::try_from((missing + growth - 1) / growth).ok()
        } else {
            None
        };
        let step = self.steps.iter().find(|(_, allowed)| *allowed >= spread);
        steady
            .into_iter()
            .chain(step.map(|(after, _)| *after))
            .min()
    }

    /// The widest that it ever gets, units.
    pub(super) fn widest(&self) -> i64 {
        let step = self.steps.last().map_or(0, |(_, spread)| *spread);
        if self.growth > 0 {
            self.max.max(step)
        } else {
            self.initial.min(self.max).max(step)
        }
    }

    /// Units that a second of waiting is worth when matches are compared.
    pub(super) const fn growth(&self) -> i64 {
        self.growth
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a float saturates, and checked windows are far inside"
)]
fn units(points: f64, scale: f64) -> i64 {
    (points * scale).floor() as i64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_computed_back_is_the_first_moment(
            initial in 0.0..500.0_f64, growth in 0.0..50.0_f64, extra in 0.0..1_000.0_f64,
            steps in prop::collection::vec((0_u64..100_000, 0.0..3_000.0_f64), 0..4),
            spread in 0_i64..4_000_000,
        ) {
            let window = SkillWindow { initial, growth_per_second: growth, max: initial + extra };
            let skill_steps = steps.into_iter().map(|(after_ms, spread_max)| SkillStep { after_ms, spread_max }).collect();
            let allowance = Allowance::new(&window, &Rules { skill_steps, ..Rules::default() });
            match allowance.until(spread) {
                Some(at) => {
                    prop_assert!(allowance.after(at) >= spread);
                    prop_assert!(at == 0 || allowance.after(at - 1) < spread);
                    prop_assert!(spread <= allowance.widest());
                }
                None => prop_assert!(allowance.after(1 << 40) < spread),
            }
        }
    }
}

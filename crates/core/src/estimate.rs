//! How long a match takes to come, from how long others have waited for theirs.
//!
//! Every band of skill in every region keeps a histogram of waiting whose weights halve with time, which is an
//! exponentially weighted moving average of the distribution: what was yesterday says little about now.

use std::collections::BTreeMap;

use crate::id::Region;
use crate::time::Timestamp;

/// Time in which an observation loses half of its weight, milliseconds: a queue at noon is not the one of ten o'clock.
pub const HALF_LIFE_MS: u64 = 15 * 60 * 1_000;

/// Bands of one game mode: 64 regions with sixteen bands of skill each. With [`BUCKETS`] weights of 4 bytes they take
/// 160 KiB; the one that nobody was matched in for longest makes room.
pub const BANDS_MAX: usize = 1_024;

/// Weight below which a band says nothing by itself, observations.
const WEIGHT_MIN: f32 = 8.0;

/// Upper bound of the first bucket, milliseconds.
const FIRST_MS: f64 = 250.0;

/// Each bucket reaches so much farther than the one before: an estimate is within a seventh of the truth.
const RATIO: f64 = 1.3;

/// Buckets: 250 ms × 1.3³⁹ is almost two hours, longer than any ticket searches.
const BUCKETS: usize = 40;

/// How long it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// Half of the tickets have waited at most so long, milliseconds.
    pub p50_ms: u64,
    /// Nine of ten have waited at most so long, milliseconds.
    pub p90_ms: u64,
    /// Observations that this rests on; old ones count less.
    pub samples: u32,
}

/// Waits of the tickets of one game mode.
#[derive(Clone, Debug)]
pub struct Estimates {
    band_points: f64,
    bands: BTreeMap<(Region, i64), Waits>,
    all: Waits,
}

#[derive(Clone, Debug)]
struct Waits {
    weights: [f32; BUCKETS],
    at: Timestamp,
}

impl Estimates {
    /// Nothing is known yet. Players within `band_points` of skill count as alike; a band is at least one point wide.
    #[must_use]
    pub fn new(band_points: f64) -> Self {
        Self {
            band_points: if band_points >= 1.0 { band_points } else { 1.0 },
            bands: BTreeMap::new(),
            all: Waits::new(),
        }
    }

    /// A ticket of this skill waited `waited_ms` for a match in `region`.
    pub fn observe(&mut self, region: &Region, skill: f64, waited_ms: u64, now: Timestamp) {
        self.all.add(waited_ms, now);
        let key = (region.clone(), self.band(skill));
        if self.bands.len() >= BANDS_MAX && !self.bands.contains_key(&key) {
            let oldest = self.bands.iter().min_by_key(|(_, waits)| waits.at);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.bands.remove(&oldest);
            }
        }
        self.bands
            .entry(key)
            .or_insert_with(Waits::new)
            .add(waited_ms, now);
    }

    /// How long a ticket of this skill waits that accepts `regions`; of the whole game mode where too little is known
    /// of its like, and `None` where nothing is.
    #[must_use]
    pub fn estimate(&self, regions: &[Region], skill: f64, now: Timestamp) -> Option<Estimate> {
        let band = self.band(skill);
        let mut like = Waits::new();
        for region in regions {
            if let Some(waits) = self.bands.get(&(region.clone(), band)) {
                like.merge(waits, now);
            }
        }
        if like.weight() < WEIGHT_MIN {
            return self.overall(now);
        }
        like.estimate()
    }

    /// How long a ticket of the game mode waits.
    #[must_use]
    pub fn overall(&self, now: Timestamp) -> Option<Estimate> {
        let mut all = Waits::new();
        all.merge(&self.all, now);
        all.estimate()
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "skill is within SKILL_MAX, and a float saturates"
    )]
    fn band(&self, skill: f64) -> i64 {
        (skill / self.band_points).floor() as i64
    }
}

impl Waits {
    const fn new() -> Self {
        Self {
            weights: [0.0; BUCKETS],
            at: Timestamp(0),
        }
    }

    fn add(&mut self, waited_ms: u64, now: Timestamp) {
        let kept = kept(self.at, now);
        for weight in &mut self.weights {
            *weight *= kept;
        }
        self.weights[bucket(waited_ms)] += 1.0;
        self.at = self.at.max(now);
    }

    fn merge(&mut self, other: &Self, now: Timestamp) {
        let kept = kept(other.at, now);
        for (weight, more) in self.weights.iter_mut().zip(other.weights) {
            *weight += more * kept;
        }
    }

    fn weight(&self) -> f32 {
        self.weights.iter().sum()
    }

    fn estimate(&self) -> Option<Estimate> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a float saturates, and weights are positive"
        )]
        let samples = self.weight().round() as u32;
        (samples > 0).then(|| Estimate {
            p50_ms: self.quantile(0.5),
            p90_ms: self.quantile(0.9),
            samples,
        })
    }

    /// Between the bounds of a bucket, weight is taken to be even.
    fn quantile(&self, share: f32) -> u64 {
        let wanted = self.weight() * share;
        let mut before = 0.0;
        let mut low = 0.0;
        for (bucket, weight) in self.weights.iter().enumerate() {
            let high = upper_ms(bucket);
            if *weight > 0.0 && before + weight >= wanted {
                let inside = f64::from(((wanted - before) / weight).clamp(0.0, 1.0));
                return whole_ms(low + (high - low) * inside);
            }
            before += weight;
            low = high;
        }
        whole_ms(low)
    }
}

/// What is left at `now` of a weight of `at`.
fn kept(at: Timestamp, now: Timestamp) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "an exponent need not be exact")]
    let lives = now.since_ms(at) as f32 / HALF_LIFE_MS as f32;
    (-lives).exp2()
}

fn upper_ms(bucket: usize) -> f64 {
    let power = i32::try_from(bucket).unwrap_or(i32::MAX);
    FIRST_MS * RATIO.powi(power)
}

fn bucket(waited_ms: u64) -> usize {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a ticket lives far less than 2^52 ms"
    )]
    let waited = waited_ms as f64;
    (0..BUCKETS - 1)
        .find(|bucket| waited <= upper_ms(*bucket))
        .unwrap_or(BUCKETS - 1)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "waits are positive and far below 2^52"
)]
fn whole_ms(ms: f64) -> u64 {
    ms.round() as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn region(name: &str) -> Region {
        Region::new(name).unwrap()
    }

    #[test]
    fn a_band_speaks_for_itself_when_it_knows_enough() {
        let mut estimates = Estimates::new(200.0);
        assert_eq!(estimates.estimate(&[region("eu")], 1_500.0, NOW), None);
        for _ in 0..100 {
            estimates.observe(&region("eu"), 1_500.0, 4_000, NOW);
            estimates.observe(&region("us"), 1_500.0, 60_000, NOW);
        }
        estimates.observe(&region("eu"), 2_500.0, 90_000, NOW);
        let eu = estimates.estimate(&[region("eu")], 1_450.0, NOW).unwrap();
        assert_eq!(eu.samples, 100);
        assert!((3_000..=5_000).contains(&eu.p50_ms), "{eu:?}");
        let us = estimates.estimate(&[region("us")], 1_450.0, NOW).unwrap();
        assert!((45_000..=75_000).contains(&us.p50_ms), "{us:?}");
        let rare = estimates.estimate(&[region("eu")], 2_500.0, NOW);
        assert_eq!(rare, estimates.overall(NOW));
        assert_eq!(rare.unwrap().samples, 201);
    }

    #[test]
    fn old_observations_fade() {
        let mut estimates = Estimates::new(200.0);
        for _ in 0..64 {
            estimates.observe(&region("eu"), 1_500.0, 60_000, NOW);
        }
        let later = NOW.plus_ms(4 * HALF_LIFE_MS);
        assert_eq!(estimates.overall(later).unwrap().samples, 4);
        for _ in 0..12 {
            estimates.observe(&region("eu"), 1_500.0, 2_000, later);
        }
        let now = estimates.estimate(&[region("eu")], 1_500.0, later).unwrap();
        assert!(now.p50_ms < 2_500 && now.samples == 16, "{now:?}");
        assert_eq!(estimates.overall(NOW.plus_ms(400 * HALF_LIFE_MS)), None);
    }

    #[test]
    fn i7_bands_are_bounded_and_the_oldest_makes_room() {
        let mut estimates = Estimates::new(1.0);
        for skill in 0..2_000_i32 {
            let now = NOW.plus_ms(u64::from(skill.unsigned_abs()));
            estimates.observe(&region("eu"), f64::from(skill), 1_000, now);
        }
        assert_eq!(estimates.bands.len(), BANDS_MAX);
        assert!(estimates.bands.contains_key(&(region("eu"), 1_999)));
        assert!(!estimates.bands.contains_key(&(region("eu"), 0)));
    }

    proptest! {
        #[test]
        fn quantiles_are_near_the_truth(mut waits in prop::collection::vec(250_u64..3_600_000, 1..200)) {
            let mut estimates = Estimates::new(200.0);
            for waited in &waits {
                estimates.observe(&region("eu"), 0.0, *waited, NOW);
            }
            waits.sort_unstable();
            let estimate = estimates.overall(NOW).unwrap();
            prop_assert!(estimate.p50_ms <= estimate.p90_ms);
            for (share, told) in [(50, estimate.p50_ms), (90, estimate.p90_ms)] {
                let truth = waits[(waits.len() * share).div_ceil(100) - 1] as f64;
                prop_assert!((truth / RATIO - 1.0..=truth * RATIO + 1.0).contains(&(told as f64)), "{} for {}", told, truth);
            }
        }
    }
}

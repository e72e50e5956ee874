//! What the players saw, as plain numbers.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;

/// Values counted in buckets of at most 1/32 of their size, so that a million of them take a few KiB.
#[derive(Clone, Debug, Default)]
pub struct Distribution {
    buckets: Vec<u64>,
    count: u64,
    sum: u64,
    max: u32,
}

/// Values below this have a bucket each; above, 32 buckets per doubling.
const EXACT: u32 = 64;

fn bucket_of(value: u32) -> usize {
    if value < EXACT {
        return value as usize;
    }
    let doublings = value.ilog2() - EXACT.ilog2();
    let within = (value >> (doublings + 1)) & 31;
    (EXACT + doublings * 32 + within) as usize
}

/// The largest value of a bucket.
fn top_of(bucket: usize) -> u32 {
    let Some(above) = u32::try_from(bucket).unwrap_or(u32::MAX).checked_sub(EXACT) else {
        return u32::try_from(bucket).unwrap_or(u32::MAX);
    };
    let (doublings, within) = (above / 32, u64::from(above % 32));
    let top = ((32 + within + 1) << (doublings + 1).min(32)) - 1;
    u32::try_from(top).unwrap_or(u32::MAX)
}

impl Distribution {
    /// Counts a value.
    pub fn add(&mut self, value: u32) {
        let bucket = bucket_of(value);
        if self.buckets.len() <= bucket {
            self.buckets.resize(bucket + 1, 0);
        }
        if let Some(count) = self.buckets.get_mut(bucket) {
            *count += 1;
        }
        self.count += 1;
        self.sum += u64::from(value);
        self.max = self.max.max(value);
    }

    /// Counts all values of another distribution.
    pub fn merge(&mut self, other: &Self) {
        if self.buckets.len() < other.buckets.len() {
            self.buckets.resize(other.buckets.len(), 0);
        }
        for (count, more) in self.buckets.iter_mut().zip(&other.buckets) {
            *count += more;
        }
        self.count += other.count;
        self.sum += other.sum;
        self.max = self.max.max(other.max);
    }

    /// Number of values.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The largest value.
    #[must_use]
    pub const fn max(&self) -> u32 {
        self.max
    }

    /// The value that `percent` of all do not exceed, to 1/32 upwards; none without values.
    #[must_use]
    pub fn percentile(&self, percent: f64) -> Option<u32> {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "counts are far below 2^52, and the result is clamped to them"
        )]
        let rank =
            ((self.count as f64 * percent / 100.0).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Some(top_of(bucket).min(self.max));
            }
        }
        None
    }
}

impl Serialize for Distribution {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Summary {
            count: u64,
            mean: u64,
            p50: Option<u32>,
            p95: Option<u32>,
            p99: Option<u32>,
            max: u32,
        }
        Summary {
            count: self.count,
            mean: self.sum.checked_div(self.count).unwrap_or(0),
            p50: self.percentile(50.0),
            p95: self.percentile(95.0),
            p99: self.percentile(99.0),
            max: self.max,
        }
        .serialize(serializer)
    }
}

/// Everything that a swarm counts.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SwarmStats {
    /// Players that ever came.
    pub players: u64,
    /// Parties that ever came.
    pub parties: u64,
    /// Tickets that Stadion acknowledged.
    pub tickets: u64,
    /// Tickets that led to a match.
    pub tickets_matched: u64,
    /// Tickets that went back to their queue, by reason.
    pub requeues: BTreeMap<String, u64>,
    /// Matches that a player left early.
    pub quits: u64,
    /// What players did about proposed matches: `accepted`, `refused`, `silent`, or `too_late` when somebody else had
    /// refused before.
    pub answers: BTreeMap<&'static str, u64>,
    /// Seats that players got.
    pub seats: u64,
    /// Tickets without a match, by what the player last knew of them.
    pub unmatched: BTreeMap<String, u64>,
    /// How players' time on a server ended.
    pub played: BTreeMap<&'static str, u64>,
    /// What went wrong, by kind.
    pub errors: BTreeMap<String, u64>,
    /// Parties that search at the moment.
    pub searching: u64,
    /// Players on a server at the moment.
    pub playing: u64,
    /// From the ticket's acknowledgement to `match_found`, milliseconds, by game mode.
    pub time_to_match_ms: BTreeMap<String, Distribution>,
    /// From Stadion's making of `match_found` to its arrival, milliseconds.
    pub match_found_delay_ms: Distribution,
    /// From `match_found` to the game server's welcome, milliseconds.
    pub time_to_join_ms: Distribution,
    /// Round trips that players measured on their game server, milliseconds, by region of the server.
    pub latency_ms: BTreeMap<String, Distribution>,
    /// The same, less the simulated distance: the simulated jitter and what the machine adds, milliseconds.
    pub latency_added_ms: Distribution,
}

/// Stats that are still being counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared(Arc<Mutex<SwarmStats>>);

impl Shared {
    pub(super) fn count(&self, change: impl FnOnce(&mut SwarmStats)) {
        change(&mut self.0.lock());
    }

    pub(super) fn error(&self, kind: impl Into<String>) {
        self.count(|stats| *stats.errors.entry(kind.into()).or_default() += 1);
    }

    pub(super) fn snapshot(&self) -> SwarmStats {
        self.0.lock().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_bucket_holds_its_values_to_a_32nd(value in any::<u32>()) {
            let top = top_of(bucket_of(value));
            prop_assert!(top >= value && top - value <= value / 32);
        }

        #[test]
        fn percentiles_are_ordered_and_reach_the_maximum(values in prop::collection::vec(any::<u32>(), 1..200)) {
            let mut all = Distribution::default();
            for value in &values {
                all.add(*value);
            }
            prop_assert!(all.percentile(50.0) <= all.percentile(99.0));
            prop_assert_eq!(all.percentile(100.0), values.iter().copied().max());
        }
    }
}

//! Percentiles for the report; histograms of Prometheus know only their buckets.

use std::time::Duration;

use hdrhistogram::Histogram;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// Longest duration told apart: one hour, microseconds. A ticket lives minutes; what is longer counts as an hour.
const RANGE_MAX_US: u64 = 3_600_000_000;

/// Significant digits: an error of at most 1 %. Memory: 3.6e9 µs is 24 doublings of the first 256 values, 128 counters
/// each, 8 bytes a counter: about 26 KiB per recorder, whatever is recorded.
const DIGITS: u8 = 2;

/// A bounded distribution of durations.
#[derive(Debug)]
pub struct Recorder(Mutex<Histogram<u64>>);

impl Default for Recorder {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1, RANGE_MAX_US, DIGITS)
            .expect("invariant: the constants are within what the histogram takes");
        Self(Mutex::new(histogram))
    }
}

impl Recorder {
    /// Counts one duration; no allocation.
    pub fn record(&self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.0.lock().saturating_record(us);
    }

    /// What was recorded so far.
    #[must_use]
    pub fn percentiles(&self) -> Percentiles {
        let histogram = self.0.lock();
        if histogram.is_empty() {
            return Percentiles::default();
        }
        let at = |quantile| us_to_ms(histogram.value_at_quantile(quantile));
        Percentiles {
            count: histogram.len(),
            mean_ms: round(histogram.mean() / 1_000.0),
            p50_ms: at(0.50),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            max_ms: us_to_ms(histogram.max()),
        }
    }
}

fn us_to_ms(us: u64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "at most RANGE_MAX_US, far below 2^52"
    )]
    let us = us as f64;
    round(us / 1_000.0)
}

/// To a microsecond: the digits after it are noise.
fn round(ms: f64) -> f64 {
    (ms * 1_000.0).round() / 1_000.0
}

/// A distribution in a few numbers; zeros when nothing was recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Percentiles {
    /// Observations.
    pub count: u64,
    /// Mean, milliseconds.
    pub mean_ms: f64,
    /// Half are at most this, milliseconds.
    pub p50_ms: f64,
    /// 95 of 100 are at most this, milliseconds.
    pub p95_ms: f64,
    /// 99 of 100 are at most this, milliseconds.
    pub p99_ms: f64,
    /// The largest, milliseconds.
    pub max_ms: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_one_percent() {
        let recorder = Recorder::default();
        for ms in 1..=1_000 {
            recorder.record(Duration::from_millis(ms));
        }
        let found = recorder.percentiles();
        assert_eq!(found.count, 1_000);
        for (is, wanted) in [
            (found.p50_ms, 500.0),
            (found.p95_ms, 950.0),
            (found.p99_ms, 990.0),
        ] {
            assert!((is / wanted - 1.0).abs() < 0.01, "{is} for {wanted}");
        }
    }

    #[test]
    fn what_is_out_of_range_counts_as_the_largest() {
        let recorder = Recorder::default();
        recorder.record(Duration::from_secs(1_000_000));
        let found = recorder.percentiles();
        assert_eq!(found.count, 1);
        assert!((found.max_ms / 3_600_000.0 - 1.0).abs() < 0.01);
    }
}

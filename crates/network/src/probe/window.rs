//! What the latest probes say. Pure: times are arguments.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::Serialize;

use super::TIMEOUT;
use crate::observe::{float, ratio};

/// Probes that a summary is made of: at the usual ten a second, the last minute and a half.
const LATEST_MAX: usize = 1_000;
/// Probes on their way at most: those of [`TIMEOUT`] at one a millisecond.
const WAITING_MAX: usize = 1_024;

/// What became of the latest probes.
#[derive(Debug, Default)]
pub struct Window {
    waiting: BTreeMap<u64, Duration>,
    /// When each of the latest probes left and how long it took, or nothing where it was lost.
    latest: VecDeque<(Duration, Option<Duration>)>,
    /// The latest time of which we know.
    now: Duration,
    before: Option<Duration>,
    jitter_s: f64,
    sent: u64,
    lost: u64,
}

/// What the latest probes say, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Probes since the beginning whose fate is known.
    pub sent: u64,
    /// Of those, how many did not return in time.
    pub lost: u64,
    /// Of the latest that left longer than [`TIMEOUT`] ago, the share that did not return in time. Of those that left
    /// after them only returns are known, which would make the share too small.
    pub loss_ratio: f64,
    /// Half of the latest took this long at most; nothing: none returned.
    pub p50_seconds: Option<f64>,
    /// 99 of 100 of the latest took this long at most.
    pub p99_seconds: Option<f64>,
    /// Smoothed difference between probes that follow each other (RFC 3550, section 6.4.1).
    pub jitter_seconds: Option<f64>,
}

impl Window {
    /// A probe has left at `now`.
    pub fn sent(&mut self, sequence: u64, now: Duration) {
        self.expire(now);
        if self.waiting.len() >= WAITING_MAX
            && let Some((_, left)) = self.waiting.pop_first()
        {
            self.over(left, None);
        }
        self.waiting.insert(sequence, now);
    }

    /// A probe has come back at `now`: the first time counts, and only in time.
    pub fn returned(&mut self, sequence: u64, now: Duration) {
        self.expire(now);
        let Some(left) = self.waiting.remove(&sequence) else {
            return;
        };
        let took = now.saturating_sub(left);
        if let Some(before) = self.before {
            let difference = (took.as_secs_f64() - before.as_secs_f64()).abs();
            self.jitter_s += (difference - self.jitter_s) / 16.0;
        }
        self.before = Some(took);
        self.over(left, Some(took));
    }

    /// Gives up what has been on its way for longer than [`TIMEOUT`].
    pub fn expire(&mut self, now: Duration) {
        self.now = now;
        while let Some(first) = self.waiting.first_entry() {
            if now.saturating_sub(*first.get()) <= TIMEOUT {
                break;
            }
            let left = first.remove();
            self.over(left, None);
        }
    }

    fn over(&mut self, left: Duration, took: Option<Duration>) {
        self.sent += 1;
        self.lost += u64::from(took.is_none());
        if self.latest.len() >= LATEST_MAX {
            self.latest.pop_front();
        }
        self.latest.push_back((left, took));
    }

    /// What the latest probes say.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let latest = self.latest.iter();
        let mut times: Vec<Duration> = latest.filter_map(|(_, took)| *took).collect();
        times.sort_unstable();
        // Nearest rank: the smallest value that so many are not above.
        let percentile = |percent: usize| {
            let rank = (times.len() * percent).div_ceil(100);
            let time = times.get(rank.checked_sub(1)?)?;
            Some(time.as_secs_f64())
        };
        let decided = || {
            let latest = self.latest.iter();
            latest.filter(|(left, _)| self.now.saturating_sub(*left) > TIMEOUT)
        };
        let lost = decided().filter(|(_, took)| took.is_none()).count();
        Summary {
            sent: self.sent,
            lost: self.lost,
            loss_ratio: ratio(lost as u64, decided().count() as u64),
            p50_seconds: percentile(50),
            p99_seconds: percentile(99),
            jitter_seconds: (times.len() > 1).then_some(self.jitter_s),
        }
    }
}

impl Summary {
    /// Probes that returned in time since the beginning.
    #[must_use]
    pub fn returned(&self) -> f64 {
        float(self.sent - self.lost)
    }
}

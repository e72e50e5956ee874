//! From totals to rates. Pure: two samples in, what happened between them out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::catalogue::{Kind, Metric};
use crate::observe::float;

/// A measure and what it is of: an interface, a port; empty where there is only one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The measure.
    pub metric: Metric,
    /// Value of its label.
    pub of: String,
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.metric.name, &self.of).cmp(&(other.metric.name, &other.of))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Values by measure; in JSON an object per measure, or a number where there is only one value.
#[derive(Clone, Debug, PartialEq)]
pub struct Values<T>(pub BTreeMap<Key, T>);

impl<T> Default for Values<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Copy> Values<T> {
    /// Puts a value in.
    pub fn set(&mut self, metric: Metric, of: impl Into<String>, value: T) {
        let of = of.into();
        self.0.insert(Key { metric, of }, value);
    }

    /// The value of `metric` of `of`.
    #[must_use]
    pub fn get(&self, metric: Metric, of: &str) -> Option<T> {
        let of = of.to_owned();
        self.0.get(&Key { metric, of }).copied()
    }

    /// What there is of `metric`, by label.
    pub fn of(&self, metric: Metric) -> impl Iterator<Item = (&str, T)> {
        let values = self.0.iter().filter(move |(key, _)| key.metric == metric);
        values.map(|(key, value)| (key.of.as_str(), *value))
    }
}

impl<T: Copy + Serialize> Serialize for Values<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(untagged)]
        enum Shape<T> {
            One(T),
            Many(BTreeMap<String, T>),
        }
        let mut tree: BTreeMap<&str, Shape<T>> = BTreeMap::new();
        for (key, value) in &self.0 {
            if key.metric.label.is_none() {
                tree.insert(key.metric.name, Shape::One(*value));
                continue;
            }
            let many = tree
                .entry(key.metric.name)
                .or_insert_with(|| Shape::Many(BTreeMap::new()));
            if let Shape::Many(many) = many {
                many.insert(key.of.clone(), *value);
            }
        }
        tree.serialize(serializer)
    }
}

/// What was counted at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// When, since the machine began.
    pub at: Duration,
    /// Totals.
    pub counters: Values<u64>,
    /// What is now.
    pub gauges: Values<f64>,
}

/// What happened between two samples.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Rates {
    /// Seconds between them.
    pub seconds: f64,
    /// Per second, by measure.
    pub per_second: Values<f64>,
    /// What is now, by measure.
    pub now: Values<f64>,
    /// What the earlier sample did not have, as `interface eth1`: there is no rate of it yet.
    pub appeared: Vec<String>,
    /// What the later sample has not.
    pub vanished: Vec<String>,
    /// Counters that began again: what they show now has happened since.
    pub began_again: Vec<String>,
}

/// What happened between `before` and `after`.
#[must_use]
pub fn rates(before: &Sample, after: &Sample) -> Rates {
    let seconds = after.at.saturating_sub(before.at).as_secs_f64();
    let mut rates = Rates {
        seconds,
        now: after.gauges.clone(),
        appeared: names(after, before),
        vanished: names(before, after),
        ..Rates::default()
    };
    // Two samples of the same moment have no rate.
    if seconds <= 0.0 {
        return rates;
    }
    let mut began_again = BTreeSet::new();
    for (key, now) in &after.counters.0 {
        let Some(was) = before.counters.0.get(key) else {
            continue;
        };
        let (counted, reset) = delta(key.metric.kind, *was, *now);
        if reset {
            began_again.insert(name(key));
        }
        let per_second = float(counted) / seconds;
        rates.per_second.0.insert(key.clone(), per_second);
    }
    rates.began_again = began_again.into_iter().collect();
    rates
}

/// What a counter counted from `was` to `now`, and whether it began again in between.
fn delta(kind: Kind, was: u64, now: u64) -> (u64, bool) {
    /// A counter of 32 bits that has gone back by more than half its range went round; less, and it began again. It
    /// takes 400 seconds to go half round at 5 million packets a second.
    const HALF: u64 = 1 << 31;
    if let Some(counted) = now.checked_sub(was) {
        return (counted, false);
    }
    let round = now.saturating_add(1 << 32).saturating_sub(was);
    if kind == Kind::Counter32 && round < HALF {
        return (round, false);
    }
    (now, true)
}

/// What `one` has and `other` has not, by label; what has no label is there or is a gap that is told elsewhere.
fn names(one: &Sample, other: &Sample) -> Vec<String> {
    let labels = |sample: &Sample| -> BTreeSet<String> {
        let keys = sample.counters.0.keys().chain(sample.gauges.0.keys());
        let labelled = keys.filter(|key| key.metric.label.is_some());
        labelled.map(name).collect()
    };
    labels(one).difference(&labels(other)).cloned().collect()
}

/// `interface eth0`, or the measure where there is no label.
fn name(key: &Key) -> String {
    match key.metric.label {
        Some(label) => format!("{label} {}", key.of),
        None => key.metric.name.to_owned(),
    }
}

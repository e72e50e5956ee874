//! Labelled series whose labels cost no allocation.

use std::fmt;

use prometheus_client::encoding::{EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use stadion_core::id::{FleetName, GameModeName, Region};

use super::describe::{Book, Description};

/// A label's value. Names share their text, so that a clone costs a reference count.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Value {
    Word(&'static str),
    Mode(GameModeName),
    Region(Region),
    Fleet(FleetName),
}

impl From<&'static str> for Value {
    fn from(word: &'static str) -> Self {
        Self::Word(word)
    }
}

impl From<&GameModeName> for Value {
    fn from(mode: &GameModeName) -> Self {
        Self::Mode(mode.clone())
    }
}

impl From<&Region> for Value {
    fn from(region: &Region) -> Self {
        Self::Region(region.clone())
    }
}

impl From<&FleetName> for Value {
    fn from(fleet: &FleetName) -> Self {
        Self::Fleet(fleet.clone())
    }
}

impl EncodeLabelValue for Value {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> Result<(), fmt::Error> {
        let text: &str = match self {
            Self::Word(word) => word,
            Self::Mode(mode) => mode.as_str(),
            Self::Region(region) => region.as_str(),
            Self::Fleet(fleet) => fleet.as_str(),
        };
        EncodeLabelValue::encode(&text, encoder)
    }
}

type Labels<const N: usize> = [(&'static str, Value); N];

/// Metrics of one name, told apart by `N` labels.
pub(super) struct Series<M, const N: usize, C = fn() -> M> {
    names: [&'static str; N],
    family: Family<Labels<N>, M, C>,
}

impl<M: fmt::Debug, const N: usize, C> fmt::Debug for Series<M, N, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Series")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

fn names<const N: usize>(description: &Description) -> [&'static str; N] {
    description
        .labels
        .try_into()
        .expect("invariant: a series is described with the labels that it has")
}

impl<const N: usize> Series<Counter, N> {
    pub(super) fn counter(book: &mut Book, description: Description) -> Self {
        let family = Family::default();
        book.add(description, Family::clone(&family));
        Self {
            names: names(&description),
            family,
        }
    }
}

impl<const N: usize> Series<Gauge, N> {
    pub(super) fn gauge(book: &mut Book, description: Description) -> Self {
        let family = Family::default();
        book.add(description, Family::clone(&family));
        Self {
            names: names(&description),
            family,
        }
    }
}

/// Makes a histogram with fixed buckets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Buckets(pub(super) &'static [f64]);

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

impl<const N: usize> Series<Histogram, N, Buckets> {
    pub(super) fn histogram(book: &mut Book, description: Description, buckets: Buckets) -> Self {
        let family = Family::new_with_constructor(buckets);
        book.add(description, Family::clone(&family));
        Self {
            names: names(&description),
            family,
        }
    }
}

impl<M, const N: usize, C: MetricConstructor<M>> Series<M, N, C> {
    /// Does `record` with the metric of these label values.
    pub(super) fn with<R>(&self, values: [Value; N], record: impl FnOnce(&M) -> R) -> R {
        let mut names = self.names.iter();
        let labels = values.map(|value| {
            let name = names
                .next()
                .expect("invariant: both arrays have N elements");
            (*name, value)
        });
        record(&self.family.get_or_create(&labels))
    }
}

impl<const N: usize> Series<Counter, N> {
    pub(super) fn inc(&self, values: [Value; N]) {
        self.with(values, Counter::inc);
    }

    pub(super) fn inc_by(&self, values: [Value; N], by: u64) {
        self.with(values, |counter| counter.inc_by(by));
    }
}

impl<const N: usize> Series<Gauge, N> {
    pub(super) fn set(&self, values: [Value; N], to: usize) {
        let to = i64::try_from(to).unwrap_or(i64::MAX);
        self.with(values, |gauge| gauge.set(to));
    }
}

impl<const N: usize> Series<Histogram, N, Buckets> {
    pub(super) fn observe(&self, values: [Value; N], value: f64) {
        self.with(values, |histogram| histogram.observe(value));
    }
}

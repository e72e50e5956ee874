//! What changes while a match waits.

/// A value, and others in its place after longer waiting.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stepped<T> {
    pub(super) first: T,
    /// Waiting in milliseconds, ascending, and the value from then on.
    pub(super) steps: Vec<(u64, T)>,
}

impl<T> Stepped<T> {
    pub(super) const fn new(first: T) -> Self {
        Self {
            first,
            steps: Vec::new(),
        }
    }

    /// The value after `waited_ms`.
    pub(super) fn at(&self, waited_ms: u64) -> &T {
        self.steps
            .iter()
            .rev()
            .find(|(after_ms, _)| *after_ms <= waited_ms)
            .map_or(&self.first, |(_, value)| value)
    }

    /// Every value that counts at some time until `waited_ms`.
    pub(super) fn until(&self, waited_ms: u64) -> impl Iterator<Item = &T> {
        let later = self
            .steps
            .iter()
            .filter(move |(after_ms, _)| *after_ms <= waited_ms)
            .map(|(_, value)| value);
        std::iter::once(&self.first).chain(later)
    }
}

/// A bound that may be open.
pub(super) type Limit = Stepped<Option<f64>>;

impl Limit {
    /// The largest bound until `waited_ms`; infinite if it is open then.
    pub(super) fn highest(&self, waited_ms: u64) -> f64 {
        self.until(waited_ms)
            .map(|bound| bound.unwrap_or(f64::INFINITY))
            .fold(f64::NEG_INFINITY, f64::max)
    }

    /// The smallest bound until `waited_ms`; minus infinite if it is open then.
    pub(super) fn lowest(&self, waited_ms: u64) -> f64 {
        self.until(waited_ms)
            .map(|bound| bound.unwrap_or(f64::NEG_INFINITY))
            .fold(f64::INFINITY, f64::min)
    }
}

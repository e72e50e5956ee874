//! How a series is described once, for the registry and for the documentation.

use std::fmt::Write as _;

use prometheus_client::registry::{Metric, Registry, Unit};

/// Kind of a series, in Prometheus' words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only grows; its name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts observations in buckets.
    Histogram,
    /// Always 1; the labels say it.
    Info,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Info => "info",
        }
    }
}

/// One series as an operator sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Description {
    /// Name as it is scraped (a histogram's without `_bucket`, `_sum`, `_count`).
    pub name: &'static str,
    /// Kind.
    pub kind: Kind,
    /// Labels, in order.
    pub labels: &'static [&'static str],
    /// Unit; the name carries it.
    pub unit: Option<&'static str>,
    /// What it says, without the final full stop.
    pub help: &'static str,
}

/// A registry that remembers what was registered.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) registry: Registry,
    pub(super) described: Vec<Description>,
}

impl Book {
    /// Registers `metric`. The library appends the unit and a counter's `_total` by itself, so they are taken off.
    pub(super) fn add(&mut self, description: Description, metric: impl Metric) {
        let mut name = description.name;
        match description.kind {
            Kind::Counter => name = name.strip_suffix("_total").unwrap_or(name),
            Kind::Info => name = name.strip_suffix("_info").unwrap_or(name),
            Kind::Gauge | Kind::Histogram => {}
        }
        let unit = description.unit.and_then(|unit| {
            name = name.strip_suffix(unit)?.strip_suffix('_')?;
            Some(match unit {
                "seconds" => Unit::Seconds,
                "bytes" => Unit::Bytes,
                other => Unit::Other(other.to_owned()),
            })
        });
        match unit {
            Some(unit) => {
                self.registry
                    .register_with_unit(name, description.help, unit, metric);
            }
            None => self.registry.register(name, description.help, metric),
        }
        self.described.push(description);
    }

    /// Describes what a collector adds by itself.
    pub(super) fn note(&mut self, description: Description) {
        self.described.push(description);
    }

    /// The page for operators.
    pub(super) fn document(&self) -> String {
        let mut page = String::from(
            "# Metrics\n\n\
             Written by the program from what it registers; do not edit. `UPDATE_GOLDEN=1 cargo test -p stadion metrics` writes it anew.\n\n\
             `GET /metrics` on the operator edge serves these series as OpenMetrics text. \
             A histogram is scraped as `NAME_bucket`, `NAME_sum` and `NAME_count`.\n\n\
             | series | type | labels | unit | what it says |\n| --- | --- | --- | --- | --- |\n",
        );
        for series in &self.described {
            let labels = series
                .labels
                .iter()
                .map(|label| format!("`{label}`"))
                .collect::<Vec<_>>()
                .join(", ");
            writeln!(
                page,
                "| `{}` | {} | {} | {} | {}. |",
                series.name,
                series.kind.as_str(),
                labels,
                series.unit.unwrap_or_default(),
                series.help
            )
            .expect("writing to a string cannot fail");
        }
        page
    }
}

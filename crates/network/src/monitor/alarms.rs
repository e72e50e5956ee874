//! What is beyond a threshold of the profile.

use serde::Serialize;

use super::catalogue as c;
use super::catalogue::Metric;
use super::rates::Rates;
use crate::profile::thresholds::Thresholds;

/// One measure beyond its threshold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Alarm {
    /// The key of the profile's section `thresholds`.
    pub threshold: &'static str,
    /// The measure.
    pub metric: &'static str,
    /// What it is of: an interface, a set; empty where there is only one.
    pub of: String,
    /// Its value, in the threshold's unit.
    pub value: f64,
    /// The threshold.
    pub limit: f64,
}

impl std::fmt::Display for Alarm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let of = if self.of.is_empty() { "" } else { " of " };
        write!(
            f,
            "{}{of}{}: {:.1}, above {} ({})",
            self.metric, self.of, self.value, self.limit, self.threshold
        )
    }
}

/// Everything beyond its threshold.
#[must_use]
pub fn alarms(rates: &Rates, t: &Thresholds) -> Vec<Alarm> {
    let per_second: &[(&str, &[Metric], f64)] = &[
        (
            "udp_buffer_errors_per_second",
            &[c::UDP_RECEIVE_BUFFER, c::UDP_SEND_BUFFER],
            t.udp_buffer_errors_per_second,
        ),
        (
            "socket_drops_per_second",
            &[c::PORT_DROPS],
            t.socket_drops_per_second,
        ),
        (
            "interface_drops_per_second",
            &[c::RX_DROPS, c::RX_ERRORS, c::TX_DROPS, c::TX_ERRORS],
            t.interface_drops_per_second,
        ),
        (
            "softnet_drops_per_second",
            &[c::SOFTNET_DROPS],
            t.softnet_drops_per_second,
        ),
        (
            "softnet_squeezes_per_second",
            &[c::SOFTNET_SQUEEZES],
            t.softnet_squeezes_per_second,
        ),
        (
            "listen_drops_per_second",
            &[c::TCP_LISTEN_DROPS],
            t.listen_drops_per_second,
        ),
        (
            "conntrack_drops_per_second",
            &[c::CONNTRACK_DROPS],
            t.conntrack_drops_per_second,
        ),
    ];
    // Ratios to percent, seconds to milliseconds.
    let now: &[(&str, Metric, f64, f64)] = &[
        (
            "conntrack_fill_percent",
            c::CONNTRACK_FILL,
            100.0,
            t.conntrack_fill_percent,
        ),
        ("set_fill_percent", c::SET_FILL, 100.0, t.set_fill_percent),
        (
            "probe_loss_percent",
            c::PROBE_LOSS,
            100.0,
            t.probe_loss_percent,
        ),
        ("probe_p99_ms", c::PROBE_P99, 1_000.0, t.probe_p99_ms),
        (
            "probe_jitter_ms",
            c::PROBE_JITTER,
            1_000.0,
            t.probe_jitter_ms,
        ),
    ];
    let mut alarms = Vec::new();
    let mut check = |threshold, metric: Metric, of: &str, value: f64, limit: f64| {
        if value > limit {
            alarms.push(Alarm {
                threshold,
                metric: metric.name,
                of: of.to_owned(),
                value,
                limit,
            });
        }
    };
    for (threshold, metrics, limit) in per_second {
        for metric in *metrics {
            for (of, value) in rates.per_second.of(*metric) {
                check(threshold, *metric, of, value, *limit);
            }
        }
    }
    for (threshold, metric, unit, limit) in now {
        for (of, value) in rates.now.of(*metric) {
            check(threshold, *metric, of, value * unit, *limit);
        }
    }
    alarms
}

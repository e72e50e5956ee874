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

/// A threshold, what it is of, its unit in that of the measure, and its limit.
type Row<'a> = (&'static str, &'a [Metric], f64, f64);

/// Thresholds of rates.
fn of_rates(t: &Thresholds) -> [Row<'_>; 7] {
    const UDP: &[Metric] = &[c::UDP_RECEIVE_BUFFER, c::UDP_SEND_BUFFER];
    const INTERFACE: &[Metric] = &[c::RX_DROPS, c::RX_ERRORS, c::TX_DROPS, c::TX_ERRORS];
    let row = |name, metrics, limit| (name, metrics, 1.0, limit);
    [
        row(
            "udp_buffer_errors_per_second",
            UDP,
            t.udp_buffer_errors_per_second,
        ),
        row(
            "socket_drops_per_second",
            &[c::PORT_DROPS],
            t.socket_drops_per_second,
        ),
        row(
            "interface_drops_per_second",
            INTERFACE,
            t.interface_drops_per_second,
        ),
        row(
            "softnet_drops_per_second",
            &[c::SOFTNET_DROPS],
            t.softnet_drops_per_second,
        ),
        row(
            "softnet_squeezes_per_second",
            &[c::SOFTNET_SQUEEZES],
            t.softnet_squeezes_per_second,
        ),
        row(
            "listen_drops_per_second",
            &[c::TCP_LISTEN_DROPS],
            t.listen_drops_per_second,
        ),
        row(
            "conntrack_drops_per_second",
            &[c::CONNTRACK_DROPS],
            t.conntrack_drops_per_second,
        ),
    ]
}

/// Thresholds of what is now: ratios are in percent there, and seconds in milliseconds.
fn of_now(t: &Thresholds) -> [Row<'_>; 5] {
    [
        (
            "conntrack_fill_percent",
            &[c::CONNTRACK_FILL],
            100.0,
            t.conntrack_fill_percent,
        ),
        (
            "set_fill_percent",
            &[c::SET_FILL],
            100.0,
            t.set_fill_percent,
        ),
        (
            "probe_loss_percent",
            &[c::PROBE_LOSS],
            100.0,
            t.probe_loss_percent,
        ),
        ("probe_p99_ms", &[c::PROBE_P99], 1_000.0, t.probe_p99_ms),
        (
            "probe_jitter_ms",
            &[c::PROBE_JITTER],
            1_000.0,
            t.probe_jitter_ms,
        ),
    ]
}

/// Everything beyond its threshold.
#[must_use]
pub fn alarms(rates: &Rates, thresholds: &Thresholds) -> Vec<Alarm> {
    let (of_rates, of_now) = (of_rates(thresholds), of_now(thresholds));
    let rows = of_rates.iter().map(|row| (row, &rates.per_second));
    let rows = rows.chain(of_now.iter().map(|row| (row, &rates.now)));
    let mut alarms = Vec::new();
    for ((threshold, metrics, unit, limit), values) in rows {
        for metric in *metrics {
            let above = values
                .of(*metric)
                .filter(|(_, value)| value * unit > *limit);
            alarms.extend(above.map(|(of, value)| Alarm {
                threshold,
                metric: metric.name,
                of: of.to_owned(),
                value: value * unit,
                limit: *limit,
            }));
        }
    }
    alarms
}

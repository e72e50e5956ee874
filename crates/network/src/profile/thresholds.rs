//! Section `thresholds` of a profile.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// When `monitor` and `report` raise an alarm: above each of these, not at it. Rates are over one interval. A number that
/// nothing reaches, such as 1e9, switches one off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Datagrams lost at full socket buffers, per second.
    #[serde(deserialize_with = "limit")]
    pub udp_buffer_errors_per_second: f64,
    /// Datagrams lost at the sockets of one watched port, per second.
    #[serde(deserialize_with = "limit")]
    pub socket_drops_per_second: f64,
    /// Packets that an interface loses or breaks, per second and direction.
    #[serde(deserialize_with = "limit")]
    pub interface_drops_per_second: f64,
    /// Packets that a processor drops because its backlog is full, per second.
    #[serde(deserialize_with = "limit")]
    pub softnet_drops_per_second: f64,
    /// Rounds of a processor that end with packets left, per second.
    #[serde(deserialize_with = "limit")]
    pub softnet_squeezes_per_second: f64,
    /// TCP connections lost at full accept queues, per second.
    #[serde(deserialize_with = "limit")]
    pub listen_drops_per_second: f64,
    /// Used part of the connection table, percent.
    #[serde(deserialize_with = "limit")]
    pub conntrack_fill_percent: f64,
    /// Packets dropped because the connection table was full, per second.
    #[serde(deserialize_with = "limit")]
    pub conntrack_drops_per_second: f64,
    /// Used part of a set of nftables, percent: a full set of meters lets everything through.
    #[serde(deserialize_with = "limit")]
    pub set_fill_percent: f64,
    /// Probes that do not return, percent.
    #[serde(deserialize_with = "limit")]
    pub probe_loss_percent: f64,
    /// Time that 99 of 100 probes take at most, milliseconds.
    #[serde(deserialize_with = "limit")]
    pub probe_p99_ms: f64,
    /// Jitter of the probes, milliseconds.
    #[serde(deserialize_with = "limit")]
    pub probe_jitter_ms: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            // What is lost here is lost by this host: any of it is worth a look.
            udp_buffer_errors_per_second: 0.0,
            socket_drops_per_second: 0.0,
            // Interfaces drop what they need not take (unknown VLANs, LLDP) all the time.
            interface_drops_per_second: 10.0,
            softnet_drops_per_second: 0.0,
            // A squeeze delays by a round of some microseconds, and loses nothing.
            softnet_squeezes_per_second: 100.0,
            listen_drops_per_second: 0.0,
            conntrack_fill_percent: 80.0,
            conntrack_drops_per_second: 0.0,
            set_fill_percent: 80.0,
            // Players of shooters notice 1 %, and 100 ms of which jitter takes a part.
            probe_loss_percent: 1.0,
            probe_p99_ms: 100.0,
            probe_jitter_ms: 20.0,
        }
    }
}

impl Thresholds {
    /// The guide's script has no thresholds: the same as ours.
    #[must_use]
    pub fn guide() -> Self {
        Self::default()
    }
}

/// What is no number is above nothing, and would switch an alarm off unseen.
fn limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let limit = f64::deserialize(deserializer)?;
    match limit.is_finite() && limit >= 0.0 {
        true => Ok(limit),
        false => Err(D::Error::custom("a threshold is a number from 0 on")),
    }
}

#[cfg(test)]
mod tests {
    use crate::profile::Profile;

    #[test]
    fn a_threshold_is_a_number_from_zero_on() {
        let read = |limit: &str| {
            let text = format!("thresholds:\n  set_fill_percent: {limit}\n");
            Profile::parse("p.yaml", &text)
        };
        assert!((read("50").unwrap().thresholds.set_fill_percent - 50.0).abs() < 1e-9);
        for wrong in [".nan", ".inf", "-1", "many"] {
            let error = read(wrong).unwrap_err().to_string();
            assert!(error.contains("p.yaml"), "{wrong}: {error}");
        }
    }
}

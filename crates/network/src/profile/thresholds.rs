//! Section `thresholds` of a profile.

use serde::{Deserialize, Serialize};

/// When `monitor` and `report` raise an alarm: above each of these, not at it. Rates are over one interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Datagrams lost at full socket buffers, per second.
    pub udp_buffer_errors_per_second: f64,
    /// Datagrams lost at the sockets of one watched port, per second.
    pub socket_drops_per_second: f64,
    /// Packets that an interface loses or breaks, per second and direction.
    pub interface_drops_per_second: f64,
    /// Packets that a processor drops because its backlog is full, per second.
    pub softnet_drops_per_second: f64,
    /// Rounds of a processor that end with packets left, per second.
    pub softnet_squeezes_per_second: f64,
    /// TCP connections lost at full accept queues, per second.
    pub listen_drops_per_second: f64,
    /// Used part of the connection table, percent.
    pub conntrack_fill_percent: f64,
    /// Packets dropped because the connection table was full, per second.
    pub conntrack_drops_per_second: f64,
    /// Used part of a set of nftables, percent: a full set of meters lets everything through.
    pub set_fill_percent: f64,
    /// Probes that do not return, percent.
    pub probe_loss_percent: f64,
    /// Time that 99 of 100 probes take at most, milliseconds.
    pub probe_p99_ms: f64,
    /// Jitter of the probes, milliseconds.
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

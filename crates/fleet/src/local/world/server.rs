//! One game server, and patience with those that fail.

use std::collections::BTreeMap;
use std::sync::Arc;

use stadion_core::fleet::{FleetError, FleetSpec, GameServer};
use stadion_core::time::Timestamp;

use super::super::Timing;
use super::super::record::Record;
use crate::sdk_server::SDK_PREFIX;

/// Labels, and annotations, that a game server may set on itself, each: they are in every record and every change.
const OWN_METADATA_MAX: usize = 16;

/// A server that was of no use to a match and ended within this time failed, whatever it said: replacing it at once
/// would start processes as fast as the host can.
const SHORT_LIFE_MS: u64 = 1_000;

/// A server that lived this long shows that its fleet can start servers, so its crash begins a new back-off.
const STABLE_LIFE_MS: u64 = 60_000;

/// One game server.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) record: Record,
    pub(super) spec: Arc<FleetSpec>,
    /// When this Stadion got it: by starting or by adopting it.
    pub(super) since: Timestamp,
    pub(super) pulse: Pulse,
    /// When it is killed, once it has been asked to end.
    pub(super) kill_at: Option<Timestamp>,
}

/// Signs of life, judged as the Agones sidecar does: once in a period it is asked whether the last sign is older
/// than a period; so many misses in a row are too many.
#[derive(Debug)]
pub(super) struct Pulse {
    pub(super) last: Timestamp,
    pub(super) check_at: Timestamp,
    pub(super) missed: u32,
}

impl Pulse {
    pub(super) fn new(spec: &FleetSpec, now: Timestamp) -> Self {
        let health = &spec.template.health;
        let delay_ms = u64::from(health.initial_delay_seconds) * 1_000;
        Self {
            last: now.plus_ms(delay_ms),
            check_at: now.plus_ms(delay_ms + period_ms(spec)),
            missed: 0,
        }
    }
}

pub(super) fn period_ms(spec: &FleetSpec) -> u64 {
    u64::from(spec.template.health.period_seconds.max(1)) * 1_000
}

/// Patience with servers that fail.
#[derive(Debug, Default)]
pub(super) struct BackOff {
    /// Servers whose replacement waits.
    pub(super) places: u32,
    /// Failures in a row, of which those within one wait count once.
    pub(super) failures: u32,
    /// End of the wait.
    pub(super) retry_at: Timestamp,
}

impl BackOff {
    /// A server failed after it had lived for `lived_ms`.
    pub(super) fn failed(&mut self, timing: &Timing, lived_ms: u64, now: Timestamp, random: u64) {
        self.places += 1;
        if now < self.retry_at {
            return;
        }
        self.failures = if lived_ms >= STABLE_LIFE_MS {
            1
        } else {
            self.failures.saturating_add(1)
        };
        let doubled = 1_u64.checked_shl(self.failures - 1).unwrap_or(u64::MAX);
        let wait_ms = timing
            .back_off_ms
            .saturating_mul(doubled)
            .min(timing.back_off_max_ms)
            .max(2);
        // Between half and whole, so that many fleets that fail together do not start together.
        self.retry_at = now.plus_ms(wait_ms / 2 + random % (wait_ms / 2));
    }
}

pub(super) fn is_short_life(server: &GameServer, now: Timestamp) -> bool {
    server.allocated_at.is_none() && now.since_ms(server.created_at) < SHORT_LIFE_MS
}

pub(super) fn set_own(
    own: &mut BTreeMap<String, String>,
    key: String,
    value: String,
) -> Result<(), FleetError> {
    let others = own
        .keys()
        .filter(|has| has.starts_with(SDK_PREFIX) && **has != key)
        .count();
    if others >= OWN_METADATA_MAX {
        return Err(FleetError::Refused(format!(
            "a game server sets at most {OWN_METADATA_MAX} of these"
        )));
    }
    own.insert(key, value);
    Ok(())
}

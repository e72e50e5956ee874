//! How many game servers a fleet should have.

use serde::{Deserialize, Serialize};

use crate::fleet::{Bounds, GameServer, GameServerState};
use crate::time::Timestamp;

/// The guide's rule with its numbers as defaults.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScalingRules {
    /// Share of servers in use above which the fleet grows by half.
    pub scale_up_threshold: f64,
    /// Share of servers in use below which the fleet shrinks by a fifth.
    pub scale_down_threshold: f64,
    /// Pause after a change before the share is looked at again, milliseconds. The buffer does not wait for it.
    pub cooldown_ms: u64,
}

impl Default for ScalingRules {
    fn default() -> Self {
        Self {
            scale_up_threshold: 0.8,
            scale_down_threshold: 0.3,
            cooldown_ms: 300_000,
        }
    }
}

/// A fleet as the rule sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FleetSize {
    /// Servers wanted so far.
    pub replicas: u32,
    /// Servers that are Ready.
    pub ready: u32,
    /// Servers that are Allocated or Reserved.
    pub in_use: u32,
    /// Servers on their way to Ready.
    pub starting: u32,
}

impl FleetSize {
    /// Counts `servers`; those that end are not counted.
    pub fn of<'a>(replicas: u32, servers: impl IntoIterator<Item = &'a GameServer>) -> Self {
        servers.into_iter().fold(
            Self {
                replicas,
                ..Self::default()
            },
            |mut size, server| {
                match server.state {
                    GameServerState::Ready => size.ready += 1,
                    GameServerState::Allocated | GameServerState::Reserved => size.in_use += 1,
                    state if state.is_starting() => size.starting += 1,
                    _ => {}
                }
                size
            },
        )
    }
}

/// Why a fleet should change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScaleReason {
    /// Too many are in use.
    Busy,
    /// Too few are in use.
    Idle,
    /// Fewer are Ready than the buffer wants, or players wait for one.
    Buffer,
    /// Outside of minimum and maximum.
    Bounds,
}

/// A wanted change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScalePlan {
    /// Servers wanted.
    pub replicas: u32,
    /// Why.
    pub reason: ScaleReason,
}

/// The number of servers a fleet should have, or `None` to leave it. `waiting` is the number of matches that could
/// be played here now and lack a server; `changed_at` is when the fleet was last scaled by share.
///
/// Never outside of `bounds`, never below what is in use (I8). Growth for the buffer and for waiting matches does not
/// wait for the cooldown: a fleet that is out of servers has players waiting.
#[must_use]
pub fn plan(
    rules: &ScalingRules,
    bounds: Bounds,
    size: FleetSize,
    waiting: u32,
    changed_at: Option<Timestamp>,
    now: Timestamp,
) -> Option<ScalePlan> {
    let floor = bounds
        .min_replicas
        .max(size.in_use)
        .min(bounds.max_replicas);
    let clamp = |replicas: u32| replicas.clamp(floor, bounds.max_replicas.max(floor));
    // The buffer is kept out of reach of the shrinking rule, or the two would undo each other for ever.
    let buffered = clamp(size.in_use.saturating_add(bounds.buffer_size.max(waiting)));
    let decide = |replicas: u32, reason| {
        (replicas != size.replicas).then_some(ScalePlan { replicas, reason })
    };

    if clamp(size.replicas) != size.replicas {
        return decide(clamp(size.replicas), ScaleReason::Bounds);
    }
    if buffered > size.replicas {
        return decide(buffered, ScaleReason::Buffer);
    }
    if changed_at.is_some_and(|at| now.since_ms(at) < rules.cooldown_ms) {
        return None;
    }
    let total = size.ready + size.in_use + size.starting;
    let share = if total == 0 {
        0.0
    } else {
        f64::from(size.in_use) / f64::from(total)
    };
    if share > rules.scale_up_threshold {
        decide(
            clamp(size.replicas.saturating_add(size.replicas.div_ceil(2))),
            ScaleReason::Busy,
        )
    } else if share < rules.scale_down_threshold {
        decide(
            // Rounded down, as in the guide: a fifth of four is one, or a small fleet would never shrink.
            clamp(size.replicas - size.replicas.div_ceil(5)).max(buffered),
            ScaleReason::Idle,
        )
    } else {
        None
    }
}

/// The servers to take away when `surplus` are too many: Ready ones only, oldest first (I8).
#[must_use]
pub fn surplus<'a>(
    servers: impl IntoIterator<Item = &'a GameServer>,
    surplus: usize,
) -> Vec<&'a GameServer> {
    let mut ready: Vec<_> = servers
        .into_iter()
        .filter(|server| server.state == GameServerState::Ready)
        .collect();
    ready.sort_by(|a, b| {
        a.created_at
            .cmp(&b.created_at)
            .then_with(|| a.name.cmp(&b.name))
    });
    ready.truncate(surplus);
    ready
}

#[cfg(test)]
mod tests;

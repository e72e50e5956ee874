//! How many game servers a fleet should have.

use serde::{Deserialize, Serialize};

use crate::fleet::{Bounds, GameServer, GameServerState};
use crate::time::Timestamp;

/// Sizes of a fleet that are tried for unrest: at 10,000 servers, rounding moves a share by less than 0.0001.
const UNREST_SIZES_MAX: u32 = 10_000;

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

/// Two changes by share that undo each other while nobody comes or goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unrest {
    /// Servers at first.
    pub replicas: u32,
    /// How many of them are in use, all the time.
    pub in_use: u32,
    /// Servers after the first change.
    pub then: u32,
}

/// The smallest fleet within `bounds` that would change by share and, with the same servers in use, change back at its
/// next look.
///
/// Of `r` servers at least ⌊up·r⌋+1 are in use when it grows, to `r`+⌈`r`/2⌉; it shrinks again unless that many are
/// at least down·(`r`+⌈`r`/2⌉). At most ⌈down·r⌉-1 are in use when it shrinks, to `r`-⌈`r`/5⌉; it grows again unless
/// that many are at most up·(`r`-⌈`r`/5⌉). One server doubles and two halve, so down ≤ up/2 is rest for every fleet; a
/// large one grows by half exactly, so down ≤ up·2/3 is needed; in between it depends on sizes and buffer.
#[must_use]
pub fn unrest(rules: &ScalingRules, bounds: Bounds) -> Option<Unrest> {
    let now = Timestamp(0);
    let by_share = |replicas: u32, in_use: u32| {
        let size = FleetSize {
            replicas,
            ready: replicas.saturating_sub(in_use),
            in_use,
            starting: 0,
        };
        plan(rules, bounds, size, 0, None, now)
            .filter(|plan| matches!(plan.reason, ScaleReason::Busy | ScaleReason::Idle))
    };
    let undone = |replicas: u32, in_use: u32| {
        let first = by_share(replicas, in_use)?;
        let second = by_share(first.replicas, in_use)?;
        (second.reason != first.reason).then_some(Unrest {
            replicas,
            in_use,
            then: first.replicas,
        })
    };
    let largest = bounds.min_replicas.saturating_add(UNREST_SIZES_MAX);
    (bounds.min_replicas..=bounds.max_replicas.min(largest)).find_map(|replicas| {
        // Fewer in use make a shrinking likelier, and more a growing: only the numbers next to the thresholds matter.
        let share = |threshold: f64| threshold * f64::from(replicas);
        let least = to_u32(share(rules.scale_up_threshold)).saturating_add(1);
        let most = to_u32(share(rules.scale_down_threshold).ceil()).saturating_sub(1);
        [least, most]
            .into_iter()
            .filter(|in_use| *in_use <= replicas)
            .find_map(|in_use| undone(replicas, in_use))
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a number of servers, and `as` saturates"
)]
const fn to_u32(number: f64) -> u32 {
    number as u32
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

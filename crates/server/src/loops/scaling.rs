//! The scaling loop: observe the fleets, plan by the rules of `core`, apply.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use stadion_core::fleet::{Fleet, FleetSpec};
use stadion_core::id::{FleetName, GameModeName, Region};
use stadion_core::scaling::{self, FleetSize, ScaleReason, ScalingRules};
use stadion_core::time::{Clock, Timestamp};
use tokio::sync::Notify;

use super::LoopError;
use crate::metrics::Metrics;

/// Matches that wait for a game server, as the matchmakers see it, and the way to tell the scaling loop.
#[derive(Debug, Default)]
pub struct Demand {
    waiting: Mutex<HashMap<(GameModeName, Region), u32>>,
    poke: Arc<Notify>,
}

impl Demand {
    /// Replaces what `mode` waits for.
    pub fn set(&self, mode: &GameModeName, unplaced: &std::collections::BTreeMap<Region, u32>) {
        let mut waiting = self.waiting.lock();
        waiting.retain(|(of, _), _| of != mode);
        waiting.extend(
            unplaced
                .iter()
                .map(|(region, matches)| ((mode.clone(), region.clone()), *matches)),
        );
        if !unplaced.is_empty() {
            self.poke.notify_one();
        }
    }

    /// Wakes whoever scales.
    #[must_use]
    pub fn poke(&self) -> Arc<Notify> {
        self.poke.clone()
    }

    /// Servers that each fleet lacks: a waiting match counts for the fleets of its region that play it, the one with
    /// the fewest seats first, as far as the fleet may still grow.
    fn by_fleet(&self, fleets: &mut [(Arc<FleetSpec>, FleetSize)]) -> HashMap<FleetName, u32> {
        fleets.sort_by(|(a, _), (b, _)| {
            a.template
                .max_players
                .cmp(&b.template.max_players)
                .then_with(|| a.name.cmp(&b.name))
        });
        let mut lacking: HashMap<FleetName, u32> = HashMap::new();
        for ((mode, region), matches) in self.waiting.lock().iter() {
            let mut left = *matches;
            for (spec, size) in fleets
                .iter()
                .filter(|(spec, _)| spec.region == *region && spec.plays(mode))
            {
                let taken = lacking.entry(spec.name.clone()).or_default();
                let room = spec
                    .bounds
                    .max_replicas
                    .saturating_sub(size.in_use.saturating_add(*taken));
                let share = left.min(room);
                *taken += share;
                left -= share;
            }
        }
        lacking
    }
}

/// Scales the fleets.
pub struct Scaler {
    fleet: Arc<dyn Fleet>,
    clock: Arc<dyn Clock>,
    rules: ScalingRules,
    demand: Arc<Demand>,
    metrics: Arc<Metrics>,
    fleets: Mutex<HashMap<FleetName, Seen>>,
}

/// What the scaler remembers of a fleet.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// Servers wanted when it last looked.
    replicas: u32,
    /// When the fleet was last scaled by share, or by somebody else: an operator's wish gets the cooldown too.
    changed_at: Option<Timestamp>,
}

impl Scaler {
    /// A scaler with `rules`.
    #[must_use]
    pub fn new(
        fleet: Arc<dyn Fleet>,
        clock: Arc<dyn Clock>,
        rules: ScalingRules,
        demand: Arc<Demand>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            fleet,
            clock,
            rules,
            demand,
            metrics,
            fleets: Mutex::default(),
        }
    }

    /// One pass over all fleets.
    ///
    /// # Errors
    /// When the fleet backend does not answer.
    pub async fn pass(&self) -> Result<(), LoopError> {
        let now = self.clock.now();
        let servers = self.fleet.servers().await?;
        self.metrics.fleet(&servers);
        let mut fleets = Vec::new();
        for spec in self.fleet.specs() {
            let replicas = self.fleet.replicas(&spec.name).await?;
            self.metrics.replicas(&spec.name, replicas);
            let own = servers
                .iter()
                .filter(|server| server.fleet == spec.name)
                .map(AsRef::as_ref);
            let size = FleetSize::of(replicas, own);
            fleets.push((spec, size));
        }
        let lacking = self.demand.by_fleet(&mut fleets);
        for (spec, size) in &fleets {
            let waiting = lacking.get(&spec.name).copied().unwrap_or(0);
            let changed_at = self.look(&spec.name, size.replicas, now);
            let Some(plan) =
                scaling::plan(&self.rules, spec.bounds, *size, waiting, changed_at, now)
            else {
                continue;
            };
            tracing::info!(fleet = %spec.name, from = size.replicas, to = plan.replicas, reason = ?plan.reason, "scaling");
            self.fleet.scale(&spec.name, plan.replicas).await?;
            self.metrics.scaled(&spec.name, plan.reason);
            let by_share = matches!(plan.reason, ScaleReason::Busy | ScaleReason::Idle);
            let seen = Seen {
                replicas: plan.replicas,
                changed_at: if by_share { Some(now) } else { changed_at },
            };
            self.fleets.lock().insert(spec.name.clone(), seen);
        }
        Ok(())
    }

    /// Notes the fleet's size, and says when its cooldown began.
    fn look(&self, fleet: &FleetName, replicas: u32, now: Timestamp) -> Option<Timestamp> {
        let mut fleets = self.fleets.lock();
        let first = Seen {
            replicas,
            changed_at: None,
        };
        let seen = fleets.entry(fleet.clone()).or_insert(first);
        if seen.replicas != replicas {
            *seen = Seen {
                replicas,
                changed_at: Some(now),
            };
        }
        seen.changed_at
    }
}

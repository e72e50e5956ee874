//! The loops: which there are, and what each is handed.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use stadion_core::mode::GameMode;
use stadion_core::state::Fence;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::{Parts, Platform, PlatformError, observe};
use crate::director::Director;
use crate::loops::acceptance;
use crate::loops::decision_log::{self, DecisionLog};
use crate::loops::matchmaking::{self, UnderWay};
use crate::loops::reaper::Reaper;
use crate::loops::scaling::{Demand, Scaler};
use crate::loops::{self, lease};

/// Pause between two passes of the reaper: a twelfth of the 60 s after which a session is stale.
const REAP_PERIOD: Duration = Duration::from_secs(5);

type Lease = watch::Receiver<Option<Fence>>;

impl Platform {
    pub(super) async fn start_loops(&mut self) -> Result<(), PlatformError> {
        let Parts {
            state,
            metrics,
            clock,
            ..
        } = self.parts.clone();
        let (held, lease) = watch::channel(None);
        // The data directory has one user at a time, so whoever has it is the holder that it always had.
        let holder = "embedded".into();
        let keeper = lease::keep(
            state.clone(),
            clock,
            holder,
            held,
            metrics.clone(),
            self.upkeep.clone(),
        );
        self.spawn("lease", keeper);
        let open = state.open_matches().await?;
        self.spawn(
            "observer",
            observe::follow(state, metrics, open, self.servers.clone()),
        );

        let director = Arc::new(Director::new(
            self.parts.state.clone(),
            self.parts.fleet.clone(),
            self.parts.clock.clone(),
            self.parts.entropy.clone(),
            self.parts.metrics.clone(),
            self.settings.matchmaking.placement_timeout_ms,
        ));
        let demand = Arc::new(Demand::default());
        self.start_matchmakers(&director, &demand, &lease)?;
        self.start_upkeep(director, demand, &lease);
        Ok(())
    }

    fn start_matchmakers(
        &mut self,
        director: &Arc<Director>,
        demand: &Arc<Demand>,
        lease: &Lease,
    ) -> Result<(), PlatformError> {
        let create = |path: &PathBuf| {
            let created = DecisionLog::create(path, decision_log::BYTES_MAX);
            created.map_err(|source| PlatformError::DecisionLog {
                path: path.clone(),
                source,
            })
        };
        let decisions = self.settings.matchmaking.decision_log.as_ref();
        let decisions = decisions.map(create).transpose()?.map(Arc::new);
        let parts = matchmaking::Parts {
            state: self.parts.state.clone(),
            fleet: self.parts.fleet.clone(),
            director: director.clone(),
            clock: self.parts.clock.clone(),
            metrics: self.parts.metrics.clone(),
            demand: demand.clone(),
            under_way: Arc::new(UnderWay::default()),
            desk: self.parts.desk.clone(),
            regions: self.settings.regions.clone(),
            interval: Duration::from_millis(self.settings.matchmaking.interval_ms),
            budget: self.settings.matchmaking.budget,
            decisions,
        };
        // Where no game mode has a ready check, the reaper is enough for what an earlier configuration left behind.
        let is_asked = |mode: &GameMode| mode.rules.acceptance.is_some();
        if self.settings.game_modes.iter().any(is_asked) {
            let checks = acceptance::run(parts.clone(), lease.clone(), self.matching.clone());
            self.spawn("acceptance", checks);
        }
        for mode in self.settings.game_modes.clone() {
            self.spawn(
                "matchmaker",
                matchmaking::run(parts.clone(), mode, lease.clone(), self.matching.clone()),
            );
        }
        Ok(())
    }

    fn start_upkeep(&mut self, director: Arc<Director>, demand: Arc<Demand>, lease: &Lease) {
        let Parts {
            state,
            fleet,
            clock,
            metrics,
            ..
        } = self.parts.clone();
        let rules = self.settings.scaling.rules;
        let poke = demand.poke();
        let scaler = Arc::new(Scaler::new(
            fleet.clone(),
            clock.clone(),
            rules,
            demand,
            metrics.clone(),
        ));
        let period = Duration::from_millis(self.settings.scaling.interval_ms);
        let stop = self.matching.clone();
        self.spawn_loop("scaling", period, poke, lease, stop, move |_| {
            let scaler = scaler.clone();
            async move { scaler.pass().await }
        });
        let reaper = Arc::new(Reaper {
            state,
            fleet,
            director,
            started_at: clock.now(),
            clock,
            metrics,
            sessions: self.settings.sessions,
            retention_ms: self.settings.retention_ms,
        });
        let (poke, stop) = (Arc::default(), self.upkeep.clone());
        self.spawn_loop("reaper", REAP_PERIOD, poke, lease, stop, move |fence| {
            let reaper = reaper.clone();
            async move { reaper.pass(fence).await }
        });
    }

    /// A loop that works while the lease is held, until `stop`.
    fn spawn_loop<F, Fut>(
        &mut self,
        name: &'static str,
        period: Duration,
        poke: Arc<Notify>,
        lease: &Lease,
        stop: CancellationToken,
        mut pass: F,
    ) where
        F: FnMut(Fence) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), loops::LoopError>> + Send + 'static,
    {
        let mut lease = lease.clone();
        let metrics = self.parts.metrics.clone();
        self.spawn(name, async move {
            // The first pass waits for the first lease, or it would come a whole period late.
            tokio::select! {
                () = stop.cancelled() => return,
                held = lease.wait_for(Option::is_some) => drop(held),
            }
            loops::run(name, period, poke, metrics, stop, || {
                let fence = *lease.borrow();
                let pass = fence.map(&mut pass);
                async move {
                    match pass {
                        Some(pass) => pass.await,
                        None => Ok(()),
                    }
                }
            })
            .await;
        });
    }
}

//! The loops around the path of a match. A loop is poke-or-timer, idempotent and one at a time.

pub mod acceptance;
pub mod decision_log;
pub mod lease;
pub mod matchmaking;
pub mod outlook;
pub mod reaper;
pub mod scaling;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use stadion_core::state::StateError;
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

/// Why one pass of a loop failed. The next pass tries again, unless the lease is lost.
#[derive(Debug, thiserror::Error)]
pub enum LoopError {
    /// The state store.
    #[error(transparent)]
    State(#[from] StateError),
    /// The fleet.
    #[error(transparent)]
    Fleet(#[from] stadion_core::fleet::FleetError),
}

/// Runs `pass` at once, then every `period` and whenever `poke` is notified, until `shutdown`: no pass begins after it.
pub async fn run<F, Fut>(
    name: &'static str,
    period: Duration,
    poke: Arc<Notify>,
    metrics: Arc<Metrics>,
    shutdown: CancellationToken,
    mut pass: F,
) where
    F: FnMut() -> Fut + Send,
    Fut: Future<Output = Result<(), LoopError>> + Send,
{
    let mut timer = tokio::time::interval(period);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            _ = timer.tick() => {}
            () = poke.notified() => {}
        }
        let result = pass().await;
        metrics.loop_passed(name, result.is_ok());
        if let Err(error) = result {
            tracing::warn!(name, %error, "a loop's pass failed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever is due at that moment: a pass after the end would change what the end has settled.
    #[tokio::test]
    async fn no_pass_begins_after_the_end() {
        // Without an order of its branches the select would take the poke half of the time.
        for _ in 0..32 {
            let (poke, shutdown) = (Arc::new(Notify::new()), CancellationToken::new());
            let mut passes = 0;
            let metrics = Arc::new(Metrics::new("test", &[], &[]));
            let (again, end) = (poke.clone(), shutdown.clone());
            let pass = || {
                passes += 1;
                again.notify_one();
                end.cancel();
                std::future::ready(Ok(()))
            };
            run(
                "test",
                Duration::from_secs(60),
                poke,
                metrics,
                shutdown,
                pass,
            )
            .await;
            assert_eq!(passes, 1);
        }
    }
}

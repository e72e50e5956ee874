//! The lease on the loops: one replica at a time makes matches, scales and reaps (I9).

use std::sync::Arc;
use std::time::Duration;

use stadion_core::state::{Fence, State};
use stadion_core::time::Clock;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::LoopError;
use crate::metrics::Metrics;

/// Life of a lease, milliseconds: three missed renewals, as Kubernetes' leader election has it (15 s and 5 s here).
pub const TTL_MS: u64 = 15_000;
const RENEW_PERIOD: Duration = Duration::from_millis(TTL_MS / 3);
/// Pause while another replica holds it: a third of a renewal.
const WAIT_PERIOD: Duration = Duration::from_millis(TTL_MS / 9);

/// Pause before work under the lease begins anew.
const RESTART_PAUSE: Duration = Duration::from_millis(250);

/// Holds the lease for `holder` as long as it can and says so through `held`.
pub async fn keep(
    state: Arc<dyn State>,
    clock: Arc<dyn Clock>,
    holder: String,
    held: watch::Sender<Option<Fence>>,
    metrics: Arc<Metrics>,
    shutdown: CancellationToken,
) {
    let mut valid_until = clock.now();
    loop {
        let asked_at = clock.now();
        match state.lease(&holder, TTL_MS, asked_at).await {
            Ok(fence) => {
                valid_until = asked_at.plus_ms(TTL_MS);
                held.send_if_modified(|now| {
                    let changed = *now != fence;
                    if changed {
                        tracing::info!(?fence, holder, "the lease on the loops changed");
                    }
                    *now = fence;
                    changed
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the lease could not be renewed");
                if clock.now() >= valid_until {
                    held.send_replace(None);
                }
            }
        }
        metrics.lease_held(held.borrow().is_some());
        let pause = if held.borrow().is_some() {
            RENEW_PERIOD
        } else {
            WAIT_PERIOD
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Runs `term` for each fence that is held, until `shutdown`. A term that ends while the fence is still held begins anew
/// after a pause: its store did not answer, or its fence turned out to be old.
pub(super) async fn terms<F>(
    mut lease: watch::Receiver<Option<Fence>>,
    shutdown: CancellationToken,
    what: &str,
    mut term: impl FnMut(Fence) -> F,
) where
    F: Future<Output = Result<(), LoopError>>,
{
    while !shutdown.is_cancelled() {
        let fence = *lease.borrow_and_update();
        let term = async {
            match fence {
                Some(fence) => term(fence).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => break,
            changed = lease.changed() => if changed.is_err() { break },
            ended = term => {
                if let Err(error) = ended {
                    tracing::warn!(%error, "{what} begins anew");
                }
                tokio::time::sleep(RESTART_PAUSE).await;
            }
        }
    }
}

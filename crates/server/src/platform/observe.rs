//! What the platform knows about itself.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use stadion_core::matches::Match;
use stadion_core::state::{Change, State};
use tokio_util::sync::CancellationToken;

use crate::metrics::{Metrics, Observer};

/// Pause between two counts of the state.
const COUNT_PERIOD: Duration = Duration::from_secs(1);

/// Counts every change of the state until `stop`; begins with the matches that are `open`.
pub(super) async fn follow(
    state: Arc<dyn State>,
    metrics: Arc<Metrics>,
    open: Vec<Arc<Match>>,
    stop: CancellationToken,
) {
    let mut changes = state.watch();
    let mut observer = Observer::new(metrics.clone(), &open);
    let mut count = tokio::time::interval(COUNT_PERIOD);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            change = changes.next() => match change {
                Some(Change::Lagged) => match state.open_matches().await {
                    Ok(open) => observer.resync(&open),
                    Err(error) => tracing::warn!(%error, "the metrics missed changes"),
                },
                Some(change) => observer.apply(&change),
                None => return,
            },
            _ = count.tick() => {
                if let Ok(counts) = state.counts().await {
                    metrics.counts(counts);
                }
            }
        }
    }
}

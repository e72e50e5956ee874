//! The end of a platform. Every wait has a limit, and whatever was waited for in vain is named.

use std::future::Future;
use std::time::Duration;

use futures_util::future::join_all;
use stadion_core::matches::{MatchEnd, MatchState};
use stadion_fleet::local::Timing;
use tokio::time::{sleep, timeout};

use super::{ENDPOINTS_FILE, Platform, PlatformError};

/// For writing the ends of the matches that are still live: they share a commit or some, of milliseconds each.
const CUT_OFF_MAX: Duration = Duration::from_secs(10);
/// For loops and edges: requests have 5 s to end, and a pass of a loop takes milliseconds. A placement that waits for
/// the fleet could take longer, and is resumed by the next start.
const TASKS_MAX: Duration = Duration::from_secs(10);
/// For the last commit, and for closing the file.
const CLOSE_MAX: Duration = Duration::from_secs(10);
/// How long a stop takes at most after its drain: 10 s for the matches, 40 s for the game servers (30 s until they are
/// killed), 10 s for loops and edges, 10 s for the state.
pub const STOP_MAX: Duration = Duration::from_secs(70);

const _: () = assert!(
    STOP_MAX.as_millis()
        == (CUT_OFF_MAX.as_millis()
            + Timing::STANDARD.end_max().as_millis()
            + TASKS_MAX.as_millis()
            + CLOSE_MAX.as_millis()),
    "STOP_MAX is the sum of the waits"
);

impl Platform {
    /// Stops in order: no new tickets and matches, then up to `drain` for the live matches to end by themselves (or
    /// until `hurry`), then the game servers, then the edges. After the drain it takes at most [`STOP_MAX`].
    ///
    /// # Errors
    /// [`PlatformError::Unfinished`]: everything was tried, and something did not end in its time.
    pub async fn stop(
        mut self,
        drain: Duration,
        hurry: impl Future<Output = ()>,
    ) -> Result<(), PlatformError> {
        self.gateway.drain();
        self.matching.cancel();
        tokio::select! {
            () = self.drained() => {}
            () = sleep(drain) => tracing::warn!("live matches did not end in time and are cut off"),
            () = hurry => {}
        }
        self.upkeep.cancel();
        let mut late = Vec::new();
        if timeout(CUT_OFF_MAX, self.cut_off()).await.is_err() {
            late.push("the ends of the live matches".to_owned());
        }
        tracing::debug!("stopping: the game servers");
        // It has a limit of its own.
        if let Err(error) = self.local.end_all().await {
            late.push(error.to_string());
        }
        self.edges.cancel();
        self.servers.cancel();
        tracing::debug!("stopping: loops and edges");
        if timeout(TASKS_MAX, self.tasks_ended()).await.is_err() {
            late.push(format!("tasks: {}", self.running.join(", ")));
            self.tasks.abort_all();
        }
        drop(std::fs::remove_file(
            self.settings.data_dir.join(ENDPOINTS_FILE),
        ));
        tracing::debug!("stopping: the state");
        // Whoever lets go of the state last waits for its writer.
        let closing = tokio::task::spawn_blocking(move || drop(self));
        if timeout(CLOSE_MAX, closing).await.is_err() {
            late.push("the state".to_owned());
        }
        if late.is_empty() {
            return Ok(());
        }
        let what = late.join("; ");
        tracing::error!(what, "the platform did not end in order");
        Err(PlatformError::Unfinished { what })
    }

    async fn drained(&self) {
        let state = &self.parts.state;
        while state.counts().await.is_ok_and(|now| now.matches_open > 0) {
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn tasks_ended(&mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            let ended = self
                .running
                .iter()
                .position(|name| ended.as_ref().is_ok_and(|ended| ended == name));
            if let Some(index) = ended {
                self.running.swap_remove(index);
            }
        }
    }

    /// Ends the matches that are still live, so that their players are told while there is an edge to tell them.
    async fn cut_off(&self) {
        let open = self.parts.state.open_matches().await.unwrap_or_default();
        let now = self.parts.clock.now();
        let live = open.iter().filter(|open| open.state == MatchState::Live);
        let ending = live.map(|live| async move {
            let state = &self.parts.state;
            let ended = state.end_match(live.id, MatchEnd::Operator, None, now);
            if let Err(error) = ended.await {
                tracing::warn!(match_id = %live.id, %error, "a live match could not be ended");
            }
        });
        join_all(ending).await;
    }
}

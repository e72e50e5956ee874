//! The reaper: nothing that is over keeps anything (I2, I4).

use std::collections::HashMap;
use std::sync::Arc;

use stadion_core::fleet::{Fleet, GameServerState};
use stadion_core::matches::{MatchEnd, MatchState};
use stadion_core::session::SessionRules;
use stadion_core::state::{Fence, State, StateError};
use stadion_core::time::{Clock, Timestamp};

use super::LoopError;
use crate::director::Director;
use crate::metrics::Metrics;

/// A game server whose match has ended may say good-bye to its players and call Ready or Shutdown by itself for this
/// long before it is taken back, milliseconds: three heartbeats of the SDK's default health period (5 s).
pub const GOODBYE_MS: u64 = 15_000;

/// Finds what is over and returns it.
pub struct Reaper {
    /// The state.
    pub state: Arc<dyn State>,
    /// The fleets.
    pub fleet: Arc<dyn Fleet>,
    /// Finishes placing matches.
    pub director: Arc<Director>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// When a session is over.
    pub sessions: SessionRules,
    /// How long ended things are kept, milliseconds.
    pub retention_ms: u64,
    /// When this process began: heartbeats that came while none was there to hear them do not count against anybody.
    pub started_at: Timestamp,
}

impl Reaper {
    /// One pass.
    ///
    /// # Errors
    /// When state or fleet do not answer, or the lease is lost.
    pub async fn pass(&self, fence: Fence) -> Result<(), LoopError> {
        let now = self.clock.now();
        self.director.resume_all(fence).await?;
        let unanswered = self.state.expire_acceptances(fence, now).await?;
        let tickets = self.state.expire_tickets(fence, now).await?;
        let heard_long_enough = now.since_ms(self.started_at) > self.sessions.stale_after_ms;
        let sessions = if heard_long_enough {
            self.state
                .expire_sessions(fence, self.sessions, now)
                .await?
        } else {
            0
        };
        let lost = self.end_matches_without_server().await?;
        let servers = self.return_servers_without_match().await?;
        self.metrics.reaped(tickets, sessions, lost, servers);
        self.state
            .purge(fence, now.minus_ms(self.retention_ms))
            .await?;
        if unanswered + tickets + sessions + lost + servers > 0 {
            tracing::info!(
                unanswered,
                tickets,
                sessions,
                matches = lost,
                servers,
                "reaped"
            );
        }
        Ok(())
    }

    /// Live matches whose server is gone end. The matches are read before the servers: a server of a live match that
    /// is not in the later list does not exist.
    async fn end_matches_without_server(&self) -> Result<usize, LoopError> {
        let open = self.state.open_matches().await?;
        let servers: HashMap<_, _> = self
            .fleet
            .servers()
            .await?
            .into_iter()
            .map(|server| (server.name.clone(), server))
            .collect();
        let mut ended = 0;
        for live in open.iter().filter(|m| m.state == MatchState::Live) {
            let Some(allocation) = &live.allocation else {
                continue;
            };
            let serves = servers.get(&allocation.server).is_some_and(|server| {
                !server.state.is_terminal() && server.match_id == Some(live.id)
            });
            if !serves {
                tracing::warn!(match_id = %live.id, server = %allocation.server, "a match lost its game server");
                match self
                    .state
                    .end_match(live.id, MatchEnd::ServerLost, None, self.clock.now())
                    .await
                {
                    Ok(_) => ended += 1,
                    Err(StateError::WrongState { .. } | StateError::NotFound { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(ended)
    }

    /// Allocated servers whose match is over are taken back (I4). The servers are read before their matches: a match
    /// is committed before its server is allocated, so one that is not there now is over.
    async fn return_servers_without_match(&self) -> Result<usize, LoopError> {
        let mut returned = 0;
        for server in self.fleet.servers().await? {
            let (Some(match_id), GameServerState::Allocated) = (server.match_id, server.state)
            else {
                continue;
            };
            let over = match self.state.get_match(match_id).await {
                Ok(found) => match found.state {
                    MatchState::Ended { .. } => {
                        self.clock.now().since_ms(found.changed_at) > GOODBYE_MS
                    }
                    MatchState::Abandoned { .. } => true,
                    _ => false,
                },
                Err(StateError::NotFound { .. }) => true,
                Err(error) => return Err(error.into()),
            };
            if over {
                tracing::info!(server = %server.name, %match_id, "taking back a game server whose match is over");
                self.fleet.release(match_id).await?;
                returned += 1;
            }
        }
        Ok(returned)
    }
}

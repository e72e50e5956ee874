//! The trait: changes go through the writer, questions straight to what is durable.

use std::sync::Arc;

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::{StreamExt, stream};
use stadion_core::event::PlayerEvent;
use stadion_core::id::{GameModeName, MatchId, PlayerId, ServerName, SessionId, TicketId};
use stadion_core::limits::HEARTBEATS_PER_CALL_MAX;
use stadion_core::matches::{AbandonReason, Match, MatchEnd, NewMatch, Placement};
use stadion_core::session::{EndReason, Heartbeat, Session, SessionRules};
use stadion_core::state::{Change, Counts, Created, Fence, Filter, State, StateError, Verdict};
use stadion_core::ticket::{CancelReason, NewTicket, Ticket};
use stadion_core::time::Timestamp;
use tokio_stream::wrappers::BroadcastStream;

use super::EmbeddedState;
use crate::ledger::{Command, Outcome};

/// Runs a command and takes the one kind of answer that it has.
macro_rules! ask {
    ($state:expr, $command:expr, $now:expr, $kind:ident) => {
        match $state.run($command, $now).await? {
            Outcome::$kind(answer) => Ok(answer),
            _ => Err(StateError::Unavailable(
                "the ledger answered another question".into(),
            )),
        }
    };
}

#[async_trait]
impl State for EmbeddedState {
    async fn lease(
        &self,
        holder: &str,
        ttl_ms: u64,
        now: Timestamp,
    ) -> Result<Option<Fence>, StateError> {
        let holder = holder.to_owned();
        ask!(self, Command::Lease { holder, ttl_ms }, now, Lease)
    }

    async fn create_ticket(
        &self,
        request: NewTicket,
        now: Timestamp,
    ) -> Result<Created, StateError> {
        ask!(self, Command::CreateTicket(Box::new(request)), now, Created)
    }

    async fn ticket(&self, id: TicketId) -> Result<Arc<Ticket>, StateError> {
        self.shared.read(|ledger| ledger.ticket(id)).await?
    }

    async fn tickets(&self, filter: &Filter) -> Result<Vec<Arc<Ticket>>, StateError> {
        self.shared.read(|ledger| ledger.tickets(filter)).await
    }

    async fn searching(&self, game_mode: &GameModeName) -> Result<Vec<Arc<Ticket>>, StateError> {
        self.shared.read(|ledger| ledger.searching(game_mode)).await
    }

    async fn cancel_ticket(
        &self,
        id: TicketId,
        reason: CancelReason,
        now: Timestamp,
    ) -> Result<Arc<Ticket>, StateError> {
        ask!(self, Command::CancelTicket { id, reason }, now, Ticket)
    }

    async fn expire_tickets(&self, fence: Fence, now: Timestamp) -> Result<usize, StateError> {
        ask!(self, Command::ExpireTickets { fence }, now, Count)
    }

    async fn move_ticket(
        &self,
        fence: Fence,
        id: TicketId,
        to: &GameModeName,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Arc<Ticket>, StateError> {
        let command = Command::MoveTicket {
            fence,
            id,
            to: to.clone(),
            expires_at,
        };
        ask!(self, command, now, Ticket)
    }

    async fn commit_match(
        &self,
        fence: Fence,
        new: NewMatch,
        now: Timestamp,
    ) -> Result<Arc<Match>, StateError> {
        let new = Box::new(new);
        ask!(self, Command::CommitMatch { fence, new }, now, Match)
    }

    async fn respond(
        &self,
        id: MatchId,
        player_id: &PlayerId,
        accept: bool,
        now: Timestamp,
    ) -> Result<Arc<Match>, StateError> {
        let command = Command::Respond {
            id,
            player_id: player_id.clone(),
            accept,
        };
        ask!(self, command, now, Match)
    }

    async fn expire_acceptances(&self, fence: Fence, now: Timestamp) -> Result<usize, StateError> {
        ask!(self, Command::ExpireAcceptances { fence }, now, Count)
    }

    async fn place_match(
        &self,
        fence: Fence,
        id: MatchId,
        placement: Placement,
        now: Timestamp,
    ) -> Result<Arc<Match>, StateError> {
        let placement = Box::new(placement);
        let command = Command::PlaceMatch {
            fence,
            id,
            placement,
        };
        ask!(self, command, now, Match)
    }

    async fn open_seats(
        &self,
        id: MatchId,
        server: &ServerName,
        seats: &[u32],
        team_seats: &[u32],
        now: Timestamp,
    ) -> Result<Arc<Match>, StateError> {
        let command = Command::OpenSeats {
            id,
            server: server.clone(),
            seats: seats.to_vec(),
            team_seats: team_seats.to_vec(),
        };
        ask!(self, command, now, Match)
    }

    async fn fill_match(
        &self,
        fence: Fence,
        id: MatchId,
        sessions: Vec<Session>,
        now: Timestamp,
    ) -> Result<Arc<Match>, StateError> {
        let command = Command::FillMatch {
            fence,
            id,
            sessions,
        };
        ask!(self, command, now, Match)
    }

    async fn abandon_match(
        &self,
        fence: Fence,
        id: MatchId,
        reason: AbandonReason,
        now: Timestamp,
    ) -> Result<Arc<Match>, StateError> {
        ask!(
            self,
            Command::AbandonMatch { fence, id, reason },
            now,
            Match
        )
    }

    async fn end_match(
        &self,
        id: MatchId,
        end: MatchEnd,
        result: Option<serde_json::Value>,
        now: Timestamp,
    ) -> Result<Arc<Match>, StateError> {
        ask!(self, Command::EndMatch { id, end, result }, now, Match)
    }

    async fn get_match(&self, id: MatchId) -> Result<Arc<Match>, StateError> {
        self.shared.read(|ledger| ledger.get_match(id)).await?
    }

    async fn matches(&self, filter: &Filter) -> Result<Vec<Arc<Match>>, StateError> {
        self.shared.read(|ledger| ledger.matches(filter)).await
    }

    async fn open_matches(&self) -> Result<Vec<Arc<Match>>, StateError> {
        self.shared.read(|ledger| ledger.open_matches()).await
    }

    async fn redeem(
        &self,
        id: SessionId,
        match_id: MatchId,
        server: &ServerName,
        key: Option<&str>,
        now: Timestamp,
    ) -> Result<Arc<Session>, StateError> {
        let command = Command::Redeem {
            id,
            match_id,
            server: server.clone(),
            key: key.map(str::to_owned),
        };
        ask!(self, command, now, Session)
    }

    async fn heartbeats(
        &self,
        server: &ServerName,
        beats: &[Heartbeat],
        now: Timestamp,
    ) -> Result<Vec<Verdict>, StateError> {
        if beats.len() > HEARTBEATS_PER_CALL_MAX {
            // Before the copy, so that the queue holds no more than it should.
            return Err(StateError::Full {
                what: "one report of heartbeats",
                limit: HEARTBEATS_PER_CALL_MAX,
            });
        }
        let command = Command::Heartbeats {
            server: server.clone(),
            beats: beats.to_vec(),
        };
        ask!(self, command, now, Verdicts)
    }

    async fn end_session(
        &self,
        id: SessionId,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<Arc<Session>, StateError> {
        ask!(self, Command::EndSession { id, reason }, now, Session)
    }

    async fn kick(&self, id: SessionId, now: Timestamp) -> Result<Arc<Session>, StateError> {
        ask!(self, Command::Kick { id }, now, Session)
    }

    async fn expire_sessions(
        &self,
        fence: Fence,
        rules: SessionRules,
        now: Timestamp,
    ) -> Result<usize, StateError> {
        ask!(self, Command::ExpireSessions { fence, rules }, now, Count)
    }

    async fn session(&self, id: SessionId) -> Result<Arc<Session>, StateError> {
        self.shared.read(|ledger| ledger.session(id)).await?
    }

    async fn sessions(&self, filter: &Filter) -> Result<Vec<Arc<Session>>, StateError> {
        self.shared.read(|ledger| ledger.sessions(filter)).await
    }

    async fn events(
        &self,
        player_id: &PlayerId,
        after: u64,
    ) -> Result<Vec<Arc<PlayerEvent>>, StateError> {
        self.shared
            .read(|ledger| ledger.events(player_id, after))
            .await
    }

    async fn purge(&self, fence: Fence, before: Timestamp) -> Result<usize, StateError> {
        // A purge stamps nothing, so its own time does not matter.
        ask!(self, Command::Purge { fence, before }, before, Count)
    }

    fn watch(&self) -> BoxStream<'static, Change> {
        BroadcastStream::new(self.shared.changes.subscribe())
            .flat_map(|commit| {
                let commit = commit.unwrap_or_else(|_| Arc::new([Change::Lagged]));
                let count = commit.len();
                stream::iter((0..count).map(move |place| commit[place].clone()))
            })
            .boxed()
    }

    async fn counts(&self) -> Result<Counts, StateError> {
        self.shared.read(|ledger| ledger.counts()).await
    }
}

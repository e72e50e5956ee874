//! The trait of whatever keeps tickets, matches and sessions.

use std::sync::Arc;

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use serde::{Deserialize, Serialize};

use crate::event::PlayerEvent;
use crate::id::{GameModeName, MatchId, PlayerId, ServerName, SessionId, TicketId};
use crate::matches::{AbandonReason, Match, MatchEnd, NewMatch, Placement};
use crate::session::{EndReason, Heartbeat, Session, SessionRules};
use crate::ticket::{CancelReason, NewTicket, Ticket};
use crate::time::Timestamp;

/// Proof of a lease. Every change by a loop carries one, and a store refuses all but the newest (I9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fence(pub u64);

/// What went wrong with a call to the state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Not there (any more). The caller's fault; do not retry.
    #[error("there is no {what} {id}")]
    NotFound {
        /// `ticket`, `match` or `session`.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// The player already waits in this game mode (I1). The caller's fault.
    #[error("player {player_id} already has ticket {ticket_id} in this game mode")]
    AlreadyQueued {
        /// Who.
        player_id: PlayerId,
        /// Where they wait.
        ticket_id: TicketId,
    },
    /// The player is in a match that is not over (I1). The caller's fault.
    #[error("player {player_id} is in match {match_id}, which is not over")]
    InMatch {
        /// Who.
        player_id: PlayerId,
        /// Where they play.
        match_id: MatchId,
    },
    /// The same idempotency key came with another request. The caller's fault.
    #[error("this idempotency key was used for another request")]
    IdempotencyMismatch,
    /// A ticket of the match is not searching any more, or a player of it is taken: nothing happened. Plan anew.
    #[error("ticket {ticket_id} cannot be committed")]
    Stale {
        /// The first such ticket.
        ticket_id: TicketId,
    },
    /// The player has answered the ready check otherwise before; the first answer stays. The caller's fault.
    #[error("player {player_id} has {} match {match_id} before", if *.accepted { "accepted" } else { "refused" })]
    AlreadyAnswered {
        /// Who.
        player_id: PlayerId,
        /// Which match.
        match_id: MatchId,
        /// The first answer.
        accepted: bool,
    },
    /// A team of the match would have more seats than it may. The caller's fault; nothing happened.
    #[error("team {team} of match {match_id} has {room} free seats at most")]
    TooManySeats {
        /// Which match.
        match_id: MatchId,
        /// Which team, from 0.
        team: u32,
        /// Seats that are free there, whatever is offered.
        room: u32,
    },
    /// What was asked is not possible in the state the thing is in; nothing happened. Do not retry.
    #[error("{what} {id} is {state}")]
    WrongState {
        /// `ticket`, `match` or `session`.
        what: &'static str,
        /// Its id.
        id: String,
        /// The state it is in.
        state: &'static str,
    },
    /// The match is another server's, or the token's session another server's or match's (I5). Somebody's fault; do not
    /// retry.
    #[error("{what} {id} belongs elsewhere")]
    WrongServer {
        /// `match` or `session`.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// The token was used before (I5). Do not retry.
    #[error("the join token of session {session_id} was used before")]
    AlreadyRedeemed {
        /// The session.
        session_id: SessionId,
    },
    /// The fence is not the newest: this replica lost its lease and must stop (I9).
    #[error("the lease was lost")]
    Fenced,
    /// A named limit is reached (I7). Retry later.
    #[error("{what} is full: {limit} at most")]
    Full {
        /// What is full.
        what: &'static str,
        /// Its limit.
        limit: usize,
    },
    /// The store cannot keep anything at the moment (disk full, connection lost). Nothing was lost; retry later.
    #[error("the state store is not available: {0}")]
    Unavailable(String),
}

/// Which tickets, matches or sessions to list; `None` means any. At most [`crate::limits::LIST_MAX`] come back, newest
/// first, except where a call says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// With this player.
    pub player_id: Option<PlayerId>,
    /// Of this game mode.
    pub game_mode: Option<GameModeName>,
    /// In a state with this name.
    pub state: Option<&'static str>,
    /// On this server.
    pub server: Option<ServerName>,
    /// Of this match.
    pub match_id: Option<MatchId>,
}

/// What became of a creation.
#[derive(Clone, Debug, PartialEq)]
pub struct Created {
    /// The ticket.
    pub ticket: Arc<Ticket>,
    /// Whether an earlier call with the same idempotency key had made it.
    pub repeated: bool,
}

/// What the game server has to know about a session that it reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Keep,
    /// The session is over or was never on this server: disconnect the player.
    Disconnect,
}

/// One change that others may care for.
#[derive(Clone, Debug)]
pub enum Change {
    /// A ticket changed (or appeared).
    Ticket(Arc<Ticket>),
    /// A match changed (or appeared).
    Match(Arc<Match>),
    /// A player has a new event.
    Event(Arc<PlayerEvent>),
    /// Changes were missed: read again what matters.
    Lagged,
}

/// How much the state holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tickets that search.
    pub tickets_searching: usize,
    /// Matches that are accepting, placing or live.
    pub matches_open: usize,
    /// Sessions that are reserved or active.
    pub sessions_live: usize,
}

/// Where tickets, matches and sessions live. Every call is atomic and durable when it returns; every call may be
/// repeated after a lost answer. Shaped so that one key space per game mode and player can carry it on Redis.
#[async_trait]
pub trait State: Send + Sync + 'static {
    /// Takes or renews the lease on the loops for `ttl_ms`. The same holder keeps its fence; a new holder, after the
    /// old lease ran out, gets a higher one. `None` while somebody else holds it.
    ///
    /// # Errors
    /// [`StateError::Unavailable`].
    async fn lease(
        &self,
        holder: &str,
        ttl_ms: u64,
        now: Timestamp,
    ) -> Result<Option<Fence>, StateError>;

    /// Puts a checked request into its queue.
    ///
    /// # Errors
    /// `AlreadyQueued`, `InMatch`, `IdempotencyMismatch`, `Full`, `Unavailable`.
    async fn create_ticket(
        &self,
        request: NewTicket,
        now: Timestamp,
    ) -> Result<Created, StateError>;

    /// One ticket.
    ///
    /// # Errors
    /// `NotFound`, `Unavailable`.
    async fn ticket(&self, id: TicketId) -> Result<Arc<Ticket>, StateError>;

    /// Tickets.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn tickets(&self, filter: &Filter) -> Result<Vec<Arc<Ticket>>, StateError>;

    /// Every searching ticket of `game_mode`, without limit, oldest first: what the matchmaker begins with.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn searching(&self, game_mode: &GameModeName) -> Result<Vec<Arc<Ticket>>, StateError>;

    /// Takes a searching ticket back. One in a ready check, too: its match is abandoned, as if one of its players had
    /// refused. Repeating it is no error.
    ///
    /// # Errors
    /// `NotFound`, `WrongState` (its match is placing already), `Unavailable`.
    async fn cancel_ticket(
        &self,
        id: TicketId,
        reason: CancelReason,
        now: Timestamp,
    ) -> Result<Arc<Ticket>, StateError>;

    /// Times out the searching tickets whose life is over; how many. One call may stop at a limit of the store, as may
    /// [`Self::expire_sessions`] and [`Self::purge`]: the next one goes on.
    ///
    /// # Errors
    /// `Fenced`, `Unavailable`.
    async fn expire_tickets(&self, fence: Fence, now: Timestamp) -> Result<usize, StateError>;

    /// Has a searching ticket go on in the game mode `to`, with the age that it has, at the longest until `expires_at`;
    /// it never searches longer than it would have. Repeating it is no error.
    ///
    /// # Errors
    /// `NotFound`, `WrongState` (it does not search), `AlreadyQueued` (one of its players searches there already, I1),
    /// `InMatch` (one of them may come back from a match to search there, I1), `Fenced`, `Unavailable`.
    async fn move_ticket(
        &self,
        fence: Fence,
        id: TicketId,
        to: &GameModeName,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Arc<Ticket>, StateError>;

    /// Commits a match: all its tickets search and none of its players is in an open match, or nothing happens. With a
    /// ready check it is accepting then, otherwise placing.
    ///
    /// # Errors
    /// `Stale`, `Fenced`, `Unavailable`.
    async fn commit_match(
        &self,
        fence: Fence,
        new: NewMatch,
        now: Timestamp,
    ) -> Result<Arc<Match>, StateError>;

    /// Takes a player's answer to the ready check of an accepting match. When everybody has said yes, the match is
    /// placing. When anybody says no, it is abandoned: the tickets of whoever refused are cancelled, all others search
    /// again with the age they had. An answer that comes too late does not count, and has the check end as
    /// [`Self::expire_acceptances`] would. Repeating an answer is no error, whatever became of the match.
    ///
    /// # Errors
    /// `NotFound` (the match, or the player in it), `AlreadyAnswered`, `WrongState` (not accepting), `Unavailable`.
    async fn respond(
        &self,
        id: MatchId,
        player_id: &PlayerId,
        accept: bool,
        now: Timestamp,
    ) -> Result<Arc<Match>, StateError>;

    /// Abandons the accepting matches whose time is over; how many. Tickets all of whose players said yes search again
    /// with the age they had, the others are cancelled, and everybody is told.
    ///
    /// # Errors
    /// `Fenced`, `Unavailable`.
    async fn expire_acceptances(&self, fence: Fence, now: Timestamp) -> Result<usize, StateError>;

    /// Records a placing match's server and opens its sessions: the match is live, its tickets are completed, other
    /// tickets of its players are cancelled, everybody is told. Repeating it with the same server is no error.
    ///
    /// # Errors
    /// `NotFound`, `WrongState` (abandoned meanwhile, or placed on another server), `Fenced`, `Unavailable`.
    async fn place_match(
        &self,
        fence: Fence,
        id: MatchId,
        placement: Placement,
        now: Timestamp,
    ) -> Result<Arc<Match>, StateError>;

    /// Sets the seats by team that the `server` of a live match would have filled, in place of those that it offered
    /// before; none withdraws the offer. Repeating it is no error and changes nothing. The match offers them until they are
    /// filled, withdrawn, or it ends. With its live sessions, no team has more than `team_seats`.
    ///
    /// # Errors
    /// `NotFound`, `WrongServer` (the match is on another one), `WrongState` (not live), `TooManySeats`, `Full` (more than
    /// [`crate::limits::MATCH_SEATS_MAX`] over its whole life), `Unavailable`.
    async fn open_seats(
        &self,
        id: MatchId,
        server: &ServerName,
        seats: &[u32],
        team_seats: &[u32],
        now: Timestamp,
    ) -> Result<Arc<Match>, StateError>;

    /// Puts newcomers into free seats of a live match, whole tickets in one team each: all of them search in its game mode,
    /// none of their players is in an open match, and the match offers those seats, or nothing happens. Then the seats are
    /// offered no more, the players are in the line-up, and the rest is as in [`Self::place_match`]. Repeating it with the
    /// same tickets is no error and changes nothing.
    ///
    /// # Errors
    /// `NotFound`, `Stale` (a ticket), `WrongState` (not live, or other seats than offered), `Fenced`, `Unavailable`.
    async fn fill_match(
        &self,
        fence: Fence,
        id: MatchId,
        sessions: Vec<Session>,
        now: Timestamp,
    ) -> Result<Arc<Match>, StateError>;

    /// Gives an accepting or placing match up: its tickets search again with the age they had, and everybody is told. Repeating it
    /// is no error.
    ///
    /// # Errors
    /// `NotFound`, `WrongState` (live or ended), `Fenced`, `Unavailable`.
    async fn abandon_match(
        &self,
        fence: Fence,
        id: MatchId,
        reason: AbandonReason,
        now: Timestamp,
    ) -> Result<Arc<Match>, StateError>;

    /// Ends a live match and its sessions. Repeating it is no error, and the first result stays.
    ///
    /// # Errors
    /// `NotFound`, `WrongState` (still placing, or abandoned), `Unavailable`.
    async fn end_match(
        &self,
        id: MatchId,
        end: MatchEnd,
        result: Option<serde_json::Value>,
        now: Timestamp,
    ) -> Result<Arc<Match>, StateError>;

    /// One match.
    ///
    /// # Errors
    /// `NotFound`, `Unavailable`.
    async fn get_match(&self, id: MatchId) -> Result<Arc<Match>, StateError>;

    /// Matches.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn matches(&self, filter: &Filter) -> Result<Vec<Arc<Match>>, StateError>;

    /// Every accepting, placing or live match, without limit: what a director that starts has to finish.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn open_matches(&self) -> Result<Vec<Arc<Match>>, StateError>;

    /// Turns a reserved session active, once, on its own server only (I5). Repeating it with the `key` that it was
    /// redeemed with is no error and changes nothing; without a key it cannot be told from a second use.
    ///
    /// # Errors
    /// `NotFound`, `WrongServer`, `AlreadyRedeemed`, `WrongState` (over), `Unavailable`.
    async fn redeem(
        &self,
        id: SessionId,
        match_id: MatchId,
        server: &ServerName,
        key: Option<&str>,
        now: Timestamp,
    ) -> Result<Arc<Session>, StateError>;

    /// Signs of life from `server`, at most [`crate::limits::HEARTBEATS_PER_CALL_MAX`]; one verdict each, in order.
    /// They need not be durable: a lost one is repeated.
    ///
    /// # Errors
    /// `Full` (too many at once), `Unavailable`.
    async fn heartbeats(
        &self,
        server: &ServerName,
        beats: &[Heartbeat],
        now: Timestamp,
    ) -> Result<Vec<Verdict>, StateError>;

    /// Ends one live session. Repeating it is no error.
    ///
    /// # Errors
    /// `NotFound`, `Unavailable`.
    async fn end_session(
        &self,
        id: SessionId,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<Arc<Session>, StateError>;

    /// Throws one player out. Repeating it is no error.
    ///
    /// # Errors
    /// `NotFound`, `Unavailable`.
    async fn kick(&self, id: SessionId, now: Timestamp) -> Result<Arc<Session>, StateError>;

    /// Expires the live sessions that `rules` says are over; how many. A live match without a live session ends as
    /// [`MatchEnd::Empty`].
    ///
    /// # Errors
    /// `Fenced`, `Unavailable`.
    async fn expire_sessions(
        &self,
        fence: Fence,
        rules: SessionRules,
        now: Timestamp,
    ) -> Result<usize, StateError>;

    /// One session.
    ///
    /// # Errors
    /// `NotFound`, `Unavailable`.
    async fn session(&self, id: SessionId) -> Result<Arc<Session>, StateError>;

    /// Sessions.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn sessions(&self, filter: &Filter) -> Result<Vec<Arc<Session>>, StateError>;

    /// The events of `player_id` after number `after`, oldest first, as far as they are kept
    /// ([`crate::limits::EVENTS_PER_PLAYER_MAX`]).
    ///
    /// # Errors
    /// `Unavailable`.
    async fn events(
        &self,
        player_id: &PlayerId,
        after: u64,
    ) -> Result<Vec<Arc<PlayerEvent>>, StateError>;

    /// Forgets ended tickets, matches and sessions, and events, that last changed before `before`; how many.
    ///
    /// # Errors
    /// `Fenced`, `Unavailable`.
    async fn purge(&self, fence: Fence, before: Timestamp) -> Result<usize, StateError>;

    /// Changes from now on, after they are durable and in their order. A slow reader gets [`Change::Lagged`], never a
    /// growing queue.
    fn watch(&self) -> BoxStream<'static, Change>;

    /// How much it holds.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn counts(&self) -> Result<Counts, StateError>;
}

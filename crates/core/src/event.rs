//! What players are told, in order and numbered, so that a client that was away misses nothing.

use serde::{Deserialize, Serialize};

use crate::id::{GameModeName, MatchId, PlayerId, SessionId, TicketId};
use crate::matches::AbandonReason;
use crate::session::EndReason;
use crate::ticket::CancelReason;
use crate::time::Timestamp;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EventKind {
    /// A ticket with this player is in its queue.
    TicketSearching {
        /// The ticket.
        ticket_id: TicketId,
    },
    /// It has a match, if every player says yes in time. Who plays, and until when an answer counts, is the match's.
    MatchProposed {
        /// The ticket.
        ticket_id: TicketId,
        /// The match.
        match_id: MatchId,
    },
    /// Its match has been committed and waits for a server.
    TicketPlacing {
        /// The ticket.
        ticket_id: TicketId,
        /// The match.
        match_id: MatchId,
    },
    /// The match came to nothing; the ticket searches again with the age it had.
    TicketRequeued {
        /// The ticket.
        ticket_id: TicketId,
        /// Why.
        reason: AbandonReason,
    },
    /// The ticket has waited so long that it goes on in another game mode, with the age it had.
    TicketMoved {
        /// The ticket.
        ticket_id: TicketId,
        /// Where it searches now.
        game_mode: GameModeName,
    },
    /// The ticket is over without a match.
    TicketCancelled {
        /// The ticket.
        ticket_id: TicketId,
        /// Why.
        reason: CancelReason,
    },
    /// The ticket waited its whole life.
    TicketTimedOut {
        /// The ticket.
        ticket_id: TicketId,
    },
    /// The ticket could not be served.
    TicketFailed {
        /// The ticket.
        ticket_id: TicketId,
        /// Why, for people.
        reason: String,
    },
    /// A seat is ready. The join token is made from the session when the event is delivered: no secret is stored.
    MatchFound {
        /// The match.
        match_id: MatchId,
        /// The seat.
        session_id: SessionId,
    },
    /// The seat is gone.
    SessionEnded {
        /// The seat.
        session_id: SessionId,
        /// How.
        end: SeatEnd,
    },
}

/// How a seat came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeatEnd {
    /// The match ended.
    MatchEnded,
    /// The player left.
    Left,
    /// The game server is gone.
    ServerLost,
    /// No heartbeat for too long, or too old.
    Expired,
    /// Thrown out.
    Kicked,
}

impl From<EndReason> for SeatEnd {
    fn from(reason: EndReason) -> Self {
        match reason {
            EndReason::MatchEnded => Self::MatchEnded,
            EndReason::Left => Self::Left,
            EndReason::ServerLost => Self::ServerLost,
        }
    }
}

/// One event of one player.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlayerEvent {
    /// Whose.
    pub player_id: PlayerId,
    /// Number among this player's events, from 1, without gaps among those that are kept; it never goes back, also
    /// after all of them were forgotten.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

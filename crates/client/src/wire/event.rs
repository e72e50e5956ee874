//! Messages of the WebSocket `/v1/connect`. All are JSON texts with a `type`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Acceptance, ServerAddress};

/// A seat is ready: connect to the server and show it the join token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MatchFound {
    /// The match.
    pub match_id: String,
    /// Where to connect to.
    pub server: ServerAddress,
    /// Ids of all players of the match.
    pub players: Vec<String>,
    /// The player's own seat.
    pub session_id: String,
    /// The player's team, from 0.
    pub team: u32,
    /// What the player was matched to play, where the game mode has roles; absent for whoever takes any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// What the game server wants to see. Absent when the event is resent and the seat is not `reserved` any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join_token: Option<String>,
}

impl std::fmt::Debug for MatchFound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MatchFound")
            .field("match_id", &self.match_id)
            .field("server", &self.server)
            .field("session_id", &self.session_id)
            .field("team", &self.team)
            .finish_non_exhaustive()
    }
}

/// A match is there, if every player of it says yes in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MatchProposed {
    /// The player's ticket.
    pub ticket_id: String,
    /// The match: answer at `/v1/matches/{match_id}/accept`.
    pub match_id: String,
    /// Ids of all players of the match.
    pub players: Vec<String>,
    /// The last moment at which an answer counts.
    pub accept_until_ms: u64,
}

/// What happened to a player.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EventKind {
    /// A ticket with this player is in its queue.
    TicketSearching {
        /// The ticket.
        ticket_id: String,
    },
    /// A match is there, if every player of it says yes in time.
    MatchProposed(MatchProposed),
    /// Its match waits for a game server.
    TicketPlacing {
        /// The ticket.
        ticket_id: String,
        /// The match.
        match_id: String,
    },
    /// The match came to nothing; the ticket searches again with the age it had.
    TicketRequeued {
        /// The ticket.
        ticket_id: String,
        /// `no_capacity`, `fleet_unavailable`, `placement_timeout`, `server_lost` or `not_accepted`.
        reason: String,
    },
    /// The ticket has waited so long that it goes on in another game mode, with the age it had.
    TicketMoved {
        /// The ticket.
        ticket_id: String,
        /// Where it searches now.
        game_mode: String,
    },
    /// The ticket is over without a match.
    TicketCancelled {
        /// The ticket.
        ticket_id: String,
        /// `requested`, `matched_elsewhere`, `operator` or `not_accepted`.
        reason: String,
    },
    /// The ticket waited its whole life.
    TicketTimedOut {
        /// The ticket.
        ticket_id: String,
    },
    /// The ticket could not be served.
    TicketFailed {
        /// The ticket.
        ticket_id: String,
        /// Why, for people.
        reason: String,
    },
    /// A seat is ready.
    MatchFound(MatchFound),
    /// The seat is gone.
    SessionEnded {
        /// The seat.
        session_id: String,
        /// `match_ended`, `left`, `server_lost`, `expired` or `kicked`.
        reason: String,
    },
    /// A type that this client does not know yet; never sent.
    #[serde(other)]
    Unknown,
}

/// One numbered event of one player.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Number among this player's events, from 1, without gaps.
    pub number: u64,
    /// When it happened.
    pub at_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What the gateway says besides events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Control {
    /// The first message: the caller is known.
    Hello {
        /// Who the caller is.
        player_id: String,
        /// Number of the newest event there is; 0 if there is none.
        last_number: u64,
    },
    /// Events are not kept any more: ask `/v1/tickets` and `/v1/sessions` how things stand.
    Gap {
        /// First number that is missing.
        from: u64,
        /// Last number that is missing.
        to: u64,
    },
    /// How the ready check of the player's match stands. A courtesy without a number, which is not resent.
    MatchAcceptance(Acceptance),
    /// Answer to `ping`.
    Pong,
    /// A type that this client does not know yet; never sent.
    #[serde(other)]
    Unknown,
}

/// Whatever the gateway sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum ServerMessage {
    /// A numbered event.
    Event(Event),
    /// Anything else.
    Control(Control),
}

/// Whatever a client may send.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ClientMessage {
    /// The first message of a client that cannot set the `Authorization` header, such as a browser.
    Authenticate {
        /// The player's token.
        token: String,
    },
    /// Events up to this number were seen; a courtesy, nothing depends on it.
    Ack {
        /// Newest number seen.
        number: u64,
    },
    /// Asks for a `pong`.
    Ping,
}

impl std::fmt::Debug for ClientMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Authenticate { .. } => f.write_str("Authenticate"),
            Self::Ack { number } => write!(f, "Ack({number})"),
            Self::Ping => f.write_str("Ping"),
        }
    }
}

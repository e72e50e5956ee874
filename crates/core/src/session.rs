//! Sessions: players' seats in matches.

use serde::{Deserialize, Serialize};

use crate::id::{MatchId, PlayerId, Region, ServerName, SessionId, TicketId};
use crate::time::Timestamp;

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The match ended.
    MatchEnded,
    /// The player left.
    Left,
    /// Its game server is gone.
    ServerLost,
}

/// Where a session is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum SessionState {
    /// The seat is kept; the token has not been redeemed.
    Reserved,
    /// The player is on the server.
    Active,
    /// Over in good order.
    Ended {
        /// Why.
        reason: EndReason,
    },
    /// No heartbeat for too long, or older than a session may be.
    Expired,
    /// Thrown out.
    Kicked,
}

impl SessionState {
    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Active => "active",
            Self::Ended { .. } => "ended",
            Self::Expired => "expired",
            Self::Kicked => "kicked",
        }
    }

    /// The seat is taken.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Reserved | Self::Active)
    }
}

/// One player's seat in one match.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Its id; also the id (`jti`) of its join token.
    pub id: SessionId,
    /// Who sits there.
    pub player_id: PlayerId,
    /// The match.
    pub match_id: MatchId,
    /// The ticket that led here.
    pub ticket_id: TicketId,
    /// The server; a token counts on this one only.
    pub server: ServerName,
    /// Where.
    pub region: Region,
    /// Team, from 0.
    pub team: u32,
    /// What the player plays, where the game mode has roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Where it is in its life.
    #[serde(flatten)]
    pub state: SessionState,
    /// When the seat was reserved.
    pub created_at: Timestamp,
    /// When the token was redeemed.
    pub connected_at: Option<Timestamp>,
    /// Idempotency key of the call that redeemed it: the same call again gets the same answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redeem_key: Option<String>,
    /// Last sign of life; of the reservation before the first heartbeat.
    pub heartbeat_at: Timestamp,
    /// Round trip that the server last reported, milliseconds.
    pub latency_ms: Option<f32>,
}

/// Rules of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRules {
    /// No heartbeat for this long makes a session stale, milliseconds; the guide's 60 s.
    pub stale_after_ms: u64,
    /// Life of a session, milliseconds; the guide's 24 h.
    pub life_ms: u64,
}

impl Default for SessionRules {
    fn default() -> Self {
        Self {
            stale_after_ms: 60_000,
            life_ms: 24 * 60 * 60 * 1_000,
        }
    }
}

impl SessionRules {
    /// Whether a live session has to be expired.
    #[must_use]
    pub const fn is_over(&self, session: &Session, now: Timestamp) -> bool {
        session.state.is_live()
            && (now.since_ms(session.heartbeat_at) > self.stale_after_ms
                || now.since_ms(session.created_at) > self.life_ms)
    }
}

/// A sign of life that a game server reports for one player.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heartbeat {
    /// Whose.
    pub session_id: SessionId,
    /// Measured round trip, milliseconds.
    pub latency_ms: Option<f32>,
}

#[cfg(test)]
mod tests;

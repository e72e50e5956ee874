//! Sessions: players' seats.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ServerAddress;

/// A player's own seat.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// Its id, `ses_…`.
    pub session_id: String,
    /// Who sits there.
    pub player_id: String,
    /// The match.
    pub match_id: String,
    /// The ticket that led here.
    pub ticket_id: String,
    /// Team, from 0.
    pub team: u32,
    /// What the player was matched to play, where the game mode has roles; absent for whoever takes any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Where to connect to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerAddress>,
    /// `reserved`, `active`, `ended`, `expired` or `kicked`.
    pub state: String,
    /// Why it ended, when `state` is `ended`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the game server wants to see; only while the seat is `reserved`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join_token: Option<String>,
    /// When the seat was reserved.
    pub created_at_ms: u64,
    /// When the join token was redeemed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected_at_ms: Option<u64>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("session_id", &self.session_id)
            .field("player_id", &self.player_id)
            .field("match_id", &self.match_id)
            .field("team", &self.team)
            .field("server", &self.server)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// Some seats, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Sessions {
    /// They.
    pub sessions: Vec<Session>,
}

/// A player's join token as it came over the game's own protocol.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Redeem {
    /// The token.
    pub join_token: String,
}

impl std::fmt::Debug for Redeem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redeem").finish_non_exhaustive()
    }
}

/// Whom the game server may let in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Seat {
    /// The session; heartbeats name it.
    pub session_id: String,
    /// The player.
    pub player_id: String,
    /// The match.
    pub match_id: String,
    /// Team, from 0.
    pub team: u32,
    /// What the player was matched to play, where the game mode has roles; absent for whoever takes any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Region of the match.
    pub region: String,
}

/// A sign of life of one player.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// Whose.
    #[schema(pattern = "^ses_[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
    pub session_id: String,
    /// Measured round trip, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f32>,
}

/// Signs of life of a server's players; at most 256.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Heartbeats {
    /// They.
    #[schema(max_items = 256)]
    pub heartbeats: Vec<Heartbeat>,
}

/// What to do with the players that were reported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Verdicts {
    /// Sessions that are over or were never on this server: disconnect their players.
    pub disconnect: Vec<String>,
}

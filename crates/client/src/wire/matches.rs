//! Matches.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One player of a match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MatchPlayer {
    /// Who.
    pub player_id: String,
    /// Through which ticket; players of one ticket are a party.
    pub ticket_id: String,
    /// Team, from 0.
    pub team: u32,
    /// What the player was matched to play, where the game mode has roles; absent for whoever takes any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Whether the player has a seat, reserved or active; not any more after leaving, and before the match is live.
    #[serde(default)]
    pub seated: bool,
}

/// Free seats of a live match that its game server would have filled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenSeats {
    /// Seats by team, a number for every team of the game mode; zeros withdraw the offer.
    pub seats: Vec<u32>,
}

/// A match as its game server sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Match {
    /// Its id, `mat_…`.
    pub match_id: String,
    /// What is played.
    pub game_mode: String,
    /// Where.
    pub region: String,
    /// `accepting`, `placing`, `live`, `ended` or `abandoned`.
    pub state: String,
    /// The line-up: everybody who has, or had, a seat. Newcomers are behind the others.
    pub players: Vec<MatchPlayer>,
    /// Free seats that the game server offers, while there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backfill: Option<OpenSeats>,
    /// When it was committed.
    pub created_at_ms: u64,
    /// When its state last changed.
    pub changed_at_ms: u64,
}

/// A player's answer to a proposed match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Respond {
    /// Yes or no.
    pub accept: bool,
    /// Who answers, if not the caller; for the studio's backend only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 128, pattern = "^[!-~]+$")]
    pub player_id: Option<String>,
}

/// How the ready check of a match stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Acceptance {
    /// The match.
    pub match_id: String,
    /// `accepting`; `placing` or later when everybody has accepted; `abandoned` when somebody has not.
    pub state: String,
    /// Players of the match.
    pub players: u32,
    /// Players who have accepted.
    pub accepted: u32,
    /// The last moment at which an answer counts.
    pub accept_until_ms: u64,
}

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
    /// `placing`, `live`, `ended` or `abandoned`.
    pub state: String,
    /// The line-up.
    pub players: Vec<MatchPlayer>,
    /// When it was committed.
    pub created_at_ms: u64,
    /// When its state last changed.
    pub changed_at_ms: u64,
}

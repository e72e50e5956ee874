//! Matches: tickets that play together.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::fleet::Allocation;
use crate::id::{GameModeName, MatchId, PlayerId, Region, TicketId};
use crate::rules::AcceptanceRule;
use crate::session::Session;
use crate::ticket::Requirements;
use crate::time::Timestamp;

/// How good a match is, as measured when it was planned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Highest minus lowest ticket skill.
    pub skill_spread: f64,
    /// Latency of the worst-placed player to the match's region, milliseconds; absent if nobody measured.
    pub latency_worst_ms: Option<u32>,
    /// Wait of the oldest ticket, milliseconds.
    pub wait_oldest_ms: u64,
    /// Wait of the newest ticket, milliseconds: from then on the match was possible.
    pub wait_newest_ms: u64,
    /// Largest gap between the mean skills of two teams.
    #[serde(default)]
    pub team_gap: f64,
    /// Predicted win chance of the strongest team against the weakest, 0.5 to 1; absent for a single team.
    #[serde(default)]
    pub win_chance: Option<f64>,
}

/// A match that the planner proposes. Teams hold whole tickets.
#[derive(Clone, Debug, PartialEq)]
pub struct MatchPlan {
    /// What is played.
    pub game_mode: GameModeName,
    /// Where.
    pub region: Region,
    /// Tickets by team.
    pub teams: Vec<Vec<TicketId>>,
    /// Players in all.
    pub players: u32,
    /// How good.
    pub quality: Quality,
    /// What each player plays; nobody where the game mode has no roles, and not those who take any seat.
    pub roles: BTreeMap<PlayerId, String>,
}

/// Tickets that the planner proposes to put into free seats of a live match. Tickets are whole in one team.
#[derive(Clone, Debug, PartialEq)]
pub struct Fill {
    /// The match.
    pub match_id: MatchId,
    /// Tickets, with the team that each joins, from 0.
    pub tickets: Vec<(TicketId, u32)>,
    /// Players in all.
    pub players: u32,
    /// How good the match is with them.
    pub quality: Quality,
    /// What each newcomer plays, as in [`MatchPlan::roles`].
    pub roles: BTreeMap<PlayerId, String>,
}

/// Why a match came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AbandonReason {
    /// No Ready server fitted.
    NoCapacity,
    /// The fleet backend failed.
    FleetUnavailable,
    /// Took longer than a placement may.
    PlacementTimeout,
    /// The server was lost before anybody had a seat.
    ServerLost,
    /// Not every player said yes in time.
    NotAccepted,
}

impl AbandonReason {
    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoCapacity => "no_capacity",
            Self::FleetUnavailable => "fleet_unavailable",
            Self::PlacementTimeout => "placement_timeout",
            Self::ServerLost => "server_lost",
            Self::NotAccepted => "not_accepted",
        }
    }
}

/// How a live match came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchEnd {
    /// The game server reported a result.
    Finished,
    /// The game server is gone.
    ServerLost,
    /// Nobody has a seat any more.
    Empty,
    /// An operator asked.
    Operator,
}

/// Where a match is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum MatchState {
    /// Planned, not committed. Never stored; the word belongs to the life of a match.
    Proposed,
    /// Waits for every player's yes.
    Accepting,
    /// Committed; waits for its server and its seats.
    Placing,
    /// Being played.
    Live,
    /// Over.
    Ended {
        /// How.
        end: MatchEnd,
    },
    /// Never came about; its tickets went back.
    Abandoned {
        /// Why.
        reason: AbandonReason,
    },
}

impl MatchState {
    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Accepting => "accepting",
            Self::Placing => "placing",
            Self::Live => "live",
            Self::Ended { .. } => "ended",
            Self::Abandoned { .. } => "abandoned",
        }
    }

    /// It holds its players, or will.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Accepting | Self::Placing | Self::Live)
    }
}

/// One player's place in a match's line-up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchPlayer {
    /// Who.
    pub player_id: PlayerId,
    /// Through which ticket.
    pub ticket_id: TicketId,
    /// Team, from 0.
    pub team: u32,
    /// What the player plays, where the game mode has roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

/// Free seats of a live match that its game server would have filled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenSeats {
    /// Seats by team; at least one in all.
    pub seats: Vec<u32>,
    /// Since when the match has offered seats without a break.
    pub since: Timestamp,
}

impl OpenSeats {
    /// Seats in all.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.seats
            .iter()
            .fold(0, |sum, seats| sum.saturating_add(*seats))
    }
}

/// A ready check: who has said what, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance {
    /// The last moment at which an answer counts.
    pub until: Timestamp,
    /// The first answer of each player who gave one: yes or no.
    pub answers: BTreeMap<PlayerId, bool>,
}

impl Acceptance {
    /// Players who said yes.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.answers.values().filter(|yes| **yes).count()
    }

    /// Whether an answer at `now` is too late.
    #[must_use]
    pub const fn is_over(&self, now: Timestamp) -> bool {
        self.until.0 < now.0
    }
}

/// A committed match.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Match {
    /// Its id; the key of its allocation.
    pub id: MatchId,
    /// What is played.
    pub game_mode: GameModeName,
    /// Where.
    pub region: Region,
    /// Who plays.
    pub players: Vec<MatchPlayer>,
    /// The tickets' wishes for the server, merged.
    pub requirements: Requirements,
    /// How good it is.
    pub quality: Quality,
    /// Where it is in its life.
    #[serde(flatten)]
    pub state: MatchState,
    /// Its ready check, also after it is over; absent where the game mode has none.
    #[serde(default)]
    pub acceptance: Option<Acceptance>,
    /// Its server, once placed.
    pub allocation: Option<Allocation>,
    /// Seats that its game server offers while it is live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backfill: Option<OpenSeats>,
    /// When it was committed.
    pub created_at: Timestamp,
    /// When its state last changed.
    pub changed_at: Timestamp,
    /// What the game server reported at the end, as it came.
    pub result: Option<serde_json::Value>,
}

/// A match as the director wants it committed.
#[derive(Clone, Debug, PartialEq)]
pub struct NewMatch {
    /// The id that it will have.
    pub id: MatchId,
    /// The plan.
    pub plan: MatchPlan,
    /// The ready check that its players must pass first, if any.
    pub acceptance: Option<AcceptanceRule>,
}

/// A match's server and seats, as the director wants them recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Placement {
    /// The server.
    pub allocation: Allocation,
    /// One seat per player.
    pub sessions: Vec<Session>,
}

//! Tickets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A value that rules may look at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Attribute {
    /// A finite number.
    Number(f64),
    /// A text of at most 100 bytes.
    Text(String),
    /// At most 100 texts, in order: roles by preference, players to avoid.
    List(Vec<String>),
    /// At most 10 numbers by name.
    Map(BTreeMap<String, f64>),
}

/// One player of a ticket.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Player {
    /// Id of the player in the studio's identity system.
    #[schema(min_length = 1, max_length = 128, pattern = "^[!-~]+$")]
    pub player_id: String,
    /// Rating in this game mode, within ±1,000,000; when absent, the attribute `skill` if that is a number, else what the
    /// game mode's rule set says, else 0. A rating in the player's own token wins over all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = -1_000_000, maximum = 1_000_000)]
    pub skill: Option<f64>,
    /// Standard deviation of the rating, in the same points; 0 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skill_uncertainty: Option<f64>,
    /// Measured latency per region, milliseconds. Empty means not measured: `region_preference` decides.
    #[serde(default)]
    pub latencies_ms: BTreeMap<String, u32>,
    /// What rules may look at; at most 10.
    #[serde(default)]
    pub attributes: BTreeMap<String, Attribute>,
}

/// What a ticket asks of its game server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Requirements {
    /// Zone that is preferred; not a must.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_zone: Option<String>,
    /// Seats that the server must have at least, players.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_players: Option<u32>,
    /// Labels that the server must not contradict; at most 10.
    pub labels: BTreeMap<String, String>,
}

/// A request for one game mode by one party.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTicket {
    /// What to play.
    #[schema(min_length = 1, max_length = 63, pattern = "^[a-z0-9_-]+$")]
    pub game_mode: String,
    /// The party, which is never split. The caller is one of them, and the others are in the `party` claim of the
    /// caller's token.
    #[schema(min_items = 1, max_items = 16)]
    pub players: Vec<Player>,
    /// Regions that are acceptable when no latency was measured, best first; with latencies, a further restriction.
    #[serde(default)]
    pub region_preference: Vec<String>,
    /// Wishes for the server.
    #[serde(default)]
    pub requirements: Requirements,
}

/// Where a ticket is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TicketState {
    /// Waits for a match.
    Searching,
    /// In a proposed match that waits for every player's yes.
    RequiresAcceptance,
    /// In a match that waits for its game server.
    Placing,
    /// Its players have their seats.
    Completed,
    /// Could not be served.
    Failed,
    /// Taken back.
    Cancelled,
    /// Waited its whole life.
    TimedOut,
}

impl TicketState {
    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Searching => "searching",
            Self::RequiresAcceptance => "requires_acceptance",
            Self::Placing => "placing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed_out",
        }
    }

    /// Nothing comes after it.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Failed | Self::Cancelled | Self::TimedOut
        )
    }
}

/// One party's request as the platform knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Ticket {
    /// Its id, `tkt_…`.
    pub ticket_id: String,
    /// What to play.
    pub game_mode: String,
    /// Where it is in its life.
    pub state: TicketState,
    /// Its match, once it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub match_id: Option<String>,
    /// Why it failed or was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The party.
    pub players: Vec<Player>,
    /// Acceptable regions, best first.
    pub region_preference: Vec<String>,
    /// Wishes for the server.
    pub requirements: Requirements,
    /// When it was created; its age counts from here, also after a requeue.
    pub created_at_ms: u64,
    /// When it gives up searching.
    pub expires_at_ms: u64,
    /// When its state last changed.
    pub changed_at_ms: u64,
    /// How often it came back from a match that could not be placed.
    pub requeues: u32,
}

/// Some tickets, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Tickets {
    /// They.
    pub tickets: Vec<Ticket>,
}

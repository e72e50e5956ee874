//! What a waiting party may expect, and why it waits.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::TicketState;

/// What the party of a ticket may expect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Outlook {
    /// The ticket.
    pub ticket_id: String,
    /// Where it is in its life.
    pub state: TicketState,
    /// Since its creation, milliseconds.
    pub waited_ms: u64,
    /// How long tickets of its kind wait for a match; absent while nothing is known, and when it does not search.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_match: Option<TimeToMatch>,
    /// Why it still waits; absent when it does not, or when a match is just being made of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
}

/// How long tickets wait for a match, from their creation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TimeToMatch {
    /// Half of them have waited at most so long, milliseconds.
    pub p50_ms: u64,
    /// Nine of ten have waited at most so long, milliseconds.
    pub p90_ms: u64,
    /// Tickets that this rests on; older ones count less.
    pub samples: u32,
}

/// Why a ticket waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// Its place in the queue by age, from 1.
    pub place: u32,
    /// Other tickets of the game mode that wait.
    pub others: u32,
    /// Difference in skill that it accepts now, points.
    pub skill_window: f64,
    /// Latency that it accepts now, milliseconds.
    pub latency_max_ms: u32,
    /// Those of the others that can be in no match with it now.
    pub apart: Apart,
    /// Those that could be, one by one.
    pub remaining: u32,
    /// What holds back a match with them.
    pub hold: Hold,
    /// When waiting alone changes something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at_ms: Option<u64>,
    /// What waiting alone changes, soonest first.
    pub next: Vec<Relaxation>,
    /// All of it in plain English.
    pub words: Vec<String>,
}

/// Tickets that can be in no match with another one now; each counts once, for the first of these rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Apart {
    /// No region is acceptable to both.
    pub region: u32,
    /// They differ in attributes that must be the same.
    pub same: u32,
    /// They are farther away in skill than the ticket accepts.
    pub skill: u32,
    /// The ticket would accept the difference in skill, but they do not yet.
    pub skill_theirs: u32,
    /// They want another kind of game server.
    pub labels: u32,
    /// One has a player whom the other avoids. Players are not told: for them it counts with `seats`.
    pub avoid: u32,
    /// A player is in both.
    pub same_player: u32,
    /// There are no seats or roles for both.
    pub seats: u32,
}

/// What holds a match back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Hold {
    /// `players`, `skill`, `roles`, `aim`, `together`, `server`, `turn`, `no_region`, `no_fleet` or `unplayable`; there
    /// may be more in later versions.
    pub reason: String,
    /// Where a match is nearest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Players who could play, the party's own among them (`players`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub players: Option<u32>,
    /// Players that are needed (`players`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub players_needed: Option<u32>,
    /// Spread of the best match around it, points (`skill`, `aim`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<f64>,
    /// When that is accepted, if waiting changes it (`skill`, `aim`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
    /// What the rule set misses when the nearest players are put together (`together`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Players that are missing, by role (`roles`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub missing_roles: BTreeMap<String, u32>,
}

/// A rule that becomes wider with waiting.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Relaxation {
    /// When.
    pub at_ms: u64,
    /// `skill`, `aim`, `players`, `latency`, `roles` or `hard_stop`; there may be more in later versions.
    pub rule: String,
    /// Difference or spread of skill that is accepted then, points (`skill`, `aim`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<f64>,
    /// Players that are enough then (`players`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub players: Option<u32>,
    /// Latency that is accepted then, milliseconds (`latency`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_max_ms: Option<u32>,
    /// What becomes of the ticket then: `give_up`, `bots` or the name of another game mode (`hard_stop`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<String>,
}

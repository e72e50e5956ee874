//! Matchmaking and sessions, as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How matches are made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Matchmaking {
    /// How often each queue is looked at, milliseconds. A new ticket is looked at sooner.
    #[schemars(range(min = 10, max = 60_000))]
    pub interval_ms: u64,
    /// How long a ticket searches before it times out, seconds.
    #[schemars(range(min = 1, max = 86_400))]
    pub ticket_ttl_seconds: u64,
    /// How long a match waits for a game server before its tickets go back to the queue, milliseconds.
    #[schemars(range(min = 100, max = 600_000))]
    pub placement_timeout_ms: u64,
    /// Matches that one look at one queue proposes at most; the next look follows at once.
    #[schemars(range(min = 1, max = 100_000))]
    pub matches_per_tick_max: u32,
    /// File that every decision of the matchmaker is written to, so that `stadion simulate --replay` can make it again;
    /// left out: none is. At 64 MiB it becomes the file of the same name with `.1`, and a new one is begun. It holds the
    /// players' ids and ratings.
    #[schemars(length(min = 1))]
    pub decision_log: Option<String>,
}

impl Default for Matchmaking {
    fn default() -> Self {
        Self {
            interval_ms: 250,
            ticket_ttl_seconds: 300,
            placement_timeout_ms: 30_000,
            // 256 matches of 250 ms looks are 1,024 matches per second and queue: the guide's 100,000 players in
            // matches of 32 start within 4 s.
            matches_per_tick_max: 256,
            decision_log: None,
        }
    }
}

/// Players' seats in matches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sessions {
    /// A session without a heartbeat for this long is expired, seconds.
    #[schemars(range(min = 1, max = 86_400))]
    pub stale_after_seconds: u64,
    /// Longest life of a session, seconds.
    #[schemars(range(min = 1, max = 2_592_000))]
    pub life_seconds: u64,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            stale_after_seconds: 60,
            life_seconds: 86_400,
        }
    }
}

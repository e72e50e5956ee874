//! What the metrics know at one moment, for the report.

use std::collections::BTreeMap;

use stadion_core::id::{GameModeName, Region};
use stadion_core::matchmaker::Waiting;
use tokio::time::Instant;

use super::recorder::Percentiles;

/// Sums over all labels; the registry's own counters cannot be read back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// Players with a seat, by region.
    pub players_by_region: BTreeMap<Region, usize>,
    /// What the searching tickets of each game mode waited for at the last tick.
    pub waiting: BTreeMap<GameModeName, Waiting>,
    /// Tickets put into a queue.
    pub tickets_created: u64,
    /// Tickets that came back.
    pub tickets_requeued: u64,
    /// Tickets ended, by outcome.
    pub tickets_ended: BTreeMap<&'static str, u64>,
    /// Matches that went live.
    pub matches_created: u64,
    /// Players who joined live matches.
    pub players_joined: u64,
    /// Matches ended, by how.
    pub matches_ended: BTreeMap<&'static str, u64>,
    /// Matches that came to nothing, by reason.
    pub matches_abandoned: BTreeMap<&'static str, u64>,
    /// Players' answers to ready checks, by what came of them.
    pub acceptances: BTreeMap<&'static str, u64>,
    /// Seats reserved.
    pub sessions_opened: u64,
    /// Seats given up, by how.
    pub sessions_ended: BTreeMap<&'static str, u64>,
    /// When each loop last succeeded.
    pub loop_success: BTreeMap<&'static str, Instant>,
}

/// What the metrics know at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Time to allocate a server.
    pub allocation: Percentiles,
    /// Time from ticket to seats.
    pub time_to_match: Percentiles,
    /// Time from when a match was possible to its seats.
    pub match_found_delay: Percentiles,
    /// Players' round trips.
    pub player_latency: Percentiles,
    /// Players' round trips by region.
    pub player_latency_by_region: BTreeMap<Region, Percentiles>,
    /// Sums.
    pub totals: Totals,
}

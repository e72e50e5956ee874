//! The performance report: the guide's `generate_performance_report` with its keys, and the figures that it leaves at 0.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stadion_core::fleet::{Fleet, FleetError, GameServer};
use stadion_core::mode::GameMode;
use stadion_core::state::{Counts, State, StateError};
use stadion_core::ticket::Ticket;
use stadion_core::time::Timestamp;
use utoipa::ToSchema;

use crate::metrics::{Metrics, Percentiles, Snapshot};

mod render;
#[cfg(test)]
mod tests;

/// Waiting tickets that a report names; enough to see a pattern, few enough to read.
pub const UNMATCHED_MAX: usize = 10;

/// The platform at one moment. Counters and percentiles are since the program began.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Report {
    /// When it was made, seconds since the Unix epoch.
    pub timestamp: f64,
    /// Game servers.
    pub fleet_status: FleetStatus,
    /// Players.
    pub player_metrics: PlayerMetrics,
    /// Queues and matches.
    pub matchmaking: Matchmaking,
    /// How fast.
    pub performance: Performance,
}

/// Game servers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FleetStatus {
    /// All of them.
    pub total_servers: usize,
    /// By state, in Agones' words; states without a server are left out.
    pub by_state: BTreeMap<String, usize>,
    /// By region.
    pub by_region: BTreeMap<String, usize>,
}

/// Players with a seat.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlayerMetrics {
    /// Sessions that are reserved or active.
    pub total_connected: usize,
    /// By region.
    pub by_region: BTreeMap<String, usize>,
}

/// Queues and matches.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Matchmaking {
    /// Searching tickets.
    pub queue_size: usize,
    /// Mean wait of the searching tickets, seconds.
    pub avg_wait_time: f64,
    /// Searching tickets by game mode.
    pub queue_by_mode: BTreeMap<String, usize>,
    /// Searching tickets by what they wait for: `for_players` that fit, `for_server` (a match could be played but for a
    /// free game server), `for_fleet` (no acceptable region has one for the game mode), `for_turn` (the next plan).
    pub waiting: BTreeMap<String, usize>,
    /// The longest waiting tickets; at most 10.
    pub unmatched: Vec<Unmatched>,
    /// Tickets.
    pub tickets: TicketTotals,
    /// Matches.
    pub matches: MatchTotals,
}

/// A ticket that still searches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unmatched {
    /// Its id.
    pub ticket_id: String,
    /// What it wants to play.
    pub game_mode: String,
    /// Players of its party.
    pub players: usize,
    /// Wait so far, milliseconds.
    pub waited_ms: u64,
    /// As in `waiting`.
    pub reason: String,
}

/// Tickets since the program began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TicketTotals {
    /// Put into a queue.
    pub created: u64,
    /// Came back from a match that could not be placed.
    pub requeued: u64,
    /// Ended, by outcome.
    pub by_outcome: BTreeMap<String, u64>,
}

/// Matches since the program began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MatchTotals {
    /// Went live.
    pub created: u64,
    /// Accepting, placing or live now.
    pub open: usize,
    /// Players who joined live matches.
    #[serde(default)]
    pub players_joined: u64,
    /// Ended, by how.
    pub ended: BTreeMap<String, u64>,
    /// Came to nothing, by reason.
    pub abandoned: BTreeMap<String, u64>,
    /// Players asked whether they are ready, by what came of it.
    #[serde(default)]
    pub acceptances: BTreeMap<String, u64>,
}

/// How fast, since the program began.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Performance {
    /// 95 of 100 servers were allocated within this, seconds.
    pub server_allocation_p95: f64,
    /// Mean round trip of players, milliseconds.
    pub player_latency_avg: f64,
    /// Time to allocate a server.
    pub server_allocation: Percentiles,
    /// Time from ticket to seats.
    pub time_to_match: Percentiles,
    /// Time from when a match was possible to its seats.
    pub match_found_delay: Percentiles,
    /// Players' round trips.
    pub player_latency: Percentiles,
    /// Players' round trips by region; regions without a measurement are left out.
    pub player_latency_by_region: BTreeMap<String, Percentiles>,
}

/// What a report is made of.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// Every game server.
    pub servers: &'a [Arc<GameServer>],
    /// How much the state holds.
    pub counts: Counts,
    /// Every searching ticket.
    pub searching: &'a [Arc<Ticket>],
    /// The game modes.
    pub modes: &'a [GameMode],
    /// What the metrics know.
    pub snapshot: &'a Snapshot,
}

/// A report could not be made because a part did not answer; retry later.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The state store.
    #[error(transparent)]
    State(#[from] StateError),
    /// The fleet.
    #[error(transparent)]
    Fleet(#[from] FleetError),
}

/// Asks the parts and makes the report of now.
///
/// # Errors
/// When state or fleet do not answer.
pub async fn gather(
    state: &dyn State,
    fleet: &dyn Fleet,
    metrics: &Metrics,
    modes: &[GameMode],
    now: Timestamp,
) -> Result<Report, ReportError> {
    let mut searching = Vec::new();
    for mode in modes {
        searching.extend(state.searching(&mode.name).await?);
    }
    let inputs = Inputs {
        servers: &fleet.servers().await?,
        counts: state.counts().await?,
        searching: &searching,
        modes,
        snapshot: &metrics.snapshot(),
    };
    Ok(Report::build(&inputs, now))
}

impl Report {
    /// The report of `now`.
    #[must_use]
    pub fn build(inputs: &Inputs<'_>, now: Timestamp) -> Self {
        let snapshot = inputs.snapshot;
        let mut fleet_status = FleetStatus {
            total_servers: inputs.servers.len(),
            ..FleetStatus::default()
        };
        for server in inputs.servers {
            let state = server.state.as_str().to_owned();
            *fleet_status.by_state.entry(state).or_default() += 1;
            let region = server.region.to_string();
            *fleet_status.by_region.entry(region).or_default() += 1;
        }
        let by_region = snapshot.totals.players_by_region.iter();
        Self {
            timestamp: seconds(now.0),
            fleet_status,
            player_metrics: PlayerMetrics {
                total_connected: inputs.counts.sessions_live,
                by_region: by_region
                    .map(|(region, players)| (region.to_string(), *players))
                    .collect(),
            },
            matchmaking: matchmaking(inputs, now),
            performance: performance(snapshot),
        }
    }
}

fn matchmaking(inputs: &Inputs<'_>, now: Timestamp) -> Matchmaking {
    let totals = &inputs.snapshot.totals;
    let mut oldest: Vec<&Ticket> = inputs.searching.iter().map(AsRef::as_ref).collect();
    oldest.sort_by_key(|ticket| (ticket.created_at, ticket.id));
    let reasons = reasons(inputs, &oldest);
    let mut found = Matchmaking {
        queue_size: oldest.len(),
        avg_wait_time: mean_wait_seconds(&oldest, now),
        tickets: TicketTotals {
            created: totals.tickets_created,
            requeued: totals.tickets_requeued,
            by_outcome: owned(&totals.tickets_ended),
        },
        matches: MatchTotals {
            created: totals.matches_created,
            open: inputs.counts.matches_open,
            players_joined: totals.players_joined,
            ended: owned(&totals.matches_ended),
            abandoned: owned(&totals.matches_abandoned),
            acceptances: owned(&totals.acceptances),
        },
        ..Matchmaking::default()
    };
    for (ticket, reason) in oldest.iter().zip(&reasons) {
        let mode = ticket.game_mode.to_string();
        *found.queue_by_mode.entry(mode).or_default() += 1;
        *found.waiting.entry((*reason).to_owned()).or_default() += 1;
    }
    let named = oldest.iter().zip(reasons).take(UNMATCHED_MAX);
    found.unmatched = named
        .map(|(ticket, reason)| Unmatched {
            ticket_id: ticket.id.to_string(),
            game_mode: ticket.game_mode.to_string(),
            players: ticket.size(),
            waited_ms: ticket.waited_ms(now),
            reason: reason.to_owned(),
        })
        .collect();
    found
}

/// What each of the `oldest` tickets waits for, from the planner's counts of the last tick. The matchmaker serves the
/// oldest first, so the oldest of a game mode are those that lack a server or a turn: which ones exactly is known to
/// the planner alone, and only for a moment.
fn reasons(inputs: &Inputs<'_>, oldest: &[&Ticket]) -> Vec<&'static str> {
    let mut left = inputs.snapshot.totals.waiting.clone();
    let reason = |ticket: &&Ticket| {
        let Some(waiting) = left.get_mut(&ticket.game_mode) else {
            return "for_players";
        };
        let counts = [
            ("for_server", &mut waiting.for_server),
            ("for_turn", &mut waiting.for_turn),
            ("for_fleet", &mut waiting.for_fleet),
        ];
        for (reason, count) in counts {
            if *count > 0 {
                *count -= 1;
                return reason;
            }
        }
        "for_players"
    };
    oldest.iter().map(reason).collect()
}

fn mean_wait_seconds(tickets: &[&Ticket], now: Timestamp) -> f64 {
    let sum: u64 = tickets.iter().map(|ticket| ticket.waited_ms(now)).sum();
    let mean = sum.checked_div(tickets.len() as u64).unwrap_or_default();
    seconds(mean)
}

fn performance(snapshot: &Snapshot) -> Performance {
    let by_region = snapshot.player_latency_by_region.iter();
    Performance {
        server_allocation_p95: snapshot.allocation.p95_ms / 1_000.0,
        player_latency_avg: snapshot.player_latency.mean_ms,
        server_allocation: snapshot.allocation,
        time_to_match: snapshot.time_to_match,
        match_found_delay: snapshot.match_found_delay,
        player_latency: snapshot.player_latency,
        player_latency_by_region: by_region
            .filter(|(_, latency)| latency.count > 0)
            .map(|(region, latency)| (region.to_string(), *latency))
            .collect(),
    }
}

fn owned(counts: &BTreeMap<&'static str, u64>) -> BTreeMap<String, u64> {
    let entries = counts.iter();
    entries
        .map(|(name, count)| ((*name).to_owned(), *count))
        .collect()
}

fn seconds(ms: u64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds stay below 2^52 for 140,000 years"
    )]
    let ms = ms as f64;
    ms / 1_000.0
}

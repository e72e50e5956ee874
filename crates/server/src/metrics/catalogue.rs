//! Every series of the program with its name, labels and help, and the buckets with their reasons.

use super::describe::{Description, Kind};
use super::series::Buckets;

/// Seconds. A local server answers in a millisecond or two; Agones in tens; a saga gives up after some seconds. The
/// service objective for allocation lies at 0.25 and 1, so both are bounds.
pub(super) const ALLOCATION_SECONDS: Buckets = Buckets(&[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
]);

/// Milliseconds. A LAN is below 5, a good region below 50, the default limit of a game mode is 100, and 300 is where
/// every real-time game is lost.
pub(super) const LATENCY_MS: Buckets = Buckets(&[
    5.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 80.0, 100.0, 150.0, 200.0, 300.0, 500.0, 1_000.0,
]);

/// Seconds. Players notice waiting from a second on; windows widen for a minute; tickets live for minutes.
pub(super) const WAIT_SECONDS: Buckets = Buckets(&[
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0,
]);

/// Seconds. An answer from memory takes 0.1 ms, one that waits for the disk some milliseconds; beyond 1 s clients retry.
pub(super) const REQUEST_SECONDS: Buckets = Buckets(&[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0,
]);

/// Seconds. One commit is a write to a log (about 0.1 ms on flash, 10 ms on a spinning disk) or a round trip to Redis.
pub(super) const COMMIT_SECONDS: Buckets = Buckets(&[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0,
]);

/// Seconds. A tick over 1,000 tickets is well below a millisecond; one above 0.1 delays every other mode.
pub(super) const TICK_SECONDS: Buckets = Buckets(&[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0,
]);

macro_rules! series {
    ($($constant:ident: $kind:ident $name:literal [$($label:literal),*] $unit:expr, $help:literal;)*) => {
        $(pub(super) const $constant: Description = Description {
            name: $name,
            kind: Kind::$kind,
            labels: &[$($label),*],
            unit: $unit,
            help: $help,
        };)*
    };
}

// The guide's six; their names and labels never change.
series! {
    SERVERS: Gauge "game_servers_total" ["region", "state"] None,
        "Game servers by region and state";
    PLAYERS: Gauge "players_connected_total" ["region"] None,
        "Players with a seat in a live match, by region";
    QUEUE: Gauge "matchmaking_queue_size" ["game_mode"] None,
        "Searching tickets";
    ALLOCATION: Histogram "server_allocation_duration_seconds" [] Some("seconds"),
        "Time from asking the fleet for a game server to having it";
    LATENCY: Histogram "player_latency_milliseconds" ["region"] Some("milliseconds"),
        "Round trip between player and game server, as the game server reports it";
    MATCHES_CREATED: Counter "matches_created_total" ["game_mode"] None,
        "Matches that went live";
}

// The path of a ticket and of a match.
series! {
    TICKETS_CREATED: Counter "stadion_tickets_created_total" ["game_mode"] None,
        "Tickets put into a queue";
    TICKETS_ENDED: Counter "stadion_tickets_ended_total" ["game_mode", "outcome"] None,
        "Tickets that ended, by how: completed, failed, cancelled, timed_out";
    TICKETS_REQUEUED: Counter "stadion_tickets_requeued_total" ["game_mode"] None,
        "Tickets that came back from a match that could not be placed";
    WAITING_FOR_SERVER: Gauge "stadion_matches_waiting_for_server" ["game_mode", "region"] None,
        "Matches that could be played now but for a game server";
    TIME_TO_MATCH: Histogram "stadion_time_to_match_seconds" ["game_mode"] Some("seconds"),
        "Time from the creation of a ticket to its seats";
    EXPECTED_WAIT: Gauge "stadion_time_to_match_expected_milliseconds" ["game_mode", "quantile"] Some("milliseconds"),
        "Time to match that tickets may expect now: half of the last ones, and nine of ten, waited at most so long";
    MATCH_FOUND_DELAY: Histogram "stadion_match_found_delay_seconds" [] Some("seconds"),
        "Time from when a match became possible (its newest ticket came) to its seats";
    PLACEMENT: Histogram "stadion_match_placement_seconds" [] Some("seconds"),
        "Time from committing a match to its seats: allocation, and recording it";
    MATCHES_OPEN: Gauge "stadion_matches_open" [] None,
        "Matches that are accepting, placing or live";
    MATCHES_ENDED: Counter "stadion_matches_ended_total" ["game_mode", "end"] None,
        "Live matches that ended, by how: finished, server_lost, empty, operator";
    MATCHES_ABANDONED: Counter "stadion_matches_abandoned_total" ["reason"] None,
        "Matches that came to nothing, by reason; their tickets went back to the queue, but those of whoever did not accept";
    ACCEPTANCES: Counter "stadion_acceptances_total" ["game_mode", "result"] None,
        "Players asked whether they are ready, by what came of it: accepted, refused, unanswered (too late, or somebody else had refused)";
    SEATS_OPEN: Gauge "stadion_seats_open" ["game_mode"] None,
        "Free seats of live matches that their game servers would have filled";
    PLAYERS_JOINED: Counter "stadion_players_joined_total" ["game_mode"] None,
        "Players who were put into free seats of live matches";
    SESSIONS_LIVE: Gauge "stadion_sessions_live" [] None,
        "Sessions that are reserved or active";
    SESSIONS_OPENED: Counter "stadion_sessions_opened_total" ["region"] None,
        "Seats reserved";
    SESSIONS_ENDED: Counter "stadion_sessions_ended_total" ["end"] None,
        "Seats given up, by how: match_ended, left, server_lost, expired, kicked";
}

// The machinery.
series! {
    REQUESTS: Histogram "stadion_gateway_request_seconds" ["status"] Some("seconds"),
        "Time that the gateway took to answer, by class of status: 2xx, 3xx, 4xx, 5xx";
    REFUSALS: Counter "stadion_gateway_refusals_total" ["kind"] None,
        "Requests and connections refused, by the end of the problem's type";
    WEBSOCKETS: Gauge "stadion_websocket_connections" [] None,
        "Open WebSocket connections of players";
    EVENTS_DELIVERED: Counter "stadion_events_delivered_total" [] None,
        "Events sent to players";
    COMMIT: Histogram "stadion_state_commit_seconds" [] Some("seconds"),
        "Time until a change of the state is durable";
    TICK: Histogram "stadion_matchmaker_tick_seconds" ["game_mode"] Some("seconds"),
        "Time that one plan of the matchmaker took";
    CONSIDERED: Counter "stadion_matchmaker_tickets_considered_total" ["game_mode"] None,
        "Tickets that the matchmaker looked at, summed over its ticks";
    LOOP_ITERATIONS: Counter "stadion_loop_iterations_total" ["loop"] None,
        "Iterations of a background loop";
    LOOP_ERRORS: Counter "stadion_loop_errors_total" ["loop"] None,
        "Iterations of a background loop that failed";
    LOOP_AGE: Gauge "stadion_loop_last_success_age_seconds" ["loop"] Some("seconds"),
        "Time since the last iteration that succeeded";
    REAPED: Counter "stadion_reaped_total" ["what"] None,
        "What the reaper found to be over: ticket, session, match without server, server without match";
    REPLICAS: Gauge "stadion_fleet_replicas" ["fleet"] None,
        "Game servers wanted in a fleet";
    SCALINGS: Counter "stadion_fleet_scalings_total" ["fleet", "reason"] None,
        "Changes of the number of servers wanted, by reason: busy, idle, buffer, bounds";
    LEASE: Gauge "stadion_lease_held" [] None,
        "1 while this replica runs the loops, else 0";
    BUILD: Info "stadion_build_info" ["version"] None,
        "The version that runs; always 1";
}

//! Metrics: the guide's six series with their exact names, what an operator needs besides, and the percentiles of the
//! report. One registry, made by the composition root; nothing is global.
//!
//! Recording is a hash lookup under a read lock and an atomic or a short mutex; no recording method allocates once its
//! label values have been seen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use stadion_core::event::SeatEnd;
use stadion_core::fleet::{GameServer, GameServerState};
use stadion_core::id::{FleetName, GameModeName, Region};
use stadion_core::matches::{AbandonReason, Match, MatchEnd};
use stadion_core::matchmaker::Plan;
use stadion_core::scaling::ScaleReason;
use stadion_core::state::Counts;
use stadion_core::ticket::TicketState;
use tokio::time::Instant;

mod catalogue;
mod describe;
mod observer;
mod process;
mod recorder;
mod series;
mod snapshot;
#[cfg(test)]
mod tests;

pub use observer::Observer;
pub use recorder::{Percentiles, Recorder};
pub use snapshot::Snapshot;

use describe::Book;
use series::{Buckets, Series};
use snapshot::Totals;

/// Media type of [`Metrics::encode`] (OpenMetrics 1.0, section "Protocol Negotiation").
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Every series of the program. Share it by `Arc`; every method takes `&self`.
#[derive(Debug)]
pub struct Metrics {
    book: Book,
    regions: Vec<Region>,
    servers: Series<Gauge, 2>,
    players: Series<Gauge, 1>,
    queue: Series<Gauge, 1>,
    allocation: Histogram,
    latency: Series<Histogram, 1, Buckets>,
    matches_created: Series<Counter, 1>,
    tickets_created: Series<Counter, 1>,
    tickets_ended: Series<Counter, 2>,
    tickets_requeued: Series<Counter, 1>,
    waiting_for_server: Series<Gauge, 2>,
    time_to_match: Series<Histogram, 1, Buckets>,
    expected_wait: Series<Gauge, 2>,
    match_found_delay: Histogram,
    placement: Histogram,
    matches_open: Gauge,
    matches_ended: Series<Counter, 2>,
    matches_abandoned: Series<Counter, 1>,
    acceptances: Series<Counter, 2>,
    seats_open: Series<Gauge, 1>,
    players_joined: Series<Counter, 1>,
    sessions_live: Gauge,
    sessions_opened: Series<Counter, 1>,
    sessions_ended: Series<Counter, 1>,
    requests: Series<Histogram, 1, Buckets>,
    refusals: Series<Counter, 1>,
    websockets: Gauge,
    events_delivered: Counter,
    commit: Histogram,
    tick: Series<Histogram, 1, Buckets>,
    considered: Series<Counter, 1>,
    loop_iterations: Series<Counter, 1>,
    loop_errors: Series<Counter, 1>,
    loop_age: Series<Gauge, 1>,
    reaped: Series<Counter, 1>,
    replicas: Series<Gauge, 1>,
    scalings: Series<Counter, 2>,
    lease: Gauge,
    recorders: Recorders,
    totals: Mutex<Totals>,
}

/// Percentiles since the program began.
#[derive(Debug, Default)]
struct Recorders {
    allocation: Recorder,
    time_to_match: Recorder,
    match_found_delay: Recorder,
    latency: Recorder,
    /// One per configured region, so that their number is bounded.
    latency_by_region: BTreeMap<Region, Recorder>,
}

fn plain<M: Clone + prometheus_client::registry::Metric>(
    book: &mut Book,
    description: describe::Description,
    metric: M,
) -> M {
    book.add(description, metric.clone());
    metric
}

fn plain_histogram(book: &mut Book, d: describe::Description, buckets: Buckets) -> Histogram {
    use prometheus_client::metrics::family::MetricConstructor as _;
    plain(book, d, buckets.new_metric())
}

impl Metrics {
    /// All series of a platform with these regions and game modes; those of the guide exist from the first scrape on.
    #[must_use]
    pub fn new(version: &str, regions: &[Region], modes: &[GameModeName]) -> Self {
        let metrics = Self::register(version, regions);
        for region in regions {
            metrics.players.set([region.into()], 0);
            metrics.latency.with([region.into()], |_| ());
            for state in GameServerState::ALL {
                metrics
                    .servers
                    .set([region.into(), state.as_str().into()], 0);
            }
        }
        for mode in modes {
            metrics.queue(mode, 0);
            metrics.matches_created.with([mode.into()], |_| ());
            metrics.tickets_created.with([mode.into()], |_| ());
        }
        metrics
    }

    fn register(version: &str, regions: &[Region]) -> Self {
        use catalogue as c;
        let mut book = Book::default();
        let b = &mut book;
        let recorder = |region: &Region| (region.clone(), Recorder::default());
        b.add(c::BUILD, Info::new(vec![("version", version.to_owned())]));
        Self {
            regions: regions.to_vec(),
            servers: Series::gauge(b, c::SERVERS),
            players: Series::gauge(b, c::PLAYERS),
            queue: Series::gauge(b, c::QUEUE),
            allocation: plain_histogram(b, c::ALLOCATION, c::ALLOCATION_SECONDS),
            latency: Series::histogram(b, c::LATENCY, c::LATENCY_MS),
            matches_created: Series::counter(b, c::MATCHES_CREATED),
            tickets_created: Series::counter(b, c::TICKETS_CREATED),
            tickets_ended: Series::counter(b, c::TICKETS_ENDED),
            tickets_requeued: Series::counter(b, c::TICKETS_REQUEUED),
            waiting_for_server: Series::gauge(b, c::WAITING_FOR_SERVER),
            time_to_match: Series::histogram(b, c::TIME_TO_MATCH, c::WAIT_SECONDS),
            expected_wait: Series::gauge(b, c::EXPECTED_WAIT),
            match_found_delay: plain_histogram(b, c::MATCH_FOUND_DELAY, c::WAIT_SECONDS),
            placement: plain_histogram(b, c::PLACEMENT, c::ALLOCATION_SECONDS),
            matches_open: plain(b, c::MATCHES_OPEN, Gauge::default()),
            matches_ended: Series::counter(b, c::MATCHES_ENDED),
            matches_abandoned: Series::counter(b, c::MATCHES_ABANDONED),
            acceptances: Series::counter(b, c::ACCEPTANCES),
            seats_open: Series::gauge(b, c::SEATS_OPEN),
            players_joined: Series::counter(b, c::PLAYERS_JOINED),
            sessions_live: plain(b, c::SESSIONS_LIVE, Gauge::default()),
            sessions_opened: Series::counter(b, c::SESSIONS_OPENED),
            sessions_ended: Series::counter(b, c::SESSIONS_ENDED),
            requests: Series::histogram(b, c::REQUESTS, c::REQUEST_SECONDS),
            refusals: Series::counter(b, c::REFUSALS),
            websockets: plain(b, c::WEBSOCKETS, Gauge::default()),
            events_delivered: plain(b, c::EVENTS_DELIVERED, Counter::default()),
            commit: plain_histogram(b, c::COMMIT, c::COMMIT_SECONDS),
            tick: Series::histogram(b, c::TICK, c::TICK_SECONDS),
            considered: Series::counter(b, c::CONSIDERED),
            loop_iterations: Series::counter(b, c::LOOP_ITERATIONS),
            loop_errors: Series::counter(b, c::LOOP_ERRORS),
            loop_age: Series::gauge(b, c::LOOP_AGE),
            reaped: Series::counter(b, c::REAPED),
            replicas: Series::gauge(b, c::REPLICAS),
            scalings: Series::counter(b, c::SCALINGS),
            lease: plain(b, c::LEASE, Gauge::default()),
            recorders: Recorders {
                latency_by_region: regions.iter().map(recorder).collect(),
                ..Recorders::default()
            },
            totals: Mutex::default(),
            book: {
                book.registry.register_collector(Box::new(process::Process));
                for series in process::SERIES {
                    book.note(series);
                }
                book
            },
        }
    }

    /// The series as OpenMetrics text, of type [`CONTENT_TYPE`].
    #[must_use]
    pub fn encode(&self) -> String {
        let ages: Vec<_> = {
            let totals = self.totals.lock();
            let age = |at: &Instant| usize::try_from(at.elapsed().as_secs()).unwrap_or(usize::MAX);
            let last = totals.loop_success.iter();
            last.map(|(name, at)| (*name, age(at))).collect()
        };
        for (name, age) in ages {
            self.loop_age.set([name.into()], age);
        }
        let mut text = String::new();
        text::encode(&mut text, &self.book.registry).expect("writing to a string cannot fail");
        text
    }

    /// The page `docs/metrics.md`.
    #[must_use]
    pub fn document(&self) -> String {
        self.book.document()
    }

    /// What the report is made of.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let r = &self.recorders;
        let by_region = r.latency_by_region.iter();
        Snapshot {
            allocation: r.allocation.percentiles(),
            time_to_match: r.time_to_match.percentiles(),
            match_found_delay: r.match_found_delay.percentiles(),
            player_latency: r.latency.percentiles(),
            player_latency_by_region: by_region
                .map(|(region, recorder)| (region.clone(), recorder.percentiles()))
                .collect(),
            totals: self.totals.lock().clone(),
        }
    }

    /// All game servers as they are now.
    pub fn fleet(&self, servers: &[Arc<GameServer>]) {
        let mut counts: BTreeMap<(&Region, GameServerState), usize> = BTreeMap::new();
        for region in &self.regions {
            counts.extend(GameServerState::ALL.map(|state| ((region, state), 0)));
        }
        for server in servers {
            *counts.entry((&server.region, server.state)).or_default() += 1;
        }
        for ((region, state), count) in counts {
            self.servers
                .set([region.into(), state.as_str().into()], count);
        }
    }

    /// Servers wanted in `fleet`.
    pub fn replicas(&self, fleet: &FleetName, replicas: u32) {
        self.replicas.set([fleet.into()], as_usize(replicas));
    }

    /// `fleet` was scaled.
    pub fn scaled(&self, fleet: &FleetName, reason: ScaleReason) {
        self.scalings
            .inc([fleet.into(), scale_reason(reason).into()]);
    }

    /// The reaper found what was over (I2, I4).
    pub fn reaped(&self, tickets: usize, sessions: usize, matches: usize, servers: usize) {
        for (what, count) in [
            ("ticket", tickets),
            ("session", sessions),
            ("match", matches),
            ("server", servers),
        ] {
            let count = u64::try_from(count).unwrap_or(u64::MAX);
            self.reaped.inc_by([what.into()], count);
        }
    }

    /// Players with a seat in `region`.
    pub fn players(&self, region: &Region, players: usize) {
        self.players.set([region.into()], players);
        let mut totals = self.totals.lock();
        match totals.players_by_region.get_mut(region) {
            Some(known) => *known = players,
            None => {
                totals.players_by_region.insert(region.clone(), players);
            }
        }
    }

    /// Searching tickets of `mode`.
    pub fn queue(&self, mode: &GameModeName, tickets: usize) {
        self.queue.set([mode.into()], tickets);
    }

    /// How much the state holds.
    pub fn counts(&self, counts: Counts) {
        let gauge = |count| i64::try_from(count).unwrap_or(i64::MAX);
        self.matches_open.set(gauge(counts.matches_open));
        self.sessions_live.set(gauge(counts.sessions_live));
    }

    /// A game server was allocated after `took_ms`, milliseconds.
    pub fn allocated(&self, took_ms: u64) {
        let took = Duration::from_millis(took_ms);
        self.allocation.observe(took.as_secs_f64());
        self.recorders.allocation.record(took);
    }

    /// A game server reported a player's round trip, milliseconds; nonsense is not counted.
    pub fn player_latency(&self, region: &Region, latency_ms: f32) {
        let Ok(latency) = Duration::try_from_secs_f32(latency_ms / 1_000.0) else {
            return;
        };
        self.latency.observe([region.into()], f64::from(latency_ms));
        self.recorders.latency.record(latency);
        if let Some(recorder) = self.recorders.latency_by_region.get(region) {
            recorder.record(latency);
        }
    }

    /// A ticket was put into its queue.
    pub fn ticket_created(&self, mode: &GameModeName) {
        self.tickets_created.inc([mode.into()]);
        self.totals.lock().tickets_created += 1;
    }

    /// A ticket came back from a match that could not be placed.
    pub fn ticket_requeued(&self, mode: &GameModeName) {
        self.tickets_requeued.inc([mode.into()]);
        self.totals.lock().tickets_requeued += 1;
    }

    /// A ticket ended in the terminal `state`.
    pub fn ticket_ended(&self, mode: &GameModeName, state: &TicketState) {
        let outcome = state.as_str();
        self.tickets_ended.inc([mode.into(), outcome.into()]);
        *self.totals.lock().tickets_ended.entry(outcome).or_default() += 1;
    }

    /// A ticket's players got their seats, `waited_ms` milliseconds after its creation.
    pub fn time_to_match(&self, mode: &GameModeName, waited_ms: u64) {
        let waited = Duration::from_millis(waited_ms);
        self.time_to_match
            .observe([mode.into()], waited.as_secs_f64());
        self.recorders.time_to_match.record(waited);
    }

    /// A match's players got their seats, `delay_ms` milliseconds after the match had become possible.
    pub fn match_found_delay(&self, delay_ms: u64) {
        let delay = Duration::from_millis(delay_ms);
        self.match_found_delay.observe(delay.as_secs_f64());
        self.recorders.match_found_delay.record(delay);
    }

    /// The match `live` was placed, `took_ms` milliseconds after it could be.
    pub fn match_placed(&self, live: &Match, took_ms: u64) {
        let placing = Duration::from_millis(took_ms);
        self.placement.observe(placing.as_secs_f64());
        self.matches_created.inc([(&live.game_mode).into()]);
        let seats = u64::try_from(live.players.len()).unwrap_or(u64::MAX);
        self.sessions_opened.inc_by([(&live.region).into()], seats);
        let mut totals = self.totals.lock();
        totals.matches_created += 1;
        totals.sessions_opened += seats;
    }

    /// A live match ended.
    pub fn match_ended(&self, mode: &GameModeName, end: MatchEnd) {
        let end = match_end(end);
        self.matches_ended.inc([mode.into(), end.into()]);
        *self.totals.lock().matches_ended.entry(end).or_default() += 1;
    }

    /// A match came to nothing.
    pub fn match_abandoned(&self, reason: AbandonReason) {
        let reason = reason.as_str();
        self.matches_abandoned.inc([reason.into()]);
        let mut totals = self.totals.lock();
        *totals.matches_abandoned.entry(reason).or_default() += 1;
    }

    /// A seat was given up.
    pub fn session_ended(&self, end: SeatEnd) {
        let end = seat_end(end);
        self.sessions_ended.inc([end.into()]);
        *self.totals.lock().sessions_ended.entry(end).or_default() += 1;
    }

    /// The gateway answered a request with `status` after `took`.
    pub fn answered(&self, status: u16, took: Duration) {
        let class = match status {
            ..300 => "2xx",
            300..400 => "3xx",
            400..500 => "4xx",
            _ => "5xx",
        };
        self.requests.observe([class.into()], took.as_secs_f64());
    }

    /// The gateway refused something; `kind` is the end of the problem's type.
    pub fn refused(&self, kind: &'static str) {
        self.refusals.inc([kind.into()]);
    }

    /// A player's WebSocket was opened.
    pub fn websocket_opened(&self) {
        self.websockets.inc();
    }

    /// A player's WebSocket was closed.
    pub fn websocket_closed(&self) {
        self.websockets.dec();
    }

    /// Events went out to players.
    pub fn events_delivered(&self, events: u64) {
        self.events_delivered.inc_by(events);
    }

    /// A change of the state was durable after `took`.
    pub fn committed(&self, took: Duration) {
        self.commit.observe(took.as_secs_f64());
    }

    /// The matchmaker made `plan` over `tickets` tickets in `took`.
    pub fn tick(&self, mode: &GameModeName, took: Duration, tickets: usize, plan: &Plan) {
        self.tick.observe([mode.into()], took.as_secs_f64());
        let tickets = u64::try_from(tickets).unwrap_or(u64::MAX);
        self.considered.inc_by([mode.into()], tickets);
        for region in &self.regions {
            let matches = plan.unplaced.get(region).copied().unwrap_or_default();
            self.waiting_for_server
                .set([mode.into(), region.into()], as_usize(matches));
        }
        let mut totals = self.totals.lock();
        match totals.waiting.get_mut(mode) {
            Some(known) => *known = plan.waiting,
            None => {
                totals.waiting.insert(mode.clone(), plan.waiting);
            }
        }
    }

    /// A pass of the loop `name` ended, well or not.
    pub fn loop_passed(&self, name: &'static str, ok: bool) {
        self.loop_iterations.inc([name.into()]);
        if ok {
            let now = Instant::now();
            self.totals.lock().loop_success.insert(name, now);
        } else {
            self.loop_errors.inc([name.into()]);
        }
    }

    /// How long ago the loop `name` last succeeded; `None` if it never did.
    #[must_use]
    pub fn since_success(&self, name: &str) -> Option<Duration> {
        let totals = self.totals.lock();
        totals.loop_success.get(name).map(Instant::elapsed)
    }

    /// Whether this replica holds the lease on the loops.
    pub fn lease_held(&self, held: bool) {
        self.lease.set(i64::from(held));
    }
}

fn as_usize(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

const fn match_end(end: MatchEnd) -> &'static str {
    match end {
        MatchEnd::Finished => "finished",
        MatchEnd::ServerLost => "server_lost",
        MatchEnd::Empty => "empty",
        MatchEnd::Operator => "operator",
    }
}

const fn seat_end(end: SeatEnd) -> &'static str {
    match end {
        SeatEnd::MatchEnded => "match_ended",
        SeatEnd::Left => "left",
        SeatEnd::ServerLost => "server_lost",
        SeatEnd::Expired => "expired",
        SeatEnd::Kicked => "kicked",
    }
}

const fn scale_reason(reason: ScaleReason) -> &'static str {
    match reason {
        ScaleReason::Busy => "busy",
        ScaleReason::Idle => "idle",
        ScaleReason::Buffer => "buffer",
        ScaleReason::Bounds => "bounds",
    }
}

//! The ready check with the real loops, director and store: only the clock, the fleet and the players are the test's.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use stadion_core::id::MatchId;
use stadion_core::matches::{Match, MatchState};
use stadion_core::matchmaker::Budget;
use stadion_core::mode::GameMode;
use stadion_core::rules::{AcceptanceRule, Rules};
use stadion_core::state::{Fence, Filter, State};
use stadion_core::ticket::{CancelReason, NewTicket, Ticket, TicketState};
use stadion_core::time::{Clock, Timestamp};
use stadion_server::clock::SystemEntropy;
use stadion_server::director::Director;
use stadion_server::loops::matchmaking::{Parts, UnderWay};
use stadion_server::loops::outlook::{Desk, WaitTimes};
use stadion_server::loops::scaling::Demand;
use stadion_server::loops::{acceptance, matchmaking};
use stadion_server::metrics::Metrics;
use stadion_state::embedded::{EmbeddedState, Options};
use stadion_testkit::build::{self, fleet_spec, new_ticket, player_id};
use stadion_testkit::clock::ManualClock;
use stadion_testkit::fleet::FakeFleet;
use stadion_testkit::wait::wait_until;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Length of the ready checks, milliseconds. The loop looks at the clock after so long at the latest.
const CHECK_MS: u64 = 1_000;

/// A platform that can stop and start again over the same files and servers.
struct Scene {
    dir: TempDir,
    fleet: Arc<FakeFleet>,
    clock: Arc<ManualClock>,
    running: Option<Running>,
}

struct Running {
    state: Arc<EmbeddedState>,
    fence: Fence,
    stop: CancellationToken,
    loops: Vec<JoinHandle<()>>,
}

fn mode() -> GameMode {
    let timeout_ms = CHECK_MS;
    GameMode {
        rules: Rules {
            acceptance: Some(AcceptanceRule { timeout_ms }),
            ..Rules::default()
        },
        ..build::mode()
    }
}

/// Without a ready check.
fn other_mode() -> GameMode {
    GameMode {
        name: build::mode_name("other"),
        ..build::mode()
    }
}

impl Running {
    async fn open(dir: &Path, clock: &Arc<ManualClock>) -> Self {
        let (state, _) = EmbeddedState::open(dir, &Options::default()).unwrap();
        let lease = state.lease("test", 3_600_000, clock.now()).await;
        Self {
            state,
            fence: lease.unwrap().unwrap(),
            stop: CancellationToken::new(),
            loops: Vec::new(),
        }
    }

    fn start(&mut self, fleet: &Arc<FakeFleet>, clock: &Arc<ManualClock>) {
        let regions = vec![build::region(build::REGION)];
        let metrics = Arc::new(Metrics::new("test", &regions, &[mode().name]));
        let director = Arc::new(Director::new(
            self.state.clone(),
            fleet.clone(),
            clock.clone(),
            Arc::new(SystemEntropy),
            metrics.clone(),
            5_000,
        ));
        let modes = [mode(), other_mode()];
        let waits = Arc::new(WaitTimes::new(&modes, &regions, metrics.clone()));
        let parts = Parts {
            state: self.state.clone(),
            fleet: fleet.clone(),
            director,
            clock: clock.clone(),
            metrics,
            demand: Arc::new(Demand::default()),
            under_way: Arc::new(UnderWay::default()),
            desk: Arc::new(Desk::new(waits, clock.clone())),
            regions,
            interval: Duration::from_millis(10),
            budget: Budget { matches_max: 100 },
            decisions: None,
        };
        let (held, lease) = watch::channel(Some(self.fence));
        let checks = acceptance::run(parts.clone(), lease.clone(), self.stop.clone());
        let makers = modes
            .map(|mode| matchmaking::run(parts.clone(), mode, lease.clone(), self.stop.clone()));
        self.loops.push(tokio::spawn(async move {
            tokio::join!(checks, join_all(makers));
            drop(held);
        }));
    }

    async fn end(self) {
        self.stop.cancel();
        for task in self.loops {
            task.await.unwrap();
        }
        let state = Arc::into_inner(self.state).expect("nobody else has the state");
        tokio::task::spawn_blocking(move || drop(state))
            .await
            .unwrap();
    }
}

impl Scene {
    async fn new(servers: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut spec = fleet_spec("arena");
        spec.bounds.min_replicas = servers;
        let fleet = FakeFleet::new(vec![spec]);
        let clock = Arc::new(ManualClock::new(Timestamp(1_800_000_000_000)));
        let mut running = Running::open(dir.path(), &clock).await;
        running.start(&fleet, &clock);
        Self {
            dir,
            fleet,
            clock,
            running: Some(running),
        }
    }

    fn state(&self) -> &Arc<EmbeddedState> {
        &self.running.as_ref().unwrap().state
    }

    async fn queue(&self, player: &str) -> Arc<Ticket> {
        let now = self.clock.now();
        let created = self.state().create_ticket(new_ticket(&[player], now), now);
        created.await.unwrap().ticket
    }

    async fn ticket(&self, player: &str) -> Arc<Ticket> {
        let filter = Filter {
            player_id: Some(player_id(player)),
            ..Filter::default()
        };
        let tickets = self.state().tickets(&filter).await.unwrap();
        tickets[0].clone()
    }

    /// The match that `player` is asked about.
    async fn asked(&self, player: &str) -> MatchId {
        wait_until("the question to a player", async || {
            match self.ticket(player).await.state {
                TicketState::RequiresAcceptance { match_id } => Some(match_id),
                _ => None,
            }
        })
        .await
    }

    async fn say(&self, player: &str, accept: bool) -> Arc<Match> {
        let id = self.asked(player).await;
        let (player, now) = (player_id(player), self.clock.now());
        let answer = self.state().respond(id, &player, accept, now);
        answer.await.unwrap()
    }

    async fn live(&self, id: MatchId) -> Arc<Match> {
        wait_until("the match is live", async || {
            let game = self.state().get_match(id).await.unwrap();
            (game.state == MatchState::Live).then_some(game)
        })
        .await
    }

    async fn becomes(&self, player: &str, state: &str) -> Arc<Ticket> {
        wait_until(&format!("the ticket of {player} is {state}"), async || {
            let ticket = self.ticket(player).await;
            (ticket.state.as_str() == state).then_some(ticket)
        })
        .await
    }
}

#[tokio::test]
async fn i3_no_server_is_taken_before_everybody_has_accepted() {
    let scene = Scene::new(2).await;
    scene.queue("ann").await;
    scene.queue("bob").await;
    let game = scene.say("ann", true).await;
    assert_eq!(game.state, MatchState::Accepting);
    assert_eq!(scene.fleet.allocations(), 0);
    scene.say("bob", true).await;
    let live = scene.live(game.id).await;
    assert_eq!(scene.fleet.allocations(), 1);
    let server = scene.fleet.server_of(game.id).unwrap().name.clone();
    assert_eq!(live.allocation.as_ref().unwrap().server, server);
    scene.state().check_invariants().unwrap();
}

#[tokio::test]
async fn i2_whoever_accepted_is_matched_again_and_the_refuser_is_out() {
    let scene = Scene::new(1).await;
    let ann = scene.queue("ann").await;
    scene.queue("bob").await;
    let first = scene.say("ann", true).await;
    scene.clock.advance_ms(300);
    scene.say("bob", false).await;
    let bob = scene.ticket("bob").await;
    let reason = CancelReason::NotAccepted;
    assert_eq!(bob.state, TicketState::Cancelled { reason });
    scene.queue("cid").await;
    let second = scene.asked("ann").await;
    assert_ne!(second, first.id);
    let again = scene.ticket("ann").await;
    assert_eq!((again.created_at, again.requeues), (ann.created_at, 1));
    scene.say("cid", true).await;
    scene.say("ann", true).await;
    scene.live(second).await;
    assert_eq!(scene.fleet.allocations(), 1);
    scene.state().check_invariants().unwrap();
}

#[tokio::test]
async fn i2_silence_ends_the_check_when_its_time_is_over() {
    let scene = Scene::new(1).await;
    scene.queue("ann").await;
    scene.queue("bob").await;
    scene.say("ann", true).await;
    // While they are asked, their server is kept for them: nobody else is asked for nothing.
    scene.queue("cid").await;
    scene.queue("dan").await;
    scene.clock.advance_ms(CHECK_MS + 1);
    scene.becomes("bob", "cancelled").await;
    // The server is free for whoever accepts now: of the three, the two who are asked first.
    let names = ["ann", "cid", "dan"];
    let game = wait_until("the next question", async || {
        for name in names {
            if let Some(id) = scene.ticket(name).await.state.match_id() {
                return Some(id);
            }
        }
        None
    })
    .await;
    let game = scene.state().get_match(game).await.unwrap();
    for player in &game.players {
        scene.say(player.player_id.as_str(), true).await;
    }
    scene.live(game.id).await;
    assert_eq!(scene.fleet.allocations(), 1);
    scene.state().check_invariants().unwrap();
}

#[tokio::test]
async fn i2_i3_a_restart_goes_on_with_every_check_where_it_was() {
    let mut scene = Scene::new(3).await;
    for player in ["ann", "bob"] {
        scene.queue(player).await;
    }
    let done = scene.asked("ann").await;
    for player in ["cid", "dan"] {
        scene.queue(player).await;
    }
    let half = scene.asked("cid").await;
    for player in ["eve", "fay"] {
        scene.queue(player).await;
    }
    let late = scene.asked("eve").await;
    scene.say("ann", true).await;
    scene.say("cid", true).await;
    scene.say("eve", true).await;
    scene.running.take().unwrap().end().await;

    // The gateway may be up before the loops are.
    let mut running = Running::open(scene.dir.path(), &scene.clock).await;
    let now = scene.clock.now();
    for (id, player) in [(done, "bob"), (half, "cid")] {
        let player = player_id(player);
        let answer = running.state.respond(id, &player, true, now);
        answer.await.unwrap();
    }
    assert_eq!(scene.fleet.allocations(), 0);
    running.start(&scene.fleet, &scene.clock);
    scene.running = Some(running);
    scene.live(done).await;
    scene.say("dan", true).await;
    scene.live(half).await;
    scene.clock.advance_ms(CHECK_MS + 1);
    scene.becomes("fay", "cancelled").await;
    scene.becomes("eve", "searching").await;
    let off = scene.state().get_match(late).await.unwrap();
    assert_eq!(off.state.as_str(), "abandoned");
    assert_eq!(scene.fleet.allocations(), 2);
    scene.state().check_invariants().unwrap();
}

#[tokio::test]
async fn nobody_is_asked_while_the_last_server_waits_for_others() {
    let scene = Scene::new(1).await;
    scene.queue("ann").await;
    scene.queue("bob").await;
    let first = scene.asked("ann").await;
    scene.queue("cid").await;
    scene.queue("dan").await;
    scene.say("ann", true).await;
    scene.say("bob", true).await;
    scene.live(first).await;
    for name in ["cid", "dan"] {
        let ticket = scene.ticket(name).await;
        assert_eq!((ticket.state.as_str(), ticket.requeues), ("searching", 0));
    }
}

/// Whoever is asked in one game mode searches in another one for now, and must not keep the others there from playing.
#[tokio::test]
async fn i1_a_player_who_is_asked_does_not_hold_up_another_game_mode() {
    let scene = Scene::new(3).await;
    let now = scene.clock.now();
    let elsewhere = |player: &str| NewTicket {
        game_mode: other_mode().name,
        ..new_ticket(&[player], now)
    };
    let create = |new| async {
        let created = scene.state().create_ticket(new, now).await;
        created.unwrap().ticket
    };
    let busy = create(elsewhere("ann")).await;
    scene.queue("ann").await;
    scene.queue("bob").await;
    let asked = wait_until("the question", async || {
        let open = scene.state().open_matches().await.unwrap();
        open.first().map(|game| game.id)
    })
    .await;
    // She is the oldest there: without the pause both would be matched with her, and never with each other.
    let cid = create(elsewhere("cid")).await;
    let dan = create(elsewhere("dan")).await;
    for id in [cid.id, dan.id] {
        wait_until("the others play", async || {
            let ticket = scene.state().ticket(id).await.unwrap();
            (ticket.state.as_str() == "completed").then_some(())
        })
        .await;
    }
    let state = async || scene.state().ticket(busy.id).await.unwrap().state.clone();
    assert_eq!(state().await, TicketState::Searching);
    for player in ["ann", "bob"] {
        let player = player_id(player);
        let yes = scene.state().respond(asked, &player, true, now);
        yes.await.unwrap();
    }
    scene.live(asked).await;
    let reason = CancelReason::MatchedElsewhere;
    assert_eq!(state().await, TicketState::Cancelled { reason });
    scene.state().check_invariants().unwrap();
}

//! The matchmaking loop over a real store and a fleet in memory: what it answers, and what it writes down.
#![cfg(test)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use stadion_core::event::EventKind;
use stadion_core::fleet::Fleet;
use stadion_core::id::TicketId;
use stadion_core::matches::Match;
use stadion_core::matchmaker::{Budget, Hold};
use stadion_core::mode::{GameMode, SkillWindow};
use stadion_core::rules::{Backfill, HardStop, HardStopAction};
use stadion_core::session::EndReason;
use stadion_core::state::{Fence, Filter, State};
use stadion_core::ticket::Ticket;
use stadion_core::time::Clock;
use stadion_gateway::{OutlookError, Outlooks};
use stadion_server::clock::{SystemClock, SystemEntropy};
use stadion_server::director::Director;
use stadion_server::loops::decision_log::DecisionLog;
use stadion_server::loops::matchmaking::{self, Parts, UnderWay};
use stadion_server::loops::outlook::{Desk, WaitTimes};
use stadion_server::loops::scaling::Demand;
use stadion_server::metrics::Metrics;
use stadion_sim::log::{Replay, replay};
use stadion_sim::planner;
use stadion_state::embedded::{EmbeddedState, Options};
use stadion_testkit::build::{self, fleet_spec, new_ticket, region};
use stadion_testkit::fleet::FakeFleet;
use stadion_testkit::random::Random;
use stadion_testkit::wait::wait_until;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Duels whose window opens quickly.
fn duel() -> GameMode {
    GameMode {
        skill: SkillWindow {
            initial: 20.0,
            growth_per_second: 100.0,
            max: 60.0,
        },
        ..build::mode()
    }
}

/// Duels that take everybody: where others go on after a second.
fn open() -> GameMode {
    GameMode {
        name: build::mode_name("open"),
        skill: SkillWindow {
            initial: 5_000.0,
            growth_per_second: 0.0,
            max: 5_000.0,
        },
        ..build::mode()
    }
}

/// Two against two, whose free seats are filled.
fn brawl() -> GameMode {
    let mut brawl = GameMode {
        name: build::mode_name("brawl"),
        players_target: 4,
        players_min: 4,
        ..open()
    };
    brawl.rules.backfill = Backfill::High;
    brawl
}

/// Those of a scene; the duels of the second kind do not wait for ever.
fn modes() -> Vec<GameMode> {
    let mut impatient = GameMode {
        name: build::mode_name("impatient"),
        ..duel()
    };
    impatient.rules.hard_stop = Some(HardStop {
        after_ms: 500,
        then: HardStopAction::Mode(open().name),
    });
    vec![duel(), impatient, open(), brawl()]
}

struct Scene {
    state: Arc<EmbeddedState>,
    desk: Arc<Desk>,
    clock: Arc<dyn Clock>,
    parts: Parts,
    lease: watch::Receiver<Option<Fence>>,
    shutdown: CancellationToken,
    running: tokio::task::JoinHandle<()>,
    _held: watch::Sender<Option<Fence>>,
    _dir: tempfile::TempDir,
}

async fn scene(servers: u32, decisions: Option<Arc<DecisionLog>>) -> Scene {
    let dir = tempfile::tempdir().unwrap();
    let (state, _) = EmbeddedState::open(dir.path(), &Options::default()).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut spec = fleet_spec("arena");
    spec.bounds.min_replicas = servers;
    let fleet: Arc<dyn Fleet> = FakeFleet::new(vec![spec]);
    let modes = modes();
    let names: Vec<_> = modes.iter().map(|mode| mode.name.clone()).collect();
    let regions = [region(build::REGION)];
    let metrics = Arc::new(Metrics::new("test", &regions, &names));
    let director = Director::new(
        state.clone(),
        fleet.clone(),
        clock.clone(),
        Arc::new(SystemEntropy),
        metrics.clone(),
        5_000,
    );
    let waits = WaitTimes::new(&modes, &regions, metrics.clone());
    let desk = Arc::new(Desk::new(Arc::new(waits), clock.clone()));
    let parts = Parts {
        state: state.clone(),
        fleet,
        director: Arc::new(director),
        clock: clock.clone(),
        metrics,
        demand: Arc::new(Demand::default()),
        under_way: Arc::new(UnderWay::default()),
        desk: desk.clone(),
        regions: regions.into(),
        interval: Duration::from_millis(2),
        budget: Budget { matches_max: 4 },
        decisions,
    };
    let fence = state.lease("test", 600_000, clock.now()).await.unwrap();
    let (held, lease) = watch::channel(fence);
    let shutdown = CancellationToken::new();
    let running = run(&parts, &lease, &shutdown);
    Scene {
        state,
        desk,
        clock,
        parts,
        lease,
        shutdown,
        running,
        _held: held,
        _dir: dir,
    }
}

/// The matchmakers of all game modes.
fn run(
    parts: &Parts,
    lease: &watch::Receiver<Option<Fence>>,
    stop: &CancellationToken,
) -> tokio::task::JoinHandle<()> {
    let (parts, lease, stop) = (parts.clone(), lease.clone(), stop.clone());
    tokio::spawn(async move {
        let runs = modes()
            .into_iter()
            .map(|mode| matchmaking::run(parts.clone(), mode, lease.clone(), stop.clone()));
        futures_util::future::join_all(runs).await;
    })
}

impl Scene {
    async fn queue(&self, player: &str, skill: f64) -> Arc<Ticket> {
        self.queue_for(build::MODE, player, skill).await
    }

    async fn queue_for(&self, mode: &str, player: &str, skill: f64) -> Arc<Ticket> {
        let now = self.clock.now();
        let mut new = new_ticket(&[player], now);
        new.game_mode = build::mode_name(mode);
        new.players[0].skill = skill;
        self.state.create_ticket(new, now).await.unwrap().ticket
    }

    async fn is_completed(&self, id: TicketId) -> Option<()> {
        let ticket = self.state.ticket(id).await.unwrap();
        (ticket.state.as_str() == "completed").then_some(())
    }

    /// Ends the matchmakers.
    async fn pause(&mut self) {
        self.shutdown.cancel();
        (&mut self.running).await.unwrap();
    }

    /// Begins anew with other matchmakers.
    fn go_on(&mut self) {
        self.shutdown = CancellationToken::new();
        self.running = run(&self.parts, &self.lease, &self.shutdown);
    }

    async fn stop(mut self) {
        self.pause().await;
    }
}

fn replayed(path: &Path) -> Replay {
    let bytes = std::fs::read(path).unwrap();
    let found = replay(&bytes[..], &planner::core).unwrap();
    assert_eq!(found.difference, None, "{}", path.display());
    found
}

#[tokio::test]
async fn a_decision_log_replays_to_the_same_plans_also_after_another_file_was_begun() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("decisions.jsonl");
    std::fs::write(&path, "of an earlier run\n").unwrap();
    let log = Arc::new(DecisionLog::create(&path, 24_000).unwrap());
    let old = dir.path().join("decisions.jsonl.1");
    assert_eq!(
        std::fs::read_to_string(&old).unwrap(),
        "of an earlier run\n"
    );
    let scene = scene(400, Some(log)).await;
    let mut random = Random::from_env(11);
    for player in 0..120 {
        let skill = 1_000.0 + f64::from(u32::try_from(random.below(4_000)).unwrap()) / 7.0;
        let ticket = scene.queue(&format!("p{player}"), skill).await;
        if random.once_in(9) {
            let reason = stadion_core::ticket::CancelReason::Requested;
            // It may have a match by now.
            drop(
                scene
                    .state
                    .cancel_ticket(ticket.id, reason, scene.clock.now())
                    .await,
            );
        }
    }
    let searching = || async {
        let filter = Filter {
            state: Some("searching"),
            ..Filter::default()
        };
        let left = scene.state.tickets(&filter).await.unwrap().len();
        (left <= 20).then_some(())
    };
    wait_until("most to have a match", searching).await;
    // The last plan may have filled a file, and then the next one is still empty.
    let late = std::cell::Cell::new(0);
    let begun = || async {
        if std::fs::read_to_string(&path)
            .unwrap()
            .contains("{\"plan\"")
        {
            return Some(());
        }
        late.set(late.get() + 1);
        scene.queue(&format!("late{}", late.get()), 1_000.0).await;
        None
    };
    wait_until("a plan in the file that was begun", begun).await;
    scene.stop().await;
    let (earlier, last) = (replayed(&old), replayed(&path));
    assert!(earlier.plans > 0 && earlier.matches > 0, "{earlier:?}");
    assert!(last.plans > 0, "{last:?}");
    assert!(std::fs::metadata(&old).unwrap().len() > 24_000);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn the_matchmaker_says_why_a_ticket_waits_and_how_long_others_did() {
    let scene = scene(400, None).await;
    let lonely = scene.queue("lonely", 3_000.0).await;
    let told = scene.desk.outlook(&lonely).await.unwrap();
    assert_eq!(told.estimate, None);
    let why = told.explanation.unwrap();
    let (have, need) = (1, 2);
    assert_eq!(
        why.hold,
        Hold::Players {
            region: region(build::REGION),
            have,
            need
        }
    );
    for pair in 0..8 {
        let ann = scene.queue(&format!("ann{pair}"), 1_000.0).await;
        let bob = scene.queue(&format!("bob{pair}"), 1_000.0).await;
        for ticket in [ann, bob] {
            wait_until("a match", || scene.is_completed(ticket.id)).await;
        }
    }
    let known = wait_until("what was learnt", || async {
        let told = scene.desk.outlook(&lonely).await.unwrap();
        told.estimate.filter(|estimate| estimate.samples == 16)
    });
    assert!(known.await.p50_ms < 30_000);
    let other = Ticket {
        game_mode: build::mode_name("other"),
        ..lonely.as_ref().clone()
    };
    assert_eq!(scene.desk.outlook(&other).await, Err(OutlookError::NotHere));
    let desk = scene.desk.clone();
    scene.stop().await;
    assert_eq!(desk.outlook(&lonely).await, Err(OutlookError::NotHere));
}

#[tokio::test]
async fn i2_who_has_waited_long_enough_goes_on_in_another_game_mode() {
    let scene = scene(10, None).await;
    let weak = scene.queue_for("impatient", "weak", 1_000.0).await;
    let strong = scene.queue_for("impatient", "strong", 2_000.0).await;
    for ticket in [weak, strong] {
        wait_until("a match", || scene.is_completed(ticket.id)).await;
        let found = scene.state.ticket(ticket.id).await.unwrap();
        assert_eq!(found.game_mode, open().name);
        assert_eq!(found.created_at, ticket.created_at);
        let events = scene
            .state
            .events(&ticket.players[0].player_id, 0)
            .await
            .unwrap();
        let moved = EventKind::TicketMoved {
            ticket_id: ticket.id,
            game_mode: open().name,
        };
        assert_eq!(events[1].kind, moved);
    }
    scene.stop().await;
}

/// A player of the live brawl leaves, and the game server would have somebody else.
async fn free_a_seat(scene: &Scene, game: &Match) {
    let filter = Filter {
        match_id: Some(game.id),
        ..Filter::default()
    };
    let sessions = scene.state.sessions(&filter).await.unwrap();
    let leaver = sessions.iter().find(|seat| seat.state.is_live()).unwrap();
    let now = scene.clock.now();
    scene
        .state
        .end_session(leaver.id, EndReason::Left, now)
        .await
        .unwrap();
    let mut seats = [0, 0];
    seats[leaver.team as usize] = 1;
    let team_seats = brawl().team_seats();
    let offered = scene
        .state
        .open_seats(game.id, &leaver.server, &seats, &team_seats, now);
    offered.await.unwrap();
}

/// The only server is taken, so whoever comes plays in the live match; what a matchmaker did not see, the next one finds.
#[tokio::test]
async fn i1_newcomers_are_put_into_live_matches_also_by_a_matchmaker_that_has_just_begun() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("decisions.jsonl");
    let log = Arc::new(DecisionLog::create(&path, 1 << 20).unwrap());
    let mut scene = scene(1, Some(log)).await;
    let mut first = Vec::new();
    for player in ["ann", "bob", "cid", "dot"] {
        first.push(scene.queue_for("brawl", player, 1_000.0).await);
    }
    wait_until("a match", || scene.is_completed(first[3].id)).await;
    let game = scene.state.open_matches().await.unwrap().remove(0);

    free_a_seat(&scene, &game).await;
    let eve = scene.queue_for("brawl", "eve", 1_000.0).await;
    wait_until("a seat for eve", || scene.is_completed(eve.id)).await;
    scene.pause().await;
    free_a_seat(&scene, &game).await;
    let fay = scene.queue_for("brawl", "fay", 1_000.0).await;
    scene.go_on();
    wait_until("a seat for fay", || scene.is_completed(fay.id)).await;
    // And the other way round: the ticket is there before the seat.
    let gil = scene.queue_for("brawl", "gil", 1_000.0).await;
    free_a_seat(&scene, &game).await;
    wait_until("a seat for gil", || scene.is_completed(gil.id)).await;

    let filled = scene.state.get_match(game.id).await.unwrap();
    assert_eq!((filled.players.len(), &filled.backfill), (7, &None));
    for player in &filled.players[4..] {
        let ticket = scene.state.ticket(player.ticket_id).await.unwrap();
        assert_eq!(ticket.state.match_id(), Some(game.id));
    }
    let counts = scene.state.counts().await.unwrap();
    assert_eq!((counts.sessions_live, counts.matches_open), (4, 1));
    scene.stop().await;
    let found = replayed(&path);
    assert!(found.fills >= 3, "{found:?}");
}

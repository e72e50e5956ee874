//! The store against a model, on disks that fail.

use std::path::Path;
use std::sync::Arc;

use futures_util::future::join_all;
use proptest::prelude::{ProptestConfig, any};
use proptest::proptest;
use stadion_core::id::TicketId;
use stadion_core::session::{Heartbeat, Session, SessionRules};
use stadion_core::state::{State, StateError, Verdict};
use stadion_core::ticket::CancelReason;
use stadion_core::time::Timestamp;
use stadion_testkit::build;
use stadion_testkit::random::Random;
use stadion_testkit::wait::wait_until;

use super::frame::{self, FILE_HEAD};
use super::{EmbeddedState, FILE_NAMES, OpenError, Options};
use crate::ledger::tests::Dice;
use crate::ledger::{Command, Ledger, Outcome, Row};

mod disk;

use disk::{Disk, Health};

type Answer = Result<Outcome, StateError>;

fn open_on(disk: &Arc<Disk>, directory: &Path) -> Arc<EmbeddedState> {
    let options = Options {
        // New generations and new room all the time.
        waste_max: 10,
        room_bytes: 3_000,
        opener: disk.opener(),
    };
    let (state, _) = EmbeddedState::open(directory, &options).expect("the disk works");
    state
}

/// The ledger without what a restart may lose: signs of life, and who held the lease.
fn kept(ledger: &Ledger) -> Ledger {
    let mut kept = Ledger::default();
    for row in ledger.rows() {
        kept.put(&match row {
            Row::Session(id, Some(session)) => {
                let session = Session {
                    heartbeat_at: Timestamp(0),
                    latency_ms: None,
                    ..Session::clone(&session)
                };
                Row::Session(id, Some(Arc::new(session)))
            }
            other => other,
        });
    }
    kept.release_lease();
    kept
}

fn view(state: &EmbeddedState) -> Ledger {
    state.shared.view.read().ledger.clone()
}

fn is_unavailable(answer: &Answer) -> bool {
    matches!(answer, Err(StateError::Unavailable(_)))
}

/// One store, its model, and what drives both.
struct Trial {
    dice: Dice,
    disk: Arc<Disk>,
    directory: tempfile::TempDir,
    state: Option<Arc<EmbeddedState>>,
    model: Ledger,
    /// Commands of the last group whose answers were lost.
    in_flight: Vec<(Command, Timestamp)>,
}

impl Trial {
    fn new(seed: u64) -> Self {
        let disk = Disk::new();
        let directory = tempfile::tempdir().unwrap();
        let state = open_on(&disk, directory.path());
        Self {
            dice: Dice::new(seed),
            disk,
            directory,
            state: Some(state),
            model: Ledger::default(),
            in_flight: Vec::new(),
        }
    }

    fn state(&self) -> &EmbeddedState {
        self.state.as_ref().unwrap()
    }

    /// Sends a few commands at once; whether all were answered. Every answer is what the model says.
    async fn group(&mut self) -> bool {
        let size = 1 + self.dice.random.below(6);
        let mut ahead = self.model.clone();
        let mut commands = Vec::new();
        for _ in 0..size {
            let command = self.dice.command(&ahead);
            drop(ahead.apply(command.clone(), self.dice.now));
            commands.push((command, self.dice.now));
        }
        let state = self.state();
        let calls = commands
            .iter()
            .map(|(command, now)| state.run(command.clone(), *now));
        let answers: Vec<Answer> = join_all(calls).await;
        let lost = answers.iter().position(is_unavailable);
        let answered = lost.unwrap_or(commands.len());
        for ((command, now), answer) in commands.drain(..answered).zip(&answers) {
            let expected = self
                .model
                .apply(command, now)
                .map(|applied| applied.outcome);
            assert_eq!(format!("{answer:?}"), format!("{expected:?}"));
        }
        for ((command, _), answer) in commands.iter().zip(&answers[answered..]) {
            let needs_file = !matches!(command, Command::Heartbeats { .. });
            assert!(
                is_unavailable(answer) || !needs_file,
                "{command:?}: {answer:?}"
            );
        }
        self.in_flight = commands;
        lost.is_none()
    }

    /// The store holds everything that was answered, and of the rest what came first or nothing.
    fn compare(&mut self) {
        let found = view(self.state());
        assert_eq!(found.check_invariants(), Ok(()));
        let mut candidate = self.model.clone();
        let mut same = kept(&candidate) == kept(&found);
        for (command, now) in self.in_flight.drain(..) {
            if same {
                break;
            }
            drop(candidate.apply(command, now));
            same = kept(&candidate) == kept(&found);
        }
        assert!(
            same,
            "an acknowledged change is lost, or half of a change is there"
        );
        self.model = found;
    }

    fn restart(&mut self) {
        drop(Arc::into_inner(self.state.take().unwrap()));
        if self.disk.health() == Health::Off {
            self.disk.power_on(&mut self.dice.random);
        }
        self.disk.set(Health::Good);
        self.state = Some(open_on(&self.disk, self.directory.path()));
    }

    /// Runs until the disk fails or `groups` are done.
    async fn run(&mut self, groups: usize) {
        for _ in 0..groups {
            if !self.group().await {
                return;
            }
        }
    }

    /// Asks something harmless that needs the file, until it works.
    async fn settle(&self) {
        let state = self.state();
        let unknown = Command::CancelTicket {
            id: TicketId::from_u128(1),
            reason: CancelReason::Operator,
        };
        wait_until("the file to open again", || async {
            let answer = state.run(unknown.clone(), Timestamp(0)).await;
            (!is_unavailable(&answer)).then_some(())
        })
        .await;
    }
}

fn block_on(future: impl Future<Output = ()>) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().build().unwrap().block_on(future);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 40, ..ProptestConfig::default() })]

    /// Power fails after any write or flush: what was answered is there, and no change is there by half.
    #[test]
    fn i2_a_loss_of_power_loses_nothing_acknowledged(seed in any::<u64>()) {
        block_on(async {
            let mut trial = Trial::new(seed);
            for _ in 0..4 {
                let calls = trial.dice.random.below(300);
                trial.disk.turn(Health::Off, calls);
                trial.run(60).await;
                trial.disk.set(Health::Off);
                trial.restart();
                trial.compare();
            }
        });
    }

    /// The disk is full for a while: refused changes changed nothing, reads go on, and it works again by itself.
    #[test]
    fn i2_a_full_disk_loses_nothing_acknowledged(seed in any::<u64>()) {
        block_on(async {
            let mut trial = Trial::new(seed);
            for _ in 0..3 {
                let calls = trial.dice.random.below(200);
                trial.disk.turn(Health::Full, calls);
                trial.run(40).await;
                assert_eq!(trial.state().check_invariants(), Ok(()));
                trial.disk.set(Health::Good);
                trial.settle().await;
                trial.compare();
            }
            trial.run(10).await;
            trial.restart();
            trial.compare();
        });
    }

    /// Nothing fails: the store answers as the model does, and a restart in good order changes nothing.
    #[test]
    fn i1_i2_i3_hold_for_any_commands(seed in any::<u64>()) {
        block_on(async {
            let mut trial = Trial::new(seed);
            for _ in 0..3 {
                trial.run(40).await;
                assert!(view(trial.state()) == trial.model);
                trial.restart();
                trial.model.release_lease();
                // Signs of life too: they are written when the store is closed.
                assert!(view(trial.state()) == trial.model);
            }
        });
    }
}

#[tokio::test]
async fn i2_changes_of_a_full_disk_are_refused_and_not_seen() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::new();
    let state = open_on(&disk, directory.path());
    let now = Timestamp(1_700_000_000_000);
    let create = |name: &'static str| state.create_ticket(build::new_ticket(&[name], now), now);
    create("ada").await.unwrap();
    disk.set(Health::Full);
    let error = create("bob").await.expect_err("the disk is full");
    assert!(
        matches!(&error, StateError::Unavailable(why) if why.contains("no storage space")
        || why.contains("StorageFull") || why.contains("space")),
        "{error}"
    );
    create("bob").await.expect_err("it stays full");
    assert_eq!(state.counts().await.unwrap().tickets_searching, 1);
    assert!(
        state
            .events(&build::player_id("bob"), 0)
            .await
            .unwrap()
            .is_empty()
    );
    disk.set(Health::Good);
    wait_until("the store to take changes again", || async {
        create("bob").await.ok()
    })
    .await;
    assert_eq!(state.counts().await.unwrap().tickets_searching, 2);
}

fn open(directory: &Path) -> Result<(), OpenError> {
    EmbeddedState::open(directory, &Options::default()).map(|_| ())
}

#[test]
fn files_that_cannot_be_used_say_why() {
    let directory = tempfile::tempdir().unwrap();
    for name in FILE_NAMES {
        let path = directory.path().join(name);
        for text in ["to be or not to be".to_owned(), "to be ".repeat(1_000)] {
            std::fs::write(&path, text).unwrap();
            let error = open(directory.path()).expect_err("a text");
            assert!(matches!(error, OpenError::NotOurs { .. }), "{error}");
            assert!(error.to_string().contains(name), "{error}");
        }
        std::fs::remove_file(&path).unwrap();
    }

    let path = directory.path().join(FILE_NAMES[0]);
    std::fs::write(&path, frame::file_head(99, 1)).unwrap();
    let error = open(directory.path()).expect_err("a newer schema");
    assert!(
        matches!(error, OpenError::Newer { found: 99, .. }),
        "{error}"
    );

    std::fs::remove_file(&path).unwrap();
    let (state, _) = EmbeddedState::open(directory.path(), &Options::default()).unwrap();
    let error = open(directory.path()).expect_err("in use");
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    drop(state);
    open(directory.path()).unwrap();
}

/// A directory with the tickets of 300 players, each in a commit of its own; the store was closed, or killed.
fn with_tickets(killed: bool) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let (state, _) = EmbeddedState::open(directory.path(), &Options::default()).unwrap();
        let now = Timestamp(1_700_000_000_000);
        for number in 0..300 {
            let name = format!("p{number}");
            let request = build::new_ticket(&[&name], now);
            state.create_ticket(request, now).await.unwrap();
        }
    });
    if killed {
        let path = directory.path().join(FILE_NAMES[0]);
        let mut bytes = std::fs::read(&path).unwrap();
        // Without the frame that says that it was closed.
        bytes.truncate(bytes.len() - frame::FRAME_HEAD);
        std::fs::write(&path, bytes).unwrap();
    }
    directory
}

#[test]
fn damaged_files_are_refused() {
    let directory = with_tickets(false);
    let path = directory.path().join(FILE_NAMES[0]);
    let good = std::fs::read(&path).unwrap();
    let mut random = Random::from_env(11);
    let last = good.len() - frame::FRAME_HEAD;
    for _ in 0..100 {
        let mut bad = good.clone();
        bad[random.below(last)] ^= 1 << random.below(8);
        std::fs::write(&path, &bad).unwrap();
        let error = open(directory.path()).expect_err("a bit is another");
        let refused = matches!(
            error,
            OpenError::Corrupt { .. } | OpenError::NotOurs { .. } | OpenError::Newer { .. }
        );
        assert!(refused, "{error}");
    }
    std::fs::write(&path, &good).unwrap();
    open(directory.path()).unwrap();
}

#[test]
fn a_torn_tail_is_cut_and_said() {
    let directory = with_tickets(true);
    let path = directory.path().join(FILE_NAMES[0]);
    let good = std::fs::read(&path).unwrap();
    let mut random = Random::from_env(12);
    for _ in 0..30 {
        let mut bytes = good.clone();
        let cut = 1 + random.below(200);
        bytes.truncate(good.len() - cut);
        // What a longer file without its bytes looks like after a loss of power.
        bytes.resize(bytes.len() + random.below(2 * cut), 0);
        std::fs::write(&path, &bytes).unwrap();
        let (state, recovery) = EmbeddedState::open(directory.path(), &Options::default()).unwrap();
        assert!(recovery.repaired);
        assert_eq!(recovery.tickets, 299);
        assert_eq!(state.check_invariants(), Ok(()));
    }
    let (state, again) = EmbeddedState::open(directory.path(), &Options::default()).unwrap();
    assert!(!again.repaired);
    drop(state);
    std::fs::write(&path, &good).unwrap();
    let (_, recovery) = EmbeddedState::open(directory.path(), &Options::default()).unwrap();
    assert_eq!((recovery.repaired, recovery.tickets), (true, 300));
}

fn bytes_of(rows: &[Row]) -> usize {
    let mut bytes = Vec::new();
    for row in rows {
        super::row::encode(row, &mut bytes).unwrap();
    }
    bytes.len()
}

/// What is alive is taken along, the rest is not, and the files stay small.
#[test]
fn waste_is_left_behind() {
    block_on(async {
        let mut trial = Trial::new(5);
        let mut turns = 0;
        let mut second = false;
        let (mut largest, mut alive) = (0, 0);
        for _ in 0..40 {
            trial.run(20).await;
            alive = alive.max(bytes_of(&trial.model.rows()));
            let lengths = FILE_NAMES.map(|name| trial.disk.seen(name).len());
            turns += usize::from(second != (lengths[1] > lengths[0]));
            second = lengths[1] > lengths[0];
            largest = largest.max(lengths[0] + lengths[1]);
            if turns % 3 == 0 {
                trial.restart();
                trial.model.release_lease();
                assert!(view(trial.state()) == trial.model);
            }
        }
        println!("{turns} turns, {largest} bytes at most, {alive} alive at most");
        assert!(turns > 2);
        assert!(largest < 8 * alive);
    });
}

#[test]
fn a_missing_file_is_noticed() {
    let directory = with_tickets(false);
    let path = |which: usize| directory.path().join(FILE_NAMES[which]);
    // The second generation has begun, and not all that is alive is in it.
    let first = std::fs::read(path(0)).unwrap();
    let mut second = frame::file_head(frame::SCHEMA, 2);
    let mut frame = vec![0; frame::FRAME_HEAD];
    frame::seal(&mut frame, 0, 302).unwrap();
    second.extend(frame);
    std::fs::write(path(1), &second).unwrap();
    open(directory.path()).unwrap();
    std::fs::write(path(1), &second).unwrap();
    for bad in [
        &first[..0],
        &first[..usize::try_from(FILE_HEAD).unwrap()],
        &first[..first.len() - 30],
    ] {
        std::fs::write(path(0), bad).unwrap();
        let error = open(directory.path()).expect_err("commits are missing");
        assert!(matches!(error, OpenError::Corrupt { .. }), "{error}");
    }
}

#[tokio::test]
async fn heartbeats_outlive_a_full_disk() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::new();
    let state = open_on(&disk, directory.path());
    let now = Timestamp(1_700_000_000_000);
    let fence = state.lease("one", 1_000, now).await.unwrap().unwrap();
    let request = build::new_ticket(&["ada"], now);
    let ticket = state.create_ticket(request, now).await.unwrap().ticket;
    let new = build::new_match(&[ticket.id], now);
    let game = state.commit_match(fence, new, now).await.unwrap();
    let placed = build::placement(&game, "server-1", now);
    let session = placed.sessions[0].clone();
    state
        .place_match(fence, game.id, placed, now)
        .await
        .unwrap();

    disk.set(Health::Full);
    state
        .kick(session.id, now)
        .await
        .expect_err("the disk is full");
    let beat = Heartbeat {
        session_id: session.id,
        latency_ms: Some(9.0),
    };
    let later = now.plus_ms(50_000);
    let verdicts = state.heartbeats(&session.server, &[beat], later).await;
    assert_eq!(verdicts.unwrap(), [Verdict::Keep]);
    disk.set(Health::Good);
    let rules = SessionRules::default();
    let expired = wait_until("the store to take changes again", || async {
        let expired = state.expire_sessions(fence, rules, now.plus_ms(61_000));
        expired.await.ok()
    })
    .await;
    assert_eq!(expired, 0);
    drop(state);
    let state = open_on(&disk, directory.path());
    let kept = state.session(session.id).await.unwrap();
    assert_eq!((kept.heartbeat_at, kept.latency_ms), (later, Some(9.0)));
}

//! A state that cannot be reached, forgets to tell, lags or falls silent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use stadion_client::ProblemKind;
use stadion_core::event::{EventKind, PlayerEvent};
use stadion_core::id::{GameModeName, MatchId, PlayerId, ServerName, SessionId, TicketId};
use stadion_core::matches::{AbandonReason, Match, MatchEnd, NewMatch, Placement};
use stadion_core::session::{EndReason, Heartbeat, Session, SessionRules};
use stadion_core::state::{Change, Counts, Created, Fence, Filter, State, StateError, Verdict};
use stadion_core::ticket::{CancelReason, NewTicket, Ticket};
use stadion_core::time::Timestamp;
use stadion_gateway::{CloseReason, GatewayError, GatewayObserver, Limits, NoObserver};
use stadion_state::embedded::EmbeddedState;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::connect::{by_hand, make, number};
use crate::world::{World, duel, wide};

/// The embedded state, with faults that the test switches.
struct Faulty {
    inner: Arc<EmbeddedState>,
    /// No call succeeds.
    down: AtomicBool,
    /// Events are kept, and nobody is told.
    mute: Arc<AtomicBool>,
    /// The stream of changes ends.
    silent: CancellationToken,
    inject: mpsc::Sender<Change>,
    injected: Mutex<Option<mpsc::Receiver<Change>>>,
}

impl Faulty {
    fn new(inner: Arc<EmbeddedState>) -> Arc<Self> {
        let (inject, injected) = mpsc::channel(8);
        Arc::new(Self {
            inner,
            down: AtomicBool::new(false),
            mute: Arc::new(AtomicBool::new(false)),
            silent: CancellationToken::new(),
            inject,
            injected: Mutex::new(Some(injected)),
        })
    }

    async fn world() -> (World, Arc<Self>) {
        Self::world_with(wide(), Arc::new(NoObserver)).await
    }

    async fn world_with(limits: Limits, observer: Arc<dyn GatewayObserver>) -> (World, Arc<Self>) {
        let mut faulty = None;
        let between = |state| Arc::clone(faulty.insert(Self::new(state)));
        let world = World::over(between, limits, observer).await;
        (world, faulty.unwrap())
    }

    fn up(&self) -> Result<(), StateError> {
        if self.down.load(Ordering::SeqCst) {
            return Err(StateError::Unavailable("switched off by the test".into()));
        }
        Ok(())
    }
}

macro_rules! through {
    ($(fn $name:ident($($arg:ident: $ty:ty),*) -> $ok:ty;)*) => {
        #[async_trait]
        impl State for Faulty {
            $(async fn $name(&self, $($arg: $ty),*) -> Result<$ok, StateError> {
                self.up()?;
                self.inner.$name($($arg),*).await
            })*

            fn watch(&self) -> BoxStream<'static, Change> {
                let mute = Arc::clone(&self.mute);
                let told = self.inner.watch().filter(move |_| {
                    let told = !mute.load(Ordering::SeqCst);
                    async move { told }
                });
                let injected = self.injected.lock().take().expect("one watcher");
                let injected = stream::unfold(injected, |mut changes| async move {
                    Some((changes.recv().await?, changes))
                });
                let both = stream::select(told, injected);
                both.take_until(self.silent.clone().cancelled_owned()).boxed()
            }
        }
    };
}

through! {
    fn lease(holder: &str, ttl_ms: u64, now: Timestamp) -> Option<Fence>;
    fn create_ticket(request: NewTicket, now: Timestamp) -> Created;
    fn ticket(id: TicketId) -> Arc<Ticket>;
    fn tickets(filter: &Filter) -> Vec<Arc<Ticket>>;
    fn searching(mode: &GameModeName) -> Vec<Arc<Ticket>>;
    fn cancel_ticket(id: TicketId, reason: CancelReason, now: Timestamp) -> Arc<Ticket>;
    fn expire_tickets(fence: Fence, now: Timestamp) -> usize;
    fn move_ticket(fence: Fence, id: TicketId, to: &GameModeName, expires_at: Timestamp, now: Timestamp) -> Arc<Ticket>;
    fn commit_match(fence: Fence, new: NewMatch, now: Timestamp) -> Arc<Match>;
    fn respond(id: MatchId, player_id: &PlayerId, accept: bool, now: Timestamp) -> Arc<Match>;
    fn expire_acceptances(fence: Fence, now: Timestamp) -> usize;
    fn place_match(fence: Fence, id: MatchId, placement: Placement, now: Timestamp) -> Arc<Match>;
    fn open_seats(id: MatchId, server: &ServerName, seats: &[u32], team_seats: &[u32], now: Timestamp) -> Arc<Match>;
    fn fill_match(fence: Fence, id: MatchId, sessions: Vec<Session>, now: Timestamp) -> Arc<Match>;
    fn abandon_match(fence: Fence, id: MatchId, reason: AbandonReason, now: Timestamp) -> Arc<Match>;
    fn end_match(id: MatchId, end: MatchEnd, result: Option<serde_json::Value>, now: Timestamp) -> Arc<Match>;
    fn get_match(id: MatchId) -> Arc<Match>;
    fn matches(filter: &Filter) -> Vec<Arc<Match>>;
    fn open_matches() -> Vec<Arc<Match>>;
    fn redeem(id: SessionId, match_id: MatchId, server: &ServerName, key: Option<&str>, now: Timestamp) -> Arc<Session>;
    fn heartbeats(server: &ServerName, beats: &[Heartbeat], now: Timestamp) -> Vec<Verdict>;
    fn end_session(id: SessionId, reason: EndReason, now: Timestamp) -> Arc<Session>;
    fn kick(id: SessionId, now: Timestamp) -> Arc<Session>;
    fn expire_sessions(fence: Fence, rules: SessionRules, now: Timestamp) -> usize;
    fn session(id: SessionId) -> Arc<Session>;
    fn sessions(filter: &Filter) -> Vec<Arc<Session>>;
    fn events(player_id: &PlayerId, after: u64) -> Vec<Arc<PlayerEvent>>;
    fn purge(fence: Fence, before: Timestamp) -> usize;
    fn counts() -> Counts;
}

#[tokio::test]
async fn i2_while_the_state_is_away_callers_are_asked_to_repeat_and_then_succeed() {
    let (world, faulty) = Faulty::world().await;
    let ann = world.player("ann");
    faulty.down.store(true, Ordering::SeqCst);
    let away = ann
        .create_ticket(&duel("ann"), Some("k"))
        .await
        .unwrap_err();
    assert_eq!(away.kind(), Some(ProblemKind::Unavailable));
    assert!(
        !away.to_string().contains("switched off"),
        "inner details stay inside"
    );
    // The socket opens, is told to try again, and keeps trying.
    let mut events = ann.connect(0).await.unwrap();
    faulty.down.store(false, Ordering::SeqCst);
    ann.create_ticket(&duel("ann"), Some("k")).await.unwrap();
    assert_eq!(number(&mut events).await, 1);
}

#[tokio::test]
async fn events_that_nobody_was_told_of_come_with_the_next_one() {
    let (world, faulty) = Faulty::world().await;
    let mut events = world.player("ann").connect(0).await.unwrap();
    make(&world, "ann", 2).await;
    assert_eq!(number(&mut events).await, 1);
    assert_eq!(number(&mut events).await, 2);
    faulty.mute.store(true, Ordering::SeqCst);
    make(&world, "ann", 4).await;
    // Heard as one more event whose number does not follow.
    let kept = world
        .state
        .events(&"ann".parse().unwrap(), 0)
        .await
        .unwrap();
    let last = Arc::clone(kept.last().unwrap());
    faulty.inject.send(Change::Event(last)).await.unwrap();
    for expected in 3..=6 {
        assert_eq!(number(&mut events).await, expected);
    }
}

#[tokio::test]
async fn a_gateway_that_lagged_has_everybody_read_their_mailbox() {
    let (world, faulty) = Faulty::world().await;
    let mut ann = world.player("ann").connect(0).await.unwrap();
    let mut bob = world.player("bob").connect(0).await.unwrap();
    faulty.mute.store(true, Ordering::SeqCst);
    make(&world, "ann", 2).await;
    make(&world, "bob", 2).await;
    faulty.inject.send(Change::Lagged).await.unwrap();
    for events in [&mut ann, &mut bob] {
        assert_eq!(number(events).await, 1);
        assert_eq!(number(events).await, 2);
    }
}

#[tokio::test]
async fn a_gateway_that_would_tell_nobody_anything_stops() {
    let (world, faulty) = Faulty::world().await;
    let events = world.player("ann").connect(0).await.unwrap();
    faulty.silent.cancel();
    let ended = world.serving.await.unwrap();
    assert!(matches!(ended, Err(GatewayError::WatchEnded)));
    drop(events);
}

/// Remembers why the last connection was closed.
#[derive(Default)]
struct Last(Mutex<Option<CloseReason>>);

impl GatewayObserver for Last {
    fn disconnected(&self, reason: CloseReason) {
        *self.0.lock() = Some(reason);
    }
}

#[tokio::test]
async fn i7_a_client_that_reads_nothing_is_let_go_before_it_costs_much() {
    /// Far more than the buffers of two sockets hold, at 100 bytes each.
    const EVENTS_MAX: u64 = 1_000_000;
    let last = Arc::new(Last::default());
    let limits = Limits {
        socket_send_timeout: Duration::from_millis(50),
        ..wide()
    };
    let (world, faulty) = Faulty::world_with(limits, last.clone()).await;
    let reads_nothing = by_hand(&world, "ann").await;
    make(&world, "ann", 2).await;
    for number in 3..EVENTS_MAX {
        let event = PlayerEvent {
            player_id: "ann".parse().unwrap(),
            number,
            at: Timestamp(0),
            kind: EventKind::TicketTimedOut {
                ticket_id: TicketId::from_u128(1),
            },
        };
        let change = Change::Event(Arc::new(event));
        faulty.inject.send(change).await.unwrap();
        if last.0.lock().is_some() {
            break;
        }
    }
    assert_eq!(*last.0.lock(), Some(CloseReason::TooSlow));
    assert_eq!(world.gateway.connected_players(), 0);
    drop(reads_nothing);
}

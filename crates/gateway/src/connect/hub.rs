//! Who is connected: one task reads the state's changes and puts each event into its player's inbox.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::OnceLock;

use parking_lot::Mutex;
use stadion_core::event::PlayerEvent;
use stadion_core::id::PlayerId;
use stadion_core::matches::{Acceptance, Match, MatchState};
use tokio::sync::Notify;

use super::CloseReason;
use crate::limits::INBOX_EVENTS_MAX;

/// Shards of the map, so that 50,000 connections do not meet at one lock; a power of two.
const SHARDS: usize = 64;

/// What waits for one connection; empty ones allocate nothing.
#[derive(Default)]
pub(super) struct Inbox {
    waiting: Mutex<Waiting>,
    pub(super) arrived: Notify,
}

#[derive(Default)]
pub(super) struct Waiting {
    pub(super) events: VecDeque<Arc<PlayerEvent>>,
    /// Events were missed: read the mailbox.
    pub(super) missed: bool,
    /// The match whose ready check went on; the newest is enough.
    pub(super) asked: Option<Arc<Match>>,
    pub(super) close: Option<CloseReason>,
}

impl Inbox {
    fn put(&self, change: impl FnOnce(&mut Waiting)) {
        change(&mut self.waiting.lock());
        self.arrived.notify_one();
    }

    fn push(&self, event: Arc<PlayerEvent>) {
        self.put(|waiting| {
            if waiting.events.len() >= INBOX_EVENTS_MAX {
                waiting.close.get_or_insert(CloseReason::TooSlow);
            } else {
                waiting.events.push_back(event);
            }
        });
    }

    fn close(&self, reason: CloseReason) {
        self.put(|waiting| {
            waiting.close.get_or_insert(reason);
        });
    }

    /// Everything that waits; an order to close stays.
    pub(super) fn take(&self) -> Waiting {
        let mut waiting = self.waiting.lock();
        Waiting {
            events: std::mem::take(&mut waiting.events),
            missed: std::mem::take(&mut waiting.missed),
            asked: waiting.asked.take(),
            close: waiting.close,
        }
    }
}

type Shard = Mutex<HashMap<PlayerId, Arc<Inbox>>>;

/// The connections by player.
pub(crate) struct Hub {
    hasher: RandomState,
    shards: Vec<Shard>,
    /// Set once nobody may stay; who enters after that is shown out at once.
    closed: OnceLock<CloseReason>,
}

impl Hub {
    pub(crate) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            closed: OnceLock::new(),
        }
    }

    fn shard(&self, player: &PlayerId) -> &Shard {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "only the lowest bits choose a shard"
        )]
        let hash = self.hasher.hash_one(player) as usize;
        &self.shards[hash % SHARDS]
    }

    /// Enters a connection of `player`; the one before it is closed. The entry goes with the result.
    pub(super) fn enter<'a>(&'a self, player: &'a PlayerId) -> Entry<'a> {
        let inbox = Arc::new(Inbox::default());
        let before = self
            .shard(player)
            .lock()
            .insert(player.clone(), Arc::clone(&inbox));
        if let Some(before) = before {
            before.close(CloseReason::Replaced);
        }
        // After entering: `close` sees this inbox, or this sees that it was called.
        if let Some(reason) = self.closed.get() {
            inbox.close(*reason);
        }
        Entry {
            hub: self,
            player,
            inbox,
        }
    }

    /// Puts `event` into its player's inbox, if they are connected here.
    pub(crate) fn deliver(&self, event: Arc<PlayerEvent>) {
        if let Some(inbox) = self.inbox(&event.player_id) {
            inbox.push(event);
        }
    }

    fn inbox(&self, player: &PlayerId) -> Option<Arc<Inbox>> {
        self.shard(player).lock().get(player).cloned()
    }

    /// Shows its players how the ready check of `game` stands, if it has one that went on.
    pub(crate) fn deliver_acceptance(&self, game: &Arc<Match>) {
        let answered = |check: &Acceptance| !check.answers.is_empty();
        let is_asked = matches!(game.state, MatchState::Accepting | MatchState::Placing);
        if is_asked && game.acceptance.as_ref().is_some_and(answered) {
            for seat in &game.players {
                if let Some(inbox) = self.inbox(&seat.player_id) {
                    inbox.put(|waiting| waiting.asked = Some(Arc::clone(game)));
                }
            }
        }
    }

    /// Changes were missed: everybody reads their mailbox again.
    pub(crate) fn missed(&self) {
        self.for_each(|inbox| inbox.put(|waiting| waiting.missed = true));
    }

    /// Closes every connection, those to come too.
    pub(crate) fn close(&self, reason: CloseReason) {
        self.closed.get_or_init(|| reason);
        self.for_each(|inbox| inbox.close(reason));
    }

    fn for_each(&self, act: impl Fn(&Inbox)) {
        for shard in &self.shards {
            shard.lock().values().for_each(|inbox| act(inbox));
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }
}

/// A connection's place in the hub.
pub(super) struct Entry<'a> {
    hub: &'a Hub,
    player: &'a PlayerId,
    pub(super) inbox: Arc<Inbox>,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let mut shard = self.hub.shard(self.player).lock();
        let ours = |inbox: &Arc<Inbox>| Arc::ptr_eq(inbox, &self.inbox);
        if shard.get(self.player).is_some_and(ours) {
            shard.remove(self.player);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stadion_core::event::EventKind;
    use stadion_core::id::TicketId;
    use stadion_core::time::Timestamp;

    fn event(player: &PlayerId, number: u64) -> Arc<PlayerEvent> {
        Arc::new(PlayerEvent {
            player_id: player.clone(),
            number,
            at: Timestamp(0),
            kind: EventKind::TicketTimedOut {
                ticket_id: TicketId::from_u128(1),
            },
        })
    }

    #[test]
    fn the_newest_connection_of_a_player_stays() {
        let hub = Hub::new();
        let ann = PlayerId::new("ann").unwrap();
        let first = hub.enter(&ann);
        let second = hub.enter(&ann);
        assert_eq!(first.inbox.take().close, Some(CloseReason::Replaced));
        drop(first);
        hub.deliver(event(&ann, 1));
        assert_eq!(second.inbox.take().events.len(), 1);
        drop(second);
        assert_eq!(hub.len(), 0);
    }

    #[test]
    fn nobody_stays_after_the_end() {
        let hub = Hub::new();
        let (ann, bob) = (PlayerId::new("ann").unwrap(), PlayerId::new("bob").unwrap());
        let before = hub.enter(&ann);
        hub.close(CloseReason::GoingAway);
        let after = hub.enter(&bob);
        for entry in [before, after] {
            assert_eq!(entry.inbox.take().close, Some(CloseReason::GoingAway));
        }
    }

    #[test]
    fn i7_an_inbox_that_nobody_empties_is_closed_and_stays_bounded() {
        let hub = Hub::new();
        let ann = PlayerId::new("ann").unwrap();
        let entry = hub.enter(&ann);
        for number in 1..=1_000 {
            hub.deliver(event(&ann, number));
        }
        let waiting = entry.inbox.take();
        assert_eq!(waiting.events.len(), INBOX_EVENTS_MAX);
        assert_eq!(waiting.close, Some(CloseReason::TooSlow));
    }
}

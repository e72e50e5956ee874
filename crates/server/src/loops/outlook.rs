//! Questions to the matchmakers: why a ticket waits, and how long it will. Each game mode's loop has its pool to
//! itself, so it is asked, and answers between two plans.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use stadion_core::estimate::{Estimate, Estimates};
use stadion_core::id::{GameModeName, Region, TicketId};
use stadion_core::matchmaker::Explanation;
use stadion_core::mode::GameMode;
use stadion_core::ticket::Ticket;
use stadion_core::time::{Clock, Timestamp};
use stadion_gateway::{Outlook, OutlookError, Outlooks};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::metrics::Metrics;

/// Questions that wait for one game mode: at 1 ms for 10,000 tickets, with nine times as long for planning in between,
/// the last one is answered within [`ANSWER_MAX`].
const QUESTIONS_MAX: usize = 128;
/// How long whoever asks waits: a plan over a million tickets takes two seconds.
const ANSWER_MAX: Duration = Duration::from_secs(3);

/// A question to a matchmaker.
pub(super) struct Question {
    pub(super) ticket_id: TicketId,
    pub(super) answer: oneshot::Sender<Option<Explanation>>,
}

/// The next question, once `not_before` has come.
pub(super) async fn next_question(
    questions: &mut mpsc::Receiver<Question>,
    not_before: Instant,
) -> Option<Question> {
    tokio::time::sleep_until(not_before).await;
    questions.recv().await
}

/// How long tickets wait, by game mode.
pub struct WaitTimes {
    modes: HashMap<GameModeName, (GameMode, Mutex<Estimates>)>,
    regions: Vec<Region>,
    metrics: Arc<Metrics>,
}

impl WaitTimes {
    /// Nothing is known yet. Those count as alike who may play together at once.
    #[must_use]
    pub fn new(modes: &[GameMode], regions: &[Region], metrics: Arc<Metrics>) -> Self {
        let known = |mode: &GameMode| {
            let estimates = Mutex::new(Estimates::new(mode.skill.initial));
            (mode.name.clone(), (mode.clone(), estimates))
        };
        Self {
            modes: modes.iter().map(known).collect(),
            regions: regions.to_vec(),
            metrics,
        }
    }

    /// `ticket` has its seats in `region` since `now`.
    pub fn observe(&self, ticket: &Ticket, region: &Region, now: Timestamp) {
        let waited_ms = ticket.waited_ms(now);
        self.metrics.time_to_match(&ticket.game_mode, waited_ms);
        let Some((_, estimates)) = self.modes.get(&ticket.game_mode) else {
            return;
        };
        let mut estimates = estimates.lock();
        estimates.observe(region, ticket.skill(), waited_ms, now);
        if let Some(overall) = estimates.overall(now) {
            self.metrics.expected_wait(&ticket.game_mode, overall);
        }
    }

    /// The rules of a game mode.
    pub(super) fn mode(&self, name: &GameModeName) -> Option<&GameMode> {
        self.modes.get(name).map(|(mode, _)| mode)
    }

    fn estimate(&self, ticket: &Ticket, now: Timestamp) -> Option<Estimate> {
        let (mode, estimates) = self.modes.get(&ticket.game_mode)?;
        let accepted = |region: &&Region| ticket.accepts(mode, region);
        let regions: Vec<Region> = self.regions.iter().filter(accepted).cloned().collect();
        estimates.lock().estimate(&regions, ticket.skill(), now)
    }
}

/// The way to the matchmakers that run in this process.
pub struct Desk {
    open: Mutex<HashMap<GameModeName, mpsc::Sender<Question>>>,
    /// How long tickets wait.
    pub waits: Arc<WaitTimes>,
    clock: Arc<dyn Clock>,
}

impl Desk {
    /// Nobody answers yet.
    #[must_use]
    pub fn new(waits: Arc<WaitTimes>, clock: Arc<dyn Clock>) -> Self {
        Self {
            open: Mutex::default(),
            waits,
            clock,
        }
    }

    /// Whoever plans `mode` from now on, and until it drops what it gets, answers what is asked of it.
    pub(super) fn open(&self, mode: &GameModeName) -> mpsc::Receiver<Question> {
        let (asking, asked) = mpsc::channel(QUESTIONS_MAX);
        self.open.lock().insert(mode.clone(), asking);
        asked
    }
}

#[async_trait]
impl Outlooks for Desk {
    async fn outlook(&self, ticket: &Ticket) -> Result<Outlook, OutlookError> {
        let asking = self.open.lock().get(&ticket.game_mode).cloned();
        let (answer, told) = oneshot::channel();
        let question = Question {
            ticket_id: ticket.id,
            answer,
        };
        match asking.ok_or(OutlookError::NotHere)?.try_send(question) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => return Err(OutlookError::Busy),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(OutlookError::NotHere),
        }
        let told = tokio::time::timeout(ANSWER_MAX, told).await;
        let explanation = told
            .map_err(|_| OutlookError::Busy)?
            .map_err(|_| OutlookError::NotHere)?;
        Ok(Outlook {
            explanation,
            estimate: self.waits.estimate(ticket, self.clock.now()),
        })
    }
}

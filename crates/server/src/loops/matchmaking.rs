//! The matchmaking loop of one game mode: keeps the planner's pool true, plans, and hands plans to the director.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{FutureExt as _, join_all};
use stadion_core::fleet::{Fleet, GameServerState};
use stadion_core::id::{MatchId, Region, TicketId};
use stadion_core::matches::MatchPlan;
use stadion_core::matchmaker::{Budget, Pool, Supply};
use stadion_core::mode::GameMode;
use stadion_core::rules::{HardStop, HardStopAction};
use stadion_core::state::{Change, Fence, State, StateError};
use stadion_core::ticket::{Ticket, TicketState};
use stadion_core::time::{Clock, Timestamp};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::decision_log::{DecisionLog, Scribe};
use super::outlook::{Desk, Question, next_question};
use super::scaling::Demand;
use super::{LoopError, lease};
use crate::director::{Director, Outcome};
use crate::metrics::Metrics;

mod backfill;
mod under_way;

pub(super) use under_way::Reserved;
pub use under_way::UnderWay;

/// Matches of one game mode that may be on their way to a server at once: at 5 ms for a placement this is over
/// 10,000 matches a second, and a stuck fleet holds back this many only.
pub(super) const PLACEMENTS_MAX: usize = 64;
/// With tickets waiting, time alone can make a match possible, so the pool is looked at once per interval; but
/// planning takes at most a tenth of one core: after a plan comes a pause of this many times what it took.
const PLANNING_PAUSE: u32 = 9;
/// Pause between two looks for tickets that move to another game mode, milliseconds: a look is at the whole pool.
const MOVE_PERIOD_MS: u64 = 1_000;
/// Tickets that one look moves: their commits are one group.
const MOVES_MAX: usize = 256;
/// A searching ticket that could not be committed has a player in a match of another game mode, which may be in its
/// ready check: for this long the others are matched without it, or they would be matched with it and no one else.
const STALE_PAUSE: Duration = Duration::from_secs(1);
/// Changes that are taken up before a question is answered: as many as a busy second brings.
const CHANGES_BEFORE_ANSWER_MAX: usize = 50_000;
/// Below this many tickets a plan costs less than moving the pool to another thread and back.
const INLINE_TICKETS_MAX: usize = 1_000;

/// What every game mode's matchmaker works with.
#[derive(Clone)]
pub struct Parts {
    /// The state.
    pub state: Arc<dyn State>,
    /// The fleets.
    pub fleet: Arc<dyn Fleet>,
    /// Carries plans out.
    pub director: Arc<Director>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Where missing servers are reported.
    pub demand: Arc<Demand>,
    /// Placements under way.
    pub under_way: Arc<UnderWay>,
    /// Where questions come from, and how long tickets wait.
    pub desk: Arc<Desk>,
    /// The platform's regions.
    pub regions: Vec<Region>,
    /// Shortest time between two plans of a game mode.
    pub interval: Duration,
    /// What one plan may cost.
    pub budget: Budget,
    /// Where decisions are written.
    pub decisions: Option<Arc<DecisionLog>>,
}

struct Finished {
    tickets: Vec<Arc<Ticket>>,
    what: What,
    outcome: Outcome,
}

/// What tickets were planned for.
enum What {
    Match {
        region: Region,
        possible_since: Timestamp,
    },
    Fill(MatchId),
}

struct Matchmaker {
    parts: Parts,
    mode: GameMode,
    pool: Pool,
    planned_at: Instant,
    planned_at_clock: Timestamp,
    plan_took: Duration,
    /// When tickets were moved to another game mode.
    moved_at: Timestamp,
    /// What the last plan was told.
    supplied: Option<Supply>,
    /// No question is answered before, so that planning has its time.
    answer_at: Instant,
    under_way: usize,
    /// Tickets that are left out, and until when.
    aside: VecDeque<(Instant, TicketId)>,
    /// Live matches that the planner knows.
    offers: BTreeSet<MatchId>,
    /// Those that are being filled.
    filling: BTreeSet<MatchId>,
    scribe: Scribe,
    finished_tx: mpsc::Sender<Finished>,
    placements: TaskTracker,
}

/// Makes matches of `mode` while the lease is held, until `shutdown`; then waits for the placements under way.
pub async fn run(
    parts: Parts,
    mode: GameMode,
    lease: watch::Receiver<Option<Fence>>,
    shutdown: CancellationToken,
) {
    let placements = TaskTracker::new();
    let what = format!("the matchmaker of {}", mode.name);
    let one = |fence| term(parts.clone(), mode.clone(), fence, placements.clone());
    lease::terms(lease, shutdown, &what, one).await;
    placements.close();
    placements.wait().await;
}

/// One term of the lease. Ends when the fence turns out to be old.
async fn term(
    parts: Parts,
    mode: GameMode,
    fence: Fence,
    placements: TaskTracker,
) -> Result<(), LoopError> {
    let mut changes = parts.state.watch();
    let (finished_tx, mut finished_rx) = mpsc::channel(PLACEMENTS_MAX);
    let mut questions = parts.desk.open(&mode.name);
    let mut maker = Matchmaker {
        pool: Pool::new(mode.clone(), parts.regions.clone()),
        planned_at: Instant::now() - parts.interval,
        planned_at_clock: parts.clock.now(),
        plan_took: Duration::ZERO,
        moved_at: Timestamp::default(),
        supplied: None,
        answer_at: Instant::now(),
        under_way: 0,
        aside: VecDeque::new(),
        offers: BTreeSet::new(),
        filling: BTreeSet::new(),
        scribe: Scribe::new(parts.decisions.clone()),
        finished_tx,
        placements,
        parts,
        mode,
    };
    maker.reload().await?;
    loop {
        let pause = maker.parts.interval.max(maker.plan_took * PLANNING_PAUSE);
        let again = maker.aside.front().copied();
        tokio::select! {
            change = changes.next() => match change {
                Some(change) => maker.heard(change).await?,
                None => return Ok(()),
            },
            Some(finished) = finished_rx.recv() => {
                if finished.outcome == Outcome::Fenced {
                    return Ok(());
                }
                maker.finished(finished).await?;
            }
            () = tokio::time::sleep_until(maker.planned_at + pause), if !maker.pool.is_empty() => {
                maker.tick(fence).await?;
            }
            () = tokio::time::sleep_until(again.map_or(maker.planned_at, |(at, _)| at)), if again.is_some() => {
                maker.aside.pop_front();
                if let Some((_, id)) = again {
                    maker.look_again(id).await;
                }
            }
            Some(question) = next_question(&mut questions, maker.answer_at) => {
                // A ticket that was made before the question is among these.
                for _ in 0..CHANGES_BEFORE_ANSWER_MAX {
                    let Some(Some(change)) = changes.next().now_or_never() else {
                        break;
                    };
                    maker.heard(change).await?;
                }
                maker.answer(question).await?;
            }
        }
    }
}

impl Matchmaker {
    async fn heard(&mut self, change: Change) -> Result<(), LoopError> {
        match change {
            Change::Ticket(ticket) => self.saw(&ticket),
            Change::Match(game) => self.saw_match(&game).await?,
            Change::Lagged => self.reload().await?,
            Change::Event(_) => {}
        }
        Ok(())
    }

    async fn reload(&mut self) -> Result<(), LoopError> {
        let mut pool = Pool::new(self.mode.clone(), self.parts.regions.clone());
        for ticket in self.parts.state.searching(&self.mode.name).await? {
            pool.insert(ticket);
        }
        self.pool = pool;
        self.open_log();
        self.reload_offers().await
    }

    /// The log has a planner that is as new as this one.
    fn open_log(&mut self) {
        let (mode, regions) = (&self.mode, &self.parts.regions);
        self.scribe.open(mode, regions, &self.pool);
    }

    /// Another file of the log was begun: its planner knows no plan before, so this one forgets them, too.
    fn renew_log(&mut self) {
        let mut pool = Pool::new(self.mode.clone(), self.parts.regions.clone());
        for ticket in self.pool.tickets() {
            pool.insert(ticket.clone());
        }
        for offer in self.pool.open_matches() {
            pool.open(offer.clone());
        }
        self.pool = pool;
        self.open_log();
    }

    fn saw(&mut self, ticket: &Arc<Ticket>) {
        if ticket.game_mode != self.mode.name {
            if self.mode.rules.hard_stop.is_some() {
                self.forget(ticket.id);
            }
            return;
        }
        if ticket.state == TicketState::Searching {
            self.pool.insert(ticket.clone());
            self.scribe.insert(ticket);
        } else {
            self.forget(ticket.id);
        }
        self.parts.metrics.queue(&self.mode.name, self.pool.len());
    }

    async fn look_again(&mut self, id: TicketId) {
        if let Ok(ticket) = self.parts.state.ticket(id).await {
            self.saw(&ticket);
        }
    }

    fn forget(&mut self, id: TicketId) {
        if self.pool.remove(id).is_some() {
            self.scribe.remove(&self.mode.name, id);
        }
    }

    async fn finished(&mut self, finished: Finished) -> Result<(), LoopError> {
        self.under_way -= 1;
        let now = self.parts.clock.now();
        let region = match finished.what {
            What::Match {
                region,
                possible_since,
            } => {
                if let Outcome::Placed(_) = finished.outcome {
                    let delay_ms = now.since_ms(possible_since);
                    self.parts.metrics.match_found_delay(delay_ms);
                }
                Some(region)
            }
            What::Fill(id) => self.filled(id).await?.map(|game| game.region.clone()),
        };
        match finished.outcome {
            Outcome::Placed(_) | Outcome::Filled(_) => {
                for (ticket, region) in finished.tickets.iter().zip(region.iter().cycle()) {
                    self.parts.desk.waits.observe(ticket, region, now);
                }
            }
            // Those of its tickets that search are planned again; an abandoned match's come back as changes.
            Outcome::Stale(_) | Outcome::Pending | Outcome::Unfilled(_) => {
                for ticket in finished.tickets {
                    if finished.outcome == Outcome::Stale(ticket.id) {
                        let again_at = Instant::now() + STALE_PAUSE;
                        self.aside.push_back((again_at, ticket.id));
                    } else {
                        self.look_again(ticket.id).await;
                    }
                }
            }
            // A ready check: whoever goes on with it counts its seats.
            Outcome::Accepting(_) | Outcome::Abandoned(_) | Outcome::Fenced => {}
        }
        Ok(())
    }

    /// Ready servers by region, less those that placements under way will take. A region where a fleet plays this
    /// mode is named even when it has no server: there, growing would help.
    async fn supply(&self) -> Result<Supply, LoopError> {
        let mut servers: BTreeMap<Region, u32> = BTreeMap::new();
        for spec in self.parts.fleet.specs() {
            if spec.plays(&self.mode.name) && spec.bounds.max_replicas > 0 {
                servers.insert(spec.region.clone(), 0);
            }
        }
        for server in self.parts.fleet.servers().await? {
            if server.state == GameServerState::Ready && server.plays(&self.mode.name) {
                *servers.entry(server.region.clone()).or_default() += 1;
            }
        }
        for (region, count) in &mut servers {
            *count = count.saturating_sub(self.parts.under_way.of(region));
        }
        Ok(Supply { servers })
    }

    /// Moves tickets to another game mode that have waited long enough for that. One that cannot be played there, or
    /// whose player searches there already, stays.
    async fn move_on(&mut self, fence: Fence) -> Result<(), LoopError> {
        let (after_ms, to) = match &self.mode.rules.hard_stop {
            Some(HardStop {
                after_ms,
                then: HardStopAction::Mode(to),
            }) => (*after_ms, to.clone()),
            _ => return Ok(()),
        };
        let now = self.parts.clock.now();
        let Some(mode) = self.parts.desk.waits.mode(&to) else {
            return Ok(());
        };
        if now.since_ms(self.moved_at) < MOVE_PERIOD_MS {
            return Ok(());
        }
        self.moved_at = now;
        let regions = &self.parts.regions;
        let over = |ticket: &&Arc<Ticket>| ticket.waited_ms(now) >= after_ms;
        let over = self.pool.tickets().filter(over);
        let due: Vec<_> = over
            .filter(|ticket| mode.takes(ticket, regions))
            .map(|ticket| {
                let ttl_ms = ticket.expires_at.since_ms(ticket.created_at);
                (ticket.id, ticket.created_at.plus_ms(mode.search_ms(ttl_ms)))
            })
            .take(MOVES_MAX)
            .collect();
        let state = &self.parts.state;
        let moves = due.iter().map(|(id, expires_at)| async {
            (
                *id,
                state.move_ticket(fence, *id, &to, *expires_at, now).await,
            )
        });
        for (id, moved) in join_all(moves).await {
            match moved {
                Ok(_) => self.forget(id),
                Err(
                    StateError::AlreadyQueued { .. }
                    | StateError::InMatch { .. }
                    | StateError::WrongState { .. }
                    | StateError::NotFound { .. },
                ) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn tick(&mut self, fence: Fence) -> Result<(), LoopError> {
        self.move_on(fence).await?;
        let room = PLACEMENTS_MAX - self.under_way.min(PLACEMENTS_MAX);
        let budget = Budget {
            matches_max: room.min(self.parts.budget.matches_max),
        };
        let supply = self.supply().await?;
        let now = self.parts.clock.now();
        let started = Instant::now();
        let previous = std::mem::replace(&mut self.planned_at_clock, now);
        self.planned_at = started;
        if budget.matches_max == 0 {
            return Ok(());
        }
        if self.scribe.is_behind() {
            self.renew_log();
        }
        let told = supply.clone();
        let planned = move |pool: &mut Pool| pool.plan(&told, budget, now);
        let plan = self.on_pool(planned).await;
        self.scribe
            .plan(&self.mode.name, (&supply, budget, now), &plan);
        self.supplied = Some(supply);
        self.plan_took = started.elapsed();
        self.parts
            .metrics
            .tick(&self.mode.name, self.plan_took, self.pool.len(), &plan);
        self.parts.demand.set(&self.mode.name, &plan.unplaced);
        for fill in plan.fills {
            self.dispatch_fill(fence, fill);
        }
        for planned in plan.matches {
            self.dispatch(fence, planned, previous);
        }
        self.parts.metrics.queue(&self.mode.name, self.pool.len());
        Ok(())
    }

    /// Says why a ticket waits. Answering takes at most a tenth of the time, as planning does.
    async fn answer(&mut self, question: Question) -> Result<(), LoopError> {
        let supply = match &self.supplied {
            Some(supply) => supply.clone(),
            None => self.supply().await?,
        };
        let (now, started) = (self.parts.clock.now(), Instant::now());
        let id = question.ticket_id;
        let explain = move |pool: &mut Pool| pool.explain(id, &supply, now);
        let explanation = self.on_pool(explain).await;
        self.answer_at = Instant::now() + started.elapsed() * PLANNING_PAUSE;
        // Whoever asked may have gone.
        drop(question.answer.send(explanation));
        Ok(())
    }

    /// Does `work` where it keeps nobody else waiting.
    async fn on_pool<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Pool) -> T + Send + 'static,
    ) -> T {
        if self.pool.len() <= INLINE_TICKETS_MAX {
            return work(&mut self.pool);
        }
        let empty = Pool::new(self.mode.clone(), Vec::new());
        let mut pool = std::mem::replace(&mut self.pool, empty);
        let working = tokio::task::spawn_blocking(move || {
            let done = work(&mut pool);
            (pool, done)
        });
        let (pool, done) = working.await.expect("the planner does not panic");
        self.pool = pool;
        done
    }

    /// Takes planned tickets out of the pool.
    fn take_out(&mut self, ids: &[TicketId]) -> Vec<Arc<Ticket>> {
        ids.iter()
            .filter_map(|id| self.pool.remove(*id))
            .inspect(|ticket| self.scribe.remove(&self.mode.name, ticket.id))
            .collect()
    }

    fn dispatch(&mut self, fence: Fence, planned: MatchPlan, previous: Timestamp) {
        let ids: Vec<_> = planned.teams.iter().flatten().copied().collect();
        let tickets = self.take_out(&ids);
        // It was not possible at the plan before this one, or not before its newest ticket came.
        let newest = tickets
            .iter()
            .map(|ticket| ticket.created_at)
            .max()
            .unwrap_or(previous);
        let possible_since = previous.max(newest);
        let region = planned.region.clone();
        let reserved = Reserved::new(&self.parts.under_way, &region);
        let acceptance = self.mode.rules.acceptance;
        let director = self.parts.director.clone();
        let finished_tx = self.finished_tx.clone();
        self.under_way += 1;
        self.placements.spawn(async move {
            let outcome = director.carry_out(fence, planned, acceptance).await;
            drop(reserved);
            // The term may be over: then the next one reads everything anew.
            drop(
                finished_tx
                    .send(Finished {
                        tickets,
                        what: What::Match {
                            region,
                            possible_since,
                        },
                        outcome,
                    })
                    .await,
            );
        });
    }
}

//! One pool of tickets, planned by the matchmaker and by the baseline.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use stadion_core::id::{Region, TicketId};
use stadion_core::matchmaker::{Budget, Plan, Pool, Supply};
use stadion_core::mode::GameMode;
use stadion_core::ticket::Ticket;
use stadion_core::time::Timestamp;

use super::crowd::NOW;
use crate::Failure;
use crate::baseline::Baseline;
use crate::figure::Figure;

/// After this the baseline is not waited for: its time grows with the square of the pool.
const BASELINE_MAX: Duration = Duration::from_secs(20);
/// After this no further run of the matchmaker begins.
const OURS_MAX: Duration = Duration::from_secs(10);
/// Servers of every region: enough for every match of any pool.
const SERVERS: u32 = 10_000_000;
/// A static pool is planned until nothing is found; more rounds than this would be a planner that makes no progress.
const ROUNDS_MAX: usize = 10_000;

/// A static pool.
pub(super) struct Scene {
    pub(super) modes: Vec<GameMode>,
    pub(super) regions: Vec<Region>,
    pub(super) tickets: Vec<Arc<Ticket>>,
}

/// What came of one pool.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome {
    /// Putting the tickets in.
    pub(super) build_ms: f64,
    /// Planning until the planner has nothing more to propose.
    pub(super) plan_ms: f64,
    matches: usize,
    /// Matches in a region that is not acceptable to all, because none is.
    no_common_region: usize,
    /// Tickets without a match.
    left: usize,
    /// Whether it was stopped before its end; `plan_ms` is the limit then.
    stopped: bool,
}

/// Without a limit of its own: a figure is about the whole pool.
pub(super) const BUDGET: Budget = Budget {
    matches_max: usize::MAX,
};

pub(super) fn supply(regions: &[Region]) -> Supply {
    let servers: BTreeMap<Region, u32> = regions
        .iter()
        .map(|region| (region.clone(), SERVERS))
        .collect();
    Supply { servers }
}

/// Processor time of this thread: what else the machine does beside does not count.
#[derive(Clone, Copy)]
pub(super) struct Instant(Duration);

impl Instant {
    pub(super) fn now() -> Self {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Self(Duration::try_from(time).unwrap_or_default())
    }

    pub(super) fn elapsed(self) -> Duration {
        Self::now().0.saturating_sub(self.0)
    }
}

pub(super) fn ms_since(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1_000.0
}

/// Takes the tickets of a plan out of the pool, and adds them to `planned`.
pub(super) fn carry_out(pool: &mut Pool, plan: &Plan, planned: &mut Vec<TicketId>) {
    let ids = plan.matches.iter().flat_map(|found| &found.teams).flatten();
    for id in ids {
        drop(pool.remove(*id));
        planned.push(*id);
    }
}

impl Scene {
    /// One pool per game mode.
    pub(super) fn pools(&self) -> Vec<Pool> {
        let mut pools: Vec<Pool> = self
            .modes
            .iter()
            .map(|mode| Pool::new(mode.clone(), self.regions.clone()))
            .collect();
        for ticket in &self.tickets {
            let of_ticket = |pool: &&mut Pool| pool.mode().name == ticket.game_mode;
            if let Some(pool) = pools.iter_mut().find(of_ticket) {
                pool.insert(Arc::clone(ticket));
            }
        }
        pools
    }

    /// The matchmaker's best of `repeats` runs, or of as many as begin within [`OURS_MAX`]; each time is the best of
    /// its kind.
    fn ours(&self, repeats: usize) -> Result<Outcome, Failure> {
        let started = Instant::now();
        let mut best = self.once(NOW)?;
        for _ in 1..repeats {
            if started.elapsed() > OURS_MAX {
                break;
            }
            let next = self.once(NOW)?;
            best.build_ms = best.build_ms.min(next.build_ms);
            best.plan_ms = best.plan_ms.min(next.plan_ms);
        }
        Ok(best)
    }

    fn once(&self, now: Timestamp) -> Result<Outcome, Failure> {
        let supply = supply(&self.regions);
        let started = Instant::now();
        let mut pools = self.pools();
        let build_ms = ms_since(started);
        let mut planned = Vec::with_capacity(self.tickets.len());
        let mut plans = Vec::new();
        let (mut plan_ms, mut matches) = (0.0, 0);
        for pool in &mut pools {
            for round in 0.. {
                let started = Instant::now();
                let plan = pool.plan(&supply, BUDGET, now);
                plan_ms += ms_since(started);
                matches += plan.matches.len();
                carry_out(pool, &plan, &mut planned);
                let carry_over = plan.carry_over;
                plans.push(plan);
                if !carry_over {
                    break;
                }
                if round == ROUNDS_MAX {
                    return Err("the planner always wants to be called again".into());
                }
            }
        }
        let in_matches = planned.len();
        self.check(&plans, planned)?;
        Ok(Outcome {
            build_ms,
            plan_ms,
            matches,
            // What a plan does otherwise is an error.
            no_common_region: 0,
            left: self.tickets.len() - in_matches,
            stopped: false,
        })
    }

    /// Speed counts only if the plans are right: no ticket twice, and every match in a region that all accept.
    fn check(&self, plans: &[Plan], mut planned: Vec<TicketId>) -> Result<(), Failure> {
        let in_matches = planned.len();
        planned.sort_unstable();
        planned.dedup();
        if planned.len() < in_matches {
            return Err("a ticket was planned twice".into());
        }
        let by_id: HashMap<TicketId, &Ticket> = self
            .tickets
            .iter()
            .map(|ticket| (ticket.id, &**ticket))
            .collect();
        for found in plans.iter().flat_map(|plan| &plan.matches) {
            let of_match = |mode: &&GameMode| mode.name == found.game_mode;
            let mode = self
                .modes
                .iter()
                .find(of_match)
                .ok_or("a match of no game mode")?;
            // Later steps accept more than `accepts` knows of.
            let steps = !mode.rules.latency.is_empty();
            let mut tickets = found.teams.iter().flatten().map(|id| by_id.get(id));
            if !tickets.all(|ticket| {
                ticket.is_some_and(|ticket| steps || ticket.accepts(mode, &found.region))
            }) {
                return Err("a match is in a region that not all of it accept".into());
            }
        }
        Ok(())
    }

    /// The baseline's queue of these tickets, and how long it took to fill it, milliseconds.
    fn queue(&self) -> (Baseline, f64) {
        let started = Instant::now();
        let mut queue = Baseline::new(&self.modes, &self.regions);
        for ticket in &self.tickets {
            queue.insert(ticket);
        }
        (queue, ms_since(started))
    }

    /// The baseline, at most [`BASELINE_MAX`].
    pub(super) fn baseline(&self) -> Outcome {
        let (mut queue, build_ms) = self.queue();
        let started = Instant::now();
        let groups = queue.tick(BASELINE_MAX);
        Outcome {
            build_ms,
            plan_ms: ms_since(started),
            matches: groups.as_ref().map_or(0, Vec::len),
            no_common_region: groups
                .iter()
                .flatten()
                .filter(|group| !group.has_common_region)
                .count(),
            left: queue.len(),
            stopped: groups.is_none(),
        }
    }

    /// Both, as figures: times, rate and the share left.
    pub(super) fn figures(&self, name: &str, repeats: usize) -> Result<Vec<Figure>, Failure> {
        let (ours, baseline) = (self.ours(repeats)?, self.baseline());
        let tickets = self.tickets.len() as f64;
        let beside = |what: &str, unit: &'static str, of: &dyn Fn(&Outcome) -> f64| {
            baseline.beside(format!("{name}_{what}"), of(&ours), unit, of(&baseline))
        };
        Ok(vec![
            Figure::alone(format!("{name}_tickets"), tickets, ""),
            beside("matches", "", &|outcome| outcome.matches as f64),
            beside("no_common_region", "%", &|outcome| {
                100.0 * outcome.no_common_region as f64 / outcome.matches.max(1) as f64
            }),
            Figure::against(
                format!("{name}_build"),
                ours.build_ms,
                "ms",
                baseline.build_ms,
                "baseline",
            ),
            beside("plan", "ms", &|outcome| outcome.plan_ms),
            beside("rate", "1/s", &|outcome| {
                tickets * 1_000.0 / (outcome.build_ms + outcome.plan_ms)
            }),
            beside("left", "%", &|outcome| {
                100.0 * outcome.left as f64 / tickets
            }),
        ])
    }
}

impl Outcome {
    pub(super) fn matches(&self) -> usize {
        self.matches
    }

    /// A figure beside this, the baseline's outcome. Of one that was stopped only the time until then is worth a word.
    pub(super) fn beside(
        &self,
        name: String,
        value: f64,
        unit: &'static str,
        reference: f64,
    ) -> Figure {
        match (self.stopped, unit) {
            (false, _) => Figure::against(name, value, unit, reference, "baseline"),
            (true, "ms") => {
                Figure::against(name, value, unit, reference, "baseline, stopped there")
            }
            (true, _) => Figure::alone(name, value, unit),
        }
    }
}

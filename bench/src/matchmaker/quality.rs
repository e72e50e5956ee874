//! What players get in 15 minutes of the reference world of `stadion simulate`: three game modes, ten of ten, eight
//! regions on a ring, at three rates of arrival. Both planners meet the same players.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::contest::Instant;
use stadion_core::id::{Region, TicketId};
use stadion_core::matches::{MatchPlan, Quality};
use stadion_core::matchmaker::{Budget, Plan, Supply};
use stadion_core::mode::GameMode;
use stadion_core::ticket::Ticket;
use stadion_core::time::Timestamp;
use stadion_sim::measures::{Figures, MatchFigures};
use stadion_sim::planner::{Planner, core};
use stadion_sim::{Measures, World, run as simulate};

use super::contest::ms_since;
use crate::Failure;
use crate::baseline::{Baseline, Group};
use crate::figure::{Figure, quantile};

const SEED: u64 = 1;
const TARGET: u32 = 10;
/// Nobody should wait longer than this, milliseconds.
const PATIENCE_MS: u64 = 120_000;

/// With `rate` arrivals a second.
pub(super) fn run(rate: u32) -> Result<Vec<Figure>, Failure> {
    let world = World::reference(f64::from(rate), TARGET, TARGET);
    let greedy = Lived::through(&world, |mode, regions| Box::new(Greedy::new(mode, regions)))?;
    let ours = Lived::through(&world, core)?;
    Ok(ours.beside(&greedy, &format!("quality_{rate}")))
}

/// One run, and what its measures do not tell.
struct Lived {
    measures: Measures,
    /// Tickets that waited longer than [`PATIENCE_MS`] when the run ended.
    late: usize,
    plans_ms: Vec<f64>,
}

impl Lived {
    fn through(
        world: &World,
        make: impl Fn(&GameMode, &[Region]) -> Box<dyn Planner>,
    ) -> Result<Self, Failure> {
        let seen = Rc::new(RefCell::new(Seen::default()));
        let watched = |mode: &GameMode, regions: &[Region]| -> Box<dyn Planner> {
            Box::new(Watched {
                planner: make(mode, regions),
                seen: Rc::clone(&seen),
            })
        };
        let measures = simulate(world, &watched, SEED)?;
        let seen = seen.take();
        let long_ago = Timestamp(world.duration_ms).minus_ms(PATIENCE_MS);
        Ok(Self {
            measures,
            late: seen
                .waiting
                .values()
                .filter(|since| **since < long_ago)
                .count(),
            plans_ms: seen.plans_ms,
        })
    }

    fn beside(mut self, greedy: &Self, name: &str) -> Vec<Figure> {
        let mut greedy_plans_ms = greedy.plans_ms.clone();
        let plan_p99_ms = quantile(&mut self.plans_ms, 0.99);
        let greedy_plan_p99_ms = quantile(&mut greedy_plans_ms, 0.99);
        let against = |what: &str, unit: &'static str, value: f64, reference: f64| {
            Figure::against(format!("{name}_{what}"), value, unit, reference, "baseline")
        };
        let of = |what: &str, unit: &'static str, value: fn(&Figures) -> f64| {
            let (ours, theirs) = (&self.measures.overall, &greedy.measures.overall);
            against(what, unit, value(ours), value(theirs))
        };
        let of_matches = |what: &str, unit: &'static str, value: fn(&MatchFigures) -> f64| {
            let (ours, theirs) = (&self.measures.matches, &greedy.measures.matches);
            against(what, unit, value(ours), value(theirs))
        };
        vec![
            of("players", "", |all| all.players as f64),
            of_matches("matches", "", |all| all.matches as f64),
            of_matches("players_of_match", "", |all| all.players_mean),
            of("spread_p50", "points", |all| all.spread.p50),
            of("spread_p95", "points", |all| all.spread.p95),
            of("wait_p50", "s", |all| all.wait_ms.p50 / 1_000.0),
            of("wait_p95", "s", |all| all.wait_ms.p95 / 1_000.0),
            of("wait_p99", "s", |all| all.wait_ms.p99 / 1_000.0),
            of("wait_max", "s", |all| all.wait_ms.max / 1_000.0),
            of("wait_all_p50", "s", |all| all.wait_all_ms.p50 / 1_000.0),
            of("wait_all_p95", "s", |all| all.wait_all_ms.p95 / 1_000.0),
            of("wait_all_p99", "s", |all| all.wait_all_ms.p99 / 1_000.0),
            of("waiting_at_end", "", |all| all.waiting as f64),
            against(
                "unmatched_after_120_s",
                "",
                self.late as f64,
                greedy.late as f64,
            ),
            of_matches("no_common_region", "%", |all| {
                all.without_common_region_percent
            }),
            of("in_unacceptable_region", "%", |all| {
                all.unacceptable_percent
            }),
            of("win_chance_p50", "", |all| {
                all.win_chance.map_or(0.5, |chance| chance.p50)
            }),
            of("latency_mean", "ms", |all| all.latency_ms.mean),
            against("plan_p99", "ms", plan_p99_ms, greedy_plan_p99_ms),
        ]
    }
}

/// Looks over a planner's shoulder.
struct Watched {
    planner: Box<dyn Planner>,
    seen: Rc<RefCell<Seen>>,
}

#[derive(Default)]
struct Seen {
    waiting: BTreeMap<TicketId, Timestamp>,
    plans_ms: Vec<f64>,
}

impl Planner for Watched {
    fn insert(&mut self, ticket: Arc<Ticket>) {
        let mut seen = self.seen.borrow_mut();
        seen.waiting.insert(ticket.id, ticket.created_at);
        self.planner.insert(ticket);
    }

    fn remove(&mut self, id: TicketId) {
        self.seen.borrow_mut().waiting.remove(&id);
        self.planner.remove(id);
    }

    fn plan(&mut self, supply: &Supply, budget: Budget, now: Timestamp) -> Plan {
        let started = Instant::now();
        let plan = self.planner.plan(supply, budget, now);
        self.seen.borrow_mut().plans_ms.push(ms_since(started));
        plan
    }
}

/// The baseline as a planner. It knows no teams: tickets go to them in turn, in the order in which they were drawn.
struct Greedy {
    queue: Baseline,
    mode: GameMode,
    regions: Vec<Region>,
}

impl Greedy {
    fn new(mode: &GameMode, regions: &[Region]) -> Self {
        Self {
            queue: Baseline::new(std::slice::from_ref(mode), regions),
            mode: mode.clone(),
            regions: regions.to_vec(),
        }
    }

    fn planned(&self, group: &Group) -> MatchPlan {
        let teams = self.mode.teams.max(1) as usize;
        let of_team = |team: usize| group.tickets.iter().copied().skip(team).step_by(teams);
        MatchPlan {
            game_mode: self.mode.name.clone(),
            region: self.regions[group.region].clone(),
            teams: (0..teams).map(|team| of_team(team).collect()).collect(),
            players: group.players,
            quality: Quality::default(),
            roles: std::collections::BTreeMap::new(),
        }
    }
}

impl Planner for Greedy {
    fn insert(&mut self, ticket: Arc<Ticket>) {
        self.queue.insert(&ticket);
    }

    fn remove(&mut self, id: TicketId) {
        self.queue.remove(id);
    }

    fn plan(&mut self, _: &Supply, _: Budget, _: Timestamp) -> Plan {
        let groups = self.queue.tick(Duration::MAX).unwrap_or_default();
        Plan {
            matches: groups.iter().map(|group| self.planned(group)).collect(),
            ..Plan::default()
        }
    }
}

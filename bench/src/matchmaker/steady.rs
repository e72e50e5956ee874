//! 1,000,000 waiting, 1 % arriving and 1 % leaving from one tick to the next.

use std::collections::HashSet;
use std::sync::Arc;

use super::contest::Instant;
use stadion_core::id::TicketId;
use stadion_core::matchmaker::Pool;
use stadion_core::mode::SkillWindow;
use stadion_core::ticket::Ticket;
use stadion_core::time::Timestamp;

use super::contest::{BUDGET, Scene, carry_out, ms_since, supply};
use super::crowd::{Crowd, NOW, RING, mode, regions, window};
use crate::Failure;
use crate::figure::{Figure, quantile};

const WAITING: usize = 1_000_000;
/// Arrivals of one tick, and those who leave in it, matched or not.
const TURNOVER: usize = WAITING / 100;
const TICKS: usize = 50;
const TICK_MS: u64 = 250;
/// Skill lies between minus and plus this: two points from one ticket to the next, over all regions.
const SKILL_MAX: f64 = 1_000_000.0;
/// Waits before the first tick, milliseconds.
const WAITED_MAX_MS: usize = 60_000;
/// What a filling may be short of for the pool to count as settled, tickets.
const SETTLED: usize = WAITING / 1_000;
/// Half of what is missing fits somebody, so that ten fillings are enough.
const FILLINGS_MAX: usize = 50;
/// Windows in which about every fourth arrival has a partner: one that is fixed, and one that grows until there.
const FIXED: SkillWindow = window(0.5, 0.0, 0.5);
const GROWING: SkillWindow = window(0.1, 0.4 / 30.0, 0.5);

pub(super) fn run() -> Result<Vec<Figure>, Failure> {
    let mut figures = Steady::settled(FIXED)?.figures("steady_fixed")?;
    figures.extend(Steady::settled(GROWING)?.figures("steady_growing")?);
    Ok(figures)
}

struct Steady {
    /// Its tickets are all that were ever in the pool and have not been drawn to leave it.
    scene: Scene,
    crowd: Crowd,
    pool: Pool,
    matched: HashSet<TicketId>,
    now: Timestamp,
}

impl Steady {
    /// A full pool in which hardly any two fit.
    fn settled(skill: SkillWindow) -> Result<Self, Failure> {
        let mode = mode("duel", 2, (2, 2), skill);
        let regions = regions(RING);
        let mut steady = Self {
            crowd: Crowd::new(13, &mode, &regions),
            pool: Pool::new(mode.clone(), regions.clone()),
            matched: HashSet::new(),
            now: NOW,
            scene: Scene {
                modes: vec![mode],
                regions,
                tickets: Vec::with_capacity(2 * WAITING),
            },
        };
        for _ in 0..FILLINGS_MAX {
            let missing = WAITING - steady.pool.len();
            for _ in 0..missing {
                let waited_ms = steady.crowd.random.below(WAITED_MAX_MS) as u64;
                let ticket = steady.arrival(waited_ms);
                steady.pool.insert(ticket);
            }
            if missing < SETTLED {
                return Ok(steady);
            }
            steady.plan();
        }
        Err("the pool does not settle".into())
    }

    fn arrival(&mut self, waited_ms: u64) -> Arc<Ticket> {
        let skill = self.crowd.random.between(-SKILL_MAX, SKILL_MAX);
        let ticket = self.crowd.on_ring(skill, self.now.minus_ms(waited_ms));
        self.scene.tickets.push(Arc::clone(&ticket));
        ticket
    }

    /// Plans and takes the planned out; returns how many those were.
    fn plan(&mut self) -> usize {
        let supply = supply(&self.scene.regions);
        let plan = self.pool.plan(&supply, BUDGET, self.now);
        let mut planned = Vec::new();
        carry_out(&mut self.pool, &plan, &mut planned);
        self.matched.extend(&planned);
        planned.len()
    }

    /// Somebody who waits, and from now on does not.
    fn leaver(&mut self) -> TicketId {
        loop {
            let at = self.crowd.random.below(self.scene.tickets.len());
            let id = self.scene.tickets.swap_remove(at).id;
            if !self.matched.remove(&id) {
                return id;
            }
        }
    }

    fn figures(mut self, name: &str) -> Result<Vec<Figure>, Failure> {
        let (mut ticks_ms, mut plans_ms) = (Vec::new(), Vec::new());
        let mut matched = 0;
        let mut last = self.plan();
        for _ in 0..TICKS {
            self.now = self.now.plus_ms(TICK_MS);
            let arrivals: Vec<_> = (0..TURNOVER).map(|_| self.arrival(0)).collect();
            let leaving = TURNOVER.saturating_sub(last);
            let leavers: Vec<_> = (0..leaving).map(|_| self.leaver()).collect();
            let started = Instant::now();
            for ticket in arrivals {
                self.pool.insert(ticket);
            }
            // What becomes of a ticket is a matter of who took it out.
            let gone: Vec<_> = leavers.iter().map(|id| self.pool.remove(*id)).collect();
            let planning = Instant::now();
            last = self.plan();
            ticks_ms.push(ms_since(started));
            plans_ms.push(ms_since(planning));
            drop(gone);
            matched += last;
        }
        let Self {
            mut scene,
            matched: gone,
            pool,
            ..
        } = self;
        let waiting = pool.len();
        drop(pool);
        scene.tickets.retain(|ticket| !gone.contains(&ticket.id));
        if scene.tickets.len() != waiting {
            return Err("the pool lost or kept a ticket".into());
        }
        let baseline = scene.baseline();
        let beside = |what: &str, values: &mut [f64], share: f64| {
            let value = quantile(values, share);
            baseline.beside(format!("{name}_{what}"), value, "ms", baseline.plan_ms)
        };
        Ok(vec![
            Figure::alone(format!("{name}_waiting"), waiting as f64, ""),
            Figure::alone(
                format!("{name}_matched_per_tick"),
                matched as f64 / TICKS as f64,
                "",
            ),
            beside("tick_p50", &mut ticks_ms, 0.5),
            beside("tick_p99", &mut ticks_ms, 0.99),
            beside("plan_p50", &mut plans_ms, 0.5),
        ])
    }
}

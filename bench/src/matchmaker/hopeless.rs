//! 64,000 tickets that nobody can match, which is where the baseline's loop of one second dies.

use std::sync::Arc;

use super::contest::Instant;
use stadion_core::matchmaker::Pool;

use super::contest::{BUDGET, Scene, ms_since, supply};
use super::crowd::{Crowd, NOW, mode, regions, window};
use crate::Failure;
use crate::figure::Figure;

const TICKETS: usize = 64_000;
const TARGET: u32 = 10;
/// First passes, each over a pool of its own.
const PASSES: usize = 5;
/// Looks at the same pool after the first, in which nothing has changed.
const QUIET_LOOKS: usize = 20;
/// Skill lies between minus and plus this.
const SKILL_MAX: f64 = 1_000_000.0;

pub(super) fn run() -> Result<Vec<Figure>, Failure> {
    let mut figures = both("hopeless_alone", &alone())?;
    figures.extend(both("hopeless_one_short", &one_short())?);
    Ok(figures)
}

/// Nobody has anybody: 31 points from one to the next, and only every 64th is in the same region.
fn alone() -> Scene {
    pool_of(1, 64)
}

/// Everybody has eight others, and the match wants ten: all who could fit are tried, and all in vain.
fn one_short() -> Scene {
    pool_of(TARGET as usize - 1, 1)
}

/// Tickets in clusters of equal skill, spread evenly over all skills and in turn over the regions.
fn pool_of(cluster: usize, region_count: usize) -> Scene {
    let skill = window(200.0, 0.0, 200.0);
    let mode = mode("ten", 2, (TARGET, TARGET), skill);
    let regions = regions(region_count);
    let mut crowd = Crowd::new(9, &mode, &regions);
    let clusters = TICKETS / cluster;
    let step = 2.0 * SKILL_MAX / clusters as f64;
    let tickets = (0..clusters * cluster)
        .map(|number| {
            let place = number / cluster;
            let waited_ms = crowd.random.below(60_000) as u64;
            crowd.local(
                step * place as f64 - SKILL_MAX,
                place % region_count,
                waited_ms,
            )
        })
        .collect();
    Scene {
        modes: vec![mode],
        regions,
        tickets,
    }
}

fn both(name: &str, scene: &Scene) -> Result<Vec<Figure>, Failure> {
    let supply = supply(&scene.regions);
    let look = |pool: &mut Pool| -> Result<f64, Failure> {
        let started = Instant::now();
        let plan = pool.plan(&supply, BUDGET, NOW);
        let took_ms = ms_since(started);
        if plan.matches.is_empty() && !plan.carry_over {
            return Ok(took_ms);
        }
        Err("a pool that nobody can match was matched".into())
    };
    let (mut build_ms, mut first_ms, mut quiet_ms) = (f64::MAX, f64::MAX, f64::MAX);
    for _ in 0..PASSES {
        let started = Instant::now();
        let mut pools = scene.pools();
        build_ms = build_ms.min(ms_since(started));
        first_ms = first_ms.min(look(&mut pools[0])?);
        for _ in 0..QUIET_LOOKS {
            quiet_ms = quiet_ms.min(look(&mut pools[0])?);
        }
    }
    let mut arrival_ms = f64::MAX;
    let mut pools = scene.pools();
    look(&mut pools[0])?;
    for ticket in scene.tickets.iter().take(QUIET_LOOKS) {
        drop(pools[0].remove(ticket.id));
        look(&mut pools[0])?;
        let started = Instant::now();
        pools[0].insert(Arc::clone(ticket));
        let inserted_ms = ms_since(started);
        arrival_ms = arrival_ms.min(inserted_ms + look(&mut pools[0])?);
    }
    let baseline = scene.baseline();
    let beside = |what: &str, value: f64| {
        baseline.beside(format!("{name}_{what}"), value, "ms", baseline.plan_ms)
    };
    let build = format!("{name}_build");
    Ok(vec![
        Figure::alone(format!("{name}_tickets"), scene.tickets.len() as f64, ""),
        Figure::against(build, build_ms, "ms", baseline.build_ms, "baseline"),
        beside("first_pass", first_ms),
        beside("nothing_changed", quiet_ms),
        beside("one_arrived", arrival_ms),
    ])
}

//! W1: a static pool of players who want to play one against one.

use std::sync::Arc;

use stadion_core::mode::GameMode;
use stadion_core::ticket::Ticket;

use super::contest::{BUDGET, Scene, supply};
use super::crowd::{ANY_SKILL, Crowd, NOW, RING, mode, regions, window};
use crate::Failure;
use crate::figure::Figure;
use crate::process::memory_kib;

const REPEATS: usize = 50;
const INDEX_BYTES_MAX: f64 = 300.0;
const MEMORY_TICKETS: usize = 1_000_000;

fn duel(skill: stadion_core::mode::SkillWindow) -> GameMode {
    mode("duel", 2, (2, 2), skill)
}

/// Open Match's `firstmatch`: tickets that say nothing, so that any two fit. One region, equal skill.
fn empty(count: usize) -> Scene {
    let mode = duel(ANY_SKILL);
    let regions = regions(1);
    let mut crowd = Crowd::new(1, &mode, &regions);
    let tickets = (0..count).map(|_| crowd.local(0.0, 0, 0)).collect();
    Scene {
        modes: vec![mode],
        regions,
        tickets,
    }
}

/// The same with skill and latencies: most have a neighbour within 200 points in an acceptable region.
fn on_ring(count: usize) -> Scene {
    let mode = duel(window(200.0, 0.0, 200.0));
    let regions = regions(RING);
    let mut crowd = Crowd::new(2, &mode, &regions);
    let tickets = (0..count).map(|_| crowd.of_ring(0)).collect();
    Scene {
        modes: vec![mode],
        regions,
        tickets,
    }
}

pub(super) fn run(count: usize) -> Result<Vec<Figure>, Failure> {
    let mut figures = empty(count).figures(&format!("w1_empty_{count}"), REPEATS)?;
    figures.extend(on_ring(count).figures(&format!("w1_ring_{count}"), REPEATS)?);
    Ok(figures)
}

/// What the pool itself takes, without the tickets, which exist before: growth of this process while it is filled, and
/// until the first plan is there. Nobody fits, so the plan is empty, and what remains is index and working memory.
pub(super) fn memory() -> Result<Vec<Figure>, Failure> {
    let mode = duel(ANY_SKILL);
    let regions = regions(RING);
    let mut crowd = Crowd::new(3, &mode, &regions);
    let tickets: Vec<Arc<Ticket>> = (0..MEMORY_TICKETS).map(|_| crowd.of_ring(0)).collect();
    let scene = Scene {
        modes: vec![mode],
        regions,
        tickets,
    };
    let own = std::process::id();
    let before = memory_kib(own)?;
    let mut pools = scene.pools();
    let filled = memory_kib(own)?;
    for pool in &mut pools {
        drop(pool.plan(&supply(&scene.regions), BUDGET, NOW));
    }
    let planned = memory_kib(own)?;
    let per_ticket = |kib: f64| (kib - before) * 1_024.0 / MEMORY_TICKETS as f64;
    let limited = |name: &str, kib: f64| {
        Figure::against(name, per_ticket(kib), "bytes", INDEX_BYTES_MAX, "limit")
    };
    Ok(vec![
        Figure::alone("memory_tickets", MEMORY_TICKETS as f64, ""),
        limited("memory_index_per_ticket", filled),
        limited("memory_with_first_plan_per_ticket", planned),
    ])
}

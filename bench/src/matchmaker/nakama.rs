//! W5: the pools of Nakama's own benchmarks (`BenchmarkMatchmakerProcessTickets…` in `server/matchmaker_test.go`).

use super::contest::Scene;
use super::crowd::{Crowd, mode, regions, window};
use crate::Failure;
use crate::figure::Figure;

/// Matchable tickets, and those that wait in vain beside them for matches of 2, and of 4 to 10.
const SIZES: [(usize, usize, usize); 3] = [(100, 50, 10), (500, 250, 50), (1_000, 100, 100)];
const REPEATS: usize = 50;
/// Distance of those that wait in vain from each other and from all others, points of skill.
const APART: f64 = 1_000.0;

pub(super) fn run() -> Result<Vec<Figure>, Failure> {
    let mut figures = Vec::new();
    for (active, vain_of_2, vain_of_10) in SIZES {
        let pairs = scene((2, 2), active, vain_of_2);
        figures.extend(pairs.figures(&format!("w5_{active}_2_2"), REPEATS)?);
        let groups = scene((10, 4), active, vain_of_10);
        figures.extend(groups.figures(&format!("w5_{active}_4_10"), REPEATS)?);
    }
    Ok(figures)
}

fn scene(sizes: (u32, u32), active: usize, vain: usize) -> Scene {
    let mode = mode("any", 1, sizes, window(200.0, 0.0, 200.0));
    let regions = regions(1);
    let mut crowd = Crowd::new(7, &mode, &regions);
    let mut tickets: Vec<_> = (0..active).map(|_| crowd.local(0.0, 0, 0)).collect();
    tickets.extend((1..=vain).map(|place| crowd.local(APART * place as f64, 0, 0)));
    Scene {
        modes: vec![mode],
        regions,
        tickets,
    }
}

//! W2 and W3: the scenarios of Open Match's load generator (`examples/scale`), with its parameters.

use stadion_core::mode::{GameMode, SkillWindow};

use super::contest::Scene;
use super::crowd::{ANY_SKILL, Crowd, mode, regions, window};
use crate::Failure;
use crate::figure::Figure;

const TICKETS: usize = 100_000;
const REPEATS: usize = 5;
const BATTLE_ROYALE_REGIONS: usize = 20;
const SHOOTER_REGIONS: usize = 2;
/// Tickets of the two game modes, as 100 : 25.
const SHOOTER_MODES: [(&str, usize); 2] = [("pl", 80_000), ("cp", 20_000)];
/// Spread of a team shooter's match.
const SHOOTER_SPREAD: SkillWindow = window(0.01, 0.0, 0.01);
/// Relaxed: a spread of 0.01 at once, 0.5 after half a minute.
const SHOOTER_RELAXED: SkillWindow = window(0.01, 0.49 / 30.0, 0.5);
/// In the relaxed variant tickets have waited up to this, milliseconds.
const WAITED_MAX_MS: usize = 60_000;

/// 100 players of one region, of which the first ones have most players; tickets know one region and nothing else.
pub(super) fn battle_royale() -> Result<Vec<Figure>, Failure> {
    let mode = mode("battle_royale", 1, (100, 100), ANY_SKILL);
    let regions = regions(BATTLE_ROYALE_REGIONS);
    let mut crowd = Crowd::new(4, &mode, &regions);
    let tickets = (0..TICKETS)
        .map(|_| {
            let below = crowd.random.below(BATTLE_ROYALE_REGIONS) + 1;
            let region = crowd.random.below(below);
            crowd.local(0.0, region, 0)
        })
        .collect();
    let scene = Scene {
        modes: vec![mode],
        regions,
        tickets,
    };
    scene.figures("w2", REPEATS)
}

/// 12 players whose skills, N(0, 1) within ±3, are at most 0.01 apart; and a variant that relaxes.
pub(super) fn team_shooter() -> Result<Vec<Figure>, Failure> {
    let mut figures = shooter(SHOOTER_SPREAD, 1).figures("w3", REPEATS)?;
    figures.extend(shooter(SHOOTER_RELAXED, WAITED_MAX_MS).figures("w3_relaxed", REPEATS)?);
    Ok(figures)
}

fn shooter(skill: SkillWindow, waited_max_ms: usize) -> Scene {
    let regions = regions(SHOOTER_REGIONS);
    let mut modes: Vec<GameMode> = Vec::new();
    let mut tickets = Vec::new();
    for (seed, (name, count)) in (5..).zip(SHOOTER_MODES) {
        let mode = mode(name, 2, (12, 12), skill);
        let mut crowd = Crowd::new(seed, &mode, &regions);
        for _ in 0..count {
            let skill = crowd.random.normal(0.0, 1.0).clamp(-3.0, 3.0);
            let region = crowd.random.below(SHOOTER_REGIONS);
            let waited_ms = crowd.random.below(waited_max_ms) as u64;
            tickets.push(crowd.local(skill, region, waited_ms));
        }
        modes.push(mode);
    }
    Scene {
        modes,
        regions,
        tickets,
    }
}

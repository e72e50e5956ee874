//! W6: the rule sets of AWS's simulator for FlexMatch (`sample-simulator-gamelift-flexmatch-matchmaking`), with its
//! parameters: two teams of 4 to 6, a latency limit of 80, then 120, then 2,000 ms, teams that are 20, then 200, then
//! 1,000 points apart at most; skill N(2000, 400), latency N(70, 20) to one region, parties of 5 or of 2.

use std::collections::BTreeMap;

use stadion_core::mode::GameMode;
use stadion_core::rules::{LatencyStep, RegionBy};

use super::contest::Scene;
use super::crowd::{Crowd, mode, regions, whole_ms, window};
use crate::Failure;
use crate::figure::Figure;

const PLAYERS: usize = 100_000;
const REPEATS: usize = 3;
/// Wait after which the second and the third stage of the rules hold, milliseconds.
const STAGES_MS: [u64; 3] = [0, 10_000, 20_000];
const LATENCIES_MAX_MS: [u32; 3] = [80, 120, 2_000];
const TEAM_GAPS_MAX: [f64; 3] = [20.0, 200.0, 1_000.0];
/// The rule sets look at teams only, so no spread of a match is too wide.
const SPREAD_MAX: f64 = 10_000.0;

/// Each stage with a pool that has waited just as long: the limit between teams has no steps of its own here.
pub(super) fn run() -> Result<Vec<Figure>, Failure> {
    let mut figures = Vec::new();
    for party in [5, 2] {
        for stage in 0..STAGES_MS.len() {
            let name = format!("w6_parties_of_{party}_stage_{}", stage + 1);
            figures.extend(scene(party, stage).figures(&name, REPEATS)?);
        }
    }
    Ok(figures)
}

fn rules(stage: usize) -> GameMode {
    let everybody = window(SPREAD_MAX, 0.0, SPREAD_MAX);
    let mut mode = mode("two_teams", 2, (12, 8), everybody);
    mode.latency_max_ms = LATENCIES_MAX_MS[0];
    mode.rules.region_by = RegionBy::Mean;
    mode.rules.team_gap_max = Some(TEAM_GAPS_MAX[stage]);
    let later = STAGES_MS.iter().zip(LATENCIES_MAX_MS).skip(1);
    mode.rules.latency = later
        .map(|(after_ms, max_ms)| LatencyStep {
            after_ms: *after_ms,
            max_ms,
        })
        .collect();
    mode
}

fn scene(party: usize, stage: usize) -> Scene {
    let mode = rules(stage);
    let regions = regions(1);
    let mut crowd = Crowd::new(8, &mode, &regions);
    let tickets = (0..PLAYERS / party)
        .map(|_| {
            let players = (0..party).map(|_| {
                // Both are whole and at least 1, as in the simulator.
                let skill = crowd.random.normal(2_000.0, 400.0).trunc().max(1.0);
                let latency_ms = whole_ms(crowd.random.normal(70.0, 20.0)).max(1);
                crowd.player(skill, BTreeMap::from([(regions[0].clone(), latency_ms)]))
            });
            let players = players.collect();
            crowd.ticket(players, STAGES_MS[stage])
        })
        .collect();
    Scene {
        modes: vec![mode],
        regions,
        tickets,
    }
}

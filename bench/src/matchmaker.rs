//! The matchmaker against the guide's algorithm: speed, memory and quality on pools that anyone can make again.
//!
//! Nothing but the planner runs: one core, no platform, no store. Every generator has a fixed seed.

mod backfill;
mod contest;
pub(crate) mod crowd;
mod duels;
mod flexmatch;
mod hopeless;
mod nakama;
mod open_match;
mod parties;
mod quality;
pub(crate) mod random;
mod steady;

use crate::Failure;
use crate::figure::Figure;

/// Its benchmarks; `matchmaker` is all of them.
pub(crate) const NAMES: [&str; 16] = [
    "matchmaker_memory",
    "matchmaker_w1_1000",
    "matchmaker_w1_100000",
    "matchmaker_w1_1000000",
    "matchmaker_w2",
    "matchmaker_w3",
    "matchmaker_w4",
    "matchmaker_w5",
    "matchmaker_w6",
    "matchmaker_w7",
    "matchmaker_hopeless",
    "matchmaker_steady",
    "matchmaker_static",
    "matchmaker_quality_5",
    "matchmaker_quality_20",
    "matchmaker_quality_100",
];

pub(crate) fn run(name: &str) -> Result<Vec<Figure>, Failure> {
    match name {
        "matchmaker_memory" => duels::memory(),
        "matchmaker_w1_1000" => duels::run(1_000),
        "matchmaker_w1_100000" => duels::run(100_000),
        "matchmaker_w1_1000000" => duels::run(1_000_000),
        "matchmaker_w2" => open_match::battle_royale(),
        "matchmaker_w3" => open_match::team_shooter(),
        "matchmaker_w4" => backfill::run(),
        "matchmaker_w5" => nakama::run(),
        "matchmaker_w6" => flexmatch::run(),
        "matchmaker_w7" => parties::roles(),
        "matchmaker_hopeless" => hopeless::run(),
        "matchmaker_steady" => steady::run(),
        "matchmaker_static" => parties::leftovers(),
        "matchmaker_quality_5" => quality::run(5),
        "matchmaker_quality_20" => quality::run(20),
        "matchmaker_quality_100" => quality::run(100),
        other => Err(format!("no benchmark is called {other}").into()),
    }
}

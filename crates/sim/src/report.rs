//! A finished simulation: the world, and what one set of rules or two of them made of it.

use serde::{Deserialize, Serialize};
use stadion_core::mode::GameMode;

use crate::measures::Measures;
use crate::world::World;

/// What `stadion simulate` writes as JSON, and what its page is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The world, with the rules of the first run.
    pub world: World,
    /// One run, or two that are compared.
    pub runs: Vec<Run>,
}

/// One set of rules in the world.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// What the rules are called, such as their file.
    pub name: String,
    /// The rules.
    pub game_modes: Vec<GameMode>,
    /// What came of them.
    pub measures: Measures,
}

impl Run {
    /// A run's rules and what came of them.
    #[must_use]
    pub fn new(name: String, world: &World, measures: Measures) -> Self {
        Self {
            name,
            game_modes: world.modes.iter().map(|share| share.mode.clone()).collect(),
            measures,
        }
    }
}

//! A discrete-event world around the real planner: what the rules of a game mode do to players, before they feel it.
//!
//! [`World`] says who arrives, where they live and what servers there are; [`run()`] lets time pass over a [`Planner`]
//! and returns [`Measures`]. Equal world, planner and seed give equal measures. Time is simulated: milliseconds since
//! the run began, as [`Timestamp`](stadion_core::time::Timestamp).

pub mod error;
pub mod import;
pub mod log;
pub mod measures;
mod number;
pub mod page;
pub mod planner;
mod population;
pub mod report;
pub mod run;
pub mod summary;
pub mod world;

pub use error::SimError;
pub use measures::Measures;
pub use planner::Planner;
pub use run::{Progress, run, run_watched};
pub use world::{Preset, World};

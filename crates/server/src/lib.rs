//! The program `stadion`: configuration, composition root, loops, operator edge, report and command line.

pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod director;
pub mod keys;
pub mod limits;
pub mod logging;
pub mod loops;
pub mod metrics;
pub mod operator;
pub mod platform;
pub mod report;
pub mod views;

#[cfg(test)]
mod golden;

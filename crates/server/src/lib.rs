//! The program `stadion`: configuration, composition root, loops, operator edge, report and command line.

pub mod config;
pub mod metrics;
pub mod report;

#[cfg(test)]
mod golden;

//! What tests of every room share: builders, a clock and a random number generator in the test's hand, a fake fleet with
//! faults, and conformance suites that every implementation of a trait runs unchanged.
//!
//! A broken expectation is a panic here, as in any test.
#![allow(clippy::panic, clippy::unwrap_used, reason = "part of tests only")]

pub mod build;
pub mod clock;
pub mod conformance;
pub mod fleet;
pub mod page;
pub mod random;
pub mod wait;

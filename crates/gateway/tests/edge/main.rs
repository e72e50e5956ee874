//! The edge over real sockets: a gateway on loopback with the embedded state in a temporary directory.
#![allow(clippy::panic, clippy::unwrap_used, reason = "part of tests only")]

mod acceptance;
mod backfill;
mod connect;
mod faults;
mod golden;
mod limits;
mod outlook;
mod problems;
mod seats;
mod world;

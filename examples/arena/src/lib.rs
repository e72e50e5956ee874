//! A small authoritative UDP game for Stadion.
//!
//! [`server`] is the game server as a studio would write one: it keeps the Agones SDK, admits players by their join
//! token, plays the match and reports its result. [`bot`] are players that queue, play and queue again, against any
//! Stadion. [`protocol`] and [`world`] are the game between them.

pub mod bot;
pub mod protocol;
pub mod server;
pub mod world;

//! Stadion's words, rules and plans, and the traits of its stages.
//!
//! Nothing here waits, reads a clock or touches a socket: decisions are functions of (rules, state, now). The stages
//! of the path of a match know one another only through [`state::State`] and [`fleet::Fleet`].

pub mod estimate;
pub mod event;
pub mod fleet;
pub mod flexmatch;
pub mod id;
pub mod limits;
pub mod matches;
pub mod matchmaker;
pub mod mode;
pub mod placement;
pub mod rules;
pub mod scaling;
pub mod session;
pub mod state;
pub mod ticket;
pub mod time;

//! Wire types of the edge for players and game servers, and a typed client for it.
//!
//! The types say what travels; which values are acceptable is the gateway's business, and what it refuses comes back
//! as a [`Problem`]. Ids and names are plain texts here, so that a client needs nothing else of Stadion.

mod client;
mod error;
mod events;
mod problem;
pub mod wire;

pub use client::Client;
pub use error::ClientError;
pub use events::{CLOSE_REPLACED, CLOSE_UNAUTHENTICATED, Events, Update};
pub use problem::{Problem, ProblemKind};

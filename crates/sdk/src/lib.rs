//! The Agones SDK protocol, from both ends.
//!
//! [`proto`] holds the messages, the server trait and the raw client, generated from `proto/sdk.proto`. [`Sdk`] is the
//! small client that a game server written in Rust uses; it works against Stadion's own SDK server and against the
//! Agones sidecar alike.

mod client;

pub use client::{GameServerWatch, Sdk, SdkError};

/// Messages, client and server of `agones.dev.sdk`.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, clippy::disallowed_types)]
#[rustfmt::skip]
#[path = "generated/sdk.rs"]
pub mod proto;

//! The edge for players and game servers: HTTP, WebSocket, authentication and limits.
//!
//! [`Gateway`] is made of [`GatewayParts`] and serves one listener. It keeps nothing that must survive: tickets,
//! matches, sessions and events live behind [`stadion_core::state::State`], and join tokens are made from sessions.

mod auth;
mod caller;
mod connect;
mod convert;
pub mod fuzz;
mod gateway;
mod join_token;
mod limits;
mod observer;
mod openapi;
mod outlook;
mod refusal;
mod routes;
mod serve;

pub use auth::{KeyError, Player, PlayerAuth, PlayerKey, TokenRules};
pub use connect::CloseReason;
pub use gateway::{Gateway, GatewayError, GatewayParts, ServerAuth};
pub use join_token::{JoinClaims, JoinTokenError, JoinTokens};
pub use limits::Limits;
pub use observer::{GatewayObserver, NoObserver};
pub use openapi::openapi;
pub use outlook::{Audience, Outlook, OutlookError, Outlooks, outlook};

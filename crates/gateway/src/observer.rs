//! What the gateway tells whoever counts.

use std::time::Duration;

use stadion_client::ProblemKind;
use stadion_core::id::{GameModeName, Region};

use crate::connect::CloseReason;

/// Hooks for metrics; each does nothing unless it is written. They are called on hot paths and must not wait.
pub trait GatewayObserver: Send + Sync + 'static {
    /// A request was answered. `route` is its pattern, never a concrete path.
    fn answered(&self, route: &str, status: u16, took: Duration) {
        let _ = (route, status, took);
    }

    /// A request or connection was refused.
    fn refused(&self, kind: ProblemKind) {
        let _ = kind;
    }

    /// A WebSocket is open and its player known.
    fn connected(&self) {}

    /// Such a WebSocket is closed.
    fn disconnected(&self, reason: CloseReason) {
        let _ = reason;
    }

    /// A ticket was created.
    fn ticket_created(&self, game_mode: &GameModeName) {
        let _ = game_mode;
    }

    /// An event went to a connected player, `lag_ms` milliseconds after it happened.
    fn event_delivered(&self, lag_ms: u64) {
        let _ = lag_ms;
    }

    /// A game server measured a player's round trip.
    fn player_latency(&self, region: &Region, latency_ms: f32) {
        let _ = (region, latency_ms);
    }
}

/// Counts nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl GatewayObserver for NoObserver {}

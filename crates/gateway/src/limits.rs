//! What one process, address and player may ask for (I7).

use std::time::Duration;

/// How long a request's head may take, and how long a connection may be idle between requests, milliseconds. Longer
/// than clients keep idle connections (30 s), so that they close first and never send into a closing one.
pub(crate) const HEAD_TIMEOUT_MS: u64 = 40_000;

/// Buffer of one HTTP connection, bytes: the smallest that hyper allows, and twice the largest token.
pub(crate) const HEAD_BYTES_MAX: usize = 8 * 1_024;

/// Headers of one request.
pub(crate) const HEADERS_MAX: usize = 64;

/// How long a body may take, milliseconds: 64 KiB over a bad mobile network (64 kbit/s) take 8 s.
pub(crate) const BODY_TIMEOUT_MS: u64 = 10_000;

/// A token's size, bytes: Ed25519 and RSA tokens with a full party stay below 3 KiB.
pub(crate) const TOKEN_BYTES_MAX: usize = 4 * 1_024;

/// Connections that are told "too many" at the same moment; beyond it they are closed without a word.
pub(crate) const REFUSALS_MAX: usize = 128;

/// Pause after the system refused to accept, milliseconds; descriptors come back within that.
pub(crate) const ACCEPT_PAUSE_MS: u64 = 100;

/// How long connections have to end when the process does, milliseconds.
pub(crate) const DRAIN_TIMEOUT_MS: u64 = 5_000;

/// Pause between clean-ups of the rate limits, milliseconds: at 10,000 new callers per second there are 50,000 entries
/// of about 100 bytes, 5 MB, before the next one.
pub(crate) const HOUSEKEEPING_MS: u64 = 5_000;

/// A client's WebSocket message, bytes: the largest is a token of [`TOKEN_BYTES_MAX`] in its frame of JSON.
pub(crate) const MESSAGE_BYTES_MAX: usize = TOKEN_BYTES_MAX + 64;

/// Read buffer of a WebSocket, bytes; allocated at once, so small: clients say `ack` and `ping`.
pub(crate) const SOCKET_READ_BYTES: usize = 1_024;

/// Write buffer of a WebSocket, bytes; a larger event passes through it.
pub(crate) const SOCKET_WRITE_BYTES: usize = 512;

/// What may wait in a WebSocket's write buffer, bytes: two of the largest events (100 players of 128 bytes: 14 KiB).
pub(crate) const SOCKET_WRITE_BYTES_MAX: usize = 32 * 1_024;

/// Messages that a client may send between two pings of ours.
pub(crate) const MESSAGES_PER_PING_MAX: u32 = 120;

/// Events that wait for one connection: as many as the state keeps for a player. Beyond it the client resumes.
pub(crate) const INBOX_EVENTS_MAX: usize = stadion_core::limits::EVENTS_PER_PLAYER_MAX;

/// Verified tokens that are remembered: one per connected player of a full process, twice.
pub(crate) const TOKENS_REMEMBERED_MAX: usize = 131_072;

/// What a deployment can set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open connections of all callers together. One costs about 8 KiB when idle, 16 KiB when busy.
    pub connections_max: usize,
    /// Open connections of one address (an IPv6 /64 counts as one).
    pub connections_per_address_max: usize,
    /// Requests per second of one player; twice that in a burst.
    pub requests_per_second_per_player: u32,
    /// Requests per second of one address; twice that in a burst.
    pub requests_per_second_per_address: u32,
    /// A request's body, bytes.
    pub body_bytes_max: usize,
    /// How long a WebSocket without an `Authorization` header has for its first message.
    pub socket_auth_timeout: Duration,
    /// Pause between pings to a WebSocket; one that was silent for two and a half of them is closed.
    pub socket_ping: Duration,
    /// How long one message to a WebSocket may take before its client counts as too slow.
    pub socket_send_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 50_000,
            // A large network behind one address, with a connection per player.
            connections_per_address_max: 1_024,
            // A client sends a ticket, its cancellation and a few reads within one second, and may repeat them.
            requests_per_second_per_player: 20,
            // Half of the connections of one address ask within the same second.
            requests_per_second_per_address: 512,
            // The largest request is a ticket: 16 players with 64 regions and 10 attributes each stay below 48 KiB.
            body_bytes_max: 64 * 1_024,
            socket_auth_timeout: Duration::from_secs(5),
            socket_ping: Duration::from_secs(30),
            socket_send_timeout: Duration::from_secs(5),
        }
    }
}

//! The WebSocket `/v1/connect`: a player's events, numbered, resumable.
//!
//! Nothing is lost and nothing doubled: a connection enters the [`Hub`] before it reads the mailbox, and the
//! [`Cursor`] drops what comes by both ways.

mod conversation;
mod cursor;
mod hub;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, WebSocketUpgrade};
use axum::extract::{Query, State as Part};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::{Extension, extract::rejection::QueryRejection};
use serde::Deserialize;
use stadion_client::ProblemKind;
use utoipa::IntoParams;

use crate::caller::bearer;
use crate::gateway::Gateway;
use crate::limits::{
    MESSAGE_BYTES_MAX, SOCKET_READ_BYTES, SOCKET_WRITE_BYTES, SOCKET_WRITE_BYTES_MAX,
};
use crate::refusal::Refusal;
use crate::serve::Connection;
pub(crate) use hub::Hub;

/// Why a WebSocket was closed: the code of its close frame (4000 to 4999 are the application's, RFC 6455).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The client closed, or its connection broke.
    Gone,
    /// The process ends: connect again, to another one.
    GoingAway,
    /// A message that is no message of the protocol.
    BadMessage,
    /// Too many messages.
    TooManyMessages,
    /// The state cannot be reached: connect again in a moment.
    TryAgain,
    /// The same player connected anew; do not reconnect by itself, or two devices take turns for ever.
    Replaced,
    /// No token, or one that does not count.
    Unauthenticated,
    /// The client read too slowly: connect again with the last number it saw.
    TooSlow,
    /// Nothing was heard for too long.
    Silent,
}

impl CloseReason {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Gone,
        Self::GoingAway,
        Self::BadMessage,
        Self::TooManyMessages,
        Self::TryAgain,
        Self::Replaced,
        Self::Unauthenticated,
        Self::TooSlow,
        Self::Silent,
    ];

    /// The code of the close frame.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Gone => 1000,
            Self::GoingAway => 1001,
            Self::BadMessage => 1007,
            Self::TooManyMessages => 1008,
            Self::TryAgain => 1013,
            Self::Replaced => stadion_client::CLOSE_REPLACED,
            Self::Unauthenticated => stadion_client::CLOSE_UNAUTHENTICATED,
            Self::TooSlow => 4002,
            Self::Silent => 4003,
        }
    }

    /// Its name in metrics and close frames.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::GoingAway => "going_away",
            Self::BadMessage => "bad_message",
            Self::TooManyMessages => "too_many_messages",
            Self::TryAgain => "try_again",
            Self::Replaced => "replaced",
            Self::Unauthenticated => "unauthenticated",
            Self::TooSlow => "too_slow",
            Self::Silent => "silent",
        }
    }

    /// What the client can do about it.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Gone => "Nothing: the client closed.",
            Self::GoingAway => "Connect again with `after`; another process answers.",
            Self::BadMessage => "Send JSON texts as the protocol has them.",
            Self::TooManyMessages => "Send fewer messages; connect again with `after`.",
            Self::TryAgain => "Connect again with `after`, after a pause.",
            Self::Replaced => {
                "The same player connected elsewhere. Do not connect again by yourself, or two devices take turns for ever."
            }
            Self::Unauthenticated => "Connect with a token that counts.",
            Self::TooSlow => "Read faster; connect again with `after`.",
            Self::Silent => "Answer pings; connect again with `after`.",
        }
    }

    fn frame(self) -> CloseFrame {
        CloseFrame {
            code: self.code(),
            reason: self.as_str().into(),
        }
    }
}

/// From where on.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Resume {
    /// Number of the last event that the client saw; 0 or nothing for all that are kept.
    #[serde(default)]
    after: u64,
}

/// Opens the player's events.
///
/// An upgrade to WebSocket. The `Authorization` header says who connects; a client that cannot set it (a browser) sends
/// `{"type":"authenticate","token":"…"}` as its first message. The server's first message is `hello`; then come the
/// events after number `after`, in order, without gaps and without repetitions, and further ones as they happen. If
/// `hello` has a `last_number` below `after`, numbering began anew: forget the old number. `gap` says which events
/// are not kept any more.
#[utoipa::path(get, path = "/v1/connect", tag = "events", params(Resume),
    responses((status = 101, description = "Switched to WebSocket; messages are `ServerMessage` and `ClientMessage`")),
    security((), ("player_token" = [])))]
pub(crate) async fn connect(
    Part(gateway): Part<Gateway>,
    Extension(connection): Extension<Connection>,
    headers: HeaderMap,
    resume: Result<Query<Resume>, QueryRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refusal> {
    let malformed = |text: String| Refusal::new(ProblemKind::MalformedRequest, text);
    let Query(resume) = resume.map_err(|error| malformed(error.body_text()))?;
    let player = match bearer(&headers) {
        Some(token) => Some(gateway.authenticate(token)?),
        None => None,
    };
    let upgrade = upgrade.map_err(|error| malformed(error.body_text()))?;
    let upgrade = upgrade
        .read_buffer_size(SOCKET_READ_BYTES)
        .write_buffer_size(SOCKET_WRITE_BYTES)
        .max_write_buffer_size(SOCKET_WRITE_BYTES_MAX)
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX);
    let response = upgrade.on_upgrade(move |socket| async move {
        conversation::hold(gateway, socket, player, resume.after).await;
        drop(connection);
    });
    Ok(response.into_response())
}

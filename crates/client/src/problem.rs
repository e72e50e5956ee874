//! Errors as they travel: RFC 9457 problem details.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What every problem type begins with.
const URN: &str = "urn:stadion:problem:";

/// An error (RFC 9457, `application/problem+json`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Which kind of problem: `urn:stadion:problem:…`.
    #[serde(rename = "type")]
    pub type_uri: String,
    /// The kind in words, always the same for one type.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time, and what would be right.
    pub detail: String,
    /// What it happened to, if that can be named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// JSON path of the field at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl Problem {
    /// A problem of `kind`.
    #[must_use]
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            type_uri: format!("{URN}{}", kind.slug()),
            title: kind.title().to_owned(),
            status: kind.status(),
            detail: detail.into(),
            instance: None,
            field: None,
        }
    }

    /// Its kind, if this version knows it.
    #[must_use]
    pub fn kind(&self) -> Option<ProblemKind> {
        let slug = self.type_uri.strip_prefix(URN)?;
        ProblemKind::ALL
            .into_iter()
            .find(|kind| kind.slug() == slug)
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}): {}", self.title, self.status, self.detail)
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident, $slug:literal, $status:literal, $retry:literal, $title:literal, $advice:literal;)*) => {
        /// Every kind of problem.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ProblemKind {
            $($(#[$doc])* $name,)*
        }

        impl ProblemKind {
            /// All of them, by status.
            pub const ALL: [Self; [$($slug),*].len()] = [$(Self::$name),*];

            /// The end of its type URI.
            #[must_use]
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug,)* }
            }

            /// Its HTTP status.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// Whether the same request may succeed later; such an answer carries `Retry-After`.
            #[must_use]
            pub const fn is_retryable(self) -> bool {
                match self { $(Self::$name => $retry,)* }
            }

            /// Its name for people.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// What the caller can do about it.
            #[must_use]
            pub const fn advice(self) -> &'static str {
                match self { $(Self::$name => $advice,)* }
            }
        }
    };
}

kinds! {
    /// The body or query cannot be read.
    MalformedRequest, "malformed-request", 400, false, "The request cannot be read",
        "Send well-formed JSON with the header `Content-Type: application/json`; numbers must be finite.";
    /// No credential, or one that does not count.
    Unauthenticated, "unauthenticated", 401, false, "Who is asking is not known",
        "Send `Authorization: Bearer <token>` with a token that has not expired.";
    /// The credential is good, for something else.
    Forbidden, "forbidden", 403, false, "The caller may not do this",
        "Players act for themselves and for the party in their token; game servers act for their own matches.";
    /// The join token is not one of ours, or has expired.
    JoinTokenInvalid, "join-token-invalid", 403, false, "The join token does not count",
        "Do not let the player in. The player finds a fresh token at `/v1/sessions/{session_id}`.";
    /// The join token is for another server.
    JoinTokenForeign, "join-token-foreign", 403, false, "The join token is for another server",
        "Do not let the player in: the seat is on another server or in another match.";
    /// There is no such route.
    NoRoute, "no-route", 404, false, "There is no such path",
        "See `/v1/openapi.json` for the paths.";
    /// There is no such thing, or it is not the caller's.
    NotFound, "not-found", 404, false, "There is no such thing",
        "The id is wrong, belongs to somebody else, or what it named was forgotten after its end.";
    /// The path does not know the method.
    MethodNotAllowed, "method-not-allowed", 405, false, "The path does not know this method",
        "The header `Allow` names the methods.";
    /// The client was too slow.
    RequestTimeout, "request-timeout", 408, true, "The request took too long to arrive",
        "Send it again, faster.";
    /// The player already waits in this game mode.
    AlreadyQueued, "already-queued", 409, false, "A player already waits in this game mode",
        "Cancel the other ticket first; `instance` names it when it is the caller's.";
    /// The player is in a match.
    InMatch, "in-match", 409, false, "A player is in a match that is not over",
        "Join that match, or leave it by deleting the session.";
    /// The player has answered otherwise before.
    AlreadyAnswered, "already-answered", 409, false, "The player has answered otherwise before",
        "The first answer to a ready check stays.";
    /// The ready check is over.
    AcceptanceOver, "acceptance-over", 409, false, "The ready check is over",
        "Too late, or somebody else refused: the ticket says whether it searches on or was cancelled.";
    /// What was asked is not possible any more.
    WrongState, "wrong-state", 409, false, "It is too late, or too early, for this",
        "Read the thing again: its state has changed.";
    /// The game mode has no backfill.
    BackfillOff, "backfill-off", 409, false, "The game mode takes nobody into live matches",
        "The key `backfill` of the game mode says whether free seats are filled.";
    /// More seats were offered than are free.
    TooManySeats, "too-many-seats", 409, false, "The match has fewer free seats",
        "A team has as many seats as its game mode says, less those of its sessions that are reserved or active: end the sessions of whoever left, and see the line-up for newcomers.";
    /// The match has no seats yet.
    MatchPlacing, "match-placing", 409, true, "The match is being placed",
        "A game server may be allocated a moment before its match is live: ask again.";
    /// The join token was used.
    JoinTokenUsed, "join-token-used", 409, false, "The join token was used before",
        "Do not let the player in a second time.";
    /// The body is too large.
    BodyTooLarge, "body-too-large", 413, false, "The body is too large",
        "Send at most 64 KiB.";
    /// The body is not JSON.
    UnsupportedMediaType, "unsupported-media-type", 415, false, "The body is not JSON",
        "Send the header `Content-Type: application/json`.";
    /// A value is not acceptable.
    InvalidRequest, "invalid-request", 422, false, "A value is not acceptable",
        "`field` names the value and `detail` says what would be right.";
    /// There is no such game mode.
    UnknownGameMode, "unknown-game-mode", 422, false, "There is no such game mode",
        "See `/v1/game_modes`.";
    /// The key was used for another request.
    IdempotencyMismatch, "idempotency-mismatch", 422, false, "The idempotency key was used for another request",
        "Make a new key for a new request; repeat a request with the very same body.";
    /// Too many requests by one caller.
    TooManyRequests, "too-many-requests", 429, true, "Too many requests",
        "Wait as long as `Retry-After` says.";
    /// Too many connections by one caller.
    TooManyConnections, "too-many-connections", 429, true, "Too many connections from one address",
        "Close some, and wait as long as `Retry-After` says.";
    /// A defect of the platform.
    Internal, "internal", 500, false, "The platform made a mistake",
        "Tell the operator; the log has the details.";
    /// A limit of the platform is reached.
    Overloaded, "overloaded", 503, true, "The platform is full",
        "Wait as long as `Retry-After` says.";
    /// The state cannot be reached.
    Unavailable, "unavailable", 503, true, "The platform cannot answer at the moment",
        "Nothing was changed, or the change is repeated safely: wait as long as `Retry-After` says and send it again.";
}

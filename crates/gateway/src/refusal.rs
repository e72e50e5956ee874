//! Errors on their way out.

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use stadion_client::{Problem, ProblemKind};
use stadion_core::state::StateError;
use stadion_core::ticket::InvalidTicket;

/// `Retry-After` where nothing better is known, seconds.
const RETRY_AFTER_SECONDS: u32 = 1;

/// `Retry-After` when the platform is full, seconds: matches are made and tickets time out meanwhile.
const RETRY_AFTER_FULL_SECONDS: u32 = 5;

/// An answer that is a problem.
#[derive(Debug)]
pub(crate) struct Refusal {
    problem: Box<Problem>,
    kind: ProblemKind,
    retry_after_seconds: Option<u32>,
}

impl Refusal {
    pub(crate) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            problem: Box::new(Problem::new(kind, detail)),
            kind,
            retry_after_seconds: kind.is_retryable().then_some(RETRY_AFTER_SECONDS),
        }
    }

    /// A value that is not acceptable.
    pub(crate) fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Self {
        let mut refusal = Self::new(ProblemKind::InvalidRequest, detail);
        refusal.problem.field = Some(field.into());
        refusal
    }

    pub(crate) fn not_found(what: &str, id: &str) -> Self {
        let id: String = id.chars().take(64).collect();
        Self::new(
            ProblemKind::NotFound,
            format!("there is no {what} {id:?} of the caller"),
        )
    }

    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    fn instance(mut self, path: String) -> Self {
        self.problem.instance = Some(path);
        self
    }
}

impl From<StateError> for Refusal {
    fn from(error: StateError) -> Self {
        let detail = error.to_string();
        let kind = match &error {
            StateError::NotFound { .. } => ProblemKind::NotFound,
            StateError::AlreadyQueued { ticket_id, .. } => {
                return Self::new(ProblemKind::AlreadyQueued, detail)
                    .instance(format!("/v1/tickets/{ticket_id}"));
            }
            StateError::InMatch { .. } => ProblemKind::InMatch,
            StateError::IdempotencyMismatch => ProblemKind::IdempotencyMismatch,
            StateError::AlreadyAnswered { .. } => ProblemKind::AlreadyAnswered,
            StateError::TooManySeats { .. } => ProblemKind::TooManySeats,
            StateError::WrongState { .. } => ProblemKind::WrongState,
            // Whose match it is must not be learnt.
            StateError::WrongServer { what: "match", .. } => ProblemKind::NotFound,
            StateError::WrongServer { .. } => ProblemKind::JoinTokenForeign,
            StateError::AlreadyRedeemed { .. } => ProblemKind::JoinTokenUsed,
            StateError::Full { .. } => {
                return Self::new(ProblemKind::Overloaded, detail)
                    .retry_after(RETRY_AFTER_FULL_SECONDS);
            }
            StateError::Unavailable(why) => {
                tracing::warn!(why, "the state is not available");
                let detail = "the state store is not available";
                return Self::new(ProblemKind::Unavailable, detail);
            }
            // The gateway holds no lease and commits no match.
            StateError::Stale { .. } | StateError::Fenced => {
                tracing::error!(%error, "a call of the gateway ended as only a loop's can");
                return Self::new(ProblemKind::Internal, "an impossible answer of the state");
            }
        };
        Self::new(kind, detail)
    }
}

impl From<InvalidTicket> for Refusal {
    fn from(error: InvalidTicket) -> Self {
        Self::invalid(error.field, error.why)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self.problem)).into_response();
        let headers = response.headers_mut();
        let problem_json = HeaderValue::from_static("application/problem+json");
        headers.insert(CONTENT_TYPE, problem_json);
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self.kind);
        response
    }
}

//! Errors of the edge, as problem details.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{self, FromRequest, FromRequestParts, Request};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use stadion_client::{Problem, ProblemKind};
use stadion_core::fleet::FleetError;
use stadion_core::limits::LIST_MAX;
use stadion_core::state::StateError;
use stadion_gateway::OutlookError;

use super::LIMIT_DEFAULT;
use crate::report::ReportError;

/// When to ask again after a part did not answer, seconds: a leader change or a restart takes about that.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// An answer that is a problem.
#[derive(Debug)]
pub(super) struct Refusal(ProblemKind, Box<Problem>);

impl Refusal {
    pub(super) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self(kind, Box::new(Problem::new(kind, detail)))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(kind, problem) = self;
        let status =
            StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(*problem)).into_response();
        let problem = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(CONTENT_TYPE, problem);
        if kind.is_retryable() {
            response.headers_mut().insert(RETRY_AFTER, RETRY_SECONDS);
        }
        response
    }
}

impl From<StateError> for Refusal {
    fn from(error: StateError) -> Self {
        let kind = match &error {
            StateError::NotFound { .. } => ProblemKind::NotFound,
            StateError::AlreadyQueued { .. } => ProblemKind::AlreadyQueued,
            StateError::InMatch { .. } => ProblemKind::InMatch,
            StateError::IdempotencyMismatch => ProblemKind::IdempotencyMismatch,
            StateError::AlreadyAnswered { .. }
            | StateError::Stale { .. }
            | StateError::WrongState { .. }
            | StateError::TooManySeats { .. }
            | StateError::WrongServer { .. }
            | StateError::AlreadyRedeemed { .. } => ProblemKind::WrongState,
            StateError::Full { .. } => ProblemKind::Overloaded,
            StateError::Fenced | StateError::Unavailable(_) => ProblemKind::Unavailable,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<FleetError> for Refusal {
    fn from(error: FleetError) -> Self {
        let kind = match &error {
            FleetError::NotFound { .. } => ProblemKind::NotFound,
            FleetError::Refused(_) => ProblemKind::InvalidRequest,
            FleetError::NoCapacity { .. } | FleetError::Unavailable(_) => ProblemKind::Unavailable,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<OutlookError> for Refusal {
    fn from(error: OutlookError) -> Self {
        let kind = match error {
            OutlookError::NotHere => ProblemKind::Unavailable,
            OutlookError::Busy => ProblemKind::Overloaded,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<ReportError> for Refusal {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::State(error) => error.into(),
            ReportError::Fleet(error) => error.into(),
        }
    }
}

impl From<JsonRejection> for Refusal {
    fn from(rejection: JsonRejection) -> Self {
        let kind = match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => ProblemKind::BodyTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => ProblemKind::UnsupportedMediaType,
            StatusCode::UNPROCESSABLE_ENTITY => ProblemKind::InvalidRequest,
            _ => ProblemKind::MalformedRequest,
        };
        Self::new(kind, rejection.body_text())
    }
}

impl From<QueryRejection> for Refusal {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(ProblemKind::MalformedRequest, rejection.body_text())
    }
}

impl From<PathRejection> for Refusal {
    fn from(rejection: PathRejection) -> Self {
        Self::new(ProblemKind::NotFound, rejection.body_text())
    }
}

/// A JSON body whose rejection is a problem.
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Refusal;
    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let Json(body) = Json::from_request(request, state).await?;
        Ok(Self(body))
    }
}

/// A query whose rejection is a problem.
pub(super) struct Query<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Refusal;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let extract::Query(query) = extract::Query::from_request_parts(parts, state).await?;
        Ok(Self(query))
    }
}

/// A path whose rejection is a problem.
pub(super) struct Path<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Refusal;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let extract::Path(path) = extract::Path::from_request_parts(parts, state).await?;
        Ok(Self(path))
    }
}

/// An answer in JSON, or a problem.
pub(super) type Answer<T> = Result<Json<T>, Refusal>;

/// How many entries a list has, from the caller's `limit`.
pub(super) fn limit(wanted: Option<usize>) -> Result<usize, Refusal> {
    match wanted {
        None => Ok(LIMIT_DEFAULT),
        Some(wanted @ 1..=LIST_MAX) => Ok(wanted),
        Some(wanted) => Err(Refusal::new(
            ProblemKind::InvalidRequest,
            format!("limit: {wanted} is not possible, 1 to {LIST_MAX} are"),
        )),
    }
}

/// The first `limit` of `items`, and whether there are more. A store lists at most [`LIST_MAX`], so when it gave that
/// many there may be more that it did not give.
pub(super) fn page<S, T: for<'a> From<&'a S>>(items: &[Arc<S>], limit: usize) -> (Vec<T>, bool) {
    let shown = items.iter().take(limit).map(|item| T::from(item)).collect();
    (shown, items.len() > limit || items.len() >= LIST_MAX)
}

//! Players' own seats.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State as Part};
use axum::http::StatusCode;
use stadion_client::wire::{Session, Sessions};
use stadion_core::id::SessionId;
use stadion_core::session::{self, EndReason, SessionState};
use stadion_core::state::{Filter, StateError};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Player;
use crate::caller::Caller;
use crate::convert;
use crate::gateway::Gateway;
use crate::refusal::Refusal;
use crate::routes::whose::{Whose, whose};

pub(super) fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read, leave))
}

async fn own_session(
    gateway: &Gateway,
    caller: &Player,
    text: &str,
) -> Result<Arc<session::Session>, Refusal> {
    let id: SessionId = convert::id("session", text)?;
    let session = gateway.0.state.session(id).await?;
    convert::own(caller.may_be(&session.player_id), "session", text)?;
    Ok(session)
}

/// The caller's seats, newest first.
///
/// For clients without a WebSocket: once a ticket is `completed`, its seat is here. A seat that is over names no server.
#[utoipa::path(get, path = "/v1/sessions", tag = "sessions", operation_id = "list_sessions", params(Whose),
    responses((status = 200, description = "The seats that are not forgotten yet", body = Sessions)),
    security(("player_token" = [])))]
async fn list(
    Part(gateway): Part<Gateway>,
    Caller(caller): Caller,
    query: Result<Query<Whose>, QueryRejection>,
) -> Result<Json<Sessions>, Refusal> {
    let filter = Filter {
        player_id: Some(whose(query, &caller)?),
        ..Filter::default()
    };
    let mut sessions = Vec::new();
    for session in gateway.0.state.sessions(&filter).await? {
        // A player has one live seat (I1), so one match is read at most.
        sessions.push(match session.state.is_live() {
            true => in_full(&gateway, &session).await?,
            false => convert::session(&session, None, None),
        });
    }
    Ok(Json(Sessions { sessions }))
}

async fn in_full(gateway: &Gateway, session: &session::Session) -> Result<Session, StateError> {
    let of = gateway.0.state.get_match(session.match_id).await?;
    let reserved = session.state == SessionState::Reserved;
    let join_token = reserved.then(|| gateway.0.join_tokens.sign(session));
    Ok(convert::session(
        session,
        convert::server_address(&of),
        join_token,
    ))
}

/// The caller's own seat, with its join token while it is reserved.
#[utoipa::path(get, path = "/v1/sessions/{session_id}", tag = "sessions", operation_id = "get_session",
    params(("session_id" = String, Path, description = "Id of the session")),
    responses((status = 200, description = "The seat", body = Session)),
    security(("player_token" = [])))]
async fn read(
    Part(gateway): Part<Gateway>,
    Caller(caller): Caller,
    Path(text): Path<String>,
) -> Result<Json<Session>, Refusal> {
    let session = own_session(&gateway, &caller, &text).await?;
    Ok(Json(in_full(&gateway, &session).await?))
}

/// Leaves a match. Repeating it is no error.
#[utoipa::path(delete, path = "/v1/sessions/{session_id}", tag = "sessions", operation_id = "leave_session",
    params(("session_id" = String, Path, description = "Id of the session")),
    responses((status = 204, description = "The seat is free")),
    security(("player_token" = [])))]
async fn leave(
    Part(gateway): Part<Gateway>,
    Caller(caller): Caller,
    Path(text): Path<String>,
) -> Result<StatusCode, Refusal> {
    let session = own_session(&gateway, &caller, &text).await?;
    let state = &gateway.0.state;
    state
        .end_session(session.id, EndReason::Left, gateway.now())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

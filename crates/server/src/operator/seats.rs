//! Matches, sessions and tickets.

use std::str::FromStr;

use axum::Json;
use axum::extract::State as Handle;
use serde::Deserialize;
use stadion_core::id::{
    GameModeName, InvalidName, MatchId, PlayerId, ServerName, SessionId, TicketId,
};
use stadion_core::matches::MatchEnd;
use stadion_core::state::Filter;
use stadion_core::ticket::CancelReason;
use utoipa::IntoParams;

use super::OperatorParts;
use super::refusal::{Answer, Path, Query, Refusal, limit, page};
use super::wire::{MatchInfo, Matches, SessionInfo, Sessions, TicketInfo, Tickets};
use stadion_client::ProblemKind;
use stadion_client::wire::Outlook;
use stadion_gateway::Audience;

const MATCH_STATES: [&str; 5] = ["accepting", "placing", "live", "ended", "abandoned"];
const SESSION_STATES: [&str; 5] = ["reserved", "active", "ended", "expired", "kicked"];
const TICKET_STATES: [&str; 7] = [
    "searching",
    "requires_acceptance",
    "placing",
    "completed",
    "failed",
    "cancelled",
    "timed_out",
];

/// Which matches, sessions or tickets to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SeatQuery {
    /// With this player.
    player_id: Option<String>,
    /// Of this game mode.
    game_mode: Option<String>,
    /// In this state.
    state: Option<String>,
    /// On this game server.
    server: Option<String>,
    /// Of this match.
    match_id: Option<String>,
    /// Entries at most; 100 when absent, up to 1,000.
    #[param(minimum = 1, maximum = 1_000)]
    limit: Option<usize>,
}

impl SeatQuery {
    fn filter(&self, states: &[&'static str]) -> Result<Filter, Refusal> {
        let state = |text: &String| {
            let known = states.iter().find(|state| *state == text).copied();
            known.ok_or_else(|| {
                let why = format!("state: one of {}", states.join(", "));
                Refusal::new(ProblemKind::InvalidRequest, why)
            })
        };
        Ok(Filter {
            player_id: field("player_id", self.player_id.as_ref(), PlayerId::from_str)?,
            game_mode: field("game_mode", self.game_mode.as_ref(), GameModeName::from_str)?,
            state: self.state.as_ref().map(state).transpose()?,
            server: field("server", self.server.as_ref(), ServerName::from_str)?,
            match_id: field("match_id", self.match_id.as_ref(), MatchId::from_str)?,
        })
    }
}

fn field<T>(
    name: &str,
    text: Option<&String>,
    parse: impl Fn(&str) -> Result<T, InvalidName>,
) -> Result<Option<T>, Refusal> {
    let parsed = text.map(|text| parse(text)).transpose();
    parsed.map_err(|error| Refusal::new(ProblemKind::InvalidRequest, format!("{name}: {error}")))
}

/// An id that cannot be one names nothing.
fn id<T: FromStr<Err = InvalidName>>(text: &str) -> Result<T, Refusal> {
    text.parse()
        .map_err(|error: InvalidName| Refusal::new(ProblemKind::NotFound, error.to_string()))
}

/// Matches, newest first.
#[utoipa::path(
    get,
    path = "/v1/matches",
    operation_id = "list_matches",
    tag = "matches",
    params(SeatQuery),
    responses((status = 200, body = Matches))
)]
pub(super) async fn matches(
    Handle(parts): Handle<OperatorParts>,
    Query(query): Query<SeatQuery>,
) -> Answer<Matches> {
    let limit = limit(query.limit)?;
    let found = parts.state.matches(&query.filter(&MATCH_STATES)?).await?;
    let (matches, truncated) = page(&found, limit);
    Ok(Json(Matches { matches, truncated }))
}

/// One match.
#[utoipa::path(
    get,
    path = "/v1/matches/{id}",
    operation_id = "get_match",
    tag = "matches",
    params(("id" = String, Path, description = "Id of the match")),
    responses((status = 200, body = MatchInfo))
)]
pub(super) async fn one_match(
    Handle(parts): Handle<OperatorParts>,
    Path(text): Path<String>,
) -> Answer<MatchInfo> {
    let found = parts.state.get_match(id(&text)?).await?;
    Ok(Json(found.as_ref().into()))
}

/// Ends a live match and its sessions. Its game server is taken back.
#[utoipa::path(
    post,
    path = "/v1/matches/{id}/end",
    operation_id = "end_match",
    tag = "matches",
    params(("id" = String, Path, description = "Id of the match")),
    responses((status = 200, body = MatchInfo))
)]
pub(super) async fn end_match(
    Handle(parts): Handle<OperatorParts>,
    Path(text): Path<String>,
) -> Answer<MatchInfo> {
    let (id, now) = (id::<MatchId>(&text)?, parts.clock.now());
    let ended = parts.state.end_match(id, MatchEnd::Operator, None, now);
    let ended = ended.await?;
    tracing::info!(match_id = %id, "ended by an operator");
    Ok(Json(ended.as_ref().into()))
}

/// Sessions, newest first.
#[utoipa::path(
    get,
    path = "/v1/sessions",
    operation_id = "list_sessions",
    tag = "sessions",
    params(SeatQuery),
    responses((status = 200, body = Sessions))
)]
pub(super) async fn sessions(
    Handle(parts): Handle<OperatorParts>,
    Query(query): Query<SeatQuery>,
) -> Answer<Sessions> {
    let limit = limit(query.limit)?;
    let filter = query.filter(&SESSION_STATES)?;
    let found = parts.state.sessions(&filter).await?;
    let (sessions, truncated) = page(&found, limit);
    Ok(Json(Sessions {
        sessions,
        truncated,
    }))
}

/// One session.
#[utoipa::path(
    get,
    path = "/v1/sessions/{id}",
    operation_id = "get_session",
    tag = "sessions",
    params(("id" = String, Path, description = "Id of the session")),
    responses((status = 200, body = SessionInfo))
)]
pub(super) async fn session(
    Handle(parts): Handle<OperatorParts>,
    Path(text): Path<String>,
) -> Answer<SessionInfo> {
    let found = parts.state.session(id(&text)?).await?;
    Ok(Json(found.as_ref().into()))
}

/// Throws a player out of their match.
#[utoipa::path(
    post,
    path = "/v1/sessions/{id}/kick",
    operation_id = "kick_session",
    tag = "sessions",
    params(("id" = String, Path, description = "Id of the session")),
    responses((status = 200, body = SessionInfo))
)]
pub(super) async fn kick(
    Handle(parts): Handle<OperatorParts>,
    Path(text): Path<String>,
) -> Answer<SessionInfo> {
    let id = id::<SessionId>(&text)?;
    let kicked = parts.state.kick(id, parts.clock.now()).await?;
    tracing::info!(session_id = %id, "kicked by an operator");
    Ok(Json(kicked.as_ref().into()))
}

/// Tickets, newest first.
#[utoipa::path(
    get,
    path = "/v1/tickets",
    operation_id = "list_tickets",
    tag = "tickets",
    params(SeatQuery),
    responses((status = 200, body = Tickets))
)]
pub(super) async fn tickets(
    Handle(parts): Handle<OperatorParts>,
    Query(query): Query<SeatQuery>,
) -> Answer<Tickets> {
    let limit = limit(query.limit)?;
    let found = parts.state.tickets(&query.filter(&TICKET_STATES)?).await?;
    let (tickets, truncated) = page(&found, limit);
    Ok(Json(Tickets { tickets, truncated }))
}

/// One ticket.
#[utoipa::path(
    get,
    path = "/v1/tickets/{id}",
    operation_id = "get_ticket",
    tag = "tickets",
    params(("id" = String, Path, description = "Id of the ticket")),
    responses((status = 200, body = TicketInfo))
)]
pub(super) async fn ticket(
    Handle(parts): Handle<OperatorParts>,
    Path(text): Path<String>,
) -> Answer<TicketInfo> {
    let found = parts.state.ticket(id(&text)?).await?;
    Ok(Json(found.as_ref().into()))
}

/// Why a ticket waits, and how long it may.
#[utoipa::path(
    get,
    path = "/v1/tickets/{id}/outlook",
    operation_id = "get_outlook",
    tag = "tickets",
    params(("id" = String, Path, description = "Id of the ticket")),
    responses((status = 200, body = Outlook))
)]
pub(super) async fn expect(
    Handle(parts): Handle<OperatorParts>,
    Path(text): Path<String>,
) -> Answer<Outlook> {
    let ticket = parts.state.ticket(id(&text)?).await?;
    let (outlooks, now) = (parts.outlooks.as_ref(), parts.clock.now());
    let outlook = stadion_gateway::outlook(outlooks, &ticket, Audience::Studio, now);
    Ok(Json(outlook.await?))
}

/// Takes a searching ticket out of its queue.
#[utoipa::path(
    delete,
    path = "/v1/tickets/{id}",
    operation_id = "cancel_ticket",
    tag = "tickets",
    params(("id" = String, Path, description = "Id of the ticket")),
    responses((status = 200, body = TicketInfo))
)]
pub(super) async fn cancel(
    Handle(parts): Handle<OperatorParts>,
    Path(text): Path<String>,
) -> Answer<TicketInfo> {
    let (id, now) = (id::<TicketId>(&text)?, parts.clock.now());
    let cancelled = parts.state.cancel_ticket(id, CancelReason::Operator, now);
    let cancelled = cancelled.await?;
    tracing::info!(ticket_id = %id, "cancelled by an operator");
    Ok(Json(cancelled.as_ref().into()))
}

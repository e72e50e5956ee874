//! Tickets.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State as Part};
use axum::http::header::LOCATION;
use axum::http::{HeaderName, StatusCode};
use sha2::{Digest, Sha256};
use stadion_client::ProblemKind;
use stadion_client::wire::{CreateTicket, Outlook, Ticket, Tickets};
use stadion_core::id::TicketId;
use stadion_core::state::Filter;
use stadion_core::ticket::{CancelReason, Idempotency, NewTicket};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Player;
use crate::caller::{Caller, IdempotencyKey, JsonBody};
use crate::convert;
use crate::gateway::Gateway;
use crate::outlook::{Audience, outlook};
use crate::refusal::Refusal;
use crate::routes::whose::{Whose, whose};

pub(super) fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(read, cancel))
        .routes(routes!(expect))
}

/// Submits a ticket.
///
/// The answer comes after the ticket is durable. The same `Idempotency-Key` with the same body finds the ticket that
/// the first request made.
#[utoipa::path(post, path = "/v1/tickets", tag = "tickets", operation_id = "create_ticket",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 64 visible ASCII characters, new for every new request; makes repeating safe", min_length = 1, max_length = 64, pattern = "^[!-~]+$")),
    request_body = CreateTicket,
    responses((status = 201, description = "The ticket was created", body = Ticket),
        (status = 200, description = "An earlier request with this key had created it", body = Ticket)),
    security(("player_token" = [])))]
async fn create(
    Part(gateway): Part<Gateway>,
    Caller(caller): Caller,
    IdempotencyKey(key): IdempotencyKey,
    JsonBody(request): JsonBody<CreateTicket>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<Ticket>), Refusal> {
    if gateway.is_draining() {
        return Err(Refusal::new(
            ProblemKind::Unavailable,
            "the platform is stopping",
        ));
    }
    let shared = &gateway.0;
    let idempotency = idempotency(key, &caller, &request)?;
    let mode = shared
        .modes
        .get(&request.game_mode)
        .ok_or_else(|| convert::unknown_mode(&request.game_mode, shared.modes.keys()))?;
    let now = gateway.now();
    let new = NewTicket {
        id: TicketId::new(now, (shared.random)()),
        game_mode: mode.name.clone(),
        players: convert::party(&request.players, mode, &caller)?,
        region_preference: convert::preference(&request.region_preference)?,
        requirements: convert::requirements(request.requirements),
        idempotency,
        ttl_ms: mode.search_ms(shared.ticket_ttl_ms),
    };
    new.check(mode, &shared.regions)?;
    authorise(&caller, &new)?;
    let created = shared.state.create_ticket(new, now).await?;
    let status = if created.repeated {
        StatusCode::OK
    } else {
        shared.observer.ticket_created(&mode.name);
        StatusCode::CREATED
    };
    let location = format!("/v1/tickets/{}", created.ticket.id);
    Ok((
        status,
        [(LOCATION, location)],
        Json(convert::ticket(&created.ticket)),
    ))
}

/// A player queues for themselves, with whom their token says.
fn authorise(caller: &Player, new: &NewTicket) -> Result<(), Refusal> {
    let forbidden = |detail: String| Err(Refusal::new(ProblemKind::Forbidden, detail));
    if !caller.backend && !new.players.iter().any(|p| p.player_id == caller.id) {
        return forbidden("the caller is not among the players".into());
    }
    match new.players.iter().find(|p| !caller.may_bring(&p.player_id)) {
        Some(stranger) => forbidden(format!(
            "{:?} is not in the party claim of the caller's token",
            stranger.player_id.as_str()
        )),
        None => Ok(()),
    }
}

/// What makes repeating `request` safe.
fn idempotency(
    key: Option<String>,
    caller: &Player,
    request: &CreateTicket,
) -> Result<Option<Idempotency>, Refusal> {
    let Some(key) = key else {
        return Ok(None);
    };
    // Written anew from the parsed request, maps sorted: spaces and order of fields do not matter.
    let canonical = serde_json::to_vec(request)
        .map_err(|error| Refusal::new(ProblemKind::Internal, error.to_string()))?;
    Ok(Some(Idempotency {
        creator: caller.id.clone(),
        key,
        digest: Sha256::digest(&canonical).into(),
    }))
}

/// The caller's tickets, newest first.
#[utoipa::path(get, path = "/v1/tickets", tag = "tickets", operation_id = "list_tickets", params(Whose),
    responses((status = 200, description = "The tickets that are not forgotten yet", body = Tickets)),
    security(("player_token" = [])))]
async fn list(
    Part(gateway): Part<Gateway>,
    Caller(caller): Caller,
    query: Result<Query<Whose>, QueryRejection>,
) -> Result<Json<Tickets>, Refusal> {
    let player_id = whose(query, &caller)?;
    let filter = Filter {
        player_id: Some(player_id),
        ..Filter::default()
    };
    let tickets = gateway.0.state.tickets(&filter).await?;
    Ok(Json(Tickets {
        tickets: tickets
            .iter()
            .map(|ticket| convert::ticket(ticket))
            .collect(),
    }))
}

/// One ticket that the caller is in.
#[utoipa::path(get, path = "/v1/tickets/{ticket_id}", tag = "tickets", operation_id = "get_ticket",
    params(("ticket_id" = String, Path, description = "Id of the ticket")),
    responses((status = 200, description = "The ticket", body = Ticket)),
    security(("player_token" = [])))]
async fn read(
    Part(gateway): Part<Gateway>,
    Caller(caller): Caller,
    Path(text): Path<String>,
) -> Result<Json<Ticket>, Refusal> {
    own_ticket(&gateway, &caller, &text)
        .await
        .map(|ticket| Json(convert::ticket(&ticket)))
}

async fn own_ticket(
    gateway: &Gateway,
    caller: &Player,
    text: &str,
) -> Result<std::sync::Arc<stadion_core::ticket::Ticket>, Refusal> {
    let id: TicketId = convert::id("ticket", text)?;
    let ticket = gateway.0.state.ticket(id).await?;
    let own = ticket.players.iter().any(|p| caller.may_be(&p.player_id));
    convert::own(own, "ticket", text)?;
    Ok(ticket)
}

/// Takes a searching ticket back. Repeating it is no error.
#[utoipa::path(delete, path = "/v1/tickets/{ticket_id}", tag = "tickets", operation_id = "cancel_ticket",
    params(("ticket_id" = String, Path, description = "Id of the ticket")),
    responses((status = 200, description = "The ticket, cancelled", body = Ticket)),
    security(("player_token" = [])))]
async fn cancel(
    Part(gateway): Part<Gateway>,
    Caller(caller): Caller,
    Path(text): Path<String>,
) -> Result<Json<Ticket>, Refusal> {
    let ticket = own_ticket(&gateway, &caller, &text).await?;
    let state = &gateway.0.state;
    let cancelled = state
        .cancel_ticket(ticket.id, CancelReason::Requested, gateway.now())
        .await?;
    Ok(Json(convert::ticket(&cancelled)))
}

/// What the party may expect: its place in the queue, how long tickets of its kind wait, and why this one does.
#[utoipa::path(get, path = "/v1/tickets/{ticket_id}/outlook", tag = "tickets", operation_id = "get_outlook",
    params(("ticket_id" = String, Path, description = "Id of the ticket")),
    responses((status = 200, description = "The outlook", body = Outlook)),
    security(("player_token" = [])))]
async fn expect(
    Part(gateway): Part<Gateway>,
    Caller(caller): Caller,
    Path(text): Path<String>,
) -> Result<Json<Outlook>, Refusal> {
    let ticket = own_ticket(&gateway, &caller, &text).await?;
    let audience = if caller.backend {
        Audience::Studio
    } else {
        Audience::Players
    };
    let told = outlook(
        gateway.0.outlooks.as_ref(),
        &ticket,
        audience,
        gateway.now(),
    );
    Ok(Json(told.await?))
}

//! What game servers ask.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State as Part};
use axum::http::StatusCode;
use serde_json::{Map, Value};
use stadion_client::ProblemKind;
use stadion_client::wire::{Heartbeats, Match, OpenSeats, Redeem, Seat, Verdicts};
use stadion_core::id::{MatchId, ServerName, SessionId};
use stadion_core::limits::{HEARTBEATS_PER_CALL_MAX, LATENCY_MAX_MS};
use stadion_core::matches::{self, MatchEnd, MatchState};
use stadion_core::rules::Backfill;
use stadion_core::session::{EndReason, Heartbeat};
use stadion_core::state::{Filter, StateError, Verdict};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::caller::{CallingServer, IdempotencyKey, JsonBody};
use crate::convert;
use crate::gateway::Gateway;
use crate::refusal::Refusal;

pub(super) fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(redeem))
        .routes(routes!(heartbeats))
        .routes(routes!(end_session))
        .routes(routes!(read_match))
        .routes(routes!(offer_seats, withdraw_seats))
        .routes(routes!(report_result))
}

/// Takes a player's join token.
///
/// The answer says whom to let in. A token counts once, on its own server, for its own match, and not after its session.
/// Choose an `Idempotency-Key` for each connection that shows a token, and send it with every attempt for that one: an
/// answer that was lost is given again. With another key, or without one, a token that was used is refused.
#[utoipa::path(post, path = "/v1/sessions/redeem", tag = "game servers", operation_id = "redeem_join_token",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 64 visible ASCII characters, new for every connection of a player; makes repeating safe", min_length = 1, max_length = 64, pattern = "^[!-~]+$")),
    request_body = Redeem,
    responses((status = 200, description = "The player's seat, active from now on", body = Seat)),
    security(("server_token" = [])))]
async fn redeem(
    Part(gateway): Part<Gateway>,
    CallingServer(server): CallingServer,
    IdempotencyKey(key): IdempotencyKey,
    JsonBody(request): JsonBody<Redeem>,
) -> Result<Json<Seat>, Refusal> {
    let now = gateway.now();
    let verified = gateway.0.join_tokens.verify(&request.join_token, now);
    let claims =
        verified.map_err(|error| Refusal::new(ProblemKind::JoinTokenInvalid, error.to_string()))?;
    if claims.server != server {
        let detail = format!("the token's seat is not on {server}");
        return Err(Refusal::new(ProblemKind::JoinTokenForeign, detail));
    }
    let state = &gateway.0.state;
    let session = state
        .redeem(claims.jti, claims.match_id, &server, key.as_deref(), now)
        .await?;
    Ok(Json(convert::seat(&session)))
}

/// Reports signs of life of players.
#[utoipa::path(post, path = "/v1/sessions/heartbeats", tag = "game servers", operation_id = "report_heartbeats",
    request_body = Heartbeats,
    responses((status = 200, description = "Whom to disconnect", body = Verdicts)),
    security(("server_token" = [])))]
async fn heartbeats(
    Part(gateway): Part<Gateway>,
    CallingServer(server): CallingServer,
    JsonBody(request): JsonBody<Heartbeats>,
) -> Result<Json<Verdicts>, Refusal> {
    let beats = beats(&request)?;
    let state = &gateway.0.state;
    let verdicts = state.heartbeats(&server, &beats, gateway.now()).await?;
    observe(&gateway, &beats, &verdicts).await;
    let disconnect = beats
        .iter()
        .zip(&verdicts)
        .filter(|(_, verdict)| **verdict == Verdict::Disconnect)
        .map(|(beat, _)| beat.session_id.to_string())
        .collect();
    Ok(Json(Verdicts { disconnect }))
}

fn beats(request: &Heartbeats) -> Result<Vec<Heartbeat>, Refusal> {
    if request.heartbeats.len() > HEARTBEATS_PER_CALL_MAX {
        let why = format!("at most {HEARTBEATS_PER_CALL_MAX} are possible in one call");
        return Err(Refusal::invalid("heartbeats", why));
    }
    #[expect(clippy::cast_precision_loss, reason = "60,000 is exact in an f32")]
    let latency_max_ms = LATENCY_MAX_MS as f32;
    let mut beats = Vec::with_capacity(request.heartbeats.len());
    for (index, beat) in request.heartbeats.iter().enumerate() {
        let session_id: SessionId = beat.session_id.parse().map_err(|error| {
            let field = format!("heartbeats[{index}].session_id");
            Refusal::invalid(field, format!("{error}"))
        })?;
        if let Some(latency_ms) = beat.latency_ms
            && !(0.0..=latency_max_ms).contains(&latency_ms)
        {
            let field = format!("heartbeats[{index}].latency_ms");
            let why = format!("must be within 0 and {LATENCY_MAX_MS}");
            return Err(Refusal::invalid(field, why));
        }
        beats.push(Heartbeat {
            session_id,
            latency_ms: beat.latency_ms,
        });
    }
    Ok(beats)
}

/// Tells the observer what was measured. A server is in one region, so one session tells it for all.
async fn observe(gateway: &Gateway, beats: &[Heartbeat], verdicts: &[Verdict]) {
    let kept = || {
        beats
            .iter()
            .zip(verdicts)
            .filter(|(_, v)| **v == Verdict::Keep)
    };
    let Some((first, _)) = kept().find(|(beat, _)| beat.latency_ms.is_some()) else {
        return;
    };
    let Ok(session) = gateway.0.state.session(first.session_id).await else {
        return;
    };
    for latency_ms in kept().filter_map(|(beat, _)| beat.latency_ms) {
        gateway
            .0
            .observer
            .player_latency(&session.region, latency_ms);
    }
}

/// A player has left the game server.
#[utoipa::path(post, path = "/v1/sessions/{session_id}/end", tag = "game servers", operation_id = "end_session",
    params(("session_id" = String, Path, description = "Id of the session")),
    responses((status = 204, description = "The seat is free")),
    security(("server_token" = [])))]
async fn end_session(
    Part(gateway): Part<Gateway>,
    CallingServer(server): CallingServer,
    Path(text): Path<String>,
) -> Result<StatusCode, Refusal> {
    let id: SessionId = convert::id("session", &text)?;
    let state = &gateway.0.state;
    let session = state.session(id).await?;
    convert::own(session.server == server, "session", &text)?;
    state
        .end_session(id, EndReason::Left, gateway.now())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn own_match(
    gateway: &Gateway,
    server: &ServerName,
    text: &str,
) -> Result<Arc<matches::Match>, Refusal> {
    let id: MatchId = convert::id("match", text)?;
    let found = gateway.0.state.get_match(id).await?;
    if found.state == MatchState::Placing {
        return Err(Refusal::new(
            ProblemKind::MatchPlacing,
            format!("match {id} has no seats yet"),
        ));
    }
    let own = found
        .allocation
        .as_ref()
        .is_some_and(|allocation| allocation.server == *server);
    convert::own(own, "match", text)?;
    Ok(found)
}

/// A match, with who is seated.
async fn shown(gateway: &Gateway, shown: &matches::Match) -> Result<Json<Match>, Refusal> {
    let filter = Filter {
        match_id: Some(shown.id),
        ..Filter::default()
    };
    let sessions = gateway.0.state.sessions(&filter).await?;
    Ok(Json(convert::line_up(shown, &sessions)))
}

/// The line-up of the server's own match.
#[utoipa::path(get, path = "/v1/matches/{match_id}", tag = "game servers", operation_id = "get_match",
    params(("match_id" = String, Path, description = "Id of the match")),
    responses((status = 200, description = "The match", body = Match)),
    security(("server_token" = [])))]
async fn read_match(
    Part(gateway): Part<Gateway>,
    CallingServer(server): CallingServer,
    Path(text): Path<String>,
) -> Result<Json<Match>, Refusal> {
    let found = own_match(&gateway, &server, &text).await?;
    shown(&gateway, &found).await
}

/// Offers free seats of the server's own live match; the matchmaker fills them.
///
/// The offer is in place of the one before, and stays until it is filled, withdrawn, or the match ends; a fill takes its
/// seats off. Newcomers come with join tokens, as everybody does, and are in the line-up. Seats are free that the game
/// mode has and no reserved or active session sits on. Repeating it is no error.
#[utoipa::path(put, path = "/v1/matches/{match_id}/backfill", tag = "game servers", operation_id = "offer_seats",
    params(("match_id" = String, Path, description = "Id of the match")),
    request_body = OpenSeats,
    responses((status = 200, description = "The match with its offer", body = Match)),
    security(("server_token" = [])))]
async fn offer_seats(
    Part(gateway): Part<Gateway>,
    CallingServer(server): CallingServer,
    Path(text): Path<String>,
    JsonBody(offer): JsonBody<OpenSeats>,
) -> Result<Json<Match>, Refusal> {
    let found = own_match(&gateway, &server, &text).await?;
    let mode = gateway.0.modes.get(found.game_mode.as_str());
    let Some(mode) = mode.filter(|mode| mode.rules.backfill != Backfill::Off) else {
        let detail = format!("{} has no backfill", found.game_mode);
        return Err(Refusal::new(ProblemKind::BackfillOff, detail));
    };
    let team_seats = mode.team_seats();
    if offer.seats.len() != team_seats.len() {
        let why = format!(
            "{} teams were named, and {} has {}",
            offer.seats.len(),
            mode.name,
            team_seats.len()
        );
        return Err(Refusal::invalid("seats", why));
    }
    set_seats(&gateway, &server, found.id, &offer.seats, &team_seats).await
}

/// Takes nobody any more into the server's own live match. Repeating it is no error.
#[utoipa::path(delete, path = "/v1/matches/{match_id}/backfill", tag = "game servers", operation_id = "withdraw_seats",
    params(("match_id" = String, Path, description = "Id of the match")),
    responses((status = 200, description = "The match without an offer", body = Match)),
    security(("server_token" = [])))]
async fn withdraw_seats(
    Part(gateway): Part<Gateway>,
    CallingServer(server): CallingServer,
    Path(text): Path<String>,
) -> Result<Json<Match>, Refusal> {
    let found = own_match(&gateway, &server, &text).await?;
    set_seats(&gateway, &server, found.id, &[], &[]).await
}

async fn set_seats(
    gateway: &Gateway,
    server: &ServerName,
    id: MatchId,
    seats: &[u32],
    team_seats: &[u32],
) -> Result<Json<Match>, Refusal> {
    let state = &gateway.0.state;
    let offered = state.open_seats(id, server, seats, team_seats, gateway.now());
    let game = offered.await.map_err(|error| match error {
        // Of one match, for ever: it will not pass.
        StateError::Full { .. } => Refusal::new(ProblemKind::TooManySeats, error.to_string()),
        error => error.into(),
    })?;
    shown(gateway, &game).await
}

/// Reports how a match ended; it is over then.
///
/// Any JSON object. Repeating it is no error, and the first result stays.
#[utoipa::path(post, path = "/v1/matches/{match_id}/result", tag = "game servers", operation_id = "report_result",
    params(("match_id" = String, Path, description = "Id of the match")),
    request_body(content = Object, description = "The result, whatever the game wants to keep"),
    responses((status = 200, description = "The match, ended", body = Match)),
    security(("server_token" = [])))]
async fn report_result(
    Part(gateway): Part<Gateway>,
    CallingServer(server): CallingServer,
    Path(text): Path<String>,
    JsonBody(result): JsonBody<Map<String, Value>>,
) -> Result<Json<Match>, Refusal> {
    let found = own_match(&gateway, &server, &text).await?;
    let result = Some(Value::Object(result));
    let state = &gateway.0.state;
    let ended = state
        .end_match(found.id, MatchEnd::Finished, result, gateway.now())
        .await?;
    shown(&gateway, &ended).await
}

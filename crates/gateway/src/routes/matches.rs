//! The ready check of a proposed match.

use axum::Json;
use axum::extract::{Path, State as Part};
use stadion_client::ProblemKind;
use stadion_client::wire::{Acceptance, Respond};
use stadion_core::id::{MatchId, PlayerId};
use stadion_core::matches::Match;
use stadion_core::state::StateError;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Player;
use crate::caller::{Caller, JsonBody};
use crate::convert;
use crate::gateway::Gateway;
use crate::refusal::Refusal;

pub(super) fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new().routes(routes!(respond))
}

/// Says yes or no to a proposed match.
///
/// The event `match_proposed` asks for it. When everybody has said yes in time, a game server is found; otherwise the
/// match is off, whoever said yes searches on with the age they had, and the tickets of the others are cancelled.
/// Repeating an answer is no error and tells how many have accepted; the first answer stays.
#[utoipa::path(post, path = "/v1/matches/{match_id}/accept", tag = "tickets", operation_id = "respond",
    params(("match_id" = String, Path, description = "Id of the match")),
    request_body = Respond,
    responses((status = 200, description = "The answer counts; how the ready check stands", body = Acceptance)),
    security(("player_token" = [])))]
async fn respond(
    Part(gateway): Part<Gateway>,
    Caller(caller): Caller,
    Path(text): Path<String>,
    JsonBody(request): JsonBody<Respond>,
) -> Result<Json<Acceptance>, Refusal> {
    let player_id = who(&caller, request.player_id)?;
    let id: MatchId = convert::id("match", &text)?;
    let state = &gateway.0.state;
    let answered = state
        .respond(id, &player_id, request.accept, gateway.now())
        .await;
    let over = || {
        let detail =
            format!("the ready check of match {id} is over, and {player_id} gave no answer");
        Refusal::new(ProblemKind::AcceptanceOver, detail)
    };
    let game = answered.map_err(|error| match error {
        // Whose match it is not must not learn that it is there.
        StateError::NotFound { .. } => Refusal::not_found("match", &text),
        StateError::WrongState { .. } => over(),
        error => error.into(),
    })?;
    if answer_of(&game, &player_id) != Some(request.accept) {
        return Err(over());
    }
    Ok(Json(convert::acceptance(&game)))
}

/// Who answers: the caller, or whom the studio's backend names.
fn who(caller: &Player, named: Option<String>) -> Result<PlayerId, Refusal> {
    let Some(named) = named else {
        return Ok(caller.id.clone());
    };
    let player_id =
        PlayerId::new(named).map_err(|error| Refusal::invalid("player_id", error.to_string()))?;
    if !caller.may_be(&player_id) {
        let detail = "everybody answers for themselves";
        return Err(Refusal::new(ProblemKind::Forbidden, detail));
    }
    Ok(player_id)
}

fn answer_of(game: &Match, player_id: &PlayerId) -> Option<bool> {
    game.acceptance.as_ref()?.answers.get(player_id).copied()
}

//! Whose things a list has.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use serde::Deserialize;
use stadion_client::ProblemKind;
use stadion_core::id::PlayerId;
use utoipa::IntoParams;

use crate::auth::Player;
use crate::refusal::Refusal;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Whose {
    /// Whose; the caller's own when absent. Only the studio's backend may ask for others.
    #[param(min_length = 1, max_length = 128, pattern = "^[!-~]+$")]
    player_id: Option<String>,
}

/// The player that is asked for, if `caller` may.
pub(super) fn whose(
    query: Result<Query<Whose>, QueryRejection>,
    caller: &Player,
) -> Result<PlayerId, Refusal> {
    let malformed =
        |error: QueryRejection| Refusal::new(ProblemKind::MalformedRequest, error.body_text());
    let Query(whose) = query.map_err(malformed)?;
    let player_id = match whose.player_id {
        Some(text) => {
            PlayerId::new(text).map_err(|error| Refusal::invalid("player_id", error.to_string()))?
        }
        None => caller.id.clone(),
    };
    if !caller.may_be(&player_id) {
        let detail = "these are another player's";
        return Err(Refusal::new(ProblemKind::Forbidden, detail));
    }
    Ok(player_id)
}

//! What anybody may know.

use axum::Json;
use axum::extract::State as Part;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use stadion_client::wire::{GameModes, JoinKeys, Region, Regions};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::convert;
use crate::gateway::Gateway;

pub(super) fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::new()
        .routes(routes!(regions))
        .routes(routes!(game_modes))
        .routes(routes!(join_keys))
        .routes(routes!(openapi))
}

/// They change with the configuration only, and a game server that checks offline asks again after a rotation.
const PUBLIC: [(axum::http::HeaderName, &str); 1] = [(CACHE_CONTROL, "public, max-age=60")];

/// The regions that latencies can be measured to.
#[utoipa::path(get, path = "/v1/regions", tag = "platform", operation_id = "list_regions",
    responses((status = 200, description = "The regions", body = Regions)))]
async fn regions(Part(gateway): Part<Gateway>) -> Response {
    let region = |name: &stadion_core::id::Region| Region {
        name: name.to_string(),
    };
    let regions = gateway.0.regions.iter().map(region).collect();
    (PUBLIC, Json(Regions { regions })).into_response()
}

/// The game modes that can be queued for.
#[utoipa::path(get, path = "/v1/game_modes", tag = "platform", operation_id = "list_game_modes",
    responses((status = 200, description = "The game modes", body = GameModes)))]
async fn game_modes(Part(gateway): Part<Gateway>) -> Response {
    let game_modes = gateway.0.modes.values().map(convert::game_mode).collect();
    (PUBLIC, Json(GameModes { game_modes })).into_response()
}

/// The public keys of join tokens, for game servers that check them offline.
#[utoipa::path(get, path = "/v1/join_keys", tag = "platform", operation_id = "list_join_keys",
    responses((status = 200, description = "A JSON Web Key Set (RFC 7517)", body = JoinKeys)))]
async fn join_keys(Part(gateway): Part<Gateway>) -> Response {
    (PUBLIC, Json(gateway.0.join_tokens.public_keys())).into_response()
}

/// This description.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "platform", operation_id = "get_openapi",
    responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
async fn openapi() -> Response {
    (PUBLIC, Json(crate::openapi::openapi())).into_response()
}

//! The description of the edge: OpenAPI 3.1.

use stadion_client::Problem;
use stadion_client::wire::{ClientMessage, ServerMessage};
use utoipa::OpenApi as _;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, ResponseBuilder};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Stadion: players and game servers",
        description = "From \"I want to play\" to a running game server. Points in time are milliseconds since the Unix epoch. Every error is a problem (RFC 9457) whose `type` is listed in docs/errors.md.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
        contact(),
    ),
    components(schemas(Problem, ServerMessage, ClientMessage)),
    tags(
        (name = "tickets", description = "Asking for a match"),
        (name = "events", description = "Hearing of it"),
        (name = "sessions", description = "The seat in a match"),
        (name = "game servers", description = "What game servers ask"),
        (name = "platform", description = "What anybody may know"),
    )
)]
struct Base;

/// What the routes are added to.
pub(crate) fn base() -> OpenApi {
    let mut base = Base::openapi();
    base.info.contact = None;
    let bearer = |description: &str| {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some(description));
        SecurityScheme::Http(scheme.build())
    };
    let components = base.components.get_or_insert_default();
    components.add_security_scheme(
        "player_token",
        bearer("A token of the studio's identity system, with `sub` and `exp`"),
    );
    components.add_security_scheme("server_token", bearer("A game server's credential"));
    base
}

/// The description of every route.
#[must_use]
pub fn openapi() -> OpenApi {
    let mut described = crate::routes::described().into_openapi();
    let problem = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    let refused = ResponseBuilder::new()
        .description("A problem; docs/errors.md lists them")
        .content("application/problem+json", problem)
        .build();
    for path in described.paths.paths.values_mut() {
        let operations = [
            &mut path.get,
            &mut path.put,
            &mut path.post,
            &mut path.delete,
        ];
        for operation in operations.into_iter().flatten() {
            let responses = &mut operation.responses.responses;
            responses.insert("default".into(), refused.clone().into());
        }
    }
    described
}

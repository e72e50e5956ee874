//! The edge for operators: health, metrics, the report, and a hand on fleets, servers, matches, sessions and tickets.
//!
//! `/healthz`, `/readyz` and `/metrics` are open to whoever reaches the listener, as probes and Prometheus expect;
//! everything below `/v1` but its description wants the operator's token.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State as Handle};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Json, routing};
use stadion_core::fleet::{Fleet, FleetError};
use stadion_core::id::ServerName;
use stadion_core::mode::GameMode;
use stadion_core::state::State;
use stadion_core::time::Clock;
use stadion_gateway::Outlooks;
use subtle::ConstantTimeEq;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, OpenApiBuilder, Ref, ResponseBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::metrics::{self, Metrics};

mod fleets;
mod refusal;
mod seats;
mod serve;
#[cfg(test)]
pub(crate) mod tests;
pub mod wire;

use refusal::Refusal;
pub use serve::serve;
use stadion_client::{Problem, ProblemKind};
use wire::{Check, Readiness};

/// Largest body, bytes: the only one is a number in an object.
const BODY_BYTES_MAX: usize = 4 * 1024;

/// Entries of a list where the caller does not say: what a person reads.
pub const LIMIT_DEFAULT: usize = 100;

/// Lines of a log where the caller does not say.
pub const TAIL_LINES_DEFAULT: usize = 100;

/// Lines of a log at most: at 200 bytes a line, 2 MiB.
pub const TAIL_LINES_MAX: usize = 10_000;

/// Whoever knows whether the platform takes work.
#[async_trait]
pub trait HealthSource: Send + Sync + 'static {
    /// The conditions, each looked at now.
    async fn checks(&self) -> Vec<Check>;
}

/// Whoever has the logs of game servers; only a local fleet does.
#[async_trait]
pub trait LogSource: Send + Sync + 'static {
    /// The last `lines` lines of `server`, oldest first.
    ///
    /// # Errors
    /// [`FleetError::NotFound`], [`FleetError::Unavailable`].
    async fn tail(&self, server: &ServerName, lines: usize) -> Result<Vec<String>, FleetError>;
}

/// What the edge is made of.
#[derive(Clone)]
pub struct OperatorParts {
    /// The state.
    pub state: Arc<dyn State>,
    /// The fleets.
    pub fleet: Arc<dyn Fleet>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The game modes, for the report.
    pub modes: Arc<[GameMode]>,
    /// The operator's token.
    pub token: Arc<str>,
    /// Readiness.
    pub health: Arc<dyn HealthSource>,
    /// Logs of game servers, where there are any.
    pub logs: Option<Arc<dyn LogSource>>,
    /// Why tickets wait.
    pub outlooks: Arc<dyn Outlooks>,
}

impl fmt::Debug for OperatorParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperatorParts").finish_non_exhaustive()
    }
}

/// The routes of the edge.
pub fn router(parts: OperatorParts) -> Router {
    let (guarded, api) = documented();
    let guard = middleware::from_fn_with_state(parts.clone(), authenticate);
    let description = Arc::new(api);
    let open = Router::new()
        .route("/healthz", routing::get(healthz))
        .route("/readyz", routing::get(readyz))
        .route("/metrics", routing::get(scrape))
        .route(
            "/v1/openapi.json",
            routing::get(move || async move { Json((*description).clone()) }),
        );
    guarded
        .route_layer(guard)
        .merge(open)
        .fallback(no_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(parts)
}

/// The guarded routes, and what they are.
fn documented() -> (Router<OperatorParts>, OpenApi) {
    let (routes, mut api) = OpenApiRouter::with_openapi(skeleton())
        .routes(routes!(fleets::report))
        .routes(routes!(fleets::list))
        .routes(routes!(fleets::show))
        .routes(routes!(fleets::scale))
        .routes(routes!(fleets::servers))
        .routes(routes!(fleets::server, fleets::shut_down))
        .routes(routes!(fleets::logs))
        .routes(routes!(seats::matches))
        .routes(routes!(seats::one_match))
        .routes(routes!(seats::end_match))
        .routes(routes!(seats::sessions))
        .routes(routes!(seats::session))
        .routes(routes!(seats::kick))
        .routes(routes!(seats::tickets))
        .routes(routes!(seats::ticket, seats::cancel))
        .routes(routes!(seats::expect))
        .split_for_parts();
    describe_refusals(&mut api);
    (routes, api)
}

/// Every call may be refused.
fn describe_refusals(api: &mut OpenApi) {
    let problem = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    let refused = ResponseBuilder::new()
        .description("A problem")
        .content("application/problem+json", problem)
        .build();
    for path in api.paths.paths.values_mut() {
        let operations = [
            &mut path.get,
            &mut path.post,
            &mut path.put,
            &mut path.delete,
        ];
        for operation in operations.into_iter().flatten() {
            let responses = &mut operation.responses.responses;
            responses.insert("default".into(), refused.clone().into());
        }
    }
}

fn skeleton() -> OpenApi {
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    let components = utoipa::openapi::ComponentsBuilder::new()
        .security_scheme("operator_token", SecurityScheme::Http(bearer))
        .schema_from::<Problem>()
        .build();
    let info = utoipa::openapi::InfoBuilder::new()
        .title("Stadion, edge for operators")
        .description(Some(
            "Errors are RFC 9457 problem details (`application/problem+json`). Lists take `limit` and say \
             `truncated: true` when there is more. `/healthz`, `/readyz` and `/metrics` are on the same listener.",
        ))
        .version("1")
        .build();
    let token = utoipa::openapi::security::SecurityRequirement::new::<_, [&str; 0], &str>(
        "operator_token",
        [],
    );
    OpenApiBuilder::new()
        .info(info)
        .components(Some(components))
        .security(Some([token]))
        .build()
}

/// Lets the operator through. The comparison takes the same time wherever the tokens differ.
async fn authenticate(
    Handle(parts): Handle<OperatorParts>,
    request: Request,
    next: Next,
) -> Response {
    if bearer(request.headers())
        .is_some_and(|token| bool::from(token.ct_eq(parts.token.as_bytes())))
    {
        return next.run(request).await;
    }
    let refusal = Refusal::new(
        ProblemKind::Unauthenticated,
        "the operator's token is missing or wrong; it is in the file `operator-token` of the data directory",
    );
    let mut response = refusal.into_response();
    let challenge = HeaderValue::from_static("Bearer");
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    response
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
}

async fn healthz() -> &'static str {
    "ok\n"
}

async fn readyz(Handle(parts): Handle<OperatorParts>) -> (StatusCode, Json<Readiness>) {
    let checks = parts.health.checks().await;
    let ready = checks.iter().all(|check| check.ok);
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(Readiness { ready, checks }))
}

async fn scrape(Handle(parts): Handle<OperatorParts>) -> impl IntoResponse {
    let headers = [(CONTENT_TYPE, metrics::CONTENT_TYPE)];
    (headers, parts.metrics.encode())
}

async fn no_route() -> Refusal {
    Refusal::new(
        ProblemKind::NoRoute,
        "see /v1/openapi.json for the paths of the operator edge",
    )
}

async fn wrong_method() -> Refusal {
    Refusal::new(
        ProblemKind::MethodNotAllowed,
        "see /v1/openapi.json for the methods of this path",
    )
}

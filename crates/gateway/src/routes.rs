//! The routes and what is common to them.

mod matches;
mod platform;
mod servers;
mod sessions;
mod tickets;
mod whose;

use axum::Extension;
use axum::Router;
use axum::extract::{MatchedPath, Request, State as Part};
use axum::http::HeaderValue;
use axum::http::header::{CONNECTION, HeaderName};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use stadion_client::ProblemKind;
use tokio::time::Instant;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::connect::{__path_connect, connect};
use crate::gateway::Gateway;
use crate::refusal::Refusal;
use crate::serve::Connection;

pub(crate) fn described() -> OpenApiRouter<Gateway> {
    OpenApiRouter::with_openapi(crate::openapi::base())
        .merge(tickets::routes())
        .merge(matches::routes())
        .merge(sessions::routes())
        .merge(servers::routes())
        .merge(platform::routes())
        .routes(routes!(connect))
}

impl Gateway {
    /// The routes. Requests need the extension that [`Gateway::serve`] gives them.
    pub(crate) fn router(&self) -> Router {
        let (router, _) = described().split_for_parts();
        router
            .fallback(no_route)
            .method_not_allowed_fallback(no_method)
            .layer(from_fn_with_state(self.clone(), around))
            .with_state(self.clone())
    }
}

async fn no_route() -> Refusal {
    Refusal::new(ProblemKind::NoRoute, "see /v1/openapi.json for the paths")
}

async fn no_method() -> Refusal {
    let detail = "the header Allow names the methods";
    Refusal::new(ProblemKind::MethodNotAllowed, detail)
}

/// Limits by address before, counting after, and headers on every answer.
async fn around(
    Part(gateway): Part<Gateway>,
    Extension(connection): Extension<Connection>,
    route: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let mut response = match connection.refusal() {
        Some(refusal) => {
            let mut response = refusal.into_response();
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
            response
        }
        None => match gateway.0.rates.check_address(connection.address()) {
            Ok(()) => next.run(request).await,
            Err(refusal) => refusal.into_response(),
        },
    };
    // Answers are about one caller at one moment, and are data.
    let headers = response.headers_mut();
    headers
        .entry(axum::http::header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(
        HeaderName::from_static("x-content-type-options"),
        HeaderValue::from_static("nosniff"),
    );
    let observer = &gateway.0.observer;
    if let Some(kind) = response.extensions().get::<ProblemKind>() {
        observer.refused(*kind);
    }
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    observer.answered(route, response.status().as_u16(), started.elapsed());
    response
}

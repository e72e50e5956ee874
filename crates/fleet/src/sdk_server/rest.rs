//! The REST face, as grpc-gateway of the Agones sidecar shows it (`proto/sdk/sdk.proto`, `google.api.http` options).

use std::convert::Infallible;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use stadion_sdk::proto::{GameServer, KeyValue};
use tonic::{Code, Status};

use super::{MESSAGE_BYTES_MAX, Said, Service, grpc, json, metadata};

/// Every path of the stable service.
pub(super) fn router(service: Service) -> Router {
    Router::new()
        .route(
            "/ready",
            post(async |State(service): State<Service>| answer(service.say(Said::Ready))),
        )
        .route(
            "/allocate",
            post(async |State(service): State<Service>| answer(service.say(Said::Allocate))),
        )
        .route(
            "/shutdown",
            post(async |State(service): State<Service>| answer(service.say(Said::Shutdown))),
        )
        .route("/reserve", post(reserve))
        .route("/health", post(health))
        .route("/gameserver", get(game_server))
        .route("/watch/gameserver", get(watch))
        .route("/metadata/label", put(label))
        .route("/metadata/annotation", put(annotation))
        .method_not_allowed_fallback(async || Failure(Status::unimplemented("Method Not Allowed")))
        .fallback(not_found)
        .layer(DefaultBodyLimit::max(MESSAGE_BYTES_MAX))
        .with_state(service)
}

/// A status as grpc-gateway writes it.
struct Failure(Status);

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self(status)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Self(status) = self;
        let body =
            json!({ "code": i32::from(status.code()), "message": status.message(), "details": [] });
        (http_status(status.code()), axum::Json(body)).into_response()
    }
}

/// grpc-gateway's `HTTPStatusFromCode`.
fn http_status(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => {
            StatusCode::BAD_REQUEST
        }
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::Cancelled | Code::Unknown | Code::Internal | Code::DataLoss => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

fn answer(done: Result<(), Status>) -> Response {
    match done {
        Ok(()) => axum::Json(json!({})).into_response(),
        Err(status) => Failure(status).into_response(),
    }
}

/// A body as a message; nothing at all is the empty message.
fn message<T: DeserializeOwned + Default>(body: &Bytes) -> Result<T, Failure> {
    if body.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(body)
        .map_err(|error| Failure(Status::invalid_argument(error.to_string())))
}

async fn reserve(State(service): State<Service>, body: Bytes) -> Result<Response, Failure> {
    let json::Duration { seconds } = message(&body)?;
    Ok(answer(service.say(grpc::reserve(seconds)?)))
}

async fn label(State(service): State<Service>, body: Bytes) -> Result<Response, Failure> {
    let json::KeyValue { key, value } = message(&body)?;
    Ok(answer(
        service.say(metadata::label(KeyValue { key, value })?),
    ))
}

async fn annotation(State(service): State<Service>, body: Bytes) -> Result<Response, Failure> {
    let json::KeyValue { key, value } = message(&body)?;
    Ok(answer(
        service.say(metadata::annotation(KeyValue { key, value })?),
    ))
}

/// Each JSON object in the body is one sign of life; none at all is an error, as in the sidecar.
async fn health(State(service): State<Service>, body: Bytes) -> Result<Response, Failure> {
    let mut pings = 0;
    for ping in serde_json::Deserializer::from_slice(&body).into_iter::<Value>() {
        ping.map_err(|error| Status::invalid_argument(error.to_string()))?;
        service.backend.ping();
        pings += 1;
    }
    if pings == 0 {
        return Err(Failure(Status::invalid_argument(
            "a sign of life is a JSON object: send {}",
        )));
    }
    Ok(answer(Ok(())))
}

async fn game_server(State(service): State<Service>) -> Response {
    let now = service.backend.view().borrow().clone();
    axum::Json(json::game_server(&now)).into_response()
}

fn line(game_server: &GameServer) -> String {
    json!({ "result": json::game_server(game_server) }).to_string()
}

/// Changes as lines of JSON, or as messages when the caller upgrades to a WebSocket.
async fn watch(
    State(service): State<Service>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let changes = service.changes();
    if let Ok(upgrade) = upgrade {
        return upgrade.on_upgrade(|mut socket: WebSocket| async move {
            let mut changes = std::pin::pin!(changes);
            loop {
                tokio::select! {
                    change = changes.next() => {
                        let Some(change) = change else { return };
                        if socket.send(Message::text(line(&change))).await.is_err() {
                            return;
                        }
                    }
                    // Nothing is expected from the other side; reading answers its pings and sees it leave.
                    received = socket.recv() => if !matches!(received, Some(Ok(_))) { return },
                }
            }
        });
    }
    let lines = changes.map(|change| Ok::<_, Infallible>(line(&change) + "\n"));
    (
        [(header::CONTENT_TYPE, "application/json")],
        Body::from_stream(lines),
    )
        .into_response()
}

/// A path that is not there, in the words of whoever asks.
async fn not_found(headers: HeaderMap) -> Response {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .map_or(&b""[..], |value| value.as_bytes());
    if content_type.starts_with(b"application/grpc") {
        return Status::unimplemented("this service is not offered").into_http::<Body>();
    }
    Failure(Status::not_found("Not Found")).into_response()
}

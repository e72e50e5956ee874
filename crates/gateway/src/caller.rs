//! Who calls, and what they send.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use stadion_client::ProblemKind;
use stadion_core::id::ServerName;

use crate::auth::Player;
use crate::gateway::Gateway;
use crate::limits::BODY_TIMEOUT_MS;
use crate::refusal::Refusal;

/// An idempotency key, bytes: twice a UUID.
const KEY_BYTES_MAX: usize = 64;

/// A player, or the studio's backend.
pub(crate) struct Caller(pub(crate) Arc<Player>);

/// A game server.
pub(crate) struct CallingServer(pub(crate) ServerName);

pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

impl Gateway {
    /// Whom a player's token names, if they may ask now.
    pub(crate) fn authenticate(&self, token: &str) -> Result<Arc<Player>, Refusal> {
        let verified = self.0.players.verify(token, self.now());
        let player =
            verified.map_err(|why| Refusal::new(ProblemKind::Unauthenticated, why.to_owned()))?;
        if !player.backend {
            self.0.rates.check_player(&player.id)?;
        }
        Ok(player)
    }
}

fn no_credential() -> Refusal {
    let detail = "the request has no bearer token in its Authorization header";
    Refusal::new(ProblemKind::Unauthenticated, detail)
}

impl FromRequestParts<Gateway> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, Refusal> {
        let token = bearer(&parts.headers).ok_or_else(no_credential)?;
        gateway.authenticate(token).map(Self)
    }
}

impl FromRequestParts<Gateway> for CallingServer {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, Refusal> {
        let token = bearer(&parts.headers).ok_or_else(no_credential)?;
        let server = (gateway.0.servers)(token);
        server.map(Self).ok_or_else(|| {
            let detail = "the token is no game server's";
            Refusal::new(ProblemKind::Unauthenticated, detail)
        })
    }
}

/// What the caller calls this request, so that it may be repeated.
pub(crate) struct IdempotencyKey(pub(crate) Option<String>);

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let Some(value) = parts.headers.get("idempotency-key") else {
            return Ok(Self(None));
        };
        let bytes = value.as_bytes();
        let visible = bytes.iter().all(u8::is_ascii_graphic);
        let text = std::str::from_utf8(bytes).ok().filter(|_| visible);
        let key = text.filter(|key| (1..=KEY_BYTES_MAX).contains(&key.len()));
        let refused = || {
            let detail = format!("1 to {KEY_BYTES_MAX} visible ASCII characters are possible");
            Refusal::invalid("Idempotency-Key", detail)
        };
        key.map(|key| Self(Some(key.to_owned())))
            .ok_or_else(refused)
    }
}

/// A JSON body, bounded in size and time.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Gateway> for JsonBody<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, gateway: &Gateway) -> Result<Self, Refusal> {
        // Browsers cannot send this type to another origin without asking first.
        let is_json = request.headers().get(CONTENT_TYPE).is_some_and(|value| {
            let value = value.as_bytes();
            let media_type = value.split(|b| *b == b';').next().unwrap_or_default();
            media_type
                .trim_ascii()
                .eq_ignore_ascii_case(b"application/json")
        });
        if !is_json {
            let detail = "the body's Content-Type is not application/json";
            return Err(Refusal::new(ProblemKind::UnsupportedMediaType, detail));
        }
        let bytes = read(request.into_body(), gateway.0.limits.body_bytes_max).await?;
        parse(&bytes).map(Self)
    }
}

async fn read(body: Body, bytes_max: usize) -> Result<axum::body::Bytes, Refusal> {
    let whole = Limited::new(body, bytes_max).collect();
    let timeout = Duration::from_millis(BODY_TIMEOUT_MS);
    let Ok(collected) = tokio::time::timeout(timeout, whole).await else {
        let detail = format!("the body did not arrive within {BODY_TIMEOUT_MS} ms");
        return Err(Refusal::new(ProblemKind::RequestTimeout, detail));
    };
    match collected {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Refusal::new(
            ProblemKind::BodyTooLarge,
            format!("the body has more than {bytes_max} bytes"),
        )),
        Err(_) => Err(Refusal::new(
            ProblemKind::MalformedRequest,
            "the body ended before its end",
        )),
    }
}

pub(crate) fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(json).map_err(|error| {
        let text = error.to_string();
        if error.classify() != Category::Data {
            return Refusal::new(ProblemKind::MalformedRequest, text);
        }
        // Serde names the field in backticks when it is unknown or missing.
        let named = ["unknown field `", "missing field `"]
            .iter()
            .find_map(|start| text.strip_prefix(start)?.split('`').next());
        match named {
            Some(field) => Refusal::invalid(field.to_owned(), text.clone()),
            None => Refusal::new(ProblemKind::InvalidRequest, text),
        }
    })
}

//! Plain HTTP/1.1 with limits and timeouts. TLS ends in front of the gateway.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{ClientError, Problem};

/// Largest answer, bytes: 1,000 tickets (the most that a list has) of at most 4 KiB.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How long a call may take, milliseconds: the gateway answers within 1 s, or is in trouble.
const CALL_TIMEOUT_MS: u64 = 10_000;

/// How long a connection may take to open, milliseconds: three SYNs.
pub(crate) const CONNECT_TIMEOUT_MS: u64 = 5_000;

/// Idle connections kept: a program with thousands of players bursts, and needs few in between.
const IDLE_CONNECTIONS_MAX: usize = 32;

/// How long an idle connection is kept, seconds; shorter than servers and NATs keep it.
const IDLE_SECONDS: u64 = 30;

/// Where the gateway is.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    /// `host:port`, as the Host header wants it.
    pub(crate) authority: String,
    /// Host without brackets, to connect to.
    pub(crate) host: String,
    /// Port.
    pub(crate) port: u16,
    /// What every path begins with; no trailing slash.
    pub(crate) prefix: String,
}

impl Base {
    pub(crate) fn parse(base_url: &str) -> Result<Self, ClientError> {
        let invalid =
            || ClientError::Invalid(format!("{base_url:?} is not a URL like http://host:port"));
        let uri: Uri = base_url.parse().map_err(|_| invalid())?;
        if uri.scheme_str() != Some("http") || uri.query().is_some() {
            return Err(invalid());
        }
        let authority = uri.authority().ok_or_else(invalid)?;
        if authority.as_str().contains('@') {
            return Err(invalid());
        }
        Ok(Self {
            authority: authority.as_str().to_owned(),
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(80),
            prefix: uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

/// The connections to one gateway.
pub(crate) struct Http {
    pub(crate) base: Base,
    pool: Pool<HttpConnector, Full<Bytes>>,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.base.fmt(f)
    }
}

impl Http {
    pub(crate) fn new(base: Base) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(Duration::from_millis(CONNECT_TIMEOUT_MS)));
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(IDLE_SECONDS))
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .build(connector);
        Self { base, pool }
    }

    /// Sends one request and reads the whole answer; an error status becomes a [`ClientError::Problem`].
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<Bytes>,
        idempotency_key: Option<&str>,
    ) -> Result<Bytes, ClientError> {
        let uri = format!("http://{}{}{path}", self.base.authority, self.base.prefix);
        let mut request = Request::builder().method(method).uri(uri);
        if !token.is_empty() {
            request = request.header(AUTHORIZATION, bearer(token)?);
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(key) = idempotency_key {
            request = request.header("idempotency-key", key);
        }
        let request = request
            .body(Full::new(body.unwrap_or_default()))
            .map_err(|error| ClientError::Invalid(error.to_string()))?;
        let exchange = self.exchange(request);
        match tokio::time::timeout(Duration::from_millis(CALL_TIMEOUT_MS), exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(ClientError::Timeout {
                timeout_ms: CALL_TIMEOUT_MS,
            }),
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Bytes, ClientError> {
        let answer = self
            .pool
            .request(request)
            .await
            .map_err(|error| ClientError::Transport(chain(&error)))?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let bytes = body
            .map_err(|error| match error.downcast_ref::<LengthLimitError>() {
                Some(_) => ClientError::Answer(format!("more than {ANSWER_BYTES_MAX} bytes")),
                None => ClientError::Transport(error.to_string()),
            })?
            .to_bytes();
        if parts.status.is_success() {
            return Ok(bytes);
        }
        let retry_after = parts.headers.get(RETRY_AFTER);
        Err(problem_of(parts.status, retry_after, &bytes))
    }
}

/// The problem in an error answer, or one made from the status when somebody else answered.
pub(crate) fn problem_of(
    status: StatusCode,
    retry_after: Option<&HeaderValue>,
    body: &[u8],
) -> ClientError {
    let problem = serde_json::from_slice(body).unwrap_or_else(|_| Problem {
        type_uri: "about:blank".into(),
        title: status
            .canonical_reason()
            .unwrap_or("Unknown status")
            .to_owned(),
        status: status.as_u16(),
        detail: "the answer has no problem details".into(),
        instance: None,
        field: None,
    });
    let seconds = retry_after.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    ClientError::Problem {
        problem: Box::new(problem),
        retry_after_ms: seconds.map(|seconds| seconds.saturating_mul(1_000)),
    }
}

/// An error with its causes: the outermost of hyper's says little.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

pub(crate) fn bearer(token: &str) -> Result<HeaderValue, ClientError> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| ClientError::Invalid("the token cannot be sent in a header".into()))?;
    value.set_sensitive(true);
    Ok(value)
}

pub(crate) fn check_token(token: &str) -> Result<(), ClientError> {
    bearer(token).map(drop)
}

pub(crate) fn encode(body: &impl Serialize) -> Result<Bytes, ClientError> {
    serde_json::to_vec(body)
        .map(Bytes::from)
        .map_err(|error| ClientError::Invalid(error.to_string()))
}

pub(crate) fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(body).map_err(|error| ClientError::Answer(error.to_string()))
}

/// An id as one segment of a path.
pub(crate) fn segment(id: &str) -> Result<&str, ClientError> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if !id.is_empty() && id.bytes().all(good) {
        Ok(id)
    } else {
        Err(ClientError::Invalid(format!("{id:?} is no id")))
    }
}

//! A small client of the operator edge.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::de::DeserializeOwned;
use stadion_client::{Problem, ProblemKind};

use super::CliError;

/// Largest answer, bytes: 1,000 matches of 100 players at about 90 bytes each, and as much again.
const ANSWER_BYTES_MAX: usize = 20 * 1024 * 1024;

/// How long a call may take: the edge answers from memory, and a person waits.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// The file with the operator's token, in the data directory.
pub const TOKEN_FILE: &str = "operator-token";

/// The environment variable that has the token instead.
pub const TOKEN_ENV: &str = "STADION_OPERATOR_TOKEN";

/// A caller of one operator edge.
pub struct OperatorClient {
    base: String,
    token: HeaderValue,
    pool: Pool<HttpConnector, Full<Bytes>>,
}

impl fmt::Debug for OperatorClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperatorClient")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

impl OperatorClient {
    /// A caller of the edge at `url`, with the token of the environment (`from_env`, the value of [`TOKEN_ENV`]) or of
    /// the file in `data_dir`. Nothing is sent yet.
    ///
    /// # Errors
    /// [`CliError::Usage`] when the URL is none or there is no token.
    pub fn open(url: &str, data_dir: &Path, from_env: Option<&str>) -> Result<Self, CliError> {
        let token = match from_env.map(str::trim).filter(|token| !token.is_empty()) {
            Some(token) => token.to_owned(),
            None => {
                let path = data_dir.join(TOKEN_FILE);
                let text = std::fs::read_to_string(&path).map_err(|error| CliError::Token {
                    path,
                    why: error.to_string(),
                })?;
                text.trim().to_owned()
            }
        };
        Self::new(url, &token)
    }

    /// A caller of the edge at `url` with `token`. Nothing is sent yet.
    ///
    /// # Errors
    /// [`CliError::Usage`] when the URL is none or the token cannot be a header.
    pub fn new(url: &str, token: &str) -> Result<Self, CliError> {
        let parsed: Option<hyper::Uri> = url.parse().ok();
        let good =
            parsed.is_some_and(|uri| uri.scheme_str() == Some("http") && uri.host().is_some());
        if !good {
            let why = format!(
                "--operator-url: {url:?} is not a URL like {}",
                crate::cli::OPERATOR_URL
            );
            return Err(CliError::Usage(why));
        }
        let mut token = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| {
            CliError::Usage("the operator's token cannot be sent in a header".into())
        })?;
        token.set_sensitive(true);
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CALL_TIMEOUT));
        Ok(Self {
            base: url.trim_end_matches('/').to_owned(),
            token,
            pool: Pool::builder(TokioExecutor::new()).build(connector),
        })
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CliError> {
        read(&self.call(Method::GET, path, None).await?)
    }

    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str) -> Result<T, CliError> {
        read(&self.call(Method::POST, path, None).await?)
    }

    pub(super) async fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &serde_json::Value,
    ) -> Result<T, CliError> {
        read(&self.call(Method::PUT, path, Some(body)).await?)
    }

    pub(super) async fn delete(&self, path: &str) -> Result<Bytes, CliError> {
        self.call(Method::DELETE, path, None).await
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<Bytes, CliError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(AUTHORIZATION, self.token.clone());
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = body
            .map(|body| Bytes::from(body.to_string()))
            .unwrap_or_default();
        let request = request
            .body(Full::new(body))
            .map_err(|error| CliError::Usage(error.to_string()))?;
        let exchange = tokio::time::timeout(CALL_TIMEOUT, self.exchange(request));
        let (status, bytes) = exchange.await.map_err(|_| {
            self.unreachable(format!("no answer within {} s", CALL_TIMEOUT.as_secs()))
        })??;
        if status.is_success() {
            return Ok(bytes);
        }
        let problem: Result<Problem, _> = serde_json::from_slice(&bytes);
        Err(match problem {
            Ok(problem) if problem.kind().is_some_and(ProblemKind::is_retryable) => {
                self.unreachable(problem.to_string())
            }
            Ok(problem) if problem.kind() == Some(ProblemKind::NoRoute) => {
                CliError::Refused(format!(
                    "{} does not know {path}: --operator-url is the operators' address without a path, and program and platform have the same version",
                    self.base
                ))
            }
            Ok(problem) => CliError::Refused(problem.detail),
            Err(_) => CliError::Refused(format!(
                "{} answered {status} without saying why",
                self.base
            )),
        })
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(hyper::StatusCode, Bytes), CliError> {
        let answer = self
            .pool
            .request(request)
            .await
            .map_err(|error| self.unreachable(innermost(&error)))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect();
        let body = body
            .await
            .map_err(|error| self.unreachable(error.to_string()))?;
        Ok((status, body.to_bytes()))
    }

    fn unreachable(&self, why: String) -> CliError {
        CliError::Unreachable {
            url: self.base.clone(),
            why,
        }
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => innermost(cause),
        None => error.to_string(),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, CliError> {
    serde_json::from_slice(body).map_err(|error| CliError::Answer(error.to_string()))
}

/// `/v1/KIND` with those of `pairs` that have a value as its query.
pub(super) fn with_query(path: &str, pairs: &[(&str, Option<String>)]) -> String {
    let mut url = path.to_owned();
    for (name, value) in pairs {
        if let Some(value) = value {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(name);
            url.push('=');
            url.push_str(&encoded(value));
        }
    }
    url
}

/// Percent-encoded but for RFC 3986's unreserved characters.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

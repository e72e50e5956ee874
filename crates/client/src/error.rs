//! What can go wrong for a client.

use crate::problem::{Problem, ProblemKind};

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The base URL, token or a parameter cannot be sent. The caller's fault; do not retry.
    #[error("{0}")]
    Invalid(String),
    /// The gateway refused. Retry only if its kind says so, after `retry_after_ms`.
    #[error("{problem}")]
    Problem {
        /// What it said.
        problem: Box<Problem>,
        /// How long it asked to wait, milliseconds.
        retry_after_ms: Option<u64>,
    },
    /// The connection failed. Retry, with the same idempotency key.
    #[error("the connection failed: {0}")]
    Transport(String),
    /// No answer in time. Retry, with the same idempotency key.
    #[error("no answer within {timeout_ms} ms")]
    Timeout {
        /// How long was waited, milliseconds.
        timeout_ms: u64,
    },
    /// The same player connected elsewhere, and the newest connection stays. Do not retry by yourself: two devices
    /// would take turns for ever.
    #[error("the same player connected elsewhere")]
    Replaced,
    /// The answer is not what it should be; a defect or another version. Do not retry.
    #[error("the answer cannot be read: {0}")]
    Answer(String),
}

impl ClientError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Invalid(_) | Self::Answer(_) | Self::Replaced => false,
            Self::Transport(_) | Self::Timeout { .. } => true,
            Self::Problem { problem, .. } => {
                // A proxy in between may answer without a problem of ours.
                problem
                    .kind()
                    .map_or(problem.status >= 502, ProblemKind::is_retryable)
            }
        }
    }

    /// The kind of problem, if the gateway named one.
    #[must_use]
    pub fn kind(&self) -> Option<ProblemKind> {
        match self {
            Self::Problem { problem, .. } => problem.kind(),
            _ => None,
        }
    }
}

//! What a scene may fail with.

use std::io;

/// Why a scene could not be made or played. Tests and benchmarks print it; nothing retries.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// A tool such as `ip`, `tc` or `nft` refused, or is not there.
    #[error("`{command}`: {output}")]
    Tool {
        /// The command line.
        command: String,
        /// What it wrote to its error output, or why it did not start.
        output: String,
    },
    /// The kernel refused.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// The kernel's answer.
        source: io::Error,
    },
}

impl LabError {
    /// For `map_err`: names what was tried.
    pub(crate) fn io<E: Into<io::Error>>(what: impl Into<String>) -> impl FnOnce(E) -> Self {
        let what = what.into();
        move |error| Self::Io {
            what,
            source: error.into(),
        }
    }
}

//! What can go wrong, whose fault it is, and whether to try again.

use std::io;
use std::path::PathBuf;

/// What went wrong. The text is for the person who runs the host; [`Error::exit_code`] is for scripts.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line asks for what cannot be.
    #[error("{0}")]
    Usage(String),
    /// The profile is wrong.
    #[error("the profile {path} is wrong: {what}")]
    Profile {
        /// The file, or the name of a built-in profile.
        path: String,
        /// What is wrong, with the line where it is known.
        what: String,
    },
    /// This needs rights that the caller has not.
    #[error("{what} needs {needs}: {hint}")]
    Privilege {
        /// What was to be done.
        what: String,
        /// The missing right, such as `CAP_NET_ADMIN`.
        needs: &'static str,
        /// What to do instead.
        hint: String,
    },
    /// A file of the host, or of ours, could not be read or written.
    #[error("{what} {path}: {source}")]
    File {
        /// `reading`, `writing`, and so on.
        what: &'static str,
        /// The file, as the host calls it.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A program that we need is not installed.
    #[error("the program `{program}` is missing: install the package {package}")]
    ToolMissing {
        /// Its name.
        program: String,
        /// The package of Debian and Fedora that has it.
        package: &'static str,
    },
    /// A program did not do what it was told.
    #[error("`{command}` failed: {said}")]
    Tool {
        /// The command line.
        command: String,
        /// What it said, shortened.
        said: String,
    },
    /// A tool or the kernel answered with something that we do not understand.
    #[error("{what}: {said}")]
    Parse {
        /// What was read.
        what: String,
        /// What is wrong with it.
        said: String,
    },
    /// The kernel took a value and has another.
    #[error("{what} was set to `{wanted}`, and reads `{found}`")]
    ReadBack {
        /// The subject.
        what: String,
        /// What was written.
        wanted: String,
        /// What is there.
        found: String,
    },
    /// Refused to protect the host or the one who runs it; nothing was changed.
    #[error("refused: {0}")]
    Refused(String),
    /// Another run holds the lock; worth a retry when it is done.
    #[error("another `stadion network` is at work here ({0}); try again when it is done")]
    Busy(String),
    /// A step failed, and what was done before it has been taken back.
    #[error("{cause}; the host is as it was before{left}")]
    PutBack {
        /// Why.
        cause: Box<Error>,
        /// What could not be put back, or nothing.
        left: String,
    },
    /// With `--strict`: something was left out.
    #[error("--strict, and left out: {0}")]
    Skipped(String),
}

/// Ours.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// The exit code that `stadion network --help` documents.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Profile { .. } => 3,
            Self::Privilege { .. } => 4,
            Self::Refused(_) | Self::Busy(_) | Self::Skipped(_) => 5,
            Self::File { .. }
            | Self::ToolMissing { .. }
            | Self::Tool { .. }
            | Self::Parse { .. }
            | Self::ReadBack { .. }
            | Self::PutBack { .. } => 1,
        }
    }

    /// Whether the same command may succeed later without anybody changing anything.
    #[must_use]
    pub const fn is_worth_a_retry(&self) -> bool {
        matches!(self, Self::Busy(_))
    }
}

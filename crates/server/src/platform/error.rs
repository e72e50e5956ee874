//! Why a platform did not start, or stopped.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a platform did not start, or stopped. The texts name the next step, because the person who reads them is the
/// one who can take it.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// A backend of the configuration that this version does not have.
    #[error("{key}: {value} is not in this version yet; use {instead}")]
    NotBuilt {
        /// The key.
        key: &'static str,
        /// Its value.
        value: &'static str,
        /// What works.
        instead: &'static str,
    },
    /// The data directory cannot be used.
    #[error("data_dir: {path}: {source}{hint}", path = path.display(), hint = data_dir_hint(source))]
    DataDir {
        /// Which path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another platform has the data directory.
    #[error(
        "data_dir: {path} is in use by the platform that runs as process {pid}: stop that one, or choose another directory",
        path = path.display()
    )]
    Runs {
        /// The data directory.
        path: PathBuf,
        /// The other platform's process.
        pid: u32,
    },
    /// A listener's address is taken or not ours.
    #[error("{key}: cannot listen on {address}: {source}{hint}", hint = in_use_hint(source))]
    Bind {
        /// The key.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A socket failed in a way that sockets do not.
    #[error("a listener has no address: {0}")]
    Socket(io::Error),
    /// The log could not be opened.
    #[error("logging: {0}")]
    Logging(io::Error),
    /// The decision log cannot be begun.
    #[error("matchmaking.decision_log: {path}: {source}", path = path.display())]
    DecisionLog {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The running program cannot be found, so it cannot start its own game servers.
    #[error("cannot find the running program: {0}; set `command` of the fleets")]
    OwnProgram(io::Error),
    /// The state did not open.
    #[error(transparent)]
    State(#[from] stadion_state::embedded::OpenError),
    /// The state did not answer.
    #[error(transparent)]
    StateCall(#[from] stadion_core::state::StateError),
    /// The fleet did not open.
    #[error(transparent)]
    Fleet(#[from] stadion_fleet::local::LocalFleetError),
    /// The fleet did not answer.
    #[error(transparent)]
    FleetCall(#[from] stadion_core::fleet::FleetError),
    /// State or fleet did not answer for the report.
    #[error(transparent)]
    Report(#[from] crate::report::ReportError),
    /// A key or secret could not be had.
    #[error(transparent)]
    Key(#[from] keys::KeyError),
    /// A key for players' tokens is none.
    #[error("auth.player_keys: {0}")]
    PlayerKey(String),
    /// A part that must live ended.
    #[error("{name} ended, and the platform cannot live without it")]
    Died {
        /// Which.
        name: &'static str,
    },
    /// The platform is ended, and not all of it ended in its time.
    #[error("the end was cut short; these did not end in time: {what}")]
    Unfinished {
        /// What was waited for.
        what: String,
    },
    /// A part broke a promise to itself.
    #[error("a part of the platform failed: {why}")]
    Panicked {
        /// What it said.
        why: String,
    },
}

use crate::keys;

fn data_dir_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
            "; a file is where a directory has to be: move it away, or choose another directory (--data-dir)"
        }
        io::ErrorKind::PermissionDenied => {
            "; the user who runs Stadion has to be able to write there (--data-dir names another directory)"
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "; choose a directory that can be written (--data-dir)"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; make room, or choose another directory (--data-dir)"
        }
        _ => "",
    }
}

fn in_use_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "; another program has it: stop that one, or choose another port"
        }
        io::ErrorKind::PermissionDenied => {
            "; ports below 1024 belong to the superuser: choose a higher one"
        }
        io::ErrorKind::AddrNotAvailable => "; no interface of this machine has that address",
        _ => "",
    }
}

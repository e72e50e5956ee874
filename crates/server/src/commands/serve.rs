//! `stadion serve`: the platform until it is told to stop.

use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::Settings;
use crate::config::written::LogFormat;
use crate::platform::{self, Platform, PlatformError};
use crate::{limits, logging};

/// SIGINT, SIGTERM and SIGHUP, each time they come.
pub struct Stops {
    interrupt: Signal,
    terminate: Signal,
    /// Of a terminal that was closed; not there under `nohup`.
    hangup: Option<Signal>,
}

impl Stops {
    /// Takes over the signals; needs a running runtime.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: match hangup_is_ignored() {
                true => None,
                false => Some(signal(SignalKind::hangup())?),
            },
        })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            Some(_) = async { self.hangup.as_mut()?.recv().await } => {}
        }
    }
}

/// Whether whoever started this process wants it to outlive the terminal: SIGHUP is 1, the lowest bit of `SigIgn`
/// (proc_pid_status(5)).
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 == 1)
}

/// Says what was found in the data directory.
pub fn log_recovery(platform: &Platform) {
    let found = platform.recovery;
    if found.repaired {
        tracing::warn!(
            "the last run was cut off: what it had not finished writing was dropped; nothing acknowledged was"
        );
    }
    if found.tickets + found.matches + found.sessions > 0 {
        let (tickets, matches, sessions) = (found.tickets, found.matches, found.sessions);
        tracing::info!(tickets, matches, sessions, took = ?found.took, "recovered");
    }
}

/// Runs the platform until SIGINT, SIGTERM or SIGHUP; a second one cuts the drain short.
///
/// # Errors
/// When it cannot start, or a part that must live has died.
pub async fn run(settings: Settings) -> Result<ExitCode, PlatformError> {
    let json = settings.logging.format == LogFormat::Json;
    logging::start(
        &settings.logging.level,
        json,
        false,
        settings.logging.file.as_deref(),
    )
    .map_err(PlatformError::Logging)?;
    let open_files = limits::raise_open_files();
    let connections = settings.gateway.limits.connections_max as u64;
    if let Some(open_files) = open_files.filter(|limit| *limit < connections) {
        tracing::warn!(
            open_files,
            connections_max = connections,
            "the limit of open files (`ulimit -Hn`) is below gateway.limits.connections_max: connections beyond it are not accepted"
        );
    }
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    let drain = Duration::from_millis(settings.drain_timeout_ms);
    let mut stops = Stops::new().map_err(PlatformError::Socket)?;
    let mut platform = platform::start(settings).await?;
    log_recovery(&platform);
    let endpoints = &platform.endpoints;
    tracing::info!(gateway = %endpoints.gateway, operator = %endpoints.operator, "ready");
    tokio::select! {
        () = stops.next() => {}
        error = platform.died() => return Err(error),
    }
    tracing::info!(timeout = ?drain, "stopping: no new tickets, live matches may end; once more to stop at once");
    platform.stop(drain, stops.next()).await?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

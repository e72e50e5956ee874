//! `stadion serve`: the platform until it is told to stop.

use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::Settings;
use crate::config::written::LogFormat;
use crate::platform::{self, Platform, PlatformError};
use crate::{limits, logging};

/// SIGINT and SIGTERM, each time they come.
pub struct Stops {
    interrupt: Signal,
    terminate: Signal,
}

impl Stops {
    /// Takes over both signals; needs a running runtime.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
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

/// Runs the platform until SIGINT or SIGTERM; a second one cuts the drain short.
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
    limits::raise_open_files();
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

//! Logs: structured, to stdout or to a file.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::{BoxMakeWriter, MakeWriterExt as _};

/// Starts logging for the whole process, at `level` (a level, or `target=level` pairs), as JSON lines or as text, to
/// stdout unless `quiet`, and appended to `file` if there is one.
///
/// # Errors
/// When the file cannot be opened or the level cannot be read.
pub fn start(level: &str, json: bool, quiet: bool, file: Option<&Path>) -> io::Result<()> {
    let filter = EnvFilter::try_new(level)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let open = |path| OpenOptions::new().create(true).append(true).open(path);
    let writer = match file.map(open).transpose()?.map(Arc::new) {
        Some(file) if quiet => BoxMakeWriter::new(file),
        Some(file) => BoxMakeWriter::new(io::stdout.and(file)),
        None if quiet => BoxMakeWriter::new(io::sink),
        None => BoxMakeWriter::new(io::stdout),
    };
    let ansi = file.is_none()
        && std::env::var_os("NO_COLOR").is_none()
        && io::IsTerminal::is_terminal(&io::stdout());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // They would go to stderr, and a stderr that is closed (`2>&1 | head -1`) would be a panic for each line.
        .log_internal_errors(false)
        .with_writer(writer)
        .with_ansi(ansi);
    let started = if json {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.try_init()
    };
    started.map_err(io::Error::other)
}

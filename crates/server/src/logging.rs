//! Logs: structured, to stdout or to a file.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

/// Starts logging for the whole process, at `level` (a level, or `target=level` pairs), as JSON lines or as text,
/// appended to `file` or on stdout.
///
/// # Errors
/// When the file cannot be opened or the level cannot be read.
pub fn start(level: &str, json: bool, file: Option<&Path>) -> io::Result<()> {
    let filter = EnvFilter::try_new(level)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let writer = match file {
        None => BoxMakeWriter::new(io::stdout),
        Some(path) => {
            let file = OpenOptions::new().create(true).append(true).open(path)?;
            BoxMakeWriter::new(Arc::new(file))
        }
    };
    let ansi = file.is_none()
        && std::env::var_os("NO_COLOR").is_none()
        && io::IsTerminal::is_terminal(&io::stdout());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(ansi);
    let started = if json {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.try_init()
    };
    started.map_err(io::Error::other)
}

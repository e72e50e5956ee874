//! Opening a data directory: what runs there and is understood is adopted, the rest is ended and removed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use stadion_core::id::ServerName;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

use super::executor::{Inner, ended_dir, retire, servers_dir};
use super::lock::DirLock;
use super::ports::sdk_listener;
use super::process;
use super::record::Record;
use super::{LocalConfig, LocalFleetError};

/// How long an SDK port is tried again: a connection of the earlier Stadion may take a moment to go.
const REBIND_FOR: Duration = Duration::from_secs(5);
/// Wait between two tries.
const REBIND_PAUSE: Duration = Duration::from_millis(50);

pub(super) async fn open(config: LocalConfig) -> Result<Arc<Inner>, LocalFleetError> {
    for dir in [
        config.data_dir.clone(),
        servers_dir(&config),
        ended_dir(&config),
    ] {
        fs::create_dir_all(&dir).map_err(|source| LocalFleetError::Io {
            what: "create",
            path: dir,
            source,
        })?;
    }
    // Processes are told by this path, so it must be the same however it is spelled.
    let data_dir = fs::canonicalize(&config.data_dir).map_err(|source| LocalFleetError::Io {
        what: "resolve",
        path: config.data_dir.clone(),
        source,
    })?;
    let config = LocalConfig { data_dir, ..config };
    let lock = DirLock::take(&config.data_dir)?;

    let mut adopted = Vec::new();
    for name in names(&servers_dir(&config))? {
        match living(&config, &name) {
            Some(record) => adopted.push(record),
            None => retire(&config, &name),
        }
    }
    end_strays(&config, &adopted);

    let inner = Inner::new(config.clone(), lock);
    for mut record in adopted {
        let listener = rebind(record.sdk_port).await;
        if listener.is_none() {
            tracing::error!(server = %record.server.name, port = record.sdk_port, "the SDK port of a game server is taken: it is ended");
        }
        tracing::info!(server = %record.server.name, state = record.server.state.as_str(), "a game server was adopted");
        record.server.address.clone_from(&config.address);
        inner.adopt(record, listener);
    }
    Ok(inner)
}

/// Directories of game servers.
fn names(dir: &Path) -> Result<Vec<ServerName>, LocalFleetError> {
    let entries = fs::read_dir(dir).map_err(|source| LocalFleetError::Io {
        what: "read",
        path: dir.to_path_buf(),
        source,
    })?;
    Ok(entries
        .flatten()
        .filter_map(|entry| ServerName::new(entry.file_name().to_str()?).ok())
        .collect())
}

/// The record of a server whose process lives and whose fleet is configured.
fn living(config: &LocalConfig, name: &ServerName) -> Option<Record> {
    let record = match Record::read(&servers_dir(config).join(name.as_str())) {
        Ok(record) => record,
        Err(error) => {
            tracing::warn!(server = %name, %error, "a record cannot be read");
            return None;
        }
    };
    let known = config
        .fleets
        .iter()
        .any(|spec| spec.name == record.server.fleet);
    (known && record.server.name == *name && record.process()?.is_alive()).then_some(record)
}

/// Ends every process of this data directory that is in no adopted record: its record was unreadable or its fleet is
/// gone, or Stadion died between starting it and writing its pid down.
fn end_strays(config: &LocalConfig, adopted: &[Record]) {
    let kept: BTreeSet<_> = adopted
        .iter()
        .map(|record| record.server.name.as_str())
        .collect();
    let grace = Duration::from_millis(config.timing.stop_grace_ms);
    for (identity, dir) in process::marked(&servers_dir(config)) {
        let name = dir.file_name().and_then(|name| name.to_str());
        if name.is_none_or(|name| !kept.contains(name)) {
            tracing::warn!(pid = identity.pid, dir = %dir.display(), "a game server that nobody knows is ended");
            tokio::spawn(process::end(identity, grace));
        }
    }
}

async fn rebind(port: u16) -> Option<TcpListener> {
    let start = Instant::now();
    loop {
        match sdk_listener(port).and_then(TcpListener::from_std) {
            Ok(listener) => return Some(listener),
            Err(_) if start.elapsed() < REBIND_FOR => sleep(REBIND_PAUSE).await,
            Err(error) => {
                tracing::warn!(port, %error, "an SDK port cannot be bound");
                return None;
            }
        }
    }
}

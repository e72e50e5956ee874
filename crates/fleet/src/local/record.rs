//! What is kept on disk about one game server, so that the next Stadion finds it again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use stadion_core::fleet::GameServer;
use stadion_core::time::Timestamp;

use super::process::Identity;

/// Version of the format; a record of another version is not understood, and its process is ended.
const FORMAT: u32 = 1;
const FILE: &str = "record.json";

/// One game server, with what only this host knows about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// Version of this format.
    format: u32,
    /// The game server.
    pub(super) server: GameServer,
    /// Unique over all time, where the name is unique only among the living.
    pub(super) uid: String,
    /// Goes up with every change.
    pub(super) version: u64,
    /// Where its SDK server listens, on loopback.
    pub(super) sdk_port: u16,
    /// When its process started, in clock ticks since boot; with the pid it names the process for good.
    pub(super) process_start: Option<u64>,
    /// When a reservation ends; none while it has no end.
    pub(super) reserved_until: Option<Timestamp>,
}

impl Record {
    pub(super) fn new(server: GameServer, uid: String, sdk_port: u16) -> Self {
        Self {
            format: FORMAT,
            server,
            uid,
            version: 1,
            sdk_port,
            process_start: None,
            reserved_until: None,
        }
    }

    /// Its process, once it has one.
    pub(super) fn process(&self) -> Option<Identity> {
        Some(Identity {
            pid: self.server.pid?,
            start: self.process_start?,
        })
    }

    /// Reads the record in `dir`.
    pub(super) fn read(dir: &Path) -> io::Result<Self> {
        let record: Self = serde_json::from_slice(&fs::read(dir.join(FILE))?)?;
        if record.format == FORMAT {
            Ok(record)
        } else {
            Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("record format {} is not known", record.format),
            ))
        }
    }

    /// Writes the record into `dir`, all or nothing.
    pub(super) fn write(&self, dir: &Path) -> io::Result<()> {
        write_whole(&dir.join(FILE), &serde_json::to_vec(self)?)
    }
}

/// Replaces the file at `path`. The rename makes it all or nothing for whoever reads it after this process died; it is
/// not forced to the disk, because the processes that it tells of do not outlive the machine either.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let next = PathBuf::from(format!("{}.next", path.display()));
    fs::write(&next, bytes)?;
    fs::rename(next, path)
}

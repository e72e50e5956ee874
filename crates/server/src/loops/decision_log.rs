//! The decision log: what the matchmakers were told and what they planned, as `stadion simulate --replay` reads it.
//!
//! All game modes write into one file. When it is full it becomes `FILE.1`, and each matchmaker begins anew in the next
//! one, with a new planner that holds the tickets of the old: so every file can be replayed by itself.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use stadion_core::id::{GameModeName, MatchId, Region, TicketId};
use stadion_core::matchmaker::{Budget, LiveMatch, Plan, Pool, Supply};
use stadion_core::mode::GameMode;
use stadion_core::ticket::Ticket;
use stadion_core::time::Timestamp;
use stadion_sim::log::Log;

/// Size at which a file is full, bytes: with about 500 for a ticket and 200 for its part of a plan, almost 100,000
/// tickets. What waits when a file is begun comes on top.
pub const BYTES_MAX: u64 = 64 << 20;

/// Counts what goes into a file.
struct Counted {
    file: BufWriter<File>,
    bytes: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.bytes += u64::try_from(written).unwrap_or(u64::MAX);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

struct Current {
    /// `None` after an error: a game does not wait for its log.
    log: Option<Log<Counted>>,
    /// Bytes of it that are tickets which waited when it was begun.
    carried: u64,
    /// Which file it is, from 1.
    number: u64,
}

/// One decision log, shared by the matchmakers of all game modes.
pub struct DecisionLog {
    path: PathBuf,
    bytes_max: u64,
    current: Mutex<Current>,
}

impl DecisionLog {
    /// Begins the log in `path`; one that is there becomes `FILE.1`. A file is full at `bytes_max`.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn create(path: &Path, bytes_max: u64) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            bytes_max,
            current: Mutex::new(Current {
                log: Some(begin(path)?),
                carried: 0,
                number: 1,
            }),
        })
    }

    fn bytes(current: &Current) -> u64 {
        current.log.as_ref().map_or(0, |log| log.get_ref().bytes)
    }

    /// What was written is in the file; if that is full, another one is begun.
    fn finish(&self, current: &mut Current) {
        let Some(log) = &mut current.log else {
            return;
        };
        let mut done = log.finish();
        if done.is_ok() && log.get_ref().bytes >= self.bytes_max.saturating_add(current.carried) {
            done = begin(&self.path).map(|next| *log = next);
            current.number += 1;
            current.carried = 0;
        }
        if let Err(error) = done {
            let path = self.path.display();
            tracing::warn!(%error, %path, "the decision log ends here");
            current.log = None;
        }
    }
}

fn begin(path: &Path) -> io::Result<Log<Counted>> {
    if path.exists() {
        let mut old = OsString::from(path);
        old.push(".1");
        std::fs::rename(path, old)?;
    }
    // It has players' ids and ratings.
    let mut options = OpenOptions::new();
    let file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let file = BufWriter::new(file);
    Ok(Log::new(Counted { file, bytes: 0 }))
}

/// The part of one matchmaker in the log; does nothing where there is none.
pub(super) struct Scribe {
    log: Option<Arc<DecisionLog>>,
    /// The file that knows its planner.
    number: u64,
}

impl Scribe {
    pub(super) const fn new(log: Option<Arc<DecisionLog>>) -> Self {
        Self { log, number: 0 }
    }

    /// Whether another file was begun, which does not know its planner yet. Nothing is written until [`Self::open`].
    pub(super) fn is_behind(&self) -> bool {
        let behind = |log: &Arc<DecisionLog>| log.current.lock().number != self.number;
        self.log.as_ref().is_some_and(behind)
    }

    /// A new planner that nothing was asked of yet.
    pub(super) fn open(&mut self, mode: &GameMode, regions: &[Region], pool: &Pool) {
        let Some(log) = &self.log else {
            return;
        };
        let mut current = log.current.lock();
        let before = DecisionLog::bytes(&current);
        if let Some(log) = &mut current.log {
            log.open(mode, regions);
            pool.tickets().for_each(|ticket| log.insert(ticket));
            pool.open_matches()
                .for_each(|offer| log.open_match(&mode.name, offer));
        }
        current.carried += DecisionLog::bytes(&current) - before;
        self.number = current.number;
    }

    pub(super) fn insert(&self, ticket: &Ticket) {
        self.write(|log| log.insert(ticket));
    }

    pub(super) fn remove(&self, mode: &GameModeName, id: TicketId) {
        self.write(|log| log.remove(mode, id));
    }

    pub(super) fn open_match(&self, mode: &GameModeName, offer: &LiveMatch) {
        self.write(|log| log.open_match(mode, offer));
    }

    pub(super) fn close_match(&self, mode: &GameModeName, id: MatchId) {
        self.write(|log| log.close_match(mode, id));
    }

    pub(super) fn plan(
        &self,
        mode: &GameModeName,
        told: (&Supply, Budget, Timestamp),
        plan: &Plan,
    ) {
        self.write(|log| log.plan(mode, told, plan));
        if let Some(log) = &self.log {
            log.finish(&mut log.current.lock());
        }
    }

    fn write(&self, write: impl FnOnce(&mut Log<Counted>)) {
        let Some(log) = &self.log else {
            return;
        };
        let mut current = log.current.lock();
        if current.number == self.number
            && let Some(log) = &mut current.log
        {
            write(log);
        }
    }
}

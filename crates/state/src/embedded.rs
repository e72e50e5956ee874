//! State on one machine: in memory, with a durable log beside it.
//!
//! One thread writes. It drains the queue of commands, applies them to the ledger, commits all their rows at once, and
//! only then answers the callers and tells the watchers. A reader who comes in between waits for the commit, too. So
//! nobody ever learns what a crash could take back, and the price of a disk flush is shared by everybody who waited.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::RwLock;
use stadion_core::state::{Change, StateError};
use stadion_core::time::Timestamp;
use tokio::sync::{broadcast, oneshot, watch};

use crate::ledger::{Command, Ledger, Outcome};

mod frame;
mod log;
mod row;
mod state;
mod storage;
#[cfg(test)]
mod tests;
mod writer;

use log::{Log, ROOM_BYTES, WASTE_MAX};
use storage::file_opener;
pub use storage::{Opener, Storage};
use writer::{Job, Writer};

/// Names of the files in the state directory. One is in use, or both while the older one is replaced.
pub const FILE_NAMES: [&str; 2] = ["journal-a", "journal-b"];

/// Commands that wait for the writer: at 20,000 a second they are done in 0.4 s, sooner than a caller gives up. About
/// 2 KiB each, so 16 MiB.
pub const COMMANDS_MAX: usize = 8_192;

/// Commits that a watcher may lag behind: two seconds at a thousand a second. The changes of one are 32 bytes each, three
/// per command as a rule, so this is 100 MiB if all are full and nobody listens in time; the things themselves are in the
/// ledger anyway.
pub const COMMITS_BEHIND_MAX: usize = 2_048;

/// How the store is opened.
#[derive(Clone)]
pub struct Options {
    /// Rows of waste that the files may hold beside as many as are alive.
    pub waste_max: usize,
    /// Room that is made at the end of a file at once, bytes.
    pub room_bytes: usize,
    /// Opens the files; a test puts one here whose disk fails.
    pub opener: Opener,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            waste_max: WASTE_MAX,
            room_bytes: ROOM_BYTES,
            opener: file_opener(),
        }
    }
}

/// What was found when the store was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Tickets, ended ones included.
    pub tickets: usize,
    /// Matches, ended ones included.
    pub matches: usize,
    /// Sessions, ended ones included.
    pub sessions: usize,
    /// The last process was killed: what it had not finished writing was cut off, and nothing acknowledged was lost.
    pub repaired: bool,
    /// How long it took.
    pub took: Duration,
}

/// Why the store did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory or file cannot be used. The operator's to fix; retry after that.
    #[error("{path}: {why}", path = .path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// Another process has it. Stop that one first.
    #[error(
        "{path} is in use by another process: stop that one, or give this one another state directory",
        path = .path.display()
    )]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The file was not written by Stadion. Do not retry.
    #[error(
        "{path} is not a state file of Stadion ({why}): move it away, or choose another state directory",
        path = .path.display()
    )]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// How it shows.
        why: String,
    },
    /// The file was damaged after it was written. Do not retry.
    #[error(
        "{path} is damaged ({why}): restore it from a backup, or move it away to begin with empty queues",
        path = .path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// How it shows.
        why: String,
    },
    /// A newer Stadion wrote it. Do not retry.
    #[error(
        "{path} has schema {found} and this program knows {known}: start the newer program, or move the file away",
        path = .path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u64,
        /// Ours.
        known: u64,
    },
}

/// The ledger with the batch that is on its way to the disk.
struct View {
    ledger: Ledger,
    /// The last batch that is in it.
    batch: u64,
}

/// What became of batches.
#[derive(Clone, Copy, Debug)]
struct Settled {
    /// The last one that is durable or taken back, as all before it are.
    batch: u64,
    /// The last one that was taken back; 0 before there was one.
    undone: u64,
}

/// What readers and the writer share.
struct Shared {
    view: RwLock<View>,
    settled: watch::Sender<Settled>,
    /// The changes of each commit.
    changes: broadcast::Sender<Arc<[Change]>>,
}

impl Shared {
    /// Asks the ledger, and waits until what it answered is durable.
    async fn read<T>(&self, question: impl Fn(&Ledger) -> T) -> Result<T, StateError> {
        loop {
            let (answer, batch) = {
                let view = self.view.read();
                (question(&view.ledger), view.batch)
            };
            let mut settled = *self.settled.borrow();
            if settled.batch < batch {
                let mut watch = self.settled.subscribe();
                let waited = watch.wait_for(|settled| settled.batch >= batch).await;
                settled = *waited.map_err(|_| stopped())?;
            }
            // What was taken back is not in the view any more.
            if settled.undone < batch {
                return Ok(answer);
            }
        }
    }
}

fn stopped() -> StateError {
    StateError::Unavailable("the writer of the state has stopped".into())
}

/// State on one machine.
pub struct EmbeddedState {
    shared: Arc<Shared>,
    /// Both are there until the state is dropped.
    jobs: Option<SyncSender<Job>>,
    writer: Option<JoinHandle<()>>,
}

impl EmbeddedState {
    /// Opens the store in `dir`, which is created if it is not there, and reads it into memory.
    ///
    /// # Errors
    /// See [`OpenError`]: each says what to do.
    pub fn open(dir: &Path, options: &Options) -> Result<(Arc<Self>, Recovery), OpenError> {
        let begun = tokio::time::Instant::now();
        let io = |path: &Path, error: std::io::Error| OpenError::Io {
            path: path.to_owned(),
            why: error.to_string(),
        };
        std::fs::create_dir_all(dir).map_err(|error| io(dir, error))?;
        let (log, loaded) = Log::open(FILE_NAMES.map(|name| dir.join(name)), options)?;
        // A new file is durable only when its name in the directory is.
        std::fs::File::open(dir)
            .and_then(|dir| dir.sync_all())
            .map_err(|error| io(dir, error))?;

        let mut ledger = loaded.ledger;
        ledger.release_lease();
        if let Err(why) = ledger.check_invariants() {
            tracing::error!(%why, "the state file breaks an invariant; going on with it");
        }
        let [tickets, matches, sessions] = ledger.sizes();
        let (changes, _) = broadcast::channel(COMMITS_BEHIND_MAX);
        let shared = Arc::new(Shared {
            view: RwLock::new(View { ledger, batch: 1 }),
            settled: watch::Sender::new(Settled {
                batch: 1,
                undone: 0,
            }),
            changes,
        });
        let (jobs, queue) = sync_channel(COMMANDS_MAX);
        let writer = Writer::new(log, Arc::clone(&shared));
        let writer = std::thread::Builder::new()
            .name("state-writer".into())
            .spawn(move || writer.run(&queue))
            .map_err(|error| io(dir, error))?;
        let state = Self {
            shared,
            jobs: Some(jobs),
            writer: Some(writer),
        };
        let recovery = Recovery {
            tickets,
            matches,
            sessions,
            repaired: loaded.repaired,
            took: begun.elapsed(),
        };
        Ok((Arc::new(state), recovery))
    }

    /// Checks everything that must hold of tickets, matches and sessions (I1 to I3) and of the indexes. It walks the
    /// whole state: for tests and diagnosis.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn check_invariants(&self) -> Result<(), String> {
        self.shared.view.read().ledger.check_invariants()
    }

    /// Hands a command to the writer and waits until it is durable.
    async fn run(&self, command: Command, now: Timestamp) -> Result<Outcome, StateError> {
        let (reply, answer) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.try_send(Job {
            command,
            now,
            reply,
        })
        .map_err(|error| match error {
            TrySendError::Full(_) => StateError::Full {
                what: "the queue of changes",
                limit: COMMANDS_MAX,
            },
            TrySendError::Disconnected(_) => stopped(),
        })?;
        answer.await.map_err(|_| stopped())?
    }
}

impl Drop for EmbeddedState {
    /// Waits for the writer to finish what it accepted and to close the file.
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the writer of the state panicked");
        }
    }
}

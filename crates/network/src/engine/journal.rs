//! What is written down before anything is changed, so that it can be taken back by somebody else.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use rustix::io::{Errno, FdFlags};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::host::{Host, durable, file_error};
use crate::subject::{Subject, Wish};
use crate::{Error, Result};

/// Only root may read what a host looked like.
const FILE_MODE: u32 = 0o600;
/// Whoever may open a lock may hold it, and keep everything from being put back.
const DIR_MODE: u32 = 0o700;
/// A directory that people of the group or everybody can write.
const WRITABLE: u32 = 0o022;
/// Of such a directory, each may remove only what is his.
const STICKY: u32 = 0o1000;

/// Reads a file of the journal.
pub(crate) fn parse<T: DeserializeOwned>(path: &Path, text: &[u8]) -> Result<T> {
    serde_json::from_slice(text).map_err(|error| Error::Parse {
        what: path.display().to_string(),
        said: format!(
            "{error}; another version of this program wrote it, or somebody else: go on with that version, or move the \
             file away if nothing of it is in force"
        ),
    })
}

/// The directory that holds the journal of one host or namespace.
#[derive(Clone, Debug)]
pub(super) struct StateDir(PathBuf);

/// A state that can be compared, and what makes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Saved {
    /// As it reads.
    pub(super) state: Option<String>,
    /// What is written to have it again.
    pub(super) program: Option<String>,
}

/// One subject that is changed, or was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// What, how and why.
    pub(super) wish: Wish,
    /// Before the first change of ours.
    pub(super) before: Saved,
    /// As it read after our change; nothing: not changed yet.
    pub(super) after: Option<Option<String>>,
    /// The number of its interface, and in which run of the machine it had it: names change.
    #[serde(default)]
    pub(super) number: Option<(u32, String)>,
}

/// Where a change is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    /// This entry is being changed; those before it are, those after it are not.
    Applying(usize),
    /// Everything is changed, and waits to be confirmed.
    Waiting,
    /// It is decided that the changes stay; what is written after it can be written again.
    Confirmed,
    /// This entry is being put back; those after it are.
    Reverting(usize),
}

/// A change on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Transaction {
    /// Tells it from others.
    pub(super) id: String,
    /// How far it is.
    pub(super) phase: Phase,
    /// When it is put back unless confirmed, in milliseconds since the machine was started.
    pub(super) deadline_ms: u64,
    /// In which run of the machine that is.
    pub(super) boot: String,
    /// In which network namespace ([`Host::netns_identity`]).
    #[serde(default)]
    pub(super) netns: String,
    /// The verbs that were asked for.
    pub(super) verbs: Vec<String>,
    /// What they were told ([`super::told`]).
    #[serde(default)]
    pub(super) told: Option<Value>,
    /// It takes back what was confirmed; afterwards no baseline is left.
    pub(super) is_rollback: bool,
    /// What is changed, in order.
    pub(super) entries: Vec<Entry>,
}

/// What was confirmed: the host before us, and what we made of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Baseline {
    /// The network namespace it belongs to ([`Host::netns_identity`]).
    pub(super) netns: String,
    /// The verbs that are in force.
    pub(super) verbs: Vec<String>,
    /// What they were told ([`super::told`]).
    #[serde(default)]
    pub(super) told: Option<Value>,
    /// Every subject that we changed.
    pub(super) entries: Vec<Entry>,
}

impl Entry {
    /// Whether it is a file, which outlives the machine's run and every namespace.
    pub(super) const fn is_file(&self) -> bool {
        matches!(self.wish.subject, Subject::Owned(_) | Subject::Link(_))
    }
}

impl Baseline {
    pub(super) fn entry(&self, subject: &Subject) -> Option<&Entry> {
        self.entries
            .iter()
            .find(|entry| entry.wish.subject == *subject)
    }
}

/// How the last change ended that was not confirmed, for whoever asks later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Which one.
    pub(super) id: String,
    /// Why it was put back.
    pub(super) why: String,
    /// What could not be put back, or was changed by others meanwhile.
    pub(super) left: Vec<String>,
}

fn journal_error(what: &'static str, path: &Path, source: std::io::Error) -> Error {
    let error = file_error(what, path, source);
    let Error::File { what, path, source } = error else {
        return error;
    };
    let hint = match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "; free some space there, and say it again"
        }
        ErrorKind::ReadOnlyFilesystem => {
            "; make it writable, or name another directory with --state-dir"
        }
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            "; name a directory with --state-dir"
        }
        _ => "",
    };
    let source = std::io::Error::new(source.kind(), format!("{source}{hint}"));
    Error::File { what, path, source }
}

/// A journal that cannot be written while something is put back keeps nobody from putting it back: what it says serves
/// only a run that is cut short as well, and the next one begins again with what it says now.
pub(super) fn unless_disk(written: Result<()>) -> Result<()> {
    match written {
        Err(Error::File { source, .. })
            if matches!(
                source.kind(),
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::ReadOnlyFilesystem
            ) =>
        {
            Ok(())
        }
        other => other,
    }
}

/// Held while the host is changed.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Whether programs that are started from now on hold it with us. Tools must: when we are killed, one of them may be
    /// at work still, and whoever puts back must wait for its end. The timer must not.
    pub(super) fn share(&self, is_shared: bool) -> Result<()> {
        let flags = match is_shared {
            true => FdFlags::empty(),
            false => FdFlags::CLOEXEC,
        };
        rustix::io::fcntl_setfd(&self.0, flags)
            .map_err(|error| journal_error("locking", Path::new("the journal"), error.into()))
    }
}

impl StateDir {
    /// The directory for `host` below `base`.
    pub(super) fn new(base: &Path, host: &Host) -> Self {
        Self(match host.netns_name() {
            Some(name) => base.join(format!("netns-{name}")),
            None => base.join("node"),
        })
    }

    /// Whether it is there.
    pub(super) fn exists(&self) -> bool {
        self.0.is_dir()
    }

    /// Takes the lock called `name`; nothing when somebody else holds it.
    pub(super) fn try_lock(&self, name: &str) -> Result<Option<Lock>> {
        self.lock_file(name, FlockOperation::NonBlockingLockExclusive)
    }

    /// Takes the lock called `name` as soon as it is free.
    pub(super) fn lock(&self, name: &str) -> Result<Option<Lock>> {
        self.lock_file(name, FlockOperation::LockExclusive)
    }

    fn lock_file(&self, name: &str, operation: FlockOperation) -> Result<Option<Lock>> {
        let path = self.0.join(name);
        let failed = |source| journal_error("locking", &path, source);
        durable::make_dirs(&self.0, DIR_MODE).map_err(failed)?;
        self.check_owner()?;
        let mut options = File::options();
        options
            .write(true)
            .create(true)
            .truncate(false)
            .mode(FILE_MODE);
        let file = match options.open(&path) {
            // What is in force can be put back where nothing can be written.
            Err(error) if error.kind() == ErrorKind::ReadOnlyFilesystem => {
                File::open(&path).map_err(|_| error)
            }
            opened => opened,
        };
        let file = file.map_err(failed)?;
        match rustix::fs::flock(&file, operation) {
            Ok(()) => Ok(Some(Lock(file))),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(failed(error.into())),
        }
    }

    /// Whether somebody holds the lock called `name`. Makes no file.
    pub(super) fn is_held(&self, name: &str) -> bool {
        File::open(self.0.join(name)).is_ok_and(|file| {
            rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared)
                == Err(Errno::WOULDBLOCK)
        })
    }

    /// Refuses journals that somebody else can write: what is in them is done as root.
    fn check_owner(&self) -> Result<()> {
        for dir in [self.0.parent(), Some(&*self.0)].into_iter().flatten() {
            let found = match std::fs::metadata(dir) {
                Ok(found) => found,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(source) => return Err(journal_error("reading", dir, source)),
            };
            let us = rustix::process::geteuid();
            let is_ours = found.uid() == 0 || found.uid() == us.as_raw();
            let is_shared = found.mode() & WRITABLE != 0 && found.mode() & STICKY == 0;
            if !is_ours || is_shared {
                let dir = dir.display();
                return Err(Error::Refused(format!(
                    "others can write {dir}, and whoever writes journals chooses what is done as root: look what is in \
                     it, then `chown root {dir}; chmod go-w {dir}`, or name another directory with --state-dir"
                )));
            }
        }
        Ok(())
    }

    /// Removes the locks whose names begin with `prefix` and that nobody holds: who is killed leaves them.
    pub(super) fn remove_free_locks(&self, prefix: &str) -> Result<()> {
        let entries = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        for name in entries.filter_map(|entry| entry.file_name().into_string().ok()) {
            if name.starts_with(prefix) && self.try_lock(&name)?.is_some() {
                self.remove(&name)?;
            }
        }
        Ok(())
    }

    /// Removes the lock file called `name`.
    pub(super) fn remove_lock(&self, name: &str) -> Result<()> {
        self.remove(name)
    }

    pub(super) fn transaction(&self) -> Result<Option<Transaction>> {
        self.load("transaction.json")
    }

    pub(super) fn save_transaction(&self, transaction: &Transaction) -> Result<()> {
        self.save("transaction.json", transaction)
    }

    pub(super) fn remove_transaction(&self) -> Result<()> {
        self.remove("transaction.json")
    }

    pub(super) fn baseline(&self) -> Result<Option<Baseline>> {
        self.load("baseline.json")
    }

    pub(super) fn save_baseline(&self, baseline: &Baseline) -> Result<()> {
        self.save("baseline.json", baseline)
    }

    pub(super) fn remove_baseline(&self) -> Result<()> {
        self.remove("baseline.json")
    }

    pub(super) fn outcome(&self) -> Result<Option<Outcome>> {
        self.load("outcome.json")
    }

    pub(super) fn save_outcome(&self, outcome: &Outcome) -> Result<()> {
        self.save("outcome.json", outcome)
    }

    pub(super) fn remove_outcome(&self) -> Result<()> {
        self.remove("outcome.json")
    }

    fn load<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        self.check_owner()?;
        let path = self.0.join(name);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(journal_error("reading", &path, source)),
        };
        parse(&path, &text).map(Some)
    }

    fn save<T: Serialize>(&self, name: &str, value: &T) -> Result<()> {
        let path = self.0.join(name);
        let text = serde_json::to_vec_pretty(value).map_err(|error| Error::Parse {
            what: path.display().to_string(),
            said: error.to_string(),
        })?;
        durable::make_dirs(&self.0, DIR_MODE)
            .and_then(|()| durable::replace(&path, &text, FILE_MODE))
            .map_err(|source| journal_error("writing", &path, source))
    }

    fn remove(&self, name: &str) -> Result<()> {
        let path = self.0.join(name);
        durable::remove(&path).map_err(|source| journal_error("removing", &path, source))
    }
}

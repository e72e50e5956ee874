//! Plan, apply, confirm, roll back.
//!
//! Nothing is changed before it is written down what was there and what will be (`journal`), and before a process that
//! outlives this one has been told to put it back (`watch`). Whoever finds an unfinished change, finishes it: backwards
//! until it is confirmed, forwards from then on.

pub(crate) mod actuate;
mod apply;
pub(crate) mod journal;
mod persist;
mod plan;
mod revert;
pub(crate) mod told;
mod watch;

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::host::Host;
use crate::subject::Subject;
use crate::{Error, Result, Skip};
use journal::{Entry, Lock, Phase, StateDir, Transaction, unless_disk};

pub use apply::{Applied, Options};
pub use plan::{Drift, Pending, Plan};
pub use revert::PutBack;
pub use told::Told;
pub use watch::TimerProgram;

/// Where journals are kept unless told otherwise.
pub const STATE_DIR: &str = "/var/lib/stadion-network";

/// A timer holds the lock in passing when it looks whether something is left to do.
const LOCK_WAIT: Duration = Duration::from_secs(1);

/// Called between any two steps that a crash could come between, with a number that grows; tests end the process here.
pub type BetweenSteps<'a> = &'a dyn Fn(usize);

/// The one that changes a host, and takes it back.
pub struct Engine<'a> {
    host: &'a Host,
    dir: StateDir,
    /// Where `dir` is, for the timer.
    base: PathBuf,
    between_steps: BetweenSteps<'a>,
    steps: Cell<usize>,
}

impl<'a> Engine<'a> {
    /// An engine for `host` with its journals below `state_dir`.
    #[must_use]
    pub fn new(host: &'a Host, state_dir: &Path, between_steps: BetweenSteps<'a>) -> Self {
        Self {
            host,
            dir: StateDir::new(state_dir, host),
            // The timer works in another directory than we.
            base: std::path::absolute(state_dir).unwrap_or_else(|_| state_dir.to_path_buf()),
            between_steps,
            steps: Cell::new(0),
        }
    }

    /// The verbs that were confirmed and changed something here, such as `firewall`.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn verbs(&self) -> Result<Vec<String>> {
        let Some(mut known) = self.current_baseline()? else {
            return Ok(Vec::new());
        };
        let has = |of: fn(&Subject) -> bool| known.entries.iter().any(|e| of(&e.wish.subject));
        let (table, qdisc) = (
            has(|subject| matches!(subject, Subject::NftTable(_))),
            has(|subject| matches!(subject, Subject::Qdisc(_))),
        );
        // Where a tool is missing, a verb is confirmed that had all its changes left out.
        known.verbs.retain(|verb| match verb.as_str() {
            "firewall" | "ddos-protect" => table,
            "traffic-shape" => qdisc,
            _ => true,
        });
        Ok(known.verbs)
    }

    /// What was confirmed and is not put back yet.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn changed(&self) -> Result<Vec<Subject>> {
        let known = self.current_baseline()?.unwrap_or_default();
        Ok(known.entries.into_iter().map(|e| e.wish.subject).collect())
    }

    /// The table as it is listed, if it is there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn table(&self, table: &str) -> Result<Option<String>> {
        actuate::read(self.host, &Subject::NftTable(table.into()))
    }

    /// Finishes what another run left unfinished, if anything.
    ///
    /// # Errors
    /// [`Error::Busy`], and what can go wrong while putting back.
    pub fn heal(&self) -> Result<Option<PutBack>> {
        let _lock = self.lock()?;
        self.heal_locked()
    }

    /// Makes the changes that wait stay, and writes what they need after the next boot.
    ///
    /// # Errors
    /// [`Error::Refused`] when nothing waits, with what became of it.
    pub fn confirm(&self) -> Result<Vec<Skip>> {
        let _lock = self.lock()?;
        self.heal_locked()?;
        self.confirm_locked()
    }

    /// Puts the host back to what it was before our first change. What others changed since is left, and named.
    ///
    /// # Errors
    /// [`Error::Busy`], and what can go wrong while putting back.
    pub fn rollback(&self) -> Result<PutBack> {
        let _lock = self.lock()?;
        let mut done = self.heal_locked()?.unwrap_or_default();
        if let Some(waiting) = self.transaction()? {
            done.join(self.revert(waiting, "rolled back")?);
        }
        if let Some(baseline) = self.dir.baseline()? {
            let transaction = self.rollback_of(baseline);
            unless_disk(self.dir.save_transaction(&transaction))?;
            done.join(self.revert(transaction, "rolled back")?);
        }
        self.dir.remove_outcome()?;
        Ok(done)
    }

    /// A crash could come here.
    fn step(&self) {
        (self.between_steps)(self.steps.get());
        self.steps.set(self.steps.get() + 1);
    }

    fn lock(&self) -> Result<Lock> {
        let until = self.host.uptime() + LOCK_WAIT;
        loop {
            if let Some(lock) = self.try_lock()? {
                return Ok(lock);
            }
            if self.host.uptime() > until {
                return Err(Error::Busy("it holds the lock".into()));
            }
            self.host.pause(LOCK_WAIT / 100);
        }
    }

    /// The lock, which tools hold with us; nothing when another run holds it.
    fn try_lock(&self) -> Result<Option<Lock>> {
        let lock = self.dir.try_lock("lock")?;
        if let Some(lock) = &lock {
            lock.share(true)?;
        }
        Ok(lock)
    }

    /// The change on its way. Of one in a namespace that had our name only what is in files can be put back.
    fn transaction(&self) -> Result<Option<Transaction>> {
        let Some(mut transaction) = self.dir.transaction()? else {
            return Ok(None);
        };
        if self.is_other_netns(&transaction.netns) {
            transaction.entries.retain(Entry::is_file);
            transaction.verbs.clear();
            transaction.told = None;
            if transaction.phase != Phase::Confirmed {
                transaction.phase = Phase::Waiting;
                transaction.deadline_ms = 0;
            }
        }
        Ok(Some(transaction))
    }

    /// Whether `netns` is not where we are, but one that had the same name.
    fn is_other_netns(&self, netns: &str) -> bool {
        self.host.netns_name().is_some() && netns != self.host.netns_identity()
    }

    /// The subject of `entry` as it is called now: an interface may have got another name. Nothing when it is gone.
    fn now_called(&self, entry: &Entry) -> Option<Subject> {
        let subject = &entry.wish.subject;
        let Some(name) = subject.interface().filter(|_| self.host.is_real()) else {
            return Some(subject.clone());
        };
        if self.host.interface_number(name).is_some() {
            return Some(subject.clone());
        }
        // Numbers begin anew with the machine.
        let (number, _) = entry
            .number
            .as_ref()
            .filter(|(_, boot)| *boot == self.boot())?;
        Some(subject.at_interface(self.host.interface_name(*number)?))
    }

    /// The number of the interface of `subject`, for [`Self::now_called`].
    fn number_of(&self, subject: &Subject) -> Option<(u32, String)> {
        let number = self.host.interface_number(subject.interface()?)?;
        Some((number, self.boot()))
    }

    fn uptime_ms(&self) -> u64 {
        millis(self.host.uptime())
    }

    fn boot(&self) -> String {
        self.host
            .read("/proc/sys/kernel/random/boot_id")
            .ok()
            .flatten()
            .map(actuate::one_line)
            .unwrap_or_default()
    }
}

impl std::fmt::Debug for Engine<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("host", self.host)
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

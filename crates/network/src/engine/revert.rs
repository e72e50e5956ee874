//! Putting back.

use serde::Serialize;

use super::journal::{Baseline, Outcome, Phase, Transaction, unless_disk};
use super::{Engine, actuate};
use crate::subject::Subject;
use crate::{Error, Result};

/// What became of a change that was put back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PutBack {
    /// How many subjects have their old state again.
    pub restored: usize,
    /// What others changed after us, which was left as it is.
    pub foreign: Vec<Subject>,
    /// What went with its interface.
    pub gone: Vec<Subject>,
    /// What could not be put back, and why.
    pub failed: Vec<String>,
}

impl PutBack {
    /// Adds what another putting back did.
    pub(super) fn join(&mut self, other: Self) {
        self.restored += other.restored;
        self.foreign.extend(other.foreign);
        self.gone.extend(other.gone);
        self.failed.extend(other.failed);
    }

    /// What is not as it was, to end a sentence with; empty when there is nothing.
    pub(super) fn left_in_words(&self) -> String {
        let left = self.left();
        if left.is_empty() {
            String::new()
        } else {
            format!(", except {}", left.join("; "))
        }
    }

    fn left(&self) -> Vec<String> {
        let foreign = self.foreign.iter();
        foreign
            .map(|subject| format!("{subject} (changed by others meanwhile)"))
            .chain(self.failed.iter().cloned())
            .collect()
    }
}

impl Engine<'_> {
    /// Finishes what is unfinished; the lock is held.
    pub(super) fn heal_locked(&self) -> Result<Option<PutBack>> {
        let Some(transaction) = self.transaction()? else {
            return Ok(None);
        };
        match transaction.phase {
            Phase::Confirmed => {
                self.finish_confirmed(&transaction)?;
                Ok(None)
            }
            Phase::Applying(_) | Phase::Reverting(_) => {
                self.revert(transaction, "a run was cut short").map(Some)
            }
            Phase::Waiting if self.is_over(&transaction) => self
                .revert(transaction, "nobody confirmed it in time")
                .map(Some),
            Phase::Waiting => Ok(None),
        }
    }

    /// Whether the time to confirm is over; that of an earlier run of the machine is.
    pub(super) fn is_over(&self, transaction: &Transaction) -> bool {
        transaction.boot != self.boot() || transaction.deadline_ms <= self.uptime_ms()
    }

    /// What takes back all that was confirmed.
    pub(super) fn rollback_of(&self, baseline: Baseline) -> Transaction {
        let entries = match self.current_baseline() {
            Ok(Some(current)) => current.entries,
            _ => baseline.entries,
        };
        Transaction {
            id: format!("{}-{}", std::process::id(), self.uptime_ms()),
            phase: Phase::Waiting,
            deadline_ms: 0,
            boot: self.boot(),
            netns: self.host.netns_identity(),
            verbs: Vec::new(),
            told: None,
            is_rollback: true,
            entries,
        }
    }

    /// Puts back what `transaction` changed, last first. May be cut short and done again.
    pub(super) fn revert(&self, mut transaction: Transaction, why: &str) -> Result<PutBack> {
        let mut done = PutBack::default();
        let mut failed = Vec::new();
        let (end, is_torn) = match transaction.phase {
            Phase::Applying(at) | Phase::Reverting(at) => (at.saturating_add(1), true),
            Phase::Waiting | Phase::Confirmed => (transaction.entries.len(), false),
        };
        for index in (0..end.min(transaction.entries.len())).rev() {
            // The entry at which a run was cut short may have any state, and it is ours.
            let entry = &transaction.entries[index];
            // What is not in files began anew with the machine.
            let is_alive = entry.is_file() || transaction.boot == self.boot();
            let is_torn = is_torn && index + 1 == end && entry.is_torn();
            if is_torn && !is_alive {
                continue;
            }
            if let Err(error) = self.put_back(&mut transaction, index, is_torn, &mut done) {
                let subject = &transaction.entries[index].wish.subject;
                done.failed.push(format!("{subject}: {error}"));
                let mut entry = transaction.entries[index].clone();
                // Whatever it is now, a later rollback tries again.
                entry.after = None;
                failed.push(entry);
            }
        }
        if !transaction.is_rollback || !done.failed.is_empty() {
            unless_disk(self.dir.save_outcome(&Outcome {
                id: transaction.id.clone(),
                why: why.to_owned(),
                left: done.left(),
            }))?;
        }
        self.step();
        let mut baseline = match transaction.is_rollback {
            true => Baseline::default(),
            false => self.dir.baseline()?.unwrap_or_default(),
        };
        baseline.merge(&failed);
        if baseline.entries.is_empty() {
            self.dir.remove_baseline()?;
        } else if transaction.is_rollback || !failed.is_empty() {
            baseline.netns = self.host.netns_identity();
            self.dir.save_baseline(&baseline)?;
        }
        self.step();
        self.dir.remove_transaction()?;
        Ok(done)
    }

    fn put_back(
        &self,
        transaction: &mut Transaction,
        index: usize,
        is_torn: bool,
        done: &mut PutBack,
    ) -> Result<()> {
        let entry = transaction.entries[index].clone();
        let Some(place) = self.now_called(&entry) else {
            done.gone.push(entry.wish.subject);
            return Ok(());
        };
        let subject = &place;
        let now = actuate::read(self.host, subject)?;
        if now == entry.before.state {
            return Ok(());
        }
        if !is_torn && entry.after.as_ref().is_some_and(|ours| *ours != now) {
            done.foreign.push(subject.clone());
            return Ok(());
        }
        transaction.entries[index].after = None;
        transaction.phase = Phase::Reverting(index);
        unless_disk(self.dir.save_transaction(transaction))?;
        self.step();
        actuate::write(self.host, subject, entry.before.program.as_deref())?;
        self.step();
        let found = actuate::read(self.host, subject)?;
        if found != entry.before.state {
            return Err(Error::ReadBack {
                what: subject.to_string(),
                wanted: entry.before.state.unwrap_or_else(|| "not there".into()),
                found: found.unwrap_or_else(|| "not there".into()),
            });
        }
        done.restored += 1;
        Ok(())
    }
}

impl super::journal::Entry {
    /// Whether a change of it was begun, and its end was not written down.
    const fn is_torn(&self) -> bool {
        self.after.is_none()
    }
}

//! Carrying a plan out.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use serde::Serialize;

use super::journal::{Baseline, Entry, Lock, Phase, Saved, Transaction};
use super::plan::is_plain;
use super::watch::TimerProgram;
use super::{Engine, Plan, actuate, millis, persist};
use crate::facts::Facts;
use crate::subject::Wish;
use crate::{Error, Result, Skip};

/// How long the datagram of the self-test may take through the loopback interface.
const LOOPBACK_MAX: Duration = Duration::from_secs(2);

/// How a plan is carried out.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// Everything is put back unless confirmed within this time.
    pub confirm_within: Duration,
    /// Confirm after the self-test, without being asked.
    pub confirm_now: bool,
    /// Change also what others changed after us.
    pub overwrite_drift: bool,
    /// What is left out is a failure.
    pub strict: bool,
    /// What puts everything back when nobody confirms.
    pub timer: &'a TimerProgram,
}

/// What was done.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Applied {
    /// How many subjects were changed.
    pub changed: usize,
    /// It waits to be confirmed for so long, in milliseconds; nothing: it is confirmed, or there was nothing to do.
    pub confirm_within_ms: Option<u64>,
    /// What was left out.
    pub skips: Vec<Skip>,
}

impl Engine<'_> {
    /// Carries out what `make_plan` answers, while nobody else changes the host.
    ///
    /// # Errors
    /// [`Error::PutBack`] when a step failed; the host is then as it was. [`Error::Refused`] when another change waits
    /// for its confirmation.
    pub fn apply(
        &self,
        make_plan: impl FnOnce() -> Result<Plan>,
        facts: &Facts,
        options: &Options<'_>,
    ) -> Result<Applied> {
        let lock = self.lock()?;
        self.heal_locked()?;
        if self.transaction()?.is_some() {
            return Err(Error::Refused(
                "a change waits to be confirmed; `confirm` it or take it back with `rollback` first".into(),
            ));
        }
        let mut plan = make_plan()?;
        if options.overwrite_drift {
            self.take_over(&mut plan)?;
        } else {
            plan.skips.extend(plan.drift.iter().map(|drift| {
                Skip::new(
                    drift.subject.to_string(),
                    "others changed it after us; --overwrite-drift takes it back",
                )
            }));
        }
        if options.strict
            && let Some(skip) = plan.skips.first()
        {
            return Err(Error::Skipped(format!("{} ({})", skip.what, skip.reason)));
        }
        let mut applied = Applied {
            skips: plan.skips.clone(),
            ..Applied::default()
        };
        if plan.changes.is_empty() {
            self.remember(&plan)?;
            return Ok(applied);
        }
        let transaction = self.prepare(&plan, options)?;
        applied.changed = transaction.entries.len();
        let kept = self.carry_out(transaction, facts, &plan, options, &lock)?;
        applied.changed -= kept.len();
        applied.skips.extend(kept);
        if options.confirm_now {
            applied.skips.extend(self.confirm_at_once()?);
        } else {
            applied.confirm_within_ms = Some(millis(options.confirm_within));
        }
        Ok(applied)
    }

    /// Makes changes of the drift, towards what we had confirmed.
    fn take_over(&self, plan: &mut Plan) -> Result<()> {
        let Some(baseline) = self.current_baseline()? else {
            return Ok(());
        };
        for drift in plan.drift.drain(..) {
            if let Some(entry) = baseline.entry(&drift.subject) {
                plan.changes.push(crate::subject::Change {
                    now: drift.now,
                    wish: entry.wish.clone(),
                });
            }
        }
        Ok(())
    }

    /// What holds from now on, where nothing had to be changed for it.
    fn remember(&self, plan: &Plan) -> Result<()> {
        let Some(mut baseline) = self.current_baseline()? else {
            return Ok(());
        };
        let before = baseline.clone();
        baseline.add_verbs(&plan.verbs);
        baseline.told = self.told_by(plan, Some(&before))?;
        baseline
            .entries
            .retain(|entry| self.is_worth_keeping(entry));
        if baseline == before {
            return Ok(());
        }
        self.dir.save_baseline(&baseline)
    }

    /// What went with its interface is never put back.
    fn is_worth_keeping(&self, entry: &Entry) -> bool {
        self.now_called(entry).is_some()
    }

    /// Reads what is there, and asks the kernel whether it would take what shall be. Changes nothing.
    fn prepare(&self, plan: &Plan, options: &Options<'_>) -> Result<Transaction> {
        let baseline = self.current_baseline()?;
        let mut entries = Vec::with_capacity(plan.changes.len());
        for change in &plan.changes {
            let subject = &change.wish.subject;
            let state = actuate::read(self.host, subject)?;
            let ours = baseline
                .as_ref()
                .and_then(|known| known.entry(subject))
                .filter(|entry| entry.after.as_ref() == Some(&state));
            let program = match ours {
                Some(entry) => entry.wish.want.clone(),
                None => actuate::restorer(self.host, subject, state.as_deref())?,
            };
            actuate::check(self.host, subject, change.wish.want.as_deref())?;
            entries.push(Entry {
                wish: change.wish.clone(),
                before: Saved { state, program },
                after: None,
                number: self.number_of(subject),
            });
        }
        let now_ms = self.uptime_ms();
        Ok(Transaction {
            id: format!("{}-{now_ms}", std::process::id()),
            phase: Phase::Applying(0),
            deadline_ms: now_ms.saturating_add(millis(options.confirm_within)),
            boot: self.boot(),
            netns: self.host.netns_identity(),
            verbs: plan.verbs.clone(),
            told: self.told_by(plan, baseline.as_ref())?,
            is_rollback: false,
            entries,
        })
    }

    fn carry_out(
        &self,
        mut transaction: Transaction,
        facts: &Facts,
        plan: &Plan,
        options: &Options<'_>,
        lock: &Lock,
    ) -> Result<Vec<Skip>> {
        self.dir.remove_outcome()?;
        self.dir.save_transaction(&transaction)?;
        self.step();
        let mut kept = Vec::new();
        let done = self
            .arm(&transaction, options.timer, lock)
            .and_then(|()| self.steps(&mut transaction, &mut kept))
            .and_then(|()| self.self_test(facts))
            .and_then(|()| self.paths_carry(plan))
            .and_then(|()| self.wait_for_confirm(&mut transaction, options));
        if let Err(cause) = done {
            let put_back = self.revert(transaction, &cause.to_string())?;
            return Err(Error::PutBack {
                cause: Box::new(cause),
                left: put_back.left_in_words(),
            });
        }
        self.step();
        Ok(kept)
    }

    /// The time to confirm begins when there is something to confirm.
    fn wait_for_confirm(&self, transaction: &mut Transaction, options: &Options<'_>) -> Result<()> {
        self.step();
        let deadline_ms = self
            .uptime_ms()
            .saturating_add(millis(options.confirm_within));
        let waiting = Transaction {
            deadline_ms,
            phase: Phase::Waiting,
            ..transaction.clone()
        };
        self.dir.save_transaction(&waiting)?;
        *transaction = waiting;
        Ok(())
    }

    /// Changes one subject after the other; `kept` is what the kernel keeps as it is.
    fn steps(&self, transaction: &mut Transaction, kept: &mut Vec<Skip>) -> Result<()> {
        for index in 0..transaction.entries.len() {
            if let Err(error) = self.is_as_before(&transaction.entries[index]) {
                // We have not touched it, and do not put it back.
                let before = transaction.entries[index].before.state.clone();
                transaction.entries[index].after = Some(before);
                return Err(error);
            }
            transaction.phase = Phase::Applying(index);
            self.dir.save_transaction(transaction)?;
            self.step();
            let wish = transaction.entries[index].wish.clone();
            let written = actuate::write(self.host, &wish.subject, wish.want.as_deref());
            self.step();
            if let Err(error) = written {
                if actuate::is_managed(&wish.subject, &error) {
                    let before = transaction.entries[index].before.state.clone();
                    transaction.entries[index].after = Some(before);
                    kept.push(Skip::new(wish.subject.to_string(), actuate::MANAGED));
                    continue;
                }
                return Err(error);
            }
            let found = actuate::read(self.host, &wish.subject)?;
            // Kernels refuse some values without a word.
            if is_plain(&wish.subject) && found != wish.want.as_deref().map(actuate::one_line) {
                return Err(Error::ReadBack {
                    what: wish.subject.to_string(),
                    wanted: wish.want.unwrap_or_default(),
                    found: found.unwrap_or_default(),
                });
            }
            if !is_plain(&wish.subject) && found.is_none() && wish.want.is_some() {
                return Err(Error::ReadBack {
                    what: wish.subject.to_string(),
                    wanted: "to be there".into(),
                    found: "not there".into(),
                });
            }
            transaction.entries[index].after = Some(found);
        }
        Ok(())
    }

    /// What others did since we looked is not overwritten.
    fn is_as_before(&self, entry: &Entry) -> Result<()> {
        let subject = &entry.wish.subject;
        let now = actuate::read(self.host, subject)?;
        // A setting may have come along with another of ours.
        let is_there = is_plain(subject) && now == entry.wish.want;
        if (is_there || now == entry.before.state) && self.number_of(subject) == entry.number {
            return Ok(());
        }
        Err(Error::Refused(format!(
            "{subject} was changed by somebody else in this very moment"
        )))
    }

    /// A datagram to ourselves: rules that cut off the host from itself are wrong, whatever else they do.
    fn self_test(&self, facts: &Facts) -> Result<()> {
        let has_loopback = facts
            .interfaces
            .iter()
            .any(|known| known.loopback && known.up);
        if !self.host.is_real() || !has_loopback {
            return Ok(());
        }
        let failed = |source: std::io::Error| Error::Tool {
            command: "self-test: a datagram through the loopback interface".into(),
            said: source.to_string(),
        };
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        socket
            .set_read_timeout(Some(LOOPBACK_MAX))
            .map_err(failed)?;
        let to = socket.local_addr().map_err(failed)?;
        match socket.send_to(b"stadion", to) {
            // The interface is down, whatever the sysfs says, which may be that of another namespace.
            Err(error) if error.kind() == std::io::ErrorKind::NetworkUnreachable => return Ok(()),
            sent => sent.map_err(failed)?,
        };
        let mut bytes = [0; 16];
        socket.recv_from(&mut bytes).map_err(failed)?;
        Ok(())
    }

    /// Packets that may not be cut up, to the peers that shall take them whole.
    fn paths_carry(&self, plan: &Plan) -> Result<()> {
        /// IPv4 header and ICMP header, and the same for IPv6.
        const HEADERS: [u32; 2] = [20 + 8, 40 + 8];
        for (interface, peer, mtu) in &plan.paths {
            let size = mtu.saturating_sub(HEADERS[usize::from(peer.is_ipv6())]);
            let (size, peer) = (size.to_string(), peer.to_string());
            let args = [
                "-M", "do", "-c", "3", "-i", "0.2", "-W", "2", "-I", interface, "-s", &size, &peer,
            ];
            self.host.must_run("ping", &args, "").map_err(|error| {
                Error::Refused(format!(
                    "{peer} does not answer to packets of {mtu} bytes: {error}"
                ))
            })?;
        }
        Ok(())
    }

    /// What cannot be confirmed at once is put back at once.
    fn confirm_at_once(&self) -> Result<Vec<Skip>> {
        let confirmed = self.confirm_locked();
        let (Err(cause), Some(waiting)) = (&confirmed, self.transaction()?) else {
            return confirmed;
        };
        if waiting.phase != Phase::Waiting {
            return confirmed;
        }
        let put_back = self.revert(waiting, &cause.to_string())?;
        confirmed.map_err(|cause| Error::PutBack {
            cause: Box::new(cause),
            left: put_back.left_in_words(),
        })
    }

    /// Makes the change that waits stay.
    pub(super) fn confirm_locked(&self) -> Result<Vec<Skip>> {
        let Some(mut transaction) = self.transaction()? else {
            let what = match self.dir.outcome()? {
                Some(last) => format!(
                    "nothing waits to be confirmed; the last change was put back: {}",
                    last.why
                ),
                None => "nothing waits to be confirmed".into(),
            };
            return Err(Error::Refused(what));
        };
        transaction.phase = Phase::Confirmed;
        self.dir.save_transaction(&transaction)?;
        self.step();
        self.finish_confirmed(&transaction)
    }

    /// What follows a confirmation. May be cut short and done again.
    pub(super) fn finish_confirmed(&self, transaction: &Transaction) -> Result<Vec<Skip>> {
        let mut baseline = self.current_baseline()?.unwrap_or_default();
        baseline.netns = self.host.netns_identity();
        baseline.merge(&transaction.entries);
        baseline.add_verbs(&transaction.verbs);
        baseline.told = transaction.told.clone().or(baseline.told);
        baseline
            .entries
            .retain(|entry| self.is_worth_keeping(entry));
        let (wishes, mut skips) = persist::wishes(self.host, &baseline);
        skips.extend(self.remove_stale(&mut baseline, &wishes));
        for wish in &wishes {
            let state = actuate::read(self.host, &wish.subject)?;
            let program = state.clone();
            let entry = Entry {
                wish: wish.clone(),
                before: Saved { state, program },
                after: Some(wish.want.clone()),
                number: None,
            };
            baseline.merge(&[entry]);
        }
        self.dir.save_baseline(&baseline)?;
        for wish in &wishes {
            self.step();
            // It is confirmed all the same; what is missing after the next boot is said.
            if let Err(error) = actuate::write(self.host, &wish.subject, wish.want.as_deref()) {
                skips.push(Skip::new(wish.subject.to_string(), error.to_string()));
            }
        }
        self.step();
        self.dir.remove_transaction()?;
        Ok(skips)
    }

    /// Takes away what lasted until now and shall not any more: a queue that is gone must not be back after a boot.
    fn remove_stale(&self, baseline: &mut Baseline, wishes: &[Wish]) -> Vec<Skip> {
        let mut skips = Vec::new();
        baseline.entries.retain(|entry| {
            let subject = &entry.wish.subject;
            if !persist::is_lasting(subject) || wishes.iter().any(|wish| wish.subject == *subject) {
                return true;
            }
            let program = entry.before.program.as_deref();
            match actuate::write(self.host, subject, program) {
                Ok(()) => false,
                Err(error) => {
                    skips.push(Skip::new(subject.to_string(), error.to_string()));
                    true
                }
            }
        });
        skips
    }
}

impl Baseline {
    /// Adds subjects that were changed, and keeps what was there before the first change.
    pub(super) fn merge(&mut self, entries: &[Entry]) {
        for entry in entries {
            match self
                .entries
                .iter_mut()
                .find(|known| known.wish.subject == entry.wish.subject)
            {
                Some(known) => {
                    known.wish = entry.wish.clone();
                    known.after = entry.after.clone();
                    known.number = entry.number.clone();
                }
                None => self.entries.push(entry.clone()),
            }
        }
    }

    fn add_verbs(&mut self, verbs: &[String]) {
        for verb in verbs {
            if !self.verbs.contains(verb) {
                self.verbs.push(verb.clone());
            }
        }
    }
}

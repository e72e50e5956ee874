//! The process that puts everything back when nobody confirms, or when the one who changes dies.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::journal::{Lock, Phase};
use super::{Engine, journal::Transaction};
use crate::{Error, Result};

/// How often the journal is looked at while it waits.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// After a failure it waits twice as long as after the one before, up to 2⁶ times [`LOOK_EVERY`], 6.4 seconds.
const DOUBLINGS_MAX: u32 = 6;
/// After so many failures, ten minutes, it is left to the next command.
const FAILURES_MAX: u32 = 100;
/// A process that does nothing else starts within this time on any machine that is not lost anyway.
const ARMED_WITHIN: Duration = Duration::from_secs(10);

/// What the names of timers' locks begin with.
const TIMER_LOCK: &str = "timer-";

/// What is started to wait.
#[derive(Clone, Debug)]
pub struct TimerProgram {
    /// The program.
    pub program: PathBuf,
    /// Its first arguments; the ones that tell it what to watch follow.
    pub args: Vec<String>,
    /// Ask systemd to run it, which keeps it when the session ends that started it.
    pub systemd: bool,
}

impl Engine<'_> {
    /// Starts the timer for `transaction`, and returns when it watches.
    pub(super) fn arm(
        &self,
        transaction: &Transaction,
        timer: &TimerProgram,
        lock: &Lock,
    ) -> Result<()> {
        // Timers end with their container, and leave what is theirs.
        self.dir.remove_free_locks(TIMER_LOCK)?;
        let mut args = timer.args.clone();
        args.extend([
            "--state-dir".into(),
            self.base.display().to_string(),
            "timer".into(),
            transaction.id.clone(),
        ]);
        // It waits for our end.
        lock.share(false)?;
        let started = timer.systemd && self.start_with_systemd(timer, &args, &transaction.id);
        if !started {
            start_detached(timer, &args)?;
        }
        lock.share(true)?;
        let until = self.host.uptime() + ARMED_WITHIN;
        // Whoever holds this lock is the timer, and lives.
        while self.dir.try_lock(&lock_name(&transaction.id))?.is_some() {
            if self.host.uptime() > until {
                return Err(Error::Tool {
                    command: timer.program.display().to_string(),
                    said: "the timer that puts everything back did not start".into(),
                });
            }
            self.host.pause(LOOK_EVERY / 10);
        }
        Ok(())
    }

    fn start_with_systemd(&self, timer: &TimerProgram, args: &[String], id: &str) -> bool {
        let unit = format!("--unit=stadion-network-timer-{id}");
        let program = timer.program.display().to_string();
        // Killed, by a lack of memory for instance, it is started again and goes on watching.
        let again = "--property=Restart=on-failure";
        let mut all = vec!["--quiet", "--collect", again, &unit, "--", &program];
        all.extend(args.iter().map(String::as_str));
        self.host
            .run("systemd-run", &all, "")
            .is_ok_and(|output| output.success)
    }

    /// Whether the timer of the transaction `id` lives.
    pub(super) fn is_watched(&self, id: &str) -> bool {
        self.dir.is_held(&lock_name(id))
    }

    /// Watches the transaction `id` until it is confirmed or taken back, and takes it back when its time is over or the
    /// one who carries it out is gone.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn watch(&self, id: &str) -> Result<()> {
        let name = lock_name(id);
        // The one who waits for us tries the lock too, for a moment each time.
        let Some(_watching) = self.dir.lock(&name)? else {
            return Ok(());
        };
        let mut failures = 0;
        let mut last: Option<Transaction> = None;
        while failures < FAILURES_MAX {
            if let Some(mut last) = last.take()
                && !self.dir.exists()
            {
                // Somebody removed the journals. Whoever confirms or takes back leaves the directory.
                if matches!(last.phase, Phase::Applying(_)) {
                    // It may have come further since we looked.
                    last.phase = Phase::Applying(last.entries.len().saturating_sub(1));
                }
                self.dir.save_transaction(&last)?;
            }
            let Some(seen) = self.dir.transaction()?.filter(|seen| seen.id == id) else {
                break;
            };
            // Its own lock is free only when the one who applies is done or dead.
            let is_due = seen.phase != Phase::Waiting || self.is_over(&seen);
            if is_due && let Some(_lock) = self.try_lock()? {
                // Most likely a tool that lacks memory for a moment.
                failures += u32::from(self.heal_locked().is_err());
            }
            last = Some(seen);
            self.host
                .pause(LOOK_EVERY * (1 << failures.min(DOUBLINGS_MAX)));
        }
        self.dir.remove_lock(&name)
    }
}

fn lock_name(id: &str) -> String {
    format!("{TIMER_LOCK}{id}.lock")
}

fn start_detached(timer: &TimerProgram, args: &[String]) -> Result<()> {
    // It makes a session of its own when it starts, and nobody waits for it: it is init's when we are gone.
    Command::new(&timer.program)
        .args(args)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(|_| ())
        .map_err(|source| Error::File {
            what: "starting",
            path: timer.program.clone(),
            source,
        })
}

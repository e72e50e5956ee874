//! The one thread that writes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use stadion_core::id::SessionId;
use stadion_core::state::{Change, StateError};
use stadion_core::time::Timestamp;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::log::{Carried, Log};
use super::{Settled, Shared};
use crate::ledger::{Command, Outcome, Row};

/// Commands of one commit. A disk flush takes some milliseconds and a command some tens of microseconds, so more would
/// lengthen the wait of the first without sharing the flush much better.
const BATCH_MAX: usize = 512;

/// How long signs of life may be kept in memory only. Stale means 60 s without one by default, so after a crash a
/// session looks at most a twelfth of that older than it is.
const HEARTBEATS_FLUSH: Duration = Duration::from_secs(5);

/// Pause between two tries to write after a failure: a full disk stays full for a while, and each try is a line in the
/// log and may take a flush.
const MEND_PAUSE: Duration = Duration::from_millis(250);

/// One command on its way.
pub(super) struct Job {
    pub(super) command: Command,
    pub(super) now: Timestamp,
    pub(super) reply: oneshot::Sender<Result<Outcome, StateError>>,
}

type Reply = (
    oneshot::Sender<Result<Outcome, StateError>>,
    Result<Outcome, StateError>,
);

/// What a batch came to, before it is durable.
#[derive(Default)]
struct Batch {
    replies: Vec<Reply>,
    /// What has to be written, in order.
    rows: Vec<Row>,
    /// Sessions whose signs of life need not be written now.
    beats: Vec<SessionId>,
    /// What takes everything back, in the opposite order.
    undo: Vec<Row>,
    changes: Vec<Change>,
}

pub(super) struct Writer {
    log: Log,
    shared: Arc<Shared>,
    /// Sessions whose sign of life is not in the file.
    beating: BTreeSet<SessionId>,
    flush_at: Option<Instant>,
    mend_at: Option<Instant>,
}

impl Writer {
    pub(super) fn new(log: Log, shared: Arc<Shared>) -> Self {
        Self {
            log,
            shared,
            beating: BTreeSet::new(),
            flush_at: None,
            mend_at: None,
        }
    }

    /// Works until every sender is gone, and leaves everything in the file.
    pub(super) fn run(mut self, queue: &Receiver<Job>) {
        loop {
            let first = match self.flush_at {
                Some(at) => queue.recv_timeout(at.saturating_duration_since(Instant::now())),
                None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match first {
                Ok(first) => {
                    let jobs = std::iter::once(first).chain(queue.try_iter().take(BATCH_MAX - 1));
                    let jobs: Vec<Job> = jobs.collect();
                    self.serve(jobs);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.flush_at.is_some_and(|at| at <= Instant::now()) {
                self.flush();
            }
        }
        self.flush();
        if let Err(why) = self.log.close() {
            tracing::warn!(%why, "the state could not be closed in good order");
        }
    }

    fn serve(&mut self, mut jobs: Vec<Job>) {
        let needs_file = |job: &Job| !matches!(job.command, Command::Heartbeats { .. });
        if jobs.iter().any(needs_file)
            && let Err(error) = self.ensure_whole()
        {
            // Signs of life are taken all the same, or every session would be stale when the disk has room again.
            let (refused, beats): (Vec<Job>, _) = jobs.into_iter().partition(needs_file);
            jobs = beats;
            for job in refused {
                answer(job.reply, Err(error.clone()));
            }
        }
        let (batch, number, carried) = self.apply(jobs);
        let mut written = Ok(());
        if !batch.rows.is_empty() {
            written = self.log.commit(&batch.rows, &carried);
        }
        match written {
            Ok(()) => self.publish(batch, number),
            Err(why) => self.give_up(batch, number, &why),
        }
    }

    fn apply(&self, jobs: Vec<Job>) -> (Batch, u64, Carried) {
        let mut batch = Batch::default();
        let mut view = self.shared.view.write();
        for job in jobs {
            let beats = matches!(job.command, Command::Heartbeats { .. });
            let applied = view.ledger.apply(job.command, job.now);
            let result = applied.map(|applied| {
                if beats {
                    let sessions = applied.rows.iter().filter_map(|row| match row {
                        Row::Session(id, _) => Some(*id),
                        _ => None,
                    });
                    batch.beats.extend(sessions);
                } else {
                    batch.rows.extend(applied.rows);
                }
                batch.undo.extend(applied.undo);
                batch.changes.extend(applied.changes);
                applied.outcome
            });
            batch.replies.push((job.reply, result));
        }
        // Signs of life alone are seen at once.
        if !batch.rows.is_empty() {
            view.batch += 1;
        }
        let carried = self.log.carry(batch.rows.len(), &view.ledger);
        (batch, view.batch, carried)
    }

    /// The batch is durable: readers first, so that whoever has an answer also reads it.
    fn publish(&mut self, batch: Batch, number: u64) {
        self.shared
            .settled
            .send_modify(|settled| settled.batch = number);
        self.beating.extend(batch.beats);
        if !self.beating.is_empty() && self.flush_at.is_none() {
            self.flush_at = Some(Instant::now() + HEARTBEATS_FLUSH);
        }
        // Before the answers: who has one may ask a watcher about it. Nobody listening is no error.
        if !batch.changes.is_empty() {
            drop(self.shared.changes.send(batch.changes.into()));
        }
        for (reply, result) in batch.replies {
            answer(reply, result);
        }
    }

    /// The batch is not durable: it is taken back. The journal forgets it before anything else is written.
    fn give_up(&mut self, batch: Batch, number: u64, why: &str) {
        tracing::error!(%why, commands = batch.replies.len(), "the state could not be written");
        {
            let mut view = self.shared.view.write();
            for row in batch.undo.iter().rev() {
                view.ledger.put(row);
            }
            // What is read from now on is durable.
            view.batch += 1;
            self.shared.settled.send_replace(Settled {
                batch: view.batch,
                undone: number,
            });
        }
        for (reply, _) in batch.replies {
            answer(reply, Err(unavailable(why)));
        }
    }

    /// Makes the journal fit for writing again after a failure.
    fn ensure_whole(&mut self) -> Result<(), StateError> {
        if !self.log.is_broken() {
            return Ok(());
        }
        if self.mend_at.is_some_and(|at| Instant::now() < at) {
            return Err(unavailable("it failed just now and will be tried again"));
        }
        self.mend_at = Some(Instant::now() + MEND_PAUSE);
        let mended = self.log.mend();
        mended.map_err(|error| unavailable(&error.to_string()))
    }

    /// Writes the signs of life that are only in memory.
    fn flush(&mut self) {
        self.flush_at = None;
        if self.beating.is_empty() {
            return;
        }
        let written = self
            .ensure_whole()
            .map_err(|e| e.to_string())
            .and_then(|()| {
                let view = self.shared.view.read();
                let beating = self.beating.iter();
                let rows: Vec<Row> = beating
                    .filter_map(|id| view.ledger.session(*id).ok())
                    .map(|session| Row::Session(session.id, Some(session)))
                    .collect();
                let carried = self.log.carry(rows.len(), &view.ledger);
                drop(view);
                self.log.commit(&rows, &carried)
            });
        match written {
            Ok(()) => self.beating.clear(),
            Err(why) => {
                tracing::warn!(%why, "heartbeats stay in memory");
                self.flush_at = Some(Instant::now() + HEARTBEATS_FLUSH);
            }
        }
    }
}

fn unavailable(why: &str) -> StateError {
    StateError::Unavailable(format!("the state could not be written: {why}"))
}

fn answer(
    reply: oneshot::Sender<Result<Outcome, StateError>>,
    result: Result<Outcome, StateError>,
) {
    // A caller that went away does not change what was done.
    drop(reply.send(result));
}

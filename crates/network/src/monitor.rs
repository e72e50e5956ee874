//! Rates of a running host: what happens now, and not what has happened since it began.

pub mod alarms;
pub mod ask;
pub mod catalogue;
mod endpoint;
pub mod ports;
pub mod rates;
pub mod sample;
mod show;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::hash::{BuildHasher as _, RandomState};
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::host::Host;
use crate::probe::{self, Window};
use crate::profile::thresholds::Thresholds;
use crate::{Error, Result, Skip};
use alarms::Alarm;
use catalogue as c;
use rates::{Rates, Sample};
use sample::{Sampler, Watch};

/// The exit code of `monitor` when a threshold was passed in any interval, and of `report` with a finding that
/// `--fail-on` names.
pub const ALARM_EXIT_CODE: u8 = 6;

/// How to show what is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A table that is drawn again and again, for a terminal.
    Live,
    /// A line per interval, and one per alarm.
    Lines,
    /// An object per interval and line.
    Json,
}

/// What `stadion network monitor` was told.
#[derive(Clone, Debug)]
pub struct Options {
    /// What to look at.
    pub watch: Watch,
    /// Time between two samples.
    pub interval: Duration,
    /// Intervals, after which it ends; nothing: until it is told to stop.
    pub count: Option<u64>,
    /// How to show them.
    pub form: Form,
    /// Where Prometheus may ask.
    pub listen: Option<SocketAddr>,
    /// A peer that answers probes, as `HOST:PORT`.
    pub probe: Option<String>,
    /// Time between two probes.
    pub probe_interval: Duration,
}

/// One interval, as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// Seconds since the monitor began.
    pub at_seconds: f64,
    /// What happened.
    #[serde(flatten)]
    pub rates: Rates,
    /// What was beyond its threshold.
    pub alarms: Vec<Alarm>,
    /// What cannot be read here.
    pub gaps: Vec<Skip>,
}

/// Measures until `options.count` or until the process is told to stop; whether a threshold was passed.
///
/// # Errors
/// [`Error::Usage`] when the probe's peer is unknown, [`Error::File`] when an address cannot be bound. A part that cannot
/// be read is a gap and no error.
pub fn run(
    host: Host,
    thresholds: &Thresholds,
    options: &Options,
    out: &mut dyn Write,
) -> Result<bool> {
    let host = Arc::new(host);
    block_on(async {
        let peer = match &options.probe {
            Some(peer) => Some(probe::resolve(peer).await?),
            None => None,
        };
        let window = RefCell::new(Window::default());
        let (page, pages) = watch::channel(Bytes::new());
        let endpoint = async {
            match options.listen {
                Some(listen) => endpoint::Endpoint::bind(listen).await?.serve(pages).await,
                None => std::future::pending().await,
            }
        };
        let probe = async {
            let Some(peer) = peer else {
                return std::future::pending().await;
            };
            // Keyed by the system's randomness: nobody else can forge a reply.
            let run = RandomState::new().hash_one(peer);
            probe::run(peer, options.probe_interval, run, &window).await
        };
        let seen = Seen {
            options,
            thresholds,
            window: &window,
            page: &page,
        };
        tokio::select! {
            ended = endpoint => match ended? {},
            ended = probe => match ended? {},
            alarmed = seen.intervals(host, out) => alarmed,
        }
    })
}

/// What the loop over intervals needs.
struct Seen<'a> {
    options: &'a Options,
    thresholds: &'a Thresholds,
    window: &'a RefCell<Window>,
    page: &'a watch::Sender<Bytes>,
}

impl Seen<'_> {
    /// Runs until told to stop or until enough intervals were shown; whether any had an alarm.
    async fn intervals(&self, host: Arc<Host>, out: &mut dyn Write) -> Result<bool> {
        let mut sampler = Sampler::new(host, self.options.watch.clone());
        let mut before: Option<Sample> = None;
        let mut ticks = tokio::time::interval(self.options.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut shown, mut alarmed) = (0, false);
        let mut began = None;
        let stop = stop();
        tokio::pin!(stop);
        while self.options.count.is_none_or(|count| shown < count) {
            tokio::select! {
                _ = ticks.tick() => {}
                () = &mut stop => break,
            }
            // Elsewhere, because it waits for processes, and probes must not wait with it.
            let read = tokio::task::spawn_blocking(move || {
                let sample = sampler.sample();
                (sampler, sample)
            });
            let (returned, mut sample) = read.await.map_err(|_| broken())?;
            sampler = returned;
            self.add_probe(&mut sample);
            let began = *began.get_or_insert(sample.at);
            if let Some(before) = &before {
                let rates = rates::rates(before, &sample);
                let interval = Interval {
                    at_seconds: sample.at.saturating_sub(began).as_secs_f64(),
                    alarms: alarms::alarms(&rates, self.thresholds),
                    rates,
                    gaps: sampler.gaps().to_vec(),
                };
                alarmed |= !interval.alarms.is_empty();
                self.page
                    .send_replace(endpoint::page(&sample, &interval.alarms));
                shown += 1;
                // Whoever read us has gone: that is no failure of ours.
                if show::show(&interval, self.options.form, shown == 1, out).is_err() {
                    break;
                }
            } else {
                self.page.send_replace(endpoint::page(&sample, &[]));
            }
            before = Some(sample);
        }
        Ok(alarmed)
    }

    fn add_probe(&self, sample: &mut Sample) {
        let Some(peer) = &self.options.probe else {
            return;
        };
        let summary = self.window.borrow().summary();
        // Before the first fate is known there is no loss to speak of.
        if summary.sent == 0 {
            return;
        }
        sample.counters.set(c::PROBE_SENT, peer, summary.sent);
        sample.counters.set(c::PROBE_LOST, peer, summary.lost);
        sample.gauges.set(c::PROBE_LOSS, peer, summary.loss_ratio);
        for (metric, value) in [
            (c::PROBE_P50, summary.p50_seconds),
            (c::PROBE_P99, summary.p99_seconds),
            (c::PROBE_JITTER, summary.jitter_seconds),
        ] {
            if let Some(value) = value {
                sample.gauges.set(metric, peer, value);
            }
        }
    }
}

fn broken() -> Error {
    Error::Parse {
        what: "a sample of the host".into(),
        said: "a parser broke off; please report this".into(),
    }
}

/// Runs `work` on this thread, whose network namespace is the one that was entered. Threads that it starts inherit it.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(2)
        .build()
        .map_err(|source| Error::File {
            what: "starting",
            path: "the event loop".into(),
            source,
        })?;
    runtime.block_on(work)
}

/// Resolves when the process is told to stop, by SIGINT or SIGTERM.
pub(crate) async fn stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut int), Ok(mut term)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = int.recv() => {}
        _ = term.recv() => {}
    }
}

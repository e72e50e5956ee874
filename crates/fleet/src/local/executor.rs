//! Does what `world` decides.

mod backend;
mod create;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use stadion_core::fleet::{Allocation, AllocationRequest, FleetChange, FleetError, GameServer};
use stadion_core::id::{FleetName, ServerName};
use stadion_core::time::Timestamp;
use stadion_sdk::proto;
use tokio::net::TcpListener;
use tokio::sync::{Notify, broadcast, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use super::lock::DirLock;
use super::ports::PortPool;
use super::process::{self, Exit, Process};
use super::record::{Record, write_whole};
use super::view::view;
use super::world::{Given, World};
use super::{LocalConfig, Timing};
use crate::sdk_server;
use backend::Backend;

/// Changes that a reader may be behind before it is told to list again: a fleet of 200 servers that changes state five
/// times at once.
const CHANGES_BEHIND_MAX: usize = 1_024;
/// How often the sizes of logs are looked at. A server that writes 250 kB/s fills one log in this time.
const LOG_PERIOD: Duration = Duration::from_secs(60);
/// Wait before a record that could not be written is tried again.
const REWRITE_MS: u64 = 1_000;
/// Logs of ended game servers that are kept: of the last hundred matches, or of a crash loop since the morning.
const ENDED_LOGS_MAX: usize = 100;
/// File with the number of servers wanted in each fleet.
const WANTED_FILE: &str = "wanted.json";

/// The shared part of a local fleet.
pub(super) struct Inner {
    config: LocalConfig,
    /// Wall time when `opened` was taken.
    base: Timestamp,
    opened: Instant,
    shared: Mutex<Shared>,
    changes: broadcast::Sender<FleetChange>,
    poke: Notify,
    stop: CancellationToken,
}

/// What is behind the one lock. Files are written while it is held: a record must be on disk before its change is
/// seen, in the order of the changes, and a record is a few hundred bytes into the page cache.
struct Shared {
    world: World,
    shown: BTreeMap<ServerName, Shown>,
    game_ports: PortPool,
    sdk_ports: PortPool,
    /// Held as long as this fleet may change anything.
    lock: Option<DirLock>,
}

/// A game server as it is seen from outside, and through its SDK server.
struct Shown {
    server: Arc<GameServer>,
    view: watch::Sender<Arc<proto::GameServer>>,
    stop: CancellationToken,
}

fn stopped() -> FleetError {
    FleetError::Unavailable("the local fleet is stopped".to_owned())
}

/// Where game servers have their directories.
pub(super) fn servers_dir(config: &LocalConfig) -> PathBuf {
    config.data_dir.join("servers")
}

/// Where the logs of ended game servers are.
pub(super) fn ended_dir(config: &LocalConfig) -> PathBuf {
    config.data_dir.join("ended")
}

/// The sizes that fleets had; none of it is a reason not to start.
pub(super) fn read_wanted(config: &LocalConfig) -> BTreeMap<FleetName, u32> {
    let path = config.data_dir.join(WANTED_FILE);
    let Ok(bytes) = fs::read(&path) else {
        return BTreeMap::new();
    };
    serde_json::from_slice(&bytes).unwrap_or_else(|error| {
        tracing::warn!(path = %path.display(), %error, "the sizes that fleets had cannot be read: they begin as configured");
        BTreeMap::new()
    })
}

impl Inner {
    pub(super) fn new(config: LocalConfig, lock: DirLock) -> Arc<Self> {
        let wanted = read_wanted(&config);
        let shared = Shared {
            world: World::new(&config.fleets, &wanted, config.timing),
            shown: BTreeMap::new(),
            game_ports: PortPool::new(config.game_ports.clone(), (config.random)()),
            sdk_ports: PortPool::new(config.sdk_ports.clone(), (config.random)()),
            lock: Some(lock),
        };
        Arc::new(Self {
            base: config.clock.now(),
            opened: Instant::now(),
            shared: Mutex::new(shared),
            changes: broadcast::channel(CHANGES_BEHIND_MAX).0,
            poke: Notify::new(),
            stop: CancellationToken::new(),
            config,
        })
    }

    pub(super) fn now(&self) -> Timestamp {
        let elapsed_ms = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.base.plus_ms(elapsed_ms)
    }

    pub(super) const fn timing(&self) -> &Timing {
        &self.config.timing
    }

    fn instant(&self, at: Timestamp) -> Instant {
        self.opened + Duration::from_millis(at.since_ms(self.base))
    }

    fn server_dir(&self, name: &ServerName) -> PathBuf {
        servers_dir(&self.config).join(name.as_str())
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<FleetChange> {
        self.changes.subscribe()
    }

    pub(super) fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.shared.lock().world)
    }

    pub(super) fn snapshots(&self) -> Vec<Arc<GameServer>> {
        self.shared
            .lock()
            .shown
            .values()
            .map(|shown| Arc::clone(&shown.server))
            .collect()
    }

    /// Changes the world; what changed is on disk and shown when this returns.
    pub(super) fn apply<T>(
        &self,
        change: impl FnOnce(&mut World, Timestamp) -> Result<T, FleetError>,
    ) -> Result<T, FleetError> {
        let mut shared = self.shared.lock();
        if shared.lock.is_none() {
            return Err(stopped());
        }
        let done = change(&mut shared.world, self.now());
        self.show(&mut shared);
        drop(shared);
        self.poke.notify_one();
        done
    }

    /// As [`Inner::apply`], but an allocation that is not on disk did not happen (I3).
    pub(super) fn allocate(&self, request: &AllocationRequest) -> Result<Allocation, FleetError> {
        let mut shared = self.shared.lock();
        if shared.lock.is_none() {
            return Err(stopped());
        }
        let Given { allocation, is_new } = shared.world.allocate(request, self.now())?;
        if self.show(&mut shared).contains(&allocation.server) && is_new {
            shared.world.unallocate(&allocation.server, self.now());
            self.show(&mut shared);
            return Err(FleetError::Unavailable(
                "the allocation could not be written down".to_owned(),
            ));
        }
        drop(shared);
        self.poke.notify_one();
        Ok(allocation)
    }

    pub(super) fn scale(&self, fleet: &FleetName, replicas: u32) -> Result<(), FleetError> {
        self.apply(|world, _| {
            world.scale(fleet, replicas)?;
            let path = self.config.data_dir.join(WANTED_FILE);
            let unwritten = |error: &dyn std::fmt::Display| {
                FleetError::Unavailable(format!(
                    "the wanted sizes could not be written down: {error}"
                ))
            };
            let bytes = serde_json::to_vec(&world.wanted()).map_err(|error| unwritten(&error))?;
            write_whole(&path, &bytes).map_err(|error| unwritten(&error))
        })
    }

    /// Writes and shows what changed. Returns the servers whose record could not be written: they are shown when it
    /// can.
    fn show(&self, shared: &mut Shared) -> BTreeSet<ServerName> {
        let mut behind = BTreeSet::new();
        for name in shared.world.take_changed() {
            let Some((record, spec)) = shared.world.record(&name) else {
                continue;
            };
            if let Err(error) = record.write(&self.server_dir(&name)) {
                tracing::error!(server = %name, %error, "the record of a game server could not be written");
                shared.world.mark_changed(name.clone());
                behind.insert(name);
                continue;
            }
            let server = Arc::new(record.server.clone());
            let seen = Arc::new(view(record, spec));
            match shared.shown.get_mut(&name) {
                Some(shown) => {
                    if shown.server.state != server.state {
                        tracing::debug!(server = %name, from = shown.server.state.as_str(), to = server.state.as_str(), "a game server changed");
                    }
                    shown.server = Arc::clone(&server);
                    shown.view.send_replace(seen);
                }
                None => {
                    let shown = Shown {
                        server: Arc::clone(&server),
                        view: watch::channel(seen).0,
                        stop: self.stop.child_token(),
                    };
                    shared.shown.insert(name, shown);
                }
            }
            // Nobody listening is fine.
            drop(self.changes.send(FleetChange::Changed(server)));
        }
        behind
    }

    /// Takes in a server of an earlier Stadion; without a listener it cannot be spoken to, and is ended.
    pub(super) fn adopt(self: &Arc<Self>, record: Record, listener: Option<TcpListener>) {
        let (name, process) = (record.server.name.clone(), record.process());
        let done = self.apply(|world, now| {
            let Some(spec) = world.spec(&record.server.fleet).cloned() else {
                return Ok(());
            };
            world.adopt(record, spec, now);
            if listener.is_none() {
                world.lost(&name, now);
            }
            Ok(())
        });
        if let (Ok(()), Some(process)) = (done, process) {
            if let Some(listener) = listener {
                self.serve(&name, listener);
            }
            self.watch_exit(name, Process::Adopted(process));
        }
    }

    fn serve(self: &Arc<Self>, name: &ServerName, listener: TcpListener) {
        let stop = self
            .shared
            .lock()
            .shown
            .get(name)
            .map(|shown| shown.stop.clone());
        // Without one the record could not be written: whoever connects is answered once it can.
        let stop = stop.unwrap_or_else(|| self.stop.child_token());
        let backend = Arc::new(Backend {
            inner: Arc::clone(self),
            name: name.clone(),
        });
        tokio::spawn(sdk_server::serve(listener, backend, stop));
    }

    fn watch_exit(self: &Arc<Self>, name: ServerName, process: Process) {
        let inner = Arc::clone(self);
        tokio::spawn(async move {
            tokio::select! {
                exit = process.exited() => inner.exited(&name, exit),
                () = inner.stop.cancelled() => {}
            }
        });
    }

    fn exited(&self, name: &ServerName, exit: Exit) {
        let mut shared = self.shared.lock();
        // A fleet that let go leaves the record to the next one.
        if shared.lock.is_none() {
            return;
        }
        let Some(record) = shared
            .world
            .exited(name, exit, self.now(), (self.config.random)())
        else {
            return;
        };
        tracing::info!(server = %name, state = record.server.state.as_str(), ?exit, "a game server is gone");
        if let Some(shown) = shared.shown.remove(name) {
            shown.stop.cancel();
        }
        drop(
            self.changes
                .send(FleetChange::Removed(Arc::new(record.server))),
        );
        // Under the lock, because a stopped fleet must not touch what the next one may have adopted.
        retire(&self.config, name);
        drop(shared);
        self.poke.notify_one();
    }

    /// Keeps the fleets as they are wanted until `stop`, then lets go of them.
    pub(super) async fn run(self: &Arc<Self>, stop: CancellationToken) {
        let mut logs = interval(LOG_PERIOD);
        logs.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let wake = self.round();
            let timer = async {
                match wake {
                    Some(at) => sleep_until(self.instant(at)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.poke.notified() => {}
                () = timer => {}
                _ = logs.tick() => self.bound_logs(),
            }
        }
        // From here on every call fails, so the lock can go to the next Stadion.
        let lock = self.shared.lock().lock.take();
        self.stop.cancel();
        drop(lock);
    }

    /// One round: plans, and does what is planned.
    fn round(self: &Arc<Self>) -> Option<Timestamp> {
        let mut shared = self.shared.lock();
        shared.lock.as_ref()?;
        let now = self.now();
        let plan = shared.world.plan(now, (self.config.random)());
        self.show(&mut shared);
        let rewrite = shared.world.has_changed().then(|| now.plus_ms(REWRITE_MS));
        drop(shared);
        for told in plan.signal {
            tracing::info!(server = %told.name, signal = ?told.signal, "a game server is told to end");
            told.process.signal(told.signal);
        }
        for fleet in plan.create {
            if let Err(error) = self.create(&fleet) {
                tracing::error!(%fleet, %error, "a game server could not be created");
            }
        }
        plan.wake.into_iter().chain(rewrite).min()
    }

    fn bound_logs(&self) {
        let dirs: Vec<_> = self
            .snapshots()
            .iter()
            .map(|server| self.server_dir(&server.name))
            .collect();
        tokio::task::spawn_blocking(move || {
            for dir in dirs {
                if let Err(error) = process::bound_log(&dir) {
                    tracing::warn!(dir = %dir.display(), %error, "a log could not be bounded");
                }
            }
        });
    }
}

/// Removes the directory of an ended server, and keeps its log.
pub(super) fn retire(config: &LocalConfig, name: &ServerName) {
    let (dir, ended) = (servers_dir(config).join(name.as_str()), ended_dir(config));
    // A server that never wrote a log has none to keep.
    drop(fs::rename(
        dir.join("server.log"),
        ended.join(format!("{name}.log")),
    ));
    if let Err(error) = fs::remove_dir_all(&dir) {
        tracing::warn!(dir = %dir.display(), %error, "the directory of an ended game server could not be removed");
    }
    let Ok(entries) = fs::read_dir(&ended) else {
        return;
    };
    let mut logs: Vec<_> = entries
        .flatten()
        .filter_map(|e| Some((e.metadata().ok()?.modified().ok()?, e.path())))
        .collect();
    logs.sort_unstable();
    let surplus = logs.len().saturating_sub(ENDED_LOGS_MAX);
    for (_, log) in logs.into_iter().take(surplus) {
        drop(fs::remove_file(log));
    }
}

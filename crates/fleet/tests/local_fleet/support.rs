//! A Stadion that can be crashed, and what it runs on.

pub(crate) mod game_server;

use std::collections::BTreeMap;
use std::future::Future;
use std::hash::BuildHasher;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use stadion_core::fleet::{
    AllocationRequest, Bounds, Fleet, FleetChange, FleetSpec, GameServer, GameServerState, Health,
    ServerTemplate, ServerType,
};
use stadion_core::id::{FleetName, GameModeName, MatchId, Region, ServerName};
use stadion_core::ticket::Requirements;
use stadion_core::time::{Clock, Timestamp};
use stadion_fleet::local::{LocalConfig, LocalFleet, Timing};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::PATIENCE;

/// The match at whose sight a test game server says Shutdown.
pub(crate) const SHUTDOWN_MATCH: u8 = 99;

struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the edge of the test")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        Timestamp(u64::try_from(since.as_millis()).unwrap())
    }
}

/// A data directory; the game servers in it end with it.
pub(crate) struct Host {
    dir: tempfile::TempDir,
}

impl Host {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            dir: tempfile::Builder::new().prefix(name).tempdir().unwrap(),
        }
    }

    pub(crate) fn config(&self, fleets: Vec<Arc<FleetSpec>>) -> LocalConfig {
        let state = std::hash::RandomState::new();
        let count = AtomicU64::new(0);
        LocalConfig {
            data_dir: self.dir.path().join("data"),
            address: "127.0.0.1".into(),
            fleets,
            game_ports: 15_000..=15_999,
            sdk_ports: 25_000..=25_999,
            timing: Timing {
                start_timeout_ms: 30_000,
                stop_grace_ms: 500,
                back_off_ms: 200,
                back_off_max_ms: 2_000,
            },
            clock: Arc::new(SystemClock),
            random: Arc::new(move || state.hash_one(count.fetch_add(1, Ordering::Relaxed))),
            env: Arc::new(|name, _| BTreeMap::from([("TEST_NAME".to_owned(), name.to_string())])),
        }
    }

    pub(crate) fn start(&self, fleets: Vec<Arc<FleetSpec>>) -> Stadion {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let stop = CancellationToken::new();
        let fleet = runtime
            .block_on(LocalFleet::open(self.config(fleets)))
            .unwrap();
        let fleet = Arc::new(fleet);
        let running = runtime.spawn({
            let (fleet, stop) = (Arc::clone(&fleet), stop.clone());
            async move { fleet.run(stop).await }
        });
        Stadion {
            runtime,
            fleet,
            stop,
            running,
        }
    }

    fn servers_dir(&self) -> PathBuf {
        self.dir.path().join("data/servers")
    }

    pub(crate) fn record(&self, name: &ServerName) -> PathBuf {
        self.servers_dir().join(name.as_str()).join("record.json")
    }

    pub(crate) fn ended_log(&self, name: &ServerName) -> PathBuf {
        self.dir
            .path()
            .join("data/ended")
            .join(format!("{name}.log"))
    }

    /// Every record, as it is on disk.
    fn records(&self) -> Vec<serde_json::Value> {
        let dirs = std::fs::read_dir(self.servers_dir())
            .into_iter()
            .flatten()
            .flatten();
        dirs.filter_map(|dir| {
            serde_json::from_slice(&std::fs::read(dir.path().join("record.json")).ok()?).ok()
        })
        .collect()
    }

    pub(crate) fn sdk_ports(&self) -> BTreeMap<String, u64> {
        let records = self.records();
        records
            .iter()
            .map(|r| {
                (
                    r["server"]["name"].as_str().unwrap().to_owned(),
                    r["sdk_port"].as_u64().unwrap(),
                )
            })
            .collect()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        for record in self.records() {
            if let Some(pid) = record["server"]["pid"].as_u64() {
                kill(u32::try_from(pid).unwrap());
            }
        }
    }
}

/// One life of Stadion.
pub(crate) struct Stadion {
    runtime: Runtime,
    fleet: Arc<LocalFleet>,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

impl Stadion {
    pub(crate) fn block_on<T, F: Future<Output = T>>(
        &self,
        work: impl FnOnce(Arc<LocalFleet>) -> F,
    ) -> T {
        self.runtime.block_on(work(Arc::clone(&self.fleet)))
    }

    pub(crate) fn servers(&self) -> Vec<GameServer> {
        let servers = self.block_on(|fleet| async move { fleet.servers().await.unwrap() });
        servers
            .iter()
            .map(|server| server.as_ref().clone())
            .collect()
    }

    /// Looks at the servers at every change until `look` finds what it looks for.
    pub(crate) fn wait<T>(&mut self, look: impl Fn(&[GameServer]) -> Option<T>) -> T {
        let fleet = Arc::clone(&self.fleet);
        let mut changes = fleet.watch();
        let found = self.runtime.block_on(async {
            tokio::time::timeout(PATIENCE, async {
                loop {
                    let servers = fleet.servers().await.unwrap();
                    let servers: Vec<_> = servers
                        .iter()
                        .map(|server| server.as_ref().clone())
                        .collect();
                    if let Some(found) = look(&servers) {
                        return found;
                    }
                    changes.next().await;
                }
            })
            .await
        });
        found.unwrap_or_else(|_| panic!("waited for {PATIENCE:?}; there is {:#?}", self.servers()))
    }

    /// The next server that goes away.
    pub(crate) fn wait_for_removal(&mut self) -> ServerName {
        let mut changes = self.fleet.watch();
        let removed = async {
            loop {
                if let Some(FleetChange::Removed(server)) = changes.next().await {
                    return server.name.clone();
                }
            }
        };
        self.runtime
            .block_on(async { tokio::time::timeout(PATIENCE, removed).await })
            .unwrap()
    }

    /// Ends it between any two instructions: nothing is said, written or closed in an orderly way.
    pub(crate) fn crash(self) {
        self.runtime.shutdown_timeout(PATIENCE);
    }

    pub(crate) fn stop(self) {
        self.stop.cancel();
        self.runtime.block_on(self.running).unwrap();
        self.runtime.shutdown_timeout(PATIENCE);
    }
}

pub(crate) fn fleet_name() -> FleetName {
    FleetName::new("duel").unwrap()
}

pub(crate) fn match_id(number: u8) -> MatchId {
    MatchId::new(Timestamp(1_700_000_000_000), u128::from(number))
}

pub(crate) fn request(number: u8) -> AllocationRequest {
    AllocationRequest {
        match_id: match_id(number),
        region: Region::new("eu").unwrap(),
        game_mode: GameModeName::new("1v1").unwrap(),
        players: 2,
        requirements: Requirements::default(),
    }
}

/// A fleet of `size` game servers that behave as `how` says.
pub(crate) fn spec(how: &str, size: u32) -> Arc<FleetSpec> {
    let program = std::env::current_exe()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    let arguments = ["game_server", "--exact", "--nocapture"].map(str::to_owned);
    let silent = how == "silent";
    Arc::new(FleetSpec {
        name: fleet_name(),
        game_id: "test".into(),
        server_type: ServerType::Match,
        region: Region::new("eu").unwrap(),
        zone: None,
        game_modes: Vec::new(),
        bounds: Bounds {
            min_replicas: 0,
            max_replicas: 8,
            buffer_size: size,
        },
        template: ServerTemplate {
            command: std::iter::once(program).chain(arguments).collect(),
            env: BTreeMap::from([("STADION_TEST_SERVER".to_owned(), how.to_owned())]),
            max_players: 2,
            tick_rate: 60,
            anti_cheat: true,
            labels: BTreeMap::new(),
            health: Health {
                disabled: false,
                initial_delay_seconds: if silent { 0 } else { 10 },
                period_seconds: if silent { 1 } else { 10 },
                failure_threshold: 1,
            },
        },
    })
}

fn in_state(servers: &[GameServer], state: GameServerState) -> Vec<GameServer> {
    servers
        .iter()
        .filter(|server| server.state == state)
        .cloned()
        .collect()
}

/// The Ready servers, when there are `count`.
pub(crate) fn ready(servers: &[GameServer], count: usize) -> Option<Vec<GameServer>> {
    Some(in_state(servers, GameServerState::Ready)).filter(|ready| ready.len() == count)
}

pub(crate) fn allocated(servers: &[GameServer]) -> Vec<GameServer> {
    in_state(servers, GameServerState::Allocated)
}

fn raw(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).unwrap()).unwrap()
}

pub(crate) fn kill(pid: u32) {
    kill_process(raw(pid), Signal::KILL).ok();
}

/// Whether the process runs; a zombie does not.
pub(crate) fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    test_kill_process(raw(pid)).is_ok() && !stat.contains(") Z")
}

/// Looks again and again until it is so.
pub(crate) fn eventually(mut is_so: impl FnMut() -> bool) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let looked = runtime.block_on(async {
        tokio::time::timeout(PATIENCE, async {
            while !is_so() {
                // polls: what no channel tells
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await
    });
    looked.expect("it should be so by now");
}

//! The `local` fleet: game servers as child processes of this host, each with an Agones-compatible SDK server.
//!
//! What is decided is in `world`, which does nothing; what is done is in `executor`. Game servers outlive Stadion:
//! everything about them is in a record on disk before anyone is told, and the next Stadion adopts them (`adopt`).

mod adopt;
mod executor;
mod lock;
mod ports;
mod process;
mod record;
mod view;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::StreamExt;
use stadion_core::fleet::{
    Allocation, AllocationRequest, Fleet, FleetChange, FleetError, FleetSpec, GameServer,
};
use stadion_core::id::{FleetName, MatchId, ServerName};
use stadion_core::time::Clock;
use tokio_stream::wrappers::BroadcastStream;
use tokio_util::sync::CancellationToken;

use executor::Inner;
use view::rfc3339;

/// From killing the processes of a host to seeing that they are gone, milliseconds.
const KILLED_GONE_MS: u64 = 10_000;

/// Annotation that tells an allocated game server its match.
pub const MATCH_ANNOTATION: &str = "stadion.dev/match-id";

/// Agones' annotation with the time of the last allocation, RFC 3339.
const LAST_ALLOCATED: &str = "agones.dev/last-allocated";

/// Environment of one game server, beyond what its template and the platform give.
pub type ServerEnv = dyn Fn(&ServerName, &FleetSpec) -> BTreeMap<String, String> + Send + Sync;

/// How long things may take, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// From the start of a process to its first Ready; Agones' liveness gives a slow server about as long.
    pub start_timeout_ms: u64,
    /// From asking a process to end (SIGTERM) to killing it (SIGKILL); Kubernetes' default.
    pub stop_grace_ms: u64,
    /// First wait before a failed game server is replaced.
    pub back_off_ms: u64,
    /// Longest wait before a failed game server is replaced.
    pub back_off_max_ms: u64,
}

impl Timing {
    /// Times for real game servers.
    pub const STANDARD: Self = Self {
        start_timeout_ms: 120_000,
        stop_grace_ms: 30_000,
        back_off_ms: 1_000,
        back_off_max_ms: 60_000,
    };

    /// How long [`LocalFleet::end_all`] takes at most: the grace, and then the killed processes go within seconds even
    /// where a hundred of them end on a busy host.
    #[must_use]
    pub const fn end_max(&self) -> Duration {
        Duration::from_millis(self.stop_grace_ms.saturating_add(KILLED_GONE_MS))
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self::STANDARD
    }
}

/// What a local fleet is made of.
#[derive(Clone)]
pub struct LocalConfig {
    /// Where records and logs are kept; one Stadion at a time.
    pub data_dir: PathBuf,
    /// Host name or address at which players reach this host.
    pub address: String,
    /// The fleets.
    pub fleets: Vec<Arc<FleetSpec>>,
    /// Ports that players connect to (UDP).
    pub game_ports: RangeInclusive<u16>,
    /// Ports of the SDK servers (TCP, loopback). They should lie outside of the ephemeral range of the kernel
    /// (`net.ipv4.ip_local_port_range`): a game server that reconnects while Stadion is away would otherwise
    /// sooner or later be given the very port as its own, and keep it.
    pub sdk_ports: RangeInclusive<u16>,
    /// How long things may take.
    pub timing: Timing,
    /// Wall clock; it is asked once, and the monotonic clock says how much later it is.
    pub clock: Arc<dyn Clock>,
    /// 64 random bits.
    pub random: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// Extra environment, such as where Stadion is and the server's own token.
    pub env: Arc<ServerEnv>,
}

impl fmt::Debug for LocalConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalConfig")
            .field("data_dir", &self.data_dir)
            .field("address", &self.address)
            .field("fleets", &self.fleets.len())
            .field("game_ports", &self.game_ports)
            .field("sdk_ports", &self.sdk_ports)
            .field("timing", &self.timing)
            .finish_non_exhaustive()
    }
}

/// Why a local fleet cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum LocalFleetError {
    /// Another Stadion has the data directory. Stop it or choose another directory; do not retry before.
    #[error("{} is in use by another Stadion{}", path.display(), pid.map_or_else(String::new, |pid| format!(" (process {pid})")))]
    Locked {
        /// The data directory.
        path: PathBuf,
        /// Its holder, if the holder has written who it is.
        pid: Option<u32>,
    },
    /// A file could not be read or written; retry when the file system is mended.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The configuration contradicts itself; do not retry.
    #[error("{0}")]
    Config(String),
}

/// Game servers as processes of this host. [`LocalFleet::run`] keeps them as they are wanted.
pub struct LocalFleet {
    inner: Arc<Inner>,
}

impl fmt::Debug for LocalFleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalFleet").finish_non_exhaustive()
    }
}

impl LocalFleet {
    /// Takes the data directory, and adopts the game servers that an earlier Stadion left running there: the same SDK
    /// port, the same state, the same match. What runs there and is not understood is ended.
    ///
    /// # Errors
    /// [`LocalFleetError`].
    pub async fn open(config: LocalConfig) -> Result<Self, LocalFleetError> {
        check(&config)?;
        Ok(Self {
            inner: adopt::open(config).await?,
        })
    }

    /// Creates, watches, replaces and ends game servers until `stop`; then it lets go of them, and they go on running
    /// for the next [`LocalFleet::open`]. Nothing else brings the fleets to their size, so the process that opened
    /// them should not outlive this.
    pub async fn run(&self, stop: CancellationToken) {
        self.inner.run(stop).await;
    }

    /// Ends every game server, whatever it does, and waits until the last process is gone, for at most
    /// [`Timing::end_max`]; [`LocalFleet::run`] must be running. Nobody can scale a fleet from now on. The sizes of the
    /// fleets are back at their minimum at the next [`LocalFleet::open`].
    ///
    /// # Errors
    /// [`FleetError::Unavailable`] after the fleet was stopped, or with the names of the servers that did not end.
    pub async fn end_all(&self) -> Result<(), FleetError> {
        let mut changes = self.watch();
        self.inner.apply(|world, now| {
            world.end_all(now);
            Ok(())
        })?;
        let gone =
            async { while !self.inner.snapshots().is_empty() && changes.next().await.is_some() {} };
        let limit = self.inner.timing().end_max();
        tokio::time::timeout(limit, gone).await.map_err(|_| {
            let left = self.inner.snapshots();
            let left: Vec<_> = left.iter().map(|server| server.name.as_str()).collect();
            let left = left.join(", ");
            FleetError::Unavailable(format!("game servers that did not end: {left}"))
        })
    }
}

fn check(config: &LocalConfig) -> Result<(), LocalFleetError> {
    let refuse = |why: String| Err(LocalFleetError::Config(why));
    let mut names = BTreeSet::new();
    for spec in &config.fleets {
        if !names.insert(&spec.name) {
            return refuse(format!("there are two fleets {}", spec.name));
        }
        if spec.template.command.is_empty() {
            return refuse(format!(
                "fleet {} has no command: a local game server needs one",
                spec.name
            ));
        }
    }
    let wanted: u64 = config
        .fleets
        .iter()
        .map(|spec| u64::from(spec.bounds.max_replicas))
        .sum();
    for (what, range) in [("game", &config.game_ports), ("SDK", &config.sdk_ports)] {
        if *range.start() == 0 || (range.clone().count() as u64) < wanted {
            return refuse(format!(
                "the fleets may have {wanted} game servers together, and {}-{} are not as many {what} ports",
                range.start(),
                range.end()
            ));
        }
    }
    Ok(())
}

#[async_trait]
impl Fleet for LocalFleet {
    fn specs(&self) -> Vec<Arc<FleetSpec>> {
        self.inner.read(|world| world.specs())
    }

    async fn servers(&self) -> Result<Vec<Arc<GameServer>>, FleetError> {
        Ok(self.inner.snapshots())
    }

    fn watch(&self) -> BoxStream<'static, FleetChange> {
        let changes = BroadcastStream::new(self.inner.subscribe());
        changes
            .map(|change| change.unwrap_or(FleetChange::Lagged))
            .boxed()
    }

    async fn allocate(&self, request: &AllocationRequest) -> Result<Allocation, FleetError> {
        self.inner.allocate(request)
    }

    async fn release(&self, match_id: MatchId) -> Result<(), FleetError> {
        self.inner.apply(|world, now| {
            world.release(match_id, now);
            Ok(())
        })
    }

    async fn shut_down(&self, server: &ServerName) -> Result<(), FleetError> {
        self.inner.apply(|world, now| world.shut_down(server, now))
    }

    async fn replicas(&self, fleet: &FleetName) -> Result<u32, FleetError> {
        self.inner.read(|world| world.replicas(fleet))
    }

    async fn scale(&self, fleet: &FleetName, replicas: u32) -> Result<(), FleetError> {
        self.inner.scale(fleet, replicas)
    }
}

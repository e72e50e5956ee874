//! The composition root: the only place that knows which parts there are, and hands each what it needs.

mod edges;
mod error;
mod loops;
mod observe;
mod stop;

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use stadion_core::fleet::{Fleet, FleetSpec};
use stadion_core::state::State;
use stadion_core::time::Clock;
use stadion_fleet::local::{LocalConfig, LocalFleet, Timing};
use stadion_state::embedded::{EmbeddedState, OpenError, Options, Recovery};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::{Entropy, SystemClock, SystemEntropy};
use crate::config::Settings;
use crate::config::written::{FleetKind, StateKind};
use crate::keys::{self, ServerKeys};
use crate::loops::outlook::{Desk, WaitTimes};
use crate::metrics::Metrics;
use crate::report::{self, Report};

pub use error::PlatformError;
pub use stop::STOP_MAX;

/// Ports of the local SDK servers: below the kernel's ephemeral range (`ip_local_port_range`, from 32,768) and above
/// the guide's game ports, two thousand for at most a thousand game servers.
const SDK_PORTS: std::ops::RangeInclusive<u16> = 20_000..=21_999;
/// How long the lock of a killed platform is waited for: from `fork` to `exec` takes milliseconds, on a busy host more.
const LOCK_LINGERS: Duration = Duration::from_secs(5);
/// Pause between two tries.
const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// Where a running platform says how to reach it, in its data directory.
pub const ENDPOINTS_FILE: &str = "endpoints.json";

/// Where a running platform can be reached.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Endpoints {
    /// For players and game servers.
    pub gateway: SocketAddr,
    /// For operators.
    pub operator: SocketAddr,
    /// The process.
    pub pid: u32,
}

impl Endpoints {
    /// Those of the platform whose data is in `data_dir`, if one runs or ran there.
    #[must_use]
    pub fn read(data_dir: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(data_dir.join(ENDPOINTS_FILE)).ok()?;
        serde_json::from_str(&text).ok()
    }
}

/// The parts that everything else is made of.
#[derive(Clone)]
pub struct Parts {
    /// The state.
    pub state: Arc<dyn State>,
    /// The fleets.
    pub fleet: Arc<dyn Fleet>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Questions to the matchmakers.
    pub desk: Arc<Desk>,
}

/// A running platform.
pub struct Platform {
    /// Its parts.
    pub parts: Parts,
    /// Where it can be reached.
    pub endpoints: Endpoints,
    /// What was found in the data directory.
    pub recovery: Recovery,
    local: Arc<LocalFleet>,
    settings: Arc<Settings>,
    gateway: stadion_gateway::Gateway,
    tasks: JoinSet<&'static str>,
    /// The names of the tasks.
    running: Vec<&'static str>,
    /// What makes matches ends first; then what keeps house, which sees live matches end; then the edges and the fleet.
    matching: CancellationToken,
    upkeep: CancellationToken,
    edges: CancellationToken,
    servers: CancellationToken,
}

/// Starts everything; when it returns, both edges answer.
///
/// # Errors
/// What could not be opened, bound or started, and what to do about it. Nothing is left running then.
pub async fn start(settings: Settings) -> Result<Platform, PlatformError> {
    let settings = Arc::new(settings);
    check_kinds(&settings)?;
    for path in ["state", "servers"].map(|room| settings.data_dir.join(room)) {
        std::fs::create_dir_all(&path).map_err(|source| PlatformError::DataDir { path, source })?;
    }
    let (state, recovery) = open_state(&settings.data_dir).await?;
    let gateway_listener = bind("gateway.listen", settings.gateway.listen).await?;
    let operator_listener =
        bind("gateway.operator_listen", settings.gateway.operator_listen).await?;
    let endpoints = Endpoints {
        gateway: local_addr(&gateway_listener)?,
        operator: local_addr(&operator_listener)?,
        pid: std::process::id(),
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let server_keys = Arc::new(ServerKeys::new(&keys::secret(
        &settings.auth.server_secret,
    )?));
    let local = Arc::new(
        open_fleet(
            &settings,
            endpoints.gateway,
            clock.clone(),
            server_keys.clone(),
        )
        .await?,
    );
    let modes: Vec<_> = settings
        .game_modes
        .iter()
        .map(|mode| mode.name.clone())
        .collect();
    let metrics = Metrics::new(env!("CARGO_PKG_VERSION"), &settings.regions, &modes);
    let metrics = Arc::new(metrics);
    let waits = WaitTimes::new(&settings.game_modes, &settings.regions, metrics.clone());
    let parts = Parts {
        state,
        fleet: local.clone(),
        desk: Arc::new(Desk::new(Arc::new(waits), clock.clone())),
        clock,
        entropy: Arc::new(SystemEntropy),
        metrics,
    };
    let gateway = edges::gateway(&settings, &parts, server_keys)?;
    let operator = edges::operator(&settings, &parts)?;
    let mut platform = Platform {
        parts,
        endpoints,
        recovery,
        local,
        settings,
        gateway: gateway.clone(),
        tasks: JoinSet::new(),
        running: Vec::new(),
        matching: CancellationToken::new(),
        upkeep: CancellationToken::new(),
        edges: CancellationToken::new(),
        servers: CancellationToken::new(),
    };
    // Game servers outlive this process, so nothing may fail after the first of them is started.
    platform.start_loops().await?;
    platform.write_endpoints()?;
    platform.start_edges(gateway, gateway_listener, operator, operator_listener);
    Ok(platform)
}

fn check_kinds(settings: &Settings) -> Result<(), PlatformError> {
    let not_built = |key, value, instead| {
        Err(PlatformError::NotBuilt {
            key,
            value,
            instead,
        })
    };
    match (settings.state, settings.fleet) {
        (StateKind::Redis, _) => not_built("state.kind", "redis", "embedded"),
        (_, FleetKind::Agones) => not_built("fleet.kind", "agones", "local"),
        (StateKind::Embedded, FleetKind::Local) => Ok(()),
    }
}

/// Opens the state in `data_dir`. A platform that was killed while it started a game server leaves its lock with the
/// half-made process for a moment, so a lock without a living platform is tried again.
async fn open_state(data_dir: &Path) -> Result<(Arc<EmbeddedState>, Recovery), PlatformError> {
    let begun = tokio::time::Instant::now();
    loop {
        let state_dir = data_dir.join("state");
        let opening = move || EmbeddedState::open(&state_dir, &Options::default());
        let opened = tokio::task::spawn_blocking(opening).await;
        let opened = opened.map_err(|error| PlatformError::Panicked {
            why: error.to_string(),
        })?;
        // One that was killed has left its file behind.
        let lives = |running: &Endpoints| Path::new(&format!("/proc/{}", running.pid)).exists();
        match (opened, Endpoints::read(data_dir).filter(lives)) {
            (Err(OpenError::Locked { .. }), Some(running)) => {
                return Err(PlatformError::Runs {
                    path: data_dir.to_owned(),
                    pid: running.pid,
                });
            }
            (Err(OpenError::Locked { .. }), None) if begun.elapsed() < LOCK_LINGERS => {
                tokio::time::sleep(LOCK_PAUSE).await;
            }
            (opened, _) => return Ok(opened?),
        }
    }
}

async fn bind(key: &'static str, address: SocketAddr) -> Result<TcpListener, PlatformError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| PlatformError::Bind {
            key,
            address,
            source,
        })
}

fn local_addr(listener: &TcpListener) -> Result<SocketAddr, PlatformError> {
    listener.local_addr().map_err(PlatformError::Socket)
}

/// The address that a process of this machine reaches `listen` at.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => std::net::Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
        known => known.ip(),
    };
    SocketAddr::new(ip, listen.port())
}

/// Where a game server listens whose players reach it at `address`: on this machine only, or everywhere, and over IPv6
/// when that is what the address is.
fn listen_host(address: &str) -> &'static str {
    match address.parse() {
        Ok(IpAddr::V6(ip)) if ip.is_loopback() => "::1",
        Ok(IpAddr::V6(_)) => "::",
        Ok(IpAddr::V4(ip)) if ip.is_loopback() => "127.0.0.1",
        Err(_) if address == "localhost" => "127.0.0.1",
        _ => "0.0.0.0",
    }
}

async fn open_fleet(
    settings: &Settings,
    gateway: SocketAddr,
    clock: Arc<dyn Clock>,
    server_keys: Arc<ServerKeys>,
) -> Result<LocalFleet, PlatformError> {
    let program = std::env::current_exe().map_err(PlatformError::OwnProgram)?;
    let with_command = |spec: &FleetSpec| {
        let mut spec = spec.clone();
        if spec.template.command.is_empty() {
            spec.template.command = vec![program.display().to_string(), "arena-server".into()];
        }
        Arc::new(spec)
    };
    let url = format!("http://{}", reachable(gateway));
    let game_host = listen_host(&settings.networking.address);
    let config = LocalConfig {
        data_dir: settings.data_dir.clone(),
        address: settings.networking.address.clone(),
        fleets: settings
            .fleets
            .iter()
            .map(|fleet| with_command(&fleet.spec))
            .collect(),
        game_ports: settings.networking.ports.clone(),
        sdk_ports: SDK_PORTS,
        timing: Timing::default(),
        clock,
        random: Arc::new(rand::random::<u64>),
        env: Arc::new(move |server, spec| {
            let variables = [
                ("STADION_URL", url.clone()),
                ("STADION_SERVER_TOKEN", server_keys.issue(server)),
                ("GAME_HOST", game_host.to_owned()),
                ("SERVER_TYPE", spec.server_type.as_str().to_owned()),
            ];
            variables
                .map(|(name, value)| (name.to_owned(), value))
                .into()
        }),
    };
    Ok(LocalFleet::open(config).await?)
}

impl Platform {
    fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.running.push(name);
        self.tasks.spawn(async move {
            task.await;
            name
        });
    }

    fn start_edges(
        &mut self,
        gateway: stadion_gateway::Gateway,
        gateway_listener: TcpListener,
        operator: axum::Router,
        operator_listener: TcpListener,
    ) {
        let stop = self.edges.clone();
        self.spawn("gateway", async move {
            if let Err(error) = gateway.serve(gateway_listener, stop).await {
                tracing::error!(%error, "the gateway failed");
            }
        });
        let stop = self.edges.clone();
        let serving = crate::operator::serve(operator_listener, operator, stop);
        self.spawn("operator edge", serving);
        let (fleet, stop) = (self.local.clone(), self.servers.clone());
        self.spawn("fleet", async move { fleet.run(stop).await });
    }

    fn write_endpoints(&self) -> Result<(), PlatformError> {
        let path = self.settings.data_dir.join(ENDPOINTS_FILE);
        let text = serde_json::to_string(&self.endpoints).expect("three plain fields");
        std::fs::write(&path, text).map_err(|source| PlatformError::DataDir { path, source })
    }

    /// The settings it runs with.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The report as of now.
    ///
    /// # Errors
    /// When state or fleet do not answer.
    pub async fn report(&self) -> Result<Report, PlatformError> {
        let Parts {
            state,
            fleet,
            clock,
            metrics,
            ..
        } = &self.parts;
        let modes = &self.settings.game_modes;
        Ok(report::gather(state.as_ref(), fleet.as_ref(), metrics, modes, clock.now()).await?)
    }

    /// Waits until a part that must live has died, and names it.
    pub async fn died(&mut self) -> PlatformError {
        match self.tasks.join_next().await {
            Some(Ok(name)) => PlatformError::Died { name },
            Some(Err(error)) => PlatformError::Panicked {
                why: error.to_string(),
            },
            None => PlatformError::Died { name: "everything" },
        }
    }

    /// Where its data is.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.settings.data_dir.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::listen_host;

    #[test]
    fn a_game_server_listens_where_its_players_come_from() {
        for (address, host) in [
            ("127.0.0.1", "127.0.0.1"),
            ("localhost", "127.0.0.1"),
            ("::1", "::1"),
            ("2001:db8::7", "::"),
            ("203.0.113.7", "0.0.0.0"),
            ("play.example.org", "0.0.0.0"),
        ] {
            assert_eq!(listen_host(address), host, "{address}");
        }
    }
}

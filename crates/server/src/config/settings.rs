//! The configuration as it is meant: checked, and in the types of the rest of the program.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use stadion_core::fleet::FleetSpec;
use stadion_core::id::Region;
use stadion_core::matchmaker::Budget;
use stadion_core::mode::GameMode;
use stadion_core::scaling::ScalingRules;
use stadion_core::session::SessionRules;

use super::Secret;
use super::written::{Algorithm, FleetKind, Kubernetes, Limits, LogFormat, Protocol, StateKind};

/// Everything that the program is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Directory for everything that is kept on this machine.
    pub data_dir: PathBuf,
    /// Which store.
    pub state: StateKind,
    /// How to reach Redis, if `state` is that.
    pub redis: Redis,
    /// What runs game servers.
    pub fleet: FleetKind,
    /// Namespace of Agones' fleets.
    pub agones_namespace: String,
    /// Where game servers land in a cluster.
    pub kubernetes: Kubernetes,
    /// Ports and addresses of game servers.
    pub networking: Networking,
    /// When fleets grow and shrink.
    pub scaling: Scaling,
    /// Other systems that watch this one.
    pub monitoring: Monitoring,
    /// Listeners.
    pub gateway: Gateway,
    /// Who may do what.
    pub auth: Auth,
    /// How matches are made.
    pub matchmaking: Matchmaking,
    /// Rules of sessions.
    pub sessions: SessionRules,
    /// How long what is finished can still be read, milliseconds.
    pub retention_ms: u64,
    /// Regions, each once.
    pub regions: Vec<Region>,
    /// Game modes, each name once.
    pub game_modes: Vec<GameMode>,
    /// Fleets, each name once, in known regions and with known game modes.
    pub fleets: Vec<Fleet>,
    /// Logs.
    pub logging: Logging,
    /// How long a stopping process finishes what it has begun, milliseconds.
    pub drain_timeout_ms: u64,
    /// What is allowed and probably not wanted, one sentence each.
    pub warnings: Vec<String>,
}

/// How to reach Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redis {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User, where it is not the default one.
    pub username: Option<String>,
    /// Password, if any.
    pub password: Option<Secret>,
    /// Number of the logical database.
    pub database: u32,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// Certificate authority (PEM file) where it is not the system's.
    pub tls_ca_file: Option<PathBuf>,
    /// What every key begins with.
    pub key_prefix: String,
}

/// Ports and addresses of game servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Networking {
    /// Ports for game servers; both ends count.
    pub ports: RangeInclusive<u16>,
    /// Protocol of the game port.
    pub protocol: Protocol,
    /// Load balancer of the player edge, for the chart.
    pub load_balancer_type: String,
    /// Where players reach local game servers.
    pub address: String,
}

/// When fleets grow and shrink.
#[derive(Clone, Debug, PartialEq)]
pub struct Scaling {
    /// The rule.
    pub rules: ScalingRules,
    /// Span of averages in reports, milliseconds.
    pub metrics_window_ms: u64,
    /// How often fleets are looked at, milliseconds.
    pub interval_ms: u64,
}

/// Other systems that watch this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Monitoring {
    /// Prometheus, for links.
    pub prometheus_url: String,
    /// Grafana, for links.
    pub grafana_url: String,
    /// Where alerts are posted.
    pub alert_webhook: Option<Secret>,
}

/// Listeners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// For players and game servers.
    pub listen: SocketAddr,
    /// For operators.
    pub operator_listen: SocketAddr,
    /// What one process, address and player may ask for.
    pub limits: Limits,
}

/// Who may do what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// How players are known.
    pub players: PlayerAuth,
    /// What the `iss` claim of a player's token must be.
    pub issuer: Option<String>,
    /// What the `aud` claim of a player's token must contain.
    pub audience: Option<String>,
    /// The operators' token.
    pub operator_token: Source,
    /// The secret that the credentials of game servers are made from.
    pub server_secret: Source,
    /// The Ed25519 private key (PKCS#8 PEM) that join tokens are signed with.
    pub join_token_key: Source,
}

/// A secret, or where to generate it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// It was given.
    Given(Secret),
    /// It is read from this file, which is generated if it is not there.
    Generated(PathBuf),
}

/// How players are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlayerAuth {
    /// Tokens signed (HS256) with a secret for development in this file, which is generated if it is not there.
    Development(PathBuf),
    /// Tokens signed with one of these.
    Keys {
        /// Keys.
        keys: Vec<PlayerKey>,
        /// A JSON Web Key Set, as text; it may hold shared secrets.
        jwks: Option<Secret>,
    },
}

/// One key that players' tokens are signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlayerKey {
    /// Algorithm.
    pub algorithm: Algorithm,
    /// The `kid` header of tokens that it is for.
    pub key_id: Option<String>,
    /// The shared secret, or the public key as PEM.
    pub key: Secret,
}

/// How matches are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matchmaking {
    /// How often each queue is looked at, milliseconds.
    pub interval_ms: u64,
    /// How long a ticket searches, milliseconds.
    pub ticket_ttl_ms: u64,
    /// How long a match waits for a game server, milliseconds.
    pub placement_timeout_ms: u64,
    /// What one look at one queue may cost.
    pub budget: Budget,
    /// File that decisions are written to.
    pub decision_log: Option<PathBuf>,
}

/// A fleet: what every kind needs, and what only Kubernetes does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fleet {
    /// What every kind needs. An empty command means the arena server that comes with Stadion.
    pub spec: FleetSpec,
    /// What only Kubernetes needs.
    pub pod: Pod,
}

/// What Kubernetes needs to run a game server. Quantities are as Kubernetes writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Container image.
    pub image: String,
    /// CPU promised.
    pub cpu_request: String,
    /// CPU never exceeded.
    pub cpu_limit: String,
    /// Memory promised.
    pub memory_request: String,
    /// Memory never exceeded.
    pub memory_limit: String,
    /// Model of the GPU, if it gets one.
    pub gpu_type: Option<String>,
    /// Network policy.
    pub network_policy: String,
    /// Size of its volume, if it gets one.
    pub storage_size: Option<String>,
}

/// Logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logging {
    /// A level, or directives of `tracing`.
    pub level: String,
    /// How a line looks.
    pub format: LogFormat,
    /// A file that gets the same lines.
    pub file: Option<PathBuf>,
}

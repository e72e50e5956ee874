//! The configuration as people write it. The comments here are the reference page and the JSON schema.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod edge;
mod fleets;
mod modes;
mod run;

pub use edge::{Algorithm, Auth, Gateway, Limits, LogFormat, Logging, PlayerKey};
pub use fleets::{Fleet, FleetHealth, ServerKind};
pub use modes::{
    Acceptance, Backfill, GameMode, HardStop, HardStopAction, LatencyStep, NamedTeam, PartySkill,
    RegionBy, Roles, SizeStep, Skill, SkillStep,
};
pub use run::{Matchmaking, Sessions};

/// The whole file. Every key may be left out, and every key can be set by an environment variable too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Directory for everything that Stadion keeps on this machine: state, generated secrets, logs of game servers.
    pub data_dir: String,
    /// Container registry that images of game servers come from, on Kubernetes.
    pub registry: String,
    /// Where tickets, matches and sessions live.
    pub state: State,
    /// Redis or Valkey; used when `state.kind` is `redis`.
    pub redis: Redis,
    /// Where game servers run.
    pub fleet: FleetChoice,
    /// Agones; used when `fleet.kind` is `agones`.
    pub agones: Agones,
    /// Where game servers land in a Kubernetes cluster; used when `fleet.kind` is `agones`.
    pub kubernetes: Kubernetes,
    /// Ports and addresses of game servers.
    pub networking: Networking,
    /// When fleets grow and shrink.
    pub scaling: Scaling,
    /// Other systems that watch this one.
    pub monitoring: Monitoring,
    /// Listeners for players, game servers and operators, and their limits.
    pub gateway: Gateway,
    /// Who may do what. With nothing set, secrets for development are generated in `data_dir`, and the listeners must
    /// stay on this machine.
    pub auth: Auth,
    /// How matches are made.
    pub matchmaking: Matchmaking,
    /// Players' seats in matches.
    pub sessions: Sessions,
    /// How long finished tickets, matches and sessions can still be read, seconds.
    #[schemars(range(min = 1, max = 31_536_000))]
    pub retention_seconds: u64,
    /// Regions that players measure their latency to and fleets are in.
    pub regions: Vec<String>,
    /// Rules of the game modes. Left out: the five that come with Stadion. A mode that has the name of one of those
    /// needs to say only what is different.
    pub game_modes: Option<Vec<GameMode>>,
    /// Fleets of game servers. Left out: one fleet in the first region that plays every game mode.
    pub fleets: Option<Vec<Fleet>>,
    /// Logs.
    pub logging: Logging,
    /// How long a stopping process finishes what it has begun, seconds.
    #[schemars(range(max = 3_600))]
    pub drain_timeout_seconds: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: "./stadion-data".into(),
            registry: "gcr.io".into(),
            state: State::default(),
            redis: Redis::default(),
            fleet: FleetChoice::default(),
            agones: Agones::default(),
            kubernetes: Kubernetes::default(),
            networking: Networking::default(),
            scaling: Scaling::default(),
            monitoring: Monitoring::default(),
            gateway: Gateway::default(),
            auth: Auth::default(),
            matchmaking: Matchmaking::default(),
            sessions: Sessions::default(),
            retention_seconds: 3_600,
            regions: stadion_core::mode::GUIDE_REGIONS.map(String::from).into(),
            game_modes: None,
            fleets: None,
            logging: Logging::default(),
            drain_timeout_seconds: 30,
        }
    }
}

/// Where tickets, matches and sessions live.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct State {
    /// Which store.
    pub kind: StateKind,
}

/// A store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StateKind {
    /// In this process, with a durable log in `data_dir`: one machine.
    #[default]
    Embedded,
    /// In Redis or Valkey: many replicas.
    Redis,
}

/// Redis or Valkey.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Redis {
    /// Host name or address.
    #[schemars(length(min = 1, max = 253))]
    pub host: String,
    /// Port.
    #[schemars(range(min = 1))]
    pub port: u16,
    /// User of Redis' access control lists; left out: the default user.
    pub username: Option<String>,
    /// File with the password. `STADION_REDIS__PASSWORD` gives the password itself.
    pub password_file: Option<String>,
    /// Number of the logical database.
    pub database: u32,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// File with the certificate authority (PEM) that signed the server's certificate; left out: the system's.
    pub tls_ca_file: Option<String>,
    /// What every key in the store begins with, so that several platforms can share one.
    #[schemars(length(min = 1, max = 64))]
    pub key_prefix: String,
}

impl Default for Redis {
    fn default() -> Self {
        Self {
            host: "localhost".into(),
            port: 6_379,
            username: None,
            password_file: None,
            database: 0,
            tls: false,
            tls_ca_file: None,
            key_prefix: "stadion".into(),
        }
    }
}

/// Where game servers run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FleetChoice {
    /// Which kind.
    pub kind: FleetKind,
}

/// What runs game servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FleetKind {
    /// Child processes on this machine, behind an SDK server that speaks Agones' protocol.
    #[default]
    Local,
    /// Agones on Kubernetes.
    Agones,
}

/// Agones. The sizes are what fleets start from that do not say their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Agones {
    /// Namespace of the fleets.
    pub namespace: String,
    /// Name of the fleet that is there when `fleets` is left out, on any kind of fleet.
    pub fleet_name: String,
    /// Fewest game servers of a fleet.
    pub min_replicas: u32,
    /// Most game servers of a fleet.
    pub max_replicas: u32,
    /// Game servers kept Ready beyond those in use.
    pub buffer_size: u32,
}

impl Default for Agones {
    fn default() -> Self {
        Self {
            namespace: "game-servers".into(),
            fleet_name: "dedicated-game-fleet".into(),
            min_replicas: 10,
            max_replicas: 1_000,
            buffer_size: 20,
        }
    }
}

/// Where game servers land in a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Kubernetes {
    /// Namespace of everything but the fleets.
    pub namespace: String,
    /// Labels that a node must have.
    pub node_selector: BTreeMap<String, String>,
    /// Taints that game servers put up with.
    pub tolerations: Vec<Toleration>,
}

impl Default for Kubernetes {
    fn default() -> Self {
        Self {
            namespace: "game-servers".into(),
            node_selector: BTreeMap::from([("game-server".into(), "true".into())]),
            tolerations: vec![Toleration {
                key: Some("game-server".into()),
                operator: TolerationOperator::Equal,
                value: Some("true".into()),
                effect: Some(TaintEffect::NoSchedule),
                toleration_seconds: None,
            }],
        }
    }
}

/// One taint that game servers put up with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Toleration {
    /// The taint's key; left out with `Exists`: every taint.
    pub key: Option<String>,
    /// How key and value are compared.
    pub operator: TolerationOperator,
    /// The taint's value; for `Equal`.
    pub value: Option<String>,
    /// The taint's effect; left out: all effects.
    pub effect: Option<TaintEffect>,
    /// How long a `NoExecute` taint is put up with, seconds; left out: for ever.
    pub toleration_seconds: Option<u64>,
}

/// How a toleration compares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TolerationOperator {
    /// Key and value are the taint's.
    #[default]
    Equal,
    /// The key is the taint's.
    Exists,
}

/// What a taint does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TaintEffect {
    /// Keeps new Pods away.
    NoSchedule,
    /// Keeps new Pods away where possible.
    PreferNoSchedule,
    /// Keeps new Pods away and evicts those that run.
    NoExecute,
}

/// Ports and addresses of game servers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Networking {
    /// First port for game servers.
    #[schemars(range(min = 1))]
    pub port_range_start: u16,
    /// Last port for game servers.
    #[schemars(range(min = 1))]
    pub port_range_end: u16,
    /// Protocol of the game port.
    pub protocol: Protocol,
    /// Load balancer in front of the player edge, on a cloud; the chart hands it to the provider.
    pub load_balancer_type: String,
    /// Host name or address that players reach local game servers at.
    #[schemars(length(min = 1, max = 253))]
    pub address: String,
}

impl Default for Networking {
    fn default() -> Self {
        Self {
            port_range_start: 7_000,
            port_range_end: 8_000,
            protocol: Protocol::Udp,
            load_balancer_type: "NLB".into(),
            address: "127.0.0.1".into(),
        }
    }
}

/// Protocol of a game port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
}

/// When fleets grow and shrink.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Scaling {
    /// Share of game servers in use above which a fleet grows by half.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub scale_up_threshold: f64,
    /// Share of game servers in use below which a fleet shrinks by a fifth.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub scale_down_threshold: f64,
    /// Pause after such a change, seconds. Neither the buffer nor waiting players wait for it.
    #[schemars(range(max = 86_400))]
    pub cooldown_seconds: u64,
    /// Span that averages in reports look back, seconds.
    #[schemars(range(min = 1, max = 86_400))]
    pub metrics_window: u64,
    /// How often fleets are looked at, milliseconds.
    #[schemars(range(min = 10, max = 600_000))]
    pub interval_ms: u64,
}

impl Default for Scaling {
    fn default() -> Self {
        Self {
            scale_up_threshold: 0.8,
            scale_down_threshold: 0.3,
            cooldown_seconds: 300,
            metrics_window: 300,
            interval_ms: 1_000,
        }
    }
}

/// Other systems that watch this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Monitoring {
    /// Prometheus, for links in the dashboard.
    pub prometheus_url: String,
    /// Grafana, for links in the dashboard.
    pub grafana_url: String,
    /// Address that alerts are posted to. It is a secret and never printed; empty: no alerts.
    pub alert_webhook: String,
}

impl Default for Monitoring {
    fn default() -> Self {
        Self {
            prometheus_url: "http://prometheus:9090".into(),
            grafana_url: "http://grafana:3000".into(),
            alert_webhook: String::new(),
        }
    }
}

//! Fleets, as written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the servers of a fleet are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServerKind {
    /// Runs for long, match after match.
    #[default]
    Dedicated,
    /// One match per process.
    Match,
    /// Where players meet before a match.
    Lobby,
    /// Reserved capacity for tournaments.
    Tournament,
}

/// Interchangeable game servers of one region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fleet {
    /// Its name, which its servers' names begin with: `a-z`, `0-9` and inner `-`, 50 bytes at most.
    pub name: String,
    /// The game that its servers run.
    #[serde(default = "game_id")]
    #[schemars(length(min = 1, max = 63))]
    pub game_id: String,
    /// What they are for.
    #[serde(default)]
    pub server_type: ServerKind,
    /// Where they are: one of `regions`.
    pub region: String,
    /// Where within the region.
    #[serde(default)]
    pub zone: Option<String>,
    /// Game modes that they play; empty: all.
    #[serde(default)]
    pub game_modes: Vec<String>,
    /// Fewest game servers; left out: 1 locally, `agones.min_replicas` on Agones.
    #[serde(default)]
    pub min_replicas: Option<u32>,
    /// Most game servers; left out: 100 locally, `agones.max_replicas` on Agones.
    #[serde(default)]
    pub max_replicas: Option<u32>,
    /// Game servers kept Ready beyond those in use; left out: 2 locally, `agones.buffer_size` on Agones.
    #[serde(default)]
    pub buffer_size: Option<u32>,
    /// Seats of one server, players.
    #[serde(default = "sixty_four")]
    #[schemars(range(min = 1, max = 10_000))]
    pub max_players: u32,
    /// Simulation steps per second.
    #[serde(default = "sixty_four")]
    #[schemars(range(min = 1, max = 1_000))]
    pub tick_rate: u32,
    /// Whether the server checks its players' inputs.
    #[serde(default = "yes")]
    pub anti_cheat_enabled: bool,
    /// CPU that a server is promised, as Kubernetes writes it.
    #[serde(default = "cpu_request")]
    pub cpu_request: String,
    /// CPU that a server never exceeds.
    #[serde(default = "cpu_limit")]
    pub cpu_limit: String,
    /// Memory that a server is promised.
    #[serde(default = "memory_request")]
    pub memory_request: String,
    /// Memory that a server never exceeds.
    #[serde(default = "memory_limit")]
    pub memory_limit: String,
    /// Whether a server gets a GPU.
    #[serde(default)]
    pub gpu_enabled: bool,
    /// Model of the GPU; needed with `gpu_enabled`.
    #[serde(default)]
    pub gpu_type: Option<String>,
    /// Network policy of the servers.
    #[serde(default = "network_policy")]
    pub network_policy: String,
    /// Whether a server gets a volume.
    #[serde(default)]
    pub persistent_storage: bool,
    /// Size of that volume.
    #[serde(default = "storage_size")]
    pub storage_size: String,
    /// Container image; left out: `<registry>/<game_id>:latest`. Used on Kubernetes.
    #[serde(default)]
    pub image: Option<String>,
    /// Program and arguments of a local server, in which `{port}` and `{name}` are filled in; empty: the arena server
    /// that comes with Stadion.
    #[serde(default)]
    pub command: Vec<String>,
    /// Extra environment of the servers.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Extra labels of the servers; tickets' requirements are compared with them.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// How a server shows that it is alive.
    #[serde(default)]
    pub health: FleetHealth,
}

/// How a server shows that it is alive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FleetHealth {
    /// No health check at all.
    pub disabled: bool,
    /// Grace before the first check, seconds; left out: 5 locally, 30 on Agones.
    #[schemars(range(max = 3_600))]
    pub initial_delay_seconds: Option<u32>,
    /// How often a sign of life is due, seconds; left out: 5 locally, 10 on Agones.
    #[schemars(range(min = 1, max = 3_600))]
    pub period_seconds: Option<u32>,
    /// Missed periods in a row that make a server Unhealthy; left out: 3.
    #[schemars(range(min = 1, max = 1_000))]
    pub failure_threshold: Option<u32>,
}

fn game_id() -> String {
    "arena".into()
}

const fn sixty_four() -> u32 {
    64
}

const fn yes() -> bool {
    true
}

fn cpu_request() -> String {
    "1000m".into()
}

fn cpu_limit() -> String {
    "2000m".into()
}

fn memory_request() -> String {
    "2Gi".into()
}

fn memory_limit() -> String {
    "4Gi".into()
}

fn network_policy() -> String {
    "standard".into()
}

fn storage_size() -> String {
    "10Gi".into()
}

impl Fleet {
    /// A fleet with every default.
    #[must_use]
    pub fn new(name: impl Into<String>, region: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            game_id: game_id(),
            server_type: ServerKind::default(),
            region: region.into(),
            zone: None,
            game_modes: Vec::new(),
            min_replicas: None,
            max_replicas: None,
            buffer_size: None,
            max_players: sixty_four(),
            tick_rate: sixty_four(),
            anti_cheat_enabled: yes(),
            cpu_request: cpu_request(),
            cpu_limit: cpu_limit(),
            memory_request: memory_request(),
            memory_limit: memory_limit(),
            gpu_enabled: false,
            gpu_type: None,
            network_policy: network_policy(),
            persistent_storage: false,
            storage_size: storage_size(),
            image: None,
            command: Vec::new(),
            env: BTreeMap::new(),
            labels: BTreeMap::new(),
            health: FleetHealth::default(),
        }
    }
}

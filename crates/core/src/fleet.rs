//! Game servers, fleets and the trait of whatever runs them.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use serde::{Deserialize, Serialize};

use crate::id::{FleetName, GameModeName, MatchId, Region, ServerName};
use crate::ticket::Requirements;
use crate::time::Timestamp;

/// State of a game server, in Agones' words
/// (`GameServerState` in `pkg/apis/agones/v1/gameserver.go` of agones-dev/agones).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum GameServerState {
    /// Waits for ports.
    PortAllocation,
    /// Ports are there, the process (or Pod) is not.
    Creating,
    /// The process has been asked for.
    Starting,
    /// The process runs and has an address, and has not said Ready.
    Scheduled,
    /// The process said Ready and the fleet has not confirmed it.
    RequestReady,
    /// Can be allocated.
    Ready,
    /// Belongs to a match.
    Allocated,
    /// Held back by its own process.
    Reserved,
    /// Is going away.
    Shutdown,
    /// Could not be created.
    Error,
    /// Stopped answering or crashed.
    Unhealthy,
}

impl GameServerState {
    /// Every state, in the order of life.
    pub const ALL: [Self; 11] = [
        Self::PortAllocation,
        Self::Creating,
        Self::Starting,
        Self::Scheduled,
        Self::RequestReady,
        Self::Ready,
        Self::Allocated,
        Self::Reserved,
        Self::Shutdown,
        Self::Error,
        Self::Unhealthy,
    ];

    /// Agones' spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PortAllocation => "PortAllocation",
            Self::Creating => "Creating",
            Self::Starting => "Starting",
            Self::Scheduled => "Scheduled",
            Self::RequestReady => "RequestReady",
            Self::Ready => "Ready",
            Self::Allocated => "Allocated",
            Self::Reserved => "Reserved",
            Self::Shutdown => "Shutdown",
            Self::Error => "Error",
            Self::Unhealthy => "Unhealthy",
        }
    }

    /// Nothing comes after it but removal.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Shutdown | Self::Error | Self::Unhealthy)
    }

    /// On its way to Ready.
    #[must_use]
    pub const fn is_starting(self) -> bool {
        matches!(
            self,
            Self::PortAllocation
                | Self::Creating
                | Self::Starting
                | Self::Scheduled
                | Self::RequestReady
        )
    }
}

/// What a fleet's servers are for; the guide's `ServerType`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerType {
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

impl ServerType {
    /// The name in configurations and in a game server's environment.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dedicated => "dedicated",
            Self::Match => "match",
            Self::Lobby => "lobby",
            Self::Tournament => "tournament",
        }
    }
}

/// How a game server shows that it is alive; Agones' `spec.health`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// No health check at all.
    pub disabled: bool,
    /// Grace before the first check, seconds.
    pub initial_delay_seconds: u32,
    /// A `Health()` message is due at least this often, seconds.
    pub period_seconds: u32,
    /// Missed periods in a row that make it Unhealthy.
    pub failure_threshold: u32,
}

impl Default for Health {
    /// The guide's manifest.
    fn default() -> Self {
        Self {
            disabled: false,
            initial_delay_seconds: 30,
            period_seconds: 10,
            failure_threshold: 3,
        }
    }
}

/// How one game server of a fleet is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerTemplate {
    /// Program and arguments of a local server; `{port}` and `{name}` are filled in. Unused on Kubernetes.
    pub command: Vec<String>,
    /// Extra environment.
    pub env: BTreeMap<String, String>,
    /// Seats, players.
    pub max_players: u32,
    /// Simulation steps per second.
    pub tick_rate: u32,
    /// Whether the server checks its players' inputs.
    pub anti_cheat: bool,
    /// Extra labels; requirements are compared with them.
    pub labels: BTreeMap<String, String>,
    /// Liveness.
    pub health: Health,
}

/// Bounds of a fleet's size, in game servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Never fewer.
    pub min_replicas: u32,
    /// Never more.
    pub max_replicas: u32,
    /// Servers to keep Ready beyond the allocated ones, within the bounds.
    pub buffer_size: u32,
}

/// Interchangeable game servers of one region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetSpec {
    /// Its name.
    pub name: FleetName,
    /// The game that its servers run.
    pub game_id: String,
    /// What they are for.
    pub server_type: ServerType,
    /// Where they are.
    pub region: Region,
    /// Where within the region, if known.
    pub zone: Option<String>,
    /// Game modes that they play; empty means all.
    pub game_modes: Vec<GameModeName>,
    /// Size.
    pub bounds: Bounds,
    /// How one is made.
    pub template: ServerTemplate,
}

impl FleetSpec {
    /// Whether its servers play `mode`.
    #[must_use]
    pub fn plays(&self, mode: &GameModeName) -> bool {
        self.game_modes.is_empty() || self.game_modes.contains(mode)
    }
}

/// A named port of a game server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedPort {
    /// `game`, `metrics`, ….
    pub name: String,
    /// Number.
    pub port: u16,
}

/// One game server as its fleet sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GameServer {
    /// Its name, unique over all fleets.
    pub name: ServerName,
    /// Its fleet.
    pub fleet: FleetName,
    /// Where it is.
    pub region: Region,
    /// Where within the region.
    pub zone: Option<String>,
    /// Game modes that it plays; empty means all.
    pub game_modes: Vec<GameModeName>,
    /// Its state.
    pub state: GameServerState,
    /// Host name or address that players reach it at.
    pub address: String,
    /// Its ports; the first is the game's.
    pub ports: Vec<NamedPort>,
    /// Labels; `tick_rate`, `anti_cheat` and whatever requirements are compared with.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// Seats, players.
    pub max_players: u32,
    /// Seats taken, as far as the fleet knows.
    pub players: u32,
    /// The match it is allocated to.
    pub match_id: Option<MatchId>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its state last changed.
    pub changed_at: Timestamp,
    /// When it was allocated last.
    pub allocated_at: Option<Timestamp>,
    /// Process id, for local servers.
    pub pid: Option<u32>,
}

impl GameServer {
    /// The port players connect to; 0 until ports are allocated.
    #[must_use]
    pub fn game_port(&self) -> u16 {
        self.ports.first().map_or(0, |p| p.port)
    }

    /// Whether it plays `mode`.
    #[must_use]
    pub fn plays(&self, mode: &GameModeName) -> bool {
        self.game_modes.is_empty() || self.game_modes.contains(mode)
    }

    /// What a match gets that it is given to.
    #[must_use]
    pub fn allocation(&self, match_id: MatchId) -> Allocation {
        Allocation {
            match_id,
            server: self.name.clone(),
            fleet: self.fleet.clone(),
            region: self.region.clone(),
            address: self.address.clone(),
            port: self.game_port(),
        }
    }
}

/// What a match wants of a game server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllocationRequest {
    /// The match; the key of idempotency (I3).
    pub match_id: MatchId,
    /// Where.
    pub region: Region,
    /// What is played.
    pub game_mode: GameModeName,
    /// Seats needed, players.
    pub players: u32,
    /// Wishes of the tickets, merged.
    pub requirements: Requirements,
}

/// A game server given to a match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocation {
    /// The match it was given to.
    pub match_id: MatchId,
    /// The server.
    pub server: ServerName,
    /// Its fleet.
    pub fleet: FleetName,
    /// Where it is.
    pub region: Region,
    /// Host name or address for players.
    pub address: String,
    /// Game port for players.
    pub port: u16,
}

/// What went wrong with a fleet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FleetError {
    /// No Ready server fits. Nobody's fault; retry after the fleet has grown.
    #[error("no Ready game server fits in region {region}")]
    NoCapacity {
        /// Where one was wanted.
        region: Region,
    },
    /// The caller named a server or fleet that is not there; do not retry.
    #[error("there is no {what} {name:?}")]
    NotFound {
        /// `fleet` or `server`.
        what: &'static str,
        /// What was asked for.
        name: String,
    },
    /// The caller asked for what the state forbids; do not retry.
    #[error("{0}")]
    Refused(String),
    /// The backend did not do its part; retry later.
    #[error("the fleet backend failed: {0}")]
    Unavailable(String),
}

/// One change among the game servers.
#[derive(Clone, Debug)]
pub enum FleetChange {
    /// A server appeared or changed.
    Changed(Arc<GameServer>),
    /// A server is gone.
    Removed(Arc<GameServer>),
    /// Changes were missed: list again.
    Lagged,
}

/// Where game servers live. Every call may be repeated (I3): the second one finds the work done.
#[async_trait]
pub trait Fleet: Send + Sync + 'static {
    /// The fleets.
    fn specs(&self) -> Vec<Arc<FleetSpec>>;

    /// Every game server of every fleet.
    ///
    /// # Errors
    /// [`FleetError::Unavailable`].
    async fn servers(&self) -> Result<Vec<Arc<GameServer>>, FleetError>;

    /// Changes from now on; a slow reader gets [`FleetChange::Lagged`], never a growing queue.
    fn watch(&self) -> BoxStream<'static, FleetChange>;

    /// Gives a server to the match, or the one it already has.
    ///
    /// # Errors
    /// [`FleetError::NoCapacity`], [`FleetError::Unavailable`].
    async fn allocate(&self, request: &AllocationRequest) -> Result<Allocation, FleetError>;

    /// Takes the server of `match_id` back: its process is asked to end and is replaced. A match without a server is
    /// no error, so that it may be repeated.
    ///
    /// # Errors
    /// [`FleetError::Unavailable`].
    async fn release(&self, match_id: MatchId) -> Result<(), FleetError>;

    /// Ends one server, whatever its state; the operator's will. It is replaced if its fleet needs it.
    ///
    /// # Errors
    /// [`FleetError::NotFound`], [`FleetError::Unavailable`].
    async fn shut_down(&self, server: &ServerName) -> Result<(), FleetError>;

    /// The number of servers wanted in `fleet`.
    ///
    /// # Errors
    /// [`FleetError::NotFound`], [`FleetError::Unavailable`].
    async fn replicas(&self, fleet: &FleetName) -> Result<u32, FleetError>;

    /// Wants `replicas` servers in `fleet`. Surplus goes oldest Ready first, and an Allocated or Reserved server is
    /// never taken (I8), so the fleet may stay larger for a while.
    ///
    /// # Errors
    /// [`FleetError::Refused`] outside of the fleet's bounds, [`FleetError::NotFound`], [`FleetError::Unavailable`].
    async fn scale(&self, fleet: &FleetName, replicas: u32) -> Result<(), FleetError>;
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A server in eu with ten seats, in no zone, for every game mode.
    pub(crate) fn server(name: &str, state: GameServerState, created_at: Timestamp) -> GameServer {
        GameServer {
            name: ServerName::new(name).unwrap(),
            fleet: FleetName::new("fleet").unwrap(),
            region: Region::new("eu").unwrap(),
            zone: None,
            game_modes: Vec::new(),
            state,
            address: "127.0.0.1".into(),
            ports: Vec::new(),
            labels: [].into(),
            annotations: [].into(),
            max_players: 10,
            players: 0,
            match_id: None,
            created_at,
            changed_at: created_at,
            allocated_at: None,
            pid: None,
        }
    }
}

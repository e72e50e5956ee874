//! What travels on the operator edge. Flat, so that tables and scripts need no digging.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stadion_core::fleet::{FleetSpec, GameServer};
use stadion_core::matches::{Match, MatchState};
use stadion_core::scaling::FleetSize;
use stadion_core::session::{Session, SessionState};
use stadion_core::ticket::{Ticket, TicketState};
use utoipa::ToSchema;

/// A fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FleetInfo {
    /// Its name.
    pub name: String,
    /// The game that it runs.
    pub game_id: String,
    /// Where.
    pub region: String,
    /// Game modes that it plays; empty means all.
    pub game_modes: Vec<String>,
    /// Servers wanted.
    pub replicas: u32,
    /// Servers at least.
    pub min_replicas: u32,
    /// Servers at most.
    pub max_replicas: u32,
    /// Servers to keep Ready.
    pub buffer_size: u32,
    /// Servers that are Ready.
    pub ready: u32,
    /// Servers that are Allocated or Reserved.
    pub in_use: u32,
    /// Servers on their way to Ready.
    pub starting: u32,
}

impl FleetInfo {
    pub(super) fn new(spec: &FleetSpec, size: FleetSize) -> Self {
        Self {
            name: spec.name.to_string(),
            game_id: spec.game_id.clone(),
            region: spec.region.to_string(),
            game_modes: spec.game_modes.iter().map(ToString::to_string).collect(),
            replicas: size.replicas,
            min_replicas: spec.bounds.min_replicas,
            max_replicas: spec.bounds.max_replicas,
            buffer_size: spec.bounds.buffer_size,
            ready: size.ready,
            in_use: size.in_use,
            starting: size.starting,
        }
    }
}

/// A game server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServerInfo {
    /// Its name.
    pub name: String,
    /// Its fleet.
    pub fleet: String,
    /// Where.
    pub region: String,
    /// Where within the region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Its state, in Agones' words.
    pub state: String,
    /// Host name or address for players.
    pub address: String,
    /// Port for players; 0 until it has one.
    pub port: u16,
    /// Seats taken.
    pub players: u32,
    /// Seats.
    pub max_players: u32,
    /// The match it is allocated to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub match_id: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// When it was created, milliseconds since the Unix epoch.
    pub created_at_ms: u64,
    /// When its state last changed.
    pub changed_at_ms: u64,
    /// Process id of a local server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
}

impl From<&GameServer> for ServerInfo {
    fn from(server: &GameServer) -> Self {
        Self {
            name: server.name.to_string(),
            fleet: server.fleet.to_string(),
            region: server.region.to_string(),
            zone: server.zone.clone(),
            state: server.state.as_str().to_owned(),
            address: server.address.clone(),
            port: server.game_port(),
            players: server.players,
            max_players: server.max_players,
            match_id: server.match_id.map(|id| id.to_string()),
            labels: server.labels.clone(),
            created_at_ms: server.created_at.0,
            changed_at_ms: server.changed_at.0,
            pid: server.pid,
        }
    }
}

/// One player's place in a match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MatchPlayerInfo {
    /// Who.
    pub player_id: String,
    /// Through which ticket.
    pub ticket_id: String,
    /// Team, from 0.
    pub team: u32,
    /// What the player was matched to play, where the game mode has roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

/// A ready check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AcceptanceInfo {
    /// Players who said yes.
    pub accepted: usize,
    /// Players who said no.
    pub refused: usize,
    /// The last moment at which an answer counts, milliseconds since the Unix epoch.
    pub until_ms: u64,
}

/// A match.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MatchInfo {
    /// Its id.
    pub match_id: String,
    /// What is played.
    pub game_mode: String,
    /// Where.
    pub region: String,
    /// `accepting`, `placing`, `live`, `ended` or `abandoned`.
    pub state: String,
    /// How it ended, or why it came to nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who plays.
    pub players: Vec<MatchPlayerInfo>,
    /// Free seats by team that its game server would have filled; empty when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open_seats: Vec<u32>,
    /// Its ready check, also after it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acceptance: Option<AcceptanceInfo>,
    /// Its server, once placed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// `host:port` for players, once placed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Highest minus lowest ticket skill.
    pub skill_spread: f64,
    /// Latency of the worst-placed player, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_worst_ms: Option<u32>,
    /// Wait of the oldest ticket, milliseconds.
    pub wait_oldest_ms: u64,
    /// When it was committed, milliseconds since the Unix epoch.
    pub created_at_ms: u64,
    /// When its state last changed.
    pub changed_at_ms: u64,
    /// What the game server reported at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub result: Option<serde_json::Value>,
}

impl From<&Match> for MatchInfo {
    fn from(shown: &Match) -> Self {
        let reason = match shown.state {
            MatchState::Ended { end } => word(&end),
            MatchState::Abandoned { reason } => Some(reason.as_str().to_owned()),
            _ => None,
        };
        let player = |player: &stadion_core::matches::MatchPlayer| MatchPlayerInfo {
            player_id: player.player_id.to_string(),
            ticket_id: player.ticket_id.to_string(),
            team: player.team,
            role: player.role.clone(),
        };
        let open_seats = shown.backfill.as_ref().map(|offer| offer.seats.clone());
        let allocation = shown.allocation.as_ref();
        Self {
            match_id: shown.id.to_string(),
            game_mode: shown.game_mode.to_string(),
            region: shown.region.to_string(),
            state: shown.state.as_str().to_owned(),
            reason,
            players: shown.players.iter().map(player).collect(),
            open_seats: open_seats.unwrap_or_default(),
            acceptance: shown.acceptance.as_ref().map(|check| AcceptanceInfo {
                accepted: check.accepted(),
                refused: check.answers.len() - check.accepted(),
                until_ms: check.until.0,
            }),
            server: allocation.map(|allocation| allocation.server.to_string()),
            address: allocation.map(|a| format!("{}:{}", a.address, a.port)),
            skill_spread: shown.quality.skill_spread,
            latency_worst_ms: shown.quality.latency_worst_ms,
            wait_oldest_ms: shown.quality.wait_oldest_ms,
            created_at_ms: shown.created_at.0,
            changed_at_ms: shown.changed_at.0,
            result: shown.result.clone(),
        }
    }
}

/// A session. Its join token is not here: that is the player's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SessionInfo {
    /// Its id.
    pub session_id: String,
    /// Who sits there.
    pub player_id: String,
    /// The match.
    pub match_id: String,
    /// The ticket that led here.
    pub ticket_id: String,
    /// The server.
    pub server: String,
    /// Where.
    pub region: String,
    /// Team, from 0.
    pub team: u32,
    /// `reserved`, `active`, `ended`, `expired` or `kicked`.
    pub state: String,
    /// Why it ended, when `state` is `ended`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When the seat was reserved, milliseconds since the Unix epoch.
    pub created_at_ms: u64,
    /// When the join token was redeemed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected_at_ms: Option<u64>,
    /// Last sign of life.
    pub heartbeat_at_ms: u64,
    /// Round trip that the server last reported, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f32>,
}

impl From<&Session> for SessionInfo {
    fn from(session: &Session) -> Self {
        Self {
            session_id: session.id.to_string(),
            player_id: session.player_id.to_string(),
            match_id: session.match_id.to_string(),
            ticket_id: session.ticket_id.to_string(),
            server: session.server.to_string(),
            region: session.region.to_string(),
            team: session.team,
            state: session.state.as_str().to_owned(),
            reason: match session.state {
                SessionState::Ended { reason } => word(&reason),
                _ => None,
            },
            created_at_ms: session.created_at.0,
            connected_at_ms: session.connected_at.map(|at| at.0),
            heartbeat_at_ms: session.heartbeat_at.0,
            latency_ms: session.latency_ms,
        }
    }
}

/// A ticket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TicketInfo {
    /// Its id.
    pub ticket_id: String,
    /// What to play.
    pub game_mode: String,
    /// Where it is in its life.
    pub state: String,
    /// Its match, once it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub match_id: Option<String>,
    /// Why it failed or was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The party.
    pub players: Vec<String>,
    /// Mean skill of the party.
    pub skill: f64,
    /// Acceptable regions, best first.
    pub region_preference: Vec<String>,
    /// How often it came back from a match that could not be placed.
    pub requeues: u32,
    /// When it was created, milliseconds since the Unix epoch.
    pub created_at_ms: u64,
    /// When its state last changed.
    pub changed_at_ms: u64,
    /// When it gives up searching.
    pub expires_at_ms: u64,
}

impl From<&Ticket> for TicketInfo {
    fn from(ticket: &Ticket) -> Self {
        let players = ticket.players.iter();
        Self {
            ticket_id: ticket.id.to_string(),
            game_mode: ticket.game_mode.to_string(),
            state: ticket.state.as_str().to_owned(),
            match_id: ticket.state.match_id().map(|id| id.to_string()),
            reason: match &ticket.state {
                TicketState::Failed { reason } => Some(reason.clone()),
                TicketState::Cancelled { reason } => word(reason),
                _ => None,
            },
            players: players.map(|player| player.player_id.to_string()).collect(),
            skill: ticket.skill(),
            region_preference: ticket
                .region_preference
                .iter()
                .map(ToString::to_string)
                .collect(),
            requeues: ticket.requeues,
            created_at_ms: ticket.created_at.0,
            changed_at_ms: ticket.changed_at.0,
            expires_at_ms: ticket.expires_at.0,
        }
    }
}

/// The API's name of a plain variant.
fn word(variant: &impl Serialize) -> Option<String> {
    match serde_json::to_value(variant) {
        Ok(serde_json::Value::String(word)) => Some(word),
        _ => None,
    }
}

macro_rules! lists {
    ($($(#[$doc:meta])* $list:ident { $field:ident: $item:ident })*) => {
        $($(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
        pub struct $list {
            /// They.
            pub $field: Vec<$item>,
            /// There are more: narrow the filter or raise `limit`.
            pub truncated: bool,
        })*
    };
}

lists! {
    /// Fleets, by name.
    Fleets { fleets: FleetInfo }
    /// Game servers, by name.
    Servers { servers: ServerInfo }
    /// Matches, newest first.
    Matches { matches: MatchInfo }
    /// Sessions, newest first.
    Sessions { sessions: SessionInfo }
    /// Tickets, newest first.
    Tickets { tickets: TicketInfo }
}

/// The number of servers that a fleet should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Replicas {
    /// Servers wanted, within the fleet's bounds.
    pub replicas: u32,
}

/// The end of a game server's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogTail {
    /// Lines, oldest first.
    pub lines: Vec<String>,
}

/// One condition of readiness.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Check {
    /// What was looked at: `state`, `fleet`, `lease`, ….
    pub name: String,
    /// Whether it is well.
    pub ok: bool,
    /// What was found, for people.
    pub detail: String,
}

/// Whether the platform takes work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// Every check is well.
    pub ready: bool,
    /// The checks.
    pub checks: Vec<Check>,
}

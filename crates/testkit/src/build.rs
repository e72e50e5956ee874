//! Builders: the smallest valid thing of each kind, to be changed where a test cares.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use stadion_core::fleet::{
    Allocation, Bounds, FleetSpec, GameServer, GameServerState, Health, NamedPort, ServerTemplate,
    ServerType,
};
use stadion_core::id::{
    FleetName, GameModeName, MatchId, PlayerId, Region, ServerName, SessionId, TicketId,
};
use stadion_core::matches::{Match, MatchPlan, NewMatch, Placement, Quality};
use stadion_core::mode::{GameMode, SkillWindow};
use stadion_core::rules::Rules;
use stadion_core::session::{Session, SessionState};
use stadion_core::ticket::{Idempotency, NewTicket, Requirements, Ticket, TicketPlayer};
use stadion_core::time::Timestamp;

/// The region that builders use.
pub const REGION: &str = "eu-west-1";
/// The game mode that builders use.
pub const MODE: &str = "duel";
/// The life of a built ticket, milliseconds.
pub const TTL_MS: u64 = 60_000;

static SERIAL: AtomicU64 = AtomicU64::new(1);

/// Bits that no other id of this process has, in rising order.
fn serial() -> u128 {
    u128::from(SERIAL.fetch_add(1, Ordering::Relaxed))
}

/// A new ticket id.
#[must_use]
pub fn ticket_id(now: Timestamp) -> TicketId {
    TicketId::new(now, serial())
}

/// A new match id.
#[must_use]
pub fn match_id(now: Timestamp) -> MatchId {
    MatchId::new(now, serial())
}

/// A new session id.
#[must_use]
pub fn session_id(now: Timestamp) -> SessionId {
    SessionId::new(now, serial())
}

/// A player id.
#[must_use]
pub fn player_id(name: &str) -> PlayerId {
    PlayerId::new(name).expect("a valid player id")
}

/// A game mode's name.
#[must_use]
pub fn mode_name(name: &str) -> GameModeName {
    GameModeName::new(name).expect("a valid game mode")
}

/// A region.
#[must_use]
pub fn region(name: &str) -> Region {
    Region::new(name).expect("a valid region")
}

/// A server's name.
#[must_use]
pub fn server_name(name: &str) -> ServerName {
    ServerName::new(name).expect("a valid server name")
}

/// A duel: two teams of one, 100 ms, a window of 200 points that does not widen.
#[must_use]
pub fn mode() -> GameMode {
    GameMode {
        name: mode_name(MODE),
        teams: 2,
        players_target: 2,
        players_min: 2,
        settle_after_ms: 10_000,
        latency_max_ms: 100,
        skill: SkillWindow {
            initial: 200.0,
            growth_per_second: 0.0,
            max: 200.0,
        },
        rules: Rules::default(),
    }
}

/// A player of skill 1,000 and 20 ms to [`REGION`].
#[must_use]
pub fn player(name: &str) -> TicketPlayer {
    TicketPlayer {
        player_id: player_id(name),
        skill: 1_000.0,
        skill_uncertainty: 0.0,
        latencies_ms: BTreeMap::from([(region(REGION), 20)]),
        attributes: BTreeMap::new(),
    }
}

/// A request of these players for [`MODE`].
#[must_use]
pub fn new_ticket(players: &[&str], now: Timestamp) -> NewTicket {
    NewTicket {
        id: ticket_id(now),
        game_mode: mode_name(MODE),
        players: players.iter().map(|name| player(name)).collect(),
        region_preference: Vec::new(),
        requirements: Requirements::default(),
        idempotency: None,
        ttl_ms: TTL_MS,
    }
}

/// A searching ticket of these players for [`MODE`].
#[must_use]
pub fn ticket(players: &[&str], now: Timestamp) -> Ticket {
    new_ticket(players, now).into_ticket(now)
}

/// The creator's key, for a request with this digest.
#[must_use]
pub fn idempotency(creator: &str, key: &str, digest: u8) -> Idempotency {
    Idempotency {
        creator: player_id(creator),
        key: key.to_owned(),
        digest: [digest; 32],
    }
}

/// A match of these tickets, one per team.
#[must_use]
pub fn new_match(tickets: &[TicketId], now: Timestamp) -> NewMatch {
    NewMatch {
        id: match_id(now),
        plan: MatchPlan {
            game_mode: mode_name(MODE),
            region: region(REGION),
            teams: tickets.iter().map(|id| vec![*id]).collect(),
            players: u32::try_from(tickets.len()).expect("a few"),
            quality: Quality::default(),
            roles: BTreeMap::new(),
        },
        acceptance: None,
    }
}

/// `server` for `match_id`.
#[must_use]
pub fn allocation(match_id: MatchId, server: &str) -> Allocation {
    Allocation {
        match_id,
        server: server_name(server),
        fleet: FleetName::new("arena").expect("a valid fleet name"),
        region: region(REGION),
        address: "127.0.0.1".to_owned(),
        port: 7_777,
    }
}

/// A seat for everybody of `game` on `server`.
#[must_use]
pub fn placement(game: &Match, server: &str, now: Timestamp) -> Placement {
    let seat = |seat: &stadion_core::matches::MatchPlayer| Session {
        id: session_id(now),
        player_id: seat.player_id.clone(),
        match_id: game.id,
        ticket_id: seat.ticket_id,
        server: server_name(server),
        region: game.region.clone(),
        team: seat.team,
        role: seat.role.clone(),
        state: SessionState::Reserved,
        created_at: now,
        connected_at: None,
        redeem_key: None,
        heartbeat_at: now,
        latency_ms: None,
    };
    Placement {
        allocation: allocation(game.id, server),
        sessions: game.players.iter().map(seat).collect(),
    }
}

/// New seats in `team` of the live match `game` for everybody of `ticket`.
#[must_use]
pub fn seats(game: &Match, ticket: &Ticket, team: u32, now: Timestamp) -> Vec<Session> {
    let server = game.allocation.as_ref().map(|placed| placed.server.clone());
    let seat = |member: &TicketPlayer| Session {
        id: session_id(now),
        player_id: member.player_id.clone(),
        match_id: game.id,
        ticket_id: ticket.id,
        server: server.clone().expect("a live match has a server"),
        region: game.region.clone(),
        team,
        role: None,
        state: SessionState::Reserved,
        created_at: now,
        connected_at: None,
        redeem_key: None,
        heartbeat_at: now,
        latency_ms: None,
    };
    ticket.players.iter().map(seat).collect()
}

/// A fleet in [`REGION`] of one to ten servers for every game mode.
#[must_use]
pub fn fleet_spec(name: &str) -> FleetSpec {
    FleetSpec {
        name: FleetName::new(name).expect("a valid fleet name"),
        game_id: "arena".to_owned(),
        server_type: ServerType::Dedicated,
        region: region(REGION),
        zone: None,
        game_modes: Vec::new(),
        bounds: Bounds {
            min_replicas: 1,
            max_replicas: 10,
            buffer_size: 1,
        },
        template: ServerTemplate {
            command: vec!["arena-server".to_owned()],
            env: BTreeMap::new(),
            max_players: 16,
            tick_rate: 60,
            anti_cheat: true,
            labels: BTreeMap::new(),
            health: Health::default(),
        },
    }
}

/// A Ready server of `spec`.
#[must_use]
pub fn game_server(spec: &FleetSpec, name: &str, now: Timestamp) -> GameServer {
    GameServer {
        name: server_name(name),
        fleet: spec.name.clone(),
        region: spec.region.clone(),
        zone: spec.zone.clone(),
        game_modes: spec.game_modes.clone(),
        state: GameServerState::Ready,
        address: "127.0.0.1".to_owned(),
        ports: vec![NamedPort {
            name: "game".to_owned(),
            port: 7_777,
        }],
        labels: spec.template.labels.clone(),
        annotations: BTreeMap::new(),
        max_players: spec.template.max_players,
        players: 0,
        match_id: None,
        created_at: now,
        changed_at: now,
        allocated_at: None,
        pid: None,
    }
}

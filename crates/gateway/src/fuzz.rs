//! For a fuzzer: whatever reaches the gateway from outside, bytes in. Each function says whether the bytes were accepted,
//! and panics where a promise is broken, which is the defect to find.

use std::sync::LazyLock;

use ed25519_dalek::SigningKey;
use stadion_client::wire::{ClientMessage, CreateTicket, ServerMessage};
use stadion_core::id::{MatchId, PlayerId, Region, ServerName, SessionId, TicketId};
use stadion_core::mode::guide_modes;
use stadion_core::session::{Session, SessionState};
use stadion_core::ticket::NewTicket;
use stadion_core::time::Timestamp;

use crate::auth::{Player, PlayerAuth, PlayerKey, TokenRules};
use crate::join_token::JoinTokens;
use crate::{caller, convert};

/// When everything here happens: within the life of the seeds' tokens.
const NOW: Timestamp = Timestamp(1_000_000_500);

/// The secret that the seeds' players' tokens are signed with.
const PLAYER_SECRET: [u8; 32] = [7; 32];

fn named<T>(name: Result<T, stadion_core::id::InvalidName>) -> T {
    name.expect("a valid name, written here")
}

/// The body of `POST /v1/tickets`: what passes every check keeps the ticket's promises, and is the same after it was
/// written and read again.
///
/// # Panics
/// When it is not.
pub fn create_ticket(data: &[u8]) -> bool {
    let Ok(request) = caller::parse::<CreateTicket>(data) else {
        return false;
    };
    let again = serde_json::to_vec(&request).expect("what was read can be written");
    let again = caller::parse::<CreateTicket>(&again).ok();
    assert_eq!(again.as_ref(), Some(&request), "written and read again");

    let modes = guide_modes();
    let Some(mode) = modes
        .iter()
        .find(|mode| mode.name.as_str() == request.game_mode)
    else {
        return false;
    };
    let caller = Player {
        id: named(PlayerId::new("alice")),
        party: Vec::new(),
        skill: [(mode.name.clone(), 1_500.0)].into(),
        backend: true,
    };
    let (Ok(players), Ok(region_preference)) = (
        convert::party(&request.players, mode, &caller),
        convert::preference(&request.region_preference),
    ) else {
        return false;
    };
    let new = NewTicket {
        id: TicketId::from_u128(1),
        game_mode: mode.name.clone(),
        players,
        region_preference,
        requirements: convert::requirements(request.requirements),
        idempotency: None,
        ttl_ms: 60_000,
    };
    let regions = ["us-east-1", "eu-west-1"].map(|name| named(Region::new(name)));
    let accepted = new.check(mode, &regions).is_ok();
    if accepted {
        assert!(!new.players.is_empty());
        assert!(new.players.len() <= mode.party_players_max());
        assert!(new.players.iter().all(|player| player.skill.is_finite()));
    }
    accepted
}

/// A text of the WebSocket, from a client and from a server: what was understood is the same after it was written and
/// read again.
///
/// # Panics
/// When it is not.
pub fn socket_message(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let client = serde_json::from_str::<ClientMessage>(text);
    if let Ok(message) = &client {
        let written = serde_json::to_string(message).expect("what was read can be written");
        let again = serde_json::from_str::<ClientMessage>(&written)
            .and_then(|again| serde_json::to_string(&again))
            .ok();
        assert_eq!(again, Some(written), "written and read again");
    }
    let server = serde_json::from_str::<ServerMessage>(text);
    if let Ok(message) = &server
        && let Ok(written) = serde_json::to_string(message)
    {
        let again: Option<ServerMessage> = serde_json::from_str(&written).ok();
        assert_eq!(again.as_ref(), Some(message), "written and read again");
    }
    client.is_ok() || server.is_ok()
}

/// A join token: only the very bytes that were signed count (I5).
///
/// # Panics
/// When others do.
pub fn join_token(data: &[u8]) -> bool {
    static TOKENS: LazyLock<(JoinTokens, String)> = LazyLock::new(|| {
        let tokens = JoinTokens::new(SigningKey::from_bytes(&[1; 32]), 60_000);
        let genuine = tokens.sign(&Session {
            id: SessionId::from_u128(7),
            player_id: named(PlayerId::new("alice")),
            match_id: MatchId::from_u128(2),
            ticket_id: TicketId::from_u128(3),
            server: named(ServerName::new("arena-1")),
            region: named(Region::new("eu-west-1")),
            team: 1,
            role: None,
            state: SessionState::Reserved,
            created_at: NOW,
            connected_at: None,
            redeem_key: None,
            heartbeat_at: NOW,
            latency_ms: None,
        });
        (tokens, genuine)
    });
    let (tokens, genuine) = &*TOKENS;
    let counts = std::str::from_utf8(data).is_ok_and(|text| tokens.verify(text, NOW).is_ok());
    assert_eq!(
        counts,
        data == genuine.as_bytes(),
        "one token, one spelling"
    );
    counts
}

/// A player's token: it says the same whether it is looked at for the first or the second time, and names a player
/// only while it lives.
///
/// # Panics
/// When it does not.
pub fn player_token(data: &[u8]) -> bool {
    let key = PlayerKey::hs256(&PLAYER_SECRET).expect("32 bytes are enough");
    let auth =
        PlayerAuth::new(vec![key], &TokenRules::default()).expect("one key is within 1 and 16");
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let first = auth.verify(text, NOW);
    assert_eq!(auth.verify(text, NOW), first);
    if first.is_ok() {
        let late = auth.verify(text, Timestamp(u64::MAX));
        assert!(late.is_err(), "every token ends");
    }
    first.is_ok()
}

//! From the ticket to the seat and out again, as players, game servers and the studio's backend see it.

use serde_json::{Map, json};
use stadion_client::wire::{
    Control, CreateTicket, EventKind, Heartbeat, Heartbeats, MatchFound, ServerMessage, TicketState,
};
use stadion_client::{Client, ClientError, ProblemKind, Update};
use stadion_core::id::SessionId;
use stadion_core::matches::MatchState;
use stadion_core::session::{EndReason, SessionState};
use stadion_core::state::State;

use crate::world::{SERVER, World, duel, player, token_with};

/// Reads events until the match is found.
pub(crate) async fn found(client: &Client) -> MatchFound {
    let mut events = client.connect(0).await.unwrap();
    loop {
        if let Update::Event(event) = events.next().await.unwrap()
            && let EventKind::MatchFound(found) = event.kind
        {
            return found;
        }
    }
}

fn kind<T: std::fmt::Debug>(outcome: Result<T, ClientError>) -> ProblemKind {
    outcome.unwrap_err().kind().unwrap()
}

#[tokio::test]
async fn i5_a_join_token_counts_once_on_its_own_server_and_not_after_its_session() {
    let world = World::new().await;
    let (ann, bob, game) = world.duel().await;
    let seat = found(&ann).await;
    assert_eq!(seat.match_id, game.id.to_string());
    assert_eq!(seat.players.len(), 2);
    let join_token = seat.join_token.unwrap();

    let stranger = world.server("arena-2");
    let refused = kind(stranger.redeem(&join_token, None).await);
    assert_eq!(refused, ProblemKind::JoinTokenForeign);

    let server = world.server(SERVER);
    let taken = server.redeem(&join_token, None).await.unwrap();
    assert_eq!(taken.player_id, "ann");
    assert_eq!(taken.session_id, seat.session_id);
    let again = kind(server.redeem(&join_token, None).await);
    assert_eq!(again, ProblemKind::JoinTokenUsed);

    // Resent to a player who is on the server already, the event has no token any more.
    assert_eq!(found(&ann).await.join_token, None);
    let own = ann.session(&seat.session_id).await.unwrap();
    assert_eq!((own.state.as_str(), own.join_token), ("active", None));

    let late = found(&bob).await;
    bob.leave(&late.session_id).await.unwrap();
    bob.leave(&late.session_id).await.unwrap();
    let refused = kind(server.redeem(&late.join_token.unwrap(), None).await);
    assert_eq!(refused, ProblemKind::WrongState);
}

/// As when the answer to the first call was lost: the second one has it, and the seat is as it was.
#[tokio::test]
async fn i5_a_redeem_is_repeated_with_its_key_and_no_other() {
    let world = World::new().await;
    let (ann, bob, _) = world.duel().await;
    let seat = found(&ann).await;
    let join_token = seat.join_token.unwrap();
    let server = world.server(SERVER);
    let first = server.redeem(&join_token, Some("one")).await.unwrap();
    let before = ann.session(&seat.session_id).await.unwrap();
    world.clock.advance_ms(1_000);
    let again = server.redeem(&join_token, Some("one")).await.unwrap();
    assert_eq!(again, first);
    assert_eq!(ann.session(&seat.session_id).await.unwrap(), before);
    for key in [Some("two"), None] {
        let refused = kind(server.redeem(&join_token, key).await);
        assert_eq!(refused, ProblemKind::JoinTokenUsed);
    }
    let stranger = world.server("arena-2");
    let refused = kind(stranger.redeem(&join_token, Some("one")).await);
    assert_eq!(refused, ProblemKind::JoinTokenForeign);

    // A key is for one token; another one may have the same.
    let other = found(&bob).await.join_token.unwrap();
    let taken = server.redeem(&other, Some("one")).await.unwrap();
    assert_eq!(taken.player_id, "bob");

    ann.leave(&seat.session_id).await.unwrap();
    let refused = kind(server.redeem(&join_token, Some("one")).await);
    assert_eq!(refused, ProblemKind::WrongState);
}

#[tokio::test]
async fn i5_a_join_token_expires_with_the_life_of_its_session() {
    let world = World::new().await;
    let (ann, ..) = world.duel().await;
    let join_token = found(&ann).await.join_token.unwrap();
    world.clock.advance_ms(86_400_001);
    let refused = kind(world.server(SERVER).redeem(&join_token, None).await);
    assert_eq!(refused, ProblemKind::JoinTokenInvalid);
}

#[tokio::test]
async fn a_game_server_plays_its_match() {
    let world = World::new().await;
    let (ann, bob, game) = world.duel().await;
    let server = world.server(SERVER);
    let mut sessions = Vec::new();
    for client in [&ann, &bob] {
        let own = found(client).await;
        let read = client.session(&own.session_id).await.unwrap();
        assert_eq!(read.join_token, own.join_token, "one session, one token");
        assert_eq!(read.server, Some(own.server));
        server.redeem(&own.join_token.unwrap(), None).await.unwrap();
        sessions.push(own.session_id);
    }
    let line_up = server.get_match(&game.id.to_string()).await.unwrap();
    assert_eq!(line_up.players.len(), 2);
    assert_eq!(line_up.state, "live");

    let beats = Heartbeats {
        heartbeats: sessions
            .iter()
            .map(|session_id| Heartbeat {
                session_id: session_id.clone(),
                latency_ms: Some(31.5),
            })
            .collect(),
    };
    let disconnect = server.heartbeats(&beats).await.unwrap();
    assert_eq!(disconnect, Vec::<String>::new());
    let elsewhere = world.server("arena-2").heartbeats(&beats).await.unwrap();
    assert_eq!(
        elsewhere, sessions,
        "nobody of these is on the other server"
    );

    server.end_session(&sessions[1]).await.unwrap();
    assert_eq!(server.heartbeats(&beats).await.unwrap(), sessions[1..]);
    let id: SessionId = sessions[1].parse().unwrap();
    let left = world.state.session(id).await.unwrap();
    let reason = EndReason::Left;
    assert_eq!(left.state, SessionState::Ended { reason });

    let mut result = Map::new();
    result.insert("winner".into(), json!("ann"));
    for _ in 0..2 {
        let ended = server.report_result(&game.id.to_string(), &result).await;
        assert_eq!(ended.unwrap().state, "ended");
    }
    let ended = world.state.get_match(game.id).await.unwrap();
    assert!(matches!(ended.state, MatchState::Ended { .. }));
    assert_eq!(ended.result, Some(json!({"winner": "ann"})));
}

#[tokio::test]
async fn a_game_server_that_asks_before_its_match_is_live_is_told_to_ask_again() {
    let world = World::new().await;
    let ann = world.player("ann");
    let first = ann.create_ticket(&duel("ann"), None).await.unwrap();
    let bob = world.player("bob");
    let second = bob.create_ticket(&duel("bob"), None).await.unwrap();
    let game = world.commit(&[&first.ticket_id, &second.ticket_id]).await;
    let early = world.server(SERVER).get_match(&game.id.to_string()).await;
    let early = early.unwrap_err();
    assert_eq!(early.kind(), Some(ProblemKind::MatchPlacing));
    assert!(early.is_retryable());
}

#[tokio::test]
async fn i2_repeating_a_creation_finds_the_first_ticket() {
    let world = World::new().await;
    let ann = world.player("ann");
    let first = ann.create_ticket(&duel("ann"), Some("k")).await.unwrap();
    let again = ann.create_ticket(&duel("ann"), Some("k")).await.unwrap();
    assert_eq!(first.ticket_id, again.ticket_id);
    assert_eq!(ann.tickets().await.unwrap().len(), 1);
    // Another caller's keys are their own.
    let bob = world.player("bob");
    let other = bob.create_ticket(&duel("bob"), Some("k")).await.unwrap();
    assert_ne!(first.ticket_id, other.ticket_id);
}

#[tokio::test]
async fn a_ticket_can_be_read_and_taken_back_by_its_party() {
    let world = World::new().await;
    let claims = json!({"sub": "ann", "party": ["bob"], "skill": {"squad": 1500.0}});
    let ann = world
        .player("ann")
        .with_token(&token_with(&claims))
        .unwrap();
    let party = CreateTicket {
        game_mode: "squad".into(),
        players: vec![player("ann"), player("bob")],
        ..CreateTicket::default()
    };
    let ticket = ann.create_ticket(&party, None).await.unwrap();
    assert_eq!(ticket.state, TicketState::Searching);
    assert_eq!(
        ticket.players[0].skill,
        Some(1_500.0),
        "the token's word wins"
    );
    assert_eq!(ticket.players[1].skill, Some(1_000.0));

    let bob = world.player("bob");
    assert_eq!(bob.ticket(&ticket.ticket_id).await.unwrap(), ticket);
    for _ in 0..2 {
        let cancelled = bob.cancel_ticket(&ticket.ticket_id).await.unwrap();
        assert_eq!(cancelled.state, TicketState::Cancelled);
        assert_eq!(cancelled.reason.as_deref(), Some("requested"));
    }
    let (_, _, game) = world.duel().await;
    let tickets = ann.tickets().await.unwrap();
    let done = tickets.iter().find(|t| t.match_id.is_some()).unwrap();
    assert_eq!(done.match_id, Some(game.id.to_string()));
    let late = kind(ann.cancel_ticket(&done.ticket_id).await);
    assert_eq!(late, ProblemKind::WrongState);
}

#[tokio::test]
async fn the_studios_backend_acts_for_any_player() {
    let world = World::new().await;
    let claims = json!({"sub": "backend-1", "scope": "read backend"});
    let backend = world.player("x").with_token(&token_with(&claims)).unwrap();
    let ticket = backend.create_ticket(&duel("ann"), None).await.unwrap();
    let read = backend.ticket(&ticket.ticket_id).await.unwrap();
    assert_eq!(read.players[0].player_id, "ann");
    assert_eq!(world.player("ann").tickets().await.unwrap().len(), 1);
}

#[tokio::test]
async fn anybody_may_know_regions_modes_and_keys() {
    let world = World::new().await;
    let anybody = Client::new(&world.base_url(), "").unwrap();
    assert_eq!(anybody.regions().await.unwrap().regions.len(), 2);
    let modes = anybody.game_modes().await.unwrap().game_modes;
    assert_eq!(modes[1].party_players_max, 4);
    let keys = anybody.join_keys().await.unwrap().keys;
    assert_eq!((keys.len(), keys[0].kty.as_str()), (1, "OKP"));
}

#[test]
fn messages_keep_the_shape_of_the_guide() {
    let text = json!({"number": 3, "at_ms": 5, "type": "match_found", "match_id": "mat_1",
        "server": {"address": "10.0.0.1", "port": 7777, "region": "eu-west-1"},
        "players": ["ann", "bob"], "session_id": "ses_1", "team": 0, "join_token": "t"});
    let message: ServerMessage = serde_json::from_value(text.clone()).unwrap();
    assert_eq!(serde_json::to_value(&message).unwrap(), text);
    let newer = json!({"type": "weather", "rain": true});
    let message: ServerMessage = serde_json::from_value(newer).unwrap();
    assert_eq!(message, ServerMessage::Control(Control::Unknown));
}

#[tokio::test]
async fn a_player_without_a_websocket_finds_the_seat() {
    let world = World::new().await;
    let (ann, bob, game) = world.duel().await;
    let told = found(&ann).await;
    let seats = ann.sessions().await.unwrap();
    assert_eq!(seats, [ann.session(&told.session_id).await.unwrap()]);
    assert_eq!(seats[0].match_id, game.id.to_string());
    assert_eq!(seats[0].join_token, told.join_token);
    assert_eq!(seats[0].server, Some(told.server));

    ann.leave(&told.session_id).await.unwrap();
    let over = ann.sessions().await.unwrap();
    assert_eq!(over[0].state, "ended");
    assert_eq!((&over[0].server, &over[0].join_token), (&None, &None));
    assert_eq!(bob.sessions().await.unwrap()[0].state, "reserved");
    assert_eq!(world.player("eve").sessions().await.unwrap(), []);
}

//! Game servers that have free seats of their live matches filled.

use std::sync::Arc;

use serde_json::{Map, json};
use stadion_client::wire::{CreateTicket, OpenSeats};
use stadion_client::{Client, ProblemKind};
use stadion_core::matches::Match;
use stadion_core::state::{Filter, State};
use stadion_core::time::Clock;
use stadion_testkit::build;

use crate::problems::{case, check_all};
use crate::seats::found;
use crate::world::{SERVER, World, duel, player, server_token, token};

fn tussle(name: &str) -> CreateTicket {
    CreateTicket {
        game_mode: "tussle".into(),
        players: vec![player(name)],
        ..CreateTicket::default()
    }
}

/// A live match of two players against two, on [`SERVER`].
async fn live(world: &World) -> Arc<Match> {
    let mut tickets = Vec::new();
    for name in ["ann", "bob", "cid", "dot"] {
        let ticket = world.player(name).create_ticket(&tussle(name), None).await;
        tickets.push(ticket.unwrap().ticket_id.parse().unwrap());
    }
    let (fence, now) = (world.fence().await, world.clock.now());
    let mut new = build::new_match(&[], now);
    new.plan.game_mode = build::mode_name("tussle");
    new.plan.teams = vec![tickets[..2].to_vec(), tickets[2..].to_vec()];
    new.plan.roles = [(build::player_id("dot"), "healer".to_owned())].into();
    let game = world.state.commit_match(fence, new, now).await.unwrap();
    let placed = build::placement(&game, SERVER, now);
    let placed = world.state.place_match(fence, game.id, placed, now).await;
    placed.unwrap()
}

async fn leave(client: &Client) {
    let seat = found(client).await;
    client.leave(&seat.session_id).await.unwrap();
}

#[tokio::test]
async fn a_game_server_has_a_free_seat_filled() {
    let world = World::new().await;
    let game = live(&world).await;
    let id = game.id.to_string();
    let server = world.server(SERVER);
    leave(&world.player("dot")).await;
    for _ in 0..2 {
        let offered = server.open_seats(&id, &[0, 1]).await.unwrap();
        assert_eq!(offered.backfill, Some(OpenSeats { seats: vec![0, 1] }));
    }
    let read = server.get_match(&id).await.unwrap();
    assert_eq!(read.backfill, Some(OpenSeats { seats: vec![0, 1] }));

    let eve = world.player("eve");
    let ticket = eve.create_ticket(&tussle("eve"), None).await.unwrap();
    let ticket = world.state.ticket(ticket.ticket_id.parse().unwrap()).await;
    let mut seats = build::seats(&game, &ticket.unwrap(), 1, world.clock.now());
    seats[0].role = Some("healer".into());
    let (fence, now) = (world.fence().await, world.clock.now());
    let filled = world.state.fill_match(fence, game.id, seats, now).await;
    filled.unwrap();

    let told = found(&eve).await;
    assert_eq!((told.match_id.as_str(), told.team), (id.as_str(), 1));
    assert_eq!(told.role.as_deref(), Some("healer"));
    assert_eq!(eve.session(&told.session_id).await.unwrap().role, told.role);
    let seat = server
        .redeem(&told.join_token.unwrap(), None)
        .await
        .unwrap();
    assert_eq!((seat.player_id.as_str(), seat.role), ("eve", told.role));
    let line_up = server.get_match(&id).await.unwrap();
    let last = line_up.players.last().unwrap();
    assert_eq!(
        (last.player_id.as_str(), last.role.as_deref()),
        ("eve", Some("healer"))
    );
    assert_eq!((line_up.players.len(), line_up.backfill), (5, None));
    let left: Vec<_> = line_up.players.iter().filter(|p| !p.seated).collect();
    assert_eq!((left.len(), left[0].player_id.as_str()), (1, "dot"));
    // Who left may ask for another match.
    let dot = world.player("dot");
    dot.create_ticket(&duel("dot"), None).await.unwrap();
}

#[tokio::test]
async fn an_offer_is_withdrawn_and_ends_with_its_match() {
    let world = World::new().await;
    let game = live(&world).await;
    let id = game.id.to_string();
    let server = world.server(SERVER);
    for name in ["ann", "dot"] {
        leave(&world.player(name)).await;
    }
    server.open_seats(&id, &[1, 1]).await.unwrap();
    for _ in 0..2 {
        assert_eq!(server.close_seats(&id).await.unwrap().backfill, None);
    }
    server.open_seats(&id, &[1, 0]).await.unwrap();
    let none = server.open_seats(&id, &[0, 0]).await.unwrap();
    assert_eq!(none.backfill, None);
    server.open_seats(&id, &[1, 0]).await.unwrap();
    let ended = server.report_result(&id, &Map::new()).await.unwrap();
    assert_eq!(ended.backfill, None);
    for late in [
        server.open_seats(&id, &[1, 0]).await,
        server.close_seats(&id).await,
    ] {
        let late = late.unwrap_err();
        assert_eq!(late.kind(), Some(ProblemKind::WrongState));
        assert!(!late.is_retryable());
    }
}

#[tokio::test]
async fn offers_that_are_not_acceptable_change_nothing() {
    use ProblemKind::{InvalidRequest, MalformedRequest, NotFound, TooManySeats, Unauthenticated};
    let world = World::new().await;
    let game = live(&world).await;
    leave(&world.player("dot")).await;
    let before = world.state.get_match(game.id).await.unwrap();
    let path = format!("/v1/matches/{}/backfill", game.id);
    let put = |name, kind, body: String| {
        case(name, kind)
            .method("PUT", path.clone())
            .token(server_token(SERVER))
            .body(body)
    };
    let seats = |seats| json!({ "seats": seats }).to_string();
    let good = || seats(json!([0, 1]));
    let cases = vec![
        put("nobody", Unauthenticated, good()).token(String::new()),
        put("a player", Unauthenticated, good()).token(token("ann")),
        put("a forged credential", Unauthenticated, good()).token("server-token-off-arena-1"),
        put("another server", NotFound, good()).token(server_token("arena-2")),
        put("no match", NotFound, good())
            .method("PUT", "/v1/matches/mat_01ARZ3NDEKTSV4RRFFQ69G5FAV/backfill"),
        put("no id", NotFound, good()).method("PUT", "/v1/matches/7/backfill"),
        put("another server withdraws", NotFound, String::new())
            .method("DELETE", path.clone())
            .token(server_token("arena-2")),
        put("one team", InvalidRequest, seats(json!([1]))).field("seats"),
        put("three teams", InvalidRequest, seats(json!([0, 1, 0]))).field("seats"),
        put("no team", InvalidRequest, seats(json!([]))).field("seats"),
        put(
            "a thousand teams",
            InvalidRequest,
            seats(json!(vec![0; 1_000])),
        )
        .field("seats"),
        put("a seat that is taken", TooManySeats, seats(json!([1, 1]))),
        put("a seat too many", TooManySeats, seats(json!([0, 2]))),
        put(
            "seats without end",
            TooManySeats,
            seats(json!([0, u32::MAX])),
        ),
        put(
            "more than a number",
            InvalidRequest,
            seats(json!([0, u64::MAX])),
        ),
        put("less than nothing", InvalidRequest, seats(json!([0, -1]))),
        put("half a seat", InvalidRequest, seats(json!([0, 0.5]))),
        put(
            "not a number",
            MalformedRequest,
            r#"{"seats": [0, NaN]}"#.into(),
        ),
        put("no seats", InvalidRequest, "{}".into()).field("seats"),
        put(
            "something else",
            InvalidRequest,
            r#"{"seats": [0, 1], "x": 1}"#.into(),
        )
        .field("x"),
        put("no body", MalformedRequest, String::new()),
    ];
    check_all(&world, cases).await;
    assert_eq!(world.state.get_match(game.id).await.unwrap(), before);
}

#[tokio::test]
async fn a_game_mode_without_backfill_takes_no_offers() {
    let world = World::new().await;
    let first = world
        .player("una")
        .create_ticket(&duel("una"), None)
        .await
        .unwrap();
    let second = world.player("vic").create_ticket(&duel("vic"), None).await;
    let second = second.unwrap();
    let off = world
        .place(&[&first.ticket_id, &second.ticket_id], SERVER)
        .await;
    let path = format!("/v1/matches/{}/backfill", off.id);
    let off = case("a mode without backfill", ProblemKind::BackfillOff)
        .method("PUT", path)
        .token(server_token(SERVER))
        .body(json!({ "seats": [0, 0] }).to_string());
    check_all(&world, vec![off]).await;
    let live = world.state.matches(&Filter::default()).await.unwrap();
    assert!(live.iter().all(|live| live.backfill.is_none()));
}

//! Events over WebSockets that break, lag, double and fall silent.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use stadion_client::wire::{ClientMessage, Control, EventKind, ServerMessage};
use stadion_client::{Client, ClientError, Events, ProblemKind, Update};
use stadion_core::limits::EVENTS_PER_PLAYER_MAX;
use stadion_core::state::State;
use stadion_core::ticket::CancelReason;
use stadion_core::time::Clock;
use stadion_gateway::{CloseReason, Limits, NoObserver};
use stadion_testkit::build;
use stadion_testkit::random::Random;
use stadion_testkit::wait::wait_until;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use crate::world::{World, duel, gateway, token, wide};

/// Creates and cancels tickets of `name` until the player has `events` events more (an even number).
pub(crate) async fn make(world: &World, name: &str, events: usize) {
    for _ in 0..events / 2 {
        let now = world.clock.now();
        let new = build::new_ticket(&[name], now);
        let id = new.id;
        world.state.create_ticket(new, now).await.unwrap();
        let reason = CancelReason::Requested;
        world.state.cancel_ticket(id, reason, now).await.unwrap();
    }
}

pub(crate) async fn number(events: &mut Events) -> u64 {
    match events.next().await.unwrap() {
        Update::Event(event) => event.number,
        other => panic!("unexpected {other:?}"),
    }
}

#[tokio::test]
async fn events_come_in_order_and_resume_after_a_break() {
    let world = World::new().await;
    let ann = world.player("ann");
    make(&world, "ann", 4).await;
    let mut events = ann.connect(0).await.unwrap();
    for expected in 1..=4 {
        assert_eq!(number(&mut events).await, expected);
    }
    make(&world, "ann", 2).await;
    assert_eq!(number(&mut events).await, 5);
    drop(events);
    make(&world, "ann", 4).await;
    let mut events = ann.connect(5).await.unwrap();
    for expected in 6..=10 {
        assert_eq!(number(&mut events).await, expected);
    }
    assert_eq!(events.last_number(), 10);
}

#[tokio::test]
async fn no_event_is_lost_or_doubled_while_connections_come_and_go() {
    let world = World::new().await;
    let mut random = Random::from_env(11);
    let ann = world.player("ann");
    let writing = make(&world, "ann", 30);
    let reading = async {
        let mut seen = Vec::new();
        while seen.len() < 30 {
            let mut events = ann.connect(seen.len() as u64).await.unwrap();
            for _ in 0..=random.below(4) {
                if seen.len() < 30 {
                    seen.push(number(&mut events).await);
                }
            }
        }
        seen
    };
    let ((), seen) = tokio::join!(writing, reading);
    assert_eq!(seen, (1..=30).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_not_kept_any_more_is_called_a_gap() {
    let world = World::new().await;
    make(&world, "ann", 2 * EVENTS_PER_PLAYER_MAX).await;
    let newest = 2 * EVENTS_PER_PLAYER_MAX as u64;
    let oldest = newest - EVENTS_PER_PLAYER_MAX as u64 + 1;
    let mut events = world.player("ann").connect(3).await.unwrap();
    let gap = Update::Gap {
        from: 4,
        to: oldest - 1,
    };
    assert_eq!(events.next().await.unwrap(), gap);
    for expected in oldest..=newest {
        assert_eq!(number(&mut events).await, expected);
    }
    // Somebody new is not told of what was before them.
    let mut events = world.player("ann").connect(0).await.unwrap();
    assert_eq!(number(&mut events).await, oldest);
}

#[tokio::test]
async fn a_number_from_another_life_starts_over() {
    let world = World::new().await;
    make(&world, "ann", 2).await;
    let mut events = world.player("ann").connect(1_000).await.unwrap();
    assert_eq!(number(&mut events).await, 1);
}

#[tokio::test]
async fn i2_events_go_on_where_they_were_after_the_gateway_was_replaced() {
    let world = World::new().await;
    let mut events = world.player("ann").connect(0).await.unwrap();
    make(&world, "ann", 2).await;
    assert_eq!(number(&mut events).await, 1);
    world.shutdown.cancel();
    world.serving.await.unwrap().unwrap();

    let next = gateway(
        world.state.clone(),
        world.clock.clone(),
        wide(),
        std::sync::Arc::new(NoObserver),
    );
    let listener = TcpListener::bind(world.address).await.unwrap();
    let shutdown = CancellationToken::new();
    let serving = {
        let shutdown = shutdown.clone();
        tokio::spawn(async move { next.serve(listener, shutdown).await })
    };
    assert_eq!(number(&mut events).await, 2);
    let ann = Client::new(&format!("http://{}", world.address), &token("ann")).unwrap();
    ann.create_ticket(&duel("ann"), None).await.unwrap();
    assert_eq!(number(&mut events).await, 3);
    shutdown.cancel();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_newest_connection_of_a_player_wins() {
    let world = World::new().await;
    let ann = world.player("ann");
    let mut first = ann.connect(0).await.unwrap();
    let mut second = ann.connect(0).await.unwrap();
    assert_eq!(first.next().await, Err(ClientError::Replaced));
    make(&world, "ann", 2).await;
    assert_eq!(number(&mut second).await, 1);
    assert_eq!(world.gateway.connected_players(), 1);
}

#[tokio::test]
async fn a_token_that_does_not_count_opens_nothing() {
    let world = World::new().await;
    let eve = world.player("ann").with_token("eve").unwrap();
    let refused = eve.connect(0).await.unwrap_err();
    assert_eq!(refused.kind(), Some(ProblemKind::Unauthenticated));
}

type Socket = WebSocketStream<TcpStream>;

/// A WebSocket without a header, as a browser opens it.
async fn browser(world: &World) -> Socket {
    let stream = TcpStream::connect(world.address).await.unwrap();
    let url = format!("ws://{}/v1/connect", world.address);
    let opened = tokio_tungstenite::client_async(url, stream).await;
    opened.unwrap().0
}

async fn say(socket: &mut Socket, message: &ClientMessage) {
    let text = serde_json::to_string(message).unwrap();
    socket.send(Message::text(text)).await.unwrap();
}

async fn hear(socket: &mut Socket) -> ServerMessage {
    loop {
        if let Message::Text(text) = socket.next().await.unwrap().unwrap() {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

/// Reads until the close frame; its code.
async fn closed(socket: &mut Socket) -> u16 {
    loop {
        if let Message::Close(frame) = socket.next().await.unwrap().unwrap() {
            return frame.unwrap().code.into();
        }
    }
}

async fn introduced(world: &World, name: &str) -> Socket {
    let mut socket = browser(world).await;
    let token = token(name);
    say(&mut socket, &ClientMessage::Authenticate { token }).await;
    let ServerMessage::Control(Control::Hello { player_id, .. }) = hear(&mut socket).await else {
        panic!("the first message is no hello");
    };
    assert_eq!(player_id, name);
    socket
}

#[tokio::test]
async fn a_browser_introduces_itself_in_its_first_message() {
    let world = World::new().await;
    let mut socket = introduced(&world, "ann").await;
    say(&mut socket, &ClientMessage::Ping).await;
    let pong = hear(&mut socket).await;
    assert_eq!(pong, ServerMessage::Control(Control::Pong));
    say(&mut socket, &ClientMessage::Ack { number: 0 }).await;
    make(&world, "ann", 2).await;
    let ServerMessage::Event(event) = hear(&mut socket).await else {
        panic!("no event");
    };
    assert!(matches!(event.kind, EventKind::TicketSearching { .. }));

    let mut socket = browser(&world).await;
    let token = "eve".to_owned();
    say(&mut socket, &ClientMessage::Authenticate { token }).await;
    let code = closed(&mut socket).await;
    assert_eq!(code, CloseReason::Unauthenticated.code());
}

#[tokio::test]
async fn i7_who_says_nothing_or_nonsense_or_too_much_is_shown_out() {
    let limits = Limits {
        socket_auth_timeout: Duration::from_millis(20),
        ..wide()
    };
    let world = World::with(limits, std::sync::Arc::new(NoObserver)).await;
    let code = closed(&mut browser(&world).await).await;
    assert_eq!(code, CloseReason::Unauthenticated.code());

    let world = World::new().await;
    let mut socket = introduced(&world, "ann").await;
    socket
        .send(Message::text("{\"type\":\"dance\"}"))
        .await
        .unwrap();
    assert_eq!(closed(&mut socket).await, CloseReason::BadMessage.code());

    let mut socket = introduced(&world, "ann").await;
    let flood = async {
        for _ in 0..1_000 {
            // Fails once the gateway has closed.
            let text = "{\"type\":\"ack\",\"number\":1}";
            if socket.send(Message::text(text)).await.is_err() {
                break;
            }
        }
        closed(&mut socket).await
    };
    assert_eq!(flood.await, CloseReason::TooManyMessages.code());

    let mut socket = introduced(&world, "ann").await;
    // The gateway hangs up without reading it.
    drop(socket.send(Message::text("x".repeat(100_000))).await);
    wait_until("the oversized message's end", async || {
        (world.gateway.connected_players() == 0).then_some(())
    })
    .await;
}

/// Opens a WebSocket by hand and reads the head of the answer, and nothing after it.
pub(crate) async fn by_hand(world: &World, name: &str) -> TcpStream {
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let request = format!(
        "GET /v1/connect HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         authorization: Bearer {}\r\n\r\n",
        token(name)
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(
        head.starts_with(b"HTTP/1.1 101"),
        "{}",
        String::from_utf8_lossy(&head)
    );
    stream
}

#[tokio::test]
async fn i7_a_half_open_connection_is_found_by_its_silence() {
    let limits = Limits {
        socket_ping: Duration::from_millis(20),
        ..wide()
    };
    let world = World::with(limits, std::sync::Arc::new(NoObserver)).await;
    // It never answers a ping, as a phone in a tunnel.
    let stream = by_hand(&world, "ann").await;
    wait_until("the connection", async || {
        (world.gateway.connected_players() == 1).then_some(())
    })
    .await;
    wait_until("the silent connection's end", async || {
        (world.gateway.connected_players() == 0).then_some(())
    })
    .await;
    drop(stream);
}

//! Limits as callers meet them (I7), what is counted, and what an idle connection costs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use stadion_client::wire::{Heartbeat, Heartbeats};
use stadion_client::{ClientError, ProblemKind};
use stadion_core::id::{GameModeName, Region};
use stadion_gateway::{CloseReason, GatewayObserver, Limits, NoObserver};
use stadion_testkit::wait::wait_until;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::connect::by_hand;
use crate::seats::found;
use crate::world::{SERVER, World, wide};

/// Asks until the gateway refuses; what it said.
async fn until_refused(world: &World, name: &str) -> ClientError {
    let client = world.player(name);
    for _ in 0..1_000 {
        if let Err(error) = client.tickets().await {
            return error;
        }
    }
    panic!("a thousand requests were answered");
}

#[tokio::test]
async fn i7_a_player_who_asks_too_often_is_told_when_to_come_back() {
    let limits = Limits {
        requests_per_second_per_player: 1,
        ..wide()
    };
    let world = World::with(limits, Arc::new(NoObserver)).await;
    let refused = until_refused(&world, "ann").await;
    let ClientError::Problem {
        problem,
        retry_after_ms,
    } = refused
    else {
        panic!("{refused}");
    };
    assert_eq!(problem.kind(), Some(ProblemKind::TooManyRequests));
    assert!(retry_after_ms.is_some_and(|ms| (1_000..=2_000).contains(&ms)));
    // Others are not concerned.
    world.player("bob").tickets().await.unwrap();
}

#[tokio::test]
async fn i7_an_address_that_asks_too_often_is_refused_before_anything_else() {
    let limits = Limits {
        requests_per_second_per_address: 1,
        ..wide()
    };
    let world = World::with(limits, Arc::new(NoObserver)).await;
    let refused = until_refused(&world, "ann").await;
    assert_eq!(refused.kind(), Some(ProblemKind::TooManyRequests));
}

const HELLO: &[u8] = b"GET /v1/regions HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn i7_connections_are_counted_for_all_and_by_address() {
    let few = |all: usize, one: usize| Limits {
        connections_max: all,
        connections_per_address_max: one,
        ..wide()
    };
    for (limits, status) in [(few(2, 10), 503), (few(10, 2), 429)] {
        let world = World::with(limits, Arc::new(NoObserver)).await;
        let first = by_hand(&world, "ann").await;
        let _second = by_hand(&world, "bob").await;
        let refused = world.raw(HELLO).await;
        assert_eq!(refused.status, status);
        assert!(refused.header("retry-after").is_some());
        assert_eq!(refused.header("connection"), Some("close"));
        drop(first);
        wait_until("the place", async || {
            (world.raw(HELLO).await.status == 200).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn i7_a_head_that_is_too_large_is_refused() {
    let world = World::new().await;
    let cookie = "x".repeat(20_000);
    let request = format!("GET /v1/regions HTTP/1.1\r\nhost: test\r\ncookie: {cookie}\r\n\r\n");
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    drop(tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await);
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
}

#[derive(Default)]
struct Counter {
    answered: Mutex<Vec<(String, u16)>>,
    refused: Mutex<Vec<ProblemKind>>,
    connected: AtomicUsize,
    left: Mutex<Vec<CloseReason>>,
    created: Mutex<Vec<String>>,
    delivered: AtomicUsize,
    latencies: Mutex<Vec<(String, f32)>>,
}

impl GatewayObserver for Counter {
    fn answered(&self, route: &str, status: u16, _took: Duration) {
        self.answered.lock().push((route.to_owned(), status));
    }

    fn refused(&self, kind: ProblemKind) {
        self.refused.lock().push(kind);
    }

    fn connected(&self) {
        self.connected.fetch_add(1, Ordering::Relaxed);
    }

    fn disconnected(&self, reason: CloseReason) {
        self.left.lock().push(reason);
    }

    fn ticket_created(&self, game_mode: &GameModeName) {
        self.created.lock().push(game_mode.to_string());
    }

    fn event_delivered(&self, _lag_ms: u64) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
    }

    fn player_latency(&self, region: &Region, latency_ms: f32) {
        self.latencies.lock().push((region.to_string(), latency_ms));
    }
}

#[tokio::test]
async fn what_happens_is_counted() {
    let counter = Arc::new(Counter::default());
    let world = World::with(wide(), counter.clone()).await;
    let mut events = world.player("bob").connect(0).await.unwrap();
    let (ann, _, game) = world.duel().await;
    events.next().await.unwrap();
    drop(events);
    let seat = found(&ann).await;
    let server = world.server(SERVER);
    server
        .redeem(&seat.join_token.unwrap(), None)
        .await
        .unwrap();
    let beat = Heartbeat {
        session_id: seat.session_id,
        latency_ms: Some(42.0),
    };
    let heartbeats = vec![beat];
    server.heartbeats(&Heartbeats { heartbeats }).await.unwrap();
    server.get_match(&game.id.to_string()).await.unwrap();
    ann.ticket("tkt_x").await.unwrap_err();

    assert_eq!(*counter.created.lock(), ["duel", "duel"]);
    assert_eq!(*counter.latencies.lock(), [("eu-west-1".to_owned(), 42.0)]);
    assert_eq!(*counter.refused.lock(), [ProblemKind::NotFound]);
    let route = ("/v1/matches/{match_id}".to_owned(), 200);
    assert!(counter.answered.lock().contains(&route));
    wait_until("both players' leaving", async || {
        (*counter.left.lock() == [CloseReason::Gone; 2]).then_some(())
    })
    .await;
    assert_eq!(counter.connected.load(Ordering::Relaxed), 2);
    assert!(counter.delivered.load(Ordering::Relaxed) >= 1);
}

/// Resident memory of this process, bytes (`VmRSS` of proc(5), in KiB there).
fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kib = line.split_whitespace().nth(1).unwrap();
    kib.parse::<usize>().unwrap() * 1_024
}

/// Both ends are in this process, but the client's is a bare socket; other tests run in it too, so this one is alone.
#[tokio::test]
#[ignore = "measures the process's memory: cargo test -p stadion-gateway -- --ignored --test-threads 1"]
async fn i7_an_idle_connection_costs_less_than_8_kib() {
    const WARM: usize = 200;
    const MEASURED: usize = 2_000;
    let world = World::new().await;
    let mut streams = Vec::with_capacity(WARM + MEASURED);
    for i in 0..WARM {
        streams.push(by_hand(&world, &format!("p{i}")).await);
    }
    let before = resident_bytes();
    for i in WARM..WARM + MEASURED {
        streams.push(by_hand(&world, &format!("p{i}")).await);
    }
    wait_until("every connection", async || {
        (world.gateway.connected_players() == WARM + MEASURED).then_some(())
    })
    .await;
    let each = resident_bytes().saturating_sub(before) / MEASURED;
    println!("{each} bytes for each idle connection");
    assert!(each < 8 * 1_024);
}

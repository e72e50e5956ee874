//! An edge that makes a duel of every two tickets, for the one game server there is. A player's token is the id.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::sdk::FakeSdk;

/// What the edge knows.
#[derive(Default)]
pub(crate) struct Book {
    queue: Vec<(String, String)>,
    events: HashMap<String, Vec<Value>>,
    lineups: HashMap<String, Vec<Value>>,
    /// Player, match, and whether the token was used, by session.
    sessions: HashMap<String, (String, String, bool)>,
    count: u64,
    /// Results so far.
    pub(crate) results: Vec<Value>,
    /// Latencies that heartbeats reported, milliseconds.
    pub(crate) latencies_ms: Vec<f64>,
    /// How many results are still to be turned away.
    pub(crate) refuse_results: u32,
    /// Tokens that were shown a second time.
    pub(crate) reused: u32,
}

impl Book {
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.sessions.is_empty()
    }

    fn number(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    fn push(&mut self, player: &str, mut event: Value) {
        let events = self.events.entry(player.to_owned()).or_default();
        event["number"] = (events.len() + 1).into();
        event["at_ms"] = 0.into();
        events.push(event);
    }
}

#[derive(Clone)]
pub(crate) struct FakeEdge {
    pub(crate) book: Arc<Mutex<Book>>,
    changed: Arc<watch::Sender<()>>,
    sdk: FakeSdk,
    game_port: u16,
}

type Answer = (StatusCode, Json<Value>);

fn ok(body: Value) -> Answer {
    (StatusCode::OK, Json(body))
}

fn problem(status: StatusCode) -> Answer {
    let body =
        json!({"type": "about:blank", "title": "no", "status": status.as_u16(), "detail": "no"});
    (status, Json(body))
}

impl FakeEdge {
    /// Serves on a free port of loopback.
    pub(crate) async fn open(sdk: FakeSdk, game_port: u16) -> (Self, SocketAddr) {
        let edge = Self {
            book: Arc::default(),
            changed: Arc::new(watch::channel(()).0),
            sdk,
            game_port,
        };
        let router = Router::new()
            .route("/v1/game_modes", get(game_modes))
            .route(
                "/v1/regions",
                get(async || ok(json!({"regions": [{"name": "us-east-1"}]}))),
            )
            .route("/v1/tickets", post(create_ticket))
            .route("/v1/tickets/{id}", delete(cancel_ticket))
            .route("/v1/connect", get(connect))
            .route("/v1/matches/{id}", get(lineup))
            .route("/v1/matches/{id}/result", post(result))
            .route("/v1/sessions/redeem", post(redeem))
            .route("/v1/sessions/heartbeats", post(heartbeats))
            .route("/v1/sessions/{id}", delete(end_session))
            .route("/v1/sessions/{id}/end", post(end_session))
            .with_state(edge.clone());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        // Tickets that wait for the server get it when it is Ready.
        let (waiting, mut changes) = (edge.clone(), edge.sdk.changes());
        tokio::spawn(async move {
            while changes.changed().await.is_ok() {
                waiting.make_match();
            }
        });
        (edge, address)
    }

    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn make_match(&self) {
        let mut book = self.book.lock();
        if book.queue.len() < 2 || self.sdk.state() != "Ready" {
            return;
        }
        let match_id = format!("mat_{}", book.number());
        let pair: Vec<_> = book.queue.drain(..2).collect();
        let players: Vec<_> = pair.iter().map(|(_, player)| player.clone()).collect();
        let lineup = (0..).zip(&pair).map(|(team, (ticket, player))| {
            json!({"player_id": player, "ticket_id": ticket, "team": team})
        });
        book.lineups.insert(match_id.clone(), lineup.collect());
        for (team, player) in (0..).zip(&players) {
            let session_id = format!("ses_{}", book.number());
            let seat = (player.clone(), match_id.clone(), false);
            book.sessions.insert(session_id.clone(), seat);
            let server =
                json!({"address": "127.0.0.1", "port": self.game_port, "region": "us-east-1"});
            book.push(player, json!({
                "type": "match_found", "match_id": match_id, "server": server, "players": players,
                "session_id": session_id, "team": team, "join_token": format!("token.{session_id}"),
            }));
        }
        drop(book);
        self.sdk.set("Allocated", Some(&match_id));
        self.changed.send_replace(());
    }
}

fn bearer(headers: &HeaderMap) -> String {
    let value = headers.get("authorization").and_then(|v| v.to_str().ok());
    value
        .and_then(|v| v.strip_prefix("Bearer "))
        .unwrap_or_default()
        .to_owned()
}

async fn game_modes() -> Answer {
    ok(json!({"game_modes": [{
        "name": "duel", "teams": 2, "players_target": 2, "players_min": 2,
        "party_players_max": 1, "latency_max_ms": 500,
    }]}))
}

async fn create_ticket(
    State(edge): State<FakeEdge>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Answer {
    assert!(headers.contains_key("idempotency-key"));
    let player = bearer(&headers);
    assert_eq!(body["players"][0]["player_id"], player.as_str());
    let ticket_id = {
        let mut book = edge.book.lock();
        let ticket_id = format!("tkt_{}", book.number());
        book.push(
            &player,
            json!({"type": "ticket_searching", "ticket_id": ticket_id}),
        );
        book.queue.push((ticket_id.clone(), player));
        ticket_id
    };
    edge.changed.send_replace(());
    edge.make_match();
    ok(ticket(&ticket_id, "searching"))
}

fn ticket(ticket_id: &str, state: &str) -> Value {
    json!({
        "ticket_id": ticket_id, "game_mode": "duel", "state": state, "players": [], "region_preference": [],
        "requirements": {}, "created_at_ms": 0, "expires_at_ms": 0, "changed_at_ms": 0, "requeues": 0,
    })
}

async fn cancel_ticket(State(edge): State<FakeEdge>, Path(id): Path<String>) -> Answer {
    let mut book = edge.book.lock();
    let before = book.queue.len();
    book.queue.retain(|(ticket_id, _)| *ticket_id != id);
    if book.queue.len() == before {
        return problem(StatusCode::CONFLICT);
    }
    drop(book);
    edge.changed.send_replace(());
    ok(ticket(&id, "cancelled"))
}

async fn connect(
    State(edge): State<FakeEdge>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, usize>>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let player = bearer(&headers);
    let after = query.get("after").copied().unwrap_or(0);
    upgrade.on_upgrade(async move |socket| follow(&edge, socket, &player, after).await)
}

async fn follow(edge: &FakeEdge, mut socket: WebSocket, player: &str, mut after: usize) {
    let mut changes = edge.changes();
    let hello = json!({"type": "hello", "player_id": player, "last_number": after});
    let mut out = vec![hello];
    loop {
        for event in out.drain(..) {
            if socket.send(Message::text(event.to_string())).await.is_err() {
                return;
            }
        }
        changes.mark_unchanged();
        out.extend(
            edge.book
                .lock()
                .events
                .get(player)
                .into_iter()
                .flatten()
                .skip(after)
                .cloned(),
        );
        after += out.len();
        if out.is_empty() {
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                message = socket.recv() => if !matches!(message, Some(Ok(_))) { return },
            }
        }
    }
}

async fn lineup(State(edge): State<FakeEdge>, Path(id): Path<String>) -> Answer {
    match edge.book.lock().lineups.get(&id) {
        Some(players) => ok(a_match(&id, players)),
        None => problem(StatusCode::NOT_FOUND),
    }
}

fn a_match(id: &str, players: &[Value]) -> Value {
    json!({
        "match_id": id, "game_mode": "duel", "region": "us-east-1", "state": "live", "players": players,
        "created_at_ms": 0, "changed_at_ms": 0,
    })
}

async fn redeem(
    State(edge): State<FakeEdge>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Answer {
    assert_eq!(bearer(&headers), "server-secret");
    assert!(headers.contains_key("idempotency-key"));
    let token = body["join_token"].as_str().unwrap_or_default();
    let session_id = token.strip_prefix("token.").unwrap_or_default();
    let mut book = edge.book.lock();
    let Some((player, match_id, used)) = book.sessions.get_mut(session_id) else {
        return problem(StatusCode::FORBIDDEN);
    };
    let seat = json!({
        "session_id": session_id, "player_id": player, "match_id": match_id, "team": 0, "region": "us-east-1",
    });
    if std::mem::replace(used, true) {
        book.reused += 1;
        return problem(StatusCode::CONFLICT);
    }
    ok(seat)
}

async fn heartbeats(State(edge): State<FakeEdge>, Json(body): Json<Value>) -> Answer {
    let mut book = edge.book.lock();
    let all = body["heartbeats"].as_array().into_iter().flatten();
    book.latencies_ms
        .extend(all.filter_map(|beat| beat["latency_ms"].as_f64()));
    drop(book);
    edge.changed.send_replace(());
    ok(json!({"disconnect": []}))
}

async fn end_session(State(edge): State<FakeEdge>, Path(id): Path<String>) -> Answer {
    let mut book = edge.book.lock();
    if let Some((player, ..)) = book.sessions.remove(&id) {
        book.push(
            &player,
            json!({"type": "session_ended", "session_id": id, "reason": "left"}),
        );
    }
    drop(book);
    edge.changed.send_replace(());
    ok(json!({}))
}

async fn result(
    State(edge): State<FakeEdge>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Answer {
    let mut book = edge.book.lock();
    if book.refuse_results > 0 {
        book.refuse_results -= 1;
        return problem(StatusCode::BAD_GATEWAY);
    }
    let players = book.lineups.get(&id).cloned().unwrap_or_default();
    let over: Vec<_> = book
        .sessions
        .extract_if(|_, (_, match_id, _)| *match_id == id)
        .collect();
    for (session_id, (player, ..)) in over {
        book.push(
            &player,
            json!({"type": "session_ended", "session_id": session_id, "reason": "match_ended"}),
        );
    }
    book.results.push(body);
    drop(book);
    edge.changed.send_replace(());
    ok(a_match(&id, &players))
}

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use stadion_core::estimate::Estimate;
use stadion_core::fleet::{Fleet, FleetError};
use stadion_core::id::{MatchId, ServerName};
use stadion_core::state::State;
use stadion_core::ticket::Ticket;
use stadion_core::time::Timestamp;
use stadion_gateway::{Outlook, OutlookError, Outlooks};
use stadion_state::embedded::{EmbeddedState, Options};
use stadion_testkit::build;
use stadion_testkit::clock::ManualClock;
use stadion_testkit::fleet::FakeFleet;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::wire::Check;
use super::{HealthSource, LogSource, OperatorParts, documented, router};
use crate::metrics::Metrics;

pub(crate) const TOKEN: &str = "0123456789abcdef";
const NOW: Timestamp = Timestamp(1_000_000);

/// Says what it is told to say.
pub(crate) struct Health(Mutex<bool>);

#[async_trait]
impl HealthSource for Health {
    async fn checks(&self) -> Vec<Check> {
        let ok = *self.0.lock();
        vec![Check {
            name: "state".into(),
            ok,
            detail: "as told".into(),
        }]
    }
}

struct Lines;

#[async_trait]
impl LogSource for Lines {
    async fn tail(&self, _: &ServerName, lines: usize) -> Result<Vec<String>, FleetError> {
        Ok((0..lines.min(3)).map(|n| format!("line {n}")).collect())
    }
}

/// Knows how long tickets wait, but not why this one does: a match is being made of it.
struct Known;

#[async_trait]
impl Outlooks for Known {
    async fn outlook(&self, _: &Ticket) -> Result<Outlook, OutlookError> {
        let estimate = Estimate {
            p50_ms: 1_500,
            p90_ms: 12_000,
            samples: 9,
        };
        Ok(Outlook {
            explanation: None,
            estimate: Some(estimate),
        })
    }
}

/// An edge on a real socket, over a real store and a fake fleet.
pub(crate) struct Edge {
    pub(crate) address: SocketAddr,
    pub(crate) state: Arc<EmbeddedState>,
    pub(crate) fleet: Arc<FakeFleet>,
    health: Arc<Health>,
    _dir: tempfile::TempDir,
}

impl Edge {
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (state, _) = EmbeddedState::open(dir.path(), &Options::default()).unwrap();
        let fleet = FakeFleet::new(vec![build::fleet_spec("arena")]);
        let health = Arc::new(Health(Mutex::new(true)));
        let mode = build::mode();
        let regions = [build::region(build::REGION)];
        let app = router(OperatorParts {
            state: state.clone(),
            fleet: fleet.clone(),
            metrics: Arc::new(Metrics::new(
                "0.0.0",
                &regions,
                std::slice::from_ref(&mode.name),
            )),
            clock: Arc::new(ManualClock::new(NOW)),
            modes: Arc::from([mode]),
            token: TOKEN.into(),
            health: health.clone(),
            logs: Some(Arc::new(Lines)),
            outlooks: Arc::new(Known),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self {
            address,
            state,
            fleet,
            health,
            _dir: dir,
        }
    }

    /// A live match of two players on a server of the fleet.
    pub(crate) async fn live_match(&self) -> MatchId {
        let fence = self
            .state
            .lease("test", 60_000, NOW)
            .await
            .unwrap()
            .unwrap();
        let mut tickets = Vec::new();
        for name in ["alice", "bob"] {
            let new = build::new_ticket(&[name], NOW);
            tickets.push(self.state.create_ticket(new, NOW).await.unwrap().ticket.id);
        }
        let new = build::new_match(&tickets, NOW);
        let placing = self.state.commit_match(fence, new, NOW).await.unwrap();
        let server = self.fleet.servers().await.unwrap()[0].name.clone();
        let placement = build::placement(&placing, server.as_str(), NOW);
        let placed = self.state.place_match(fence, placing.id, placement, NOW);
        placed.await.unwrap();
        placing.id
    }

    /// Sends one request over a socket of its own; status, headers and body.
    async fn raw(&self, head: &str, token: Option<&str>, body: &str) -> (u16, String, String) {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        let token = token.map_or_else(String::new, |t| format!("Authorization: Bearer {t}\r\n"));
        let kind = if body.is_empty() {
            ""
        } else {
            "Content-Type: application/json\r\n"
        };
        let length = body.len();
        let request = format!(
            "{head} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{token}{kind}Content-Length: {length}\r\n\r\n{body}"
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        let (headers, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = headers.split(' ').nth(1).unwrap().parse().unwrap();
        (status, headers.to_lowercase(), body.to_owned())
    }

    async fn json(&self, head: &str, body: &str) -> (u16, serde_json::Value) {
        let (status, _, body) = self.raw(head, Some(TOKEN), body).await;
        (status, serde_json::from_str(&body).unwrap_or_default())
    }
}

#[tokio::test]
async fn probes_and_metrics_are_open_and_the_rest_wants_the_token() {
    let edge = Edge::start().await;
    assert_eq!(edge.raw("GET /healthz", None, "").await.0, 200);
    assert_eq!(edge.raw("GET /readyz", None, "").await.0, 200);
    let (status, headers, body) = edge.raw("GET /metrics", None, "").await;
    assert_eq!(status, 200);
    assert!(headers.contains("application/openmetrics-text; version=1.0.0"));
    assert!(body.contains("matchmaking_queue_size{") && body.contains("# EOF"));
    assert_eq!(edge.raw("GET /v1/openapi.json", None, "").await.0, 200);
    for wrong in [
        None,
        Some(""),
        Some("0123456789abcdeX"),
        Some("0123456789abcdef0"),
    ] {
        for head in ["GET /v1/report", "DELETE /v1/servers/x", "GET /v1/tickets"] {
            let (status, headers, body) = edge.raw(head, wrong, "").await;
            assert_eq!(status, 401, "{head} with {wrong:?}");
            assert!(headers.contains("application/problem+json"));
            assert!(headers.contains("www-authenticate: bearer"));
            assert!(body.contains("urn:stadion:problem:unauthenticated"));
            assert!(!body.contains(TOKEN));
        }
    }
}

#[tokio::test]
async fn readiness_names_what_is_not_well() {
    let edge = Edge::start().await;
    *edge.health.0.lock() = false;
    let (status, _, body) = edge.raw("GET /readyz", None, "").await;
    assert_eq!(status, 503);
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["ready"], false);
    assert_eq!(body["checks"][0]["name"], "state");
    assert_eq!(edge.raw("GET /healthz", None, "").await.0, 200);
}

#[tokio::test]
async fn a_fleet_is_scaled_within_its_bounds_only() {
    let edge = Edge::start().await;
    let put = "PUT /v1/fleets/arena/replicas";
    let (status, fleet) = edge.json(put, r#"{"replicas":3}"#).await;
    assert_eq!((status, &fleet["replicas"]), (200, &3.into()));
    for (head, body, wanted) in [
        (put, r#"{"replicas":99}"#, 422),
        (put, r#"{"replicas":-1}"#, 422),
        (put, r#"{"replicas":1,"force":true}"#, 422),
        (put, "{", 400),
        (put, "", 415),
        ("PUT /v1/fleets/other/replicas", r#"{"replicas":1}"#, 404),
        ("PATCH /v1/fleets/arena/replicas", "", 405),
        ("GET /v1/nothing", "", 404),
    ] {
        let (status, problem) = edge.json(head, body).await;
        assert_eq!(status, wanted, "{head} {body}: {problem}");
        assert_eq!(problem["status"], wanted, "{head} {body}");
    }
    let large = format!(r#"{{"replicas":{}1}}"#, " ".repeat(super::BODY_BYTES_MAX));
    assert_eq!(edge.json(put, &large).await.0, 413);
    let (_, fleets) = edge.json("GET /v1/fleets", "").await;
    assert_eq!(fleets["fleets"][0]["replicas"], 3);
}

#[tokio::test]
async fn lists_are_filtered_and_say_when_there_is_more() {
    let edge = Edge::start().await;
    edge.json("PUT /v1/fleets/arena/replicas", r#"{"replicas":3}"#)
        .await;
    let (_, all) = edge
        .json("GET /v1/servers?state=ready&fleet=arena", "")
        .await;
    assert_eq!(all["servers"].as_array().unwrap().len(), 3);
    assert_eq!(all["truncated"], false);
    let (_, two) = edge.json("GET /v1/servers?limit=2", "").await;
    assert_eq!(two["servers"].as_array().unwrap().len(), 2);
    assert_eq!(two["truncated"], true);
    let (_, none) = edge.json("GET /v1/servers?region=elsewhere", "").await;
    assert_eq!(none["servers"].as_array().unwrap().len(), 0);
    for (head, wanted) in [
        ("GET /v1/servers?state=Asleep", 422),
        ("GET /v1/servers?limit=0", 422),
        ("GET /v1/tickets?limit=1001", 422),
        ("GET /v1/tickets?state=live", 422),
        ("GET /v1/matches?colour=red", 400),
        ("GET /v1/servers/none", 404),
        ("GET /v1/servers/Not%20a%20name/logs", 404),
        ("GET /v1/servers/x/logs?tail_lines=10001", 422),
    ] {
        let (status, problem) = edge.json(head, "").await;
        assert_eq!(status, wanted, "{head}: {problem}");
    }
    let (_, log) = edge.json("GET /v1/servers/x/logs?tail_lines=2", "").await;
    assert_eq!(log["lines"], serde_json::json!(["line 0", "line 1"]));
}

#[tokio::test]
async fn a_server_is_shut_down_once() {
    let edge = Edge::start().await;
    let name = edge.fleet.servers().await.unwrap()[0].name.clone();
    let head = format!("DELETE /v1/servers/{name}");
    assert_eq!(edge.json(&head, "").await.0, 204);
    assert_eq!(edge.json("DELETE /v1/servers/none", "").await.0, 404);
}

#[tokio::test]
async fn an_operator_ends_matches_kicks_players_and_cancels_tickets() {
    let edge = Edge::start().await;
    let id = edge.live_match().await;
    let (_, sessions) = edge.json("GET /v1/sessions?player_id=alice", "").await;
    let session = sessions["sessions"][0]["session_id"].as_str().unwrap();
    let (status, kicked) = edge
        .json(&format!("POST /v1/sessions/{session}/kick"), "")
        .await;
    assert_eq!((status, &kicked["state"]), (200, &"kicked".into()));

    let (status, ended) = edge.json(&format!("POST /v1/matches/{id}/end"), "").await;
    assert_eq!((status, &ended["state"]), (200, &"ended".into()));
    assert_eq!(ended["reason"], "operator");
    let (_, matches) = edge.json("GET /v1/matches?state=ended", "").await;
    assert_eq!(matches["matches"][0]["match_id"], id.to_string());

    let new = build::new_ticket(&["carol"], NOW);
    let ticket = edge.state.create_ticket(new, NOW).await.unwrap().ticket.id;
    let head = format!("DELETE /v1/tickets/{ticket}");
    let (status, cancelled) = edge.json(&head, "").await;
    assert_eq!((status, &cancelled["reason"]), (200, &"operator".into()));
    let (_, tickets) = edge.json("GET /v1/tickets?state=completed", "").await;
    let completed = tickets["tickets"][0]["ticket_id"].as_str().unwrap();
    let (status, problem) = edge
        .json(&format!("DELETE /v1/tickets/{completed}"), "")
        .await;
    assert_eq!(status, 409, "{problem}");
    assert_eq!(edge.json("GET /v1/matches/mat_nonsense", "").await.0, 404);
}

#[tokio::test]
async fn a_tickets_outlook_can_be_asked_for() {
    let edge = Edge::start().await;
    let new = build::new_ticket(&["carol"], NOW);
    let ticket = edge.state.create_ticket(new, NOW).await.unwrap().ticket.id;
    let head = format!("GET /v1/tickets/{ticket}/outlook");
    let (status, outlook) = edge.json(&head, "").await;
    assert_eq!((status, &outlook["state"]), (200, &"searching".into()));
    assert_eq!(outlook["time_to_match"]["p90_ms"], 12_000);
    let unknown = edge.json("GET /v1/tickets/tkt_nonsense/outlook", "").await;
    assert_eq!(unknown.0, 404);
}

#[tokio::test]
async fn the_report_is_of_now() {
    let edge = Edge::start().await;
    edge.live_match().await;
    let (status, report) = edge.json("GET /v1/report", "").await;
    assert_eq!(status, 200, "{report}");
    assert_eq!(report["player_metrics"]["total_connected"], 2);
    assert_eq!(report["timestamp"], 1_000.0);
}

#[test]
fn the_description_is_what_the_program_serves() {
    let (_, api) = documented();
    let mut text = api.to_pretty_json().unwrap();
    text.push('\n');
    assert!(text.contains("\"openapi\": \"3.1.0\""));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operator-openapi.json");
    crate::golden::check(&path, &text);
}

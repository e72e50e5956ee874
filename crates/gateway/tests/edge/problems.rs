//! Every way to ask wrongly, and the problem that each gets.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use stadion_client::{Problem, ProblemKind};
use stadion_core::state::{Filter, State};

use crate::world::{Answer, NOW, SERVER, World, duel, player, server_token, token, token_with};

pub(crate) struct Case {
    name: &'static str,
    method: &'static str,
    path: String,
    token: String,
    headers: Vec<(&'static str, String)>,
    body: String,
    kind: ProblemKind,
    field: Option<&'static str>,
}

pub(crate) fn case(name: &'static str, kind: ProblemKind) -> Case {
    Case {
        name,
        method: "POST",
        path: "/v1/tickets".into(),
        token: token("ann"),
        headers: vec![("content-type", "application/json".into())],
        body: serde_json::to_string(&duel("ann")).unwrap(),
        kind,
        field: None,
    }
}

impl Case {
    pub(crate) fn method(mut self, method: &'static str, path: impl Into<String>) -> Self {
        self.method = method;
        self.path = path.into();
        self
    }

    pub(crate) fn token(mut self, token: impl Into<String>) -> Self {
        self.token = token.into();
        self
    }

    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn field(mut self, field: &'static str) -> Self {
        self.field = Some(field);
        self
    }

    fn request(&self) -> String {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        text.push_str("host: test\r\nconnection: close\r\n");
        if !self.token.is_empty() {
            text.push_str(&format!("authorization: Bearer {}\r\n", self.token));
        }
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("content-length: {}\r\n\r\n", self.body.len()));
        text + &self.body
    }
}

fn check(case: &Case, answer: &Answer) {
    let name = case.name;
    let problem: Problem = serde_json::from_value(answer.body.clone())
        .unwrap_or_else(|error| panic!("{name}: {error} in {answer:?}"));
    assert_eq!(problem.kind(), Some(case.kind), "{name}: {problem}");
    assert_eq!(answer.status, case.kind.status(), "{name}");
    assert_eq!(problem.status, case.kind.status(), "{name}");
    let content_type = answer.header("content-type");
    assert_eq!(content_type, Some("application/problem+json"), "{name}");
    let retry = answer.header("retry-after").is_some();
    assert_eq!(retry, case.kind.is_retryable(), "{name}");
    if case.field.is_some() {
        assert_eq!(problem.field.as_deref(), case.field, "{name}: {problem}");
    }
}

pub(crate) async fn check_all(world: &World, cases: Vec<Case>) {
    let many = cases.len();
    for case in cases {
        check(&case, &world.raw(case.request().as_bytes()).await);
    }
    println!("{many} cases");
}

fn ticket(change: impl FnOnce(&mut Value)) -> String {
    let mut body = serde_json::to_value(duel("ann")).unwrap();
    change(&mut body);
    body.to_string()
}

#[tokio::test]
async fn bodies_that_cannot_be_read() {
    use ProblemKind::{BodyTooLarge, InvalidRequest, MalformedRequest, UnsupportedMediaType};
    let good = ticket(|_| {});
    let mut plain = case("another media type", UnsupportedMediaType);
    plain.headers = vec![("content-type", "text/plain".into())];
    let mut none = case("no media type", UnsupportedMediaType);
    none.headers.clear();
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let cases = vec![
        case("no JSON", MalformedRequest).body("{"),
        case("nothing", MalformedRequest).body(""),
        case("trailing text", MalformedRequest).body(format!("{good} x")),
        case("a number beyond every number", MalformedRequest)
            .body(good.replace("1000.0", "1e999")),
        case("NaN", MalformedRequest).body(good.replace("1000.0", "NaN")),
        case("too deep", MalformedRequest)
            .method("POST", "/v1/matches/mat_01ARZ3NDEKTSV4RRFFQ69G5FAV/result")
            .token(server_token(SERVER))
            .body(format!("{{\"deep\":{deep}}}")),
        case("a number for a text", InvalidRequest).body(ticket(|t| t["game_mode"] = json!(7))),
        case("a negative latency", InvalidRequest).body(ticket(|t| {
            t["players"][0]["latencies_ms"]["eu-west-1"] = json!(-1);
        })),
        case("an unknown field", InvalidRequest)
            .body(ticket(|t| t["colour"] = json!("red")))
            .field("colour"),
        case("a missing field", InvalidRequest)
            .body(r#"{"game_mode":"duel"}"#)
            .field("players"),
        case("too large", BodyTooLarge).body("x".repeat(64 * 1_024 + 1)),
        plain,
        none,
    ];
    check_all(&World::new().await, cases).await;
}

#[tokio::test]
async fn tickets_that_are_not_acceptable() {
    use ProblemKind::{Forbidden, InvalidRequest, UnknownGameMode};
    let party = |names: &[&str]| json!(names.iter().map(|n| player(n)).collect::<Vec<_>>());
    let alone = |i: i32| json!({"player_id": format!("p{i}")});
    let many: Vec<Value> = (0..1_000).map(alone).collect();
    let with_ann = token_with(&json!({"sub": "ann", "party": ["bob"]}));
    let skill = |value: Value| ticket(|t| t["players"][0]["skill"] = value);
    let cases = vec![
        case("a mode that is not there", UnknownGameMode)
            .body(ticket(|t| t["game_mode"] = json!("chess"))),
        case("a region that is not there", InvalidRequest)
            .body(ticket(|t| {
                t["players"][0]["latencies_ms"] = json!({"mars": 3});
            }))
            .field("players[0].latencies_ms.mars"),
        case("a preference that is not there", InvalidRequest)
            .body(ticket(|t| t["region_preference"] = json!(["mars"])))
            .field("region_preference[0]"),
        case("65 preferences", InvalidRequest)
            .body(ticket(|t| {
                t["region_preference"] = json!(vec!["eu-west-1"; 65]);
            }))
            .field("region_preference"),
        case("a party of nobody", InvalidRequest)
            .body(ticket(|t| t["players"] = json!([])))
            .field("players"),
        case("a party of 1,000", InvalidRequest)
            .body(ticket(|t| t["players"] = json!(many)))
            .field("players"),
        case("a party that no team holds", InvalidRequest)
            .body(ticket(|t| t["players"] = party(&["ann", "bob"])))
            .field("players"),
        case("twice the same player", InvalidRequest)
            .body(ticket(|t| {
                t["game_mode"] = json!("squad");
                t["players"] = party(&["ann", "ann"]);
            }))
            .field("players[1].player_id"),
        case("a player without a name", InvalidRequest)
            .body(ticket(|t| t["players"][0]["player_id"] = json!("")))
            .field("players[0].player_id"),
        case("skill beyond measure", InvalidRequest)
            .body(skill(json!(1e300)))
            .field("players[0].skill"),
        case("an hour of latency", InvalidRequest).body(ticket(|t| {
            t["players"][0]["latencies_ms"]["eu-west-1"] = json!(3_600_000);
        })),
        case("nowhere to play", InvalidRequest)
            .body(ticket(|t| t["players"][0]["latencies_ms"] = json!({})))
            .field("players"),
        case("somebody else", Forbidden).body(ticket(|t| t["players"] = party(&["bob"]))),
        case("a stranger", Forbidden)
            .token(with_ann)
            .body(ticket(|t| {
                t["game_mode"] = json!("squad");
                t["players"] = party(&["ann", "bob", "eve"]);
            })),
        case("an empty key", InvalidRequest)
            .header("idempotency-key", "")
            .field("Idempotency-Key"),
        case("a key of 65 bytes", InvalidRequest).header("idempotency-key", "k".repeat(65)),
        case("a key with a space", InvalidRequest).header("idempotency-key", "a b"),
    ];
    let world = World::new().await;
    check_all(&world, cases).await;
    let tickets = world.state.tickets(&Filter::default()).await.unwrap();
    assert!(tickets.is_empty(), "a refused request left {tickets:?}");
}

fn forged(algorithm: Algorithm, secret: &[u8]) -> String {
    let claims = json!({"sub": "ann", "exp": NOW.0 / 1_000 + 60});
    let key = EncodingKey::from_secret(secret);
    jsonwebtoken::encode(&Header::new(algorithm), &claims, &key).unwrap()
}

#[tokio::test]
async fn callers_who_are_not_who_they_say() {
    use ProblemKind::Unauthenticated;
    let none = {
        // {"alg":"none"} . {"sub":"ann","exp":9999999999} . nothing
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4iLCJleHAiOjk5OTk5OTk5OTl9."
    };
    let who = |name, token: String| case(name, Unauthenticated).token(token);
    let expired = token_with(&json!({"sub": "ann", "exp": NOW.0 / 1_000}));
    let cases = vec![
        who("nobody", String::new()),
        who("no JWT", "abc".into()),
        who("expired", expired),
        who(
            "not yet",
            token_with(&json!({"sub": "ann", "nbf": NOW.0 / 1_000 + 120})),
        ),
        who("nobody in it", token_with(&json!({"name": "ann"}))),
        who("a name that is none", token_with(&json!({"sub": "a b"}))),
        who("another secret", forged(Algorithm::HS256, &[9; 32])),
        who(
            "another algorithm",
            forged(Algorithm::HS384, crate::world::SECRET),
        ),
        who("no algorithm", none.into()),
        who(
            "a party beyond every limit",
            token_with(&json!({"sub": "ann", "party": vec!["p"; 17]})),
        ),
        who("far too long", "x".repeat(5_000)),
        who("a game server", server_token(SERVER)),
        who("a player as a server", token("ann"))
            .method("POST", "/v1/sessions/heartbeats")
            .body(r#"{"heartbeats":[]}"#),
        who("nobody as a server", String::new())
            .method("GET", "/v1/matches/mat_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    ];
    check_all(&World::new().await, cases).await;
}

#[tokio::test]
async fn things_that_are_not_there_or_not_the_callers() {
    use ProblemKind::{Forbidden, MethodNotAllowed, NoRoute, NotFound};
    let world = World::new().await;
    let (_, _, game) = world.duel().await;
    let other = world.player("eve");
    let hers = other.create_ticket(&duel("eve"), None).await.unwrap();
    let sessions = world.state.sessions(&Filter::default()).await.unwrap();
    let bobs = sessions.iter().find(|s| s.player_id.as_str() == "bob");
    let bobs = bobs.unwrap().id;
    let ulid = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let cases = vec![
        case("no ticket", NotFound).method("GET", format!("/v1/tickets/tkt_{ulid}")),
        case("no id", NotFound).method("GET", "/v1/tickets/7"),
        case("another kind of id", NotFound).method("GET", format!("/v1/tickets/mat_{ulid}")),
        case("another's ticket", NotFound).method("GET", format!("/v1/tickets/{}", hers.ticket_id)),
        case("cancel another's", NotFound)
            .method("DELETE", format!("/v1/tickets/{}", hers.ticket_id)),
        case("another's tickets", Forbidden).method("GET", "/v1/tickets?player_id=eve"),
        case("another's seats", Forbidden).method("GET", "/v1/sessions?player_id=eve"),
        case("another's seat", NotFound).method("GET", format!("/v1/sessions/{bobs}")),
        case("leave for another", NotFound).method("DELETE", format!("/v1/sessions/{bobs}")),
        case("another server's match", NotFound)
            .method("GET", format!("/v1/matches/{}", game.id))
            .token(server_token("arena-2")),
        case("result of another's match", NotFound)
            .method("POST", format!("/v1/matches/{}/result", game.id))
            .token(server_token("arena-2"))
            .body("{}"),
        case("end another server's seat", NotFound)
            .method("POST", format!("/v1/sessions/{bobs}/end"))
            .token(server_token("arena-2")),
        case("no such path", NoRoute).method("GET", "/v2/tickets"),
        case("no such method", MethodNotAllowed).method("PATCH", "/v1/tickets"),
    ];
    check_all(&world, cases).await;
    let still = world.state.session(bobs).await.unwrap();
    assert!(still.state.is_live());
}

#[tokio::test]
async fn calls_at_the_wrong_time_and_to_the_wrong_purpose() {
    use ProblemKind::{
        AlreadyQueued, IdempotencyMismatch, InMatch, InvalidRequest, JoinTokenInvalid,
        MalformedRequest,
    };
    let world = World::new().await;
    let (ann, ..) = world.duel().await;
    let eve = world.player("eve");
    eve.create_ticket(&duel("eve"), Some("key")).await.unwrap();
    drop(ann);
    let body = |name: &str| serde_json::to_string(&duel(name)).unwrap();
    let mut other = duel("eve");
    other.players[0].skill = Some(5.0);
    let server = |name, kind, path: &str| {
        case(name, kind)
            .method("POST", path)
            .token(server_token(SERVER))
    };
    let beats = |value: Value| json!({"heartbeats": value}).to_string();
    let ses = "ses_01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let heartbeats = "/v1/sessions/heartbeats";
    let cases = vec![
        case("twice in the queue", AlreadyQueued)
            .token(token("eve"))
            .body(body("eve")),
        case("in a match", InMatch).body(body("ann")),
        case("the key of another request", IdempotencyMismatch)
            .token(token("eve"))
            .header("idempotency-key", "key")
            .body(serde_json::to_string(&other).unwrap()),
        server("no join token", JoinTokenInvalid, "/v1/sessions/redeem")
            .body(json!({"join_token": "x.y.z"}).to_string()),
        server("a player's token", JoinTokenInvalid, "/v1/sessions/redeem")
            .body(json!({"join_token": token("ann")}).to_string()),
        server("no session id", InvalidRequest, heartbeats)
            .body(beats(json!([{"session_id": "x"}])))
            .field("heartbeats[0].session_id"),
        server("a negative round trip", InvalidRequest, heartbeats)
            .body(beats(json!([{"session_id": ses, "latency_ms": -1.0}])))
            .field("heartbeats[0].latency_ms"),
        server("an endless round trip", MalformedRequest, heartbeats)
            .body(beats(json!([{"session_id": ses, "latency_ms": 1e39}]))),
        server("257 heartbeats", InvalidRequest, heartbeats)
            .body(beats(json!(vec![json!({"session_id": ses}); 257])))
            .field("heartbeats"),
        server(
            "a result that is no object",
            InvalidRequest,
            &format!("/v1/matches/mat_{}/result", &ses[4..]),
        )
        .body("[1]"),
        case("no WebSocket", MalformedRequest).method("GET", "/v1/connect"),
        case("a number that is none", MalformedRequest).method("GET", "/v1/connect?after=x"),
    ];
    check_all(&world, cases).await;
}

//! A running gateway and what a test does to it.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use ed25519_dalek::SigningKey;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use parking_lot::Mutex;
use serde_json::{Value, json};
use stadion_client::Client;
use stadion_client::wire::{CreateTicket, Player};
use stadion_core::id::TicketId;
use stadion_core::matches::Match;
use stadion_core::matchmaker::{Pool, Supply};
use stadion_core::mode::GameMode;
use stadion_core::rules::{Backfill, HardStop, HardStopAction};
use stadion_core::state::{Fence, State};
use stadion_core::ticket::Ticket;
use stadion_core::time::{Clock, Timestamp};
use stadion_gateway::{
    Gateway, GatewayError, GatewayObserver, GatewayParts, JoinTokens, Limits, NoObserver, Outlook,
    OutlookError, Outlooks, PlayerAuth, PlayerKey, TokenRules,
};
use stadion_state::embedded::{EmbeddedState, Options};
use stadion_testkit::build;
use stadion_testkit::clock::ManualClock;
use stadion_testkit::random::Random;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const SECRET: &[u8] = b"a secret of tests, 32 bytes long";
pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000_000);
/// A squad gives up after so long, milliseconds.
pub(crate) const SQUAD_PATIENCE_MS: u64 = 20_000;
pub(crate) const SERVER: &str = "arena-1";

/// What servers' tokens begin with here: the rest is the name.
const SERVER_TOKEN: &str = "server-token-of-";

pub(crate) struct World {
    pub(crate) state: Arc<EmbeddedState>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) gateway: Gateway,
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: CancellationToken,
    pub(crate) serving: JoinHandle<Result<(), GatewayError>>,
    _dir: tempfile::TempDir,
}

/// Two teams of four, for parties that do not wait long.
fn squad() -> GameMode {
    let mut squad = GameMode {
        name: build::mode_name("squad"),
        players_target: 8,
        ..build::mode()
    };
    squad.rules.hard_stop = Some(HardStop {
        after_ms: SQUAD_PATIENCE_MS,
        then: HardStopAction::GiveUp,
    });
    squad
}

/// Two teams of two with roles, whose free seats are filled.
fn tussle() -> GameMode {
    let mut tussle = GameMode {
        name: build::mode_name("tussle"),
        players_target: 4,
        ..build::mode()
    };
    tussle.rules.backfill = Backfill::Normal;
    tussle
}

/// Plans duels, anew for every question; nobody plans anything else.
struct Planner {
    state: Arc<dyn State>,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl Outlooks for Planner {
    async fn outlook(&self, ticket: &Ticket) -> Result<Outlook, OutlookError> {
        if ticket.game_mode != build::mode().name {
            return Err(OutlookError::NotHere);
        }
        let region = build::region(build::REGION);
        let mut pool = Pool::new(build::mode(), vec![region.clone()]);
        for waiting in self.state.searching(&ticket.game_mode).await.unwrap() {
            pool.insert(waiting);
        }
        let supply = Supply {
            servers: [(region, 1)].into(),
        };
        Ok(Outlook {
            explanation: pool.explain(ticket.id, &supply, self.clock.now()),
            estimate: None,
        })
    }
}

/// A gateway over `state` on a listener that is there already.
pub(crate) fn gateway(
    state: Arc<dyn State>,
    clock: Arc<dyn Clock>,
    limits: Limits,
    observer: Arc<dyn GatewayObserver>,
) -> Gateway {
    let key = PlayerKey::hs256(SECRET).unwrap();
    let random = Mutex::new(Random::from_env(7));
    let planner = Planner {
        state: state.clone(),
        clock: clock.clone(),
    };
    Gateway::new(GatewayParts {
        outlooks: Arc::new(planner),
        state,
        modes: vec![build::mode(), squad(), tussle()],
        regions: vec![build::region(build::REGION), build::region("us-east-1")],
        players: PlayerAuth::new(vec![key], &TokenRules::default()).unwrap(),
        servers: Box::new(|token| {
            let name = token.strip_prefix(SERVER_TOKEN)?;
            Some(build::server_name(name))
        }),
        join_tokens: JoinTokens::new(SigningKey::from_bytes(&[5; 32]), 86_400_000),
        clock,
        random: Box::new(move || random.lock().wide()),
        ticket_ttl_ms: build::TTL_MS,
        limits,
        observer,
    })
}

/// Limits that no test meets by accident.
pub(crate) fn wide() -> Limits {
    Limits {
        requests_per_second_per_player: 100_000,
        requests_per_second_per_address: 100_000,
        connections_per_address_max: 10_000,
        ..Limits::default()
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(wide(), Arc::new(NoObserver)).await
    }

    pub(crate) async fn with(limits: Limits, observer: Arc<dyn GatewayObserver>) -> Self {
        Self::over(|state| state, limits, observer).await
    }

    /// With something between the gateway and the state.
    pub(crate) async fn over<S: State>(
        between: impl FnOnce(Arc<EmbeddedState>) -> Arc<S>,
        limits: Limits,
        observer: Arc<dyn GatewayObserver>,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (state, _) = EmbeddedState::open(dir.path(), &Options::default()).unwrap();
        let clock = Arc::new(ManualClock::new(NOW));
        let seen = between(state.clone());
        let gateway = gateway(seen, clock.clone(), limits, observer);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let serving = {
            let (gateway, shutdown) = (gateway.clone(), shutdown.clone());
            tokio::spawn(async move { gateway.serve(listener, shutdown).await })
        };
        Self {
            state,
            clock,
            gateway,
            address,
            shutdown,
            serving,
            _dir: dir,
        }
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn player(&self, name: &str) -> Client {
        Client::new(&self.base_url(), &token(name)).unwrap()
    }

    pub(crate) fn server(&self, name: &str) -> Client {
        Client::new(&self.base_url(), &server_token(name)).unwrap()
    }

    pub(crate) async fn fence(&self) -> Fence {
        let lease = self.state.lease("test", 3_600_000, self.clock.now()).await;
        lease.unwrap().unwrap()
    }

    /// A duel of these tickets, without a server yet.
    pub(crate) async fn commit(&self, tickets: &[&str]) -> Arc<Match> {
        let tickets: Vec<TicketId> = tickets.iter().map(|id| id.parse().unwrap()).collect();
        let fence = self.fence().await;
        let now = self.clock.now();
        let new = build::new_match(&tickets, now);
        self.state.commit_match(fence, new, now).await.unwrap()
    }

    /// A duel of these tickets on `server`.
    pub(crate) async fn place(&self, tickets: &[&str], server: &str) -> Arc<Match> {
        let game = self.commit(tickets).await;
        let fence = self.fence().await;
        let now = self.clock.now();
        let placement = build::placement(&game, server, now);
        let placed = self.state.place_match(fence, game.id, placement, now).await;
        placed.unwrap()
    }

    /// Two players who have found their duel on [`SERVER`].
    pub(crate) async fn duel(&self) -> (Client, Client, Arc<Match>) {
        let (ann, bob) = (self.player("ann"), self.player("bob"));
        let first = ann.create_ticket(&duel("ann"), None).await.unwrap();
        let second = bob.create_ticket(&duel("bob"), None).await.unwrap();
        let tickets = [first.ticket_id.as_str(), second.ticket_id.as_str()];
        let game = self.place(&tickets, SERVER).await;
        (ann, bob, game)
    }

    /// Sends bytes as they are, and reads until the end.
    pub(crate) async fn raw(&self, request: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // A gateway that refuses may close before it has read everything.
        drop(stream.write_all(request).await);
        let mut bytes = Vec::new();
        drop(stream.read_to_end(&mut bytes).await);
        Answer::parse(&String::from_utf8(bytes).unwrap())
    }
}

/// An answer that was read by hand.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
}

impl Answer {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").expect("an answer has a head");
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_lowercase(), value.to_owned())
        };
        Self {
            status: status.parse().unwrap(),
            headers: lines.map(header).collect(),
            body: serde_json::from_str(body).unwrap_or(Value::Null),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(is, _)| is == name);
        found.map(|(_, value)| value.as_str())
    }
}

pub(crate) fn token(name: &str) -> String {
    token_with(&json!({ "sub": name }))
}

/// A token with these claims, good for an hour unless they say otherwise.
pub(crate) fn token_with(claims: &Value) -> String {
    let mut all = json!({ "exp": NOW.0 / 1_000 + 3_600 });
    let fields = claims.as_object().unwrap().clone();
    all.as_object_mut().unwrap().extend(fields);
    let key = EncodingKey::from_secret(SECRET);
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &all, &key).unwrap()
}

pub(crate) fn server_token(name: &str) -> String {
    format!("{SERVER_TOKEN}{name}")
}

pub(crate) fn player(name: &str) -> Player {
    Player {
        player_id: name.into(),
        skill: Some(1_000.0),
        latencies_ms: [(build::REGION.to_owned(), 20)].into(),
        ..Player::default()
    }
}

pub(crate) fn duel(name: &str) -> CreateTicket {
    CreateTicket {
        game_mode: build::MODE.into(),
        players: vec![player(name)],
        ..CreateTicket::default()
    }
}

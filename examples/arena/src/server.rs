//! The game server: one process, one UDP port, one match at a time.
//!
//! It says Ready to the Agones SDK, waits to be allocated, fetches the line-up of its match from Stadion, admits
//! players by their join tokens, plays, reports the result, and is Ready again. Idle it only gives signs of life.
//! A Stadion that goes away is waited for; an SDK server that stays away ends an idle server, so none is orphaned.

mod config;
mod edge;
mod game;
mod seat;

use std::net::SocketAddr;
use std::time::Duration;

use stadion_client::{Client, ClientError};
use stadion_sdk::{Sdk, SdkError};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

pub use config::ServerConfig;
use edge::{Edge, Notice};
use game::{Effect, Game, NOBODY_CAME_MS, Outside, Rules, send};

use crate::protocol::{ClientPacket, DATAGRAM_MAX, Datagram, Farewell, Refusal, ServerPacket};

/// Time between two signs of life: half of the 10 s that fleets allow by default.
const HEALTH_PERIOD: Duration = Duration::from_secs(5);
/// Answers that wait for the loop: 16 join tokens and one of everything else.
const NOTICES_WAITING: usize = 32;
/// Datagrams taken before anything else gets a turn: a quarter of the players of the largest match.
const DATAGRAMS_PER_TURN: usize = 32;
/// How long the SDK server may be away before an idle game server ends, milliseconds.
const SDK_GONE_MS: u64 = 60_000;
/// How long the end waits for the result to be delivered.
const CLOSING_PATIENCE: Duration = Duration::from_secs(5);

/// Why the game server cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// A variable of the environment is missing or wrong. The operator's fault; do not retry.
    #[error("{name} {why}")]
    Environment {
        /// The variable.
        name: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The UDP port cannot be had. Retry with another one.
    #[error("UDP port {port} cannot be opened")]
    Port {
        /// The port.
        port: u16,
        /// Why.
        source: std::io::Error,
    },
    /// The host does not give what a process needs.
    #[error("the process cannot be set up")]
    Process(#[source] std::io::Error),
    /// The SDK server is not there or refused. Retry when it is.
    #[error(transparent)]
    Sdk(#[from] SdkError),
    /// The address or credential of Stadion cannot be used. The operator's fault; do not retry.
    #[error("STADION_URL or STADION_SERVER_TOKEN cannot be used")]
    Stadion(#[source] ClientError),
}

/// Runs the game server on its own single-threaded runtime until it is ended by SIGTERM or SIGINT, by the SDK, or by
/// itself. Not to be called within a runtime.
///
/// # Errors
/// Any [`ServerError`].
pub fn run(config: ServerConfig) -> Result<(), ServerError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ServerError::Process)?;
    runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).map_err(ServerError::Process)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(ServerError::Process)?;
        let stop = CancellationToken::new();
        let on_signal = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            on_signal.cancel();
        });
        Box::pin(serve(config, stop)).await
    })
}

/// Runs the game server until `stop`, or until it ends by itself.
///
/// # Errors
/// Any [`ServerError`].
pub async fn serve(config: ServerConfig, stop: CancellationToken) -> Result<(), ServerError> {
    let port = config.game_port;
    let socket = UdpSocket::bind((config.game_host, port))
        .await
        .map_err(|source| ServerError::Port { port, source })?;
    let client =
        Client::new(&config.stadion_url, &config.stadion_token).map_err(ServerError::Stadion)?;
    let connected = tokio::select! {
        connected = Sdk::connect(&config.sdk_host, config.sdk_port) => connected?,
        () = stop.cancelled() => return Ok(()),
    };
    connected.ready().await?;
    let health = connected.health_task(HEALTH_PERIOD);
    let (notices, inbox) = mpsc::channel(NOTICES_WAITING);
    let edge = Edge::new(client, connected, notices);
    let watches = edge.watch();
    let mut server = Server {
        rules: Rules {
            seats: config.max_players,
            tick_rate: config.tick_rate,
            anti_cheat: config.anti_cheat,
            match_ms: config.match_seconds * 1_000,
        },
        one_match: config.one_match,
        net: Net {
            socket,
            effects: Vec::with_capacity(NOTICES_WAITING),
        },
        edge,
        start: Instant::now(),
        state: State::Idle,
        last_match: None,
        is_ready: true,
        offers: Offers::default(),
        sdk_heard_ms: 0,
        heartbeats_out: false,
        is_ending: false,
    };
    Box::pin(server.run(inbox, &stop)).await;
    for task in [health, watches] {
        task.abort();
    }
    Ok(())
}

/// The socket, and what the game wants that has not been started yet.
struct Net {
    socket: UdpSocket,
    effects: Vec<Effect>,
}

impl Outside for Net {
    fn send(&mut self, to: SocketAddr, datagram: &[u8]) {
        // A datagram that the kernel does not take now is lost like any other.
        drop(self.socket.try_send_to(datagram, to));
    }

    fn want(&mut self, effect: Effect) {
        self.effects.push(effect);
    }
}

/// What the server is doing.
enum State {
    /// Waits to be allocated.
    Idle,
    /// Fetches the line-up of its match.
    Preparing(String),
    /// Plays, or has played and waits for Stadion to take the result.
    Busy(Box<Game>),
}

/// How the offer of free seats stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Offers {
    /// A call is out.
    out: bool,
    /// Something changed meanwhile.
    again: bool,
    /// Seats were offered.
    made: bool,
    /// The game mode takes nobody into live matches.
    refused: bool,
}

struct Server {
    rules: Rules,
    one_match: bool,
    net: Net,
    edge: Edge,
    start: Instant,
    state: State,
    /// The match that is done: its allocation may be seen once more before it is gone.
    last_match: Option<String>,
    /// Ready was said and heard since the last match.
    is_ready: bool,
    offers: Offers,
    sdk_heard_ms: u64,
    heartbeats_out: bool,
    /// The SDK has said that the server goes away.
    is_ending: bool,
}

impl Server {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    async fn run(&mut self, mut inbox: mpsc::Receiver<Notice>, stop: &CancellationToken) {
        let mut room: Datagram = [0; DATAGRAM_MAX];
        let mut next_ms = None;
        loop {
            let at = self.start + Duration::from_millis(next_ms.unwrap_or(0));
            tokio::select! {
                () = stop.cancelled() => break,
                Some(notice) = inbox.recv() => {
                    if self.on_notice(notice) {
                        return;
                    }
                    if next_ms.is_none() {
                        next_ms = self.poll();
                    }
                }
                readable = self.net.socket.readable() => {
                    if readable.is_ok() {
                        self.receive(&mut room);
                    }
                }
                () = sleep_until(at), if next_ms.is_some() => next_ms = self.poll(),
            }
            self.start_effects();
        }
        self.close(&mut inbox).await;
    }

    fn poll(&mut self) -> Option<u64> {
        let now_ms = self.now_ms();
        match &mut self.state {
            State::Busy(game) => game.poll(now_ms, &mut self.net),
            State::Idle | State::Preparing(_) => None,
        }
    }

    fn receive(&mut self, room: &mut Datagram) {
        let now_ms = self.now_ms();
        for _ in 0..DATAGRAMS_PER_TURN {
            // An error is an earlier datagram that came back (ICMP), or that there is no more.
            let Ok((length, from)) = self.net.socket.try_recv_from(room) else {
                return;
            };
            let datagram = room.get(..length).unwrap_or_default();
            match &mut self.state {
                State::Busy(game) => game.on_datagram(now_ms, from, datagram, &mut self.net),
                // The line-up comes in a moment, and the player asks again.
                State::Preparing(_) => {}
                State::Idle => {
                    if let Some(ClientPacket::Hello { nonce, .. }) = ClientPacket::decode(datagram)
                    {
                        let refusal = Refusal::NoMatch;
                        send(
                            &mut self.net,
                            from,
                            &ServerPacket::Refused { nonce, refusal },
                        );
                    }
                }
            }
        }
    }

    /// Starts what the game wants.
    fn start_effects(&mut self) {
        let mut offer = false;
        for effect in self.net.effects.drain(..) {
            match effect {
                Effect::Redeem { from, nonce, token } => self.edge.redeem(from, nonce, token),
                Effect::EndSession(session_id) => self.edge.end_session(session_id),
                Effect::Offer => offer = true,
                Effect::Heartbeats(heartbeats) => {
                    // A slow answer must not pile up more of them.
                    if !std::mem::replace(&mut self.heartbeats_out, true) {
                        self.edge.heartbeats(heartbeats);
                    }
                }
                Effect::Report(result) => {
                    if let State::Busy(game) = &self.state {
                        self.edge.report(game.match_id().to_owned(), result);
                    }
                }
            }
        }
        if offer {
            self.offer();
        }
    }

    /// Has the seats filled that are free now.
    fn offer(&mut self) {
        let now_ms = self.now_ms();
        let State::Busy(game) = &self.state else {
            return;
        };
        if self.offers.refused || game.is_over() {
            return;
        }
        if self.offers.out {
            self.offers.again = true;
            return;
        }
        let vacancies = game.vacancies(now_ms);
        // What was never offered need not be withdrawn.
        if vacancies.is_some() || self.offers.made {
            self.offers.out = true;
            self.offers.made = vacancies.is_some();
            self.edge.offer(game.match_id().to_owned(), vacancies);
        }
    }

    /// Takes a notice; `true` ends the server.
    fn on_notice(&mut self, notice: Notice) -> bool {
        let now_ms = self.now_ms();
        match notice {
            Notice::GameServer { state, match_id } => {
                self.sdk_heard_ms = now_ms;
                return self.on_game_server(now_ms, &state, match_id);
            }
            Notice::SdkAlive => self.sdk_heard_ms = now_ms,
            Notice::SdkSilent => {
                let silent_ms = now_ms.saturating_sub(self.sdk_heard_ms);
                return matches!(self.state, State::Idle) && silent_ms >= SDK_GONE_MS;
            }
            Notice::Lineup(match_id, lineup) => {
                if matches!(&self.state, State::Preparing(wanted) if *wanted == match_id) {
                    match lineup {
                        Some(lineup) => {
                            let game = Game::new(self.rules, *lineup, rand::random(), now_ms);
                            self.state = State::Busy(Box::new(game));
                            // What is out is about the match before.
                            self.offers = Offers {
                                out: self.offers.out,
                                ..Offers::default()
                            };
                        }
                        None => self.rest(match_id),
                    }
                }
            }
            Notice::Redeemed(asked, admission) => {
                if let State::Busy(game) = &mut self.state {
                    let secret = rand::random();
                    game.on_redeemed(now_ms, asked, *admission, secret, &mut self.net);
                }
            }
            Notice::Verdicts(disconnect) => {
                self.heartbeats_out = false;
                if let State::Busy(game) = &mut self.state {
                    game.on_verdicts(&disconnect, &mut self.net);
                }
            }
            Notice::Reported(match_id) => {
                if matches!(&self.state, State::Busy(game) if game.match_id() == match_id) {
                    if self.is_ending {
                        return true;
                    }
                    self.rest(match_id);
                }
            }
            Notice::SeatFree => self.offer(),
            Notice::Offered(wanted) => {
                self.offers.out = false;
                self.offers.refused |= !wanted;
                if std::mem::take(&mut self.offers.again) {
                    self.offer();
                }
            }
            Notice::Ready(heard) => self.is_ready = heard,
            Notice::ShutDown => return true,
        }
        false
    }

    /// The match is done with; what comes next depends on what the server is for.
    fn rest(&mut self, match_id: String) {
        self.state = State::Idle;
        self.last_match = Some(match_id);
        self.is_ready = false;
        if self.one_match {
            self.edge.shut_down();
        } else {
            self.edge.ready();
        }
    }

    fn on_game_server(&mut self, now_ms: u64, state: &str, match_id: Option<String>) -> bool {
        match (state, match_id) {
            ("Shutdown" | "Unhealthy" | "Error", _) => {
                if let State::Busy(game) = &mut self.state {
                    game.finish(now_ms, "closing", Farewell::Closing, &mut self.net);
                }
                // The result is still delivered if it can be.
                self.is_ending = true;
                return !matches!(self.state, State::Busy(_));
            }
            ("Allocated", Some(match_id)) if self.last_match.as_ref() != Some(&match_id) => {
                let current = match &self.state {
                    State::Idle => None,
                    State::Preparing(current) => Some(current.as_str()),
                    State::Busy(game) => Some(game.match_id()),
                };
                if current != Some(&match_id) {
                    if let State::Busy(game) = &mut self.state {
                        // Somebody gave the server away under its match: nobody waits for that one's result.
                        game.finish(now_ms, "closing", Farewell::SessionEnded, &mut self.net);
                        self.net.effects.retain(|e| !matches!(e, Effect::Report(_)));
                    }
                    self.edge.lineup(match_id.clone(), NOBODY_CAME_MS);
                    self.state = State::Preparing(match_id);
                }
            }
            // Ready was lost: the SDK server was away, or forgot it.
            ("Allocated", _) if !self.is_ready => self.rest_again(),
            ("Scheduled" | "Starting", _) => self.rest_again(),
            _ => {}
        }
        false
    }

    fn rest_again(&mut self) {
        if matches!(self.state, State::Idle) && !self.one_match {
            self.edge.ready();
        }
    }

    /// Ends in good order: players are told, and the result is delivered if that is quick.
    async fn close(&mut self, inbox: &mut mpsc::Receiver<Notice>) {
        let now_ms = self.now_ms();
        let State::Busy(game) = &mut self.state else {
            return;
        };
        let match_id = game.match_id().to_owned();
        game.finish(now_ms, "closing", Farewell::Closing, &mut self.net);
        self.start_effects();
        let delivered = async {
            while let Some(notice) = inbox.recv().await {
                if matches!(&notice, Notice::Reported(done) if *done == match_id) {
                    return;
                }
            }
        };
        // Late is lost: who ends this process does not wait for ever.
        drop(tokio::time::timeout(CLOSING_PATIENCE, delivered).await);
    }
}

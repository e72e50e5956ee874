//! Players' datagrams: hundreds of players share one socket and one task, and each lives as far away as it should.
//!
//! A datagram waits half of the player's simulated round trip on its way out and on its way in. Everything that
//! waits lies in one queue by time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::brain::View;
use super::stats::{Distribution, Shared};
use crate::protocol::{
    ClientPacket, DATAGRAM_MAX, Datagram, Farewell, Input, Refusal, ServerPacket, Stamp,
};

/// Time between two inputs of a player, microseconds: 5 a second, a tenth of what a person's client sends.
const THINK_US: u64 = 200_000;
/// Thoughts from one `Hello` to the next: half a second and a little.
const HELLO_THOUGHTS: u32 = 3;
/// How long a player tries to get in, microseconds. A server may hear of its match after its players do.
const JOIN_PATIENCE_US: u64 = 20_000_000;
/// Silence after which a player gives a server up, microseconds.
const SILENCE_US: u64 = 10_000_000;
/// Joins that wait for their lane: every player of the largest match at once.
const COMMANDS_WAITING: usize = 128;
/// Datagrams taken before anything else gets a turn.
const DATAGRAMS_PER_TURN: usize = 256;
/// Shortest sleep: what is due within it is done together.
const REST: Duration = Duration::from_millis(1);

/// How a player's time on a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Bye(Farewell),
    Refused(Refusal),
    /// The server never answered.
    NoAnswer,
    /// The server fell silent.
    Silent,
    /// The player was told to leave.
    Left,
}

impl Outcome {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Bye(Farewell::MatchOver) => "match_over",
            Self::Bye(Farewell::Left) => "left_by_silence",
            Self::Bye(Farewell::Kicked) => "kicked",
            Self::Bye(Farewell::SessionEnded) => "session_ended",
            Self::Bye(Farewell::Closing) => "server_closing",
            Self::Refused(Refusal::NoMatch) => "refused_no_match",
            Self::Refused(Refusal::Token) => "refused_token",
            Self::Refused(Refusal::Full) => "refused_full",
            Self::Refused(Refusal::Later) => "refused_later",
            Self::NoAnswer => "no_answer",
            Self::Silent => "server_silent",
            Self::Left => "left",
        }
    }

    /// The match was played to an end that a player can accept.
    pub(super) const fn is_good(self) -> bool {
        matches!(self, Self::Bye(Farewell::MatchOver) | Self::Left)
    }
}

/// A player who goes to a server.
pub(super) struct Join {
    pub(super) to: SocketAddr,
    pub(super) nonce: u64,
    pub(super) token: String,
    pub(super) region: String,
    pub(super) latency_ms: u32,
    pub(super) jitter_us: u64,
    pub(super) steadiness: f32,
    pub(super) over: oneshot::Sender<Outcome>,
}

pub(super) enum Command {
    Join(Box<Join>),
    /// Leaves in good order.
    Leave(u64),
}

/// What waits for its time.
#[derive(Clone, Copy)]
enum Job {
    /// A player's turn.
    Think,
    /// Out of the player's line.
    SendHello,
    SendInput(Input),
    /// At the player's end of the line.
    Seen(Seen),
}

#[derive(Clone, Copy)]
enum Seen {
    Welcome { slot: u8, secret: u64 },
    Refused(Refusal),
    Snapshot { stamp: Stamp, view: View },
    Bye(Farewell),
}

struct Waiting {
    at_us: u64,
    order: u64,
    nonce: u64,
    job: Job,
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        (self.at_us, self.order) == (other.at_us, other.order)
    }
}
impl Eq for Waiting {}
impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at_us, self.order).cmp(&(other.at_us, other.order))
    }
}

struct Player {
    join: Join,
    seat: Option<(u8, u64)>,
    joined_us: u64,
    heard_us: u64,
    thoughts: u32,
    sequence: u32,
    echo: Option<(u32, u64)>,
    view: View,
    latency: Distribution,
    added: Distribution,
}

/// One socket, and the players on it.
pub(super) struct Lane {
    socket: UdpSocket,
    stats: Shared,
    players: HashMap<u64, Player>,
    queue: BinaryHeap<Reverse<Waiting>>,
    order: u64,
    random: StdRng,
    start: Instant,
}

/// Opens a lane; it runs until all senders of commands are gone.
pub(super) async fn open(seed: u64, stats: Shared) -> std::io::Result<mpsc::Sender<Command>> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    let (sender, inbox) = mpsc::channel(COMMANDS_WAITING);
    let mut lane = Lane {
        socket,
        stats,
        players: HashMap::new(),
        queue: BinaryHeap::new(),
        order: 0,
        random: StdRng::seed_from_u64(seed),
        start: Instant::now(),
    };
    tokio::spawn(async move { lane.run(inbox).await });
    Ok(sender)
}

impl Lane {
    fn now_us(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    async fn run(&mut self, mut inbox: mpsc::Receiver<Command>) {
        let mut room: Datagram = [0; DATAGRAM_MAX];
        loop {
            self.work();
            let due = self.queue.peek().map(|Reverse(next)| next.at_us);
            let at = self.start + Duration::from_micros(due.unwrap_or(0));
            tokio::select! {
                command = inbox.recv() => match command {
                    Some(command) => self.obey(command),
                    None => return,
                },
                readable = self.socket.readable() => if readable.is_ok() {
                    self.receive(&mut room);
                },
                () = sleep_until(at.max(Instant::now() + REST)), if due.is_some() => {}
            }
        }
    }

    fn wait(&mut self, at_us: u64, nonce: u64, job: Job) {
        self.order += 1;
        let order = self.order;
        self.queue.push(Reverse(Waiting {
            at_us,
            order,
            nonce,
            job,
        }));
    }

    /// Puts a job on the player's line: it is done when the line has been travelled.
    fn travel(&mut self, now_us: u64, nonce: u64, job: Job) {
        if let Some(player) = self.players.get(&nonce) {
            let half_us = u64::from(player.join.latency_ms) * 500;
            let late_us = self.random.random_range(0..=player.join.jitter_us);
            self.wait(now_us + half_us + late_us, nonce, job);
        }
    }

    fn obey(&mut self, command: Command) {
        let now_us = self.now_us();
        match command {
            Command::Join(join) => {
                let nonce = join.nonce;
                let player = Player {
                    join: *join,
                    seat: None,
                    joined_us: now_us,
                    heard_us: now_us,
                    thoughts: 0,
                    sequence: 0,
                    echo: None,
                    view: View::default(),
                    latency: Distribution::default(),
                    added: Distribution::default(),
                };
                self.players.insert(nonce, player);
                self.wait(now_us, nonce, Job::Think);
            }
            Command::Leave(nonce) => {
                let seat = self.players.get(&nonce).and_then(|player| player.seat);
                if let (Some((slot, secret)), Some(player)) = (seat, self.players.get(&nonce)) {
                    self.send(player.join.to, &ClientPacket::Leave { slot, secret });
                }
                self.end(nonce, Outcome::Left);
            }
        }
    }

    fn receive(&mut self, room: &mut Datagram) {
        let now_us = self.now_us();
        for _ in 0..DATAGRAMS_PER_TURN {
            let Ok((length, from)) = self.socket.try_recv_from(room) else {
                return;
            };
            let Some(packet) = ServerPacket::decode(room.get(..length).unwrap_or_default()) else {
                continue;
            };
            let (nonce, seen) = match packet {
                ServerPacket::Welcome {
                    nonce,
                    slot,
                    secret,
                    ..
                } => (nonce, Seen::Welcome { slot, secret }),
                ServerPacket::Refused { nonce, refusal } => (nonce, Seen::Refused(refusal)),
                ServerPacket::Bye { nonce, farewell } => (nonce, Seen::Bye(farewell)),
                ServerPacket::Snapshot {
                    nonce,
                    stamp,
                    bodies,
                    ..
                } => {
                    let seat = self.players.get(&nonce).and_then(|player| player.seat);
                    let view =
                        seat.map_or_else(View::default, |(slot, _)| View::new(slot, &bodies));
                    (nonce, Seen::Snapshot { stamp, view })
                }
            };
            if self
                .players
                .get(&nonce)
                .is_some_and(|player| player.join.to == from)
            {
                self.travel(now_us, nonce, Job::Seen(seen));
            }
        }
    }

    /// Does everything that is due.
    fn work(&mut self) {
        let now_us = self.now_us();
        while self
            .queue
            .peek()
            .is_some_and(|Reverse(next)| next.at_us <= now_us)
        {
            let Some(Reverse(Waiting { nonce, job, .. })) = self.queue.pop() else {
                return;
            };
            // Who left has jobs in the queue still.
            let Some(player) = self.players.get(&nonce) else {
                continue;
            };
            match job {
                Job::Think => self.think(now_us, nonce),
                Job::SendHello => {
                    let token = &player.join.token;
                    self.send(player.join.to, &ClientPacket::Hello { nonce, token });
                }
                Job::SendInput(input) => self.send(player.join.to, &ClientPacket::Input(input)),
                Job::Seen(seen) => self.see(now_us, nonce, seen),
            }
        }
    }

    fn send(&self, to: SocketAddr, packet: &ClientPacket<'_>) {
        let mut room: Datagram = [0; DATAGRAM_MAX];
        if let Some(datagram) = packet.encode(&mut room) {
            // A datagram that the kernel does not take now is lost like any other.
            drop(self.socket.try_send_to(datagram, to));
        }
    }

    fn think(&mut self, now_us: u64, nonce: u64) {
        let Some(player) = self.players.get_mut(&nonce) else {
            return;
        };
        player.thoughts += 1;
        let job = if let Some((slot, secret)) = player.seat {
            if now_us.saturating_sub(player.heard_us) > SILENCE_US {
                return self.end(nonce, Outcome::Silent);
            }
            player.sequence += 1;
            let (echo_ms, held_ms) = player.echo.map_or((0, Stamp::NOTHING), |(echo, at_us)| {
                let held_ms = now_us.saturating_sub(at_us) / 1_000;
                (echo, u16::try_from(held_ms).unwrap_or(Stamp::NOTHING))
            });
            Job::SendInput(Input {
                slot,
                secret,
                sequence: player.sequence,
                stamp: Stamp {
                    sent_ms: wire_ms(now_us),
                    echo_ms,
                    held_ms,
                },
                intent: player.view.decide(player.join.steadiness, &mut self.random),
            })
        } else {
            if now_us.saturating_sub(player.joined_us) > JOIN_PATIENCE_US {
                return self.end(nonce, Outcome::NoAnswer);
            }
            Job::SendHello
        };
        let silent_thought = matches!(job, Job::SendHello) && player.thoughts % HELLO_THOUGHTS != 1;
        if !silent_thought {
            self.travel(now_us, nonce, job);
        }
        self.wait(now_us + THINK_US, nonce, Job::Think);
    }

    fn see(&mut self, now_us: u64, nonce: u64, seen: Seen) {
        let Some(player) = self.players.get_mut(&nonce) else {
            return;
        };
        match seen {
            Seen::Welcome { slot, secret } => {
                player.heard_us = now_us;
                if player.seat.replace((slot, secret)).is_none() {
                    let waited_us = now_us.saturating_sub(player.joined_us);
                    let waited_ms = u32::try_from(waited_us / 1_000).unwrap_or(u32::MAX);
                    self.stats.count(|stats| {
                        stats.time_to_join_ms.add(waited_ms);
                        stats.playing += 1;
                    });
                }
            }
            // The server has not heard of its match yet, or cannot ask Stadion now: ask again.
            Seen::Refused(Refusal::NoMatch | Refusal::Later) => {}
            Seen::Refused(refusal) => self.end(nonce, Outcome::Refused(refusal)),
            Seen::Snapshot { stamp, view } => {
                player.heard_us = now_us;
                player.view = view;
                player.echo = Some((stamp.sent_ms, now_us));
                if let Some(ms) = stamp.round_trip_ms(wire_ms(now_us)) {
                    player.latency.add(ms);
                    player.added.add(ms.saturating_sub(player.join.latency_ms));
                }
            }
            Seen::Bye(farewell) => self.end(nonce, Outcome::Bye(farewell)),
        }
    }

    fn end(&mut self, nonce: u64, outcome: Outcome) {
        let Some(player) = self.players.remove(&nonce) else {
            return;
        };
        self.stats.count(|stats| {
            *stats.played.entry(outcome.name()).or_default() += 1;
            stats.playing -= u64::from(player.seat.is_some());
            let region = stats.latency_ms.entry(player.join.region);
            region.or_default().merge(&player.latency);
            stats.latency_added_ms.merge(&player.added);
        });
        if player.join.over.send(outcome).is_err() {
            // The player has gone home already.
        }
    }
}

/// The time as stamps carry it.
#[expect(
    clippy::cast_possible_truncation,
    reason = "stamps wrap; only differences count"
)]
const fn wire_ms(now_us: u64) -> u32 {
    (now_us / 1_000) as u32
}

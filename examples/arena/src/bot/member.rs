//! One player: events over a WebSocket, and play over UDP.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use stadion_client::wire::{EventKind, MatchFound, MatchProposed};
use stadion_client::{Client, Events, ProblemKind, Update};
use tokio::net::lookup_host;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Swarm;
use super::geography::Line;
use super::lane::{Command, Join, Outcome};
use super::party::kind_of;

/// Attempts to open the events of a player: with their pauses two minutes, a restart of Stadion.
const CONNECTS_MAX: u32 = 30;
/// Pause between them.
const CONNECT_PAUSE: Duration = Duration::from_secs(4);
/// How long a player waits for `session_ended` after the server's goodbye, and for the goodbye after
/// `session_ended`: the server reports within moments, and five seconds pass between two heartbeats.
const END_PATIENCE: Duration = Duration::from_secs(15);

/// When a player leaves who does not stay to the end: a third of the demo's matches.
const QUIT_AFTER: Duration = Duration::from_secs(3);

/// What a player tells the party.
pub(super) enum Note {
    /// Events arrive.
    Connected,
    /// Events do not.
    NotConnected,
    /// The ticket is now in this state; `over` when nothing comes after it.
    Ticket {
        ticket_id: String,
        news: String,
        over: bool,
    },
    /// A seat.
    Found,
    /// Back from the match.
    Done,
}

/// One player.
pub(super) struct Member {
    pub(super) swarm: Arc<Swarm>,
    pub(super) index: usize,
    pub(super) client: Client,
    pub(super) line: Line,
    pub(super) steadiness: f32,
    /// Whether a match may be left early.
    pub(super) quits: bool,
    /// What the player makes of a proposed match, and of a long one.
    pub(super) random: StdRng,
    pub(super) lane: mpsc::Sender<Command>,
    pub(super) notes: mpsc::Sender<(usize, Note)>,
    pub(super) stop: CancellationToken,
}

impl Member {
    /// Lives until the party goes.
    pub(super) async fn run(mut self) {
        let opened = tokio::select! {
            opened = self.open() => opened,
            () = self.stop.cancelled() => return,
        };
        let Some(mut events) = opened else {
            return self.tell(Note::NotConnected).await;
        };
        self.tell(Note::Connected).await;
        loop {
            let kind = tokio::select! {
                kind = self.next(&mut events) => kind,
                () = self.stop.cancelled() => return,
            };
            match kind {
                Some(EventKind::MatchFound(found)) => {
                    self.tell(Note::Found).await;
                    self.play(found, &mut events).await;
                    self.tell(Note::Done).await;
                }
                Some(EventKind::MatchProposed(proposed)) => self.answer(&proposed).await,
                Some(kind) => self.pass_on(kind).await,
                None => {}
            }
        }
    }

    async fn tell(&self, note: Note) {
        // A party that is gone needs no news.
        drop(self.notes.send((self.index, note)).await);
    }

    async fn open(&self) -> Option<Events> {
        for _ in 0..CONNECTS_MAX {
            match self.client.connect(0).await {
                Ok(events) => return Some(events),
                Err(error) => self
                    .swarm
                    .stats
                    .error(format!("connect:{}", kind_of(&error))),
            }
            sleep(CONNECT_PAUSE).await;
        }
        None
    }

    /// The next event; none when there was trouble instead. Safe to cancel.
    async fn next(&self, events: &mut Events) -> Option<EventKind> {
        match events.next().await {
            Ok(Update::Event(event)) => {
                if matches!(event.kind, EventKind::MatchFound(_)) {
                    let delay_ms = (self.swarm.params.unix_ms)().saturating_sub(event.at_ms);
                    let delay_ms = u32::try_from(delay_ms).unwrap_or(u32::MAX);
                    self.swarm
                        .stats
                        .count(|stats| stats.match_found_delay_ms.add(delay_ms));
                }
                Some(event.kind)
            }
            // Nobody looks at it here.
            Ok(Update::Acceptance(_)) => None,
            Ok(Update::Gap { .. }) => {
                self.swarm.stats.error("event_gap");
                None
            }
            Err(error) => {
                self.swarm
                    .stats
                    .error(format!("events:{}", kind_of(&error)));
                sleep(CONNECT_PAUSE).await;
                None
            }
        }
    }

    /// Says yes, or no, or nothing.
    async fn answer(&mut self, proposed: &MatchProposed) {
        let params = &self.swarm.params;
        let drawn = self.random.random::<f64>();
        let answer = if drawn < params.silent_share {
            "silent"
        } else {
            let accept = drawn >= params.silent_share + params.refuse_share;
            match self.client.respond(&proposed.match_id, accept).await {
                Ok(_) if accept => "accepted",
                Ok(_) => "refused",
                Err(error) if error.kind() == Some(ProblemKind::AcceptanceOver) => "too_late",
                Err(error) => {
                    let kind = format!("respond:{}", kind_of(&error));
                    return self.swarm.stats.error(kind);
                }
            }
        };
        let stats = &self.swarm.stats;
        stats.count(|stats| *stats.answers.entry(answer).or_default() += 1);
    }

    async fn pass_on(&self, kind: EventKind) {
        let (ticket_id, news, over) = match kind {
            EventKind::TicketSearching { ticket_id } => (ticket_id, "searching".into(), false),
            EventKind::TicketPlacing { ticket_id, .. } => (ticket_id, "placing".into(), false),
            EventKind::TicketRequeued { ticket_id, reason } => {
                (ticket_id, format!("requeued:{reason}"), false)
            }
            EventKind::TicketMoved {
                ticket_id,
                game_mode,
            } => (ticket_id, format!("moved:{game_mode}"), false),
            EventKind::TicketCancelled { ticket_id, reason } => {
                (ticket_id, format!("cancelled:{reason}"), true)
            }
            EventKind::TicketTimedOut { ticket_id } => (ticket_id, "timed_out".into(), true),
            EventKind::TicketFailed { ticket_id, reason } => {
                (ticket_id, format!("failed:{reason}"), true)
            }
            EventKind::MatchProposed(_)
            | EventKind::MatchFound(_)
            | EventKind::SessionEnded { .. }
            | EventKind::Unknown => {
                return;
            }
        };
        self.tell(Note::Ticket {
            ticket_id,
            news,
            over,
        })
        .await;
    }

    /// Goes to the server and plays to the end.
    async fn play(&mut self, found: MatchFound, events: &mut Events) {
        self.swarm.stats.count(|stats| stats.seats += 1);
        let session_id = found.session_id.clone();
        let nonce = rand::random();
        let Some(over) = self.join(found, nonce).await else {
            return self.leave(&session_id).await;
        };
        let mut over = Some(over);
        let mut ended = false;
        let mut patience: Option<Instant> = None;
        let drawn = self.random.random::<f64>();
        let mut may_quit = self.quits && drawn < self.swarm.params.quit_share;
        let quit_at = Instant::now() + QUIT_AFTER;
        while over.is_some() || !ended {
            let ending = async {
                match &mut over {
                    Some(over) => over.await.unwrap_or(Outcome::Left),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                outcome = ending => {
                    over = None;
                    patience = Some(Instant::now() + END_PATIENCE);
                    if !outcome.is_good() && !ended {
                        self.swarm.stats.error(format!("play:{}", outcome.name()));
                        self.leave(&session_id).await;
                    }
                }
                kind = self.next(events) => match kind {
                    Some(EventKind::SessionEnded { session_id: id, .. }) if id == session_id => {
                        ended = true;
                        patience = Some(Instant::now() + END_PATIENCE);
                    }
                    Some(kind) => self.pass_on(kind).await,
                    None => {}
                },
                () = sleep_until(patience.unwrap_or_else(Instant::now)), if patience.is_some() => {
                    if over.is_none() {
                        self.swarm.stats.error("session_ended_missing");
                        return self.leave(&session_id).await;
                    }
                    self.swarm.stats.error("goodbye_missing");
                    patience = None;
                    drop(self.lane.send(Command::Leave(nonce)).await);
                }
                () = sleep_until(quit_at), if may_quit && patience.is_none() => {
                    may_quit = false;
                    self.swarm.stats.count(|stats| stats.quits += 1);
                    drop(self.lane.send(Command::Leave(nonce)).await);
                }
                () = self.stop.cancelled() => {
                    drop(self.lane.send(Command::Leave(nonce)).await);
                    return self.leave(&session_id).await;
                }
            }
        }
    }

    /// Hands the player to its lane.
    async fn join(&self, found: MatchFound, nonce: u64) -> Option<oneshot::Receiver<Outcome>> {
        let token = match found.join_token {
            Some(token) => Some(token),
            // The event was resent: a seat that is still free has a fresh token.
            None => {
                let session = self.client.session(&found.session_id).await;
                session.ok().and_then(|session| session.join_token)
            }
        };
        let Some(token) = token else {
            self.swarm.stats.error("join_token_missing");
            return None;
        };
        let Some(to) = resolve(&found.server.address, found.server.port).await else {
            self.swarm.stats.error("server_address");
            return None;
        };
        let (sender, over) = oneshot::channel();
        let latency_ms = self.line.latency_ms(&found.server.region);
        let join = Command::Join(Box::new(Join {
            to,
            nonce,
            token,
            region: found.server.region,
            latency_ms,
            jitter_us: self.line.jitter_us(),
            steadiness: self.steadiness,
            over: sender,
        }));
        self.lane.send(join).await.ok().map(|()| over)
    }

    async fn leave(&self, session_id: &str) {
        if let Err(error) = self.client.leave(session_id).await {
            // A seat that is over already is what was wanted.
            if error.is_retryable() {
                self.swarm.stats.error(format!("leave:{}", kind_of(&error)));
            }
        }
    }
}

async fn resolve(host: &str, port: u16) -> Option<SocketAddr> {
    match host.parse::<IpAddr>() {
        Ok(ip) => Some(SocketAddr::new(ip, port)),
        // The lanes speak IPv4.
        Err(_) => lookup_host((host, port))
            .await
            .ok()?
            .find(SocketAddr::is_ipv4),
    }
}

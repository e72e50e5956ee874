//! One player: asks for matches, joins one over UDP, and remembers what was acknowledged.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use stadion_arena::protocol::{ClientPacket, DATAGRAM_MAX, Datagram, Refusal, ServerPacket};
use stadion_client::wire::{CreateTicket, EventKind, MatchFound, Player as Member, TicketState};
use stadion_client::{Client, ClientError, Update};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout};

use crate::stand::PATIENCE;

/// Pause before a `Hello` is sent again.
const HELLO_AGAIN: Duration = Duration::from_millis(100);

/// One request to play.
pub(crate) struct Ask {
    pub(crate) request: CreateTicket,
    pub(crate) key: String,
    /// The ticket, once that was acknowledged.
    pub(crate) ticket_id: Option<String>,
    /// The state that was seen last.
    pub(crate) seen: Option<TicketState>,
}

/// A seat that the player was told of.
pub(crate) struct Seat {
    pub(crate) found: MatchFound,
    pub(crate) found_at: Instant,
    socket: UdpSocket,
    nonce: u64,
    place: Option<(u8, u64)>,
    /// A `Leave` was sent.
    pub(crate) is_left: bool,
}

impl Seat {
    async fn new(found: MatchFound, nonce: u64) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address: SocketAddr = format!("{}:{}", found.server.address, found.server.port)
            .parse()
            .unwrap();
        socket.connect(address).await.unwrap();
        Self {
            found,
            found_at: Instant::now(),
            socket,
            nonce,
            place: None,
            is_left: false,
        }
    }

    pub(crate) fn token(&self) -> &str {
        self.found.join_token.as_deref().unwrap_or_default()
    }

    /// The game server has let the player in.
    pub(crate) fn is_joined(&self) -> bool {
        self.place.is_some()
    }

    /// Shows the token to the game server until it says yes or no, for as long as `patience`. A player who is let in
    /// already is told so again.
    pub(crate) async fn join(&mut self, patience: Duration) -> Result<(), String> {
        let asking = async {
            loop {
                if let Some(answer) = self.ask().await {
                    return answer;
                }
            }
        };
        let answer = timeout(patience, asking).await;
        answer.unwrap_or_else(|_| Err("no answer".into()))
    }

    async fn ask(&mut self) -> Option<Result<(), String>> {
        let mut room: Datagram = [0; DATAGRAM_MAX];
        let token = self.found.join_token.clone().unwrap_or_default();
        let hello = ClientPacket::Hello {
            nonce: self.nonce,
            token: &token,
        };
        let sent = self.socket.send(hello.encode(&mut room).unwrap()).await;
        if let Err(error) = sent {
            return Some(Err(format!("the game server is not there: {error}")));
        }
        let answer = async {
            loop {
                let length = self.socket.recv(&mut room).await.map_err(drop)?;
                match ServerPacket::decode(&room[..length]) {
                    Some(ServerPacket::Welcome { slot, secret, .. }) => {
                        return Ok(Ok((slot, secret)));
                    }
                    // It has not heard of its match yet, or Stadion is away.
                    Some(ServerPacket::Refused {
                        refusal: Refusal::NoMatch | Refusal::Later,
                        ..
                    }) => return Err(()),
                    Some(ServerPacket::Refused { refusal, .. }) => {
                        return Ok(Err(format!("{refusal:?}")));
                    }
                    Some(ServerPacket::Bye { farewell, .. }) => {
                        return Ok(Err(format!("{farewell:?}")));
                    }
                    _ => {}
                }
            }
        };
        match timeout(HELLO_AGAIN, answer).await {
            Ok(Ok(Ok(place))) => {
                self.place = Some(place);
                Some(Ok(()))
            }
            Ok(Ok(Err(why))) => Some(Err(why)),
            Ok(Err(())) => {
                // polls: whether the server answers now
                tokio::time::sleep(HELLO_AGAIN / 10).await;
                None
            }
            Err(_) => None,
        }
    }

    /// Leaves for good.
    pub(crate) async fn leave(&mut self) {
        if let Some((slot, secret)) = self.place {
            self.is_left = true;
            let mut room: Datagram = [0; DATAGRAM_MAX];
            let leave = ClientPacket::Leave { slot, secret };
            // A server that is gone needs no good-bye.
            drop(self.socket.send(leave.encode(&mut room).unwrap()).await);
        }
    }
}

/// What a player does while the platform is there.
#[derive(Clone, Copy)]
pub(crate) struct Habits {
    pub(crate) joins: bool,
    pub(crate) leaves: bool,
    pub(crate) cancels: bool,
}

/// A player.
pub(crate) struct Player {
    pub(crate) id: String,
    pub(crate) client: Client,
    pub(crate) asks: Vec<Ask>,
    pub(crate) seat: Option<Seat>,
    pub(crate) habits: Habits,
    pub(crate) nonce: u64,
}

impl Player {
    pub(crate) fn new(
        id: String,
        client: Client,
        modes: &[&str],
        habits: Habits,
        nonce: u64,
    ) -> Self {
        let ask = |mode: &&str| Ask {
            request: CreateTicket {
                game_mode: (*mode).to_owned(),
                players: vec![Member {
                    player_id: id.clone(),
                    latencies_ms: [("here".to_owned(), 20)].into(),
                    ..Member::default()
                }],
                ..CreateTicket::default()
            },
            key: format!("{id}-{mode}"),
            ticket_id: None,
            seen: None,
        };
        Self {
            asks: modes.iter().map(ask).collect(),
            id,
            client,
            seat: None,
            habits,
            nonce,
        }
    }

    /// Plays until something fails or nothing is left to do.
    pub(crate) async fn play(&mut self) -> Result<(), ClientError> {
        for ask in &mut self.asks {
            let ticket = self.client.create_ticket(&ask.request, Some(&ask.key));
            ask.ticket_id = Some(ticket.await?.ticket_id);
        }
        if self.habits.cancels {
            let ask = &mut self.asks[0];
            let id = ask.ticket_id.as_deref().unwrap_or_default();
            // It may be in a match already.
            if let Ok(ticket) = self.client.cancel_ticket(id).await {
                ask.seen = Some(ticket.state);
            }
            return Ok(());
        }
        self.find_seat().await?;
        if let Some(seat) = self.seat.as_mut().filter(|_| self.habits.joins)
            && seat.join(PATIENCE).await.is_ok()
            && self.habits.leaves
        {
            seat.leave().await;
        }
        Ok(())
    }

    /// Waits until a match is found, and accepts what is proposed.
    pub(crate) async fn find_seat(&mut self) -> Result<(), ClientError> {
        let mut events = self.client.connect(0).await?;
        loop {
            let Update::Event(event) = events.next().await? else {
                continue;
            };
            match event.kind {
                EventKind::MatchFound(found) => {
                    self.seat = Some(Seat::new(found, self.nonce).await);
                    return Ok(());
                }
                // It may be over already: then the next event says so.
                EventKind::MatchProposed(proposed) => {
                    drop(self.client.respond(&proposed.match_id, true).await);
                }
                _ => {}
            }
        }
    }
}

//! One WebSocket, from its first message to its last.

use std::sync::Arc;

use axum::extract::ws::{Message, WebSocket};
use stadion_client::wire::{self, ClientMessage, Control, ServerMessage};
use stadion_core::event::{EventKind, PlayerEvent};
use stadion_core::id::{MatchId, SessionId};
use stadion_core::matches::Match;
use stadion_core::session::SessionState;
use stadion_core::state::StateError;
use tokio::time::{Instant, sleep_until, timeout};

use super::CloseReason;
use super::cursor::{Cursor, Step};
use super::hub::Waiting;
use crate::auth::Player;
use crate::convert::{acceptance, server_address, word};
use crate::gateway::Gateway;
use crate::limits::MESSAGES_PER_PING_MAX;

/// Holds a whole conversation; `player` is known if the handshake said who connects.
pub(super) async fn hold(
    gateway: Gateway,
    mut socket: WebSocket,
    player: Option<Arc<Player>>,
    after: u64,
) {
    let player = match player {
        Some(player) => Ok(player),
        None => introduce(&gateway, &mut socket).await,
    };
    let reason = match player {
        Ok(player) => {
            gateway.0.observer.connected();
            let reason = talk(&gateway, &mut socket, &player, after).await;
            gateway.0.observer.disconnected(reason);
            reason
        }
        Err(reason) => reason,
    };
    if reason != CloseReason::Gone {
        let goodbye = socket.send(Message::Close(Some(reason.frame())));
        // The client may be gone already; it knows how to resume.
        drop(timeout(gateway.0.limits.socket_send_timeout, goodbye).await);
    }
}

/// Waits for the token in the first message.
async fn introduce(gateway: &Gateway, socket: &mut WebSocket) -> Result<Arc<Player>, CloseReason> {
    let first = timeout(gateway.0.limits.socket_auth_timeout, socket.recv()).await;
    let Ok(Some(Ok(Message::Text(text)))) = first else {
        return Err(CloseReason::Unauthenticated);
    };
    let Ok(ClientMessage::Authenticate { token }) = serde_json::from_str(&text) else {
        return Err(CloseReason::Unauthenticated);
    };
    let authenticated = gateway.authenticate(&token);
    authenticated.map_err(|_| CloseReason::Unauthenticated)
}

async fn talk(
    gateway: &Gateway,
    socket: &mut WebSocket,
    player: &Player,
    after: u64,
) -> CloseReason {
    // First the inbox, then the mailbox: an event in between comes by both ways, and none by neither.
    let entry = gateway.0.hub.enter(&player.id);
    let mut talk = Talk {
        gateway,
        socket,
        player,
        cursor: Cursor::new(after, None),
    };
    let mut outcome = talk.open(after).await;
    let ping = gateway.0.limits.socket_ping;
    let mut heard_at = Instant::now();
    let mut ping_at = heard_at + ping;
    let mut messages = 0;
    loop {
        if let Err(reason) = outcome {
            return reason;
        }
        outcome = tokio::select! {
            () = entry.inbox.arrived.notified() => {
                let waiting = entry.inbox.take();
                match waiting.close {
                    Some(reason) => Err(reason),
                    None => talk.pass_on(waiting).await,
                }
            }
            message = talk.socket.recv() => {
                heard_at = Instant::now();
                messages += 1;
                if messages > MESSAGES_PER_PING_MAX {
                    Err(CloseReason::TooManyMessages)
                } else {
                    talk.hear(message).await
                }
            }
            () = sleep_until(ping_at) => {
                messages = 0;
                ping_at = Instant::now() + ping;
                if heard_at.elapsed() > ping * 5 / 2 {
                    Err(CloseReason::Silent)
                } else {
                    talk.send(Message::Ping(axum::body::Bytes::new())).await
                }
            }
        };
    }
}

struct Talk<'a> {
    gateway: &'a Gateway,
    socket: &'a mut WebSocket,
    player: &'a Player,
    cursor: Cursor,
}

/// A refusal of the state as a reason to close: the client comes back with what it has.
fn lost(error: &StateError) -> CloseReason {
    tracing::warn!(%error, "a player's events cannot be read");
    CloseReason::TryAgain
}

async fn mailbox(
    gateway: &Gateway,
    player: &Player,
    after: u64,
) -> Result<Vec<Arc<PlayerEvent>>, CloseReason> {
    let read = gateway.0.state.events(&player.id, after).await;
    read.map_err(|error| lost(&error))
}

impl Talk<'_> {
    async fn open(&mut self, after: u64) -> Result<(), CloseReason> {
        let kept = mailbox(self.gateway, self.player, 0).await?;
        let newest = kept.last().map(|event| event.number);
        self.cursor = Cursor::new(after, newest);
        self.say(&ServerMessage::Control(Control::Hello {
            player_id: self.player.id.to_string(),
            last_number: newest.unwrap_or(after),
        }))
        .await?;
        for event in kept {
            self.offer(&event).await?;
        }
        Ok(())
    }

    /// Sends events that just happened; reads the mailbox where some are missing.
    async fn pass_on(&mut self, waiting: Waiting) -> Result<(), CloseReason> {
        let (events, missed) = (waiting.events, waiting.missed);
        let gap = |event: &Arc<PlayerEvent>| {
            matches!(self.cursor.step(event.number), Step::Missing { .. })
        };
        if missed || events.front().is_some_and(gap) {
            for event in mailbox(self.gateway, self.player, self.cursor.last()).await? {
                self.offer(&event).await?;
            }
        }
        for event in events {
            if self.offer(&event).await? {
                let lag_ms = self.gateway.now().since_ms(event.at);
                self.gateway.0.observer.event_delivered(lag_ms);
            }
        }
        match waiting.asked {
            Some(game) => {
                let stands = Control::MatchAcceptance(acceptance(&game));
                self.say(&ServerMessage::Control(stands)).await
            }
            None => Ok(()),
        }
    }

    /// Sends `event` if the client does not have it; whether it did.
    async fn offer(&mut self, event: &PlayerEvent) -> Result<bool, CloseReason> {
        match self.cursor.step(event.number) {
            Step::Skip => return Ok(false),
            Step::Send => {}
            Step::Missing { from, to } => self.gap(from, to).await?,
        }
        self.cursor.advance(event.number);
        match render(self.gateway, event).await {
            Ok(kind) => {
                self.say(&ServerMessage::Event(wire::Event {
                    number: event.number,
                    at_ms: event.at.0,
                    kind,
                }))
                .await?;
                Ok(true)
            }
            // What it tells of was forgotten meanwhile.
            Err(StateError::NotFound { .. }) => {
                self.gap(event.number, event.number).await?;
                Ok(false)
            }
            Err(error) => Err(lost(&error)),
        }
    }

    async fn gap(&mut self, from: u64, to: u64) -> Result<(), CloseReason> {
        self.say(&ServerMessage::Control(Control::Gap { from, to }))
            .await
    }

    async fn hear(
        &mut self,
        message: Option<Result<Message, axum::Error>>,
    ) -> Result<(), CloseReason> {
        match message {
            Some(Ok(Message::Text(text))) => match serde_json::from_str(&text) {
                Ok(ClientMessage::Ping) => self.say(&ServerMessage::Control(Control::Pong)).await,
                // Events are kept until they age, whatever was seen; saying so twice is no error either.
                Ok(ClientMessage::Ack { .. } | ClientMessage::Authenticate { .. }) => Ok(()),
                Err(_) => Err(CloseReason::BadMessage),
            },
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
            Some(Ok(Message::Binary(_))) => Err(CloseReason::BadMessage),
            Some(Ok(Message::Close(_)) | Err(_)) | None => Err(CloseReason::Gone),
        }
    }

    async fn say(&mut self, message: &ServerMessage) -> Result<(), CloseReason> {
        let text = serde_json::to_string(message).expect("wire types can be written as JSON");
        self.send(Message::Text(text.into())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), CloseReason> {
        let limit = self.gateway.0.limits.socket_send_timeout;
        match timeout(limit, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(CloseReason::Gone),
            Err(_) => Err(CloseReason::TooSlow),
        }
    }
}

fn player_ids(of: &Match) -> Vec<String> {
    let ids = of.players.iter().map(|player| player.player_id.to_string());
    ids.collect()
}

/// The event as it travels, with the join token that its session gives.
async fn render(gateway: &Gateway, event: &PlayerEvent) -> Result<wire::EventKind, StateError> {
    Ok(match &event.kind {
        EventKind::TicketSearching { ticket_id } => wire::EventKind::TicketSearching {
            ticket_id: ticket_id.to_string(),
        },
        EventKind::MatchProposed {
            ticket_id,
            match_id,
        } => {
            let proposed = gateway.0.state.get_match(*match_id).await?;
            let check = proposed.acceptance.as_ref();
            wire::EventKind::MatchProposed(wire::MatchProposed {
                ticket_id: ticket_id.to_string(),
                match_id: match_id.to_string(),
                players: player_ids(&proposed),
                accept_until_ms: check.map_or(0, |check| check.until.0),
            })
        }
        EventKind::TicketPlacing {
            ticket_id,
            match_id,
        } => wire::EventKind::TicketPlacing {
            ticket_id: ticket_id.to_string(),
            match_id: match_id.to_string(),
        },
        EventKind::TicketRequeued { ticket_id, reason } => wire::EventKind::TicketRequeued {
            ticket_id: ticket_id.to_string(),
            reason: reason.as_str().to_owned(),
        },
        EventKind::TicketMoved {
            ticket_id,
            game_mode,
        } => wire::EventKind::TicketMoved {
            ticket_id: ticket_id.to_string(),
            game_mode: game_mode.to_string(),
        },
        EventKind::TicketCancelled { ticket_id, reason } => wire::EventKind::TicketCancelled {
            ticket_id: ticket_id.to_string(),
            reason: word(reason),
        },
        EventKind::TicketTimedOut { ticket_id } => wire::EventKind::TicketTimedOut {
            ticket_id: ticket_id.to_string(),
        },
        EventKind::TicketFailed { ticket_id, reason } => wire::EventKind::TicketFailed {
            ticket_id: ticket_id.to_string(),
            reason: reason.clone(),
        },
        EventKind::MatchFound {
            match_id,
            session_id,
        } => wire::EventKind::MatchFound(match_found(gateway, *match_id, *session_id).await?),
        EventKind::SessionEnded { session_id, end } => wire::EventKind::SessionEnded {
            session_id: session_id.to_string(),
            reason: word(end),
        },
    })
}

async fn match_found(
    gateway: &Gateway,
    match_id: MatchId,
    session_id: SessionId,
) -> Result<wire::MatchFound, StateError> {
    let state = &gateway.0.state;
    let session = state.session(session_id).await?;
    let found = state.get_match(match_id).await?;
    let server = server_address(&found).ok_or_else(|| StateError::NotFound {
        what: "match",
        id: match_id.to_string(),
    })?;
    let reserved = session.state == SessionState::Reserved;
    Ok(wire::MatchFound {
        match_id: match_id.to_string(),
        server,
        players: player_ids(&found),
        session_id: session_id.to_string(),
        team: session.team,
        role: session.role.clone(),
        join_token: reserved.then(|| gateway.0.join_tokens.sign(&session)),
    })
}

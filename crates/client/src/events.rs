//! The player's events, in order and without gaps, over as many connections as it takes.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::header::{AUTHORIZATION, RETRY_AFTER};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::client::problem_of;
use crate::wire::{Acceptance, ClientMessage, Control, Event, ServerMessage};
use crate::{Client, ClientError};

/// Read buffer, bytes: events have some hundred bytes, and thousands of connections share one program.
const READ_BUFFER_BYTES: usize = 1_024;

/// Write buffer, bytes: a client says nearly nothing.
const WRITE_BUFFER_BYTES: usize = 256;

/// Largest message, bytes: a `match_found` with 100 players of 128 bytes each has 14 KiB.
const MESSAGE_BYTES_MAX: usize = 64 * 1_024;

/// How long the handshake may take, milliseconds.
const HANDSHAKE_TIMEOUT_MS: u64 = 10_000;

/// Silence after which the connection counts as dead, milliseconds: three of the gateway's pings.
const SILENCE_MAX_MS: u64 = 95_000;

/// First pause before a reconnect, milliseconds; it doubles with each failure in a row.
const BACKOFF_FIRST_MS: u64 = 100;

/// Longest pause before a reconnect, milliseconds.
const BACKOFF_MAX_MS: u64 = 10_000;

/// Failures in a row after which `next` gives up: about 1.5 minutes with the pauses above.
const FAILURES_MAX: u32 = 14;

/// Close code: the same player connected elsewhere.
pub const CLOSE_REPLACED: u16 = 4000;

/// Close code: no token, or one that does not count.
pub const CLOSE_UNAUTHENTICATED: u16 = 4001;

/// What [`Events::next`] finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Update {
    /// The next event.
    Event(Event),
    /// Events are not kept any more: ask for the tickets to see how things stand.
    Gap {
        /// First number that is missing.
        from: u64,
        /// Last number that is missing.
        to: u64,
    },
    /// How the ready check of the player's match stands.
    Acceptance(Acceptance),
}

/// The events of one player.
#[derive(Debug)]
pub struct Events {
    client: Client,
    socket: Option<Box<WebSocketStream<TcpStream>>>,
    last_number: u64,
    failures: u32,
    retry_at: Instant,
}

impl Client {
    /// Opens the caller's events after number `after` (0 for all that are kept). The result reconnects by itself.
    ///
    /// # Errors
    /// Any [`ClientError`], when the first connection fails.
    pub async fn connect(&self, after: u64) -> Result<Events, ClientError> {
        let mut events = Events {
            client: self.clone(),
            socket: None,
            last_number: after,
            failures: 0,
            retry_at: Instant::now(),
        };
        events.socket = Some(Box::new(events.open().await?));
        Ok(events)
    }
}

impl Events {
    /// Number of the last event that [`Self::next`] returned.
    #[must_use]
    pub const fn last_number(&self) -> u64 {
        self.last_number
    }

    /// Waits for the next event, reconnecting with growing pauses where needed. Safe to cancel.
    ///
    /// # Errors
    /// What retrying cannot heal, or the last failure after many in a row; the call may be repeated.
    pub async fn next(&mut self) -> Result<Update, ClientError> {
        loop {
            let Some(socket) = &mut self.socket else {
                self.reopen().await?;
                continue;
            };
            let silence = Duration::from_millis(SILENCE_MAX_MS);
            match timeout(silence, socket.next()).await {
                Ok(Some(Ok(Message::Text(text)))) => {
                    self.failures = 0;
                    let message = serde_json::from_str(&text)
                        .map_err(|error| ClientError::Answer(error.to_string()))?;
                    if let Some(update) = self.accept(message) {
                        return Ok(update);
                    }
                }
                Ok(Some(Ok(Message::Close(Some(frame)))))
                    if u16::from(frame.code) == CLOSE_REPLACED =>
                {
                    self.socket = None;
                    return Err(ClientError::Replaced);
                }
                Ok(Some(Ok(Message::Close(_)) | Err(_)) | None) | Err(_) => {
                    self.socket = None;
                    self.pause();
                }
                Ok(Some(Ok(_))) => {}
            }
        }
    }

    /// Tells the gateway what was seen; a courtesy that may fail silently.
    pub async fn acknowledge(&mut self) {
        let ack = ClientMessage::Ack {
            number: self.last_number,
        };
        let text = serde_json::to_string(&ack).expect("a plain enum can be written");
        if let Some(socket) = &mut self.socket
            && socket.send(Message::text(text)).await.is_err()
        {
            self.socket = None;
        }
    }

    /// Drops repetitions, and counts.
    fn accept(&mut self, message: ServerMessage) -> Option<Update> {
        match message {
            ServerMessage::Event(event) if event.number > self.last_number => {
                self.last_number = event.number;
                Some(Update::Event(event))
            }
            ServerMessage::Control(Control::Hello { last_number, .. }) => {
                // Numbering began anew, as after a loss of the state.
                if last_number < self.last_number {
                    self.last_number = 0;
                }
                None
            }
            ServerMessage::Control(Control::Gap { from, to }) if to > self.last_number => {
                self.last_number = to;
                Some(Update::Gap { from, to })
            }
            ServerMessage::Control(Control::MatchAcceptance(stands)) => {
                Some(Update::Acceptance(stands))
            }
            _ => None,
        }
    }

    async fn reopen(&mut self) -> Result<(), ClientError> {
        sleep_until(self.retry_at).await;
        match self.open().await {
            Ok(socket) => {
                self.socket = Some(Box::new(socket));
                Ok(())
            }
            Err(error) => {
                let asked_ms = match &error {
                    ClientError::Problem { retry_after_ms, .. } => retry_after_ms.unwrap_or(0),
                    _ => 0,
                };
                self.pause();
                self.retry_at += Duration::from_millis(asked_ms.min(BACKOFF_MAX_MS));
                if !error.is_retryable() || self.failures >= FAILURES_MAX {
                    self.failures = 0;
                    return Err(error);
                }
                Ok(())
            }
        }
    }

    /// Sets the time of the next attempt: doubling, and spread by who is asking, so that the players of a lost
    /// gateway do not come back in one moment.
    fn pause(&mut self) {
        let longest_ms = (BACKOFF_FIRST_MS << self.failures.min(16)).min(BACKOFF_MAX_MS);
        let mut hasher = DefaultHasher::new();
        (&*self.client.token, self.failures, self.last_number).hash(&mut hasher);
        let pause_ms = longest_ms / 2 + hasher.finish() % (longest_ms / 2 + 1);
        self.failures += 1;
        self.retry_at = Instant::now() + Duration::from_millis(pause_ms);
    }

    async fn open(&self) -> Result<WebSocketStream<TcpStream>, ClientError> {
        let base = &self.client.http.base;
        let url = format!(
            "ws://{}{}/v1/connect?after={}",
            base.authority, base.prefix, self.last_number
        );
        let mut request = url
            .into_client_request()
            .map_err(|error| ClientError::Invalid(error.to_string()))?;
        let bearer = crate::client::bearer(&self.client.token)?;
        request.headers_mut().insert(AUTHORIZATION, bearer);
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(WRITE_BUFFER_BYTES)
            .max_write_buffer_size(MESSAGE_BYTES_MAX)
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        let handshake = async {
            let stream = TcpStream::connect((base.host.as_str(), base.port))
                .await
                .map_err(|error| ClientError::Transport(error.to_string()))?;
            stream
                .set_nodelay(true)
                .map_err(|error| ClientError::Transport(error.to_string()))?;
            let opened = client_async_with_config(request, stream, Some(config)).await;
            opened.map(|(socket, _)| socket).map_err(refused)
        };
        timeout(Duration::from_millis(HANDSHAKE_TIMEOUT_MS), handshake)
            .await
            .map_err(|_| ClientError::Timeout {
                timeout_ms: HANDSHAKE_TIMEOUT_MS,
            })?
    }
}

fn refused(error: WsError) -> ClientError {
    match error {
        WsError::Http(answer) => {
            let retry_after = answer.headers().get(RETRY_AFTER);
            let body = answer.body().as_deref().unwrap_or_default();
            problem_of(answer.status(), retry_after, body)
        }
        other => ClientError::Transport(other.to_string()),
    }
}

//! A client for game servers: it waits for the SDK server, and outlives its restarts.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status, Streaming};

use crate::proto::sdk_client::SdkClient;
use crate::proto::{Duration as Seconds, Empty, GameServer, KeyValue};

/// Host of the SDK server when `AGONES_SDK_GRPC_HOST` is not set.
const DEFAULT_HOST: &str = "localhost";
/// Port of the SDK server when `AGONES_SDK_GRPC_PORT` is not set: Agones' own default.
const DEFAULT_PORT: u16 = 9357;
/// How long a call goes on trying to reach the SDK server. Agones' clients wait as long for the first connection.
const REACH_FOR: Duration = Duration::from_secs(30);
/// How long one attempt may take. The SDK server is on the same host and answers in well under a millisecond; 5 s is
/// for a host that is badly overloaded.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause between attempts: a tenth of a second is not noticed at start, and 100s of game servers that ask ten times a
/// second for a returning SDK server are no load.
const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// Pause between attempts to open a watch again: it has no end, so it is slower.
const REWATCH_PAUSE: Duration = Duration::from_millis(500);
/// Signs of life that wait to be sent. More than one says nothing that one does not; two leave room for a race.
const PINGS_WAITING: usize = 2;
/// HTTP/2 windows, in bytes: no message of this protocol is larger than some KiB, and the default windows would let
/// a server make every one of 100s of game servers hold megabytes.
const WINDOW_BYTES: u32 = 64 * 1024;

/// Why a call to the SDK server failed.
#[derive(Debug, thiserror::Error)]
pub enum SdkError {
    /// The environment names a port or host that cannot be one. The caller's fault; do not retry.
    #[error("{variable} is {value:?}, which is no address of an SDK server")]
    Environment {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
    },
    /// Nobody answered for as long as a call tries. Retry when the SDK server is there.
    #[error("no SDK server answered within {} s: {last}", waited.as_secs())]
    Unreachable {
        /// How long the call tried.
        waited: Duration,
        /// What the last attempt said.
        last: String,
    },
    /// The SDK server answered with a refusal. Do not retry the same call.
    #[error("the SDK server refused: {message} ({code:?})")]
    Refused {
        /// The gRPC status code.
        code: Code,
        /// What it said.
        message: String,
    },
}

/// A handle on the SDK server of this game server. Cheap to clone; all clones share one connection.
#[derive(Clone, Debug)]
pub struct Sdk {
    client: SdkClient<Channel>,
    pings: Arc<Mutex<Option<mpsc::Sender<Empty>>>>,
}

impl Sdk {
    /// Connects to the SDK server that the environment names: `AGONES_SDK_GRPC_HOST` (default `localhost`) and
    /// `AGONES_SDK_GRPC_PORT` (default 9357). Waits up to 30 s until it answers.
    ///
    /// # Errors
    /// [`SdkError::Environment`] when the variables name no address, [`SdkError::Unreachable`] when nobody answered.
    pub async fn from_env() -> Result<Self, SdkError> {
        let host = std::env::var("AGONES_SDK_GRPC_HOST")
            .ok()
            .filter(|host| !host.is_empty());
        let port = match std::env::var("AGONES_SDK_GRPC_PORT") {
            Ok(value) => match value.parse() {
                Ok(port) => port,
                Err(_) => {
                    return Err(SdkError::Environment {
                        variable: "AGONES_SDK_GRPC_PORT",
                        value,
                    });
                }
            },
            Err(_) => DEFAULT_PORT,
        };
        Self::connect(host.as_deref().unwrap_or(DEFAULT_HOST), port).await
    }

    /// Connects to the SDK server at `host` and `port`. Waits up to 30 s until it answers.
    ///
    /// # Errors
    /// As [`Sdk::from_env`].
    pub async fn connect(host: &str, port: u16) -> Result<Self, SdkError> {
        // Agones' Rust SDK takes a host with a scheme and the others take it without one; both are accepted here.
        let host = host.strip_prefix("http://").unwrap_or(host);
        let endpoint = Endpoint::from_shared(format!("http://{host}:{port}")).map_err(|_| {
            SdkError::Environment {
                variable: "AGONES_SDK_GRPC_HOST",
                value: host.to_owned(),
            }
        })?;
        let channel = endpoint
            .connect_timeout(ATTEMPT_TIMEOUT)
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES)
            .buffer_size(16)
            .connect_lazy();
        let sdk = Self {
            client: SdkClient::new(channel),
            pings: Arc::default(),
        };
        sdk.game_server().await?;
        Ok(sdk)
    }

    /// Says that this game server can take a match.
    ///
    /// # Errors
    /// [`SdkError::Unreachable`] or [`SdkError::Refused`], as every call below.
    pub async fn ready(&self) -> Result<(), SdkError> {
        self.call(|mut client| async move { client.ready(Empty {}).await })
            .await
            .map(drop)
    }

    /// Takes this game server out of the pool, for a match that it found itself.
    ///
    /// # Errors
    /// As [`Sdk::ready`].
    pub async fn allocate(&self) -> Result<(), SdkError> {
        self.call(|mut client| async move { client.allocate(Empty {}).await })
            .await
            .map(drop)
    }

    /// Says that this game server is done and wants to be ended.
    ///
    /// # Errors
    /// As [`Sdk::ready`].
    pub async fn shutdown(&self) -> Result<(), SdkError> {
        self.call(|mut client| async move { client.shutdown(Empty {}).await })
            .await
            .map(drop)
    }

    /// Keeps this game server from being allocated for `seconds`; then it is Ready again. 0 means without end.
    ///
    /// # Errors
    /// As [`Sdk::ready`].
    pub async fn reserve(&self, seconds: u32) -> Result<(), SdkError> {
        let seconds = Seconds {
            seconds: i64::from(seconds),
        };
        self.call(|mut client| async move { client.reserve(seconds).await })
            .await
            .map(drop)
    }

    /// Sets the label `agones.dev/sdk-<key>` of this game server.
    ///
    /// # Errors
    /// As [`Sdk::ready`]; a key or value against the grammar of labels is refused.
    pub async fn set_label(&self, key: &str, value: &str) -> Result<(), SdkError> {
        let pair = KeyValue {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        self.call(|mut client| {
            let pair = pair.clone();
            async move { client.set_label(pair).await }
        })
        .await
        .map(drop)
    }

    /// Sets the annotation `agones.dev/sdk-<key>` of this game server.
    ///
    /// # Errors
    /// As [`Sdk::ready`]; a key against the grammar of annotations is refused.
    pub async fn set_annotation(&self, key: &str, value: &str) -> Result<(), SdkError> {
        let pair = KeyValue {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        self.call(|mut client| {
            let pair = pair.clone();
            async move { client.set_annotation(pair).await }
        })
        .await
        .map(drop)
    }

    /// This game server as the SDK server sees it now.
    ///
    /// # Errors
    /// As [`Sdk::ready`].
    pub async fn game_server(&self) -> Result<GameServer, SdkError> {
        self.call(|mut client| async move { client.get_game_server(Empty {}).await })
            .await
    }

    /// Gives one sign of life, over a stream that is held open. It never waits and never fails: a sign that did not
    /// arrive is made good by the next one, and the stream is opened again when it broke. Call it inside a Tokio
    /// runtime.
    pub fn health(&self) {
        let mut pings = self.pings.lock();
        if let Some(open) = pings.as_ref() {
            match open.try_send(Empty {}) {
                Ok(()) | Err(mpsc::error::TrySendError::Full(_)) => return,
                Err(mpsc::error::TrySendError::Closed(_)) => {}
            }
        }
        let (sender, receiver) = mpsc::channel(PINGS_WAITING);
        // Cannot fail: the channel is new, has room, and its receiver is in scope.
        if sender.try_send(Empty {}).is_ok() {
            *pings = Some(sender);
        }
        let mut client = self.client.clone();
        tokio::spawn(async move {
            // Ends when the server answers or goes away; the receiver is dropped with it, which `health` notices.
            drop(client.health(ReceiverStream::new(receiver)).await);
        });
    }

    /// Gives a sign of life every `period`, until the returned task is aborted or the runtime ends.
    pub fn health_task(&self, period: Duration) -> JoinHandle<()> {
        let sdk = self.clone();
        tokio::spawn(async move {
            loop {
                sdk.health();
                sleep(period).await;
            }
        })
    }

    /// Follows this game server: the object as it is now, then each change.
    #[must_use]
    pub fn watch(&self) -> GameServerWatch {
        GameServerWatch {
            client: self.client.clone(),
            stream: None,
        }
    }

    /// Runs one call until it is answered, for at most [`REACH_FOR`]. Every call of this protocol sets a value, so
    /// doing it twice is doing it once.
    async fn call<T, F>(&self, attempt: impl Fn(SdkClient<Channel>) -> F) -> Result<T, SdkError>
    where
        F: Future<Output = Result<tonic::Response<T>, Status>>,
    {
        let start = Instant::now();
        loop {
            let last = match timeout(ATTEMPT_TIMEOUT, attempt(self.client.clone())).await {
                Ok(Ok(response)) => return Ok(response.into_inner()),
                Ok(Err(status)) if is_unanswered(&status) => status.message().to_owned(),
                Ok(Err(status)) => {
                    return Err(SdkError::Refused {
                        code: status.code(),
                        message: status.message().to_owned(),
                    });
                }
                Err(_) => "the attempt timed out".to_owned(),
            };
            let waited = start.elapsed();
            if waited >= REACH_FOR {
                return Err(SdkError::Unreachable { waited, last });
            }
            sleep(RETRY_PAUSE).await;
        }
    }
}

/// Whether a status was made on this side because the connection failed, rather than sent by the SDK server.
fn is_unanswered(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::Cancelled)
        || std::error::Error::source(status).is_some()
}

/// A game server, followed across restarts of the SDK server.
#[derive(Debug)]
pub struct GameServerWatch {
    client: SdkClient<Channel>,
    stream: Option<Streaming<GameServer>>,
}

impl GameServerWatch {
    /// The next state of the game server. The first is the current one, and so is the first after the SDK server came
    /// back: the same state may be seen twice, none is missed for good. Waits without end while nobody answers.
    pub async fn next(&mut self) -> GameServer {
        loop {
            if self.stream.is_none() {
                match self.client.watch_game_server(Empty {}).await {
                    Ok(response) => self.stream = Some(response.into_inner()),
                    Err(_) => sleep(REWATCH_PAUSE).await,
                }
            }
            if let Some(stream) = &mut self.stream {
                match stream.message().await {
                    Ok(Some(game_server)) => return game_server,
                    Ok(None) | Err(_) => {
                        self.stream = None;
                        sleep(REWATCH_PAUSE).await;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! The Agones SDK server of one game server: gRPC and the REST gateway on one loopback port.
//!
//! The wire contract is Agones' (`proto/sdk/sdk.proto` and `pkg/sdkserver` of agones-dev/agones), so that every Agones
//! SDK works unchanged. One difference is visible: what a game server says takes effect before it is answered, where
//! the Agones sidecar answers first and writes up to half a second later.

mod grpc;
mod json;
mod metadata;
mod rest;
mod solo;

use std::future::IntoFuture;
use std::sync::Arc;

use axum::Router;
use stadion_sdk::proto::GameServer;
use stadion_sdk::proto::sdk_server::SdkServer;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::Status;

pub use metadata::SDK_PREFIX;
pub use solo::Solo;

/// Longest message or body, bytes. The largest legal one is an annotation of 16 KiB with its key; JSON may escape
/// each byte to six.
const MESSAGE_BYTES_MAX: usize = 128 * 1024;

/// What a game server says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It can take a match.
    Ready,
    /// It took a match by itself.
    Allocate,
    /// It does not want a match for so long; `None` is for ever.
    Reserve {
        /// Seconds.
        seconds: Option<u32>,
    },
    /// It is done.
    Shutdown,
    /// A label, with its full key.
    Label(String, String),
    /// An annotation, with its full key.
    Annotation(String, String),
}

/// Who is behind the SDK server of one game server.
pub trait SdkBackend: Send + Sync + 'static {
    /// Carries out what the game server said. It has happened when this returns.
    ///
    /// # Errors
    /// The status that the game server gets.
    fn said(&self, said: Said) -> Result<(), Status>;

    /// Notes a sign of life.
    fn ping(&self);

    /// The game server as it is, and each change.
    fn view(&self) -> watch::Receiver<Arc<GameServer>>;
}

/// The SDK server of one game server; cheap to clone.
#[derive(Clone)]
struct Service {
    backend: Arc<dyn SdkBackend>,
    stop: CancellationToken,
}

impl Service {
    fn say(&self, said: Said) -> Result<(), Status> {
        if self.stop.is_cancelled() {
            return Err(Status::unavailable(
                "the SDK server is stopping: call again",
            ));
        }
        self.backend.said(said)
    }
}

/// Serves gRPC (HTTP/2 without TLS) and REST on `listener` until `stop`; open streams end then.
pub async fn serve(listener: TcpListener, backend: Arc<dyn SdkBackend>, stop: CancellationToken) {
    let service = Service {
        backend,
        stop: stop.clone(),
    };
    let grpc = SdkServer::new(service.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX);
    let app = Router::new()
        .route_service("/agones.dev.sdk.SDK/{method}", grpc)
        .merge(rest::router(service));
    let serving = axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned());
    if let Err(error) = serving.into_future().await {
        tracing::error!(%error, "an SDK server stopped");
    }
}

#[cfg(test)]
mod tests;

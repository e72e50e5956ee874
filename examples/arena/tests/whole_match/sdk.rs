//! An SDK server with one game server.

use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use stadion_sdk::proto::game_server::{ObjectMeta, Status as GameServerStatus};
use stadion_sdk::proto::sdk_server::{Sdk, SdkServer};
use stadion_sdk::proto::{Duration, Empty, GameServer, KeyValue};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_stream::wrappers::{TcpListenerStream, WatchStream};
use tokio_stream::{Stream, StreamExt};
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

/// The game server as the SDK server knows it.
#[derive(Clone)]
pub(crate) struct FakeSdk(Arc<watch::Sender<GameServer>>);

impl FakeSdk {
    /// Serves on a free port of loopback.
    pub(crate) async fn open() -> (Self, SocketAddr) {
        let fake = Self(Arc::new(watch::channel(GameServer::default()).0));
        fake.set("Scheduled", None);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let serve = Server::builder()
            .add_service(SdkServer::new(fake.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(serve);
        (fake, address)
    }

    pub(crate) fn changes(&self) -> watch::Receiver<GameServer> {
        self.0.subscribe()
    }

    pub(crate) fn state(&self) -> String {
        self.0.borrow().status.clone().unwrap_or_default().state
    }

    pub(crate) fn set(&self, state: &str, match_id: Option<&str>) {
        let mut meta = ObjectMeta::default();
        if let Some(match_id) = match_id {
            let key = "stadion.dev/match-id".to_owned();
            meta.labels.insert(key, match_id.to_owned());
        }
        self.0.send_replace(GameServer {
            object_meta: Some(meta),
            status: Some(GameServerStatus {
                state: state.into(),
                ..GameServerStatus::default()
            }),
            ..GameServer::default()
        });
    }

    fn answer(&self, state: &str) -> Result<Response<Empty>, Status> {
        self.set(state, None);
        Ok(Response::new(Empty {}))
    }
}

#[tonic::async_trait]
impl Sdk for FakeSdk {
    type WatchGameServerStream = Pin<Box<dyn Stream<Item = Result<GameServer, Status>> + Send>>;

    async fn ready(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        self.answer("Ready")
    }
    async fn allocate(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        self.answer("Allocated")
    }
    async fn shutdown(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        self.answer("Shutdown")
    }
    async fn reserve(&self, _: Request<Duration>) -> Result<Response<Empty>, Status> {
        self.answer("Reserved")
    }
    async fn health(&self, request: Request<Streaming<Empty>>) -> Result<Response<Empty>, Status> {
        let mut pings = request.into_inner();
        while pings.message().await?.is_some() {}
        Ok(Response::new(Empty {}))
    }
    async fn get_game_server(&self, _: Request<Empty>) -> Result<Response<GameServer>, Status> {
        Ok(Response::new(self.0.borrow().clone()))
    }
    async fn watch_game_server(
        &self,
        _: Request<Empty>,
    ) -> Result<Response<Self::WatchGameServerStream>, Status> {
        let changes = WatchStream::new(self.0.subscribe()).map(Ok);
        Ok(Response::new(Box::pin(changes)))
    }
    async fn set_label(&self, _: Request<KeyValue>) -> Result<Response<Empty>, Status> {
        Ok(Response::new(Empty {}))
    }
    async fn set_annotation(&self, _: Request<KeyValue>) -> Result<Response<Empty>, Status> {
        Ok(Response::new(Empty {}))
    }
}

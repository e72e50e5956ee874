use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_stream::wrappers::{TcpListenerStream, WatchStream};
use tokio_stream::{Stream, StreamExt};
use tonic::transport::Server;
use tonic::{Request, Response};

use super::*;
use crate::proto::game_server::{ObjectMeta, Status as GameServerStatus};
use crate::proto::sdk_server::{Sdk as SdkService, SdkServer};

/// Longest wait for anything in these tests.
const PATIENCE: Duration = Duration::from_secs(30);

/// An SDK server that keeps its state in two watch channels, which outlive its restarts.
#[derive(Clone)]
struct Fake {
    state: Arc<watch::Sender<GameServer>>,
    pings: Arc<watch::Sender<u32>>,
}

impl Fake {
    fn new() -> Self {
        Self {
            state: Arc::new(watch::channel(in_state("Starting")).0),
            pings: Arc::new(watch::channel(0).0),
        }
    }

    fn set(&self, state: &str) -> Result<Response<Empty>, Status> {
        self.state.send_replace(in_state(state));
        Ok(Response::new(Empty {}))
    }

    async fn serve(&self, address: SocketAddr) -> (SocketAddr, JoinHandle<()>) {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(address).unwrap();
        let listener: TcpListener = socket.listen(16).unwrap();
        let address = listener.local_addr().unwrap();
        let service = SdkServer::new(self.clone());
        let serve = Server::builder()
            .add_service(service)
            .serve_with_incoming(TcpListenerStream::new(listener));
        (address, tokio::spawn(async move { serve.await.unwrap() }))
    }
}

fn in_state(state: &str) -> GameServer {
    GameServer {
        object_meta: Some(ObjectMeta {
            name: "duel-1".into(),
            ..Default::default()
        }),
        status: Some(GameServerStatus {
            state: state.into(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn state_of(game_server: &GameServer) -> &str {
    &game_server.status.as_ref().unwrap().state
}

#[tonic::async_trait]
impl SdkService for Fake {
    type WatchGameServerStream = Pin<Box<dyn Stream<Item = Result<GameServer, Status>> + Send>>;

    async fn ready(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        self.set("Ready")
    }
    async fn allocate(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        self.set("Allocated")
    }
    async fn shutdown(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        self.set("Shutdown")
    }
    async fn reserve(&self, request: Request<Seconds>) -> Result<Response<Empty>, Status> {
        self.set(&format!("Reserved {}", request.into_inner().seconds))
    }
    async fn health(&self, request: Request<Streaming<Empty>>) -> Result<Response<Empty>, Status> {
        let mut stream = request.into_inner();
        while stream.message().await?.is_some() {
            self.pings.send_modify(|pings| *pings += 1);
        }
        Ok(Response::new(Empty {}))
    }
    async fn get_game_server(&self, _: Request<Empty>) -> Result<Response<GameServer>, Status> {
        Ok(Response::new(self.state.borrow().clone()))
    }
    async fn watch_game_server(
        &self,
        _: Request<Empty>,
    ) -> Result<Response<Self::WatchGameServerStream>, Status> {
        Ok(Response::new(Box::pin(
            WatchStream::new(self.state.subscribe()).map(Ok),
        )))
    }
    async fn set_label(&self, request: Request<KeyValue>) -> Result<Response<Empty>, Status> {
        if request.get_ref().key == "bad key" {
            return Err(Status::invalid_argument("no such key"));
        }
        self.state.send_modify(|game_server| {
            let KeyValue { key, value } = request.into_inner();
            game_server
                .object_meta
                .as_mut()
                .unwrap()
                .labels
                .insert(format!("agones.dev/sdk-{key}"), value);
        });
        Ok(Response::new(Empty {}))
    }
    async fn set_annotation(&self, request: Request<KeyValue>) -> Result<Response<Empty>, Status> {
        self.set_label(request).await
    }
}

fn anywhere() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

#[tokio::test]
async fn every_call_reaches_the_server() {
    let fake = Fake::new();
    let (address, server) = fake.serve(anywhere()).await;
    let sdk = Sdk::connect("127.0.0.1", address.port()).await.unwrap();

    let mut seen = sdk.watch();
    assert_eq!(state_of(&seen.next().await), "Starting");
    sdk.ready().await.unwrap();
    assert_eq!(state_of(&seen.next().await), "Ready");
    sdk.allocate().await.unwrap();
    assert_eq!(state_of(&seen.next().await), "Allocated");
    sdk.reserve(7).await.unwrap();
    assert_eq!(state_of(&seen.next().await), "Reserved 7");
    sdk.set_label("map", "dust").await.unwrap();
    let labels = sdk.game_server().await.unwrap().object_meta.unwrap().labels;
    assert_eq!(labels["agones.dev/sdk-map"], "dust");
    let refused = sdk.set_label("bad key", "x").await.unwrap_err();
    assert!(
        matches!(
            refused,
            SdkError::Refused {
                code: Code::InvalidArgument,
                ..
            }
        ),
        "{refused}"
    );
    sdk.shutdown().await.unwrap();
    assert_eq!(state_of(&sdk.game_server().await.unwrap()), "Shutdown");
    server.abort();
}

#[tokio::test]
async fn the_server_may_start_after_the_client() {
    let closed = TcpListener::bind(anywhere()).await.unwrap();
    let address = closed.local_addr().unwrap();
    let late = tokio::spawn(async move { Sdk::connect("127.0.0.1", address.port()).await });
    // The first attempt meets a closed door.
    drop(timeout(PATIENCE, closed.accept()).await.unwrap().unwrap());
    drop(closed);
    let (_, server) = Fake::new().serve(address).await;
    timeout(PATIENCE, late).await.unwrap().unwrap().unwrap();
    server.abort();
}

#[tokio::test]
async fn calls_watch_and_health_outlive_the_server() {
    let fake = Fake::new();
    let (address, server) = fake.serve(anywhere()).await;
    let sdk = Sdk::connect("127.0.0.1", address.port()).await.unwrap();
    let mut seen = sdk.watch();
    assert_eq!(state_of(&seen.next().await), "Starting");
    let health = sdk.health_task(Duration::from_millis(20));
    let mut pings = fake.pings.subscribe();
    timeout(PATIENCE, pings.wait_for(|pings| *pings > 2))
        .await
        .unwrap()
        .unwrap();

    server.abort();
    drop(server.await);
    let (_, server) = fake.serve(address).await;

    sdk.ready().await.unwrap();
    timeout(PATIENCE, async {
        while state_of(&seen.next().await) != "Ready" {}
    })
    .await
    .unwrap();
    let before = *fake.pings.borrow();
    timeout(PATIENCE, pings.wait_for(|pings| *pings > before + 2))
        .await
        .unwrap()
        .unwrap();
    health.abort();
    server.abort();
}

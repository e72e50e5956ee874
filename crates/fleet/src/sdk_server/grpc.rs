//! The gRPC face.

use std::pin::Pin;

use futures_core::Stream;
use futures_util::StreamExt;
use stadion_sdk::proto::sdk_server::Sdk;
use stadion_sdk::proto::{Duration, Empty, GameServer, KeyValue};
use tokio_stream::wrappers::WatchStream;
use tonic::{Request, Response, Status, Streaming};

use super::{Said, Service, metadata};

type Answer = Result<Response<Empty>, Status>;

impl Service {
    fn answer(&self, said: Said) -> Answer {
        self.say(said).map(|()| Response::new(Empty {}))
    }

    /// The current object, then each change, until the SDK server stops.
    pub(super) fn changes(&self) -> impl Stream<Item = std::sync::Arc<GameServer>> + Send + use<> {
        WatchStream::new(self.backend.view()).take_until(self.stop.clone().cancelled_owned())
    }
}

/// What a Reserve message means: nothing is for ever, as in Agones.
pub(super) fn reserve(seconds: i64) -> Result<Said, Status> {
    let seconds = u32::try_from(seconds).map_err(|_| {
        Status::invalid_argument(format!(
            "cannot reserve for {seconds} s: 0 to {} are allowed",
            u32::MAX
        ))
    })?;
    Ok(Said::Reserve {
        seconds: (seconds > 0).then_some(seconds),
    })
}

#[tonic::async_trait]
impl Sdk for Service {
    type WatchGameServerStream = Pin<Box<dyn Stream<Item = Result<GameServer, Status>> + Send>>;

    async fn ready(&self, _: Request<Empty>) -> Answer {
        self.answer(Said::Ready)
    }

    async fn allocate(&self, _: Request<Empty>) -> Answer {
        self.answer(Said::Allocate)
    }

    async fn shutdown(&self, _: Request<Empty>) -> Answer {
        self.answer(Said::Shutdown)
    }

    async fn health(&self, request: Request<Streaming<Empty>>) -> Answer {
        let mut pings = request.into_inner();
        loop {
            let ping = tokio::select! {
                ping = pings.message() => ping?,
                () = self.stop.cancelled() => return Err(Status::unavailable("the SDK server is stopping: call again")),
            };
            if ping.is_none() {
                return Ok(Response::new(Empty {}));
            }
            self.backend.ping();
        }
    }

    async fn get_game_server(&self, _: Request<Empty>) -> Result<Response<GameServer>, Status> {
        let now = self.backend.view().borrow().as_ref().clone();
        Ok(Response::new(now))
    }

    async fn watch_game_server(
        &self,
        _: Request<Empty>,
    ) -> Result<Response<Self::WatchGameServerStream>, Status> {
        Ok(Response::new(Box::pin(
            self.changes()
                .map(|game_server| Ok(game_server.as_ref().clone())),
        )))
    }

    async fn set_label(&self, request: Request<KeyValue>) -> Answer {
        self.answer(metadata::label(request.into_inner())?)
    }

    async fn set_annotation(&self, request: Request<KeyValue>) -> Answer {
        self.answer(metadata::annotation(request.into_inner())?)
    }

    async fn reserve(&self, request: Request<Duration>) -> Answer {
        self.answer(reserve(request.into_inner().seconds)?)
    }
}

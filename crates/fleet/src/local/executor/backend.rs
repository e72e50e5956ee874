//! What a game server says, carried to the world.

use std::sync::Arc;

use stadion_core::fleet::FleetError;
use stadion_core::id::ServerName;
use stadion_sdk::proto;
use tokio::sync::watch;
use tonic::Status;

use super::Inner;
use crate::sdk_server::{Said, SdkBackend};

/// A game server, behind its SDK server.
pub(super) struct Backend {
    pub(super) inner: Arc<Inner>,
    pub(super) name: ServerName,
}

impl SdkBackend for Backend {
    fn said(&self, said: Said) -> Result<(), Status> {
        let random = (self.inner.config.random)();
        self.inner
            .apply(|world, now| world.said(&self.name, said, now, random))
            .map_err(|error| match error {
                FleetError::NotFound { .. } => Status::not_found(error.to_string()),
                FleetError::Refused(_) => Status::resource_exhausted(error.to_string()),
                FleetError::NoCapacity { .. } | FleetError::Unavailable(_) => {
                    Status::unavailable(error.to_string())
                }
            })
    }

    fn ping(&self) {
        let now = self.inner.now();
        self.inner.shared.lock().world.pinged(&self.name, now);
    }

    fn view(&self) -> watch::Receiver<Arc<proto::GameServer>> {
        let shared = self.inner.shared.lock();
        // A server that is gone shows nothing, and its watch ends at once.
        shared.shown.get(&self.name).map_or_else(
            || watch::channel(Arc::default()).1,
            |shown| shown.view.subscribe(),
        )
    }
}

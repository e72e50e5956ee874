//! An SDK server without a fleet, for a game server under development.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use stadion_sdk::proto::GameServer;
use stadion_sdk::proto::game_server::{ObjectMeta, Spec, Status as GameServerStatus, spec, status};
use tokio::sync::watch;
use tonic::Status;

use super::{Said, SdkBackend};

/// One game server that nobody supervises: whatever it says is accepted at once, in any order, and signs of life
/// change nothing. This is what the local mode of the Agones sidecar does (`pkg/sdkserver/localsdk.go`).
#[derive(Clone, Debug)]
pub struct Solo {
    view: Arc<watch::Sender<Arc<GameServer>>>,
    /// Changes of state so far.
    changes: Arc<AtomicU64>,
}

impl Default for Solo {
    /// The game server that the Agones sidecar shows in local mode.
    fn default() -> Self {
        let one = |key: &str| [(key.to_owned(), "true".to_owned())].into();
        Self::new(GameServer {
            object_meta: Some(ObjectMeta {
                name: "local".to_owned(),
                namespace: "default".to_owned(),
                uid: "1234".to_owned(),
                resource_version: "v1".to_owned(),
                generation: 1,
                labels: one("islocal"),
                annotations: one("annotation"),
                ..ObjectMeta::default()
            }),
            spec: Some(Spec {
                health: Some(spec::Health {
                    disabled: false,
                    period_seconds: 3,
                    failure_threshold: 5,
                    initial_delay_seconds: 10,
                }),
            }),
            status: Some(GameServerStatus {
                state: "Ready".to_owned(),
                address: "127.0.0.1".to_owned(),
                ports: vec![status::Port {
                    name: "default".to_owned(),
                    port: 7777,
                }],
                ..GameServerStatus::default()
            }),
        })
    }
}

impl Solo {
    /// Begins with `game_server`.
    #[must_use]
    pub fn new(game_server: GameServer) -> Self {
        Self {
            view: Arc::new(watch::channel(Arc::new(game_server)).0),
            changes: Arc::default(),
        }
    }

    /// Changes the game server from outside, as an allocation would.
    pub fn change(&self, change: impl FnOnce(&mut GameServer)) {
        self.view.send_modify(|view| change(Arc::make_mut(view)));
    }

    /// Enters `state`; the number of the change.
    fn enter(&self, state: &str) -> u64 {
        self.change(|game_server| {
            game_server.status.get_or_insert_default().state = state.to_owned();
        });
        self.changes.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Ends a reservation, unless another change of state came in between.
    fn end_reservation(&self, change: u64, seconds: u32) {
        let solo = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(seconds.into())).await;
            if solo.changes.load(Ordering::Relaxed) == change {
                solo.enter("Ready");
            }
        });
    }
}

impl SdkBackend for Solo {
    fn said(&self, said: Said) -> Result<(), Status> {
        match said {
            Said::Ready => {
                self.enter("Ready");
            }
            Said::Allocate => {
                self.enter("Allocated");
            }
            Said::Shutdown => {
                self.enter("Shutdown");
            }
            Said::Reserve { seconds } => {
                let change = self.enter("Reserved");
                if let Some(seconds) = seconds {
                    self.end_reservation(change, seconds);
                }
            }
            Said::Label(key, value) => self.change(|game_server| {
                game_server
                    .object_meta
                    .get_or_insert_default()
                    .labels
                    .insert(key, value);
            }),
            Said::Annotation(key, value) => self.change(|game_server| {
                game_server
                    .object_meta
                    .get_or_insert_default()
                    .annotations
                    .insert(key, value);
            }),
        }
        Ok(())
    }

    fn ping(&self) {}

    fn view(&self) -> watch::Receiver<Arc<GameServer>> {
        self.view.subscribe()
    }
}

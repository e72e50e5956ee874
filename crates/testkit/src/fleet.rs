//! A fleet in memory, whose faults can be switched on.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::StreamExt;
use parking_lot::Mutex;
use stadion_core::fleet::{
    Allocation, AllocationRequest, Fleet, FleetChange, FleetError, FleetSpec, GameServer,
    GameServerState,
};
use stadion_core::id::{FleetName, MatchId, ServerName};
use stadion_core::time::Timestamp;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

use crate::build::game_server;

#[cfg(test)]
mod tests;

/// What goes wrong with an allocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// No server fits, whatever there is.
    NoCapacity,
    /// The backend does not answer, and does nothing.
    Unavailable,
    /// The backend does its work, and its answer is lost.
    LostAnswer,
}

/// Changes that a watcher may lag behind.
const CHANGES_MAX: usize = 1_024;

struct Inner {
    servers: BTreeMap<ServerName, Arc<GameServer>>,
    replicas: BTreeMap<FleetName, u32>,
    fault: Fault,
    serial: u64,
    allocations: usize,
}

/// A fleet without processes: servers are Ready at once.
pub struct FakeFleet {
    specs: Vec<Arc<FleetSpec>>,
    inner: Mutex<Inner>,
    changes: broadcast::Sender<FleetChange>,
}

impl FakeFleet {
    /// Fleets of these kinds, each with its minimum of servers.
    #[must_use]
    pub fn new(specs: Vec<FleetSpec>) -> Arc<Self> {
        let fleet = Self {
            specs: specs.into_iter().map(Arc::new).collect(),
            inner: Mutex::new(Inner {
                servers: BTreeMap::new(),
                replicas: BTreeMap::new(),
                fault: Fault::None,
                serial: 0,
                allocations: 0,
            }),
            changes: broadcast::channel(CHANGES_MAX).0,
        };
        {
            let mut inner = fleet.inner.lock();
            for spec in &fleet.specs {
                inner
                    .replicas
                    .insert(spec.name.clone(), spec.bounds.min_replicas);
                fleet.fill(&mut inner, spec);
            }
        }
        Arc::new(fleet)
    }

    /// Switches a fault on, or off with [`Fault::None`].
    pub fn set_fault(&self, fault: Fault) {
        self.inner.lock().fault = fault;
    }

    /// How often a server was given to a match that had none (I3).
    #[must_use]
    pub fn allocations(&self) -> usize {
        self.inner.lock().allocations
    }

    /// The server of `match_id`, if it has one.
    #[must_use]
    pub fn server_of(&self, match_id: MatchId) -> Option<Arc<GameServer>> {
        let inner = self.inner.lock();
        let mut servers = inner.servers.values();
        servers
            .find(|server| server.match_id == Some(match_id))
            .map(Arc::clone)
    }

    /// Loses a server as a crash would, without replacing it.
    pub fn crash(&self, name: &ServerName) {
        let removed = self.inner.lock().servers.remove(name);
        if let Some(server) = removed {
            self.tell(FleetChange::Removed(server));
        }
    }

    fn tell(&self, change: FleetChange) {
        // Nobody listening is no error.
        drop(self.changes.send(change));
    }

    fn spec(&self, name: &FleetName) -> Result<&Arc<FleetSpec>, FleetError> {
        let mut specs = self.specs.iter();
        specs
            .find(|spec| spec.name == *name)
            .ok_or_else(|| FleetError::NotFound {
                what: "fleet",
                name: name.to_string(),
            })
    }

    /// Makes the servers of `spec` as many as wanted; an allocated one is never taken (I8).
    fn fill(&self, inner: &mut Inner, spec: &FleetSpec) {
        let wanted = inner.replicas.get(&spec.name).copied().unwrap_or_default();
        let wanted = usize::try_from(wanted).expect("a u32 fits");
        let of_fleet = |inner: &Inner| -> Vec<Arc<GameServer>> {
            let all = inner.servers.values();
            all.filter(|s| s.fleet == spec.name)
                .map(Arc::clone)
                .collect()
        };
        let there = of_fleet(inner);
        for _ in there.len()..wanted {
            inner.serial += 1;
            let name = format!("{}-{:05}", spec.name, inner.serial);
            let server = Arc::new(game_server(spec, &name, Timestamp(inner.serial)));
            inner
                .servers
                .insert(server.name.clone(), Arc::clone(&server));
            self.tell(FleetChange::Changed(server));
        }
        let surplus = there.len().saturating_sub(wanted);
        let ready = there.iter().filter(|s| s.state == GameServerState::Ready);
        for server in ready.take(surplus) {
            inner.servers.remove(&server.name);
            self.tell(FleetChange::Removed(Arc::clone(server)));
        }
    }

    fn remove(&self, inner: &mut Inner, name: &ServerName) -> Result<(), FleetError> {
        if let Some(server) = inner.servers.remove(name) {
            let spec = Arc::clone(self.spec(&server.fleet)?);
            self.tell(FleetChange::Removed(server));
            self.fill(inner, &spec);
        }
        Ok(())
    }
}

fn unavailable() -> FleetError {
    FleetError::Unavailable("switched off by the test".to_owned())
}

#[async_trait]
impl Fleet for FakeFleet {
    fn specs(&self) -> Vec<Arc<FleetSpec>> {
        self.specs.clone()
    }

    async fn servers(&self) -> Result<Vec<Arc<GameServer>>, FleetError> {
        Ok(self.inner.lock().servers.values().map(Arc::clone).collect())
    }

    fn watch(&self) -> BoxStream<'static, FleetChange> {
        BroadcastStream::new(self.changes.subscribe())
            .map(|change| change.unwrap_or(FleetChange::Lagged))
            .boxed()
    }

    async fn allocate(&self, request: &AllocationRequest) -> Result<Allocation, FleetError> {
        let mut inner = self.inner.lock();
        let no_capacity = || FleetError::NoCapacity {
            region: request.region.clone(),
        };
        let fault = inner.fault;
        match fault {
            Fault::NoCapacity => return Err(no_capacity()),
            Fault::Unavailable => return Err(unavailable()),
            Fault::None | Fault::LostAnswer => {}
        }
        let mine = |server: &&Arc<GameServer>| server.match_id == Some(request.match_id);
        let fits = |server: &&Arc<GameServer>| {
            server.state == GameServerState::Ready
                && server.region == request.region
                && server.plays(&request.game_mode)
                && server.max_players >= request.players
                && request.requirements.met_by(server)
        };
        let found = inner.servers.values().find(mine).map(Arc::clone);
        let server = if let Some(server) = found {
            server
        } else {
            let free = inner.servers.values().find(fits).ok_or_else(no_capacity)?;
            let server = Arc::new(GameServer {
                state: GameServerState::Allocated,
                match_id: Some(request.match_id),
                players: request.players,
                allocated_at: Some(free.created_at),
                ..GameServer::clone(free)
            });
            inner
                .servers
                .insert(server.name.clone(), Arc::clone(&server));
            inner.allocations += 1;
            self.tell(FleetChange::Changed(Arc::clone(&server)));
            server
        };
        if fault == Fault::LostAnswer {
            return Err(unavailable());
        }
        Ok(server.allocation(request.match_id))
    }

    async fn release(&self, match_id: MatchId) -> Result<(), FleetError> {
        let mut inner = self.inner.lock();
        if inner.fault == Fault::Unavailable {
            return Err(unavailable());
        }
        let of_match = |server: &&Arc<GameServer>| server.match_id == Some(match_id);
        let name = inner
            .servers
            .values()
            .find(of_match)
            .map(|s| s.name.clone());
        name.map_or(Ok(()), |name| self.remove(&mut inner, &name))
    }

    async fn shut_down(&self, server: &ServerName) -> Result<(), FleetError> {
        let mut inner = self.inner.lock();
        if !inner.servers.contains_key(server) {
            return Err(FleetError::NotFound {
                what: "server",
                name: server.to_string(),
            });
        }
        self.remove(&mut inner, server)
    }

    async fn replicas(&self, fleet: &FleetName) -> Result<u32, FleetError> {
        self.spec(fleet)?;
        Ok(self.inner.lock().replicas.get(fleet).copied().unwrap_or(0))
    }

    async fn scale(&self, fleet: &FleetName, replicas: u32) -> Result<(), FleetError> {
        let spec = Arc::clone(self.spec(fleet)?);
        let bounds = spec.bounds;
        if !(bounds.min_replicas..=bounds.max_replicas).contains(&replicas) {
            return Err(FleetError::Refused(format!(
                "{fleet} has {} to {} servers",
                bounds.min_replicas, bounds.max_replicas
            )));
        }
        let mut inner = self.inner.lock();
        inner.replicas.insert(fleet.clone(), replicas);
        self.fill(&mut inner, &spec);
        Ok(())
    }
}

//! Which match has which server.

use stadion_core::fleet::{Allocation, AllocationRequest, FleetError, GameServer, GameServerState};
use stadion_core::id::{MatchId, ServerName};
use stadion_core::placement;
use stadion_core::time::Timestamp;

use super::super::{LAST_ALLOCATED, MATCH_ANNOTATION, rfc3339};
use super::World;

/// An allocation, and whether it is new.
#[derive(Debug)]
pub(in super::super) struct Given {
    pub(in super::super) allocation: Allocation,
    pub(in super::super) is_new: bool,
}

impl World {
    /// Gives a server to the match, or the one it already has (I3).
    pub(in super::super) fn allocate(
        &mut self,
        request: &AllocationRequest,
        now: Timestamp,
    ) -> Result<Given, FleetError> {
        let match_id = request.match_id;
        let servers = || self.servers.values().map(|server| &server.record.server);
        let has = |server: &&GameServer| {
            server.state == GameServerState::Allocated && server.match_id == Some(match_id)
        };
        if let Some(server) = servers().find(has) {
            return Ok(Given {
                allocation: server.allocation(match_id),
                is_new: false,
            });
        }
        let server =
            placement::select(servers(), request, now).ok_or_else(|| FleetError::NoCapacity {
                region: request.region.clone(),
            })?;
        let given = Given {
            allocation: server.allocation(match_id),
            is_new: true,
        };
        self.enter_allocated(&given.allocation.server, Some(request), now);
        Ok(given)
    }

    /// Takes back an allocation that could not be written down.
    pub(in super::super) fn unallocate(&mut self, name: &ServerName, now: Timestamp) {
        self.enter(name, GameServerState::Ready, now);
    }

    /// The server belongs to a match from now on: to that of `request`, or to one that it found itself.
    pub(super) fn enter_allocated(
        &mut self,
        name: &ServerName,
        request: Option<&AllocationRequest>,
        now: Timestamp,
    ) {
        self.enter(name, GameServerState::Allocated, now);
        let Some(server) = self.servers.get_mut(name) else {
            return;
        };
        let server = &mut server.record.server;
        server.allocated_at = Some(now);
        server
            .annotations
            .insert(LAST_ALLOCATED.to_owned(), rfc3339(now));
        if let Some(request) = request {
            server.match_id = Some(request.match_id);
            server.players = request.players;
            server
                .annotations
                .insert(MATCH_ANNOTATION.to_owned(), request.match_id.to_string());
        }
    }

    /// Takes the match's server back.
    pub(in super::super) fn release(&mut self, match_id: MatchId, now: Timestamp) {
        let servers = self.servers.values().map(|server| &server.record.server);
        let held = servers
            .filter(|server| server.match_id == Some(match_id) && !server.state.is_terminal());
        let names: Vec<_> = held.map(|server| server.name.clone()).collect();
        for name in names {
            self.enter(&name, GameServerState::Shutdown, now);
        }
    }
}

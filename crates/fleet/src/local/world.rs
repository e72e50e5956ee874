//! What a local fleet knows and decides, without doing anything: time and randomness are arguments, and what is to be
//! done comes back as a [`Plan`](plan::Plan).

mod matches;
mod plan;
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use stadion_core::fleet::{FleetError, FleetSpec, GameServer, GameServerState, NamedPort};
use stadion_core::id::{FleetName, ServerName};
use stadion_core::time::Timestamp;

use super::process::{Exit, Identity};
use super::record::Record;
use super::{MATCH_ANNOTATION, Timing};
use crate::sdk_server::Said;

pub(super) use matches::Given;
use server::{BackOff, Pulse, Server, is_short_life, set_own};

/// Every fleet and game server of this host.
#[derive(Debug)]
pub(super) struct World {
    fleets: BTreeMap<FleetName, FleetState>,
    servers: BTreeMap<ServerName, Server>,
    timing: Timing,
    /// Nothing is wanted any more, and nobody can want it.
    ending: bool,
    /// Servers whose record or snapshot is behind.
    changed: BTreeSet<ServerName>,
}

/// One fleet.
#[derive(Debug)]
struct FleetState {
    spec: Arc<FleetSpec>,
    wanted: u32,
    back_off: BackOff,
}

/// A server that is about to be started.
pub(super) struct Birth {
    pub(super) name: ServerName,
    pub(super) uid: String,
    pub(super) address: String,
    pub(super) game_port: u16,
    pub(super) sdk_port: u16,
}

fn no_server(name: &ServerName) -> FleetError {
    FleetError::NotFound {
        what: "server",
        name: name.to_string(),
    }
}

impl World {
    /// Fleets with as many servers wanted as `wanted` says, or as many as they want to keep Ready.
    pub(super) fn new(
        specs: &[Arc<FleetSpec>],
        wanted: &BTreeMap<FleetName, u32>,
        timing: Timing,
    ) -> Self {
        let fleets = specs.iter().map(|spec| {
            let bounds = &spec.bounds;
            let wanted = wanted
                .get(&spec.name)
                .copied()
                .unwrap_or(bounds.buffer_size);
            let wanted = wanted.max(bounds.min_replicas).min(bounds.max_replicas);
            (
                spec.name.clone(),
                FleetState {
                    spec: Arc::clone(spec),
                    wanted,
                    back_off: BackOff::default(),
                },
            )
        });
        Self {
            fleets: fleets.collect(),
            servers: BTreeMap::new(),
            timing,
            ending: false,
            changed: BTreeSet::new(),
        }
    }

    pub(super) fn specs(&self) -> Vec<Arc<FleetSpec>> {
        self.fleets
            .values()
            .map(|fleet| Arc::clone(&fleet.spec))
            .collect()
    }

    pub(super) fn spec(&self, fleet: &FleetName) -> Option<&Arc<FleetSpec>> {
        self.fleets.get(fleet).map(|fleet| &fleet.spec)
    }

    pub(super) fn wanted(&self) -> BTreeMap<FleetName, u32> {
        self.fleets
            .iter()
            .map(|(name, fleet)| (name.clone(), fleet.wanted))
            .collect()
    }

    pub(super) fn has(&self, name: &ServerName) -> bool {
        self.servers.contains_key(name)
    }

    pub(super) fn record(&self, name: &ServerName) -> Option<(&Record, &Arc<FleetSpec>)> {
        self.servers
            .get(name)
            .map(|server| (&server.record, &server.spec))
    }

    /// Ports of game servers, and of their SDK servers.
    pub(super) fn used_ports(&self) -> (BTreeSet<u16>, BTreeSet<u16>) {
        let records = || self.servers.values().map(|server| &server.record);
        (
            records().map(|record| record.server.game_port()).collect(),
            records().map(|record| record.sdk_port).collect(),
        )
    }

    /// Servers that changed since the last call; each gets a new version.
    pub(super) fn take_changed(&mut self) -> BTreeSet<ServerName> {
        let changed = std::mem::take(&mut self.changed);
        for name in &changed {
            if let Some(server) = self.servers.get_mut(name) {
                server.record.version += 1;
            }
        }
        changed
    }

    /// Whether a server is behind.
    pub(super) fn has_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Says that `name` is still behind.
    pub(super) fn mark_changed(&mut self, name: ServerName) {
        self.changed.insert(name);
    }

    /// Takes in a server whose process is about to be started.
    pub(super) fn begin(
        &mut self,
        fleet: &FleetName,
        birth: Birth,
        now: Timestamp,
    ) -> Result<(), FleetError> {
        let spec = Arc::clone(self.spec(fleet).ok_or_else(|| no_fleet(fleet))?);
        let mut labels = spec.template.labels.clone();
        labels.insert("tick_rate".to_owned(), spec.template.tick_rate.to_string());
        labels.insert(
            "anti_cheat".to_owned(),
            spec.template.anti_cheat.to_string(),
        );
        labels.insert("agones.dev/fleet".to_owned(), fleet.to_string());
        let server = GameServer {
            name: birth.name,
            fleet: fleet.clone(),
            region: spec.region.clone(),
            zone: spec.zone.clone(),
            game_modes: spec.game_modes.clone(),
            state: GameServerState::Starting,
            address: birth.address,
            ports: vec![NamedPort {
                name: "default".to_owned(),
                port: birth.game_port,
            }],
            labels,
            annotations: BTreeMap::new(),
            max_players: spec.template.max_players,
            players: 0,
            match_id: None,
            created_at: now,
            changed_at: now,
            allocated_at: None,
            pid: None,
        };
        self.adopt(Record::new(server, birth.uid, birth.sdk_port), spec, now);
        Ok(())
    }

    /// Takes in a server that an earlier Stadion started.
    pub(super) fn adopt(&mut self, record: Record, spec: Arc<FleetSpec>, now: Timestamp) {
        let name = record.server.name.clone();
        let pulse = Pulse::new(&spec, now);
        self.servers.insert(
            name.clone(),
            Server {
                record,
                spec,
                since: now,
                pulse,
                kill_at: None,
            },
        );
        self.changed.insert(name);
    }

    /// Its process runs.
    pub(super) fn started(&mut self, name: &ServerName, process: Identity, now: Timestamp) {
        let Some(server) = self.servers.get_mut(name) else {
            return;
        };
        server.record.server.pid = Some(process.pid);
        server.record.process_start = Some(process.start);
        self.changed.insert(name.clone());
        if server.record.server.state == GameServerState::Starting {
            self.enter(name, GameServerState::Scheduled, now);
        }
    }

    /// Its process ended, or could not be started; the server is gone.
    pub(super) fn exited(
        &mut self,
        name: &ServerName,
        exit: Exit,
        now: Timestamp,
        random: u64,
    ) -> Option<Record> {
        let Server { record, .. } = self.servers.remove(name)?;
        self.changed.remove(name);
        let server = &record.server;
        // A terminal state was judged when it was entered.
        if !server.state.is_terminal() {
            let useless = server.state.is_starting() || is_short_life(server, now);
            if exit == Exit::Crash || useless {
                self.failed(&server.fleet, now.since_ms(server.created_at), now, random);
            }
        }
        Some(record)
    }

    /// A server that cannot be reached any more, for a reason of ours.
    pub(super) fn lost(&mut self, name: &ServerName, now: Timestamp) {
        self.enter(name, GameServerState::Unhealthy, now);
    }

    /// A server of `fleet` failed after it had lived for `lived_ms`.
    pub(super) fn failed(&mut self, fleet: &FleetName, lived_ms: u64, now: Timestamp, random: u64) {
        if let Some(fleet) = self.fleets.get_mut(fleet) {
            fleet.back_off.failed(&self.timing, lived_ms, now, random);
        }
    }

    /// Forgets a server that never had a process.
    pub(super) fn forget(&mut self, name: &ServerName) {
        self.servers.remove(name);
        self.changed.remove(name);
    }

    fn enter(&mut self, name: &ServerName, state: GameServerState, now: Timestamp) {
        let Some(server) = self.servers.get_mut(name) else {
            return;
        };
        let record = &mut server.record;
        record.server.state = state;
        record.server.changed_at = now;
        record.reserved_until = None;
        if matches!(state, GameServerState::Ready | GameServerState::Reserved) {
            record.server.match_id = None;
            record.server.players = 0;
            record.server.annotations.remove(MATCH_ANNOTATION);
        }
        self.changed.insert(name.clone());
    }

    /// What the server said through its SDK. After a terminal state nothing that it says counts, and that is no error:
    /// as in Agones.
    pub(super) fn said(
        &mut self,
        name: &ServerName,
        said: Said,
        now: Timestamp,
        random: u64,
    ) -> Result<(), FleetError> {
        let record = &mut self
            .servers
            .get_mut(name)
            .ok_or_else(|| no_server(name))?
            .record;
        let server = &mut record.server;
        if server.state.is_terminal() {
            return Ok(());
        }
        match said {
            Said::Ready if server.state == GameServerState::Ready => {}
            Said::Ready => self.enter(name, GameServerState::Ready, now),
            Said::Allocate if server.state == GameServerState::Allocated => {}
            Said::Allocate => self.enter_allocated(name, None, now),
            Said::Reserve { seconds } => {
                self.enter(name, GameServerState::Reserved, now);
                if let Some(server) = self.servers.get_mut(name) {
                    server.record.reserved_until =
                        seconds.map(|seconds| now.plus_ms(u64::from(seconds) * 1_000));
                }
            }
            Said::Shutdown => {
                let (fleet, lived_ms) = (server.fleet.clone(), now.since_ms(server.created_at));
                if server.state.is_starting() || is_short_life(server, now) {
                    self.failed(&fleet, lived_ms, now, random);
                }
                self.enter(name, GameServerState::Shutdown, now);
            }
            Said::Label(key, value) => {
                set_own(&mut server.labels, key, value)?;
                self.changed.insert(name.clone());
            }
            Said::Annotation(key, value) => {
                set_own(&mut server.annotations, key, value)?;
                self.changed.insert(name.clone());
            }
        }
        Ok(())
    }

    /// The server gave a sign of life.
    pub(super) fn pinged(&mut self, name: &ServerName, now: Timestamp) {
        if let Some(server) = self.servers.get_mut(name) {
            server.pulse.last = server.pulse.last.max(now);
            server.pulse.missed = 0;
        }
    }

    /// Ends one server.
    pub(super) fn shut_down(
        &mut self,
        name: &ServerName,
        now: Timestamp,
    ) -> Result<(), FleetError> {
        let server = self.servers.get(name).ok_or_else(|| no_server(name))?;
        if !server.record.server.state.is_terminal() {
            self.enter(name, GameServerState::Shutdown, now);
        }
        Ok(())
    }

    /// Ends every server and wants no more, whoever scales from now on: the end of the platform, not of one fleet.
    pub(super) fn end_all(&mut self, now: Timestamp) {
        self.ending = true;
        for fleet in self.fleets.values_mut() {
            fleet.wanted = 0;
        }
        let live = |server: &&Server| !server.record.server.state.is_terminal();
        let names: Vec<_> = self
            .servers
            .values()
            .filter(live)
            .map(|server| server.record.server.name.clone())
            .collect();
        for name in names {
            self.enter(&name, GameServerState::Shutdown, now);
        }
    }

    pub(super) fn replicas(&self, fleet: &FleetName) -> Result<u32, FleetError> {
        self.fleets
            .get(fleet)
            .map(|fleet| fleet.wanted)
            .ok_or_else(|| no_fleet(fleet))
    }

    /// Wants `replicas` servers in `fleet`.
    pub(super) fn scale(&mut self, fleet: &FleetName, replicas: u32) -> Result<(), FleetError> {
        let state = self.fleets.get_mut(fleet).ok_or_else(|| no_fleet(fleet))?;
        let bounds = &state.spec.bounds;
        if !(bounds.min_replicas..=bounds.max_replicas).contains(&replicas) {
            return Err(FleetError::Refused(format!(
                "fleet {fleet} has {} to {} game servers, not {replicas}",
                bounds.min_replicas, bounds.max_replicas
            )));
        }
        if self.ending {
            return Err(FleetError::Unavailable(
                "the local fleet is ending".to_owned(),
            ));
        }
        state.wanted = replicas;
        Ok(())
    }
}

fn no_fleet(fleet: &FleetName) -> FleetError {
    FleetError::NotFound {
        what: "fleet",
        name: fleet.to_string(),
    }
}

#[cfg(test)]
mod tests;

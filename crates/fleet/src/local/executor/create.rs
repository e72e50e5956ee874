//! Starting a game server.

use std::collections::BTreeMap;
use std::fs;
use std::ops::RangeInclusive;
use std::sync::Arc;

use stadion_core::fleet::{FleetError, FleetSpec, GameServer};
use stadion_core::id::{FleetName, ServerName};
use tokio::net::TcpListener;

use super::super::ports::{sdk_listener, udp_is_free};
use super::super::process::{self, Exit};
use super::super::record::Record;
use super::super::world::Birth;
use super::{Inner, Shared, retire, stopped};

impl Inner {
    /// Starts one more server of `fleet`.
    pub(super) fn create(self: &Arc<Self>, fleet: &FleetName) -> Result<(), FleetError> {
        let (name, listener) = match self.begin(fleet) {
            Ok(begun) => begun,
            Err(error) => {
                let random = (self.config.random)();
                return self.apply(|world, now| {
                    world.failed(fleet, 0, now, random);
                    Err(error)
                });
            }
        };
        self.serve(&name, listener);
        let Some((record, spec)) =
            self.read(|world| world.record(&name).map(|(r, s)| (r.clone(), Arc::clone(s))))
        else {
            return Ok(());
        };
        let command = fill_in(&spec.template.command, &record.server);
        let env = self.environment(&spec, &record);
        match process::start(&command, &env, &self.server_dir(&name)) {
            Ok(process) => {
                let identity = process.identity();
                tracing::info!(server = %name, pid = identity.pid, "a game server was started");
                let started = self.apply(|world, now| {
                    world.started(&name, identity, now);
                    Ok(())
                });
                self.watch_exit(name, process);
                started
            }
            Err(error) => {
                self.exited(&name, Exit::Crash);
                Err(FleetError::Unavailable(format!(
                    "cannot run {:?}: {error}",
                    command.first()
                )))
            }
        }
    }

    /// Finds a name and ports, and writes the record, before there is a process.
    fn begin(&self, fleet: &FleetName) -> Result<(ServerName, TcpListener), FleetError> {
        let unavailable = |what: &str| FleetError::Unavailable(what.to_owned());
        let none_free = |what: &str, ports: &RangeInclusive<u16>| {
            let (first, last) = (ports.start(), ports.end());
            unavailable(&format!(
                "every {what} port from {first} to {last} is taken, or no file can be opened any more"
            ))
        };
        let mut shared = self.shared.lock();
        let Shared {
            world,
            game_ports,
            sdk_ports,
            lock,
            ..
        } = &mut *shared;
        if lock.is_none() {
            return Err(stopped());
        }
        let (used_game, used_sdk) = world.used_ports();
        let (game_port, ()) = game_ports
            .take(&used_game, udp_is_free)
            .ok_or_else(|| none_free("game", &self.config.game_ports))?;
        let (sdk_port, listener) = sdk_ports
            .take(&used_sdk, |port| sdk_listener(port).ok())
            .ok_or_else(|| none_free("SDK", &self.config.sdk_ports))?;
        let listener =
            TcpListener::from_std(listener).map_err(|error| unavailable(&error.to_string()))?;
        let name = loop {
            let name = ServerName::new(format!("{fleet}-{}", suffix((self.config.random)())))
                .map_err(|error| FleetError::Refused(error.to_string()))?;
            if !world.has(&name) {
                break name;
            }
        };
        let dir = self.server_dir(&name);
        fs::create_dir_all(&dir)
            .map_err(|error| unavailable(&format!("cannot create {}: {error}", dir.display())))?;
        let uid = uid((self.config.random)(), (self.config.random)());
        let address = self.config.address.clone();
        world.begin(
            fleet,
            Birth {
                name: name.clone(),
                uid,
                address,
                game_port,
                sdk_port,
            },
            self.now(),
        )?;
        if self.show(&mut shared).contains(&name) {
            // Without a record the next Stadion would not know it: better not to start it.
            shared.world.forget(&name);
            retire(&self.config, &name);
            return Err(unavailable("the record could not be written"));
        }
        Ok((name, listener))
    }

    fn environment(&self, spec: &FleetSpec, record: &Record) -> BTreeMap<String, String> {
        let server = &record.server;
        let template = &spec.template;
        let mut env = template.env.clone();
        env.extend((self.config.env)(&server.name, spec));
        let sdk_port = record.sdk_port.to_string();
        env.extend(
            [
                ("SERVER_ID", server.name.to_string()),
                ("MAX_PLAYERS", template.max_players.to_string()),
                ("TICK_RATE", template.tick_rate.to_string()),
                ("ANTI_CHEAT", template.anti_cheat.to_string()),
                ("REGION", spec.region.to_string()),
                ("GAME_PORT", server.game_port().to_string()),
                ("AGONES_SDK_GRPC_PORT", sdk_port.clone()),
                ("AGONES_SDK_HTTP_PORT", sdk_port),
            ]
            .map(|(key, value)| (key.to_owned(), value)),
        );
        env
    }
}

fn fill_in(command: &[String], server: &GameServer) -> Vec<String> {
    let port = server.game_port().to_string();
    command
        .iter()
        .map(|word| {
            word.replace("{port}", &port)
                .replace("{name}", server.name.as_str())
        })
        .collect()
}

/// Eight characters for the end of a name: 40 bits, in an alphabet without look-alikes.
fn suffix(random: u64) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    (0..8)
        .map(|index| char::from(ALPHABET[(random >> (index * 5) & 31) as usize]))
        .collect()
}

/// A random UUID (RFC 9562, version 4).
fn uid(high: u64, low: u64) -> String {
    let bits = (u128::from(high) << 64 | u128::from(low)) & !(0xf << 76) & !(0x3 << 62)
        | 0x4 << 76
        | 0x2 << 62;
    let hex = format!("{bits:032x}");
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

//! Fleets: in known regions, for known game modes, within their bounds.

use std::collections::{BTreeMap, BTreeSet};

use stadion_core::fleet::{Bounds, FleetSpec, Health, ServerTemplate, ServerType};
use stadion_core::id::{FleetName, GameModeName, Region};
use stadion_core::mode::GameMode;

use super::Checker;
use crate::config::settings::{Fleet, Pod};
use crate::config::shape::did_you_mean;
use crate::config::written::{self, FleetKind, ServerKind};

/// Bounds of a local fleet that does not say its own. The maximum fits the port range of the guide ten times.
const LOCAL: Bounds = Bounds {
    min_replicas: 1,
    max_replicas: 100,
    buffer_size: 2,
};

/// Liveness of a local server: it starts in well under 5 s, and 15 s of silence are a crash.
const LOCAL_HEALTH: Health = Health {
    disabled: false,
    initial_delay_seconds: 5,
    period_seconds: 5,
    failure_threshold: 3,
};

impl Checker<'_> {
    /// The fleets of `config`, or the one that is there without any.
    pub(super) fn fleets(
        &mut self,
        config: &written::Config,
        regions: &[Region],
        modes: &[GameMode],
    ) -> Vec<Fleet> {
        let one;
        let fleets = match &config.fleets {
            Some(fleets) => fleets.as_slice(),
            None => {
                // Without a region there is nowhere for it, which has been reported.
                one = config
                    .regions
                    .first()
                    .map(|region| default_fleet(config, region));
                one.as_slice()
            }
        };
        if fleets.is_empty() {
            self.warn("fleets", "there is none, so no match can be played");
        }
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        let mut out = Vec::new();
        for (i, fleet) in fleets.iter().enumerate() {
            // The fleet that nobody wrote is named and bounded by the section `agones`.
            let (path, name_path) = match config.fleets {
                Some(_) => (format!("fleets[{i}]"), format!("fleets[{i}].name")),
                None => ("agones".into(), "agones.fleet_name".into()),
            };
            if let Some(first) = seen.insert(&fleet.name, i) {
                let what = format!("{:?} is fleets[{first}] too", fleet.name);
                self.report(&name_path, what);
            }
            let name = self.keep(&name_path, FleetName::new(&fleet.name));
            out.extend(self.fleet(config, fleet, name, &path, regions, modes));
        }
        // Fleets of unreadable modes would make every mode look homeless.
        if self.problems.is_empty() {
            self.homeless(&out, modes);
        }
        out
    }

    fn fleet(
        &mut self,
        config: &written::Config,
        fleet: &written::Fleet,
        name: Option<FleetName>,
        path: &str,
        regions: &[Region],
        modes: &[GameMode],
    ) -> Option<Fleet> {
        let region = regions
            .iter()
            .find(|region| region.as_str() == fleet.region)
            .cloned();
        if region.is_none() && self.intact("regions") {
            let known = regions.iter().map(Region::as_str);
            let hint = did_you_mean(&fleet.region, known.clone());
            let known = known.collect::<Vec<_>>().join(", ");
            let what = format!("{:?} is not one of regions ({known}){hint}", fleet.region);
            self.report(&format!("{path}.region"), what);
        }
        let game_modes = self.modes_of(fleet, path, modes);
        let bounds = self.bounds(config, fleet, path);
        if fleet.gpu_enabled && fleet.gpu_type.is_none() {
            self.report(
                &format!("{path}.gpu_type"),
                "is missing; gpu_enabled needs it",
            );
        }
        for (key, quantity) in [
            ("cpu_request", &fleet.cpu_request),
            ("cpu_limit", &fleet.cpu_limit),
            ("memory_request", &fleet.memory_request),
            ("memory_limit", &fleet.memory_limit),
            ("storage_size", &fleet.storage_size),
        ] {
            if !is_quantity(quantity) {
                let what = format!("{quantity:?} is no quantity such as 500m, 2 or 4Gi");
                self.report(&format!("{path}.{key}"), what);
            }
        }
        Some(Fleet {
            spec: FleetSpec {
                name: name?,
                game_id: fleet.game_id.clone(),
                server_type: match fleet.server_type {
                    ServerKind::Dedicated => ServerType::Dedicated,
                    ServerKind::Match => ServerType::Match,
                    ServerKind::Lobby => ServerType::Lobby,
                    ServerKind::Tournament => ServerType::Tournament,
                },
                region: region?,
                zone: fleet.zone.clone(),
                game_modes,
                bounds,
                template: ServerTemplate {
                    command: fleet.command.clone(),
                    env: fleet.env.clone(),
                    max_players: fleet.max_players,
                    tick_rate: fleet.tick_rate,
                    anti_cheat: fleet.anti_cheat_enabled,
                    labels: fleet.labels.clone(),
                    health: health(config.fleet.kind, &fleet.health),
                },
            },
            pod: pod(&config.registry, fleet),
        })
    }

    fn modes_of(
        &mut self,
        fleet: &written::Fleet,
        path: &str,
        modes: &[GameMode],
    ) -> Vec<GameModeName> {
        let mut out = Vec::new();
        for (i, name) in fleet.game_modes.iter().enumerate() {
            let path = format!("{path}.game_modes[{i}]");
            let Some(mode) = modes.iter().find(|mode| mode.name.as_str() == name) else {
                let known = modes.iter().map(|mode| mode.name.as_str());
                if !self.intact("game_modes") {
                    continue;
                }
                let hint = did_you_mean(name, known.clone());
                let known = known.collect::<Vec<_>>().join(", ");
                self.report(&path, format!("{name:?} is no game mode ({known}){hint}"));
                continue;
            };
            // A match may be larger than a server only where its mode settles for less.
            if mode.players_min > fleet.max_players {
                let what = format!(
                    "a match of {name} has {} players or more, and max_players is {}",
                    mode.players_min, fleet.max_players
                );
                self.report(&path, what);
            }
            out.push(mode.name.clone());
        }
        out
    }

    fn bounds(&mut self, config: &written::Config, fleet: &written::Fleet, path: &str) -> Bounds {
        let base = match config.fleet.kind {
            FleetKind::Local => LOCAL,
            FleetKind::Agones => Bounds {
                min_replicas: config.agones.min_replicas,
                max_replicas: config.agones.max_replicas,
                buffer_size: config.agones.buffer_size,
            },
        };
        // A limit that is written moves a default that is not.
        let max_replicas = fleet
            .max_replicas
            .unwrap_or(base.max_replicas.max(fleet.min_replicas.unwrap_or(0)));
        let min_replicas = fleet
            .min_replicas
            .unwrap_or(base.min_replicas.min(max_replicas));
        if min_replicas > max_replicas {
            let what =
                format!("is {min_replicas}, must not be above max_replicas ({max_replicas})");
            self.report(&format!("{path}.min_replicas"), what);
        }
        if max_replicas == 0 {
            self.warn(path, "max_replicas is 0: no game server will ever run");
        }
        Bounds {
            min_replicas,
            max_replicas,
            buffer_size: fleet.buffer_size.unwrap_or(base.buffer_size),
        }
    }

    /// Warns about game modes that no fleet plays.
    fn homeless(&mut self, fleets: &[Fleet], modes: &[GameMode]) {
        let homeless: BTreeSet<&str> = modes
            .iter()
            .filter(|mode| !fleets.iter().any(|fleet| fleet.spec.plays(&mode.name)))
            .map(|mode| mode.name.as_str())
            .collect();
        for mode in homeless {
            self.warn("game_modes", format_args!("no fleet plays {mode}"));
        }
    }
}

/// The fleet that is there when the configuration names none: it plays everything, so it has the largest mode's seats.
fn default_fleet(config: &written::Config, region: &str) -> written::Fleet {
    let local = config.fleet.kind == FleetKind::Local;
    written::Fleet {
        min_replicas: local.then_some(2),
        max_players: 100,
        tick_rate: 30,
        ..written::Fleet::new(&config.agones.fleet_name, region)
    }
}

fn health(kind: FleetKind, health: &written::FleetHealth) -> Health {
    let base = match kind {
        FleetKind::Local => LOCAL_HEALTH,
        FleetKind::Agones => Health::default(),
    };
    Health {
        disabled: health.disabled,
        initial_delay_seconds: health
            .initial_delay_seconds
            .unwrap_or(base.initial_delay_seconds),
        period_seconds: health.period_seconds.unwrap_or(base.period_seconds),
        failure_threshold: health.failure_threshold.unwrap_or(base.failure_threshold),
    }
}

fn pod(registry: &str, fleet: &written::Fleet) -> Pod {
    Pod {
        image: fleet
            .image
            .clone()
            .unwrap_or_else(|| format!("{registry}/{}:latest", fleet.game_id)),
        cpu_request: fleet.cpu_request.clone(),
        cpu_limit: fleet.cpu_limit.clone(),
        memory_request: fleet.memory_request.clone(),
        memory_limit: fleet.memory_limit.clone(),
        gpu_type: fleet.gpu_type.clone().filter(|_| fleet.gpu_enabled),
        network_policy: fleet.network_policy.clone(),
        storage_size: fleet.persistent_storage.then(|| fleet.storage_size.clone()),
    }
}

/// A quantity as Kubernetes writes it: a decimal number and an optional suffix
/// (Kubernetes documentation, "Quantity"). Exponents are left out.
fn is_quantity(text: &str) -> bool {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let suffix = &text[digits.len()..];
    let suffixes = [
        "", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei",
    ];
    suffixes.contains(&suffix)
        && digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.parse::<f64>().is_ok()
}

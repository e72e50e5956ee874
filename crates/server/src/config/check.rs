//! From what is written to what is meant. Everything that contradicts itself is reported, not only the first.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::SocketAddr;
use std::path::PathBuf;

use stadion_core::id::Region;
use stadion_core::limits::REGIONS_MAX;
use stadion_core::matchmaker::Budget;
use stadion_core::scaling::{self, ScalingRules, Unrest};
use stadion_core::session::SessionRules;

use super::settings::{
    Fleet, Gateway, Logging, Matchmaking, Monitoring, Networking, Redis, Scaling, Settings,
};
use super::source::Written;
use super::{PROBLEMS_MAX, Problem, Secret, secret, shape, written};

mod auth;
mod fleets;
mod modes;

/// Collects problems and warnings on the way.
pub(super) struct Checker<'a> {
    source: &'a Written,
    problems: &'a mut Vec<Problem>,
    warnings: Vec<String>,
}

/// `config` as it is meant. It counts only if `problems` stayed empty.
pub(super) fn check(
    config: written::Config,
    source: &Written,
    problems: &mut Vec<Problem>,
) -> Settings {
    let mut checker = Checker {
        source,
        problems,
        warnings: Vec::new(),
    };
    let c = &mut checker;
    let regions = c.regions(&config.regions);
    let game_modes = c.game_modes(config.game_modes.as_deref());
    let fleets = c.fleets(&config, &regions, &game_modes);
    let networking = c.networking(&config, &fleets);
    let scaling = c.scaling(&config.scaling, &fleets);
    let gateway = c.gateway(&config.gateway);
    let data_dir = PathBuf::from(&config.data_dir);
    if config.data_dir.is_empty() {
        c.report("data_dir", "must not be empty");
    }
    let auth = c.auth(&config, &gateway, &data_dir);
    let redis = c.redis(config.redis);
    let monitoring = c.monitoring(config.monitoring);
    let logging = c.logging(config.logging);
    let matchmaking = Matchmaking {
        interval_ms: config.matchmaking.interval_ms,
        ticket_ttl_ms: config.matchmaking.ticket_ttl_seconds * 1_000,
        placement_timeout_ms: config.matchmaking.placement_timeout_ms,
        budget: Budget {
            matches_max: config.matchmaking.matches_per_tick_max as usize,
        },
        decision_log: config.matchmaking.decision_log.map(PathBuf::from),
    };
    let sessions = SessionRules {
        stale_after_ms: config.sessions.stale_after_seconds * 1_000,
        life_ms: config.sessions.life_seconds * 1_000,
    };
    if sessions.life_ms < sessions.stale_after_ms {
        c.report(
            "sessions.life_seconds",
            "must not be below sessions.stale_after_seconds",
        );
    }
    Settings {
        data_dir,
        state: config.state.kind,
        redis,
        fleet: config.fleet.kind,
        agones_namespace: config.agones.namespace,
        kubernetes: config.kubernetes,
        networking,
        scaling,
        monitoring,
        gateway,
        auth,
        matchmaking,
        sessions,
        retention_ms: config.retention_seconds * 1_000,
        regions,
        game_modes,
        fleets,
        logging,
        drain_timeout_ms: config.drain_timeout_seconds * 1_000,
        warnings: checker.warnings,
    }
}

impl Checker<'_> {
    fn report(&mut self, path: &str, what: impl Into<String>) {
        // One wrong value is one problem.
        if self.problems.len() < PROBLEMS_MAX
            && !self.problems.iter().any(|known| known.path == path)
        {
            self.problems.push(self.source.problem(path, what));
        }
    }

    /// Nothing is wrong in the list `section`, so that whoever refers to it can be judged.
    fn intact(&self, section: &str) -> bool {
        !self
            .problems
            .iter()
            .any(|problem| problem.path.starts_with(section))
    }

    fn warn(&mut self, path: &str, what: impl Display) {
        self.warnings.push(format!("{path}: {what}"));
    }

    /// The value, or `None` with a report.
    fn keep<T>(&mut self, path: &str, value: Result<T, impl Display>) -> Option<T> {
        value
            .map_err(|error| self.report(path, error.to_string()))
            .ok()
    }

    /// The secret in the file that `path` names.
    fn secret_file(&mut self, path: &str, file: &str) -> Option<Secret> {
        let (secret, readable) = self.keep(path, secret::read(file.as_ref()))?;
        if readable {
            self.warn(
                path,
                format_args!("everybody on this machine can read {file}; chmod 600 {file}"),
            );
        }
        Some(secret)
    }

    /// A secret that is in the environment or in a file; both is one too many.
    fn secret(&mut self, path: &str, file: Option<&String>) -> Option<Secret> {
        let path_file = format!("{path}_file");
        match (self.source.secrets.get(path).cloned(), file) {
            (Some(_), Some(_)) => {
                let variable = super::source::variable(path);
                self.report(&path_file, format!("{variable} is set too; keep one"));
                None
            }
            (Some(secret), None) if secret.expose().is_empty() => {
                self.report(path, "must not be empty");
                None
            }
            (given, None) => given,
            (None, Some(file)) => self.secret_file(&path_file, file),
        }
    }

    fn regions(&mut self, names: &[String]) -> Vec<Region> {
        if names.is_empty() {
            self.report("regions", "at least one region is needed");
        }
        if names.len() > REGIONS_MAX {
            self.report(
                "regions",
                format!(
                    "{} regions, at most {REGIONS_MAX} are possible",
                    names.len()
                ),
            );
        }
        let mut seen = BTreeSet::new();
        let mut regions = Vec::new();
        for (i, name) in names.iter().enumerate() {
            let path = format!("regions[{i}]");
            let Some(region) = self.keep(&path, Region::new(name)) else {
                continue;
            };
            if seen.insert(region.clone()) {
                regions.push(region);
            } else {
                self.report(&path, format!("{name:?} is there twice"));
            }
        }
        regions
    }

    fn networking(
        &mut self,
        config: &written::Config,
        fleets: &[super::settings::Fleet],
    ) -> Networking {
        let networking = &config.networking;
        let ports = networking.port_range_start..=networking.port_range_end;
        if ports.is_empty() {
            self.report(
                "networking.port_range_end",
                format!(
                    "is {}, must not be below port_range_start ({})",
                    ports.end(),
                    ports.start()
                ),
            );
        } else if config.fleet.kind == written::FleetKind::Local {
            let wanted: u64 = fleets
                .iter()
                .map(|fleet| u64::from(fleet.spec.bounds.max_replicas))
                .sum();
            if wanted > ports.len() as u64 {
                self.warn(
                    "networking",
                    format_args!(
                        "{} ports are too few for the {wanted} game servers that the fleets may grow to",
                        ports.len()
                    ),
                );
            }
        }
        let address = &networking.address;
        if !address
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b".-:".contains(&b))
        {
            self.report("networking.address", "must be a host name or an IP address");
        }
        Networking {
            ports,
            protocol: networking.protocol,
            load_balancer_type: networking.load_balancer_type.clone(),
            address: address.clone(),
        }
    }

    fn scaling(&mut self, scaling: &written::Scaling, fleets: &[Fleet]) -> Scaling {
        if scaling.scale_down_threshold >= scaling.scale_up_threshold {
            self.report(
                "scaling.scale_down_threshold",
                format!(
                    "is {}, must be below scale_up_threshold ({}), or fleets would grow and shrink for ever",
                    scaling.scale_down_threshold, scaling.scale_up_threshold
                ),
            );
        }
        let rules = ScalingRules {
            scale_up_threshold: scaling.scale_up_threshold,
            scale_down_threshold: scaling.scale_down_threshold,
            cooldown_ms: scaling.cooldown_seconds * 1_000,
        };
        let restless = fleets
            .iter()
            .find_map(|fleet| Some((&fleet.spec, scaling::unrest(&rules, fleet.spec.bounds)?)));
        if let Some((fleet, unrest)) = restless {
            let Unrest {
                replicas,
                in_use,
                then,
            } = unrest;
            self.report(
                "scaling.scale_down_threshold",
                format!(
                    "is {}, too close to scale_up_threshold ({}): with {in_use} of {replicas} game servers in use, fleet {} would be scaled to {then}, and {in_use} of {then} would scale it back at once, for ever. A fleet grows by half and shrinks by a fifth, rounded up: half of scale_up_threshold is low enough for every fleet, and a large one needs two thirds of it or less",
                    rules.scale_down_threshold, rules.scale_up_threshold, fleet.name
                ),
            );
        }
        Scaling {
            rules,
            metrics_window_ms: scaling.metrics_window * 1_000,
            interval_ms: scaling.interval_ms,
        }
    }

    fn gateway(&mut self, gateway: &written::Gateway) -> Gateway {
        let fallback = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut address = |path: &str, text: &str| {
            let parsed = text.parse::<SocketAddr>().map_err(|_| {
                format!("{text:?} is no IP address with a port, such as 127.0.0.1:9700")
            });
            self.keep(path, parsed).unwrap_or(fallback)
        };
        let listen = address("gateway.listen", &gateway.listen);
        let operator_listen = address("gateway.operator_listen", &gateway.operator_listen);
        let same_address = listen.ip() == operator_listen.ip()
            || listen.ip().is_unspecified()
            || operator_listen.ip().is_unspecified();
        if listen.port() == operator_listen.port() && listen.port() != 0 && same_address {
            self.report(
                "gateway.operator_listen",
                format!("is {operator_listen}, which gateway.listen ({listen}) takes already"),
            );
        }
        let limits = gateway.limits.clone();
        if limits.connections_per_address_max > limits.connections_max {
            self.warn(
                "gateway.limits.connections_per_address_max",
                "is above connections_max and so never reached",
            );
        }
        Gateway {
            listen,
            operator_listen,
            limits,
        }
    }

    fn redis(&mut self, redis: written::Redis) -> Redis {
        let password = self.secret("redis.password", redis.password_file.as_ref());
        if redis.tls_ca_file.is_some() && !redis.tls {
            self.report("redis.tls_ca_file", "needs redis.tls: true");
        }
        Redis {
            host: redis.host,
            port: redis.port,
            username: redis.username,
            password,
            database: redis.database,
            tls: redis.tls,
            tls_ca_file: redis.tls_ca_file.map(PathBuf::from),
            key_prefix: redis.key_prefix,
        }
    }

    fn monitoring(&mut self, monitoring: written::Monitoring) -> Monitoring {
        for (path, url) in [
            ("monitoring.prometheus_url", &monitoring.prometheus_url),
            ("monitoring.grafana_url", &monitoring.grafana_url),
            ("monitoring.alert_webhook", &monitoring.alert_webhook),
        ] {
            let http = url.starts_with("http://") || url.starts_with("https://");
            if !url.is_empty() && !http {
                self.report(path, "must begin with http:// or https://");
            }
        }
        let webhook = monitoring.alert_webhook;
        Monitoring {
            prometheus_url: monitoring.prometheus_url,
            grafana_url: monitoring.grafana_url,
            alert_webhook: (!webhook.is_empty()).then(|| Secret::new(webhook)),
        }
    }

    fn logging(&mut self, logging: written::Logging) -> Logging {
        const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
        // A bare word would be taken for the name of a module, and everything else would go quiet.
        let level = &logging.level;
        let bare = level.bytes().all(|b| b.is_ascii_alphabetic());
        if bare && !LEVELS.contains(&level.to_lowercase().as_str()) {
            let hint = shape::did_you_mean(level, LEVELS);
            let levels = LEVELS.join(", ");
            self.report("logging.level", format!("must be one of {levels}{hint}"));
        } else if let Err(error) = tracing_subscriber::EnvFilter::try_new(level) {
            self.report("logging.level", error.to_string());
        }
        Logging {
            level: logging.level,
            format: logging.format,
            file: logging.file.map(PathBuf::from),
        }
    }
}

//! The two edges: what each is handed.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use stadion_client::ProblemKind;
use stadion_core::fleet::FleetError;
use stadion_core::id::{Region, ServerName};
use stadion_gateway::{
    CloseReason, Gateway, GatewayObserver, GatewayParts, JoinTokens, Limits, PlayerAuth, PlayerKey,
    TokenRules,
};

use super::{Parts, PlatformError};
use crate::config::Settings;
use crate::config::settings::{Auth, PlayerAuth as PlayerKeys};
use crate::config::written::Algorithm;
use crate::keys::{self, ServerKeys};
use crate::metrics::Metrics;
use crate::operator::wire::Check;
use crate::operator::{self, HealthSource, LogSource, OperatorParts};

/// The edge for players and game servers.
pub(super) fn gateway(
    settings: &Settings,
    parts: &Parts,
    servers: Arc<ServerKeys>,
) -> Result<Gateway, PlatformError> {
    let entropy = parts.entropy.clone();
    let written = &settings.gateway.limits;
    Ok(Gateway::new(GatewayParts {
        state: parts.state.clone(),
        modes: settings.game_modes.clone(),
        regions: settings.regions.clone(),
        players: player_auth(&settings.auth)?,
        servers: Box::new(move |token| servers.verify(token)),
        join_tokens: JoinTokens::new(
            keys::join_key(&settings.auth.join_token_key)?,
            settings.sessions.life_ms,
        ),
        clock: parts.clock.clone(),
        random: Box::new(move || entropy.bits()),
        ticket_ttl_ms: settings.matchmaking.ticket_ttl_ms,
        limits: Limits {
            connections_max: as_usize(written.connections_max),
            connections_per_address_max: as_usize(written.connections_per_address_max),
            requests_per_second_per_player: written.requests_per_second_per_player,
            requests_per_second_per_address: written.requests_per_second_per_address,
            body_bytes_max: as_usize(written.body_bytes_max),
            ..Limits::default()
        },
        outlooks: parts.desk.clone(),
        observer: Arc::new(Counting(parts.metrics.clone())),
    }))
}

fn as_usize(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

fn player_auth(auth: &Auth) -> Result<PlayerAuth, PlatformError> {
    let wrong = |error: stadion_gateway::KeyError| PlatformError::PlayerKey(error.to_string());
    let keys = match &auth.players {
        PlayerKeys::Development(path) => {
            vec![PlayerKey::hs256(keys::secret_file(path)?.as_bytes()).map_err(wrong)?]
        }
        PlayerKeys::Keys { keys, jwks } => {
            let mut all = Vec::new();
            for key in keys {
                let bytes = key.key.expose().as_bytes();
                let made = match key.algorithm {
                    Algorithm::HS256 => PlayerKey::hs256(bytes),
                    Algorithm::EdDSA => PlayerKey::ed25519_pem(bytes),
                    Algorithm::RS256 => PlayerKey::rs256_pem(bytes),
                };
                all.push(made.map_err(wrong)?.with_id(key.key_id.clone()));
            }
            if let Some(jwks) = jwks {
                all.extend(PlayerKey::from_jwks(jwks.expose().as_bytes()).map_err(wrong)?);
            }
            all
        }
    };
    let rules = TokenRules {
        issuer: auth.issuer.clone(),
        audience: auth.audience.clone(),
    };
    PlayerAuth::new(keys, &rules).map_err(wrong)
}

/// Counts what the gateway tells.
struct Counting(Arc<Metrics>);

impl GatewayObserver for Counting {
    fn answered(&self, _: &str, status: u16, took: Duration) {
        self.0.answered(status, took);
    }

    fn refused(&self, kind: ProblemKind) {
        self.0.refused(kind.slug());
    }

    fn connected(&self) {
        self.0.websocket_opened();
    }

    fn disconnected(&self, _: CloseReason) {
        self.0.websocket_closed();
    }

    fn event_delivered(&self, _: u64) {
        self.0.events_delivered(1);
    }

    fn player_latency(&self, region: &Region, latency_ms: f32) {
        self.0.player_latency(region, latency_ms);
    }
}

/// The edge for operators.
pub(super) fn operator(settings: &Settings, parts: &Parts) -> Result<Router, PlatformError> {
    let token = keys::secret(&settings.auth.operator_token)?;
    Ok(operator::router(OperatorParts {
        state: parts.state.clone(),
        fleet: parts.fleet.clone(),
        metrics: parts.metrics.clone(),
        clock: parts.clock.clone(),
        modes: settings.game_modes.clone().into(),
        token: token.into(),
        health: Arc::new(Health(parts.clone())),
        logs: Some(Arc::new(Logs(settings.data_dir.clone()))),
        outlooks: parts.desk.clone(),
    }))
}

/// A loop that did not succeed for this long is stuck: six passes of the slowest, the reaper's.
const LOOP_STALE: Duration = Duration::from_secs(30);

/// Whether the platform takes work.
struct Health(Parts);

#[async_trait]
impl HealthSource for Health {
    async fn checks(&self) -> Vec<Check> {
        let check = |name: &str, result: Result<(), String>| Check {
            name: name.to_owned(),
            ok: result.is_ok(),
            detail: result.err().unwrap_or_else(|| "well".to_owned()),
        };
        let state = self
            .0
            .state
            .counts()
            .await
            .map(drop)
            .map_err(|error| error.to_string());
        let fleet = self
            .0
            .fleet
            .servers()
            .await
            .map(drop)
            .map_err(|error| error.to_string());
        let mut checks = vec![check("state", state), check("fleet", fleet)];
        for name in ["scaling", "reaper"] {
            let fresh = match self.0.metrics.since_success(name) {
                Some(ago) if ago < LOOP_STALE => Ok(()),
                Some(ago) => Err(format!("last succeeded {} s ago", ago.as_secs())),
                None => Err("did not succeed yet".to_owned()),
            };
            checks.push(check(name, fresh));
        }
        checks
    }
}

/// Bytes of a log that are read for its last lines: the operator edge's limit of lines, at 200 bytes each.
const LOG_BYTES_MAX: u64 = 2 * 1024 * 1024;

/// The logs of local game servers, running and ended.
struct Logs(PathBuf);

#[async_trait]
impl LogSource for Logs {
    async fn tail(&self, server: &ServerName, lines: usize) -> Result<Vec<String>, FleetError> {
        let running = self
            .0
            .join("servers")
            .join(server.as_str())
            .join("server.log");
        // The log is wanted most when the server is gone.
        let ended = self.0.join("ended").join(format!("{server}.log"));
        let read = tokio::task::spawn_blocking(move || match read_end(&running) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => read_end(&ended),
            read => read,
        })
        .await;
        let bytes = match read.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(FleetError::NotFound {
                    what: "server",
                    name: server.to_string(),
                });
            }
            Err(error) => return Err(FleetError::Unavailable(error.to_string())),
        };
        let text = String::from_utf8_lossy(&bytes);
        let all: Vec<_> = text.lines().collect();
        Ok(all[all.len().saturating_sub(lines)..]
            .iter()
            .map(|line| (*line).to_owned())
            .collect())
    }
}

fn read_end(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_BYTES_MAX)))?;
    let mut bytes = Vec::new();
    file.take(LOG_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_log_of_an_ended_server_can_be_read() {
        let dir = tempfile::tempdir().unwrap();
        let logs = Logs(dir.path().to_owned());
        let server = ServerName::new("arena-1").unwrap();
        assert!(matches!(
            logs.tail(&server, 10).await,
            Err(FleetError::NotFound { .. })
        ));
        std::fs::create_dir(dir.path().join("ended")).unwrap();
        std::fs::write(dir.path().join("ended/arena-1.log"), "one\ntwo\n").unwrap();
        assert_eq!(logs.tail(&server, 1).await.unwrap(), ["two"]);
        std::fs::create_dir_all(dir.path().join("servers/arena-1")).unwrap();
        std::fs::write(dir.path().join("servers/arena-1/server.log"), "running\n").unwrap();
        assert_eq!(logs.tail(&server, 1).await.unwrap(), ["running"]);
    }
}

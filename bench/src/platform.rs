//! A platform of a benchmark's own: `stadion serve` in a temporary directory, on free ports.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::Failure;
use crate::http::Connection;

/// How long a platform may take to start, to get its servers ready, and to stop.
const PATIENCE: Duration = Duration::from_secs(120);
/// Pause between two looks at a platform that is starting.
pub(crate) const LOOK_PERIOD: Duration = Duration::from_millis(2);
/// A token outlives every benchmark.
const TOKEN_LIFE_SECONDS: u64 = 24 * 60 * 60;

/// A running platform.
#[derive(Debug)]
pub(crate) struct Platform {
    child: Child,
    dir: TempDir,
    pub(crate) gateway: SocketAddr,
    pub(crate) operator: SocketAddr,
    pub(crate) pid: u32,
}

/// The program, which is built beside this one.
pub(crate) fn program() -> Result<PathBuf, Failure> {
    let program = std::env::current_exe()?.with_file_name("stadion");
    if program.is_file() {
        return Ok(program);
    }
    Err("the program `stadion` is not beside this one; `cargo xtask bench` builds both".into())
}

/// A command of the program that works in `dir` and sees no configuration but the one it is given.
pub(crate) fn command(dir: &Path) -> Result<Command, Failure> {
    let mut command = Command::new(program()?);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("STADION_") {
            command.env_remove(name);
        }
    }
    command
        .current_dir(dir)
        .env("STADION_GATEWAY__LISTEN", "127.0.0.1:0")
        .env("STADION_GATEWAY__OPERATOR_LISTEN", "127.0.0.1:0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true);
    Ok(command)
}

impl Platform {
    /// Starts one with `config` (YAML) over the defaults; when it returns, `/readyz` says yes.
    pub(crate) async fn start(config: &str) -> Result<Self, Failure> {
        let dir = TempDir::with_prefix("stadion-bench-")?;
        let file = dir.path().join("stadion.yaml");
        std::fs::write(&file, config)?;
        let child = command(dir.path())?
            .arg("serve")
            .arg("--config")
            .arg(&file)
            .args(["--data-dir", "data"])
            .env("STADION_LOGGING__LEVEL", "warn")
            .spawn()?;
        let pid = child.id().ok_or("the program ended at once")?;
        let begun = Instant::now();
        loop {
            if let Some((gateway, operator)) = endpoints(&dir.path().join("data"), pid)
                && let Ok(mut connection) = Connection::open(operator).await
                && connection.get("/readyz", None).await?.0 == 200
            {
                return Ok(Self {
                    child,
                    dir,
                    gateway,
                    operator,
                    pid,
                });
            }
            if begun.elapsed() > PATIENCE {
                return Err("the platform did not become ready".into());
            }
            sleep(LOOK_PERIOD).await;
        }
    }

    fn read(&self, name: &str) -> Result<String, Failure> {
        let text = std::fs::read_to_string(self.dir.path().join("data").join(name))?;
        Ok(text.trim().to_owned())
    }

    /// A token for `player` signed with the development key; with `scope: backend` it may act for everybody.
    pub(crate) fn token(&self, player: &str, backend: bool) -> Result<String, Failure> {
        let mut claims = json!({"sub": player, "exp": now_seconds() + TOKEN_LIFE_SECONDS});
        if backend {
            claims["scope"] = "backend".into();
        }
        let key = EncodingKey::from_secret(self.read("player-secret")?.as_bytes());
        Ok(jsonwebtoken::encode(
            &Header::new(Algorithm::HS256),
            &claims,
            &key,
        )?)
    }

    /// Waits until `count` game servers are Ready.
    pub(crate) async fn servers_ready(&self, count: u64) -> Result<(), Failure> {
        let token = self.read("operator-token")?;
        let waiting = async {
            let mut connection = Connection::open(self.operator).await?;
            loop {
                let (status, body) = connection.get("/v1/report", Some(&token)).await?;
                let report: Value = serde_json::from_slice(&body)?;
                if status != 200 {
                    return Err(format!("the report could not be read: {report}").into());
                }
                let ready = &report["fleet_status"]["by_state"]["Ready"];
                if ready.as_u64().unwrap_or(0) >= count {
                    return Ok(());
                }
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, waiting)
            .await
            .map_err(|_| "the game servers did not become ready")?
    }

    /// Ends it by SIGTERM; a second one cuts the drain short.
    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        let pid = i32::try_from(self.pid)
            .ok()
            .and_then(Pid::from_raw)
            .ok_or("no process id")?;
        kill_process(pid, Signal::TERM)?;
        let begun = Instant::now();
        while timeout(Duration::from_secs(1), self.child.wait())
            .await
            .is_err()
        {
            kill_process(pid, Signal::TERM)?;
            if begun.elapsed() > PATIENCE {
                return Err("the platform did not stop".into());
            }
        }
        Ok(())
    }
}

fn endpoints(data_dir: &Path, pid: u32) -> Option<(SocketAddr, SocketAddr)> {
    let text = std::fs::read_to_string(data_dir.join("endpoints.json")).ok()?;
    let known: Value = serde_json::from_str(&text).ok()?;
    let address = |key: &str| known[key].as_str()?.parse().ok();
    (known["pid"] == pid).then_some((address("gateway")?, address("operator")?))
}

#[expect(
    clippy::disallowed_methods,
    reason = "tokens are checked by another process against the system's clock"
)]
fn now_seconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |time| time.as_secs())
}

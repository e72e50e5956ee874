//! `stadion serve` as a child process, with its data in a directory of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::process::{Child, Command};

/// A hundred times what the slowest state takes: the first start of a debug build on a machine that compiles besides.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Marks the processes of a local fleet; see `crates/fleet/src/local/process.rs`.
const MARK: &str = "STADION_SERVER_DIR=";

/// Looks until there is something, and returns that.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let waiting = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            // polls: `look`
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    match tokio::time::timeout(WAIT_MAX, waiting).await {
        Ok(found) => found,
        Err(_) => panic!("waited {WAIT_MAX:?} for {what}"),
    }
}

/// A running platform. Dropped in a failing test, it shows its log and ends with all its game servers.
pub struct Platform {
    child: Child,
    dir: TempDir,
    gateway: String,
    operator: String,
}

impl Platform {
    /// Starts it with this text as the last part of its configuration, and waits until both its edges answer.
    pub async fn start(fleets: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let config = format!(
            "data_dir: {data:?}\ngateway:\n  listen: 127.0.0.1:0\n  operator_listen: 127.0.0.1:0\n\
             drain_timeout_seconds: 1\n{fleets}"
        );
        fs::write(dir.path().join("stadion.yaml"), config).unwrap();
        let log = File::create(dir.path().join("log")).unwrap();
        let also = log.try_clone().unwrap();
        let child = stadion(dir.path())
            .arg("serve")
            .stdout(also)
            .stderr(log)
            .spawn()
            .unwrap();
        let mut platform = Self {
            child,
            dir,
            gateway: String::new(),
            operator: String::new(),
        };
        let endpoints: Value = until("endpoints.json", async || {
            let ended = platform.child.try_wait().unwrap();
            assert!(ended.is_none(), "stadion ended: {ended:?}");
            serde_json::from_slice(&fs::read(data.join("endpoints.json")).ok()?).ok()
        })
        .await;
        for (edge, key) in [
            (&mut platform.gateway, "gateway"),
            (&mut platform.operator, "operator"),
        ] {
            *edge = endpoints[key].as_str().unwrap().to_owned();
        }
        platform
    }

    /// What the operator edge answers to a GET.
    pub async fn operator(&self, path: &str) -> Value {
        let token = fs::read_to_string(self.data().join("operator-token")).unwrap();
        http(&self.operator, "GET", path, token.trim(), None).await
    }

    /// The game servers in this state.
    pub async fn servers(&self, state: &str) -> Vec<Value> {
        let found = self.operator(&format!("/v1/servers?state={state}")).await;
        found["servers"].as_array().unwrap().clone()
    }

    /// The log of a game server, as `stadion server logs` prints it.
    pub async fn log(&self, server: &str) -> Vec<String> {
        let text = self
            .call(&["server", "logs", server, "--tail", "1000"])
            .await;
        text.lines().map(str::to_owned).collect()
    }

    /// Queues a player alone; the ticket's id.
    pub async fn queue(&self, player: &str, game_mode: &str) -> String {
        let body = json!({
            "game_mode": game_mode,
            "players": [{ "player_id": player }],
            "region_preference": ["us-east-1"],
        });
        let token = self.call(&["token", "--player", player]).await;
        let ticket = http(
            &self.gateway,
            "POST",
            "/v1/tickets",
            token.trim(),
            Some(&body),
        )
        .await;
        ticket["ticket_id"].as_str().unwrap().to_owned()
    }

    /// A ticket as its player sees it.
    pub async fn ticket(&self, player: &str, id: &str) -> Value {
        let token = self.call(&["token", "--player", player]).await;
        http(
            &self.gateway,
            "GET",
            &format!("/v1/tickets/{id}"),
            token.trim(),
            None,
        )
        .await
    }

    /// Sends a datagram to a game server, where the platform says that it is.
    pub async fn tell(&self, server: &Value, command: &str) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = u16::try_from(server["port"].as_u64().unwrap()).unwrap();
        let to = (server["address"].as_str().unwrap(), port);
        socket.send_to(command.as_bytes(), to).await.unwrap();
    }

    /// Stops it as an operating system does, and proves that nothing is left.
    pub async fn stop(mut self) {
        self.signal(Signal::TERM);
        let status = tokio::time::timeout(WAIT_MAX, self.child.wait()).await;
        let status = status.expect("stadion ends when it is told to").unwrap();
        assert!(status.success(), "{status}");
        assert_eq!(game_servers(&self.data()), [], "orphans");
    }

    /// What `stadion` prints when it is called like this.
    pub async fn call(&self, arguments: &[&str]) -> String {
        let output = stadion(self.dir.path())
            .args(arguments)
            .output()
            .await
            .unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {complaint}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Nothing when it has ended already.
    fn signal(&self, signal: Signal) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(pid) = id.and_then(Pid::from_raw) {
            kill_process(pid, signal).ok();
        }
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let log = fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
        eprintln!("the platform's log:\n{log}");
        self.signal(Signal::KILL);
        for pid in game_servers(&self.data()) {
            kill_process(pid, Signal::KILL).ok();
        }
    }
}

/// The program under test with the configuration in `dir`, and nothing of the environment but where programs are.
fn stadion(dir: &Path) -> Command {
    let program = std::env::var_os("STADION_BIN")
        .expect("STADION_BIN is the program under test: run `cargo xtask e2e agones-sdk`");
    let mut command = Command::new(program);
    command
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .arg("--config")
        .arg(dir.join("stadion.yaml"))
        .current_dir(dir);
    command
}

/// Living processes that a fleet with its data in `data` started.
fn game_servers(data: &Path) -> Vec<Pid> {
    let mark = format!("{MARK}{}", data.display());
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let marked = processes.filter(|process| {
        // Empty for a zombie, unreadable for other users' processes.
        let environment = fs::read(process.path().join("environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|variable| variable.starts_with(mark.as_bytes()))
    });
    marked
        .filter_map(|process| Pid::from_raw(process.file_name().to_str()?.parse().ok()?))
        .collect()
}

/// One request on a connection of its own; a status other than 2xx fails the test.
async fn http(at: &str, method: &str, path: &str, token: &str, body: Option<&Value>) -> Value {
    let body = body.map(Value::to_string).unwrap_or_default();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {at}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer over HTTP");
    assert!(head.starts_with("HTTP/1.1 2"), "{method} {path}: {answer}");
    serde_json::from_str(body).unwrap()
}

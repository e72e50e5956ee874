//! A platform in a process of its own, which can be killed and started again on the same data and the same ports.

use std::fs::File;
use std::io::{self, PipeReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::header::AUTHORIZATION;
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use serde::de::DeserializeOwned;
use stadion_arena::bot::TokenIssuer;
use stadion_client::Client;
use stadion_core::id::ServerName;
use stadion_core::time::Clock as _;
use stadion_server::clock::SystemClock;
use stadion_server::keys::{ServerKeys, development_token};
use stadion_server::operator::wire::{
    MatchInfo, Matches, ServerInfo, Servers, SessionInfo, Sessions, TicketInfo, Tickets,
};
use stadion_server::report::Report;
use stadion_testkit::wait::wait_until;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;

/// How long one step of a process may take: a hundred times what it takes on an idle machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Platforms share the ports of their SDK servers: while one is away, another could take its ports.
static ALONE: Mutex<()> = Mutex::const_new(());

/// The program.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stadion"));
    // Nothing of the tests' own environment is configuration.
    command.env_clear().stdin(Stdio::null()).kill_on_drop(true);
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
}

/// Runs the program to its end.
pub(crate) async fn run(arguments: &[&str]) -> Output {
    let output = program().args(arguments).output();
    timeout(PATIENCE, output).await.unwrap().unwrap()
}

/// What it said when it failed.
pub(crate) fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A free TCP port below the kernel's ephemeral range, so that no client's own port takes it while a platform is away.
pub(crate) fn free_port() -> u16 {
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    std::iter::repeat_with(|| rand::random_range(23_000..32_000))
        .find(free)
        .unwrap()
}

/// Living processes that are marked as game servers of a platform with its data in `data_dir`.
pub(crate) fn game_servers(data_dir: &Path) -> Vec<u32> {
    let root = data_dir.join("servers");
    let mark = format!("STADION_SERVER_DIR={}/", root.display());
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &u32| {
        // A zombie has no environment any more.
        std::fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environ| {
            environ
                .split(|byte| *byte == 0)
                .any(|pair| pair.starts_with(mark.as_bytes()))
        })
    })
    .collect()
}

/// Sends a signal to a process that a test started.
pub(crate) fn tell(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.cast_signed()).unwrap();
    let told = kill_process(pid, signal);
    // It may be gone already.
    assert!(matches!(told, Ok(()) | Err(Errno::SRCH)), "{told:?}");
}

/// A platform.
pub(crate) struct Stand {
    pub(crate) data_dir: PathBuf,
    pub(crate) gateway: SocketAddr,
    pub(crate) operator: SocketAddr,
    config: PathBuf,
    log: PathBuf,
    child: Option<Child>,
    client: Client,
    pool: Pool<HttpConnector, Empty<Bytes>>,
    _dir: TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Stand {
    /// One that is not started yet, with `settings` (YAML) beside its ports.
    pub(crate) async fn new(settings: &str) -> Self {
        Self::in_dir(settings, |dir| dir.join("data")).await
    }

    /// As [`Stand::new`], with its data where `data_dir` says.
    pub(crate) async fn in_dir(settings: &str, data_dir: impl Fn(&Path) -> PathBuf) -> Self {
        let alone = ALONE.lock().await;
        let dir = tempfile::tempdir().unwrap();
        let [gateway, operator] =
            [(); 2].map(|()| SocketAddr::from((Ipv4Addr::LOCALHOST, free_port())));
        let data_dir = data_dir(dir.path());
        let config = dir.path().join("stadion.yaml");
        let text = format!(
            "data_dir: {}\ngateway:\n  listen: {gateway}\n  operator_listen: {operator}\n  limits: {LIMITS}\n{settings}",
            data_dir.display()
        );
        std::fs::write(&config, text).unwrap();
        Self {
            log: dir.path().join("log"),
            config,
            data_dir,
            gateway,
            operator,
            child: None,
            client: Client::new(&format!("http://{gateway}"), "").unwrap(),
            pool: Pool::builder(TokioExecutor::new()).build_http(),
            _dir: dir,
            _alone: alone,
        }
    }

    /// The arguments that every command about this platform takes.
    pub(crate) fn arguments<'a>(&'a self, command: &[&'a str]) -> Vec<&'a str> {
        let config = self.config.to_str().unwrap();
        [command, &["--config", config]].concat()
    }

    /// Starts it, and waits until it is ready.
    pub(crate) async fn start(&mut self) {
        self.spawn();
        self.ready().await;
    }

    /// Starts it.
    pub(crate) fn spawn(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .unwrap();
        let child = program()
            .args(self.arguments(&["serve"]))
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        self.child = Some(child.unwrap());
    }

    /// Starts it as `nohup` does.
    pub(crate) fn spawn_ignoring_hangup(&mut self) {
        let child = Command::new("sh")
            .args(["-c", r#"trap "" HUP; exec "$0" "$@""#])
            .arg(env!("CARGO_BIN_EXE_stadion"))
            .args(self.arguments(&["serve"]))
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        self.child = Some(child.unwrap());
    }

    /// Starts it with both its outputs going to one pipe; this is the other end.
    pub(crate) fn spawn_into_pipe(&mut self) -> PipeReader {
        let (reader, writer) = std::io::pipe().unwrap();
        let child = program()
            .args(self.arguments(&["serve"]))
            .stdout(writer.try_clone().unwrap())
            .stderr(writer)
            .spawn();
        self.child = Some(child.unwrap());
        reader
    }

    /// Waits until it takes work.
    pub(crate) async fn ready(&mut self) {
        let waiting = async {
            loop {
                if let Ok((StatusCode::OK, _)) = self.call(Method::GET, "/readyz").await {
                    return;
                }
                let child = self.child.as_mut().unwrap();
                assert_eq!(child.try_wait().unwrap(), None, "{}", self.log());
                // polls: readiness
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let ready = timeout(PATIENCE, waiting).await;
        assert!(ready.is_ok(), "not ready:\n{}", self.log());
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id().unwrap()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        tell(self.pid(), signal);
    }

    /// Waits until SIGTERM is caught, which is long before the start is over.
    pub(crate) async fn begun(&self) {
        let caught = wait_until("SIGTERM to be caught", || async {
            let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).ok()?;
            let mask = status
                .lines()
                .find_map(|l| l.strip_prefix("SigCgt:"))?
                .trim();
            // proc_pid_status(5): bit n - 1 is signal n, and SIGTERM is 15.
            let mask = u64::from_str_radix(mask, 16).ok()?;
            (mask & 1 << 14 != 0).then_some(())
        });
        caught.await;
    }

    /// Kills it, and only it: its game servers go on.
    pub(crate) async fn kill(&mut self) {
        self.child.take().unwrap().kill().await.unwrap();
    }

    /// Waits for its end.
    pub(crate) async fn exited(&mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        match timeout(PATIENCE, child.wait()).await {
            Ok(status) => status.unwrap(),
            Err(_) => panic!("it does not end:\n{}", self.log()),
        }
    }

    /// Ends it in good order, and checks that nothing is left of it.
    pub(crate) async fn stop(mut self) {
        self.signal(Signal::TERM);
        let status = self.exited().await;
        assert!(status.success(), "{status}:\n{}", self.log());
        self.assert_gone();
    }

    /// No game server and no address is left.
    pub(crate) fn assert_gone(&self) {
        assert_eq!(game_servers(&self.data_dir), [0; 0], "{}", self.log());
        assert!(!self.data_dir.join("endpoints.json").exists());
    }

    fn secret(&self, name: &str) -> String {
        let text = std::fs::read_to_string(self.data_dir.join(name)).unwrap();
        text.trim().to_owned()
    }

    /// A player.
    pub(crate) fn player(&self, id: &str) -> Client {
        let secret = self.secret("player-secret");
        let token = development_token(&secret, id, &[], SystemClock.now(), 3_600);
        self.client.with_token(&token).unwrap()
    }

    /// Makes tokens for the arena's bots.
    pub(crate) fn token_issuer(&self) -> TokenIssuer {
        let secret = self.secret("player-secret");
        Arc::new(move |ids| {
            development_token(&secret, &ids[0], &ids[1..], SystemClock.now(), 3_600)
        })
    }

    /// A game server, as Stadion knows it.
    pub(crate) fn server(&self, name: &str) -> Client {
        let keys = ServerKeys::new(&self.secret("server-secret"));
        let token = keys.issue(&ServerName::new(name).unwrap());
        self.client.with_token(&token).unwrap()
    }

    /// Calls the operator edge.
    pub(crate) async fn call(&self, method: Method, path: &str) -> io::Result<(StatusCode, Bytes)> {
        let token = std::fs::read_to_string(self.data_dir.join("operator-token"))?;
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.operator))
            .header(AUTHORIZATION, format!("Bearer {}", token.trim()))
            .body(Empty::new())
            .map_err(io::Error::other)?;
        let answer = self.pool.request(request);
        let answer = timeout(PATIENCE, answer).await?.map_err(io::Error::other)?;
        let status = answer.status();
        let body = answer.into_body().collect();
        let body = body.await.map_err(io::Error::other)?;
        Ok((status, body.to_bytes()))
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        let (status, body) = self.call(Method::GET, path).await.unwrap();
        assert_eq!(status, StatusCode::OK, "{path}");
        serde_json::from_slice(&body).unwrap()
    }

    /// The report.
    pub(crate) async fn report(&self) -> Report {
        self.get("/v1/report").await
    }

    /// The game servers.
    pub(crate) async fn servers(&self) -> Vec<ServerInfo> {
        let found: Servers = self.get("/v1/servers?limit=1000").await;
        assert!(!found.truncated);
        found.servers
    }

    /// The matches in `state`.
    pub(crate) async fn matches(&self, state: &str) -> Vec<MatchInfo> {
        let found: Matches = self
            .get(&format!("/v1/matches?limit=1000&state={state}"))
            .await;
        assert!(!found.truncated);
        found.matches
    }

    /// The sessions that are reserved or active.
    pub(crate) async fn live_sessions(&self) -> Vec<SessionInfo> {
        let mut live = Vec::new();
        for state in ["reserved", "active"] {
            let path = format!("/v1/sessions?limit=1000&state={state}");
            let found: Sessions = self.get(&path).await;
            assert!(!found.truncated);
            live.extend(found.sessions);
        }
        live
    }

    /// The tickets in `state`; all of them where it is empty.
    pub(crate) async fn tickets(&self, state: &str) -> Vec<TicketInfo> {
        let filter = match state {
            "" => String::new(),
            state => format!("&state={state}"),
        };
        let found: Tickets = self.get(&format!("/v1/tickets?limit=1000{filter}")).await;
        assert!(!found.truncated);
        found.tickets
    }

    /// Waits until `count` game servers are Ready.
    pub(crate) async fn servers_ready(&self, count: usize) -> Vec<ServerInfo> {
        wait_until("game servers that are Ready", || async {
            let mut servers = self.servers().await;
            servers.retain(|server| server.state == "Ready");
            (servers.len() >= count).then_some(servers)
        })
        .await
    }
}

/// All callers have one address here.
const LIMITS: &str = "{ connections_per_address_max: 50000, requests_per_second_per_address: 100000, requests_per_second_per_player: 1000 }";

/// Lines of the log that a failure shows.
const LOG_LINES: usize = 60;

impl Drop for Stand {
    /// A test that failed leaves nothing behind either.
    fn drop(&mut self) {
        if let Some(pid) = self.child.as_ref().and_then(Child::id) {
            tell(pid, Signal::KILL);
        }
        for pid in game_servers(&self.data_dir) {
            tell(pid, Signal::KILL);
        }
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            let last = lines.len().saturating_sub(LOG_LINES);
            eprintln!("its log ends:\n{}", lines[last..].join("\n"));
        }
    }
}

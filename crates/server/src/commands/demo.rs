//! `stadion demo`: the whole platform and a crowd of players on this machine, and a report at the end.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use stadion_arena::bot::{BotSwarm, Distribution, SwarmParams, SwarmStats};
use stadion_core::time::Clock;
use tokio_util::sync::CancellationToken;

use super::serve::{Stops, log_recovery};
use crate::clock::SystemClock;
use crate::config::settings::PlayerAuth;
use crate::config::written::FleetKind;
use crate::config::{ConfigError, Settings};
use crate::platform::{self, Platform, PlatformError, STOP_MAX};
use crate::report::Report;
use crate::{keys, limits, logging};

/// As `println!`, but a reader who has had enough (`| head -1`) does not end the demo.
macro_rules! say {
    ($($text:tt)*) => { drop(writeln!(std::io::stdout(), $($text)*)) };
}

/// The demo's configuration.
pub const DEMO_YAML: &str = include_str!("demo.yaml");
/// Time after `--duration` in which matches that are being played may end.
const DRAIN: Duration = Duration::from_secs(20);
/// How long the players then need at most to leave, when every call of theirs lasts as long as it may: a ticket is
/// taken back in three calls of 10 s with pauses of 3 s, a seat that was on its way is waited for for 5 s, and left by
/// a call of 10 s.
const LEAVE_MAX: Duration = Duration::from_secs(60);
/// What the end of a demo takes at most after `--duration`; it takes moments unless something is wrong.
pub const END_MAX: Duration = Duration::from_secs(
    DRAIN.as_secs() + LEAVE_MAX.as_secs() + STOP_MAX.as_secs() + super::RUNTIME_MAX.as_secs(),
);
/// Pause between two lines of progress on a terminal, and where there is none.
const PROGRESS_PERIOD: Duration = Duration::from_millis(500);
const PROGRESS_PERIOD_PLAIN: Duration = Duration::from_secs(5);
/// A token outlives every demo.
const TOKEN_LIFE_SECONDS: u64 = 24 * 60 * 60;

/// What `stadion demo` was asked for.
#[derive(Clone, Debug)]
pub struct Demo {
    /// Players at once.
    pub players: usize,
    /// How long they go on queueing.
    pub duration: Duration,
    /// Game modes that they play; empty means all.
    pub modes: Vec<String>,
    /// Multiplies the fleets' smallest sizes.
    pub fleet_scale: u32,
    /// Seed of the players.
    pub seed: u64,
    /// Where the report goes as JSON.
    pub report: Option<PathBuf>,
    /// Keep the data directory for a look afterwards.
    pub keep_data: bool,
    /// Where the data goes, if not where the demo's configuration says.
    pub data_dir: Option<PathBuf>,
    /// Where the log goes, if not into the data directory.
    pub log_file: Option<PathBuf>,
}

/// Why a demo failed.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The configuration, after what the command line said.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// What the command line said.
    #[error("{0}")]
    Usage(String),
    /// The platform.
    #[error(transparent)]
    Platform(#[from] PlatformError),
    /// The players.
    #[error("the players could not start: {0}")]
    Players(#[from] stadion_arena::bot::BotError),
    /// The report's file.
    #[error("{path}: {source}", path = path.display())]
    Report {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// What `--report` writes.
#[derive(Serialize)]
struct Written<'a> {
    platform: &'a Report,
    waited_at_the_end: &'a BTreeMap<String, usize>,
    players: &'a SwarmStats,
}

fn settings(demo: &Demo, env: &BTreeMap<String, String>) -> Result<Settings, DemoError> {
    let failed = |problems| ConfigError {
        file: None,
        problems,
    };
    let mut settings = Settings::from_text(DEMO_YAML, env).map_err(failed)?;
    if let Some(dir) = &demo.data_dir {
        // Only paths below the data directory depend on it, and they are made from it.
        let mut env = env.clone();
        env.insert("STADION_DATA_DIR".into(), dir.display().to_string());
        settings = Settings::from_text(DEMO_YAML, &env).map_err(failed)?;
    }
    if settings.fleet != FleetKind::Local {
        return Err(DemoError::Usage(
            "a demo runs on this machine: fleet.kind must be local".into(),
        ));
    }
    for fleet in &mut settings.fleets {
        let bounds = &mut fleet.spec.bounds;
        bounds.min_replicas = bounds
            .min_replicas
            .saturating_mul(demo.fleet_scale)
            .min(bounds.max_replicas);
    }
    for mode in &demo.modes {
        if !settings
            .game_modes
            .iter()
            .any(|known| known.name.as_str() == mode)
        {
            let known: Vec<_> = settings
                .game_modes
                .iter()
                .map(|mode| mode.name.as_str())
                .collect();
            return Err(DemoError::Usage(format!(
                "there is no game mode {mode:?}; there are {}",
                known.join(", ")
            )));
        }
    }
    Ok(settings)
}

/// A player is both ends of a WebSocket and a UDP socket here; a game server, of which the demo has about forty, some
/// four files, and the rest of the platform a hundred.
const FILES_PER_PLAYER: u64 = 3;
const FILES_BESIDES: u64 = 400;

fn check_open_files(players: usize, limit: Option<u64>) -> Result<(), DemoError> {
    let needed = u64::try_from(players)
        .unwrap_or(u64::MAX)
        .saturating_mul(FILES_PER_PLAYER)
        .saturating_add(FILES_BESIDES);
    match limit {
        Some(limit) if limit < needed => Err(DemoError::Usage(format!(
            "{players} players need {needed} open files, and {limit} are allowed: raise the limit (`ulimit -Hn`), or ask for fewer (--players)"
        ))),
        _ => Ok(()),
    }
}

fn swarm(demo: &Demo, platform: &Platform) -> Result<BotSwarm, DemoError> {
    let PlayerAuth::Development(path) = &platform.settings().auth.players else {
        return Err(DemoError::Usage(
            "a demo makes its own players: auth.player_keys must not be set".into(),
        ));
    };
    let secret = keys::secret_file(path).map_err(PlatformError::from)?;
    let issue = move |ids: &[String]| {
        let (player, party) = ids.split_first().expect("a party has a leader");
        keys::development_token(
            &secret,
            player,
            party,
            SystemClock.now(),
            TOKEN_LIFE_SECONDS,
        )
    };
    let url = format!("http://{}", platform.endpoints.gateway);
    let mut params = SwarmParams::new(
        &url,
        Arc::new(issue),
        Arc::new(|| SystemClock.now().0),
        demo.players,
    );
    // By parties: a duel needs a game server for two players, so few of them are played on one machine.
    let weights = [
        ("battle_royale", 0.35),
        ("team_deathmatch", 0.25),
        ("capture_the_flag", 0.15),
        ("free_for_all", 0.20),
        ("duel", 0.05),
    ];
    let wanted = |name: &str| demo.modes.is_empty() || demo.modes.iter().any(|mode| mode == name);
    params.modes = weights
        .iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, w)| ((*name).into(), *w))
        .collect();
    params.seed = demo.seed;
    params.name = format!("bot-{:x}", SystemClock.now().0);
    params.ramp = (demo.duration / 6).min(Duration::from_secs(10));
    params.queue_for = demo.duration;
    params.drain_for = DRAIN;
    Ok(BotSwarm::new(params))
}

fn unwritten(path: &Path) -> impl FnOnce(std::io::Error) -> DemoError {
    let path = path.to_owned();
    |source| DemoError::Report { path, source }
}

/// Runs the demo and prints its report; SIGINT ends it early and in order.
///
/// # Errors
/// When it cannot start, or a part of it dies.
pub async fn run(demo: Demo, env: &BTreeMap<String, String>) -> Result<ExitCode, DemoError> {
    let settings = settings(&demo, env)?;
    if let Some(path) = &demo.report {
        super::writable(path).map_err(unwritten(path))?;
    }
    let data_dir = settings.data_dir.clone();
    let in_dir = |source| PlatformError::DataDir {
        path: data_dir.clone(),
        source,
    };
    std::fs::create_dir_all(&data_dir).map_err(in_dir)?;
    let log = demo
        .log_file
        .clone()
        .unwrap_or_else(|| data_dir.join("stadion.log"));
    logging::start(&settings.logging.level, false, true, Some(&log))
        .map_err(PlatformError::Logging)?;
    check_open_files(demo.players, limits::raise_open_files())?;
    let mut stops = Stops::new().map_err(PlatformError::Socket)?;
    let mut platform = platform::start(settings).await?;
    log_recovery(&platform);
    say_start(&demo, &platform, &log);

    let swarm = swarm(&demo, &platform)?;
    let (stop, stopped) = (CancellationToken::new(), CancellationToken::new());
    let playing = {
        let (swarm, stop, stopped) = (swarm.clone(), stop.clone(), stopped.clone());
        tokio::spawn(async move {
            // Even when a player's fault ends it.
            let _stopped = stopped.drop_guard();
            swarm.run(stop).await
        })
    };
    let watched = watch(&demo, &mut platform, &swarm, &mut stops, &stop, &stopped).await;
    if !stopped.is_cancelled() {
        playing.abort();
    }
    let players = match playing.await {
        Err(error) if error.is_cancelled() => Ok(swarm.stats()),
        Err(error) => Err(PlatformError::Panicked {
            why: error.to_string(),
        }),
        Ok(Ok(stats)) => Ok(stats),
        Ok(Err(error)) => return Err(error.into()),
    };
    let ended = platform.stop(Duration::ZERO, std::future::ready(())).await;
    let (Watched { report, waiting }, players) = (watched?, players?);
    print_report(&report, &players, &waiting);
    if let Some(path) = &demo.report {
        let written = Written {
            platform: &report,
            waited_at_the_end: &waiting,
            players: &players,
        };
        let text = serde_json::to_string_pretty(&written).expect("a report is plain data");
        std::fs::write(path, text + "\n").map_err(unwritten(path))?;
        say!("\nThe report as JSON: {}", path.display());
    }
    ended?;
    if !demo.keep_data {
        drop(std::fs::remove_dir_all(&data_dir));
    }
    Ok(ExitCode::SUCCESS)
}

fn say_start(demo: &Demo, platform: &Platform, log: &Path) {
    let endpoints = &platform.endpoints;
    say!(
        "Stadion: {} players for {} s, seed {}",
        demo.players,
        demo.duration.as_secs(),
        demo.seed
    );
    say!("  players and game servers  http://{}", endpoints.gateway);
    say!(
        "  operators                 http://{}   (--data-dir {})",
        endpoints.operator,
        platform.data_dir().display()
    );
    say!("  log                       {}", log.display());
    let found = platform.recovery;
    if found.tickets + found.matches > 0 {
        say!(
            "  an earlier demo was cut off: {} tickets, {} matches and {} sessions were recovered",
            found.tickets,
            found.matches,
            found.sessions
        );
    }
    say!("  Ctrl-C ends it in order.\n");
}

/// Shows progress until the players are done; the report is of the moment when they stop queueing.
async fn watch(
    demo: &Demo,
    platform: &mut Platform,
    swarm: &BotSwarm,
    stops: &mut Stops,
    stop: &CancellationToken,
    stopped: &CancellationToken,
) -> Result<Watched, DemoError> {
    let terminal = std::io::stdout().is_terminal();
    let mut progress = tokio::time::interval(if terminal {
        PROGRESS_PERIOD
    } else {
        PROGRESS_PERIOD_PLAIN
    });
    let started = tokio::time::Instant::now();
    let closing = tokio::time::sleep(demo.duration);
    let overdue = tokio::time::sleep(demo.duration + DRAIN + LEAVE_MAX);
    tokio::pin!(closing, overdue);
    let mut report = None;
    let mut waiting = BTreeMap::new();
    loop {
        tokio::select! {
            () = stopped.cancelled() => break,
            () = stops.next() => {
                if report.is_none() {
                    report = Some(platform.report().await?);
                }
                say(terminal, "ending: players leave");
                stop.cancel();
                overdue.as_mut().reset(tokio::time::Instant::now() + LEAVE_MAX);
            }
            () = &mut closing, if report.is_none() => report = Some(platform.report().await?),
            _ = progress.tick() => {
                let now = platform.report().await?;
                if !now.matchmaking.waiting.is_empty() {
                    waiting.clone_from(&now.matchmaking.waiting);
                }
                say(terminal, &line(started.elapsed(), &now, &swarm.stats()));
            }
            () = &mut overdue => {
                let SwarmStats { searching, playing, .. } = swarm.stats();
                tracing::error!(searching, playing, "the players did not leave in time");
                break;
            }
            error = platform.died() => return Err(error.into()),
        }
    }
    if terminal {
        say!();
    }
    let report = match report {
        Some(report) => report,
        None => platform.report().await?,
    };
    Ok(Watched { report, waiting })
}

/// What was seen of the platform while the players were there.
struct Watched {
    /// When they stopped queueing.
    report: Report,
    /// What the last tickets waited for.
    waiting: BTreeMap<String, usize>,
}

/// What a ticket waits for, in words.
fn in_words(reason: &str) -> &str {
    match reason {
        "for_players" => "for players that fit by skill, region and sizes",
        "for_server" => "for a free game server",
        "for_fleet" => "for a fleet that plays this mode in a region near enough",
        "for_turn" => "for the next plan",
        other => other,
    }
}

fn say(terminal: bool, text: &str) {
    if terminal {
        drop(write!(std::io::stdout(), "\r\x1b[K{text}"));
        drop(std::io::stdout().flush());
    } else {
        say!("{text}");
    }
}

fn line(elapsed: Duration, report: &Report, players: &SwarmStats) -> String {
    let servers = &report.fleet_status;
    let of = |state: &str| servers.by_state.get(state).copied().unwrap_or(0);
    format!(
        "{:>4} s  players: {} searching, {} playing   matches: {} made, {} live   servers: {} ({} Ready, {} Allocated)",
        elapsed.as_secs(),
        players.searching,
        players.playing,
        report.matchmaking.matches.created,
        report.matchmaking.matches.open,
        servers.total_servers,
        of("Ready"),
        of("Allocated"),
    )
}

fn print_report(report: &Report, players: &SwarmStats, waiting: &BTreeMap<String, usize>) {
    say!("\n{report}");
    say!("{}", render_players(players, waiting));
}

fn spread(values: &Distribution) -> String {
    if values.count() == 0 {
        return "none".into();
    }
    let at = |percent| values.percentile(percent).unwrap_or(0);
    format!(
        "p50 {} ms, p95 {} ms, p99 {} ms ({} values)",
        at(50.0),
        at(95.0),
        at(99.0),
        values.count()
    )
}

/// The players' side of the report.
fn render_players(players: &SwarmStats, waiting: &BTreeMap<String, usize>) -> String {
    let mut text = String::from("As the players saw it\n");
    let mut row = |name: &str, value: String| {
        // Writing to a string does not fail.
        writeln!(text, "  {name:<28} {value}").expect("a string takes everything");
    };
    row("players that came", players.players.to_string());
    row(
        "tickets",
        format!(
            "{}, {} of them matched",
            players.tickets, players.tickets_matched
        ),
    );
    row("seats", players.seats.to_string());
    for (mode, waits) in &players.time_to_match_ms {
        row(&format!("wait, {mode}"), spread(waits));
    }
    row(
        "told after match_found",
        spread(&players.match_found_delay_ms),
    );
    row("on the server after", spread(&players.time_to_join_ms));
    for (region, latency) in &players.latency_ms {
        row(&format!("latency, {region}"), spread(latency));
    }
    row("latency beyond distance", spread(&players.latency_added_ms));
    let pairs = |counts: &BTreeMap<String, u64>| {
        if counts.is_empty() {
            return "none".to_owned();
        }
        counts
            .iter()
            .map(|(what, count)| format!("{count} {what}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    row("left matches early", players.quits.to_string());
    row("requeued", pairs(&players.requeues));
    row("unmatched at the end", pairs(&players.unmatched));
    for (reason, tickets) in waiting.iter().filter(|_| !players.unmatched.is_empty()) {
        row("", format!("{tickets} waited {}", in_words(reason)));
    }
    row("errors", pairs(&players.errors));
    text
}

#[cfg(test)]
mod tests {
    use super::check_open_files;

    #[test]
    fn i7_players_beyond_the_limit_of_open_files_are_refused() {
        let said = check_open_files(400, Some(256)).unwrap_err().to_string();
        for part in ["400 players", "1600 open files", "256", "--players"] {
            assert!(said.contains(part), "{said}");
        }
        check_open_files(400, Some(1_600)).unwrap();
        check_open_files(20_000, None).unwrap();
    }
}

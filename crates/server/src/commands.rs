//! What the program does when it is called.

pub mod demo;
pub mod serve;
pub mod simulate;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;
use stadion_arena::server::ServerConfig;
use stadion_core::id::PlayerId;
use stadion_core::time::Clock as _;

use crate::cli::{
    Cli, Command, ConfigCommand, DemoArgs, Global, OPERATOR_URL, Operate, Output, TokenArgs,
};
use crate::clock::SystemClock;
use crate::config::settings::PlayerAuth;
use crate::config::{self, ConfigError, Settings};
use crate::keys;
use crate::platform::{Endpoints, PlatformError};
use crate::views::{self, CliError, OperatorClient, TOKEN_ENV};

/// How long what still runs on other threads is waited for when a command is done: a file that is being read.
const RUNTIME_MAX: Duration = Duration::from_secs(5);

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Demo(#[from] demo::DemoError),
    #[error(transparent)]
    Platform(#[from] PlatformError),
    #[error(transparent)]
    Cli(#[from] CliError),
    #[error(transparent)]
    Simulate(#[from] simulate::SimulateError),
    #[error(transparent)]
    Arena(#[from] stadion_arena::server::ServerError),
    #[error("the runtime could not be started: {0}")]
    Runtime(std::io::Error),
}

impl Failure {
    /// The exit code that `stadion --help` documents.
    const fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Demo(demo::DemoError::Config(_)) => 3,
            Self::Demo(demo::DemoError::Usage(_)) => 2,
            Self::Cli(error) => error.exit_code(),
            Self::Simulate(error) => error.exit_code(),
            Self::Demo(_) | Self::Platform(_) | Self::Arena(_) | Self::Runtime(_) => 1,
        }
    }
}

/// Does what the command line says, with the variables of `env`.
#[must_use]
pub fn run(cli: Cli, env: &BTreeMap<String, String>) -> ExitCode {
    match dispatch(cli, env) {
        Ok(code) => code,
        // Whoever reads our output has had enough, as `head` has; that is no failure of ours.
        Err(Failure::Cli(CliError::Output(error)))
            if error.kind() == std::io::ErrorKind::BrokenPipe =>
        {
            ExitCode::SUCCESS
        }
        Err(failure) => {
            // A stderr that is closed must not be a panic.
            drop(writeln!(std::io::stderr(), "stadion: {failure}"));
            ExitCode::from(failure.exit_code())
        }
    }
}

fn dispatch(cli: Cli, env: &BTreeMap<String, String>) -> Result<ExitCode, Failure> {
    let global = &cli.global;
    match cli.command {
        // Its runtime has one thread and its memory is counted: there may be a hundred of them.
        Command::ArenaServer => {
            stadion_arena::server::run(ServerConfig::from_env()?)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Demo(args) => Ok(block_on(demo::run(asked(args, global), env))??),
        Command::Serve => Ok(block_on(serve::run(settings(global, env)?))??),
        Command::Simulate(args) => Ok(simulate::run(&args, global, env)?),
        Command::Operate(command) => operate(command, global, env),
        Command::Token(args) => token(&args, global, env),
        Command::Network(args) => Ok(network(*args, global, env)?),
        Command::Config(command) => show_config(command, global, env),
        Command::Completions { shell } => {
            let mut text = Vec::new();
            Cli::completions(shell, &mut text);
            std::io::stdout().write_all(&text).map_err(CliError::from)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Runs `work` to its end, and then waits at most [`RUNTIME_MAX`] for threads that still do something.
fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::Runtime)?;
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(RUNTIME_MAX);
    Ok(done)
}

/// Whether `path` can be written, before work whose result goes there is begun; makes an empty file if there is none.
fn writable(path: &Path) -> std::io::Result<()> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.map(drop)
}

/// The settings, with what the command line says over the environment and the environment over the file.
fn settings(global: &Global, env: &BTreeMap<String, String>) -> Result<Settings, ConfigError> {
    let mut env = env.clone();
    if let Some(dir) = &global.data_dir {
        env.insert("STADION_DATA_DIR".into(), dir.display().to_string());
    }
    Settings::load(global.config.as_deref(), &env)
}

fn asked(args: DemoArgs, global: &Global) -> demo::Demo {
    demo::Demo {
        players: args.players,
        duration: args.duration,
        modes: args.modes,
        fleet_scale: args.fleet_scale,
        seed: args.seed,
        report: args.report,
        keep_data: args.keep_data,
        data_dir: global.data_dir.clone(),
        log_file: args.log_file,
    }
}

fn operate(
    command: Operate,
    global: &Global,
    env: &BTreeMap<String, String>,
) -> Result<ExitCode, Failure> {
    let data_dir: PathBuf = match &global.data_dir {
        Some(dir) => dir.clone(),
        None => settings(global, env)?.data_dir,
    };
    let url = match &global.operator_url {
        Some(url) => url.clone(),
        None => Endpoints::read(&data_dir).map_or(OPERATOR_URL.into(), |known| {
            format!("http://{}", known.operator)
        }),
    };
    let client = OperatorClient::open(&url, &data_dir, env.get(TOKEN_ENV).map(String::as_str))?;
    let mut out = std::io::stdout();
    block_on(views::run(command, &client, global.output, &mut out))??;
    Ok(ExitCode::SUCCESS)
}

/// The host's network is a room of its own, with its own words and exit codes.
fn network(
    mut args: stadion_network::cli::Network,
    global: &Global,
    env: &BTreeMap<String, String>,
) -> Result<ExitCode, CliError> {
    args.common.json |= global.output == Output::Json;
    let caller = stadion_network::cli::Caller {
        program: std::env::current_exe()?,
        prefix: vec!["network".into()],
        env: env.clone(),
    };
    Ok(stadion_network::cli::run(
        &args,
        &caller,
        &mut std::io::stdout(),
    ))
}

fn token(
    args: &TokenArgs,
    global: &Global,
    env: &BTreeMap<String, String>,
) -> Result<ExitCode, Failure> {
    let usage =
        |what: &str, error: &dyn std::fmt::Display| CliError::Usage(format!("{what}: {error}"));
    PlayerId::new(&args.player).map_err(|error| usage("--player", &error))?;
    for player in &args.party {
        PlayerId::new(player).map_err(|error| usage("--party", &error))?;
    }
    let settings = settings(global, env)?;
    let PlayerAuth::Development(path) = &settings.auth.players else {
        let why = "auth.player_keys is set: this platform's players have the studio's tokens, not development ones";
        return Err(CliError::Refused(why.into()).into());
    };
    let in_dir = |source| PlatformError::DataDir {
        path: settings.data_dir.clone(),
        source,
    };
    std::fs::create_dir_all(&settings.data_dir).map_err(in_dir)?;
    let secret = keys::secret_file(path).map_err(PlatformError::from)?;
    let now = SystemClock.now();
    let token =
        keys::development_token(&secret, &args.player, &args.party, now, args.life.as_secs());
    writeln!(std::io::stdout(), "{token}").map_err(CliError::from)?;
    Ok(ExitCode::SUCCESS)
}

fn show_config(
    command: ConfigCommand,
    global: &Global,
    env: &BTreeMap<String, String>,
) -> Result<ExitCode, Failure> {
    let text = match command {
        ConfigCommand::Default => config::DEFAULT_YAML.to_owned(),
        ConfigCommand::Schema => {
            serde_json::to_string_pretty(&config::schema()).expect("a schema is plain data") + "\n"
        }
        ConfigCommand::Check => {
            let settings = settings(global, env)?;
            match global.output {
                Output::Table => config::explain(&settings),
                Output::Json => {
                    let found = json!({ "valid": true, "warnings": settings.warnings });
                    format!("{found:#}\n")
                }
            }
        }
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(CliError::from)?;
    Ok(ExitCode::SUCCESS)
}

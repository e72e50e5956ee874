//! The command line, as clap sees it. What the commands do is elsewhere.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub mod operate;
pub mod simulate;
#[cfg(test)]
mod tests;

pub use operate::{
    FleetCommand, MatchCommand, Operate, ServerCommand, SessionCommand, TicketCommand,
};

/// Where the operator edge listens unless the configuration says otherwise.
pub const OPERATOR_URL: &str = "http://127.0.0.1:9701";

/// Players of a demo unless told otherwise: enough for every game mode, few enough for a laptop.
const DEMO_PLAYERS: usize = 400;

/// Players of a demo at most: each has a WebSocket to one port of this machine, and Linux has 28,232 ports for the other
/// ends (`ip_local_port_range`).
const DEMO_PLAYERS_MAX: usize = 20_000;

/// A demo at most, seconds: its players' tokens count for 24 hours.
const DEMO_SECONDS_MAX: u64 = 23 * 60 * 60;

const LONG_HELP: &str = "\
Stadion takes players from \"I want to play\" to a running game server: queues, parties, matches, fleets, seats, \
tokens, scaling, health and metrics, in one program. Without a configuration it runs whole on one machine.";

const AFTER_HELP: &str = "\
Exit codes:
  0  done
  1  failed
  2  the command line is wrong
  3  the configuration is wrong
  4  the platform cannot be reached
  5  refused, or not found
Those of `stadion network` are in its own help.

Examples:
  stadion demo                     the whole platform and a crowd of players, then a report
  stadion serve                    the platform, until it is told to stop
  stadion server list              the game servers of the platform that runs here
  stadion network full-setup       what this host's network lacks for game servers
  stadion simulate                 what the rules of the game modes do to players";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "stadion", version, about = "From \"I want to play\" to a running game server", long_about = LONG_HELP, after_help = AFTER_HELP)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Writes the completions for `shell` to `out`.
    pub fn completions(shell: Shell, out: &mut dyn std::io::Write) {
        clap_complete::generate(shell, &mut Self::command(), "stadion", out);
    }
}

/// What holds for every command.
#[derive(Args, Clone, Debug)]
pub struct Global {
    /// How answers are written: for people, or for machines
    #[arg(long, global = true, value_enum, default_value_t = Output::Table)]
    pub output: Output,
    /// The configuration; without one, everything has a default
    #[arg(long, global = true, value_name = "FILE", env = "STADION_CONFIG", value_parser = named_file())]
    pub config: Option<PathBuf>,
    /// Where the operator edge of the platform is, if not where the one in the data directory says
    #[arg(long, global = true, value_name = "URL", env = "STADION_OPERATOR_URL")]
    pub operator_url: Option<String>,
    /// Where the platform keeps its data, and the operator's token
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// How answers are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Table,
    /// For machines.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the whole platform with a crowd of players, and report
    #[command(
        after_help = "Example:\n  stadion demo --players 500 --duration 2m --mode duel --report report.json"
    )]
    Demo(DemoArgs),
    /// Run the platform until it is told to stop
    #[command(after_help = "Example:\n  stadion serve --config stadion.yaml")]
    Serve,
    /// Try the rules of game modes on simulated players
    #[command(after_help = simulate::EXAMPLES)]
    Simulate(Box<simulate::SimulateArgs>),
    /// See or change a running platform
    #[command(flatten)]
    Operate(Operate),
    /// Make a token for a player, signed with the development key of the data directory
    #[command(after_help = "Example:\n  stadion token --player alice --party bob,carol")]
    Token(TokenArgs),
    /// Tune, shape and protect this host's network, and put it back
    Network(Box<stadion_network::cli::Network>),
    /// Look at the configuration
    #[command(
        subcommand,
        after_help = "Example:\n  stadion config check --config stadion.yaml"
    )]
    Config(ConfigCommand),
    /// Write completions for a shell
    #[command(after_help = "Example:\n  stadion completions bash > /etc/bash_completion.d/stadion")]
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Run the example game server; local fleets start it
    #[command(hide = true)]
    ArenaServer,
}

/// `stadion demo`.
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    /// Players at once
    #[arg(long, value_name = "N", default_value_t = DEMO_PLAYERS, value_parser = players, allow_negative_numbers = true)]
    pub players: usize,
    /// How long the players go on queueing: 60s, 2m, 1h
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = demo_duration)]
    pub duration: Duration,
    /// A game mode to play; repeat it for several, leave it out for all
    #[arg(long = "mode", value_name = "NAME")]
    pub modes: Vec<String>,
    /// Write the report to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Seed of the players: the same seed makes the same crowd
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Multiplies the smallest size of every fleet
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub fleet_scale: u32,
    /// Keep the data directory for a look afterwards
    #[arg(long)]
    pub keep_data: bool,
    /// Write the log to this file instead of into the data directory
    #[arg(long, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
}

/// `stadion token`.
#[derive(Args, Clone, Debug)]
pub struct TokenArgs {
    /// The player
    #[arg(long, value_name = "ID")]
    pub player: String,
    /// Players whom this one may queue for, with commas between them
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    pub party: Vec<String>,
    /// How long it counts: 60s, 2m, 1h
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration)]
    pub life: Duration,
}

/// `stadion config`.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum ConfigCommand {
    /// Say whether the configuration is right, and what it comes to
    #[command(after_help = "Example:\n  stadion config check --config stadion.yaml")]
    Check,
    /// Print the JSON Schema of the configuration, for editors
    #[command(after_help = "Example:\n  stadion config schema > stadion.schema.json")]
    Schema,
    /// Print the configuration with every default, as a place to begin
    #[command(after_help = "Example:\n  stadion config default > stadion.yaml")]
    Default,
}

/// A name of a file; an empty one, as an empty variable makes it, is none.
fn named_file() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().try_map(|name| match name.is_empty() {
        true => {
            Err("it is empty: name a file, or leave the option and the variable STADION_CONFIG out")
        }
        false => Ok(PathBuf::from(name)),
    })
}

/// Reads the players of a demo.
fn players(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(players) if (1..=DEMO_PLAYERS_MAX).contains(&players) => Ok(players),
        _ => Err(format!(
            "must be a whole number from 1 to {DEMO_PLAYERS_MAX}"
        )),
    }
}

/// Reads the duration of a demo.
fn demo_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        long if long.as_secs() > DEMO_SECONDS_MAX => Err("a demo takes 23h at most".into()),
        demo => Ok(demo),
    }
}

/// Reads `60s`, `2m`, `1h`, `1h30m`, `500ms`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || {
        format!(
            "{text:?} is not a duration; write a number and a unit, such as 60s, 2m, 1h or 1h30m"
        )
    };
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, after) = rest.split_at(digits);
        let unit = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let unit_ms = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(wrong()),
        };
        let part = Duration::from_millis(number.checked_mul(unit_ms).ok_or_else(wrong)?);
        total = total.checked_add(part).ok_or_else(wrong)?;
        rest = after;
    }
    if total.is_zero() {
        return Err(wrong());
    }
    Ok(total)
}

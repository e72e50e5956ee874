//! `stadion simulate`, as clap sees it.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use stadion_sim::Preset;

use super::duration;

/// What `stadion simulate --help` ends with.
pub(super) const EXAMPLES: &str = "\
Examples:
  stadion simulate
  stadion simulate --preset launch --report launch.html
  stadion simulate --config now.yaml --compare next.yaml --report next.html
  stadion simulate --preset reference --rate 20 --size 10/6 --seed 7
  stadion simulate --players 1000000 --duration 1h --json million.json
  stadion simulate --config now.yaml --tickets yesterday.csv
  stadion simulate --log decisions.jsonl
  stadion simulate --replay decisions.jsonl";

/// `stadion simulate`.
#[derive(Args, Clone, Debug)]
pub struct SimulateArgs {
    /// The world to begin with: guide, launch or reference
    #[arg(long, value_name = "NAME", default_value = "guide")]
    pub preset: Preset,
    /// A world of your own, as YAML or JSON, in place of a preset
    #[arg(long, value_name = "FILE", conflicts_with_all = ["preset", "tickets"])]
    pub world: Option<PathBuf>,
    /// Print the world that would be simulated, as JSON for --world, and stop
    #[arg(long)]
    pub show_world: bool,
    /// Compare with the game modes of this configuration
    #[arg(long, value_name = "FILE")]
    pub compare: Option<PathBuf>,
    /// Tickets per second, on average
    #[arg(long, value_name = "N")]
    pub rate: Option<f64>,
    /// Players in all
    #[arg(long, value_name = "N")]
    pub players: Option<u64>,
    /// Simulated time: 60s, 15m, 2h
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub duration: Option<Duration>,
    /// The same seed makes the same players, and the same run
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Players of a match, and of the smallest, in every game mode: 10, 10/6
    #[arg(long, value_name = "TARGET/MIN", value_parser = size)]
    pub size: Option<(u32, u32)>,
    /// Share of the tickets for each game mode: duel=3,free_for_all=1
    #[arg(long, value_name = "NAME=SHARE,…", value_delimiter = ',', value_parser = share)]
    pub mix: Vec<(String, f64)>,
    /// How long players wait before they leave, on average: 90s, or never
    #[arg(long, value_name = "TIME", value_parser = patience)]
    pub patience: Option<Patience>,
    /// Game servers in each region
    #[arg(long, value_name = "N")]
    pub servers: Option<u32>,
    /// How many placements fail, per cent
    #[arg(long, value_name = "PERCENT")]
    pub failures: Option<f64>,
    /// Recorded tickets in place of drawn ones: .csv, .jsonl or .ndjson
    #[arg(long, value_name = "FILE")]
    pub tickets: Option<PathBuf>,
    /// Write a page with plots to this file
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    /// Write everything that was measured to this file
    #[arg(long, value_name = "FILE.json")]
    pub json: Option<PathBuf>,
    /// Write every decision of the planner to this file
    #[arg(long, value_name = "FILE.jsonl")]
    pub log: Option<PathBuf>,
    /// Make the decisions of this log again, and say whether they are the same
    #[arg(long, value_name = "FILE.jsonl", conflicts_with_all = ["preset", "world", "compare", "tickets", "log"])]
    pub replay: Option<PathBuf>,
}

/// How long players wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Until there is a match.
    Never,
    /// So long on average.
    Mean(Duration),
}

fn patience(text: &str) -> Result<Patience, String> {
    match text {
        "never" => Ok(Patience::Never),
        _ => duration(text).map(Patience::Mean),
    }
}

fn size(text: &str) -> Result<(u32, u32), String> {
    let wrong = || {
        format!(
            "{text:?} is no size; write the players of a match, and those that are enough, as 10/6"
        )
    };
    let (target, min) = text.split_once('/').unwrap_or((text, text));
    Ok((
        target.parse().map_err(|_| wrong())?,
        min.parse().map_err(|_| wrong())?,
    ))
}

fn share(text: &str) -> Result<(String, f64), String> {
    let wrong = || format!("{text:?} is no share; write a game mode and a number, as duel=3");
    let (name, share) = text.split_once('=').ok_or_else(wrong)?;
    let share: f64 = share.parse().map_err(|_| wrong())?;
    if !share.is_finite() || share < 0.0 {
        return Err(wrong());
    }
    Ok((name.to_owned(), share))
}

//! `stadion simulate`: tries the rules of game modes on simulated players.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use stadion_sim::log::{Log, Logged, Replay};
use stadion_sim::measures::Measures;
use stadion_sim::planner::{self, MakePlanner};
use stadion_sim::report::{Report, Run};
use stadion_sim::{Progress, SimError, World};
use tokio::time::Instant;

use crate::cli::simulate::SimulateArgs;
use crate::cli::{Global, Output};
use crate::config::ConfigError;

mod show;
mod world;

/// A run that takes longer shows how far it is.
const QUIET: Duration = Duration::from_secs(1);
/// Pause between two lines of progress on a terminal, and where there is none.
const PROGRESS_PERIOD: Duration = Duration::from_millis(250);
const PROGRESS_PERIOD_PLAIN: Duration = Duration::from_secs(5);
/// Buffer of a log: some hundred lines.
const BUFFER_BYTES: usize = 256 << 10;

/// Why there is no simulation.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// A configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// What the command line asks for.
    #[error("{0}")]
    Usage(String),
    /// The world that the command line describes, or the planner.
    #[error(transparent)]
    Sim(#[from] SimError),
    /// What a file says, or that it cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: SimError,
    },
    /// The answer could not be written.
    #[error("the answer could not be written: {0}")]
    Output(#[from] io::Error),
}

impl SimulateError {
    /// The exit code that `stadion --help` documents.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => 3,
            Self::Usage(_) | Self::Sim(SimError::World { .. }) => 2,
            Self::Sim(_) | Self::File { .. } | Self::Output(_) => 1,
        }
    }
}

/// Names the file of an error.
fn in_file<E: Into<SimError>>(path: &Path) -> impl FnOnce(E) -> SimulateError {
    let path = path.to_path_buf();
    move |source| SimulateError::File {
        path,
        source: source.into(),
    }
}

/// Simulates, or replays a log.
///
/// # Errors
/// See [`SimulateError`].
pub fn run(
    args: &SimulateArgs,
    global: &Global,
    env: &BTreeMap<String, String>,
) -> Result<ExitCode, SimulateError> {
    if let Some(path) = &args.replay {
        return replay(path, global.output);
    }
    let asked = world::asked(args, global, env)?;
    if args.show_world {
        let text = serde_json::to_string_pretty(&asked.world).map_err(io::Error::from)?;
        writeln!(io::stdout(), "{text}")?;
        return Ok(ExitCode::SUCCESS);
    }
    for path in [&args.report, &args.json].into_iter().flatten() {
        super::writable(path).map_err(in_file(path))?;
    }
    let log = match &args.log {
        Some(path) => {
            let file = File::create(path).map_err(in_file(path))?;
            let out = BufWriter::with_capacity(BUFFER_BYTES, file);
            Some((path, Rc::new(RefCell::new(Log::new(out)))))
        }
        None => None,
    };
    let started = Instant::now();
    let one = |name: &str, world: &World| -> Result<Run, SimulateError> {
        let measures = match &log {
            Some((_, log)) => {
                let make = |mode: &_, regions: &_| -> Box<dyn planner::Planner> {
                    let planner = planner::core(mode, regions);
                    Box::new(Logged::new(planner, mode, regions, log.clone()))
                };
                watched(name, world, &make, args.seed)?
            }
            None => watched(name, world, &planner::core, args.seed)?,
        };
        Ok(Run::new(name.to_owned(), world, measures))
    };
    let mut runs = vec![one(&asked.name, &asked.world)?];
    if let Some((name, other)) = &asked.compared {
        runs.push(one(name, other)?);
    }
    if let Some((path, log)) = &log {
        log.borrow_mut().finish().map_err(in_file(path))?;
    }
    let took = started.elapsed();
    let report = Report {
        world: asked.world,
        runs,
    };
    if let Some(path) = &args.report {
        std::fs::write(path, stadion_sim::page::html(&report)).map_err(in_file(path))?;
    }
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(&report).map_err(io::Error::from)?;
        std::fs::write(path, text + "\n").map_err(in_file(path))?;
    }
    let mut out = io::stdout().lock();
    match global.output {
        Output::Json => {
            serde_json::to_writer(&mut out, &report).map_err(io::Error::from)?;
            writeln!(out)?;
        }
        Output::Table => {
            out.write_all(show::table(&report, took, args.report.as_deref()).as_bytes())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs a world and shows how far it is.
fn watched(
    name: &str,
    world: &World,
    make: &MakePlanner<'_>,
    seed: u64,
) -> Result<Measures, SimError> {
    let terminal = io::stderr().is_terminal();
    let period = if terminal {
        PROGRESS_PERIOD
    } else {
        PROGRESS_PERIOD_PLAIN
    };
    let mut next = Instant::now() + QUIET;
    let mut shown = false;
    let watch = &mut |progress: Progress| {
        let now = Instant::now();
        if now >= next {
            next = now + period;
            shown = true;
            show::progress(name, progress, terminal);
        }
    };
    let measures = stadion_sim::run_watched(world, make, seed, watch);
    if shown && terminal {
        show::clear();
    }
    measures
}

fn replay(path: &Path, output: Output) -> Result<ExitCode, SimulateError> {
    let file = File::open(path).map_err(in_file(path))?;
    let file = BufReader::with_capacity(BUFFER_BYTES, file);
    let found = stadion_sim::log::replay(file, &planner::core).map_err(in_file(path))?;
    let mut out = io::stdout().lock();
    match output {
        Output::Json => {
            serde_json::to_writer(&mut out, &found).map_err(io::Error::from)?;
            writeln!(out)?;
        }
        Output::Table => out.write_all(show::replay(&found).as_bytes())?,
    }
    Ok(match found {
        Replay {
            difference: None, ..
        } => ExitCode::SUCCESS,
        _ => ExitCode::from(1),
    })
}

//! Makes the calls of a decision log again and compares the plans.

use std::collections::HashMap;
use std::fmt::Debug;
use std::io::{BufRead, Read as _};
use std::sync::Arc;

use serde::Serialize;
use stadion_core::id::GameModeName;
use stadion_core::matchmaker::{Budget, Supply};
use stadion_core::time::Timestamp;

use super::{Entry, PlanRecord, VERSION};
use crate::error::SimError;
use crate::planner::{MakePlanner, Planner};

/// Bytes of one line: a plan of 10,000 matches with 100 tickets each, 33 bytes a ticket, twice over.
const LINE_BYTES_MAX: u64 = 64 << 20;
/// Characters of a value that are shown.
const SHOWN_MAX: usize = 400;

/// What came of a replay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Replay {
    /// Tickets that were inserted.
    pub tickets: u64,
    /// Plans that were made again, the different one included.
    pub plans: u64,
    /// Matches in them.
    pub matches: u64,
    /// Fills of live matches in them.
    pub fills: u64,
    /// The first plan that is not as it was logged; nothing was replayed after it.
    pub difference: Option<Difference>,
}

/// A plan that is not as it was logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Line of the log, from 1.
    pub line: usize,
    /// Whose plan.
    pub game_mode: GameModeName,
    /// The moment of the plan.
    pub now: Timestamp,
    /// What differs.
    pub what: String,
    /// As it was logged.
    pub logged: String,
    /// As it is now.
    pub replayed: String,
}

/// Reads a log and makes its calls again.
///
/// # Errors
/// [`SimError::Line`] for a line that is no entry, [`SimError::Io`] when the log cannot be read.
pub fn replay(mut log: impl BufRead, make: &MakePlanner<'_>) -> Result<Replay, SimError> {
    let mut replayer = Replayer {
        make,
        planners: HashMap::new(),
        found: Replay::default(),
    };
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        let mut limited = log.by_ref().take(LINE_BYTES_MAX);
        let read = limited.read_until(b'\n', &mut text)?;
        if read == 0 || replayer.found.difference.is_some() {
            break;
        }
        if text.trim_ascii().is_empty() {
            continue;
        }
        // Whoever was killed while it wrote leaves a part of a line.
        if !text.ends_with(b"\n") && read as u64 != LINE_BYTES_MAX {
            break;
        }
        let entry: Entry<'_> = serde_json::from_slice(&text).map_err(|error| {
            SimError::line(line, format!("no entry of a decision log: {error}"))
        })?;
        let made = replayer.make_again(line, entry);
        made.map_err(|why| SimError::line(line, why))?;
    }
    Ok(replayer.found)
}

struct Replayer<'a> {
    make: &'a MakePlanner<'a>,
    planners: HashMap<GameModeName, Box<dyn Planner>>,
    found: Replay,
}

impl Replayer<'_> {
    fn planner(&mut self, mode: &GameModeName) -> Result<&mut Box<dyn Planner>, String> {
        let planner = self.planners.get_mut(mode);
        planner.ok_or_else(|| format!("{mode} has no \"open\" entry before this one"))
    }

    fn make_again(&mut self, line: usize, entry: Entry<'_>) -> Result<(), String> {
        match entry {
            Entry::Open {
                version: VERSION,
                game_mode,
                regions,
            } => {
                let planner = (self.make)(&game_mode, &regions);
                self.planners.insert(game_mode.name.clone(), planner);
            }
            Entry::Open { version, .. } => {
                return Err(format!(
                    "version {version} of the log; version {VERSION} can be read"
                ));
            }
            Entry::Insert { ticket } => {
                let ticket = Arc::new(ticket.into_owned());
                self.planner(&ticket.game_mode)?.insert(ticket.clone());
                self.found.tickets += 1;
            }
            Entry::Remove {
                game_mode,
                ticket_id,
            } => self.planner(&game_mode)?.remove(ticket_id),
            Entry::OpenMatch { game_mode, live } => {
                self.planner(&game_mode)?.open(live.into_owned());
            }
            Entry::CloseMatch {
                game_mode,
                match_id,
            } => self.planner(&game_mode)?.close(match_id),
            Entry::Plan {
                game_mode,
                now,
                supply,
                matches_max,
                plan: logged,
            } => {
                let supply = Supply {
                    servers: supply.into_owned(),
                };
                let planner = self.planner(&game_mode)?;
                let plan = planner.plan(&supply, Budget { matches_max }, now);
                let replayed = PlanRecord::from(&plan);
                self.found.plans += 1;
                self.found.matches += replayed.matches.len() as u64;
                self.found.fills += replayed.fills.len() as u64;
                let different = difference(&logged, &replayed);
                self.found.difference = different.map(|(what, logged, replayed)| Difference {
                    line,
                    game_mode: game_mode.into_owned(),
                    now,
                    what,
                    logged,
                    replayed,
                });
            }
        }
        Ok(())
    }
}

/// What differs first, then both values.
fn difference(logged: &PlanRecord, replayed: &PlanRecord) -> Option<(String, String, String)> {
    if logged == replayed {
        return None;
    }
    let pairs = logged.matches.iter().zip(&replayed.matches);
    for (number, (was, is)) in (1..).zip(pairs) {
        if was != is {
            return Some((format!("match {number}"), shown(was), shown(is)));
        }
    }
    let (was, is) = (logged.matches.len(), replayed.matches.len());
    if was != is {
        return Some(("number of matches".into(), shown(&was), shown(&is)));
    }
    let pairs = logged.fills.iter().zip(&replayed.fills);
    for (number, (was, is)) in (1..).zip(pairs) {
        if was != is {
            return Some((format!("fill {number}"), shown(was), shown(is)));
        }
    }
    let (was, is) = (logged.fills.len(), replayed.fills.len());
    if was != is {
        return Some(("number of fills".into(), shown(&was), shown(&is)));
    }
    if logged.waiting != replayed.waiting {
        let what = "tickets that wait for players, server, fleet and turn".into();
        return Some((what, shown(&logged.waiting), shown(&replayed.waiting)));
    }
    if logged.unplaced != replayed.unplaced {
        let what = "matches without a game server".into();
        return Some((what, shown(&logged.unplaced), shown(&replayed.unplaced)));
    }
    let rest = |plan: &PlanRecord| shown(&(plan.carry_over, plan.next_at));
    let what = "carry-over and time of the next look".into();
    Some((what, rest(logged), rest(replayed)))
}

fn shown(value: &impl Debug) -> String {
    let text = format!("{value:?}");
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

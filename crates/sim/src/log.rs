//! The decision log: every call of a planner, as JSON lines, so that a plan can be made again and looked at.
//!
//! The first line of each planner is an [`Entry::Open`] with its rules; each later line names its game mode. Whoever
//! runs a planner (the server, too) writes the calls through [`Log`] in the order in which they were made.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stadion_core::id::{GameModeName, MatchId, Region, TicketId};
use stadion_core::matches::Quality;
use stadion_core::matchmaker::{Budget, LiveMatch, Plan, Supply};
use stadion_core::mode::GameMode;
use stadion_core::ticket::Ticket;
use stadion_core::time::Timestamp;

use crate::planner::Planner;

mod replay;
#[cfg(test)]
mod tests;

pub use replay::{Difference, Replay, replay};

/// Version of the format; another one is refused.
pub const VERSION: u32 = 1;

/// One line.
#[expect(
    clippy::large_enum_variant,
    reason = "read and written one at a time; the large one is the first line only"
)]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Entry<'a> {
    /// An empty planner, in place of the one that the game mode had before, if any.
    Open {
        /// [`VERSION`].
        version: u32,
        /// The rules.
        game_mode: Cow<'a, GameMode>,
        /// The platform's regions.
        regions: Cow<'a, [Region]>,
    },
    /// A ticket searches.
    Insert {
        /// The ticket, with the game mode that it is for.
        ticket: Cow<'a, Ticket>,
    },
    /// A ticket searches no more.
    Remove {
        /// Whose planner.
        game_mode: Cow<'a, GameModeName>,
        /// Which ticket.
        ticket_id: TicketId,
    },
    /// A live match has free seats.
    OpenMatch {
        /// Whose planner.
        game_mode: Cow<'a, GameModeName>,
        /// The match.
        live: Cow<'a, LiveMatch>,
    },
    /// A live match wants nobody any more.
    CloseMatch {
        /// Whose planner.
        game_mode: Cow<'a, GameModeName>,
        /// Which match.
        match_id: MatchId,
    },
    /// A plan was made.
    Plan {
        /// Whose planner.
        game_mode: Cow<'a, GameModeName>,
        /// The moment of the plan.
        now: Timestamp,
        /// Free game servers.
        supply: Cow<'a, BTreeMap<Region, u32>>,
        /// The budget.
        matches_max: usize,
        /// What came out.
        plan: PlanRecord,
    },
}

/// A plan as it is logged: what it decides, and what it says about the rest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanRecord {
    /// Matches, in order.
    pub matches: Vec<MatchRecord>,
    /// Fills of live matches, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fills: Vec<FillRecord>,
    /// Matches without a game server, by region.
    pub unplaced: BTreeMap<Region, u32>,
    /// Whether the budget ran out.
    pub carry_over: bool,
    /// Tickets that wait for players, for a server, for a fleet and for their turn.
    pub waiting: [u32; 4],
    /// When waiting alone may change the answer.
    pub next_at: Option<Timestamp>,
}

/// A match of a [`PlanRecord`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatchRecord {
    /// Where.
    pub region: Region,
    /// Tickets by team.
    pub teams: Vec<Vec<TicketId>>,
    /// Players in all.
    pub players: u32,
    /// How good.
    pub quality: Quality,
}

/// A fill of a [`PlanRecord`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FillRecord {
    /// The live match.
    pub match_id: MatchId,
    /// Tickets with their teams.
    pub tickets: Vec<(TicketId, u32)>,
    /// How good the match is then.
    pub quality: Quality,
}

impl From<&Plan> for PlanRecord {
    fn from(plan: &Plan) -> Self {
        let waiting = plan.waiting;
        let matches = plan.matches.iter().map(|planned| MatchRecord {
            region: planned.region.clone(),
            teams: planned.teams.clone(),
            players: planned.players,
            quality: planned.quality,
        });
        let fills = plan.fills.iter().map(|fill| FillRecord {
            match_id: fill.match_id,
            tickets: fill.tickets.clone(),
            quality: fill.quality,
        });
        Self {
            matches: matches.collect(),
            fills: fills.collect(),
            unplaced: plan.unplaced.clone(),
            carry_over: plan.carry_over,
            waiting: [
                waiting.for_players,
                waiting.for_server,
                waiting.for_fleet,
                waiting.for_turn,
            ],
            next_at: plan.next_at,
        }
    }
}

/// Writes a decision log. An error of the writer is kept until [`Log::finish`]: a game does not wait for its log.
#[derive(Debug)]
pub struct Log<W> {
    out: W,
    error: Option<io::Error>,
}

impl<W: Write> Log<W> {
    /// A log that is written to `out`; give it a buffer.
    pub const fn new(out: W) -> Self {
        Self { out, error: None }
    }

    /// Where it is written to.
    pub const fn get_ref(&self) -> &W {
        &self.out
    }

    /// An empty planner.
    pub fn open(&mut self, game_mode: &GameMode, regions: &[Region]) {
        self.write(&Entry::Open {
            version: VERSION,
            game_mode: Cow::Borrowed(game_mode),
            regions: Cow::Borrowed(regions),
        });
    }

    /// A ticket was inserted.
    pub fn insert(&mut self, ticket: &Ticket) {
        self.write(&Entry::Insert {
            ticket: Cow::Borrowed(ticket),
        });
    }

    /// A ticket was removed.
    pub fn remove(&mut self, game_mode: &GameModeName, ticket_id: TicketId) {
        self.write(&Entry::Remove {
            game_mode: Cow::Borrowed(game_mode),
            ticket_id,
        });
    }

    /// A live match was opened.
    pub fn open_match(&mut self, game_mode: &GameModeName, live: &LiveMatch) {
        self.write(&Entry::OpenMatch {
            game_mode: Cow::Borrowed(game_mode),
            live: Cow::Borrowed(live),
        });
    }

    /// A live match was closed.
    pub fn close_match(&mut self, game_mode: &GameModeName, match_id: MatchId) {
        self.write(&Entry::CloseMatch {
            game_mode: Cow::Borrowed(game_mode),
            match_id,
        });
    }

    /// A plan was made.
    pub fn plan(
        &mut self,
        game_mode: &GameModeName,
        (supply, budget, now): (&Supply, Budget, Timestamp),
        plan: &Plan,
    ) {
        self.write(&Entry::Plan {
            game_mode: Cow::Borrowed(game_mode),
            now,
            supply: Cow::Borrowed(&supply.servers),
            matches_max: budget.matches_max,
            plan: PlanRecord::from(plan),
        });
    }

    fn write(&mut self, entry: &Entry<'_>) {
        if self.error.is_some() {
            return;
        }
        let line = serde_json::to_writer(&mut self.out, entry).map_err(io::Error::from);
        self.error = line.and_then(|()| self.out.write_all(b"\n")).err();
    }

    /// Writes what is still in the buffer.
    ///
    /// # Errors
    /// The first error of the writer.
    pub fn finish(&mut self) -> io::Result<()> {
        match self.error.take() {
            Some(error) => Err(error),
            None => self.out.flush(),
        }
    }
}

/// A planner whose calls are logged.
pub struct Logged<W> {
    planner: Box<dyn Planner>,
    game_mode: GameModeName,
    log: Rc<RefCell<Log<W>>>,
}

impl<W: Write> Logged<W> {
    /// Logs the calls of `planner`, which has no ticket yet.
    pub fn new(
        planner: Box<dyn Planner>,
        game_mode: &GameMode,
        regions: &[Region],
        log: Rc<RefCell<Log<W>>>,
    ) -> Self {
        log.borrow_mut().open(game_mode, regions);
        Self {
            planner,
            game_mode: game_mode.name.clone(),
            log,
        }
    }
}

impl<W: Write> Planner for Logged<W> {
    fn insert(&mut self, ticket: Arc<Ticket>) {
        self.log.borrow_mut().insert(&ticket);
        self.planner.insert(ticket);
    }

    fn remove(&mut self, id: TicketId) {
        self.log.borrow_mut().remove(&self.game_mode, id);
        self.planner.remove(id);
    }

    fn open(&mut self, live: LiveMatch) {
        self.log.borrow_mut().open_match(&self.game_mode, &live);
        self.planner.open(live);
    }

    fn close(&mut self, id: MatchId) {
        self.log.borrow_mut().close_match(&self.game_mode, id);
        self.planner.close(id);
    }

    fn plan(&mut self, supply: &Supply, budget: Budget, now: Timestamp) -> Plan {
        let plan = self.planner.plan(supply, budget, now);
        let call = (supply, budget, now);
        self.log.borrow_mut().plan(&self.game_mode, call, &plan);
        plan
    }
}

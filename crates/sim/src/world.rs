//! The world: who arrives when, how good they are, where they live, and what servers there are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stadion_core::id::{GameModeName, Region};
use stadion_core::limits::{PARTY_PLAYERS_MAX, REGIONS_MAX};
use stadion_core::mode::GameMode;
use stadion_core::ticket::TicketPlayer;

use crate::error::SimError;

mod presets;
#[cfg(test)]
mod tests;

pub use presets::Preset;

/// Players of one run: with some 40 bytes kept of each until the end this is 400 MB.
pub const PLAYERS_MAX: u64 = 10_000_000;
/// Simulated time of one run, milliseconds: 30 days.
pub const DURATION_MS_MAX: u64 = 30 * 24 * 3_600 * 1_000;
/// Arrivals per second, in tickets: [`PLAYERS_MAX`] within 100 s.
pub const RATE_PER_SECOND_MAX: f64 = 100_000.0;

/// Everything that a run depends on, beside the planner and the seed. As a file it needs to say only what is different
/// from [`Preset::Guide`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct World {
    /// What it is called in reports.
    pub title: String,
    /// Simulated time, milliseconds.
    pub duration_ms: u64,
    /// Who arrives before this is not measured, milliseconds: the queues begin empty, which no real queue does.
    pub warm_up_ms: u64,
    /// When the planner is asked.
    pub tick: Tick,
    /// Tickets over time.
    pub arrivals: Arrivals,
    /// The game modes and how many of the tickets are for each.
    pub modes: Vec<ModeShare>,
    /// Where servers are and players live.
    pub regions: Vec<Place>,
    /// How far that is.
    pub latency: Latency,
    /// How good players are.
    pub skill: Skill,
    /// Share of each party size, from 1 player on; sizes that a game mode does not take are left out there.
    pub parties: Vec<f64>,
    /// How far the members of a party are from its first player's skill: standard deviation, points.
    pub party_deviation: f64,
    /// Roles that players like.
    pub roles: Option<Roles>,
    /// Mean time after which a ticket's players leave if they still wait, milliseconds; exponentially distributed.
    /// `None`: nobody leaves.
    pub patience_mean_ms: Option<u64>,
    /// Life of a ticket, milliseconds; whoever waits that long leaves.
    pub ttl_ms: Option<u64>,
    /// How servers are found.
    pub placement: Placement,
    /// The servers.
    pub servers: Servers,
    /// Who leaves a match before its end; what becomes of the seats is for the game mode's backfill.
    pub dropouts: Dropouts,
    /// How players answer, in game modes with a ready check.
    pub ready_check: ReadyCheck,
    /// Recorded tickets, in place of drawn ones.
    #[serde(skip)]
    pub recorded: Option<Vec<Recorded>>,
}

/// When the planner is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tick {
    /// Shortest time between two plans of a game mode, milliseconds.
    pub interval_ms: u64,
    /// At whole multiples of the interval; otherwise at once when something changed and the interval is over, as the
    /// server does.
    #[serde(default)]
    pub aligned: bool,
    /// Matches of one plan.
    pub matches_max: usize,
}

/// Tickets over time: a Poisson process whose rate follows the time of day and spikes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arrivals {
    /// Mean, tickets per second.
    pub rate_per_second: f64,
    /// Day and night.
    #[serde(default)]
    pub day: Option<DayCurve>,
    /// Short times with more arrivals, such as after an outage.
    #[serde(default)]
    pub spikes: Vec<Spike>,
    /// No more players than these, if said.
    #[serde(default)]
    pub players_max: Option<u64>,
}

/// A sine: most arrivals at `peak_at_ms`, fewest half a period later.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DayCurve {
    /// Length of a day, milliseconds.
    pub period_ms: u64,
    /// When most arrive, milliseconds.
    pub peak_at_ms: u64,
    /// How much more than the mean that is, 0 to 1; 0.5 is half as much again.
    pub amplitude: f64,
}

/// A time with more arrivals.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spike {
    /// When it begins, milliseconds.
    pub at_ms: u64,
    /// How long it lasts, milliseconds.
    pub duration_ms: u64,
    /// Times as many arrivals.
    pub factor: f64,
}

/// A game mode and its share of the tickets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModeShare {
    /// The rules.
    pub mode: GameMode,
    /// Share, in relation to the others.
    pub share: f64,
}

/// A region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Its name.
    pub region: Region,
    /// Share of the players who live there, in relation to the others.
    pub share: f64,
    /// Degrees north, for a map.
    #[serde(default)]
    pub latitude: f64,
    /// Degrees east, for a map.
    #[serde(default)]
    pub longitude: f64,
}

/// Round trips: the way between regions, the player's own line, and a little chance for every pair.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// Between regions.
    pub distance: Distance,
    /// A player's own line, from and to, milliseconds; uniform.
    pub line_ms: (f64, f64),
    /// Added for each region anew, from and to, milliseconds; uniform.
    pub jitter_ms: (f64, f64),
}

/// Round trip between two regions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Distance {
    /// The regions are on a ring in their order; so many milliseconds from one to the next.
    Ring {
        /// Milliseconds.
        hop_ms: f64,
    },
    /// Along the great circle between their places; so many milliseconds for 1,000 km.
    Map {
        /// Milliseconds; light in fibre needs 10, real cables some 15.
        ms_per_1000_km: f64,
    },
}

/// How good players are, points.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Skill {
    /// Normal.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation.
        deviation: f64,
    },
    /// Uniform.
    Uniform {
        /// Lowest.
        low: f64,
        /// Highest.
        high: f64,
    },
}

/// Roles that players like: each lists two different ones, best first, drawn by their shares.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roles {
    /// The attribute that lists them.
    pub attribute: String,
    /// Share of each role.
    pub shares: BTreeMap<String, f64>,
}

/// How servers are found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placement {
    /// Time that it takes, from and to, milliseconds; uniform.
    pub delay_ms: (u64, u64),
    /// How often it fails, 0 to 1; then the tickets go back with their age.
    pub failure: f64,
}

/// The servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Servers {
    /// In each region; `None`: as many as are wanted.
    pub per_region: Option<u32>,
    /// How long a match has its server, from and to, milliseconds; uniform.
    pub match_ms: (u64, u64),
}

/// Players who leave a match before its end. A game server offers their seats at once, and those that were free from the
/// beginning.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropouts {
    /// How often a player leaves early, 0 to 1; at a moment evenly spread over the match.
    pub share: f64,
    /// So long before the end of a match its server wants nobody any more, milliseconds.
    pub closed_before_end_ms: u64,
}

/// How players answer ready checks. Whoever does not say yes does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadyCheck {
    /// How often a player says yes, 0 to 1.
    pub yes: f64,
    /// After what time, from and to, milliseconds; uniform.
    pub answer_ms: (u64, u64),
}

/// A recorded ticket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// When it was created, milliseconds since the record began.
    pub at_ms: u64,
    /// What to play.
    pub game_mode: GameModeName,
    /// The party.
    pub players: Vec<TicketPlayer>,
    /// Acceptable regions, best first.
    #[serde(default)]
    pub region_preference: Vec<Region>,
    /// When its players left or would have left, milliseconds of waiting.
    #[serde(default)]
    pub leaves_after_ms: Option<u64>,
    /// Line of its file, from 1; 0 where it is from none.
    #[serde(skip)]
    pub line: usize,
}

impl Default for World {
    fn default() -> Self {
        Preset::Guide.world()
    }
}

impl World {
    /// The names of the regions.
    #[must_use]
    pub fn region_names(&self) -> Vec<Region> {
        self.regions
            .iter()
            .map(|place| place.region.clone())
            .collect()
    }

    /// The same world with recorded tickets in place of drawn ones: with the regions that they name, until `rest_ms`
    /// after the last of them.
    #[must_use]
    pub fn with_recorded(mut self, recorded: Vec<Recorded>, rest_ms: u64) -> Self {
        let last_ms = recorded
            .iter()
            .map(|ticket| ticket.at_ms)
            .max()
            .unwrap_or(0);
        for ticket in &recorded {
            let measured = ticket
                .players
                .iter()
                .flat_map(|player| player.latencies_ms.keys());
            for region in measured.chain(&ticket.region_preference) {
                if !self.regions.iter().any(|place| place.region == *region) {
                    self.regions.push(Place {
                        region: region.clone(),
                        share: 0.0,
                        latitude: 0.0,
                        longitude: 0.0,
                    });
                }
            }
        }
        self.title = "Recorded tickets".into();
        self.duration_ms = last_ms.saturating_add(rest_ms);
        self.warm_up_ms = 0;
        self.recorded = Some(recorded);
        self
    }

    /// Checks that it can be.
    ///
    /// # Errors
    /// [`SimError::World`]: the first thing that is wrong.
    pub fn check(&self) -> Result<(), SimError> {
        const SPAN: &str = "from and to, milliseconds, in this order";
        self.check_time()?;
        self.check_arrivals()?;
        within("modes", !self.modes.is_empty(), "at least one game mode")?;
        for share in &self.modes {
            let checked = share.mode.check();
            checked.map_err(|why| SimError::world(format!("modes.{}", share.mode.name), why))?;
        }
        let regions = (1..=REGIONS_MAX).contains(&self.regions.len());
        within("regions", regions, "1 to 64 regions")?;
        shares("modes", self.modes.iter().map(|mode| mode.share))?;
        shares("regions", self.regions.iter().map(|place| place.share))?;
        shares("parties", self.parties.iter().copied())?;
        let sizes = self.parties.len() <= PARTY_PLAYERS_MAX;
        within("parties", sizes, "at most 16 sizes")?;
        if let Some(roles) = &self.roles {
            shares("roles.shares", roles.shares.values().copied())?;
        }
        let latency = range(self.latency.line_ms) && range(self.latency.jitter_ms);
        within("latency", latency, SPAN)?;
        let party = positive(self.party_deviation);
        within("party_deviation", party, "0 or more")?;
        within("skill", self.skill.is_sound(), "finite, and in order")?;
        let failure = (0.0..=1.0).contains(&self.placement.failure);
        within("placement.failure", failure, "0 to 1")?;
        let (delay, played) = (self.placement.delay_ms, self.servers.match_ms);
        within("placement.delay_ms", delay.0 <= delay.1, SPAN)?;
        let share = (0.0..=1.0).contains(&self.dropouts.share);
        within("dropouts.share", share, "0 to 1")?;
        let yes = (0.0..=1.0).contains(&self.ready_check.yes);
        within("ready_check.yes", yes, "0 to 1")?;
        let answer = self.ready_check.answer_ms;
        within("ready_check.answer_ms", answer.0 <= answer.1, SPAN)?;
        within("servers.match_ms", played.0 <= played.1, SPAN)
    }

    fn check_time(&self) -> Result<(), SimError> {
        let duration = (1..=DURATION_MS_MAX).contains(&self.duration_ms);
        within("duration_ms", duration, "1 ms to 30 days")?;
        let warm_up = self.warm_up_ms < self.duration_ms;
        within("warm_up_ms", warm_up, "shorter than duration_ms")?;
        let interval = self.tick.interval_ms > 0;
        within("tick.interval_ms", interval, "at least 1 ms")?;
        within("tick.matches_max", self.tick.matches_max > 0, "at least 1")
    }

    fn check_arrivals(&self) -> Result<(), SimError> {
        let arrivals = &self.arrivals;
        let rate = arrivals.rate_per_second;
        within(
            "arrivals.rate_per_second",
            rate > 0.0 && rate <= RATE_PER_SECOND_MAX,
            "more than 0, at most 100,000",
        )?;
        if let Some(day) = &arrivals.day {
            let good = (0.0..=1.0).contains(&day.amplitude) && day.period_ms > 0;
            within(
                "arrivals.day",
                good,
                "an amplitude of 0 to 1 and a period of at least 1 ms",
            )?;
        }
        for spike in &arrivals.spikes {
            let good = (1.0..=1_000.0).contains(&spike.factor);
            within("arrivals.spikes", good, "a factor of 1 to 1,000")?;
        }
        if self.recorded.is_some() {
            return Ok(());
        }
        let players = rate * crate::number::float(self.duration_ms) / 1_000.0;
        let bounded = players <= crate::number::float(PLAYERS_MAX)
            || arrivals.players_max.is_some_and(|most| most <= PLAYERS_MAX);
        within("arrivals", bounded, "at most 10,000,000 players in one run")
    }
}

fn within(field: &str, good: bool, why: &str) -> Result<(), SimError> {
    if good {
        Ok(())
    } else {
        Err(SimError::world(field, why))
    }
}

impl Skill {
    fn is_sound(self) -> bool {
        match self {
            Self::Normal { mean, deviation } => mean.is_finite() && positive(deviation),
            Self::Uniform { low, high } => low.is_finite() && high.is_finite() && low <= high,
        }
    }
}

/// Whether the world's recorded tickets can be played back in it.
///
/// # Errors
/// [`SimError::Line`] or [`SimError::World`]: the first ticket that cannot.
pub fn check_recorded(world: &World) -> Result<(), SimError> {
    match &world.recorded {
        Some(recorded) => crate::population::check(world, recorded),
        None => Ok(()),
    }
}

fn positive(value: f64) -> bool {
    value.is_finite() && value >= 0.0
}

fn range((from, to): (f64, f64)) -> bool {
    positive(from) && positive(to) && from <= to
}

fn shares(field: &str, mut all: impl Iterator<Item = f64>) -> Result<(), SimError> {
    let mut sum = 0.0;
    if all.all(|share| {
        sum += share;
        positive(share)
    }) && sum > 0.0
    {
        return Ok(());
    }
    Err(SimError::world(
        field,
        "shares are 0 or more, and one of them is more than 0",
    ))
}

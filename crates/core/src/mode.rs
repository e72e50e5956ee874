//! Game modes: the rules a match is made by.

use serde::{Deserialize, Serialize};

use crate::id::{GameModeName, Region};
use crate::limits::PARTY_PLAYERS_MAX;
use crate::rules::{HardStopAction, Rules};
use crate::ticket::{NewTicket, Ticket};

mod check;

pub use self::check::{ACCEPTANCE_MS_MAX, ACCEPTANCE_MS_MIN, check_hard_stops};

/// How far apart in skill two tickets may be, and how that widens while they wait. Both sides must allow the
/// difference: the narrower window of the two decides (I6).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SkillWindow {
    /// Difference allowed at once; 200 in the guide.
    pub initial: f64,
    /// Widening per second of waiting.
    pub growth_per_second: f64,
    /// Never wider.
    pub max: f64,
}

impl SkillWindow {
    /// Difference allowed after `waited_ms`.
    #[must_use]
    pub fn after_ms(&self, waited_ms: u64) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a ticket lives far less than 2^52 ms"
        )]
        let seconds = waited_ms as f64 / 1_000.0;
        (self.initial + self.growth_per_second * seconds).min(self.max)
    }
}

/// The rules of one game mode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GameMode {
    /// Its name.
    pub name: GameModeName,
    /// Teams; 1 where everybody plays for themselves.
    pub teams: u32,
    /// Players that a match wants.
    pub players_target: u32,
    /// Players that a match settles for, once its oldest ticket has waited `settle_after_ms`.
    pub players_min: u32,
    /// Wait before `players_min` is enough, milliseconds.
    pub settle_after_ms: u64,
    /// Latency that no player of a match exceeds, milliseconds.
    pub latency_max_ms: u32,
    /// Skill.
    pub skill: SkillWindow,
    /// Everything else.
    #[serde(default)]
    pub rules: Rules,
}

impl GameMode {
    /// Seats of one team at the target size; of different teams, those of the largest.
    #[must_use]
    pub fn team_players_max(&self) -> u32 {
        let largest = self.rules.teams.iter().map(|team| team.players_max).max();
        largest.unwrap_or(self.players_target / self.teams.max(1))
    }

    /// Seats of each team at the target size.
    #[must_use]
    pub fn team_seats(&self) -> Vec<u32> {
        if self.rules.teams.is_empty() {
            let teams = usize::try_from(self.teams).unwrap_or(0);
            return vec![self.team_players_max(); teams];
        }
        let teams = self.rules.teams.iter();
        teams.map(|team| team.players_max).collect()
    }

    /// The largest party that can play it: a party shares a team.
    #[must_use]
    pub fn party_players_max(&self) -> usize {
        usize::try_from(self.team_players_max())
            .map_or(PARTY_PLAYERS_MAX, |seats| seats.min(PARTY_PLAYERS_MAX))
    }

    /// The highest latency that a player accepts after any waiting, milliseconds.
    #[must_use]
    pub fn latency_last_ms(&self) -> u32 {
        let last = self.rules.latency.last();
        last.map_or(self.latency_max_ms, |step| step.max_ms)
    }

    /// How long a ticket may search, milliseconds: `ttl_ms`, or less where it gives up before.
    #[must_use]
    pub fn search_ms(&self, ttl_ms: u64) -> u64 {
        match &self.rules.hard_stop {
            Some(stop) if stop.then == HardStopAction::GiveUp => ttl_ms.min(stop.after_ms),
            _ => ttl_ms,
        }
    }

    /// Whether `ticket`, of whatever game mode, could have been created for this one.
    #[must_use]
    pub fn takes(&self, ticket: &Ticket, regions: &[Region]) -> bool {
        let request = NewTicket {
            id: ticket.id,
            game_mode: self.name.clone(),
            players: ticket.players.clone(),
            region_preference: ticket.region_preference.clone(),
            requirements: ticket.requirements.clone(),
            idempotency: None,
            ttl_ms: 0,
        };
        request.check(self, regions).is_ok()
    }

    /// Checks that the rules can be met at all.
    ///
    /// # Errors
    /// What is wrong, with the field's name first.
    pub fn check(&self) -> Result<(), String> {
        check::check(self)
    }
}

/// Wait before a smaller match is made, where the mode does not say otherwise, milliseconds.
pub const SETTLE_AFTER_MS: u64 = 10_000;
/// Latency limit where the mode does not say otherwise, milliseconds.
pub const LATENCY_MAX_MS: u32 = 100;
/// Skill window where the mode does not say otherwise: the guide's 200 points, and the relaxation after a minute that
/// its sketch only names, here 600 points at 60 s and 1,000 at most.
pub const SKILL_WINDOW: SkillWindow = SkillWindow {
    initial: 200.0,
    growth_per_second: 20.0 / 3.0,
    max: 1_000.0,
};

/// The guide's five game modes with their target and minimum sizes.
///
/// # Panics
/// Never: the names are constants.
#[must_use]
pub fn guide_modes() -> Vec<GameMode> {
    [
        ("battle_royale", 1, 100, 60),
        ("team_deathmatch", 2, 32, 16),
        ("capture_the_flag", 2, 24, 12),
        ("duel", 2, 2, 2),
        ("free_for_all", 1, 16, 8),
    ]
    .into_iter()
    .map(|(name, teams, players_target, players_min)| GameMode {
        name: GameModeName::new(name).expect("a constant that keeps the rules of names"),
        teams,
        players_target,
        players_min,
        settle_after_ms: SETTLE_AFTER_MS,
        latency_max_ms: LATENCY_MAX_MS,
        skill: SKILL_WINDOW,
        rules: Rules::default(),
    })
    .collect()
}

/// The guide's five regions.
pub const GUIDE_REGIONS: [&str; 5] = [
    "us-east-1",
    "us-west-2",
    "eu-west-1",
    "ap-northeast-1",
    "ap-southeast-2",
];

#[cfg(test)]
mod tests;

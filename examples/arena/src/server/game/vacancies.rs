//! Seats that players have left, and who else may have them.

use stadion_client::wire::Match;

use super::{Game, Phase};

/// Nobody is asked into the last part of a match: a quarter of its time.
const LAST_PART: u64 = 4;

/// What a match would have filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::server) struct Vacancies {
    /// Players of each team when the match began.
    team_players: Vec<u32>,
}

impl Vacancies {
    /// Free seats by team, when the line-up has come to this: newcomers who are on their way have a seat already.
    pub(in crate::server) fn seats(&self, lineup: &Match) -> Vec<u32> {
        let mut seats = self.team_players.clone();
        for player in lineup.players.iter().filter(|player| player.seated) {
            let team = usize::try_from(player.team).unwrap_or(usize::MAX);
            if let Some(free) = seats.get_mut(team) {
                *free = free.saturating_sub(1);
            }
        }
        seats
    }
}

impl Game {
    /// Whether somebody may still come.
    pub(super) fn takes_newcomers(&self, now_ms: u64) -> bool {
        match self.phase {
            Phase::Gathering { .. } => true,
            Phase::Playing { started_ms } => {
                let left_ms = (started_ms + self.rules.match_ms).saturating_sub(now_ms);
                left_ms >= self.rules.match_ms / LAST_PART
            }
            Phase::Over => false,
        }
    }

    /// What is to be filled at `now_ms`; none where all are here, and in the last part.
    pub(in crate::server) fn vacancies(&self, now_ms: u64) -> Option<Vacancies> {
        let wanted: u32 = self.team_players.iter().sum();
        let is_short = u32::try_from(self.present()).is_ok_and(|here| here < wanted);
        (is_short && self.takes_newcomers(now_ms)).then(|| Vacancies {
            team_players: self.team_players.clone(),
        })
    }
}

/// Players by team.
pub(super) fn team_players(lineup: &Match) -> Vec<u32> {
    let teams = lineup.players.iter().map(|player| player.team + 1).max();
    let of_team = |team: u32| {
        let players = lineup.players.iter().filter(|player| player.team == team);
        u32::try_from(players.count()).unwrap_or(u32::MAX)
    };
    (0..teams.unwrap_or(0)).map(of_team).collect()
}

//! What a run came to.

use serde::{Deserialize, Serialize};

pub(crate) mod sample;
pub(crate) mod seats;
#[cfg(test)]
mod tests;
mod win;

pub use win::win_chance;

/// Points of the curves in [`Distribution`]: every per cent, both ends included.
pub const CURVE_POINTS: usize = 101;
/// Slices of [`Measures::over_time`].
pub const SLICES: u64 = 60;

/// Everything that was measured in one run. Equal world, planner and seed give equal measures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// The world's title.
    pub world: String,
    /// Seed of the run.
    pub seed: u64,
    /// Simulated time, milliseconds.
    pub duration_ms: u64,
    /// Who came before this is not in the figures, milliseconds.
    pub warm_up_ms: u64,
    /// All players.
    pub overall: Figures,
    /// All matches.
    pub matches: MatchFigures,
    /// Players by skill: the lowest tenth first.
    pub by_decile: Vec<Group>,
    /// Players by the region where they live.
    pub by_region: Vec<Group>,
    /// Players by game mode.
    pub by_mode: Vec<Group>,
    /// The run in [`SLICES`] equal parts; the warm-up is in it.
    pub over_time: Vec<Slice>,
    /// Waits of matched players, milliseconds.
    pub wait_ms: Distribution,
    /// Spreads of matches, points.
    pub spread: Distribution,
}

/// What players got. Waits are milliseconds from the ticket's creation to the seat.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Players who came.
    pub players: u64,
    /// Of them, in a match.
    pub matched: u64,
    /// Of them, gone before there was a match.
    pub left: u64,
    /// Of them, waiting when the run ended.
    pub waiting: u64,
    /// Those who were not in a match, per cent.
    pub unmatched_percent: f64,
    /// Waits of the matched.
    pub wait_ms: Percentiles,
    /// Waits of all: of those not in a match, the time that they had waited when they left or the run ended. A lower
    /// bound, without which rules that match nobody but the easiest would look best.
    pub wait_all_ms: Percentiles,
    /// Highest minus lowest ticket skill of the match, points: by match for [`Measures::overall`], by player in groups.
    pub spread: Percentiles,
    /// Predicted win chance of the stronger of two teams, 0.5 to 1, likewise; absent where no match has two teams.
    pub win_chance: Option<Percentiles>,
    /// Latency to the match's region, milliseconds.
    pub latency_ms: Percentiles,
    /// Players in a region that was not acceptable to them.
    pub unacceptable: u64,
    /// The same in per cent of the matched.
    pub unacceptable_percent: f64,
}

/// What matches were like.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MatchFigures {
    /// Matches.
    pub matches: u64,
    /// Players of one, mean.
    pub players_mean: f64,
    /// Players in relation to the target, mean, per cent.
    pub fill_percent: f64,
    /// Matches without a region that was acceptable to all of their players.
    pub without_common_region: u64,
    /// The same in per cent.
    pub without_common_region_percent: f64,
    /// Placements that failed.
    pub placements_failed: u64,
    /// Game servers in use at once, at most.
    pub servers_peak: u64,
    /// The longest wait of whoever waits at the end, milliseconds.
    pub oldest_waiting_ms: u64,
    /// Calls of the planner.
    pub plans: u64,
    /// Seats of live matches that were offered, and how they were filled.
    #[serde(default)]
    pub backfill: BackfillFigures,
    /// Ready checks.
    #[serde(default)]
    pub ready_checks: ReadyCheckFigures,
}

/// Free seats of live matches. All 0 where no game mode has backfill.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BackfillFigures {
    /// Players who left a match before its end.
    pub dropouts: u64,
    /// Seats that were offered.
    pub offered: u64,
    /// Of them, filled.
    pub filled: u64,
    /// The same in per cent.
    pub filled_percent: f64,
    /// How long the filled seats were free, milliseconds.
    pub free_ms: Percentiles,
    /// Waits of those who filled them, milliseconds.
    pub wait_ms: Percentiles,
    /// Skill spread of the matches with them, points; one value for each fill.
    pub spread: Percentiles,
}

/// Ready checks. All 0 where no game mode has any.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReadyCheckFigures {
    /// Ready checks that ended.
    pub checks: u64,
    /// Of them, those in which somebody did not say yes.
    pub failed: u64,
    /// The same in per cent.
    pub failed_percent: f64,
}

/// A part of the players.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Which.
    pub name: String,
    /// Skill from and to, in deciles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skill: Option<(f64, f64)>,
    /// What they got.
    pub figures: Figures,
}

/// A part of the time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// When it begins, milliseconds.
    pub at_ms: u64,
    /// Players who came.
    pub arrived: u64,
    /// Players whose match was placed.
    pub matched: u64,
    /// Players who left.
    pub left: u64,
    /// Players who wait at its end.
    pub waiting: u64,
    /// Game servers in use at its end.
    pub servers: u64,
    /// Half of those who were matched in it had waited at most this, milliseconds.
    pub wait_p50_ms: f64,
    /// 95 of 100.
    pub wait_p95_ms: f64,
}

/// Values of which so many per cent are at most that high (nearest rank). All 0 where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Values.
    pub count: u64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Half.
    pub p50: f64,
    /// 95 %.
    pub p95: f64,
    /// 99 %.
    pub p99: f64,
    /// Highest.
    pub max: f64,
}

/// The values of 0, 1, … 100 per cent; empty where there is none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Distribution(pub Vec<f64>);

impl Percentiles {
    /// Of these values; their order is changed.
    #[must_use]
    pub fn of(values: &mut [f64]) -> Self {
        values.sort_unstable_by(f64::total_cmp);
        Self {
            count: values.len() as u64,
            mean: values.iter().sum::<f64>() / crate::number::len(values.len().max(1)),
            p50: at(values, 50.0),
            p95: at(values, 95.0),
            p99: at(values, 99.0),
            max: values.last().copied().unwrap_or(0.0),
        }
    }
}

impl Distribution {
    /// Of these values, lowest first.
    fn of_sorted(values: &[f64]) -> Self {
        if values.is_empty() {
            return Self::default();
        }
        let point = |percent: usize| at(values, crate::number::len(percent));
        Self((0..CURVE_POINTS).map(point).collect())
    }
}

/// Nearest rank in sorted values.
fn at(sorted: &[f64], percent: f64) -> f64 {
    let rank = (percent / 100.0 * crate::number::len(sorted.len())).ceil();
    let index = crate::number::index(rank).saturating_sub(1);
    sorted.get(index).copied().unwrap_or(0.0)
}

//! The rules of a game mode, ready for planning.

use super::allowance::Allowance;
use crate::mode::GameMode;
use crate::rules::{HardStopAction, Rules};

/// Least that a second of waiting is worth, points, where windows do not widen.
const POINTS_PER_SECOND_MIN: f64 = 1.0;

/// Players that one team needs and takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) min: u32,
    pub(super) max: u32,
}

#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) allowance: Allowance,
    /// Spread for the mean waiting of a match.
    pub(super) aim: Option<Allowance>,
    pub(super) rules: Rules,
    pub(super) shapes: Vec<Shape>,
    /// All teams alike.
    pub(super) equal: bool,
    pub(super) target: u32,
    /// Waiting of the oldest ticket in milliseconds, and the players that are enough from then on; waiting rises and
    /// players fall.
    pub(super) sizes: Vec<(u64, u32)>,
    /// Waiting of the oldest from which on bots fill what is missing, so that teams need not be even.
    pub(super) bots_after: Option<u64>,
    /// The ticket's own waiting in milliseconds and the latency that it accepts from then on; both rise.
    pub(super) latencies: Vec<(u64, u32)>,
}

impl Compiled {
    pub(super) fn new(mode: &GameMode) -> Self {
        let rules = mode.rules.clone();
        let teams = mode.teams.max(1);
        let mut shapes: Vec<Shape> = rules
            .teams
            .iter()
            .map(|team| Shape {
                min: team.players_min,
                max: team.players_max,
            })
            .collect();
        if shapes.is_empty() {
            let shape = Shape {
                min: mode.players_min / teams,
                max: mode.team_players_max(),
            };
            shapes = vec![shape; teams as usize];
        }
        let bots_after = rules
            .hard_stop
            .as_ref()
            .filter(|stop| stop.then == HardStopAction::Bots)
            .map(|stop| stop.after_ms);
        let target: u32 = shapes.iter().map(|shape| shape.max).sum();
        let mut sizes = vec![(mode.settle_after_ms, mode.players_min)];
        sizes.extend(
            rules
                .sizes
                .iter()
                .map(|step| (step.after_ms, step.players_min)),
        );
        sizes.extend(bots_after.map(|after| (after, 1)));
        sizes.sort_unstable();
        let mut least = target;
        sizes.retain(|(_, players)| {
            let fewer = *players < least;
            least = least.min(*players);
            fewer
        });
        let mut latencies = vec![(0, mode.latency_max_ms)];
        let mut steps: Vec<_> = rules
            .latency
            .iter()
            .map(|s| (s.after_ms, s.max_ms))
            .collect();
        steps.sort_unstable();
        for (after, max) in steps {
            if latencies.last().is_some_and(|(_, last)| *last < max) {
                latencies.push((after, max));
            }
        }
        Self {
            allowance: Allowance::new(&mode.skill, &rules),
            aim: Allowance::aim(&rules),
            equal: shapes.windows(2).all(|pair| pair[0] == pair[1]),
            shapes,
            target,
            sizes,
            bots_after,
            latencies,
            rules,
        }
    }

    /// The first moment at which a ticket that waits since then allows `spread`.
    pub(super) fn allowed_at(&self, spread: i64, since: u64) -> u64 {
        let waited = self.allowance.until(spread);
        waited.map_or(u64::MAX, |waited| since.saturating_add(waited))
    }

    /// Whether a match is two single players, or nothing.
    pub(super) fn is_pairs(&self) -> bool {
        self.target == 2 && self.sizes.is_empty()
    }

    /// The first moment at which a match of this spread is worth making, whose members have waited since `eager` on
    /// average.
    pub(super) fn aimed_at(&self, spread: i64, eager: u64) -> u64 {
        let Some(aim) = &self.aim else {
            return 0;
        };
        let waited = aim.until(spread);
        waited.map_or(u64::MAX, |waited| eager.saturating_add(waited))
    }

    /// Spread, less what waiting since `eager` is worth.
    pub(super) fn waiting_cost(&self, spread: i64, eager: u64, now: u64) -> i64 {
        let waited = i64::try_from(now.saturating_sub(eager)).unwrap_or(i64::MAX);
        spread - self.per_second().saturating_mul(waited) / 1_000
    }

    /// What tickets beside one another are ordered by: as [`Self::waiting_cost`] does, at every moment alike.
    pub(super) fn waiting_order(&self, spread: i64, eager: u64) -> i128 {
        i128::from(spread) * 1_000 + i128::from(self.per_second()) * i128::from(eager)
    }

    fn per_second(&self) -> i64 {
        let widening = self.aim.as_ref().unwrap_or(&self.allowance).growth();
        widening.max(self.allowance.units(POINTS_PER_SECOND_MIN))
    }

    /// Players that are enough for a match whose oldest ticket has waited so long.
    pub(super) fn players_least(&self, waited_ms: u64) -> u32 {
        let passed = self.sizes.partition_point(|(after, _)| *after <= waited_ms);
        passed
            .checked_sub(1)
            .map_or(self.target, |last| self.sizes[last].1)
    }

    /// Players without which nothing is ever possible.
    pub(super) fn players_floor(&self) -> u32 {
        self.sizes
            .last()
            .map_or(self.target, |(_, players)| *players)
    }

    /// The waiting at which [`Self::players_least`] changes next, milliseconds.
    pub(super) fn next_size(&self, waited_ms: u64) -> Option<u64> {
        let passed = self.sizes.partition_point(|(after, _)| *after <= waited_ms);
        self.sizes.get(passed).map(|(after, _)| *after)
    }

    /// Whether a match of so many solos can be seated once its oldest has waited so long: teams are even, unless bots
    /// fill them up.
    pub(super) fn seats_solos(&self, players: u32, waited_ms: u64) -> bool {
        !self.equal
            || players.is_multiple_of(super::count(self.shapes.len()))
            || self.bots_after.is_some_and(|after| after <= waited_ms)
    }

    pub(super) fn latency_max(&self, waited_ms: u64) -> u32 {
        let passed = self
            .latencies
            .partition_point(|(after, _)| *after <= waited_ms);
        self.latencies[passed.max(1) - 1].1
    }

    /// The waiting at which [`Self::latency_max`] changes next, milliseconds.
    pub(super) fn next_latency(&self, waited_ms: u64) -> Option<u64> {
        let passed = self
            .latencies
            .partition_point(|(after, _)| *after <= waited_ms);
        self.latencies.get(passed).map(|(after, _)| *after)
    }

    /// Rules that look at who is in which team.
    pub(super) fn asks_for_teams(&self) -> bool {
        let rules = &self.rules;
        rules.team_gap_max.is_some() || rules.win_chance_max.is_some() || rules.rule_set.is_some()
    }

    /// Rules that look at more than skill, region and size of single players.
    pub(super) fn is_particular(&self) -> bool {
        let rules = &self.rules;
        rules.roles.is_some() || rules.avoid.is_some() || self.asks_for_teams() || !self.equal
    }
}

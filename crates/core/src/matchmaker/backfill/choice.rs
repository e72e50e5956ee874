//! One fill being put together: who of the candidates gets which seat.

use super::bench::Bench;
use crate::matchmaker::index::Index;
use crate::matchmaker::roles::RoleSeats;
use crate::matchmaker::slots::Hot;
use crate::matchmaker::teams::{self, Fairness};
use crate::ticket::Ticket;
use crate::time::Timestamp;

/// Rounds of swaps that make teams more even.
const SWAP_ROUNDS_MAX: usize = 32;

/// Newcomers with their teams.
pub(super) type Joining = Vec<(u32, usize)>;

/// The widest that skills are apart with `skill` among them, units.
pub(super) fn spread_with(hull: Option<(i32, i32)>, skill: i32) -> i64 {
    let (low, high) = hull.unwrap_or((skill, skill));
    i64::from(high.max(skill)) - i64::from(low.min(skill))
}

/// A fill so far.
#[derive(Clone)]
pub(super) struct Choice<'a> {
    index: &'a Index,
    bench: &'a Bench,
    now: u64,
    hull: Option<(i32, i32)>,
    newest: u64,
    room: Vec<u32>,
    /// Players and the sum of their skills by team.
    teams: Vec<(u32, f64)>,
    roles: Vec<RoleSeats>,
    pub(super) joining: Joining,
}

fn strength(ticket: &Ticket) -> f64 {
    ticket.players.iter().map(|player| player.skill).sum()
}

impl<'a> Choice<'a> {
    pub(super) fn new(index: &'a Index, bench: &'a Bench, now: u64) -> Self {
        let mut teams: Vec<(u32, f64)> = bench.players.iter().map(|n| (*n, 0.0)).collect();
        for sitter in &bench.sitters {
            teams[sitter.team].1 += strength(&sitter.ticket);
        }
        Self {
            index,
            bench,
            now,
            hull: bench.hull,
            newest: bench.newest,
            room: bench.room.clone(),
            teams,
            roles: bench.role_seats(&index.rules, now),
            joining: Vec::new(),
        }
    }

    pub(super) fn players(&self) -> u32 {
        let size = |(slot, _): &(u32, usize)| self.index.slots.hot(*slot).size();
        self.joining.iter().map(size).sum()
    }

    pub(super) fn spread(&self) -> i64 {
        self.hull
            .map_or(0, |(low, high)| i64::from(high) - i64::from(low))
    }

    pub(super) fn is_full(&self) -> bool {
        self.room.iter().all(|room| *room == 0)
    }

    /// Seats a ticket that goes with everybody, in `only` or in the team that has most use for it.
    pub(super) fn admit(&mut self, slot: u32, only: Option<usize>) -> bool {
        let hot = *self.index.slots.hot(slot);
        let newest = self.newest.max(hot.since);
        let allowed = self
            .index
            .rules
            .allowance
            .after(self.now.saturating_sub(newest));
        if spread_with(self.hull, hot.skill) > allowed || !self.tolerates(slot) {
            return false;
        }
        let Some(team) = self.seat(slot, &hot, only) else {
            return false;
        };
        let (low, high) = self.hull.unwrap_or((hot.skill, hot.skill));
        self.hull = Some((low.min(hot.skill), high.max(hot.skill)));
        self.newest = newest;
        self.room[team] -= hot.size();
        self.teams[team].0 += hot.size();
        self.teams[team].1 += strength(self.index.slots.ticket(slot));
        self.joining.push((slot, team));
        true
    }

    /// Whether it goes with the other newcomers, and, by a rule set, with everybody.
    fn tolerates(&self, slot: u32) -> bool {
        let slots = &self.index.slots;
        let cold = slots.cold(slot);
        let mut joining = self.joining.iter();
        joining.all(|(other, _)| cold.goes_with(slots.cold(*other)))
            && self.index.rules.rules.rule_set.as_ref().is_none_or(|set| {
                let seated = self.bench.sitters.iter().map(|sitter| &sitter.ticket);
                let joining = self.joining.iter().map(|(slot, _)| slots.ticket(*slot));
                let members: Vec<&Ticket> = seated.chain(joining).collect();
                set.could_join(&members, &cold.ticket, Timestamp(self.now))
            })
    }

    /// A team that has room and roles for it: the one that misses most players, and of those the one with which the
    /// teams are most even.
    fn seat(&mut self, slot: u32, hot: &Hot, only: Option<usize>) -> Option<usize> {
        let (slots, rules) = (&self.index.slots, &self.index.rules);
        let skill = strength(slots.ticket(slot));
        let missing = |team: usize| rules.shapes[team].max.saturating_sub(self.teams[team].0);
        let mut open: Vec<(u32, f64, usize)> = (0..self.room.len())
            .filter(|team| self.room[*team] >= hot.size() && only.is_none_or(|only| only == *team))
            .map(|team| (missing(team), self.gap_with(team, hot.size(), skill), team))
            .collect();
        open.sort_by(|a, b| {
            let missing = b.0.cmp(&a.0);
            missing.then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2))
        });
        let roles = &mut self.roles;
        open.into_iter().map(|(.., team)| team).find(|team| {
            let wishes = teams::wishes(slots, rules, slot, self.now);
            roles.get_mut(*team).is_none_or(|seats| seats.seat(wishes))
        })
    }

    /// The largest gap between the means of two teams, with these players in `team`.
    fn gap_with(&self, team: usize, players: u32, skill: f64) -> f64 {
        if self.teams.len() < 2 {
            return 0.0;
        }
        let with = |(place, (has, sum)): (usize, &(u32, f64))| {
            let (more, extra) = if place == team {
                (players, skill)
            } else {
                (0, 0.0)
            };
            (has + more > 0).then(|| (sum + extra) / f64::from(has + more))
        };
        let means = || self.teams.iter().enumerate().filter_map(with);
        let (low, high) = (
            means().fold(f64::INFINITY, f64::min),
            means().fold(f64::NEG_INFINITY, f64::max),
        );
        high - low
    }

    /// Has newcomers of one size change teams for as long as that makes the teams more even.
    pub(super) fn balance(&mut self) {
        if self.teams.len() < 2 || self.joining.len() < 2 {
            return;
        }
        let size = |(slot, _): (u32, usize)| self.index.slots.hot(slot).size();
        let mut least = self.fairness().gap;
        for _ in 0..SWAP_ROUNDS_MAX {
            let mut best = None;
            for one in 0..self.joining.len() {
                for other in one + 1..self.joining.len() {
                    let (a, b) = (self.joining[one], self.joining[other]);
                    if a.1 == b.1 || size(a) != size(b) {
                        continue;
                    }
                    let mut swapped = self.joining.clone();
                    (swapped[one].1, swapped[other].1) = (b.1, a.1);
                    let gap = self.fairness_of(&swapped).gap;
                    // A hundredth of a point is no difference, and keeps rounding from going on for ever.
                    if gap + 0.01 < least && self.roles_of(&swapped).is_some() {
                        least = gap;
                        best = Some(swapped);
                    }
                }
            }
            let Some(better) = best else {
                return;
            };
            self.joining = better;
        }
    }

    fn line_up(&self, joining: &[(u32, usize)]) -> Vec<Vec<&'a Ticket>> {
        let (index, bench) = (self.index, self.bench);
        let mut teams: Vec<Vec<&Ticket>> = vec![Vec::new(); self.teams.len()];
        for sitter in &bench.sitters {
            teams[sitter.team].push(&sitter.ticket);
        }
        for (slot, team) in joining {
            teams[*team].push(index.slots.ticket(*slot));
        }
        teams
    }

    pub(super) fn fairness(&self) -> Fairness {
        self.fairness_of(&self.joining)
    }

    fn fairness_of(&self, joining: &[(u32, usize)]) -> Fairness {
        teams::fairness_of(&self.index.rules, self.line_up(joining).into_iter())
    }

    /// The seats of all teams by role, if the newcomers find theirs.
    pub(super) fn roles_of(&self, joining: &[(u32, usize)]) -> Option<Vec<RoleSeats>> {
        let (slots, rules) = (&self.index.slots, &self.index.rules);
        let mut roles = self.bench.role_seats(rules, self.now);
        let mut seated = joining.iter();
        seated
            .all(|(slot, team)| {
                let wishes = teams::wishes(slots, rules, *slot, self.now);
                roles.get_mut(*team).is_none_or(|seats| seats.seat(wishes))
            })
            .then_some(roles)
    }

    /// Whether the rules about the whole match hold.
    pub(super) fn is_allowed(&self) -> bool {
        let rules = &self.index.rules.rules;
        let asks_for_fairness = rules.team_gap_max.is_some() || rules.win_chance_max.is_some();
        if asks_for_fairness && !self.fairness().keeps(rules) {
            return false;
        }
        rules.rule_set.as_ref().is_none_or(|set| {
            let region = &self.index.regions[self.bench.region];
            let judged = set.judge_teams(
                &self.line_up(&self.joining),
                Some(region),
                Timestamp(self.now),
            );
            judged.is_ok()
        })
    }
}

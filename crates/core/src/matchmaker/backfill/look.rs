//! Whom a live match could take, and when that is worth asking again.

use std::cmp::Reverse;

use super::bench::Bench;
use super::choice::{Choice, spread_with};
use crate::matchmaker::index::Index;
use crate::matchmaker::near::CROWD_LOOK_MS;
use crate::matchmaker::shelf::Item;

/// Tickets of one side that are considered: four times those who find seats, and some who do not fit.
fn side_max(free: u32) -> usize {
    4 * free as usize + 32
}

/// Tickets that a walk to one side passes over, at most, because they cannot join at all.
const PASSED_MAX: usize = 1_024;

/// Fills that are judged by the rules about a whole match, at most.
const QUESTIONS_MAX: usize = 256;

/// A ticket that could join.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    slot: u32,
    size: u32,
    skill: i32,
    since: u64,
    created: u64,
    /// When it and everybody seated accept one another, and the match is near enough to what is aimed at.
    ripe_at: u64,
    order: i128,
    id: u128,
}

/// Who could join one live match.
pub(super) struct Around<'a> {
    index: &'a Index,
    bench: &'a Bench,
    now: u64,
    candidates: Vec<Candidate>,
    /// Not all were considered.
    cut: bool,
}

impl<'a> Around<'a> {
    /// Collects the free tickets around the seated ones that came at `from` or later.
    pub(super) fn new(index: &'a Index, bench: &'a Bench, from: u64, now: u64) -> Self {
        let mut around = Self {
            index,
            bench,
            now,
            candidates: Vec::new(),
            cut: false,
        };
        let shelf = &index.shelves[bench.shelf];
        if shelf.players > 0 {
            let (low, high) = bench.span(&index.rules);
            let middle = bench
                .hull
                .map_or(i32::MIN, |(low, high)| low.midpoint(high));
            let item = Item {
                skill: middle,
                slot: u32::MAX,
                tie: 0,
            };
            let mut place = shelf.find(&item, &index.slots);
            // Who has the skill of the middle is above it.
            let below = std::iter::from_fn(|| shelf.below(&mut place));
            let below = below.skip_while(|item| item.skill >= middle);
            around.side(from, below.take_while(|item| i64::from(item.skill) >= low));
            let above = shelf.range(middle, i32::MAX);
            around.side(from, above.take_while(|item| i64::from(item.skill) <= high));
        }
        around
    }

    fn side<'b>(&mut self, from: u64, items: impl Iterator<Item = &'b Item>) {
        let most = self.bench.room.iter().copied().max().unwrap_or(0);
        let (mut passed, mut found) = (0, 0);
        let enough = side_max(self.bench.room.iter().sum());
        for item in items {
            if found == enough || passed == PASSED_MAX {
                self.cut = true;
                return;
            }
            if self.index.slots.is_taken(item.slot) {
                // It is about to go from the shelf.
                continue;
            }
            let (hot, cold) = (
                self.index.slots.hot(item.slot),
                self.index.slots.cold(item.slot),
            );
            let free = hot.size() <= most && hot.created >= from;
            if !free || !self.bench.tolerates(cold) {
                passed += 1;
                continue;
            }
            found += 1;
            let rules = &self.index.rules;
            let spread = spread_with(self.bench.hull, hot.skill);
            let newest = hot.since.max(self.bench.newest);
            let waited = rules.allowance.until(spread);
            let agreed = waited.map_or(u64::MAX, |waited| newest.saturating_add(waited));
            let sitters = self.bench.sitters.iter().map(|sitter| sitter.hot.eager());
            let began: u64 = sitters.chain([hot.eager()]).sum();
            let eager = began / (self.bench.sitters.len() as u64 + 1);
            self.candidates.push(Candidate {
                slot: item.slot,
                size: hot.size(),
                skill: hot.skill,
                since: hot.since,
                created: hot.created,
                ripe_at: agreed.max(rules.aimed_at(spread, eager)),
                order: rules.waiting_order(spread, hot.eager()),
                id: hot.id,
            });
        }
    }

    /// The best fill, or the first moment at which there may be one if nobody comes or goes.
    pub(super) fn best(&mut self) -> Result<Choice<'a>, u64> {
        let now = self.now;
        let mut ripe: Vec<Candidate> = self.candidates.clone();
        ripe.retain(|candidate| candidate.ripe_at <= now);
        ripe.sort_unstable_by_key(|candidate| (candidate.order, candidate.id));
        self.sort_by_rules(&mut ripe);
        let mut best = self.choose(&ripe);
        if !best.is_full() && ripe.iter().any(|candidate| candidate.size > 1) {
            let mut large = ripe.clone();
            large.sort_by_key(|candidate| Reverse(candidate.size));
            let other = self.choose(&large);
            if other.players() > best.players() {
                best = other;
            }
        }
        if !best.joining.is_empty() && best.is_allowed() {
            return Ok(best);
        }
        let smaller = self
            .index
            .rules
            .asks_for_teams()
            .then(|| self.fewer(&best, &ripe));
        smaller.flatten().ok_or_else(|| self.later(&ripe))
    }

    /// Those that the sort rules of a rule set want first.
    fn sort_by_rules(&self, ripe: &mut [Candidate]) {
        let Some(set) = &self.index.rules.rules.rule_set else {
            return;
        };
        let sitters = self.bench.sitters.iter();
        let Some(oldest) = sitters.min_by_key(|sitter| (sitter.hot.created, sitter.hot.id)) else {
            return;
        };
        if set.sorts() {
            let ticket = |candidate: &Candidate| self.index.slots.ticket(candidate.slot);
            ripe.sort_by(|a, b| set.order(&oldest.ticket, ticket(a), ticket(b)));
        }
    }

    fn choose(&self, candidates: &[Candidate]) -> Choice<'a> {
        let mut choice = Choice::new(self.index, self.bench, self.now);
        for candidate in candidates {
            if choice.is_full() {
                break;
            }
            choice.admit(candidate.slot, None);
        }
        choice.balance();
        choice
    }

    /// A fill with fewer newcomers than would find seats, because the rules about the whole match refuse those: the
    /// first of them, or one alone, in each team that it could be in.
    fn fewer(&self, most: &Choice<'a>, ripe: &[Candidate]) -> Option<Choice<'a>> {
        let joining: Vec<u32> = most.joining.iter().map(|(slot, _)| *slot).collect();
        let firsts = (2..joining.len()).rev().map(|count| {
            let chosen = |candidate: &&Candidate| joining[..count].contains(&candidate.slot);
            let chosen: Vec<Candidate> = ripe.iter().filter(chosen).copied().collect();
            self.choose(&chosen)
        });
        let alone = ripe.iter().flat_map(|candidate| {
            (0..self.bench.room.len()).filter_map(|team| {
                let mut choice = Choice::new(self.index, self.bench, self.now);
                choice.admit(candidate.slot, Some(team)).then_some(choice)
            })
        });
        let mut tried = firsts.chain(alone).take(QUESTIONS_MAX);
        tried.find(|choice| !choice.joining.is_empty() && choice.is_allowed())
    }

    /// The first moment after now at which anything is different, if nobody comes or goes.
    fn later(&self, ripe: &[Candidate]) -> u64 {
        let rules = &self.index.rules;
        let (now, bench) = (self.now, self.bench);
        let unripe = self.candidates.iter().map(|candidate| candidate.ripe_at);
        let unripe = unripe.filter(|at| *at > now).min();
        let autofill = rules.rules.roles.as_ref().and_then(|rule| {
            let own =
                |candidate: &Candidate| candidate.created.saturating_add(rule.autofill_after_ms);
            let own = self.candidates.iter().map(own).filter(|at| *at > now);
            own.chain(bench.next_autofill(rule, now)).min()
        });
        let together = rules
            .asks_for_teams()
            .then(|| self.next_together(ripe))
            .flatten();
        let again = self.cut || rules.rules.rule_set.is_some() && !self.candidates.is_empty();
        let again = again.then(|| now.saturating_add(CROWD_LOOK_MS));
        let all = [unripe, autofill, together, again];
        all.into_iter().flatten().min().unwrap_or(u64::MAX)
    }

    /// The first moment after now at which some that are ripe by themselves may join together that could not before.
    fn next_together(&self, ripe: &[Candidate]) -> Option<u64> {
        let allowance = &self.index.rules.allowance;
        let mut spreads = Vec::new();
        for (place, one) in ripe.iter().enumerate() {
            let with = |hull: Option<(i32, i32)>| {
                let (low, high) = hull.unwrap_or((one.skill, one.skill));
                Some((low.min(one.skill), high.max(one.skill)))
            };
            let hull = with(self.bench.hull);
            spreads.extend(
                ripe[place..]
                    .iter()
                    .map(|other| spread_with(hull, other.skill)),
            );
        }
        spreads.sort_unstable();
        let at = |candidate: &Candidate| {
            let since = candidate.since.max(self.bench.newest);
            let allowed = allowance.after(self.now.saturating_sub(since));
            let next = spreads.partition_point(|spread| *spread <= allowed);
            let waited = allowance.until(*spreads.get(next)?)?;
            Some(since.saturating_add(waited))
        };
        ripe.iter().filter_map(at).min()
    }
}

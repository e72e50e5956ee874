//! Matches under a rule set: the rules decide about the whole match, and small changes are tried when they say no.

use super::group::Group;
use super::index::Index;
use crate::flexmatch::RuleSet;
use crate::ticket::Ticket;
use crate::time::Timestamp;

/// Questions to the rules about one match, at most.
const QUESTIONS_MAX: u32 = 256;

pub(super) struct Judged<'a> {
    pub(super) index: &'a Index,
    pub(super) set: &'a RuleSet,
    pub(super) region: usize,
    pub(super) now: u64,
    /// Who must stay.
    pub(super) anchor: u32,
}

impl Judged<'_> {
    /// The match as the rules allow it: as it is, with tickets of one size in each other's team, or with one of `others`
    /// in the place of another. A change stays when rules hold that did not before.
    pub(super) fn repair(&self, mut group: Group, others: &[u32], allowed: i64) -> Option<Group> {
        let mut questions = 0;
        let Some(mut broken) = self.ask(&group) else {
            return Some(group);
        };
        'again: loop {
            for change in self.changes(&group, others) {
                questions += 1;
                if questions > QUESTIONS_MAX {
                    return None;
                }
                let changed = self.apply(&group, change);
                if changed.spread > allowed {
                    continue;
                }
                match self.ask(&changed) {
                    None => return Some(changed),
                    Some(rule) if rule > broken => {
                        (group, broken) = (changed, rule);
                        continue 'again;
                    }
                    Some(_) => {}
                }
            }
            return None;
        }
    }

    /// The first rule that does not hold.
    fn ask(&self, group: &Group) -> Option<usize> {
        let tickets: Vec<Vec<&Ticket>> = group
            .teams
            .iter()
            .map(|team| {
                team.iter()
                    .map(|slot| self.index.slots.ticket(*slot))
                    .collect()
            })
            .collect();
        let region = &self.index.regions[self.region];
        let now = Timestamp(self.now);
        let judged = self.set.judge_teams(&tickets, Some(region), now);
        judged.err().map(|broken| broken.rule)
    }

    /// Each ticket with one of the same size in another team, then with one that does not play yet.
    fn changes(&self, group: &Group, others: &[u32]) -> Vec<((usize, usize), Change)> {
        let size = |slot: u32| self.index.slots.hot(slot).size();
        let members = || {
            group.teams.iter().enumerate().flat_map(|(team, tickets)| {
                tickets
                    .iter()
                    .enumerate()
                    .map(move |(at, slot)| ((team, at), *slot))
            })
        };
        let mut changes = Vec::new();
        for (place, slot) in members() {
            for (other, with) in members() {
                if place.0 < other.0 && size(slot) == size(with) {
                    changes.push((place, Change::Swap(other)));
                }
            }
        }
        for with in others {
            if members().any(|(_, slot)| slot == *with) {
                continue;
            }
            for (place, slot) in members() {
                if slot != self.anchor && size(slot) == size(*with) {
                    changes.push((place, Change::Replace(*with)));
                }
            }
        }
        changes
    }

    fn apply(&self, group: &Group, (place, change): ((usize, usize), Change)) -> Group {
        let mut teams = group.teams.clone();
        match change {
            Change::Swap(other) => {
                let (one, two) = (teams[place.0][place.1], teams[other.0][other.1]);
                teams[place.0][place.1] = two;
                teams[other.0][other.1] = one;
            }
            Change::Replace(with) => teams[place.0][place.1] = with,
        }
        Group::of(&self.index.slots, teams, self.now)
    }
}

#[derive(Clone, Copy)]
enum Change {
    /// With the ticket at this place.
    Swap((usize, usize)),
    /// By this one.
    Replace(u32),
}

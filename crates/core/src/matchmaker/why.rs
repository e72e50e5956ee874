//! Why a ticket waits: which rule keeps how many others from it, what holds back those who remain, and what waiting
//! alone will change.
//!
//! Pairs are judged as the planner judges them. Of groups it says what a look around the ticket shows; whether seats,
//! roles and fairness come out for a whole match is for the planner alone to find out.

mod holds;
mod words;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::index::Index;
use super::roles::RoleSeats;
use super::slots::{Cold, Hot};
use super::wishes::Roles;
use super::{Pool, Supply, teams, wishes};
use crate::id::{Region, TicketId};
use crate::rules::HardStopAction;
use crate::ticket::Ticket;
use crate::time::Timestamp;

/// Why one ticket waits, at one moment. [`Explanation::words`] says it to people.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The moment.
    pub at: Timestamp,
    /// How long it has waited, milliseconds.
    pub waited_ms: u64,
    /// Its place in the queue by age, from 1.
    pub place: u32,
    /// Difference in skill that it allows now, points.
    pub skill_window: f64,
    /// Latency that it accepts now, milliseconds.
    pub latency_max_ms: u32,
    /// Other tickets of the game mode that wait.
    pub others: u32,
    /// Those of them that can be in no match with it now, by the first rule that forbids it.
    pub apart: Apart,
    /// Those that could be in a match with it, one by one.
    pub remaining: u32,
    /// What holds the match with them back, in the region that is nearest to one.
    pub hold: Hold,
    /// What waiting alone changes, soonest first.
    pub next: Vec<Next>,
}

impl Explanation {
    /// The same for the ticket's players: who avoids whom is not theirs to know, so that it counts with the seats.
    #[must_use]
    pub const fn for_players(mut self) -> Self {
        self.apart.seats += self.apart.avoid;
        self.apart.avoid = 0;
        self
    }
}

/// Others that can be in no match with a ticket now, in tickets; each counts once, in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Apart {
    /// No region is acceptable to both.
    pub region: u32,
    /// They differ in attributes that must be the same.
    pub same: u32,
    /// They are farther away in skill than this ticket allows.
    pub skill: u32,
    /// This ticket would allow the difference in skill, but they do not yet.
    pub skill_theirs: u32,
    /// Their wishes for the game server contradict one another.
    pub labels: u32,
    /// One has a player whom the other avoids.
    pub avoid: u32,
    /// A player is in both.
    pub same_player: u32,
    /// There are no seats for both: too many players, or their roles are taken; for players also what is in `avoid`.
    pub seats: u32,
}

impl Apart {
    /// All of them.
    #[must_use]
    pub const fn sum(&self) -> u32 {
        let Self {
            region,
            same,
            skill,
            skill_theirs,
            labels,
            avoid,
            same_player,
            seats,
        } = *self;
        region + same + skill + skill_theirs + labels + avoid + same_player + seats
    }
}

/// What holds back a match with those who remain.
#[derive(Clone, Debug, PartialEq)]
pub enum Hold {
    /// The ticket cannot be played in this game mode: its party is too large.
    Unplayable,
    /// No region is within its latency limit by now.
    NoRegion,
    /// No fleet of the game mode is in a region that it accepts: it waits in vain until one is made.
    NoFleet,
    /// Not enough players.
    Players {
        /// Where there are most.
        region: Region,
        /// Players who could play with it, its own among them.
        have: u32,
        /// Players that are enough at this waiting.
        need: u32,
    },
    /// Enough fit it one by one, but so many together are too far apart in skill.
    Skill {
        /// Where.
        region: Region,
        /// Spread of the narrowest match around it, points.
        spread: f64,
        /// When all of them will allow it.
        until: Option<Timestamp>,
    },
    /// Enough may play, but of some role there are not enough.
    Roles {
        /// Where.
        region: Region,
        /// Players that are missing, by role.
        missing: BTreeMap<String, u32>,
    },
    /// A match is possible, but its spread is wider than aimed at for this waiting.
    Aim {
        /// Where.
        region: Region,
        /// Spread of the best match around it, points.
        spread: f64,
        /// When that is good enough.
        until: Option<Timestamp>,
    },
    /// They fit this ticket one by one, but the planner found no match among them: parties that leave seats empty,
    /// unfair teams, or players who cannot meet one another.
    Together {
        /// Where.
        region: Region,
        /// What the rule set misses when the nearest of them are put together.
        rule: Option<String>,
    },
    /// A match is possible and waits for a free game server.
    Server {
        /// Where.
        region: Region,
    },
    /// The next plan decides.
    Turn {
        /// Where.
        region: Region,
    },
}

/// What waiting alone changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Next {
    /// When.
    pub at: Timestamp,
    /// What.
    pub change: Relaxation,
}

/// A rule that becomes wider.
#[derive(Clone, Debug, PartialEq)]
pub enum Relaxation {
    /// The skill windows reach the next ticket, at this difference in points.
    Skill {
        /// Points.
        points: f64,
    },
    /// A match of so many players is enough.
    Players {
        /// Players.
        least: u32,
    },
    /// A higher latency is accepted.
    Latency {
        /// Milliseconds.
        max_ms: u32,
    },
    /// A wider match than was aimed at is made.
    Aim {
        /// Points.
        points: f64,
    },
    /// Any role is taken.
    AnyRole,
    /// The end of waiting.
    HardStop {
        /// What happens then.
        then: HardStopAction,
    },
}

/// One ticket against the others.
struct Judge<'a> {
    index: &'a Index,
    now: u64,
    own: &'a Hot,
    cold: &'a Cold,
    /// Regions that it accepts and that count.
    usable: u64,
    own_roles: Vec<Roles>,
    /// Whether there are seats beside it, by size and roles.
    seats: HashMap<(u32, Vec<u32>), bool>,
    /// The first moment at which another ticket comes within reach, and its distance in units.
    reach: Option<(u64, i64)>,
}

/// Another ticket that could be in a match with it.
struct Candidate {
    slot: u32,
    hot: Hot,
    mask: u64,
}

impl Pool {
    /// The tickets, in no order.
    pub fn tickets(&self) -> impl Iterator<Item = &Arc<Ticket>> {
        self.index.slots.iter().map(|(_, cold)| &cold.ticket)
    }

    /// Why the ticket waits, if it is in. `supply` is what a plan would be told. O(n): for a question, not for a tick.
    #[must_use]
    pub fn explain(&self, id: TicketId, supply: &Supply, now: Timestamp) -> Option<Explanation> {
        let index = &self.index;
        let slot = index.slots.slot_of(id)?;
        let (own, cold) = (index.slots.hot(slot), index.slots.cold(slot));
        let rules = &index.rules;
        let bit = |region: usize, wanted: bool| u64::from(wanted) << region;
        let named = (0..index.regions.len())
            .map(|region| bit(region, supply.servers.contains_key(&index.regions[region])))
            .fold(0, |mask, bit| mask | bit);
        let own_mask = accepted(index, slot, now.0);
        let usable = if own_mask & named == 0 {
            own_mask
        } else {
            own_mask & named
        };
        let mut judge = Judge {
            index,
            now: now.0,
            own,
            cold,
            usable,
            own_roles: teams::wishes(&index.slots, rules, slot, now.0).collect(),
            seats: HashMap::new(),
            reach: None,
        };
        let mut apart = Apart::default();
        let mut candidates = Vec::new();
        let (mut others, mut older) = (0, 0);
        for (other, theirs) in index.slots.iter().filter(|(other, _)| *other != slot) {
            let hot = index.slots.hot(other);
            others += 1;
            older += u32::from((hot.created, hot.id) < (own.created, own.id));
            let mask = accepted(index, other, now.0);
            match judge.rule_against(other, hot, theirs, mask) {
                Some(rule) => *rule(&mut apart) += 1,
                None => candidates.push(Candidate {
                    slot: other,
                    hot: *hot,
                    mask,
                }),
            }
        }
        let hold = if !cold.playable {
            Hold::Unplayable
        } else if own_mask == 0 {
            Hold::NoRegion
        } else if own_mask & named == 0 {
            Hold::NoFleet
        } else {
            judge.hold(&candidates, slot, supply)
        };
        Some(Explanation {
            at: now,
            waited_ms: now.0.saturating_sub(own.created),
            place: older + 1,
            skill_window: judge.points(judge.allowed()),
            latency_max_ms: rules.latency_max(now.0.saturating_sub(own.created)),
            others,
            apart,
            remaining: super::count(candidates.len()),
            next: judge.next(&candidates, &hold),
            hold,
        })
    }
}

/// Regions whose latency a ticket accepts at `now`, as bits; where it is on the shelves it stays.
fn accepted(index: &Index, slot: u32, now: u64) -> u64 {
    let (hot, reaches) = (index.slots.hot(slot), index.slots.reaches(slot));
    let limit = index.rules.latency_max(now.saturating_sub(hot.created));
    let within = |worst: u16| worst != u16::MAX && u32::from(worst) <= limit;
    (0..reaches.len())
        .filter(|region| within(reaches[*region].worst))
        .fold(hot.mask, |mask, region| mask | 1_u64 << region)
}

/// The count that a rule adds to.
type Rule = fn(&mut Apart) -> &mut u32;

impl Judge<'_> {
    fn points(&self, units: i64) -> f64 {
        self.index.rules.allowance.points(units)
    }

    /// Difference that it allows now, units.
    fn allowed(&self) -> i64 {
        let waited = self.now.saturating_sub(self.own.since);
        self.index.rules.allowance.after(waited)
    }

    /// The first rule by which the other cannot be in a match with it now.
    fn rule_against(&mut self, slot: u32, hot: &Hot, theirs: &Cold, mask: u64) -> Option<Rule> {
        let allowance = &self.index.rules.allowance;
        if mask & self.usable == 0 {
            return Some(|apart| &mut apart.region);
        }
        if hot.partition != self.own.partition {
            return Some(|apart| &mut apart.same);
        }
        let distance = (i64::from(hot.skill) - i64::from(self.own.skill)).abs();
        let newest = hot.since.max(self.own.since);
        if allowance.after(self.now.saturating_sub(newest)) < distance {
            if let Some(waited) = allowance.until(distance) {
                let at = newest.saturating_add(waited);
                self.reach = self.reach.into_iter().chain([(at, distance)]).min();
            }
            return Some(if self.allowed() < distance {
                |apart| &mut apart.skill
            } else {
                |apart| &mut apart.skill_theirs
            });
        }
        let (mine, other) = (&self.cold.ticket, &theirs.ticket);
        if !mine.requirements.agrees_with(&other.requirements) {
            return Some(|apart| &mut apart.labels);
        }
        if !wishes::tolerant(self.cold.wishes.as_deref(), theirs.wishes.as_deref()) {
            return Some(|apart| &mut apart.avoid);
        }
        if self.cold.is_rival_of(theirs) {
            return Some(|apart| &mut apart.same_player);
        }
        (!self.has_seats(slot, hot.size())).then_some(|apart| &mut apart.seats)
    }

    /// Whether both find seats in a match, in one team or in two.
    fn has_seats(&mut self, slot: u32, size: u32) -> bool {
        let (index, now) = (self.index, self.now);
        let theirs: Vec<Roles> = teams::wishes(&index.slots, &index.rules, slot, now).collect();
        let key = (size, theirs.iter().map(|roles| roles.listed).collect());
        if let Some(known) = self.seats.get(&key) {
            return *known;
        }
        let found = self.seat_both(size, &theirs);
        self.seats.insert(key, found);
        found
    }

    fn seat_both(&self, size: u32, theirs: &[Roles]) -> bool {
        let rules = &self.index.rules;
        let seated = |max: u32, parties: &[(u32, &[Roles])]| {
            let room = parties.iter().map(|(size, _)| size).sum::<u32>() <= max;
            let roles = || {
                rules.rules.roles.as_ref().is_none_or(|rule| {
                    let mut seats = RoleSeats::new(rule, max);
                    let mut parties = parties.iter();
                    parties.all(|(_, roles)| seats.seat(roles.iter().copied()))
                })
            };
            room && roles()
        };
        let (own, their) = ((self.own.size(), &self.own_roles[..]), (size, theirs));
        let maxima = || rules.shapes.iter().map(|shape| shape.max).enumerate();
        maxima().any(|(mine, max)| {
            seated(max, &[own, their])
                || seated(max, &[own])
                    && maxima().any(|(other, max)| other != mine && seated(max, &[their]))
        })
    }
}

#[cfg(test)]
mod tests;

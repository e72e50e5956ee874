//! What holds back those who could be in a match with a ticket, and what waiting changes.

use std::collections::BTreeMap;

use super::{Candidate, Hold, Judge, Next, Relaxation, Supply};
use crate::matchmaker::index::bits;
use crate::matchmaker::{count, teams};
use crate::ticket::Ticket;
use crate::time::Timestamp;

/// A member of a possible match: skill, creation, `since`, `eager` and size.
#[derive(Clone, Copy)]
struct Member {
    skill: i32,
    created: u64,
    since: u64,
    eager: u64,
    size: u32,
}

/// The best span of members around a ticket that has so many players.
struct Span {
    spread: i64,
    /// When it is allowed by all, or good enough; `u64::MAX` if never.
    at: u64,
}

impl Judge<'_> {
    /// Of the regions, the one that is nearest to a match says what is missing.
    pub(super) fn hold(&self, candidates: &[Candidate], slot: u32, supply: &Supply) -> Hold {
        let holds = bits(self.usable).map(|region| self.hold_in(region, candidates, slot, supply));
        let nearest = holds.max_by_key(|hold| match hold {
            Hold::Unplayable | Hold::NoRegion | Hold::NoFleet => (0, 0),
            Hold::Players { have, need, .. } => (1, i64::from(*have) - i64::from(*need)),
            Hold::Roles { .. } => (2, 0),
            Hold::Skill { until, .. } => (3, soonest(*until)),
            Hold::Aim { until, .. } => (4, soonest(*until)),
            Hold::Together { .. } => (5, 0),
            Hold::Server { .. } => (6, 0),
            Hold::Turn { .. } => (7, 0),
        });
        nearest.unwrap_or(Hold::NoRegion)
    }

    fn hold_in(&self, at: usize, candidates: &[Candidate], slot: u32, supply: &Supply) -> Hold {
        let rules = &self.index.rules;
        let region = self.index.regions[at].clone();
        let here = || candidates.iter().filter(|other| other.mask >> at & 1 == 1);
        let mut members: Vec<Member> = here().map(|other| member(&other.hot)).collect();
        let own = member(self.own);
        members.push(own);
        let have = members.iter().map(|member| member.size).sum();
        let oldest = members.iter().map(|member| member.created).min();
        let waited = self.now.saturating_sub(oldest.unwrap_or(self.own.created));
        let need = rules.players_least(waited);
        if have < need {
            return Hold::Players { region, have, need };
        }
        let missing = self.missing_roles(here().map(|other| other.slot).chain([slot]));
        if need == rules.target && !missing.is_empty() {
            return Hold::Roles { region, missing };
        }
        members.sort_by_key(|member| member.skill);
        let own_at = members.partition_point(|member| member.skill < own.skill);
        let allowed_at = |span: &[Member], spread: i64| {
            let newest = span.iter().map(|member| member.since).max();
            let waited = rules.allowance.until(spread);
            waited.map_or(u64::MAX, |waited| {
                newest.unwrap_or(0).saturating_add(waited)
            })
        };
        let until = |at: u64| (at != u64::MAX).then_some(Timestamp(at));
        if let Some(span) = best_span(&members, own_at, need, &allowed_at)
            && span.at > self.now
        {
            let (spread, until) = (self.points(span.spread), until(span.at));
            return Hold::Skill {
                region,
                spread,
                until,
            };
        }
        let aimed_at = |span: &[Member], spread: i64| {
            let eager = span.iter().map(|member| member.eager).min();
            allowed_at(span, spread).max(rules.aimed_at(spread, eager.unwrap_or(0)))
        };
        if need == rules.target
            && let Some(span) = best_span(&members, own_at, need, &aimed_at)
            && span.at > self.now
        {
            let (spread, until) = (self.points(span.spread), until(span.at));
            return Hold::Aim {
                region,
                spread,
                until,
            };
        }
        if supply
            .servers
            .get(&region)
            .is_none_or(|servers| *servers == 0)
        {
            Hold::Server { region }
        } else if self.own.due <= self.now {
            Hold::Turn { region }
        } else {
            let rule = self.broken_rule(at, here(), slot);
            Hold::Together { region, rule }
        }
    }

    /// What the rule set misses in a match of the nearest, seated as they come.
    fn broken_rule<'a>(
        &self,
        region: usize,
        others: impl Iterator<Item = &'a Candidate>,
        slot: u32,
    ) -> Option<String> {
        let rules = &self.index.rules;
        let set = rules.rules.rule_set.as_deref()?;
        let distance =
            |other: &Candidate| (i64::from(other.hot.skill) - i64::from(self.own.skill)).abs();
        let mut near: Vec<&Candidate> = others.collect();
        near.sort_by_key(|other| (distance(other), other.hot.id));
        let near = near.iter().map(|other| (other.slot, other.hot.size()));
        let mut room: Vec<u32> = rules.shapes.iter().map(|shape| shape.max).collect();
        let mut seated: Vec<Vec<&Ticket>> = vec![Vec::new(); room.len()];
        for (slot, size) in std::iter::once((slot, self.own.size())).chain(near) {
            let open = (0..room.len()).filter(|team| room[*team] >= size);
            if let Some(team) = open.max_by_key(|team| room[*team]) {
                room[team] -= size;
                seated[team].push(self.index.slots.ticket(slot));
            }
        }
        let region = &self.index.regions[region];
        let judged = set.judge_teams(&seated, Some(region), Timestamp(self.now));
        judged.err().map(|broken| set.explain(broken))
    }

    /// Seats of a full match that nobody of `slots` would take, by role.
    fn missing_roles(&self, slots: impl Iterator<Item = u32>) -> BTreeMap<String, u32> {
        let rules = &self.index.rules;
        let Some(rule) = &rules.rules.roles else {
            return BTreeMap::new();
        };
        let mut takers = vec![0_u32; rule.per_team.len()];
        for slot in slots {
            for wishes in teams::wishes(&self.index.slots, rules, slot, self.now) {
                for (role, takers) in takers.iter_mut().enumerate().take(u32::BITS as usize) {
                    *takers += wishes.listed >> role & 1;
                }
            }
        }
        let teams = count(rules.shapes.len());
        let needed = rule.per_team.iter().zip(takers);
        needed
            .map(|((role, seats), takers)| (role.clone(), (seats * teams).saturating_sub(takers)))
            .filter(|(_, missing)| *missing > 0)
            .collect()
    }

    /// What waiting alone changes, soonest first.
    pub(super) fn next(&self, candidates: &[Candidate], hold: &Hold) -> Vec<Next> {
        let rules = &self.index.rules;
        let created = self.own.created;
        let waited = self.now.saturating_sub(created);
        let mut next = Vec::new();
        let mut add = |at: u64, change| {
            next.push(Next {
                at: Timestamp(at),
                change,
            });
        };
        if let Some((at, distance)) = self.reach {
            let points = self.points(distance);
            add(at, Relaxation::Skill { points });
        }
        if let Hold::Skill {
            spread,
            until: Some(at),
            ..
        } = hold
        {
            add(at.0, Relaxation::Skill { points: *spread });
        }
        if let Hold::Aim {
            spread,
            until: Some(at),
            ..
        } = hold
        {
            add(at.0, Relaxation::Aim { points: *spread });
        }
        let ages = candidates.iter().map(|other| other.hot.created);
        let oldest = ages.chain([created]).min().unwrap_or(created);
        if let Some(after) = rules.next_size(self.now.saturating_sub(oldest)) {
            let least = rules.players_least(after);
            add(oldest.saturating_add(after), Relaxation::Players { least });
        }
        if let Some(after) = rules.next_latency(waited) {
            let max_ms = rules.latency_max(after);
            add(
                created.saturating_add(after),
                Relaxation::Latency { max_ms },
            );
        }
        if let Some(rule) = &rules.rules.roles
            && self.own_roles.iter().any(|roles| roles.listed != u32::MAX)
        {
            let at = created.saturating_add(rule.autofill_after_ms);
            add(at, Relaxation::AnyRole);
        }
        if let Some(stop) = &rules.rules.hard_stop {
            let then = stop.then.clone();
            add(
                created.saturating_add(stop.after_ms),
                Relaxation::HardStop { then },
            );
        }
        next.retain(|next| next.at.0 > self.now);
        next.sort_by_key(|next| next.at);
        next
    }
}

/// Later is less.
fn soonest(until: Option<Timestamp>) -> i64 {
    until.map_or(i64::MIN, |at| {
        i64::try_from(at.0).map_or(i64::MIN, |at| -at)
    })
}

fn member(hot: &crate::matchmaker::slots::Hot) -> Member {
    Member {
        skill: hot.skill,
        created: hot.created,
        since: hot.since,
        eager: hot.eager(),
        size: hot.size(),
    }
}

/// Of the spans that have the member at `own` in them and just enough players, the one whose moment is first and then
/// the narrowest. O(need²).
fn best_span(
    members: &[Member],
    own: usize,
    need: u32,
    moment: &dyn Fn(&[Member], i64) -> u64,
) -> Option<Span> {
    let mut best: Option<Span> = None;
    let mut below = 0;
    for low in (0..=own).rev() {
        if below >= need {
            break;
        }
        below += members[low].size;
        let mut players = 0;
        let end = members[low..].iter().position(|member| {
            players += member.size;
            players >= need
        });
        let Some(end) = end.map(|end| (low + end).max(own)) else {
            continue;
        };
        let span = &members[low..=end];
        let spread = i64::from(members[end].skill) - i64::from(members[low].skill);
        let at = moment(span, spread);
        let better = |best: &Span| (at, spread) < (best.at, best.spread);
        if best.as_ref().is_none_or(better) {
            best = Some(Span { spread, at });
        }
    }
    best
}

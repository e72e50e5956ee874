//! What of a rule set the engine can index, as the fields of a game mode.
//!
//! Whatever is mapped is needed for [`RuleSet::judge`] to say yes, or wider than that: the engine proposes, the rule
//! set decides. One thing is narrower, on purpose: a latency limit holds for every player of a party and not for its
//! mean, because nobody plays in a region that they do not accept (I6).

use std::sync::Arc;

use super::expression::{Base, Expression, Function, Selection, What};
use super::prune::{spread, whole};
use super::rule::{CollectionOperation, Kind, Measurement, Operation, Party, Reference, Rule};
use super::steps::{Limit, Stepped};
use super::{AttributeType, RuleSet, SKILL_ATTRIBUTE};
use crate::id::GameModeName;
use crate::limits::{LATENCY_MAX_MS, SKILL_MAX};
use crate::mode::{GameMode, SkillWindow};
use crate::rules::{Aggregate, LatencyStep, Rules, SizeStep, SkillStep, TeamRule};

/// A skill window that holds nobody back.
const ANY_SKILL: f64 = 2.0 * SKILL_MAX;

impl RuleSet {
    /// The game mode `name` that plays by this rule set. What `FlexMatch` keeps outside of a rule set (acceptance, how
    /// long tickets search, who fills live matches) is left at its default.
    ///
    /// `FlexMatch` takes a match of the smallest size at once if no larger one is there, so nobody waits for more
    /// players unless `settle_after_ms` is set afterwards.
    #[must_use]
    pub fn mode(&self, name: GameModeName) -> GameMode {
        let teams = &self.names.teams;
        let target = teams.iter().map(|team| highest(&team.max)).sum();
        let sizes = self.sizes();
        let window = self.skill();
        let latency = self.latency();
        let (spread, party_skill) = window.map_or((vec![(0, ANY_SKILL)], Party::Average), |w| w);
        let alike = teams
            .windows(2)
            .all(|pair| pair[0].min == pair[1].min && pair[0].max == pair[1].max);
        let rules = Rules {
            teams: if alike { Vec::new() } else { self.team_rules() },
            sizes: sizes[1..]
                .iter()
                .map(|&(after_ms, players_min)| SizeStep {
                    after_ms,
                    players_min,
                })
                .collect(),
            latency: latency[1..]
                .iter()
                .map(|&(after_ms, max_ms)| LatencyStep { after_ms, max_ms })
                .collect(),
            skill_steps: spread[1..]
                .iter()
                .map(|&(after_ms, spread_max)| SkillStep {
                    after_ms,
                    spread_max,
                })
                .collect(),
            party_skill: match party_skill {
                Party::Min => Aggregate::Min,
                Party::Max => Aggregate::Max,
                _ => Aggregate::Mean,
            },
            team_gap_max: self.team_gap(),
            same: self.same(),
            avoid: self.avoid(),
            backfill: self.algorithm.backfill_priority,
            rule_set: Some(Arc::new(self.clone())),
            ..Rules::default()
        };
        GameMode {
            name,
            teams: u32::try_from(teams.len()).unwrap_or(u32::MAX),
            players_target: target,
            players_min: sizes[0].1,
            settle_after_ms: 0,
            latency_max_ms: latency[0].1,
            skill: SkillWindow {
                initial: spread[0].1,
                growth_per_second: 0.0,
                max: spread[0].1,
            },
            rules,
        }
    }

    fn team_rules(&self) -> Vec<TeamRule> {
        let teams = self.names.teams.iter();
        teams
            .map(|team| TeamRule {
                name: team.name.clone(),
                players_min: team.min.until(u64::MAX).copied().min().unwrap_or(0),
                players_max: highest(&team.max),
            })
            .collect()
    }

    /// Players that are enough, from which waiting on.
    fn sizes(&self) -> Vec<(u64, u32)> {
        let teams = &self.names.teams;
        let moments = teams.iter().flat_map(|team| moments(&team.min));
        falling(moments.collect(), |after_ms| {
            let least = teams.iter().map(|team| *team.min.at(after_ms)).sum::<u32>();
            least.max(1)
        })
    }

    /// The rules without which no match is made.
    fn needed(&self) -> Vec<&Rule> {
        let mut open: Vec<usize> = (0..self.rules.len())
            .filter(|rule| !self.rules[*rule].inside)
            .collect();
        let mut out = Vec::new();
        while let Some(place) = open.pop() {
            let rule = &self.rules[place];
            match &rule.kind {
                Kind::Compound(statement) => statement.needed(&mut open),
                _ => out.push(rule),
            }
        }
        out.sort_by(|one, other| one.name.cmp(&other.name));
        out
    }

    fn latency(&self) -> Vec<(u64, u32)> {
        let needed = self.needed();
        let limits: Vec<(f64, &Limit)> = needed
            .iter()
            .filter_map(|rule| match &rule.kind {
                Kind::Latency { max, .. } if max.first.is_some() => Some((1.0, max)),
                _ => None,
            })
            .collect();
        let ms = |bound: f64| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "within 0 and LATENCY_MAX_MS"
            )]
            let ms = bound.clamp(0.0, f64::from(LATENCY_MAX_MS)) as u32;
            ms
        };
        let mut out: Vec<(u64, u32)> = Vec::new();
        for (after_ms, bound) in self.narrowest(&limits) {
            if out.last().is_none_or(|(_, before)| ms(bound) > *before) {
                out.push((after_ms, ms(bound)));
            }
        }
        if out.is_empty() {
            out.push((0, LATENCY_MAX_MS));
        }
        out
    }

    /// How far the skills of a match may spread, from which waiting on; the rules on parties must agree for that.
    fn skill(&self) -> Option<(Vec<(u64, f64)>, Party)> {
        let mut bounds = Vec::new();
        let mut party = None;
        for rule in self.needed() {
            if let Some(bound) = self.skill_bound(rule)
                && *party.get_or_insert(rule.party) == rule.party
            {
                bounds.push(bound);
            }
        }
        Some((self.narrowest(&bounds), party?))
    }

    /// The limit that `rule` sets to the spread of skills, and what it is multiplied with.
    fn skill_bound<'a>(&'a self, rule: &'a Rule) -> Option<(f64, &'a Limit)> {
        match &rule.kind {
            Kind::BatchDistance { attribute, max } if self.is_skill(*attribute) => Some((1.0, max)),
            Kind::Distance {
                measurements,
                reference,
                max,
                ..
            } if max.first.is_some() && reference.steps.is_empty() => {
                let Reference::Measured(reference) = &reference.first else {
                    return None;
                };
                measurements
                    .iter()
                    .find_map(|measurement| self.spread_of(measurement, reference))
                    .map(|factor| (factor, max))
            }
            _ => None,
        }
    }

    /// How much wider than its distance a distance rule lets the skills of all players spread.
    fn spread_of(&self, measurement: &Measurement, reference: &Measurement) -> Option<f64> {
        let skill = |what: Option<What>| match what {
            Some(What::Attribute(place)) => self.is_skill(place),
            _ => false,
        };
        if let Some(attribute) = spread(measurement, reference) {
            return self.is_skill(attribute).then_some(1.0);
        }
        let Expression::Call { function, of, .. } = &reference.expression else {
            return None;
        };
        if !skill(whole(&measurement.expression)) || !skill(whole(of)) {
            return None;
        }
        match function {
            Function::Min | Function::Max => Some(1.0),
            // As far below the middle as above it.
            Function::Average | Function::Median => Some(2.0),
            _ => None,
        }
    }

    /// How far the mean skills of two teams may be apart at the very most.
    fn team_gap(&self) -> Option<f64> {
        let gap = |rule: &Rule| {
            let Kind::Distance {
                measurements,
                reference,
                max,
                ..
            } = &rule.kind
            else {
                return None;
            };
            let Reference::Measured(reference) = &reference.first else {
                return None;
            };
            let each = |m: &Measurement| {
                self.mean_skill(&m.expression)
                    .is_some_and(|teams| *teams == Selection::All)
                    && m.kind.depth == 1
            };
            let of_all = match &reference.expression {
                Expression::Call {
                    function: Function::Average,
                    of,
                    ..
                } => matches!(whole(of), Some(What::Attribute(place)) if self.is_skill(place)),
                _ => false,
            };
            // As far below the mean of all as above it.
            let known = rule.party == Party::Average && of_all && measurements.iter().any(each);
            known.then(|| 2.0 * max.highest(u64::MAX))
        };
        self.needed()
            .into_iter()
            .filter_map(gap)
            .filter(|gap| gap.is_finite() && self.names.teams.len() > 1)
            .min_by(f64::total_cmp)
    }

    /// The teams whose mean skill `expression` is.
    fn mean_skill<'a>(&self, expression: &'a Expression) -> Option<&'a Selection> {
        match expression {
            Expression::Call {
                function: Function::Average,
                of,
                ..
            } => match &**of {
                Expression::Players {
                    teams,
                    what: What::Attribute(place),
                } if self.is_skill(*place) => Some(teams),
                _ => None,
            },
            _ => None,
        }
    }

    fn is_skill(&self, attribute: usize) -> bool {
        let declared = &self.names.attributes[attribute];
        declared.name == SKILL_ATTRIBUTE && declared.kind == AttributeType::Number
    }

    /// Attributes that all players must share and bring themselves.
    fn same(&self) -> Vec<String> {
        let mut out = Vec::new();
        for rule in self.needed() {
            let attributes: Vec<usize> = match &rule.kind {
                Kind::BatchDistance { attribute, max } if max.first.is_none() => vec![*attribute],
                Kind::Comparison {
                    measurements,
                    operation: Operation::Equal,
                    reference: None,
                } if rule.party == Party::Own => measurements
                    .iter()
                    .filter_map(|m| match whole(&m.expression) {
                        Some(What::Attribute(place)) => Some(place),
                        _ => None,
                    })
                    .collect(),
                _ => continue,
            };
            for attribute in attributes {
                let declared = &self.names.attributes[attribute];
                // One who leaves a default out and one who sends it are the same to the rule set only.
                let brought = declared.default.is_none() && !self.is_skill(attribute);
                if brought && !out.contains(&declared.name) {
                    out.push(declared.name.clone());
                }
            }
        }
        out
    }

    /// The attribute that lists whom a player does not want to meet.
    fn avoid(&self) -> Option<String> {
        self.needed().into_iter().find_map(|rule| {
            let Kind::Collection {
                measurements,
                operation: CollectionOperation::ReferenceIntersectionCount,
                reference: Some(reference),
                max,
                ..
            } = &rule.kind
            else {
                return None;
            };
            let Reference::Measured(reference) = &reference.first else {
                return None;
            };
            let never = max.highest(u64::MAX) < 1.0;
            if whole(&reference.expression) != Some(What::Ids)
                || !never
                || rule.party != Party::Union
            {
                return None;
            }
            measurements
                .iter()
                .find_map(|m| match whole(&m.expression) {
                    Some(What::Attribute(place)) if m.kind.base == Base::Text => {
                        Some(self.names.attributes[place].name.clone())
                    }
                    _ => None,
                })
        })
    }

    /// What all `limits` together allow at the most, from which waiting on, growing. Whoever waited longest may decide
    /// for all with `oldest`, so that a ticket's own waiting says nothing.
    fn narrowest(&self, limits: &[(f64, &Limit)]) -> Vec<(u64, f64)> {
        let widest = |after_ms: u64| {
            limits
                .iter()
                .map(|(factor, limit)| factor * limit.highest(after_ms))
                .fold(f64::INFINITY, f64::min)
        };
        if limits.is_empty() {
            return Vec::new();
        }
        if self.algorithm.by_oldest {
            return vec![(0, widest(u64::MAX).min(ANY_SKILL))];
        }
        let mut times: Vec<u64> = limits
            .iter()
            .flat_map(|(_, limit)| moments(limit))
            .collect();
        times.sort_unstable();
        let mut out: Vec<(u64, f64)> = Vec::new();
        for after_ms in times {
            let bound = widest(after_ms).min(ANY_SKILL);
            if out.last().is_none_or(|(_, before)| bound > *before) {
                out.push((after_ms, bound));
            }
        }
        out
    }
}

fn highest(value: &Stepped<u32>) -> u32 {
    value.until(u64::MAX).copied().max().unwrap_or(0)
}

fn moments<T>(value: &Stepped<T>) -> impl Iterator<Item = u64> {
    std::iter::once(0).chain(value.steps.iter().map(|(after_ms, _)| *after_ms))
}

/// `value` at each of `times` at which it falls below all before.
fn falling(mut times: Vec<u64>, value: impl Fn(u64) -> u32) -> Vec<(u64, u32)> {
    times.sort_unstable();
    let mut out: Vec<(u64, u32)> = Vec::new();
    for after_ms in times {
        let now = value(after_ms);
        if out.last().is_none_or(|(_, before)| now < *before) {
            out.push((after_ms, now));
        }
    }
    out
}

//! A rule set in words.

use super::rule::{
    CollectionOperation, DistanceReference, Kind, Measurement, Operation, Party, Reference, Rule,
};
use super::statement::Statement;
use super::steps::{Limit, Stepped};
use super::{Batching, Broken, RuleSet};

impl RuleSet {
    /// What is broken, in words.
    #[must_use]
    pub fn explain(&self, broken: Broken) -> String {
        if let Some(rule) = self.rules.get(broken.rule) {
            return self.rule_in_words(rule);
        }
        match self.names.teams.get(broken.rule - self.rules.len()) {
            Some(team) => format!(
                "players in team {}: {}",
                team.name,
                self.team_size_in_words(team)
            ),
            None => "no such rule".into(),
        }
    }

    /// Every team and every rule that counts, a line each, in words.
    #[must_use]
    pub fn describe(&self) -> Vec<String> {
        let whose = if self.algorithm.by_oldest {
            "oldest"
        } else {
            "newest"
        };
        let mut lines: Vec<String> = self
            .names
            .teams
            .iter()
            .map(|team| {
                format!(
                    "players in team {}: {}",
                    team.name,
                    self.team_size_in_words(team)
                )
            })
            .collect();
        let rules = self.rules.iter();
        lines.extend(rules.map(|rule| {
            let inside = if rule.inside {
                " (only within compound rules)"
            } else {
                ""
            };
            format!("{}{inside}", self.rule_in_words(rule))
        }));
        lines.push(format!("waiting is that of the {whose} ticket of a match"));
        let algorithm = &self.algorithm;
        if algorithm.batching == Batching::Sorted {
            let attributes = algorithm.sort_by.join(", then ");
            let line = format!("tried first: whoever is alike in {attributes}");
            lines.push(line);
        }
        if self.wants_crowds() {
            lines.push("tried first: the region where most players wait".into());
        }
        if algorithm.batching == Batching::FastestRegion {
            lines.push("tried first: the region with the lowest latency".into());
        }
        lines
    }

    fn team_size_in_words(&self, team: &super::TeamSize) -> String {
        let min = stepped(&team.min, u32::to_string);
        let max = stepped(&team.max, u32::to_string);
        if min == max {
            return min;
        }
        format!("at least {min}; at most {max}")
    }

    fn rule_in_words(&self, rule: &Rule) -> String {
        let own = rule
            .description
            .as_deref()
            .filter(|text| !text.is_empty())
            .map_or_else(String::new, |text| format!(" ({text})"));
        let party = match rule.party {
            Party::Min => ", of a party the lowest",
            Party::Max => ", of a party the highest",
            Party::Intersection => ", of a party what is common",
            _ => "",
        };
        format!(
            "{}: {}{party}{own}",
            rule.name,
            self.kind_in_words(&rule.kind)
        )
    }

    fn kind_in_words(&self, kind: &Kind) -> String {
        match kind {
            Kind::Comparison {
                measurements,
                operation,
                reference,
            } => {
                let of = texts(measurements);
                match (reference, operation) {
                    (Some(reference), operation) => {
                        let reference = stepped(reference, Reference::words);
                        format!("{of} {} {reference}", operation.word())
                    }
                    (None, Operation::Equal) => format!("{of} is the same for all players"),
                    (None, _) => format!("{of} is different for all players"),
                }
            }
            Kind::Distance {
                measurements,
                reference,
                max,
                min,
            } => format!(
                "{} is {} away from {}",
                texts(measurements),
                range(min, max),
                stepped(reference, Reference::words)
            ),
            Kind::BatchDistance { attribute, max } => {
                let name = &self.names.attributes[*attribute].name;
                if max.first.is_none() {
                    return format!("{name} is the same for all players");
                }
                format!("{name} of all tickets is within {}", limit(max))
            }
            Kind::Collection {
                measurements,
                operation,
                reference,
                min,
                max,
            } => {
                let of = texts(measurements);
                let reference = reference
                    .as_ref()
                    .map(|reference| stepped(reference, Reference::words));
                collection(
                    &of,
                    *operation,
                    &reference.unwrap_or_default(),
                    &range(min, max),
                )
            }
            Kind::Latency {
                max,
                distance,
                reference,
            } => latency(max, distance, *reference),
            Kind::Sort(sort) => {
                let name = &self.names.attributes[sort.attribute].name;
                let by = if sort.by_distance { "distance of " } else { "" };
                let first = if sort.descending { "highest" } else { "lowest" };
                format!("tickets are tried by {by}{name}, {first} first")
            }
            Kind::Compound(statement) => self.statement_in_words(statement),
        }
    }

    fn statement_in_words(&self, statement: &Statement) -> String {
        let joined = |parts: &[Statement], word: &str| {
            let parts: Vec<String> = parts
                .iter()
                .map(|part| self.statement_in_words(part))
                .collect();
            format!("({})", parts.join(word))
        };
        match statement {
            Statement::Rule(rule) => self.rules[*rule].name.clone(),
            Statement::And(parts) => joined(parts, " and "),
            Statement::Or(parts) => joined(parts, " or "),
            Statement::Not(part) => format!("not {}", self.statement_in_words(part)),
            Statement::Xor(one, other) => format!(
                "(either {} or {})",
                self.statement_in_words(one),
                self.statement_in_words(other)
            ),
        }
    }
}

impl Reference {
    fn words(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => format!("{text:?}"),
            Self::Texts(texts) => format!("{texts:?}"),
            Self::Measured(measured) => measured.text.clone(),
        }
    }
}

fn texts(measurements: &[Measurement]) -> String {
    let texts: Vec<&str> = measurements.iter().map(|m| m.text.as_str()).collect();
    texts.join(", ")
}

/// `10, 50 after 5 s, 100 after 15 s`.
fn stepped<T>(value: &Stepped<T>, words: impl Fn(&T) -> String) -> String {
    let mut out = words(&value.first);
    for (after_ms, step) in &value.steps {
        out.push_str(&format!(", {} after {} s", words(step), after_ms / 1_000));
    }
    out
}

fn limit(limit: &Limit) -> String {
    stepped(limit, |bound| {
        bound.map_or_else(|| "any".into(), |bound| bound.to_string())
    })
}

fn range(min: &Limit, max: &Limit) -> String {
    match (min.first, max.first) {
        (Some(_), Some(_)) => format!("at least {} and at most {}", limit(min), limit(max)),
        (Some(_), None) => format!("at least {}", limit(min)),
        _ => format!("at most {}", limit(max)),
    }
}

fn latency(max: &Limit, distance: &Limit, reference: DistanceReference) -> String {
    let mut parts = Vec::new();
    if max.first.is_some() {
        parts.push(format!("everybody has at most {} ms", limit(max)));
    }
    if distance.first.is_some() {
        let from = match reference {
            DistanceReference::Min => "the lowest",
            DistanceReference::Average => "the mean",
        };
        parts.push(format!(
            "everybody is within {} ms of {from}",
            limit(distance)
        ));
    }
    format!("there is a region where {}", parts.join(" and "))
}

fn collection(of: &str, operation: CollectionOperation, reference: &str, count: &str) -> String {
    match operation {
        CollectionOperation::Intersection => format!("{of} have {count} in common"),
        CollectionOperation::Contains => format!("{of} contain {reference} {count} times"),
        CollectionOperation::ReferenceIntersectionCount => {
            format!("each of {of} has {count} of {reference}")
        }
    }
}

//! Whether a proposed match keeps a rule set.

use super::evaluate::{LineUp, Missing, Value, common, every_leaf, every_list, party_number};
use super::rule::{
    CollectionOperation, DistanceReference, Kind, Measurement, Operation, Party, Reference, Rule,
};
use super::{AttributeType, Broken, RuleSet, Team};
use crate::id::Region;
use crate::ticket::Ticket;
use crate::time::Timestamp;

/// See [`RuleSet::judge_in`].
pub(super) fn judge(
    set: &RuleSet,
    teams: &[Team<'_>],
    region: Option<&Region>,
    now: Timestamp,
) -> Result<(), Broken> {
    let sizes = set.rules.len();
    // Players of a team that is not known, or there twice, would escape the rules.
    let strange = |(place, team): (usize, &Team<'_>)| {
        teams[..place].iter().any(|other| other.name == team.name)
            || set.team_names().all(|known| known != team.name)
    };
    if teams.iter().enumerate().any(strange) {
        return Err(Broken { rule: sizes });
    }
    let seated: Vec<&[&Ticket]> = set
        .team_names()
        .map(|name| {
            let team = teams.iter().find(|team| team.name == name);
            team.map_or(&[][..], |team| team.tickets)
        })
        .collect();
    let line_up = LineUp {
        names: &set.names,
        teams: &seated,
    };
    let waited_ms = set.age_ms(line_up.tickets(), now);
    for (place, (size, tickets)) in set.names.teams.iter().zip(&seated).enumerate() {
        let players = players(tickets.iter().copied());
        if players < *size.min.at(waited_ms) || players > *size.max.at(waited_ms) {
            return Err(Broken {
                rule: sizes + place,
            });
        }
    }
    let bench = Bench {
        set,
        line_up: &line_up,
        region,
        waited_ms,
    };
    let kept = |rule: usize| set.rules[rule].inside || bench.holds(rule) == Some(true);
    match (0..sizes).find(|rule| !kept(*rule)) {
        Some(rule) => Err(Broken { rule }),
        None => Ok(()),
    }
}

/// Players of `tickets`.
pub(super) fn players<'a>(tickets: impl Iterator<Item = &'a Ticket>) -> u32 {
    let players: usize = tickets.map(Ticket::size).sum();
    u32::try_from(players).unwrap_or(u32::MAX)
}

impl RuleSet {
    /// The waiting that expansions go by.
    fn age_ms<'a>(&self, tickets: impl Iterator<Item = &'a Ticket>, now: Timestamp) -> u64 {
        let ages = tickets.map(|ticket| ticket.waited_ms(now));
        let age = if self.algorithm.by_oldest {
            ages.max()
        } else {
            ages.min()
        };
        age.unwrap_or(0)
    }
}

/// A match on trial.
struct Bench<'a> {
    set: &'a RuleSet,
    line_up: &'a LineUp<'a>,
    region: Option<&'a Region>,
    waited_ms: u64,
}

impl Bench<'_> {
    /// Whether a rule holds; `None` if that cannot be computed.
    fn holds(&self, rule: usize) -> Option<bool> {
        let rule = &self.set.rules[rule];
        let (waited_ms, line_up, party) = (self.waited_ms, self.line_up, rule.party);
        let held = match &rule.kind {
            Kind::Comparison {
                measurements,
                operation,
                reference: None,
            } => across(line_up, measurements, *operation, party),
            Kind::Comparison {
                measurements,
                operation,
                reference: Some(reference),
            } => {
                let reference = reference.at(waited_ms);
                against(line_up, measurements, *operation, reference, party)
            }
            Kind::Distance {
                measurements,
                reference,
                max,
                min,
            } => {
                let bounds = (*min.at(waited_ms), *max.at(waited_ms));
                let reference = reference.at(waited_ms);
                distance(line_up, measurements, reference, bounds, party)
            }
            Kind::BatchDistance { attribute, max } => {
                let max = max.at(waited_ms).unwrap_or(f64::INFINITY);
                batch_distance(line_up, *attribute, max, party)
            }
            Kind::Collection {
                measurements,
                operation,
                reference,
                min,
                max,
            } => {
                let bounds = (*min.at(waited_ms), *max.at(waited_ms));
                let reference = reference.as_ref().map(|values| values.at(waited_ms));
                collection(line_up, measurements, *operation, reference, bounds, party)
            }
            Kind::Latency {
                max,
                distance,
                reference,
            } => Ok(self.latency(
                max.at(waited_ms).unwrap_or(f64::INFINITY),
                *distance.at(waited_ms),
                *reference,
                rule,
            )),
            Kind::Sort(_) => Ok(true),
            Kind::Compound(statement) => {
                return statement.holds(&mut |rule| self.holds(rule));
            }
        };
        held.ok()
    }

    fn latency(
        &self,
        max: f64,
        distance: Option<f64>,
        reference: DistanceReference,
        rule: &Rule,
    ) -> bool {
        let good = |region: &Region| {
            region_fits(self.line_up.tickets(), region, max, rule.party)
                && distance.is_none_or(|distance| {
                    region_even(self.line_up, region, distance, reference, rule.party)
                })
        };
        match self.region {
            Some(region) => good(region),
            None => regions_of(self.line_up.tickets()).any(good),
        }
    }
}

/// Regions that may be measured by everybody: those of the first player.
pub(super) fn regions_of<'a>(
    mut tickets: impl Iterator<Item = &'a Ticket>,
) -> impl Iterator<Item = &'a Region> {
    let first = tickets.next().and_then(|ticket| ticket.players.first());
    first
        .into_iter()
        .flat_map(|player| player.latencies_ms.keys())
}

fn party_latency(ticket: &Ticket, region: &Region, party: Party) -> Result<f64, Missing> {
    party_number(ticket, party, |player| {
        player.latencies_ms.get(region).copied().map(f64::from)
    })
}

/// Whether every party has at most `max` to `region`.
pub(super) fn region_fits<'a>(
    mut tickets: impl Iterator<Item = &'a Ticket>,
    region: &Region,
    max: f64,
    party: Party,
) -> bool {
    tickets.all(|ticket| party_latency(ticket, region, party).is_ok_and(|ms| ms <= max))
}

/// Whether nobody's latency to `region` is further than `distance` from everybody's lowest or mean.
fn region_even(
    line_up: &LineUp<'_>,
    region: &Region,
    distance: f64,
    reference: DistanceReference,
    party: Party,
) -> bool {
    let mut latencies: Vec<f64> = Vec::new();
    for ticket in line_up.tickets() {
        let Ok(latency) = party_latency(ticket, region, party) else {
            return false;
        };
        latencies.extend(ticket.players.iter().map(|_| latency));
    }
    latencies.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_precision_loss,
        reason = "a match has far less than 2^52 players"
    )]
    let from = match reference {
        DistanceReference::Min => latencies.first().copied().unwrap_or(0.0),
        DistanceReference::Average => latencies.iter().sum::<f64>() / latencies.len().max(1) as f64,
    };
    latencies
        .iter()
        .all(|latency| within((latency - from).abs(), (None, Some(distance))))
}

/// Whether all values of each list are equal, or all different.
pub(super) fn across(
    line_up: &LineUp<'_>,
    measurements: &[Measurement],
    operation: Operation,
    party: Party,
) -> Result<bool, Missing> {
    all(measurements, |measurement| {
        let value = line_up.value(&measurement.expression, party)?;
        let depth = measurement.kind.depth.saturating_sub(1);
        Ok(every_list(&value, depth, &mut |list| match operation {
            Operation::Unequal => {
                (1..list.len()).all(|place| !list[..place].contains(&list[place]))
            }
            _ => list.windows(2).all(|pair| pair[0] == pair[1]),
        }))
    })
}

/// Whether every value compares with the reference.
pub(super) fn against(
    line_up: &LineUp<'_>,
    measurements: &[Measurement],
    operation: Operation,
    reference: &Reference,
    party: Party,
) -> Result<bool, Missing> {
    let reference = resolved(line_up, reference, party)?;
    all(measurements, |measurement| {
        let value = line_up.value(&measurement.expression, party)?;
        Ok(every_leaf(&value, &mut |leaf| match (leaf, &reference) {
            (Value::Number(one), Value::Number(other)) => operation.holds(one, other),
            (Value::Text(one), Value::Text(other)) => operation.holds(one, other),
            _ => false,
        }))
    })
}

/// Whether every number is as far from the reference as `bounds` (least, most) say.
pub(super) fn distance(
    line_up: &LineUp<'_>,
    measurements: &[Measurement],
    reference: &Reference,
    bounds: (Option<f64>, Option<f64>),
    party: Party,
) -> Result<bool, Missing> {
    let Value::Number(from) = resolved(line_up, reference, party)? else {
        return Err(Missing);
    };
    all(measurements, |measurement| {
        let value = line_up.value(&measurement.expression, party)?;
        Ok(every_leaf(&value, &mut |leaf| match leaf {
            Value::Number(number) => within((number - from).abs(), bounds),
            _ => false,
        }))
    })
}

/// Whether all tickets are within `max` of each other, or all players have the same text.
pub(super) fn batch_distance(
    line_up: &LineUp<'_>,
    attribute: usize,
    max: f64,
    party: Party,
) -> Result<bool, Missing> {
    let declared = &line_up.names.attributes[attribute];
    if declared.kind == AttributeType::Text {
        let mut players = line_up.tickets().flat_map(|ticket| &ticket.players);
        let Some(first) = players.next() else {
            return Ok(true);
        };
        let first = declared.text(first).ok_or(Missing)?;
        return players.try_fold(true, |held, player| {
            Ok(held && declared.text(player).ok_or(Missing)? == first)
        });
    }
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for ticket in line_up.tickets() {
        let number = party_number(ticket, party, |player| declared.number(player))?;
        low = low.min(number);
        high = high.max(number);
    }
    Ok(low > high || within(high - low, (None, Some(max))))
}

/// Whether the counts of a collection rule are within `bounds` (least, most).
pub(super) fn collection(
    line_up: &LineUp<'_>,
    measurements: &[Measurement],
    operation: CollectionOperation,
    reference: Option<&Reference>,
    bounds: (Option<f64>, Option<f64>),
    party: Party,
) -> Result<bool, Missing> {
    let reference = reference
        .map(|reference| resolved(line_up, reference, party))
        .transpose()?;
    all(measurements, |measurement| {
        let value = line_up.value(&measurement.expression, party)?;
        let depth = measurement.kind.depth;
        let of_collections = depth.saturating_sub(1 + u8::from(measurement.kind.collection));
        Ok(match (operation, &reference) {
            (CollectionOperation::Contains, Some(wanted)) => {
                every_list(&value, of_collections, &mut |list| {
                    let mut found = 0;
                    for item in list {
                        every_leaf(item, &mut |leaf| {
                            found += usize::from(leaf == wanted);
                            true
                        });
                    }
                    counted(found, bounds)
                })
            }
            (CollectionOperation::ReferenceIntersectionCount, Some(Value::List(wanted))) => {
                every_list(&value, depth.saturating_sub(1), &mut |list| {
                    let found = (0..list.len()).filter(|&place| {
                        wanted.contains(&list[place]) && !list[..place].contains(&list[place])
                    });
                    counted(found.count(), bounds)
                })
            }
            (CollectionOperation::Intersection, _) => {
                every_list(&value, depth.saturating_sub(2), &mut |lists| {
                    let lists: Vec<Vec<Value<'_>>> = lists
                        .iter()
                        .map(|item| match item {
                            Value::List(texts) => texts.clone(),
                            single => vec![single.clone()],
                        })
                        .collect();
                    counted(common(&lists).len(), bounds)
                })
            }
            _ => false,
        })
    })
}

fn resolved<'a>(
    line_up: &LineUp<'a>,
    reference: &'a Reference,
    party: Party,
) -> Result<Value<'a>, Missing> {
    match reference {
        Reference::Number(number) => Ok(Value::Number(*number)),
        Reference::Text(text) => Ok(Value::Text(text)),
        Reference::Texts(texts) => {
            let texts = texts.iter().map(|text| Value::Text(text));
            Ok(Value::List(texts.collect()))
        }
        Reference::Measured(measured) => line_up.value(&measured.expression, party),
    }
}

fn all<T>(
    items: &[T],
    mut holds: impl FnMut(&T) -> Result<bool, Missing>,
) -> Result<bool, Missing> {
    for item in items {
        if !holds(item)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Part by which a mean may be off through rounding: 200 summands lose at most 8 of 52 bits.
const ROUNDING: f64 = 1e-9;

/// Whether `number` is within `bounds` (least, most).
fn within(number: f64, bounds: (Option<f64>, Option<f64>)) -> bool {
    let slack = |bound: f64| ROUNDING * bound.abs().max(1.0);
    bounds.0.is_none_or(|least| number >= least - slack(least))
        && bounds.1.is_none_or(|most| number <= most + slack(most))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a match has far less than 2^52 texts"
)]
fn counted(count: usize, bounds: (Option<f64>, Option<f64>)) -> bool {
    within(count as f64, bounds)
}

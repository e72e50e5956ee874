//! What can be said of a match before it is whole.
//!
//! Only rules are asked that cannot come true again by more players: what two players may not share, no third one
//! mends. Bounds are the widest that any match with these tickets can have now.

use super::RuleSet;
use super::evaluate::LineUp;
use super::expression::{Expression, Function, Selection, What};
use super::judge;
use super::rule::{CollectionOperation, Kind, Measurement, Operation, Party, Reference, Rule};
use super::steps::Stepped;
use crate::ticket::Ticket;
use crate::time::Timestamp;

/// See [`RuleSet::could_join`].
pub(super) fn could_join(
    set: &RuleSet,
    members: &[&Ticket],
    candidate: &Ticket,
    now: Timestamp,
) -> bool {
    let mut tickets = Vec::with_capacity(members.len() + 1);
    tickets.extend_from_slice(members);
    tickets.push(candidate);
    let teams = [tickets.as_slice()];
    let hall = Hall {
        set,
        // Whatever is asked here is asked of all players together.
        line_up: LineUp {
            names: &set.names,
            teams: &teams,
        },
        // Those who come can only be newer than the newest, or older than the oldest.
        until_ms: if set.algorithm.by_oldest {
            u64::MAX
        } else {
            tickets
                .iter()
                .map(|ticket| ticket.waited_ms(now))
                .min()
                .unwrap_or(0)
        },
    };
    hall.has_room(candidate)
        && (0..set.rules.len()).all(|rule| set.rules[rule].inside || hall.possible(rule))
}

struct Hall<'a> {
    set: &'a RuleSet,
    line_up: LineUp<'a>,
    until_ms: u64,
}

impl Hall<'_> {
    fn has_room(&self, candidate: &Ticket) -> bool {
        let most = |team: &super::TeamSize| {
            let sizes = team.max.until(self.until_ms);
            sizes.copied().max().unwrap_or(0)
        };
        let seats = self.set.names.teams.iter().map(most);
        let whole: u32 = seats.clone().sum();
        let party = judge::players(std::iter::once(candidate));
        seats.max().unwrap_or(0) >= party && judge::players(self.line_up.tickets()) <= whole
    }

    /// Whether a rule can still hold.
    fn possible(&self, rule: usize) -> bool {
        let rule = &self.set.rules[rule];
        let until_ms = self.until_ms;
        let line_up = &self.line_up;
        match &rule.kind {
            Kind::Comparison {
                measurements,
                operation,
                reference: None,
            } => {
                !measurements.iter().all(|m| whole(&m.expression).is_some())
                    || judge::across(line_up, measurements, *operation, rule.party) == Ok(true)
            }
            Kind::Comparison {
                measurements,
                operation,
                reference: Some(reference),
            } => self.compares(measurements, *operation, reference, rule.party),
            Kind::Distance { .. } => self.near(rule),
            Kind::BatchDistance { attribute, max } => {
                let max = max.highest(until_ms);
                judge::batch_distance(line_up, *attribute, max, rule.party) == Ok(true)
            }
            Kind::Collection { .. } => self.collects(rule),
            Kind::Latency { max, .. } => {
                let max = max.highest(until_ms);
                judge::regions_of(line_up.tickets())
                    .any(|region| judge::region_fits(line_up.tickets(), region, max, rule.party))
            }
            Kind::Sort(_) => true,
            Kind::Compound(statement) => statement.possible(&mut |rule| self.possible(rule)),
        }
    }

    fn compares(
        &self,
        measurements: &[Measurement],
        operation: Operation,
        reference: &Stepped<Reference>,
        party: Party,
    ) -> bool {
        let fixed = !reference
            .until(self.until_ms)
            .any(|reference| matches!(reference, Reference::Measured(_)));
        if !fixed || !measurements.iter().all(|m| everybody(&m.expression)) {
            return true;
        }
        reference.until(self.until_ms).any(|reference| {
            judge::against(&self.line_up, measurements, operation, reference, party) == Ok(true)
        })
    }

    fn near(&self, rule: &Rule) -> bool {
        let Kind::Distance {
            measurements,
            reference,
            max,
            min,
        } = &rule.kind
        else {
            return true;
        };
        let most = Some(max.highest(self.until_ms));
        let near = |reference: &Reference, bounds| {
            judge::distance(&self.line_up, measurements, reference, bounds, rule.party) == Ok(true)
        };
        reference
            .until(self.until_ms)
            .any(|reference| match reference {
                Reference::Measured(reference) => {
                    let grows = measurements.iter().all(|m| spread(m, reference).is_some());
                    !grows || near(&Reference::Measured(reference.clone()), (None, most))
                }
                _ if measurements.iter().all(|m| everybody(&m.expression)) => {
                    near(reference, (Some(min.lowest(self.until_ms)), most))
                }
                _ => true,
            })
    }

    fn collects(&self, rule: &Rule) -> bool {
        let Kind::Collection {
            measurements,
            operation,
            reference,
            min,
            max,
        } = &rule.kind
        else {
            return true;
        };
        let least = Some(min.lowest(self.until_ms));
        let most = Some(max.highest(self.until_ms));
        let lists = measurements
            .iter()
            .all(|m| whole(&m.expression).is_some() && m.kind.collection);
        if !lists {
            return true;
        }
        let holds = |reference: Option<&Reference>, bounds| {
            judge::collection(
                &self.line_up,
                measurements,
                *operation,
                reference,
                bounds,
                rule.party,
            ) == Ok(true)
        };
        let Some(reference) = reference else {
            // What is common can only become less.
            return holds(None, (least, None));
        };
        reference.until(self.until_ms).any(|reference| {
            let bounds = match (operation, reference) {
                (CollectionOperation::Contains, _) => (None, most),
                (_, Reference::Measured(measured)) => match &measured.expression {
                    of if whole(of) == Some(What::Ids) => (None, most),
                    of if in_common(of) => (least, None),
                    _ => return true,
                },
                // Each list is compared for itself.
                _ => (least, most),
            };
            holds(Some(reference), bounds)
        })
    }
}

/// What of all players in one list, if that is all that `expression` is.
pub(super) fn whole(expression: &Expression) -> Option<What> {
    match expression {
        Expression::Call {
            function: Function::Flatten,
            of,
            ..
        } => match &**of {
            Expression::Players {
                teams: Selection::All,
                what,
            } => Some(*what),
            _ => None,
        },
        _ => None,
    }
}

/// Whether `expression` lists something of every player, in whatever lists.
fn everybody(expression: &Expression) -> bool {
    match expression {
        Expression::Players { teams, what } => {
            *teams == Selection::All && matches!(what, What::Attribute(_))
        }
        Expression::Call {
            function: Function::Flatten,
            of,
            ..
        } => everybody(of),
        Expression::Call { .. } => false,
    }
}

/// The attribute whose highest and lowest value among all players are compared, if that is what both do.
pub(super) fn spread(measurement: &Measurement, reference: &Measurement) -> Option<usize> {
    let extreme = |expression: &Expression| match expression {
        Expression::Call {
            function: function @ (Function::Min | Function::Max),
            of,
            ..
        } => match whole(of) {
            Some(What::Attribute(place)) => Some((*function, place)),
            _ => None,
        },
        _ => None,
    };
    let (one, of_one) = extreme(&measurement.expression)?;
    let (other, of_other) = extreme(&reference.expression)?;
    (one != other && of_one == of_other).then_some(of_one)
}

fn in_common(expression: &Expression) -> bool {
    matches!(expression, Expression::Call { function: Function::SetIntersection, of, .. } if whole(of).is_some())
}

//! What an expression comes to in a proposed match.

use super::Names;
use super::expression::{Expression, Function, Selection, What};
use super::rule::Party;
use crate::ticket::{Ticket, TicketPlayer};

/// A value; which one is known when the rule set is read.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Number(f64),
    Text(&'a str),
    List(Vec<Value<'a>>),
}

/// What it cannot be computed without is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Missing;

/// Teams in the order of the rule set.
pub(super) struct LineUp<'a> {
    pub(super) names: &'a Names,
    pub(super) teams: &'a [&'a [&'a Ticket]],
}

impl<'a> LineUp<'a> {
    /// Every ticket.
    pub(super) fn tickets(&self) -> impl Iterator<Item = &'a Ticket> + Clone {
        self.teams.iter().flat_map(|team| team.iter().copied())
    }

    /// The value of `expression`, with parties treated as `party` says.
    pub(super) fn value(
        &self,
        expression: &'a Expression,
        party: Party,
    ) -> Result<Value<'a>, Missing> {
        match expression {
            Expression::Players { teams, what } => match teams {
                Selection::One(team) => self.players(*team, *what, party),
                Selection::Several(teams) => teams
                    .iter()
                    .map(|team| self.players(*team, *what, party))
                    .collect::<Result<_, _>>()
                    .map(Value::List),
                Selection::All => (0..self.teams.len())
                    .map(|team| self.players(team, *what, party))
                    .collect::<Result<_, _>>()
                    .map(Value::List),
            },
            Expression::Call {
                function,
                depth,
                of,
            } => apply(*function, *depth, self.value(of, party)?),
        }
    }

    fn players(&self, team: usize, what: What, party: Party) -> Result<Value<'a>, Missing> {
        let tickets = self.teams.get(team).copied().unwrap_or_default();
        let mut out = Vec::with_capacity(tickets.len());
        for &ticket in tickets {
            match what {
                What::Players | What::Ids => out.extend(ids(ticket)),
                What::Attribute(place) => self.attribute(ticket, place, party, &mut out)?,
            }
        }
        Ok(Value::List(out))
    }

    fn attribute(
        &self,
        ticket: &'a Ticket,
        place: usize,
        party: Party,
        out: &mut Vec<Value<'a>>,
    ) -> Result<(), Missing> {
        let declared = &self.names.attributes[place];
        match declared.kind {
            super::AttributeType::Number if party == Party::Own => {
                for player in &ticket.players {
                    out.push(Value::Number(declared.number(player).ok_or(Missing)?));
                }
            }
            super::AttributeType::Number => {
                let number = party_number(ticket, party, |player| declared.number(player))?;
                out.extend(ticket.players.iter().map(|_| Value::Number(number)));
            }
            super::AttributeType::Text => {
                for player in &ticket.players {
                    out.push(Value::Text(declared.text(player).ok_or(Missing)?));
                }
            }
            super::AttributeType::List => {
                out.push(party_list(ticket, party, |player| declared.list(player))?);
            }
            // Refused when the rule set is read.
            super::AttributeType::Map => return Err(Missing),
        }
        Ok(())
    }
}

fn ids(ticket: &Ticket) -> impl Iterator<Item = Value<'_>> {
    ticket
        .players
        .iter()
        .map(|player| Value::Text(player.player_id.as_str()))
}

/// The one number of a party.
pub(super) fn party_number(
    ticket: &Ticket,
    party: Party,
    number: impl Fn(&TicketPlayer) -> Option<f64>,
) -> Result<f64, Missing> {
    let mut numbers = ticket.players.iter().map(number);
    let mut first = numbers.next().flatten().ok_or(Missing)?;
    let mut count = 1.0;
    for number in numbers {
        let number = number.ok_or(Missing)?;
        count += 1.0;
        first = match party {
            Party::Min => first.min(number),
            Party::Max => first.max(number),
            _ => first + number,
        };
    }
    Ok(match party {
        Party::Min | Party::Max => first,
        _ => first / count,
    })
}

/// The one list of a party.
pub(super) fn party_list<'a>(
    ticket: &'a Ticket,
    party: Party,
    list: impl Fn(&'a TicketPlayer) -> Option<&'a [String]>,
) -> Result<Value<'a>, Missing> {
    let mut joined: Vec<&'a str> = Vec::new();
    for (place, player) in ticket.players.iter().enumerate() {
        let texts = list(player).ok_or(Missing)?;
        if place == 0 || party != Party::Intersection {
            joined.extend(texts.iter().map(String::as_str));
        } else {
            joined.retain(|text| texts.iter().any(|known| known == text));
        }
    }
    Ok(Value::List(joined.into_iter().map(Value::Text).collect()))
}

/// `function` of a value that is nested `depth` lists deep: of each list inside, if it works on flat ones.
fn apply(function: Function, depth: u8, value: Value<'_>) -> Result<Value<'_>, Missing> {
    let wanted = match function {
        Function::Flatten => depth,
        Function::SetIntersection => 2,
        _ => 1,
    };
    let Value::List(items) = value else {
        return Err(Missing);
    };
    if depth > wanted {
        return items
            .into_iter()
            .map(|item| apply(function, depth - 1, item))
            .collect::<Result<_, _>>()
            .map(Value::List);
    }
    match function {
        Function::Flatten => Ok(Value::List(flattened(items))),
        Function::SetIntersection => {
            let lists: Vec<Vec<Value<'_>>> = items.into_iter().map(texts_of).collect();
            Ok(Value::List(common(&lists)))
        }
        _ => reduced(function, &items).map(Value::Number),
    }
}

fn texts_of(value: Value<'_>) -> Vec<Value<'_>> {
    match value {
        Value::List(items) => items,
        single => vec![single],
    }
}

fn flattened(items: Vec<Value<'_>>) -> Vec<Value<'_>> {
    let mut out = Vec::with_capacity(items.len());
    for item in items {
        match item {
            Value::List(inside) => out.extend(inside),
            single => out.push(single),
        }
    }
    out
}

/// What is in all of `lists`, once each.
pub(super) fn common<'a>(lists: &[Vec<Value<'a>>]) -> Vec<Value<'a>> {
    let Some((first, others)) = lists.split_first() else {
        return Vec::new();
    };
    let mut out: Vec<Value<'a>> = Vec::new();
    for value in first {
        if !out.contains(value) && others.iter().all(|list| list.contains(value)) {
            out.push(value.clone());
        }
    }
    out
}

fn reduced(function: Function, items: &[Value<'_>]) -> Result<f64, Missing> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a match has far less than 2^52 players"
    )]
    let count = items.len() as f64;
    if function == Function::Count {
        return Ok(count);
    }
    let mut numbers: Vec<f64> = items
        .iter()
        .map(|item| match item {
            Value::Number(number) => Ok(*number),
            _ => Err(Missing),
        })
        .collect::<Result<_, _>>()?;
    // Sums of floating-point numbers depend on their order, and the order of tickets must not matter.
    numbers.sort_by(f64::total_cmp);
    let sum: f64 = numbers.iter().sum();
    match (function, numbers.as_slice()) {
        (Function::Sum, _) => Ok(sum),
        (_, []) => Err(Missing),
        (Function::Min, [least, ..]) => Ok(*least),
        (Function::Max, [.., most]) => Ok(*most),
        (Function::Median, sorted) => {
            let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
            Ok(f64::midpoint(low, high))
        }
        (Function::Deviation, _) => {
            let mean = sum / count;
            let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
            Ok((squares / count).sqrt())
        }
        _ => Ok(sum / count),
    }
}

/// Calls `each` with every list that is `depth` lists deep in `value`, until one says no.
pub(super) fn every_list<'v, 'a>(
    value: &'v Value<'a>,
    depth: u8,
    each: &mut impl FnMut(&'v [Value<'a>]) -> bool,
) -> bool {
    match value {
        Value::List(items) if depth == 0 => each(items),
        Value::List(items) => items.iter().all(|item| every_list(item, depth - 1, each)),
        single => each(std::slice::from_ref(single)),
    }
}

/// Calls `each` with every number or text in `value`, until one says no.
pub(super) fn every_leaf<'v, 'a>(
    value: &'v Value<'a>,
    each: &mut impl FnMut(&'v Value<'a>) -> bool,
) -> bool {
    match value {
        Value::List(items) => items.iter().all(|item| every_leaf(item, each)),
        leaf => each(leaf),
    }
}

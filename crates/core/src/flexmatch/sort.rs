//! Sort rules, and `sortByAttributes`: whom to try first around the oldest ticket.

use std::cmp::Ordering;

use super::evaluate::{Missing, party_number};
use super::rule::{Kind, Party, Sort};
use super::{AttributeType, Batching, RuleSet};
use crate::ticket::Ticket;

/// See [`RuleSet::order`]. Earlier rules decide first; who lacks the attribute comes last.
pub(super) fn order(set: &RuleSet, anchor: &Ticket, one: &Ticket, other: &Ticket) -> Ordering {
    for rule in &set.rules {
        let Kind::Sort(sort) = &rule.kind else {
            continue;
        };
        let key = |ticket| set.sort_key(*sort, rule.party, anchor, ticket);
        let ordering = match (key(one), key(other)) {
            (Ok(one), Ok(other)) if sort.descending => other.total_cmp(&one),
            (Ok(one), Ok(other)) => one.total_cmp(&other),
            (Ok(_), Err(_)) => Ordering::Less,
            (Err(_), Ok(_)) => Ordering::Greater,
            (Err(_), Err(_)) => Ordering::Equal,
        };
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
    if set.algorithm.batching == Batching::Sorted {
        alike(set, anchor, one, other)
    } else {
        Ordering::Equal
    }
}

/// Who is more like the anchor in the attributes that tickets are sorted by: in a sorted pool those are its neighbours.
fn alike(set: &RuleSet, anchor: &Ticket, one: &Ticket, other: &Ticket) -> Ordering {
    let declared = |name: &String| {
        set.names
            .attributes
            .iter()
            .find(|known| known.name == *name)
    };
    for attribute in set.algorithm.sort_by.iter().filter_map(declared) {
        let distance = |ticket: &Ticket| -> f64 {
            if attribute.kind == AttributeType::Number {
                let mean = |ticket| {
                    party_number(ticket, Party::Average, |player| attribute.number(player))
                };
                return match (mean(ticket), mean(anchor)) {
                    (Ok(own), Ok(wanted)) => (own - wanted).abs(),
                    _ => f64::INFINITY,
                };
            }
            let wanted = anchor.players.first().and_then(|p| attribute.value(p));
            let same = |player| attribute.value(player) == wanted;
            if ticket.players.iter().all(same) {
                0.0
            } else {
                1.0
            }
        };
        let ordering = distance(one).total_cmp(&distance(other));
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
    Ordering::Equal
}

impl RuleSet {
    fn sort_key(
        &self,
        sort: Sort,
        party: Party,
        anchor: &Ticket,
        ticket: &Ticket,
    ) -> Result<f64, Missing> {
        let declared = &self.names.attributes[sort.attribute];
        let number = |ticket: &Ticket| match declared.kind {
            AttributeType::Map => {
                let key = self.anchor_key(sort, anchor).ok_or(Missing)?;
                // Who does not name the key does not care for it.
                let of = |numbers: &std::collections::BTreeMap<String, f64>| {
                    numbers.get(key).copied().unwrap_or(0.0)
                };
                party_number(ticket, party, |player| declared.map(player).map(of))
            }
            AttributeType::Number => party_number(ticket, party, |player| declared.number(player)),
            _ => {
                let wanted = anchor.players.first().and_then(|p| declared.text(p));
                let same = ticket
                    .players
                    .iter()
                    .all(|player| declared.text(player) == wanted);
                // Those who match the oldest ticket come first, in either direction.
                Ok(if same == sort.descending { 1.0 } else { 0.0 })
            }
        };
        if !sort.by_distance {
            return number(ticket);
        }
        Ok((number(ticket)? - number(anchor)?).abs())
    }

    /// The key of the anchor's map with the highest or the lowest value.
    fn anchor_key<'a>(&'a self, sort: Sort, anchor: &'a Ticket) -> Option<&'a str> {
        let declared = &self.names.attributes[sort.attribute];
        let maps = anchor.players.iter().filter_map(|p| declared.map(p));
        let mut best: Option<(&str, f64)> = None;
        for (key, number) in maps.flatten() {
            let better = best.is_none_or(|(_, known)| {
                if sort.highest_key {
                    *number > known
                } else {
                    *number < known
                }
            });
            if better {
                best = Some((key, *number));
            }
        }
        best.map(|(key, _)| key)
    }
}

//! Statements of compound rules: `or(and(A, B), not(C))`.

use super::node::{choices, shown};

/// Nesting that is read; each level takes a stack frame.
const NESTING_MAX: usize = 16;

/// A formula over the results of other rules.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Statement {
    /// The rule at this place of the rule set.
    Rule(usize),
    And(Vec<Statement>),
    Or(Vec<Statement>),
    Not(Box<Statement>),
    /// Exactly one of both.
    Xor(Box<Statement>, Box<Statement>),
}

impl Statement {
    /// Whether it holds, if `rule` says so of a rule; `None` where that depends on what cannot be computed.
    pub(super) fn holds(&self, rule: &mut impl FnMut(usize) -> Option<bool>) -> Option<bool> {
        match self {
            Self::Rule(place) => rule(*place),
            Self::And(parts) => decided(parts, false, rule),
            Self::Or(parts) => decided(parts, true, rule),
            Self::Not(part) => part.holds(rule).map(|held| !held),
            Self::Xor(one, other) => Some(one.holds(rule)? != other.holds(rule)?),
        }
    }

    /// Whether it can still hold, if `rule` says whether a rule can.
    pub(super) fn possible(&self, rule: &mut impl FnMut(usize) -> bool) -> bool {
        match self {
            Self::Rule(place) => rule(*place),
            Self::And(parts) => parts.iter().all(|part| part.possible(rule)),
            Self::Or(parts) => parts.iter().any(|part| part.possible(rule)),
            // That a rule can hold says nothing about whether it can fail.
            Self::Not(_) | Self::Xor(..) => true,
        }
    }

    /// Every rule that it names.
    pub(super) fn rules(&self, out: &mut Vec<usize>) {
        match self {
            Self::Rule(place) => out.push(*place),
            Self::And(parts) | Self::Or(parts) => {
                for part in parts {
                    part.rules(out);
                }
            }
            Self::Not(part) => part.rules(out),
            Self::Xor(one, other) => {
                one.rules(out);
                other.rules(out);
            }
        }
    }

    /// The rules that must hold for it to hold.
    pub(super) fn needed(&self, out: &mut Vec<usize>) {
        match self {
            Self::Rule(place) => out.push(*place),
            Self::And(parts) => {
                for part in parts {
                    part.needed(out);
                }
            }
            Self::Or(_) | Self::Not(_) | Self::Xor(..) => {}
        }
    }
}

/// `word` if any part is, its opposite if all are.
fn decided(
    parts: &[Statement],
    word: bool,
    rule: &mut impl FnMut(usize) -> Option<bool>,
) -> Option<bool> {
    let mut known = true;
    for part in parts {
        match part.holds(rule) {
            Some(held) if held == word => return Some(word),
            Some(_) => {}
            None => known = false,
        }
    }
    known.then_some(!word)
}

/// Reads `text`, in which the rules `names` may be named.
pub(super) fn parse(text: &str, names: &[&str]) -> Result<Statement, String> {
    let mut reader = Reader { rest: text, names };
    let statement = reader.statement(0)?;
    if reader.rest.trim().is_empty() {
        Ok(statement)
    } else {
        Err(format!(
            "nothing may follow the statement, and {} does",
            shown(reader.rest.trim())
        ))
    }
}

struct Reader<'a> {
    rest: &'a str,
    names: &'a [&'a str],
}

impl<'a> Reader<'a> {
    fn word(&mut self) -> &'a str {
        let rest = self.rest.trim_start();
        let end = rest.find(['(', ')', ',']).unwrap_or(rest.len());
        self.rest = &rest[end..];
        rest[..end].trim_end()
    }

    fn found(&mut self, sign: char) -> bool {
        match self.rest.trim_start().strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn statement(&mut self, nesting: usize) -> Result<Statement, String> {
        if nesting >= NESTING_MAX {
            return Err(format!("more than {NESTING_MAX} levels in each other"));
        }
        let word = self.word();
        if !self.found('(') {
            let place = self.names.iter().position(|name| *name == word);
            return place.map(Statement::Rule).ok_or_else(|| {
                let hint = choices(word, self.names.iter().copied());
                format!("no rule {}; {hint}", shown(word))
            });
        }
        let mut parts = vec![self.statement(nesting + 1)?];
        while self.found(',') {
            parts.push(self.statement(nesting + 1)?);
        }
        if !self.found(')') {
            return Err(format!("{word}( is not closed"));
        }
        combined(word, parts)
    }
}

fn combined(word: &str, mut parts: Vec<Statement>) -> Result<Statement, String> {
    match (word, parts.len()) {
        ("and", 2..) => Ok(Statement::And(parts)),
        ("or", 2..) => Ok(Statement::Or(parts)),
        ("and" | "or", _) => Err(format!("{word} takes two parts or more")),
        ("not", 1) => Ok(Statement::Not(Box::new(parts.remove(0)))),
        ("not", _) => Err("not takes one part".into()),
        ("xor", 2) => {
            let other = Box::new(parts.remove(1));
            Ok(Statement::Xor(Box::new(parts.remove(0)), other))
        }
        // With three parts some mean «one of them» and some «an odd number».
        ("xor", _) => Err("xor takes two parts".into()),
        _ => {
            let hint = choices(word, ["and", "or", "not", "xor"]);
            Err(format!(
                "{} is none of and, or, not, xor; {hint}",
                shown(word)
            ))
        }
    }
}

//! `FlexMatch` rule sets, read as they are.
//!
//! Written after the developer guide of Amazon `GameLift` `FlexMatch` ("rule set schema", "rule set property
//! definitions", "rule types", "property expressions", "rule set examples"). Where the guide leaves something open:
//!
//! - A party's numbers become one number, as `partyAggregation` says, which then counts once for each of its players,
//!   so that an average over a team stays an average over its players. Its lists are joined without losing repeats, so
//!   that five medics of one party are five medics.
//! - A comparison across players looks at every player, unless it names a `partyAggregation`: the mean of two maps is
//!   no map.
//! - What cannot be computed breaks the rule: an attribute that is missing and has no default, or the average of a
//!   team without players.
//! - Rules that a compound rule names count only there.
//! - A latency rule holds in one region for everybody; a ticket without latencies meets none.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::Region;
use crate::ticket::{Attribute, InvalidTicket, NewTicket, Ticket, TicketPlayer};
use crate::time::Timestamp;

mod evaluate;
mod explain;
mod expression;
mod judge;
mod locate;
mod mapping;
mod node;
mod prune;
mod read;
mod rule;
mod sort;
mod statement;
mod steps;

use self::rule::Rule;
use self::steps::Stepped;

/// Characters of a rule set; `FlexMatch`'s limit of the body.
pub const RULE_SET_CHARACTERS_MAX: usize = 65_535;
/// Attributes that a rule set declares; a player has no more.
pub const RULE_SET_ATTRIBUTES_MAX: usize = crate::limits::ATTRIBUTES_MAX;
/// Players of all teams; `FlexMatch`'s largest match.
pub const RULE_SET_PLAYERS_MAX: u32 = 200;
/// The attribute that is a player's rating where the player brings none of that name.
pub const SKILL_ATTRIBUTE: &str = "skill";

/// What is wrong with a rule set; its author's fault, do not retry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSetError {
    /// JSON pointer to the value (RFC 6901); empty for the whole.
    pub pointer: String,
    /// Line and column, from 1, of that value, or where the text is no JSON.
    pub location: Option<(usize, usize)>,
    /// What is wrong and what would be right.
    pub what: String,
}

impl std::error::Error for RuleSetError {}

impl fmt::Display for RuleSetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((line, column)) = self.location {
            write!(f, "line {line}, column {column}: ")?;
        }
        if !self.pointer.is_empty() {
            write!(f, "{}: ", self.pointer)?;
        }
        f.write_str(&self.what)
    }
}

/// The type of a player's attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributeType {
    /// `number`.
    Number,
    /// `string`.
    Text,
    /// `string_list`.
    List,
    /// `string_number_map`.
    Map,
}

/// An attribute that players bring.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Declared {
    pub(crate) name: String,
    kind: AttributeType,
    default: Option<Attribute>,
}

/// A team of the rule set; several equal ones are several.
#[derive(Clone, Debug, PartialEq)]
struct TeamSize {
    name: String,
    min: Stepped<u32>,
    max: Stepped<u32>,
}

/// What expressions can refer to.
#[derive(Clone, Debug, Default, PartialEq)]
struct Names {
    attributes: Vec<Declared>,
    teams: Vec<TeamSize>,
}

/// What `algorithm` asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Algorithm {
    /// Fill large matches fast and balance the teams; otherwise search around the oldest ticket.
    pub balanced: bool,
    /// How tickets are grouped before they are tried.
    pub batching: Batching,
    /// Attributes in which those who are tried first should be like the one they are tried with, with
    /// [`Batching::Sorted`].
    pub sort_by: Vec<String>,
    /// The attribute whose team means are balanced.
    pub balanced_attribute: Option<String>,
    /// When live matches are filled; off where the rule set does not say.
    pub backfill_priority: crate::rules::Backfill,
    /// Rules relax with the age of the oldest ticket of a match, not with that of the newest.
    pub by_oldest: bool,
}

/// How tickets are grouped before they are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Batching {
    /// As they come.
    #[default]
    Random,
    /// By attributes.
    Sorted,
    /// The name of the strategy, which older pages of the guide ask for here.
    Balanced,
    /// As many as possible together; what strategy `balanced` does where nothing is said.
    LargestPopulation,
    /// By the region with the lowest latency.
    FastestRegion,
}

/// A rule set.
#[derive(Clone)]
pub struct RuleSet {
    source: Arc<str>,
    name: String,
    algorithm: Algorithm,
    names: Names,
    rules: Vec<Rule>,
}

/// One team of a proposed match.
#[derive(Clone, Copy, Debug)]
pub struct Team<'a> {
    /// Its name, as [`RuleSet::team_names`] has it.
    pub name: &'a str,
    /// Who plays in it.
    pub tickets: &'a [&'a Ticket],
}

/// The first thing that a proposed match does not keep; [`RuleSet::explain`] says it in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Broken {
    /// Place among [`RuleSet::names`].
    pub rule: usize,
}

impl RuleSet {
    /// Reads the JSON `text`.
    ///
    /// # Errors
    /// The first thing that is wrong with it or cannot be met, with its place.
    pub fn parse(text: &str) -> Result<Self, RuleSetError> {
        read::rule_set(text)
    }

    /// Its name; may be empty.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The JSON that it was read from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What `algorithm` asks for.
    #[must_use]
    pub const fn algorithm(&self) -> &Algorithm {
        &self.algorithm
    }

    /// The teams in the order of the file; several equal ones with their numbers, from `_1`.
    pub fn team_names(&self) -> impl Iterator<Item = &str> {
        self.names.teams.iter().map(|team| team.name.as_str())
    }

    /// What [`Broken::rule`] counts: the rules in the order of the file, then the size of each team.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let rules = self.rules.iter().map(|rule| rule.name.as_str());
        rules.chain(self.team_names())
    }

    /// Decides a whole proposed match: every rule, and the size of every team. Teams that are not named are empty.
    ///
    /// # Errors
    /// What it breaks first.
    pub fn judge(&self, teams: &[Team<'_>], now: Timestamp) -> Result<(), Broken> {
        self.judge_in(teams, None, now)
    }

    /// Like [`RuleSet::judge`], for a match in `region`.
    ///
    /// # Errors
    /// What it breaks first.
    pub fn judge_in(
        &self,
        teams: &[Team<'_>],
        region: Option<&Region>,
        now: Timestamp,
    ) -> Result<(), Broken> {
        judge::judge(self, teams, region, now)
    }

    /// Like [`RuleSet::judge_in`], for all teams in the order of [`RuleSet::team_names`].
    ///
    /// # Errors
    /// What it breaks first.
    pub fn judge_teams(
        &self,
        teams: &[Vec<&Ticket>],
        region: Option<&Region>,
        now: Timestamp,
    ) -> Result<(), Broken> {
        let named = self.team_names().zip(teams);
        let teams: Vec<Team<'_>> = named
            .map(|(name, tickets)| Team { name, tickets })
            .collect();
        self.judge_in(&teams, region, now)
    }

    /// Whether `candidate` may be in a match with `members`, whatever teams they are in and whoever else comes: cheap,
    /// and `false` only if [`RuleSet::judge`] refuses every match at `now` that has them all.
    #[must_use]
    pub fn could_join(&self, members: &[&Ticket], candidate: &Ticket, now: Timestamp) -> bool {
        prune::could_join(self, members, candidate, now)
    }

    /// Whom to try first around `anchor`, as the sort rules say; equal if there are none.
    #[must_use]
    pub fn order(&self, anchor: &Ticket, one: &Ticket, other: &Ticket) -> Ordering {
        sort::order(self, anchor, one, other)
    }

    /// Whether any rule sorts, or `sortByAttributes` does.
    #[must_use]
    pub fn sorts(&self) -> bool {
        let mut rules = self.rules.iter();
        self.algorithm.batching == Batching::Sorted
            || rules.any(|rule| matches!(rule.kind, rule::Kind::Sort(_)))
    }

    /// Whether matches should be looked for where most players are, rather than where each plays best.
    #[must_use]
    pub const fn wants_crowds(&self) -> bool {
        matches!(
            self.algorithm.batching,
            Batching::LargestPopulation | Batching::Balanced
        )
    }

    /// The rating of a player who brings none, as the rule set has it.
    #[must_use]
    pub fn skill_default(&self) -> Option<f64> {
        let mut attributes = self.names.attributes.iter();
        match attributes
            .find(|known| known.name == SKILL_ATTRIBUTE)?
            .default
        {
            Some(Attribute::Number(number)) => Some(number),
            _ => None,
        }
    }

    /// Checks that a request brings the attributes that the rules need, in their types.
    ///
    /// # Errors
    /// The first one that is missing or has another type.
    pub fn check_ticket(&self, ticket: &NewTicket) -> Result<(), InvalidTicket> {
        for (index, player) in ticket.players.iter().enumerate() {
            for declared in &self.names.attributes {
                let why = match (player.attributes.get(&declared.name), declared.kind) {
                    (None, AttributeType::Number) if declared.name == SKILL_ATTRIBUTE => continue,
                    (None, kind) if declared.default.is_none() => {
                        format!("is missing; the rules need {}", kind.words())
                    }
                    (Some(value), kind) if !kind.fits(value) => {
                        format!("must be {}", kind.words())
                    }
                    // The engine looks for the rating, and the rules for the attribute: there is one truth only.
                    (Some(Attribute::Number(value)), AttributeType::Number)
                        if declared.name == SKILL_ATTRIBUTE
                            && (value - player.skill).abs() > f64::EPSILON =>
                    {
                        format!(
                            "is {value}, and skill is {}; send one of them",
                            player.skill
                        )
                    }
                    _ => continue,
                };
                return Err(InvalidTicket {
                    field: format!("players[{index}].attributes.{}", declared.name),
                    why,
                });
            }
        }
        Ok(())
    }
}

impl AttributeType {
    fn words(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Text => "a text",
            Self::List => "a list of texts",
            Self::Map => "numbers by name",
        }
    }

    fn fits(self, value: &Attribute) -> bool {
        matches!(
            (self, value),
            (Self::Number, Attribute::Number(_))
                | (Self::Text, Attribute::Text(_))
                | (Self::List, Attribute::List(_) | Attribute::Text(_))
                | (Self::Map, Attribute::Map(_))
        )
    }
}

/// A player's values, with the rule set's defaults.
impl Declared {
    fn value<'a>(&'a self, player: &'a TicketPlayer) -> Option<&'a Attribute> {
        player.attributes.get(&self.name).or(self.default.as_ref())
    }

    fn number(&self, player: &TicketPlayer) -> Option<f64> {
        match player.attributes.get(&self.name) {
            Some(Attribute::Number(number)) => Some(*number),
            Some(_) => None,
            None if self.name == SKILL_ATTRIBUTE => Some(player.skill),
            None => match self.default {
                Some(Attribute::Number(number)) => Some(number),
                _ => None,
            },
        }
    }

    fn text<'a>(&'a self, player: &'a TicketPlayer) -> Option<&'a str> {
        match self.value(player) {
            Some(Attribute::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn list<'a>(&'a self, player: &'a TicketPlayer) -> Option<&'a [String]> {
        match self.value(player) {
            Some(Attribute::List(texts)) => Some(texts),
            Some(Attribute::Text(text)) => Some(std::slice::from_ref(text)),
            _ => None,
        }
    }

    fn map<'a>(&'a self, player: &'a TicketPlayer) -> Option<&'a BTreeMap<String, f64>> {
        match self.value(player) {
            Some(Attribute::Map(numbers)) => Some(numbers),
            _ => None,
        }
    }
}

impl PartialEq for RuleSet {
    fn eq(&self, other: &Self) -> bool {
        self.names == other.names
            && self.rules == other.rules
            && self.algorithm == other.algorithm
            && self.name == other.name
    }
}

impl fmt::Debug for RuleSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.names().collect();
        f.debug_struct("RuleSet")
            .field("name", &self.name)
            .field("names", &names)
            .finish_non_exhaustive()
    }
}

/// As the JSON that it was read from.
impl Serialize for RuleSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value: serde_json::Value =
            serde_json::from_str(&self.source).map_err(serde::ser::Error::custom)?;
        value.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RuleSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Self::parse(&value.to_string()).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;

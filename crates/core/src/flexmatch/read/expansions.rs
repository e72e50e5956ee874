//! Expansions: what relaxes after which waiting.

use super::super::node::{Fields, Node, choices, shown, wrong};
use super::super::rule::{Kind, Rule};
use super::super::steps::{Limit, Stepped};
use super::super::{Names, RULE_SET_PLAYERS_MAX, RuleSetError};
use super::{Definition, as_whole};

/// Longest wait of a step, seconds: `FlexMatch`'s longest request timeout is 43,200 s.
const WAIT_SECONDS_MAX: u32 = 43_200;

/// Puts every expansion into its place, and checks that what comes out can be met.
pub(super) fn expand(
    fields: &Fields<'_>,
    names: &mut Names,
    rules: &mut [Rule],
    definitions: &mut [Definition],
) -> Result<(), RuleSetError> {
    let mut seen: Vec<&str> = Vec::new();
    for (i, item) in fields.list("expansions")?.iter().enumerate() {
        let expansion = Fields::open(item, format!("/expansions/{i}"), &["target", "steps"])?;
        let text = expansion.required_text("target")?;
        let at = expansion.at("target");
        if seen.contains(&text) {
            return Err(wrong(at, format!("{} is there twice", shown(text))));
        }
        seen.push(text);
        let steps = steps(&expansion)?;
        let (section, name, property) = target(text).ok_or_else(|| {
            let what = format!(
                "{} must be like rules[Name].maxDistance or teams[Name].minPlayers",
                shown(text)
            );
            wrong(at.clone(), what)
        })?;
        match section {
            "teams" => expand_teams(&at, name, property, &steps, names, definitions)?,
            _ => expand_rule(&at, name, property, &steps, names, rules)?,
        }
    }
    check_teams(names)?;
    rules
        .iter()
        .enumerate()
        .try_for_each(|(i, rule)| check_rule(i, rule))
}

/// `section[name].property`.
fn target(text: &str) -> Option<(&str, &str, &str)> {
    let (section, rest) = text.trim().split_once('[')?;
    let (name, property) = rest.rsplit_once("].")?;
    ["rules", "teams"]
        .contains(&section)
        .then_some((section, name, property))
}

/// A step: its pointer, its waiting in milliseconds, its value.
type Step<'a> = (String, u64, &'a Node);

fn steps<'a>(expansion: &Fields<'a>) -> Result<Vec<Step<'a>>, RuleSetError> {
    let mut out: Vec<Step<'a>> = Vec::new();
    for (i, item) in expansion.list("steps")?.iter().enumerate() {
        let pointer = format!("{}/{i}", expansion.at("steps"));
        let step = Fields::open(item, pointer, &["waitTimeSeconds", "value"])?;
        let seconds = super::whole(&step, "waitTimeSeconds", 0, WAIT_SECONDS_MAX)?
            .ok_or_else(|| step.missing("waitTimeSeconds"))?;
        let after_ms = u64::from(seconds) * 1_000;
        if let Some((_, before_ms, _)) = out.last()
            && after_ms <= *before_ms
        {
            let what = format!(
                "is {seconds}, must be more than the {} of the step before",
                before_ms / 1_000
            );
            return Err(wrong(step.at("waitTimeSeconds"), what));
        }
        out.push((step.at("value"), after_ms, step.required("value")?));
    }
    if out.is_empty() {
        return Err(wrong(expansion.at("steps"), "at least one is needed"));
    }
    Ok(out)
}

fn expand_teams(
    at: &str,
    name: &str,
    property: &str,
    steps: &[Step<'_>],
    names: &mut Names,
    definitions: &[Definition],
) -> Result<(), RuleSetError> {
    let definition = definitions.iter().find(|known| known.name == name);
    let definition = definition.ok_or_else(|| {
        let hint = choices(name, definitions.iter().map(|known| known.name.as_str()));
        wrong(at, format!("no team {}; {hint}", shown(name)))
    })?;
    if !["minPlayers", "maxPlayers"].contains(&property) {
        let hint = choices(property, ["minPlayers", "maxPlayers"]);
        let what = format!("{} of a team cannot change; {hint}", shown(property));
        return Err(wrong(at, what));
    }
    let mut sizes = Vec::new();
    for (pointer, after_ms, node) in steps {
        let size = node
            .as_number()
            .and_then(|number| as_whole(number, 0, RULE_SET_PLAYERS_MAX));
        let size = size.ok_or_else(|| {
            let what = format!("must be a whole number from 0 to {RULE_SET_PLAYERS_MAX}");
            wrong(pointer.clone(), what)
        })?;
        sizes.push((*after_ms, size));
    }
    for team in &mut names.teams[definition.first..definition.first + definition.count] {
        let side = if property == "minPlayers" {
            &mut team.min
        } else {
            &mut team.max
        };
        side.steps.clone_from(&sizes);
    }
    Ok(())
}

fn expand_rule(
    at: &str,
    name: &str,
    property: &str,
    steps: &[Step<'_>],
    names: &Names,
    rules: &mut [Rule],
) -> Result<(), RuleSetError> {
    let Some(place) = rules.iter().position(|rule| rule.name == name) else {
        let hint = choices(name, rules.iter().map(|rule| rule.name.as_str()));
        return Err(wrong(at, format!("no rule {}; {hint}", shown(name))));
    };
    let rule = &mut rules[place];
    if property == "referenceValue" {
        let mut values = Vec::new();
        for (pointer, after_ms, node) in steps {
            match rule.read_reference(node, names) {
                Some(Ok(value)) => values.push((*after_ms, value)),
                Some(Err(what)) => return Err(wrong(pointer.clone(), what)),
                None => return Err(wrong(at, "the rule has no referenceValue")),
            }
        }
        match &mut rule.kind {
            Kind::Comparison {
                reference: Some(reference),
                ..
            }
            | Kind::Distance { reference, .. }
            | Kind::Collection {
                reference: Some(reference),
                ..
            } => reference.steps = values,
            _ => {}
        }
        return Ok(());
    }
    let limits = limits(rule);
    let known: Vec<&str> = limits.iter().map(|(name, _)| *name).collect();
    let Some((_, limit)) = limits.into_iter().find(|(name, _)| *name == property) else {
        let hint = choices(property, known.into_iter().chain(["referenceValue"]));
        let what = format!(
            "{} of this rule is not there or cannot change; {hint}",
            shown(property)
        );
        return Err(wrong(at, what));
    };
    for (pointer, after_ms, node) in steps {
        let value = node.as_number().filter(|number| *number >= 0.0);
        let value =
            value.ok_or_else(|| wrong(pointer.clone(), "must be a number, and not negative"))?;
        limit.steps.push((*after_ms, Some(value)));
    }
    Ok(())
}

/// The bounds that the rule has, by name.
fn limits(rule: &mut Rule) -> Vec<(&'static str, &mut Limit)> {
    let all = match &mut rule.kind {
        Kind::Distance { max, min, .. } => vec![("maxDistance", max), ("minDistance", min)],
        Kind::BatchDistance { max, .. } => vec![("maxDistance", max)],
        Kind::Collection { min, max, .. } => vec![("minCount", min), ("maxCount", max)],
        Kind::Latency { max, distance, .. } => vec![("maxLatency", max), ("maxDistance", distance)],
        Kind::Comparison { .. } | Kind::Sort(_) | Kind::Compound(_) => Vec::new(),
    };
    all.into_iter()
        .filter(|(_, limit)| limit.first.is_some())
        .collect()
}

/// Every waiting at which one of both changes, from 0.
fn moments<A, B>(one: &Stepped<A>, other: &Stepped<B>) -> Vec<u64> {
    let one = one.steps.iter().map(|(after_ms, _)| *after_ms);
    let other = other.steps.iter().map(|(after_ms, _)| *after_ms);
    std::iter::once(0).chain(one).chain(other).collect()
}

fn check_teams(names: &Names) -> Result<(), RuleSetError> {
    for team in &names.teams {
        for after_ms in moments(&team.min, &team.max) {
            let (min, max) = (*team.min.at(after_ms), *team.max.at(after_ms));
            if min > max {
                let what = format!(
                    "the team {} would need {min} players and take {max} after {} s",
                    shown(&team.name),
                    after_ms / 1_000
                );
                return Err(wrong("/expansions", what));
            }
        }
    }
    let most: u32 = names
        .teams
        .iter()
        .map(|team| team.max.until(u64::MAX).copied().max().unwrap_or(0))
        .sum();
    if most > RULE_SET_PLAYERS_MAX {
        let what =
            format!("have {most} players together, at most {RULE_SET_PLAYERS_MAX} are possible");
        return Err(wrong("/teams", what));
    }
    Ok(())
}

fn check_rule(i: usize, rule: &Rule) -> Result<(), RuleSetError> {
    let (min, max, words) = match &rule.kind {
        Kind::Distance { min, max, .. } => (min, max, ("minDistance", "maxDistance")),
        Kind::Collection { min, max, .. } => (min, max, ("minCount", "maxCount")),
        _ => return Ok(()),
    };
    for after_ms in moments(min, max) {
        if let (Some(least), Some(most)) = (min.at(after_ms), max.at(after_ms))
            && least > most
        {
            let what = format!(
                "cannot be met after {} s: {} is {least} then, and {} is {most}",
                after_ms / 1_000,
                words.0,
                words.1
            );
            return Err(wrong(format!("/rules/{i}"), what));
        }
    }
    Ok(())
}

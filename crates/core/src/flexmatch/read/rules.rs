//! The rules, one kind after the other.

use super::super::expression::Base;
use super::super::node::{Fields, Node, choices, shown, wrong};
use super::super::rule::{
    CollectionOperation, DistanceReference, Kind, Operation, Party, Rule, Sort,
};
use super::super::statement::{self, Statement};
use super::super::steps::{Limit, Stepped};
use super::super::{AttributeType, Names, RuleSetError};
use super::values::{collected, measurements, must_be, scalar};

const KINDS: [(&str, &[&str]); 8] = [
    (
        "comparison",
        &[
            "measurements",
            "referenceValue",
            "operation",
            "partyAggregation",
        ],
    ),
    (
        "distance",
        &[
            "measurements",
            "referenceValue",
            "maxDistance",
            "minDistance",
            "partyAggregation",
        ],
    ),
    (
        "batchDistance",
        &["batchAttribute", "maxDistance", "partyAggregation"],
    ),
    (
        "collection",
        &[
            "measurements",
            "referenceValue",
            "operation",
            "maxCount",
            "minCount",
            "partyAggregation",
        ],
    ),
    (
        "latency",
        &[
            "maxLatency",
            "maxDistance",
            "distanceReference",
            "partyAggregation",
        ],
    ),
    (
        "absoluteSort",
        &[
            "sortDirection",
            "sortAttribute",
            "mapKey",
            "partyAggregation",
        ],
    ),
    (
        "distanceSort",
        &[
            "sortDirection",
            "sortAttribute",
            "mapKey",
            "partyAggregation",
        ],
    ),
    ("compound", &["statement"]),
];

pub(super) fn rules(fields: &Fields<'_>, names: &Names) -> Result<Vec<Rule>, RuleSetError> {
    let items = fields.list("rules")?;
    let mut named: Vec<&str> = Vec::new();
    for (i, item) in items.iter().enumerate() {
        if let Node::Object(entries) = item
            && let Some((_, Node::Text(name))) = entries.iter().find(|(key, _)| key == "name")
        {
            if named.contains(&name.as_str()) {
                let what = format!("{} is there twice", shown(name));
                return Err(wrong(format!("/rules/{i}/name"), what));
            }
            named.push(name);
        } else {
            // Its own reading says what is wrong with it.
            named.push("");
        }
    }
    let mut out = Vec::new();
    for (i, item) in items.iter().enumerate() {
        out.push(rule(item, format!("/rules/{i}"), names, &named)?);
    }
    check_statements(&mut out)?;
    Ok(out)
}

fn rule(item: &Node, pointer: String, names: &Names, rules: &[&str]) -> Result<Rule, RuleSetError> {
    let word = match item {
        Node::Object(entries) => entries.iter().find(|(key, _)| key == "type"),
        _ => None,
    };
    let mut known = vec!["name", "description", "type"];
    let word = word.and_then(|(_, node)| node.as_text());
    match (KINDS.iter().find(|(kind, _)| Some(*kind) == word), word) {
        (Some((_, keys)), _) => known.extend_from_slice(keys),
        (None, Some(word)) => {
            let hint = choices(word, KINDS.iter().map(|(kind, _)| *kind));
            let what = format!("no kind of rule is {}; {hint}", shown(word));
            return Err(wrong(format!("{pointer}/type"), what));
        }
        (None, None) => {
            if let Node::Object(_) = item {
                let kinds: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
                let what = format!("\"type\" is missing: one of {}", kinds.join(", "));
                return Err(wrong(pointer, what));
            }
        }
    }
    let fields = Fields::open(item, pointer, &known)?;
    let name = super::name(&fields)?;
    let description = fields.text("description")?.map(Into::into);
    let (kind, fallback) = match word.unwrap_or_default() {
        "comparison" => comparison(&fields, names)?,
        "distance" => (distance(&fields, names)?, Party::Average),
        "batchDistance" => (batch_distance(&fields, names)?, Party::Average),
        "collection" => (collection(&fields, names)?, Party::Union),
        "latency" => (latency(&fields)?, Party::Average),
        "compound" => {
            let text = fields.required_text("statement")?;
            let statement = statement::parse(text, rules)
                .map_err(|what| wrong(fields.at("statement"), what))?;
            (Kind::Compound(statement), Party::Own)
        }
        word => {
            let sort = sort(&fields, names, word == "distanceSort")?;
            (Kind::Sort(sort), Party::Average)
        }
    };
    let numbers: &[(&str, Party)] = &[
        ("avg", Party::Average),
        ("min", Party::Min),
        ("max", Party::Max),
    ];
    let lists: &[(&str, Party)] = &[
        ("union", Party::Union),
        ("intersection", Party::Intersection),
    ];
    let parties = if matches!(kind, Kind::Collection { .. }) {
        lists
    } else {
        numbers
    };
    Ok(Rule {
        name,
        description,
        kind,
        party: fields
            .word("partyAggregation", parties)?
            .unwrap_or(fallback),
        inside: false,
    })
}

fn comparison(fields: &Fields<'_>, names: &Names) -> Result<(Kind, Party), RuleSetError> {
    let measurements = measurements(fields, names)?;
    must_be(
        fields,
        &measurements,
        "numbers, or texts that are no string_list; count() and set_intersection() make such of others",
        |m| m.kind.base != Base::Player && !m.kind.collection,
    )?;
    let base = measurements[0].kind.base;
    must_be(fields, &measurements, "of one type with the others", |m| {
        m.kind.base == base
    })?;
    let operation = fields
        .word("operation", &Operation::ALL)?
        .ok_or_else(|| fields.missing("operation"))?;
    let equality = matches!(operation, Operation::Equal | Operation::Unequal);
    if base == Base::Text && !equality {
        return Err(wrong(fields.at("operation"), "texts can only be = or !="));
    }
    let Some(node) = fields.get("referenceValue") else {
        if !equality {
            let what = format!(
                "{:?} needs a referenceValue; players can be compared with each other by = or !=",
                operation.word()
            );
            return Err(wrong(fields.at("operation"), what));
        }
        must_be(
            fields,
            &measurements,
            "a list of values to compare with each other; one value needs a referenceValue",
            |m| m.kind.depth > 0,
        )?;
        let kind = Kind::Comparison {
            measurements,
            operation,
            reference: None,
        };
        return Ok((kind, Party::Own));
    };
    let reference = scalar(node, names, base).map_err(|w| wrong(fields.at("referenceValue"), w))?;
    let kind = Kind::Comparison {
        measurements,
        operation,
        reference: Some(Stepped::new(reference)),
    };
    Ok((kind, Party::Average))
}

/// The bounds `least` and `most`, one of which is needed.
fn bounds(fields: &Fields<'_>, least: &str, most: &str) -> Result<(Limit, Limit), RuleSetError> {
    let (min, max) = (fields.amount(least)?, fields.amount(most)?);
    if min.is_none() && max.is_none() {
        let what = format!("{least:?} or {most:?} is needed");
        return Err(wrong(fields.pointer.clone(), what));
    }
    Ok((Stepped::new(min), Stepped::new(max)))
}

fn distance(fields: &Fields<'_>, names: &Names) -> Result<Kind, RuleSetError> {
    let measurements = measurements(fields, names)?;
    must_be(fields, &measurements, "one or more numbers", |m| {
        m.kind.base == Base::Number
    })?;
    let node = fields.required("referenceValue")?;
    let reference =
        scalar(node, names, Base::Number).map_err(|w| wrong(fields.at("referenceValue"), w))?;
    let (min, max) = bounds(fields, "minDistance", "maxDistance")?;
    Ok(Kind::Distance {
        measurements,
        reference: Stepped::new(reference),
        max,
        min,
    })
}

fn declared(
    fields: &Fields<'_>,
    key: &str,
    names: &Names,
) -> Result<(usize, AttributeType), RuleSetError> {
    let name = fields.required_text(key)?;
    let known = || names.attributes.iter().map(|known| known.name.as_str());
    let place = known().position(|known| known == name).ok_or_else(|| {
        let hint = choices(name, known());
        let what = format!("no attribute {} in playerAttributes; {hint}", shown(name));
        wrong(fields.at(key), what)
    })?;
    Ok((place, names.attributes[place].kind))
}

fn batch_distance(fields: &Fields<'_>, names: &Names) -> Result<Kind, RuleSetError> {
    let (attribute, kind) = declared(fields, "batchAttribute", names)?;
    let max = fields.amount("maxDistance")?;
    match (kind, max) {
        (AttributeType::Number, Some(_)) | (AttributeType::Text, None) => {}
        (AttributeType::Number, None) => return Err(fields.missing("maxDistance")),
        (AttributeType::Text, Some(_)) => {
            let what = "texts are equal or not; leave it out";
            return Err(wrong(fields.at("maxDistance"), what));
        }
        _ => {
            let what = "must be a number or a string";
            return Err(wrong(fields.at("batchAttribute"), what));
        }
    }
    Ok(Kind::BatchDistance {
        attribute,
        max: Stepped::new(max),
    })
}

fn collection(fields: &Fields<'_>, names: &Names) -> Result<Kind, RuleSetError> {
    let measurements = measurements(fields, names)?;
    must_be(fields, &measurements, "lists of texts", |m| {
        m.kind.base == Base::Text && m.kind.depth > 0
    })?;
    let operations = [
        ("intersection", CollectionOperation::Intersection),
        ("contains", CollectionOperation::Contains),
        (
            "reference_intersection_count",
            CollectionOperation::ReferenceIntersectionCount,
        ),
    ];
    let operation = fields
        .word("operation", &operations)?
        .ok_or_else(|| fields.missing("operation"))?;
    let at = fields.at("referenceValue");
    let reference = match (operation, fields.get("referenceValue")) {
        (CollectionOperation::Intersection, None) => None,
        (CollectionOperation::Intersection, Some(_)) => {
            let what = "intersection compares players with each other; leave it out, or use \
                        reference_intersection_count";
            return Err(wrong(at, what));
        }
        (_, None) => return Err(fields.missing("referenceValue")),
        (operation, Some(node)) => {
            let reference = collected(node, names, operation).map_err(|what| wrong(at, what))?;
            Some(Stepped::new(reference))
        }
    };
    let (min, max) = bounds(fields, "minCount", "maxCount")?;
    Ok(Kind::Collection {
        measurements,
        operation,
        reference,
        min,
        max,
    })
}

fn latency(fields: &Fields<'_>) -> Result<Kind, RuleSetError> {
    let max = fields.amount("maxLatency")?;
    let distance = fields.amount("maxDistance")?;
    let references = [
        ("min", DistanceReference::Min),
        ("avg", DistanceReference::Average),
    ];
    let reference = fields.word("distanceReference", &references)?;
    match (max, distance, reference) {
        (None, None, _) => {
            let what = "\"maxLatency\" or \"maxDistance\" is needed";
            return Err(wrong(fields.pointer.clone(), what));
        }
        (_, Some(_), None) => return Err(fields.missing("distanceReference")),
        (_, None, Some(_)) => {
            let what = "distanceReference belongs to maxDistance, which is missing";
            return Err(wrong(fields.at("distanceReference"), what));
        }
        _ => {}
    }
    Ok(Kind::Latency {
        max: Stepped::new(max),
        distance: Stepped::new(distance),
        reference: reference.unwrap_or(DistanceReference::Average),
    })
}

fn sort(fields: &Fields<'_>, names: &Names, by_distance: bool) -> Result<Sort, RuleSetError> {
    let (attribute, kind) = declared(fields, "sortAttribute", names)?;
    let directions = [("ascending", false), ("descending", true)];
    let descending = fields
        .word("sortDirection", &directions)?
        .ok_or_else(|| fields.missing("sortDirection"))?;
    let keys = [("minValue", false), ("maxValue", true)];
    let map_key = fields.word("mapKey", &keys)?;
    match kind {
        AttributeType::Map if map_key.is_none() => return Err(fields.missing("mapKey")),
        AttributeType::List => {
            let what = "a string_list has no order";
            return Err(wrong(fields.at("sortAttribute"), what));
        }
        AttributeType::Text if by_distance => {
            let what = "texts have no distance; absoluteSort prefers equal ones";
            return Err(wrong(fields.at("sortAttribute"), what));
        }
        _ => {}
    }
    Ok(Sort {
        attribute,
        descending,
        by_distance,
        highest_key: map_key.unwrap_or(true),
    })
}

/// What compound rules name counts only there; it must have an answer, and none may ask itself.
fn check_statements(rules: &mut [Rule]) -> Result<(), RuleSetError> {
    let mut inside = Vec::new();
    for (i, rule) in rules.iter().enumerate() {
        let Kind::Compound(statement) = &rule.kind else {
            continue;
        };
        let at = format!("/rules/{i}/statement");
        let mut named = Vec::new();
        statement.rules(&mut named);
        if let Some(sort) = named
            .iter()
            .find(|named| matches!(rules[**named].kind, Kind::Sort(_)))
        {
            let what = format!(
                "{} only sorts; it is neither true nor false",
                shown(&rules[*sort].name)
            );
            return Err(wrong(at, what));
        }
        if reaches(rules, statement, i, 0) {
            return Err(wrong(at, "it depends on itself"));
        }
        inside.extend(named);
    }
    for rule in inside {
        rules[rule].inside = true;
    }
    Ok(())
}

/// Whether `statement` leads to the rule `target`, or deeper than there are rules.
fn reaches(rules: &[Rule], statement: &Statement, target: usize, depth: usize) -> bool {
    let mut named = Vec::new();
    statement.rules(&mut named);
    named.sort_unstable();
    named.dedup();
    named.into_iter().any(|rule| {
        rule == target
            || match &rules[rule].kind {
                Kind::Compound(inner) => {
                    depth >= COMPOUNDS_MAX || reaches(rules, inner, target, depth + 1)
                }
                _ => false,
            }
    })
}

/// Compound rules within compound rules, at most: each takes stack frames whenever a match is judged.
const COMPOUNDS_MAX: usize = 8;

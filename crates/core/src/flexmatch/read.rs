//! From the text of a rule set to what it means.

use std::sync::Arc;

use super::locate::locate;
use super::node::{Fields, Node, choices, shown, wrong};
use super::steps::Stepped;
use super::{
    Algorithm, AttributeType, Batching, Declared, Names, RULE_SET_ATTRIBUTES_MAX,
    RULE_SET_CHARACTERS_MAX, RULE_SET_PLAYERS_MAX, RuleSet, RuleSetError, TeamSize,
};
use crate::rules::Backfill;
use crate::ticket::Attribute;

mod expansions;
mod rules;
mod values;

const KEYS: [&str; 7] = [
    "name",
    "ruleLanguageVersion",
    "playerAttributes",
    "algorithm",
    "teams",
    "rules",
    "expansions",
];

/// Keys of `FlexMatch`'s matchmaking configuration, which is not a part of the rule set, and what says it here.
const ELSEWHERE: [(&str, &str); 6] = [
    ("acceptanceRequired", "`acceptance` of the game mode"),
    ("acceptanceTimeoutSeconds", "`acceptance` of the game mode"),
    ("requestTimeoutSeconds", "`matchmaking.ticket_ttl_seconds`"),
    ("backfillMode", "`backfill` of the game mode"),
    ("additionalPlayerCount", "`max_players` of the fleet"),
    ("flexMatchMode", "nothing: it has no meaning here"),
];

/// See [`RuleSet::parse`].
pub(super) fn rule_set(text: &str) -> Result<RuleSet, RuleSetError> {
    // Bytes first: counting the characters of something huge helps nobody.
    if text.len() > 4 * RULE_SET_CHARACTERS_MAX || text.chars().count() > RULE_SET_CHARACTERS_MAX {
        let what = format!("longer than {RULE_SET_CHARACTERS_MAX} characters");
        return Err(wrong("", what));
    }
    let node: Node = serde_json::from_str(text).map_err(|error| not_json(text, &error))?;
    meaning(text, &node).map_err(|error| RuleSetError {
        location: Some(locate(text, &error.pointer)),
        ..error
    })
}

fn meaning(text: &str, node: &Node) -> Result<RuleSet, RuleSetError> {
    if let Node::Object(entries) = node {
        for (key, instead) in ELSEWHERE {
            if entries.iter().any(|(known, _)| known == key) {
                let what = format!(
                    "belongs to FlexMatch's matchmaking configuration; here {instead} says it"
                );
                return Err(wrong(format!("/{key}"), what));
            }
        }
    }
    let fields = Fields::open(node, "", &KEYS)?;
    match fields.required_text("ruleLanguageVersion")? {
        "1.0" => {}
        other => {
            let what = format!("is {}, only \"1.0\" is known", shown(other));
            return Err(wrong("/ruleLanguageVersion", what));
        }
    }
    let mut names = Names {
        attributes: attributes(&fields)?,
        teams: Vec::new(),
    };
    let mut definitions = teams(&fields, &mut names)?;
    let algorithm = algorithm(&fields, &names)?;
    let mut rules = rules::rules(&fields, &names)?;
    expansions::expand(&fields, &mut names, &mut rules, &mut definitions)?;
    Ok(RuleSet {
        source: Arc::from(text),
        name: fields.text("name")?.unwrap_or_default().into(),
        algorithm,
        names,
        rules,
    })
}

fn not_json(text: &str, error: &serde_json::Error) -> RuleSetError {
    let full = error.to_string();
    let what = full.split(" at line ").next().unwrap_or_default();
    let line = text.lines().nth(error.line().saturating_sub(1));
    let hint = if line.is_some_and(|line| line.contains("//") || line.contains("/*")) {
        "; JSON has no comments, `description` is the place for them"
    } else {
        ""
    };
    RuleSetError {
        pointer: String::new(),
        location: Some((error.line(), error.column())),
        what: format!("no JSON: {what}{hint}"),
    }
}

/// A whole number from `least` to `most`.
fn whole(
    fields: &Fields<'_>,
    key: &str,
    least: u32,
    most: u32,
) -> Result<Option<u32>, RuleSetError> {
    fields
        .number(key)?
        .map(|number| {
            as_whole(number, least, most).ok_or_else(|| {
                let what = format!("is {number}, must be a whole number from {least} to {most}");
                wrong(fields.at(key), what)
            })
        })
        .transpose()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "within the bounds of two u32"
)]
fn as_whole(number: f64, least: u32, most: u32) -> Option<u32> {
    let fits = number.fract() == 0.0 && (f64::from(least)..=f64::from(most)).contains(&number);
    fits.then_some(number as u32)
}

/// A name that expressions, targets and statements can hold.
fn name(fields: &Fields<'_>) -> Result<String, RuleSetError> {
    let name = fields.required_text("name")?;
    if name.trim().is_empty()
        || name.trim() != name
        || name.contains(['[', ']', '(', ')', ',', '*'])
    {
        let what = format!(
            "is {}; a name is not empty, has no blank at its ends, and none of [ ] ( ) , *",
            shown(name)
        );
        return Err(wrong(fields.at("name"), what));
    }
    Ok(name.into())
}

fn attributes(fields: &Fields<'_>) -> Result<Vec<Declared>, RuleSetError> {
    let items = fields.list("playerAttributes")?;
    if items.len() > RULE_SET_ATTRIBUTES_MAX {
        let what = format!(
            "{} attributes; a player has at most {RULE_SET_ATTRIBUTES_MAX}",
            items.len()
        );
        return Err(wrong("/playerAttributes", what));
    }
    let mut out: Vec<Declared> = Vec::new();
    for (i, item) in items.iter().enumerate() {
        let pointer = format!("/playerAttributes/{i}");
        let fields = Fields::open(item, pointer, &["name", "type", "default"])?;
        let name = name(&fields)?;
        if out.iter().any(|known| known.name == name) {
            return Err(wrong(fields.at("name"), format!("{name:?} is there twice")));
        }
        let kinds = [
            ("string", AttributeType::Text),
            ("number", AttributeType::Number),
            ("string_list", AttributeType::List),
            ("string_number_map", AttributeType::Map),
        ];
        let kind = fields
            .word("type", &kinds)?
            .ok_or_else(|| fields.missing("type"))?;
        let default = match fields.get("default") {
            None => None,
            Some(node) => Some(attribute(node, kind).ok_or_else(|| {
                let what = format!("must be {}, as its type says", kind.words());
                wrong(fields.at("default"), what)
            })?),
        };
        out.push(Declared {
            name,
            kind,
            default,
        });
    }
    Ok(out)
}

fn attribute(node: &Node, kind: AttributeType) -> Option<Attribute> {
    match (kind, node) {
        (AttributeType::Number, node) => node.as_number().map(Attribute::Number),
        (AttributeType::Text, node) => node.as_text().map(|text| Attribute::Text(text.into())),
        (AttributeType::List, node) => node.as_texts().map(Attribute::List),
        (AttributeType::Map, Node::Object(entries)) => entries
            .iter()
            .map(|(key, node)| Some((key.clone(), node.as_number()?)))
            .collect::<Option<_>>()
            .map(Attribute::Map),
        (AttributeType::Map, _) => None,
    }
}

/// A team as it is written, which stands for `count` teams from `first` on.
struct Definition {
    name: String,
    first: usize,
    count: usize,
}

fn teams(fields: &Fields<'_>, names: &mut Names) -> Result<Vec<Definition>, RuleSetError> {
    fields.required("teams")?;
    let mut definitions: Vec<Definition> = Vec::new();
    for (i, item) in fields.list("teams")?.iter().enumerate() {
        let known = ["name", "minPlayers", "maxPlayers", "quantity"];
        let team = Fields::open(item, format!("/teams/{i}"), &known)?;
        let name = name(&team)?;
        let size = |key, least| {
            whole(&team, key, least, RULE_SET_PLAYERS_MAX)?.ok_or_else(|| team.missing(key))
        };
        let (min, max) = (size("minPlayers", 0)?, size("maxPlayers", 1)?);
        if min > max {
            let what = format!("is {min}, must not be above maxPlayers ({max})");
            return Err(wrong(team.at("minPlayers"), what));
        }
        let quantity = whole(&team, "quantity", 1, RULE_SET_PLAYERS_MAX)?.unwrap_or(1);
        let first = names.teams.len();
        for number in 1..=quantity {
            let name = if quantity == 1 {
                name.clone()
            } else {
                format!("{name}_{number}")
            };
            if names.teams.iter().any(|team| team.name == name) {
                return Err(wrong(team.at("name"), format!("{name:?} is there twice")));
            }
            names.teams.push(TeamSize {
                name,
                min: Stepped::new(min),
                max: Stepped::new(max),
            });
        }
        definitions.push(Definition {
            name,
            first,
            count: names.teams.len() - first,
        });
    }
    if definitions.is_empty() {
        return Err(wrong("/teams", "at least one team is needed"));
    }
    Ok(definitions)
}

fn algorithm(fields: &Fields<'_>, names: &Names) -> Result<Algorithm, RuleSetError> {
    let Some(node) = fields.get("algorithm") else {
        return Ok(Algorithm::default());
    };
    let known = [
        "strategy",
        "batchingPreference",
        "sortByAttributes",
        "balancedAttribute",
        "backfillPriority",
        "expansionAgeSelection",
    ];
    let fields = Fields::open(node, "/algorithm", &known)?;
    let strategies = [("exhaustiveSearch", false), ("balanced", true)];
    let balanced = fields.word("strategy", &strategies)?.unwrap_or(false);
    let batchings = [
        ("random", Batching::Random),
        ("sorted", Batching::Sorted),
        ("balanced", Batching::Balanced),
        ("largestPopulation", Batching::LargestPopulation),
        ("fastestRegion", Batching::FastestRegion),
    ];
    let batching = fields.word("batchingPreference", &batchings)?;
    let mut sort_by = Vec::new();
    for (i, item) in fields.list("sortByAttributes")?.iter().enumerate() {
        let at = format!("/algorithm/sortByAttributes/{i}");
        let name = item
            .as_text()
            .ok_or_else(|| wrong(at.clone(), "must be the name of an attribute"))?;
        sort_by.push(declared(names, name, at)?.name.clone());
    }
    if batching == Some(Batching::Sorted) && sort_by.is_empty() {
        let what = "batchingPreference \"sorted\" needs sortByAttributes";
        return Err(wrong("/algorithm", what));
    }
    let balanced_attribute = fields.text("balancedAttribute")?;
    match balanced_attribute {
        Some(name) => {
            let at = fields.at("balancedAttribute");
            if declared(names, name, at.clone())?.kind != AttributeType::Number {
                return Err(wrong(at, format!("{name:?} is no number")));
            }
        }
        None if balanced => {
            let what = "strategy \"balanced\" needs balancedAttribute";
            return Err(wrong("/algorithm", what));
        }
        None => {}
    }
    let priorities = [
        ("low", Backfill::Low),
        ("normal", Backfill::Normal),
        ("high", Backfill::High),
    ];
    let ages = [("newest", false), ("oldest", true)];
    Ok(Algorithm {
        balanced,
        batching: batching.unwrap_or_else(|| usual_batching(balanced)),
        sort_by,
        balanced_attribute: balanced_attribute.map(Into::into),
        backfill_priority: fields
            .word("backfillPriority", &priorities)?
            .unwrap_or(Backfill::Off),
        by_oldest: fields
            .word("expansionAgeSelection", &ages)?
            .unwrap_or(false),
    })
}

/// What is meant where `batchingPreference` is left out.
const fn usual_batching(balanced: bool) -> Batching {
    if balanced {
        Batching::LargestPopulation
    } else {
        Batching::Random
    }
}

fn declared<'a>(names: &'a Names, name: &str, at: String) -> Result<&'a Declared, RuleSetError> {
    let known = || names.attributes.iter();
    known().find(|known| known.name == name).ok_or_else(|| {
        let hint = choices(name, known().map(|known| known.name.as_str()));
        wrong(at, format!("no attribute {}; {hint}", shown(name)))
    })
}

//! What is wrong is named with its place and with what would be right.

use super::*;

const SKILL: &str = r#"{"name": "skill", "type": "number"}, {"name": "maps", "type": "string_list"},
    {"name": "mode", "type": "string"}, {"name": "likes", "type": "string_number_map"}"#;

fn error_of(text: &str) -> String {
    match RuleSet::parse(text) {
        Ok(_) => panic!("should be refused:\n{text}"),
        Err(error) => error.to_string(),
    }
}

fn bad_rule(rest: &str) -> String {
    error_of(&text(
        &[("red", 1, 4), ("blue", 1, 4)],
        SKILL,
        &format!("{{\"name\": \"R\", {rest}}}"),
        "",
    ))
}

/// The rest of a rule, and what is said about it.
const RULES: &[(&str, &str)] = &[
    (
        r#""type": "distence""#,
        "/rules/0/type: no kind of rule is \"distence\"; did you mean \"distance\"?",
    ),
    ("\"x\": 1", "/rules/0: \"type\" is missing"),
    (
        r#""type": "latency", "maxLatancy": 5"#,
        "/rules/0/maxLatancy: no such key; did you mean \"maxLatency\"?",
    ),
    (
        r#""type": "latency""#,
        "/rules/0: \"maxLatency\" or \"maxDistance\" is needed",
    ),
    (
        r#""type": "latency", "maxDistance": 5"#,
        "/rules/0: \"distanceReference\" is missing",
    ),
    (
        r#""type": "latency", "maxLatency": 5, "distanceReference": "min""#,
        "/rules/0/distanceReference: distanceReference belongs to maxDistance",
    ),
    (
        r#""type": "latency", "maxLatency": -5"#,
        "/rules/0/maxLatency: is -5, must not be negative",
    ),
    (
        r#""type": "latency", "maxLatency": 5, "partyAggregation": "mean""#,
        "/rules/0/partyAggregation: \"mean\" is none of avg, min, max; ",
    ),
    (
        r#""type": "batchDistance", "batchAttribute": "skil", "maxDistance": 5"#,
        "did you mean \"skill\"?",
    ),
    (
        r#""type": "batchDistance", "batchAttribute": "skill""#,
        "/rules/0: \"maxDistance\" is missing",
    ),
    (
        r#""type": "batchDistance", "batchAttribute": "mode", "maxDistance": 5"#,
        "/rules/0/maxDistance: texts are equal or not",
    ),
    (
        r#""type": "batchDistance", "batchAttribute": "maps""#,
        "must be a number or a string",
    ),
    (
        r#""type": "comparison", "measurements": ["teams[*].players.attributes[skill]"], "operation": "<""#,
        "/rules/0/operation: \"<\" needs a referenceValue",
    ),
    (
        r#""type": "comparison", "measurements": ["teams[*].players.attributes[mode]"], "operation": "<", "referenceValue": "a""#,
        "/rules/0/operation: texts can only be = or !=",
    ),
    (
        r#""type": "comparison", "measurements": ["teams[*].players.attributes[maps]"], "operation": "=""#,
        "is a list of a list of a list of texts, must be numbers, or texts that are no string_list",
    ),
    (
        r#""type": "comparison", "measurements": ["count(teams[red].players)"], "operation": "=""#,
        "is one number, must be a list of values to compare",
    ),
    (
        r#""type": "comparison", "measurements": ["teams[*].players.attributes[skill]"], "operation": "=", "referenceValue": "teams[red].players.attributes[skill]""#,
        "/rules/0/referenceValue: teams[red].players.attributes[skill] is a list of numbers, must be one number",
    ),
    (
        r#""type": "distance", "measurements": [], "referenceValue": 1, "maxDistance": 1"#,
        "/rules/0/measurements: at least one is needed",
    ),
    (
        r#""type": "distance", "measurements": ["avg(teams[red].players.attributes[mode])"], "referenceValue": 1, "maxDistance": 1"#,
        "/rules/0/measurements/0: \"avg(teams[red].players.attributes[mode])\", character 1: avg wants a list of numbers, not a list of texts",
    ),
    (
        r#""type": "distance", "measurements": ["avg(teams[green].players.attributes[skill])"], "referenceValue": 1, "maxDistance": 1"#,
        "character 17: no team \"green\"; there are red, blue",
    ),
    (
        r#""type": "distance", "measurements": ["avg(teams[red].players.attributes[skil])"], "referenceValue": 1, "maxDistance": 1"#,
        "no attribute \"skil\" in playerAttributes; did you mean \"skill\"?",
    ),
    (
        r#""type": "distance", "measurements": ["average(teams[red].players)"], "referenceValue": 1, "maxDistance": 1"#,
        "must begin with teams[…] or a function; there are min, max, avg",
    ),
    (
        r#""type": "distance", "measurements": ["avg(teams[red].players.attributes[likes])"], "referenceValue": 1, "maxDistance": 1"#,
        "is a string_number_map; only sort rules can look at it",
    ),
    (
        r#""type": "distance", "measurements": ["count(teams[red])"], "referenceValue": 1, "maxDistance": 1"#,
        "`.players` is missing",
    ),
    (
        r#""type": "distance", "measurements": ["count(teams[red].players"], "referenceValue": 1, "maxDistance": 1"#,
        "character 25: `)` is missing",
    ),
    (
        r#""type": "distance", "measurements": ["count(teams[red].players)"], "referenceValue": 1"#,
        "/rules/0: \"minDistance\" or \"maxDistance\" is needed",
    ),
    (
        r#""type": "distance", "measurements": ["count(teams[red].players)"], "referenceValue": 1, "maxDistance": 1, "minDistance": 2"#,
        "/rules/0: cannot be met after 0 s: minDistance is 2 then, and maxDistance is 1",
    ),
    (
        r#""type": "collection", "measurements": ["flatten(teams[*].players.attributes[skill])"], "operation": "intersection", "minCount": 1"#,
        "is a list of numbers, must be lists of texts",
    ),
    (
        r#""type": "collection", "measurements": ["flatten(teams[*].players.attributes[maps])"], "operation": "intersection", "minCount": 1, "referenceValue": "a""#,
        "/rules/0/referenceValue: intersection compares players with each other",
    ),
    (
        r#""type": "collection", "measurements": ["flatten(teams[*].players.attributes[maps])"], "operation": "not_contains", "maxCount": 1"#,
        "is none of intersection, contains, reference_intersection_count",
    ),
    (
        r#""type": "collection", "measurements": ["flatten(teams[*].players.attributes[maps])"], "operation": "reference_intersection_count", "maxCount": 1, "referenceValue": "teams[*].players[playerId]""#,
        "is a list of a list of texts, must be one list of texts, as flatten() or set_intersection() make it",
    ),
    (
        r#""type": "absoluteSort", "sortDirection": "up", "sortAttribute": "skill""#,
        "/rules/0/sortDirection: \"up\" is none of ascending, descending",
    ),
    (
        r#""type": "absoluteSort", "sortDirection": "ascending", "sortAttribute": "likes""#,
        "/rules/0: \"mapKey\" is missing",
    ),
    (
        r#""type": "distanceSort", "sortDirection": "ascending", "sortAttribute": "mode""#,
        "texts have no distance",
    ),
    (
        r#""type": "compound", "statement": "and(R)""#,
        "/rules/0/statement: and takes two parts or more",
    ),
    (
        r#""type": "compound", "statement": "not(R)""#,
        "/rules/0/statement: it depends on itself",
    ),
    (
        r#""type": "compound", "statement": "or(A, R)""#,
        "no rule \"A\"; did you mean \"R\"?",
    ),
    (
        r#""type": "compound", "statement": "nand(R, R)""#,
        "did you mean \"and\"?",
    ),
    (
        r#""type": "compound", "statement": "or(R, R""#,
        "or( is not closed",
    ),
    (
        r#""type": "compound", "statement": "or(R, R) R""#,
        "nothing may follow",
    ),
];

#[test]
fn rules_that_cannot_be_understood() {
    for (rest, wanted) in RULES {
        let error = bad_rule(rest);
        assert!(error.contains(wanted), "{error}\n{wanted}");
    }
}

/// A whole text, or after `+` sections beside a good team, or after `=` the teams; and what is said about it.
const SECTIONS: &[(&str, &str)] = &[
    ("[]", "is a list, must be an object"),
    ("{}", "\"ruleLanguageVersion\" is missing"),
    ("{\n  \"teams\": [,]\n}", "line 2, column 13: no JSON"),
    (
        "{\n  // size\n  \"teams\": []}",
        "JSON has no comments, `description` is the place",
    ),
    (
        "{\"teams\": [], \"teams\": []}",
        "the key \"teams\" is there twice",
    ),
    (
        r#"{"ruleLanguageVersion": "2.0", "teams": []}"#,
        "/ruleLanguageVersion: is \"2.0\"",
    ),
    (
        "+\"acceptanceRequired\": true",
        "/acceptanceRequired: belongs to FlexMatch's matchmaking configuration",
    ),
    (
        "+\"rulez\": []",
        "/rulez: no such key; did you mean \"rules\"?",
    ),
    ("+\"rules\": 5", "/rules: is a number, must be a list"),
    (
        "+\"playerAttributes\": [{\"name\": \"x\"}]",
        "/playerAttributes/0: \"type\" is missing",
    ),
    (
        "+\"playerAttributes\": [{\"name\": \"x\", \"type\": \"number\", \"default\": \"ten\"}]",
        "/playerAttributes/0/default: must be a number",
    ),
    (
        "+\"playerAttributes\": [{\"name\": \"x\", \"type\": \"string\"}, {\"name\": \"x\", \"type\": \"string\"}]",
        "/playerAttributes/1/name: \"x\" is there twice",
    ),
    (
        "+\"algorithm\": {\"strategy\": \"balanced\"}",
        "/algorithm: strategy \"balanced\" needs balancedAttribute",
    ),
    (
        "+\"algorithm\": {\"batchingPreference\": \"sorted\"}",
        "needs sortByAttributes",
    ),
    (
        "+\"algorithm\": {\"sortByAttributes\": [\"x\"]}",
        "/algorithm/sortByAttributes/0: no attribute \"x\"; there is none",
    ),
    (
        "+\"algorithm\": {\"expansionAgeSelection\": \"eldest\"}",
        "did you mean \"oldest\"?",
    ),
    ("=[]", "/teams: at least one team"),
    (
        r#"=[{"name": "a", "minPlayers": 3, "maxPlayers": 2}]"#,
        "/teams/0/minPlayers: is 3, must not be above",
    ),
    (
        r#"=[{"name": "a", "minPlayers": 1.5, "maxPlayers": 2}]"#,
        "must be a whole number from 0 to 200",
    ),
    (
        r#"=[{"name": "a]", "minPlayers": 1, "maxPlayers": 2}]"#,
        "/teams/0/name: ",
    ),
    (
        r#"=[{"name": "a", "minPlayers": 1, "maxPlayers": 50, "quantity": 5}]"#,
        "/teams: have 250 players together, at most 200",
    ),
    (
        r#"+"expansions": [{"target": "teams[b].minPlayers", "steps": [{"waitTimeSeconds": 1, "value": 1}]}]"#,
        "/expansions/0/target: no team \"b\"; did you mean \"a\"?",
    ),
    (
        r#"+"expansions": [{"target": "teams[a].quantity", "steps": [{"waitTimeSeconds": 1, "value": 1}]}]"#,
        "\"quantity\" of a team cannot change",
    ),
    (
        r#"+"expansions": [{"target": "minPlayers", "steps": [{"waitTimeSeconds": 1, "value": 1}]}]"#,
        "must be like rules[Name].maxDistance or teams[Name].minPlayers",
    ),
    (
        r#"+"expansions": [{"target": "teams[a].minPlayers", "steps": [{"waitTimeSeconds": 5, "value": 1}, {"waitTimeSeconds": 5, "value": 0}]}]"#,
        "/expansions/0/steps/1/waitTimeSeconds: is 5, must be more than the 5 of the step before",
    ),
    (
        r#"+"expansions": [{"target": "teams[a].minPlayers", "steps": [{"waitTimeSeconds": 5, "value": 3}]}]"#,
        "/expansions: the team \"a\" would need 3 players and take 2 after 5 s",
    ),
    (
        r#"+"expansions": [{"target": "teams[a].minPlayers", "steps": []}]"#,
        "/expansions/0/steps: at least one",
    ),
    (
        r#"+"rules": [{"name": "L", "type": "latency", "maxLatency": 5}], "expansions": [{"target": "rules[L].maxDistance", "steps": [{"waitTimeSeconds": 1, "value": 1}]}]"#,
        "\"maxDistance\" of this rule is not there or cannot change",
    ),
];

#[test]
fn sections_that_cannot_be_understood() {
    let long = " ".repeat(5 * RULE_SET_CHARACTERS_MAX);
    assert!(error_of(&long).contains("longer than 65535 characters"));
    for (text, wanted) in SECTIONS {
        let text = match text.split_at(1) {
            ("+", more) => format!(
                "{{\"ruleLanguageVersion\": \"1.0\", \"teams\": [{{\"name\": \"a\", \"minPlayers\": 1, \"maxPlayers\": 2}}], {more}}}"
            ),
            ("=", teams) => format!("{{\"ruleLanguageVersion\": \"1.0\", \"teams\": {teams}}}"),
            _ => (*text).into(),
        };
        let error = error_of(&text);
        assert!(error.contains(wanted), "{error}\n{wanted}");
    }
}

#[test]
fn depth_has_a_bound() {
    let deep = format!(
        "{}teams[red].players{}",
        "count(".repeat(30),
        ")".repeat(30)
    );
    let error = bad_rule(&format!(
        "\"type\": \"distance\", \"measurements\": [\"{deep}\"], \"referenceValue\": 1, \"maxDistance\": 1"
    ));
    assert!(error.contains("more than 16 functions"), "{error}");
    let deep = format!("{}R{}", "not(".repeat(30), ")".repeat(30));
    let error = bad_rule(&format!(
        "\"type\": \"compound\", \"statement\": \"{deep}\""
    ));
    assert!(error.contains("more than 16 levels"), "{error}");
    assert!(error_of(&"[".repeat(60_000)).contains("recursion limit"));
}

#[test]
fn tickets_bring_what_the_rules_need() {
    let set = set(&[("all", 1, 4)], SKILL, "", "");
    assert_eq!(set.skill_default(), None);
    let ten = super::set(&[("all", 1, 4)], super::kinds::SKILL, "", "");
    assert_eq!(ten.skill_default(), Some(10.0));
    let full = || {
        Like::skilled(7.0)
            .list("maps", &["a"])
            .text("mode", "duel")
            .map("likes", &[("a", 1.0)])
    };
    let checked = |like: Like| {
        let ticket = Players::new().one(0, like);
        let request = NewTicket {
            id: ticket.id,
            game_mode: ticket.game_mode,
            players: ticket.players,
            region_preference: Vec::new(),
            requirements: Requirements::default(),
            idempotency: None,
            ttl_ms: 1,
        };
        set.check_ticket(&request)
            .map_err(|error| error.to_string())
    };
    assert_eq!(checked(full()), Ok(()));
    assert_eq!(checked(full().number("skill", 7.0)), Ok(()));
    let error = checked(full().number("skill", 8.0)).unwrap_err();
    assert!(
        error.contains("players[0].attributes.skill: is 8, and skill is 7"),
        "{error}"
    );
    let error = checked(full().number("mode", 8.0)).unwrap_err();
    assert!(
        error.contains("players[0].attributes.mode: must be a text"),
        "{error}"
    );
    let error = checked(Like::default()).unwrap_err();
    assert!(
        error.contains("players[0].attributes.maps: is missing; the rules need a list of texts"),
        "{error}"
    );
}

#[test]
fn mistakes_have_a_line_and_a_column() {
    let text = [
        r#"{ "ruleLanguageVersion": "1.0","#,
        r#"  "teams": [{"name": "a", "minPlayers": 1, "maxPlayers": 2},"#,
        r#"    {"name": "b", "minPlayers": 5, "maxPlayers": 4}]}"#,
    ];
    assert_eq!(
        error_of(&text.join("\n")),
        "line 3, column 33: /teams/1/minPlayers: is 5, must not be above maxPlayers (4)"
    );
    let places = [
        ("", (1, 3)),
        ("/a~1b", (1, 13)),
        ("/c", (2, 7)),
        ("/c/0", (2, 8)),
        ("/c/2/d", (3, 7)),
        ("/c/2/none", (3, 2)),
        ("/c/9", (2, 7)),
        ("/e", (4, 6)),
        ("/none", (1, 3)),
    ];
    let text = "  { \"a/b\" : \"é\\\"},[\",\n  \"c\":[1.5e3, {\"x\": [[]], \"y\": null},\n {\"d\":true}],\n \"e\":0}";
    for (pointer, place) in places {
        assert_eq!(
            super::super::locate::locate(text, pointer),
            place,
            "{pointer}"
        );
    }
}

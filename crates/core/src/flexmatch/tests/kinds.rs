//! One test per kind of rule.

use super::*;

pub(super) const SKILL: &str = r#"{"name": "skill", "type": "number", "default": 10}"#;
const BOTH: &[(&str, u32, u32)] = &[("red", 1, 4), ("blue", 1, 4)];
pub(super) const ONE: &[(&str, u32, u32)] = &[("all", 1, 8)];

pub(super) fn rule(kind: &str, rest: &str) -> String {
    format!("{{\"name\": \"R\", \"type\": \"{kind}\", {rest}}}")
}

/// Whether players with these skills, each in a ticket, are a match of one team.
fn skills(set: &RuleSet, skills: &[f64]) -> bool {
    let tickets = Players::new().all(0, skills.iter().map(|skill| Like::skilled(*skill)));
    verdict(set, &[("all", &tickets)]).is_ok()
}

#[test]
fn comparison_with_a_reference_knows_every_operation() {
    let cases: [(&str, [bool; 3]); 6] = [
        ("<", [true, false, false]),
        ("<=", [true, true, false]),
        ("=", [false, true, false]),
        ("!=", [true, false, true]),
        (">", [false, false, true]),
        (">=", [false, true, true]),
    ];
    for (operation, wanted) in cases {
        let rest = format!(
            "\"measurements\": [\"teams[*].players.attributes[skill]\"], \"referenceValue\": 24, \
             \"operation\": \"{operation}\""
        );
        let set = set(ONE, SKILL, &rule("comparison", &rest), "");
        for (skill, wanted) in [23.0, 24.0, 25.0].into_iter().zip(wanted) {
            assert_eq!(skills(&set, &[skill]), wanted, "{skill} {operation} 24");
            let candidate = Players::new().one(0, Like::skilled(skill));
            assert_eq!(joins(&set, &[], &candidate), wanted);
        }
    }
}

#[test]
fn comparison_across_players_is_of_one_team_or_of_all() {
    let clan = r#"{"name": "clan", "type": "string"}"#;
    let of = |measured: &str, operation: &str| {
        let rest = format!("\"measurements\": [\"{measured}\"], \"operation\": \"{operation}\"");
        set(BOTH, clan, &rule("comparison", &rest), "")
    };
    let team = |clans: &[&str]| {
        let clans = clans.iter().map(|clan| Like::default().text("clan", clan));
        Players::new().all(0, clans)
    };
    let holds = |set: &RuleSet, red: &[&str], blue: &[&str]| {
        verdict(set, &[("red", &team(red)), ("blue", &team(blue))]).is_ok()
    };
    let everybody = of("flatten(teams[*].players.attributes[clan])", "=");
    assert!(holds(&everybody, &["a", "a"], &["a"]));
    assert!(!holds(&everybody, &["a", "a"], &["b"]));
    let each_team = of("teams[*].players.attributes[clan]", "=");
    assert!(holds(&each_team, &["a", "a"], &["b", "b"]));
    assert!(!holds(&each_team, &["a", "b"], &["b", "b"]));
    let red = of("teams[red].players.attributes[clan]", "=");
    assert!(holds(&red, &["a", "a"], &["b", "c"]));
    assert!(!holds(&red, &["a", "b"], &["b", "c"]));
    let different = of("flatten(teams[red,blue].players.attributes[clan])", "!=");
    assert!(holds(&different, &["a", "b"], &["c"]));
    assert!(!holds(&different, &["a", "b"], &["a"]));
}

#[test]
fn distance_bounds_both_ways() {
    let rest = r#""measurements": ["flatten(teams[*].players.attributes[skill])"],
        "referenceValue": "min(flatten(teams[*].players.attributes[skill]))", "maxDistance": 5"#;
    let near = set(ONE, SKILL, &rule("distance", rest), "");
    assert!(skills(&near, &[10.0, 12.0, 15.0]));
    assert!(!skills(&near, &[10.0, 12.0, 15.5]));
    let rest = r#""measurements": ["max(flatten(teams[*].players.attributes[skill]))"],
        "referenceValue": "min(flatten(teams[*].players.attributes[skill]))", "minDistance": 5"#;
    let far = set(ONE, SKILL, &rule("distance", rest), "");
    assert!(!skills(&far, &[10.0, 14.0]));
    assert!(skills(&far, &[10.0, 15.0]));
    let rest = r#""measurements": ["teams[*].players.attributes[skill]"], "referenceValue": 30,
        "maxDistance": 5"#;
    let fixed = set(ONE, SKILL, &rule("distance", rest), "");
    assert!(skills(&fixed, &[25.0, 35.0]));
    assert!(!skills(&fixed, &[25.0, 36.0]));
    let candidate = Players::new().one(0, Like::skilled(36.0));
    assert!(!joins(&fixed, &[], &candidate));
}

#[test]
fn batch_distance_bounds_numbers_and_equals_texts() {
    let rest = r#""batchAttribute": "skill", "maxDistance": "500""#;
    let near = set(ONE, SKILL, &rule("batchDistance", rest), "");
    assert!(skills(&near, &[1_000.0, 1_500.0]));
    assert!(!skills(&near, &[1_000.0, 1_501.0]));
    let mut players = Players::new();
    let members = players.all(0, [Like::skilled(1_000.0)]);
    assert!(joins(
        &near,
        &members,
        &players.one(0, Like::skilled(500.0))
    ));
    assert!(!joins(
        &near,
        &members,
        &players.one(0, Like::skilled(499.0))
    ));

    let attributes = r#"{"name": "mode", "type": "string", "default": "coop"}"#;
    let rest = r#""batchAttribute": "mode""#;
    let same = set(ONE, attributes, &rule("batchDistance", rest), "");
    let tickets = players.all(0, [Like::default(), Like::default().text("mode", "coop")]);
    assert_eq!(verdict(&same, &[("all", &tickets)]), Ok(()));
    let other = players.one(0, Like::default().text("mode", "duel"));
    assert!(!joins(&same, &tickets, &other));
}

pub(super) const CHARACTERS: &str =
    r#"{"name": "character", "type": "string_list", "default": ["peasant"]}"#;

/// Whether players with these lists, each in a ticket, are a match of one team.
fn lists(set: &RuleSet, name: &str, lists: &[&[&str]]) -> bool {
    let players = lists.iter().map(|list| Like::default().list(name, list));
    let tickets = Players::new().all(0, players);
    verdict(set, &[("all", &tickets)]).is_ok()
}

#[test]
fn collection_contains_counts_in_all_or_in_each_team() {
    let of = |measured: &str, bounds: &str| {
        let rest = format!(
            "\"measurements\": [\"{measured}\"], \"operation\": \"contains\", \
             \"referenceValue\": \"medic\", {bounds}"
        );
        set(BOTH, CHARACTERS, &rule("collection", &rest), "")
    };
    let medics = |count: usize, others: usize| {
        let medic = Like::default().list("character", &["medic"]);
        let others = std::iter::repeat_n(Like::default(), others);
        Players::new().all(0, std::iter::repeat_n(medic, count).chain(others))
    };
    let holds = |set: &RuleSet, red: usize, blue: usize| {
        let (red, blue) = (medics(red, 1), medics(blue, 1));
        verdict(set, &[("red", &red), ("blue", &blue)]).is_ok()
    };
    let all = of(
        "flatten(teams[*].players.attributes[character])",
        "\"maxCount\": 3",
    );
    assert!(holds(&all, 3, 0) && holds(&all, 1, 2) && !holds(&all, 2, 2));
    let each = of("teams[*].players.attributes[character]", "\"minCount\": 1");
    assert!(holds(&each, 1, 2) && !holds(&each, 3, 0));
    let members = medics(3, 0);
    let mut players = Players::new();
    let medic = players.one(0, Like::default().list("character", &["medic"]));
    assert!(!joins(&all, &members, &medic) && joins(&each, &members, &medic));
    assert!(joins(&all, &members, &players.one(0, Like::default())));
}

#[test]
fn collection_intersection_counts_what_all_share() {
    let attributes = r#"{"name": "maps", "type": "string_list"}"#;
    let rest = r#""measurements": ["flatten(teams[*].players.attributes[maps])"],
        "operation": "intersection", "minCount": 2"#;
    let set = set(ONE, attributes, &rule("collection", rest), "");
    assert!(lists(
        &set,
        "maps",
        &[&["a", "b", "c"], &["c", "b"], &["b", "d", "c"]]
    ));
    assert!(!lists(
        &set,
        "maps",
        &[&["a", "b", "c"], &["c", "b"], &["a", "b"]]
    ));
    let mut players = Players::new();
    let members = players.all(0, [Like::default().list("maps", &["a", "b"])]);
    let with =
        |players: &mut Players, maps: &[&str]| players.one(0, Like::default().list("maps", maps));
    assert!(joins(&set, &members, &with(&mut players, &["b", "a", "c"])));
    assert!(!joins(&set, &members, &with(&mut players, &["b", "c"])));
}

#[test]
fn collection_reference_count_is_of_each_list() {
    let attributes = r#"{"name": "modes", "type": "string_list"}"#;
    let rest = r#""measurements": ["flatten(teams[*].players.attributes[modes])"],
        "operation": "reference_intersection_count", "referenceValue": ["coop", "duel"],
        "minCount": 1, "maxCount": 1"#;
    let set = set(ONE, attributes, &rule("collection", rest), "");
    assert!(lists(&set, "modes", &[&["coop"], &["duel", "race"]]));
    assert!(!lists(&set, "modes", &[&["coop"], &["race"]]));
    assert!(!lists(&set, "modes", &[&["coop", "duel"]]));
    let candidate = Players::new().one(0, Like::default().list("modes", &["race"]));
    assert!(!joins(&set, &[], &candidate));
}

#[test]
fn latency_needs_one_region_for_all() {
    let set = set(ONE, "", &rule("latency", "\"maxLatency\": 50"), "");
    let mut players = Players::new();
    let near = players.all(
        0,
        [
            Like::default().at("eu", 50).at("us", 20),
            Like::default().at("eu", 40).at("us", 90),
        ],
    );
    assert_eq!(verdict(&set, &[("all", &near)]), Ok(()));
    let apart = players.one(0, Like::default().at("eu", 51).at("us", 10));
    assert!(!joins(&set, &near, &apart));
    let unmeasured = players.one(0, Like::default());
    assert!(!joins(&set, &[], &unmeasured));
    assert_eq!(verdict(&set, &[("all", &[unmeasured])]), Err("R"));

    let tickets: Vec<&Ticket> = near.iter().collect();
    let team = [Team {
        name: "all",
        tickets: &tickets,
    }];
    let judged_in = |region: &str| {
        let region = Region::new(region).unwrap();
        set.judge_in(&team, Some(&region), NOW).is_ok()
    };
    assert!(judged_in("eu") && !judged_in("us"));
}

#[test]
fn latency_distance_is_from_the_lowest_or_the_mean() {
    let of = |reference: &str| {
        let rest = format!("\"maxDistance\": 20, \"distanceReference\": \"{reference}\"");
        set(ONE, "", &rule("latency", &rest), "")
    };
    let holds = |set: &RuleSet, latencies: [u32; 3]| {
        let players = latencies.map(|latency_ms| Like::default().at("eu", latency_ms));
        verdict(set, &[("all", &Players::new().all(0, players))]).is_ok()
    };
    assert!(holds(&of("min"), [30, 40, 50]) && !holds(&of("min"), [30, 40, 51]));
    assert!(holds(&of("avg"), [30, 50, 70]) && !holds(&of("avg"), [30, 50, 73]));
}

#[test]
fn absolute_sort_prefers_the_oldest_tickets_favourite() {
    let attributes = r#"{"name": "maps", "type": "string_number_map", "default": {"moon": 100}},
        {"name": "mode", "type": "string"}"#;
    let rest = r#""sortDirection": "descending", "sortAttribute": "maps", "mapKey": "maxValue""#;
    let by_map = set(ONE, attributes, &rule("absoluteSort", rest), "");
    let mut players = Players::new();
    let anchor = players.one(
        9,
        Like::default().map("maps", &[("dust", 90.0), ("moon", 5.0)]),
    );
    let likes = players.one(0, Like::default().map("maps", &[("dust", 40.0)]));
    let loves = players.one(0, Like::default().map("maps", &[("dust", 80.0)]));
    let other = players.one(0, Like::default());
    assert_eq!(by_map.order(&anchor, &loves, &likes), Ordering::Less);
    assert_eq!(by_map.order(&anchor, &other, &likes), Ordering::Greater);
    assert!(by_map.sorts());

    let rest = r#""sortDirection": "ascending", "sortAttribute": "mode""#;
    let by_mode = set(ONE, attributes, &rule("absoluteSort", rest), "");
    let with = |players: &mut Players, mode| players.one(0, Like::default().text("mode", mode));
    let anchor = with(&mut players, "duel");
    let (same, other) = (with(&mut players, "duel"), with(&mut players, "coop"));
    assert_eq!(by_mode.order(&anchor, &same, &other), Ordering::Less);
    assert_eq!(by_mode.order(&anchor, &other, &other), Ordering::Equal);
}

#[test]
fn distance_sort_prefers_the_nearest() {
    let rest = r#""sortDirection": "ascending", "sortAttribute": "skill""#;
    let set = set(ONE, SKILL, &rule("distanceSort", rest), "");
    let mut players = Players::new();
    let mut with = |skill| players.one(0, Like::skilled(skill));
    let (anchor, near, far) = (with(50.0), with(45.0), with(60.0));
    assert_eq!(set.order(&anchor, &near, &far), Ordering::Less);
    assert_eq!(set.order(&anchor, &far, &near), Ordering::Greater);
}

#[test]
fn compound_rules_join_others_which_then_count_only_there() {
    let parts = r#"{"name": "Low", "type": "comparison", "operation": "<", "referenceValue": 20,
            "measurements": ["teams[*].players.attributes[skill]"]},
        {"name": "High", "type": "comparison", "operation": ">", "referenceValue": 30,
            "measurements": ["teams[*].players.attributes[skill]"]}"#;
    let of = |statement: &str| {
        let compound = rule("compound", &format!("\"statement\": \"{statement}\""));
        set(ONE, SKILL, &format!("{parts}, {compound}"), "")
    };
    let answers = |statement: &str| {
        let set = of(statement);
        [10.0, 25.0, 40.0].map(|skill| skills(&set, &[skill]))
    };
    assert_eq!(answers("or(Low, High)"), [true, false, true]);
    assert_eq!(answers("and(Low, High)"), [false, false, false]);
    // High counts for itself as long as no compound rule names it.
    assert_eq!(answers("not(Low)"), [false, false, true]);
    assert_eq!(answers("xor(Low, High)"), [true, false, true]);
    assert_eq!(answers("and(not(Low), not(High))"), [false, true, false]);
    // Two players for whom each part fails.
    assert!(!skills(&of("or(Low, High)"), &[10.0, 40.0]));
    let middle = Players::new().one(0, Like::skilled(25.0));
    assert!(!joins(&of("or(Low, High)"), &[], &middle));
    assert!(joins(&of("not(or(Low, High))"), &[], &middle));
}

#[test]
fn what_cannot_be_computed_breaks_the_rule_and_its_opposite() {
    let part = r#"{"name": "Low", "type": "comparison", "operation": "<", "referenceValue": 20,
        "measurements": ["teams[*].players.attributes[rank]"]}"#;
    let attributes = r#"{"name": "rank", "type": "number"}"#;
    for statement in ["not(Low)", "and(Low, Low)", "xor(Low, Low)"] {
        let compound = rule("compound", &format!("\"statement\": \"{statement}\""));
        let set = set(ONE, attributes, &format!("{part}, {compound}"), "");
        assert!(!skills(&set, &[10.0]), "{statement}");
    }
    let rest = r#""measurements": ["avg(teams[*].players.attributes[skill])"], "referenceValue": 0,
        "operation": ">=""#;
    let teams = &[("red", 1, 4), ("blue", 0, 4)];
    let means = set(teams, SKILL, &rule("comparison", rest), "");
    let red = Players::new().all(0, [Like::skilled(1.0)]);
    assert_eq!(verdict(&means, &[("red", &red)]), Err("R"));
}

#[test]
fn every_function_reduces_each_list() {
    let cases = [
        ("min(flatten(teams[*].players.attributes[skill]))", 10.0),
        ("max(flatten(teams[*].players.attributes[skill]))", 40.0),
        ("avg(flatten(teams[*].players.attributes[skill]))", 25.0),
        ("median(flatten(teams[*].players.attributes[skill]))", 25.0),
        ("median(teams[red].players.attributes[skill])", 20.0),
        ("sum(flatten(teams[*].players.attributes[skill]))", 100.0),
        ("count(flatten(teams[*].players))", 4.0),
        ("count(teams[blue].players)", 1.0),
        (
            "stddev(teams[red].players.attributes[skill])",
            66.666_666_67_f64.sqrt(),
        ),
        ("max(avg(teams[*].players.attributes[skill]))", 40.0),
        ("min(count(teams[blue,red].players))", 1.0),
        ("count(team[red].players[playerid])", 3.0),
        ("count(set_intersection(teams[*].players[playerId]))", 0.0),
        ("avg(count(teams[*].players.attributes[skill]))", 2.0),
    ];
    for (expression, wanted) in cases {
        let rest = format!(
            "\"measurements\": [\"{expression}\"], \"referenceValue\": {wanted}, \"maxDistance\": 0.001"
        );
        let set = set(BOTH, SKILL, &rule("distance", &rest), "");
        let mut players = Players::new();
        let red = players.all(0, [10.0, 20.0, 30.0].map(Like::skilled));
        let blue = players.all(0, [Like::skilled(40.0)]);
        assert_eq!(
            verdict(&set, &[("red", &red), ("blue", &blue)]),
            Ok(()),
            "{expression}"
        );
    }
}

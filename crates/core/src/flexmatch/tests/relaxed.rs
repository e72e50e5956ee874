//! Parties and expansions: whose value counts, and from when on.

use super::kinds::{CHARACTERS, ONE, SKILL, rule};
use super::*;

#[test]
fn a_party_counts_with_its_mean_lowest_or_highest() {
    for (party, wanted) in [("", 20.0), ("avg", 20.0), ("min", 10.0), ("max", 30.0)] {
        let party = match party {
            "" => String::new(),
            word => format!(", \"partyAggregation\": \"{word}\""),
        };
        let mut players = Players::new();
        let tickets = [players.party(0, &[Like::skilled(10.0), Like::skilled(30.0)])];
        let near = |measured: &str, wanted: f64| {
            let rest = format!(
                "\"measurements\": [\"{measured}\"], \"referenceValue\": {wanted}, \"maxDistance\": 0{party}"
            );
            let set = set(ONE, SKILL, &rule("distance", &rest), "");
            verdict(&set, &[("all", &tickets)]).is_ok()
        };
        let each = "teams[all].players.attributes[skill]";
        assert!(near(each, wanted), "{party}");
        // It counts for each of its players.
        assert!(near(&format!("sum({each})"), 2.0 * wanted));

        let rest = format!("\"batchAttribute\": \"skill\", \"maxDistance\": 0{party}");
        let batch = set(ONE, SKILL, &rule("batchDistance", &rest), "");
        let both = [tickets[0].clone(), players.one(0, Like::skilled(wanted))];
        assert_eq!(verdict(&batch, &[("all", &both)]), Ok(()), "{party}");

        let latency = set(
            ONE,
            "",
            &rule("latency", &format!("\"maxLatency\": {wanted}{party}")),
            "",
        );
        let likes = [10, 30].map(|latency_ms| Like::default().at("eu", latency_ms));
        let tickets = [players.party(0, &likes)];
        assert_eq!(verdict(&latency, &[("all", &tickets)]), Ok(()), "{party}");
    }
}

#[test]
fn a_party_counts_with_all_its_texts_or_the_common_ones() {
    let count = |party: &str, bounds: &str| {
        let rest = format!(
            "\"measurements\": [\"flatten(teams[*].players.attributes[character])\"], \
             \"operation\": \"contains\", \"referenceValue\": \"medic\", {bounds}{party}"
        );
        let set = set(ONE, CHARACTERS, &rule("collection", &rest), "");
        let likes = [&["medic", "scout"][..], &["medic"], &["scout"]]
            .map(|list| Like::default().list("character", list));
        let mut players = Players::new();
        let tickets = [players.party(0, &likes[..2]), players.party(0, &likes[1..])];
        verdict(&set, &[("all", &tickets)]).is_ok()
    };
    let exactly = |n| format!("\"minCount\": {n}, \"maxCount\": {n}");
    assert!(count("", &exactly(3)));
    assert!(count(", \"partyAggregation\": \"union\"", &exactly(3)));
    assert!(count(
        ", \"partyAggregation\": \"intersection\"",
        &exactly(1)
    ));
}

#[test]
fn a_comparison_across_players_looks_into_parties() {
    let rest =
        r#""measurements": ["flatten(teams[*].players.attributes[skill])"], "operation": "=""#;
    let each = set(ONE, SKILL, &rule("comparison", rest), "");
    let rest = format!("{rest}, \"partyAggregation\": \"avg\"");
    let means = set(ONE, SKILL, &rule("comparison", &rest), "");
    let mut players = Players::new();
    let tickets = [
        players.party(0, &[Like::skilled(10.0), Like::skilled(30.0)]),
        players.one(0, Like::skilled(20.0)),
    ];
    assert_eq!(verdict(&each, &[("all", &tickets)]), Err("R"));
    assert_eq!(verdict(&means, &[("all", &tickets)]), Ok(()));
}

#[test]
fn a_rule_relaxes_with_the_newest_ticket_or_the_oldest() {
    let rest = r#""batchAttribute": "skill", "maxDistance": 5"#;
    let steps = r#", "expansions": [{"target": "rules[R].maxDistance", "steps": [
        {"waitTimeSeconds": 15, "value": 10}, {"waitTimeSeconds": 25, "value": 20}]}]"#;
    let oldest = format!("{steps}, \"algorithm\": {{\"expansionAgeSelection\": \"oldest\"}}");
    let newest = set(ONE, SKILL, &rule("batchDistance", rest), steps);
    let oldest = set(ONE, SKILL, &rule("batchDistance", rest), &oldest);
    // (waited by one, waited by the other, apart) and whether each set takes them.
    let cases = [
        (0, 0, 5.0, true, true),
        (14, 99, 6.0, false, true),
        (15, 99, 10.0, true, true),
        (24, 24, 11.0, false, false),
        (15, 25, 11.0, false, true),
        (25, 99, 20.0, true, true),
        (99, 99, 21.0, false, false),
    ];
    for (one, other, apart, by_newest, by_oldest) in cases {
        let mut players = Players::new();
        let tickets = [
            players.one(one, Like::skilled(100.0)),
            players.one(other, Like::skilled(100.0 + apart)),
        ];
        let verdicts = [&newest, &oldest].map(|set| verdict(set, &[("all", &tickets)]).is_ok());
        assert_eq!(verdicts, [by_newest, by_oldest], "{one} {other} {apart}");
        assert_eq!(joins(&newest, &tickets[..1], &tickets[1]), by_newest);
        // Someone older may come.
        assert_eq!(joins(&oldest, &tickets[..1], &tickets[1]), apart <= 20.0);
    }
}

/// A rule of two players that fails, what relaxes in it, and to what so that it holds.
const RELAXED: &[(&str, &str, &str, &str)] = &[
    (
        "distance",
        "\"measurements\": [\"teams[*].players.attributes[skill]\"], \"referenceValue\": 10, \"maxDistance\": 5",
        "maxDistance",
        "20",
    ),
    (
        "distance",
        "\"measurements\": [\"teams[*].players.attributes[skill]\"], \"referenceValue\": 0, \"minDistance\": 15",
        "minDistance",
        "10",
    ),
    (
        "distance",
        "\"measurements\": [\"teams[*].players.attributes[skill]\"], \"referenceValue\": 10, \"maxDistance\": 10",
        "referenceValue",
        "20",
    ),
    (
        "comparison",
        "\"measurements\": [\"teams[*].players.attributes[skill]\"], \"referenceValue\": 20, \"operation\": \">\"",
        "referenceValue",
        "5",
    ),
    (
        "comparison",
        "\"measurements\": [\"teams[*].players.attributes[skill]\"], \"referenceValue\": 20, \"operation\": \">\"",
        "referenceValue",
        "\"min(count(teams[*].players))\"",
    ),
    (
        "collection",
        "\"measurements\": [\"flatten(teams[*].players.attributes[character])\"], \"operation\": \"contains\", \"referenceValue\": \"medic\", \"minCount\": 1",
        "minCount",
        "0",
    ),
    (
        "collection",
        "\"measurements\": [\"flatten(teams[*].players.attributes[character])\"], \"operation\": \"contains\", \"referenceValue\": \"peasant\", \"maxCount\": 1",
        "maxCount",
        "2",
    ),
    (
        "collection",
        "\"measurements\": [\"flatten(teams[*].players.attributes[character])\"], \"operation\": \"contains\", \"referenceValue\": \"medic\", \"minCount\": 1",
        "referenceValue",
        "\"peasant\"",
    ),
    (
        "collection",
        "\"measurements\": [\"flatten(teams[*].players.attributes[character])\"], \"operation\": \"reference_intersection_count\", \"referenceValue\": [\"medic\"], \"minCount\": 1",
        "referenceValue",
        "[\"medic\", \"peasant\"]",
    ),
    ("latency", "\"maxLatency\": 50", "maxLatency", "100"),
    (
        "latency",
        "\"maxDistance\": 20, \"distanceReference\": \"min\"",
        "maxDistance",
        "30",
    ),
    (
        "batchDistance",
        "\"batchAttribute\": \"skill\", \"maxDistance\": 5",
        "maxDistance",
        "20",
    ),
];

#[test]
fn everything_that_can_relax_does() {
    let attributes = format!("{SKILL}, {CHARACTERS}");
    let mut players = Players::new();
    let mut holds = |rules: &str, target: &str, value: &str, waited_s| {
        let expansion = format!(
            ", \"expansions\": [{{\"target\": \"{target}\", \"steps\": \
             [{{\"waitTimeSeconds\": 10, \"value\": {value}}}]}}]"
        );
        let set = set(&[("all", 2, 2)], &attributes, rules, &expansion);
        let like = |skill, latency_ms| Like::skilled(skill).at("eu", latency_ms);
        let tickets = players.all(waited_s, [like(10.0, 60), like(30.0, 30)]);
        verdict(&set, &[("all", &tickets)]).is_ok()
    };
    for (kind, rest, property, value) in RELAXED {
        let rules = rule(kind, rest);
        let target = format!("rules[R].{property}");
        assert!(!holds(&rules, &target, value, 9), "{rules} {target}");
        assert!(holds(&rules, &target, value, 10), "{rules} {target}");
    }
    assert!(holds("", "teams[all].minPlayers", "1", 0));
    assert!(
        !holds("", "teams[all].maxPlayers", "3", 0) || holds("", "teams[all].maxPlayers", "3", 10)
    );
}

#[test]
fn teams_keep_their_sizes_and_only_known_ones_count() {
    let expansion = r#", "expansions": [{"target": "teams[red].minPlayers", "steps":
        [{"waitTimeSeconds": 10, "value": 0}]}]"#;
    let set = set(&[("red", 1, 2), ("blue", 1, 2)], "", "", expansion);
    let mut players = Players::new();
    let mut of = |waited_s, count| players.all(waited_s, vec![Like::default(); count]);
    let (one, two, three) = (of(0, 1), of(0, 2), of(0, 3));
    assert_eq!(verdict(&set, &[("red", &two), ("blue", &one)]), Ok(()));
    assert_eq!(
        verdict(&set, &[("red", &one), ("blue", &three)]),
        Err("blue")
    );
    assert_eq!(verdict(&set, &[("blue", &one)]), Err("red"));
    assert_eq!(verdict(&set, &[("blue", &of(10, 1))]), Ok(()));
    assert_eq!(verdict(&set, &[("green", &one)]), Err("red"));
    let twice: &[(&str, &[Ticket])] = &[("red", &one), ("blue", &one), ("blue", &three)];
    assert_eq!(verdict(&set, twice), Err("red"));
    assert!(!joins(&set, &of(0, 4), &one[0]), "there are four seats");
    let party = players.party(0, &vec![Like::default(); 3]);
    assert!(!joins(&set, &[], &party), "no team has three seats");
}

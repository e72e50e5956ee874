//! What of the rule sets the engine is told.

use super::*;
use crate::mode::GameMode;
use crate::rules::{Aggregate, Backfill, LatencyStep, SizeStep, SkillStep};

fn mode(text: &str) -> GameMode {
    let set = parse(text);
    let mode = set.mode(GameModeName::new("mode").unwrap());
    assert_eq!(mode.check(), Ok(()), "{text}");
    assert_eq!(mode.rules.rule_set.as_deref(), Some(&set));
    mode
}

fn example(place: usize) -> GameMode {
    mode(examples::ALL[place])
}

#[test]
fn equal_teams_are_counted_and_different_ones_named() {
    let even = example(0);
    assert_eq!(
        (even.teams, even.players_target, even.players_min),
        (2, 16, 8)
    );
    assert!(even.rules.teams.is_empty());
    assert_eq!(even.rules.team_gap_max, Some(200.0));
    let monster = example(1);
    assert_eq!(
        (monster.teams, monster.players_target, monster.players_min),
        (2, 6, 6)
    );
    let sizes = [(30_000, 5), (60_000, 4)].map(|(after_ms, players_min)| SizeStep {
        after_ms,
        players_min,
    });
    assert_eq!(monster.rules.sizes, sizes);
    let teams: Vec<_> = monster
        .rules
        .teams
        .iter()
        .map(|team| (team.name.as_str(), team.players_min, team.players_max))
        .collect();
    assert_eq!(teams, [("players", 3, 5), ("monster", 1, 1)]);
    assert_eq!(monster.party_players_max(), 5);
    let hunters = example(7);
    assert_eq!(
        (hunters.teams, hunters.players_target, hunters.players_min),
        (11, 155, 125)
    );
    assert_eq!(hunters.rules.sizes.len(), 2);
}

#[test]
fn latency_and_its_steps_are_the_limits() {
    let three = example(2);
    assert_eq!(three.latency_max_ms, 50);
    let steps =
        [(10_000, 100), (20_000, 150)].map(|(after_ms, max_ms)| LatencyStep { after_ms, max_ms });
    assert_eq!(three.rules.latency, steps);
    assert_eq!(three.latency_last_ms(), 150);
    assert_eq!(example(0).latency_max_ms, crate::limits::LATENCY_MAX_MS);
}

#[test]
fn skill_and_its_steps_are_the_window() {
    let similar = example(8);
    assert!((similar.skill.initial - 10.0).abs() < f64::EPSILON);
    let steps = [(10_000, 20.0), (20_000, 40.0)].map(|(after_ms, spread_max)| SkillStep {
        after_ms,
        spread_max,
    });
    assert_eq!(similar.rules.skill_steps, steps);
    assert_eq!(similar.rules.party_skill, Aggregate::Mean);
    assert_eq!(similar.rules.same, ["map", "mode"]);
    // Within a compound rule nothing is sure.
    let either = example(9);
    assert!(either.rules.skill_steps.is_empty() && either.rules.same.is_empty());
    assert!(either.skill.initial > 1e6);

    let skill = r#"{"name": "skill", "type": "number"}"#;
    let spread = |rule: &str, more: &str| {
        let mode = mode(&text(
            &[("a", 1, 4)],
            skill,
            &format!("{{\"name\": \"R\", {rule}}}"),
            more,
        ));
        (
            mode.skill.max,
            mode.rules.skill_steps.len(),
            mode.rules.party_skill,
        )
    };
    let from = |reference: &str| {
        let rule = format!(
            "\"type\": \"distance\", \"maxDistance\": 7, \"measurements\": [\"flatten(teams[*].players.attributes[skill])\"], \
             \"referenceValue\": \"{reference}(flatten(teams[*].players.attributes[skill]))\""
        );
        spread(&rule, "").0
    };
    assert!((from("avg") - 14.0).abs() < f64::EPSILON && (from("min") - 7.0).abs() < f64::EPSILON);
    let batch = r#""type": "batchDistance", "batchAttribute": "skill", "maxDistance": 7, "partyAggregation": "max""#;
    assert_eq!(spread(batch, ""), (7.0, 0, Aggregate::Max));
    let steps = r#", "expansions": [{"target": "rules[R].maxDistance", "steps": [
        {"waitTimeSeconds": 1, "value": 9}, {"waitTimeSeconds": 2, "value": 5}]}]"#;
    assert_eq!(spread(batch, steps), (7.0, 1, Aggregate::Max));
    // A ticket's own waiting says nothing where the oldest decides.
    let oldest = format!("{steps}, \"algorithm\": {{\"expansionAgeSelection\": \"oldest\"}}");
    assert_eq!(spread(batch, &oldest), (9.0, 0, Aggregate::Max));
}

#[test]
fn what_has_a_default_is_not_compared_by_the_engine() {
    assert!(example(5).rules.same.is_empty());
    assert_eq!(
        mode(examples::BLOCKED).rules.avoid.as_deref(),
        Some("BlockList")
    );
    assert_eq!(example(0).rules.backfill, Backfill::Off);
    let low = r#", "algorithm": {"backfillPriority": "low"}"#;
    assert_eq!(
        mode(&text(&[("a", 1, 2)], "", "", low)).rules.backfill,
        Backfill::Low
    );
}

#[test]
fn a_team_that_may_be_empty_leaves_a_match_of_one() {
    let mode = mode(&text(&[("a", 0, 2), ("b", 0, 2)], "", "", ""));
    assert_eq!((mode.players_min, mode.players_target), (1, 4));
}

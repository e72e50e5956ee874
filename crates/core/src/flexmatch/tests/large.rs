//! The examples of large matches, and those that are read as such.

use super::*;

pub(super) const LARGE: &str = r#"{
  "name": "large", "ruleLanguageVersion": "1.0",
  "playerAttributes": [{"name": "skill", "type": "number"}],
  "algorithm": {"balancedAttribute": "skill", "strategy": "balanced",
    "batchingPreference": "largestPopulation"},
  "teams": [{"name": "Marauders", "minPlayers": 175, "maxPlayers": 200}],
  "rules": [{"name": "low-latency", "type": "latency", "maxLatency": 150}],
  "expansions": [
    {"target": "rules[low-latency].maxLatency", "steps": [{"waitTimeSeconds": 12, "value": 200}]},
    {"target": "teams[Marauders].minPlayers", "steps": [
      {"waitTimeSeconds": 10, "value": 150}, {"waitTimeSeconds": 15, "value": 100}]}]
}"#;

#[test]
fn a_large_match_shrinks_before_it_lags() {
    let set = parse(LARGE);
    assert!(set.algorithm().balanced);
    assert_eq!(set.algorithm().batching, Batching::LargestPopulation);
    let cases = [
        (0, 175, 150, Ok(())),
        (0, 174, 150, Err("Marauders")),
        (10, 150, 150, Ok(())),
        (10, 150, 151, Err("low-latency")),
        (12, 150, 200, Ok(())),
        (14, 149, 200, Err("Marauders")),
        (15, 100, 200, Ok(())),
        (15, 201, 200, Err("Marauders")),
    ];
    for (waited_s, count, latency_ms, wanted) in cases {
        let like = Like::skilled(5.0).at("eu", latency_ms);
        let tickets = Players::new().all(waited_s, vec![like; count]);
        let team: Vec<&Ticket> = tickets.iter().collect();
        let team = [Team {
            name: "Marauders",
            tickets: &team,
        }];
        let verdict = set.judge(&team, NOW);
        let verdict = verdict.map_err(|broken| set.names().nth(broken.rule).unwrap());
        assert_eq!(
            verdict, wanted,
            "{waited_s} s, {count} players, {latency_ms} ms"
        );
    }
}

pub(super) const HUNTERS: &str = r#"{
  "name": "hunters", "ruleLanguageVersion": "1.0",
  "playerAttributes": [{"name": "monster-kills", "type": "number", "default": 5}],
  "algorithm": {"balancedAttribute": "monster-kills", "strategy": "balanced",
    "batchingPreference": "fastestRegion"},
  "teams": [{"name": "Monsters", "minPlayers": 5, "maxPlayers": 5},
            {"name": "Hunters", "minPlayers": 12, "maxPlayers": 15, "quantity": 10}],
  "rules": [{"name": "latency-catchall", "type": "latency", "maxLatency": 150}],
  "expansions": [{"target": "teams[Hunters].minPlayers", "steps": [
    {"waitTimeSeconds": 15, "value": 10}, {"waitTimeSeconds": 20, "value": 8}]}]
}"#;

#[test]
fn an_expansion_of_a_team_is_one_of_all_its_copies() {
    let set = parse(HUNTERS);
    assert_eq!(set.team_names().count(), 11);
    for (waited_s, hunters, good) in [
        (0, 12, true),
        (14, 11, false),
        (15, 10, true),
        (20, 8, true),
    ] {
        let mut players = Players::new();
        let like = || Like::default().at("eu", 150);
        let monsters = players.all(waited_s, vec![like(); 5]);
        let packs: Vec<Vec<Ticket>> = (0..10)
            .map(|_| players.all(waited_s, vec![like(); hunters]))
            .collect();
        let names: Vec<&str> = set.team_names().collect();
        let mut teams = vec![("Monsters", monsters.as_slice())];
        teams.extend(
            names[1..]
                .iter()
                .copied()
                .zip(packs.iter().map(Vec::as_slice)),
        );
        let all: Vec<Vec<&Ticket>> = teams.iter().map(|(_, t)| t.iter().collect()).collect();
        let teams: Vec<Team<'_>> = teams
            .iter()
            .zip(&all)
            .map(|((name, _), tickets)| Team { name, tickets })
            .collect();
        assert_eq!(
            set.judge(&teams, NOW).is_ok(),
            good,
            "{waited_s} s, {hunters}"
        );
    }
}

pub(super) const SIMILAR: &str = r#"{
  "ruleLanguageVersion": "1.0",
  "teams": [{"name": "red", "minPlayers": 10, "maxPlayers": 20},
            {"name": "blue", "minPlayers": 10, "maxPlayers": 20}],
  "algorithm": {"strategy": "balanced", "balancedAttribute": "skill",
    "batchingPreference": "fastestRegion"},
  "playerAttributes": [{"name": "league", "type": "number"}, {"name": "skill", "type": "number"},
    {"name": "map", "type": "string"}, {"name": "mode", "type": "string"}],
  "rules": [
    {"name": "SimilarLeague", "type": "batchDistance", "batchAttribute": "league", "maxDistance": 2},
    {"name": "SimilarSkill", "type": "batchDistance", "batchAttribute": "skill", "maxDistance": 10},
    {"name": "SameMap", "type": "batchDistance", "batchAttribute": "map"},
    {"name": "SameMode", "type": "batchDistance", "batchAttribute": "mode"}],
  "expansions": [{"target": "rules[SimilarSkill].maxDistance", "steps": [
    {"waitTimeSeconds": 10, "value": 20}, {"waitTimeSeconds": 20, "value": 40}]}]
}"#;

fn similar(league: f64, skill: f64, map: &str, mode: &str) -> Like {
    let like = Like::skilled(skill).number("league", league);
    like.text("map", map).text("mode", mode)
}

#[test]
fn a_large_match_of_similar_players() {
    let set = parse(SIMILAR);
    let mut players = Players::new();
    let mut holds = |waited_s, other: Like| {
        let red = players.all(waited_s, vec![similar(5.0, 100.0, "dust", "duel"); 10]);
        let blue = players.all(waited_s, vec![other; 10]);
        verdict(&set, &[("red", &red), ("blue", &blue)])
    };
    assert_eq!(holds(0, similar(7.0, 110.0, "dust", "duel")), Ok(()));
    assert_eq!(
        holds(0, similar(8.0, 110.0, "dust", "duel")),
        Err("SimilarLeague")
    );
    assert_eq!(
        holds(9, similar(7.0, 111.0, "dust", "duel")),
        Err("SimilarSkill")
    );
    assert_eq!(holds(10, similar(7.0, 120.0, "dust", "duel")), Ok(()));
    assert_eq!(holds(20, similar(7.0, 140.0, "dust", "duel")), Ok(()));
    assert_eq!(
        holds(0, similar(7.0, 110.0, "moon", "duel")),
        Err("SameMap")
    );
    assert_eq!(
        holds(0, similar(7.0, 110.0, "dust", "coop")),
        Err("SameMode")
    );
}

pub(super) const EITHER: &str = r#"{
  "ruleLanguageVersion": "1.0",
  "teams": [{"name": "red", "minPlayers": 10, "maxPlayers": 20},
            {"name": "blue", "minPlayers": 10, "maxPlayers": 20}],
  "algorithm": {"strategy": "balanced", "balancedAttribute": "skill",
    "batchingPreference": "fastestRegion"},
  "playerAttributes": [{"name": "league", "type": "number"}, {"name": "skill", "type": "number"},
    {"name": "map", "type": "string"}, {"name": "mode", "type": "string"}],
  "rules": [
    {"name": "SimilarLeagueDistance", "type": "distance", "maxDistance": 2,
     "measurements": ["max(flatten(teams[*].players.attributes[league]))"],
     "referenceValue": "min(flatten(teams[*].players.attributes[league]))"},
    {"name": "SimilarSkillDistance", "type": "distance", "maxDistance": 10,
     "measurements": ["max(flatten(teams[*].players.attributes[skill]))"],
     "referenceValue": "min(flatten(teams[*].players.attributes[skill]))"},
    {"name": "SameMapComparison", "type": "comparison", "operation": "=",
     "measurements": ["flatten(teams[*].players.attributes[map])"]},
    {"name": "SameModeComparison", "type": "comparison", "operation": "=",
     "measurements": ["flatten(teams[*].players.attributes[mode])"]},
    {"name": "CompoundRuleMatchmaker", "type": "compound", "statement":
     "or(and(SameMapComparison, SameModeComparison), and(SimilarSkillDistance, SimilarLeagueDistance))"}],
  "expansions": [{"target": "rules[SimilarSkillDistance].maxDistance", "steps": [
    {"waitTimeSeconds": 10, "value": 20}, {"waitTimeSeconds": 20, "value": 40}]}]
}"#;

#[test]
fn similar_players_or_similar_wishes() {
    let set = parse(EITHER);
    let mut players = Players::new();
    let mut holds = |waited_s, other: Like| {
        let red = players.all(waited_s, vec![similar(5.0, 100.0, "dust", "duel"); 10]);
        let blue = players.all(waited_s, vec![other; 10]);
        let possible = joins(&set, &red, &blue[0]);
        let verdict = verdict(&set, &[("red", &red), ("blue", &blue)]);
        assert_eq!(possible, verdict.is_ok());
        verdict
    };
    assert_eq!(holds(0, similar(99.0, 999.0, "dust", "duel")), Ok(()));
    assert_eq!(holds(0, similar(7.0, 110.0, "moon", "coop")), Ok(()));
    assert_eq!(
        holds(0, similar(7.0, 111.0, "moon", "duel")),
        Err("CompoundRuleMatchmaker")
    );
    assert_eq!(holds(10, similar(7.0, 120.0, "moon", "duel")), Ok(()));
    assert_eq!(
        holds(0, similar(8.0, 100.0, "dust", "coop")),
        Err("CompoundRuleMatchmaker")
    );
}

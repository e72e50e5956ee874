//! Game modes: every rule can be written, and what cannot be met is refused.

use stadion_core::rules::{Aggregate, Backfill, HardStopAction, RegionBy, Rules};

use super::*;

#[test]
fn a_mode_that_comes_with_stadion_says_only_what_is_different() {
    let settings = good(
        "game_modes: [{name: duel, skill: {initial: 50}}, {name: battle_royale, players_target: 40}]",
    );
    let [duel, royale] = settings.game_modes.as_slice() else {
        panic!("two modes")
    };
    assert_eq!(
        (duel.teams, duel.players_target, duel.players_min),
        (2, 2, 2)
    );
    assert!(
        (duel.skill.initial - 50.0).abs() < f64::EPSILON
            && (duel.skill.max - 1_000.0).abs() < f64::EPSILON
    );
    assert_eq!(
        (royale.teams, royale.players_target, royale.players_min),
        (1, 40, 40)
    );
}

/// The example in the default file, as if it were not commented out.
fn example() -> String {
    let lines: Vec<&str> = DEFAULT_YAML.lines().collect();
    let first = lines
        .iter()
        .position(|line| line.starts_with("  # - name: ranked"))
        .unwrap();
    let example = lines[first..]
        .iter()
        .map_while(|line| line.strip_prefix("  # "))
        .map(|line| format!("  {line}\n"));
    format!(
        "game_modes:\n  - name: free_for_all\n{}",
        example.collect::<String>()
    )
}

#[test]
fn everything_that_a_mode_can_say_is_understood() {
    let text = example();
    let settings = good(&text);
    let [_, ranked] = settings.game_modes.as_slice() else {
        panic!("two modes")
    };
    let rules = &ranked.rules;
    assert_eq!(
        (ranked.teams, ranked.players_target, ranked.players_min),
        (2, 10, 8)
    );
    assert_eq!(rules.teams.len(), 2);
    assert_eq!(rules.sizes[0].players_min, 6);
    assert_eq!((ranked.latency_max_ms, rules.latency[0].max_ms), (80, 120));
    assert_eq!(rules.region_by, RegionBy::Worst);
    assert!((rules.skill_steps[0].spread_max - 500.0).abs() < f64::EPSILON);
    assert!((rules.aim.unwrap().max - 300.0).abs() < f64::EPSILON);
    assert_eq!(rules.aim_steps[0].after_ms, 60_000);
    assert!((rules.population.unwrap().deviation - 350.0).abs() < f64::EPSILON);
    assert_eq!(rules.party_skill, Aggregate::Mean);
    assert_eq!(
        (rules.team_gap_max, rules.win_chance_max),
        (Some(50.0), Some(0.55))
    );
    assert_eq!(rules.same, ["build", "input"]);
    assert_eq!(rules.avoid.as_deref(), Some("blocked"));
    assert_eq!(rules.roles.as_ref().unwrap().per_team["fighter"], 3);
    assert_eq!(rules.acceptance.unwrap().timeout_ms, 20_000);
    assert_eq!(rules.backfill, Backfill::High);
    let stop = rules.hard_stop.as_ref().unwrap();
    assert!(matches!(&stop.then, HardStopAction::Mode(name) if name.as_str() == "free_for_all"));

    let words = explain(&settings);
    for wanted in [
        "game mode      ranked: 10 players in different teams: red of 3 to 5, blue of 3 to 5\n",
        "\n               8 players are enough after 10 s\n",
        "               6 players are enough after 60 s\n",
        "nobody plays with more than 80 ms, 120 ms after 20 s; the best region is best for the worst-placed player",
        "skills are within 100 at once, growing by 5.0000 a second to 400, 500 after 45 s; of a party the mean counts",
        "a match within 50 at once, growing by 4.0000 a second to 300, 500 after 60 s is made by the waiting of its oldest",
        "aims widen 4000 ms sooner one deviation (350) from a skill of 1500",
        "the stronger team wins 55.0 % of the time at most",
        "every full team has 3 fighter, 1 healer, 1 tank, by the players' roles; any role after 30 s",
        "every player says yes within 20 s before a server is taken",
        "after 180 s the ticket goes on in free_for_all with its age",
    ] {
        assert!(words.contains(wanted), "{wanted}\nis not in\n{words}");
    }
}

#[test]
fn nothing_said_is_no_rule() {
    assert_eq!(
        good("game_modes: [{name: duel}]").game_modes[0].rules,
        Rules::default()
    );
}

/// A key of the example, what is written instead, and what is said about it.
const CHANGES: &[(&str, &str, &str)] = &[
    (
        "      initial: 50",
        "      initial: 350",
        "aim.max: must not be below aim.initial",
    ),
    (
        "        spread_max: 500\n    population",
        "        spread_max: 40\n    population",
        "aim_steps[0].spread_max: is 40, must be wider than the 50 before",
    ),
    (
        "deviation: 350",
        "deviation: 0",
        "population.deviation: the mean must be finite, and the deviation above 0",
    ),
    (
        "players_target: 10",
        "players_target: 11",
        "players_target: is 11, and named_teams have 10 seats",
    ),
    (
        "    teams: 2",
        "    teams: 3",
        "teams: is 3, and named_teams are 2",
    ),
    (
        "after_ms: 60000",
        "after_ms: 9000",
        "sizes[0].after_ms: is 9000, must not be below settle_after_ms (10000)",
    ),
    (
        "        players_min: 6",
        "        players_min: 8",
        "sizes[0].players_min: is 8, must be at least 6 and below 8",
    ),
    (
        "max_ms: 120",
        "max_ms: 80",
        "latency[0].max_ms: is 80, must be more than the 80 before",
    ),
    (
        "spread_max: 500",
        "spread_max: 90",
        "skill_steps[0].spread_max: is 90, must be wider than the 100 before",
    ),
    (
        "win_chance_max: 0.55",
        "win_chance_max: 0.45",
        "win_chance_max: is 0.45, must be 0.5 to 1",
    ),
    (
        "fighter: 3",
        "fighter: 2",
        "roles.per_team: 4 seats together, and a full team has 5",
    ),
    (
        "timeout_ms: 20000",
        "timeout_ms: 900",
        "acceptance.timeout_ms: is 900, must be 1000 to 600000",
    ),
    (
        "mode: free_for_all",
        "mode: free_for_none",
        "hard_stop.mode: \"free_for_none\" is no game mode; there are free_for_all, ranked",
    ),
    (
        "mode: free_for_all",
        "mode: ranked",
        "hard_stop.mode: is the game mode itself",
    ),
    (
        "then: mode",
        "then: bots",
        "hard_stop.mode: belongs to `then: mode`",
    ),
    (
        "then: mode",
        "then: giveup",
        "hard_stop.then: must be one of give_up, bots, mode; did you mean `give_up`?",
    ),
    (
        "backfill: high",
        "backfill: hi",
        "backfill: must be one of off, low, normal, high",
    ),
    (
        "region_by: worst",
        "region_bi: worst",
        "region_bi: no such key; did you mean `region_by`?",
    ),
    (
        "same: [build, input]",
        "same: [build, build]",
        "same[1]: \"build\" is there twice",
    ),
];

#[test]
fn rules_that_cannot_be_met_are_reported_with_their_place() {
    let text = example();
    for (key, instead, wanted) in CHANGES {
        assert!(text.contains(key), "{key}");
        let report = bad(&text.replacen(key, instead, 1));
        let wanted = format!("game_modes[1].{wanted}");
        assert!(report.contains(&wanted), "{wanted}\nis not in\n{report}");
        assert!(report.starts_with("stadion.yaml:"), "{report}");
        assert_eq!(report.lines().count(), 1, "{report}");
    }
}

#[test]
fn hard_stops_do_not_go_round_in_a_circle() {
    let report = bad("
game_modes:
  - {name: free_for_all, hard_stop: {after_ms: 1, then: mode, mode: other}}
  - {name: other, players_target: 16, hard_stop: {after_ms: 1, then: mode, mode: free_for_all}}
");
    let wanted =
        "game_modes[0].hard_stop.mode: goes round in a circle: free_for_all → other → free_for_all";
    assert!(report.contains(wanted), "{report}");
}

/// A rule set for two teams of two, in a directory of its own.
fn with_rule_set(rules: &str, more: &str) -> Result<Settings, String> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("stadion.yaml");
    fs::create_dir(dir.path().join("rules")).unwrap();
    fs::write(
        dir.path().join("rules/duo.json"),
        format!(
            "{{\"ruleLanguageVersion\": \"1.0\", \"playerAttributes\": [{{\"name\": \"skill\", \"type\": \"number\"}}], \
             \"teams\": [{{\"name\": \"duo\", \"minPlayers\": 1, \"maxPlayers\": 2, \"quantity\": 2}}], \
             \"rules\": [{rules}]}}"
        ),
    )
    .unwrap();
    let text = format!("game_modes:\n  - name: duo\n    flexmatch: rules/duo.json\n    {more}\n");
    fs::write(&file, text).unwrap();
    Settings::load(Some(&file), &BTreeMap::new()).map_err(|error| error.to_string())
}

const NEAR: &str =
    r#"{"name": "Near", "type": "batchDistance", "batchAttribute": "skill", "maxDistance": 50}"#;

#[test]
fn a_rule_set_beside_the_file_is_a_game_mode() {
    let settings = with_rule_set(
        NEAR,
        "settle_after_ms: 5000\n    acceptance: {timeout_ms: 9000}",
    )
    .unwrap();
    let [duo] = settings.game_modes.as_slice() else {
        panic!("one mode")
    };
    assert_eq!((duo.teams, duo.players_target, duo.players_min), (2, 4, 2));
    assert_eq!(duo.settle_after_ms, 5_000);
    assert!((duo.skill.max - 50.0).abs() < f64::EPSILON);
    assert!(duo.rules.rule_set.is_some() && duo.rules.acceptance.is_some());
    let words = explain(&settings);
    for wanted in [
        "duo: 4 players in 2 teams of 2\n",
        "2 players are enough after 5 s\n",
        "rule set: players in team duo_2: at least 1; at most 2\n",
        "rule set: Near: skill of all tickets is within 50\n",
        "rule set: waiting is that of the newest ticket of a match\n",
    ] {
        assert!(words.contains(wanted), "{wanted}\nis not in\n{words}");
    }
}

#[test]
fn a_rule_set_stands_alone_and_its_mistakes_have_a_place() {
    let cases = [
        (
            NEAR,
            "teams: 2",
            "game_modes[0].teams: flexmatch says this by its rule set, and neither wins",
        ),
        (
            NEAR,
            "skill: {max: 5000}",
            "game_modes[0].skill: flexmatch says this",
        ),
        (
            r#"{"name": "Near", "type": "batchDistance", "batchAttribute": "skil", "maxDistance": 50}"#,
            "",
            "game_modes[0].flexmatch: in rules/duo.json: line 1, column 238: /rules/0/batchAttribute: no attribute \"skil\" in playerAttributes; did you mean \"skill\"?",
        ),
        (
            "{",
            "",
            "game_modes[0].flexmatch: in rules/duo.json: line 1, column ",
        ),
    ];
    for (rules, more, wanted) in cases {
        let report = with_rule_set(rules, more).unwrap_err();
        assert!(report.contains(wanted), "{wanted}\nis not in\n{report}");
        assert_eq!(report.lines().count(), 1, "{report}");
    }
    let report = bad("game_modes: [{name: duel, flexmatch: nowhere.json}]");
    let wanted = "game_modes[0].flexmatch: cannot read nowhere.json: ";
    assert!(report.contains(wanted), "{report}");
}

//! The examples of the guide ("FlexMatch rule set examples"), written anew with the same parameters.

use super::large::{EITHER, HUNTERS, LARGE, SIMILAR};
use super::*;

const EVEN_TEAMS: &str = r#"{
  "name": "even", "ruleLanguageVersion": "1.0",
  "playerAttributes": [{"name": "skill", "type": "number", "default": 10}],
  "teams": [{"name": "cowboys", "minPlayers": 4, "maxPlayers": 8},
            {"name": "aliens", "minPlayers": 4, "maxPlayers": 8}],
  "rules": [
    {"name": "FairTeamSkill", "type": "distance", "maxDistance": 10,
     "measurements": ["avg(teams[*].players.attributes[skill])"],
     "referenceValue": "avg(flatten(teams[*].players.attributes[skill]))"},
    {"name": "EqualTeamSizes", "type": "comparison", "operation": "=",
     "measurements": ["count(teams[cowboys].players)"],
     "referenceValue": "count(teams[aliens].players)"}],
  "expansions": [{"target": "rules[FairTeamSkill].maxDistance", "steps": [
    {"waitTimeSeconds": 5, "value": 50}, {"waitTimeSeconds": 15, "value": 100}]}]
}"#;

#[test]
fn two_teams_of_even_skill_and_size() {
    let set = parse(EVEN_TEAMS);
    let mut players = Players::new();
    let mut of = |waited_s, skills: &[f64]| {
        players.all(waited_s, skills.iter().map(|skill| Like::skilled(*skill)))
    };
    let weak = of(0, &[100.0; 4]);
    let like = |tickets: &[Ticket]| verdict(&set, &[("cowboys", &weak), ("aliens", tickets)]);
    assert_eq!(like(&of(0, &[120.0; 4])), Ok(()));
    assert_eq!(like(&of(0, &[121.0; 4])), Err("FairTeamSkill"));
    assert_eq!(like(&of(0, &[100.0; 5])), Err("EqualTeamSizes"));
    assert_eq!(like(&of(0, &[100.0; 3])), Err("aliens"));
    for (waited_s, gap, good) in [
        (4, 21.0, false),
        (5, 100.0, true),
        (5, 101.0, false),
        (15, 200.0, true),
    ] {
        let (red, blue) = (of(waited_s, &[100.0; 4]), of(99, &[100.0 + gap; 4]));
        let verdict = verdict(&set, &[("cowboys", &red), ("aliens", &blue)]);
        assert_eq!(verdict.is_ok(), good, "{waited_s} s, {gap}");
    }
}

const MONSTER: &str = r#"{
  "name": "monster", "ruleLanguageVersion": "1.0",
  "playerAttributes": [{"name": "skill", "type": "number", "default": 10},
    {"name": "desiredSkillOfMonster", "type": "number", "default": 10},
    {"name": "wantsToBeMonster", "type": "number", "default": 0}],
  "teams": [{"name": "players", "minPlayers": 5, "maxPlayers": 5},
            {"name": "monster", "minPlayers": 1, "maxPlayers": 1}],
  "rules": [
    {"name": "MonsterSelection", "type": "comparison", "operation": "=", "referenceValue": 1,
     "measurements": ["teams[monster].players.attributes[wantsToBeMonster]"]},
    {"name": "PlayerSelection", "type": "comparison", "operation": "=", "referenceValue": 0,
     "measurements": ["teams[players].players.attributes[wantsToBeMonster]"]},
    {"name": "MonsterSkill", "type": "comparison", "operation": ">=",
     "measurements": ["avg(teams[monster].players.attributes[skill])"],
     "referenceValue": "max(teams[players].players.attributes[desiredSkillOfMonster])"}],
  "expansions": [{"target": "teams[players].minPlayers", "steps": [
    {"waitTimeSeconds": 30, "value": 4}, {"waitTimeSeconds": 60, "value": 3}]}]
}"#;

#[test]
fn hunters_against_one_monster() {
    let set = parse(MONSTER);
    let mut players = Players::new();
    let hunter = || Like::skilled(10.0).number("desiredSkillOfMonster", 40.0);
    let monster = |skill| Like::skilled(skill).number("wantsToBeMonster", 1.0);
    let mut holds = |waited_s, hunters: usize, beast: Like| {
        let hunters = players.all(waited_s, vec![hunter(); hunters]);
        let beast = players.all(waited_s, [beast]);
        verdict(&set, &[("players", &hunters), ("monster", &beast)])
    };
    assert_eq!(holds(0, 5, monster(40.0)), Ok(()));
    assert_eq!(holds(0, 5, monster(39.0)), Err("MonsterSkill"));
    assert_eq!(holds(0, 5, Like::skilled(50.0)), Err("MonsterSelection"));
    assert_eq!(holds(29, 4, monster(40.0)), Err("players"));
    assert_eq!(holds(30, 4, monster(40.0)), Ok(()));
    assert_eq!(holds(59, 3, monster(40.0)), Err("players"));
    assert_eq!(holds(60, 3, monster(40.0)), Ok(()));
    let mut hunters = players.all(0, vec![hunter(); 4]);
    hunters.extend(players.all(0, [monster(10.0)]));
    let beast = players.all(0, [monster(90.0)]);
    let verdict = verdict(&set, &[("players", &hunters), ("monster", &beast)]);
    assert_eq!(verdict, Err("PlayerSelection"));
}

const THREE_TEAMS: &str = r#"{
  "name": "three", "ruleLanguageVersion": "1.0",
  "playerAttributes": [{"name": "skill", "type": "number", "default": 10},
    {"name": "character", "type": "string_list", "default": ["peasant"]}],
  "teams": [{"name": "trio", "minPlayers": 3, "maxPlayers": 5, "quantity": 3}],
  "rules": [
    {"name": "FairTeamSkill", "type": "distance", "maxDistance": 10,
     "measurements": ["avg(teams[*].players.attributes[skill])"],
     "referenceValue": "avg(flatten(teams[*].players.attributes[skill]))"},
    {"name": "CloseTeamSizes", "type": "distance", "maxDistance": 1,
     "measurements": ["max(count(teams[*].players))"],
     "referenceValue": "min(count(teams[*].players))"},
    {"name": "OverallMedicLimit", "type": "collection", "operation": "contains",
     "measurements": ["flatten(teams[*].players.attributes[character])"],
     "referenceValue": "medic", "maxCount": 5},
    {"name": "FastConnection", "type": "latency", "maxLatency": 50}],
  "expansions": [{"target": "rules[FastConnection].maxLatency", "steps": [
    {"waitTimeSeconds": 10, "value": 100}, {"waitTimeSeconds": 20, "value": 150}]}]
}"#;

#[test]
fn three_teams_with_few_medics_near_a_region() {
    let set = parse(THREE_TEAMS);
    assert_eq!(
        set.team_names().collect::<Vec<_>>(),
        ["trio_1", "trio_2", "trio_3"]
    );
    let mut players = Players::new();
    let mut holds = |waited_s, sizes: [usize; 3], medics: usize, latency_ms| {
        let mut left = medics;
        let teams = sizes.map(|size| {
            let likes = (0..size).map(|_| {
                let like = Like::skilled(50.0).at("eu", latency_ms);
                if left == 0 {
                    return like;
                }
                left -= 1;
                like.list("character", &["medic"])
            });
            players.all(waited_s, likes.collect::<Vec<_>>())
        });
        let [one, two, three] = &teams;
        verdict(&set, &[("trio_1", one), ("trio_2", two), ("trio_3", three)])
    };
    assert_eq!(holds(0, [3, 3, 4], 5, 50), Ok(()));
    assert_eq!(holds(0, [3, 5, 5], 0, 50), Err("CloseTeamSizes"));
    assert_eq!(holds(0, [3, 3, 3], 6, 50), Err("OverallMedicLimit"));
    for (waited_s, latency_ms, good) in [
        (0, 51, false),
        (10, 100, true),
        (19, 101, false),
        (20, 150, true),
        (99, 151, false),
    ] {
        let verdict = holds(waited_s, [3, 3, 3], 0, latency_ms);
        assert_eq!(verdict.is_ok(), good, "{waited_s} s, {latency_ms} ms");
    }
}

const SORTED: &str = r#"{
  "name": "sorted", "ruleLanguageVersion": "1.0",
  "playerAttributes": [{"name": "experience", "type": "number", "default": 50},
    {"name": "gameMode", "type": "string_list", "default": ["deathmatch", "coop"]},
    {"name": "mapPreference", "type": "string_number_map", "default": {"defaultMap": 100}},
    {"name": "acceptableMaps", "type": "string_list", "default": ["defaultMap"]}],
  "teams": [{"name": "red", "minPlayers": 3, "maxPlayers": 3},
            {"name": "blue", "minPlayers": 3, "maxPlayers": 3}],
  "rules": [
    {"name": "MapPreference", "type": "absoluteSort", "sortDirection": "descending",
     "sortAttribute": "mapPreference", "mapKey": "maxValue"},
    {"name": "ExperienceAffinity", "type": "distanceSort", "sortDirection": "ascending",
     "sortAttribute": "experience"},
    {"name": "SharedMode", "type": "collection", "operation": "intersection", "minCount": 1,
     "measurements": ["flatten(teams[*].players.attributes[gameMode])"]},
    {"name": "MapOverlap", "type": "collection", "operation": "intersection", "minCount": 1,
     "measurements": ["flatten(teams[*].players.attributes[acceptableMaps])"]}]
}"#;

#[test]
fn sorted_by_map_and_then_by_experience() {
    let set = parse(SORTED);
    let mut players = Players::new();
    let mut with = |map: &str, weight, experience| {
        let like = Like::default().map("mapPreference", &[(map, weight)]);
        players.one(0, like.number("experience", experience))
    };
    let anchor = with("dust", 100.0, 20.0);
    let mut others = [
        with("moon", 100.0, 20.0),
        with("dust", 80.0, 90.0),
        with("dust", 80.0, 30.0),
        with("dust", 99.0, 99.0),
    ];
    let wanted = [3, 2, 1, 0].map(|place: usize| others[place].id);
    others.sort_by(|one, other| set.order(&anchor, one, other));
    assert_eq!(others.map(|ticket| ticket.id), wanted);

    let mut of = |modes: &[&str], maps: &[&str]| {
        let like = Like::default().list("gameMode", modes);
        players.all(0, vec![like.list("acceptableMaps", maps); 3])
    };
    let red = of(&["coop", "deathmatch"], &["dust", "moon"]);
    let holds = |blue: &[Ticket]| verdict(&set, &[("red", &red), ("blue", blue)]);
    assert_eq!(holds(&of(&["coop"], &["moon"])), Ok(()));
    assert_eq!(holds(&of(&["race"], &["moon"])), Err("SharedMode"));
    assert_eq!(holds(&of(&["coop"], &["sea"])), Err("MapOverlap"));
}

const OPPONENTS: &str = r#"{
  "name": "opponents", "ruleLanguageVersion": "1.0",
  "playerAttributes": [{"name": "myCharacter", "type": "string_list"},
    {"name": "preferredOpponents", "type": "string_list"}],
  "teams": [{"name": "red", "minPlayers": 5, "maxPlayers": 5}],
  "rules": [{"name": "OpponentMatch", "type": "collection", "minCount": 1,
    "operation": "reference_intersection_count",
    "measurements": ["flatten(teams[*].players.attributes[myCharacter])"],
    "referenceValue": "set_intersection(flatten(teams[*].players.attributes[preferredOpponents]))"}],
  "expansions": [{"target": "rules[OpponentMatch].minCount", "steps": [
    {"waitTimeSeconds": 15, "value": 0}]}]
}"#;

#[test]
fn everybody_plays_what_everybody_wants_to_meet() {
    let set = parse(OPPONENTS);
    let mut players = Players::new();
    let mut of = |waited_s, last: &str| {
        let like = |character: &str| {
            let like = Like::default().list("myCharacter", &[character]);
            like.list("preferredOpponents", &["mage", "knight"])
        };
        players.all(waited_s, ["mage", "mage", "knight", "mage", last].map(like))
    };
    assert_eq!(verdict(&set, &[("red", &of(0, "knight"))]), Ok(()));
    assert_eq!(
        verdict(&set, &[("red", &of(14, "rogue"))]),
        Err("OpponentMatch")
    );
    assert_eq!(verdict(&set, &[("red", &of(15, "rogue"))]), Ok(()));
    let early = of(14, "rogue");
    assert!(!joins(&set, &early[..1], &early[4]));
    let late = of(15, "rogue");
    assert!(joins(&set, &late[..1], &late[4]));
}

const ACROSS: &str = r#"{
  "name": "", "ruleLanguageVersion": "1.0",
  "playerAttributes": [{"name": "gameMode", "type": "string", "default": "turn-based"},
    {"name": "gameMap", "type": "number", "default": 1}, {"name": "character", "type": "number"}],
  "teams": [{"name": "player", "minPlayers": 1, "maxPlayers": 1, "quantity": 2}],
  "rules": [
    {"name": "SameGameMode", "type": "comparison", "operation": "=",
     "measurements": ["flatten(teams[*].players.attributes[gameMode])"]},
    {"name": "SameGameMap", "type": "comparison", "operation": "=",
     "measurements": ["flatten(teams[*].players.attributes[gameMap])"]},
    {"name": "DifferentCharacter", "type": "comparison", "operation": "!=",
     "measurements": ["flatten(teams[*].players.attributes[character])"]}]
}"#;

#[test]
fn the_same_mode_and_map_with_different_characters() {
    let set = parse(ACROSS);
    let mut players = Players::new();
    let one = players.all(0, [Like::default().number("character", 1.0)]);
    let mut against = |like: Like| {
        let other = players.all(0, [like]);
        let verdict = verdict(&set, &[("player_1", &one), ("player_2", &other)]);
        assert_eq!(joins(&set, &one, &other[0]), verdict.is_ok());
        verdict
    };
    let other = || Like::default().number("character", 2.0);
    assert_eq!(against(other()), Ok(()));
    assert_eq!(
        against(
            other()
                .text("gameMode", "turn-based")
                .number("gameMap", 1.0)
        ),
        Ok(())
    );
    assert_eq!(
        against(other().text("gameMode", "live")),
        Err("SameGameMode")
    );
    assert_eq!(against(other().number("gameMap", 2.0)), Err("SameGameMap"));
    assert_eq!(
        against(Like::default().number("character", 1.0)),
        Err("DifferentCharacter")
    );
    assert_eq!(against(Like::default()), Err("DifferentCharacter"));
}

pub(super) const BLOCKED: &str = r#"{
  "name": "blocked", "ruleLanguageVersion": "1.0",
  "teams": [{"name": "red", "minPlayers": 5, "maxPlayers": 5},
            {"name": "blue", "minPlayers": 5, "maxPlayers": 5}],
  "playerAttributes": [{"name": "BlockList", "type": "string_list", "default": []}],
  "rules": [{"name": "PlayerIdNotInBlockList", "type": "collection", "maxCount": 0,
    "operation": "reference_intersection_count",
    "measurements": "flatten(teams[*].players.attributes[BlockList])",
    "referenceValue": "flatten(teams[*].players[playerId])"}]
}"#;

#[test]
fn nobody_meets_whom_they_block() {
    let set = parse(BLOCKED);
    let mut players = Players::new();
    let mut holds = |blocks: &[&str]| {
        let red = players.all(0, vec![Like::default(); 5]);
        let mut blue = players.all(0, vec![Like::default(); 3]);
        blue.extend(players.all(
            0,
            [
                Like::default().named("the-rude"),
                Like::default().list("BlockList", blocks),
            ],
        ));
        let possible = joins(&set, &blue[..4], &blue[4]);
        let verdict = verdict(&set, &[("red", &red), ("blue", &blue)]);
        assert_eq!(possible, verdict.is_ok());
        verdict
    };
    assert_eq!(holds(&["somebody", "else"]), Ok(()));
    assert_eq!(
        holds(&["somebody", "the-rude"]),
        Err("PlayerIdNotInBlockList")
    );
}

/// All of them, for the tests that ask something of every rule set.
pub(super) const ALL: [&str; 11] = [
    EVEN_TEAMS,
    MONSTER,
    THREE_TEAMS,
    SORTED,
    OPPONENTS,
    ACROSS,
    LARGE,
    HUNTERS,
    SIMILAR,
    EITHER,
    BLOCKED,
];

#[test]
fn all_survive_as_json_and_in_words() {
    for text in ALL {
        let set = parse(text);
        let json = serde_json::to_string(&set).unwrap();
        let back: RuleSet = serde_json::from_str(&json).unwrap();
        assert_eq!(set, back);
        let lines = set.describe();
        let preferred = usize::from(set.algorithm().batching != Batching::Random);
        let wanted = set.names().count() + 1 + preferred;
        assert_eq!(lines.len(), wanted, "{lines:#?}");
    }
    let lines = parse(MONSTER).describe();
    assert_eq!(
        lines[0],
        "players in team players: at least 5, 4 after 30 s, 3 after 60 s; at most 5"
    );
    assert!(
        lines[2].starts_with(
            "MonsterSelection: teams[monster].players.attributes[wantsToBeMonster] = 1"
        )
    );
}

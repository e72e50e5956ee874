use stadion_core::id::GameModeName;

use super::*;

fn caller(skill: &[(&str, f64)]) -> Player {
    Player {
        id: PlayerId::new("ann").unwrap(),
        party: Vec::new(),
        skill: skill
            .iter()
            .map(|(mode, skill)| (GameModeName::new(mode).unwrap(), *skill))
            .collect(),
        backend: false,
    }
}

fn rated(skill: Option<f64>, attribute: Option<f64>) -> wire::Player {
    let attribute = attribute.map(|number| ("skill".into(), wire::Attribute::Number(number)));
    wire::Player {
        player_id: "ann".into(),
        skill,
        attributes: attribute.into_iter().collect(),
        ..wire::Player::default()
    }
}

/// The skill and the attribute `skill` of the player that comes in.
fn read(player: wire::Player, caller: &Player) -> (f64, Option<Attribute>) {
    let mut modes = stadion_core::mode::guide_modes().into_iter();
    let mode = modes.find(|mode| mode.name.as_str() == "duel").unwrap();
    read_in(&mode, player, caller)
}

fn read_in(mode: &GameMode, player: wire::Player, caller: &Player) -> (f64, Option<Attribute>) {
    let party = party(&[player], mode, caller).unwrap_or_else(|_| panic!("a good player"));
    let attribute = party[0].attributes.get(SKILL_ATTRIBUTE).cloned();
    (party[0].skill, attribute)
}

#[test]
fn a_rating_may_come_as_an_attribute_and_the_studios_word_wins() {
    let nobody = caller(&[("other", 9.0)]);
    assert_eq!(read(rated(None, None), &nobody), (0.0, None));
    assert_eq!(read(rated(Some(5.0), None), &nobody), (5.0, None));
    let seven = Some(Attribute::Number(7.0));
    assert_eq!(read(rated(None, Some(7.0)), &nobody), (7.0, seven.clone()));
    assert_eq!(read(rated(Some(5.0), Some(7.0)), &nobody), (5.0, seven));
    let studio = caller(&[("duel", 1_500.0)]);
    assert_eq!(read(rated(Some(5.0), None), &studio), (1_500.0, None));
    let word = Some(Attribute::Number(1_500.0));
    assert_eq!(read(rated(None, Some(7.0)), &studio), (1_500.0, word));
}

#[test]
fn who_brings_no_rating_has_the_rule_sets() {
    let rules = r#"{"ruleLanguageVersion": "1.0", "teams": [{"name": "a", "minPlayers": 2, "maxPlayers": 2}],
        "playerAttributes": [{"name": "skill", "type": "number", "default": 1500}]}"#;
    let set = stadion_core::flexmatch::RuleSet::parse(rules).unwrap();
    let mode = set.mode(GameModeName::new("duel").unwrap());
    let nobody = caller(&[]);
    assert_eq!(read_in(&mode, rated(None, None), &nobody).0, 1_500.0);
    assert_eq!(read_in(&mode, rated(Some(7.0), None), &nobody).0, 7.0);
}

use super::*;

#[test]
fn the_guides_modes_can_be_met() {
    for mode in guide_modes() {
        assert_eq!(mode.check(), Ok(()), "{}", mode.name);
    }
}

#[test]
fn the_window_widens_to_its_maximum_only() {
    let window = SkillWindow {
        initial: 200.0,
        growth_per_second: 10.0,
        max: 300.0,
    };
    assert!((window.after_ms(0) - 200.0).abs() < f64::EPSILON);
    assert!((window.after_ms(5_000) - 250.0).abs() < f64::EPSILON);
    assert!((window.after_ms(u64::MAX) - 300.0).abs() < f64::EPSILON);
}

#[test]
fn rules_that_cannot_be_met_are_named() {
    type Change = fn(&mut GameMode);
    let cases: [(Change, &str); 10] = [
        (|m| m.teams = 0, "teams"),
        (|m| m.players_target = 33, "players_target"),
        (|m| m.players_target = 0, "players_target"),
        (|m| m.players_min = 0, "players_min"),
        (|m| m.players_min = 33, "players_min"),
        (|m| m.players_min = 1, "players_min"),
        (|m| m.skill.initial = -1.0, "skill"),
        (|m| m.skill.growth_per_second = f64::NAN, "skill"),
        (|m| m.skill.max = f64::INFINITY, "skill"),
        (|m| m.skill.max = m.skill.initial - 1.0, "skill.max"),
    ];
    for (change, field) in cases {
        let mut mode = guide_modes().remove(1);
        change(&mut mode);
        let why = mode.check().expect_err(field);
        assert_eq!(why.split(':').next(), Some(field), "{why}");
    }
}

#[test]
fn a_party_shares_a_team() {
    let largest: Vec<usize> = guide_modes()
        .iter()
        .map(GameMode::party_players_max)
        .collect();
    assert_eq!(largest, [16, 16, 12, 1, 16]);
}

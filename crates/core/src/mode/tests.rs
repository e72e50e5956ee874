use super::*;
use crate::rules::*;

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

fn mode(change: impl FnOnce(&mut GameMode)) -> GameMode {
    let mut mode = guide_modes().remove(1);
    change(&mut mode);
    mode
}

#[test]
fn rules_in_order_and_in_bounds_are_good() {
    let all = mode(|m| {
        m.rules = Rules {
            sizes: [(10_000, 12), (30_000, 2)]
                .map(|(after_ms, players_min)| SizeStep {
                    after_ms,
                    players_min,
                })
                .into(),
            latency: [(5_000, 120), (20_000, 250)]
                .map(|(after_ms, max_ms)| LatencyStep { after_ms, max_ms })
                .into(),
            skill_steps: [(1_000, 300.0), (2_000, 1e9)]
                .map(|(after_ms, spread_max)| SkillStep {
                    after_ms,
                    spread_max,
                })
                .into(),
            team_gap_max: Some(0.0),
            win_chance_max: Some(0.55),
            same: vec!["build".into(), "input".into()],
            avoid: Some("avoid".into()),
            roles: Some(RoleRule {
                attribute: "roles".into(),
                per_team: [("medic".into(), 4), ("soldier".into(), 12)].into(),
                autofill_after_ms: 0,
            }),
            acceptance: Some(AcceptanceRule { timeout_ms: 20_000 }),
            hard_stop: Some(HardStop {
                after_ms: 60_000,
                then: HardStopAction::Bots,
            }),
            ..Rules::default()
        };
    });
    assert_eq!(all.check(), Ok(()));
    assert_eq!(all.latency_last_ms(), 250);
}

#[test]
fn different_teams_seat_the_target() {
    let team = |name: &str, players_min, players_max| TeamRule {
        name: name.into(),
        players_min,
        players_max,
    };
    let uneven = |teams: Vec<TeamRule>, count, target, least| {
        mode(|m| {
            m.rules.teams = teams;
            (m.teams, m.players_target, m.players_min) = (count, target, least);
        })
    };
    let both = || vec![team("hunters", 3, 5), team("monster", 1, 1)];
    let good = uneven(both(), 2, 6, 4);
    assert_eq!(good.check(), Ok(()));
    assert_eq!(good.team_players_max(), 5);
    assert_eq!(good.party_players_max(), 5);
    for (bad, field) in [
        (uneven(both(), 3, 6, 4), "teams: "),
        (uneven(both(), 2, 7, 4), "players_target: "),
        (uneven(both(), 2, 6, 3), "players_min: "),
        (
            uneven(vec![team("a", 2, 1)], 1, 1, 1),
            "named_teams[0].players_min: ",
        ),
        (
            uneven(vec![team("a", 0, 0)], 1, 0, 1),
            "named_teams[0].players_max: ",
        ),
        (
            uneven(vec![team("a", 1, 1), team("a", 1, 1)], 2, 2, 2),
            "named_teams[1].name: ",
        ),
    ] {
        let error = bad.check().expect_err(field);
        assert!(error.starts_with(field), "{error}");
    }
}

type Change = fn(&mut GameMode);

/// So many roles, of which the last has what is left of the seats of one team.
fn many_roles(mode: &mut GameMode, roles: u32, seats: u32) {
    let per_team = (1..=roles).map(|role| {
        let last = role == roles;
        (
            format!("role {role:02}"),
            if last { seats + 1 - roles } else { 1 },
        )
    });
    (mode.teams, mode.players_target, mode.players_min) = (1, seats, seats);
    mode.rules.roles = Some(RoleRule {
        attribute: "roles".into(),
        per_team: per_team.collect(),
        autofill_after_ms: 0,
    });
}

#[test]
fn as_many_roles_and_seats_as_sets_can_hold_are_good() {
    for (roles, seats) in [(32, 32), (3, 128)] {
        assert_eq!(mode(|m| many_roles(m, roles, seats)).check(), Ok(()));
    }
}

const fn size(after_ms: u64, players_min: u32) -> SizeStep {
    SizeStep {
        after_ms,
        players_min,
    }
}

/// What is wrong, and the field that is blamed.
const CONTRADICTIONS: [(Change, &str); 23] = [
    (
        |m| m.rules.sizes = vec![size(9_999, 8)],
        "sizes[0].after_ms: ",
    ),
    (
        |m| m.rules.sizes = vec![size(10_000, 16)],
        "sizes[0].players_min: ",
    ),
    (
        |m| m.rules.sizes = vec![size(10_000, 1)],
        "sizes[0].players_min: ",
    ),
    (
        |m| m.rules.sizes = vec![size(10_000, 8), size(10_000, 6)],
        "sizes[1].after_ms: ",
    ),
    (
        |m| {
            m.rules.latency = vec![LatencyStep {
                after_ms: 1,
                max_ms: 100,
            }];
        },
        "latency[0].max_ms: ",
    ),
    (
        |m| {
            m.rules.skill_steps = vec![SkillStep {
                after_ms: 1,
                spread_max: f64::NAN,
            }];
        },
        "skill_steps[0].spread_max: ",
    ),
    (
        |m| m.rules.uncertainty_ms_per_point = -1.0,
        "uncertainty_ms_per_point: ",
    ),
    (
        |m| m.rules.performance_deviation = 0.0,
        "performance_deviation: ",
    ),
    (|m| m.rules.team_gap_max = Some(-1.0), "team_gap_max: "),
    (|m| m.rules.win_chance_max = Some(0.4), "win_chance_max: "),
    (
        |m| {
            m.teams = 1;
            m.rules.win_chance_max = Some(0.6);
        },
        "win_chance_max: ",
    ),
    (
        |m| {
            m.teams = 1;
            m.rules.team_gap_max = Some(0.6);
        },
        "team_gap_max: ",
    ),
    (|m| m.rules.same = vec![String::new()], "same[0]: "),
    (|m| m.rules.same = vec!["a".into(), "a".into()], "same[1]: "),
    (|m| m.rules.avoid = Some("x".repeat(101)), "avoid: "),
    (
        |m| {
            m.rules.roles = Some(RoleRule {
                attribute: "roles".into(),
                per_team: [("medic".into(), 4)].into(),
                autofill_after_ms: 0,
            });
        },
        "roles.per_team: 4 seats together, and a full team has 16",
    ),
    (
        |m| {
            (m.teams, m.players_target, m.rules.backfill) = (2, 1_002, Backfill::Low);
        },
        "players_target: is 1002; with backfill a match has at most 1000 seats",
    ),
    (
        |m| many_roles(m, 33, 33),
        "roles.per_team: 33 roles, at most 32",
    ),
    (
        |m| many_roles(m, 3, 129),
        "roles.per_team: 129 seats together, at most 128",
    ),
    (
        |m| m.rules.acceptance = Some(AcceptanceRule { timeout_ms: 999 }),
        "acceptance.timeout_ms: ",
    ),
    (
        |m| {
            m.rules.acceptance = Some(AcceptanceRule {
                timeout_ms: 600_001,
            });
        },
        "acceptance.timeout_ms: ",
    ),
    (
        |m| {
            m.rules.hard_stop = Some(HardStop {
                after_ms: 0,
                then: HardStopAction::GiveUp,
            });
        },
        "hard_stop.after_ms: ",
    ),
    (
        |m| {
            m.rules.hard_stop = Some(HardStop {
                after_ms: 1,
                then: HardStopAction::Mode(m.name.clone()),
            });
        },
        "hard_stop.mode: ",
    ),
];

#[test]
fn rules_that_contradict_themselves_are_named() {
    for (change, field) in CONTRADICTIONS {
        let error = mode(change).check().expect_err(field);
        assert!(error.starts_with(field), "{error}\n{field}");
    }
}

#[test]
fn hard_stops_lead_somewhere_and_not_back() {
    let lead = |modes: &mut Vec<GameMode>, from: usize, to: &str| {
        modes[from].rules.hard_stop = Some(HardStop {
            after_ms: 1,
            then: HardStopAction::Mode(GameModeName::new(to).expect("a name")),
        });
    };
    let mut modes = guide_modes();
    lead(&mut modes, 3, "free_for_all");
    lead(&mut modes, 4, "battle_royale");
    assert_eq!(check_hard_stops(&modes), Ok(()));
    lead(&mut modes, 0, "free_for_all");
    let (place, why) = check_hard_stops(&modes).expect_err("a circle");
    assert!(why.contains("circle"), "{place}: {why}");
    lead(&mut modes, 0, "nowhere");
    let (_, why) = check_hard_stops(&modes).expect_err("no such mode");
    assert!(why.contains("no game mode"), "{why}");
    let mut modes = guide_modes();
    lead(&mut modes, 0, "duel");
    let (place, why) = check_hard_stops(&modes).expect_err("a smaller mode");
    assert_eq!(place, 0);
    assert!(why.contains("takes at most 1"), "{why}");
}

#[test]
fn a_ticket_searches_as_long_as_the_platform_and_its_hard_stop_allow() {
    let mut mode = guide_modes().remove(0);
    assert_eq!(mode.search_ms(300_000), 300_000);
    let mut stop = HardStop {
        after_ms: 60_000,
        then: HardStopAction::Bots,
    };
    mode.rules.hard_stop = Some(stop.clone());
    assert_eq!(mode.search_ms(300_000), 300_000);
    stop.then = HardStopAction::GiveUp;
    mode.rules.hard_stop = Some(stop);
    assert_eq!(mode.search_ms(300_000), 60_000);
    assert_eq!(mode.search_ms(30_000), 30_000);
}

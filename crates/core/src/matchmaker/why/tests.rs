use std::sync::Arc;

use proptest::prelude::*;

use crate::flexmatch::RuleSet;
use crate::id::PlayerId;
use crate::id::TicketId;
use crate::matchmaker::tests::{ALL, NOW, mode, pool, region, supply, ticket};
use crate::matchmaker::{Apart, Explanation, Hold, Next, Pool, Relaxation, Supply};
use crate::mode::{GameMode, SkillWindow};
use crate::rules::{HardStop, HardStopAction, LatencyStep, RoleRule};
use crate::ticket::{Attribute, Ticket};

fn both() -> Supply {
    supply(&[("eu", 1), ("us", 1)])
}

/// What is said of ticket 0, after a plan.
fn explained(mode: GameMode, tickets: &[&str], supply: &Supply) -> Explanation {
    let mut pool = pool(mode, tickets);
    let plan = pool.plan(supply, ALL, NOW);
    assert!(plan.matches.is_empty(), "{plan:?}");
    said(&pool, supply)
}

fn said(pool: &Pool, supply: &Supply) -> Explanation {
    let said = pool.explain(TicketId::from_u128(0), supply, NOW).unwrap();
    assert_eq!(said.apart.sum() + said.remaining, said.others);
    assert!(said.words().len() >= 2);
    assert!(said.next.iter().all(|next| next.at > NOW));
    said
}

fn with(text: &str, id: u128, attribute: &str, value: &Attribute) -> Arc<Ticket> {
    let mut ticket = ticket(id, text).as_ref().clone();
    for player in &mut ticket.players {
        player.attributes.insert(attribute.into(), value.clone());
    }
    Arc::new(ticket)
}

fn list(texts: &[&str]) -> Attribute {
    Attribute::List(texts.iter().map(|text| (*text).to_owned()).collect())
}

#[test]
fn who_does_not_wait_has_no_explanation() {
    let pool = pool(mode(2, 2, 2), &["1500 1 1 eu:20 -"]);
    assert_eq!(pool.explain(TicketId::from_u128(9), &both(), NOW), None);
}

#[test]
fn each_pair_counts_with_the_first_rule_that_parts_it() {
    let tickets = [
        "1500 5 1 eu:20,us:90 60",
        "1500 9 1 eu:120 60",
        "1800 9 1 eu:20 60",
        "1640 1 1 eu:20 60",
        "1500 1 1 eu:20 128",
        "1510 1 1 us:20 60",
    ];
    let said = explained(mode(2, 4, 4), &tickets, &both());
    let apart = Apart {
        region: 1,
        skill: 1,
        skill_theirs: 1,
        labels: 1,
        ..Apart::default()
    };
    assert_eq!((said.apart, said.remaining, said.place), (apart, 1, 3));
    let hold = Hold::Players {
        region: region("us"),
        have: 2,
        need: 4,
    };
    assert_eq!(said.hold, hold);
    // 140 points apart from the newer one, which allows 110 and 10 more each second; the other needs 20 s of waiting.
    let skill = Next {
        at: NOW.plus_ms(3_000),
        change: Relaxation::Skill { points: 140.0 },
    };
    assert_eq!(said.next, [skill]);
    let words = said.words();
    assert_eq!(words[1], "Not enough players in us: 2 of 4.");
    assert_eq!(
        words[3],
        "In 3.0 s, a skill difference of 140 points is accepted."
    );
}

#[test]
fn attributes_avoided_players_and_shared_ones_part() {
    let mut mode = mode(2, 2, 2);
    mode.rules.same = vec!["build".into()];
    mode.rules.avoid = Some("avoid".into());
    let mut pool = pool(mode, &[]);
    let build = |number: &str| Attribute::Text(number.to_owned());
    pool.insert(with("1500 5 1 eu:20 -", 0, "build", &build("7")));
    pool.insert(with("1500 5 1 eu:20 -", 1, "build", &build("8")));
    let mut avoiding = with("1500 5 1 eu:20 -", 2, "build", &build("7"))
        .as_ref()
        .clone();
    avoiding.players[0]
        .attributes
        .insert("avoid".into(), list(&["p0-0"]));
    pool.insert(Arc::new(avoiding));
    let mut twice = with("1500 5 1 eu:20 -", 3, "build", &build("7"))
        .as_ref()
        .clone();
    twice.players[0].player_id = PlayerId::new("p0-0").unwrap();
    pool.insert(Arc::new(twice));
    let apart = Apart {
        same: 1,
        avoid: 1,
        same_player: 1,
        ..Apart::default()
    };
    let said = said(&pool, &both());
    assert_eq!(said.apart, apart);
    let hidden = said.for_players().apart;
    assert_eq!((hidden.avoid, hidden.seats), (0, 1));
    assert_eq!(hidden.sum(), apart.sum());
}

#[test]
fn seats_part_those_who_are_too_many_together() {
    let said = explained(
        mode(1, 4, 4),
        &["1500 5 3 eu:20 -", "1500 5 2 eu:20 -"],
        &both(),
    );
    assert_eq!(
        said.apart,
        Apart {
            seats: 1,
            ..Apart::default()
        }
    );
}

#[test]
fn regions_and_fleets_are_named_when_they_are_missing() {
    let mut far = mode(2, 2, 2);
    far.rules.latency = vec![LatencyStep {
        after_ms: 8_000,
        max_ms: 200,
    }];
    let said_far = explained(far, &["1500 5 1 eu:150 -"], &both());
    assert_eq!(said_far.hold, Hold::NoRegion);
    let latency = Next {
        at: NOW.plus_ms(3_000),
        change: Relaxation::Latency { max_ms: 200 },
    };
    assert_eq!(said_far.next[0], latency);
    let tickets = ["1500 5 1 us:20 -", "1500 5 1 us:20 -"];
    let without = explained(mode(2, 2, 2), &tickets, &supply(&[("eu", 1)]));
    assert_eq!((without.hold, without.remaining), (Hold::NoFleet, 1));
    let full = explained(mode(2, 2, 2), &tickets, &supply(&[("us", 0)]));
    assert_eq!(
        full.hold,
        Hold::Server {
            region: region("us")
        }
    );
    let large = explained(mode(2, 2, 2), &["1500 5 2 us:20 -"], &both());
    assert_eq!(large.hold, Hold::Unplayable);
}

#[test]
fn before_a_plan_it_is_a_matter_of_turn() {
    let pool = pool(mode(2, 2, 2), &["1500 5 1 eu:20 -", "1500 5 1 eu:20 -"]);
    assert_eq!(
        said(&pool, &both()).hold,
        Hold::Turn {
            region: region("eu")
        }
    );
}

#[test]
fn those_who_fit_it_may_be_too_far_from_one_another() {
    let tickets = [
        "1500 5 1 eu:20 -",
        "1400 5 1 eu:20 -",
        "1600 5 1 eu:20 -",
        "1420 5 1 eu:20 -",
    ];
    let said = explained(mode(1, 4, 4), &tickets, &both());
    // 200 points, of which 150 are allowed after 5 s and 10 more each second.
    let (spread, until) = (200.0, Some(NOW.plus_ms(5_000)));
    assert_eq!(
        said.hold,
        Hold::Skill {
            region: region("eu"),
            spread,
            until
        }
    );
}

#[test]
fn a_wide_match_waits_for_a_closer_one() {
    let mut mode = mode(2, 2, 2);
    mode.rules.aim = Some(SkillWindow {
        initial: 10.0,
        growth_per_second: 10.0,
        max: 300.0,
    });
    let said = explained(mode, &["1500 5 1 eu:20 -", "1590 4 1 eu:20 -"], &both());
    let Hold::Aim {
        spread,
        until: Some(until),
        ..
    } = said.hold
    else {
        panic!("{said:?}");
    };
    assert_eq!((spread, until), (90.0, NOW.plus_ms(3_000)));
    assert_eq!(said.next[0].change, Relaxation::Aim { points: 90.0 });
}

#[test]
fn roles_are_counted() {
    let mut mode = mode(1, 3, 3);
    mode.rules.roles = Some(RoleRule {
        attribute: "roles".into(),
        per_team: [("dps".to_owned(), 2), ("tank".to_owned(), 1)].into(),
        autofill_after_ms: 30_000,
    });
    let mut pool = pool(mode, &[]);
    for id in 0..2 {
        pool.insert(with("1500 5 1 eu:20 -", id, "roles", &list(&["dps"])));
    }
    pool.insert(with("1500 5 1 eu:20 -", 2, "roles", &list(&["dps"])));
    let explained = said(&pool, &both());
    let missing = [("tank".to_owned(), 1)].into();
    assert_eq!(
        explained.hold,
        Hold::Roles {
            region: region("eu"),
            missing
        }
    );
    assert_eq!(
        explained.next[0],
        Next {
            at: NOW.plus_ms(25_000),
            change: Relaxation::AnyRole
        }
    );
    pool.insert(with("1500 5 1 eu:20 -", 0, "roles", &list(&["tank"])));
    pool.insert(with("1500 5 1 eu:20 -", 3, "roles", &list(&["tank"])));
    let apart = Apart {
        seats: 1,
        ..Apart::default()
    };
    assert_eq!(said(&pool, &both()).apart, apart);
}

#[test]
fn parties_that_leave_seats_empty_do_not_make_a_match() {
    let tickets = ["1500 5 2 eu:20 -", "1500 5 2 eu:20 -", "1500 5 2 eu:20 -"];
    let said = explained(mode(2, 6, 6), &tickets, &both());
    assert_eq!(
        said.hold,
        Hold::Together {
            region: region("eu"),
            rule: None
        }
    );
}

#[test]
fn smaller_matches_and_the_end_of_waiting_come_with_time() {
    let mut mode = mode(2, 4, 2);
    let then = HardStopAction::GiveUp;
    mode.rules.hard_stop = Some(HardStop {
        after_ms: 60_000,
        then: then.clone(),
    });
    let said = explained(mode, &["1500 5 1 eu:20 -"], &both());
    assert_eq!(
        said.hold,
        Hold::Players {
            region: region("eu"),
            have: 1,
            need: 4
        }
    );
    let players = Next {
        at: NOW.plus_ms(5_000),
        change: Relaxation::Players { least: 2 },
    };
    let stop = Next {
        at: NOW.plus_ms(55_000),
        change: Relaxation::HardStop { then },
    };
    assert_eq!(said.next, [players, stop]);
}

#[test]
fn a_rule_that_the_nearest_do_not_keep_is_named() {
    let set = r#"{"ruleLanguageVersion": "1.0",
        "playerAttributes": [{"name": "map", "type": "string"}],
        "teams": [{"name": "duo", "minPlayers": 1, "maxPlayers": 1, "quantity": 2}],
        "rules": [{"name": "SameMap", "type": "comparison", "operation": "=",
                   "measurements": ["flatten(teams[*].players.attributes[map])"]}]}"#;
    let set = RuleSet::parse(set).unwrap();
    let mut mode = set.mode(mode(2, 2, 2).name);
    mode.rules.same.clear();
    let map = |name: &str| Attribute::Text(name.to_owned());
    let mut pool = pool(mode, &[]);
    pool.insert(with("1500 5 1 eu:20 -", 0, "map", &map("desert")));
    pool.insert(with("1500 5 1 eu:20 -", 1, "map", &map("forest")));
    assert!(pool.plan(&both(), ALL, NOW).matches.is_empty());
    let explained = said(&pool, &both());
    let Hold::Together {
        rule: Some(rule), ..
    } = &explained.hold
    else {
        panic!("{explained:?}");
    };
    assert!(rule.contains("SameMap"), "{rule}");
    assert!(explained.words()[1].contains(rule));
}

proptest! {
    #[test]
    fn counts_add_up_to_the_others(
        sketches in prop::collection::vec((1_000_u32..2_000, 0_u32..30, 1_u32..4, 10_u32..150, 10_u32..150, 0_u32..3), 1..40),
        planned in any::<bool>(), teams in 1_u32..3,
    ) {
        let texts: Vec<String> = sketches.iter().map(|(skill, waited, size, eu, us, label)| {
            let label = ["-", "60", "128"][*label as usize];
            format!("{skill} {waited} {size} eu:{eu},us:{us} {label}")
        }).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut pool = pool(mode(teams, 6, 4), &texts);
        if planned {
            let plan = pool.plan(&both(), ALL, NOW);
            for id in plan.matches.iter().flat_map(|planned| &planned.teams).flatten() {
                pool.remove(*id);
            }
        }
        let mut places = Vec::new();
        for id in (0..).take(texts.len()).map(TicketId::from_u128) {
            let Some(said) = pool.explain(id, &both(), NOW) else { continue };
            prop_assert_eq!(said.apart.sum() + said.remaining, said.others);
            prop_assert_eq!(said.others as usize + 1, pool.len());
            prop_assert!(said.words().iter().all(|words| words.ends_with('.')));
            places.push(said.place as usize);
        }
        places.sort_unstable();
        prop_assert_eq!(places, (1..=pool.len()).collect::<Vec<_>>());
    }
}

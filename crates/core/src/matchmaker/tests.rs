use super::*;
use crate::id::{GameModeName, PlayerId};
use crate::mode::SkillWindow;
use crate::rules::Rules;
use crate::ticket::{Requirements, TicketPlayer, TicketState};

pub(super) const NOW: Timestamp = Timestamp(1_000_000);
pub(super) const ALL: Budget = Budget { matches_max: 1_000 };

pub(super) fn region(name: &str) -> Region {
    Region::new(name).unwrap()
}

/// A mode with a window of 100, growing by 10 per second to 300, that settles after 10 s.
pub(super) fn mode(teams: u32, players_target: u32, players_min: u32) -> GameMode {
    GameMode {
        name: GameModeName::new("test").unwrap(),
        teams,
        players_target,
        players_min,
        settle_after_ms: 10_000,
        latency_max_ms: 100,
        skill: SkillWindow {
            initial: 100.0,
            growth_per_second: 10.0,
            max: 300.0,
        },
        rules: Rules::default(),
    }
}

/// `skill waited_s size latencies label`, for instance `1500 12 2 eu:20,us:90 60`; `-` is no label.
pub(super) fn ticket(id: u128, text: &str) -> Arc<Ticket> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [skill, waited_s, size, latencies, label] = words[..] else {
        panic!("five words are needed in {text:?}");
    };
    let size: usize = size.parse().unwrap();
    let players = (0..size).map(|player| TicketPlayer {
        player_id: PlayerId::new(format!("p{id}-{player}")).unwrap(),
        skill: skill.parse().unwrap(),
        skill_uncertainty: 0.0,
        latencies_ms: latencies
            .split(',')
            .map(|latency| latency.split_once(':').unwrap())
            .map(|(name, ms)| (region(name), ms.parse().unwrap()))
            .collect(),
        attributes: BTreeMap::new(),
    });
    let created_at = NOW.minus_ms(waited_s.parse::<u64>().unwrap() * 1_000);
    Arc::new(Ticket {
        id: TicketId::from_u128(id),
        game_mode: GameModeName::new("test").unwrap(),
        players: players.collect(),
        region_preference: Vec::new(),
        requirements: Requirements {
            labels: (label != "-")
                .then(|| ("tick_rate".to_owned(), label.to_owned()))
                .into_iter()
                .collect(),
            ..Requirements::default()
        },
        state: TicketState::Searching,
        created_at,
        expires_at: NOW.plus_ms(600_000),
        changed_at: created_at,
        requeues: 0,
    })
}

pub(super) fn supply(servers: &[(&str, u32)]) -> Supply {
    Supply {
        servers: servers.iter().map(|(name, n)| (region(name), *n)).collect(),
    }
}

pub(super) fn pool(mode: GameMode, tickets: &[&str]) -> Pool {
    let mut pool = Pool::new(mode, vec![region("eu"), region("us")]);
    for (id, text) in (0..).zip(tickets) {
        pool.insert(ticket(id, text));
    }
    pool
}

/// `region: team | team` per match; teams and the tickets in them are sorted.
fn shown(plan: &Plan) -> Vec<String> {
    let team = |team: &Vec<TicketId>| {
        let mut ids: Vec<u128> = team.iter().map(|id| id.as_u128()).collect();
        ids.sort_unstable();
        let ids: Vec<String> = ids.iter().map(u128::to_string).collect();
        ids.join(" ")
    };
    plan.matches
        .iter()
        .map(|planned| {
            let mut teams: Vec<String> = planned.teams.iter().map(team).collect();
            teams.sort();
            format!("{}: {}", planned.region, teams.join(" | "))
        })
        .collect()
}

struct Case {
    name: &'static str,
    mode: (u32, u32, u32),
    tickets: &'static [&'static str],
    matches: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        name: "two that fit play at once",
        mode: (2, 2, 2),
        tickets: &["1500 0 1 eu:20 -", "1580 0 1 eu:30 -"],
        matches: &["eu: 0 | 1"],
    },
    Case {
        name: "the window counts up to its edge",
        mode: (2, 2, 2),
        tickets: &["1500 0 1 eu:20 -", "1600 0 1 eu:20 -"],
        matches: &["eu: 0 | 1"],
    },
    Case {
        name: "beyond the window nobody plays",
        mode: (2, 2, 2),
        tickets: &["1500 0 1 eu:20 -", "1600.5 0 1 eu:20 -"],
        matches: &[],
    },
    Case {
        name: "both sides must allow the difference: one has waited, the other has not",
        mode: (2, 2, 2),
        tickets: &["1500 15 1 eu:20 -", "1620 0 1 eu:20 -"],
        matches: &[],
    },
    Case {
        name: "both have waited",
        mode: (2, 2, 2),
        tickets: &["1500 15 1 eu:20 -", "1620 3 1 eu:20 -"],
        matches: &["eu: 0 | 1"],
    },
    Case {
        name: "every pair counts, not only those with the anchor",
        mode: (1, 3, 3),
        tickets: &["1500 0 1 eu:20 -", "1420 0 1 eu:20 -", "1580 0 1 eu:20 -"],
        matches: &[],
    },
    Case {
        name: "no region in common",
        mode: (2, 2, 2),
        tickets: &["1500 0 1 eu:20 -", "1500 0 1 us:20 -"],
        matches: &[],
    },
    Case {
        name: "regions in common by pairs are not enough",
        mode: (1, 3, 3),
        tickets: &[
            "1500 2 1 eu:20,us:150 -",
            "1500 1 1 eu:20,us:20 -",
            "1500 0 1 us:20 -",
        ],
        matches: &[],
    },
    Case {
        name: "the region where the worst-placed is placed best",
        mode: (2, 2, 2),
        tickets: &["1500 1 1 eu:20,us:60 -", "1500 0 1 eu:90,us:50 -"],
        matches: &["us: 0 | 1"],
    },
    Case {
        name: "the oldest chooses first, and takes the nearest",
        mode: (2, 2, 2),
        tickets: &["1540 0 1 eu:20 -", "1500 5 1 eu:20 -", "1510 0 1 eu:20 -"],
        matches: &["eu: 1 | 2"],
    },
    Case {
        name: "requirements that contradict",
        mode: (2, 2, 2),
        tickets: &["1500 1 1 eu:20 60", "1500 0 1 eu:20 128"],
        matches: &[],
    },
    Case {
        name: "a third cannot join two that contradict through it",
        mode: (1, 3, 3),
        tickets: &[
            "1500 2 1 eu:20 -",
            "1500 1 1 eu:20 60",
            "1500 0 1 eu:20 128",
        ],
        matches: &[],
    },
    Case {
        name: "parties stay whole",
        mode: (2, 4, 4),
        tickets: &["1500 2 2 eu:20 -", "1500 1 1 eu:20 -", "1500 0 1 eu:20 -"],
        matches: &["eu: 0 | 1 2"],
    },
    Case {
        name: "parties of three do not fill teams of four",
        mode: (2, 8, 8),
        tickets: &["1500 2 3 eu:20 -", "1500 1 3 eu:20 -", "1500 0 2 eu:20 -"],
        matches: &[],
    },
    Case {
        name: "a near party that blocks an exact seating is passed over",
        mode: (2, 10, 10),
        tickets: &[
            "1500 9 3 eu:20 -",
            "1501 1 4 eu:20 -",
            "1510 1 3 eu:20 -",
            "1520 1 2 eu:20 -",
            "1530 1 2 eu:20 -",
        ],
        matches: &["eu: 0 4 | 2 3"],
    },
    Case {
        name: "below the target nobody plays before the settle time",
        mode: (1, 4, 2),
        tickets: &["1500 9 1 eu:20 -", "1500 0 1 eu:20 -", "1500 0 1 eu:20 -"],
        matches: &[],
    },
    Case {
        name: "from the settle time on, as many as there are",
        mode: (1, 4, 2),
        tickets: &["1500 10 1 eu:20 -", "1500 0 1 eu:20 -", "1500 0 1 eu:20 -"],
        matches: &["eu: 0 1 2"],
    },
    Case {
        name: "solos settle for equal teams only",
        mode: (2, 6, 2),
        tickets: &["1500 10 1 eu:20 -", "1501 0 1 eu:20 -", "1502 0 1 eu:20 -"],
        matches: &["eu: 0 | 1"],
    },
    Case {
        name: "with a party teams may differ by one",
        mode: (2, 6, 2),
        tickets: &["1500 10 2 eu:20 -", "1501 0 1 eu:20 -"],
        matches: &["eu: 0 | 1"],
    },
    Case {
        name: "with a party teams never differ by two",
        mode: (2, 6, 2),
        tickets: &["1500 10 3 eu:20 -", "1501 0 1 eu:20 -"],
        matches: &[],
    },
    Case {
        name: "the oldest in the smaller team",
        mode: (2, 10, 2),
        tickets: &["1500 10 1 eu:20 -", "1501 0 2 eu:20 -"],
        matches: &["eu: 0 | 1"],
    },
    Case {
        name: "the oldest comes first, also in the smaller team",
        mode: (2, 10, 2),
        tickets: &[
            "1500 12 1 eu:20 -",
            "1500 0 2 eu:20 -",
            "3000 11 1 eu:20 -",
            "3000 0 1 eu:20 -",
        ],
        matches: &["eu: 0 | 1", "eu: 2 | 3"],
    },
    Case {
        name: "a party that is left out does not make teams of solos differ",
        mode: (2, 10, 3),
        tickets: &[
            "1500 10 1 eu:20 -",
            "1500 0 1 eu:20 -",
            "1500 0 1 eu:20 -",
            "1500 0 5 eu:20 -",
        ],
        matches: &[],
    },
    Case {
        name: "one who is left out does not settle for the others",
        mode: (3, 9, 3),
        tickets: &[
            "1500 10 3 eu:20 -",
            "1500 2 1 eu:20 -",
            "1500 1 1 eu:20 -",
            "1500 0 1 eu:20 -",
        ],
        matches: &[],
    },
    Case {
        name: "those who were in the way are gone, and the others find each other",
        mode: (1, 4, 4),
        tickets: &[
            "1500 15 1 eu:20 60",
            "1501 15 1 eu:20 60",
            "1700 15 1 eu:20 60",
            "1701 15 1 eu:20 60",
            "1520 0 1 eu:20 -",
            "1521 0 1 eu:20 128",
            "1522 0 1 eu:20 128",
            "1523 0 1 eu:20 128",
            "1680 0 1 eu:20 -",
            "1679 0 1 eu:20 128",
            "1678 0 1 eu:20 128",
            "1677 0 1 eu:20 128",
        ],
        matches: &["eu: 4 5 6 7", "eu: 8 9 10 11", "eu: 0 1 2 3"],
    },
    Case {
        name: "a window on one side of the anchor",
        mode: (1, 4, 4),
        tickets: &[
            "1500 3 1 eu:20 -",
            "1450 1 1 eu:20 -",
            "1560 0 1 eu:20 -",
            "1580 0 1 eu:20 -",
            "1600 0 1 eu:20 -",
        ],
        matches: &["eu: 0 2 3 4"],
    },
    Case {
        name: "teams are balanced",
        mode: (2, 4, 4),
        tickets: &[
            "1540 3 1 eu:20 -",
            "1500 0 1 eu:20 -",
            "1510 0 1 eu:20 -",
            "1530 0 1 eu:20 -",
        ],
        matches: &["eu: 0 1 | 2 3"],
    },
];

#[test]
fn i6_matches_keep_the_rules_and_are_found() {
    let supply = supply(&[("eu", 9), ("us", 9)]);
    for case in CASES {
        let (teams, target, least) = case.mode;
        let mode = mode(teams, target, least);
        assert_eq!(mode.check(), Ok(()), "{}", case.name);
        let plan = pool(mode, case.tickets).plan(&supply, ALL, NOW);
        assert_eq!(shown(&plan), case.matches, "{}", case.name);
    }
}

#[test]
fn a_match_goes_where_a_server_is_free() {
    let tickets = ["1500 1 1 eu:20,us:80 -", "1500 0 1 eu:20,us:90 -"];
    let mut pool = pool(mode(2, 2, 2), &tickets);
    let plan = pool.plan(&supply(&[("us", 1)]), ALL, NOW);
    assert_eq!(shown(&plan), ["us: 0 | 1"]);
    assert_eq!(plan.matches[0].quality.latency_worst_ms, Some(90));
    assert_eq!(plan.matches[0].quality.wait_oldest_ms, 1_000);
    assert_eq!(plan.matches[0].quality.wait_newest_ms, 0);
    assert_eq!(plan.unplaced, BTreeMap::new());
}

#[test]
fn each_that_waits_has_its_reason() {
    let tickets = [
        "1500 5 1 eu:20,us:80 -",
        "1500 4 1 eu:20,us:80 -",
        "1500 3 1 eu:20 -",
        "1500 2 1 eu:20 -",
        "1500 1 1 eu:20 -",
    ];
    let mut pool = pool(mode(2, 2, 2), &tickets);
    let plan = pool.plan(&supply(&[("eu", 1)]), ALL, NOW);
    assert_eq!(shown(&plan), ["eu: 0 | 1"]);
    assert_eq!(plan.unplaced, [(region("eu"), 1)].into());
    let expected = Waiting {
        for_players: 1,
        for_server: 2,
        for_fleet: 0,
        for_turn: 0,
    };
    assert_eq!(plan.waiting, expected);
}

#[test]
fn a_region_without_a_fleet_is_not_waited_for() {
    let tickets = [
        "1500 5 1 us:20 -",
        "1500 4 1 us:20 -",
        "1500 3 1 eu:20 -",
        "1500 2 1 eu:20 -",
    ];
    let plan = pool(mode(2, 2, 2), &tickets).plan(&supply(&[("eu", 0)]), ALL, NOW);
    assert_eq!(plan.unplaced, [(region("eu"), 1)].into());
    assert_eq!((plan.waiting.for_fleet, plan.waiting.for_server), (2, 2));
}

#[test]
fn a_budget_that_runs_out_is_carried_over_only_if_something_is_left() {
    let tickets = ["1500 0 1 eu:20 -"; 5];
    let supply = supply(&[("eu", 9)]);
    for (matches_max, planned, carry_over, for_turn) in
        [(0, 0, true, 5), (1, 1, true, 3), (2, 2, false, 0)]
    {
        let plan = pool(mode(2, 2, 2), &tickets).plan(&supply, Budget { matches_max }, NOW);
        assert_eq!(plan.matches.len(), planned);
        assert_eq!(plan.carry_over, carry_over);
        assert_eq!(plan.waiting.for_turn, for_turn);
        assert_eq!(plan.next_at == Some(NOW), carry_over);
    }
}

#[test]
fn i1_a_player_of_two_tickets_is_planned_once() {
    let mut pool = Pool::new(mode(2, 2, 2), vec![region("eu")]);
    let first = ticket(1, "1500 3 1 eu:20 -");
    let mut second = Ticket::clone(&first);
    second.id = TicketId::from_u128(2);
    pool.insert(first);
    pool.insert(Arc::new(second));
    let servers = supply(&[("eu", 9)]);
    assert_eq!(pool.plan(&servers, ALL, NOW).matches, []);

    pool.insert(ticket(3, "1500 2 1 eu:20 -"));
    pool.insert(ticket(4, "1500 1 1 eu:20 -"));
    let plan = pool.plan(&servers, ALL, NOW);
    assert_eq!(plan.matches.len(), 1);
    assert_eq!(plan.waiting.for_players, 2);

    for id in plan.matches[0].teams.iter().flatten() {
        pool.remove(*id);
    }
    assert_eq!(pool.plan(&servers, ALL, NOW).matches.len(), 1);
}

#[test]
fn the_next_look_is_when_waiting_changes_something() {
    let servers = supply(&[("eu", 9)]);
    let next_at = |players_min: u32, tickets: &[&str]| {
        pool(mode(2, 6, players_min), tickets)
            .plan(&servers, ALL, NOW)
            .next_at
    };
    assert_eq!(next_at(2, &[]), None);
    assert_eq!(
        next_at(2, &["1 0 1 eu:20 -"]),
        None,
        "alone, waiting changes nothing"
    );
    let apart = ["1500 0 1 eu:20 -", "1650 0 1 eu:20 -"];
    assert_eq!(
        next_at(2, &apart),
        Some(NOW.plus_ms(5_000)),
        "the windows meet"
    );
    let near = ["1500 4 1 eu:20 -", "1500 4 1 eu:20 -"];
    assert_eq!(
        next_at(2, &near),
        Some(NOW.plus_ms(6_000)),
        "two are enough"
    );
    assert_eq!(next_at(4, &near), None);
    let mut still = mode(2, 6, 2);
    still.skill.growth_per_second = 0.0;
    let plan = pool(still, &apart).plan(&servers, ALL, NOW);
    assert_eq!(plan.next_at, None, "windows that do not widen never meet");
}

#[test]
fn what_cannot_be_played_here_waits_and_harms_nobody() {
    let mut pool = pool(mode(2, 2, 2), &["1500 9 2 eu:20 -", "1500 0 1 eu:20 -"]);
    let mut other = Ticket::clone(&ticket(7, "1500 5 1 eu:20 -"));
    other.game_mode = GameModeName::new("other").unwrap();
    pool.insert(Arc::new(other));
    let plan = pool.plan(&supply(&[("eu", 9), ("mars", 9)]), ALL, NOW);
    assert_eq!(plan.matches, []);
    assert_eq!(plan.waiting.for_players, 3);
}

#[test]
fn without_measurements_the_preference_decides() {
    let mut pool = Pool::new(mode(2, 2, 2), vec![region("eu"), region("us")]);
    for id in 0..2 {
        let mut ticket = Ticket::clone(&ticket(id, "1500 0 1 eu:20 -"));
        ticket.players[0].latencies_ms.clear();
        ticket.region_preference = vec![region("us"), region("eu")];
        pool.insert(Arc::new(ticket));
    }
    let plan = pool.plan(&supply(&[("eu", 9), ("us", 9)]), ALL, NOW);
    assert_eq!(shown(&plan), ["us: 0 | 1"]);
    assert_eq!(plan.matches[0].quality.latency_worst_ms, None);
}

#[test]
fn i1_who_is_set_aside_is_not_planned_again_when_more_regions_become_acceptable() {
    let mut mode = mode(2, 2, 2);
    mode.rules.latency = vec![crate::rules::LatencyStep {
        after_ms: 5_000,
        max_ms: 150,
    }];
    let tickets = ["1500 0 1 eu:20,us:120 -"; 2];
    let mut pool = pool(mode, &tickets);
    let servers = supply(&[("eu", 9), ("us", 9)]);
    assert_eq!(shown(&pool.plan(&servers, ALL, NOW)), ["eu: 0 | 1"]);
    let later = pool.plan(&servers, ALL, NOW.plus_ms(6_000));
    assert_eq!(shown(&later), [""; 0]);
    pool.insert(ticket(0, tickets[0]));
    pool.insert(ticket(1, tickets[1]));
    let again = pool.plan(&servers, ALL, NOW.plus_ms(6_000));
    assert_eq!(shown(&again), ["eu: 0 | 1"]);
}

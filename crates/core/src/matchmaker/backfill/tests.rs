use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::id::TicketId;
use crate::matches::Fill;
use crate::matchmaker::tests::{ALL, NOW, mode, region, ticket};
use crate::matchmaker::{Budget, Plan, Pool, Supply};
use crate::mode::GameMode;
use crate::rules::RoleRule;
use crate::ticket::Attribute;

/// A live match in eu with `seated` as in [`ticket`], each with its team behind a colon, that offers `seats` since
/// `free_s` seconds.
fn live(id: u128, seated: &[&str], seats: &[u32], free_s: u64) -> LiveMatch {
    let since = NOW.minus_ms(free_s * 1_000);
    let seat = |(place, text): (u128, &&str)| {
        let (team, text) = text.split_once(' ').unwrap();
        Seated {
            ticket: ticket(1_000 * id + place, text),
            team: team.parse().unwrap(),
            joined_at: since,
        }
    };
    LiveMatch {
        id: MatchId::from_u128(id),
        region: region("eu"),
        seated: (0..).zip(seated).map(seat).collect(),
        open: OpenSeats {
            seats: seats.to_vec(),
            since,
        },
        labels: BTreeMap::new(),
        max_players: None,
        roles: BTreeMap::new(),
    }
}

fn with(mode: GameMode, backfill: Backfill, live: &[LiveMatch], tickets: &[&str]) -> Pool {
    let mut mode = mode;
    mode.rules.backfill = backfill;
    let mut pool = Pool::new(mode, vec![region("eu"), region("us")]);
    for live in live {
        pool.open(live.clone());
    }
    for (id, text) in (1..).zip(tickets) {
        pool.insert(ticket(id, text));
    }
    pool
}

fn servers(count: u32) -> Supply {
    Supply {
        servers: [(region("eu"), count)].into(),
    }
}

fn plan(pool: &mut Pool, now: Timestamp) -> Plan {
    pool.plan(&servers(9), ALL, now)
}

/// Numbers of the tickets with their teams.
fn joined(fill: &Fill) -> Vec<(u128, u32)> {
    let mut joined: Vec<_> = fill
        .tickets
        .iter()
        .map(|(id, team)| (id.as_u128(), *team))
        .collect();
    joined.sort_unstable();
    joined
}

fn fills(plan: &Plan) -> Vec<(u128, Vec<(u128, u32)>)> {
    let fill = |fill: &Fill| (fill.match_id.as_u128(), joined(fill));
    plan.fills.iter().map(fill).collect()
}

const PAIR: [&str; 2] = ["0 1500 3 1 eu:20 -", "1 1510 3 1 eu:20 -"];

#[test]
fn a_solo_takes_the_free_seat_of_the_smaller_team() {
    let game = live(7, &["0 1500 3 2 eu:20 -", "1 1510 3 1 eu:20 -"], &[0, 1], 0);
    let mut pool = with(
        mode(2, 4, 4),
        Backfill::High,
        &[game],
        &["1520 1 1 eu:30 -"],
    );
    let found = plan(&mut pool, NOW);
    assert_eq!(fills(&found), [(7, vec![(1, 1)])]);
    let fill = &found.fills[0];
    assert_eq!(fill.players, 1);
    assert!((fill.quality.skill_spread - 20.0).abs() < 0.01);
    assert_eq!(fill.quality.latency_worst_ms, Some(30));
    assert_eq!(fill.quality.wait_oldest_ms, 1_000, "of the newcomers");
    assert_eq!(found.waiting, crate::matchmaker::Waiting::default());
    assert!(plan(&mut pool, NOW).fills.is_empty(), "both are set aside");
}

#[test]
fn without_backfill_nobody_joins() {
    let game = live(7, &PAIR, &[1, 1], 0);
    let mut pool = with(mode(2, 4, 4), Backfill::Off, &[game], &["1500 1 1 eu:20 -"]);
    assert!(plan(&mut pool, NOW).fills.is_empty());
}

#[test]
fn i6_the_seated_allow_what_they_did_and_more_while_seats_are_free() {
    // They waited 3 s, so 130 points at once; 100 + 10 a second are what the newcomer allows, who came now.
    let game = live(7, &PAIR, &[1, 1], 0);
    let mut pool = with(
        mode(2, 4, 4),
        Backfill::High,
        &[game],
        &["1650 0 1 eu:20 -"],
    );
    let first = plan(&mut pool, NOW);
    assert!(first.fills.is_empty());
    assert_eq!(
        first.next_at,
        Some(NOW.plus_ms(5_000)),
        "150 points for both"
    );
    assert!(plan(&mut pool, NOW.plus_ms(4_999)).fills.is_empty());
    assert_eq!(
        fills(&plan(&mut pool, NOW.plus_ms(5_000))),
        [(7, vec![(1, 0)])]
    );
}

#[test]
fn i6_whoever_joined_while_seats_were_free_counts_from_then() {
    // The seats are free for 20 s, which would be 300 points; but one of the two joined just now, after 1 s.
    let mut game = live(7, &PAIR, &[1, 1], 20);
    game.seated[1].joined_at = game.seated[1].ticket.created_at.plus_ms(1_000);
    let now = game.seated[1].joined_at;
    let mut pool = with(
        mode(2, 4, 4),
        Backfill::High,
        &[game],
        &["1650 60 1 eu:20 -"],
    );
    assert!(plan(&mut pool, now).fills.is_empty());
    assert_eq!(plan(&mut pool, now.plus_ms(4_000)).fills.len(), 1);
}

#[test]
fn parties_stay_whole_and_full_seats_beat_the_nearest() {
    let game = live(7, &["0 1500 3 1 eu:20 -", "1 1500 3 3 eu:20 -"], &[2, 0], 0);
    let tickets = ["1500 0 1 eu:20 -", "1520 0 2 eu:20 -", "1500 0 3 eu:20 -"];
    let mut pool = with(mode(2, 6, 6), Backfill::High, &[game], &tickets);
    assert_eq!(fills(&plan(&mut pool, NOW)), [(7, vec![(2, 0)])]);
}

#[test]
fn high_goes_before_a_new_match_and_low_after_it() {
    let tickets = ["1500 5 1 eu:20 -", "1500 5 1 eu:20 -"];
    let turn = |backfill| {
        let game = live(7, &["0 1500 3 1 eu:20 -"], &[0, 1], 60);
        let mut pool = with(mode(2, 2, 2), backfill, &[game], &tickets);
        let found = plan(&mut pool, NOW);
        (found.fills.len(), found.matches.len())
    };
    assert_eq!(turn(Backfill::High), (1, 0));
    assert_eq!(turn(Backfill::Low), (0, 1));
}

#[test]
fn low_takes_those_who_wait_for_a_server() {
    let game = live(7, &["0 1500 3 1 eu:20 -"], &[0, 1], 60);
    let tickets = ["1500 5 1 eu:20 -", "1500 5 1 eu:20 -"];
    let mut pool = with(mode(2, 2, 2), Backfill::Low, &[game], &tickets);
    let found = pool.plan(&servers(0), ALL, NOW);
    assert_eq!((found.fills.len(), found.matches.len()), (1, 0));
    assert!(found.unplaced.is_empty(), "one is left");
}

#[test]
fn normal_seats_are_as_old_as_they_are_free() {
    let tickets = ["1500 5 1 eu:20 -", "1500 5 1 eu:20 -"];
    let turn = |free_s| {
        let game = live(7, &["0 1500 3 1 eu:20 -"], &[0, 1], free_s);
        let mut pool = with(mode(2, 2, 2), Backfill::Normal, &[game], &tickets);
        let found = plan(&mut pool, NOW);
        (found.fills.len(), found.matches.len())
    };
    assert_eq!(turn(6), (1, 0), "the seats are older");
    assert_eq!(turn(4), (0, 1), "the tickets are older");
}

#[test]
fn the_nearest_match_takes_the_ticket() {
    let games = [
        live(7, &["0 1400 30 1 eu:20 -"], &[0, 1], 0),
        live(8, &["0 1490 30 1 eu:20 -"], &[0, 1], 0),
    ];
    let mut pool = with(
        mode(2, 2, 2),
        Backfill::High,
        &games,
        &["1500 30 1 eu:20 -"],
    );
    assert_eq!(fills(&plan(&mut pool, NOW)), [(8, vec![(1, 1)])]);
}

/// So many duels in which one is missing, and tickets that go with everybody.
fn duels(matches: u128, tickets: usize) -> Pool {
    let games = (1..=matches).map(|id| live(id, &["0 1500 3 1 eu:20 -"], &[0, 1], 0));
    let games: Vec<LiveMatch> = games.collect();
    let tickets = vec!["1500 1 1 eu:20 -"; tickets];
    with(mode(2, 2, 2), Backfill::High, &games, &tickets)
}

#[test]
fn many_matches_share_a_crowd() {
    let mut pool = duels(20, 15);
    let found = plan(&mut pool, NOW);
    assert_eq!(found.fills.len(), 15);
    assert_eq!(pool.open_matches().count(), 5);
}

#[test]
fn the_budget_counts_fills_and_they_go_on() {
    let mut pool = duels(5, 5);
    let two = Budget { matches_max: 2 };
    let counts = [(2, true), (2, true), (1, false)];
    for (fills, carry_over) in counts {
        let found = pool.plan(&servers(9), two, NOW);
        assert_eq!((found.fills.len(), found.carry_over), (fills, carry_over));
    }
}

#[test]
fn labels_and_sizes_of_the_server_count() {
    let offer = |labels: &[(&str, &str)]| LiveMatch {
        labels: labels
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
        ..live(7, &PAIR, &[1, 1], 0)
    };
    let joins = |game: LiveMatch| {
        let mut pool = with(
            mode(2, 4, 4),
            Backfill::High,
            &[game],
            &["1500 1 1 eu:20 60"],
        );
        plan(&mut pool, NOW).fills.len()
    };
    assert_eq!(joins(offer(&[("tick_rate", "60")])), 1);
    assert_eq!(joins(offer(&[])), 1);
    assert_eq!(joins(offer(&[("tick_rate", "30")])), 0);
}

fn with_roles(pool: &mut Pool, id: u128, roles: &[&str]) {
    let mut asks = Ticket::clone(&pool.remove(TicketId::from_u128(id)).unwrap());
    let roles = roles.iter().map(ToString::to_string).collect();
    asks.players[0]
        .attributes
        .insert("roles".into(), Attribute::List(roles));
    pool.insert(Arc::new(asks));
}

#[test]
fn newcomers_get_the_roles_that_are_left() {
    let mut mode = mode(2, 4, 4);
    mode.rules.roles = Some(RoleRule {
        attribute: "roles".into(),
        per_team: [("healer", 1), ("tank", 1)]
            .map(|(role, seats)| (role.to_owned(), seats))
            .into(),
        autofill_after_ms: 30_000,
    });
    // Both would play anything, and each has been told what they play.
    let mut game = live(7, &PAIR, &[1, 1], 0);
    for (seated, role) in game.seated.iter().zip(["tank", "healer"]) {
        let player = seated.ticket.players[0].player_id.clone();
        game.roles.insert(player, role.to_owned());
    }
    let tickets = ["1500 9 1 eu:20 -", "1500 8 1 eu:20 -", "1500 7 1 eu:20 -"];
    let mut pool = with(mode, Backfill::High, &[game], &tickets);
    with_roles(&mut pool, 1, &["tank"]);
    with_roles(&mut pool, 2, &["tank"]);
    with_roles(&mut pool, 3, &["tank", "healer"]);
    let found = plan(&mut pool, NOW);
    assert_eq!(fills(&found), [(7, vec![(1, 1), (3, 0)])]);
    let told: Vec<&str> = found.fills[0].roles.values().map(String::as_str).collect();
    assert_eq!(told, ["tank", "healer"]);
}

#[test]
fn unfair_fills_are_not_made_and_a_fairer_smaller_one_is() {
    let mut mode = mode(2, 4, 4);
    mode.rules.team_gap_max = Some(30.0);
    // With both, the teams' means are 1,500 and 1,545.
    let game = live(7, &["0 1500 9 2 eu:20 -", "1 1500 9 1 eu:20 -"], &[0, 1], 9);
    let mut pool = with(mode.clone(), Backfill::High, &[game], &["1590 9 1 eu:20 -"]);
    assert!(plan(&mut pool, NOW).fills.is_empty());
    let game = live(7, &["0 1500 9 1 eu:20 -", "1 1500 9 1 eu:20 -"], &[1, 1], 9);
    let tickets = ["1590 99 1 eu:20 -", "1500 9 1 eu:20 -"];
    let mut pool = with(mode, Backfill::High, &[game], &tickets);
    assert_eq!(fills(&plan(&mut pool, NOW)), [(7, vec![(2, 0)])]);
}

#[test]
fn a_closed_match_takes_nobody_and_an_opened_one_again() {
    let game = live(7, &PAIR, &[1, 1], 0);
    let mut pool = with(mode(2, 4, 4), Backfill::High, &[], &["1500 1 1 eu:20 -"]);
    pool.open(game.clone());
    pool.close(game.id);
    assert!(plan(&mut pool, NOW).fills.is_empty());
    pool.open(game);
    assert_eq!(plan(&mut pool, NOW).fills.len(), 1);
}

#[test]
fn nothing_is_looked_at_when_nothing_changed() {
    let game = live(7, &PAIR, &[1, 1], 0);
    let far = ["1900 1 1 eu:20 -", "1500 1 1 us:20 -"];
    let mut pool = with(mode(2, 4, 4), Backfill::High, &[game], &far);
    assert!(plan(&mut pool, NOW).fills.is_empty());
    assert!(pool.live.fresh.is_empty());
    pool.insert(ticket(3, "1900 0 1 eu:20 -"));
    pool.live.wake(&mut pool.index, NOW);
    assert!(pool.live.fresh.is_empty(), "it is out of reach for ever");
    pool.insert(ticket(4, "1700 0 1 eu:20 -"));
    pool.live.wake(&mut pool.index, NOW);
    assert_eq!(pool.live.fresh.len(), 1);
}

/// 1 goes only with 2 as long as 2 stands between it and 3; a fill takes 2 and so makes a match, in the same plan as in a
/// pool made just now.
#[test]
fn who_stands_next_to_a_newcomer_of_a_fill_is_looked_at_in_the_same_plan() {
    let mut mode = mode(2, 2, 2);
    mode.rules.aim = Some(crate::mode::SkillWindow {
        initial: 5.0,
        growth_per_second: 5.0,
        max: 100.0,
    });
    let tickets = [
        "1500 0 1 eu:20,us:20 -",
        "1510 1 1 eu:20,us:20 -",
        "1520 10 1 us:20 -",
    ];
    let game = live(7, &["0 1510 3 1 eu:20 -"], &[0, 1], 0);
    let supply = |count: u32| Supply {
        servers: [(region("eu"), 0), (region("us"), count)].into(),
    };
    let mut aged = with(mode.clone(), Backfill::High, &[], &tickets);
    let before = aged.plan(&supply(0), ALL, NOW);
    assert_eq!((before.matches.len(), before.waiting.for_server), (0, 2));
    aged.open(game.clone());
    let mut fresh = with(mode, Backfill::High, &[game], &tickets);
    let (plan, anew) = (
        aged.plan(&supply(9), ALL, NOW),
        fresh.plan(&supply(9), ALL, NOW),
    );
    assert_eq!(fills(&plan), [(7, vec![(2, 1)])]);
    assert_eq!((plan.matches.len(), &plan), (1, &anew));
}

/// Its id and its age are as small as can be, and it stands where the walk to both sides begins.
#[test]
fn i1_a_ticket_takes_one_seat_wherever_it_stands() {
    let game = live(7, &["0 1500 3 1 eu:20 -"], &[1, 1], 0);
    let mut pool = with(mode(2, 4, 4), Backfill::High, &[game], &[]);
    let mut first = Ticket::clone(&ticket(1, "1500 0 1 eu:20 -"));
    first.created_at = Timestamp(0);
    pool.insert(Arc::new(first));
    assert_eq!(fills(&plan(&mut pool, NOW)), [(7, vec![(1, 1)])]);
}

/// Who comes and goes has everybody around looked at again and again, each time with a moment.
#[test]
fn i7_moments_that_count_no_more_are_forgotten() {
    let mut mode = mode(2, 4, 4);
    mode.rules.aim = Some(mode.skill);
    let game = live(7, &PAIR, &[1, 1], 0);
    let far = [
        "1750 0 1 eu:20 -",
        "1700 0 1 eu:20 -",
        "1650 0 1 eu:20 -",
        "1640 0 1 eu:20 -",
    ];
    let mut pool = with(mode, Backfill::Low, &[game], &far);
    for id in 9..9_000 {
        pool.insert(ticket(id, "1760 0 1 eu:20 -"));
        let found = plan(&mut pool, NOW);
        assert!(found.fills.is_empty() && found.matches.is_empty());
        pool.remove(TicketId::from_u128(id));
    }
    let (tickets, matches) = (pool.index.moments(), pool.live.alarms.len());
    assert!(tickets < 1_100, "{tickets}");
    assert!(matches < 1_100, "{matches}");
}

#[test]
fn i6_a_party_that_has_left_counts_no_more() {
    let mut game = live(7, &PAIR, &[1, 1], 0);
    let mut left = Ticket::clone(&game.seated[1].ticket);
    left.players.clear();
    game.seated[1].ticket = Arc::new(left);
    let mut pool = with(
        mode(2, 4, 4),
        Backfill::High,
        &[game],
        &["1590 1 1 eu:20 -"],
    );
    let found = plan(&mut pool, NOW);
    assert_eq!(fills(&found), [(7, vec![(1, 1)])]);
    assert!((found.fills[0].quality.skill_spread - 90.0).abs() < 0.01);
}

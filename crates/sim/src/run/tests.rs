use std::cell::RefCell;
use std::rc::Rc;

use stadion_core::id::{GameModeName, PlayerId};
use stadion_core::matches::Quality;
use stadion_core::matchmaker::Plan;
use stadion_core::mode::{GameMode, SkillWindow};
use stadion_core::rules::{HardStop, Rules};
use stadion_core::ticket::TicketPlayer;

use super::*;
use crate::planner::core;
use crate::world::{Distance, Latency, ModeShare, Place, Preset, Recorded};

/// Puts the two that came first into a match in one region, whatever they think of it.
struct Pairs {
    region: Region,
    mode: GameModeName,
    waiting: Vec<Arc<Ticket>>,
    plans: Rc<RefCell<Vec<u64>>>,
}

use stadion_core::ticket::Ticket;

impl Planner for Pairs {
    fn insert(&mut self, ticket: Arc<Ticket>) {
        self.waiting.push(ticket);
        self.waiting.sort_by_key(|ticket| ticket.created_at);
    }

    fn remove(&mut self, id: TicketId) {
        self.waiting.retain(|ticket| ticket.id != id);
    }

    fn plan(&mut self, supply: &Supply, _: Budget, now: Timestamp) -> Plan {
        self.plans.borrow_mut().push(now.0);
        let mut plan = Plan::default();
        let free = supply.servers.get(&self.region).copied().unwrap_or(0);
        for pair in self.waiting.chunks_exact(2).take(free as usize) {
            plan.matches.push(MatchPlan {
                game_mode: self.mode.clone(),
                region: self.region.clone(),
                teams: pair.iter().map(|ticket| vec![ticket.id]).collect(),
                players: 2,
                quality: Quality::default(),
                roles: BTreeMap::new(),
            });
        }
        plan
    }
}

fn region(name: &str) -> Region {
    Region::new(name).unwrap()
}

fn place(name: &str) -> Place {
    Place {
        region: region(name),
        share: 1.0,
        latitude: 0.0,
        longitude: 0.0,
    }
}

/// A player with a skill, latencies to `near` and `far`, and a moment.
fn recorded(at_ms: u64, name: &str, skill: f64, near_ms: u32, far_ms: u32) -> Recorded {
    let latencies_ms = [(region("near"), near_ms), (region("far"), far_ms)];
    Recorded {
        at_ms,
        game_mode: GameModeName::new("duel").unwrap(),
        players: vec![TicketPlayer {
            player_id: PlayerId::new(name).unwrap(),
            skill,
            skill_uncertainty: 0.0,
            latencies_ms: latencies_ms.into(),
            attributes: BTreeMap::new(),
        }],
        region_preference: Vec::new(),
        leaves_after_ms: None,
        line: 0,
    }
}

fn duel(recorded: Vec<Recorded>) -> World {
    let mode = GameMode {
        name: GameModeName::new("duel").unwrap(),
        teams: 2,
        players_target: 2,
        players_min: 2,
        settle_after_ms: 0,
        latency_max_ms: 100,
        skill: SkillWindow {
            initial: 1_000.0,
            growth_per_second: 0.0,
            max: 1_000.0,
        },
        rules: Rules::default(),
    };
    World {
        title: "five players".into(),
        duration_ms: 60_000,
        warm_up_ms: 0,
        modes: vec![ModeShare { mode, share: 1.0 }],
        regions: vec![place("near"), place("far")],
        latency: Latency {
            distance: Distance::Ring { hop_ms: 50.0 },
            line_ms: (10.0, 10.0),
            jitter_ms: (0.0, 0.0),
        },
        recorded: Some(recorded),
        ..World::reference(1.0, 2, 2)
    }
}

fn pairs(plans: &Rc<RefCell<Vec<u64>>>) -> impl Fn(&GameMode, &[Region]) -> Box<dyn Planner> {
    let plans = plans.clone();
    move |mode, regions| {
        Box::new(Pairs {
            region: regions[0].clone(),
            mode: mode.name.clone(),
            waiting: Vec::new(),
            plans: plans.clone(),
        })
    }
}

/// Two matches and one who stays, on a clock of whole seconds.
fn five() -> Vec<Recorded> {
    vec![
        recorded(500, "a", 1_400.0, 20, 70),
        recorded(2_200, "b", 1_600.0, 40, 90),
        recorded(5_000, "c", 1_000.0, 30, 80),
        recorded(9_500, "d", 1_100.0, 180, 30),
        recorded(40_000, "e", 2_000.0, 20, 20),
    ]
}

fn close(is: f64, should: f64) {
    assert!((is - should).abs() < 1e-3, "{is} is not {should}");
}

#[test]
fn every_measure_of_a_tiny_run_is_what_can_be_counted_by_hand() {
    let m = run(&duel(five()), &pairs(&Rc::default()), 1).unwrap();
    let o = &m.overall;
    assert_eq!((o.players, o.matched, o.left, o.waiting), (5, 4, 0, 1));
    close(o.unmatched_percent, 20.0);
    // a and b are matched at 3 s, c and d at 10 s; e waits from 40 s to the end.
    let waits = o.wait_ms;
    assert_eq!(
        (waits.count, waits.p50, waits.p95, waits.max),
        (4, 800.0, 5_000.0, 5_000.0)
    );
    close(waits.mean, (2_500.0 + 800.0 + 5_000.0 + 500.0) / 4.0);
    assert_eq!(
        (o.wait_all_ms.count, o.wait_all_ms.p50, o.wait_all_ms.p99),
        (5, 2_500.0, 20_000.0)
    );
    assert_eq!(
        (o.spread.count, o.spread.p50, o.spread.p95),
        (2, 100.0, 200.0)
    );
    let chance = o.win_chance.unwrap();
    // Φ(200 / √(2·200²)) and Φ(100 / √(2·200²)).
    close(chance.p95, 0.760_25);
    close(chance.p50, 0.638_16);
    close(o.latency_ms.mean, (20.0 + 40.0 + 30.0 + 180.0) / 4.0);
    assert_eq!(o.latency_ms.p95, 180.0);
    assert_eq!((o.unacceptable, o.unacceptable_percent), (1, 25.0));
    let matches = &m.matches;
    // c and d both accept `far`, so the match had a region in common and was not put there.
    assert_eq!((matches.matches, matches.without_common_region), (2, 0));
    close(matches.players_mean, 2.0);
    close(matches.fill_percent, 100.0);
    assert_eq!((matches.servers_peak, matches.placements_failed), (2, 0));
    assert_eq!(matches.oldest_waiting_ms, 20_000);
    assert_eq!(m.wait_ms.0.len(), crate::measures::CURVE_POINTS);
    assert_eq!((m.wait_ms.0[0], m.wait_ms.0[100]), (500.0, 5_000.0));
    assert_eq!(m.spread.0[50], 100.0);
}

#[test]
fn groups_are_the_players_of_a_region_a_mode_and_a_tenth() {
    let m = run(&duel(five()), &pairs(&Rc::default()), 1).unwrap();
    let players = |group: &crate::measures::Group| (group.name.clone(), group.figures.players);
    let regions: Vec<_> = m.by_region.iter().map(players).collect();
    // d measured the lowest latency to `far`; e as much to both, and the first by name counts.
    assert_eq!(regions.iter().map(|(_, count)| count).sum::<u64>(), 5);
    assert_eq!(
        m.by_mode.iter().map(players).collect::<Vec<_>>(),
        [("duel".to_owned(), 5)]
    );
    assert_eq!(m.by_decile.len(), 10);
    assert_eq!(
        m.by_decile
            .iter()
            .map(|group| group.figures.players)
            .sum::<u64>(),
        5
    );
    let strongest = m.by_decile.last().unwrap();
    assert_eq!(strongest.skill, Some((2_000.0, 2_000.0)));
    assert_eq!(strongest.figures.waiting, 1);
}

#[test]
fn slices_tell_who_came_waited_and_played() {
    let m = run(&duel(five()), &pairs(&Rc::default()), 1).unwrap();
    // 60 slices of a second.
    let arrived: Vec<_> = m
        .over_time
        .iter()
        .filter(|slice| slice.arrived > 0)
        .map(|slice| slice.at_ms)
        .collect();
    assert_eq!(arrived, [0, 2_000, 5_000, 9_000, 40_000]);
    assert_eq!(
        (
            m.over_time[2].waiting,
            m.over_time[3].waiting,
            m.over_time[59].waiting
        ),
        (2, 0, 1)
    );
    assert_eq!(
        (m.over_time[3].matched, m.over_time[3].wait_p50_ms),
        (2, 800.0)
    );
    assert_eq!(m.over_time[59].servers, 2);
}

#[test]
fn a_match_nobody_shares_a_region_for_is_counted() {
    let apart = vec![
        recorded(0, "a", 1.0, 10, 150),
        recorded(0, "b", 1.0, 150, 10),
    ];
    let m = run(&duel(apart), &pairs(&Rc::default()), 1).unwrap();
    assert_eq!(m.matches.without_common_region, 1);
    assert_eq!(m.overall.unacceptable, 1);
}

#[test]
fn players_leave_when_their_patience_ends() {
    let mut alone = vec![
        recorded(1_000, "a", 1.0, 10, 10),
        recorded(50_000, "b", 1.0, 10, 10),
    ];
    alone[0].leaves_after_ms = Some(7_000);
    let m = run(&duel(alone), &pairs(&Rc::default()), 1).unwrap();
    assert_eq!((m.overall.left, m.overall.waiting), (1, 1));
    assert_eq!(m.overall.wait_all_ms.p50, 7_000.0);
}

#[test]
fn a_hard_stop_ends_the_ticket_or_takes_it_to_another_mode_with_its_age() {
    let mut world = duel(vec![
        recorded(0, "a", 1.0, 10, 10),
        recorded(20_000, "b", 1.0, 10, 10),
    ]);
    let mut free = world.modes[0].clone();
    free.mode.name = GameModeName::new("free").unwrap();
    world.modes.push(free.clone());
    if let Some(all) = &mut world.recorded {
        all[1].game_mode = free.mode.name.clone();
    }
    let run_with = |then: HardStopAction| {
        let mut world = world.clone();
        world.modes[0].mode.rules.hard_stop = Some(HardStop {
            after_ms: 30_000,
            then,
        });
        run(&world, &pairs(&Rc::default()), 1).unwrap()
    };
    let widened = run_with(HardStopAction::Mode(free.mode.name));
    assert_eq!(
        (widened.overall.matched, widened.overall.wait_ms.max),
        (2, 30_000.0)
    );
    let gave_up = run_with(HardStopAction::GiveUp);
    assert_eq!((gave_up.overall.left, gave_up.overall.waiting), (1, 1));
    assert_eq!(gave_up.by_mode[0].figures.wait_all_ms.max, 30_000.0);
}

#[test]
fn a_failed_placement_returns_its_tickets_with_their_age() {
    let mut world = duel(vec![
        recorded(0, "a", 1.0, 10, 10),
        recorded(0, "b", 1.0, 10, 10),
    ]);
    world.placement.failure = 1.0;
    world.placement.delay_ms = (500, 500);
    let m = run(&world, &pairs(&Rc::default()), 1).unwrap();
    assert!(m.matches.placements_failed > 10);
    assert_eq!(
        (m.overall.waiting, m.matches.oldest_waiting_ms),
        (2, 60_000)
    );
    // The servers came back every time.
    assert_eq!(m.over_time.last().unwrap().servers, 0);
}

#[test]
fn a_match_waits_for_a_server_and_gets_one_when_another_ends() {
    let mut world = duel(
        ["a", "b", "c", "d"]
            .map(|name| recorded(0, name, 1.0, 10, 10))
            .to_vec(),
    );
    world.servers.per_region = Some(1);
    world.servers.match_ms = (20_000, 20_000);
    let m = run(&world, &pairs(&Rc::default()), 1).unwrap();
    assert_eq!((m.overall.matched, m.matches.servers_peak), (4, 1));
    assert_eq!(m.overall.wait_ms.max, 20_000.0);
}

#[test]
fn the_planner_is_asked_once_per_interval_and_only_when_something_changed() {
    let plans = Rc::default();
    run(&duel(five()), &pairs(&plans), 1).unwrap();
    assert_eq!(*plans.borrow(), [1_000, 3_000, 5_000, 10_000, 40_000]);
    plans.borrow_mut().clear();
    let mut world = duel(five());
    world.tick.aligned = false;
    run(&world, &pairs(&plans), 1).unwrap();
    assert_eq!(*plans.borrow(), [500, 2_200, 5_000, 9_500, 40_000]);
}

#[test]
fn i1_a_plan_with_a_ticket_twice_is_refused() {
    struct Twice(Pairs);
    impl Planner for Twice {
        fn insert(&mut self, ticket: Arc<Ticket>) {
            self.0.insert(ticket);
        }
        fn remove(&mut self, id: TicketId) {
            self.0.remove(id);
        }
        fn plan(&mut self, supply: &Supply, budget: Budget, now: Timestamp) -> Plan {
            let mut plan = self.0.plan(supply, budget, now);
            plan.matches.extend(plan.matches.first().cloned());
            plan
        }
    }
    let make = |mode: &GameMode, regions: &[Region]| -> Box<dyn Planner> {
        Box::new(Twice(Pairs {
            region: regions[0].clone(),
            mode: mode.name.clone(),
            waiting: Vec::new(),
            plans: Rc::default(),
        }))
    };
    let refused = run(&duel(five()), &make, 1);
    assert!(
        matches!(refused, Err(SimError::NotWaiting { .. })),
        "{refused:?}"
    );
}

fn short(preset: Preset) -> World {
    let mut world = preset.world();
    world.duration_ms = 60_000;
    world.warm_up_ms = 5_000;
    world.arrivals.rate_per_second = 20.0;
    for spike in &mut world.arrivals.spikes {
        (spike.at_ms, spike.duration_ms) = (20_000, 10_000);
    }
    world
}

#[test]
fn the_same_seed_makes_the_same_measures_and_another_one_others() {
    for preset in Preset::ALL {
        let world = short(preset);
        let one = run(&world, &core, 7).unwrap();
        assert_eq!(one, run(&world, &core, 7).unwrap(), "{preset:?}");
        assert_ne!(
            one.overall,
            run(&world, &core, 8).unwrap().overall,
            "{preset:?}"
        );
    }
}

#[test]
fn i6_the_planner_of_core_puts_nobody_into_an_unacceptable_region() {
    for preset in Preset::ALL {
        let m = run(&short(preset), &core, 3).unwrap();
        assert!(m.overall.matched > 100, "{preset:?}: {:?}", m.overall);
        assert_eq!(
            (m.overall.unacceptable, m.matches.without_common_region),
            (0, 0),
            "{preset:?}"
        );
        let o = &m.overall;
        assert_eq!(o.players, o.matched + o.left + o.waiting, "{preset:?}");
    }
}

#[test]
fn rules_change_what_players_get_and_not_who_comes() {
    let world = short(Preset::Guide);
    let mut strict = world.clone();
    for share in &mut strict.modes {
        share.mode.skill.initial = 20.0;
        share.mode.skill.growth_per_second = 1.0;
    }
    let (one, two) = (
        run(&world, &core, 1).unwrap(),
        run(&strict, &core, 1).unwrap(),
    );
    let arrived = |m: &Measures| {
        m.over_time
            .iter()
            .map(|slice| slice.arrived)
            .collect::<Vec<_>>()
    };
    assert_eq!(arrived(&one), arrived(&two));
    assert!(two.overall.spread.p50 < one.overall.spread.p50);
}

//! Properties of plans, over pools of all kinds.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use stadion_core::id::{GameModeName, PlayerId, Region, TicketId};
use stadion_core::matches::MatchPlan;
use stadion_core::matchmaker::{Budget, Plan, Pool, Supply};
use stadion_core::mode::{GameMode, SkillWindow};
use stadion_core::rules::Rules;
use stadion_core::ticket::{Requirements, Ticket, TicketPlayer, TicketState};
use stadion_core::time::Timestamp;

const NOW: Timestamp = Timestamp(10_000_000);
const ALL: Budget = Budget {
    matches_max: usize::MAX,
};

/// Skill is planned with a resolution of 1/1,024 of a point.
const RESOLUTION: f64 = 2.0 / 1_024.0;

fn regions() -> Vec<Region> {
    ["eu", "us", "ap"]
        .map(|name| Region::new(name).unwrap())
        .into()
}

fn mode(teams: u32, players_target: u32, players_min: u32, growth_per_second: f64) -> GameMode {
    let mode = GameMode {
        name: GameModeName::new("test").unwrap(),
        teams,
        players_target,
        players_min,
        settle_after_ms: 5_000,
        latency_max_ms: 100,
        skill: SkillWindow {
            initial: 100.0,
            growth_per_second,
            max: 250.0,
        },
        rules: Rules::default(),
    };
    assert_eq!(mode.check(), Ok(()));
    mode
}

fn modes() -> impl Strategy<Value = GameMode> {
    let sizes = [
        (1, 4, 2),
        (1, 5, 1),
        (2, 2, 2),
        (2, 6, 3),
        (2, 6, 6),
        (2, 10, 4),
        (3, 9, 3),
        (4, 8, 4),
    ];
    (select(sizes.to_vec()), select(vec![0.0, 7.3, 20.0]))
        .prop_map(|((teams, target, least), growth)| mode(teams, target, least, growth))
}

/// What is random about a ticket.
#[derive(Clone, Debug)]
struct Sketch {
    skills: Vec<f64>,
    waited_ms: u64,
    latencies_ms: Option<[u32; 3]>,
    preference: Vec<usize>,
    tick_rate: Option<&'static str>,
    /// A player that other tickets may have too.
    shared: Option<u8>,
}

impl Sketch {
    fn solo(skill: f64) -> Self {
        Self {
            skills: vec![skill],
            waited_ms: 0,
            latencies_ms: Some([20, 30, 40]),
            preference: Vec::new(),
            tick_rate: None,
            shared: None,
        }
    }

    fn ticket(&self, id: u128, now: Timestamp) -> Arc<Ticket> {
        let player = |(index, skill): (usize, &f64)| TicketPlayer {
            player_id: PlayerId::new(match self.shared {
                Some(shared) if index == 0 => format!("shared{shared}"),
                _ => format!("p{id}-{index}"),
            })
            .unwrap(),
            skill: *skill,
            skill_uncertainty: 0.0,
            latencies_ms: self
                .latencies_ms
                .map(|ms| regions().into_iter().zip(ms).collect())
                .unwrap_or_default(),
            attributes: BTreeMap::new(),
        };
        let created_at = now.minus_ms(self.waited_ms);
        Arc::new(Ticket {
            id: TicketId::from_u128(id),
            game_mode: GameModeName::new("test").unwrap(),
            players: self.skills.iter().enumerate().map(player).collect(),
            region_preference: self
                .preference
                .iter()
                .map(|region| regions()[*region].clone())
                .collect(),
            requirements: Requirements {
                labels: self
                    .tick_rate
                    .map(|rate| ("tick_rate".to_owned(), rate.to_owned()))
                    .into_iter()
                    .collect(),
                ..Requirements::default()
            },
            state: TicketState::Searching,
            created_at,
            expires_at: now.plus_ms(600_000),
            changed_at: created_at,
            requeues: 0,
        })
    }
}

fn sketches() -> impl Strategy<Value = Sketch> {
    let skill = prop_oneof![
        // Fractions that do not exist in binary, and many equal and edge values.
        (0_u32..6_000).prop_map(|tenths| f64::from(tenths) / 10.0),
        (0_u32..13).prop_map(|step| f64::from(step) * 50.0),
    ];
    (
        vec(skill, 1..=3),
        prop_oneof![Just(0), 0_u64..30_000],
        prop_oneof![4 => [0_u32..160, 0_u32..160, 0_u32..160].prop_map(Some), 1 => Just(None)],
        prop_oneof![3 => Just(vec![]), 1 => vec(0_usize..3, 1..=2)],
        prop_oneof![6 => Just(None), 1 => select(vec!["60", "128", "LOW", "low"]).prop_map(Some)],
        prop_oneof![12 => Just(None), 1 => (0_u8..4).prop_map(Some)],
    )
        .prop_map(
            |(skills, waited_ms, latencies_ms, preference, tick_rate, shared)| Sketch {
                skills,
                waited_ms,
                latencies_ms,
                preference,
                tick_rate,
                shared,
            },
        )
}

fn tickets(most: usize) -> impl Strategy<Value = Vec<Arc<Ticket>>> {
    vec(sketches(), 0..most).prop_map(|sketches| {
        (1..)
            .zip(&sketches)
            .map(|(id, sketch)| sketch.ticket(id, NOW))
            .collect()
    })
}

fn supplies() -> impl Strategy<Value = Supply> {
    [0_u32..5, 0_u32..5, 0_u32..5].prop_map(|servers| Supply {
        servers: regions().into_iter().zip(servers).collect(),
    })
}

fn plenty() -> Supply {
    Supply {
        servers: regions()
            .into_iter()
            .map(|region| (region, 1_000))
            .collect(),
    }
}

/// Carries plans out for as long as the next one may find something at once; returns the last. It ends, because none but
/// the last is without a match.
fn plan_until_settled(pool: &mut Pool) -> Plan {
    loop {
        let plan = pool.plan(&plenty(), ALL, NOW);
        for id in plan.matches.iter().flat_map(|m| m.teams.iter().flatten()) {
            pool.remove(*id);
        }
        if plan.next_at != Some(NOW) {
            return plan;
        }
        assert_ne!(plan.matches, vec![], "nobody went, and it names now");
    }
}

fn pool_of<'a>(mode: &GameMode, tickets: impl IntoIterator<Item = &'a Arc<Ticket>>) -> Pool {
    let mut pool = Pool::new(mode.clone(), regions());
    for ticket in tickets {
        pool.insert(Arc::clone(ticket));
    }
    pool
}

/// Whether two tickets may play together as far as the two are concerned.
fn go_together(mode: &GameMode, a: &Ticket, b: &Ticket, now: Timestamp) -> bool {
    go_together_within(mode, a, b, now, 0.0)
}

/// The same, as exactly as skill is looked at, points.
fn go_together_within(mode: &GameMode, a: &Ticket, b: &Ticket, now: Timestamp, slack: f64) -> bool {
    let window = |ticket: &Ticket| mode.skill.after_ms(ticket.waited_ms(now));
    (a.skill() - b.skill()).abs() <= window(a).min(window(b)) + slack
        && a.requirements.agrees_with(&b.requirements)
        && b.requirements.agrees_with(&a.requirements)
}

fn check_match(mode: &GameMode, planned: &MatchPlan, members: &[Vec<&Ticket>], now: Timestamp) {
    let all: Vec<&Ticket> = members.iter().flatten().copied().collect();
    for (index, a) in all.iter().enumerate() {
        assert!(a.accepts(mode, &planned.region), "region of {planned:?}");
        for b in &all[..index] {
            let together = go_together_within(mode, a, b, now, RESOLUTION);
            assert!(together, "{a:?} with {b:?}");
        }
    }
    let sizes: Vec<usize> = members
        .iter()
        .map(|team| team.iter().map(|ticket| ticket.size()).sum())
        .collect();
    let players: usize = sizes.iter().sum();
    assert_eq!(u32::try_from(players), Ok(planned.players));
    assert_eq!(u32::try_from(sizes.len()), Ok(mode.teams));
    let (largest, smallest) = (sizes.iter().max().unwrap(), sizes.iter().min().unwrap());
    let solos_only = all.iter().all(|ticket| ticket.size() == 1);
    assert!(largest - smallest <= usize::from(!solos_only), "{sizes:?}");
    let oldest = all.iter().map(|ticket| ticket.waited_ms(now)).max();
    assert_eq!(oldest, Some(planned.quality.wait_oldest_ms));
    assert!(planned.players <= mode.players_target);
    if planned.players < mode.players_target {
        assert!(planned.players >= mode.players_min);
        assert!(oldest.unwrap() >= mode.settle_after_ms);
    }
}

/// Everything that must be true of a plan for these tickets.
fn check_plan(
    mode: &GameMode,
    tickets: &[Arc<Ticket>],
    supply: &Supply,
    plan: &Plan,
    now: Timestamp,
) {
    let by_id: BTreeMap<TicketId, &Ticket> =
        tickets.iter().map(|t| (t.id, Arc::as_ref(t))).collect();
    let mut seen_tickets = BTreeSet::new();
    let mut seen_players = BTreeSet::new();
    let mut used: BTreeMap<&Region, u32> = BTreeMap::new();
    for planned in &plan.matches {
        let members: Vec<Vec<&Ticket>> = planned
            .teams
            .iter()
            .map(|team| team.iter().map(|id| by_id[id]).collect())
            .collect();
        check_match(mode, planned, &members, now);
        for ticket in members.into_iter().flatten() {
            assert!(seen_tickets.insert(ticket.id), "{} twice", ticket.id);
            for player in &ticket.players {
                let player = &player.player_id;
                assert!(seen_players.insert(player), "{player} twice");
            }
        }
        *used.entry(&planned.region).or_default() += 1;
    }
    for (region, used) in used {
        assert!(used <= supply.servers[region], "too many in {region}");
    }
    let waiting = plan.waiting.for_players
        + plan.waiting.for_server
        + plan.waiting.for_fleet
        + plan.waiting.for_turn;
    assert_eq!(seen_tickets.len() + waiting as usize, tickets.len());
    assert_eq!(plan.unplaced.is_empty(), plan.waiting.for_server == 0);
    assert!(plan.next_at.is_none_or(|at| at >= now));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn i1_i6_plans_keep_every_rule_and_the_supply(
        mode in modes(), tickets in tickets(80), supply in supplies(), matches_max in 0_usize..12,
    ) {
        let mut pool = pool_of(&mode, &tickets);
        let plan = pool.plan(&supply, Budget { matches_max }, NOW);
        check_plan(&mode, &tickets, &supply, &plan, NOW);
        prop_assert!(plan.matches.len() <= matches_max);
        prop_assert!(!plan.carry_over || plan.matches.len() == matches_max);
    }

    #[test]
    fn equal_pools_give_equal_plans_however_they_came_about(
        mode in modes(),
        (tickets, shuffled) in tickets(60)
            .prop_flat_map(|tickets| (Just(tickets.clone()), Just(tickets).prop_shuffle())),
        strangers in vec(sketches(), 0..20),
        supply in supplies(),
    ) {
        let mut fresh = pool_of(&mode, &tickets);
        let mut aged = Pool::new(mode, regions());
        let strangers: Vec<_> =
            (10_000..).zip(&strangers).map(|(id, sketch)| sketch.ticket(id, NOW)).collect();
        for ticket in strangers.iter().chain(&shuffled).chain(&tickets) {
            aged.insert(Arc::clone(ticket));
        }
        aged.remove(TicketId::from_u128(99_999));
        for stranger in &strangers {
            aged.remove(stranger.id);
        }
        prop_assert_eq!(aged.len(), fresh.len());
        let plan = fresh.plan(&supply, ALL, NOW);
        prop_assert_eq!(aged.plan(&supply, ALL, NOW), plan);
    }

    /// A budget cuts a plan short and changes nothing about it.
    #[test]
    fn ticks_under_a_budget_add_up_to_one_without(
        mode in modes(), tickets in tickets(60), supply in supplies(), matches_max in 1_usize..4,
    ) {
        let whole = pool_of(&mode, &tickets).plan(&supply, ALL, NOW);
        let cut = pool_of(&mode, &tickets).plan(&supply, Budget { matches_max }, NOW);
        prop_assert_eq!(cut.carry_over, whole.matches.len() > matches_max);
        prop_assert_eq!(&whole.matches[..cut.matches.len()], &cut.matches[..]);
    }

    /// Among those that a plan leaves there is no pair that could have played a duel.
    #[test]
    fn a_duel_that_is_possible_is_made(tickets in tickets(80), growth in select(vec![0.0, 20.0])) {
        let mode = mode(2, 2, 2, growth);
        let plan = pool_of(&mode, &tickets).plan(&plenty(), ALL, NOW);
        let planned: BTreeSet<&PlayerId> = tickets
            .iter()
            .filter(|t| plan.matches.iter().any(|m| m.teams.iter().flatten().any(|id| *id == t.id)))
            .flat_map(|t| t.players.iter().map(|p| &p.player_id))
            .collect();
        let left: Vec<&Ticket> = tickets
            .iter()
            .map(Arc::as_ref)
            .filter(|t| t.size() == 1 && !planned.contains(&t.players[0].player_id))
            .collect();
        for (index, a) in left.iter().enumerate() {
            for b in &left[..index] {
                let near = regions().iter().any(|r| a.accepts(&mode, r) && b.accepts(&mode, r));
                let strangers = a.players[0].player_id != b.players[0].player_id;
                prop_assert!(!(near && strangers && go_together(&mode, a, b, NOW)), "{a:?} {b:?}");
            }
        }
    }

    /// With equal windows, those that a plan leaves have no window of skill with enough of them.
    #[test]
    fn a_match_of_solos_that_is_possible_is_made(
        skills in vec(0_u32..2_000, 0..120), target in 3_u32..9,
    ) {
        let mode = mode(1, target, target, 0.0);
        let tickets: Vec<_> = (1..)
            .zip(skills)
            .map(|(id, skill)| Sketch::solo(f64::from(skill)).ticket(id, NOW))
            .collect();
        let plan = pool_of(&mode, &tickets).plan(&plenty(), ALL, NOW);
        check_plan(&mode, &tickets, &plenty(), &plan, NOW);
        let planned: BTreeSet<TicketId> =
            plan.matches.iter().flat_map(|m| m.teams.iter().flatten().copied()).collect();
        let mut left: Vec<f64> =
            tickets.iter().filter(|t| !planned.contains(&t.id)).map(|t| t.skill()).collect();
        left.sort_by(f64::total_cmp);
        for group in left.windows(target as usize) {
            prop_assert!(group[group.len() - 1] - group[0] > mode.skill.initial, "{group:?}");
        }
    }
}

/// Three and two play and were in the way of two and two: the plan names its own moment, and the next makes that match.
#[test]
fn a_match_that_a_departure_makes_possible_is_made_at_the_moment_that_is_named() {
    let party = |skill: f64, players: usize, waited_ms: u64| Sketch {
        skills: vec![skill; players],
        waited_ms,
        ..Sketch::solo(0.0)
    };
    let sketches = [
        party(200.0, 3, 0),
        party(250.0, 2, 5_000),
        party(175.0, 2, 5_000),
        party(150.0, 2, 0),
    ];
    let tickets = (1..).zip(&sketches);
    let tickets: Vec<_> = tickets.map(|(id, sketch)| sketch.ticket(id, NOW)).collect();
    let mut pool = pool_of(&mode(2, 6, 3, 0.0), &tickets);
    let plan = pool.plan(&plenty(), ALL, NOW);
    assert_eq!((plan.matches.len(), plan.next_at), (1, Some(NOW)));
    for id in plan.matches[0].teams.iter().flatten() {
        pool.remove(*id);
    }
    let plan = pool.plan(&plenty(), ALL, NOW);
    assert_eq!((plan.matches.len(), plan.next_at), (1, None));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Ticks go by: somebody waits, others that suit them keep coming (and many that do not), and servers come free
    /// now and then. The one who waits must not wait for ever.
    #[test]
    fn nobody_starves_while_others_that_suit_them_arrive(
        (teams, target) in select(vec![(1_u32, 4_u32), (2, 2), (2, 6), (3, 9)]),
        party in 1_usize..=3,
        arrivals in vec((vec(-50.0..50.0_f64, 1..4), vec(sketches(), 0..4)), 60),
        server_every in 1_usize..4,
    ) {
        let mode = mode(teams, target, target, 20.0);
        let party = party.min(mode.party_players_max());
        let mut now = NOW;
        let patient = Sketch { skills: vec![5_000.0; party], ..Sketch::solo(0.0) }.ticket(1, now);
        let mut waiting: BTreeMap<TicketId, Arc<Ticket>> = [(patient.id, Arc::clone(&patient))].into();
        let mut pool = pool_of(&mode, waiting.values());
        let mut ids = 2_u128..;
        for (tick, (suitable, strangers)) in arrivals.iter().enumerate() {
            now = now.plus_ms(250);
            let suitable = suitable.iter().map(|offset| Sketch::solo(5_000.0 + offset));
            for sketch in suitable.chain(strangers.iter().cloned()) {
                let ticket = Sketch { waited_ms: 0, shared: None, ..sketch }
                    .ticket(ids.next().unwrap(), now);
                pool.insert(Arc::clone(&ticket));
                waiting.insert(ticket.id, ticket);
            }
            // One server in one region: whoever is oldest must get it.
            let servers = u32::from(tick % server_every == 0);
            let supply = Supply { servers: [(regions()[0].clone(), servers)].into() };
            let plan = pool.plan(&supply, ALL, now);
            let tickets: Vec<_> = waiting.values().cloned().collect();
            let supply = Supply {
                servers: regions().into_iter().map(|r| (r, 0)).chain(supply.servers).collect(),
            };
            check_plan(&mode, &tickets, &supply, &plan, now);
            for id in plan.matches.iter().flat_map(|m| m.teams.iter().flatten()) {
                pool.remove(*id);
                waiting.remove(id);
            }
            if !waiting.contains_key(&patient.id) {
                // At least one that suits comes per tick, and nobody who is younger gets a server before.
                prop_assert!(tick < target as usize + server_every, "only at tick {tick}");
                return Ok(());
            }
        }
        prop_assert!(false, "still waiting after {} ticks", arrivals.len());
    }

    /// A plan leaves nothing to be found before the moment that it names; with parties that may be at once, but each
    /// further plan leaves fewer.
    #[test]
    fn nothing_changes_before_the_next_look(
        mode in modes(), tickets in tickets(40), share in 0.0..1.0_f64,
    ) {
        let mut pool = pool_of(&mode, &tickets);
        let plan = plan_until_settled(&mut pool);
        let before = |at: Timestamp| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
            let ms = (at.since_ms(NOW).saturating_sub(1) as f64 * share) as u64;
            NOW.plus_ms(ms)
        };
        let until = before(plan.next_at.unwrap_or(NOW.plus_ms(3_600_000)));
        prop_assert_eq!(pool.plan(&plenty(), ALL, until).matches, vec![]);
    }
}

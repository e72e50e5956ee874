//! Properties of plans under all rules: whatever the rules and the players, every match keeps them, and a pool that
//! has lived through many ticks plans as one that was made just now.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which may panic")]

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use stadion_core::id::{GameModeName, PlayerId, Region, TicketId};
use stadion_core::matches::MatchPlan;
use stadion_core::matchmaker::{Budget, Pool, Supply};
use stadion_core::mode::{GameMode, SkillWindow};
use stadion_core::rules::{
    Aggregate, LatencyStep, Population, RegionBy, RoleRule, Rules, SizeStep, SkillStep,
};
use stadion_core::ticket::{Attribute, Requirements, Ticket, TicketPlayer, TicketState};
use stadion_core::time::Timestamp;

const BEGIN: Timestamp = Timestamp(10_000_000);
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

fn roles() -> RoleRule {
    RoleRule {
        attribute: "roles".into(),
        per_team: [("damage", 1), ("support", 1)]
            .map(|(role, seats)| (role.to_owned(), seats))
            .into(),
        autofill_after_ms: 6_000,
    }
}

fn window(most: f64) -> impl Strategy<Value = SkillWindow> {
    (10.0..most, 0.0..60.0_f64, 0.0..600.0_f64).prop_map(|(initial, growth, more)| SkillWindow {
        initial,
        growth_per_second: growth,
        max: initial + more,
    })
}

prop_compose! {
    fn rules(size: (u32, u32))(
        sizes in prop::option::of((2_000_u64..9_000, 1_u32..3)),
        latency in prop::option::of((1_000_u64..9_000, 101_u32..150)),
        mean in any::<bool>(),
        skill_step in prop::option::of((1_000_u64..9_000, 100.0..900.0_f64)),
        aim in prop::option::of(window(100.0)),
        population in any::<bool>(),
        party_skill in select(vec![Aggregate::Mean, Aggregate::Min, Aggregate::Max]),
        uncertainty in select(vec![0.0, 20.0]),
        team_gap_max in prop::option::of(20.0..200.0_f64),
        win_chance_max in prop::option::of(0.55..0.9_f64),
        same in subsequence(vec!["build".to_owned()], 0..=1),
        avoid in any::<bool>(),
        with_roles in any::<bool>(),
    ) -> Rules {
        Rules {
            sizes: sizes.map(|(after_ms, least)| SizeStep { after_ms, players_min: least * 2 }).into_iter().collect(),
            latency: latency.map(|(after_ms, max_ms)| LatencyStep { after_ms, max_ms }).into_iter().collect(),
            region_by: if mean { RegionBy::Mean } else { RegionBy::Worst },
            skill_steps: skill_step
                .map(|(after_ms, spread_max)| SkillStep { after_ms, spread_max })
                .into_iter()
                .collect(),
            aim,
            population: population.then_some(Population { mean: 500.0, deviation: 200.0, head_start_ms: 800.0 }),
            party_skill,
            uncertainty_ms_per_point: uncertainty,
            team_gap_max,
            win_chance_max,
            same,
            avoid: avoid.then(|| "avoid".to_owned()),
            roles: (with_roles && size == (2, 4)).then(roles),
            ..Rules::default()
        }
    }
}

fn modes() -> impl Strategy<Value = GameMode> {
    let sizes = select(vec![(2_u32, 2_u32), (2, 4), (2, 6), (1, 4), (3, 6)]);
    (sizes, window(300.0), any::<bool>())
        .prop_flat_map(|(size, skill, plain)| {
            let rules = if plain {
                Just(Rules::default()).boxed()
            } else {
                rules(size).boxed()
            };
            (Just(size), Just(skill), rules)
        })
        .prop_map(|((teams, target), skill, rules)| GameMode {
            name: GameModeName::new("test").unwrap(),
            teams,
            players_target: target,
            players_min: target,
            settle_after_ms: 3_000,
            latency_max_ms: 100,
            skill,
            rules,
        })
}

/// What is random about a ticket.
#[derive(Clone, Debug)]
struct Sketch {
    skills: Vec<f64>,
    uncertainty: f64,
    latencies_ms: [u32; 3],
    build: u8,
    roles: Vec<&'static str>,
    avoids: Vec<u16>,
}

prop_compose! {
    fn sketches()(
        skills in vec((0_u32..1_000).prop_map(f64::from), 1..=2),
        uncertainty in select(vec![0.0, 80.0]),
        latencies_ms in [0_u32..160, 0_u32..160, 0_u32..160],
        build in 0_u8..2,
        roles in subsequence(vec!["damage", "support"], 0..=2),
        avoids in vec(0_u16..40, 0..2),
    ) -> Sketch {
        Sketch { skills, uncertainty, latencies_ms, build, roles, avoids }
    }
}

impl Sketch {
    fn ticket(&self, id: u128, now: Timestamp) -> Arc<Ticket> {
        let texts = |texts: Vec<String>| Attribute::List(texts);
        let player = |(index, skill): (usize, &f64)| TicketPlayer {
            player_id: PlayerId::new(format!("p{id}-{index}")).unwrap(),
            skill: *skill,
            skill_uncertainty: self.uncertainty,
            latencies_ms: regions().into_iter().zip(self.latencies_ms).collect(),
            attributes: [
                ("build".to_owned(), Attribute::Text(self.build.to_string())),
                (
                    "roles".to_owned(),
                    texts(self.roles.iter().map(ToString::to_string).collect()),
                ),
                (
                    "avoid".to_owned(),
                    texts(self.avoids.iter().map(|id| format!("p{id}-0")).collect()),
                ),
            ]
            .into(),
        };
        Arc::new(Ticket {
            id: TicketId::from_u128(id),
            game_mode: GameModeName::new("test").unwrap(),
            players: self.skills.iter().enumerate().map(player).collect(),
            region_preference: Vec::new(),
            requirements: Requirements::default(),
            state: TicketState::Searching,
            created_at: now,
            expires_at: now.plus_ms(600_000),
            changed_at: now,
            requeues: 0,
        })
    }
}

/// Skill, and the spread that a ticket allows, as the rules define them.
fn skill(mode: &GameMode, ticket: &Ticket) -> f64 {
    let skills = ticket.players.iter().map(|player| player.skill);
    match mode.rules.party_skill {
        Aggregate::Min => skills.fold(f64::INFINITY, f64::min),
        Aggregate::Max => skills.fold(f64::NEG_INFINITY, f64::max),
        _ => ticket.skill(),
    }
}

fn allowed(mode: &GameMode, ticket: &Ticket, now: Timestamp) -> f64 {
    let uncertainty = ticket.players[0].skill_uncertainty;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let known_ms = (mode.rules.uncertainty_ms_per_point * uncertainty) as u64;
    let waited = ticket.waited_ms(now) + known_ms;
    let steps = mode
        .rules
        .skill_steps
        .iter()
        .filter(|step| step.after_ms <= waited);
    steps
        .map(|step| step.spread_max)
        .fold(mode.skill.after_ms(waited), f64::max)
}

fn latency_max(mode: &GameMode, waited_ms: u64) -> u32 {
    let steps = mode
        .rules
        .latency
        .iter()
        .filter(|step| step.after_ms <= waited_ms);
    steps
        .map(|step| step.max_ms)
        .fold(mode.latency_max_ms, u32::max)
}

/// I6 and the rules about the whole match.
fn check_match(
    mode: &GameMode,
    planned: &MatchPlan,
    waiting: &BTreeMap<TicketId, Arc<Ticket>>,
    now: Timestamp,
) {
    let teams: Vec<Vec<&Ticket>> = planned
        .teams
        .iter()
        .map(|team| team.iter().map(|id| waiting[id].as_ref()).collect())
        .collect();
    let members: Vec<&Ticket> = teams.iter().flatten().copied().collect();
    for (index, a) in members.iter().enumerate() {
        let limit = latency_max(mode, a.waited_ms(now));
        assert!(a.latency_ms(&planned.region).unwrap() <= limit, "region");
        for b in &members[..index] {
            let gap = (skill(mode, a) - skill(mode, b)).abs();
            assert!(
                gap <= allowed(mode, a, now).min(allowed(mode, b, now)) + RESOLUTION,
                "skill {a:?} {b:?}"
            );
            for name in &mode.rules.same {
                assert_eq!(a.players[0].attributes[name], b.players[0].attributes[name]);
            }
            let avoids = |one: &Ticket, other: &Ticket| match &one.players[0].attributes["avoid"] {
                Attribute::List(names) => other
                    .players
                    .iter()
                    .any(|p| names.iter().any(|name| name == p.player_id.as_str())),
                _ => false,
            };
            assert!(
                mode.rules.avoid.is_none() || !(avoids(a, b) || avoids(b, a)),
                "avoid"
            );
        }
    }
    let sizes: Vec<usize> = teams
        .iter()
        .map(|team| team.iter().map(|t| t.size()).sum())
        .collect();
    assert!(
        sizes
            .iter()
            .all(|size| *size <= mode.team_players_max() as usize)
    );
    assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
    let oldest = members
        .iter()
        .map(|ticket| ticket.waited_ms(now))
        .max()
        .unwrap();
    let steps = mode
        .rules
        .sizes
        .iter()
        .filter(|step| step.after_ms <= oldest);
    let least = steps
        .map(|step| step.players_min)
        .fold(mode.players_target, u32::min);
    assert!(planned.players >= least && planned.players <= mode.players_target);
    check_fairness(mode, planned);
    if let Some(rule) = &mode.rules.roles {
        check_roles(rule, &teams, now);
    }
}

fn check_fairness(mode: &GameMode, planned: &MatchPlan) {
    if let Some(most) = mode.rules.team_gap_max {
        assert!(planned.quality.team_gap <= most + RESOLUTION);
    }
    if let (Some(most), Some(chance)) = (mode.rules.win_chance_max, planned.quality.win_chance) {
        assert!(chance <= most + 1e-6);
    }
}

/// Two seats, one of each role: everybody must find one that they list, or have waited.
fn check_roles(rule: &RoleRule, teams: &[Vec<&Ticket>], now: Timestamp) {
    for team in teams {
        let wishes: Vec<Vec<String>> = team
            .iter()
            .flat_map(|ticket| ticket.players.iter().map(move |player| (ticket, player)))
            .map(|(ticket, player)| match &player.attributes["roles"] {
                Attribute::List(listed)
                    if !listed.is_empty() && ticket.waited_ms(now) < rule.autofill_after_ms =>
                {
                    listed.clone()
                }
                _ => rule.per_team.keys().cloned().collect(),
            })
            .collect();
        let can = |player: &Vec<String>, role: &str| player.iter().any(|wish| wish == role);
        let fits = match &wishes[..] {
            [a, b] => {
                (can(a, "damage") && can(b, "support")) || (can(b, "damage") && can(a, "support"))
            }
            _ => wishes.len() < 2,
        };
        assert!(fits, "roles {wishes:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn i1_i6_ticks_go_by_and_a_pool_plans_as_if_it_were_new(
        mode in modes(),
        arrivals in vec((vec(sketches(), 0..9), 1_u64..2_500, 0_u32..6), 1..14),
        leavers in vec((0_usize..60, 0_usize..14), 0..12),
    ) {
        let mut pool = Pool::new(mode.clone(), regions());
        let mut waiting: BTreeMap<TicketId, Arc<Ticket>> = BTreeMap::new();
        let (mut now, mut ids) = (BEGIN, 1_u128..);
        for (tick, (sketches, ms, servers)) in arrivals.iter().enumerate() {
            now = now.plus_ms(*ms);
            for (place, _) in leavers.iter().filter(|(_, when)| *when == tick) {
                if let Some(id) = waiting.keys().nth(*place).copied() {
                    waiting.remove(&id);
                    pool.remove(id);
                }
            }
            for sketch in sketches {
                let size = sketch.skills.len().min(mode.party_players_max());
                let sketch = Sketch { skills: sketch.skills[..size].to_vec(), ..sketch.clone() };
                let ticket = sketch.ticket(ids.next().unwrap(), now);
                waiting.insert(ticket.id, Arc::clone(&ticket));
                pool.insert(ticket);
            }
            let supply = Supply {
                servers: regions().into_iter().zip([*servers, servers / 2, 3]).collect(),
            };
            let mut fresh = Pool::new(mode.clone(), regions());
            for ticket in waiting.values() {
                fresh.insert(Arc::clone(ticket));
            }
            let plan = pool.plan(&supply, ALL, now);
            let anew = fresh.plan(&supply, ALL, now);
            prop_assert_eq!(&plan.matches, &anew.matches, "tick {}", tick);
            prop_assert_eq!(&plan.unplaced, &anew.unplaced);
            for planned in &plan.matches {
                check_match(&mode, planned, &waiting, now);
            }
            for id in plan.matches.iter().flat_map(|planned| planned.teams.iter().flatten()) {
                prop_assert!(waiting.remove(id).is_some(), "I1: planned twice");
                pool.remove(*id);
            }
        }
    }
}

//! Game modes, tickets and live matches of all kinds.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use stadion_core::id::{GameModeName, PlayerId, Region, TicketId};
use stadion_core::matchmaker::Budget;
use stadion_core::mode::{GameMode, SkillWindow};
use stadion_core::rules::{
    Aggregate, LatencyStep, Population, RegionBy, RoleRule, Rules, SizeStep, SkillStep,
};
use stadion_core::ticket::{Attribute, Requirements, Ticket, TicketPlayer, TicketState};
use stadion_core::time::Timestamp;

pub(super) const BEGIN: Timestamp = Timestamp(10_000_000);
pub(super) const ALL: Budget = Budget {
    matches_max: usize::MAX,
};
pub(super) fn regions() -> Vec<Region> {
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

pub(super) fn modes() -> impl Strategy<Value = GameMode> {
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
pub(super) struct Sketch {
    skills: Vec<f64>,
    uncertainty: f64,
    latencies_ms: [u32; 3],
    build: u8,
    roles: Vec<&'static str>,
    avoids: Vec<u16>,
}

prop_compose! {
    pub(super) fn sketches()(
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
    /// The same, with as many players as a party may have.
    pub(super) fn of(&self, players: usize) -> Self {
        Self {
            skills: self.skills[..self.skills.len().min(players)].to_vec(),
            ..self.clone()
        }
    }

    pub(super) fn ticket(&self, id: u128, now: Timestamp) -> Arc<Ticket> {
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

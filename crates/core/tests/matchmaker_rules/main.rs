//! Properties of plans under all rules: whatever the rules and the players, every match keeps them, and a pool that
//! has lived through many ticks plans as one that was made just now.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which may panic")]

mod check;
mod fills;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use stadion_core::id::TicketId;
use stadion_core::matches::MatchPlan;
use stadion_core::matchmaker::{Pool, Supply};
use stadion_core::mode::GameMode;
use stadion_core::ticket::Ticket;
use stadion_core::time::Timestamp;

use self::check::{RESOLUTION, broken, check_fairness, check_roles, players};
use self::world::{ALL, BEGIN, modes, regions, sketches};

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
    assert_eq!(
        broken(mode, &teams, &planned.region, now, RESOLUTION),
        Ok(()),
        "{planned:?}"
    );
    let sizes = players(&teams);
    assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
    let waits = teams.iter().flatten().map(|ticket| ticket.waited_ms(now));
    let oldest = waits.max().unwrap();
    let steps = mode
        .rules
        .sizes
        .iter()
        .filter(|step| step.after_ms <= oldest);
    let least = steps
        .map(|step| step.players_min)
        .fold(mode.players_target, u32::min);
    assert!(planned.players >= least && planned.players <= mode.players_target);
    check_fairness(mode, &teams, &planned.quality);
    if let Some(rule) = &mode.rules.roles {
        check_roles(rule, &teams, &planned.roles, |_| true, now);
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
                let sketch = sketch.of(mode.party_players_max());
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

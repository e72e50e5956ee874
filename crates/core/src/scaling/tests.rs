use proptest::prelude::*;

use super::*;
use crate::fleet;

const NOW: Timestamp = Timestamp(1_000_000);

fn bounds(min_replicas: u32, max_replicas: u32, buffer_size: u32) -> Bounds {
    Bounds {
        min_replicas,
        max_replicas,
        buffer_size,
    }
}

/// A fleet that has what it wants, `in_use` of it in use and the rest Ready.
fn steady(replicas: u32, in_use: u32) -> FleetSize {
    FleetSize {
        replicas,
        ready: replicas.saturating_sub(in_use),
        in_use,
        starting: 0,
    }
}

fn server(number: u64, state: GameServerState, created_at: u64) -> GameServer {
    let name = format!("server-{number}");
    fleet::tests::server(&name, state, Timestamp(created_at))
}

#[test]
fn the_guides_numbers() {
    use ScaleReason::{Bounds as Limits, Buffer, Busy, Idle};
    // (replicas, in use), (minimum, maximum, buffer), waiting → wanted
    let cases = [
        // Above 0.8 half more, rounded up; at 0.8 nothing.
        ((10, 9), (1, 100, 0), 0, Some((15, Busy))),
        ((10, 8), (1, 100, 0), 0, None),
        ((5, 5), (1, 100, 0), 0, Some((8, Busy))),
        ((1, 1), (1, 100, 0), 0, Some((2, Busy))),
        ((10, 9), (1, 12, 0), 0, Some((12, Busy))),
        ((12, 12), (1, 12, 5), 9, None),
        // Below 0.3 a fifth less; at 0.3 nothing.
        ((10, 2), (1, 100, 0), 0, Some((8, Idle))),
        ((10, 3), (1, 100, 0), 0, None),
        ((4, 1), (1, 100, 0), 0, Some((3, Idle))),
        ((2, 0), (1, 100, 0), 0, Some((1, Idle))),
        ((1, 0), (1, 100, 0), 0, None),
        ((10, 2), (9, 100, 0), 0, Some((9, Idle))),
        // The buffer stops the shrinking, and grows what is too small.
        ((10, 2), (1, 100, 7), 0, Some((9, Idle))),
        ((10, 2), (1, 100, 8), 0, None),
        ((10, 6), (1, 100, 5), 0, Some((11, Buffer))),
        ((10, 6), (1, 100, 5), 7, Some((13, Buffer))),
        ((0, 0), (0, 100, 0), 1, Some((1, Buffer))),
        ((0, 0), (0, 100, 0), 0, None),
        // Bounds come first.
        ((1, 0), (3, 100, 0), 0, Some((3, Limits))),
        ((40, 10), (3, 30, 0), 0, Some((30, Limits))),
    ];
    for ((replicas, in_use), (min, max, buffer), waiting, expected) in cases {
        let size = steady(replicas, in_use);
        let found = plan(
            &ScalingRules::default(),
            bounds(min, max, buffer),
            size,
            waiting,
            None,
            NOW,
        );
        let expected = expected.map(|(replicas, reason)| ScalePlan { replicas, reason });
        assert_eq!(
            found, expected,
            "{size:?} in {min}..={max}, buffer {buffer}"
        );
    }
}

#[test]
fn the_cooldown_holds_the_share_back_and_nothing_else() {
    let rules = ScalingRules::default();
    let just_now = Some(NOW.minus_ms(rules.cooldown_ms - 1));
    let long_ago = Some(NOW.minus_ms(rules.cooldown_ms));
    let wanted = |bounds, size, waiting, changed_at| {
        plan(&rules, bounds, size, waiting, changed_at, NOW).map(|plan| plan.replicas)
    };
    let wide = bounds(1, 100, 0);
    assert_eq!(wanted(wide, steady(10, 9), 0, just_now), None);
    assert_eq!(wanted(wide, steady(10, 9), 0, long_ago), Some(15));
    assert_eq!(wanted(wide, steady(10, 1), 0, just_now), None);
    assert_eq!(wanted(wide, steady(10, 9), 3, just_now), Some(12));
    assert_eq!(
        wanted(bounds(11, 100, 0), steady(10, 9), 0, just_now),
        Some(11)
    );
}

#[test]
fn i8_surplus_is_ready_and_oldest_first() {
    use GameServerState::{Allocated, Ready, Reserved, Starting};
    let servers = [
        server(1, Ready, 30),
        server(2, Allocated, 1),
        server(3, Ready, 10),
        server(4, Reserved, 2),
        server(5, Ready, 10),
        server(6, Starting, 3),
    ];
    let names = |most| -> Vec<String> {
        surplus(&servers, most)
            .iter()
            .map(|s| s.name.to_string())
            .collect()
    };
    assert_eq!(names(2), ["server-3", "server-5"]);
    assert_eq!(names(9), ["server-3", "server-5", "server-1"]);
    assert!(names(0).is_empty());
}

#[test]
fn thresholds_that_are_too_close_are_found() {
    let found = |up, down, bounds| {
        let rules = ScalingRules {
            scale_up_threshold: up,
            scale_down_threshold: down,
            cooldown_ms: 0,
        };
        unrest(&rules, bounds).map(|u| (u.replicas, u.in_use, u.then))
    };
    assert_eq!(found(0.8, 0.3, bounds(0, 1_000, 0)), None);
    // Half is low enough whatever the size; two thirds only without rounding.
    assert_eq!(found(0.8, 0.4, bounds(0, 1_000, 0)), None);
    assert_eq!(found(0.6, 0.4, bounds(0, 1_000, 0)), None);
    assert_eq!(found(0.65, 0.42, bounds(0, 1_000, 0)), Some((3, 2, 5)));
    assert_eq!(found(0.65, 0.42, bounds(12, 20, 0)), None);
    assert_eq!(
        found(0.6, 0.41, bounds(100, 1_000, 0)),
        Some((100, 61, 150))
    );
    assert_eq!(found(0.75, 0.7, bounds(3, 3, 0)), None);
    assert_eq!(found(0.99, 0.7, bounds(2, 3, 0)), Some((2, 2, 3)));
    // The buffer keeps it from shrinking again.
    assert_eq!(found(0.99, 0.7, bounds(2, 3, 1)), None);
}

fn sizes() -> impl Strategy<Value = FleetSize> {
    (0_u32..200, 0_u32..200, 0_u32..200, 0_u32..200).prop_map(
        |(replicas, ready, in_use, starting)| FleetSize {
            replicas,
            ready,
            in_use,
            starting,
        },
    )
}

fn any_bounds() -> impl Strategy<Value = Bounds> {
    (0_u32..60, 0_u32..100, 0_u32..80)
        .prop_map(|(min, more, buffer)| bounds(min, min + more, buffer))
}

fn rules() -> impl Strategy<Value = ScalingRules> {
    (0.0..=1.0, 0.0..=1.0).prop_map(|(up, down)| ScalingRules {
        scale_up_threshold: up,
        scale_down_threshold: down,
        cooldown_ms: 0,
    })
}

proptest! {
    #[test]
    fn i8_a_plan_is_within_bounds_and_not_below_what_is_in_use(
        rules in rules(), bounds in any_bounds(), size in sizes(), waiting in 0_u32..200,
    ) {
        if let Some(plan) = plan(&rules, bounds, size, waiting, None, NOW) {
            prop_assert!((bounds.min_replicas..=bounds.max_replicas).contains(&plan.replicas));
            prop_assert!(plan.replicas >= size.in_use.min(bounds.max_replicas));
            prop_assert_ne!(plan.replicas, size.replicas);
        } else {
            prop_assert!((bounds.min_replicas..=bounds.max_replicas).contains(&size.replicas));
        }
    }

    #[test]
    fn i8_surplus_holds_ready_servers_only(
        states in proptest::collection::vec((0_usize..11, 0_u64..5), 0..40), most in 0_usize..50,
    ) {
        let servers: Vec<_> = (0..)
            .zip(states)
            .map(|(number, (state, at))| server(number, GameServerState::ALL[state], at))
            .collect();
        let ready = servers.iter().filter(|s| s.state == GameServerState::Ready).count();
        let taken = surplus(&servers, most);
        prop_assert_eq!(taken.len(), most.min(ready));
        prop_assert!(taken.iter().all(|server| server.state == GameServerState::Ready));
        prop_assert!(taken.is_sorted_by_key(|server| server.created_at));
    }

    /// `unrest` looks at two numbers in use for each size; no other one is worse.
    #[test]
    fn unrest_is_found_where_it_is(rules in rules(), bounds in any_bounds()) {
        let by_share = |replicas, in_use| {
            plan(&rules, bounds, steady(replicas, in_use), 0, None, NOW)
                .filter(|plan| matches!(plan.reason, ScaleReason::Busy | ScaleReason::Idle))
        };
        let restless = (bounds.min_replicas..=bounds.max_replicas).find(|replicas| {
            (0..=*replicas).any(|in_use| {
                let first = by_share(*replicas, in_use);
                let second = first.and_then(|first| by_share(first.replicas, in_use));
                first.zip(second).is_some_and(|(first, second)| first.reason != second.reason)
            })
        });
        prop_assert_eq!(unrest(&rules, bounds).map(|found| found.replicas), restless);
        if rules.scale_down_threshold <= rules.scale_up_threshold / 2.0 {
            prop_assert_eq!(restless, None);
        }
    }

    /// At constant load the fleet comes to rest, in one direction once the bounds are kept.
    #[test]
    fn the_fleet_comes_to_rest(
        bounds in any_bounds(), replicas in 0_u32..200, in_use in 0_u32..200, waiting in 0_u32..50,
    ) {
        let in_use = in_use.min(bounds.max_replicas);
        let mut sizes = vec![replicas];
        let mut now = NOW;
        loop {
            let rules = ScalingRules::default();
            let size = steady(sizes[sizes.len() - 1], in_use);
            let Some(next) = plan(&rules, bounds, size, waiting, None, now) else {
                break;
            };
            sizes.push(next.replicas);
            now = now.plus_ms(rules.cooldown_ms);
            prop_assert!(sizes.len() < 40, "no rest: {sizes:?}");
        }
        let kept = &sizes[usize::from(sizes.len() > 1)..];
        prop_assert!(
            kept.is_sorted() || kept.iter().rev().is_sorted(),
            "to and fro: {sizes:?}"
        );
        if in_use == 0 && waiting == 0 {
            let rest = bounds.buffer_size.clamp(bounds.min_replicas, bounds.max_replicas);
            prop_assert_eq!(sizes[sizes.len() - 1], rest);
        }
    }
}

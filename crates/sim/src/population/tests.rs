use super::*;
use crate::world::{DayCurve, Preset, Spike};

/// Everybody who comes in a day of the world.
fn all(world: &World, seed: u64) -> Vec<Arrival> {
    let mut population = Population::new(world, seed);
    std::iter::from_fn(|| population.next()).collect()
}

fn within(what: &str, is: f64, should: f64, tolerance: f64) {
    assert!(
        (is - should).abs() <= tolerance,
        "{what}: {is} is not {should} ± {tolerance}"
    );
}

fn skills(all: &[Arrival]) -> Vec<f64> {
    let players = all.iter().flat_map(|arrival| &arrival.ticket.players);
    players.map(|player| player.skill).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / crate::number::len(values.len())
}

#[test]
fn the_reference_has_the_statistics_that_it_names() {
    let world = World::reference(25.0, 10, 10);
    let all = all(&world, 1);
    let count = crate::number::len(all.len());
    // λ·900 s, with four deviations of a Poisson count.
    within("tickets", count, 22_500.0, 4.0 * 150.0);
    let skills = skills(&all);
    let deviation = skills
        .iter()
        .map(|skill| (skill - mean(&skills)).powi(2))
        .sum::<f64>()
        / count;
    within("mean skill", mean(&skills), 1_500.0, 10.0);
    within("deviation of skill", deviation.sqrt(), 350.0, 8.0);
    let share = |what: &dyn Fn(&&Arrival) -> bool| {
        crate::number::len(all.iter().filter(what).count()) / count
    };
    for (mode, should) in [0.74, 0.186, 0.074].into_iter().enumerate() {
        within(
            "game mode",
            share(&|arrival| arrival.mode == mode),
            should,
            0.006,
        );
    }
    for home in 0..8_usize {
        let should = (15.0 - 2.0 * crate::number::len(home)) / 64.0;
        within(
            "home",
            share(&|arrival| arrival.home == home),
            should,
            0.006,
        );
    }
    for arrival in &all {
        assert_eq!(arrival.ticket.size(), 1);
        assert_eq!(arrival.leaves_at, None);
        let latencies = &arrival.ticket.players[0].latencies_ms;
        for (index, place) in world.regions.iter().enumerate() {
            let hops = arrival.home.abs_diff(index);
            let hops = u32::try_from(hops.min(8 - hops)).unwrap();
            let ms = latencies[&place.region] - 55 * hops;
            assert!((15..=50).contains(&ms), "{ms}");
        }
    }
}

#[test]
fn parties_have_the_shares_that_they_should_and_fit_their_game_mode() {
    let mut world = Preset::Guide.world();
    world.arrivals.day = None;
    let all = all(&world, 2);
    let tickets = || all.iter().filter(|arrival| arrival.mode == 0);
    let count = crate::number::len(tickets().count());
    for (size, should) in [(1, 0.6), (2, 0.2), (3, 0.1), (4, 0.06), (5, 0.04)] {
        let of_size = tickets()
            .filter(|arrival| arrival.ticket.size() == size)
            .count();
        within("party", crate::number::len(of_size) / count, should, 0.02);
    }
    for arrival in &all {
        let most = world.modes[arrival.mode].mode.party_players_max();
        assert!(arrival.ticket.size() <= most);
        assert!(arrival.leaves_at > Some(arrival.ticket.created_at.0));
    }
}

#[test]
fn uniform_skills_stay_within_their_ends() {
    let mut world = World::reference(50.0, 10, 10);
    world.skill = Skill::Uniform {
        low: 100.0,
        high: 300.0,
    };
    let skills = skills(&all(&world, 3));
    within("mean skill", mean(&skills), 200.0, 2.0);
    assert!(skills.iter().all(|skill| (100.0..=300.0).contains(skill)));
}

#[test]
fn days_and_spikes_change_how_many_come() {
    let mut world = World::reference(50.0, 10, 10);
    world.arrivals.day = Some(DayCurve {
        period_ms: 900_000,
        peak_at_ms: 225_000,
        amplitude: 0.8,
    });
    world.arrivals.spikes = vec![Spike {
        at_ms: 800_000,
        duration_ms: 50_000,
        factor: 5.0,
    }];
    let all = all(&world, 4);
    let between = |from: u64, to: u64| {
        let came = all
            .iter()
            .filter(|arrival| (from..to).contains(&arrival.ticket.created_at.0));
        crate::number::len(came.count())
    };
    // The first half of this day has 1 + 2·0.8/π of the mean.
    let should = 450.0 * 50.0 * (1.0 + 2.0 * 0.8 / std::f64::consts::PI);
    within("day", between(0, 450_000), should, 800.0);
    let ratio = between(800_000, 850_000) / between(750_000, 800_000);
    // The day alone rises from 0.39 to 0.6 of the mean between the two.
    within("spike", ratio, 7.75, 1.5);
}

#[test]
fn roles_are_two_different_ones() {
    let mut world = World::reference(10.0, 10, 10);
    world.roles = Some(Roles {
        attribute: "roles".into(),
        shares: [
            ("tank".to_owned(), 1.0),
            ("healer".to_owned(), 1.0),
            ("damage".to_owned(), 3.0),
        ]
        .into(),
    });
    for arrival in all(&world, 5) {
        let Attribute::List(roles) = &arrival.ticket.players[0].attributes["roles"] else {
            panic!("no list of roles");
        };
        assert_eq!(roles.len(), 2);
        assert_ne!(roles[0], roles[1]);
    }
}

#[test]
fn a_limit_of_players_is_kept() {
    let mut world = World::reference(10.0, 10, 10);
    world.arrivals.players_max = Some(100);
    let mut population = Population::new(&world, 6);
    let mut came = 0;
    while population.has_room() {
        came += population.next().map_or(0, |arrival| arrival.ticket.size());
    }
    assert_eq!(came, 100);
}

#[test]
fn the_map_knows_how_far_it_is() {
    let world = Preset::Guide.world();
    // Virginia to Ireland: 5,490 km.
    let ms = between_ms(world.latency.distance, &world.regions, 0, 2);
    within("round trip", ms, 5.49 * 15.0, 2.0);
}

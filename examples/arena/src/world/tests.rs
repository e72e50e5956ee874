use proptest::prelude::*;

use super::*;

const DT_S: f32 = 1.0 / 64.0;
const STILL: Intent = Intent {
    move_x: 0,
    move_y: 0,
    aim_x: 0,
    aim_y: 0,
    fire: false,
};

/// Two players, 10 m apart on a line.
fn duel(everyone_for_themselves: bool, teams: [u8; 2]) -> World {
    let mut world = World::new(7, everyone_for_themselves);
    for (team, x) in teams.into_iter().zip([40.0, 50.0]) {
        let slot = world.enter(team).unwrap();
        let player = &mut world.players[usize::from(slot)];
        (player.x, player.y) = (x, 50.0);
    }
    world
}

const SHOT: Intent = Intent {
    aim_x: 127,
    fire: true,
    ..STILL
};

#[test]
fn a_shot_hits_once_per_reload_and_moves_the_one_it_hit() {
    let mut world = duel(true, [0, 0]);
    world.step(&[SHOT, STILL], DT_S);
    assert_eq!(world.players()[0].score, 1);
    assert!((world.players()[1].x, world.players()[1].y) != (50.0, 50.0));
    (world.players[1].x, world.players[1].y) = (50.0, 50.0);
    world.step(&[SHOT, STILL], DT_S);
    assert_eq!(world.players()[0].score, 1, "the weapon is not loaded yet");
    for _ in 0..32 {
        world.step(&[SHOT, STILL], DT_S);
    }
    assert_eq!(world.players()[0].score, 2);
}

#[test]
fn a_shot_passes_through_friends_and_those_who_left() {
    let mut world = duel(false, [3, 3]);
    world.step(&[SHOT, STILL], DT_S);
    assert_eq!(world.players()[0].score, 0);
    let mut world = duel(false, [0, 1]);
    world.set_present(1, false);
    world.step(&[SHOT, STILL], DT_S);
    assert_eq!(world.players()[0].score, 0);
    let mut world = duel(false, [0, 1]);
    world.step(&[SHOT, STILL], DT_S);
    assert_eq!(world.players()[0].score, 1);
}

#[test]
fn only_an_honest_speed_is_taken_for_one() {
    let intent = |move_x, move_y| Intent {
        move_x,
        move_y,
        ..STILL
    };
    assert!(is_honest_speed(intent(127, 0)) && is_honest_speed(intent(-90, 90)));
    assert!(!is_honest_speed(intent(127, 127)) && !is_honest_speed(intent(-128, 60)));
}

#[test]
fn the_field_takes_as_many_as_a_snapshot_and_no_more() {
    let mut world = World::new(1, true);
    for _ in 0..SEATS_MAX {
        assert!(world.enter(0).is_some());
    }
    assert_eq!(world.enter(0), None);
    let mut raw = Vec::new();
    assert_eq!(
        world.write_bodies(&mut raw).unwrap().iter().count(),
        SEATS_MAX
    );
}

fn intents() -> impl Strategy<Value = Vec<Intent>> {
    let intent =
        any::<(i8, i8, i8, i8, bool)>().prop_map(|(move_x, move_y, aim_x, aim_y, fire)| Intent {
            move_x,
            move_y,
            aim_x,
            aim_y,
            fire,
        });
    prop::collection::vec(intent, 4)
}

proptest! {
    #[test]
    fn nobody_leaves_the_field_runs_too_fast_or_scores_twice_a_step(
        seed in any::<u64>(),
        wants in prop::collection::vec(intents(), 1..100),
    ) {
        let mut world = World::new(seed, false);
        for team in [0, 0, 1, 1] {
            world.enter(team);
        }
        let mut again = world.clone();
        for intents in &wants {
            let before = world.clone();
            world.step(intents, DT_S);
            again.step(intents, DT_S);
            let hits: u16 = world.players().iter().zip(before.players()).map(|(now, was)| now.score - was.score).sum();
            let mut jumps = 0;
            for (now, was) in world.players().iter().zip(before.players()) {
                prop_assert!((0.0..=FIELD_M).contains(&now.x) && (0.0..=FIELD_M).contains(&now.y));
                prop_assert!(now.score <= was.score + 1);
                jumps += u16::from((now.x - was.x).hypot(now.y - was.y) > SPEED_M_S * DT_S * 1.01);
            }
            prop_assert!(jumps <= hits, "only who is hit may jump");
        }
        prop_assert_eq!(world, again, "the same intents give the same game");
    }
}

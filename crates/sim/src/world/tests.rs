use super::*;

#[test]
fn presets_are_sound_and_survive_json() {
    for preset in Preset::ALL {
        let world = preset.world();
        world.check().unwrap();
        let text = serde_json::to_string(&world).unwrap();
        assert_eq!(serde_json::from_str::<World>(&text).unwrap(), world);
        assert_eq!(preset.as_str().parse(), Ok(preset));
    }
    let error = "nowhere".parse::<Preset>().unwrap_err();
    assert!(error.contains("guide, launch, reference"), "{error}");
}

#[test]
fn a_world_that_cannot_be_is_refused_with_its_field() {
    type Change = fn(&mut World);
    let wrong: [(&str, Change); 13] = [
        ("duration_ms", |world| world.duration_ms = 0),
        ("warm_up_ms", |world| world.warm_up_ms = world.duration_ms),
        ("tick.interval_ms", |world| world.tick.interval_ms = 0),
        ("arrivals.rate_per_second", |world| {
            world.arrivals.rate_per_second = f64::NAN;
        }),
        ("arrivals", |world| {
            world.arrivals.rate_per_second = 90_000.0;
        }),
        ("modes", |world| world.modes.clear()),
        ("regions", |world| {
            world.regions.iter_mut().for_each(|place| place.share = 0.0);
        }),
        ("parties", |world| world.parties = vec![-1.0, 2.0]),
        ("latency", |world| world.latency.line_ms = (9.0, 1.0)),
        ("placement.failure", |world| world.placement.failure = 1.5),
        ("dropouts.share", |world| world.dropouts.share = -0.1),
        ("ready_check.yes", |world| world.ready_check.yes = 1.1),
        ("ready_check.answer_ms", |world| {
            world.ready_check.answer_ms = (2, 1);
        }),
    ];
    for (field, change) in wrong {
        let mut world = Preset::Guide.world();
        change(&mut world);
        let error = world.check().unwrap_err().to_string();
        assert!(error.starts_with(&format!("{field}: ")), "{field}: {error}");
    }
}

#[test]
fn recorded_tickets_bring_their_regions_and_their_time() {
    let text = r#"{"at_ms": 5000, "game_mode": "duel", "players": [{"player_id": "a", "skill": 1, "latencies_ms": {"moon": 9}, "attributes": {}}]}"#;
    let world = Preset::Guide
        .world()
        .with_recorded(vec![serde_json::from_str(text).unwrap()], 1_000);
    assert_eq!((world.duration_ms, world.warm_up_ms), (6_000, 0));
    assert!(
        world
            .regions
            .iter()
            .any(|place| place.region.as_str() == "moon")
    );
    world.check().unwrap();
    check_recorded(&world).unwrap();
}

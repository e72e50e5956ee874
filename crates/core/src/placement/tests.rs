use proptest::prelude::*;

use super::*;
use crate::fleet;
use crate::id::{GameModeName, MatchId, Region};
use crate::ticket::Requirements;

const NOW: Timestamp = Timestamp(100_000_000);
const MINUTE_MS: u64 = 60_000;

/// An empty server with ten seats, a day old, in no zone.
fn server(name: &str) -> GameServer {
    let created_at = NOW.minus_ms(24 * 60 * MINUTE_MS);
    fleet::tests::server(name, GameServerState::Ready, created_at)
}

fn request() -> AllocationRequest {
    AllocationRequest {
        match_id: MatchId::from_u128(1),
        region: Region::new("eu").unwrap(),
        game_mode: GameModeName::new("duel").unwrap(),
        players: 2,
        requirements: Requirements {
            preferred_zone: Some("a".into()),
            min_players: Some(4),
            labels: [("tick_rate".to_owned(), "60".to_owned())].into(),
        },
    }
}

#[test]
fn the_guides_weights() {
    type Change = fn(&mut GameServer);
    let cases: [(Change, f64); 9] = [
        (|_| {}, 100.0),
        (|s| s.players = 5, 50.0),
        (|s| s.players = 10, 0.0),
        (|s| s.zone = Some("a".into()), 130.0),
        (|s| s.zone = Some("b".into()), 100.0),
        (|s| s.created_at = NOW, 120.0),
        (|s| s.created_at = NOW.minus_ms(60 * MINUTE_MS - 1), 120.0),
        (|s| s.created_at = NOW.minus_ms(60 * MINUTE_MS), 110.0),
        (|s| s.created_at = NOW.minus_ms(240 * MINUTE_MS), 100.0),
    ];
    for (index, (change, expected)) in cases.into_iter().enumerate() {
        let mut server = server("s");
        change(&mut server);
        let found = score(&server, &request(), NOW);
        assert!((found - expected).abs() < 1e-9, "case {index}: {found}");
    }
}

#[test]
fn what_does_not_fit_is_never_chosen() {
    type Change = fn(&mut GameServer);
    let misfits: [(&str, Change); 6] = [
        ("allocated", |s| s.state = GameServerState::Allocated),
        ("elsewhere", |s| s.region = Region::new("us").unwrap()),
        ("another game", |s| {
            s.game_modes = vec![GameModeName::new("other").unwrap()];
        }),
        ("too small for the match", |s| s.max_players = 1),
        ("too small for the wish", |s| s.max_players = 3),
        ("contradicts a label", |s| {
            s.labels = [("tick_rate".to_owned(), "30".to_owned())].into();
        }),
    ];
    for (why, change) in misfits {
        let mut misfit = server("a");
        misfit.zone = Some("a".into());
        change(&mut misfit);
        assert!(!fits(&misfit, &request()), "{why}");
        assert_eq!(select([&misfit], &request(), NOW), None, "{why}");
        let mut worse = server("b");
        worse.players = 9;
        let chosen = select([&misfit, &worse], &request(), NOW);
        assert_eq!(chosen, Some(&worse), "{why}");
    }
    let mut labelled = server("c");
    labelled.labels = [("tick_rate".to_owned(), "60".to_owned())].into();
    labelled.game_modes = vec![request().game_mode];
    assert!(fits(&labelled, &request()));
}

#[test]
fn on_a_tie_the_smallest_then_the_lower_name() {
    let mut large = server("a");
    large.max_players = 100;
    let (b, c) = (server("b"), server("c"));
    assert_eq!(select([&large, &c, &b], &request(), NOW), Some(&b));
}

proptest! {
    #[test]
    fn the_best_is_chosen_whatever_the_order(
        servers in proptest::collection::vec(
            (0_usize..11, 1_u32..12, 0_u32..12, 0_u64..400, 0_u8..3), 0..30,
        ).prop_map(|kinds| (0..).zip(kinds).map(|(n, (state, seats, players, age, zone))| {
            let mut server = server(&format!("s{n}"));
            server.state = GameServerState::ALL[state];
            server.max_players = seats;
            server.players = players.min(seats);
            server.created_at = NOW.minus_ms(age * MINUTE_MS);
            server.zone = (zone > 0).then(|| if zone == 1 { "a" } else { "b" }.to_owned());
            server
        }).collect::<Vec<_>>()),
    ) {
        let request = request();
        let chosen = select(&servers, &request, NOW);
        prop_assert_eq!(select(servers.iter().rev(), &request, NOW), chosen);
        let fitting = || servers.iter().filter(|server| fits(server, &request));
        prop_assert_eq!(chosen.is_some(), fitting().next().is_some());
        if let Some(chosen) = chosen {
            prop_assert!(fits(chosen, &request));
            let best = score(chosen, &request, NOW);
            prop_assert!(fitting().all(|server| score(server, &request, NOW) <= best));
        }
    }
}

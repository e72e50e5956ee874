use proptest::prelude::*;

use super::*;
use crate::mode::guide_modes;

fn region(name: &str) -> Region {
    Region::new(name).unwrap()
}

fn regions() -> Vec<Region> {
    ["eu", "us"].map(region).into()
}

/// Team deathmatch: teams of 16, latency up to 100 ms.
fn mode() -> GameMode {
    guide_modes().remove(1)
}

fn player(id: &str, skill: f64, latencies_ms: &[(&str, u32)]) -> TicketPlayer {
    TicketPlayer {
        player_id: PlayerId::new(id).unwrap(),
        skill,
        skill_uncertainty: 0.0,
        latencies_ms: latencies_ms
            .iter()
            .map(|(name, ms)| (region(name), *ms))
            .collect(),
        attributes: BTreeMap::new(),
    }
}

fn request(players: Vec<TicketPlayer>, preference: &[&str]) -> NewTicket {
    NewTicket {
        id: TicketId::from_u128(1),
        game_mode: mode().name,
        players,
        region_preference: preference.iter().map(|name| region(name)).collect(),
        requirements: Requirements::default(),
        idempotency: None,
        ttl_ms: 1_000,
    }
}

fn labels(pairs: &[(&str, &str)]) -> Requirements {
    Requirements {
        labels: pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
        ..Requirements::default()
    }
}

#[test]
fn regions_that_the_whole_party_accepts() {
    let all = |latencies: &[&[(&str, u32)]], preference: &[&str]| -> Vec<String> {
        let players = (0..)
            .zip(latencies)
            .map(|(n, latencies): (u32, _)| player(&format!("p{n}"), 0.0, latencies))
            .collect();
        let ticket = request(players, preference).into_ticket(Timestamp(0));
        let accepted = |region: &&Region| ticket.accepts(&mode(), region);
        regions()
            .iter()
            .filter(accepted)
            .map(Region::to_string)
            .collect()
    };
    // Measured: up to the mode's limit, within the preference if there is one.
    assert_eq!(all(&[&[("eu", 100), ("us", 101)]], &[]), ["eu"]);
    assert_eq!(all(&[&[("eu", 20), ("us", 20)]], &["us"]), ["us"]);
    assert!(all(&[&[("eu", 20)]], &["us"]).is_empty());
    // Not measured: the preference alone.
    assert_eq!(all(&[&[]], &["us"]), ["us"]);
    assert!(all(&[&[]], &[]).is_empty());
    // Everybody counts.
    assert_eq!(
        all(&[&[("eu", 20), ("us", 20)], &[("us", 30)]], &[]),
        ["us"]
    );
    assert!(all(&[&[("eu", 20)], &[("us", 30)]], &[]).is_empty());
    assert_eq!(all(&[&[("eu", 20)], &[]], &["eu", "us"]), ["eu"]);
}

#[test]
fn a_party_is_as_good_as_its_mean_and_as_far_as_its_farthest() {
    let players = vec![
        player("a", 1_000.0, &[("eu", 20), ("us", 90)]),
        player("b", 1_500.0, &[("eu", 35)]),
    ];
    let ticket = request(players, &[]).into_ticket(Timestamp(5_000));
    assert!((ticket.skill() - 1_250.0).abs() < f64::EPSILON);
    assert_eq!(ticket.latency_ms(&region("eu")), Some(35));
    assert_eq!(ticket.latency_ms(&region("us")), None);
    assert_eq!(ticket.waited_ms(Timestamp(7_000)), 2_000);
    assert_eq!(ticket.waited_ms(Timestamp(0)), 0);
    assert_eq!(ticket.expires_at, Timestamp(6_000));
}

#[test]
fn what_is_wrong_is_named() {
    type Change = fn(&mut NewTicket);
    let fine = || player("a", 0.0, &[("eu", 20)]);
    let field = |change: Change| {
        let mut request = request(vec![fine()], &[]);
        change(&mut request);
        request
            .check(&mode(), &regions())
            .err()
            .map(|error| error.field)
    };
    assert_eq!(field(|_| {}), None);
    let cases: [(Change, &str); 11] = [
        (|t| t.players.clear(), "players"),
        (|t| t.players = vec![t.players[0].clone(); 17], "players"),
        (
            |t| t.players.push(t.players[0].clone()),
            "players[1].player_id",
        ),
        (|t| t.players[0].skill = f64::NAN, "players[0].skill"),
        (|t| t.players[0].skill = -1.1e6, "players[0].skill"),
        (
            |t| t.region_preference = vec![region("mars")],
            "region_preference[0]",
        ),
        (
            |t| t.players[0].latencies_ms = [(region("mars"), 1)].into(),
            "players[0].latencies_ms.mars",
        ),
        (
            |t| t.players[0].latencies_ms = [(region("eu"), 60_001)].into(),
            "players[0].latencies_ms.eu",
        ),
        (|t| t.players[0].latencies_ms.clear(), "players"),
        (
            |t| {
                let number = Attribute::Number(f64::INFINITY);
                t.players[0].attributes = [("rank".to_owned(), number)].into();
            },
            "players[0].attributes.rank",
        ),
        (
            |t| t.requirements.preferred_zone = Some("z".repeat(101)),
            "requirements",
        ),
    ];
    for (change, expected) in cases {
        assert_eq!(field(change).as_deref(), Some(expected));
    }
}

#[test]
fn requirements_agree_unless_a_label_contradicts() {
    let (none, low, also_low, high) = (
        labels(&[]),
        labels(&[("tick_rate", "Low"), ("map", "dust")]),
        labels(&[("tick_rate", "low")]),
        labels(&[("tick_rate", "high")]),
    );
    assert!(none.agrees_with(&low) && low.agrees_with(&also_low) && also_low.agrees_with(&low));
    assert!(!low.agrees_with(&high) && !high.agrees_with(&low));
    let merged = also_low.merged(&low);
    assert_eq!(merged.labels.len(), 2);
    assert_eq!(merged.labels["tick_rate"], "low");
}

fn any_labels() -> impl Strategy<Value = Requirements> {
    let value = proptest::sample::select(vec!["x", "X", "y"]);
    proptest::collection::btree_map("[abc]", value.prop_map(str::to_owned), 0..3).prop_map(
        |labels| Requirements {
            labels,
            ..Requirements::default()
        },
    )
}

proptest! {
    /// What lets a match check pairs only: whoever agrees with each agrees with all of them together.
    #[test]
    fn i6_agreement_by_pairs_is_agreement_of_all(a in any_labels(), b in any_labels(), c in any_labels()) {
        prop_assert_eq!(a.agrees_with(&b), b.agrees_with(&a));
        if a.agrees_with(&b) {
            let each = a.agrees_with(&c) && b.agrees_with(&c);
            prop_assert_eq!(a.merged(&b).agrees_with(&c), each);
        }
    }

    #[test]
    fn a_ticket_reads_as_it_was_written(skill in -1e6..1e6_f64, match_id in any::<u128>(), state in 0_usize..7) {
        let match_id = MatchId::from_u128(match_id);
        let mut ticket = request(vec![player("a", skill, &[("eu", 20)])], &["eu"]).into_ticket(Timestamp(7));
        ticket.state = [
            TicketState::Searching,
            TicketState::RequiresAcceptance { match_id },
            TicketState::Placing { match_id },
            TicketState::Completed { match_id },
            TicketState::Failed { reason: "none".into() },
            TicketState::Cancelled { reason: CancelReason::Requested },
            TicketState::TimedOut,
        ][state].clone();
        let text = serde_json::to_string(&ticket).unwrap();
        let read: Ticket = serde_json::from_str(&text).unwrap();
        prop_assert!((read.skill() - ticket.skill()).abs() <= ticket.skill().abs() * 1e-15);
        prop_assert_eq!(read.state, ticket.state);
        prop_assert_eq!(read.players[0].latencies_ms.clone(), ticket.players[0].latencies_ms.clone());
    }
}

use proptest::prelude::*;

use super::*;
use crate::profile::Profile;
use crate::profile::firewall::{PortRule, Protocol, Role};
use crate::profile::shape::Dscp;
use crate::rules::{self, Parts};

const SHAPE: Parts = Parts {
    firewall: false,
    protect: false,
    shape: true,
};

fn facts(kinds: &[&str]) -> Facts {
    let uplink = Interface {
        name: "eth0".into(),
        mtu: 1_500,
        up: true,
        default_route: true,
        tx_queues: 1,
        speed_mbps: Some(1_000),
        ..Interface::default()
    };
    let other = Interface {
        name: "eth1".into(),
        speed_mbps: None,
        default_route: false,
        ..uplink.clone()
    };
    let local = Interface {
        name: "lo".into(),
        loopback: true,
        ..Interface::default()
    };
    Facts {
        interfaces: vec![local, uplink, other],
        qdiscs: Some(kinds.iter().map(|kind| (*kind).to_owned()).collect()),
        ..Facts::default()
    }
}

fn at(rate: &str) -> Shape {
    Shape {
        rate: Some(rate.parse().unwrap()),
        ..Shape::default()
    }
}

/// The one tree that is wanted.
fn tree(profile: &Shape, facts: &Facts) -> String {
    let shaping = shape(profile, facts).unwrap();
    assert_eq!(shaping.wishes.len(), 1, "{shaping:?}");
    assert_eq!(shaping.wishes[0].subject, Subject::Qdisc("eth0".into()));
    shaping.wishes[0].want.clone().unwrap()
}

#[test]
fn a_tree_whose_classes_borrow_from_one_root() {
    let expected = "\
qdisc add dev eth0 root handle 1: htb default 2
class add dev eth0 parent 1: classid 1:1 htb rate 950mbit ceil 950mbit burst 11875 cburst 11875
class add dev eth0 parent 1:1 classid 1:3 htb rate 760mbit ceil 950mbit burst 9500 cburst 11875 prio 0 quantum 1514
class add dev eth0 parent 1:1 classid 1:2 htb rate 190mbit ceil 950mbit burst 3028 cburst 11875 prio 1 quantum 3028
qdisc add dev eth0 parent 1:3 handle 30: pfifo limit 1000
qdisc add dev eth0 parent 1:2 handle 20: pfifo limit 1000
";
    assert_eq!(tree(&at("950mbit"), &facts(&["htb"])), expected);
}

#[test]
fn a_slow_uplink_has_short_queues() {
    let tree = tree(&at("10mbit"), &facts(&["htb"]));
    // 20 ms of 10 Mbit/s are 16 full packets, and a tick of a full server is 64 small ones; 100 ms are 82.
    assert!(tree.contains("handle 30: pfifo limit 64\n"), "{tree}");
    assert!(tree.contains("handle 20: pfifo limit 82\n"), "{tree}");
}

#[test]
fn leaves_are_the_best_that_the_kernel_has() {
    let all = tree(&at("1gbit"), &facts(&["htb", "fq_codel", "sfq"]));
    assert!(all.contains("parent 1:3 handle 30: fq_codel\n"), "{all}");
    assert!(all.contains("parent 1:2 handle 20: fq_codel\n"), "{all}");
    let some = tree(&at("1gbit"), &facts(&["htb", "sfq"]));
    assert!(some.contains("parent 1:3 handle 30: pfifo limit"), "{some}");
    assert!(some.contains("parent 1:2 handle 20: sfq\n"), "{some}");
}

#[test]
fn cake_where_the_kernel_has_it_and_a_core_can_carry_it() {
    let both = facts(&["htb", "cake"]);
    let cake = "qdisc add dev eth0 root handle 1: cake bandwidth 950mbit diffserv4\n";
    assert_eq!(tree(&at("950mbit"), &both), cake);
    assert!(tree(&at("10gbit"), &both).contains("htb"));
    let forced = Shape {
        discipline: Discipline::Htb,
        ..at("950mbit")
    };
    assert!(tree(&forced, &both).contains("htb"));
}

#[test]
fn what_the_kernel_lacks_is_a_skip_that_says_so() {
    for (kinds, discipline, word) in [
        (&[][..], Discipline::Auto, "sch_htb"),
        (&["htb"], Discipline::Cake, "sch_cake"),
    ] {
        let profile = Shape {
            discipline,
            ..at("950mbit")
        };
        let shaping = shape(&profile, &facts(kinds)).unwrap();
        assert_eq!(shaping.wishes, []);
        assert!(shaping.skips[0].reason.contains(word), "{shaping:?}");
    }
    let blind = Facts {
        qdiscs: None,
        ..facts(&[])
    };
    let shaping = shape(&at("950mbit"), &blind).unwrap();
    assert!(
        shaping.skips[0].reason.contains("run it as root"),
        "{shaping:?}"
    );
}

#[test]
fn an_unknown_rate_or_interface_is_refused_with_the_next_step() {
    let refused = |profile: Shape, facts: &Facts| -> String {
        match shape(&profile, facts) {
            Err(error @ Error::Refused(_)) => error.to_string(),
            other => panic!("taken: {other:?}"),
        }
    };
    let host = facts(&["htb"]);
    let text = refused(Shape::default(), &host);
    assert!(text.contains("--rate 950mbit"), "{text}");
    let percent = Shape {
        rate_percent: Some(90),
        ..Shape::default()
    };
    assert!(tree(&percent, &host).contains("rate 900mbit ceil 900mbit"));
    let second = Shape {
        interfaces: vec!["eth1".into()],
        ..percent
    };
    let text = refused(second, &host);
    assert!(text.contains("does not know the speed"), "{text}");
    for name in ["eth7", "lo"] {
        let absent = Shape {
            interfaces: vec![name.into()],
            ..at("950mbit")
        };
        let text = refused(absent, &host);
        assert!(text.contains("eth0, eth1"), "{text}");
    }
    let mut lonely = host;
    lonely
        .interfaces
        .retain(|interface| !interface.default_route);
    let text = refused(at("950mbit"), &lonely);
    assert!(text.contains("--interface"), "{text}");
    // The other halves of the table must not fail for it.
    assert!(!table(&Profile::default(), &lonely).contains("chain"));
}

#[test]
fn shares_that_cannot_be_are_the_profiles_fault() {
    let wrong = [
        Shape {
            game_percent: 0,
            ..at("1gbit")
        },
        Shape {
            game_percent: 91,
            ..at("1gbit")
        },
        Shape {
            bulk_ceiling_percent: 19,
            ..at("1gbit")
        },
        Shape {
            bulk_ceiling_percent: 101,
            ..at("1gbit")
        },
        Shape {
            rate_percent: Some(0),
            ..at("1gbit")
        },
    ];
    for profile in wrong {
        let outcome = shape(&profile, &facts(&["htb"]));
        assert!(matches!(outcome, Err(Error::Profile { .. })), "{profile:?}");
    }
}

#[test]
fn a_rate_that_shapes_nothing_and_a_lock_that_costs_are_noted() {
    let quiet = shape(&at("950mbit"), &facts(&["htb"])).unwrap();
    assert_eq!(quiet.notes, [""; 0]);
    let guide = shape(&Shape::guide(), &facts(&["htb"])).unwrap();
    assert!(guide.notes[0].contains("nothing is shaped"), "{guide:?}");
    let mut wide = facts(&["htb"]);
    wide.interfaces[1].tx_queues = 8;
    wide.interfaces[1].speed_mbps = Some(25_000);
    let shaping = shape(&at("20gbit"), &wide).unwrap();
    assert_eq!(shaping.notes.len(), 1, "{shaping:?}");
    assert!(shaping.notes[0].contains("the 8 of the NIC"), "{shaping:?}");
}

fn table(profile: &Profile, facts: &Facts) -> String {
    let made = rules::rules(profile, facts, SHAPE).unwrap();
    made.wishes[0].want.clone().unwrap()
}

#[test]
fn game_packets_are_told_by_the_port_that_they_come_from() {
    let mut profile = Profile::default();
    profile.firewall.ports.extend([
        PortRule::new(9_000, 9_000, Protocol::Tcp, Role::Game),
        PortRule::new(9_001, 9_001, Protocol::Tcp, Role::Rcon),
    ]);
    let text = table(&profile, &facts(&["htb"]));
    for line in [
        "type filter hook postrouting priority 110; policy accept;",
        "oifname != { \"eth0\" } accept",
        "udp sport { 7000-8000 } goto shape_game",
        "tcp sport { 9000 } goto shape_game",
        "meta priority set 1:3",
        "ip dscp set cs4",
        "ip6 dscp set cs4",
    ] {
        assert!(
            text.lines().any(|known| known.trim() == line),
            "{line}\n{text}"
        );
    }
    profile.traffic_shape.dscp = Dscp::None;
    assert!(!table(&profile, &facts(&["htb"])).contains("dscp"));
    assert_eq!(
        Parts::of_table(&text),
        SHAPE,
        "a later `firewall` leaves the shaping alone"
    );
}

proptest! {
    #[test]
    fn classes_never_promise_more_than_their_root_has(
        bits in 1_000_000_u64..=1_000_000_000_000,
        game in 1_u8..=90,
        mtu in 68_u32..=65_535,
    ) {
        let profile = Shape {
            rate: Some(BitRate(bits)),
            game_percent: game,
            ..Shape::default()
        };
        let mut host = facts(&["htb"]);
        host.interfaces[1].mtu = mtu;
        let tree = tree(&profile, &host);
        let rate_of = |id: &str| -> u64 {
            let line = tree.lines().find(|line| line.contains(&format!("classid {id} "))).unwrap();
            let rate = line.split(" rate ").nth(1).unwrap().split(' ').next().unwrap();
            rate.parse::<BitRate>().map_or_else(|_| rate.trim_end_matches("kbit").trim_end_matches("bit").parse().unwrap(), |rate| rate.0)
        };
        prop_assert_eq!(rate_of("1:1"), bits);
        prop_assert!(rate_of(GAME) + rate_of(BULK) <= bits);
    }
}

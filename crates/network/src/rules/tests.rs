//! Texts: golden ones, and properties that hold for every profile. Packets are in `tests/defence.rs`.

use std::io::Write;
use std::net::IpAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::facts::{Interface, Session};
use crate::profile::Base;
use crate::profile::firewall::{PortRule, Protocol, Published, Role};
use crate::profile::protect::{PrivateSources, Rate};
use crate::rules::net::Net;

const BOTH: Parts = Parts {
    firewall: true,
    protect: true,
    shape: false,
};
const FIREWALL: Parts = Parts {
    firewall: true,
    protect: false,
    shape: false,
};
const PROTECT: Parts = Parts {
    firewall: false,
    protect: true,
    shape: false,
};

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A host with one public uplink, and a session over SSH.
fn facts() -> Facts {
    Facts {
        privileged: true,
        interfaces: vec![
            Interface {
                name: "lo".into(),
                loopback: true,
                addresses: vec![(address("127.0.0.1"), 8), (address("::1"), 128)],
                ..Interface::default()
            },
            Interface {
                name: "eth0".into(),
                default_route: true,
                addresses: vec![
                    (address("25.0.1.2"), 24),
                    (address("2a00:77:0:1::2"), 64),
                    (address("fe80::1"), 64),
                ],
                ..Interface::default()
            },
        ],
        session: Some(Session {
            peer: address("25.9.0.7"),
            local_port: 22,
        }),
        ..Facts::default()
    }
}

fn profile() -> Profile {
    let mut profile = Profile::default();
    profile.firewall.trusted = vec![
        "25.9.0.0/24".parse().unwrap(),
        "2a00:99::/48".parse().unwrap(),
    ];
    profile.firewall.games = ["minecraft", "csgo", "rust", "valheim", "ark"]
        .map(str::to_owned)
        .to_vec();
    profile
}

fn text(rules: &Rules) -> &str {
    rules.wishes[0].want.as_deref().unwrap()
}

/// What nft says to a text, in a namespace of its own so that it meets no rules of the machine; nothing: it takes it.
fn refused(text: &str) -> Option<String> {
    let mut child = Command::new("unshare")
        .args(["-n", "nft", "-c", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let out = child.wait_with_output().unwrap();
    (!out.status.success()).then(|| String::from_utf8_lossy(&out.stderr).into_owned())
}

/// Whether this machine can check texts.
fn can_check() -> bool {
    static CAN: LazyLock<Result<(), String>> = LazyLock::new(|| {
        let out = Command::new("unshare")
            .args(["-n", "nft", "list", "ruleset"])
            .output();
        match out {
            Ok(out) if out.status.success() => Ok(()),
            Ok(out) => Err(String::from_utf8_lossy(&out.stderr).trim().to_owned()),
            Err(error) => Err(error.to_string()),
        }
    });
    if let Err(reason) = &*CAN {
        eprintln!("skipped: nft in a namespace of its own needs root and nftables: {reason}");
    }
    CAN.is_ok()
}

fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/rules/golden")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        return;
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        there, text,
        "{name} is another; look at the difference after UPDATE_GOLDEN=1"
    );
}

#[test]
fn the_texts_are_the_golden_ones_and_nft_takes_them() {
    let mut published = facts();
    published.dnat_ports = vec![
        ("udp".into(), 7000),
        ("tcp".into(), 25565),
        ("tcp".into(), 8080),
    ];
    let mut plain = facts();
    plain.nft_lacks = Feature::PROBES.map(|(feature, _)| feature).to_vec();
    for (name, facts, parts) in [
        ("firewall.nft", facts(), FIREWALL),
        ("ddos-protect.nft", facts(), PROTECT),
        ("both.nft", facts(), BOTH),
        ("published.nft", published, BOTH),
        ("plain-kernel.nft", plain, BOTH),
    ] {
        let rules = rules(&profile(), &facts, parts).unwrap();
        golden(name, text(&rules));
        if can_check() {
            assert_eq!(refused(&replace(text(&rules))), None, "{name}");
        }
    }
}

#[test]
fn the_guides_profile_loads_too() {
    let mut profile = Profile::builtin(Base::Guide);
    profile.firewall.trusted = vec!["25.9.0.7".parse().unwrap()];
    let rules = rules(&profile, &facts(), BOTH).unwrap();
    if can_check() {
        assert_eq!(refused(&replace(text(&rules))), None);
    }
}

#[test]
fn every_probe_is_something_that_this_kernel_can_answer() {
    if !can_check() {
        return;
    }
    for (feature, table) in Feature::PROBES {
        if let Some(said) = refused(table) {
            assert!(!said.contains("syntax error"), "{feature:?}: {said}");
        }
    }
}

#[test]
fn a_table_says_what_is_in_it() {
    for parts in [FIREWALL, PROTECT, BOTH] {
        let rules = rules(&profile(), &facts(), parts).unwrap();
        assert_eq!(Parts::of_table(text(&rules)), parts);
        assert_eq!(digest(text(&rules)).map(str::len), Some(16));
    }
    assert_eq!(Parts::of_table("table inet stadion {\n}"), Parts::default());
    assert_eq!(FIREWALL.and(PROTECT), BOTH);
    assert!(
        rules(&profile(), &facts(), Parts::default())
            .unwrap()
            .wishes
            .is_empty()
    );
}

#[test]
fn a_session_that_could_not_come_back_is_refused_with_the_next_step() {
    let said = |profile: &Profile, facts: &Facts| {
        rules(profile, facts, BOTH)
            .map(|_| ())
            .unwrap_err()
            .to_string()
    };
    let mut stranger = profile();
    stranger.firewall.trusted.clear();
    assert!(
        said(&stranger, &facts()).contains("add `25.9.0.7` (or its network) to `firewall.trusted`")
    );
    let mut other_port = facts();
    other_port.session = Some(Session {
        peer: address("::ffff:25.9.0.7"),
        local_port: 2222,
    });
    assert!(said(&profile(), &other_port).contains("add 2222 to `firewall.admin_ports`"));
    let mut blocked = profile();
    blocked.ddos_protect.blocked = vec!["25.0.0.0/8".parse().unwrap()];
    assert!(said(&blocked, &facts()).contains("ddos_protect.blocked"));
    // Protection alone closes no port, and a console has no session.
    assert!(rules(&stranger, &facts(), PROTECT).is_ok());
    let console = Facts {
        session: None,
        ..facts()
    };
    let rules = rules(&stranger, &console, BOTH).unwrap();
    assert!(
        rules
            .notes
            .iter()
            .any(|note| note.contains("open to nobody"))
    );
}

#[test]
fn a_session_over_an_open_interface_can_come_back() {
    let mut profile = profile();
    profile.firewall.trusted.clear();
    profile.firewall.open_interfaces = vec!["eth*".into()];
    let mut near = facts();
    near.session = Some(Session {
        peer: address("25.0.1.99"),
        local_port: 2222,
    });
    assert!(rules(&profile, &near, BOTH).is_ok());
    assert!(
        rules(&profile, &facts(), BOTH).is_err(),
        "that peer is not on the interface's network"
    );
}

#[test]
fn what_other_software_rewrites_stays_tracked_and_is_said() {
    let mut busy = facts();
    busy.dnat_ports = vec![("udp".into(), 7500), ("tcp".into(), 25565)];
    let set = |text: &str, name: &str| {
        let from = text.split(&format!("set {name} {{")).nth(1).unwrap();
        from.split('}').next().unwrap().to_owned()
    };
    let some = rules(&profile(), &busy, PROTECT).unwrap();
    assert!(set(text(&some), "untracked_udp").contains("7000-7499, 7501-8000"));
    assert!(!set(text(&some), "synproxy_tcp").contains("25565"));
    assert!(
        set(text(&some), "game_udp").contains("7000-8000"),
        "it is protected all the same"
    );
    assert_eq!(some.skips.len(), 3, "{:?}", some.skips);
    busy.dnat_unclear = true;
    let none = rules(&profile(), &busy, PROTECT).unwrap();
    assert!(!text(&none).contains("notrack") && !text(&none).contains("synproxy mss"));
    // A container that starts later must not find its port untracked.
    let mut later = facts();
    later.publisher = Some("Docker".into());
    let later = rules(&profile(), &later, PROTECT).unwrap();
    assert!(!text(&later).contains("notrack") && !text(&later).contains("synproxy mss"));
    assert!(
        later
            .skips
            .iter()
            .any(|skip| skip.reason.contains("Docker"))
    );
}

#[test]
fn what_synproxy_needs_is_set_and_said_only_where_it_is_used() {
    let asked = |profile: &Profile, facts: &Facts| {
        let rules = rules(profile, facts, PROTECT).unwrap();
        let loose = Subject::Sysctl("net/netfilter/nf_conntrack_tcp_loose".into());
        (
            rules.wishes.iter().any(|wish| wish.subject == loose),
            rules
                .notes
                .iter()
                .any(|note| note.contains("every TCP connection of this network namespace")),
        )
    };
    assert_eq!(asked(&profile(), &facts()), (true, true));
    let mut lacking = facts();
    lacking.nft_lacks = vec![Feature::Synproxy];
    let mut published = facts();
    published.dnat_ports = vec![("tcp".into(), 25565)];
    let mut unwanted = profile();
    unwanted.ddos_protect.synproxy = false;
    let mut datagrams = profile();
    datagrams.firewall.games = vec!["agones".into()];
    for (profile, facts) in [
        (&profile(), &lacking),
        (&profile(), &published),
        (&unwanted, &facts()),
        (&datagrams, &facts()),
    ] {
        assert_eq!(asked(profile, facts), (false, false));
    }
}

#[test]
fn private_sources_are_forged_only_on_a_public_uplink() {
    let forged = |facts: &Facts, profile: &Profile| {
        let rules = rules(profile, facts, PROTECT).unwrap();
        (
            text(&rules).contains("saddr @private4"),
            text(&rules).contains("saddr @private6"),
        )
    };
    assert_eq!(forged(&facts(), &profile()), (true, true));
    let mut cloud = facts();
    cloud.interfaces[1].addresses = vec![(address("10.0.0.5"), 24), (address("2a00::1"), 64)];
    assert_eq!(forged(&cloud, &profile()), (false, true));
    let mut set = profile();
    set.ddos_protect.private_sources = PrivateSources::Forged;
    assert_eq!(forged(&cloud, &set), (true, true));
    set.ddos_protect.private_sources = PrivateSources::Real;
    assert_eq!(forged(&facts(), &set), (false, false));
}

#[test]
fn numbers_that_defeat_the_defence_are_refused() {
    type Change = fn(&mut Profile);
    let changes: [(&str, Change); 9] = [
        ("set_size", |p| p.ddos_protect.set_size = 65_535),
        ("newcomers", |p| {
            p.ddos_protect.newcomers = Rate::new(5_000, 500);
        }),
        ("guest", |p| p.ddos_protect.guest = Rate::new(6, 15)),
        ("guest", |p| p.ddos_protect.guest = Rate::new(4, 20)),
        ("flood_s", |p| p.ddos_protect.flood_s = 0),
        ("flow", |p| p.ddos_protect.flow = Rate::new(0, 1)),
        ("connections_per_source", |p| {
            p.ddos_protect.connections_per_source = 0;
        }),
        ("open_interfaces", |p| {
            p.firewall.open_interfaces = vec!["eth0\" accept; #".into()];
        }),
        ("echo_per_second", |p| p.firewall.echo_per_second = 0),
    ];
    for (key, change) in changes {
        let mut wrong = profile();
        change(&mut wrong);
        let error = rules(&wrong, &facts(), BOTH).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains(key), "{key}: {error}");
    }
}

fn any_rate() -> impl Strategy<Value = Rate> {
    (1..100_000_000_u32, 1..100_000_000_u32)
        .prop_map(|(per_second, burst)| Rate { per_second, burst })
}

fn any_net() -> impl Strategy<Value = Net> {
    (any::<IpAddr>(), 0_u8..=128).prop_map(|(address, prefix)| Net::new(address, prefix))
}

prop_compose! {
    fn any_port()(
        range in (1..=u16::MAX, 1..=u16::MAX),
        udp: bool,
        role in prop::sample::select(vec![Role::Query, Role::Voice, Role::Game, Role::Rcon, Role::Admin]),
    ) -> PortRule {
        let (a, b) = range;
        PortRule::new(a.min(b), a.max(b).min(a.min(b).saturating_add(50)), if udp { Protocol::Udp } else { Protocol::Tcp }, role)
    }
}

prop_compose! {
    fn any_profile()(
        trusted in prop::collection::vec(any_net(), 0..20),
        blocked in prop::collection::vec(any_net(), 0..20),
        ports in prop::collection::vec(any_port(), 0..10),
        games in prop::sample::subsequence(catalogue::GAMES.iter().map(|game| game.name.to_owned()).collect::<Vec<_>>(), 0..5),
        rates in prop::collection::vec(any_rate(), 5),
        flags: [bool; 4],
        open in prop::collection::vec("[a-z]{1,8}[0-9]?\\*?", 0..3),
    ) -> Profile {
        let mut profile = Profile::default();
        let [bogons, synproxy, notrack, listed] = flags;
        profile.firewall.trusted = trusted;
        profile.firewall.ports = ports;
        profile.firewall.games = games;
        profile.firewall.open_interfaces = open;
        profile.firewall.published = if listed { Published::Listed } else { Published::Open };
        let protect = &mut profile.ddos_protect;
        protect.blocked = blocked;
        (protect.flow, protect.source, protect.guests) = (rates[0], rates[1], rates[2]);
        (protect.trusted, protect.queries) = (rates[3], rates[4]);
        (protect.bogons, protect.synproxy, protect.notrack) = (bogons, synproxy, notrack);
        profile
    }
}

/// The rules of one family, without what tells it from the other.
fn of_family(text: &str, v6: bool) -> Vec<String> {
    let (mine, n) = if v6 { ("ip6 ", '6') } else { ("ip ", '4') };
    let is_own = |word: &str| word.starts_with('@') && word.ends_with(n);
    let mut found: Vec<String> = text
        .lines()
        .map(str::trim)
        .filter(|line| line.contains('@') && line.split_whitespace().any(is_own))
        .map(|line| {
            line.replace(mine, "IP ")
                .replace(" & ffff:ffff:ffff:ffff::", "")
                .split_whitespace()
                .map(|word| {
                    // Sets and chains; numbers are the same in both.
                    let is_name = word.starts_with(|c: char| c == '@' || c.is_ascii_alphabetic());
                    if is_name {
                        word.trim_end_matches(n)
                    } else {
                        word
                    }
                })
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    found.sort_unstable();
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nft_takes_the_text_of_every_profile(profile in any_profile(), firewall: bool, protect: bool) {
        let facts = Facts { session: None, ..facts() };
        let rules = rules(&profile, &facts, Parts { firewall, protect, shape: false }).unwrap();
        if (firewall || protect) && can_check() {
            prop_assert_eq!(refused(&replace(text(&rules))), None);
        }
    }

    #[test]
    fn a_session_that_is_not_refused_is_let_in(profile in any_profile(), peer: IpAddr, local_port in 1..=u16::MAX) {
        let facts = Facts { session: Some(Session { peer, local_port }), ..facts() };
        if let Ok(rules) = rules(&profile, &facts, BOTH) {
            let peer = peer.to_canonical();
            let map = PortMap::of(&profile.firewall).unwrap();
            let role = map.role(Protocol::Tcp, local_port);
            let trusted = profile.firewall.trusted.iter().any(|net| net.contains(peer));
            let near = profile.firewall.open_interfaces.iter().any(|name| "eth0".starts_with(name.trim_end_matches('*')));
            prop_assert!(peer.is_loopback() || near || role.is_some_and(|role| trusted || !role.is_private()));
            prop_assert!(peer.is_loopback() || !profile.ddos_protect.blocked.iter().any(|net| net.contains(peer)));
            // Nothing before the rule that lets it in can drop it.
            let input = text(&rules).split("chain input {").nth(1).unwrap();
            let before = input.split("ip6 saddr @trusted6 accept").next().unwrap();
            prop_assert!(!before.contains(" drop\n"));
        }
    }

    #[test]
    fn both_families_have_the_same_rules(profile in any_profile(), firewall: bool) {
        let facts = Facts { session: None, ..facts() };
        let rules = rules(&profile, &facts, Parts { firewall, protect: true, shape: false }).unwrap();
        let (four, six) = (of_family(text(&rules), false), of_family(text(&rules), true));
        prop_assert!(four.len() > 10);
        prop_assert_eq!(four, six);
    }

    #[test]
    fn the_same_profile_has_the_same_text(profile in any_profile()) {
        let facts = Facts { session: None, ..facts() };
        let once = rules(&profile, &facts, BOTH).unwrap();
        let twice = rules(&profile, &facts, BOTH).unwrap();
        prop_assert_eq!(once.wishes, twice.wishes);
    }
}

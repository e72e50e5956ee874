#![cfg(test)]
//! Protection and firewall with real packets: players pass, floods do not, and nothing else of the host changes.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use stadion_netlab::{
    Acceptor, Bottleneck, Echo, Flood, FloodReport, FloodSpec, Host, Line, Namespace, PlaySpec,
    Sources, Wire, connects, monotonic, pause, play, run_tool, unable,
};
use stadion_network::facts::{Facts, Interface};
use stadion_network::profile::Profile;
use stadion_network::rules::{self, Parts, kept};
use stadion_network::subject::Subject;

const GAME: u16 = 7_000;
const QUERY: u16 = 28_014;
const STREAM: u16 = 25_565;
const RCON: u16 = 27_015;
const CLOSED: u16 = 6_379;
const BUFFER: usize = 8 << 20;
/// More than the kernel tracks here (262,144), so that whatever tracks a flood is full of it.
const FULL: u64 = 400_000;
const PATIENCE: Duration = Duration::from_secs(20);

const PROTECT: Parts = Parts {
    firewall: false,
    protect: true,
    shape: false,
};
const BOTH: Parts = Parts {
    firewall: true,
    protect: true,
    shape: false,
};

/// One scene at a time, so that a flood of one test does not starve the player of another.
static SCENE: Mutex<()> = Mutex::new(());

fn able() -> Option<MutexGuard<'static, ()>> {
    if let Some(reason) = unable() {
        eprintln!("skipped: {reason}");
        return None;
    }
    Some(SCENE.lock())
}

fn wait_until(what: &str, mut reached: impl FnMut() -> bool) {
    let end = monotonic() + PATIENCE;
    while !reached() {
        assert!(monotonic() < end, "{what}");
        pause(Duration::from_millis(10));
    }
}

/// A profile with games over UDP and TCP, RCON and queries, that trusts `trusted`.
fn profile(trusted: &[IpAddr]) -> Profile {
    let mut profile = Profile::default();
    profile.firewall.games = ["minecraft", "csgo", "rust"].map(str::to_owned).to_vec();
    profile.firewall.trusted = trusted
        .iter()
        .map(|address| rules::net::Net::new(*address, 128))
        .collect();
    profile
}

/// What `host` is, as far as rules need it.
fn facts(host: &Host) -> Facts {
    let uplink = Interface {
        name: host.interface().into(),
        default_route: true,
        addresses: vec![(host.v4.into(), 24), (host.v6.into(), 64)],
        ..Interface::default()
    };
    Facts {
        privileged: true,
        interfaces: vec![uplink],
        ..Facts::default()
    }
}

/// Loads the rules, and sets what they need.
fn apply(space: &Namespace, profile: &Profile, facts: &Facts, parts: Parts) {
    let made = rules::rules(profile, facts, parts).unwrap();
    for wish in &made.wishes {
        let want = wish.want.as_deref().unwrap();
        match &wish.subject {
            Subject::NftTable(_) => drop(space.nft(&rules::replace(want)).unwrap()),
            Subject::Sysctl(path) => space.set(path.strip_prefix("net/").unwrap(), want).unwrap(),
            other => panic!("{other} is not of the rules"),
        }
    }
}

fn counter(space: &Namespace, name: &str) -> u64 {
    let listed = space
        .tool("nft", &format!("list counter inet stadion {name}"))
        .unwrap();
    let after = listed.split("packets ").nth(1).unwrap();
    after.split(' ').next().unwrap().parse().unwrap()
}

fn elements(space: &Namespace, set: &str) -> usize {
    let listed = space
        .tool("nft", &format!("-j list set inet stadion {set}"))
        .unwrap();
    listed.matches("\"val\"").count()
}

/// What the rules can have let through of a flood at most: the share of guests, whole seconds, both buckets full.
fn most(profile: &Profile, report: &FloodReport) -> u64 {
    let guests = profile.ddos_protect.guests;
    u64::from(guests.per_second) * (report.lasted.as_secs() + 1) + u64::from(guests.burst)
}

#[test]
fn a_128_tick_player_loses_nothing_while_50_000_spoofed_sources_flood() {
    let Some(_scene) = able() else { return };
    for v6 in [false, true] {
        let wire = Wire::new().unwrap();
        let echo = Echo::start(&wire.server, GAME, BUFFER).unwrap();
        let profile = profile(&[]);
        apply(&wire.server.space, &profile, &facts(&wire.server), BOTH);
        let server = SocketAddr::new(wire.server.address(v6), GAME);
        // The server talks with the player, who is known from then on.
        let before = play(&wire.internet, PlaySpec::ticks_128(server, 1)).unwrap();
        assert_eq!(before.lost, 0, "v6 {v6}: a newcomer on a quiet day");
        let heard = echo.received();
        let flood = Flood::start(
            &wire.internet,
            FloodSpec::udp(server, Sources::Spoofed(50_000)),
        )
        .unwrap();
        let seen = play(&wire.internet, PlaySpec::ticks_128(server, 3)).unwrap();
        let report = flood.stop();
        let space = &wire.server.space;
        eprintln!(
            "v6 {v6}: flood {} at {:.0}/s, server heard {}, p99 {:?}, newcomers dropped {}, guests dropped {}",
            report.sent,
            report.rate_per_s(),
            echo.received() - heard,
            seen.latency(0.99),
            counter(space, "drop_newcomer"),
            counter(space, "drop_guest"),
        );
        assert_eq!((seen.sent, seen.lost), (384, 0), "v6 {v6}");
        assert!(
            counter(space, "drop_newcomer") > 0,
            "v6 {v6}: the flood was more than the gate lets in"
        );
        assert!(
            echo.received() - heard <= 384 + most(&profile, &report),
            "v6 {v6}"
        );
    }
}

#[test]
fn a_player_loses_nothing_while_one_source_floods_be_he_new_or_known() {
    let Some(_scene) = able() else { return };
    for (v6, ports) in [(false, 1), (false, 5_000), (true, 1), (true, 5_000)] {
        let wire = Wire::new().unwrap();
        let echo = Echo::start(&wire.server, GAME, BUFFER).unwrap();
        let profile = profile(&[]);
        apply(&wire.server.space, &profile, &facts(&wire.server), PROTECT);
        let server = SocketAddr::new(wire.server.address(v6), GAME);
        let flood = Flood::start(
            &wire.internet,
            FloodSpec::udp(server, Sources::One { ports }),
        )
        .unwrap();
        let seen = play(&wire.internet, PlaySpec::ticks_128(server, 2)).unwrap();
        let report = flood.stop();
        let limit = profile.ddos_protect.source;
        let most =
            u64::from(limit.per_second) * (report.lasted.as_secs() + 1) + u64::from(limit.burst);
        eprintln!(
            "v6 {v6}, {ports} ports: flood {} at {:.0}/s, server heard {}, p99 {:?}",
            report.sent,
            report.rate_per_s(),
            echo.received(),
            seen.latency(0.99)
        );
        assert_eq!((seen.sent, seen.lost), (256, 0), "v6 {v6}, {ports} ports");
        assert!(
            echo.received() <= 256 + most,
            "v6 {v6}, {ports} ports: {}",
            echo.received()
        );
    }
}

#[test]
fn connections_come_about_under_a_syn_flood_and_it_takes_no_state() {
    let Some(_scene) = able() else { return };
    for (v6, synproxy) in [(false, true), (true, true), (false, false), (true, false)] {
        let wire = Wire::new().unwrap();
        let _acceptor = Acceptor::start(&wire.server, STREAM).unwrap();
        let mut profile = profile(&[]);
        profile.ddos_protect.synproxy = synproxy;
        let parts = if synproxy { BOTH } else { PROTECT };
        apply(&wire.server.space, &profile, &facts(&wire.server), parts);
        let server = SocketAddr::new(wire.server.address(v6), STREAM);
        let before = connects(&wire.internet, server, 3, PATIENCE).unwrap();
        assert_eq!(
            before.succeeded(),
            3,
            "v6 {v6}, synproxy {synproxy}, on a quiet day"
        );
        let flood = Flood::start(
            &wire.internet,
            FloodSpec::syn(server, Sources::Spoofed(300_000)),
        )
        .unwrap();
        wait_until("the flood is at its height", || flood.sent() > FULL);
        let tried = connects(&wire.internet, server, 10, PATIENCE).unwrap();
        let report = flood.stop();
        let tracked: u64 = wire
            .server
            .space
            .run(|| std::fs::read_to_string("/proc/sys/net/netfilter/nf_conntrack_count"))
            .unwrap()
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        eprintln!(
            "v6 {v6}, synproxy {synproxy}: {} SYNs at {:.0}/s, slowest {:?}, tracked {tracked}",
            report.sent,
            report.rate_per_s(),
            tried.took.iter().max()
        );
        assert_eq!(tried.succeeded(), 10, "v6 {v6}, synproxy {synproxy}");
        assert!(
            tracked < 100,
            "v6 {v6}, synproxy {synproxy}: {tracked} of {} are tracked",
            report.sent
        );
    }
}

#[test]
fn rcon_and_administration_are_closed_but_for_trusted_sources() {
    let Some(_scene) = able() else { return };
    let wire = Wire::new().unwrap();
    let ports = [RCON, 22, STREAM, CLOSED];
    let _acceptors: Vec<_> = ports
        .iter()
        .map(|port| Acceptor::start(&wire.server, *port).unwrap())
        .collect();
    let short = Duration::from_millis(300);
    for v6 in [false, true] {
        let open = || {
            ports.map(|port| {
                let to = SocketAddr::new(wire.server.address(v6), port);
                connects(&wire.internet, to, 1, short).unwrap().succeeded() == 1
            })
        };
        let with = |trusted: &[IpAddr]| {
            apply(
                &wire.server.space,
                &profile(trusted),
                &facts(&wire.server),
                BOTH,
            )
        };
        with(&[wire.internet.address(v6)]);
        assert_eq!(open(), [true, true, true, false], "v6 {v6}, trusted");
        with(&[wire.internet.address(!v6)]);
        assert_eq!(open(), [false, false, true, false], "v6 {v6}, a stranger");
        assert!(counter(&wire.server.space, "drop_admin") > 0);
        assert!(counter(&wire.server.space, "drop_closed") > 0);
    }
}

#[test]
fn an_old_session_survives_the_rules_that_begin_to_track_it() {
    let Some(_scene) = able() else { return };
    for v6 in [false, true] {
        let wire = Wire::new().unwrap();
        let address = SocketAddr::new(wire.server.address(v6), 22);
        let listener = wire
            .server
            .space
            .run(|| std::net::TcpListener::bind(address))
            .unwrap()
            .unwrap();
        let mut ours = wire
            .internet
            .space
            .run(|| TcpStream::connect(address))
            .unwrap()
            .unwrap();
        let (mut theirs, _) = listener.accept().unwrap();
        for stream in [&ours, &theirs] {
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
        }
        let peer = wire.internet.address(v6);
        for _ in 0..2 {
            apply(
                &wire.server.space,
                &profile(&[peer]),
                &facts(&wire.server),
                BOTH,
            );
            let mut byte = [0];
            ours.write_all(b"a").unwrap();
            theirs.read_exact(&mut byte).unwrap();
            theirs.write_all(b"b").unwrap();
            ours.read_exact(&mut byte).unwrap();
            assert_eq!(&byte, b"b", "v6 {v6}");
        }
    }
}

#[test]
fn the_largest_packet_of_a_path_is_still_learned() {
    let Some(_scene) = able() else { return };
    let line = Line::new(Bottleneck {
        rate_bits_per_s: 1_000_000_000,
        queue_bytes: 1 << 20,
    })
    .unwrap();
    apply(
        &line.server.space,
        &profile(&[]),
        &facts(&line.server),
        BOTH,
    );
    line.router.ip("link set slow0 mtu 1300").unwrap();
    for v6 in [false, true] {
        let to = SocketAddr::new(line.player.address(v6), 9);
        // From a port of a game, which is not tracked: the error about it belongs to nothing that is known.
        let socket = line
            .server
            .space
            .run(|| UdpSocket::bind((line.server.address(v6), GAME)))
            .unwrap()
            .unwrap();
        wait_until("the host learns that 1,300 bytes pass", || {
            drop(socket.send_to(&[0; 1_400], to));
            let route = line
                .server
                .space
                .ip(&format!("route get {}", to.ip()))
                .unwrap();
            route.contains("mtu 1300")
        });
    }
}

#[test]
fn questions_have_buckets_of_their_own_and_make_nobody_known() {
    let Some(_scene) = able() else { return };
    for (port, v6) in [(GAME, false), (GAME, true), (QUERY, false), (QUERY, true)] {
        let wire = Wire::new().unwrap();
        let echo = Echo::start(&wire.server, port, BUFFER).unwrap();
        let profile = profile(&[]);
        apply(&wire.server.space, &profile, &facts(&wire.server), BOTH);
        let server = SocketAddr::new(wire.server.address(v6), port);
        let socket = wire
            .internet
            .space
            .run(|| UdpSocket::bind((wire.internet.address(v6), 0)))
            .unwrap()
            .unwrap();
        let start = monotonic();
        for _ in 0..2_000 {
            socket
                .send_to(b"\xff\xff\xff\xffTSource Engine Query\0", server)
                .unwrap();
        }
        let dropped = || counter(&wire.server.space, "drop_query");
        wait_until("all questions are judged", || {
            dropped() + counter(&wire.server.space, "pass_udp") == 2_000
        });
        let limit = profile.ddos_protect.queries_per_source;
        let most = u64::from(limit.per_second) * ((monotonic() - start).as_secs() + 1)
            + u64::from(limit.burst);
        assert!(
            2_000 - dropped() <= most,
            "{port}, v6 {v6}: {} dropped",
            dropped()
        );
        wait_until("the server heard the others", || {
            echo.received() == 2_000 - dropped()
        });
        let known = if v6 { "known6" } else { "known4" };
        assert_eq!(elements(&wire.server.space, known), 0, "{port}, v6 {v6}");
    }
}

#[test]
fn reflectors_forged_and_blocked_sources_are_dropped() {
    let Some(_scene) = able() else { return };
    let wire = Wire::new().unwrap();
    let echo = Echo::start(&wire.server, GAME, BUFFER).unwrap();
    let mut profile = profile(&[]);
    profile.ddos_protect.blocked = ["26.8.0.0/16", "2a00:88::/32"]
        .map(|net| net.parse().unwrap())
        .to_vec();
    apply(&wire.server.space, &profile, &facts(&wire.server), PROTECT);
    for (from, port, why) in [
        ("10.1.2.3", 5_000, "drop_forged"),
        ("198.51.100.7", 5_000, "drop_forged"),
        ("fd00::7", 5_000, "drop_forged"),
        ("2001:db8::7", 5_000, "drop_forged"),
        ("26.1.0.1", 11_211, "drop_reflector"),
        ("2a00:89::1", 53, "drop_reflector"),
        ("26.8.0.1", 5_000, "drop_blocked"),
        ("2a00:88::1", 5_000, "drop_blocked"),
        ("26.1.0.2", 5_000, "pass_udp"),
        ("2a00:89::2", 5_000, "pass_udp"),
    ] {
        let from: IpAddr = from.parse().unwrap();
        let v6 = from.is_ipv6();
        wire.internet
            .space
            .ip(&format!(
                "addr add {from} dev eth0 {}",
                if v6 { "nodad" } else { "" }
            ))
            .unwrap();
        let before = counter(&wire.server.space, why);
        let socket = wire
            .internet
            .space
            .run(|| UdpSocket::bind((from, port)))
            .unwrap()
            .unwrap();
        socket
            .send_to(b"hello", (wire.server.address(v6), GAME))
            .unwrap();
        wait_until(&format!("{why} counts {from}"), || {
            counter(&wire.server.space, why) == before + 1
        });
    }
    wait_until("the two real ones are heard", || echo.received() == 2);
}

/// A container behind `server`, with the game's port published to it by another table, as Docker does.
fn container(server: &Host) -> Namespace {
    let inside = Namespace::new("container").unwrap();
    for key in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] {
        server.space.set(key, "1").unwrap();
    }
    server
        .space
        .ip(&format!(
            "link add docker0 type veth peer name eth0 netns {}",
            inside.name()
        ))
        .unwrap();
    for (space, dev, host) in [(&server.space, "docker0", 1), (&inside, "eth0", 2)] {
        space
            .ip(&format!("addr add 172.17.0.{host}/16 dev {dev}"))
            .unwrap();
        space
            .ip(&format!("addr add fd17::{host}/64 dev {dev} nodad"))
            .unwrap();
        space.ip(&format!("link set {dev} up")).unwrap();
    }
    inside.ip("route add default via 172.17.0.1").unwrap();
    inside.ip("-6 route add default via fd17::1").unwrap();
    let rules =
        "table inet docker { chain pre { type nat hook prerouting priority dstnat; policy accept;
        iifname != \"docker0\" udp dport { 7000, 7001, 9999 } dnat ip to 172.17.0.2
        iifname != \"docker0\" udp dport { 7000, 7001, 9999 } dnat ip6 to fd17::2
        }
        }";
    server.space.nft(rules).unwrap();
    inside
}

#[test]
fn a_published_port_is_protected_and_an_unlisted_one_closed() {
    let Some(_scene) = able() else { return };
    for v6 in [false, true] {
        let wire = Wire::new().unwrap();
        let inside = container(&wire.server);
        let bound = |port| {
            let any: IpAddr = if v6 { "::" } else { "0.0.0.0" }.parse().unwrap();
            let socket = inside
                .run(|| UdpSocket::bind((any, port)))
                .unwrap()
                .unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            socket
        };
        let (game, other) = (bound(7_001), bound(9_999));
        let mut facts = facts(&wire.server);
        let json = wire.server.space.tool("nft", "-j list ruleset").unwrap();
        let found = rules::foreign::nft(&json, rules::TABLE).unwrap();
        facts.dnat_ports = found.ports.into_iter().collect();
        assert_eq!(facts.dnat_ports.len(), 3, "{:?}", facts.dnat_ports);
        let made = rules::rules(&profile(&[]), &facts, BOTH).unwrap();
        assert!(
            made.notes
                .iter()
                .any(|note| note.starts_with("9999/udp is published")),
            "{:?}",
            made.notes
        );
        apply(&wire.server.space, &profile(&[]), &facts, BOTH);
        let player = wire
            .internet
            .space
            .run(|| UdpSocket::bind((wire.internet.address(v6), 0)))
            .unwrap()
            .unwrap();
        player.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut datagram = [0; 16];
        // The way there and back, with addresses rewritten: tracking still works for it.
        player
            .send_to(b"in", (wire.server.address(v6), 7_001))
            .unwrap();
        let (_, from) = game.recv_from(&mut datagram).unwrap();
        for _ in 0..200 {
            game.send_to(b"out", from).unwrap();
        }
        let (_, from) = player.recv_from(&mut datagram).unwrap();
        assert_eq!(from, SocketAddr::new(wire.server.address(v6), 7_001));
        let known = if v6 { "known6" } else { "known4" };
        assert_eq!(
            elements(&wire.server.space, known),
            1,
            "who is talked with is known, behind DNAT too"
        );
        player
            .send_to(b"in", (wire.server.address(v6), 9_999))
            .unwrap();
        wait_until("an unlisted port is closed", || {
            counter(&wire.server.space, "drop_published") == 1
        });
        other.set_nonblocking(true).unwrap();
        assert!(other.recv_from(&mut datagram).is_err());
        let server = SocketAddr::new(wire.server.address(v6), 7_001);
        let spec = FloodSpec {
            packets: Some(20_000),
            ..FloodSpec::udp(server, Sources::One { ports: 1 })
        };
        let report = Flood::start(&wire.internet, spec).unwrap().finish();
        wait_until("the flood is measured before DNAT", || {
            counter(&wire.server.space, "drop_flow") > report.sent / 2
        });
    }
}

#[test]
fn replacing_the_table_forgets_no_player_and_touches_no_other_table() {
    let Some(_scene) = able() else { return };
    let wire = Wire::new().unwrap();
    let _echo = Echo::start(&wire.server, GAME, BUFFER).unwrap();
    let space = &wire.server.space;
    space
        .nft("table ip docker { chain x { counter drop\n }\n }")
        .unwrap();
    apply(space, &profile(&[]), &facts(&wire.server), BOTH);
    for v6 in [false, true] {
        let server = SocketAddr::new(wire.server.address(v6), GAME);
        assert_eq!(
            play(&wire.internet, PlaySpec::ticks_128(server, 1))
                .unwrap()
                .lost,
            0
        );
    }
    space
        .tool(
            "nft",
            "add element inet stadion banned4 { 26.9.0.0/16 timeout 1h }",
        )
        .unwrap();
    let mut again = String::new();
    for set in kept::SETS {
        again += &kept::again(
            set,
            &space
                .tool("nft", &format!("-j list set inet stadion {set}"))
                .unwrap(),
        )
        .unwrap();
    }
    let mut other = profile(&[]);
    other.ddos_protect.blocked = vec!["26.9.0.0/16".parse().unwrap()];
    other.firewall.echo_per_second = 7;
    let made = rules::rules(&other, &facts(&wire.server), BOTH).unwrap();
    space
        .nft(&(rules::replace(made.wishes[0].want.as_deref().unwrap()) + &again))
        .unwrap();
    for (set, count) in [("known4", 1), ("known6", 1), ("banned4", 1), ("guest4", 0)] {
        assert_eq!(elements(space, set), count, "{set}");
    }
    let all = space.tool("nft", "list tables").unwrap();
    assert_eq!(all.lines().count(), 2, "{all}");
    // A text that fails changes nothing.
    let before = space.tool("nft", "-s list ruleset").unwrap();
    let broken = rules::replace(made.wishes[0].want.as_deref().unwrap())
        + "add rule inet stadion nowhere drop\n";
    assert!(space.nft(&broken).is_err());
    assert_eq!(space.tool("nft", "-s list ruleset").unwrap(), before);
}

#[test]
fn what_nft_lists_loads_again_as_the_same() {
    let Some(_scene) = able() else { return };
    let wire = Wire::new().unwrap();
    let space = &wire.server.space;
    apply(
        space,
        &profile(&[wire.internet.v4.into()]),
        &facts(&wire.server),
        BOTH,
    );
    let listed = space.tool("nft", "-s list table inet stadion").unwrap();
    space.nft(&rules::replace(&listed)).unwrap();
    assert_eq!(
        space.tool("nft", "-s list table inet stadion").unwrap(),
        listed
    );
    assert_eq!(Parts::of_table(&listed), BOTH);
    assert!(rules::digest(&listed).is_some());
    // Whoever looks for the tool itself finds it.
    assert!(run_tool("nft", &["--version"], None).is_ok());
}

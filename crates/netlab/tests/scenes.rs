#![cfg(test)]
//! Scenes do what they say: packets arrive, floods flood, bottlenecks fill, and nothing stays behind.

use std::net::SocketAddr;
use std::time::Duration;

use stadion_netlab::{
    Acceptor, Bottleneck, Bulk, BulkKind, Echo, Flood, FloodSpec, Host, Line, Namespace, PlaySpec,
    Sources, Wire, connects, lose, monotonic, pause, play, run_tool, unable,
};

const PORT: u16 = 7_000;
const BUFFER: usize = 4 << 20;

/// Whether this machine can play scenes; if not, says why.
fn able() -> bool {
    let reason = unable();
    if let Some(reason) = reason {
        eprintln!("skipped: {reason}");
    }
    reason.is_none()
}

fn wait_until(what: &str, mut reached: impl FnMut() -> bool) {
    let end = monotonic() + Duration::from_secs(20);
    while !reached() {
        assert!(monotonic() < end, "{what}");
        pause(Duration::from_millis(10));
    }
}

#[test]
fn a_player_alone_loses_nothing_over_both_families() {
    if !able() {
        return;
    }
    let wire = Wire::new().unwrap();
    let _echo = Echo::start(&wire.server, PORT, BUFFER).unwrap();
    for v6 in [false, true] {
        let server = SocketAddr::new(wire.server.address(v6), PORT);
        let seen = play(&wire.internet, PlaySpec::ticks_128(server, 1)).unwrap();
        assert_eq!((seen.sent, seen.lost), (128, 0), "v6 {v6}");
        assert_eq!(seen.latency_ns.len(), 128);
    }
}

#[test]
fn spoofed_datagrams_of_both_families_reach_a_socket() {
    if !able() {
        return;
    }
    let wire = Wire::new().unwrap();
    for (port, v6) in [(PORT, false), (PORT + 1, true)] {
        let echo = Echo::start(&wire.server, port, BUFFER).unwrap();
        let to = SocketAddr::new(wire.server.address(v6), port);
        let spec = FloodSpec {
            packets: Some(1_000),
            rate_per_s: Some(20_000),
            ..FloodSpec::udp(to, Sources::Spoofed(300))
        };
        let report = Flood::start(&wire.internet, spec).unwrap().finish();
        assert_eq!(report.sent + report.refused, 1_000);
        wait_until("valid datagrams arrive", || echo.received() == report.sent);
    }
}

#[test]
fn a_flood_of_a_host_alone_is_sent_and_gone() {
    if !able() {
        return;
    }
    let host = Host::alone().unwrap();
    for to in ["26.1.2.3:7000", "[2a00:79::1]:7000"] {
        let spec = FloodSpec {
            packets: Some(1_000),
            ..FloodSpec::udp(to.parse().unwrap(), Sources::Spoofed(10))
        };
        let report = Flood::start(&host, spec).unwrap().finish();
        assert_eq!((report.sent, report.refused), (1_000, 0), "{to}");
    }
}

#[test]
fn a_flood_has_as_many_sources_as_asked_for() {
    if !able() {
        return;
    }
    let wire = Wire::new().unwrap();
    let rules =
        "table inet count { set seen { type ipv4_addr . inet_service; flags dynamic; size 1000; }
        chain pre { type filter hook prerouting priority -300;
        add @seen { ip saddr . udp sport } counter drop
        }
        }";
    let seen = |sources| {
        wire.server.space.nft(rules).unwrap();
        let to = SocketAddr::new(wire.server.address(false), PORT);
        let spec = FloodSpec {
            packets: Some(2_000),
            ..FloodSpec::udp(to, sources)
        };
        let report = Flood::start(&wire.internet, spec).unwrap().finish();
        assert_eq!(
            report.refused, 0,
            "nothing is refused where everything is dropped"
        );
        let set = wire.server.space.tool("nft", "list set inet count seen");
        wire.server.space.nft("delete table inet count").unwrap();
        set.unwrap().matches("26.0.").count()
    };
    assert_eq!(seen(Sources::Spoofed(500)), 500);
    assert_eq!(seen(Sources::One { ports: 1 }), 1);
    assert_eq!(seen(Sources::One { ports: 5 }), 5);
}

#[test]
fn connections_come_about_and_are_seen_to_fail() {
    if !able() {
        return;
    }
    let wire = Wire::new().unwrap();
    let _acceptor = Acceptor::start(&wire.server, PORT).unwrap();
    for v6 in [false, true] {
        let to = SocketAddr::new(wire.server.address(v6), PORT);
        let tried = connects(&wire.internet, to, 5, Duration::from_secs(5)).unwrap();
        assert_eq!(tried.succeeded(), 5, "v6 {v6}");
        let closed = SocketAddr::new(to.ip(), PORT + 1);
        let tried = connects(&wire.internet, closed, 5, Duration::from_secs(5)).unwrap();
        assert_eq!(tried.succeeded(), 0, "v6 {v6}");
    }
}

#[test]
fn first_segments_of_a_syn_flood_are_valid() {
    if !able() {
        return;
    }
    let wire = Wire::new().unwrap();
    let _acceptor = Acceptor::start(&wire.server, PORT).unwrap();
    for v6 in [false, true] {
        // An answer to a first segment is the proof that it was valid.
        wire.internet
            .space
            .nft("table inet answers { counter seen { }\n chain pre { type filter hook prerouting priority -300;
                tcp flags & (syn | ack) == syn | ack counter name seen drop\n }\n }")
            .unwrap();
        let to = SocketAddr::new(wire.server.address(v6), PORT);
        let spec = FloodSpec {
            packets: Some(100),
            ..FloodSpec::syn(to, Sources::Spoofed(100))
        };
        let _report = Flood::start(&wire.internet, spec).unwrap().finish();
        wait_until("answers to first segments", || {
            let listed = wire
                .internet
                .space
                .tool("nft", "list counter inet answers seen");
            !listed.unwrap().contains("packets 0 ")
        });
        wire.internet
            .space
            .nft("delete table inet answers")
            .unwrap();
    }
}

#[test]
fn a_bottleneck_full_of_bulk_traffic_delays_and_loses_game_packets() {
    if !able() {
        return;
    }
    let line = Line::new(Bottleneck {
        rate_bits_per_s: 20_000_000,
        queue_bytes: 100_000,
    })
    .unwrap();
    let _echo = Echo::start(&line.server, PORT, BUFFER).unwrap();
    let server = SocketAddr::new(line.server.address(false), PORT);
    let alone = play(&line.player, PlaySpec::ticks_128(server, 1)).unwrap();
    assert_eq!(alone.lost, 0);
    for (port, kind) in [
        (
            9_000,
            BulkKind::Udp {
                rate_bits_per_s: 40_000_000,
            },
        ),
        (9_001, BulkKind::Tcp { streams: 4 }),
    ] {
        let bulk = Bulk::start(&line.server, &line.player, port, kind).unwrap();
        wait_until("the queue fills", || bulk.received() > 1_000_000);
        let beside = play(&line.player, PlaySpec::ticks_128(server, 1)).unwrap();
        // 100 kB at 20 Mbit/s are 40 ms.
        assert!(
            beside.latency(0.5) > 10 * alone.latency(0.5),
            "{kind:?}: {:?} beside {:?}",
            beside.latency(0.5),
            alone.latency(0.5)
        );
    }
}

#[test]
fn losses_come_at_the_asked_rate() {
    if !able() {
        return;
    }
    let wire = Wire::new().unwrap();
    let _echo = Echo::start(&wire.server, PORT, BUFFER).unwrap();
    lose(&wire.server.space, 200).unwrap();
    let server = SocketAddr::new(wire.server.address(false), PORT);
    let spec = PlaySpec {
        rate_per_s: 2_000,
        ticks: 2_000,
        ..PlaySpec::ticks_128(server, 1)
    };
    let lost = play(&wire.internet, spec).unwrap().lost;
    // 2,000 packets lost with a chance of 0.2: 400 with a deviation of 18.
    assert!((300..500).contains(&lost), "{lost} of 2,000");
}

#[test]
fn namespaces_go_with_their_value_also_by_a_panic_and_after_a_kill() {
    if !able() {
        return;
    }
    let exists = |name: &str| {
        let names = run_tool("ip", &["netns", "list"], None).unwrap();
        names
            .lines()
            .any(|line| line.split(' ').next() == Some(name))
    };
    let space = Namespace::new("gone").unwrap();
    let name = space.name().to_owned();
    assert!(exists(&name));
    drop(space);
    assert!(!exists(&name));

    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    let panicked = std::thread::spawn(move || {
        let space = Namespace::new("panic").unwrap();
        sender.send(space.name().to_owned()).unwrap();
        space
            .run(|| panic!("a panic inside the namespace"))
            .unwrap();
    });
    assert!(panicked.join().is_err());
    assert!(!exists(&receiver.recv().unwrap()));

    // Beyond the largest process number there is (2^22), so no process has it; a process that begins removes it.
    let stale = "netlab-4194305-0-stale";
    run_tool("ip", &["netns", "add", stale], None).unwrap();
    let own = std::env::current_exe().unwrap();
    let words = ["--exact", "a_player_alone_loses_nothing_over_both_families"];
    run_tool(own.to_str().unwrap(), &words, None).unwrap();
    assert!(!exists(stale));
}

#[test]
fn code_and_commands_run_inside() {
    if !able() {
        return;
    }
    let wire = Wire::new().unwrap();
    let devices = || std::fs::read_to_string("/proc/thread-self/net/dev").unwrap();
    let inside = wire.server.space.run(devices).unwrap();
    assert_eq!(
        inside.lines().count(),
        2 + 2,
        "two lines of head, lo and eth0: {inside}"
    );
    let output = wire
        .server
        .space
        .command("ls")
        .arg("/sys/class/net")
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "eth0\nlo\n");
    wire.server.space.set("ipv4/ip_forward", "1").unwrap();
    let read = || std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap();
    assert_eq!(wire.server.space.run(read).unwrap(), "1\n");
    assert_eq!(wire.internet.space.run(read).unwrap(), "0\n");
}

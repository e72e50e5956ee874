//! Floods against players, questions and handshakes.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use stadion_netlab::{
    Acceptor, Echo, Flood, FloodSpec, PlaySpec, Sources, Wire, connects, monotonic, play,
};

use crate::scene::{
    BOTH, BUFFER, FULL, GAME, PATIENCE, PLAYS_MAX, PROTECT, QUERY, STREAM, able, apply, counter,
    elements, facts, most, play_once_whole, profile, wait_until,
};

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
        let seen = play_once_whole(&wire.internet, PlaySpec::ticks_128(server, 3));
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
        let reached = echo.received() - heard;
        assert!(
            reached <= 384 * PLAYS_MAX + most(profile.ddos_protect.guests, report.lasted),
            "v6 {v6}: {reached}"
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
        let seen = play_once_whole(&wire.internet, PlaySpec::ticks_128(server, 2));
        let report = flood.stop();
        let most = most(profile.ddos_protect.source, report.lasted);
        eprintln!(
            "v6 {v6}, {ports} ports: flood {} at {:.0}/s, server heard {}, p99 {:?}",
            report.sent,
            report.rate_per_s(),
            echo.received(),
            seen.latency(0.99)
        );
        assert_eq!((seen.sent, seen.lost), (256, 0), "v6 {v6}, {ports} ports");
        assert!(
            echo.received() <= 256 * PLAYS_MAX + most,
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
        let most = most(profile.ddos_protect.queries_per_source, monotonic() - start);
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

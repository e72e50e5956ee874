//! Who becomes known: whom a server talks with, and nobody whom it merely answers.

use std::net::{SocketAddr, UdpSocket};

use stadion_netlab::{Echo, Flood, FloodSpec, PlaySpec, Sources, Wire, play};
use stadion_network::profile::protect::Rate;

use crate::scene::{
    BOTH, BUFFER, GAME, PROTECT, able, apply, counter, elements, facts, most, profile, wait_until,
};

const KNOWN: [&str; 2] = ["known4", "known6"];
const FAMILIES: [&str; 2] = ["ipv4", "ipv6"];

/// Of a flood from few sources that a server answers; each has far more answers then than make a player known.
const LONG: u64 = 1_500_000;

#[test]
fn a_server_that_answers_everybody_makes_no_forged_source_known() {
    let Some(_scene) = able() else { return };
    // As many as the gate lets in at once, and more than it lets in while this runs.
    for (v6, pool) in [(false, 400), (false, 20_000), (true, 400), (true, 20_000)] {
        let wire = Wire::new().unwrap();
        let echo = Echo::start(&wire.server, GAME, BUFFER).unwrap();
        let profile = profile(&[]);
        apply(&wire.server.space, &profile, &facts(&wire.server), BOTH);
        let server = SocketAddr::new(wire.server.address(v6), GAME);
        let spec = FloodSpec::udp(server, Sources::Spoofed(pool));
        let flood = Flood::start(&wire.internet, spec).unwrap();
        wait_until("the flood has lasted", || flood.sent() > LONG);
        let report = flood.stop();
        let known = elements(&wire.server.space, KNOWN[usize::from(v6)]);
        eprintln!(
            "v6 {v6}, {pool}: flood {} at {:.0}/s, server heard {}, known {known}",
            report.sent,
            report.rate_per_s(),
            echo.received(),
        );
        assert_eq!(known, 0, "v6 {v6}, {pool}");
        assert!(
            echo.received() <= most(profile.ddos_protect.guests, report.lasted),
            "v6 {v6}, {pool}"
        );
    }
}

#[test]
fn under_alarm_only_whom_the_server_talks_with_unasked_becomes_known() {
    let Some(_scene) = able() else { return };
    for v6 in [false, true] {
        let wire = Wire::new().unwrap();
        let space = &wire.server.space;
        apply(space, &profile(&[]), &facts(&wire.server), PROTECT);
        let family = FAMILIES[usize::from(v6)];
        let alarm = format!("add element inet stadion alarm {{ {family} timeout 1h }}");
        space.tool("nft", &alarm).unwrap();
        let bind = |host: &stadion_netlab::Host, port| {
            let at = (host.address(v6), port);
            host.space.run(|| UdpSocket::bind(at)).unwrap().unwrap()
        };
        let (server, player) = (bind(&wire.server, GAME), bind(&wire.internet, 0));
        let (game, home) = (server.local_addr().unwrap(), player.local_addr().unwrap());
        let (mut datagram, known) = ([0; 64], KNOWN[usize::from(v6)]);
        // The server answers all that it hears of 60: no more than one guest may say.
        for _ in 0..60 {
            player.send_to(b"hello", game).unwrap();
        }
        let judged = || counter(space, "pass_udp") + counter(space, "drop_guest");
        wait_until("all were judged", || judged() == 60);
        assert!(counter(space, "drop_guest") > 0, "v6 {v6}");
        for _ in 0..counter(space, "pass_udp") {
            let (bytes, from) = server.recv_from(&mut datagram).unwrap();
            server.send_to(&datagram[..bytes], from).unwrap();
        }
        assert_eq!(elements(space, known), 0, "v6 {v6}: merely answered");
        for _ in 0..60 {
            server.send_to(b"snapshot", home).unwrap();
        }
        wait_until("the player is known", || elements(space, known) == 1);
    }
}

#[test]
fn on_a_quiet_day_whoever_is_answered_becomes_known_without_alarm() {
    let Some(_scene) = able() else { return };
    for v6 in [false, true] {
        let wire = Wire::new().unwrap();
        let _echo = Echo::start(&wire.server, GAME, BUFFER).unwrap();
        let space = &wire.server.space;
        apply(space, &profile(&[]), &facts(&wire.server), BOTH);
        let server = SocketAddr::new(wire.server.address(v6), GAME);
        let seen = play(&wire.internet, PlaySpec::ticks_128(server, 1)).unwrap();
        assert_eq!(seen.lost, 0, "v6 {v6}");
        assert_eq!(elements(space, KNOWN[usize::from(v6)]), 1, "v6 {v6}");
        assert_eq!(elements(space, "alarm"), 0, "v6 {v6}");
    }
}

#[test]
fn strangers_who_become_known_slowly_and_many_raise_the_alarm() {
    let Some(_scene) = able() else { return };
    let wire = Wire::new().unwrap();
    let _echo = Echo::start(&wire.server, GAME, BUFFER).unwrap();
    let space = &wire.server.space;
    let mut profile = profile(&[]);
    profile.ddos_protect.introductions = Rate::new(5, 50);
    apply(space, &profile, &facts(&wire.server), BOTH);
    // Below every bucket that a flood empties: 200 newcomers, 8,000 datagrams a second, 40 of each.
    let spec = FloodSpec {
        rate_per_s: Some(8_000),
        packets: Some(24_000),
        ..FloodSpec::udp(
            SocketAddr::new(wire.server.address(false), GAME),
            Sources::Spoofed(200),
        )
    };
    let report = Flood::start(&wire.internet, spec).unwrap().finish();
    let known = elements(space, "known4");
    eprintln!("known {known} after {:?}", report.lasted);
    let most = most(profile.ddos_protect.introductions, report.lasted);
    assert!(
        (1..=most).contains(&u64::try_from(known).unwrap()),
        "{known} of 200, {most} at most"
    );
    assert_eq!(elements(space, "alarm"), 1);
}

//! Who may reach what, and what must always pass.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use stadion_netlab::{Acceptor, Bottleneck, Line, Wire, connects};

use crate::scene::{
    BOTH, CLOSED, GAME, PATIENCE, RCON, STREAM, able, apply, counter, facts, profile, wait_until,
};

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
            );
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

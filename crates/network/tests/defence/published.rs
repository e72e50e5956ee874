//! Ports that other software publishes by rewriting addresses.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use stadion_netlab::{Flood, FloodSpec, Host, Namespace, Sources, Wire};
use stadion_network::facts::Facts;
use stadion_network::rules;

use crate::scene::{BOTH, PATIENCE, able, apply, counter, elements, facts, profile, wait_until};

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

/// What `host` is, with the ports that were found to be published.
fn with_published(host: &Host) -> Facts {
    let mut facts = facts(host);
    let json = host.space.tool("nft", "-j list ruleset").unwrap();
    let found = rules::foreign::nft(&json, rules::TABLE).unwrap();
    facts.dnat_ports = found.ports.into_iter().collect();
    assert_eq!(facts.dnat_ports.len(), 3, "{:?}", facts.dnat_ports);
    let made = rules::rules(&profile(&[]), &facts, BOTH).unwrap();
    let named = |note: &String| note.starts_with("9999/udp is published");
    assert!(made.notes.iter().any(named), "{:?}", made.notes);
    facts
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
        let facts = with_published(&wire.server);
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

#![cfg(test)]
//! Shaping with real packets: games pass a full uplink, and nothing else changes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use stadion_netlab::{
    Bottleneck, Bulk, BulkKind, Echo, Line, Namespace, Play, PlaySpec, monotonic, pause, play,
    unable,
};
use stadion_network::facts::Facts;
use stadion_network::host::Host;
use stadion_network::profile::Profile;
use stadion_network::rules::{self, Parts};
use stadion_network::shape::{self, Shaping};

const GAME_PORT: u16 = 7_000;
const OTHER_PORT: u16 = 6_000;
const BUFFER: usize = 4 << 20;

/// 60 kB at 20 Mbit/s are 24 ms.
const SLOW: Bottleneck = Bottleneck {
    rate_bits_per_s: 20_000_000,
    queue_bytes: 60_000,
};

fn able() -> bool {
    let reason = unable();
    if let Some(reason) = reason {
        eprintln!("skipped: {reason}");
    }
    reason.is_none()
}

/// The profile for a game on UDP and TCP.
fn profile(rate: &str) -> Profile {
    let text = format!(
        "firewall:\n  ports:\n  - {{ports: 7000-8000, protocol: udp}}\n  - {{ports: 7000-8000, protocol: tcp}}\n\
         traffic_shape:\n  rate: {rate}\n"
    );
    Profile::parse("test", &text).unwrap()
}

/// What shaping comes to in `space`, and the table that goes with it.
fn wanted(space: &Namespace, profile: &Profile) -> (Shaping, String) {
    let parts = Parts {
        shape: true,
        ..Parts::default()
    };
    // A host that enters a namespace does so for good, so it has a thread of its own.
    let made = std::thread::scope(|scope| {
        let work = || {
            let host = Host::netns(space.name()).unwrap();
            let mut facts = Facts::gather(&host, &BTreeMap::new()).unwrap();
            facts.qdiscs = shape::kinds::probe(&host);
            let shaping = shape::shape(&profile.traffic_shape, &facts).unwrap();
            (shaping, rules::rules(profile, &facts, parts).unwrap())
        };
        scope.spawn(work).join().unwrap()
    });
    let table = made.1.wishes[0].want.clone().unwrap();
    (made.0, rules::replace(&table))
}

fn apply(space: &Namespace, profile: &Profile) {
    let (shaping, table) = wanted(space, profile);
    assert_eq!(shaping.skips, []);
    space.nft(&table).unwrap();
    for wish in shaping.wishes {
        for line in wish.want.unwrap().lines() {
            space.tool("tc", line).unwrap();
        }
    }
}

fn wait_until(what: &str, mut reached: impl FnMut() -> bool) {
    let end = monotonic() + Duration::from_secs(20);
    while !reached() {
        assert!(monotonic() < end, "{what}");
        pause(Duration::from_millis(10));
    }
}

/// A second of play on `port`, over both families, while `bulk` fills the line.
fn beside(line: &Line, port: u16, kind: BulkKind) -> [Play; 2] {
    let bulk = Bulk::start(&line.server, &line.player, 9_000, kind).unwrap();
    wait_until("the line is full", || bulk.received() > 500_000);
    [false, true].map(|v6| {
        let server = SocketAddr::new(line.server.address(v6), port);
        play(&line.player, PlaySpec::ticks_128(server, 1)).unwrap()
    })
}

#[test]
fn game_packets_pass_a_line_full_of_bulk_traffic() {
    if !able() {
        return;
    }
    let line = Line::new(SLOW).unwrap();
    let _echo = Echo::start(&line.server, GAME_PORT, BUFFER).unwrap();
    let flood = BulkKind::Udp {
        rate_bits_per_s: 40_000_000,
    };
    let before = beside(&line, GAME_PORT, flood);
    apply(&line.server.space, &profile("19mbit"));
    let marked = "table inet marks { counter marked4 { }\n counter marked6 { }
        chain pre { type filter hook prerouting priority -300;
        udp sport 7000 ip dscp cs4 counter name marked4
        udp sport 7000 ip6 dscp cs4 counter name marked6
        }
        }";
    line.player.space.nft(marked).unwrap();
    let after = beside(&line, GAME_PORT, flood);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(after.lost, 0);
        let ratio = before.latency(0.5).as_secs_f64() / after.latency(0.5).as_secs_f64();
        assert!(ratio > 4.0, "{before:?} {after:?}");
    }
    let counter = line
        .server
        .space
        .tool("nft", "list counter inet stadion pass_shaped");
    let counter = counter.unwrap();
    assert!(counter.contains("packets 256 "), "{counter}");
}

#[test]
fn only_game_packets_pass_and_only_what_leaves_by_the_shaped_interface() {
    if !able() {
        return;
    }
    let line = Line::new(SLOW).unwrap();
    line.server.space.ip("link add other0 type ifb").unwrap();
    line.server.space.ip("link set other0 up").unwrap();
    let qdiscs = || {
        line.server
            .space
            .tool("tc", "-j qdisc show dev other0")
            .unwrap()
    };
    let untouched = qdiscs();
    apply(&line.server.space, &profile("19mbit"));
    assert_eq!(qdiscs(), untouched);
    let _game = Echo::start(&line.server, GAME_PORT, BUFFER).unwrap();
    let _other = Echo::start(&line.server, OTHER_PORT, BUFFER).unwrap();
    let kind = BulkKind::Udp {
        rate_bits_per_s: 40_000_000,
    };
    let [game, _] = beside(&line, GAME_PORT, kind);
    let [other, _] = beside(&line, OTHER_PORT, kind);
    let ratio = other.latency(0.5).as_secs_f64() / game.latency(0.5).as_secs_f64();
    assert!(ratio > 4.0, "{game:?} {other:?}");
}

#[test]
fn bulk_borrows_all_that_games_leave() {
    if !able() {
        return;
    }
    let line = Line::new(SLOW).unwrap();
    apply(&line.server.space, &profile("19mbit"));
    let kind = BulkKind::Tcp { streams: 4 };
    let bulk = Bulk::start(&line.server, &line.player, 9_000, kind).unwrap();
    wait_until("the line is full", || bulk.received() > 500_000);
    let (from, start) = (bulk.received(), monotonic());
    pause(Duration::from_secs(1));
    let bits = (bulk.received() - from) * 8;
    let ms = u64::try_from((monotonic() - start).as_millis()).unwrap();
    // Its own share is 3.8 Mbit/s; alone it may have 19, of which 5 % are headers.
    let rate = bits * 1_000 / ms;
    assert!(rate > 12_000_000, "{rate} bit/s");
}

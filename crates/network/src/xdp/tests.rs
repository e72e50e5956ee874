//! The program on single packets, run by the kernel without any interface. At interfaces: `tests/defence/xdp.rs`.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::program::{XDP_DROP, XDP_PASS};
use super::*;

const GAME: u16 = 7_000;

/// The stage, or nothing where this machine lets nobody load programs.
fn stage(rate: Rate, blocked: &[&str]) -> Option<Stage> {
    let wanted = Wanted {
        xdp: Xdp::Auto,
        ports: vec![Ports {
            first: GAME,
            last: GAME + 10,
        }],
        blocked: blocked.iter().map(|net| net.parse().unwrap()).collect(),
        source: rate,
        sources: 1_024,
    };
    match Stage::load(&wanted) {
        Ok(stage) => Some(stage),
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => panic!("{error}"),
        Err(error) => {
            eprintln!("skipped: {}", skip(&Facts::default(), &error).reason);
            None
        }
    }
}

fn udp(port: u16) -> Vec<u8> {
    let mut datagram = vec![0x30, 0x39];
    datagram.extend(port.to_be_bytes());
    datagram.extend([0, 18, 0, 0]);
    datagram.extend(*b"0123456789");
    datagram
}

fn v4(source: &str, protocol: u8, content: &[u8]) -> Vec<u8> {
    let mut packet = vec![2; 12];
    packet.extend([0x08, 0x00, 0x45, 0]);
    packet.extend(u16::try_from(20 + content.len()).unwrap().to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, protocol, 0, 0]);
    packet.extend(source.parse::<Ipv4Addr>().unwrap().octets());
    packet.extend([25, 0, 1, 2]);
    packet.extend(content);
    packet
}

fn v6(source: &str, next: u8, content: &[u8]) -> Vec<u8> {
    let mut packet = vec![2; 12];
    packet.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
    packet.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
    packet.extend([next, 64]);
    packet.extend(source.parse::<Ipv6Addr>().unwrap().octets());
    packet.extend([0x2a; 16]);
    packet.extend(content);
    packet
}

/// How many of `count` such packets pass.
fn passed(stage: &Stage, count: usize, packet: &[u8]) -> usize {
    let run = |_: &usize| match i32::try_from(stage.program.test(packet).unwrap()).unwrap() {
        XDP_PASS => true,
        XDP_DROP => false,
        other => panic!("the program answers {other}"),
    };
    (0..count).filter(run).count()
}

/// One token per second, so that none comes back during a test that takes less.
const SLOW: Rate = Rate {
    per_second: 1,
    burst: 10,
};

#[test]
fn a_source_has_a_bucket_and_an_ipv6_source_is_its_network() {
    let Some(stage) = stage(SLOW, &[]) else {
        return;
    };
    for (packet, same, other) in [
        (
            v4("26.0.0.1", 17, &udp(GAME)),
            v4("26.0.0.1", 17, &udp(GAME + 10)),
            v4("26.0.0.2", 17, &udp(GAME)),
        ),
        (
            v6("2a00:1::1", 17, &udp(GAME)),
            v6("2a00:1::2", 17, &udp(GAME)),
            v6("2a00:1:0:1::1", 17, &udp(GAME)),
        ),
    ] {
        let before = stage.counts().unwrap();
        assert!((10..=12).contains(&passed(&stage, 40, &packet)));
        assert!(passed(&stage, 10, &same) <= 2, "the same bucket");
        assert_eq!(passed(&stage, 10, &other), 10, "another bucket");
        let counts = stage.counts().unwrap();
        let (dropped, measured) = (
            counts.dropped_source - before.dropped_source,
            counts.measured - before.measured,
        );
        assert_eq!(dropped + measured, 60);
        assert!(measured >= 20);
    }
}

#[test]
fn a_bucket_fills_again() {
    let Some(stage) = stage(Rate::new(1_000_000, 1), &[]) else {
        return;
    };
    // A microsecond for a token; the call itself takes longer than that now and then, so some of many pass.
    assert!(passed(&stage, 1_000, &v4("26.0.0.1", 17, &udp(GAME))) > 1);
}

#[test]
fn blocked_sources_of_both_families_are_dropped_whatever_they_send() {
    let blocked = [
        "26.8.0.0/16",
        "26.9.0.1",
        "2a00:88::/32",
        "::ffff:26.10.0.0/112",
    ];
    let Some(stage) = stage(SLOW, &blocked) else {
        return;
    };
    for packet in [
        v4("26.8.255.1", 17, &udp(GAME)),
        v4("26.9.0.1", 6, &[0; 20]),
        v4("26.8.0.1", 1, &[8, 0, 0, 0]),
        v6("2a00:88:1::1", 58, &[128, 0, 0, 0]),
    ] {
        assert_eq!(passed(&stage, 1, &packet), 0);
    }
    for packet in [
        v4("26.9.0.2", 6, &[0; 20]),
        v4("26.7.255.255", 17, &udp(53)),
        v6("2a00:89::1", 17, &udp(53)),
    ] {
        assert_eq!(passed(&stage, 1, &packet), 1);
    }
    assert_eq!(
        stage.counts().unwrap(),
        Counts {
            dropped_blocked: 4,
            ..Counts::default()
        }
    );
}

#[test]
fn what_the_program_does_not_know_passes_and_is_not_measured() {
    let Some(stage) = stage(SLOW, &[]) else {
        return;
    };
    let whole = v4("26.0.0.1", 17, &udp(GAME));
    let mut fragment = whole.clone();
    fragment[14 + 7] = 1;
    let mut options = whole.clone();
    options[14] = 0x46;
    let mut tagged = whole.clone();
    tagged.splice(12..12, [0x81, 0, 0, 1]);
    let arp = [vec![0xff; 12], vec![8, 6], vec![0; 28]].concat();
    let syn = v4("26.0.0.1", 6, &[0; 20]);
    let elsewhere = v6("2a00:1::1", 17, &udp(GAME - 1));
    for (what, packet) in [
        ("fragment", fragment),
        ("options", options),
        ("VLAN", tagged),
        ("ARP", arp),
        ("TCP", syn),
        ("port", elsewhere),
    ] {
        assert_eq!(passed(&stage, 30, &packet), 30, "{what}");
    }
    // Cut anywhere: the kernel refuses to run what has no Ethernet header.
    for length in 14..whole.len() - 10 {
        let expected = usize::from(length < 42);
        if expected == 1 {
            assert_eq!(passed(&stage, 1, &whole[..length]), 1, "{length} bytes");
        }
    }
    assert_eq!(stage.counts().unwrap(), Counts::default());
}

#[test]
fn programs_are_read_as_ip_lists_them() {
    let listed = r#"[{"ifname":"lo"},{"ifname":"eth0","xdp":{"mode":2,"prog":{"id":7,"name":"st_aa","jited":1}}},
        {"ifname":"eth1","xdp":{"mode":1,"prog":{"id":8}}},{"ifname":"eth2","xdp":{"prog":{"id":-1}}}]"#;
    let there = |interface: &str, number, name: Option<&str>| There {
        interface: interface.into(),
        number,
        name: name.map(str::to_owned),
    };
    assert_eq!(
        programs(listed).unwrap(),
        [there("eth0", 7, Some("st_aa")), there("eth1", 8, None)]
    );
    assert!(programs("{}").is_err());
}

#[test]
fn a_profile_with_relays_gives_every_source_their_limit() {
    let mut profile = Profile::default();
    let alone = Wanted::of(&profile).unwrap();
    assert_eq!(alone.source, profile.ddos_protect.source);
    assert_eq!(
        alone.ports,
        [Ports {
            first: 7_000,
            last: 8_000
        }]
    );
    profile.firewall.trusted = vec!["25.9.0.1".parse().unwrap()];
    assert_eq!(
        Wanted::of(&profile).unwrap().source,
        profile.ddos_protect.trusted
    );
}

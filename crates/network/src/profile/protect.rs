//! Section `ddos_protect` of a profile.

use serde::{Deserialize, Serialize};

use crate::rules::net::Net;

/// What protects the ports of section `firewall` against floods. A source is an IPv4 address or an IPv6 /64: both cost an
/// attacker about the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Protect {
    /// Datagrams of one flow (address and source port). Twice the tick rate of the fastest client.
    pub flow: Rate,
    /// Datagrams of one source: all players behind one address of a provider that shares addresses.
    pub source: Rate,
    /// Sources that are let in for the first time, all together. A flood with forged sources ends here.
    pub newcomers: Rate,
    /// Datagrams of all sources together that were let in and that no server has talked with yet.
    pub guests: Rate,
    /// How long a source that was let in has until a server talks with it, in seconds.
    pub guest_s: u32,
    /// Datagrams of one guest while a flood is on. Less than `replies`: then only a server that talks by itself makes a
    /// source known, not one that answers whatever a forged source sends.
    pub guest: Rate,
    /// A source is known once a server sends it more than this: a handshake is less, play is more.
    pub replies: Rate,
    /// Sources that become known while no flood is on. More are a sign of one.
    pub introductions: Rate,
    /// How long a flood counts as on after its last sign, in seconds: newcomers, guests or introductions beyond their
    /// buckets.
    pub flood_s: u32,
    /// How long a source stays known after the last such answer, in seconds.
    pub known_s: u32,
    /// Datagrams of all `trusted` sources together that pass without being measured. More than that is measured as if
    /// it came from anybody: a source of UDP is easily forged.
    pub trusted: Rate,
    /// Questions about servers (A2S, ports with role `query`), all sources together.
    pub queries: Rate,
    /// Questions of one source.
    pub queries_per_source: Rate,
    /// New connections of one source to TCP ports of games.
    pub connects_per_source: Rate,
    /// Connections that one source has at a time to TCP ports of games.
    pub connections_per_source: u32,
    /// Elements of each set that grows by traffic. A full set lets pass, so: 131072 at least.
    pub set_size: u32,
    /// Drop sources that cannot be real from packets to ports of games.
    pub bogons: bool,
    /// Whether private sources (10.0.0.0/8, fc00::/7 …) that arrive by an uplink count among those.
    pub private_sources: PrivateSources,
    /// UDP source ports of services that attackers reflect from.
    pub reflector_ports: Vec<u16>,
    /// Sources that are always dropped.
    pub blocked: Vec<Net>,
    /// Answer the handshakes of TCP for the ports of games in the kernel, where this host terminates TCP.
    pub synproxy: bool,
    /// Leave UDP of games out of connection tracking, where no other software rewrites its addresses.
    pub notrack: bool,
    /// Drop blocked sources and what one source sends too much of before the kernel makes a packet of it (XDP), at every
    /// uplink. It lasts until the next boot.
    pub xdp: Xdp,
}

impl Default for Protect {
    fn default() -> Self {
        Self {
            flow: Rate::new(200, 100),
            source: Rate::new(2_000, 500),
            newcomers: Rate::new(500, 500),
            guests: Rate::new(10_000, 2_000),
            guest_s: 30,
            guest: Rate::new(4, 15),
            replies: Rate::new(5, 20),
            introductions: Rate::new(50, 500),
            flood_s: 10,
            known_s: 120,
            // A relay with 150 players of 128 ticks.
            trusted: Rate::new(20_000, 2_000),
            queries: Rate::new(500, 200),
            queries_per_source: Rate::new(5, 20),
            connects_per_source: Rate::new(50, 100),
            connections_per_source: 64,
            set_size: SET_SIZE_MIN,
            bogons: true,
            private_sources: PrivateSources::Auto,
            reflector_ports: REFLECTORS.to_vec(),
            blocked: Vec::new(),
            synproxy: true,
            notrack: true,
            xdp: Xdp::Off,
        }
    }
}

impl Protect {
    /// The numbers of the guide's script: 100 datagrams per minute and source, without anything for sources that are
    /// forged. A player sends that in two seconds; it is here to be compared, not to be used.
    #[must_use]
    pub fn guide() -> Self {
        Self {
            flow: Rate::new(2, 100),
            source: Rate::new(2, 100),
            newcomers: Rate::new(1_000, 1_500),
            connects_per_source: Rate::new(1_000, 1_500),
            bogons: false,
            reflector_ports: Vec::new(),
            synproxy: false,
            notrack: false,
            ..Self::default()
        }
    }
}

/// With fewer elements a flood of 50,000 sources, twice over, fills a set; nftables lets pass what it cannot count.
pub const SET_SIZE_MIN: u32 = 131_072;

/// chargen, qotd, DNS, TFTP, portmap, NTP, NetBIOS, SNMP, CLDAP, RIP, SSDP, WS-Discovery, mDNS, memcached (CISA alert
/// TA14-017A).
const REFLECTORS: [u16; 14] = [
    17, 19, 53, 69, 111, 123, 137, 161, 389, 520, 1900, 3702, 5353, 11211,
];

/// A token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Tokens that come back per second, at least 1.
    pub per_second: u32,
    /// Tokens that a full bucket holds, at least 1.
    pub burst: u32,
}

impl Rate {
    /// A bucket of `burst` that fills by `per_second`.
    #[must_use]
    pub const fn new(per_second: u32, burst: u32) -> Self {
        Self { per_second, burst }
    }
}

/// Whether private sources on an uplink are forged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrivateSources {
    /// On uplinks that have public addresses only.
    #[default]
    Auto,
    /// On every uplink.
    Forged,
    /// On none.
    Real,
}

/// Whether there is a stage of XDP before the rules, and how it is attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Xdp {
    /// None.
    #[default]
    Off,
    /// In the driver where it can, else in the kernel.
    Auto,
    /// In the driver.
    Native,
    /// In the kernel, right behind the driver.
    Generic,
}

//! The defence's half: what is dropped before it costs the servers anything.
//!
//! The way of a datagram to a port of a game: what reflectors answer is dropped; questions go to their own buckets; a *known*
//! source (a server talks with it) passes the gate; anybody else is a *newcomer*, and the host lets in only so many per
//! second; who was let in, unless his address cannot be real, is a *guest* until a server talks with him, and guests share a
//! bucket. Known or guest, he is measured per flow and per source. So a flood with forged sources, whose senders never see
//! an answer, shares the buckets of newcomers and guests, and players never do. IPv4 and IPv6 have the same chains, each
//! with sets of its own.
//!
//! A server that answers strangers talks with forged sources too. So while there is *alarm* (a common bucket is empty), a
//! guest may send less than a server must say to make him known: whoever becomes known then is one whom the server has
//! something to say to unasked. What a guest sends is counted before the alarm as well, so that nobody saves up for it.

mod chains;

pub(super) use chains::chains;

use std::net::IpAddr;

use crate::Skip;
use crate::facts::Facts;
use crate::profile::firewall::{Firewall, Ports, Protocol, Role};
use crate::profile::protect::{PrivateSources, Protect};
use crate::rules::Feature;
use crate::rules::firewall::{ports, uplinks};
use crate::rules::guard::is_interface;
use crate::rules::net::{Net, family};
use crate::rules::ports::PortMap;
use crate::rules::text::Text;
use crate::subject::{Risk, Scope, Subject, Wish};

/// Everything that is counted, and what it means; `monitor` and `report` read these.
pub const COUNTERS: [(&str, &str); 14] = [
    ("pass_udp", "datagrams let through to games and queries"),
    (
        "drop_blocked",
        "sources that the profile or an operator blocks",
    ),
    ("drop_forged", "sources that cannot be real"),
    (
        "drop_reflector",
        "answers of services that attackers reflect from",
    ),
    ("drop_empty", "datagrams without content"),
    (
        "drop_newcomer",
        "first datagrams beyond what the gate lets in",
    ),
    (
        "drop_guest",
        "datagrams of guests beyond their common share",
    ),
    ("drop_flow", "datagrams beyond the limit of one flow"),
    ("drop_source", "datagrams beyond the limit of one source"),
    ("drop_query", "questions beyond the limits"),
    (
        "drop_connect",
        "new TCP connections beyond the limit of one source",
    ),
    (
        "drop_connections",
        "TCP connections that one source has too many of",
    ),
    ("pass_guest", "sources let in by the gate"),
    (
        "pass_known",
        "datagrams of sources that a server talks with",
    ),
];

/// Sources that no packet from elsewhere can have (IANA special-purpose address registries; RFC 6890). Private ones are
/// apart: within a site they are real.
const FORGED: [&str; 19] = [
    "0.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/128",
    "::1/128",
    "::ffff:0:0/96",
    "100::/64",
    "2001:2::/48",
    "2001:db8::/32",
    "3fff::/20",
    "fec0::/10",
    "ff00::/8",
];

/// Private sources: real within a site, forged on an uplink with public addresses.
const PRIVATE: [&str; 5] = [
    "10.0.0.0/8",
    "100.64.0.0/10",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "fc00::/7",
];

/// How long an address without packets keeps its bucket, in seconds: every default bucket is full again by then.
const BUCKET_S: u32 = 20;

/// The set that has a family as long as there is alarm.
const ALARM: &str = "alarm";

/// Room in it: two families, and far from the fill at which a set counts as full.
const ALARM_SIZE: u32 = 16;

/// The source of one family, as a match and as a key: an IPv6 source is its /64.
struct Family {
    /// The suffix of its sets.
    n: char,
    v6: bool,
    ip: &'static str,
    kind: &'static str,
    source: &'static str,
    peer: &'static str,
}

const FAMILIES: [Family; 2] = [
    Family {
        n: '4',
        v6: false,
        ip: "ip",
        kind: "ipv4_addr",
        source: "ip saddr",
        peer: "ip daddr",
    },
    Family {
        n: '6',
        v6: true,
        ip: "ip6",
        kind: "ipv6_addr",
        source: "ip6 saddr & ffff:ffff:ffff:ffff::",
        peer: "ip6 daddr & ffff:ffff:ffff:ffff::",
    },
];

/// What of the defence this host can have.
pub(super) struct Plan {
    /// UDP ports that stay out of connection tracking.
    untracked: Vec<Ports>,
    /// TCP ports whose handshakes the kernel answers.
    synproxy: Vec<Ports>,
    /// Connections can be counted per source.
    counts: bool,
    /// There are games over TCP.
    streams: bool,
    pub(super) skips: Vec<Skip>,
}

impl Plan {
    pub(super) fn of(protect: &Protect, facts: &Facts, map: &PortMap) -> Self {
        let mut plan = Self {
            untracked: Vec::new(),
            synproxy: Vec::new(),
            counts: false,
            streams: false,
            skips: Vec::new(),
        };
        let mut skip = |what: &str, reason: &str| plan.skips.push(Skip::new(what, reason));
        let own = |on: Protocol| {
            move |role: Role, port: u16| {
                let published = facts
                    .dnat_ports
                    .iter()
                    .any(|(name, taken)| name == on.name() && *taken == port);
                !role.is_private() && !published
            }
        };
        for (wanted, key, feature, on, ranges) in [
            (
                protect.notrack,
                "notrack",
                Feature::Notrack,
                Protocol::Udp,
                &mut plan.untracked,
            ),
            (
                protect.synproxy,
                "synproxy",
                Feature::Synproxy,
                Protocol::Tcp,
                &mut plan.synproxy,
            ),
        ] {
            if !wanted {
                continue;
            }
            if facts.nft_lacks.contains(&feature) {
                skip(key, "this kernel's nftables does not have it");
            } else if facts.dnat_unclear {
                skip(
                    key,
                    "other software may rewrite addresses by rules that cannot be read here; without tracking its packets would be lost",
                );
            } else if let Some(publisher) = &facts.publisher {
                skip(
                    key,
                    &format!(
                        "{publisher} hands on ports whenever a container starts, and without tracking its packets would be lost; the other defences hold"
                    ),
                );
            } else {
                *ranges = map.ranges(on, own(on));
                let all = map.ranges(on, |role, _| !role.is_private());
                if *ranges != all {
                    skip(
                        &format!("{key} of published ports"),
                        "their addresses are rewritten (Docker, hostPort), which needs connection tracking; the other defences hold for them",
                    );
                }
            }
        }
        plan.count(protect, facts, map);
        plan.skips.extend(homeless(protect, facts));
        plan
    }

    /// Whether connections can be counted per source.
    fn count(&mut self, protect: &Protect, facts: &Facts, map: &PortMap) {
        let has = !facts.nft_lacks.contains(&Feature::ConnectionCount);
        self.counts = has && !self.synproxy.is_empty();
        self.streams = !map
            .ranges(Protocol::Tcp, |role, _| !role.is_private())
            .is_empty();
        // Whoever does not want synproxy does not want this either.
        if self.streams && protect.synproxy && !self.counts {
            self.skips.push(Skip::new(
                "connections_per_source",
                if has {
                    "counting needs connection tracking, which a flood of SYNs would fill where no synproxy is before it"
                } else {
                    "this kernel's nftables cannot count connections (ct count)"
                },
            ));
        }
    }
}

/// Counters and sets of the defence alone.
pub(super) fn declare(
    text: &mut Text,
    protect: &Protect,
    facts: &Facts,
    map: &PortMap,
    plan: &Plan,
) {
    for (name, _) in COUNTERS {
        text.counter(name);
    }
    ports(
        text,
        "game_udp",
        &map.ranges(Protocol::Udp, |role, _| {
            matches!(role, Role::Game | Role::Voice)
        }),
    );
    ports(
        text,
        "query_udp",
        &map.ranges(Protocol::Udp, |role, _| role == Role::Query),
    );
    ports(text, "untracked_udp", &plan.untracked);
    ports(text, "synproxy_tcp", &plan.synproxy);
    let mut reflectors = protect.reflector_ports.clone();
    reflectors.sort_unstable();
    reflectors.dedup();
    let reflectors: Vec<String> = reflectors.iter().map(u16::to_string).collect();
    text.fixed("reflectors", "inet_service", "", &reflectors);
    text.growing(ALARM, "nf_proto", ALARM_SIZE, Some(protect.flood_s));
    for Family { n, v6, kind, .. } in FAMILIES {
        let size = protect.set_size;
        let nets =
            |nets: &[Net]| -> Vec<String> { family(nets, v6).iter().map(Net::to_string).collect() };
        if !protect.blocked.is_empty() {
            let blocked = nets(&protect.blocked);
            text.fixed(&format!("blocked{n}"), kind, "interval", &blocked);
        }
        // Those of the profile are apart, so that what an operator bans at night never overlaps them.
        text.fixed(&format!("banned{n}"), kind, "interval,timeout", &[]);
        let forged = if protect.bogons {
            absent(&FORGED, facts)
        } else {
            Vec::new()
        };
        text.fixed(&format!("forged{n}"), kind, "interval", &nets(&forged));
        text.fixed(
            &format!("private{n}"),
            kind,
            "interval",
            &nets(&written(&PRIVATE)),
        );
        text.growing(&format!("known{n}"), kind, size, Some(protect.known_s));
        text.growing(&format!("guest{n}"), kind, size, Some(protect.guest_s));
        text.growing(
            &format!("flow{n}"),
            &format!("{kind} . inet_service"),
            size,
            Some(BUCKET_S),
        );
        for name in ["source", "prompt", "reply", "asker", "connect"] {
            text.growing(&format!("{name}{n}"), kind, size, Some(BUCKET_S));
        }
        if plan.counts {
            text.growing(&format!("connections{n}"), kind, size, None);
        }
    }
}

/// Sets that both halves use.
pub(super) fn shared_sets(text: &mut Text, firewall: &Firewall, map: &PortMap) {
    ports(
        text,
        "open_tcp",
        &map.ranges(Protocol::Tcp, |role, _| !role.is_private()),
    );
    for Family { n, v6, kind, .. } in FAMILIES {
        let nets: Vec<String> = family(&firewall.trusted, v6)
            .iter()
            .map(Net::to_string)
            .collect();
        text.fixed(&format!("trusted{n}"), kind, "interval", &nets);
    }
}

fn written(nets: &[&str]) -> Vec<Net> {
    nets.iter()
        .map(|net| net.parse().expect("invariant: the constants are networks"))
        .collect()
}

/// The networks in which this host itself has no address: where it lives is real, whatever the registry says.
fn absent(nets: &[&str], facts: &Facts) -> Vec<Net> {
    if own_addresses(facts).next().is_none() {
        return Vec::new();
    }
    let mut nets = written(nets);
    nets.retain(|net| !own_addresses(facts).any(|address| net.contains(address)));
    nets
}

/// Why forged sources cannot be told, if so.
fn homeless(protect: &Protect, facts: &Facts) -> Option<Skip> {
    let is_homeless = protect.bogons && own_addresses(facts).next().is_none();
    is_homeless.then(|| {
        Skip::new(
            "bogons",
            "no address of this host is known (`ip` of iproute2 and /sys tell them), and without them its own network could count as forged",
        )
    })
}

fn own_addresses(facts: &Facts) -> impl Iterator<Item = IpAddr> {
    let outward = facts.interfaces.iter().filter(|one| !one.loopback);
    outward.flat_map(|one| one.addresses.iter().map(|(address, _)| *address))
}

/// The uplinks on which private sources of a family are forged.
fn forged_on(protect: &Protect, facts: &Facts, v6: bool) -> Vec<String> {
    match protect.private_sources {
        _ if !protect.bogons => Vec::new(),
        PrivateSources::Real => Vec::new(),
        PrivateSources::Forged => uplinks(facts),
        PrivateSources::Auto => {
            let private = written(&PRIVATE);
            let link: Net = "fe80::/10"
                .parse()
                .expect("invariant: the constant is a network");
            let public = facts.uplinks().filter(|uplink| {
                let mut own = uplink
                    .addresses
                    .iter()
                    .map(|(address, _)| *address)
                    .filter(|a| a.is_ipv6() == v6 && !link.contains(*a))
                    .peekable();
                own.peek().is_some()
                    && own.all(|address| !private.iter().any(|net| net.contains(address)))
            });
            public
                .filter(|uplink| is_interface(&uplink.name))
                .map(|uplink| format!("\"{}\"", uplink.name))
                .collect()
        }
    }
}

/// The settings of the kernel that the defence needs.
pub(super) fn settings(plan: &Plan) -> Vec<Wish> {
    let setting = |path: &str, value: &str, reason: &str, risk| Wish {
        subject: Subject::Sysctl(path.into()),
        want: Some(value.into()),
        scope: Scope::Netns,
        reason: reason.into(),
        risk,
    };
    let mut wishes = vec![setting(
        "net/ipv4/tcp_syncookies",
        "1",
        "a flood of SYNs takes no memory",
        Risk::Low,
    )];
    if !plan.synproxy.is_empty() {
        wishes.push(setting(
            "net/ipv4/tcp_timestamps",
            "1",
            "synproxy keeps the options of a handshake in them",
            Risk::Low,
        ));
        wishes.push(setting(
            "net/netfilter/nf_conntrack_tcp_loose",
            "0",
            "the last packet of a handshake must reach synproxy, and not count as a connection that was missed",
            Risk::Medium,
        ));
    }
    wishes
}

/// What the reader of the plan should know.
pub(super) fn notes(plan: &Plan) -> Vec<String> {
    if !plan.streams {
        return Vec::new();
    }
    if plan.synproxy.is_empty() {
        return vec![
            "without synproxy, whatever tracks connections on this host (a firewall that asks for their state, NAT) can be \
             filled by a flood of SYNs".into(),
        ];
    }
    vec![
        "synproxy: TCP connections to ports of games that are older than connection tracking on this host are cut once".into(),
        "synproxy needs nf_conntrack_tcp_loose=0, and that counts for every TCP connection of this network namespace, through \
         this host too: what is tracked already goes on, but one that is older than tracking, or comes here from another \
         router, has no state, and is cut once where something asks for its state (this firewall, others, NAT); \
         administration from trusted sources passes this firewall by its port".into(),
    ]
}

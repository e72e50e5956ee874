//! The defence's half: what is dropped before it costs the servers anything.
//!
//! The way of a datagram to a port of a game: forged sources and reflectors are dropped; questions go to their own buckets;
//! a *known* source (a server talks with it) passes the gate; anybody else is a *newcomer*, and the host lets in only so
//! many per second; who was let in is a *guest* until a server talks with it, and guests share a bucket. Known or guest, it
//! is measured per flow and per source. So a flood with forged sources, whose senders never see an answer, shares the
//! buckets of newcomers and guests, and players never do. IPv4 and IPv6 go through the same chains with sets of their own.

use crate::Skip;
use crate::facts::Facts;
use crate::profile::firewall::{Firewall, Ports, Protocol, Role};
use crate::profile::protect::{PrivateSources, Protect, Rate};
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
    pub(super) skips: Vec<Skip>,
}

impl Plan {
    pub(super) fn of(protect: &Protect, facts: &Facts, map: &PortMap) -> Self {
        let mut plan = Self {
            untracked: Vec::new(),
            synproxy: Vec::new(),
            counts: !facts.nft_lacks.contains(&Feature::ConnectionCount),
            skips: Vec::new(),
        };
        let mut skip = |what: &str, reason: &str| plan.skips.push(Skip::new(what, reason));
        if !plan.counts {
            skip(
                "connections_per_source",
                "this kernel's nftables cannot count connections (ct count)",
            );
        }
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
                    "other software rewrites addresses by rules that we cannot read; without tracking its packets would be lost",
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
        plan
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
    text.fixed("reflectors", "inet_service", "interval", &reflectors);
    for Family { n, v6, kind, .. } in FAMILIES {
        let size = protect.set_size;
        let nets =
            |nets: &[Net]| -> Vec<String> { family(nets, v6).iter().map(Net::to_string).collect() };
        text.fixed(
            &format!("blocked{n}"),
            kind,
            "interval,timeout",
            &nets(&protect.blocked),
        );
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
        for name in ["source", "reply", "asker", "connect"] {
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
    let own: Vec<_> = facts
        .interfaces
        .iter()
        .filter(|one| !one.loopback)
        .flat_map(|one| &one.addresses)
        .collect();
    let mut nets = written(nets);
    nets.retain(|net| !own.iter().any(|(address, _)| net.contains(*address)));
    nets
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

/// The chains of the defence.
pub(super) fn chains(text: &mut Text, protect: &Protect, facts: &Facts, plan: &Plan) {
    text.chain(
        "guard",
        Some("type filter hook prerouting priority raw; policy accept;"),
    );
    text.rule("iifname \"lo\" accept");
    for Family { n, ip, .. } in FAMILIES {
        text.rule(format_args!(
            "{ip} saddr @blocked{n} counter name \"drop_blocked\" drop"
        ));
    }
    // Only what is for this host: containers and guests behind it talk with games elsewhere.
    for (set, chain) in [
        ("udp dport @game_udp", "game"),
        ("udp dport @query_udp", "query"),
        ("tcp dport @open_tcp", "stream"),
    ] {
        text.rule(format_args!("{set} fib daddr type local goto {chain}"));
    }
    forged(text, protect, facts);
    game(text, protect);
    for family in &FAMILIES {
        gate(text, protect, family);
    }
    queries(text, protect);
    text.chain("pass", None);
    if !plan.untracked.is_empty() {
        text.rule("udp dport @untracked_udp notrack");
    }
    text.rule("counter name \"pass_udp\" accept");
    streams(text, protect, plan);
    replies(text, protect, plan);
    text.end();
}

fn over(rate: Rate) -> String {
    format!(
        "limit rate over {}/second burst {} packets",
        rate.per_second, rate.burst
    )
}

fn forged(text: &mut Text, protect: &Protect, facts: &Facts) {
    text.chain("forged", None);
    for Family { n, v6, ip, .. } in FAMILIES {
        text.rule(format_args!(
            "{ip} saddr @forged{n} counter name \"drop_forged\" drop"
        ));
        let on = forged_on(protect, facts, v6);
        if !on.is_empty() {
            text.rule(format_args!(
                "iifname {{ {} }} {ip} saddr @private{n} counter name \"drop_forged\" drop",
                on.join(", ")
            ));
        }
    }
}

fn game(text: &mut Text, protect: &Protect) {
    text.chain("game", None);
    text.rule("jump forged");
    text.rule("udp sport @reflectors counter name \"drop_reflector\" drop");
    text.rule("udp length < 9 counter name \"drop_empty\" drop");
    // A2S_INFO, _PLAYER, _RULES, _SERVERQUERY_GETCHALLENGE and _PING of Valve's server queries; other packets that begin
    // with four times 0xff open a connection, and belong to play.
    text.rule("@th,64,40 { 0xffffffff54, 0xffffffff55, 0xffffffff56, 0xffffffff57, 0xffffffff69 } goto ask");
    let Rate { per_second, burst } = protect.trusted;
    for Family { n, ip, .. } in FAMILIES {
        text.rule(format_args!(
            "{ip} saddr @trusted{n} limit rate {per_second}/second burst {burst} packets goto pass"
        ));
    }
    text.rule("meta nfproto ipv4 goto gate4");
    text.rule("goto gate6");
}

/// Who may come in, and how much of it.
fn gate(text: &mut Text, protect: &Protect, family: &Family) {
    let Family { n, ip, source, .. } = family;
    text.chain(&format!("gate{n}"), None);
    text.rule(format_args!("{source} @known{n} goto player{n}"));
    text.rule(format_args!("{source} != @guest{n} jump newcomer{n}"));
    text.rule(format_args!("jump measure{n}"));
    text.rule(format_args!(
        "{} counter name \"drop_guest\" drop",
        over(protect.guests)
    ));
    text.rule("goto pass");
    text.chain(&format!("newcomer{n}"), None);
    text.rule(format_args!(
        "{} counter name \"drop_newcomer\" drop",
        over(protect.newcomers)
    ));
    text.rule(format_args!(
        "update @guest{n} {{ {source} }} counter name \"pass_guest\""
    ));
    text.chain(&format!("player{n}"), None);
    text.rule(format_args!("jump measure{n}"));
    text.rule("counter name \"pass_known\" goto pass");
    text.chain(&format!("measure{n}"), None);
    text.rule(format_args!(
        "update @flow{n} {{ {ip} saddr . udp sport {} }} counter name \"drop_flow\" drop",
        over(protect.flow)
    ));
    text.rule(format_args!(
        "update @source{n} {{ {source} {} }} counter name \"drop_source\" drop",
        over(protect.source)
    ));
}

fn queries(text: &mut Text, protect: &Protect) {
    text.chain("query", None);
    text.rule("jump forged");
    text.rule("udp sport @reflectors counter name \"drop_reflector\" drop");
    text.rule("goto ask");
    text.chain("ask", None);
    for Family { n, source, .. } in FAMILIES {
        let rate = over(protect.queries_per_source);
        text.rule(format_args!(
            "update @asker{n} {{ {source} {rate} }} counter name \"drop_query\" drop"
        ));
    }
    text.rule(format_args!(
        "{} counter name \"drop_query\" drop",
        over(protect.queries)
    ));
    text.rule("goto pass");
}

/// TCP: a source can be forged only until the handshake is done, so trust counts for the limits, not for the handshake.
fn streams(text: &mut Text, protect: &Protect, plan: &Plan) {
    text.chain("stream", None);
    text.rule("jump forged");
    text.rule("tcp flags & (fin | syn | rst | ack) != syn accept");
    if !plan.synproxy.is_empty() {
        text.rule("tcp dport @synproxy_tcp notrack");
    }
    for Family { n, ip, .. } in FAMILIES {
        text.rule(format_args!("{ip} saddr @trusted{n} accept"));
    }
    for Family { n, source, .. } in FAMILIES {
        let rate = over(protect.connects_per_source);
        text.rule(format_args!(
            "update @connect{n} {{ {source} {rate} }} counter name \"drop_connect\" drop"
        ));
    }
    if plan.synproxy.is_empty() && !plan.counts {
        return;
    }
    text.chain(
        "handshake",
        Some("type filter hook input priority filter - 10; policy accept;"),
    );
    if !plan.synproxy.is_empty() {
        // 1460: what an Ethernet of 1500 carries over IPv4; the real one of the server follows in its own segments.
        text.rule("tcp dport @synproxy_tcp ct state invalid,untracked synproxy mss 1460 wscale 7 timestamp sack-perm");
    }
    if plan.counts {
        for Family { n, ip, .. } in FAMILIES {
            text.rule(format_args!("{ip} saddr @trusted{n} accept"));
        }
        text.rule("iifname \"lo\" fib saddr type local accept");
        for Family { n, source, .. } in FAMILIES {
            let most = protect.connections_per_source;
            text.rule(format_args!(
                "tcp dport @open_tcp ct state new add @connections{n} {{ {source} ct count over {most} }} counter name \"drop_connections\" drop"
            ));
        }
    }
}

/// What servers send makes sources known, and leaves connection tracking alone where what they get does.
fn replies(text: &mut Text, protect: &Protect, plan: &Plan) {
    if !plan.untracked.is_empty() {
        text.chain(
            "answers",
            Some("type filter hook output priority raw; policy accept;"),
        );
        text.rule("oifname != \"lo\" udp sport @untracked_udp notrack");
    }
    // Behind SNAT (100), where the port of a published server is the public one again.
    text.chain(
        "talk",
        Some("type filter hook postrouting priority 300; policy accept;"),
    );
    for Family { n, peer, .. } in FAMILIES {
        let rate = over(protect.replies);
        text.rule(format_args!(
            "oifname != \"lo\" udp sport @game_udp update @reply{n} {{ {peer} {rate} }} update @known{n} {{ {peer} }}"
        ));
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
    if plan.synproxy.is_empty() {
        return Vec::new();
    }
    vec!["synproxy: TCP connections to ports of games that are older than connection tracking on this host are cut once".into()]
}

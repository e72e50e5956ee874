//! The firewall's half: which ports are open, and to whom.

use crate::Skip;
use crate::facts::Facts;
use crate::profile::firewall::{Firewall, Ports, Protocol, Published};
use crate::rules::Rules;
use crate::rules::guard::is_interface;
use crate::rules::ports::PortMap;
use crate::rules::text::Text;

const COUNTERS: [&str; 4] = [
    "drop_admin",
    "drop_closed",
    "drop_invalid",
    "drop_published",
];

/// Counters and sets.
pub(super) fn declare(text: &mut Text, _firewall: &Firewall, map: &PortMap) {
    for name in COUNTERS {
        text.counter(name);
    }
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let private = map.ranges(protocol, |role, _| role.is_private());
        ports(text, &format!("private_{}", protocol.name()), &private);
    }
    let open = map.ranges(Protocol::Udp, |role, _| !role.is_private());
    ports(text, "open_udp", &open);
}

/// A set of ports.
pub(super) fn ports(text: &mut Text, name: &str, ranges: &[Ports]) {
    let elements: Vec<String> = ranges.iter().map(Ports::to_string).collect();
    text.fixed(name, "inet_service", "interval", &elements);
}

/// The chains.
pub(super) fn chains(text: &mut Text, firewall: &Firewall, facts: &Facts) {
    text.chain(
        "input",
        Some("type filter hook input priority filter; policy drop;"),
    );
    text.rule("iifname \"lo\" accept");
    for name in &firewall.open_interfaces {
        text.rule(format_args!("iifname \"{name}\" accept"));
    }
    errors_and_neighbours(text);
    // Before the state is asked: when connection tracking begins with these very rules, a session that is older than they
    // are has no state yet.
    for protocol in ["tcp", "udp"] {
        text.rule(format_args!(
            "{protocol} dport @private_{protocol} ip saddr @trusted4 accept"
        ));
        text.rule(format_args!(
            "{protocol} dport @private_{protocol} ip6 saddr @trusted6 accept"
        ));
    }
    text.rule("ct state established,related accept");
    for protocol in ["tcp", "udp"] {
        text.rule(format_args!(
            "{protocol} dport @private_{protocol} counter name \"drop_admin\" drop"
        ));
    }
    // By port and not by state: what is not tracked has none.
    text.rule("udp dport @open_udp accept");
    text.rule("ct state invalid counter name \"drop_invalid\" drop");
    text.rule("tcp dport @open_tcp accept");
    let echo = firewall.echo_per_second;
    text.rule(format_args!(
        "icmp type echo-request limit rate {echo}/second burst {echo} packets accept"
    ));
    text.rule(format_args!(
        "icmpv6 type echo-request limit rate {echo}/second burst {echo} packets accept"
    ));
    text.rule("counter name \"drop_closed\"");
    published(text, firewall, facts);
    text.end();
}

/// What must pass for addresses, routes and the largest packet of a path to be found (RFC 4890; RFC 792, RFC 1191). Before
/// the state is asked: an error about a packet that is not tracked counts as invalid.
fn errors_and_neighbours(text: &mut Text) {
    text.rule("icmp type { destination-unreachable, time-exceeded, parameter-problem } accept");
    text.rule("icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } accept");
    // 255: it was not routed, so it is from a neighbour (RFC 4861).
    text.rule("icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, nd-redirect } ip6 hoplimit 255 accept");
    text.rule("icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } ip6 saddr fe80::/10 accept");
    text.rule("ip protocol igmp accept");
    // Leases: their answers do not match what was asked by broadcast or multicast.
    text.rule("udp sport 67 udp dport 68 accept");
    text.rule("ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept");
}

/// Ports that other software publishes: their packets are forwarded, and never come by `input`. They are judged by the
/// port that the sender named, before DNAT.
fn published(text: &mut Text, firewall: &Firewall, facts: &Facts) {
    let uplinks = uplinks(facts);
    if uplinks.is_empty() {
        return;
    }
    text.chain(
        "forward",
        Some("type filter hook forward priority filter - 5; policy accept;"),
    );
    text.rule(format_args!(
        "iifname {{ {} }} ct status dnat ct state new jump published",
        uplinks.join(", ")
    ));
    text.chain("published", None);
    for protocol in ["tcp", "udp"] {
        let port = format!("meta l4proto {protocol} ct original proto-dst");
        text.rule(format_args!(
            "{port} @private_{protocol} ip saddr @trusted4 accept"
        ));
        text.rule(format_args!(
            "{port} @private_{protocol} ip6 saddr @trusted6 accept"
        ));
        text.rule(format_args!(
            "{port} @private_{protocol} counter name \"drop_admin\" drop"
        ));
        text.rule(format_args!("{port} @open_{protocol} accept"));
    }
    if firewall.published == Published::Listed {
        text.rule("counter name \"drop_published\" drop");
    }
}

/// The interfaces of default routes, between quotes.
pub(super) fn uplinks(facts: &Facts) -> Vec<String> {
    let named = facts
        .uplinks()
        .filter(|interface| is_interface(&interface.name));
    named
        .map(|interface| format!("\"{}\"", interface.name))
        .collect()
}

/// What a reader of the plan should know.
pub(super) fn tell(rules: &mut Rules, firewall: &Firewall, facts: &Facts, map: &PortMap) {
    if firewall.trusted.is_empty() {
        rules.notes.push(
            "`firewall.trusted` is empty: administration (SSH) and RCON are open to nobody, except by `open_interfaces`".into(),
        );
    }
    if uplinks(facts).is_empty() {
        rules.skips.push(Skip::new(
            "firewall of published ports",
            "no interface has a default route, so none is known to face the outside",
        ));
    }
    for (protocol, port) in &facts.dnat_ports {
        let on = if protocol == "tcp" {
            Protocol::Tcp
        } else {
            Protocol::Udp
        };
        rules.notes.push(match (map.role(on, *port), firewall.published) {
            (Some(role), _) if role.is_private() => format!("{port}/{protocol} is published by other software: for trusted sources alone"),
            (Some(_), _) => format!("{port}/{protocol} is published by other software: open, as the profile says"),
            (None, Published::Listed) => format!("{port}/{protocol} is published by other software and not in the profile: it will be closed (`firewall.published: open` keeps it)"),
            (None, Published::Open) => format!("{port}/{protocol} is published by other software and not in the profile: it stays open"),
        });
    }
}

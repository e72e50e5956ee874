//! What to ask of the provider. Written for a person who types it into some other machine's filter.

use crate::facts::Facts;
use crate::profile::Profile;
use crate::profile::firewall::{PortRule, Ports, Protocol};
use crate::rules::catalogue;

/// Rules for the provider's filter, the first that fits counts.
pub(super) fn lines(facts: &Facts, profile: &Profile) -> Vec<String> {
    let firewall = &profile.firewall;
    let to = addresses(facts);
    let rule = |action: &str, what: &str, why: &str| format!("{action} {what} # {why}");
    let mut lines = Vec::new();
    let udp = ports(profile, Protocol::Udp, false);
    let reflectors = list(
        profile
            .ddos_protect
            .reflector_ports
            .iter()
            .map(u16::to_string),
    );
    if !udp.is_empty() && !reflectors.is_empty() {
        let what = format!("udp from any source-port {reflectors} to {to} port {udp}");
        lines.push(rule(
            "deny",
            &what,
            "answers of misused services, which no player sends",
        ));
    }
    if !udp.is_empty() {
        let what = format!("udp fragments to {to}");
        lines.push(rule("deny", &what, "games send less than 1,400 bytes"));
    }
    let trusted = match list(firewall.trusted.iter().map(ToString::to_string)) {
        none if none.is_empty() => "YOUR-NETWORKS".to_owned(),
        trusted => trusted,
    };
    let rate = profile.ddos_protect.source.per_second;
    let play = format!("play: {rate} packets per second of each source are enough");
    for (is_private, from, why) in [
        (false, "any", play.as_str()),
        (true, trusted.as_str(), "administration"),
    ] {
        for protocol in [Protocol::Udp, Protocol::Tcp] {
            let ports = ports(profile, protocol, is_private);
            if !ports.is_empty() {
                let what = format!("{} from {from} to {to} port {ports}", protocol.name());
                lines.push(rule("permit", &what, why));
            }
        }
    }
    let what = format!("icmp unreachable,time-exceeded,echo and icmpv6 1,2,3,4,128 to {to}");
    lines.push(rule("permit", &what, "without these, large packets vanish"));
    let what = format!("tcp established, and udp from your resolvers and time servers, to {to}");
    lines.push(rule("permit", &what, "answers to what this host asks"));
    let what = format!("any to {to}");
    lines.push(rule(
        "deny",
        &what,
        "everything else ends before your uplink",
    ));
    lines
}

/// The ports of one protocol that the profile names, for everybody or for trusted sources alone.
fn ports(profile: &Profile, protocol: Protocol, is_private: bool) -> String {
    let firewall = &profile.firewall;
    let games = firewall
        .games
        .iter()
        .filter_map(|name| catalogue::game(name));
    let rules = games.flat_map(|game| game.ports).chain(&firewall.ports);
    let fits = |rule: &&PortRule| rule.protocol == protocol && rule.role.is_private() == is_private;
    let mut ports: Vec<_> = rules.filter(fits).map(|rule| rule.ports).collect();
    if protocol == Protocol::Tcp && is_private {
        let own = firewall.admin_ports.iter();
        ports.extend(own.map(|port| Ports {
            first: *port,
            last: *port,
        }));
    }
    ports.sort_unstable();
    ports.dedup();
    list(ports.iter().map(ToString::to_string))
}

fn list(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(",")
}

/// The addresses that players reach; a word where none is known.
fn addresses(facts: &Facts) -> String {
    let uplinks = facts.uplinks().flat_map(|interface| &interface.addresses);
    let addresses: Vec<String> = uplinks
        .filter(|(address, _)| match address {
            std::net::IpAddr::V4(address) => !address.is_link_local(),
            std::net::IpAddr::V6(address) => !address.is_unicast_link_local(),
        })
        .map(|(address, _)| address.to_string())
        .collect();
    match addresses.is_empty() {
        true => "THIS-HOST".to_owned(),
        false => addresses.join(","),
    }
}

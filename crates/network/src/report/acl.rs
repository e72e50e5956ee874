//! What to ask of the provider. Written for a person who types it into some other machine's filter.

use crate::facts::Facts;
use crate::profile::Profile;
use crate::profile::firewall::{PortRule, Protocol};
use crate::rules::catalogue;

/// Rules for the provider's filter, the first that fits counts.
pub(super) fn lines(facts: &Facts, profile: &Profile) -> Vec<String> {
    let firewall = &profile.firewall;
    let games = firewall
        .games
        .iter()
        .filter_map(|name| catalogue::game(name));
    let rules: Vec<&PortRule> = games
        .flat_map(|game| game.ports)
        .chain(&firewall.ports)
        .collect();
    let ports = |protocol: Protocol, is_private: bool| {
        let fits =
            |rule: &&&PortRule| rule.protocol == protocol && rule.role.is_private() == is_private;
        let mut ports: Vec<String> = rules
            .iter()
            .filter(fits)
            .map(|rule| rule.ports.to_string())
            .collect();
        if protocol == Protocol::Tcp && is_private {
            ports.extend(firewall.admin_ports.iter().map(u16::to_string));
        }
        ports.sort();
        ports.dedup();
        ports.join(",")
    };
    let to = addresses(facts);
    let mut lines = Vec::new();
    let mut put = |action: &str, what: String, why: &str| {
        lines.push(format!("{action} {what} # {why}"));
    };
    let udp = ports(Protocol::Udp, false);
    if !udp.is_empty() {
        let reflectors: Vec<String> = profile
            .ddos_protect
            .reflector_ports
            .iter()
            .map(u16::to_string)
            .collect();
        if !reflectors.is_empty() {
            put(
                "deny",
                format!(
                    "udp from any source-port {} to {to} port {udp}",
                    reflectors.join(",")
                ),
                "answers of misused services, which no player sends",
            );
        }
        put(
            "deny",
            format!("udp fragments to {to}"),
            "games send less than 1,400 bytes",
        );
        put("permit", format!("udp from any to {to} port {udp}"), "play");
    }
    let tcp = ports(Protocol::Tcp, false);
    if !tcp.is_empty() {
        put("permit", format!("tcp from any to {to} port {tcp}"), "play");
    }
    let private = [(Protocol::Tcp, "tcp"), (Protocol::Udp, "udp")];
    for (protocol, name) in private {
        let ports = ports(protocol, true);
        let trusted: Vec<String> = firewall.trusted.iter().map(ToString::to_string).collect();
        let from = match trusted.is_empty() {
            true => "YOUR-NETWORKS".to_owned(),
            false => trusted.join(","),
        };
        if !ports.is_empty() {
            put(
                "permit",
                format!("{name} from {from} to {to} port {ports}"),
                "administration",
            );
        }
    }
    put(
        "permit",
        format!("icmp unreachable,time-exceeded,echo and icmpv6 1,2,3,4,128 to {to}"),
        "without these, large packets vanish",
    );
    put(
        "permit",
        format!("tcp established, and udp from your resolvers and time servers, to {to}"),
        "answers to what this host asks",
    );
    put(
        "deny",
        format!("any to {to}"),
        "everything else ends before your uplink",
    );
    lines
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

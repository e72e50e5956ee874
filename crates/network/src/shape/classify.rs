//! The rules that tell which packets are a game's.

use super::{GAME, interfaces};
use crate::facts::Facts;
use crate::profile::firewall::{Ports, Protocol};
use crate::profile::shape::{Dscp, Shape};
use crate::rules::ports::PortMap;
use crate::rules::text::Text;

/// The counter of packets that were given the priority of games.
pub(crate) const COUNTER: &str = "pass_shaped";

/// Puts the chains into our table; `map` tells what each port is for. Nothing but shaped interfaces is touched, and where
/// none can be shaped there are no chains: [`super::shape`] says why.
pub(crate) fn classify(body: &mut Text, profile: &Shape, facts: &Facts, map: &PortMap) {
    let Ok(shaped) = interfaces(profile, facts) else {
        return;
    };
    let shaped: Vec<String> = shaped
        .into_iter()
        .map(|interface| format!("\"{}\"", interface.name))
        .collect();
    body.counter(COUNTER);
    body.chain("shape_game", None);
    body.rule(format_args!("counter name \"{COUNTER}\""));
    body.rule(format_args!("meta priority set {GAME}"));
    let mark = match profile.dscp {
        Dscp::Cs4 => Some("cs4"),
        Dscp::Ef => Some("ef"),
        Dscp::None => None,
    };
    if let Some(mark) = mark {
        for family in ["ip", "ip6"] {
            body.rule(format_args!("{family} dscp set {mark}"));
        }
    }
    // After the addresses of published ports are rewritten (100): containers answer from ports of their own.
    let hook = "type filter hook postrouting priority 110; policy accept;";
    body.chain("shape", Some(hook));
    body.rule(format_args!(
        "oifname != {{ {} }} accept",
        shaped.join(", ")
    ));
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        let ports = map.ranges(protocol, |role, _| !role.is_private());
        if !ports.is_empty() {
            let ports: Vec<String> = ports.iter().map(Ports::to_string).collect();
            let (name, ports) = (protocol.name(), ports.join(", "));
            body.rule(format_args!("{name} sport {{ {ports} }} goto shape_game"));
        }
    }
    body.end();
}

//! What is refused before any rule is made: numbers that defeat the protection, names that nft would misread, and rules
//! that lock out the one who applies them.

use std::net::IpAddr;

use crate::facts::{Facts, Session};
use crate::profile::Profile;
use crate::profile::firewall::{Firewall, Protocol};
use crate::profile::protect::{Protect, Rate, SET_SIZE_MIN};
use crate::rules::Parts;
use crate::rules::net::Net;
use crate::rules::ports::PortMap;
use crate::{Error, Result};

/// 16 million elements of 100 bytes or more are beyond every host that this is for.
const SET_SIZE_MAX: u32 = 1 << 24;

/// Above this, a rate is no limit: the fastest hosts drop some ten million packets per second.
const RATE_MAX: u32 = 100_000_000;

/// The kernel's `IFNAMSIZ` without the zero at the end.
const INTERFACE_NAME_MAX: usize = 15;

/// Numbers and names.
pub(super) fn numbers(firewall: &Firewall, protect: &Protect) -> Result<()> {
    for name in &firewall.open_interfaces {
        let plain = name.strip_suffix('*').unwrap_or(name);
        if plain.is_empty() || !is_interface(plain) {
            return wrong(
                "firewall.open_interfaces",
                format!("`{name}` is no name of an interface"),
            );
        }
    }
    if firewall.echo_per_second == 0 || firewall.echo_per_second > RATE_MAX {
        return wrong(
            "firewall.echo_per_second",
            format!("not between 1 and {RATE_MAX}"),
        );
    }
    for (key, rate) in rates(protect) {
        let Rate { per_second, burst } = rate;
        if [per_second, burst].iter().any(|n| *n == 0 || *n > RATE_MAX) {
            return wrong(
                "ddos_protect",
                format!("{key}: both numbers are between 1 and {RATE_MAX}"),
            );
        }
    }
    if protect.connections_per_source == 0 {
        return wrong(
            "ddos_protect",
            "connections_per_source: 0 lets nobody in".into(),
        );
    }
    if !(SET_SIZE_MIN..=SET_SIZE_MAX).contains(&protect.set_size) {
        return wrong(
            "ddos_protect",
            format!(
                "set_size: not between {SET_SIZE_MIN} and {SET_SIZE_MAX}; nftables lets pass what a full set cannot hold"
            ),
        );
    }
    for (key, seconds) in [
        ("guest_s", protect.guest_s),
        ("known_s", protect.known_s),
        ("flood_s", protect.flood_s),
    ] {
        if seconds == 0 || seconds > 86_400 {
            return wrong("ddos_protect", format!("{key}: not between 1 and 86400"));
        }
    }
    // Whoever is let in stays for guest_s: with more of them than elements the gate would stand open.
    let guests = u64::from(protect.newcomers.per_second) * u64::from(protect.guest_s)
        + u64::from(protect.newcomers.burst);
    if guests > u64::from(protect.set_size) {
        return wrong(
            "ddos_protect",
            format!("newcomers for guest_s seconds are {guests} sources, more than set_size holds"),
        );
    }
    let (guest, replies) = (protect.guest, protect.replies);
    if guest.per_second > replies.per_second || guest.burst >= replies.burst {
        return wrong(
            "ddos_protect",
            "guest: not below `replies`; a server that answers each datagram would make forged sources known".into(),
        );
    }
    Ok(())
}

fn rates(protect: &Protect) -> [(&'static str, Rate); 11] {
    [
        ("flow", protect.flow),
        ("source", protect.source),
        ("newcomers", protect.newcomers),
        ("guests", protect.guests),
        ("guest", protect.guest),
        ("replies", protect.replies),
        ("introductions", protect.introductions),
        ("trusted", protect.trusted),
        ("queries", protect.queries),
        ("queries_per_source", protect.queries_per_source),
        ("connects_per_source", protect.connects_per_source),
    ]
}

fn wrong(path: &str, what: String) -> Result<()> {
    Err(Error::Profile {
        path: path.into(),
        what,
    })
}

/// Whether nft reads `name`, between quotes, as just this name.
pub(super) fn is_interface(name: &str) -> bool {
    (1..=INTERFACE_NAME_MAX).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte))
}

/// The session that applies the rules must be able to begin anew under them.
pub(super) fn session(profile: &Profile, facts: &Facts, parts: Parts, map: &PortMap) -> Result<()> {
    let Some(Session { peer, local_port }) = facts.session else {
        return Ok(());
    };
    let peer = peer.to_canonical();
    if peer.is_loopback() {
        return Ok(());
    }
    let refused = |what: String| Err(Error::Refused(what));
    if parts.protect {
        let blocked = profile
            .ddos_protect
            .blocked
            .iter()
            .find(|net| net.contains(peer));
        if let Some(net) = blocked {
            return refused(format!(
                "this session comes from {peer}, which `ddos_protect.blocked` drops ({net}); take it out of there"
            ));
        }
    }
    if !parts.firewall || comes_by_open_interface(profile, facts, peer) {
        return Ok(());
    }
    let trusted = profile
        .firewall
        .trusted
        .iter()
        .any(|net| net.contains(peer));
    match map.role(Protocol::Tcp, local_port) {
        Some(role) if !role.is_private() || trusted => Ok(()),
        Some(_) => refused(format!(
            "these rules would lock out this session from {peer}: add `{peer}` (or its network) to `firewall.trusted`"
        )),
        None => refused(format!(
            "these rules would close port {local_port}, by which this session came: add {local_port} to \
             `firewall.admin_ports`{}",
            if trusted {
                String::new()
            } else {
                format!(", and `{peer}` to `firewall.trusted`")
            }
        )),
    }
}

fn comes_by_open_interface(profile: &Profile, facts: &Facts, peer: IpAddr) -> bool {
    profile.firewall.open_interfaces.iter().any(|pattern| {
        facts
            .interfaces
            .iter()
            .filter(|interface| match pattern.strip_suffix('*') {
                Some(start) => interface.name.starts_with(start),
                None => interface.name == *pattern,
            })
            .flat_map(|interface| &interface.addresses)
            .any(|(address, prefix)| Net::new(*address, *prefix).contains(peer))
    })
}

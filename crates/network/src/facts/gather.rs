//! Asking the host what it is.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;

use super::{Facts, Interface, Session, Tools};
use crate::Result;
use crate::host::Host;
use crate::observe::conntrack;

/// The bit of `CAP_NET_ADMIN` (capability.h of the kernel).
const CAP_NET_ADMIN: u32 = 12;
/// Bits of the flags of an interface (if.h of the kernel).
const IFF_UP: u32 = 1;
const IFF_LOOPBACK: u32 = 8;
/// Packets to this are thrown away, and the kernel keeps such a default route for IPv6 (ipv6_route.h: `RTF_REJECT`).
const RTF_REJECT: u32 = 0x200;

impl Facts {
    /// Asks `host` what it is; `env` are the variables of the one who asks. What a tool that is not installed would say
    /// stays unknown.
    ///
    /// # Errors
    /// When files of the kernel that every host has cannot be read.
    pub fn gather(host: &Host, env: &BTreeMap<String, String>) -> Result<Self> {
        let uplinks = uplinks(
            &host.read("/proc/net/route")?.unwrap_or_default(),
            &host.read("/proc/net/ipv6_route")?.unwrap_or_default(),
        );
        let addresses = host
            .run("ip", &["-j", "addr", "show"], "")
            .map(|output| addresses(&output.stdout))
            .unwrap_or_default();
        // A container may see the sysfs of another namespace; the list of `/proc` is always that of ours.
        let ours = host.read("/proc/net/dev")?;
        let is_ours = |name: &String| {
            ours.as_ref()
                .is_none_or(|list| names(list).any(|known| known == name))
        };
        let interfaces = host
            .list("/sys/class/net")
            .into_iter()
            .filter(is_ours)
            .filter_map(|name| interface(host, name, &uplinks, &addresses))
            .collect();
        let one_line = |path: &str| {
            host.read(path)
                .map(|text| text.map(|t| t.trim().to_owned()))
        };
        Ok(Self {
            netns: host.netns_name().map(str::to_owned),
            is_child_netns: host.is_child_netns(),
            privileged: is_privileged(&host.read("/proc/thread-self/status")?.unwrap_or_default())
                || !host.is_real(),
            container: env.contains_key("KUBERNETES_SERVICE_HOST") || host.is_container(),
            kernel: one_line("/proc/sys/kernel/osrelease")?.unwrap_or_default(),
            cpus: one_line("/sys/devices/system/cpu/online")?
                .and_then(|list| parse_list(&list))
                .unwrap_or_else(|| vec![0]),
            interfaces,
            tools: Tools {
                nft: version(host, "nft", "--version"),
                tc: version(host, "tc", "-V"),
                ip: version(host, "ip", "-V"),
            },
            session: match env.get("SSH_CONNECTION") {
                Some(text) => session(text),
                None => session_of_parents(host),
            },
            ..Self::default()
        })
    }
}

fn interface(
    host: &Host,
    name: String,
    uplinks: &[String],
    addresses: &BTreeMap<String, Vec<(IpAddr, u8)>>,
) -> Option<Interface> {
    let file = |what: &str| {
        host.read(&format!("/sys/class/net/{name}/{what}"))
            .ok()
            .flatten()
            .map(|text| text.trim().to_owned())
    };
    // Files such as `bonding_masters` stand beside the interfaces.
    let flags = flags(&file("flags")?).unwrap_or(0);
    let queues = host.list(&format!("/sys/class/net/{name}/queues"));
    let count = |kind: &str| {
        let found = queues.iter().filter(|queue| queue.starts_with(kind));
        u32::try_from(found.count()).unwrap_or(u32::MAX)
    };
    Some(Interface {
        mtu: file("mtu")
            .and_then(|text| conntrack::number("mtu", &text).ok())
            .and_then(|mtu| u32::try_from(mtu).ok())
            .unwrap_or(0),
        up: flags & IFF_UP != 0,
        loopback: flags & IFF_LOOPBACK != 0,
        hardware: host.at(&format!("/sys/class/net/{name}/device")).exists(),
        default_route: uplinks.contains(&name),
        tx_queues: count("tx-"),
        rx_queues: count("rx-"),
        // Drivers that do not know it may refuse to be read.
        speed_mbps: file("speed").and_then(|text| speed_mbps(&text)),
        addresses: addresses.get(&name).cloned().unwrap_or_default(),
        name,
    })
}

/// The names in `/proc/net/dev`.
pub(crate) fn names(dev: &str) -> impl Iterator<Item = &str> {
    dev.lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| name.trim())
}

/// The file `flags` of an interface, such as `0x1003`.
pub(crate) fn flags(text: &str) -> Option<u32> {
    u32::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

/// The file `speed` of an interface; nothing where the driver does not know it, which is -1 in 32 bits, with a sign or
/// without.
pub(crate) fn speed_mbps(text: &str) -> Option<u32> {
    let speed = text.parse().ok();
    speed.filter(|speed| (1..u32::MAX).contains(speed))
}

/// The interfaces by which default routes leave, from `/proc/net/route` and `/proc/net/ipv6_route` (proc(5)).
pub(crate) fn uplinks(ipv4: &str, ipv6: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in ipv4.lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if let [name, "00000000", _, _, _, _, _, "00000000", ..] = fields[..] {
            found.push(name.to_owned());
        }
    }
    for line in ipv6.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if let [to, "00", _, _, _, _, _, _, flags, name] = fields[..]
            && to.bytes().all(|digit| digit == b'0')
            && u32::from_str_radix(flags, 16).is_ok_and(|flags| flags & RTF_REJECT == 0)
        {
            found.push(name.to_owned());
        }
    }
    found.sort();
    found.dedup();
    found
}

/// Addresses by interface, from `ip -j addr show`.
pub(crate) fn addresses(json: &str) -> BTreeMap<String, Vec<(IpAddr, u8)>> {
    let read = |link: &Value| {
        let of_link = link.get("addr_info")?.as_array()?;
        let addresses = of_link.iter().filter_map(|known| {
            let address: IpAddr = known.get("local")?.as_str()?.parse().ok()?;
            let prefix = u8::try_from(known.get("prefixlen")?.as_u64()?).ok()?;
            let bits = if address.is_ipv4() { 32 } else { 128 };
            (prefix <= bits).then_some((address, prefix))
        });
        Some((
            link.get("ifname")?.as_str()?.to_owned(),
            addresses.collect(),
        ))
    };
    let links: Vec<Value> = serde_json::from_str(json).unwrap_or_default();
    links.iter().filter_map(read).collect()
}

/// Whether `/proc/self/status` says that we hold `CAP_NET_ADMIN`.
pub(crate) fn is_privileged(status: &str) -> bool {
    status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask >> CAP_NET_ADMIN & 1 == 1)
}

fn version(host: &Host, program: &str, flag: &str) -> Option<String> {
    let output = host.run(program, &[flag], "").ok()?;
    output.success.then(|| output.stdout.trim().to_owned())
}

/// The session in which `sudo` or `su` started us, which keep its variables from us: that of the nearest parent that has
/// one. Not in a namespace that was entered by name, whose rules do not reach it.
fn session_of_parents(host: &Host) -> Option<Session> {
    /// Deeper than shells in shells.
    const PARENTS_MAX: usize = 32;
    if !host.is_real() || host.netns_name().is_some() {
        return None;
    }
    let mut pid = "self".to_owned();
    for _ in 0..PARENTS_MAX {
        let variables = host.read(&format!("/proc/{pid}/environ")).ok().flatten()?;
        if let Some(text) = ssh_connection(&variables) {
            return session(text);
        }
        let status = host.read(&format!("/proc/{pid}/status")).ok().flatten()?;
        pid = parent(&status)?.to_string();
    }
    None
}

/// The variable `SSH_CONNECTION` in `/proc/PID/environ`.
pub(crate) fn ssh_connection(environ: &str) -> Option<&str> {
    environ
        .split('\0')
        .find_map(|variable| variable.strip_prefix("SSH_CONNECTION="))
}

/// The parent, from `/proc/PID/status`.
pub(crate) fn parent(status: &str) -> Option<u32> {
    status
        .lines()
        .find_map(|line| line.strip_prefix("PPid:"))?
        .trim()
        .parse()
        .ok()
}

/// `SSH_CONNECTION`: address and port there, address and port here (ssh(1)). A link-local address has its interface
/// behind it (`fe80::1%eth0`, getnameinfo(3)).
pub(crate) fn session(text: &str) -> Option<Session> {
    let mut words = text.split_whitespace();
    let peer = words.next()?.split('%').next()?.parse().ok()?;
    let local_port = words.nth(2)?.parse().ok()?;
    Some(Session { peer, local_port })
}

/// Numbers of a list such as `0-3,8`, CPUs or ports (the kernel's bitmap list format); nothing when it is none.
#[must_use]
pub fn parse_list(list: &str) -> Option<Vec<u32>> {
    /// As many as there are ports; the kernel's limit of CPUs (`NR_CPUS`) is 8,192.
    const MAX: u32 = 65_536;
    let mut ranges = Vec::new();
    for part in list.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        if first > last || last >= MAX {
            return None;
        }
        ranges.push((first, last));
    }
    // Sorted before they are counted out: a text may name all numbers as often as it has room for.
    ranges.sort_unstable();
    let mut numbers: Vec<u32> = Vec::new();
    for (first, last) in ranges {
        let from = numbers.last().map_or(first, |known| first.max(known + 1));
        numbers.extend(from..=last);
    }
    Some(numbers)
}

/// Sorted numbers as a list such as `0-3,8`, as the kernel writes it.
#[must_use]
pub fn list_of(cpus: &[u32]) -> String {
    let mut parts: Vec<(u32, u32)> = Vec::new();
    for &cpu in cpus {
        match parts.last_mut() {
            Some((_, last)) if *last + 1 == cpu => *last = cpu,
            _ => parts.push((cpu, cpu)),
        }
    }
    let texts: Vec<String> = parts
        .into_iter()
        .map(|(first, last)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        })
        .collect();
    texts.join(",")
}

/// CPUs as a mask in hexadecimal digits, without leading zeros.
#[must_use]
pub fn cpu_mask(cpus: &[u32]) -> String {
    let digits = cpus.iter().max().map_or(1, |last| last / 4 + 1);
    let text: String = (0..digits)
        .rev()
        .map(|digit| {
            let bits = (0..4).filter(|bit| cpus.contains(&(digit * 4 + bit)));
            char::from_digit(bits.map(|bit| 1 << bit).sum(), 16).unwrap_or('0')
        })
        .collect();
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lists_of_cpus_survive_writing_and_reading(cpus in prop::collection::btree_set(0u32..300, 0..40)) {
            let cpus: Vec<u32> = cpus.into_iter().collect();
            prop_assert_eq!(parse_list(&list_of(&cpus)), Some(cpus));
        }

        #[test]
        fn a_mask_is_the_sum_of_its_cpus(cpus in prop::collection::btree_set(0u32..64, 0..20)) {
            let sum = cpus.iter().fold(0u64, |sum, cpu| sum | 1 << cpu);
            let cpus: Vec<u32> = cpus.into_iter().collect();
            prop_assert_eq!(u64::from_str_radix(&cpu_mask(&cpus), 16), Ok(sum));
        }
    }

    #[test]
    fn default_routes_are_found_in_both_families() {
        let ipv4 = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
                    eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
                    eth1\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
        let ipv6 = "00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003 eth2\n\
                    00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n";
        assert_eq!(uplinks(ipv4, ipv6), ["eth0", "eth2"]);
    }

    #[test]
    fn a_session_is_read_as_ssh_writes_it() {
        let expected = Session {
            peer: "2001:db8::7".parse().unwrap(),
            local_port: 22,
        };
        assert_eq!(session("2001:db8::7 51234 2001:db8::1 22"), Some(expected));
        assert_eq!(session("nonsense"), None);
    }

    #[test]
    fn a_session_from_a_link_local_address_is_one_too() {
        let found = session("fe80::7%eth0 51234 fe80::1%eth0 22").unwrap();
        assert_eq!(found.peer, "fe80::7".parse::<IpAddr>().unwrap());
        assert_eq!(found.local_port, 22);
    }

    #[test]
    fn a_list_that_names_all_numbers_ten_thousand_times_costs_no_more_than_its_text() {
        let list = ["0-65535"; 10_000].join(",");
        assert_eq!(parse_list(&list).unwrap().len(), 65_536);
    }

    #[test]
    fn a_speed_that_the_driver_does_not_know_is_none() {
        assert_eq!(speed_mbps("10000"), Some(10_000));
        for unknown in ["-1", "0", "4294967295", "", "fast"] {
            assert_eq!(speed_mbps(unknown), None, "{unknown}");
        }
    }
}

//! Section `optimize` of a profile.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Difference;

/// Settings of the kernel and its devices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Optimize {
    /// Kernel settings: exact path below `/proc/sys`, and the wanted value. `>=` before it: at least so much, number by
    /// number. Nothing: leave that one as it is.
    pub sysctl: BTreeMap<String, Option<String>>,
    /// The longest queue of received packets before the protocol stack, in packets. Set only where the kernel says that
    /// this queue has overflowed. Nothing: leave as it is.
    pub backlog: Option<u32>,
    /// Ports that outgoing connections must not take, such as `7000-8000`, besides those that are reserved already.
    /// Nothing: leave as it is.
    pub reserved_ports: Option<String>,
    /// The governor of CPU frequencies. Nothing: leave as it is.
    pub governor: Option<String>,
    /// CPUs may sleep only as deeply as takes at most so many microseconds to wake from. Nothing: leave as it is.
    pub cpu_wakeup_max_us: Option<u32>,
    /// Interfaces whose interrupts and queues are spread. None named: every NIC that is up.
    pub interfaces: Vec<String>,
    /// Spread the interrupts of NICs over the CPUs near them.
    pub irq_affinity: bool,
    /// CPUs that take interrupts, such as `0-3`. Nothing: those near the NIC.
    pub irq_cpus: Option<String>,
    /// CPUs that stay free of interrupts and of packets, for game servers, such as `2-7`. Nothing: none.
    pub game_cpus: Option<String>,
    /// Spread arriving packets of a NIC with one queue over CPUs (RPS).
    pub rps: bool,
    /// Let each CPU send by a queue of its own (XPS).
    pub xps: bool,
    /// Larger packets on links whose other end is known to take them, by interface.
    pub jumbo: BTreeMap<String, Jumbo>,
}

/// Larger packets on a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jumbo {
    /// The largest packet, in bytes.
    pub mtu: u32,
    /// A host at the other end, which must answer to packets of that size that may not be cut up.
    #[serde(default)]
    pub peer: Option<IpAddr>,
}

/// Received packets of a tenth of a second: 20,000 packets per second, of which each takes 768 bytes of a socket's buffer
/// (measured with small datagrams), for half a second of a server that does not read: 7.7 MB.
const SOCKET_BUFFER_MAX: &str = ">=8388608";

impl Default for Optimize {
    fn default() -> Self {
        let sysctl = [
            // A cap, not a size: servers that ask for more get it.
            ("net/core/rmem_max", SOCKET_BUFFER_MAX),
            ("net/core/wmem_max", SOCKET_BUFFER_MAX),
            ("net/core/somaxconn", ">=4096"),
            ("net/ipv4/tcp_max_syn_backlog", ">=4096"),
            ("net/ipv4/tcp_mtu_probing", "1"),
            ("net/ipv4/tcp_timestamps", "1"),
            ("net/ipv4/tcp_sack", "1"),
            ("net/ipv4/tcp_congestion_control", "bbr"),
            ("net/ipv4/tcp_rmem", ">=4096 131072 16777216"),
            ("net/ipv4/tcp_wmem", ">=4096 16384 16777216"),
            ("kernel/numa_balancing", "0"),
        ];
        Self {
            sysctl: owned(&sysctl),
            backlog: Some(4_000),
            reserved_ports: Some("7000-8000".into()),
            governor: Some("performance".into()),
            cpu_wakeup_max_us: Some(10),
            interfaces: Vec::new(),
            irq_affinity: true,
            irq_cpus: None,
            game_cpus: None,
            rps: true,
            xps: true,
            jumbo: BTreeMap::new(),
        }
    }
}

impl Optimize {
    /// The numbers of the guide's script.
    #[must_use]
    pub fn guide() -> Self {
        let sysctl = [
            ("net/core/rmem_max", "134217728"),
            ("net/core/wmem_max", "134217728"),
            ("net/core/netdev_max_backlog", "30000"),
            ("net/ipv4/tcp_rmem", "4096 87380 134217728"),
            ("net/ipv4/tcp_wmem", "4096 65536 134217728"),
            ("net/ipv4/tcp_timestamps", "1"),
            ("net/ipv4/tcp_sack", "1"),
            ("net/ipv4/tcp_congestion_control", "bbr"),
        ];
        let jumbo = Jumbo {
            mtu: 9_000,
            peer: None,
        };
        Self {
            sysctl: owned(&sysctl),
            backlog: None,
            reserved_ports: None,
            governor: Some("performance".into()),
            cpu_wakeup_max_us: None,
            interfaces: Vec::new(),
            irq_affinity: true,
            irq_cpus: Some("0-3".into()),
            game_cpus: None,
            rps: false,
            xps: false,
            jumbo: BTreeMap::from([("eth0".into(), jumbo)]),
        }
    }
}

fn owned(pairs: &[(&str, &str)]) -> BTreeMap<String, Option<String>> {
    let pairs = pairs.iter();
    pairs
        .map(|(path, value)| ((*path).to_owned(), Some((*value).to_owned())))
        .collect()
}

/// Where the two built-in profiles differ, and why.
pub const DIFFERENCES: &[Difference] = &[
    Difference {
        key: "optimize.sysctl.net/core/rmem_max",
        guide: "134217728",
        recommended: ">=8388608",
        why: "a cap alone gives no socket more room, and a buffer of 128 MiB delivers ticks that are long stale",
    },
    Difference {
        key: "optimize.sysctl.net/core/netdev_max_backlog",
        guide: "30000",
        recommended: "optimize.backlog, where it overflowed",
        why: "most NICs never use this queue, and 30,000 waiting packets are latency",
    },
    Difference {
        key: "optimize.sysctl.net/ipv4/tcp_rmem and tcp_wmem",
        guide: "up to 134217728",
        recommended: "up to 16777216, or more where it is more already",
        why: "it is memory per connection that an attacker can pin; players' packets are UDP",
    },
    Difference {
        key: "optimize.jumbo",
        guide: "9000 on every eth and game interface",
        recommended: "none; per interface with a peer that proves it, and never on a default route",
        why: "towards a peer of 1500 bytes larger packets vanish without an error",
    },
    Difference {
        key: "optimize.irq_cpus",
        guide: "0-3",
        recommended: "the CPUs near the NIC that are online",
        why: "many hosts have no CPUs 2 and 3, and the others may be far from the NIC",
    },
    Difference {
        key: "optimize.reserved_ports",
        guide: "none",
        recommended: "7000-8000",
        why: "otherwise an outgoing connection can hold the port that a game server is to get",
    },
];

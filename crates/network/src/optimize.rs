//! Settings of the kernel and its devices for game servers.
//!
//! Pure: [`Devices`] says what the host has, and the answer is what it shall have. UDP comes first; what concerns TCP
//! alone says so.

pub(crate) mod devices;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

pub use devices::{Devices, Nic};

use crate::facts::{Facts, cpu_mask, list_of, parse_list};
use crate::profile::optimize::Optimize;
use crate::subject::{Risk, Scope, Subject, Wish};
use crate::{Error, Result, Skip};

/// What a profile's section `optimize` comes to on a host.
#[derive(Clone, Debug, Default)]
pub struct Optimized {
    /// What shall be.
    pub wishes: Vec<Wish>,
    /// What this host cannot have.
    pub skips: Vec<Skip>,
    /// What a reader of the plan should know.
    pub notes: Vec<String>,
    /// Peers that must answer to large packets afterwards: interface, peer, size in bytes.
    pub paths: Vec<(String, IpAddr, u32)>,
}

/// Kernel settings of the whole node, and of no namespace: they cannot be written, or are not there, in a child
/// namespace (tried on Linux 6.18).
const NODE_SYSCTLS: [&str; 17] = [
    "net/core/rmem_max",
    "net/core/wmem_max",
    "net/core/rmem_default",
    "net/core/wmem_default",
    "net/core/netdev_max_backlog",
    "net/core/netdev_budget",
    "net/core/netdev_budget_usecs",
    "net/core/busy_poll",
    "net/core/busy_read",
    "net/core/default_qdisc",
    "net/core/rps_sock_flow_entries",
    "net/core/dev_weight",
    "net/ipv4/udp_mem",
    "net/ipv4/tcp_mem",
    "net/netfilter/nf_conntrack_max",
    "net/netfilter/nf_conntrack_buckets",
    "net/nf_conntrack_max",
];

/// Sizes of packets in bytes, from what every Ethernet carries to what a header of IP can tell.
const JUMBO_MTU: std::ops::RangeInclusive<u32> = 1_500..=65_535;

/// What a kernel setting reaches, by its path below `/proc/sys`.
#[must_use]
pub fn scope_of_sysctl(path: &str) -> Scope {
    if path.starts_with("net/") && !NODE_SYSCTLS.contains(&path) {
        Scope::Netns
    } else {
        Scope::Node
    }
}

/// The settings of `profile` on a host.
///
/// # Errors
/// [`Error::Profile`] for paths and numbers that cannot be.
pub fn optimize(profile: &Optimize, facts: &Facts, devices: &Devices) -> Result<Optimized> {
    let mut done = Optimized::default();
    sysctls(profile, devices, &mut done)?;
    reserved_ports(profile, devices, &mut done)?;
    cpus(profile, facts, devices, &mut done);
    let game_cpus = list(profile.game_cpus.as_deref(), "optimize.game_cpus")?;
    let irq_cpus = list(profile.irq_cpus.as_deref(), "optimize.irq_cpus")?;
    for name in &profile.interfaces {
        if !devices.nics.iter().any(|nic| nic.name == *name) {
            done.skips.push(Skip::new(
                format!("optimize.interfaces {name}"),
                "there is no such interface",
            ));
        }
    }
    for nic in &devices.nics {
        let spread = Spread::of(nic, facts, irq_cpus.as_deref(), game_cpus.as_deref());
        interrupts(profile, nic, devices, &spread, &mut done);
        queues(profile, nic, &spread, &mut done);
    }
    irqbalance(devices, &mut done);
    jumbo(profile, facts, &mut done);
    Ok(done)
}

fn wrong(what: String) -> Error {
    Error::Profile {
        path: "optimize".into(),
        what,
    }
}

fn list(text: Option<&str>, key: &str) -> Result<Option<Vec<u32>>> {
    text.map(|text| {
        parse_list(text)
            .ok_or_else(|| wrong(format!("{key}: `{text}` is not a list such as 0-3,8")))
    })
    .transpose()
}

fn sysctls(profile: &Optimize, devices: &Devices, done: &mut Optimized) -> Result<()> {
    for (path, want) in &profile.sysctl {
        let Some(want) = want else { continue };
        let is_path = path.contains('/')
            && path.split('/').all(|part| {
                !part.is_empty()
                    && part != ".."
                    && part
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b"_.-:@".contains(&b))
            });
        if !is_path {
            return Err(wrong(format!(
                "optimize.sysctl: `{path}` is not an exact path below /proc/sys such as net/core/rmem_max"
            )));
        }
        let now = devices.sysctls.get(path).map(String::as_str);
        let want = value(want, now).ok_or_else(|| {
            wrong(format!(
                "optimize.sysctl: {path}: {want:?} is no value of one line, nor numbers after `>=`"
            ))
        })?;
        if path.ends_with("tcp_congestion_control") && !devices.congestion.contains(&want) {
            done.skips.push(Skip::new(
                format!("sysctl {}", path.replace('/', ".")),
                format!(
                    "{want} is not among {}; `modprobe tcp_{want}` may add it, and a child namespace takes only what the node allows",
                    devices.congestion.join(" ")
                ),
            ));
            continue;
        }
        done.wishes.push(Wish {
            subject: Subject::Sysctl(path.clone()),
            want: Some(want),
            scope: scope_of_sysctl(path),
            reason: reason_of_sysctl(path).into(),
            risk: Risk::Low,
        });
    }
    if let Some(backlog) = profile.backlog
        && devices.backlog_drops > 0
    {
        let path = "net/core/netdev_max_backlog";
        let now = devices.sysctls.get(path).map(String::as_str);
        done.wishes.push(Wish {
            subject: Subject::Sysctl(path.into()),
            want: Some(at_least(&backlog.to_string(), now)),
            scope: Scope::Node,
            reason: format!(
                "the queue before the protocol stack overflowed {} times since boot",
                devices.backlog_drops
            ),
            risk: Risk::Low,
        });
    }
    Ok(())
}

/// What is written for the value `want` of a profile, where `now` is there.
pub(crate) fn value(want: &str, now: Option<&str>) -> Option<String> {
    if want.trim().is_empty() || want.chars().any(char::is_control) {
        return None;
    }
    let Some(least) = want.strip_prefix(">=") else {
        return Some(want.trim().to_owned());
    };
    let mut numbers = least.split_whitespace();
    let is_numbers = numbers.all(|number| number.parse::<u64>().is_ok());
    (is_numbers && !least.trim().is_empty()).then(|| at_least(least, now))
}

/// `least`, or what is there where that is more, number by number.
fn at_least(least: &str, now: Option<&str>) -> String {
    let mut now = now.unwrap_or_default().split_whitespace();
    let numbers: Vec<String> = least
        .split_whitespace()
        .map(|least| {
            let there = now.next().and_then(|text| text.parse::<u64>().ok());
            match least.parse::<u64>() {
                Ok(least) => least.max(there.unwrap_or(0)).to_string(),
                Err(_) => least.to_owned(),
            }
        })
        .collect();
    numbers.join(" ")
}

fn reason_of_sysctl(path: &str) -> &'static str {
    match path.rsplit('/').next().unwrap_or_default() {
        "rmem_max" | "wmem_max" => {
            "UDP: servers that ask for a larger buffer get it, and lose nothing when they stall for a moment"
        }
        "somaxconn" | "tcp_max_syn_backlog" => {
            "TCP only: more connections at once may be on their way in"
        }
        "tcp_congestion_control" => "TCP only: downloads and HTTP; no effect on UDP",
        "tcp_rmem" | "tcp_wmem" => "TCP only: long fat links; no effect on UDP",
        "tcp_mtu_probing" => "TCP only: connections survive paths that drop large packets silently",
        "tcp_timestamps" | "tcp_sack" => "TCP only: the kernel's default, checked",
        "netdev_max_backlog" => {
            "packets that wait for the protocol stack, where the NIC's driver uses that queue"
        }
        "numa_balancing" => "moving memory between nodes stops a server for milliseconds",
        "busy_poll" | "busy_read" => "UDP: sockets poll the NIC; only with CPUs to spare",
        _ => "asked for by the profile",
    }
}

fn reserved_ports(profile: &Optimize, devices: &Devices, done: &mut Optimized) -> Result<()> {
    let path = "net/ipv4/ip_local_reserved_ports";
    let Some(asked) = list(profile.reserved_ports.as_deref(), "optimize.reserved_ports")? else {
        return Ok(());
    };
    let now = devices.sysctls.get(path);
    let mut ports = now.and_then(|text| parse_list(text)).unwrap_or_default();
    ports.extend(asked);
    ports.sort_unstable();
    ports.dedup();
    done.wishes.push(Wish {
        subject: Subject::Sysctl(path.into()),
        want: Some(list_of(&ports)),
        scope: Scope::Netns,
        reason: "an outgoing connection must not hold the port that a game server is to get".into(),
        risk: Risk::Low,
    });
    Ok(())
}

fn cpus(profile: &Optimize, facts: &Facts, devices: &Devices, done: &mut Optimized) {
    if let Some(governor) = &profile.governor {
        if devices.governors.is_empty() {
            done.skips.push(Skip::new(
                "optimize.governor",
                "this machine does not let the kernel choose CPU frequencies; virtual machines have none",
            ));
        }
        for (path, available) in &devices.governors {
            if !available.iter().any(|known| known == governor) {
                done.skips.push(Skip::new(
                    path,
                    format!("{governor} is not among {}", available.join(" ")),
                ));
                continue;
            }
            done.wishes.push(Wish {
                subject: Subject::Kernel(path.clone()),
                want: Some(governor.clone()),
                scope: Scope::Node,
                reason: "a tick must not wait for the CPU to speed up; costs power".into(),
                risk: Risk::Low,
            });
        }
    }
    let Some(wakeup_max_us) = profile.cpu_wakeup_max_us else {
        return;
    };
    if !devices.has_sleep_states {
        done.skips.push(Skip::new(
            "optimize.cpu_wakeup_max_us",
            "this machine has no sleep states that the kernel chooses",
        ));
        return;
    }
    for cpu in &facts.cpus {
        done.wishes.push(Wish {
            subject: Subject::Kernel(format!(
                "/sys/devices/system/cpu/cpu{cpu}/power/pm_qos_resume_latency_us"
            )),
            // 0 would mean that any latency is fine (sysfs-devices-power of the kernel).
            want: Some(match wakeup_max_us {
                0 => "n/a".into(),
                us => us.to_string(),
            }),
            scope: Scope::Node,
            reason: "a packet must not wait for the CPU to wake from deep sleep; costs power"
                .into(),
            risk: Risk::Low,
        });
    }
}

/// The CPUs for the packets of one NIC.
struct Spread {
    /// Those that take interrupts.
    irq: Vec<u32>,
    /// Those that may handle packets.
    packets: Vec<u32>,
}

impl Spread {
    fn of(nic: &Nic, facts: &Facts, irq: Option<&[u32]>, game: Option<&[u32]>) -> Self {
        let free = |cpu: &u32| facts.cpus.contains(cpu) && !game.unwrap_or(&[]).contains(cpu);
        let packets: Vec<u32> = facts.cpus.iter().copied().filter(|cpu| free(cpu)).collect();
        let near: Vec<u32> = irq
            .unwrap_or(&nic.local_cpus)
            .iter()
            .copied()
            .filter(|cpu| free(cpu))
            .collect();
        Self {
            irq: if near.is_empty() {
                packets.clone()
            } else {
                near
            },
            packets,
        }
    }
}

fn interrupts(
    profile: &Optimize,
    nic: &Nic,
    devices: &Devices,
    spread: &Spread,
    done: &mut Optimized,
) {
    if !profile.irq_affinity || spread.irq.is_empty() {
        return;
    }
    if nic.irqs.is_empty() {
        done.skips.push(Skip::new(
            format!("interrupts of {}", nic.name),
            "its device has none that can be moved",
        ));
        return;
    }
    for (irq, cpu) in nic.irqs.iter().zip(spread.irq.iter().cycle()) {
        // One that has never fired and cannot be read is not worth a failure.
        if !devices.irqs.contains(irq) {
            continue;
        }
        done.wishes.push(Wish {
            subject: Subject::Kernel(format!("/proc/irq/{irq}/smp_affinity_list")),
            want: Some(cpu.to_string()),
            scope: Scope::Node,
            reason: format!(
                "interrupts of {} are shared out among CPUs near it",
                nic.name
            ),
            risk: Risk::Medium,
        });
    }
}

fn queues(profile: &Optimize, nic: &Nic, spread: &Spread, done: &mut Optimized) {
    let path = |queue: &str, file: &str| {
        Subject::Kernel(format!("/sys/class/net/{}/queues/{queue}/{file}", nic.name))
    };
    if profile.rps && nic.rx_queues == 1 && spread.packets.len() > 1 {
        done.wishes.push(Wish {
            subject: path("rx-0", "rps_cpus"),
            want: Some(cpu_mask(&spread.packets)),
            scope: Scope::Netns,
            reason: format!(
                "{} has one receive queue: its packets are spread over CPUs",
                nic.name
            ),
            risk: Risk::Medium,
        });
    }
    let count = usize::try_from(nic.tx_queues).unwrap_or(usize::MAX);
    if profile.xps && count > 1 && !spread.packets.is_empty() {
        for queue in 0..count {
            // Every CPU has a queue, and every queue some CPUs, or the ones that other queues have too.
            let mut of_queue: Vec<u32> = (spread.packets.iter().copied().enumerate())
                .filter(|(index, _)| index % count == queue)
                .map(|(_, cpu)| cpu)
                .collect();
            if of_queue.is_empty() {
                of_queue.push(spread.packets[queue % spread.packets.len()]);
            }
            done.wishes.push(Wish {
                subject: path(&format!("tx-{queue}"), "xps_cpus"),
                want: Some(cpu_mask(&of_queue)),
                scope: Scope::Netns,
                reason: "each CPU sends by a queue of its own, without waiting for others".into(),
                risk: Risk::Low,
            });
        }
    }
}

/// Without a word, irqbalance moves the interrupts back within ten seconds.
fn irqbalance(devices: &Devices, done: &mut Optimized) {
    let moved: Vec<String> = done
        .wishes
        .iter()
        .filter_map(|wish| match &wish.subject {
            Subject::Kernel(path) => path.strip_prefix("/proc/irq/")?.split('/').next(),
            _ => None,
        })
        .map(|irq| format!("--banirq={irq}"))
        .collect();
    if !devices.has_irqbalance || moved.is_empty() {
        return;
    }
    done.wishes.push(Wish {
        subject: Subject::Owned("/etc/systemd/system/irqbalance.service.d/90-stadion.conf".into()),
        want: Some(format!(
            "# Written by `stadion network`: these interrupts have their CPUs.\n[Service]\nEnvironment=\"IRQBALANCE_ARGS={}\"\n",
            moved.join(" ")
        )),
        scope: Scope::Node,
        reason: "irqbalance would move these interrupts back".into(),
        risk: Risk::Low,
    });
    done.notes.push(
        "irqbalance reads its orders when it starts: `systemctl daemon-reload && systemctl restart irqbalance`; IRQBALANCE_ARGS in /etc/default/irqbalance wins over them".into(),
    );
}

fn jumbo(profile: &Optimize, facts: &Facts, done: &mut Optimized) {
    for (name, jumbo) in &profile.jumbo {
        let mut skip = |reason: &str| {
            done.skips.push(Skip::new(format!("mtu of {name}"), reason));
        };
        let Some(interface) = facts.interface(name) else {
            skip("there is no such interface");
            continue;
        };
        if interface.default_route && jumbo.mtu > interface.mtu {
            skip("a default route leaves by it: larger packets would vanish on the internet");
            continue;
        }
        if !JUMBO_MTU.contains(&jumbo.mtu) {
            skip(
                "a larger packet is from 1500 to 65535 bytes; IPv6 ends on an interface with less than 1280",
            );
            continue;
        }
        let Some(peer) = jumbo.peer else {
            skip("no `peer` is named that could prove that the other end takes such packets");
            continue;
        };
        done.paths.push((name.clone(), peer, jumbo.mtu));
        done.wishes.push(Wish {
            subject: Subject::Mtu(name.clone()),
            want: Some(jumbo.mtu.to_string()),
            scope: Scope::Netns,
            reason: format!(
                "fewer packets for bulk data; {peer} must answer to this size, or it is put back"
            ),
            risk: Risk::High,
        });
    }
}

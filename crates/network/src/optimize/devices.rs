//! What of the host `optimize` needs to know.

use std::collections::BTreeMap;

use crate::Result;
use crate::facts::{Facts, parse_list};
use crate::host::Host;
use crate::observe::{self, interrupts};
use crate::profile::optimize::Optimize;

/// What the host has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Devices {
    /// Kernel settings that the profile names, where they are there: path below `/proc/sys`, value.
    pub sysctls: BTreeMap<String, String>,
    /// Ways of TCP to find its speed that may be chosen here.
    pub congestion: Vec<String>,
    /// How often the queue before the protocol stack overflowed.
    pub backlog_drops: u64,
    /// Files that choose a governor, and what may be written to each.
    pub governors: Vec<(String, Vec<String>)>,
    /// The kernel chooses how deeply CPUs sleep.
    pub has_sleep_states: bool,
    /// The interfaces that are to be spread.
    pub nics: Vec<Nic>,
    /// Interrupts whose CPUs can be chosen.
    pub irqs: Vec<u32>,
    /// irqbalance is installed.
    pub has_irqbalance: bool,
}

/// A NIC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nic {
    /// Its name.
    pub name: String,
    /// Interrupts of its device.
    pub irqs: Vec<u32>,
    /// CPUs near it, as the bus knows; none when it does not.
    pub local_cpus: Vec<u32>,
    /// Queues for packets that leave.
    pub tx_queues: u32,
    /// Queues for packets that arrive.
    pub rx_queues: u32,
}

impl Devices {
    /// Reads what `profile` needs from `host`.
    ///
    /// # Errors
    /// When files of the kernel that are there cannot be read.
    pub fn gather(host: &Host, facts: &Facts, profile: &Optimize) -> Result<Self> {
        let words = |path: &str| -> Result<Vec<String>> {
            let text = host.read(path)?.unwrap_or_default();
            Ok(observe::words(&text))
        };
        let mut sysctls = BTreeMap::new();
        let besides = [
            "net/ipv4/ip_local_reserved_ports",
            "net/core/netdev_max_backlog",
        ];
        for path in profile.sysctl.keys().map(String::as_str).chain(besides) {
            if let Some(value) = host.read(&format!("/proc/sys/{path}")).ok().flatten() {
                sysctls.insert(path.to_owned(), value.trim().to_owned());
            }
        }
        let mut governors = Vec::new();
        let policies = "/sys/devices/system/cpu/cpufreq";
        for policy in host.list(policies) {
            if policy.starts_with("policy") {
                let dir = format!("{policies}/{policy}");
                let available = words(&format!("{dir}/scaling_available_governors"))?;
                governors.push((format!("{dir}/scaling_governor"), available));
            }
        }
        // What a child namespace may choose is less than what there is.
        let congestion = if facts.is_child_netns {
            words("/proc/sys/net/ipv4/tcp_allowed_congestion_control")?
        } else {
            let mut ready = words("/proc/sys/net/ipv4/tcp_available_congestion_control")?;
            ready.extend(loadable(host, &facts.kernel)?);
            ready
        };
        let idle = words("/sys/devices/system/cpu/cpuidle/current_driver")?;
        Ok(Self {
            sysctls,
            congestion,
            backlog_drops: backlog_drops(&host.read("/proc/net/softnet_stat")?.unwrap_or_default()),
            governors,
            has_sleep_states: idle.first().is_some_and(|driver| driver != "none"),
            nics: nics(host, facts, profile),
            irqs: interrupts::numbers(host.list("/proc/irq").iter().map(String::as_str)),
            has_irqbalance: host.at("/usr/sbin/irqbalance").exists(),
        })
    }
}

/// Ways of TCP that are modules: the kernel loads one when it is chosen (`tcp_ca_find_autoload` in net/ipv4/tcp_cong.c).
fn loadable(host: &Host, kernel: &str) -> Result<Vec<String>> {
    let is_closed = host
        .read("/proc/sys/kernel/modules_disabled")?
        .is_some_and(|text| text.trim() == "1");
    if is_closed {
        return Ok(Vec::new());
    }
    let list = host.read(&format!("/lib/modules/{kernel}/modules.dep"))?;
    Ok(tcp_modules(&list.unwrap_or_default()))
}

/// The ways of TCP among the modules that `modules.dep` lists.
pub(crate) fn tcp_modules(list: &str) -> Vec<String> {
    let name = |line: &str| {
        let (path, _) = line.split_once(':')?;
        let (file, _) = path.rsplit('/').next()?.split_once(".ko")?;
        let is_tcp = path.starts_with("kernel/net/ipv4/");
        file.strip_prefix("tcp_")
            .filter(|_| is_tcp)
            .map(str::to_owned)
    };
    list.lines().filter_map(name).collect()
}

fn nics(host: &Host, facts: &Facts, profile: &Optimize) -> Vec<Nic> {
    let is_meant = |name: &str, hardware: bool| match profile.interfaces.is_empty() {
        true => hardware,
        false => profile.interfaces.iter().any(|known| known == name),
    };
    let meant = facts
        .interfaces
        .iter()
        .filter(|known| known.up && is_meant(&known.name, known.hardware));
    meant
        .map(|known| Nic {
            name: known.name.clone(),
            irqs: irqs(host, &known.name),
            local_cpus: host
                .read(&format!(
                    "/sys/class/net/{}/device/local_cpulist",
                    known.name
                ))
                .ok()
                .flatten()
                .and_then(|text| parse_list(&text))
                .unwrap_or_default(),
            tx_queues: known.tx_queues,
            rx_queues: known.rx_queues,
        })
        .collect()
}

/// The interrupts of a NIC's device. Those of a virtio device belong to the bus device above it.
fn irqs(host: &Host, name: &str) -> Vec<u32> {
    let of = |dir: &str| -> Vec<u32> {
        let names = host.list(&format!("/sys/class/net/{name}/device/{dir}"));
        interrupts::numbers(names.iter().map(String::as_str))
    };
    let found = of("msi_irqs");
    match found.is_empty() {
        true => of("../msi_irqs"),
        false => found,
    }
}

/// The sum of the second column of `/proc/net/softnet_stat`, in hexadecimal digits.
pub(crate) fn backlog_drops(text: &str) -> u64 {
    text.lines()
        .filter_map(|line| u64::from_str_radix(line.split_whitespace().nth(1)?, 16).ok())
        .fold(0, u64::saturating_add)
}

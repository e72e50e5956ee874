//! Section `optimize` of a profile.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Settings of the kernel and its devices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Optimize {
    /// Kernel settings: exact path below `/proc/sys`, and the wanted value. Nothing: leave that one as it is.
    pub sysctl: BTreeMap<String, Option<String>>,
    /// Ports that outgoing connections must not take, such as `7000-8000`. Nothing: leave as it is.
    pub reserved_ports: Option<String>,
    /// The governor of CPU frequencies. Nothing: leave as it is.
    pub governor: Option<String>,
    /// CPUs may sleep only as deeply as takes at most so many microseconds to wake from. Nothing: leave as it is.
    pub cpu_wakeup_max_us: Option<u32>,
    /// Spread the interrupts of NICs over the CPUs near them.
    pub irq_affinity: bool,
    /// CPUs that shall stay free of interrupts, for game servers, such as `2-7`. Nothing: none.
    pub game_cpus: Option<String>,
    /// Spread arriving packets of a NIC with one queue over CPUs (RPS).
    pub rps: bool,
    /// Let each CPU send by a queue of its own (XPS).
    pub xps: bool,
    /// Jumbo frames: interface and its MTU in bytes. Refused on the interface of a default route.
    pub jumbo: BTreeMap<String, u32>,
}

impl Default for Optimize {
    fn default() -> Self {
        Self {
            sysctl: BTreeMap::new(),
            reserved_ports: Some("7000-8000".into()),
            governor: Some("performance".into()),
            cpu_wakeup_max_us: Some(10),
            irq_affinity: true,
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
        Self::default()
    }
}

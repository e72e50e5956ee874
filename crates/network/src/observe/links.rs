//! Interfaces, addresses and routes, from `ip -j -d link`, `ip -j addr` and `ip -j route`.

use serde::{Deserialize, Serialize};

use super::malformed;
use crate::Result;

/// One interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Link {
    /// Its name.
    #[serde(rename = "ifname")]
    pub name: String,
    /// `UP`, `LOOPBACK`, `LOWER_UP` and others.
    pub flags: Vec<String>,
    /// Largest packet, bytes.
    pub mtu: u32,
    /// Queueing discipline at its root.
    pub qdisc: String,
    /// `UP`, `DOWN`, `UNKNOWN`.
    pub operstate: String,
    /// Hardware address, where it has one.
    pub address: String,
    /// Queues for sending; 0 where `ip` was not asked for details.
    pub num_tx_queues: u32,
    /// Queues for receiving; 0 where `ip` was not asked for details.
    pub num_rx_queues: u32,
    /// Its addresses, where `ip` was asked for them.
    pub addr_info: Vec<Address>,
    /// What kind of virtual interface it is.
    pub linkinfo: LinkInfo,
}

/// What kind of virtual interface one is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LinkInfo {
    /// `veth`, `bridge`, `vlan`; empty for a device.
    pub info_kind: String,
}

/// An address of an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Address {
    /// `inet` or `inet6`.
    pub family: String,
    /// The address.
    pub local: String,
    /// Bits of its network.
    pub prefixlen: u8,
    /// `global`, `link` or `host`.
    pub scope: String,
}

/// One route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Route {
    /// Whereto: `default`, an address or a network.
    pub dst: String,
    /// Over which interface; empty for one that leads nowhere.
    pub dev: String,
    /// Over which router.
    pub gateway: String,
}

impl Link {
    /// The name has this flag.
    #[must_use]
    pub fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|known| known == flag)
    }
}

/// What `ip -j link` or `ip -j addr` printed.
///
/// # Errors
/// What is not a list of interfaces.
pub fn links(text: &str) -> Result<Vec<Link>> {
    list("ip -j link", text)
}

/// What `ip -j route` printed.
///
/// # Errors
/// What is not a list of routes.
pub fn routes(text: &str) -> Result<Vec<Route>> {
    list("ip -j route", text)
}

fn list<T: serde::de::DeserializeOwned>(what: &'static str, text: &str) -> Result<Vec<T>> {
    serde_json::from_value(super::json(what, text)?).map_err(|_| malformed(what, 0))
}

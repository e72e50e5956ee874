//! What this host is, as far as decisions need it. Read once, then handed to pure functions.

pub(crate) mod gather;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

pub use gather::{cpu_mask, list_of, parse_list};

/// What this host is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The network namespace that was entered by name; nothing: the one that we were started in.
    pub netns: Option<String>,
    /// We are in a network namespace of our own, where settings of the node cannot be written.
    pub is_child_netns: bool,
    /// We hold `CAP_NET_ADMIN` here.
    pub privileged: bool,
    /// We run in a container.
    pub container: bool,
    /// The kernel's release, such as `6.12.8-amd64`.
    pub kernel: String,
    /// CPUs that are online.
    pub cpus: Vec<u32>,
    /// Interfaces of this namespace, by name.
    pub interfaces: Vec<Interface>,
    /// Versions of the tools, as they say it; nothing: not installed.
    pub tools: Tools,
    /// The remote session that runs this command, which must not be cut off (`SSH_CONNECTION`).
    pub session: Option<Session>,
    /// Ports that other software hands on to other addresses (Docker, hostPort): protocol, port.
    pub dnat_ports: Vec<(String, u16)>,
    /// Some of those rules could not be read: any port may be one of them.
    pub dnat_unclear: bool,
    /// Who may hand on any port while our rules are there, such as Docker when a container starts.
    pub publisher: Option<String>,
    /// What nftables lacks here.
    pub nft_lacks: Vec<crate::rules::Feature>,
    /// Why programs of XDP cannot be loaded here; nothing: they can, or nobody has tried.
    pub xdp_lacks: Option<crate::Skip>,
    /// The queueing disciplines that this kernel has, of those that shaping uses; nothing: it cannot be told.
    pub qdiscs: Option<Vec<String>>,
}

impl Facts {
    /// The interface called `name`.
    #[must_use]
    pub fn interface(&self, name: &str) -> Option<&Interface> {
        self.interfaces.iter().find(|known| known.name == name)
    }

    /// The interfaces that a default route leaves by.
    pub fn uplinks(&self) -> impl Iterator<Item = &Interface> {
        self.interfaces.iter().filter(|known| known.default_route)
    }
}

/// An interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Largest packet, in bytes.
    pub mtu: u32,
    /// It can carry packets now.
    pub up: bool,
    /// It is `lo`.
    pub loopback: bool,
    /// It has a device below it (a NIC), and is not made by software.
    pub hardware: bool,
    /// A default route leaves by it.
    pub default_route: bool,
    /// Queues for packets that leave.
    pub tx_queues: u32,
    /// Queues for packets that arrive.
    pub rx_queues: u32,
    /// Speed of the link in Mbit/s, where the driver knows it.
    pub speed_mbps: Option<u32>,
    /// The addresses with their prefix lengths.
    pub addresses: Vec<(IpAddr, u8)>,
}

/// Versions of tools.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tools {
    /// `nft --version`.
    pub nft: Option<String>,
    /// `tc -V`.
    pub tc: Option<String>,
    /// `ip -V`.
    pub ip: Option<String>,
}

/// The two ends of a remote session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Where it comes from.
    pub peer: IpAddr,
    /// Which port of ours it is connected to (TCP).
    pub local_port: u16,
}

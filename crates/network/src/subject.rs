//! Things on a host that can be read and changed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A thing on the host with a readable state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A kernel setting: the exact path below `/proc/sys`, such as `net/core/rmem_max`.
    Sysctl(String),
    /// A file of the kernel with an absolute path below `/proc/irq` or `/sys`: governor, mask of an interrupt, queue.
    Kernel(String),
    /// The largest packet of an interface, in bytes.
    Mtu(String),
    /// A table of nftables that is ours alone, as `inet stadion`. Its state is text that `nft -f` reads.
    NftTable(String),
    /// The root qdisc of an interface, with all classes and leaves below. Its state is text that `tc -batch` reads.
    Qdisc(String),
    /// The program of XDP at an interface. Its state is the text that ours was made from ([`crate::xdp`]).
    Xdp(String),
    /// A regular file of ours, with an absolute path: what makes changes last beyond the next boot.
    Owned(String),
    /// A symbolic link of ours, with an absolute path. Its state is its target.
    Link(String),
}

impl Subject {
    /// The interface that it goes with.
    #[must_use]
    pub const fn interface(&self) -> Option<&String> {
        match self {
            Self::Mtu(interface) | Self::Qdisc(interface) | Self::Xdp(interface) => Some(interface),
            _ => None,
        }
    }

    /// The same of the interface `name`, where it goes with one.
    #[must_use]
    pub fn at_interface(&self, name: String) -> Self {
        match self {
            Self::Mtu(_) => Self::Mtu(name),
            Self::Qdisc(_) => Self::Qdisc(name),
            Self::Xdp(_) => Self::Xdp(name),
            other => other.clone(),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sysctl(path) => write!(f, "sysctl {}", path.replace('/', ".")),
            Self::Kernel(path) | Self::Owned(path) | Self::Link(path) => f.write_str(path),
            Self::Mtu(interface) => write!(f, "mtu of {interface}"),
            Self::NftTable(table) => write!(f, "nft table {table}"),
            Self::Qdisc(interface) => write!(f, "qdisc of {interface}"),
            Self::Xdp(interface) => write!(f, "xdp of {interface}"),
        }
    }
}

/// What a change reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// This network namespace alone.
    Netns,
    /// The whole machine, every namespace and container of it.
    Node,
}

/// How much can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Nothing that runs is touched.
    Low,
    /// Latency or throughput of what runs can change.
    Medium,
    /// Connections can break, or the host can become unreachable.
    High,
}

/// What a subject shall be, and why. The pure parts of this crate answer with these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// What is to be changed.
    pub subject: Subject,
    /// Its wanted state; nothing: it shall not be there.
    pub want: Option<String>,
    /// What the change reaches.
    pub scope: Scope,
    /// Why, in a sentence.
    pub reason: String,
    /// How much can go wrong.
    pub risk: Risk,
}

/// A wish that differs from what is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The state now; nothing: it is not there.
    pub now: Option<String>,
    /// What shall be.
    #[serde(flatten)]
    pub wish: Wish,
}

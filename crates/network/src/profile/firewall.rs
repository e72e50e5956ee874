//! Section `firewall` of a profile.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::rules::net::Net;

/// Which ports are open, and to whom. `ddos_protect` guards the same ports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Firewall {
    /// Games whose ports the catalogue knows: `minecraft`, `cs2` and so on.
    pub games: Vec<String>,
    /// More ports, and what each is for.
    pub ports: Vec<PortRule>,
    /// Sources that may reach RCON and administration, such as `198.51.100.0/24`. A session over SSH that applies the
    /// rules must be among them.
    pub trusted: Vec<Net>,
    /// TCP ports that administer the host itself: open to `trusted` alone.
    pub admin_ports: Vec<u16>,
    /// Interfaces from which everything is let in: a private network, the bridge of pods. `cni*` means all that begin so.
    pub open_interfaces: Vec<String>,
    /// What to do with ports that other software publishes (Docker, hostPort, NodePort) and that are not named here.
    pub published: Published,
    /// Pings that are answered, per second and address family.
    pub echo_per_second: u32,
}

impl Default for Firewall {
    fn default() -> Self {
        Self {
            games: Vec::new(),
            // The default range of host ports in Agones, and of the guide.
            ports: vec![PortRule::new(7000, 8000, Protocol::Udp, Role::Game)],
            trusted: Vec::new(),
            admin_ports: vec![22],
            open_interfaces: Vec::new(),
            published: Published::Listed,
            echo_per_second: 100,
        }
    }
}

impl Firewall {
    /// The ports of the guide's script: all open to everybody, also those that are RCON (27015/tcp, 28015/tcp).
    #[must_use]
    pub fn guide() -> Self {
        let both = |first, last| {
            [Protocol::Tcp, Protocol::Udp].map(|on| PortRule::new(first, last, on, Role::Game))
        };
        let mut ports = vec![PortRule::new(25565, 25565, Protocol::Tcp, Role::Game)];
        for (first, last) in [(7000, 8000), (27015, 27015), (28015, 28015), (2456, 2458)] {
            ports.extend(both(first, last));
        }
        Self {
            ports,
            ..Self::default()
        }
    }
}

/// What to do with published ports that the profile does not name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Published {
    /// From the uplinks they are closed like every other port.
    #[default]
    Listed,
    /// They stay as the other software opened them; the plan names them.
    Open,
}

/// Ports, and what they are for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortRule {
    /// `27015` or `7000-8000`.
    pub ports: Ports,
    /// The protocol.
    pub protocol: Protocol,
    /// What they are for; it decides who may reach them and how they are guarded.
    #[serde(default)]
    pub role: Role,
}

impl PortRule {
    /// A rule for the ports from `first` to `last`, both included.
    #[must_use]
    pub const fn new(first: u16, last: u16, protocol: Protocol, role: Role) -> Self {
        Self {
            ports: Ports { first, last },
            protocol,
            role,
        }
    }
}

/// A range of ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "Written")]
pub struct Ports {
    /// The first.
    pub first: u16,
    /// The last, included; never below the first.
    pub last: u16,
}

/// As people write ports: a number or a range.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    One(u16),
    Text(String),
}

impl TryFrom<Written> for Ports {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            // fuzzed as Ports::from_str
            Written::One(port) => port.to_string().parse(),
            // fuzzed as Ports::from_str
            Written::Text(text) => text.parse(),
        }
    }
}

impl FromStr for Ports {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let port = |digits: &str| digits.trim().parse::<u16>().ok().filter(|port| *port > 0);
        match (port(first), port(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Self { first, last }),
            _ => Err(format!(
                "`{text}` is no port or range of ports, such as 27015 or 7000-8000"
            )),
        }
    }
}

impl From<Ports> for String {
    fn from(ports: Ports) -> Self {
        ports.to_string()
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

/// A transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
}

impl Protocol {
    /// As nftables spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

/// What a port is for. In this order: where two rules name one port, the later role counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It answers questions about the server. Open to all, each source a few times per second.
    Query,
    /// Voice of players. Open to all, guarded like play.
    Voice,
    /// Play. Open to all.
    #[default]
    Game,
    /// A console over the network: for `trusted` alone.
    Rcon,
    /// Administration: for `trusted` alone.
    Admin,
}

impl Role {
    /// Only `trusted` may reach it.
    #[must_use]
    pub const fn is_private(self) -> bool {
        matches!(self, Self::Rcon | Self::Admin)
    }
}

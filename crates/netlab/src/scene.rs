//! Hosts with addresses, and the cables between them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::frame::Mac;
use crate::{LabError, Namespace};

/// The interface that every host of a scene has.
const INTERFACE: &str = "eth0";

/// A namespace with one interface, `eth0`, an address of each family, and a default route.
///
/// The addresses look public on purpose: rules that drop private sources must not make a test of a flood too easy.
#[derive(Debug)]
pub struct Host {
    /// Where it lives.
    pub space: Namespace,
    /// Its address on `eth0`, in a /24.
    pub v4: Ipv4Addr,
    /// Its address on `eth0`, in a /64.
    pub v6: Ipv6Addr,
    pub(crate) mac: Mac,
    /// The other end of its cable.
    pub(crate) next: Mac,
}

impl Host {
    /// The name of its interface.
    #[must_use]
    pub fn interface(&self) -> &'static str {
        INTERFACE
    }

    /// Its address of the family: IPv6 or IPv4.
    #[must_use]
    pub fn address(&self, v6: bool) -> IpAddr {
        if v6 { self.v6.into() } else { self.v4.into() }
    }
}

impl Host {
    /// A host whose cable ends nowhere: what it sends is gone. It tells what a flood costs by itself.
    ///
    /// # Errors
    /// When this machine cannot; see [`crate::unable`].
    pub fn alone() -> Result<Self, LabError> {
        let space = Namespace::new("alone")?;
        // It drops what was not redirected to it (`drivers/net/ifb.c`), and is in slim kernels that have no `dummy`. Like
        // a cable it gets no queue.
        let mac = written(end(&space, 4, 1).mac());
        space.ip(&format!("link add {INTERFACE} address {mac} type ifb"))?;
        space.tool("tc", &format!("qdisc replace dev {INTERFACE} root noqueue"))?;
        equip(end(&space, 4, 1), end(&space, 4, 2))?;
        host(space, 4, 1, 2)
    }
}

/// One end of a cable.
#[derive(Clone, Copy)]
struct End<'a> {
    space: &'a Namespace,
    interface: &'static str,
    net: u8,
    host: u8,
}

impl End<'_> {
    /// A locally administered address (IEEE 802: second bit of the first octet).
    fn mac(self) -> Mac {
        [0x02, 0x6e, 0x6c, 0, self.net, self.host]
    }

    fn v4(self) -> Ipv4Addr {
        Ipv4Addr::new(25, 0, self.net, self.host)
    }

    fn v6(self) -> Ipv6Addr {
        Ipv6Addr::new(0x2a00, 0x77, 0, self.net.into(), 0, 0, 0, self.host.into())
    }
}

/// Lays a cable; every neighbour is known beforehand, so that a flood cannot break the resolution of addresses.
fn connect(a: End<'_>, b: End<'_>) -> Result<(), LabError> {
    a.space.ip(&format!(
        "link add {} address {} type veth peer name {} address {} netns {}",
        a.interface,
        written(a.mac()),
        b.interface,
        written(b.mac()),
        b.space.name()
    ))?;
    equip(a, b)?;
    equip(b, a)
}

/// Gives the end of a cable its addresses, and tells it those of the other.
fn equip(end: End<'_>, other: End<'_>) -> Result<(), LabError> {
    let (space, dev) = (end.space, end.interface);
    space.ip(&format!("addr add {}/24 dev {dev}", end.v4()))?;
    space.ip(&format!("addr add {}/64 dev {dev} nodad", end.v6()))?;
    space.ip(&format!("link set {dev} up"))?;
    for address in [IpAddr::from(other.v4()), other.v6().into()] {
        let mac = written(other.mac());
        space.ip(&format!(
            "neigh replace {address} lladdr {mac} dev {dev} nud permanent"
        ))?;
    }
    Ok(())
}

fn written(mac: Mac) -> String {
    mac.map(|octet| format!("{octet:02x}")).join(":")
}

/// The end of `host`'s cable becomes a host that sends everything to `gateway`.
fn host(space: Namespace, net: u8, number: u8, gateway: u8) -> Result<Host, LabError> {
    let (own, next) = (end(&space, net, number), end(&space, net, gateway));
    let (v4, v6, mac) = (own.v4(), own.v6(), own.mac());
    space.ip(&format!("route add default via {}", next.v4()))?;
    space.ip(&format!("-6 route add default via {}", next.v6()))?;
    let next = next.mac();
    Ok(Host {
        space,
        v4,
        v6,
        mac,
        next,
    })
}

fn end(space: &Namespace, net: u8, host: u8) -> End<'_> {
    End {
        space,
        interface: INTERFACE,
        net,
        host,
    }
}

/// Two hosts on one cable: the internet, with players and attackers, and a game server's host.
#[derive(Debug)]
pub struct Wire {
    /// Where players and floods come from; whatever is sent to any address that is not of the wire ends here.
    pub internet: Host,
    /// The host to be protected. It answers spoofed sources too, by its default route.
    pub server: Host,
}

impl Wire {
    /// Makes both hosts and their cable.
    ///
    /// # Errors
    /// When this machine cannot; see [`crate::unable`].
    pub fn new() -> Result<Self, LabError> {
        let (internet, server) = (Namespace::new("internet")?, Namespace::new("server")?);
        connect(end(&internet, 1, 1), end(&server, 1, 2))?;
        Ok(Self {
            internet: host(internet, 1, 1, 2)?,
            server: host(server, 1, 2, 1)?,
        })
    }
}

/// A slow piece of the path with a deep queue, as an access line or a rented uplink has it.
#[derive(Clone, Copy, Debug)]
pub struct Bottleneck {
    /// What passes, in bits per second.
    pub rate_bits_per_s: u64,
    /// What waits for it at most; more is dropped.
    pub queue_bytes: u32,
}

/// A game server's host, a router with a [`Bottleneck`] towards the player, and the player.
#[derive(Debug)]
pub struct Line {
    /// Where the player and the receivers of bulk traffic are.
    pub player: Host,
    /// Between both; its interface towards the player is `slow0`, the other `fast0`.
    pub router: Namespace,
    /// The host whose traffic is to be shaped.
    pub server: Host,
}

impl Line {
    /// Makes all three and their cables.
    ///
    /// # Errors
    /// When this machine cannot; see [`crate::unable`].
    pub fn new(bottleneck: Bottleneck) -> Result<Self, LabError> {
        let router = Namespace::new("router")?;
        let (player, server) = (Namespace::new("player")?, Namespace::new("server")?);
        for key in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] {
            router.set(key, "1")?;
        }
        let port = |interface, net| End {
            space: &router,
            interface,
            net,
            host: 1,
        };
        connect(port("slow0", 2), end(&player, 2, 2))?;
        connect(port("fast0", 3), end(&server, 3, 2))?;
        // A burst of a few full packets: less would not reach the rate, more would hide the queue.
        router.tool(
            "tc",
            &format!(
                "qdisc add dev slow0 root tbf rate {}bit burst 16kb limit {}b",
                bottleneck.rate_bits_per_s, bottleneck.queue_bytes
            ),
        )?;
        Ok(Self {
            player: host(player, 2, 2, 1)?,
            router,
            server: host(server, 3, 2, 1)?,
        })
    }
}

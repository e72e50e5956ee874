//! The sockets of watched ports. Their drops are counted per socket, and a socket takes its count along when it closes:
//! the sum per port is kept here.

use std::collections::BTreeMap;

use super::catalogue as c;
use super::rates::Sample;
use crate::observe::float;
use crate::observe::sockets::{Socket, TCP_LISTEN};
use crate::profile::firewall::Ports;

/// Watched ports with a socket, at most: a thousand game servers with two ports each.
const PORTS_MAX: usize = 2_048;

/// What was dropped at the watched ports since the first sample.
#[derive(Debug, Default)]
pub struct PortTotals {
    /// Drops of the sockets that were there last time, by inode. As many as sockets.
    seen: BTreeMap<u64, u64>,
    /// Drops by port since the first sample.
    dropped: BTreeMap<String, u64>,
    began: bool,
}

#[derive(Default)]
struct Port {
    sockets: u32,
    connections: u32,
    receive_queue: u64,
    send_queue: u64,
}

impl PortTotals {
    /// Puts what `found` says about the ports of `watch` into `sample`.
    pub fn add(&mut self, watch: &[Ports], found: &[(&str, Socket)], sample: &mut Sample) {
        let mut ports: BTreeMap<String, Port> = BTreeMap::new();
        let mut seen = BTreeMap::new();
        for (protocol, socket) in found {
            let number = socket.local.port();
            if !watch
                .iter()
                .any(|ports| (ports.first..=ports.last).contains(&number))
            {
                continue;
            }
            let name = format!("{number}/{protocol}");
            if ports.len() >= PORTS_MAX && !ports.contains_key(&name) {
                continue;
            }
            if let Some(drops) = socket.drops {
                self.drops(&name, socket.inode, drops);
                seen.insert(socket.inode, drops);
            }
            let port = ports.entry(name).or_default();
            let listens = *protocol == "udp" || socket.state == TCP_LISTEN;
            match listens {
                true => port.sockets += 1,
                false => port.connections += 1,
            }
            // Of a listening socket the first is the accept queue and the second its limit.
            if listens || *protocol == "udp" {
                port.receive_queue += u64::from(socket.rx_queue);
            }
            if *protocol == "udp" || socket.state != TCP_LISTEN {
                port.send_queue += u64::from(socket.tx_queue);
            }
        }
        self.seen = seen;
        self.began = true;
        // A port without sockets keeps no total: when it comes back, it begins again.
        self.dropped.retain(|name, _| ports.contains_key(name));
        for (name, port) in ports {
            let gauges = &mut sample.gauges;
            gauges.set(c::PORT_SOCKETS, &name, f64::from(port.sockets));
            gauges.set(c::PORT_CONNECTIONS, &name, f64::from(port.connections));
            gauges.set(c::PORT_RECEIVE_QUEUE, &name, float(port.receive_queue));
            gauges.set(c::PORT_SEND_QUEUE, &name, float(port.send_queue));
            if name.ends_with("udp") {
                let dropped = self.dropped.get(&name).copied().unwrap_or(0);
                sample.counters.set(c::PORT_DROPS, &name, dropped);
            }
        }
    }

    /// A socket that was not there before has dropped all of its drops since; of one that was, only what was added.
    fn drops(&mut self, port: &str, inode: u64, drops: u64) {
        let before = match self.seen.get(&inode) {
            // An inode may be used again by a later socket.
            Some(before) if *before <= drops => *before,
            Some(_) => 0,
            // The first sample cannot know how old its sockets are.
            None if self.began => 0,
            None => drops,
        };
        let total = self.dropped.entry(port.to_owned()).or_default();
        *total = total.saturating_add(drops - before);
    }
}

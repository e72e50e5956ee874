//! Ports of game servers and of their SDK servers.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::ops::RangeInclusive;

/// A range of ports that is gone through round and round, so that a port rests before it is used again: players of an
/// ended match may still send to it.
#[derive(Debug)]
pub(super) struct PortPool {
    range: RangeInclusive<u16>,
    next: u16,
}

impl PortPool {
    /// Begins at a place that `random` chooses.
    pub(super) fn new(range: RangeInclusive<u16>, random: u64) -> Self {
        let len = u64::from(range.end().saturating_sub(*range.start())) + 1;
        let offset = u16::try_from(random % len).unwrap_or(0);
        Self {
            next: range.start().saturating_add(offset),
            range,
        }
    }

    /// The next port that is not in `used` and that `open` can open, with what it opened.
    pub(super) fn take<T>(
        &mut self,
        used: &BTreeSet<u16>,
        open: impl Fn(u16) -> Option<T>,
    ) -> Option<(u16, T)> {
        for _ in self.range.clone() {
            let port = self.next;
            self.next = if port >= *self.range.end() {
                *self.range.start()
            } else {
                port + 1
            };
            if let Some(opened) = (!used.contains(&port)).then(|| open(port)).flatten() {
                return Some((port, opened));
            }
        }
        None
    }
}

/// Whether a game server could listen on this UDP port. It listens itself later: whoever takes the port in between
/// makes it fail to start, and the next one gets another port.
pub(super) fn udp_is_free(port: u16) -> Option<()> {
    UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))
        .ok()
        .map(drop)
}

/// A listener for an SDK server.
pub(super) fn sdk_listener(port: u16) -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_go_round_and_skip_what_is_used() {
        let mut pool = PortPool::new(10..=13, 2);
        let mut take = |used: &[u16]| {
            pool.take(&used.iter().copied().collect(), Some)
                .map(|(port, _)| port)
        };
        assert_eq!(take(&[]), Some(12));
        assert_eq!(take(&[13]), Some(10));
        assert_eq!(take(&[]), Some(11));
        assert_eq!(take(&[10, 11, 12, 13]), None);
    }

    #[test]
    fn a_taken_udp_port_is_not_free() {
        let taken = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        assert!(udp_is_free(taken.local_addr().unwrap().port()).is_none());
    }
}

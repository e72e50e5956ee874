//! `/proc/net/{udp,udp6,tcp,tcp6}`: sockets, their queues and what each has dropped.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::Serialize;

use super::malformed;
use crate::Result;

/// State of a TCP socket that waits for connections (`TCP_LISTEN` in `net/tcp_states.h`).
pub const TCP_LISTEN: u8 = 10;
/// State of a TCP socket that is connected (`TCP_ESTABLISHED`); also of a UDP socket that is.
pub const ESTABLISHED: u8 = 1;

/// One row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Socket {
    /// Where it is bound.
    pub local: SocketAddr,
    /// Whom it talks to; all zero where nobody in particular.
    pub remote: SocketAddr,
    /// State, as in `net/tcp_states.h`.
    pub state: u8,
    /// Bytes that wait to be sent.
    pub tx_queue: u32,
    /// Bytes that wait to be read; of a listening socket, connections that wait to be accepted.
    pub rx_queue: u32,
    /// Inode, by which `/proc/PID/fd` names its owner.
    pub inode: u64,
    /// Datagrams dropped at this socket since it exists; TCP's files have no such column.
    pub drops: Option<u64>,
}

/// Every row of a table of sockets, in either family.
///
/// # Errors
/// A row whose columns are missing or are not what proc(5) says.
pub fn parse(what: &'static str, text: &str) -> Result<Vec<Socket>> {
    let with_drops = text
        .lines()
        .next()
        .is_some_and(|header| header.trim_end().ends_with(" drops"));
    text.lines()
        .enumerate()
        .skip(1)
        .map(|(index, line)| row(line, with_drops).ok_or_else(|| malformed(what, index)))
        .collect()
}

fn row(line: &str, with_drops: bool) -> Option<Socket> {
    let mut fields = line.split_ascii_whitespace();
    let _slot = fields.next()?.strip_suffix(':')?;
    let local = address(fields.next()?)?;
    let remote = address(fields.next()?)?;
    let state = u8::from_str_radix(fields.next()?, 16).ok()?;
    let (tx_queue, rx_queue) = fields.next()?.split_once(':')?;
    // Timer, retransmits, owner and timeout.
    let inode = fields.nth(4)?.parse().ok()?;
    // Reference count, pointer, drops.
    let drops = match with_drops {
        true => Some(fields.nth(2)?.parse().ok()?),
        false => None,
    };
    Some(Socket {
        local,
        remote,
        state,
        tx_queue: u32::from_str_radix(tx_queue, 16).ok()?,
        rx_queue: u32::from_str_radix(rx_queue, 16).ok()?,
        inode,
        drops,
    })
}

/// `0100007F:1F90`. The kernel prints each 32 bits of the address, which are in network order, as a number of its own
/// order: the bytes in memory are the address.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        let word = ip.get(at..at + 8)?;
        let word = u32::from_str_radix(word, 16).ok()?;
        Some(word.to_ne_bytes())
    };
    let ip = match ip.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for (index, chunk) in bytes.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(index * 8)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

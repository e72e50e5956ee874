//! A server that answers each datagram with the same datagram.

use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::task::Task;
use crate::{Host, LabError};

/// How often a waiting thread looks whether it shall stop.
const LOOK: Duration = Duration::from_millis(20);

/// Larger than any datagram over a cable of 1,500 bytes.
const DATAGRAM_BYTES: usize = 2_048;

/// An echo server on one port, over IPv4 and IPv6, one thread each, as the loop of a game server would be.
#[derive(Debug)]
pub struct Echo {
    received: Arc<AtomicU64>,
    _families: [Task<()>; 2],
}

impl Echo {
    /// Listens on `port` of `host` with a receive buffer of `receive_bytes` as the kernel counts them (twice the asked
    /// size, some 768 bytes for a small datagram).
    ///
    /// # Errors
    /// When the port is taken.
    pub fn start(host: &Host, port: u16, receive_bytes: usize) -> Result<Self, LabError> {
        let received = Arc::new(AtomicU64::new(0));
        let family = |v6| -> Result<Task<()>, LabError> {
            let socket = host
                .space
                .run(|| bound(host, v6, port, receive_bytes))?
                .map_err(LabError::io(format!("listen on UDP port {port}")))?;
            let received = Arc::clone(&received);
            Ok(Task::start(move |stop| answer(&socket, stop, &received)))
        };
        let families = [family(false)?, family(true)?];
        Ok(Self {
            received,
            _families: families,
        })
    }

    /// Datagrams received so far.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}

fn bound(host: &Host, v6: bool, port: u16, receive_bytes: usize) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((host.address(v6), port))?;
    // Forced: the limit for processes without privileges is the machine's, and may be small.
    rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, receive_bytes)?;
    socket.set_read_timeout(Some(LOOK))?;
    Ok(socket)
}

fn answer(socket: &UdpSocket, stop: &AtomicBool, received: &AtomicU64) {
    let mut datagram = [0; DATAGRAM_BYTES];
    while !stop.load(Ordering::Relaxed) {
        if let Ok((bytes, from)) = socket.recv_from(&mut datagram) {
            received.fetch_add(1, Ordering::Relaxed);
            // An answer that cannot be sent is a lost packet, which is what the player counts.
            drop(socket.send_to(&datagram[..bytes], from));
        }
    }
}

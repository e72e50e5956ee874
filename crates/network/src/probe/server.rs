//! The other end of the probe.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::Instant;

use super::Probe;
use crate::{Error, Result};

/// Answers in one second at most: a hundred monitors with a hundred probes a second each. Beyond it probes are lost.
const ANSWERS_PER_SECOND_MAX: u32 = 10_000;
/// Longer datagrams are cut: only their head counts.
const DATAGRAM_BYTES_MAX: usize = 2_048;

/// A bound socket that answers probes.
#[derive(Debug)]
pub struct Server {
    socket: UdpSocket,
}

impl Server {
    /// Binds to `listen`.
    ///
    /// # Errors
    /// [`Error::File`] when it is taken or not ours.
    pub async fn bind(listen: SocketAddr) -> Result<Self> {
        let failed = |source| Error::File {
            what: "listening for probes on",
            path: listen.to_string().into(),
            source,
        };
        let socket = UdpSocket::bind(listen).await.map_err(failed)?;
        Ok(Self { socket })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// [`Error::File`] when the kernel does not say.
    pub fn address(&self) -> Result<SocketAddr> {
        self.socket.local_addr().map_err(|source| Error::File {
            what: "asking for the address of",
            path: "the probe's socket".into(),
            source,
        })
    }

    /// Answers until it is dropped.
    pub async fn answer(self) -> std::convert::Infallible {
        let mut buffer = [0; DATAGRAM_BYTES_MAX];
        let mut second = Instant::now();
        let mut answers = 0;
        loop {
            // What the kernel reports here is about an earlier answer that nobody wanted.
            let Ok((length, peer)) = self.socket.recv_from(&mut buffer).await else {
                continue;
            };
            let Some(reply) = Probe::reply_to(&buffer[..length]) else {
                continue;
            };
            if second.elapsed() >= Duration::from_secs(1) {
                second = Instant::now();
                answers = 0;
            }
            if answers < ANSWERS_PER_SECOND_MAX {
                answers += 1;
                self.socket.try_send_to(&reply, peer).ok();
            }
        }
    }
}

/// `stadion network probe-server`: answers on `listen` until the process is told to stop.
///
/// # Errors
/// [`Error::File`] when `listen` cannot be bound.
pub fn serve(listen: SocketAddr, out: &mut dyn std::io::Write) -> Result<()> {
    crate::monitor::block_on(async {
        let server = Server::bind(listen).await?;
        let address = server.address()?;
        // Nobody may read our output; the answers count.
        writeln!(out, "answering probes on {address}").ok();
        tokio::select! {
            never = server.answer() => match never {},
            () = crate::monitor::stop() => Ok(()),
        }
    })
}

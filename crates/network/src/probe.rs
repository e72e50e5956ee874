//! A UDP echo probe of our own: loss and latency to a peer, on the way that game packets take. ICMP takes another: hosts
//! and providers limit and prefer it.
//!
//! A datagram is `STDPRB`, version 1, its kind, then a number that only this run knows and a counter, both big-endian. A
//! reply is the header alone, never longer than the request, and is no request itself: two servers cannot be set on each
//! other, and nobody gains by a forged sender.

mod server;
#[cfg(test)]
mod tests;
mod window;

pub use server::{Server, serve};
pub use window::{Summary, Window};

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{Instant, MissedTickBehavior};

use crate::{Error, Result};

/// Time between two probes unless told otherwise: a thirtieth of what a 30-tick player sends.
pub const INTERVAL: Duration = Duration::from_millis(100);
/// What has not returned by then is lost: no game waits longer.
pub const TIMEOUT: Duration = Duration::from_secs(1);
/// Header of every probe, in bytes.
pub const HEADER_BYTES: usize = 24;
/// A request with its padding: the size of a small game packet.
pub const REQUEST_BYTES: usize = 64;

const MAGIC: [u8; 6] = *b"STDPRB";
const VERSION: u8 = 1;

/// Which way a probe goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// To the peer.
    Request,
    /// Back.
    Reply,
}

/// One probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Which way it goes.
    pub kind: Kind,
    /// Known to the run that sent it, and echoed.
    pub run: u64,
    /// Counts the requests of a run.
    pub sequence: u64,
}

impl Probe {
    /// Its header.
    #[must_use]
    pub fn encode(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..6].copy_from_slice(&MAGIC);
        bytes[6] = VERSION;
        bytes[7] = match self.kind {
            Kind::Request => 1,
            Kind::Reply => 2,
        };
        bytes[8..16].copy_from_slice(&self.run.to_be_bytes());
        bytes[16..].copy_from_slice(&self.sequence.to_be_bytes());
        bytes
    }

    /// The probe at the head of a datagram; nothing where there is none.
    #[must_use]
    pub fn decode(datagram: &[u8]) -> Option<Self> {
        let (magic, rest) = datagram.split_at_checked(MAGIC.len())?;
        let (head, rest) = rest.split_at_checked(2)?;
        if magic != MAGIC || head[0] != VERSION {
            return None;
        }
        let kind = match head[1] {
            1 => Kind::Request,
            2 => Kind::Reply,
            _ => return None,
        };
        let (run, rest) = rest.split_first_chunk()?;
        let (sequence, _padding) = rest.split_first_chunk()?;
        Some(Self {
            kind,
            run: u64::from_be_bytes(*run),
            sequence: u64::from_be_bytes(*sequence),
        })
    }

    /// What a server answers to a datagram: nothing to what is no request, or is shorter than [`REQUEST_BYTES`].
    #[must_use]
    pub fn reply_to(datagram: &[u8]) -> Option<[u8; HEADER_BYTES]> {
        let request = Self::decode(datagram)?;
        let answers = request.kind == Kind::Request && datagram.len() >= REQUEST_BYTES;
        answers.then(|| {
            Self {
                kind: Kind::Reply,
                ..request
            }
            .encode()
        })
    }
}

/// Finds the first address of `peer` (`HOST:PORT`).
///
/// # Errors
/// [`Error::Usage`] when there is none.
pub async fn resolve(peer: &str) -> Result<SocketAddr> {
    let unknown =
        |why: String| Error::Usage(format!("no address of the probe's peer `{peer}`: {why}"));
    let mut found = tokio::net::lookup_host(peer)
        .await
        .map_err(|error| unknown(error.to_string()))?;
    found.next().ok_or_else(|| unknown("none is known".into()))
}

/// Sends a probe to `peer` every `interval` until it is dropped, and writes what returns to `window`.
///
/// # Errors
/// [`Error::File`] when no socket can be had.
pub async fn run(
    peer: SocketAddr,
    interval: Duration,
    run: u64,
    window: &std::cell::RefCell<Window>,
) -> Result<std::convert::Infallible> {
    let socket = connect(peer).await.map_err(|source| Error::File {
        what: "opening a socket for probes to",
        path: peer.to_string().into(),
        source,
    })?;
    let mut ticks = tokio::time::interval(interval);
    // After a pause of the machine there is no burst of probes.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut buffer = [0; REQUEST_BYTES];
    let began = Instant::now();
    let mut sequence = 0;
    loop {
        tokio::select! {
            // What has come is read before anything is sent: its time must not wait.
            biased;
            read = socket.recv(&mut buffer) => {
                let now = began.elapsed();
                // That nobody listens is told here as an error; the probe is lost by its timeout.
                let Ok(length) = read else { continue };
                match Probe::decode(&buffer[..length]) {
                    Some(probe) if probe.kind == Kind::Reply && probe.run == run => {
                        window.borrow_mut().returned(probe.sequence, now);
                    }
                    _ => {}
                }
            }
            _ = ticks.tick() => {
                let probe = Probe { kind: Kind::Request, run, sequence };
                let mut request = [0; REQUEST_BYTES];
                request[..HEADER_BYTES].copy_from_slice(&probe.encode());
                window.borrow_mut().sent(sequence, began.elapsed());
                // A full queue or a missing route loses the probe, which is what is measured.
                socket.try_send(&request).ok();
                sequence += 1;
            }
        }
    }
}

async fn connect(peer: SocketAddr) -> std::io::Result<UdpSocket> {
    let any: SocketAddr = match peer {
        SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        SocketAddr::V6(_) => ([0_u16; 8], 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(peer).await?;
    Ok(socket)
}

//! A player who sends a datagram per tick and counts what comes back.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use hdrhistogram::Histogram;
use rustix::event::{PollFd, PollFlags};

use crate::clock::{monotonic, wait_ready};
use crate::{Host, LabError};

/// After the last tick, answers that come later than this are lost.
const LATEST: Duration = Duration::from_secs(1);

/// A minute; longer is counted as that.
const LONGEST_NS: u64 = 60_000_000_000;

/// Larger than any datagram over a cable of 1,500 bytes.
const DATAGRAM_BYTES: usize = 2_048;

/// The number of the tick, and when it was sent.
const HEAD_BYTES: usize = 4 + 8;

/// What a player does.
#[derive(Clone, Copy, Debug)]
pub struct PlaySpec {
    /// The game server, which answers each datagram with the same: an [`crate::Echo`].
    pub server: SocketAddr,
    /// Datagrams per second.
    pub rate_per_s: u32,
    /// How many in all.
    pub ticks: u32,
    /// The payload of each in bytes; at least 12.
    pub payload: usize,
}

impl PlaySpec {
    /// 128 ticks a second of 100 bytes each, for `seconds`.
    #[must_use]
    pub fn ticks_128(server: SocketAddr, seconds: u32) -> Self {
        Self {
            server,
            rate_per_s: 128,
            ticks: 128 * seconds,
            payload: 100,
        }
    }
}

/// What a player saw.
#[derive(Clone, Debug)]
pub struct Play {
    /// Datagrams sent.
    pub sent: u32,
    /// Datagrams without an answer.
    pub lost: u32,
    /// Times from sending to the answer, in nanoseconds.
    pub latency_ns: Histogram<u64>,
}

impl Play {
    /// The share of lost datagrams, 0 to 1.
    #[must_use]
    pub fn loss(&self) -> f64 {
        f64::from(self.lost) / f64::from(self.sent.max(1))
    }

    /// The latency that `share` (0 to 1) of the answered datagrams had at most; zero when none was answered.
    #[must_use]
    pub fn latency(&self, share: f64) -> Duration {
        Duration::from_nanos(self.latency_ns.value_at_quantile(share))
    }
}

/// Plays from `host` and returns when the last answer is there or overdue.
///
/// # Errors
/// When the kernel refuses the socket.
pub fn play(host: &Host, spec: PlaySpec) -> Result<Play, LabError> {
    host.space
        .run(|| ticks(host, &spec))?
        .map_err(LabError::io(format!("play on {}", spec.server)))
}

fn ticks(host: &Host, spec: &PlaySpec) -> io::Result<Play> {
    let socket = UdpSocket::bind((host.address(spec.server.is_ipv6()), 0))?;
    socket.set_nonblocking(true)?;
    let mut answered = vec![false; usize::try_from(spec.ticks).expect("32 bits fit")];
    let mut latency_ns =
        Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("constants are in range");
    let mut datagram = vec![0; spec.payload.max(HEAD_BYTES)];
    let start = monotonic();
    let due = |tick: u32| {
        let ns = u64::from(tick) * 1_000_000_000 / u64::from(spec.rate_per_s);
        start + Duration::from_nanos(ns)
    };
    for tick in 0..spec.ticks {
        collect(&socket, due(tick), &mut answered, &mut latency_ns)?;
        let head = [
            &tick.to_be_bytes()[..],
            &nanoseconds(monotonic()).to_be_bytes(),
        ]
        .concat();
        datagram[..HEAD_BYTES].copy_from_slice(&head);
        // A full queue of our own loses the datagram, and an unreachable server answers so: both count as lost.
        drop(socket.send_to(&datagram, spec.server));
    }
    let end = monotonic() + LATEST;
    collect(&socket, end, &mut answered, &mut latency_ns)?;
    let lost = answered.iter().filter(|came| !**came).count();
    Ok(Play {
        sent: spec.ticks,
        lost: u32::try_from(lost).expect("at most the ticks"),
        latency_ns,
    })
}

/// Takes answers until `end`, or until all are there.
fn collect(
    socket: &UdpSocket,
    end: Duration,
    answered: &mut [bool],
    latency_ns: &mut Histogram<u64>,
) -> io::Result<()> {
    let mut datagram = [0; DATAGRAM_BYTES];
    loop {
        while let Ok(bytes) = socket.recv(&mut datagram) {
            let Some((tick, sent_ns)) = head(&datagram[..bytes]) else {
                continue;
            };
            let Some(came) = answered.get_mut(tick) else {
                continue;
            };
            if !std::mem::replace(came, true) {
                let took = nanoseconds(monotonic()).saturating_sub(sent_ns);
                latency_ns.saturating_record(took.max(1));
            }
        }
        let Some(left) = end.checked_sub(monotonic()) else {
            return Ok(());
        };
        if answered.iter().all(|came| *came) {
            return Ok(());
        }
        let mut wait = [PollFd::new(socket, PollFlags::IN)];
        wait_ready(&mut wait, left);
    }
}

fn head(datagram: &[u8]) -> Option<(usize, u64)> {
    let (tick, rest) = datagram.split_first_chunk::<4>()?;
    let sent_ns = rest.first_chunk::<8>()?;
    let tick = usize::try_from(u32::from_be_bytes(*tick)).ok()?;
    Some((tick, u64::from_be_bytes(*sent_ns)))
}

fn nanoseconds(moment: Duration) -> u64 {
    u64::try_from(moment.as_nanos()).expect("centuries fit")
}

#[cfg(test)]
mod tests {
    use super::head;

    #[test]
    fn a_datagram_that_is_too_short_has_no_head_and_what_follows_it_does_not_count() {
        let bytes: Vec<u8> = (1..=40).collect();
        for length in 0..bytes.len() {
            let found = head(&bytes[..length]);
            let whole = (0x0102_0304, 0x0506_0708_090a_0b0c);
            assert_eq!(found, (length >= 12).then_some(whole), "{length}");
        }
        assert_eq!(
            head(&[0xff; 12]),
            Some((u32::MAX.try_into().unwrap(), u64::MAX))
        );
    }
}

//! Floods: frames with spoofed sources, as fast as one core sends them.

use std::io::IoSlice;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{MMsgHdr, RecvFlags, SendAncillaryBuffer, SendFlags, SocketAddrAny};
use rustix::process::nice;
use rustix::thread::{CpuSet, sched_setaffinity};
use socket2::{Domain, Protocol, Socket, Type};

use crate::clock::{monotonic, sleep_until};
use crate::frame::{Content, Route, frame};
use crate::task::Task;
use crate::{Host, LabError};

/// Frames per system call.
const BATCH: usize = 64;

/// The largest there is (sched(7)).
const LOWEST_PRIORITY: i32 = 19;

/// A flood ends by itself after this long, should nobody stop it.
const LONGEST: Duration = Duration::from_secs(60);

/// How long the kernel may take to show a frame that we sent.
const ADDRESS_WITHIN: Duration = Duration::from_secs(5);

/// Every protocol, to `socket(2)` of packet(7).
const ETH_P_ALL: u16 = 0x0003;

/// Who seems to send a flood.
#[derive(Clone, Copy, Debug)]
pub enum Sources {
    /// This many addresses, each with a port of its own; over IPv6 each in a /64 of its own. At most 1,000,000.
    Spoofed(u32),
    /// One address, with this many ports in turn.
    One {
        /// How many; at least 1.
        ports: u16,
    },
}

/// What a flood consists of.
#[derive(Clone, Copy, Debug)]
pub enum What {
    /// Datagrams with a payload of this many bytes.
    Udp {
        /// The payload's length in bytes.
        payload: u16,
    },
    /// First segments of TCP connections that are never finished.
    Syn,
}

/// A flood to be started.
#[derive(Clone, Copy, Debug)]
pub struct FloodSpec {
    /// Where to: an address and port of the host at the other end of the cable, or behind it.
    pub to: SocketAddr,
    /// Who seems to send.
    pub sources: Sources,
    /// What is sent.
    pub what: What,
    /// The core that sends, which is also the one that receives: a packet of a veth pair is worked on where it was sent.
    /// Without one the flood runs anywhere, when no process wants to run: an attacker takes no turns of the host's.
    pub core: Option<usize>,
    /// Packets per second; `None` for the highest rate that the core makes.
    pub rate_per_s: Option<u32>,
    /// Ends by itself after this many.
    pub packets: Option<u64>,
}

impl FloodSpec {
    /// The highest rate of 60-byte UDP frames from `sources` towards `to`.
    #[must_use]
    pub fn udp(to: SocketAddr, sources: Sources) -> Self {
        Self {
            to,
            sources,
            what: What::Udp { payload: 18 },
            core: None,
            rate_per_s: None,
            packets: None,
        }
    }

    /// The highest rate of connection attempts from `sources` towards `to`.
    #[must_use]
    pub fn syn(to: SocketAddr, sources: Sources) -> Self {
        Self {
            what: What::Syn,
            ..Self::udp(to, sources)
        }
    }
}

/// What a flood did.
#[derive(Clone, Copy, Debug)]
pub struct FloodReport {
    /// Packets that the kernel took.
    pub sent: u64,
    /// Packets that did not fit into the receiving end of the cable.
    pub refused: u64,
    /// How long it lasted.
    pub lasted: Duration,
}

impl FloodReport {
    /// Packets per second that arrived.
    #[must_use]
    pub fn rate_per_s(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52 packets")]
        let sent = self.sent as f64;
        sent / self.lasted.as_secs_f64()
    }
}

/// A flood that runs until it is stopped or dropped, or for 60 s.
#[derive(Debug)]
pub struct Flood {
    task: Task<FloodReport>,
    sent: Arc<AtomicU64>,
}

impl Flood {
    /// Starts a flood from `host`, and returns when its first packets are sent.
    ///
    /// # Errors
    /// When there is no raw socket to be had.
    pub fn start(host: &Host, spec: FloodSpec) -> Result<Self, LabError> {
        let socket = host.space.run(|| raw(0))??;
        let address = host.space.run(|| link_address(host))??;
        let frames = frames(host, &spec);
        let sent = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&sent);
        let task = Task::start(move |stop| {
            if let Some(core) = spec.core {
                let mut set = CpuSet::new();
                set.set(core);
                sched_setaffinity(None, &set).expect("the core is one of this machine");
            } else {
                nice(LOWEST_PRIORITY).ok();
            }
            send(&socket, &address, &frames, &spec, stop, &counted)
        });
        while sent.load(Ordering::Relaxed) == 0 {
            std::thread::yield_now();
        }
        Ok(Self { task, sent })
    }

    /// Packets sent so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Ends it.
    #[must_use]
    pub fn stop(self) -> FloodReport {
        self.task.stop()
    }

    /// Waits until it has sent all its packets.
    #[must_use]
    pub fn finish(self) -> FloodReport {
        self.task.finish()
    }
}

fn send(
    socket: &Socket,
    address: &SocketAddrAny,
    frames: &[Vec<u8>],
    spec: &FloodSpec,
    stop: &AtomicBool,
    counted: &AtomicU64,
) -> FloodReport {
    let parts: Vec<[IoSlice<'_>; 1]> = frames.iter().map(|f| [IoSlice::new(f)]).collect();
    let mut no_control: Vec<SendAncillaryBuffer<'_, '_, '_>> = frames
        .iter()
        .map(|_| SendAncillaryBuffer::default())
        .collect();
    let mut messages: Vec<MMsgHdr<'_>> = parts
        .iter()
        .zip(&mut no_control)
        .map(|(part, control)| MMsgHdr::new_with_addr(address, part, control))
        .collect();
    let most = spec.packets.unwrap_or(u64::MAX);
    let (mut sent, mut refused, mut next) = (0_u64, 0_u64, 0);
    let start = monotonic();
    while sent + refused < most && !stop.load(Ordering::Relaxed) {
        let left = usize::try_from(most - sent - refused).unwrap_or(usize::MAX);
        let end = messages.len().min(next + BATCH.min(left));
        match rustix::net::sendmmsg(socket, &mut messages[next..end], SendFlags::empty()) {
            Ok(taken) => {
                sent += taken as u64;
                next += taken;
            }
            // The one packet that did not fit.
            Err(Errno::NOBUFS | Errno::AGAIN) => {
                refused += 1;
                next += 1;
            }
            Err(Errno::INTR) => {}
            Err(error) => unreachable!("a raw socket on a cable that is up sends: {error}"),
        }
        if next >= messages.len() {
            next = 0;
        }
        counted.store(sent, Ordering::Relaxed);
        if monotonic() - start > LONGEST {
            break;
        }
        if let Some(rate) = spec.rate_per_s {
            let due = (sent + refused).saturating_mul(1_000_000_000) / u64::from(rate);
            sleep_until(start + Duration::from_nanos(due));
        }
    }
    FloodReport {
        sent,
        refused,
        lasted: monotonic() - start,
    }
}

/// One frame for each source, made beforehand so that sending is all that a flood does.
fn frames(host: &Host, spec: &FloodSpec) -> Vec<Vec<u8>> {
    let content = match spec.what {
        What::Udp { payload } => Content::Udp(payload),
        What::Syn => Content::Syn,
    };
    let sources: Vec<(IpAddr, u16)> = match spec.sources {
        Sources::Spoofed(count) => (0..count.clamp(1, 1_000_000))
            .map(|number| (spoofed(number, spec.to.is_ipv6()), port(number)))
            .collect(),
        // Repeated until they fill a batch.
        Sources::One { ports } => (0..u32::from(ports.max(1)))
            .cycle()
            .take(BATCH.max(ports.into()))
            .map(|number| (spoofed(0, spec.to.is_ipv6()), port(number)))
            .collect(),
    };
    sources
        .into_iter()
        .map(|from| {
            let route = Route {
                from_mac: host.mac,
                to_mac: host.next,
                from,
                to: (spec.to.ip(), spec.to.port()),
            };
            frame(&route, content)
        })
        .collect()
}

/// No host of a scene has such an address, and none is in a range that rules for the internet drop.
fn spoofed(number: u32, v6: bool) -> IpAddr {
    if v6 {
        let [high, low] =
            [number >> 16, number & 0xffff].map(|half| u16::try_from(half).expect("16 bits of 32"));
        Ipv6Addr::new(0x2a00, 0x78, high, low, 0, 0, 0, 1).into()
    } else {
        Ipv4Addr::from_bits(Ipv4Addr::new(26, 0, 0, 1).to_bits() + number).into()
    }
}

/// 1,024 and above: ports below belong to services, which rules against reflected floods drop.
fn port(number: u32) -> u16 {
    // 60,000 ports from 4,096; 7,919 is a prime that does not divide them, so that all occur.
    let step = u64::from(number) * 7_919 % 60_000;
    u16::try_from(4_096 + step).expect("at most 64,095")
}

fn raw(protocol: u16) -> Result<Socket, LabError> {
    let protocol = Protocol::from(i32::from(protocol.to_be()));
    Socket::new(Domain::PACKET, Type::RAW, Some(protocol)).map_err(LabError::io("raw socket"))
}

/// The address of the host's cable for a raw socket (`sockaddr_ll` of packet(7)). There is no safe way to write one, but
/// the kernel gives one with each frame that it shows; so we send something and look at it.
fn link_address(host: &Host) -> Result<SocketAddrAny, LabError> {
    let failed = "learn the address of the cable";
    let tap = raw(ETH_P_ALL)?;
    tap.set_read_timeout(Some(ADDRESS_WITHIN))
        .map_err(LabError::io(failed))?;
    let socket = UdpSocket::bind((host.v4, 0)).map_err(LabError::io(failed))?;
    // To an address outside the scene, so that it goes to the other end of the cable and is dropped there.
    let nowhere = (Ipv4Addr::new(26, 255, 255, 254), 9);
    socket.send_to(&[], nowhere).map_err(LabError::io(failed))?;
    let mut seen = [0; 64];
    loop {
        let (bytes, _, from) = rustix::net::recvfrom(&tap, &mut seen, RecvFlags::TRUNC)
            .map_err(LabError::io(failed))?;
        let ours = seen[..bytes.min(seen.len())].get(6..12) == Some(&host.mac[..]);
        if let (true, Some(address)) = (ours, from) {
            return Ok(address);
        }
    }
}

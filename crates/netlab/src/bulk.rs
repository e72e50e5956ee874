//! Traffic that fills a path: downloads, updates, backups.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};

use crate::clock::{monotonic, sleep_until, wait_ready};
use crate::connect::listen;
use crate::task::Task;
use crate::{Host, LabError};

/// How often a waiting thread looks whether it shall stop.
const LOOK: Duration = Duration::from_millis(20);

/// The payload of a datagram that fills a packet of 1,500 bytes over either family.
const DATAGRAM_BYTES: usize = 1_452;

/// Between two groups of datagrams: short beside the queue of a bottleneck, long beside a system call.
const PACE: Duration = Duration::from_micros(500);

/// Bulk traffic ends by itself after this long, should nobody stop it.
const LONGEST: Duration = Duration::from_secs(120);

/// How the path is filled.
#[derive(Clone, Copy, Debug)]
pub enum BulkKind {
    /// Datagrams at this rate, whatever becomes of them.
    Udp {
        /// Payload in bits per second.
        rate_bits_per_s: u64,
    },
    /// This many TCP connections that send as fast as they may.
    Tcp {
        /// How many.
        streams: u32,
    },
}

/// Bulk traffic between two hosts until it is dropped.
#[derive(Debug)]
pub struct Bulk {
    received: Arc<AtomicU64>,
    _tasks: Vec<Task<()>>,
}

impl Bulk {
    /// Sends from `from` to `port` of `to` over IPv4.
    ///
    /// # Errors
    /// When the port is taken or a connection does not come about.
    pub fn start(from: &Host, to: &Host, port: u16, kind: BulkKind) -> Result<Self, LabError> {
        let received = Arc::new(AtomicU64::new(0));
        let address = SocketAddr::new(IpAddr::V4(to.v4), port);
        let tasks = match kind {
            BulkKind::Udp { rate_bits_per_s } => {
                let sink = Arc::clone(&received);
                let inward = to.space.run(|| UdpSocket::bind(address))?;
                let inward = inward.map_err(LabError::io("receive bulk traffic"))?;
                let outward = from.space.run(|| UdpSocket::bind((from.v4, 0)))?;
                let outward = outward.map_err(LabError::io("send bulk traffic"))?;
                vec![
                    Task::start(move |stop| take_datagrams(&inward, stop, &sink)),
                    Task::start(move |stop| datagrams(&outward, address, rate_bits_per_s, stop)),
                ]
            }
            BulkKind::Tcp { streams } => {
                let listener = to.space.run(|| listen(address))?;
                let listener = listener.map_err(LabError::io("receive bulk traffic"))?;
                let sink = Arc::clone(&received);
                let mut tasks = vec![Task::start(move |stop| {
                    take_streams(&listener, stop, &sink);
                })];
                for _ in 0..streams {
                    let stream = from.space.run(|| TcpStream::connect(address))?;
                    let stream = stream.map_err(LabError::io("send bulk traffic"))?;
                    stream
                        .set_write_timeout(Some(LOOK))
                        .map_err(LabError::io("send bulk traffic"))?;
                    tasks.push(Task::start(move |stop| write(stream, stop)));
                }
                tasks
            }
        };
        Ok(Self {
            received,
            _tasks: tasks,
        })
    }

    /// Payload bytes that arrived so far.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}

fn datagrams(socket: &UdpSocket, to: SocketAddr, rate_bits_per_s: u64, stop: &AtomicBool) {
    let datagram = [0; DATAGRAM_BYTES];
    let bits = u64::try_from(DATAGRAM_BYTES).expect("small") * 8;
    let start = monotonic();
    let mut sent = 0;
    let mut now = start;
    while !stop.load(Ordering::Relaxed) && now - start < LONGEST {
        let elapsed = u64::try_from((now - start).as_nanos()).expect("at most two minutes");
        let due = u128::from(elapsed) * u128::from(rate_bits_per_s) / 1_000_000_000;
        while u128::from(sent * bits) < due {
            // What a full queue refuses is lost, as it would be further on.
            drop(socket.send_to(&datagram, to));
            sent += 1;
        }
        now += PACE;
        sleep_until(now);
        now = monotonic();
    }
}

fn take_datagrams(socket: &UdpSocket, stop: &AtomicBool, received: &AtomicU64) {
    socket
        .set_read_timeout(Some(LOOK))
        .expect("a timeout above zero");
    let mut datagram = [0; DATAGRAM_BYTES];
    while !stop.load(Ordering::Relaxed) {
        if let Ok(bytes) = socket.recv(&mut datagram) {
            received.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }
}

fn write(mut stream: TcpStream, stop: &AtomicBool) {
    let chunk = vec![0; 64 * 1024];
    let start = monotonic();
    while !stop.load(Ordering::Relaxed) && monotonic() - start < LONGEST {
        match stream.write(&chunk) {
            Ok(_) => {}
            Err(error) if waiting(error.kind()) => {}
            Err(_) => return,
        }
    }
}

/// Accepts and empties all connections by one thread.
fn take_streams(listener: &std::net::TcpListener, stop: &AtomicBool, received: &AtomicU64) {
    let mut streams: Vec<TcpStream> = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    while !stop.load(Ordering::Relaxed) {
        while let Ok((stream, _)) = listener.accept() {
            stream
                .set_nonblocking(true)
                .expect("a socket has the mode that it is given");
            streams.push(stream);
        }
        for stream in &mut streams {
            while let Ok(bytes @ 1..) = stream.read(&mut chunk) {
                received.fetch_add(bytes as u64, Ordering::Relaxed);
            }
        }
        let mut wait: Vec<PollFd<'_>> = streams
            .iter()
            .map(|stream| PollFd::new(stream, PollFlags::IN))
            .collect();
        wait.push(PollFd::new(listener, PollFlags::IN));
        wait_ready(&mut wait, LOOK);
    }
}

fn waiting(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}

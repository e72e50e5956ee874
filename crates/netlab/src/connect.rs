//! Whether TCP connections come about.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use socket2::{Domain, Socket, Type};

use crate::clock::{monotonic, wait_ready};
use crate::task::Task;
use crate::{Host, LabError};

/// How often a waiting thread looks whether it shall stop.
const LOOK: Duration = Duration::from_millis(20);

/// The kernel's own `somaxconn` since Linux 5.4.
const BACKLOG: i32 = 4_096;

/// A server that takes connections over both families and closes them.
#[derive(Debug)]
pub struct Acceptor {
    _families: [Task<()>; 2],
}

impl Acceptor {
    /// Listens on `port` of `host`.
    ///
    /// # Errors
    /// When the port is taken.
    pub fn start(host: &Host, port: u16) -> Result<Self, LabError> {
        let family = |v6| -> Result<Task<()>, LabError> {
            let listener = host
                .space
                .run(|| listen((host.address(v6), port).into()))?
                .map_err(LabError::io(format!("listen on TCP port {port}")))?;
            Ok(Task::start(move |stop| accept(&listener, stop)))
        };
        Ok(Self {
            _families: [family(false)?, family(true)?],
        })
    }
}

pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn accept(listener: &TcpListener, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        while listener.accept().is_ok() {}
        let mut wait = [PollFd::new(listener, PollFlags::IN)];
        wait_ready(&mut wait, LOOK);
    }
}

/// What became of connection attempts.
#[derive(Clone, Debug)]
pub struct Connects {
    /// How many were tried.
    pub tried: u32,
    /// How long each took that came about.
    pub took: Vec<Duration>,
}

impl Connects {
    /// How many came about.
    #[must_use]
    pub fn succeeded(&self) -> u32 {
        u32::try_from(self.took.len()).expect("at most the attempts")
    }
}

/// Tries `count` connections from `host` one after the other, each for at most `timeout`.
///
/// # Errors
/// When the namespace cannot be entered.
pub fn connects(
    host: &Host,
    to: SocketAddr,
    count: u32,
    timeout: Duration,
) -> Result<Connects, LabError> {
    host.space.run(|| {
        let took = (0..count).filter_map(|_| attempt(to, timeout).ok());
        Connects {
            tried: count,
            took: took.collect(),
        }
    })
}

fn attempt(to: SocketAddr, timeout: Duration) -> io::Result<Duration> {
    let start = monotonic();
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
    socket.connect_timeout(&to.into(), timeout)?;
    Ok(monotonic() - start)
}

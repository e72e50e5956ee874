//! Asks the kernel for the fill of its sets over netlink; what it answers is read by [`crate::observe::sets`].

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
    sockopt,
};

use crate::host::Host;
use crate::observe::sets::{self, Answer, Set};
use crate::{Error, Result};

/// The kernel answers at once or not at all.
const ANSWER_TIME: Duration = Duration::from_secs(2);
/// One datagram of a dump: the kernel fills at most 32 KiB (`NLMSG_GOODSIZE` times two, `af_netlink.c`).
const DATAGRAM_BYTES_MAX: usize = 64 * 1024;
/// Datagrams of one answer: 10 million elements at some 300 in each.
const DATAGRAMS_MAX: usize = 32_768;

/// Every named set of this network namespace. Where the kernel does not count its elements, `count` is nothing: see
/// [`count`].
///
/// # Errors
/// [`Error::Privilege`] without `CAP_NET_ADMIN`, [`Error::File`] for what else the kernel says, and [`Error::Parse`].
pub fn sets(host: &Host) -> Result<Vec<Set>> {
    // A directory that stands for a machine has no kernel.
    if !host.is_real() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    ask(&sets::request(), |answer| found.extend(answer.sets))?;
    Ok(found)
}

/// Elements of a set, counted one by one without keeping any: for kernels that do not count.
///
/// # Errors
/// Those of [`sets`].
pub fn count(set: &Set) -> Result<u64> {
    let mut elements = 0;
    if let Some(request) = sets::request_elements(set) {
        ask(&request, |answer| elements += answer.elements)?;
    }
    Ok(elements)
}

fn ask(request: &[u8], mut take: impl FnMut(Answer)) -> Result<()> {
    let socket = open().map_err(refused)?;
    send(&socket, request, SendFlags::empty()).map_err(refused)?;
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    for _ in 0..DATAGRAMS_MAX {
        let (kept, length) = recv(&socket, &mut *buffer, RecvFlags::TRUNC).map_err(refused)?;
        let answer = match length > kept {
            true => return Err(refused(Errno::MSGSIZE)),
            false => sets::parse(&buffer[..kept])?,
        };
        if let Some(errno) = answer.refused {
            return Err(refused(Errno::from_raw_os_error(errno)));
        }
        let done = answer.done;
        take(answer);
        if done {
            return Ok(());
        }
    }
    Err(refused(Errno::OVERFLOW))
}

fn open() -> Result<OwnedFd, Errno> {
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        Some(netlink::NETFILTER),
    )?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(ANSWER_TIME))?;
    Ok(socket)
}

fn refused(errno: Errno) -> Error {
    match errno {
        Errno::PERM | Errno::ACCESS => Error::Privilege {
            what: "reading how full the sets of nftables are".into(),
            needs: "CAP_NET_ADMIN",
            hint: "run it as root".into(),
        },
        errno => Error::File {
            what: "asking the kernel for its sets over",
            path: "netlink".into(),
            source: errno.into(),
        },
    }
}

//! Programs at interfaces, over rtnetlink (`include/uapi/linux/rtnetlink.h`, `if_link.h`). What is put there so stays when
//! the process ends, and goes with the interface.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with, sockopt,
};

use super::Mode;

const SET_LINK: u16 = 19;
const ERROR: u16 = 2;
const REQUEST: u16 = 1;
const ACKNOWLEDGE: u16 = 4;
const NAME: u16 = 3;
/// With the bit for attributes that hold attributes.
const XDP: u16 = 43 | 1 << 15;
const XDP_DESCRIPTOR: u16 = 1;
const XDP_FLAGS: u16 = 3;
/// Instead of a descriptor: take the program away.
const NONE: i32 = -1;

/// Bytes of `nlmsghdr`, and of `ifinfomsg` behind it.
const HEADER_BYTES: usize = 16;
const LINK_BYTES: usize = 16;

/// The kernel answers at once; a driver may rebuild its queues meanwhile.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// Puts a program at the interface `name` of the network namespace of the calling thread, in place of one that is there;
/// nothing: takes away what is there.
pub(super) fn put(name: &str, program: Option<BorrowedFd<'_>>, mode: Mode) -> io::Result<()> {
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        // NETLINK_ROUTE is zero, the protocol that comes by itself.
        None,
    )?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(ANSWER_TIME))?;
    let descriptor = program.map_or(NONE, |program| program.as_raw_fd());
    send(
        &socket,
        &request(name, descriptor, mode),
        SendFlags::empty(),
    )?;
    let mut answer = [0; 4_096];
    let (bytes, _) = recv(&socket, &mut answer, RecvFlags::empty())?;
    read(&answer[..bytes])
}

fn request(name: &str, descriptor: i32, mode: Mode) -> Vec<u8> {
    let mut body = vec![0; LINK_BYTES];
    body.extend(attribute(NAME, &[name.as_bytes(), &[0]].concat()));
    let inner = [
        attribute(XDP_DESCRIPTOR, &descriptor.to_ne_bytes()),
        attribute(XDP_FLAGS, &mode.flags().to_ne_bytes()),
    ];
    body.extend(attribute(XDP, &inner.concat()));
    let length =
        u32::try_from(HEADER_BYTES + body.len()).expect("invariant: a name and two numbers");
    let mut message = Vec::from(length.to_ne_bytes());
    message.extend(SET_LINK.to_ne_bytes());
    message.extend((REQUEST | ACKNOWLEDGE).to_ne_bytes());
    message.extend([0; 8]);
    message.extend(body);
    message
}

fn attribute(kind: u16, content: &[u8]) -> Vec<u8> {
    let length =
        u16::try_from(4 + content.len()).expect("invariant: names of interfaces are short");
    let mut attribute = Vec::from(length.to_ne_bytes());
    attribute.extend(kind.to_ne_bytes());
    attribute.extend(content);
    attribute.resize(attribute.len().next_multiple_of(4), 0);
    attribute
}

/// The kernel's word about what was asked: an error with number zero is none.
pub(crate) fn read(answer: &[u8]) -> io::Result<()> {
    let malformed = || {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "the kernel's answer is no acknowledgement",
        )
    };
    let kind = answer
        .get(4..6)
        .and_then(|bytes| bytes.first_chunk())
        .ok_or_else(malformed)?;
    let errno = answer
        .get(HEADER_BYTES..)
        .and_then(|bytes| bytes.first_chunk())
        .ok_or_else(malformed)?;
    match (u16::from_ne_bytes(*kind), i32::from_ne_bytes(*errno)) {
        (ERROR, 0) => Ok(()),
        (ERROR, errno) => Err(io::Error::from_raw_os_error(errno.wrapping_neg())),
        _ => Err(malformed()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_answer_is_an_error_or_none() {
        let answer = |errno: i32| {
            let mut bytes = vec![36, 0, 0, 0];
            bytes.extend(ERROR.to_ne_bytes());
            bytes.extend([0; 10]);
            bytes.extend(errno.to_ne_bytes());
            bytes
        };
        assert!(read(&answer(0)).is_ok());
        assert_eq!(
            read(&answer(-16)).unwrap_err().kind(),
            io::ErrorKind::ResourceBusy
        );
        assert_eq!(
            read(&answer(0)[..19]).unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
    }

    proptest! {
        #[test]
        fn no_answer_breaks_the_reader(bytes: Vec<u8>) {
            drop(read(&bytes));
        }

        #[test]
        fn a_request_is_as_long_as_it_says(name in "[a-z0-9]{1,15}", descriptor: i32) {
            let message = request(&name, descriptor, Mode::Native);
            prop_assert_eq!(message.len() % 4, 0);
            let length = u32::from_ne_bytes(*message.first_chunk().unwrap());
            prop_assert_eq!(usize::try_from(length).unwrap(), message.len());
        }
    }
}

//! Ethernet frames with any source address, as raw octets: RFC 791 (IPv4), RFC 8200 (IPv6), RFC 768 (UDP), RFC 9293
//! (TCP), RFC 1071 (the checksum of all of them).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A hardware address.
pub(crate) type Mac = [u8; 6];

const UDP: u8 = 17;
const TCP: u8 = 6;
/// Of a TCP header with the option MSS.
const TCP_BYTES: usize = 24;
const SYN: u8 = 0x02;
const HOPS: u8 = 64;

/// What a frame carries.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Content {
    /// A datagram with a payload of zeros of this many bytes.
    Udp(u16),
    /// The first segment of a connection.
    Syn,
}

/// Where a frame is from and where it goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    pub(crate) from_mac: Mac,
    pub(crate) to_mac: Mac,
    /// Both of one family.
    pub(crate) from: (IpAddr, u16),
    pub(crate) to: (IpAddr, u16),
}

/// The whole frame, without the check sequence that hardware adds.
pub(crate) fn frame(route: &Route, content: Content) -> Vec<u8> {
    let protocol = match content {
        Content::Udp(_) => UDP,
        Content::Syn => TCP,
    };
    let mut inner = match content {
        Content::Udp(payload) => udp(route, payload),
        Content::Syn => syn(route),
    };
    let check_at = match content {
        Content::Udp(_) => 6,
        Content::Syn => 16,
    };
    let (header, pseudo) = match (route.from.0, route.to.0) {
        (IpAddr::V4(from), IpAddr::V4(to)) => (
            ipv4(from, to, protocol, &inner),
            joined(from.octets(), to.octets()),
        ),
        (IpAddr::V6(from), IpAddr::V6(to)) => (
            ipv6(from, to, protocol, &inner),
            joined(from.octets(), to.octets()),
        ),
        (from, to) => unreachable!("{from} and {to} are of one family"),
    };
    let length = u64::try_from(inner.len()).expect("a frame is small");
    let check = checksum(&[&pseudo, &inner], u64::from(protocol) + length);
    // RFC 768: a checksum of zero means that there is none, and is sent as its other form.
    let check = if check == 0 { 0xffff } else { check };
    inner[check_at..check_at + 2].copy_from_slice(&check.to_be_bytes());
    let kind: u16 = if route.to.0.is_ipv4() { 0x0800 } else { 0x86dd };
    [
        &route.to_mac[..],
        &route.from_mac,
        &kind.to_be_bytes(),
        &header,
        &inner,
    ]
    .concat()
}

fn joined<const N: usize>(from: [u8; N], to: [u8; N]) -> Vec<u8> {
    [from, to].concat()
}

fn length(bytes: usize) -> [u8; 2] {
    u16::try_from(bytes)
        .expect("a frame is shorter than 65,536 bytes")
        .to_be_bytes()
}

fn udp(route: &Route, payload: u16) -> Vec<u8> {
    let bytes = 8 + usize::from(payload);
    let mut out = Vec::with_capacity(bytes);
    out.extend(route.from.1.to_be_bytes());
    out.extend(route.to.1.to_be_bytes());
    out.extend(length(bytes));
    out.resize(bytes, 0);
    out
}

fn syn(route: &Route) -> Vec<u8> {
    let mut out = Vec::with_capacity(TCP_BYTES);
    out.extend(route.from.1.to_be_bytes());
    out.extend(route.to.1.to_be_bytes());
    // The sequence number; then that of an acknowledgement, which there is none of.
    out.extend([0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0]);
    // The header's length in words of 32 bits, the flags, the window; then room for the checksum and the urgent pointer.
    out.extend([6 << 4, SYN, 0xff, 0xff, 0, 0, 0, 0]);
    // The option: a maximum segment size of 1,460.
    out.extend([2, 4, 0x05, 0xb4]);
    out
}

fn ipv4(from: Ipv4Addr, to: Ipv4Addr, protocol: u8, inner: &[u8]) -> Vec<u8> {
    let mut out = vec![0x45, 0];
    out.extend(length(20 + inner.len()));
    // No identification, "do not fragment".
    out.extend([0, 0, 0x40, 0, HOPS, protocol, 0, 0]);
    out.extend(from.octets());
    out.extend(to.octets());
    let check = checksum(&[&out], 0);
    out[10..12].copy_from_slice(&check.to_be_bytes());
    out
}

fn ipv6(from: Ipv6Addr, to: Ipv6Addr, protocol: u8, inner: &[u8]) -> Vec<u8> {
    let mut out = vec![0x60, 0, 0, 0];
    out.extend(length(inner.len()));
    out.extend([protocol, HOPS]);
    out.extend(from.octets());
    out.extend(to.octets());
    out
}

/// RFC 1071 over parts of even length (only the last may be odd), starting with `sum`.
fn checksum(parts: &[&[u8]], mut sum: u64) -> u16 {
    for part in parts {
        for pair in part.chunks(2) {
            sum += u64::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u64::from(*low));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).expect("folded to 16 bits above")
}

#[cfg(test)]
mod tests {
    use super::checksum;

    #[test]
    fn the_checksum_of_the_rfcs_example() {
        // RFC 1071, section 3: these octets sum to ddf2.
        let octets = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(checksum(&[&octets], 0), !0xddf2);
        assert_eq!(checksum(&[&octets[..4], &octets[4..]], 0), !0xddf2);
    }
}

//! How full the sets of nftables are, asked from the kernel directly: a set of 100,000 addresses is megabytes of text for
//! `nft` and one number here.
//!
//! Messages: `include/uapi/linux/netlink.h`, `netfilter/nfnetlink.h` and `netfilter/nf_tables.h` of the kernel.

use serde::Serialize;

use super::malformed;
use crate::Result;

const WHAT: &str = "the kernel's list of sets";

/// Subsystem of nftables, in the high byte of a message's type.
const NFTABLES: u16 = 10 << 8;
const NEW_SET: u16 = NFTABLES | 9;
const GET_SET: u16 = NFTABLES | 10;
const NEW_ELEMENTS: u16 = NFTABLES | 12;
const GET_ELEMENTS: u16 = NFTABLES | 13;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const REQUEST: u16 = 1;
const DUMP: u16 = 0x300;

const SET_TABLE: u16 = 1;
const SET_NAME: u16 = 2;
const SET_FLAGS: u16 = 3;
const SET_DESCRIPTION: u16 = 9;
/// Since Linux 6.16; before it, elements must be counted.
const SET_COUNT: u16 = 20;
const DESCRIPTION_SIZE: u16 = 1;
const ELEMENTS_TABLE: u16 = 1;
const ELEMENTS_SET: u16 = 2;
const ELEMENTS_LIST: u16 = 3;
/// A set that a rule holds in itself, without a name for people.
const FLAG_ANONYMOUS: u32 = 1;
/// The two high bits of an attribute's type say how it is encoded.
const TYPE_MASK: u16 = 0x3fff;

/// Bytes of `nlmsghdr` and of `nfgenmsg` behind it.
const HEADER_BYTES: usize = 16;
const FAMILY_BYTES: usize = 4;

/// A named set, as far as its fill is concerned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Set {
    /// `inet`, `ip`, `ip6`, `netdev`, `bridge` or `arp`.
    pub family: &'static str,
    /// The table that it is in.
    pub table: String,
    /// Its name.
    pub name: String,
    /// Elements at most; nothing: no limit was asked for.
    pub size: Option<u32>,
    /// Elements now; nothing: this kernel does not say, and they must be counted.
    pub count: Option<u32>,
}

/// What one datagram of the kernel's answer held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Named sets.
    pub sets: Vec<Set>,
    /// Elements, of the set that was asked for.
    pub elements: u64,
    /// Nothing follows.
    pub done: bool,
    /// The kernel refused, with this number (`errno`).
    pub refused: Option<i32>,
}

/// The request for all sets of this namespace.
#[must_use]
pub fn request() -> Vec<u8> {
    message(GET_SET, 0, &[])
}

/// The request for the elements of one set; nothing where `family` is none of [`Set::family`].
#[must_use]
pub fn request_elements(set: &Set) -> Option<Vec<u8>> {
    let family = FAMILIES.iter().find(|(_, name)| *name == set.family)?.0;
    let mut body = attribute(ELEMENTS_TABLE, &set.table);
    body.extend(attribute(ELEMENTS_SET, &set.name));
    Some(message(GET_ELEMENTS, family, &body))
}

/// Families of netfilter by number (`NFPROTO_*`).
const FAMILIES: [(u8, &str); 6] = [
    (1, "inet"),
    (2, "ip"),
    (3, "arp"),
    (5, "netdev"),
    (7, "bridge"),
    (10, "ip6"),
];

fn message(kind: u16, family: u8, body: &[u8]) -> Vec<u8> {
    let length = HEADER_BYTES + FAMILY_BYTES + body.len();
    // Two names of at most 256 bytes: far from 32 bits.
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    let mut message = Vec::new();
    message.extend(length.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend((REQUEST | DUMP).to_ne_bytes());
    message.extend([0; 8]);
    message.extend([family, 0, 0, 0]);
    message.extend(body);
    message
}

fn attribute(kind: u16, text: &str) -> Vec<u8> {
    let length = u16::try_from(4 + text.len() + 1).unwrap_or(u16::MAX);
    let mut attribute = Vec::from(length.to_ne_bytes());
    attribute.extend(kind.to_ne_bytes());
    attribute.extend(text.as_bytes());
    attribute.push(0);
    attribute.resize(attribute.len().next_multiple_of(4), 0);
    attribute
}

/// Reads one datagram from the kernel.
///
/// # Errors
/// Lengths that do not add up.
pub fn parse(datagram: &[u8]) -> Result<Answer> {
    let bad = || malformed(WHAT, 0);
    let mut answer = Answer::default();
    let mut rest = datagram;
    while !rest.is_empty() {
        let length = u32_at(rest, 0).ok_or_else(bad)? as usize;
        let kind = u16_at(rest, 4).ok_or_else(bad)?;
        if length < HEADER_BYTES || length > rest.len() {
            return Err(bad());
        }
        let body = &rest[HEADER_BYTES..length];
        match kind {
            DONE => answer.done = true,
            ERROR => {
                let code = body.first_chunk().ok_or_else(bad)?;
                answer.done = true;
                match i32::from_ne_bytes(*code) {
                    0 => {}
                    code => answer.refused = Some(code.saturating_neg()),
                }
            }
            NEW_SET => answer.sets.extend(set(body).ok_or_else(bad)?),
            NEW_ELEMENTS => answer.elements += elements(body).ok_or_else(bad)?,
            _ => {}
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(answer)
}

/// A set; the inner nothing is one without a name for people.
#[expect(clippy::option_option, reason = "malformed, left out, and a set")]
fn set(body: &[u8]) -> Option<Option<Set>> {
    let family = *body.first()?;
    let family = FAMILIES.iter().find(|(number, _)| *number == family);
    let mut set = Set {
        family: family.map_or("other", |(_, name)| *name),
        table: String::new(),
        name: String::new(),
        size: None,
        count: None,
    };
    let mut anonymous = false;
    for (kind, value) in attributes(body.get(FAMILY_BYTES..)?)? {
        match kind {
            SET_TABLE => set.table = text(value),
            SET_NAME => set.name = text(value),
            SET_FLAGS => anonymous = be32(value)? & FLAG_ANONYMOUS != 0,
            SET_COUNT => set.count = Some(be32(value)?),
            SET_DESCRIPTION => {
                let inner = attributes(value)?;
                let size = inner.iter().find(|(kind, _)| *kind == DESCRIPTION_SIZE);
                if let Some((_, value)) = size {
                    set.size = Some(be32(value)?);
                }
            }
            _ => {}
        }
    }
    Some((!anonymous).then_some(set))
}

fn elements(body: &[u8]) -> Option<u64> {
    let attributes_ = attributes(body.get(FAMILY_BYTES..)?)?;
    let lists = attributes_
        .iter()
        .filter(|(kind, _)| *kind == ELEMENTS_LIST);
    let mut count = 0;
    for (_, list) in lists {
        count += attributes(list)?.len() as u64;
    }
    Some(count)
}

/// The attributes of `bytes`, as kind and value.
fn attributes(mut bytes: &[u8]) -> Option<Vec<(u16, &[u8])>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let length = usize::from(u16_at(bytes, 0)?);
        let kind = u16_at(bytes, 2)? & TYPE_MASK;
        found.push((kind, bytes.get(4..length)?));
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Some(found)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_ne_bytes(*bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_ne_bytes(*bytes))
}

fn be32(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.first_chunk()?))
}

fn text(bytes: &[u8]) -> String {
    let bytes = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(bytes).into_owned()
}

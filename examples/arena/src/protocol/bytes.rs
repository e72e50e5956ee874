//! Reading and writing fixed layouts, without a way to fall over.

use super::{DATAGRAM_MAX, Datagram, MAGIC, Stamp, VERSION};

/// Fills a datagram from the front; what does not fit is remembered.
pub(super) struct Writer<'b> {
    room: &'b mut Datagram,
    pub(super) at: usize,
    fits: bool,
}

impl<'b> Writer<'b> {
    pub(super) fn new(room: &'b mut Datagram, kind: u8) -> Self {
        let mut writer = Self {
            room,
            at: 0,
            fits: true,
        };
        writer.put(&MAGIC);
        writer.put(&[VERSION, kind]);
        writer
    }

    pub(super) fn put(&mut self, bytes: &[u8]) {
        let end = self.at + bytes.len();
        match self.room.get_mut(self.at..end) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.at = end;
            }
            None => self.fits = false,
        }
    }

    pub(super) fn put_stamp(&mut self, stamp: Stamp) {
        self.put(&stamp.sent_ms.to_le_bytes());
        self.put(&stamp.echo_ms.to_le_bytes());
        self.put(&stamp.held_ms.to_le_bytes());
    }

    pub(super) fn finish(self) -> Option<&'b [u8]> {
        let Self { room, at, fits } = self;
        if fits { room.get(..at) } else { None }
    }
}

/// Takes a datagram apart from the front.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    /// Reads the header; gives the kind.
    pub(super) fn open(bytes: &'a [u8]) -> Option<(Self, u8)> {
        if bytes.len() > DATAGRAM_MAX {
            return None;
        }
        let mut reader = Self(bytes);
        let [m0, m1, version, kind] = reader.array()?;
        ([m0, m1] == MAGIC && version == VERSION).then_some((reader, kind))
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.0.split_first_chunk::<N>()?;
        self.0 = tail;
        Some(*head)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn i8(&mut self) -> Option<i8> {
        self.array().map(i8::from_le_bytes)
    }

    pub(super) fn bool(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    pub(super) fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(bytes)?;
        self.0 = tail;
        Some(head)
    }

    pub(super) fn stamp(&mut self) -> Option<Stamp> {
        Some(Stamp {
            sent_ms: self.u32()?,
            echo_ms: self.u32()?,
            held_ms: self.u16()?,
        })
    }

    pub(super) fn end<T>(&self, packet: T) -> Option<T> {
        self.0.is_empty().then_some(packet)
    }
}

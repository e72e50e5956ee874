//! The layout of a file: a head, then one frame per commit, each with its own checksum (CRC-32 as in IEEE 802.3).
//!
//! Numbers are little-endian. A file begins with the name, the schema, the generation and a checksum of the three. A
//! frame begins with a mark that no UTF-8 text contains, flags, the length of its rows, its sequence number (one more
//! than that of the frame before, across files) and a checksum of everything but the mark.

use std::io;

use crc32fast::Hasher;

use super::storage::Storage;

/// The layout of files and rows. A program refuses files with a higher one.
pub(super) const SCHEMA: u64 = 2;

/// What a file begins with.
pub(super) const NAME: &[u8; 8] = b"STADION\n";

/// Bytes of the head of a file.
pub(super) const FILE_HEAD: u64 = 28;

/// Bytes of the head of a frame.
pub(super) const FRAME_HEAD: usize = 21;

/// What a frame begins with.
const MARK: [u8; 4] = [0xF5, b'S', 0xF6, b'J'];

/// Everything that was alive when this file began is in it by now: the file before it is not needed any more.
pub(super) const WHOLE: u8 = 1;

/// The journal was closed in good order after this frame.
pub(super) const CLOSED: u8 = 2;

/// What is read from a file at once, bytes.
const WINDOW: u64 = 1024 * 1024;

/// How a file begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// Nothing was ever kept in it.
    Empty,
    /// Ours.
    Ours {
        /// Its place in the order of files.
        generation: u64,
    },
    /// Written by a program with this schema.
    Newer(u64),
    /// Ours, and damaged.
    Damaged,
    /// Somebody else's.
    Foreign,
}

pub(super) fn file_head(schema: u64, generation: u64) -> Vec<u8> {
    let mut head = NAME.to_vec();
    head.extend(schema.to_le_bytes());
    head.extend(generation.to_le_bytes());
    head.extend(crc32fast::hash(&head).to_le_bytes());
    head
}

fn number(bytes: &[u8]) -> u64 {
    let mut number = [0; 8];
    for (to, from) in number.iter_mut().zip(bytes) {
        *to = *from;
    }
    u64::from_le_bytes(number)
}

pub(super) fn read_head(file: &dyn Storage) -> io::Result<Head> {
    let length = file.length()?;
    let mut reader = Reader::new(file, length);
    let Some(head) = reader.bytes(0, FILE_HEAD)? else {
        // The head is durable before anything follows it, so a shorter file holds nothing.
        let begun = reader.bytes(0, length)?.unwrap_or_default();
        let ours = begun.iter().zip(NAME).all(|(found, ours)| found == ours);
        let blank = begun.iter().all(|byte| *byte == 0);
        return Ok(if ours || blank {
            Head::Empty
        } else {
            Head::Foreign
        });
    };
    if !head.starts_with(NAME) {
        // As long as a head and nothing but zeros: its length became durable, and its bytes did not.
        let blank = length == FILE_HEAD && head.iter().all(|byte| *byte == 0);
        return Ok(if blank { Head::Empty } else { Head::Foreign });
    }
    let (fields, checksum) = head.split_at(24);
    if u64::from(crc32fast::hash(fields)) != number(checksum) {
        return Ok(if length == FILE_HEAD {
            Head::Empty
        } else {
            Head::Damaged
        });
    }
    let (schema, generation) = (number(&fields[8..16]), number(&fields[16..]));
    Ok(match schema {
        SCHEMA => Head::Ours { generation },
        other => Head::Newer(other),
    })
}

/// Fills in the head of a frame whose rows are behind the [`FRAME_HEAD`] bytes that were left free for it.
pub(super) fn seal(frame: &mut [u8], flags: u8, sequence: u64) -> Result<(), String> {
    let (head, rows) = frame.split_at_mut(FRAME_HEAD);
    let length = u32::try_from(rows.len()).map_err(|_| "a commit has too many bytes")?;
    head[..4].copy_from_slice(&MARK);
    head[4] = flags;
    head[5..9].copy_from_slice(&length.to_le_bytes());
    head[9..17].copy_from_slice(&sequence.to_le_bytes());
    let checksum = checksum(&head[4..17], rows);
    head[17..].copy_from_slice(&checksum.to_le_bytes());
    Ok(())
}

fn checksum(head: &[u8], rows: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(head);
    hasher.update(rows);
    hasher.finalize()
}

/// A frame as it was found.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    pub(super) flags: u8,
    pub(super) sequence: u64,
    pub(super) rows: &'a [u8],
    /// Where the next one begins.
    pub(super) end: u64,
}

/// Reads a file by windows.
pub(super) struct Reader<'a> {
    file: &'a dyn Storage,
    pub(super) length: u64,
    window: Vec<u8>,
    /// Where the window begins.
    at: u64,
}

/// A place in memory: everything here fits, because it was read into memory.
fn place(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(io::Error::other)
}

impl<'a> Reader<'a> {
    pub(super) fn new(file: &'a dyn Storage, length: u64) -> Self {
        Self {
            file,
            length,
            window: Vec::new(),
            at: 0,
        }
    }

    /// `size` bytes at `offset`; none if the file ends before.
    fn bytes(&mut self, offset: u64, size: u64) -> io::Result<Option<&[u8]>> {
        if offset.saturating_add(size) > self.length {
            return Ok(None);
        }
        let end = self.at + self.window.len() as u64;
        if offset < self.at || offset + size > end {
            let wanted = size.max(WINDOW).min(self.length - offset);
            self.window.resize(place(wanted)?, 0);
            self.file.read(offset, &mut self.window)?;
            self.at = offset;
        }
        let from = place(offset - self.at)?;
        Ok(self.window.get(from..from + place(size)?))
    }

    /// The frame at `offset`, if a good one is there.
    pub(super) fn frame(&mut self, offset: u64) -> io::Result<Option<Frame<'_>>> {
        let Some(head) = self.bytes(offset, FRAME_HEAD as u64)? else {
            return Ok(None);
        };
        if head[..4] != MARK {
            return Ok(None);
        }
        let length = number(&head[5..9]);
        let Some(whole) = self.bytes(offset, FRAME_HEAD as u64 + length)? else {
            return Ok(None);
        };
        let (head, rows) = whole.split_at(FRAME_HEAD);
        if u64::from(checksum(&head[4..17], rows)) != number(&head[17..]) {
            return Ok(None);
        }
        Ok(Some(Frame {
            flags: head[4],
            sequence: number(&head[9..17]),
            rows,
            end: offset + whole.len() as u64,
        }))
    }

    /// Whether there is nothing but zeros from `offset` on.
    pub(super) fn is_blank_after(&mut self, mut offset: u64) -> io::Result<bool> {
        while offset < self.length {
            let size = WINDOW.min(self.length - offset);
            let window = self.bytes(offset, size)?.unwrap_or_default();
            if window.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            offset += size;
        }
        Ok(true)
    }

    /// Whether a good frame begins anywhere from `offset` on.
    pub(super) fn has_frame_after(&mut self, mut offset: u64) -> io::Result<bool> {
        let mark = MARK.len() as u64;
        while offset + mark <= self.length {
            let size = WINDOW.min(self.length - offset);
            let window = self.bytes(offset, size)?.unwrap_or_default();
            let marks = window.windows(MARK.len()).enumerate();
            let found: Vec<u64> = marks
                .filter(|(_, bytes)| *bytes == MARK)
                .map(|(place, _)| offset + place as u64)
                .collect();
            for candidate in found {
                if self.frame(candidate)?.is_some() {
                    return Ok(true);
                }
            }
            // A mark may lie across two windows.
            offset += (size - mark + 1).max(1);
        }
        Ok(false)
    }
}

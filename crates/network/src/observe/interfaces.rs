//! `/proc/net/dev`: totals per interface since it exists.

use std::collections::BTreeMap;

use serde::Serialize;

use super::malformed;
use crate::Result;

/// The text that [`parse`] reads.
const WHAT: &str = "/proc/net/dev";
/// Columns after the name: eight received, eight sent.
const COLUMNS: usize = 16;
/// Lines before the first interface.
const HEADER_LINES: usize = 2;

/// What an interface has carried and lost since it exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// Bytes received.
    pub rx_bytes: u64,
    /// Packets received.
    pub rx_packets: u64,
    /// Received broken, of every kind.
    pub rx_errors: u64,
    /// Received and dropped by the kernel.
    pub rx_dropped: u64,
    /// Lost in the device because its ring was full.
    pub rx_fifo: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Failed to send.
    pub tx_errors: u64,
    /// Dropped before sending.
    pub tx_dropped: u64,
    /// Lost in the device while sending.
    pub tx_fifo: u64,
}

/// Every interface of `/proc/net/dev`, by name.
///
/// # Errors
/// A line that has not 16 numbers after its name.
pub fn parse(text: &str) -> Result<BTreeMap<String, Traffic>> {
    let mut interfaces = BTreeMap::new();
    for (index, line) in text.lines().enumerate().skip(HEADER_LINES) {
        // A name holds neither blanks nor colons (`dev_valid_name`); its number may follow without a blank.
        let (name, numbers) = line.split_once(':').ok_or_else(|| malformed(WHAT, index))?;
        let n = columns(numbers).ok_or_else(|| malformed(WHAT, index))?;
        let traffic = Traffic {
            rx_bytes: n[0],
            rx_packets: n[1],
            rx_errors: n[2],
            rx_dropped: n[3],
            rx_fifo: n[4],
            tx_bytes: n[8],
            tx_packets: n[9],
            tx_errors: n[10],
            tx_dropped: n[11],
            tx_fifo: n[12],
        };
        interfaces.insert(name.trim().to_owned(), traffic);
    }
    Ok(interfaces)
}

fn columns(text: &str) -> Option<[u64; COLUMNS]> {
    let mut numbers = [0; COLUMNS];
    let mut fields = text.split_ascii_whitespace();
    for number in &mut numbers {
        *number = fields.next()?.parse().ok()?;
    }
    fields.next().is_none().then_some(numbers)
}

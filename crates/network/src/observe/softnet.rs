//! `/proc/net/softnet_stat`: what each processor received, and where it could not keep up.

use serde::Serialize;

use super::malformed;
use crate::Result;

const WHAT: &str = "/proc/net/softnet_stat";

/// One processor's row (`softnet_seq_show` in `net/core/net-procfs.c`). The kernel counts in 32 bits, so they wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Softnet {
    /// Which processor; rows of processors that are off are left out by the kernel.
    pub cpu: u32,
    /// Packets taken from devices and backlogs.
    pub processed: u32,
    /// Dropped because the backlog (`netdev_max_backlog`) was full.
    pub dropped: u32,
    /// Rounds that ended with work left, for lack of budget (`netdev_budget`).
    pub squeezed: u32,
    /// Times that another processor asked this one to work (RPS).
    pub steered: u32,
    /// Dropped by the limit per flow.
    pub flow_limited: u32,
}

/// Every row, in hexadecimal columns. Kernels before 5.10 name no processor: there it is the row's number.
///
/// # Errors
/// A row with fewer than three columns, or what is no hexadecimal number of 32 bits.
pub fn parse(text: &str) -> Result<Vec<Softnet>> {
    text.lines()
        .enumerate()
        .map(|(index, line)| row(index, line).ok_or_else(|| malformed(WHAT, index)))
        .collect()
}

fn row(index: usize, line: &str) -> Option<Softnet> {
    let columns = line.split_ascii_whitespace();
    let columns = columns.map(|column| u32::from_str_radix(column, 16));
    let columns: Vec<u32> = columns.collect::<Result<_, _>>().ok()?;
    let or_none = |column: usize| columns.get(column).copied().unwrap_or(0);
    Some(Softnet {
        cpu: match columns.get(12) {
            Some(cpu) => *cpu,
            None => u32::try_from(index).ok()?,
        },
        processed: *columns.first()?,
        dropped: *columns.get(1)?,
        squeezed: *columns.get(2)?,
        steered: or_none(9),
        flow_limited: or_none(10),
    })
}

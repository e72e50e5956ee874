//! Connection tracking: how full it is, and `/proc/net/stat/{nf_conntrack,synproxy}`.

use serde::Serialize;

use super::malformed;
use crate::Result;

/// How full the table of connections is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Fill {
    /// Entries now (`nf_conntrack_count`).
    pub count: u64,
    /// Entries at most (`nf_conntrack_max`).
    pub max: u64,
}

impl Fill {
    /// Entries of those that fit, in 0..=1 while the kernel keeps its own limit; 0 where nothing fits.
    #[must_use]
    pub fn ratio(self) -> f64 {
        crate::observe::ratio(self.count, self.max)
    }
}

/// A file with one number, as most of `/proc/sys` are.
///
/// # Errors
/// What is not one number.
pub fn number(what: &'static str, text: &str) -> Result<u64> {
    text.trim().parse().map_err(|_| malformed(what, 0))
}

/// A file of `/proc/net/stat`: names in the first line, then one row of hexadecimal numbers per processor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    /// The columns' names.
    pub names: Vec<String>,
    /// One row per processor, as long as `names`.
    pub rows: Vec<Vec<u64>>,
}

impl Stat {
    /// Reads a file of `/proc/net/stat`.
    ///
    /// # Errors
    /// No names, a row of another length, or what is no hexadecimal number.
    pub fn parse(what: &'static str, text: &str) -> Result<Self> {
        let mut lines = text.lines().enumerate();
        let (_, names) = lines.next().ok_or_else(|| malformed(what, 0))?;
        let names: Vec<String> = names.split_ascii_whitespace().map(str::to_owned).collect();
        let mut rows = Vec::new();
        for (index, line) in lines {
            let row = line.split_ascii_whitespace();
            let row = row.map(|column| u64::from_str_radix(column, 16));
            let row: Vec<u64> = row
                .collect::<Result<_, _>>()
                .map_err(|_| malformed(what, index))?;
            if row.len() != names.len() {
                return Err(malformed(what, index));
            }
            rows.push(row);
        }
        Ok(Self { names, rows })
    }

    /// The column over all processors; 0 where there is none of this name. Not for `entries`, which every row repeats.
    #[must_use]
    pub fn total(&self, name: &str) -> u64 {
        let Some(column) = self.names.iter().position(|known| known == name) else {
            return 0;
        };
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        cells.fold(0, |total, cell| total.saturating_add(*cell))
    }
}

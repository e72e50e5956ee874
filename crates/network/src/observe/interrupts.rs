//! `/proc/interrupts`, and the numbers in a device's `msi_irqs`.

use super::malformed;
use crate::Result;

const WHAT: &str = "/proc/interrupts";

/// One line of `/proc/interrupts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interrupt {
    /// Number, or the short name of one that has none (`NMI`).
    pub id: String,
    /// How often, per processor in the order of the header; some lines have only one total.
    pub counts: Vec<u64>,
    /// What the kernel writes after the counts: controller, trigger, and the device's own names.
    pub name: String,
}

impl Interrupt {
    /// The number, where it is one.
    #[must_use]
    pub fn number(&self) -> Option<u32> {
        self.id.parse().ok()
    }
}

/// Every line of `/proc/interrupts`.
///
/// # Errors
/// No header of processors, a line without a colon, or a count beyond 64 bits.
pub fn parse(text: &str) -> Result<Vec<Interrupt>> {
    let mut lines = text.lines().enumerate();
    let (_, header) = lines.next().ok_or_else(|| malformed(WHAT, 0))?;
    if !header
        .split_ascii_whitespace()
        .all(|cpu| cpu.starts_with("CPU"))
    {
        return Err(malformed(WHAT, 0));
    }
    let cpus = header.split_ascii_whitespace().count();
    let mut interrupts = Vec::new();
    for (index, line) in lines {
        let (id, rest) = line.split_once(':').ok_or_else(|| malformed(WHAT, index))?;
        let mut counts = Vec::new();
        let mut rest = rest.trim_start();
        while counts.len() < cpus {
            let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
            if word.is_empty() || !word.bytes().all(|digit| digit.is_ascii_digit()) {
                break;
            }
            // Cut short, the rest would count for other processors.
            counts.push(word.parse().map_err(|_| malformed(WHAT, index))?);
            rest = after.trim_start();
        }
        interrupts.push(Interrupt {
            id: id.trim().to_owned(),
            counts,
            name: rest.trim_end().to_owned(),
        });
    }
    Ok(interrupts)
}

/// The numbers among the names of files in `/proc/irq` or a device's `msi_irqs`, sorted; other names are left out.
#[must_use]
pub fn numbers<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<u32> {
    let mut numbers: Vec<u32> = names
        .into_iter()
        .filter_map(|name| name.parse().ok())
        .collect();
    numbers.sort_unstable();
    numbers
}

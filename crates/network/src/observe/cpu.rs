//! Processors: lists such as `0-3,8`, and masks such as `ff,00000001`.

use super::malformed;
use crate::Result;

/// Processors at most: what `CONFIG_NR_CPUS` allows on x86 with `MAXSMP`, so that `0-4294967295` is refused and not built.
pub const CPUS_MAX: u32 = 8_192;

/// A list as in `/sys/devices/system/cpu/online` and `local_cpulist`, in order and without repeats.
///
/// # Errors
/// What is no list, or names a processor beyond [`CPUS_MAX`].
pub fn list(text: &str) -> Result<Vec<u32>> {
    const WHAT: &str = "a list of processors";
    let mut cpus = Vec::new();
    for part in text.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (Ok(first), Ok(last)) = (first.parse::<u32>(), last.parse::<u32>()) else {
            return Err(malformed(WHAT, 0));
        };
        // Bounded also in sum: parts that repeat a range would otherwise multiply it.
        if first > last || last >= CPUS_MAX || cpus.len() > CPUS_MAX as usize {
            return Err(malformed(WHAT, 0));
        }
        cpus.extend(first..=last);
    }
    cpus.sort_unstable();
    cpus.dedup();
    Ok(cpus)
}

/// The list that [`list`] reads, with ranges where processors follow each other.
#[must_use]
pub fn write_list(cpus: &[u32]) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for cpu in cpus {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*cpu) => *last = *cpu,
            _ => ranges.push((*cpu, *cpu)),
        }
    }
    let ranges = ranges.iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    });
    ranges.collect::<Vec<_>>().join(",")
}

/// A mask as in `rps_cpus`: hexadecimal words of 32 bits, the highest first.
///
/// # Errors
/// What is no mask, or is longer than [`CPUS_MAX`] bits.
pub fn mask(text: &str) -> Result<Vec<u32>> {
    const WHAT: &str = "a mask of processors";
    let mut cpus = Vec::new();
    let mut base = 0_u32;
    for word in text.trim().rsplit(',') {
        let word = u32::from_str_radix(word, 16).map_err(|_| malformed(WHAT, 0))?;
        if base >= CPUS_MAX {
            return Err(malformed(WHAT, 0));
        }
        cpus.extend(
            (0..32)
                .filter(|bit| word >> bit & 1 == 1)
                .map(|bit| base + bit),
        );
        base += 32;
    }
    Ok(cpus)
}

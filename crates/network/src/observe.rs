//! What the host says about its network, as values. Every parser here is a pure function over text or bytes: it never
//! panics, its work is linear in its input, and what it does not understand is an error with a line, not a guess.
//!
//! Formats: proc(5), the kernel's `Documentation/networking/` and `net/core/net-procfs.c`, and the `-j` output of
//! iproute2 and nftables, read on the kernels and versions that the tests' texts name.

pub mod conntrack;
pub mod counters;
pub mod interfaces;
pub mod interrupts;
pub mod nftables;
pub mod qdisc;
pub mod sets;
pub mod sockets;
pub mod softnet;
#[cfg(test)]
mod tests;

use crate::{Error, Result};

/// A line, from 0, that is not what the format of `what` says.
fn malformed(what: &str, index: usize) -> Error {
    Error::Parse {
        what: what.to_owned(),
        said: format!("line {} is not understood", index + 1),
    }
}

/// JSON of a tool, bounded by serde's own depth of 128.
pub(crate) fn json(what: &str, text: &str) -> Result<serde_json::Value> {
    // A tool that has nothing to say prints nothing.
    if text.trim().is_empty() {
        return Ok(serde_json::Value::Array(Vec::new()));
    }
    serde_json::from_str(text).map_err(|error| Error::Parse {
        what: what.to_owned(),
        said: error.to_string(),
    })
}

/// The words of a file that has nothing else, such as the names of governors.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// A number for people and gauges.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "exact up to 9 * 10^15")]
pub const fn float(value: u64) -> f64 {
    value as f64
}

/// `part` of `whole`; 0 where there is no whole.
#[must_use]
pub fn ratio(part: u64, whole: u64) -> f64 {
    match whole {
        0 => 0.0,
        whole => float(part) / float(whole),
    }
}

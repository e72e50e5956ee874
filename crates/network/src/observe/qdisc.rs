//! Queueing disciplines, from `tc -s -j qdisc show`.

use serde::{Deserialize, Serialize};

use super::malformed;
use crate::Result;

/// One queueing discipline and its totals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Qdisc {
    /// `htb`, `fq_codel`, `noqueue`.
    pub kind: String,
    /// Its handle: `1:`.
    pub handle: String,
    /// Which class it hangs under: `1:10`; empty for a root.
    pub parent: String,
    /// Which interface.
    pub dev: String,
    /// Whether it is the interface's root.
    pub root: bool,
    /// Bytes sent.
    pub bytes: u64,
    /// Packets sent.
    pub packets: u64,
    /// Packets dropped.
    pub drops: u64,
    /// Times that the rate held a packet back.
    pub overlimits: u64,
    /// Bytes that wait now.
    pub backlog: u64,
    /// Packets that wait now.
    pub qlen: u64,
}

/// What `tc -s -j qdisc show` printed.
///
/// # Errors
/// What is not a list of queueing disciplines.
pub fn parse(text: &str) -> Result<Vec<Qdisc>> {
    const WHAT: &str = "tc -s -j qdisc show";
    serde_json::from_value(super::json(WHAT, text)?).map_err(|_| malformed(WHAT, 0))
}

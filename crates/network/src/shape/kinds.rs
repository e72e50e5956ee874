//! Which queueing disciplines this kernel has.

use rustix::thread::{CapabilitySet, capabilities};

use crate::host::Host;

/// Those that shaping can use.
const USEFUL: [&str; 4] = ["htb", "cake", "fq_codel", "sfq"];

/// Those of [`USEFUL`] that the kernel has, or gets as modules when asked; nothing when it cannot be told.
///
/// The only way to know is to try. It is tried on the loopback of a network namespace that ends with the try, so that no
/// interface of the host is touched.
#[must_use]
pub fn probe(host: &Host) -> Option<Vec<String>> {
    let flags = ["-n", "-rn"];
    let Some(space) = flags.into_iter().find(|flag| has(host, flag, "pfifo")) else {
        return untried(host);
    };
    let found = USEFUL.into_iter().filter(|kind| has(host, space, kind));
    Some(found.map(str::to_owned).collect())
}

/// A container that may shape and may have no namespace cannot try. HTB is in the kernel of every distribution; where it
/// is not, `tc` says so when the plan is carried out, and everything is put back.
fn untried(host: &Host) -> Option<Vec<String>> {
    let held = capabilities(None).ok()?.effective;
    let may_shape = held.contains(CapabilitySet::NET_ADMIN)
        && !held.contains(CapabilitySet::SYS_ADMIN)
        && host.run("tc", &["-V"], "").is_ok_and(|done| done.success);
    may_shape.then(|| vec!["htb".to_owned()])
}

/// `-n` is what root may do, `-rn` what others may where the kernel lets them have namespaces of users.
fn has(host: &Host, space: &str, kind: &str) -> bool {
    let words = [space, "tc", "qdisc", "add", "dev", "lo", "root", kind];
    host.run("unshare", &words, "")
        .is_ok_and(|output| output.success)
}

//! Whether this machine can play scenes at all.

use std::sync::LazyLock;

use crate::{LabError, Namespace, run_tool};

/// Set to anything where scenes must be playable, as on a machine for continuous integration.
const REQUIRED: &str = "NETLAB_REQUIRED";

/// Why no scene can be made on this machine, in words for whoever runs the tests; `None` when it can.
///
/// # Panics
/// Instead of giving a reason, when the environment has `NETLAB_REQUIRED`: a test that skips itself proves nothing.
#[must_use]
pub fn unable() -> Option<&'static str> {
    static REASON: LazyLock<Option<String>> = LazyLock::new(|| look().err());
    let reason = REASON.as_deref();
    assert!(
        reason.is_none() || std::env::var_os(REQUIRED).is_none(),
        "{REQUIRED} is set, and {}",
        reason.unwrap_or_default()
    );
    reason
}

fn look() -> Result<(), String> {
    if !rustix::process::geteuid().is_root() {
        return Err("network namespaces of one's own need root".to_owned());
    }
    for (tool, version) in [("ip", "-V"), ("tc", "-V"), ("nft", "-v")] {
        run_tool(tool, &[version], None).map_err(|error| error.to_string())?;
    }
    try_all().map_err(|error| error.to_string())
}

/// One of each kind of thing that scenes need from the kernel.
fn try_all() -> Result<(), LabError> {
    let space = Namespace::new("probe")?;
    space.ip("link add probe0 type veth peer name probe1")?;
    space.tool(
        "tc",
        "qdisc add dev probe0 root tbf rate 1mbit burst 10kb limit 10kb",
    )?;
    space.tool("tc", "qdisc add dev probe1 root handle 1: htb")?;
    space.nft(
        "table inet probe { chain pre { type filter hook prerouting priority -300\n \
         numgen random mod 1000 < 1 drop\n }\n }",
    )?;
    Ok(())
}

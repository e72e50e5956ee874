//! Packets lost by chance.

use crate::{LabError, Namespace};

/// Every packet that arrives in `space` over UDP is lost with the chance of `per_mille` in 1,000, until the namespace ends.
/// It has a table of its own, `inet netlab_loss`, before every other rule.
///
/// # Errors
/// When `nft` refuses.
pub fn lose(space: &Namespace, per_mille: u16) -> Result<(), LabError> {
    space.nft(&format!(
        "table inet netlab_loss {{ chain pre {{ type filter hook prerouting priority -400; policy accept\n \
         meta l4proto udp numgen random mod 1000 < {per_mille} drop\n }}\n }}"
    ))?;
    Ok(())
}

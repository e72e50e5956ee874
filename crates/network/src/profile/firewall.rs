//! Section `firewall` of a profile.

use serde::{Deserialize, Serialize};

/// Which ports are open, and to whom.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Firewall {}

impl Firewall {
    /// The numbers of the guide's script.
    #[must_use]
    pub fn guide() -> Self {
        Self::default()
    }
}

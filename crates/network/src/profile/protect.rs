//! Section `ddos_protect` of a profile.

use serde::{Deserialize, Serialize};

/// What protects against floods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Protect {}

impl Protect {
    /// The numbers of the guide's script.
    #[must_use]
    pub fn guide() -> Self {
        Self::default()
    }
}

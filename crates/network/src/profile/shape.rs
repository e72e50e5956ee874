//! Section `traffic_shape` of a profile.

use serde::{Deserialize, Serialize};

/// How packets that leave share the uplink.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shape {}

impl Shape {
    /// The numbers of the guide's script.
    #[must_use]
    pub fn guide() -> Self {
        Self::default()
    }
}

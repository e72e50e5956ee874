//! Section `thresholds` of a profile.

use serde::{Deserialize, Serialize};

/// When `monitor` and `report` raise an alarm.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {}

impl Thresholds {
    /// The numbers of the guide's script.
    #[must_use]
    pub fn guide() -> Self {
        Self::default()
    }
}

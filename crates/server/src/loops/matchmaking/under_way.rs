//! Servers that are as good as taken.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use stadion_core::id::Region;

/// Placements under way in each region, over all game modes: servers that will be gone in a moment.
#[derive(Debug, Default)]
pub struct UnderWay(Mutex<HashMap<Region, u32>>);

impl UnderWay {
    fn change(&self, region: &Region, up: bool) {
        let mut regions = self.0.lock();
        let count = regions.entry(region.clone()).or_default();
        *count = if up {
            count.saturating_add(1)
        } else {
            count.saturating_sub(1)
        };
    }

    pub(super) fn of(&self, region: &Region) -> u32 {
        self.0.lock().get(region).copied().unwrap_or(0)
    }
}

/// A server of a region that will be gone in a moment, or given back to the planner by dropping this.
pub(in crate::loops) struct Reserved {
    under_way: Arc<UnderWay>,
    region: Region,
}

impl Reserved {
    pub(in crate::loops) fn new(under_way: &Arc<UnderWay>, region: &Region) -> Self {
        under_way.change(region, true);
        Self {
            under_way: under_way.clone(),
            region: region.clone(),
        }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.under_way.change(&self.region, false);
    }
}

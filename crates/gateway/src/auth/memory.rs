//! Tokens that were verified, by digest; bounded by forgetting the older half.

use std::collections::HashMap;
use std::sync::Arc;

use stadion_core::time::Timestamp;

use super::Player;

type Verified = (Arc<Player>, Timestamp);

/// Two generations: when the young one is full it becomes the old one, and what was not asked for since is gone.
pub(super) struct Memory {
    young: HashMap<[u8; 32], Verified>,
    old: HashMap<[u8; 32], Verified>,
    generation_max: usize,
}

impl Memory {
    pub(super) fn new(max: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            generation_max: (max / 2).max(1),
        }
    }

    pub(super) fn get(&mut self, digest: &[u8; 32]) -> Option<Verified> {
        if let Some(known) = self.young.get(digest) {
            return Some(known.clone());
        }
        let known = self.old.remove(digest)?;
        self.insert(*digest, known.clone());
        Some(known)
    }

    pub(super) fn insert(&mut self, digest: [u8; 32], verified: Verified) {
        if self.young.len() >= self.generation_max {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(digest, verified);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

//! Where players live, and how far that is from servers.

use std::collections::BTreeMap;

use rand::{Rng, RngExt};

/// The guide's five regions with the share of players that live near each, per cent.
const HOMES: [(&str, u32); 5] = [
    ("us-east-1", 30),
    ("us-west-2", 20),
    ("eu-west-1", 30),
    ("ap-northeast-1", 12),
    ("ap-southeast-2", 8),
];

/// Round trips between the regions in the order of [`HOMES`], milliseconds. Light in fibre needs 1 ms per 100 km and
/// back; these are great-circle distances with the detours that submarine cables make, rounded.
const BETWEEN_MS: [[u32; 5]; 5] = [
    [2, 65, 75, 155, 200],
    [65, 2, 130, 100, 140],
    [75, 130, 2, 210, 260],
    [155, 100, 210, 2, 105],
    [200, 140, 260, 105, 2],
];

/// Round trip of a player's own line, milliseconds: fibre to a poor mobile network.
const LINE_MS: std::ops::RangeInclusive<u32> = 6..=40;

/// Distance to a region that is not on the map, milliseconds: next door.
const UNKNOWN_MS: u32 = 2;

/// One party's place on the map.
#[derive(Clone, Copy, Debug)]
pub(super) struct Home(usize);

impl Home {
    /// A home drawn by the shares.
    pub(super) fn draw(random: &mut impl Rng) -> Self {
        let mut at = random.random_range(0..100_u32);
        for (index, (_, share)) in HOMES.iter().enumerate() {
            match at.checked_sub(*share) {
                Some(rest) => at = rest,
                None => return Self(index),
            }
        }
        Self(0)
    }

    fn to_region_ms(self, region: &str) -> u32 {
        let to = HOMES.iter().position(|(name, _)| *name == region);
        to.and_then(|to| BETWEEN_MS.get(self.0)?.get(to).copied())
            .unwrap_or(UNKNOWN_MS)
    }
}

/// One player's line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    home: Home,
    line_ms: u32,
}

impl Line {
    pub(super) fn draw(home: Home, random: &mut impl Rng) -> Self {
        let line_ms = random.random_range(LINE_MS);
        Self { home, line_ms }
    }

    /// Round trip to a server in `region`, milliseconds.
    pub(super) fn latency_ms(self, region: &str) -> u32 {
        self.home.to_region_ms(region) + self.line_ms
    }

    /// What the player measured to each of `regions`.
    pub(super) fn measure(self, regions: &[String]) -> BTreeMap<String, u32> {
        let measured = regions.iter().map(|r| (r.clone(), self.latency_ms(r)));
        measured.collect()
    }

    /// How much a datagram is late at most, one way, microseconds: a tenth of the line.
    pub(super) fn jitter_us(self) -> u64 {
        u64::from(self.line_ms) * 100
    }
}

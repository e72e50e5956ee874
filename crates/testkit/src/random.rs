//! Randomness that can be repeated.

/// Environment variable that fixes the seed of [`Random::from_env`].
pub const SEED_VARIABLE: &str = "STADION_TEST_SEED";

/// `SplitMix64` (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014): small, and good enough to
/// choose test cases.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The sequence of the seed in [`SEED_VARIABLE`], or of `default`. It prints the seed, which a failing test shows.
    #[must_use]
    pub fn from_env(default: u64) -> Self {
        let given = std::env::var(SEED_VARIABLE).ok();
        let seed = given.and_then(|text| text.parse().ok()).unwrap_or(default);
        println!("{SEED_VARIABLE}={seed}");
        Self(seed)
    }

    /// 64 random bits.
    pub const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 128 random bits, as ids want them.
    pub fn wide(&mut self) -> u128 {
        (u128::from(self.bits()) << 64) | u128::from(self.bits())
    }

    /// A number below `bound`, which must not be 0. The bias of the remainder does not matter to a test.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("a usize of this platform fits");
        usize::try_from(self.bits() % bound).expect("below a usize")
    }

    /// One of `items`, which must not be empty.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// True once in `n` times.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

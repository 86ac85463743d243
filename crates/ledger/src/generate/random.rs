//! Seeded random numbers, so that a generated ledger can be generated again.

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// SplitMix64, with an independent sequence for each run of a seed. Not for keys.
#[derive(Debug)]
pub struct Random(SplitMix64);

impl Random {
    /// The sequence of run `run` of `seed`.
    pub fn for_run(seed: u64, run: u64) -> Self {
        let first = |seed| SplitMix64::seed_from_u64(seed).next_u64();
        Random(SplitMix64::seed_from_u64(first(first(seed) ^ run.wrapping_mul(0xd605_1f2d_36a6_5f21))))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in `0..n`: the high word of a product, with a bias of at most n / 2⁶⁴.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(n)) >> 64) as u64
    }
}

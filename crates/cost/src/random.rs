//! A seeded generator of random numbers, so that a simulation can be repeated.

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators", OOPSLA 2014). For simulations, not for keys.
#[derive(Clone, Debug)]
pub struct Random(SplitMix64);

impl Random {
    /// The sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Random(SplitMix64::seed_from_u64(seed))
    }

    /// The sequence of run `run` of `seed`. Each run has a sequence of its own.
    pub fn for_run(seed: u64, run: u64) -> Self {
        let start = Random::new(seed).bits();
        Random::new(Random::new(start ^ run.wrapping_mul(0xd605_1f2d_36a6_5f21)).bits())
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in [0, 1), with 53 bits.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * 2f64.powi(-53)
    }

    /// Uniform in `0..n`: the high word of a product, with a bias of at most n / 2⁶⁴.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(n)) >> 64) as u64
    }

    /// Exponential with mean `mean`: the time to the next event of a Poisson process.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_sequence() {
        // The sequence of seed 1234567, from Rosetta Code.
        let mut random = Random::new(1_234_567);
        let expected: [u64; 5] = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(expected.map(|_| random.bits()), expected);
    }

    #[test]
    fn runs_differ_and_repeat() {
        let first = |seed, run| Random::for_run(seed, run).bits();
        assert_eq!(first(7, 3), first(7, 3));
        assert_ne!(first(7, 3), first(7, 4));
        assert_ne!(first(7, 3), first(8, 3));
    }

    #[test]
    fn moments() {
        let mut random = Random::new(1);
        let n = 200_000;
        let mean = |draw: &mut dyn FnMut() -> f64| (0..n).map(|_| draw()).sum::<f64>() / f64::from(n);
        // Five standard errors each.
        assert!((mean(&mut || random.exponential(3.0)) - 3.0).abs() < 5.0 * 3.0 / f64::from(n).sqrt());
        assert!((mean(&mut || random.below(7) as f64) - 3.0).abs() < 5.0 * 2.0 / f64::from(n).sqrt());
        assert!((mean(&mut || random.unit()) - 0.5).abs() < 5.0 * 0.289 / f64::from(n).sqrt());
    }
}

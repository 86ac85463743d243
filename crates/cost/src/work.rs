//! The number of hashes that a block takes.

use super::quantity::refused;
use verilane::Error;
use verilane::pow::Target;

/// The mean number of hashes until one meets a target.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Work(f64);

impl Work {
    /// The mean hashes at Bitcoin's difficulty 1, whose target is 0xffff × 2²⁰⁸:
    /// 2²⁵⁶ / (0xffff × 2²⁰⁸) = 2⁴⁸ / 65535.
    pub const HASHES_OF_DIFFICULTY_1: f64 = 281_474_976_710_656.0 / 65_535.0;

    /// A mean number of hashes.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless it lies between 1 and 2²⁵⁶.
    pub fn from_hashes(hashes: f64) -> Result<Self, Error> {
        if (1.0..=2f64.powi(256)).contains(&hashes) {
            return Ok(Work(hashes));
        }
        Err(refused("the number of hashes", hashes, "it must lie between 1 and 2^256"))
    }

    /// The work of a block at this difficulty of Bitcoin's.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless a block takes between 1 and 2²⁵⁶ hashes.
    pub fn from_difficulty(difficulty: f64) -> Result<Self, Error> {
        Work::from_hashes(difficulty * Self::HASHES_OF_DIFFICULTY_1).map_err(|_| {
            let valid = "it must lie between 2.33e-10 (1 hash a block) and 2.69e67 (2^256 hashes a block)";
            refused("the difficulty", difficulty, valid)
        })
    }

    /// The work of a block with this target: 2²⁵⁶ / (target + 1).
    ///
    /// # Errors
    /// [`Error::Parameter`] if the target is zero.
    pub fn from_target(target: &Target) -> Result<Self, Error> {
        if target.to_be_bytes() == [0; 32] {
            return Err(refused("the target", "zero", "it must lie between 1 and 2^256 - 1"));
        }
        Ok(Work(target.expected_hashes()))
    }

    /// The mean number of hashes.
    pub fn hashes(self) -> f64 {
        self.0
    }

    /// The work as Bitcoin's difficulty.
    pub fn difficulty(self) -> f64 {
        self.0 / Self::HASHES_OF_DIFFICULTY_1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_equals_bitcoins_chain_work() {
        // The chain work of Bitcoin's block 0 is 0x100010001.
        let genesis = Work::from_target(&Target::from_bits(0x1d00_ffff).unwrap()).unwrap();
        assert_eq!(genesis.hashes().floor(), 4_295_032_833.0);
        assert_eq!(Work::from_difficulty(1.0).unwrap().hashes().floor(), 4_295_032_833.0);
        assert!((genesis.difficulty() - 1.0).abs() < 1e-12);
        // Bits 0x1b0404cb, difficulty 16307.420938523983 in Bitcoin's own documentation.
        let documented = Work::from_target(&Target::from_bits(0x1b04_04cb).unwrap()).unwrap();
        assert!((documented.difficulty() / 16_307.420_938_523_983 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_bounds_of_the_range() {
        let target = |last| {
            let mut bytes = [0; 32];
            bytes[31] = last;
            Work::from_target(&Target::from_be_bytes(bytes))
        };
        assert_eq!(target(1).unwrap().hashes(), 2f64.powi(255));
        let refusal = target(0).unwrap_err().to_string();
        assert_eq!(refusal, "the target cannot be zero: it must lie between 1 and 2^256 - 1");
        assert_eq!(Work::from_target(&Target::from_be_bytes([0xff; 32])).unwrap().hashes(), 1.0);
        assert!(Work::from_difficulty(2.69e67).is_ok() && Work::from_difficulty(2.34e-10).is_ok());
        for difficulty in [2.71e67, 2f64.powi(256), 0.0, -1.0, 2.3e-10, f64::NAN, f64::INFINITY] {
            let refusal = Work::from_difficulty(difficulty).unwrap_err().to_string();
            assert!(refusal.contains("between 2.33e-10"), "{refusal}");
        }
    }
}

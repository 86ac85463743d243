//! Operation counts: the integer operations that a kernel needs for one item, counted from
//! its algorithm. Divided into an adapter's [`PeakRates`] they bound the kernel's rate.
//!
//! Operations on constants count as folded. Loads and stores, byte swaps, loops, carries
//! between limbs and table lookups do not count, so the counts are lower bounds.

use std::ops::{Add, Mul, Range};

use super::PeakRates;
use crate::Hash;
use crate::ed25519::Rule;
use crate::merkle::Tree;

/// Counts of integer operations, of the kinds of [`PeakRates`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OpCounts {
    /// Additions of two words.
    pub add: f64,
    /// Additions of three words.
    pub add_three: f64,
    /// Ch, Maj and other logic of up to three operands.
    pub choose: f64,
    /// Rotations, each with an exclusive or.
    pub rotate: f64,
    /// Σ and σ of SHA-2.
    pub sigma: f64,
    /// 32-bit multiplications.
    pub multiply: f64,
    /// Multiplications of 32 by 32 bits to 64.
    pub wide_multiply: f64,
}

impl OpCounts {
    const NONE: OpCounts = OpCounts::of([0.0; 7]);

    const fn of([add, add_three, choose, rotate, sigma, multiply, wide_multiply]: [f64; 7]) -> Self {
        OpCounts { add, add_three, choose, rotate, sigma, multiply, wide_multiply }
    }

    fn to_array(self) -> [f64; 7] {
        [self.add, self.add_three, self.choose, self.rotate, self.sigma, self.multiply, self.wide_multiply]
    }

    /// The sum over all kinds.
    #[must_use]
    pub fn count(&self) -> f64 {
        self.to_array().iter().sum()
    }

    /// The rate of this mixture of operations per second on an adapter that runs one kind
    /// at a time; none if it lacks a kind. An adapter that runs several kinds in parallel
    /// can exceed it.
    #[must_use]
    pub fn per_second(&self, peak_rates: &PeakRates) -> Option<f64> {
        if self.wide_multiply > 0.0 && peak_rates.wide_multiply.is_none() {
            return None;
        }
        let rates = [
            peak_rates.add,
            peak_rates.add_three,
            peak_rates.choose,
            peak_rates.rotate,
            peak_rates.sigma,
            peak_rates.multiply,
            peak_rates.wide_multiply.unwrap_or(f64::INFINITY),
        ];
        let seconds: f64 = self.to_array().iter().zip(rates).map(|(count, rate)| count / rate).sum();
        Some(self.count() / seconds)
    }

    /// The additions in a sum of `words` words.
    fn additions(words: u32) -> Self {
        let count = words.saturating_sub(1);
        OpCounts { add_three: f64::from(count / 2), add: f64::from(count % 2), ..OpCounts::NONE }
    }
}

impl Add for OpCounts {
    type Output = OpCounts;

    fn add(self, other: OpCounts) -> OpCounts {
        let (own, others) = (self.to_array(), other.to_array());
        OpCounts::of(std::array::from_fn(|kind| own[kind] + others[kind]))
    }
}

impl Mul<OpCounts> for f64 {
    type Output = OpCounts;

    fn mul(self, counts: OpCounts) -> OpCounts {
        OpCounts::of(counts.to_array().map(|count| self * count))
    }
}

/// A digest of a record of `length` bytes.
#[must_use]
pub fn hash(hash: Hash, length: usize) -> OpCounts {
    match hash {
        Hash::Sha256 => sha256(length),
        Hash::Sha256d => sha256(length) + sha256_of_digest(),
        Hash::Blake3 | Hash::KeyedBlake3(_) => blake3_compressions(length) * BLAKE3,
    }
}

/// A Merkle node over two children.
#[must_use]
pub fn merkle_node(tree: Tree) -> OpCounts {
    let length = tree.node_prefix().len() + 64;
    match tree.hash() {
        // With the prefix, one byte of the children is in the second block.
        Hash::Sha256 if length > 64 => ALL_WORDS.compression() + ONE_WORD.compression(),
        other => hash(other, length),
    }
}

/// A nonce: SHA-256d of a header, without what the host precomputes, up to the round after
/// which the digest's last word is known.
#[must_use]
pub fn nonce(nonce_offset: usize) -> OpCounts {
    let word = nonce_offset % 64 / 4;
    // In the round of its own word, the nonce is added to a and to e.
    let first = OpCounts { add: 2.0, ..OpCounts::NONE }
        + Block { varying: 1 << word }.rounds(word + 1..64)
        + FEED_FORWARD;
    first + EIGHT_WORDS.rounds(0..61) + OpCounts::additions(2)
}

/// The fewest bytes that a fingerprint moves in the adapter's memory: its own 32; 4 each
/// for clearing, writing and reading a slot of the table, for writing and reading the
/// slot's number, and for writing the result.
pub const FINGERPRINT_BYTES: u64 = 32 + 6 * 4;

/// A valid signature: the multiplications of its field operations.
#[must_use]
pub fn signature(rule: Rule, int64: bool) -> OpCounts {
    // Products and squares, as in the table of `ed25519`: for A and for R, decoding (19, 255)
    // and the lookup table (60, 0); then 128 doublings (3, 4), 66 additions (8, 0), 16 mixed
    // additions of the base point's multiples (7, 0) and the result's conversion (3, 0).
    let tables = FieldOps { products: 158.0, squares: 510.0 };
    let msm = FieldOps { products: 1027.0, squares: 512.0 };
    // The multiplication by the cofactor; or the check of A and R for small order.
    let rule = match rule {
        Rule::Zip215 => FieldOps { products: 9.0, squares: 12.0 },
        Rule::Strict => FieldOps { products: 4.0, squares: 4.0 },
        Rule::Rfc8032 => FieldOps { products: 0.0, squares: 0.0 },
    };
    let total = |count: fn(&FieldOps) -> f64| [tables, msm, rule].iter().map(count).sum::<f64>();
    let Multiplies { product, square } = multiplies(int64);
    let count = f64::from(product) * total(|p| p.products) + f64::from(square) * total(|p| p.squares);
    match int64 {
        true => OpCounts { wide_multiply: count, ..OpCounts::NONE },
        false => OpCounts { multiply: count, ..OpCounts::NONE },
    }
}

/// Multiplications and squarings of field elements.
#[derive(Clone, Copy)]
struct FieldOps {
    products: f64,
    squares: f64,
}

/// Multiplies in a product of field elements, and in a square.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Multiplies {
    product: u32,
    square: u32,
}

/// Of limbs, and those that fold what is above 2^255.
fn multiplies(int64: bool) -> Multiplies {
    match int64 {
        true => Multiplies { product: 65 + 10, square: 45 + 10 },
        false => Multiplies { product: 300 + 21, square: 165 + 21 },
    }
}

/// A message block of SHA-256: a bit for each word that varies between items. The other
/// words are constants, and so are the schedule words that depend on those alone.
#[derive(Clone, Copy)]
struct Block {
    varying: u64,
}

const ALL_WORDS: Block = Block { varying: 0xffff };
const EIGHT_WORDS: Block = Block { varying: 0xff };
const ONE_WORD: Block = Block { varying: 1 };
const NO_WORD: Block = Block { varying: 0 };

/// A round without T1's sum: Σ1, Ch, Σ0 and Maj; a = T1 + Σ0 + Maj and e = d + T1.
const ROUND: OpCounts = OpCounts { sigma: 2.0, choose: 2.0, add_three: 1.0, add: 1.0, ..OpCounts::NONE };

/// The addition of the hash value before the block.
const FEED_FORWARD: OpCounts = OpCounts { add: 8.0, ..OpCounts::NONE };

impl Block {
    fn compression(self) -> OpCounts {
        self.rounds(0..64) + FEED_FORWARD
    }

    /// These rounds (FIPS 180-4, section 6.2.2) and the schedule words that they need.
    fn rounds(self, rounds: Range<usize>) -> OpCounts {
        let mut varying = self.varying;
        let varies = |varying: u64, t: usize| varying >> t & 1 == 1;
        let mut total = OpCounts::NONE;
        for t in 16..rounds.end {
            // W_t = σ1(W_(t−2)) + W_(t−7) + σ0(W_(t−15)) + W_(t−16).
            let sigmas = [2, 15].iter().filter(|back| varies(varying, t - **back)).count() as u32;
            let words = sigmas + [7, 16].iter().filter(|back| varies(varying, t - **back)).count() as u32;
            if words == 0 {
                continue;
            }
            varying |= 1 << t;
            let sigmas = OpCounts { sigma: f64::from(sigmas), ..OpCounts::NONE };
            // The constant terms add up to one word.
            total = total + sigmas + OpCounts::additions((words + 1).min(4));
        }
        for t in rounds {
            // T1 = h + Σ1 + Ch + K_t + W_t, where K_t + W_t may be one constant.
            total = total + ROUND + OpCounts::additions(if varies(varying, t) { 5 } else { 4 });
        }
        total
    }
}

fn sha256(length: usize) -> OpCounts {
    if length == 64 {
        return ALL_WORDS.compression() + NO_WORD.compression();
    }
    ((length + 8) / 64 + 1) as f64 * ALL_WORDS.compression()
}

fn sha256_of_digest() -> OpCounts {
    EIGHT_WORDS.compression()
}

/// A compression (the BLAKE3 paper, section 2.2): seven rounds of eight G, each with
/// a += b + m and c += d twice and four rotations of an exclusive or; then eight exclusive
/// ors of the state's words.
const BLAKE3: OpCounts =
    OpCounts { add_three: 112.0, add: 112.0, rotate: 224.0, choose: 8.0, ..OpCounts::NONE };

/// Compressions: one for each block of 64 bytes, and one for each parent node over chunks
/// of 1,024.
fn blake3_compressions(length: usize) -> f64 {
    let chunks = length.div_ceil(1024).max(1);
    (length.div_ceil(64).max(1) + chunks - 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TreeHash;

    #[test]
    fn products_take_as_many_multiplies_as_are_counted() {
        for (text, int64) in [
            (include_str!("../../shaders/lib/field25519_wide.wgsl"), true),
            (include_str!("../../shaders/lib/field25519_narrow.wgsl"), false),
        ] {
            let body =
                |name: &str| text.split(name).nth(1).and_then(|rest| rest.split("\n}").next()).unwrap();
            // A product with a constant of two is a shift.
            let count = |body: &str| {
                let doublings = body.matches(" 2u * ").count() + body.matches(" * 2u)").count();
                body.matches(" * ").count() - doublings
            };
            let [product, square] = ["fn fe_mul(", "fn fe_square("].map(|name| count(body(name)) as u32);
            assert_eq!(multiplies(int64), Multiplies { product, square }, "int64 {int64}");
        }
    }

    #[test]
    fn compressions_as_the_standards_have_them() {
        let sha256 = OpCounts { sigma: 224.0, choose: 128.0, add_three: 240.0, add: 120.0, ..OpCounts::NONE };
        assert_eq!(hash(Hash::Sha256, 55), sha256);
        assert_eq!(hash(Hash::Sha256, 56), 2.0 * sha256);
        let padding =
            OpCounts { sigma: 128.0, choose: 128.0, add_three: 128.0, add: 136.0, ..OpCounts::NONE };
        assert_eq!(hash(Hash::Sha256, 64), sha256 + padding);
        assert_eq!(merkle_node(Tree::Plain(TreeHash::Sha256)), sha256 + padding);
        assert!(merkle_node(Tree::Rfc6962(TreeHash::Sha256)).count() < 2.0 * sha256.count());
        assert_eq!(hash(Hash::Blake3, 1024), 16.0 * BLAKE3);
        assert_eq!(hash(Hash::Blake3, 1025), 18.0 * BLAKE3);
        assert_eq!(merkle_node(Tree::Rfc6962(TreeHash::Blake3)), 2.0 * BLAKE3);
    }

    #[test]
    fn a_nonce_takes_less_than_two_hashes() {
        let two = 2.0 * hash(Hash::Sha256, 55);
        let nonce = nonce(76);
        // 60 and 61 of 64 rounds.
        assert_eq!(nonce.choose, 242.0);
        assert!(nonce.sigma < two.sigma - 14.0 && nonce.count() < 0.95 * two.count(), "{nonce:?}");
    }

    #[test]
    fn signatures_take_the_documented_multiplications() {
        let wide = signature(Rule::Rfc8032, true);
        assert_eq!(wide.count().round(), 145_085.0);
        assert_eq!(signature(Rule::Zip215, true).count() - wide.count(), 1_335.0);
        assert_eq!(signature(Rule::Strict, true).count() - wide.count(), 520.0);
        assert_eq!(signature(Rule::Rfc8032, false).multiply.round(), 570_477.0);
    }

    #[test]
    fn rates_of_mixtures_add_the_times_of_their_kinds() {
        let peak_rates = PeakRates {
            add: 4.0,
            add_three: 2.0,
            choose: 4.0,
            rotate: 1.0,
            sigma: 1.0,
            multiply: 8.0,
            wide_multiply: None,
            copy: 1.0,
            upload: 1.0,
            download: 1.0,
        };
        let mixture = OpCounts { add: 4.0, add_three: 2.0, rotate: 2.0, ..OpCounts::NONE };
        // Eight operations in 1 + 1 + 2 seconds.
        assert_eq!(mixture.per_second(&peak_rates), Some(2.0));
        assert_eq!(signature(Rule::Strict, false).per_second(&peak_rates), Some(8.0));
        assert_eq!(signature(Rule::Strict, true).per_second(&peak_rates), None);
    }
}

//! What kernels have to compute for one item, counted from their algorithms: held
//! against the rates that were measured ([`Ceilings`]), a bound on their own rate.
//!
//! Constants count as folded. Loads and stores, byte order, loops, carries between
//! limbs and the choice of table entries are left out: a kernel cannot do with less.

use std::ops::{Add, Mul, Range};

use super::Ceilings;
use crate::Hash;
use crate::ed25519::Rule;
use crate::merkle::Tree;

/// Integer operations, each as [`Ceilings`] has it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Integers {
    /// Sums of two words.
    pub add: f64,
    /// Sums of three words.
    pub add_three: f64,
    /// Choices, majorities and other logic of up to three operands.
    pub choose: f64,
    /// Rotations, each with an exclusive or.
    pub rotate: f64,
    /// SHA-2's Σ and σ.
    pub sigma: f64,
    /// 32-bit products.
    pub multiply: f64,
    /// Products of 64 bits from factors of 32.
    pub wide_multiply: f64,
}

impl Integers {
    const NONE: Integers = Integers::of([0.0; 7]);

    const fn of([add, add_three, choose, rotate, sigma, multiply, wide_multiply]: [f64; 7]) -> Self {
        Integers { add, add_three, choose, rotate, sigma, multiply, wide_multiply }
    }

    fn each(&self) -> [f64; 7] {
        [self.add, self.add_three, self.choose, self.rotate, self.sigma, self.multiply, self.wide_multiply]
    }

    /// How many there are, of all kinds.
    #[must_use]
    pub fn count(&self) -> f64 {
        self.each().iter().sum()
    }

    /// How many of this mixture an adapter does in a second if it does one after the
    /// other; none if it has no operation of a kind. An adapter that does several
    /// kinds at once can exceed it.
    #[must_use]
    pub fn per_second(&self, ceilings: &Ceilings) -> Option<f64> {
        if self.wide_multiply > 0.0 && ceilings.wide_multiply.is_none() {
            return None;
        }
        let rates = [
            ceilings.add,
            ceilings.add_three,
            ceilings.choose,
            ceilings.rotate,
            ceilings.sigma,
            ceilings.multiply,
            ceilings.wide_multiply.unwrap_or(f64::INFINITY),
        ];
        let seconds: f64 = self.each().iter().zip(rates).map(|(count, rate)| count / rate).sum();
        Some(self.count() / seconds)
    }

    /// The sum of `words` words.
    fn sum(words: u32) -> Self {
        let additions = words.saturating_sub(1);
        Integers { add_three: f64::from(additions / 2), add: f64::from(additions % 2), ..Integers::NONE }
    }
}

impl Add for Integers {
    type Output = Integers;

    fn add(self, other: Integers) -> Integers {
        let (sums, others) = (self.each(), other.each());
        Integers::of(std::array::from_fn(|kind| sums[kind] + others[kind]))
    }
}

impl Mul<Integers> for f64 {
    type Output = Integers;

    fn mul(self, one: Integers) -> Integers {
        Integers::of(one.each().map(|count| self * count))
    }
}

/// The digest of a record of `length` bytes.
#[must_use]
pub fn hash(hash: Hash, length: usize) -> Integers {
    match hash {
        Hash::Sha256 => sha256(length),
        Hash::Sha256d => sha256(length) + sha256_of_digest(),
        Hash::Blake3 | Hash::KeyedBlake3(_) => blake3_compressions(length) * BLAKE3,
    }
}

/// A node above two others.
#[must_use]
pub fn merkle_node(tree: Tree) -> Integers {
    let length = tree.node_prefix().len() + 64;
    match tree.hash() {
        // The prefix of one byte moves one byte of the children into the second block.
        Hash::Sha256 if length > 64 => ALL_WORDS.compression() + ONE_WORD.compression(),
        other => hash(other, length),
    }
}

/// A nonce: SHA-256d of a header, of which the host has hashed what lies before the
/// nonce, up to the round that settles the digest's last word.
#[must_use]
pub fn nonce(nonce_offset: usize) -> Integers {
    let word = nonce_offset % 64 / 4;
    // The nonce's own round adds it to a and to e.
    let first = Integers { add: 2.0, ..Integers::NONE }
        + Block { varying: 1 << word }.rounds(word + 1..64)
        + CHAINING;
    first + EIGHT_WORDS.rounds(0..61) + Integers::sum(2)
}

/// Bytes of the adapter's memory that a fingerprint moves at least: 32 of its own; a
/// slot of the table cleared, written and read; its slot's number written and read; and
/// the answer written.
pub const FINGERPRINT_BYTES: u64 = 32 + 6 * 4;

/// A signature that is valid: its products of field elements.
#[must_use]
pub fn signature(rule: Rule, int64: bool) -> Integers {
    // As the table in `ed25519` has them: decoding (19, 255) and eight multiples (60, 0) of A
    // and of R; 128 doublings (3, 4), 66 additions (8, 0), 16 of the base point's multiples
    // (7, 0) and the last point (3, 0).
    let points = Products { products: 158.0, squares: 510.0 };
    let ladder = Products { products: 1027.0, squares: 512.0 };
    // Times 8; or whether A and R are of small order.
    let rule = match rule {
        Rule::Zip215 => Products { products: 9.0, squares: 12.0 },
        Rule::Strict => Products { products: 4.0, squares: 4.0 },
        Rule::Rfc8032 => Products { products: 0.0, squares: 0.0 },
    };
    let total = |count: fn(&Products) -> f64| [points, ladder, rule].iter().map(count).sum::<f64>();
    let Multiplies { product, square } = multiplies(int64);
    let count = f64::from(product) * total(|p| p.products) + f64::from(square) * total(|p| p.squares);
    match int64 {
        true => Integers { wide_multiply: count, ..Integers::NONE },
        false => Integers { multiply: count, ..Integers::NONE },
    }
}

/// Products of field elements, and squares.
#[derive(Clone, Copy)]
struct Products {
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

/// A block of SHA-256: the words that vary from item to item, as bits; the others
/// are constants, and so is of the schedule what follows from those alone.
#[derive(Clone, Copy)]
struct Block {
    varying: u64,
}

const ALL_WORDS: Block = Block { varying: 0xffff };
const EIGHT_WORDS: Block = Block { varying: 0xff };
const ONE_WORD: Block = Block { varying: 1 };
const NO_WORD: Block = Block { varying: 0 };

/// Σ1 and Ch, Σ0 and Maj; a = T1 + Σ0 + Maj and e = d + T1.
const ROUND: Integers = Integers { sigma: 2.0, choose: 2.0, add_three: 1.0, add: 1.0, ..Integers::NONE };

/// The chaining value and the state.
const CHAINING: Integers = Integers { add: 8.0, ..Integers::NONE };

impl Block {
    fn compression(self) -> Integers {
        self.rounds(0..64) + CHAINING
    }

    /// FIPS 180-4, section 6.2.2, and of the schedule what these rounds need.
    fn rounds(self, rounds: Range<usize>) -> Integers {
        let mut varying = self.varying;
        let varies = |varying: u64, t: usize| varying >> t & 1 == 1;
        let mut total = Integers::NONE;
        for t in 16..rounds.end {
            // σ1 of the word two back, σ0 of the one fifteen back, and two words.
            let sigmas = [2, 15].iter().filter(|back| varies(varying, t - **back)).count() as u32;
            let words = sigmas + [7, 16].iter().filter(|back| varies(varying, t - **back)).count() as u32;
            if words == 0 {
                continue;
            }
            varying |= 1 << t;
            let sigmas = Integers { sigma: f64::from(sigmas), ..Integers::NONE };
            // What is constant of the four makes up one word.
            total = total + sigmas + Integers::sum((words + 1).min(4));
        }
        for t in rounds {
            // T1 = h + Σ1 + Ch + K + W, of which K + W may be one constant.
            total = total + ROUND + Integers::sum(if varies(varying, t) { 5 } else { 4 });
        }
        total
    }
}

fn sha256(length: usize) -> Integers {
    if length == 64 {
        return ALL_WORDS.compression() + NO_WORD.compression();
    }
    ((length + 8) / 64 + 1) as f64 * ALL_WORDS.compression()
}

fn sha256_of_digest() -> Integers {
    EIGHT_WORDS.compression()
}

/// Seven rounds of eight quarter rounds - a += b + m, c += d, twice each, and four
/// times a rotation of an exclusive or - and the two halves of the state.
const BLAKE3: Integers =
    Integers { add_three: 112.0, add: 112.0, rotate: 224.0, choose: 8.0, ..Integers::NONE };

/// One for each block of 64 bytes, and one for each node above the chunks of 1,024.
fn blake3_compressions(length: usize) -> f64 {
    let chunks = length.div_ceil(1024).max(1);
    (length.div_ceil(64).max(1) + chunks - 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let sha256 = Integers { sigma: 224.0, choose: 128.0, add_three: 240.0, add: 120.0, ..Integers::NONE };
        assert_eq!(hash(Hash::Sha256, 55), sha256);
        assert_eq!(hash(Hash::Sha256, 56), 2.0 * sha256);
        let padding =
            Integers { sigma: 128.0, choose: 128.0, add_three: 128.0, add: 136.0, ..Integers::NONE };
        assert_eq!(hash(Hash::Sha256, 64), sha256 + padding);
        assert_eq!(merkle_node(Tree::Plain(Hash::Sha256)), sha256 + padding);
        assert!(merkle_node(Tree::Rfc6962(Hash::Sha256)).count() < 2.0 * sha256.count());
        assert_eq!(hash(Hash::Blake3, 1024), 16.0 * BLAKE3);
        assert_eq!(hash(Hash::Blake3, 1025), 18.0 * BLAKE3);
        assert_eq!(merkle_node(Tree::Rfc6962(Hash::Blake3)), 2.0 * BLAKE3);
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
    fn signatures_cost_what_the_kernels_say() {
        let wide = signature(Rule::Rfc8032, true);
        assert_eq!(wide.count().round(), 145_085.0);
        assert_eq!(signature(Rule::Zip215, true).count() - wide.count(), 1_335.0);
        assert_eq!(signature(Rule::Strict, true).count() - wide.count(), 520.0);
        assert_eq!(signature(Rule::Rfc8032, false).multiply.round(), 570_477.0);
    }

    #[test]
    fn mixtures_are_bounded_by_each_of_their_parts() {
        let ceilings = Ceilings {
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
        let mixture = Integers { add: 4.0, add_three: 2.0, rotate: 2.0, ..Integers::NONE };
        // Eight operations in 1 + 1 + 2 seconds.
        assert_eq!(mixture.per_second(&ceilings), Some(2.0));
        assert_eq!(signature(Rule::Strict, false).per_second(&ceilings), Some(8.0));
        assert_eq!(signature(Rule::Strict, true).per_second(&ceilings), None);
    }
}

//! GF(2^255 - 19) in five limbs of 52 bits, for IFMA.
//!
//! The multiplier reads the low 52 bits of its operands and ignores the others, so reduced
//! limbs need no masking: limb i counts modulo 2^52.

use super::{Field, PACKED_LEN, Wide, canonical_words, extract_bits, splat_limbs};
use crate::cpu::lanes::LanesIfma;

/// An element as limbs of 52, 52, 52, 52 and 47 bits, low limb first.
///
/// Only the low 52 bits of the first four limbs count. The last is below 2^47 + 2^12 and counts
/// in full. All bits of the limbs of sums count; those of a product are below 10 * 2^52 + 2^11
/// < 2^56.
#[derive(Clone, Copy)]
pub struct Field52<L>([L; 5]);

const MASK: u64 = (1 << 52) - 1;
const TOP_MASK: u64 = (1 << 47) - 1;

/// 2^260 mod p.
const TWO_260: u64 = 608;

/// The limbs of 2^10 p. Each exceeds every limb of a product, and twice the bias leaves room in
/// 64 bits for eight products.
const BIAS: [u64; 5] = {
    let full = (1 << 62) - (1 << 10);
    [(1 << 62) - 19 * (1 << 10), full, full, full, (1 << 57) - (1 << 10)]
};

const HALF_BIAS: [u64; 5] = [BIAS[0] / 2, BIAS[1] / 2, BIAS[2] / 2, BIAS[3] / 2, BIAS[4] / 2];

const ZERO: [u64; 5] = [0; 5];

impl<L: LanesIfma> Field52<L> {
    #[inline(always)]
    fn mul_from(self, other: Self, start: [u64; 5]) -> Wide<L> {
        let ([a0, a1, a2, a3, a4], [b0, b1, b2, b3, b4]) = (self.0, other.0);
        let zero = L::splat(0);
        let [s0, s1, s2, s3, s4] = splat_limbs::<L>(start);
        let z0 = s0.madd52lo(a0, b0);
        let z1 = s1.madd52hi(a0, b0).madd52lo(a0, b1).madd52lo(a1, b0);
        let z2 = s2.madd52hi(a0, b1).madd52hi(a1, b0).madd52lo(a0, b2).madd52lo(a1, b1).madd52lo(a2, b0);
        let z3 = s3.madd52hi(a0, b2).madd52hi(a1, b1).madd52hi(a2, b0);
        let z3 = z3.madd52lo(a0, b3).madd52lo(a1, b2).madd52lo(a2, b1).madd52lo(a3, b0);
        let z4 = s4.madd52hi(a0, b3).madd52hi(a1, b2).madd52hi(a2, b1).madd52hi(a3, b0);
        let z4 = z4.madd52lo(a0, b4).madd52lo(a1, b3).madd52lo(a2, b2).madd52lo(a3, b1).madd52lo(a4, b0);
        let z5 = zero.madd52hi(a0, b4).madd52hi(a1, b3).madd52hi(a2, b2).madd52hi(a3, b1);
        let z5 = z5.madd52hi(a4, b0).madd52lo(a1, b4).madd52lo(a2, b3).madd52lo(a3, b2).madd52lo(a4, b1);
        let z6 = zero.madd52hi(a1, b4).madd52hi(a2, b3).madd52hi(a3, b2).madd52hi(a4, b1);
        let z6 = z6.madd52lo(a2, b4).madd52lo(a3, b3).madd52lo(a4, b2);
        let z7 = zero.madd52hi(a2, b4).madd52hi(a3, b3).madd52hi(a4, b2);
        let z7 = z7.madd52lo(a3, b4).madd52lo(a4, b3);
        let z8 = zero.madd52hi(a3, b4).madd52hi(a4, b3).madd52lo(a4, b4);
        let z9 = zero.madd52hi(a4, b4);
        fold([z0, z1, z2, z3, z4], [z5, z6, z7, z8, z9])
    }

    /// The square, starting from twice `half_start`.
    #[inline(always)]
    fn square_from(self, half_start: [u64; 5]) -> Wide<L> {
        let [a0, a1, a2, a3, a4] = self.0;
        let zero = L::splat(0);
        let [h0, h1, h2, h3, h4] = splat_limbs::<L>(half_start);
        let d4 = double(a4);
        // Each column doubles the sum of its products of distinct limbs, then adds a square.
        // Twice the last limb still fits the multiplier.
        let z0 = double(h0).madd52lo(a0, a0);
        let z1 = double(h1.madd52lo(a0, a1)).madd52hi(a0, a0);
        let z2 = double(h2.madd52hi(a0, a1).madd52lo(a0, a2)).madd52lo(a1, a1);
        let z3 = double(h3.madd52hi(a0, a2).madd52lo(a0, a3).madd52lo(a1, a2)).madd52hi(a1, a1);
        let z4 = h4.madd52hi(a0, a3).madd52hi(a1, a2).madd52lo(a0, a4).madd52lo(a1, a3);
        let z4 = double(z4).madd52lo(a2, a2);
        let z5 = zero.madd52hi(a0, a4).madd52hi(a1, a3).madd52lo(a1, a4).madd52lo(a2, a3);
        let z5 = double(z5).madd52hi(a2, a2);
        let z6 = double(zero.madd52hi(a1, a4).madd52hi(a2, a3)).madd52lo(a2, d4).madd52lo(a3, a3);
        let z7 = zero.madd52hi(a2, d4).madd52lo(a3, d4).madd52hi(a3, a3);
        let z8 = zero.madd52hi(a3, d4).madd52lo(a4, a4);
        let z9 = zero.madd52hi(a4, a4);
        fold([z0, z1, z2, z3, z4], [z5, z6, z7, z8, z9])
    }
}

#[inline(always)]
fn double<L: LanesIfma>(x: L) -> L {
    x + x
}

/// `low + 2^260 * high` modulo p.
///
/// Each limb of `high` is below 9 * 2^52, and the last is below 2^42.75, since the top limbs of
/// elements are below 2^47 + 2^12: 608 times it has no high half.
#[inline(always)]
fn fold<L: LanesIfma>(low: [L; 5], high: [L; 5]) -> Wide<L> {
    let [r0, r1, r2, r3, r4] = low;
    let [z5, z6, z7, z8, z9] = high;
    let z6 = z6 + z5.shr(52);
    let z7 = z7 + z6.shr(52);
    let z8 = z8 + z7.shr(52);
    let z9 = z9 + z8.shr(52);
    let two_260 = L::splat(TWO_260);
    Wide([
        r0.madd52lo(z5, two_260),
        r1.madd52hi(z5, two_260).madd52lo(z6, two_260),
        r2.madd52hi(z6, two_260).madd52lo(z7, two_260),
        r3.madd52hi(z7, two_260).madd52lo(z8, two_260),
        r4.madd52hi(z8, two_260).madd52lo(z9, two_260),
    ])
}

impl<L: LanesIfma> Field for Field52<L> {
    type Lanes = L;

    const BIAS: [u64; 5] = BIAS;

    #[inline(always)]
    fn from_words(words: [L; 4]) -> Self {
        Field52([
            extract_bits(&words, 0, 52),
            extract_bits(&words, 52, 52),
            extract_bits(&words, 104, 52),
            extract_bits(&words, 156, 52),
            extract_bits(&words, 208, 47),
        ])
    }

    #[inline(always)]
    fn to_words(self) -> [L; 4] {
        // The value is below 2p: the last limb is below 2^47 + 2^12.
        canonical_words(self.widen().0, [52, 52, 52, 52, 47])
    }

    #[inline(always)]
    fn pack(self) -> [L; PACKED_LEN] {
        self.0
    }

    #[inline(always)]
    fn unpack(packed: [L; PACKED_LEN]) -> Self {
        Field52(packed)
    }

    #[inline(always)]
    fn widen(self) -> Wide<L> {
        let [a0, a1, a2, a3, a4] = self.0;
        let mask = L::splat(MASK);
        Wide([a0 & mask, a1 & mask, a2 & mask, a3 & mask, a4])
    }

    #[inline(always)]
    fn multiply_add(sum: L, a: L, b: L) -> L {
        sum.madd52lo(a, b)
    }

    #[inline(always)]
    fn mul_wide(self, other: Self) -> Wide<L> {
        self.mul_from(other, ZERO)
    }

    #[inline(always)]
    fn mul_wide_biased(self, other: Self) -> Wide<L> {
        self.mul_from(other, BIAS)
    }

    #[inline(always)]
    fn double_mul_wide_biased(self, other: Self) -> Wide<L> {
        let half = self.mul_from(other, HALF_BIAS);
        Self::add(half, half)
    }

    #[inline(always)]
    fn square_wide(self) -> Wide<L> {
        self.square_from(ZERO)
    }

    #[inline(always)]
    fn square_wide_biased(self) -> Wide<L> {
        self.square_from(HALF_BIAS)
    }

    /// First the bits above 255 of the last limb, below 2^64 / 2^47, are folded into the first
    /// limb: 19 times them is below 2^22. Then carries, each below 2^12, propagate upwards into
    /// the last limb, which keeps 47 bits and one carry.
    #[inline(always)]
    fn reduce(sum: Wide<L>) -> Self {
        let [r0, r1, r2, r3, r4] = sum.0;
        let r0 = r0.madd52lo(r4.shr(47), L::splat(19));
        let r1 = r1 + r0.shr(52);
        let r2 = r2 + r1.shr(52);
        let r3 = r3 + r2.shr(52);
        let r4 = (r4 & L::splat(TOP_MASK)) + r3.shr(52);
        Field52([r0, r1, r2, r3, r4])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{check_elements, product, sum};
    use super::*;
    use crate::cpu::isa::Level64;

    /// The value of limbs whose low 52 bits count.
    fn value(limbs: [u64; 5]) -> [u64; 4] {
        limbs
            .iter()
            .rev()
            .fold([0; 4], |value, limb| sum(product(value, [1 << 52, 0, 0, 0]), [limb & MASK, 0, 0, 0]))
    }

    dispatch! {
        fn check(a: [u64; 5], b: [u64; 5]) = check_limbs::<Ifma>
    }

    #[inline(always)]
    fn check_limbs<L: LanesIfma>(a: [u64; 5], b: [u64; 5]) {
        let element = |limbs: [u64; 5]| Field52(limbs.map(L::splat));
        check_elements(element(a), value(a), element(b), value(b));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        /// The first four limbs have any 64 bits, or all low 52 bits set; the last has any
        /// value up to its bound.
        #[test]
        fn limbs_at_their_bounds(mut limbs in any::<[[u64; 5]; 2]>(), full in any::<[u8; 2]>(), top in 0u64..8) {
            for (limbs, full) in limbs.iter_mut().zip(full) {
                for (i, limb) in limbs.iter_mut().enumerate() {
                    *limb |= if full >> i & 1 == 1 { MASK } else { 0 };
                }
                limbs[4] = (1 << 47) + (1 << 12) - 1 - top * (limbs[4] >> 20);
            }
            let [a, b] = limbs;
            Level64::available().for_each(|level| check(level, a, b));
        }
    }
}

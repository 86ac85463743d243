//! Five limbs of 52 bits, for IFMA.
//!
//! The multiplier reads the low 52 bits of its operands and ignores the rest,
//! so carried limbs need no masking: limb i counts modulo 2^52.

use super::{Field, PACKED, Wide, bits_at, canonical_words, splat_each};
use crate::cpu::lanes::{Lanes52, LanesF64};

/// An element as limbs of 52, 52, 52, 52 and 47 bits, low limb first.
///
/// Only the low 52 bits of the first four count. The last is below
/// 2^47 + 2^12, with no bits to ignore. The limbs of its sums all count in full; a
/// product's are below 10 * 2^52 + 2^11 < 2^56.
#[derive(Clone, Copy)]
pub struct Field52<L>([L; 5]);

const MASK: u64 = (1 << 52) - 1;
const TOP_MASK: u64 = (1 << 47) - 1;

/// 2^260 mod p.
const FOLD: u64 = 608;

/// The limbs of 2^10 * p: each exceeds every product's, and two of them leave
/// room in 64 bits for eight products.
const LIFT: [u64; 5] = {
    let full = (1 << 62) - (1 << 10);
    [(1 << 62) - 19 * (1 << 10), full, full, full, (1 << 57) - (1 << 10)]
};

const HALF_LIFT: [u64; 5] = [LIFT[0] / 2, LIFT[1] / 2, LIFT[2] / 2, LIFT[3] / 2, LIFT[4] / 2];

const ZERO: [u64; 5] = [0; 5];

impl<L: Lanes52> Field52<L> {
    #[inline(always)]
    fn product(self, other: Self, start: [u64; 5]) -> Wide<L> {
        let ([a0, a1, a2, a3, a4], [b0, b1, b2, b3, b4]) = (self.0, other.0);
        let zero = L::splat(0);
        let [s0, s1, s2, s3, s4] = splat_each::<L>(start);
        let z0 = s0.madd_low(a0, b0);
        let z1 = s1.madd_high(a0, b0).madd_low(a0, b1).madd_low(a1, b0);
        let z2 = s2.madd_high(a0, b1).madd_high(a1, b0).madd_low(a0, b2).madd_low(a1, b1).madd_low(a2, b0);
        let z3 = s3.madd_high(a0, b2).madd_high(a1, b1).madd_high(a2, b0);
        let z3 = z3.madd_low(a0, b3).madd_low(a1, b2).madd_low(a2, b1).madd_low(a3, b0);
        let z4 = s4.madd_high(a0, b3).madd_high(a1, b2).madd_high(a2, b1).madd_high(a3, b0);
        let z4 = z4.madd_low(a0, b4).madd_low(a1, b3).madd_low(a2, b2).madd_low(a3, b1).madd_low(a4, b0);
        let z5 = zero.madd_high(a0, b4).madd_high(a1, b3).madd_high(a2, b2).madd_high(a3, b1);
        let z5 = z5.madd_high(a4, b0).madd_low(a1, b4).madd_low(a2, b3).madd_low(a3, b2).madd_low(a4, b1);
        let z6 = zero.madd_high(a1, b4).madd_high(a2, b3).madd_high(a3, b2).madd_high(a4, b1);
        let z6 = z6.madd_low(a2, b4).madd_low(a3, b3).madd_low(a4, b2);
        let z7 = zero.madd_high(a2, b4).madd_high(a3, b3).madd_high(a4, b2);
        let z7 = z7.madd_low(a3, b4).madd_low(a4, b3);
        let z8 = zero.madd_high(a3, b4).madd_high(a4, b3).madd_low(a4, b4);
        let z9 = zero.madd_high(a4, b4);
        fold([z0, z1, z2, z3, z4], [z5, z6, z7, z8, z9])
    }

    /// `half` is half of what the product starts from.
    #[inline(always)]
    fn square_from(self, half: [u64; 5]) -> Wide<L> {
        let [a0, a1, a2, a3, a4] = self.0;
        let zero = L::splat(0);
        let [h0, h1, h2, h3, h4] = splat_each::<L>(half);
        let d4 = twice(a4);
        // Each column: the products of two different limbs, doubled, then a square.
        // The double of the last limb fits the multiplier.
        let z0 = twice(h0).madd_low(a0, a0);
        let z1 = twice(h1.madd_low(a0, a1)).madd_high(a0, a0);
        let z2 = twice(h2.madd_high(a0, a1).madd_low(a0, a2)).madd_low(a1, a1);
        let z3 = twice(h3.madd_high(a0, a2).madd_low(a0, a3).madd_low(a1, a2)).madd_high(a1, a1);
        let z4 = h4.madd_high(a0, a3).madd_high(a1, a2).madd_low(a0, a4).madd_low(a1, a3);
        let z4 = twice(z4).madd_low(a2, a2);
        let z5 = zero.madd_high(a0, a4).madd_high(a1, a3).madd_low(a1, a4).madd_low(a2, a3);
        let z5 = twice(z5).madd_high(a2, a2);
        let z6 = twice(zero.madd_high(a1, a4).madd_high(a2, a3)).madd_low(a2, d4).madd_low(a3, a3);
        let z7 = zero.madd_high(a2, d4).madd_low(a3, d4).madd_high(a3, a3);
        let z8 = zero.madd_high(a3, d4).madd_low(a4, a4);
        let z9 = zero.madd_high(a4, a4);
        fold([z0, z1, z2, z3, z4], [z5, z6, z7, z8, z9])
    }
}

#[inline(always)]
fn twice<L: Lanes52>(x: L) -> L {
    x + x
}

/// `low + 2^260 * high`.
///
/// Each limb of `high` is below 9 * 2^52, and the last is below 2^42.75, since
/// the top limbs are below 2^47 + 2^12: 608 times it has no high half.
#[inline(always)]
fn fold<L: Lanes52>(low: [L; 5], high: [L; 5]) -> Wide<L> {
    let [r0, r1, r2, r3, r4] = low;
    let [z5, z6, z7, z8, z9] = high;
    let z6 = z6 + z5.shr(52);
    let z7 = z7 + z6.shr(52);
    let z8 = z8 + z7.shr(52);
    let z9 = z9 + z8.shr(52);
    let by = L::splat(FOLD);
    Wide([
        r0.madd_low(z5, by),
        r1.madd_high(z5, by).madd_low(z6, by),
        r2.madd_high(z6, by).madd_low(z7, by),
        r3.madd_high(z7, by).madd_low(z8, by),
        r4.madd_high(z8, by).madd_low(z9, by),
    ])
}

impl<L: Lanes52 + LanesF64> Field for Field52<L> {
    type Lanes = L;

    const LIFT: [u64; 5] = LIFT;

    #[inline(always)]
    fn from_words(words: [L; 4]) -> Self {
        Field52([
            bits_at(&words, 0, 52),
            bits_at(&words, 52, 52),
            bits_at(&words, 104, 52),
            bits_at(&words, 156, 52),
            bits_at(&words, 208, 47),
        ])
    }

    #[inline(always)]
    fn to_words(self) -> [L; 4] {
        // Below 2p: the last limb is below 2^47 + 2^12.
        canonical_words(self.widen().0, [52, 52, 52, 52, 47])
    }

    #[inline(always)]
    fn pack(self) -> [L; PACKED] {
        self.0
    }

    #[inline(always)]
    fn unpack(packed: [L; PACKED]) -> Self {
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
        sum.madd_low(a, b)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Wide<L> {
        self.product(other, ZERO)
    }

    #[inline(always)]
    fn mul_lifted(self, other: Self) -> Wide<L> {
        self.product(other, LIFT)
    }

    #[inline(always)]
    fn mul_twice_lifted(self, other: Self) -> Wide<L> {
        let half = self.product(other, HALF_LIFT);
        Self::add(half, half)
    }

    #[inline(always)]
    fn square(self) -> Wide<L> {
        self.square_from(ZERO)
    }

    #[inline(always)]
    fn square_lifted(self) -> Wide<L> {
        self.square_from(HALF_LIFT)
    }

    /// The last limb passes on what lies above bit 255 first: below 2^64/2^47,
    /// so 19 times it is below 2^22. Then carries run upwards, each below 2^12,
    /// and end in the last limb, which keeps 47 bits and one carry.
    #[inline(always)]
    fn reduce(sum: Wide<L>) -> Self {
        let [r0, r1, r2, r3, r4] = sum.0;
        let r0 = r0.madd_low(r4.shr(47), L::splat(19));
        let r1 = r1 + r0.shr(52);
        let r2 = r2 + r1.shr(52);
        let r3 = r3 + r2.shr(52);
        let r4 = (r4 & L::splat(TOP_MASK)) + r3.shr(52);
        Field52([r0, r1, r2, r3, r4])
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{check_elements, product, sum};
    use super::*;
    use crate::cpu::Isa;
    use crate::cpu::lanes::Lanes64;
    use crate::cpu::lanes::avx512ifma::{Fe, U64s};

    /// The value of limbs, of which the low 52 bits count.
    fn value(limbs: [u64; 5]) -> [u64; 4] {
        limbs
            .iter()
            .rev()
            .fold([0; 4], |value, limb| sum(product(value, [1 << 52, 0, 0, 0]), [limb & MASK, 0, 0, 0]))
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512ifma")]
    fn check(a: [u64; 5], b: [u64; 5]) {
        let element = |limbs: [u64; 5]| -> Fe { Field52(limbs.map(U64s::splat)) };
        check_elements(element(a), value(a), element(b), value(b));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        /// The low limbs of any 64 bits, or with all 52 ones; the last anywhere
        /// up to its bound.
        #[test]
        fn limbs_at_their_bounds(mut limbs in any::<[[u64; 5]; 2]>(), full in any::<[u8; 2]>(), top in 0u64..8) {
            if Isa::detected() < Isa::Avx512Ifma {
                return Ok(());
            }
            for (limbs, full) in limbs.iter_mut().zip(full) {
                for (i, limb) in limbs.iter_mut().enumerate() {
                    *limb |= if full >> i & 1 == 1 { MASK } else { 0 };
                }
                limbs[4] = (1 << 47) + (1 << 12) - 1 - top * (limbs[4] >> 20);
            }
            let [a, b] = limbs;
            // SAFETY: the processor has the level, as checked above.
            unsafe { check(a, b) }
        }
    }
}

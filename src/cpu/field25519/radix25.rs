//! Ten limbs of 26 and 25 bits by turns, for multipliers of 32 bits.

use super::{Field, PACKED, bits_at, canonical_words};
use crate::cpu::lanes::{Lanes25, Lanes64};

/// An element as limbs of 26, 25, 26, ... 25 bits, low limb first.
///
/// Only their low 32 bits count, as the multiplier reads no more. Limb 1 is
/// below 2^25 + 2^18, the others are within their widths.
#[derive(Clone, Copy)]
pub struct Field25<L>([L; 10]);

/// Limbs of 64 bits. A product's are below 2^59.1: in the lowest, the largest,
/// one limb product of 2^52 and nine more times 19, five of them of 2^51.
#[derive(Clone, Copy)]
pub struct Wide25<L>([L; 10]);

const WIDTHS: [u32; 10] = [26, 25, 26, 25, 26, 25, 26, 25, 26, 25];
const OFFSETS: [usize; 10] = [0, 26, 51, 77, 102, 128, 153, 179, 204, 230];

const MASK_26: u64 = (1 << 26) - 1;
const MASK_25: u64 = (1 << 25) - 1;

/// The limbs of 2^35 * p, between 2^59.9 and 2^61: each exceeds every
/// product's, and two of them leave room in 64 bits for eight products.
const LIFT: [u64; 10] = {
    let (even, odd) = (MASK_26 << 35, MASK_25 << 35);
    [(MASK_26 - 18) << 35, odd, even, odd, even, odd, even, odd, even, odd]
};

/// The product of two elements' limbs, to be compiled once for each level.
#[inline(always)]
pub fn product<L: Lanes64>(a: &[L; 10], b: &[L; 10]) -> [L; 10] {
    let a = [*a, doubled(a)];
    let b = [*b, times_19(b)];
    [
        column::<L, 0>(&a, &b),
        column::<L, 1>(&a, &b),
        column::<L, 2>(&a, &b),
        column::<L, 3>(&a, &b),
        column::<L, 4>(&a, &b),
        column::<L, 5>(&a, &b),
        column::<L, 6>(&a, &b),
        column::<L, 7>(&a, &b),
        column::<L, 8>(&a, &b),
        column::<L, 9>(&a, &b),
    ]
}

/// The product of an element's limbs with themselves, likewise.
#[inline(always)]
pub fn square<L: Lanes64>(a: &[L; 10]) -> [L; 10] {
    let b = [*a, times_19(a)];
    let a = [*a, doubled(a)];
    [
        own_column::<L, 0>(&a, &b),
        own_column::<L, 1>(&a, &b),
        own_column::<L, 2>(&a, &b),
        own_column::<L, 3>(&a, &b),
        own_column::<L, 4>(&a, &b),
        own_column::<L, 5>(&a, &b),
        own_column::<L, 6>(&a, &b),
        own_column::<L, 7>(&a, &b),
        own_column::<L, 8>(&a, &b),
        own_column::<L, 9>(&a, &b),
    ]
}

/// Twice the limbs, below 2^28.
#[inline(always)]
fn doubled<L: Lanes64>(limbs: &[L; 10]) -> [L; 10] {
    let mut limbs = *limbs;
    for limb in &mut limbs {
        *limb = *limb + *limb;
    }
    limbs
}

/// 19 times the limbs, below 2^31.
#[inline(always)]
fn times_19<L: Lanes64>(limbs: &[L; 10]) -> [L; 10] {
    let mut limbs = *limbs;
    for limb in &mut limbs {
        *limb = limb.mul32(L::splat(19));
    }
    limbs
}

/// Limb `K` of a product. `a` is the one factor and its double, `b` the other
/// and 19 times it.
#[inline(always)]
fn column<L: Lanes64, const K: usize>(a: &[[L; 10]; 2], b: &[[L; 10]; 2]) -> L {
    let sum = term::<L, K, 0>(a, b) + term::<L, K, 1>(a, b) + term::<L, K, 2>(a, b);
    let sum = sum + term::<L, K, 3>(a, b) + term::<L, K, 4>(a, b) + term::<L, K, 5>(a, b);
    let sum = sum + term::<L, K, 6>(a, b) + term::<L, K, 7>(a, b) + term::<L, K, 8>(a, b);
    sum + term::<L, K, 9>(a, b)
}

/// What limb `I` of the one factor adds to limb `K` of the product. Two odd
/// limbs meet half a bit low: their product counts twice. Past limb 9, products
/// come back times 19.
#[inline(always)]
fn term<L: Lanes64, const K: usize, const I: usize>(a: &[[L; 10]; 2], b: &[[L; 10]; 2]) -> L {
    let j = (K + 10 - I) % 10;
    a[I % 2 * (j % 2)][I].mul32(b[usize::from(I > K)][j])
}

/// As `column!`, where both factors are the same: two different limbs meet
/// twice.
#[inline(always)]
fn own_column<L: Lanes64, const K: usize>(a: &[[L; 10]; 2], b: &[[L; 10]; 2]) -> L {
    let pairs = pair::<L, K, 0>(a, b) + pair::<L, K, 1>(a, b) + pair::<L, K, 2>(a, b);
    let pairs = pairs + pair::<L, K, 3>(a, b) + pair::<L, K, 4>(a, b) + pair::<L, K, 5>(a, b);
    let pairs = pairs + pair::<L, K, 6>(a, b) + pair::<L, K, 7>(a, b) + pair::<L, K, 8>(a, b);
    let pairs = pairs + pairs;
    match K {
        0 => pairs + term::<L, K, 0>(a, b) + term::<L, K, 5>(a, b),
        2 => pairs + term::<L, K, 1>(a, b) + term::<L, K, 6>(a, b),
        4 => pairs + term::<L, K, 2>(a, b) + term::<L, K, 7>(a, b),
        6 => pairs + term::<L, K, 3>(a, b) + term::<L, K, 8>(a, b),
        8 => pairs + term::<L, K, 4>(a, b) + term::<L, K, 9>(a, b),
        _ => pairs,
    }
}

/// [`term`], if limb `I` is the lower one of two.
#[inline(always)]
fn pair<L: Lanes64, const K: usize, const I: usize>(a: &[[L; 10]; 2], b: &[[L; 10]; 2]) -> L {
    if I < (K + 10 - I) % 10 { term::<L, K, I>(a, b) } else { L::splat(0) }
}

impl<L: Lanes25> Field for Field25<L> {
    type Lanes = L;
    type Wide = Wide25<L>;

    #[inline(always)]
    fn from_words(words: [L; 4]) -> Self {
        let mut limbs = [words[0]; 10];
        for i in 0..10 {
            limbs[i] = bits_at(&words, OFFSETS[i], WIDTHS[i]);
        }
        Field25(limbs)
    }

    #[inline(always)]
    fn to_words(self) -> [L; 4] {
        canonical_words(self.widen().0, WIDTHS)
    }

    #[inline(always)]
    fn pack(self) -> [L; PACKED] {
        let limbs = self.widen().0;
        let mut packed = [limbs[0]; PACKED];
        for i in 0..PACKED {
            packed[i] = limbs[2 * i] | limbs[2 * i + 1].shl(32);
        }
        packed
    }

    #[inline(always)]
    fn unpack(packed: [L; PACKED]) -> Self {
        let mut limbs = [packed[0]; 10];
        for i in 0..PACKED {
            (limbs[2 * i], limbs[2 * i + 1]) = (packed[i], packed[i].shr(32));
        }
        Field25(limbs)
    }

    #[inline(always)]
    fn select(mask: L, a: Self, b: Self) -> Self {
        let mut limbs = a.0;
        for i in 0..10 {
            limbs[i] = mask.choose(a.0[i], b.0[i]);
        }
        Field25(limbs)
    }

    #[inline(always)]
    fn widen(self) -> Wide25<L> {
        let mut limbs = self.0;
        for i in 0..10 {
            limbs[i] = limbs[i] & L::splat(u64::from(u32::MAX));
        }
        Wide25(limbs)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Wide25<L> {
        Wide25(L::product(&self.0, &other.0))
    }

    #[inline(always)]
    fn mul_lifted(self, other: Self) -> Wide25<L> {
        Self::add(self.mul(other), Self::lift())
    }

    #[inline(always)]
    fn square(self) -> Wide25<L> {
        Wide25(L::square(&self.0))
    }

    #[inline(always)]
    fn square_lifted(self) -> Wide25<L> {
        Self::add(self.square(), Self::lift())
    }

    #[inline(always)]
    fn lift() -> Wide25<L> {
        let mut limbs = [L::splat(0); 10];
        for i in 0..10 {
            limbs[i] = L::splat(LIFT[i]);
        }
        Wide25(limbs)
    }

    #[inline(always)]
    fn add(a: Wide25<L>, b: Wide25<L>) -> Wide25<L> {
        let mut limbs = a.0;
        for i in 0..10 {
            limbs[i] = a.0[i] + b.0[i];
        }
        Wide25(limbs)
    }

    #[inline(always)]
    fn sub(a: Wide25<L>, b: Wide25<L>) -> Wide25<L> {
        let mut limbs = a.0;
        for i in 0..10 {
            limbs[i] = a.0[i] - b.0[i];
        }
        Wide25(limbs)
    }

    #[inline(always)]
    fn negate_where(product: Wide25<L>, mask: L) -> Wide25<L> {
        let mut limbs = product.0;
        for i in 0..10 {
            limbs[i] = limbs[i].negate_where(mask);
        }
        Wide25(limbs)
    }

    /// Carries run upwards, each below 2^39; 19 times the last is below 2^44,
    /// and what it leaves to limb 1 is below 2^18.
    #[inline(always)]
    fn reduce(sum: Wide25<L>) -> Self {
        let [r0, r1, r2, r3, r4, r5, r6, r7, r8, r9] = sum.0;
        let (even, odd) = (L::splat(MASK_26), L::splat(MASK_25));
        let r1 = r1 + r0.shr(26);
        let r2 = r2 + r1.shr(25);
        let r3 = r3 + r2.shr(26);
        let r4 = r4 + r3.shr(25);
        let r5 = r5 + r4.shr(26);
        let r6 = r6 + r5.shr(25);
        let r7 = r7 + r6.shr(26);
        let r8 = r8 + r7.shr(25);
        let r9 = r9 + r8.shr(26);
        let over = r9.shr(25);
        let r0 = (r0 & even) + (over + over.shl(1) + over.shl(4));
        let r1 = (r1 & odd) + r0.shr(26);
        Field25([
            r0 & even,
            r1,
            r2 & even,
            r3 & odd,
            r4 & even,
            r5 & odd,
            r6 & even,
            r7 & odd,
            r8 & even,
            r9 & odd,
        ])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{check_elements, product, sum};
    use super::*;
    use crate::cpu::Isa;

    /// The value of limbs, of which the low 32 bits count.
    fn value(limbs: [u64; 10]) -> [u64; 4] {
        limbs.iter().zip(WIDTHS).rev().fold([0; 4], |value, (limb, width)| {
            sum(product(value, [1 << width, 0, 0, 0]), [limb & u64::from(u32::MAX), 0, 0, 0])
        })
    }

    dispatch! {
        fn check(a: [u64; 10], b: [u64; 10]) = check_lanes::<U64s>
    }

    #[inline(always)]
    fn check_lanes<L: Lanes25>(a: [u64; 10], b: [u64; 10]) {
        let element = |limbs: [u64; 10]| Field25(limbs.map(L::splat));
        check_elements(element(a), value(a), element(b), value(b));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        /// Limbs up to their bounds, under any high halves.
        #[test]
        fn limbs_at_their_bounds(mut limbs in any::<[[u64; 10]; 2]>(), full in any::<[u16; 2]>()) {
            for (limbs, full) in limbs.iter_mut().zip(full) {
                for (i, limb) in limbs.iter_mut().enumerate() {
                    let most = (1 << WIDTHS[i]) - 1 + if i == 1 { 1 << 18 } else { 0 };
                    let low = if full >> i & 1 == 1 { most } else { *limb % (most + 1) };
                    // Tables keep two limbs in a word: only even ones have neighbours.
                    *limb = low | if i % 2 == 0 { *limb >> 32 << 32 } else { 0 };
                }
            }
            let [a, b] = limbs;
            for isa in Isa::available().filter(|&isa| [Isa::Avx2, Isa::Avx512].contains(&isa)) {
                check(isa, a, b);
            }
        }
    }
}

//! GF(2^255 - 19) in five limbs of 51 bits, held as doubles for the fused multiply-add.
//!
//! A product of two limbs has up to 102 bits. An FMA that starts from [`ROUND_TO_2_51`] rounds
//! it to a multiple of 2^51; a second FMA, which subtracts that multiple, gives the exact
//! remainder. The bit patterns of both results count in units of 2^51 and of 1, so that they
//! are summed as integers.
//!
//! Requires the default rounding mode, to nearest.

use std::marker::PhantomData;

use super::{Field, PACKED_LEN, Wide, canonical_words, extract_bits};
use crate::cpu::lanes::{LanesF64, Product, ROUND_TO_INT, power_of_two};

/// An element as five doubles, low limb first. Each is an integer of magnitude at most 2^50;
/// the last may reach 2^50 + 2^10.
///
/// The limbs of its sums are signed integers. Those of a product are below 2^57 in magnitude:
/// the lowest, which is the largest, sums one low part of 2^50, and 19 times four low parts and
/// the high parts, of 2^49, of five products.
#[derive(Clone, Copy)]
pub struct Field51<L>([L; 5]);

const BITS: u32 = 51;
const MASK: u64 = (1 << BITS) - 1;

const P: [u64; 5] = [MASK - 18, MASK, MASK, MASK, MASK];

/// Added to a limb before its carry is taken, which makes it positive, and subtracted
/// afterwards.
const HALF: u64 = 1 << (BITS - 1);

/// The limbs of 2^9 p, between 2^59.9 and 2^60, each with the `HALF` that
/// [`reduce`](Field::reduce) subtracts.
const BIAS: [u64; 5] = {
    let other = (MASK << 9) + HALF;
    [(P[0] << 9) + HALF, other, other, other, other]
};

const HALF_BIAS: [u64; 5] = [BIAS[0] / 2, BIAS[1] / 2, BIAS[2] / 2, BIAS[3] / 2, BIAS[4] / 2];

const ZERO: [u64; 5] = [0; 5];

/// Adding this to a double of magnitude at most 2^102 rounds it to a multiple of 2^51, as
/// [`ROUND_TO_INT`] does to an integer: doubles in \[2^103, 2^104) are spaced by 2^51.
const ROUND_TO_2_51: f64 = 1.5 * power_of_two(103);

/// One product of limbs, or the sum of two, as bit patterns: `high` is the nearest multiple of
/// 2^51, `low` the remainder, each plus its rounding constant.
#[derive(Clone, Copy)]
struct SplitProduct<L> {
    high: L,
    low: L,
}

impl<L: LanesF64> SplitProduct<L> {
    #[inline(always)]
    fn mul(a: L, b: L) -> Self {
        let high = L::splat_f64(ROUND_TO_2_51).fma_f64(a, b);
        // Subtracts what the first FMA added. ROUND_TO_2_51 + ROUND_TO_INT is also exact: a
        // multiple of 2^51.
        let low = L::splat_f64(ROUND_TO_2_51 + ROUND_TO_INT).sub_f64(high).fma_f64(a, b);
        SplitProduct { high, low }
    }

    /// a b + c d, of magnitude at most 2^102. Each of the two remainders is at most 2^50.
    #[inline(always)]
    fn dot2([a, b]: [L; 2], [c, d]: [L; 2]) -> Self {
        let first = SplitProduct::mul(a, b);
        let high = first.high.fma_f64(c, d);
        let low = first.high.sub_f64(high).fma_f64(c, d);
        SplitProduct { high, low: first.low.add_f64(low) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        SplitProduct { high: self.high + other.high, low: self.low + other.low }
    }
}

/// The number of `SplitProduct`s, and so of rounding constants, in each column of a product,
/// and of a square.
const MUL_TERMS: [u64; 9] = [1, 1, 2, 2, 3, 2, 2, 1, 1];
const SQUARE_TERMS: [u64; 9] = [1, 1, 1, 1, 2, 2, 1, 1, 1];

/// `bias` minus the rounding constants that all columns contribute.
const fn remove_rounding_constants(terms: [u64; 9], bias: [u64; 5]) -> [u64; 5] {
    let mut limbs = bias;
    let mut column = 0;
    while column < 9 {
        limbs = subtract_constant(limbs, column, terms[column], ROUND_TO_INT);
        limbs = subtract_constant(limbs, column + 1, terms[column], ROUND_TO_2_51);
        column += 1;
    }
    limbs
}

const fn subtract_constant(mut limbs: [u64; 5], column: usize, terms: u64, constant: f64) -> [u64; 5] {
    let factor = if column < 5 { 1 } else { 19 };
    let limb = &mut limbs[column % 5];
    *limb = limb.wrapping_sub(constant.to_bits().wrapping_mul(factor * terms));
    limbs
}

const MUL_ADDEND: [u64; 5] = remove_rounding_constants(MUL_TERMS, ZERO);
const MUL_ADDEND_BIASED: [u64; 5] = remove_rounding_constants(MUL_TERMS, BIAS);
const MUL_ADDEND_HALF_BIASED: [u64; 5] = remove_rounding_constants(MUL_TERMS, HALF_BIAS);
const SQUARE_ADDEND: [u64; 5] = remove_rounding_constants(SQUARE_TERMS, ZERO);
const SQUARE_ADDEND_BIASED: [u64; 5] = remove_rounding_constants(SQUARE_TERMS, BIAS);

/// The unreduced product of two elements, plus `addend`.
struct MulWide;

impl<L: LanesF64> Product<L, 5> for MulWide {
    #[inline(always)]
    fn mul(a: &[L; 5], b: &[L; 5], addend: &[u64; 5]) -> [L; 5] {
        let ([a0, a1, a2, a3, a4], [b0, b1, b2, b3, b4]) = (*a, *b);
        let dot2 = SplitProduct::dot2;
        let columns = [
            SplitProduct::mul(a0, b0),
            dot2([a0, b1], [a1, b0]),
            dot2([a0, b2], [a1, b1]).add(SplitProduct::mul(a2, b0)),
            dot2([a0, b3], [a1, b2]).add(dot2([a2, b1], [a3, b0])),
            dot2([a0, b4], [a1, b3]).add(dot2([a2, b2], [a3, b1])).add(SplitProduct::mul(a4, b0)),
            dot2([a1, b4], [a2, b3]).add(dot2([a3, b2], [a4, b1])),
            dot2([a2, b4], [a3, b3]).add(SplitProduct::mul(a4, b2)),
            dot2([a3, b4], [a4, b3]),
            SplitProduct::mul(a4, b4),
        ];
        fold(&columns, addend)
    }
}

/// The unreduced square of an element, plus `addend`. The sum of two doubled products of the
/// lower four limbs is at most 2^102; those with the last limb may exceed it and are split one
/// by one.
struct SquareWide;

impl<L: LanesF64> Product<L, 5> for SquareWide {
    #[inline(always)]
    fn mul(a: &[L; 5], _: &[L; 5], addend: &[u64; 5]) -> [L; 5] {
        let [a0, a1, a2, a3, a4] = *a;
        let [d0, d1, d2, d3] = [a0.add_f64(a0), a1.add_f64(a1), a2.add_f64(a2), a3.add_f64(a3)];
        let dot2 = SplitProduct::dot2;
        let columns = [
            SplitProduct::mul(a0, a0),
            SplitProduct::mul(d0, a1),
            dot2([d0, a2], [a1, a1]),
            dot2([d0, a3], [d1, a2]),
            SplitProduct::mul(d0, a4).add(dot2([d1, a3], [a2, a2])),
            SplitProduct::mul(d1, a4).add(SplitProduct::mul(d2, a3)),
            dot2([d2, a4], [a3, a3]),
            SplitProduct::mul(d3, a4),
            SplitProduct::mul(a4, a4),
        ];
        fold(&columns, addend)
    }
}

/// The reduction of a product that starts from a biased addend.
struct Reduced<F>(PhantomData<F>);

impl<L: LanesF64, F: Product<L, 5>> Product<L, 5> for Reduced<F> {
    #[inline(always)]
    fn mul(a: &[L; 5], b: &[L; 5], addend: &[u64; 5]) -> [L; 5] {
        carry(&F::mul(a, b, addend))
    }
}

/// Folds nine columns to five limbs and adds `addend`: 2^255 = 19 modulo p.
#[inline(always)]
fn fold<L: LanesF64>(columns: &[SplitProduct<L>; 9], addend: &[u64; 5]) -> [L; 5] {
    let mut limbs = [columns[8].high; 5];
    for i in 0..5 {
        let mut high = columns[i + 4].high;
        if i < 4 {
            high = high + columns[i + 5].low;
        }
        // 19 times `high` as 16 + 3, with the addend between: otherwise the compiler would
        // combine them to a 64-bit multiplication.
        let three = (high + high) + (high + L::splat(addend[i]));
        let mut limb = columns[i].low + (three + high.shl(4));
        if i > 0 {
            limb = limb + columns[i - 1].high;
        }
        limbs[i] = limb;
    }
    limbs
}

/// Reduces the limbs of a sum that is biased once.
///
/// Six products and elements are below 2^59.6 together, so that the bias makes each limb
/// positive, and below 2^61. First the bits above 255, less than 2^10, are folded from the last
/// limb into the first. Then carries, each below 2^10, propagate upwards into the last limb,
/// which keeps 51 bits and one carry.
#[inline(always)]
fn carry<L: LanesF64>(sum: &[L; 5]) -> [L; 5] {
    let [r0, r1, r2, r3, r4] = *sum;
    let mask = L::splat(MASK);
    let r0 = r0 + r4.shr(BITS).mul32(L::splat(19));
    let r1 = r1 + r0.shr(BITS);
    let r2 = r2 + r1.shr(BITS);
    let r3 = r3 + r2.shr(BITS);
    let r4 = (r4 & mask) + r3.shr(BITS);
    let mut limbs = [r0 & mask, r1 & mask, r2 & mask, r3 & mask, r4];
    let two_52 = power_of_two(52);
    for limb in &mut limbs {
        let double = *limb | L::splat_f64(two_52);
        *limb = double.sub_f64(L::splat_f64(two_52 + HALF as f64));
    }
    limbs
}

impl<L: LanesF64> Field for Field51<L> {
    type Lanes = L;

    const BIAS: [u64; 5] = BIAS;

    #[inline(always)]
    fn from_words(words: [L; 4]) -> Self {
        let mut limbs = [words[0]; 5];
        for i in 0..5 {
            limbs[i] = extract_bits(&words, BITS as usize * i, BITS) + L::splat(BIAS[i]);
        }
        Self::reduce(Wide(limbs))
    }

    #[inline(always)]
    fn to_words(self) -> [L; 4] {
        // The value is below p in magnitude, and each limb below that of p.
        let mut limbs = self.widen().0;
        for i in 0..5 {
            limbs[i] = limbs[i] + L::splat(P[i]);
        }
        canonical_words(limbs, [BITS; 5])
    }

    #[inline(always)]
    fn pack(self) -> [L; PACKED_LEN] {
        self.0
    }

    #[inline(always)]
    fn unpack(packed: [L; PACKED_LEN]) -> Self {
        Field51(packed)
    }

    #[inline(always)]
    fn widen(self) -> Wide<L> {
        let mut limbs = self.0;
        for i in 0..5 {
            limbs[i] = limbs[i].add_f64(L::splat_f64(ROUND_TO_INT)) - L::splat_f64(ROUND_TO_INT);
        }
        Wide(limbs)
    }

    #[inline(always)]
    fn multiply_add(sum: L, a: L, b: L) -> L {
        sum.fma_f64(a, b)
    }

    #[inline(always)]
    fn mul_wide(self, other: Self) -> Wide<L> {
        Wide(L::mul_noinline::<MulWide, 5>(&self.0, &other.0, &MUL_ADDEND))
    }

    #[inline(always)]
    fn mul_wide_biased(self, other: Self) -> Wide<L> {
        Wide(L::mul_noinline::<MulWide, 5>(&self.0, &other.0, &MUL_ADDEND_BIASED))
    }

    #[inline(always)]
    fn double_mul_wide_biased(self, other: Self) -> Wide<L> {
        let half = Wide(L::mul_noinline::<MulWide, 5>(&self.0, &other.0, &MUL_ADDEND_HALF_BIASED));
        Self::add(half, half)
    }

    #[inline(always)]
    fn square_wide(self) -> Wide<L> {
        Wide(L::mul_noinline::<SquareWide, 5>(&self.0, &self.0, &SQUARE_ADDEND))
    }

    #[inline(always)]
    fn square_wide_biased(self) -> Wide<L> {
        Wide(L::mul_noinline::<SquareWide, 5>(&self.0, &self.0, &SQUARE_ADDEND_BIASED))
    }

    #[inline(always)]
    fn reduce(sum: Wide<L>) -> Self {
        Field51(carry(&sum.0))
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Field51(L::mul_noinline::<Reduced<MulWide>, 5>(&self.0, &other.0, &MUL_ADDEND_BIASED))
    }

    #[inline(always)]
    fn square(self) -> Self {
        Field51(L::mul_noinline::<Reduced<SquareWide>, 5>(&self.0, &self.0, &SQUARE_ADDEND_BIASED))
    }

    #[inline(always)]
    fn neg(self) -> Self {
        let mut limbs = self.0;
        for limb in &mut limbs {
            *limb = *limb ^ L::splat_f64(-0.0);
        }
        Field51(limbs)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{check_elements, product, sum};
    use super::*;
    use crate::cpu::isa::Level64;

    /// The value of signed limbs: adding p to each limb adds a multiple of p.
    fn value(limbs: [i64; 5]) -> [u64; 4] {
        limbs.iter().zip(P).rev().fold([0; 4], |value, (&limb, p)| {
            let positive = limb.checked_add_unsigned(p).unwrap().unsigned_abs();
            sum(product(value, [1 << BITS, 0, 0, 0]), [positive, 0, 0, 0])
        })
    }

    dispatch! {
        fn check(a: [i64; 5], b: [i64; 5]) = check_lanes::<U64s>
    }

    #[inline(always)]
    fn check_lanes<L: LanesF64>(a: [i64; 5], b: [i64; 5]) {
        let element = |limbs: [i64; 5]| Field51(limbs.map(|limb| L::splat_f64(limb as f64)));
        check_elements(element(a), value(a), element(b), value(b));
    }

    /// Limbs within their bounds, or at either bound.
    fn limbs() -> impl Strategy<Value = [i64; 5]> {
        let limb = |bound: i64| prop_oneof![-bound..=bound, Just(-bound), Just(bound)];
        let (half, last) = (HALF as i64, HALF as i64 + (1 << 10));
        (limb(half), limb(half), limb(half), limb(half), limb(last)).prop_map(<[i64; 5]>::from)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn limbs_at_their_bounds(a in limbs(), b in limbs()) {
            for level in Level64::available() {
                check(level, a, b);
            }
        }
    }

    /// Limbs of the greatest magnitude, with all combinations of signs.
    #[test]
    fn limbs_of_greatest_magnitude() {
        let limbs = |signs: u32| {
            let mut limbs = [HALF as i64, HALF as i64, HALF as i64, HALF as i64, HALF as i64 + (1 << 10)];
            for (i, limb) in limbs.iter_mut().enumerate() {
                *limb *= if signs >> i & 1 == 1 { -1 } else { 1 };
            }
            limbs
        };
        for level in Level64::available() {
            for signs in 0..1024 {
                check(level, limbs(signs % 32), limbs(signs / 32));
            }
        }
    }
}

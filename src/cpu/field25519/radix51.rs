//! Five limbs of 51 bits as doubles, for the fused multiply-add.
//!
//! A product of two limbs has up to 102 bits. A multiply-add that starts from
//! [`HIGH`] rounds it to a multiple of 2^51; a second one, which starts from what
//! the first has added, gives what the rounding left out. Neither loses a bit.
//! Both results are large enough that their bit patterns count in ones, so that
//! they are summed as integers.
//!
//! This takes the rounding that is the default: to nearest.

use super::{Field, PACKED, Wide, bits_at, canonical_words};
use crate::cpu::lanes::{Lanes51, LanesF64, ONES, power_of_two};

/// An element as doubles, low limb first, each a whole number of magnitude 2^50
/// at most; but the last may be up to 2^50 + 2^10.
///
/// The limbs of its sums have a sign. A product's are below 2^57 in magnitude: in the
/// lowest, the largest, one product's low part of 2^50 and 19 times four low parts
/// and the high parts, of 2^49, of five.
#[derive(Clone, Copy)]
pub struct Field51<L>([L; 5]);

const BITS: u32 = 51;
const MASK: u64 = (1 << BITS) - 1;

const P: [u64; 5] = [MASK - 18, MASK, MASK, MASK, MASK];

/// What is added to a limb before its carry, so that it has no sign, and taken
/// off it afterwards.
const HALF: u64 = 1 << (BITS - 1);

/// The limbs of 2^9 * p, between 2^59.9 and 2^60, each with the `HALF` that
/// [`reduce`](Field::reduce) takes off again.
const LIFT: [u64; 5] = {
    let other = (MASK << 9) + HALF;
    [(P[0] << 9) + HALF, other, other, other, other]
};

const HALF_LIFT: [u64; 5] = [LIFT[0] / 2, LIFT[1] / 2, LIFT[2] / 2, LIFT[3] / 2, LIFT[4] / 2];

const ZERO: [u64; 5] = [0; 5];

/// From 2^103 to 2^104 doubles are the multiples of 2^51: likewise, for sums of 2^102
/// at most.
const HIGH: f64 = 1.5 * power_of_two(103);

/// One or two products of limbs: as bit patterns the multiple of 2^51 that is
/// nearest, and the rest, each with where it started.
#[derive(Clone, Copy)]
struct Parts<L> {
    high: L,
    low: L,
}

impl<L: LanesF64> Parts<L> {
    #[inline(always)]
    fn of(a: L, b: L) -> Self {
        let high = L::splat_f64(HIGH).fused_add(a, b);
        // What the first one added, less; HIGH + ONES is a multiple of 2^51 too.
        let low = L::splat_f64(HIGH + ONES).sub_f64(high).fused_add(a, b);
        Parts { high, low }
    }

    /// a b + c d, where the sum is 2^102 at most. Each rest is 2^50 at most.
    #[inline(always)]
    fn of_two([a, b]: [L; 2], [c, d]: [L; 2]) -> Self {
        let first = Parts::of(a, b);
        let high = first.high.fused_add(c, d);
        let low = first.high.sub_f64(high).fused_add(c, d);
        Parts { high, low: first.low.add_f64(low) }
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        Parts { high: self.high + other.high, low: self.low + other.low }
    }
}

/// How many starts the columns of a product and of a square have.
const STARTS: [u64; 9] = [1, 1, 2, 2, 3, 2, 2, 1, 1];
const STARTS_OF_SQUARE: [u64; 9] = [1, 1, 1, 1, 2, 2, 1, 1, 1];

/// `lift` less what the starts of all columns come to.
const fn without_starts(starts: [u64; 9], lift: [u64; 5]) -> [u64; 5] {
    let mut limbs = lift;
    let mut column = 0;
    while column < 9 {
        limbs = less_starts(limbs, column, starts[column], ONES);
        limbs = less_starts(limbs, column + 1, starts[column], HIGH);
        column += 1;
    }
    limbs
}

const fn less_starts(mut limbs: [u64; 5], column: usize, starts: u64, start: f64) -> [u64; 5] {
    let factor = if column < 5 { 1 } else { 19 };
    let limb = &mut limbs[column % 5];
    *limb = limb.wrapping_sub(start.to_bits().wrapping_mul(factor * starts));
    limbs
}

const PRODUCT: [u64; 5] = without_starts(STARTS, ZERO);
const PRODUCT_LIFTED: [u64; 5] = without_starts(STARTS, LIFT);
const PRODUCT_HALF_LIFTED: [u64; 5] = without_starts(STARTS, HALF_LIFT);
const SQUARE: [u64; 5] = without_starts(STARTS_OF_SQUARE, ZERO);
const SQUARE_LIFTED: [u64; 5] = without_starts(STARTS_OF_SQUARE, LIFT);

/// The product of two elements' limbs, and `rest`. This and the like are compiled
/// once for each level, by way of [`Lanes51`].
#[inline(always)]
pub fn product<L: LanesF64>(a: &[L; 5], b: &[L; 5], rest: &[u64; 5]) -> [L; 5] {
    let ([a0, a1, a2, a3, a4], [b0, b1, b2, b3, b4]) = (*a, *b);
    let two = Parts::of_two;
    let columns = [
        Parts::of(a0, b0),
        two([a0, b1], [a1, b0]),
        two([a0, b2], [a1, b1]).and(Parts::of(a2, b0)),
        two([a0, b3], [a1, b2]).and(two([a2, b1], [a3, b0])),
        two([a0, b4], [a1, b3]).and(two([a2, b2], [a3, b1])).and(Parts::of(a4, b0)),
        two([a1, b4], [a2, b3]).and(two([a3, b2], [a4, b1])),
        two([a2, b4], [a3, b3]).and(Parts::of(a4, b2)),
        two([a3, b4], [a4, b3]),
        Parts::of(a4, b4),
    ];
    folded(&columns, rest)
}

/// The square of an element's limbs, and `rest`. Two doubled products of the lower
/// four limbs are 2^102 at most; those with the last limb may be more, and stand alone.
#[inline(always)]
pub fn square<L: LanesF64>(a: &[L; 5], rest: &[u64; 5]) -> [L; 5] {
    let [a0, a1, a2, a3, a4] = *a;
    let [d0, d1, d2, d3] = [a0.add_f64(a0), a1.add_f64(a1), a2.add_f64(a2), a3.add_f64(a3)];
    let two = Parts::of_two;
    let columns = [
        Parts::of(a0, a0),
        Parts::of(d0, a1),
        two([d0, a2], [a1, a1]),
        two([d0, a3], [d1, a2]),
        Parts::of(d0, a4).and(two([d1, a3], [a2, a2])),
        Parts::of(d1, a4).and(Parts::of(d2, a3)),
        two([d2, a4], [a3, a3]),
        Parts::of(d3, a4),
        Parts::of(a4, a4),
    ];
    folded(&columns, rest)
}

/// The limbs of nine columns and of `rest`: 2^255 = 19.
#[inline(always)]
fn folded<L: LanesF64>(columns: &[Parts<L>; 9], rest: &[u64; 5]) -> [L; 5] {
    let mut limbs = [columns[8].high; 5];
    for i in 0..5 {
        let mut above = columns[i + 4].high;
        if i < 4 {
            above = above + columns[i + 5].low;
        }
        // 19 times, with the rest in between: else the compiler would make a
        // product of 64 bits of it.
        let three = (above + above) + (above + L::splat(rest[i]));
        let mut limb = columns[i].low + (three + above.shl(4));
        if i > 0 {
            limb = limb + columns[i - 1].high;
        }
        limbs[i] = limb;
    }
    limbs
}

/// The limbs of an element from those of a sum that is lifted once.
///
/// Six products and elements are below 2^59.6 together, so that the lift makes them
/// positive, and below 2^61. The last limb passes on what lies above bit 255 first,
/// below 2^10; then carries run upwards, each below 2^10, and end in the last limb,
/// which keeps 51 bits and one carry.
#[inline(always)]
fn carried<L: LanesF64>(sum: &[L; 5]) -> [L; 5] {
    let [r0, r1, r2, r3, r4] = *sum;
    let mask = L::splat(MASK);
    let r0 = r0 + r4.shr(BITS).mul32(L::splat(19));
    let r1 = r1 + r0.shr(BITS);
    let r2 = r2 + r1.shr(BITS);
    let r3 = r3 + r2.shr(BITS);
    let r4 = (r4 & mask) + r3.shr(BITS);
    let mut limbs = [r0 & mask, r1 & mask, r2 & mask, r3 & mask, r4];
    let ones = power_of_two(52);
    for limb in &mut limbs {
        let double = *limb | L::splat_f64(ones);
        *limb = double.sub_f64(L::splat_f64(ones + HALF as f64));
    }
    limbs
}

/// The limbs of the product of two elements.
#[inline(always)]
pub fn carried_product<L: LanesF64>(a: &[L; 5], b: &[L; 5]) -> [L; 5] {
    carried(&product(a, b, &PRODUCT_LIFTED))
}

/// The limbs of the square of an element.
#[inline(always)]
pub fn carried_square<L: LanesF64>(a: &[L; 5]) -> [L; 5] {
    carried(&square(a, &SQUARE_LIFTED))
}

impl<L: Lanes51> Field for Field51<L> {
    type Lanes = L;

    const LIFT: [u64; 5] = LIFT;

    #[inline(always)]
    fn from_words(words: [L; 4]) -> Self {
        let mut limbs = [words[0]; 5];
        for i in 0..5 {
            limbs[i] = bits_at(&words, BITS as usize * i, BITS) + L::splat(LIFT[i]);
        }
        Self::reduce(Wide(limbs))
    }

    #[inline(always)]
    fn to_words(self) -> [L; 4] {
        // The value is less than p in magnitude, and each limb less than p's.
        let mut limbs = self.widen().0;
        for i in 0..5 {
            limbs[i] = limbs[i] + L::splat(P[i]);
        }
        canonical_words(limbs, [BITS; 5])
    }

    #[inline(always)]
    fn pack(self) -> [L; PACKED] {
        self.0
    }

    #[inline(always)]
    fn unpack(packed: [L; PACKED]) -> Self {
        Field51(packed)
    }

    #[inline(always)]
    fn widen(self) -> Wide<L> {
        let mut limbs = self.0;
        for i in 0..5 {
            limbs[i] = limbs[i].add_f64(L::splat_f64(ONES)) - L::splat_f64(ONES);
        }
        Wide(limbs)
    }

    #[inline(always)]
    fn multiply_add(sum: L, a: L, b: L) -> L {
        sum.fused_add(a, b)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Wide<L> {
        Wide(L::product(&self.0, &other.0, &PRODUCT))
    }

    #[inline(always)]
    fn mul_lifted(self, other: Self) -> Wide<L> {
        Wide(L::product(&self.0, &other.0, &PRODUCT_LIFTED))
    }

    #[inline(always)]
    fn mul_twice_lifted(self, other: Self) -> Wide<L> {
        let half = Wide(L::product(&self.0, &other.0, &PRODUCT_HALF_LIFTED));
        Self::add(half, half)
    }

    #[inline(always)]
    fn square(self) -> Wide<L> {
        Wide(L::square(&self.0, &SQUARE))
    }

    #[inline(always)]
    fn square_lifted(self) -> Wide<L> {
        Wide(L::square(&self.0, &SQUARE_LIFTED))
    }

    #[inline(always)]
    fn reduce(sum: Wide<L>) -> Self {
        Field51(carried(&sum.0))
    }

    #[inline(always)]
    fn times(self, other: Self) -> Self {
        Field51(L::carried_product(&self.0, &other.0))
    }

    #[inline(always)]
    fn squared(self) -> Self {
        Field51(L::carried_square(&self.0))
    }

    #[inline(always)]
    fn negated(self) -> Self {
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
    use crate::cpu::Isa;

    /// The value of limbs: p is added to each of them, which is p times something.
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
    fn check_lanes<L: Lanes51>(a: [i64; 5], b: [i64; 5]) {
        let element = |limbs: [i64; 5]| Field51(limbs.map(|limb| L::splat_f64(limb as f64)));
        check_elements(element(a), value(a), element(b), value(b));
    }

    /// Limbs anywhere within their bounds, or at either end.
    fn limbs() -> impl Strategy<Value = [i64; 5]> {
        let limb = |most: i64| prop_oneof![-most..=most, Just(-most), Just(most)];
        let (half, last) = (HALF as i64, HALF as i64 + (1 << 10));
        (limb(half), limb(half), limb(half), limb(half), limb(last)).prop_map(<[i64; 5]>::from)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn limbs_at_their_bounds(a in limbs(), b in limbs()) {
            for isa in Isa::available().filter(|&isa| [Isa::Avx2, Isa::Avx512].contains(&isa)) {
                check(isa, a, b);
            }
        }
    }

    /// All signs of limbs that are as large as can be.
    #[test]
    fn extreme_limbs() {
        let limbs = |signs: u32| {
            let mut limbs = [HALF as i64, HALF as i64, HALF as i64, HALF as i64, HALF as i64 + (1 << 10)];
            for (i, limb) in limbs.iter_mut().enumerate() {
                *limb *= if signs >> i & 1 == 1 { -1 } else { 1 };
            }
            limbs
        };
        for isa in Isa::available().filter(|&isa| [Isa::Avx2, Isa::Avx512].contains(&isa)) {
            for signs in 0..1024 {
                check(isa, limbs(signs % 32), limbs(signs / 32));
            }
        }
    }
}

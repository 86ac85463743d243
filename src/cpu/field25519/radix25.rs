//! Ten limbs of 26 and 25 bits by turns, for multipliers of 32 bits.

use super::{Field, PACKED, bits_at, canonical_words};
use crate::cpu::lanes::Lanes64;

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

impl<L: Lanes64> Field25<L> {
    /// The factors of the products: the element's limbs, with the odd ones
    /// doubled, and 19 times its limbs. All below 2^31.
    #[inline(always)]
    fn factors(self) -> ([L; 10], [L; 10]) {
        let doubled = std::array::from_fn(|i| if i % 2 == 1 { self.0[i] + self.0[i] } else { self.0[i] });
        (doubled, self.0.map(|limb| limb.mul32(L::splat(19))))
    }

    #[inline(always)]
    fn product(self, other: Self) -> Wide25<L> {
        let (doubled, _) = self.factors();
        let (_, by_19) = other.factors();
        let a = [self.0, doubled];
        let b = [other.0, by_19];
        Wide25([
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
        ])
    }
}

/// Limb `K` of a product. Two odd limbs meet half a bit low: their product
/// counts twice. Past limb 9, products come back times 19.
#[inline(always)]
fn column<L: Lanes64, const K: usize>(a: &[[L; 10]; 2], b: &[[L; 10]; 2]) -> L {
    let term = |i: usize| {
        let j = (K + 10 - i) % 10;
        a[i % 2 * (j % 2)][i].mul32(b[usize::from(i > K)][j])
    };
    let sum = (term(0) + term(1)) + (term(2) + term(3)) + (term(4) + term(5));
    sum + (term(6) + term(7)) + (term(8) + term(9))
}

impl<L: Lanes64> Field for Field25<L> {
    type Lanes = L;
    type Wide = Wide25<L>;

    #[inline(always)]
    fn from_words(words: [L; 4]) -> Self {
        Field25(std::array::from_fn(|i| bits_at(&words, OFFSETS[i], WIDTHS[i])))
    }

    #[inline(always)]
    fn to_words(self) -> [L; 4] {
        canonical_words(self.widen().0, WIDTHS)
    }

    #[inline(always)]
    fn pack(self) -> [L; PACKED] {
        let limbs = self.widen().0;
        std::array::from_fn(|i| limbs[2 * i] | limbs[2 * i + 1].shl(32))
    }

    #[inline(always)]
    fn unpack(packed: [L; PACKED]) -> Self {
        Field25(std::array::from_fn(|i| if i % 2 == 0 { packed[i / 2] } else { packed[i / 2].shr(32) }))
    }

    #[inline(always)]
    fn select(mask: L, a: Self, b: Self) -> Self {
        Field25(std::array::from_fn(|i| mask.choose(a.0[i], b.0[i])))
    }

    #[inline(always)]
    fn widen(self) -> Wide25<L> {
        Wide25(self.0.map(|limb| limb & L::splat(u64::from(u32::MAX))))
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Wide25<L> {
        self.product(other)
    }

    #[inline(always)]
    fn mul_lifted(self, other: Self) -> Wide25<L> {
        Self::add(self.product(other), Self::lift())
    }

    #[inline(always)]
    fn square(self) -> Wide25<L> {
        self.product(self)
    }

    #[inline(always)]
    fn square_lifted(self) -> Wide25<L> {
        Self::add(self.square(), Self::lift())
    }

    #[inline(always)]
    fn lift() -> Wide25<L> {
        Wide25(LIFT.map(L::splat))
    }

    #[inline(always)]
    fn add(a: Wide25<L>, b: Wide25<L>) -> Wide25<L> {
        Wide25(std::array::from_fn(|i| a.0[i] + b.0[i]))
    }

    #[inline(always)]
    fn sub(a: Wide25<L>, b: Wide25<L>) -> Wide25<L> {
        Wide25(std::array::from_fn(|i| a.0[i] - b.0[i]))
    }

    /// Carries run upwards, each below 2^39; 19 times the last is below 2^44,
    /// and what it leaves to limb 1 is below 2^18.
    #[inline(always)]
    fn reduce(sum: Wide25<L>) -> Self {
        let mut limbs = sum.0;
        for i in 0..9 {
            limbs[i + 1] = limbs[i + 1] + limbs[i].shr(WIDTHS[i]);
            limbs[i] = limbs[i] & L::splat((1 << WIDTHS[i]) - 1);
        }
        let over = limbs[9].shr(25);
        limbs[9] = limbs[9] & L::splat(MASK_25);
        limbs[0] = limbs[0] + (over + over.shl(1) + over.shl(4));
        limbs[1] = limbs[1] + limbs[0].shr(26);
        limbs[0] = limbs[0] & L::splat(MASK_26);
        Field25(limbs)
    }
}

//! Arithmetic modulo p = 2^255 - 19, an element in each lane.
//!
//! Products come as [`Wide`] sums whose limbs are not yet carried, so
//! that the point formulas add and subtract first and carry once. Limbs that are
//! carried are above zero because one product in each sum is *lifted*: it starts at
//! a multiple of p whose limbs are larger than those of any few products.
//!
//! Lanes are handled in loops, never in closures: those would be compiled without
//! the features of the entry point.
//!
//! Nothing here runs in constant time, and nothing needs to: verification
//! handles public data only.

pub mod radix51;
pub mod radix52;

use super::lanes::{Lanes64, LanesF64};

/// The words that an element takes in a table.
pub const PACKED: usize = 5;

/// sqrt(-1) mod p (RFC 8032, section 5.1.3), as little-endian words.
const SQRT_MINUS_ONE: [u64; 4] =
    [0xc4ee_1b27_4a0e_a0b0, 0x2f43_1806_ad2f_e478, 0x2b4d_0099_3dfb_d7a7, 0x2b83_2480_4fc1_df0b];

/// A sum of products, with limbs not yet carried.
///
/// [`reduce`](Field::reduce) takes sums that are lifted once: one term is, or
/// two are and a third one that is subtracted. Of products and elements
/// together they have six at most.
#[derive(Clone, Copy)]
pub struct Wide<L>([L; PACKED]);

/// An element modulo p in each lane, ready to be multiplied.
pub trait Field: Copy {
    /// The vectors that it is made of.
    type Lanes: LanesF64;

    /// The limbs of a lifted zero.
    const LIFT: [u64; PACKED];

    /// An element from its value's words, little-endian; bit 255 is ignored.
    fn from_words(words: [Self::Lanes; 4]) -> Self;

    /// The words of the value's only representative below p.
    fn to_words(self) -> [Self::Lanes; 4];

    /// The form that tables keep.
    fn pack(self) -> [Self::Lanes; PACKED];

    /// Reads the form that tables keep.
    fn unpack(packed: [Self::Lanes; PACKED]) -> Self;

    /// The element as a sum.
    fn widen(self) -> Wide<Self::Lanes>;

    /// `sum + a * b`, of which products are made: what limits them can be measured by it.
    fn multiply_add(sum: Self::Lanes, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes;

    /// `self * other`.
    fn mul(self, other: Self) -> Wide<Self::Lanes>;

    /// `self * other`, lifted.
    fn mul_lifted(self, other: Self) -> Wide<Self::Lanes>;

    /// `2 * self * other`, lifted once.
    fn mul_twice_lifted(self, other: Self) -> Wide<Self::Lanes>;

    /// `self * self`.
    fn square(self) -> Wide<Self::Lanes>;

    /// `self * self`, lifted.
    fn square_lifted(self) -> Wide<Self::Lanes>;

    /// Carries a sum that is lifted once.
    fn reduce(sum: Wide<Self::Lanes>) -> Self;

    /// `a` in the lanes where `mask` has ones, `b` where it has zeros.
    #[inline(always)]
    fn select(mask: Self::Lanes, a: Self, b: Self) -> Self {
        let (mut limbs, others) = (a.pack(), b.pack());
        for i in 0..PACKED {
            limbs[i] = mask.choose(limbs[i], others[i]);
        }
        Self::unpack(limbs)
    }

    /// A lifted zero.
    #[inline(always)]
    fn lift() -> Wide<Self::Lanes> {
        Wide(splat_each(Self::LIFT))
    }

    /// `a + b`.
    #[inline(always)]
    fn add(mut a: Wide<Self::Lanes>, b: Wide<Self::Lanes>) -> Wide<Self::Lanes> {
        for i in 0..PACKED {
            a.0[i] = a.0[i] + b.0[i];
        }
        a
    }

    /// `a - b`.
    #[inline(always)]
    fn sub(mut a: Wide<Self::Lanes>, b: Wide<Self::Lanes>) -> Wide<Self::Lanes> {
        for i in 0..PACKED {
            a.0[i] = a.0[i] - b.0[i];
        }
        a
    }

    /// `-product` in the lanes where `mask` has ones, `product` where it has
    /// zeros. It counts as a product where it is added to a lifted sum.
    #[inline(always)]
    fn negate_where(mut product: Wide<Self::Lanes>, mask: Self::Lanes) -> Wide<Self::Lanes> {
        for limb in &mut product.0 {
            *limb = limb.negate_where(mask);
        }
        product
    }

    /// The same value in all lanes, from words of a value below 2^255.
    #[inline(always)]
    fn splat(words: [u64; 4]) -> Self {
        let [w0, w1, w2, w3] = words;
        let splat = Self::Lanes::splat;
        Self::from_words([splat(w0), splat(w1), splat(w2), splat(w3)])
    }

    /// `self * other`, carried.
    #[inline(always)]
    fn times(self, other: Self) -> Self {
        Self::reduce(self.mul_lifted(other))
    }

    /// `self * self`, carried.
    #[inline(always)]
    fn squared(self) -> Self {
        Self::reduce(self.square_lifted())
    }

    /// `-self`.
    #[inline(always)]
    fn negated(self) -> Self {
        Self::reduce(Self::sub(Self::lift(), self.widen()))
    }

    /// Ones in the lanes where the values are equal.
    #[inline(always)]
    fn equal(self, other: Self) -> Self::Lanes {
        equal_words(self.to_words(), other.to_words())
    }
}

/// Each value in all lanes.
#[inline(always)]
fn splat_each<L: Lanes64>(values: [u64; PACKED]) -> [L; PACKED] {
    let mut limbs = [L::splat(values[0]); PACKED];
    for i in 1..PACKED {
        limbs[i] = L::splat(values[i]);
    }
    limbs
}

/// Ones in the lanes where all four words are equal.
#[inline(always)]
pub fn equal_words<L: Lanes64>(a: [L; 4], b: [L; 4]) -> L {
    let (low, high) = (a[0].equal(b[0]) & a[1].equal(b[1]), a[2].equal(b[2]) & a[3].equal(b[3]));
    low & high
}

/// Multiplies element by element.
#[inline(always)]
fn times_each<F: Field, const N: usize>(a: &[F; N], b: &[F; N]) -> [F; N] {
    let mut products = *a;
    for (product, b) in products.iter_mut().zip(b) {
        *product = product.times(*b);
    }
    products
}

/// Squares each element `count` times. A chain of squarings waits for itself:
/// the others fill the gaps.
#[inline(always)]
fn squared_each<F: Field, const N: usize>(mut x: [F; N], count: usize) -> [F; N] {
    for _ in 0..count {
        for x in &mut x {
            *x = x.squared();
        }
    }
    x
}

/// The steps from x^(2^5 - 1) to x^(2^250 - 1), by way of the exponents 2^n - 1
/// for n = 10, 20, 40, 50, 100 and 200: how often the last result is squared,
/// and which result it is multiplied by then.
const CHAIN: [(usize, usize); 7] = [(5, 0), (10, 1), (20, 2), (10, 1), (50, 4), (100, 5), (50, 4)];

/// x^(2^250 - 1) and x^11.
#[inline(always)]
fn power_chain<F: Field, const N: usize>(x: &[F; N]) -> ([F; N], [F; N]) {
    let x2 = squared_each(*x, 1);
    let x9 = times_each(&squared_each(x2, 2), x);
    let x11 = times_each(&x9, &x2);
    let x31 = times_each(&squared_each(x11, 1), &x9);
    let mut results = [x31; CHAIN.len() + 1];
    for (step, (count, factor)) in CHAIN.into_iter().enumerate() {
        results[step + 1] = times_each(&squared_each(results[step], count), &results[factor]);
    }
    (results[CHAIN.len()], x11)
}

/// 1/x = x^(p - 2) of each element, and 0 of 0.
#[inline(always)]
pub fn inverted<F: Field, const N: usize>(x: &[F; N]) -> [F; N] {
    let (n250, x11) = power_chain(x);
    times_each(&squared_each(n250, 5), &x11)
}

/// A square root of each u/v, and ones in the lanes where there is one
/// (RFC 8032, section 5.1.3).
#[inline(always)]
pub fn square_roots<F: Field, const N: usize>(u: &[F; N], v: &[F; N]) -> [(F, F::Lanes); N] {
    let (mut uv3, mut uv7) = (*u, *u);
    for i in 0..N {
        let square = v[i].squared();
        uv3[i] = u[i].times(v[i]).times(square);
        uv7[i] = uv3[i].times(square.squared());
    }
    // (uv^7)^((p - 5)/8), where (p - 5)/8 = 2^252 - 3.
    let (n250, _) = power_chain(&uv7);
    let power = times_each(&squared_each(n250, 2), &uv7);
    let mut roots = [(u[0], F::Lanes::splat(0)); N];
    for i in 0..N {
        let root = uv3[i].times(power[i]);
        let square = v[i].times(root.squared());
        let right = square.equal(u[i]);
        let flipped = square.equal(u[i].negated());
        let root = F::select(flipped, root.times(F::splat(SQRT_MINUS_ONE)), root);
        roots[i] = (root, right | flipped);
    }
    roots
}

/// `bits` bits of a little-endian number, from bit `offset`.
#[inline(always)]
pub fn bits_at<L: Lanes64>(words: &[L], offset: usize, bits: u32) -> L {
    let (word, shift) = (offset / 64, offset as u32 % 64);
    let mut value = words[word].shr(shift);
    if shift + bits > 64 && word + 1 < words.len() {
        value = value | words[word + 1].shl(64 - shift);
    }
    value & L::splat((1 << bits) - 1)
}

/// The words of the only representative below p of limbs of `widths` bits that
/// stand for a value below 2p. Each limb may exceed its width, but not 63 bits.
#[inline(always)]
fn canonical_words<L: Lanes64, const N: usize>(mut limbs: [L; N], widths: [u32; N]) -> [L; 4] {
    // The value is p or more exactly if the value + 19 reaches bit 255.
    let mut carry = L::splat(19);
    for i in 0..N {
        carry = (limbs[i] + carry).shr(widths[i]);
    }
    carry = carry.mul32(L::splat(19));
    let mut words = [L::splat(0); 4];
    let mut offset = 0;
    for i in 0..N {
        let limb = limbs[i] + carry;
        carry = limb.shr(widths[i]);
        limbs[i] = limb & L::splat((1 << widths[i]) - 1);
        let (word, shift) = (offset / 64, offset as u32 % 64);
        words[word] = words[word] | limbs[i].shl(shift);
        if shift + widths[i] > 64 {
            words[word + 1] = limbs[i].shr(64 - shift);
        }
        offset += widths[i] as usize;
    }
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cpu::Isa;

    const P: [u64; 4] = [u64::MAX - 18, u64::MAX, u64::MAX, u64::MAX >> 1];

    /// Schoolbook arithmetic on whole numbers: the oracle.
    fn reduce(wide: [u64; 8]) -> [u64; 4] {
        // 2^256 = 38, twice; then p is subtracted while it can be.
        let mut words = wide;
        for _ in 0..2 {
            let mut carry = 0;
            for i in 0..4 {
                (words[i], carry) = words[i + 4].carrying_mul_add(38, words[i], carry);
            }
            words = [words[0], words[1], words[2], words[3], carry, 0, 0, 0];
        }
        let [low, .., top] = [words[0], words[1], words[2], words[3]];
        assert!(words[4] == 0 || (low < 1 << 12 && top == 0));
        let mut value = [low.wrapping_add(38 * words[4]), words[1], words[2], words[3]];
        while value.iter().rev().ge(P.iter().rev()) {
            let mut borrow = false;
            for (word, p) in value.iter_mut().zip(P) {
                (*word, borrow) = word.borrowing_sub(p, borrow);
            }
        }
        value
    }

    pub fn product(a: [u64; 4], b: [u64; 4]) -> [u64; 4] {
        let mut wide = [0; 8];
        for i in 0..4 {
            let mut carry = 0;
            for j in 0..4 {
                (wide[i + j], carry) = a[i].carrying_mul_add(b[j], wide[i + j], carry);
            }
            wide[i + 4] = carry;
        }
        reduce(wide)
    }

    pub fn sum(a: [u64; 4], b: [u64; 4]) -> [u64; 4] {
        let mut wide = [0; 8];
        let mut carry = false;
        for i in 0..4 {
            (wide[i], carry) = a[i].carrying_add(b[i], carry);
        }
        wide[4] = u64::from(carry);
        reduce(wide)
    }

    fn negative(a: [u64; 4]) -> [u64; 4] {
        product(a, sum(P, [u64::MAX - 19, u64::MAX, u64::MAX, u64::MAX >> 1]))
    }

    #[inline(always)]
    fn lanes<F: Field>(element: F) -> Vec<[u64; 4]> {
        let words = element.to_words().map(|word| {
            let mut out = [0; 8];
            word.store(&mut out);
            out
        });
        (0..F::Lanes::LANES).map(|lane| words.map(|word| word[lane])).collect()
    }

    /// Every operation, and the longest sums that `reduce` may be given, on
    /// elements whose values are `va` and `vb` in all lanes.
    #[inline(always)]
    pub fn check_elements<F: Field>(a: F, va: [u64; 4], b: F, vb: [u64; 4]) {
        let check = |name: &str, element: F, expected: [u64; 4]| {
            assert_eq!(lanes(element), vec![expected; F::Lanes::LANES], "{name} of {va:x?} and {vb:x?}");
        };
        let (ab, aa, bb) = (product(va, vb), product(va, va), product(vb, vb));
        check("a", a, sum(va, [0; 4]));
        check("product", a.times(b), ab);
        check("square", a.squared(), aa);
        check("negated", a.negated(), negative(va));
        check("unpack", F::unpack(a.pack()).times(b), ab);
        let difference = F::sub(b.square_lifted(), a.square());
        check("difference", F::reduce(difference), sum(bb, negative(aa)));
        let twice = F::add(a.mul_lifted(b), a.mul_lifted(b));
        let rest = sum(sum(ab, ab), negative(sum(bb, negative(aa))));
        check("two lifted less one", F::reduce(F::sub(twice, difference)), rest);
        check("twice", F::reduce(a.mul_twice_lifted(b)), sum(ab, ab));
        let three = F::add(F::add(a.mul_twice_lifted(b), b.square()), F::add(a.square(), a.widen()));
        let more = F::reduce(F::add(F::add(three, b.square()), b.widen()));
        check("most", more, sum(sum(sum(ab, ab), sum(bb, bb)), sum(aa, sum(va, vb))));
        let less = F::sub(F::sub(F::sub(F::lift(), a.mul(b)), F::add(b.square(), a.square())), b.widen());
        check("least", F::reduce(less), negative(sum(sum(ab, vb), sum(aa, bb))));
        let ones = F::Lanes::splat(u64::MAX);
        let minus = F::add(a.square_lifted(), F::negate_where(b.square(), ones));
        check("a square less another", F::reduce(minus), sum(aa, negative(bb)));
        check("select", F::select(ones, a, b), sum(va, [0; 4]));
    }

    dispatch! {
        fn check_values(a: [u64; 4], b: [u64; 4]) = check_values_lanes::<Fe>
    }

    #[inline(always)]
    fn check_values_lanes<F: Field>(a: [u64; 4], b: [u64; 4]) {
        check_elements(F::splat(a), a, F::splat(b), b);
    }

    #[test]
    fn edges_of_the_field() {
        let [p0, rest @ ..] = P;
        let near_p = [p0 - 1, p0, p0 + 1, u64::MAX].map(|word| [word, rest[0], rest[1], rest[2]]);
        let small = [0, 1, 2, 19, 608, u64::MAX].map(|word| [word, 0, 0, 0]);
        let all: Vec<_> = near_p.into_iter().chain(small).collect();
        for isa in Isa::available().filter(|&isa| isa > Isa::Scalar) {
            for (i, &a) in all.iter().enumerate() {
                check_values(isa, a, all[(i * 3 + 1) % all.len()]);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn any_values(a in any::<[u64; 4]>(), b in any::<[u64; 4]>()) {
            let below = |[w0, w1, w2, w3]: [u64; 4]| [w0, w1, w2, w3 & (u64::MAX >> 1)];
            for isa in Isa::available().filter(|&isa| isa > Isa::Scalar) {
                check_values(isa, below(a), below(b));
            }
        }
    }
}

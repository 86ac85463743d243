//! Arithmetic in GF(p), p = 2^255 - 19, with one element in each lane.
//!
//! Products are [`Wide`] sums with unreduced limbs, so that the point formulas add and subtract
//! first and reduce once. One product in each sum is *biased*: it starts from a multiple of p
//! with limbs larger than any few products, which keeps all limbs of the sum positive.
//!
//! Code on lanes uses loops, never closures, which would be compiled without the features of
//! the entry point. Nothing here runs in constant time: verification handles public data only.

pub mod radix51;
pub mod radix52;

use super::lanes::{Lanes64, LanesF64};

/// Words of an element in a table.
pub const PACKED_LEN: usize = 5;

/// sqrt(-1) mod p (RFC 8032, section 5.1.3), as little-endian words.
const SQRT_MINUS_ONE: [u64; 4] =
    [0xc4ee_1b27_4a0e_a0b0, 0x2f43_1806_ad2f_e478, 0x2b4d_0099_3dfb_d7a7, 0x2b83_2480_4fc1_df0b];

/// A sum of unreduced products.
///
/// [`reduce`](Field::reduce) requires that it is biased once: one term is biased, or two are
/// and a third biased one is subtracted. It may have at most six products and elements.
#[derive(Clone, Copy)]
pub struct Wide<L>([L; PACKED_LEN]);

/// An element of GF(p) in each lane, reduced enough to be multiplied.
pub trait Field: Copy {
    /// The vectors of the element's limbs.
    type Lanes: LanesF64;

    /// The limbs of the bias, a multiple of p.
    const BIAS: [u64; PACKED_LEN];

    /// The element with this value, as little-endian words; bit 255 is ignored.
    fn from_words(words: [Self::Lanes; 4]) -> Self;

    /// The canonical value, below p, as little-endian words.
    fn to_words(self) -> [Self::Lanes; 4];

    /// The element in the form used in tables.
    fn pack(self) -> [Self::Lanes; PACKED_LEN];

    /// The inverse of [`pack`](Field::pack).
    fn unpack(packed: [Self::Lanes; PACKED_LEN]) -> Self;

    /// The element as a sum, not biased.
    fn widen(self) -> Wide<Self::Lanes>;

    /// `sum + a * b` on single limbs: the operation that products consist of, for measuring its
    /// peak rate.
    fn multiply_add(sum: Self::Lanes, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes;

    /// The unreduced product `self * other`.
    fn mul_wide(self, other: Self) -> Wide<Self::Lanes>;

    /// The unreduced product `self * other`, biased.
    fn mul_wide_biased(self, other: Self) -> Wide<Self::Lanes>;

    /// The unreduced `2 * self * other`, biased once.
    fn double_mul_wide_biased(self, other: Self) -> Wide<Self::Lanes>;

    /// The unreduced square.
    fn square_wide(self) -> Wide<Self::Lanes>;

    /// The unreduced square, biased.
    fn square_wide_biased(self) -> Wide<Self::Lanes>;

    /// Reduces a sum that is biased once.
    fn reduce(sum: Wide<Self::Lanes>) -> Self;

    /// `a` in the lanes where `mask` is all ones, `b` where it is zero.
    #[inline(always)]
    fn select(mask: Self::Lanes, a: Self, b: Self) -> Self {
        let (mut limbs, others) = (a.pack(), b.pack());
        for i in 0..PACKED_LEN {
            limbs[i] = mask.choose(limbs[i], others[i]);
        }
        Self::unpack(limbs)
    }

    /// The bias as a sum: zero, biased.
    #[inline(always)]
    fn bias() -> Wide<Self::Lanes> {
        Wide(splat_limbs(Self::BIAS))
    }

    /// The sum `a + b`, not reduced.
    #[inline(always)]
    fn add(mut a: Wide<Self::Lanes>, b: Wide<Self::Lanes>) -> Wide<Self::Lanes> {
        for i in 0..PACKED_LEN {
            a.0[i] = a.0[i] + b.0[i];
        }
        a
    }

    /// The difference `a - b`, not reduced.
    #[inline(always)]
    fn sub(mut a: Wide<Self::Lanes>, b: Wide<Self::Lanes>) -> Wide<Self::Lanes> {
        for i in 0..PACKED_LEN {
            a.0[i] = a.0[i] - b.0[i];
        }
        a
    }

    /// `-product` in the lanes where `mask` is all ones, `product` where it is zero. The result
    /// counts as one product of a biased sum.
    #[inline(always)]
    fn conditional_negate(mut product: Wide<Self::Lanes>, mask: Self::Lanes) -> Wide<Self::Lanes> {
        for limb in &mut product.0 {
            *limb = limb.conditional_negate(mask);
        }
        product
    }

    /// The same value, below 2^255, in all lanes.
    #[inline(always)]
    fn splat(words: [u64; 4]) -> Self {
        let [w0, w1, w2, w3] = words;
        let splat = Self::Lanes::splat;
        Self::from_words([splat(w0), splat(w1), splat(w2), splat(w3)])
    }

    /// The reduced product `self * other`.
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self::reduce(self.mul_wide_biased(other))
    }

    /// The reduced square.
    #[inline(always)]
    fn square(self) -> Self {
        Self::reduce(self.square_wide_biased())
    }

    /// `-self`.
    #[inline(always)]
    fn neg(self) -> Self {
        Self::reduce(Self::sub(Self::bias(), self.widen()))
    }

    /// A mask of the lanes where the values are equal.
    #[inline(always)]
    fn eq_mask(self, other: Self) -> Self::Lanes {
        words_eq_mask(self.to_words(), other.to_words())
    }
}

/// Each limb's value in all lanes.
#[inline(always)]
fn splat_limbs<L: Lanes64>(values: [u64; PACKED_LEN]) -> [L; PACKED_LEN] {
    let mut limbs = [L::splat(values[0]); PACKED_LEN];
    for i in 1..PACKED_LEN {
        limbs[i] = L::splat(values[i]);
    }
    limbs
}

/// A mask of the lanes where all four words are equal.
#[inline(always)]
pub fn words_eq_mask<L: Lanes64>(a: [L; 4], b: [L; 4]) -> L {
    let (low, high) = (a[0].eq_mask(b[0]) & a[1].eq_mask(b[1]), a[2].eq_mask(b[2]) & a[3].eq_mask(b[3]));
    low & high
}

/// Element-wise product.
#[inline(always)]
fn mul_each<F: Field, const N: usize>(a: &[F; N], b: &[F; N]) -> [F; N] {
    let mut products = *a;
    for (product, b) in products.iter_mut().zip(b) {
        *product = product.mul(*b);
    }
    products
}

/// Raises each element to the power 2^k. The squarings of one element depend on each other;
/// those of the others fill the pipeline meanwhile.
#[inline(always)]
fn pow2k_each<F: Field, const N: usize>(mut x: [F; N], k: usize) -> [F; N] {
    for _ in 0..k {
        for x in &mut x {
            *x = x.square();
        }
    }
    x
}

/// The addition chain from x^(2^5 - 1) to x^(2^250 - 1), through the exponents 2^n - 1 for n =
/// 10, 20, 40, 50, 100 and 200. A step (k, i) squares the last result k times and multiplies it
/// by result i.
const ADDITION_CHAIN: [(usize, usize); 7] = [(5, 0), (10, 1), (20, 2), (10, 1), (50, 4), (100, 5), (50, 4)];

/// x^(2^250 - 1) and x^11.
#[inline(always)]
fn pow22501<F: Field, const N: usize>(x: &[F; N]) -> ([F; N], [F; N]) {
    let x2 = pow2k_each(*x, 1);
    let x9 = mul_each(&pow2k_each(x2, 2), x);
    let x11 = mul_each(&x9, &x2);
    let x31 = mul_each(&pow2k_each(x11, 1), &x9);
    let mut results = [x31; ADDITION_CHAIN.len() + 1];
    for (step, (k, factor)) in ADDITION_CHAIN.into_iter().enumerate() {
        results[step + 1] = mul_each(&pow2k_each(results[step], k), &results[factor]);
    }
    (results[ADDITION_CHAIN.len()], x11)
}

/// 1/x = x^(p - 2) of each element; 0 for 0.
#[inline(always)]
pub fn invert<F: Field, const N: usize>(x: &[F; N]) -> [F; N] {
    let (x_250, x11) = pow22501(x);
    mul_each(&pow2k_each(x_250, 5), &x11)
}

/// A square root of each u/v, and a mask of the lanes where it exists (RFC 8032, section
/// 5.1.3).
#[inline(always)]
pub fn sqrt_ratio<F: Field, const N: usize>(u: &[F; N], v: &[F; N]) -> [(F, F::Lanes); N] {
    let (mut uv3, mut uv7) = (*u, *u);
    for i in 0..N {
        let square = v[i].square();
        uv3[i] = u[i].mul(v[i]).mul(square);
        uv7[i] = uv3[i].mul(square.square());
    }
    // (u v^7)^((p - 5)/8), where (p - 5)/8 = 2^252 - 3.
    let (x_250, _) = pow22501(&uv7);
    let power = mul_each(&pow2k_each(x_250, 2), &uv7);
    let mut roots = [(u[0], F::Lanes::splat(0)); N];
    for i in 0..N {
        let root = uv3[i].mul(power[i]);
        let square = v[i].mul(root.square());
        let is_root = square.eq_mask(u[i]);
        let is_flipped = square.eq_mask(u[i].neg());
        let root = F::select(is_flipped, root.mul(F::splat(SQRT_MINUS_ONE)), root);
        roots[i] = (root, is_root | is_flipped);
    }
    roots
}

/// Bits `offset` to `offset + bits - 1` of a little-endian number.
#[inline(always)]
pub fn extract_bits<L: Lanes64>(words: &[L], offset: usize, bits: u32) -> L {
    let (word, shift) = (offset / 64, offset as u32 % 64);
    let mut value = words[word].shr(shift);
    if shift + bits > 64 && word + 1 < words.len() {
        value = value | words[word + 1].shl(64 - shift);
    }
    value & L::splat((1 << bits) - 1)
}

/// The words of the canonical value of `limbs`, which have `widths` bits and a value below 2p.
/// Each limb may exceed its width, but must be below 2^63.
#[inline(always)]
fn canonical_words<L: Lanes64, const N: usize>(mut limbs: [L; N], widths: [u32; N]) -> [L; 4] {
    // The value is at least p exactly if the value + 19 reaches bit 255.
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
    use crate::cpu::isa::Level64;

    const P: [u64; 4] = [u64::MAX - 18, u64::MAX, u64::MAX, u64::MAX >> 1];

    /// Schoolbook arithmetic on little-endian words: the oracle.
    fn reduce(wide: [u64; 8]) -> [u64; 4] {
        // 2^256 = 38 modulo p, applied twice; then p is subtracted while possible.
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

    fn neg(a: [u64; 4]) -> [u64; 4] {
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

    /// Every operation, and the longest sums that `reduce` accepts, on elements with the values
    /// `va` and `vb` in all lanes.
    #[inline(always)]
    pub fn check_elements<F: Field>(a: F, va: [u64; 4], b: F, vb: [u64; 4]) {
        let check = |name: &str, element: F, expected: [u64; 4]| {
            assert_eq!(lanes(element), vec![expected; F::Lanes::LANES], "{name} of {va:x?} and {vb:x?}");
        };
        let (ab, aa, bb) = (product(va, vb), product(va, va), product(vb, vb));
        check("a", a, sum(va, [0; 4]));
        check("product", a.mul(b), ab);
        check("square", a.square(), aa);
        check("negated", a.neg(), neg(va));
        check("unpack", F::unpack(a.pack()).mul(b), ab);
        let difference = F::sub(b.square_wide_biased(), a.square_wide());
        check("difference", F::reduce(difference), sum(bb, neg(aa)));
        let twice = F::add(a.mul_wide_biased(b), a.mul_wide_biased(b));
        let rest = sum(sum(ab, ab), neg(sum(bb, neg(aa))));
        check("two lifted less one", F::reduce(F::sub(twice, difference)), rest);
        check("twice", F::reduce(a.double_mul_wide_biased(b)), sum(ab, ab));
        let three =
            F::add(F::add(a.double_mul_wide_biased(b), b.square_wide()), F::add(a.square_wide(), a.widen()));
        let more = F::reduce(F::add(F::add(three, b.square_wide()), b.widen()));
        check("most", more, sum(sum(sum(ab, ab), sum(bb, bb)), sum(aa, sum(va, vb))));
        let less = F::sub(
            F::sub(F::sub(F::bias(), a.mul_wide(b)), F::add(b.square_wide(), a.square_wide())),
            b.widen(),
        );
        check("least", F::reduce(less), neg(sum(sum(ab, vb), sum(aa, bb))));
        let ones = F::Lanes::splat(u64::MAX);
        let minus = F::add(a.square_wide_biased(), F::conditional_negate(b.square_wide(), ones));
        check("a square less another", F::reduce(minus), sum(aa, neg(bb)));
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
    fn values_around_zero_and_p() {
        let [p0, rest @ ..] = P;
        let near_p = [p0 - 1, p0, p0 + 1, u64::MAX].map(|word| [word, rest[0], rest[1], rest[2]]);
        let small = [0, 1, 2, 19, 608, u64::MAX].map(|word| [word, 0, 0, 0]);
        let all: Vec<_> = near_p.into_iter().chain(small).collect();
        for level in Level64::available() {
            for (i, &a) in all.iter().enumerate() {
                check_values(level, a, all[(i * 3 + 1) % all.len()]);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn any_values(a in any::<[u64; 4]>(), b in any::<[u64; 4]>()) {
            let below = |[w0, w1, w2, w3]: [u64; 4]| [w0, w1, w2, w3 & (u64::MAX >> 1)];
            for level in Level64::available() {
                check_values(level, below(a), below(b));
            }
        }
    }
}

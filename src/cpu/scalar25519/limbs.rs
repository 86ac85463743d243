//! Arithmetic modulo L in lanes, on limbs of 28 bits.
//!
//! Limb 9 starts at bit 252, and 2^252 = -t modulo L, where t has 125 bits: reduction
//! multiplies the limbs from 9 on by -t and adds them to the lower ones.

use super::{ORDER, ORDER_TAIL, Recoding};
use crate::cpu::field25519::extract_bits;
use crate::cpu::lanes::Lanes64;

const BITS: usize = 28;
const MASK: u64 = (1 << BITS) - 1;

/// Limbs below bit 252.
const LOW: usize = 252 / BITS;

/// The limbs of t.
const TAIL: [u64; 5] = {
    let [low, high] = ORDER_TAIL;
    let middle = low >> 56 | high << 8;
    [low & MASK, low >> 28 & MASK, middle & MASK, middle >> 28 & MASK, high >> 48]
};

/// Added to each limb and, as its carry, subtracted from the next: it keeps limbs positive
/// without changing the value.
const CARRY_BIAS: u64 = 1 << 60;

/// Reduces a 512-bit number modulo L.
#[inline(always)]
pub fn reduce<L: Lanes64>(words: &[L; 8]) -> [L; 4] {
    let limbs: [L; 15] = fold::<L, 19, 15>(&from_words(words));
    to_words(&subtract_order_once(&reduce_partially(&limbs)))
}

/// The offset of a [`Recoding`], as limbs.
pub struct RecodingOffset([u64; 10]);

impl RecodingOffset {
    /// The offset of `recoding`, which must be [`signed`](Recoding::signed).
    pub const fn new(recoding: &Recoding) -> Self {
        RecodingOffset(with_carry_bias(limbs_of(&recoding.offset, 0)))
    }
}

/// v s modulo L, balanced and recoded with `offset`: the magnitude is at most L/2, or slightly
/// more. v must be below 2^160, s below 2^253.
#[inline(always)]
pub fn mul_balanced<L: Lanes64>(v: &[L; 4], s: &[L; 4], offset: &RecodingOffset) -> [L; 4] {
    let (v, s): ([L; 6], [L; 10]) = (from_words(v), from_words(s));
    let mut sums = [L::splat(0); 15];
    for (i, v) in v.into_iter().enumerate() {
        for (j, &s) in s.iter().enumerate() {
            sums[i + j] = sums[i + j] + v.mul32(s);
        }
    }
    balance(&reduce_partially(&carry(sums)), offset)
}

/// Subtracts the multiple of L nearest to a number below 2 L, and adds the recoding offset.
#[inline(always)]
fn balance<L: Lanes64>(limbs: &[L; 10], offset: &RecodingOffset) -> [L; 4] {
    // The quotient by 2^252 instead of L, rounded at bit 251; this changes the result by at
    // most 2 t.
    let quotient = limbs[9] + (limbs[8] + L::splat(1 << (BITS - 1))).shr(BITS as u32);
    let order: [u64; 10] = const { limbs_of(&ORDER, 0) };
    let mut sums = *limbs;
    for i in 0..10 {
        sums[i] = sums[i] + L::splat(offset.0[i]);
        if order[i] != 0 {
            sums[i] = sums[i] - quotient.mul32(L::splat(order[i]));
        }
    }
    to_words(&carry(sums))
}

/// Reduces a number below 2^420 to one below 2 L, congruent modulo L.
#[inline(always)]
fn reduce_partially<L: Lanes64>(limbs: &[L; 15]) -> [L; 10] {
    fold::<L, 11, 10>(&fold::<L, 15, 11>(limbs))
}

/// Folds `N` limbs to `M`, congruent modulo L. The result is below 2 L if `N` is 11.
#[inline(always)]
fn fold<L: Lanes64, const N: usize, const M: usize>(limbs: &[L; N]) -> [L; M] {
    let bias = const { order_multiple::<M>(N - LOW) };
    let mut sums = [limbs[0]; M];
    for i in 0..M {
        sums[i] = L::splat(bias[i]);
        if i < LOW {
            sums[i] = sums[i] + limbs[i];
        }
    }
    for i in LOW..N {
        for (j, &tail) in TAIL.iter().enumerate() {
            sums[i - LOW + j] = sums[i - LOW + j] - limbs[i].mul32(L::splat(tail));
        }
    }
    carry(sums)
}

/// The limbs, with the carry bias, of a multiple of L by a power of two. It exceeds t times any
/// number of `high` limbs.
const fn order_multiple<const M: usize>(high: usize) -> [u64; M] {
    let shift = (125 + BITS * high).saturating_sub(252);
    with_carry_bias(limbs_of(&ORDER, shift))
}

const fn with_carry_bias<const M: usize>(mut limbs: [u64; M]) -> [u64; M] {
    let mut i = 0;
    while i + 1 < M {
        limbs[i] = limbs[i].wrapping_add(CARRY_BIAS);
        limbs[i + 1] = limbs[i + 1].wrapping_sub(CARRY_BIAS >> BITS);
        i += 1;
    }
    limbs
}

/// The limbs of 2^shift times a number below 2^253.
const fn limbs_of<const M: usize>(words: &[u64; 4], shift: usize) -> [u64; M] {
    let mut limbs = [0; M];
    let mut bit = 0;
    while bit < 253 {
        let at = bit + shift;
        limbs[at / BITS] |= (words[bit / 64] >> (bit % 64) & 1) << (at % BITS);
        bit += 1;
    }
    limbs
}

/// Reduces a number below 2 L modulo L.
#[inline(always)]
fn subtract_order_once<L: Lanes64>(limbs: &[L; 10]) -> [L; 10] {
    // 2^280 + x - L reaches 2^280 exactly if x is at least L.
    let minus_order = const {
        let order: [u64; 10] = limbs_of(&ORDER, 0);
        let mut minus_order = [0u64; 10];
        let mut i = 0;
        while i < 10 {
            minus_order[i] = minus_order[i].wrapping_sub(order[i]);
            i += 1;
        }
        minus_order[9] = minus_order[9].wrapping_add(1 << BITS);
        with_carry_bias(minus_order)
    };
    let mut sums = *limbs;
    for i in 0..10 {
        sums[i] = sums[i] + L::splat(minus_order[i]);
    }
    let difference = carry(sums);
    let not_below = L::splat(0) - difference[9].shr(BITS as u32);
    let mut reduced = *limbs;
    for i in 0..9 {
        reduced[i] = not_below.choose(difference[i], limbs[i]);
    }
    reduced[9] = not_below.choose(difference[9] & L::splat(MASK), limbs[9]);
    reduced
}

/// Propagates each limb's carry to the next. The highest limb is not masked.
#[inline(always)]
fn carry<L: Lanes64, const M: usize>(mut sums: [L; M]) -> [L; M] {
    for i in 0..M - 1 {
        sums[i + 1] = sums[i + 1] + sums[i].shr(BITS as u32);
        sums[i] = sums[i] & L::splat(MASK);
    }
    sums
}

/// The lowest `M` limbs of a number.
#[inline(always)]
fn from_words<L: Lanes64, const M: usize>(words: &[L]) -> [L; M] {
    let mut limbs = [words[0]; M];
    for (i, limb) in limbs.iter_mut().enumerate() {
        *limb = extract_bits(words, BITS * i, BITS as u32);
    }
    limbs
}

/// The words of a number below 2^256.
#[inline(always)]
fn to_words<L: Lanes64>(limbs: &[L; 10]) -> [L; 4] {
    let mut words = [L::splat(0); 4];
    for (i, &limb) in limbs.iter().enumerate() {
        let (word, shift) = (BITS * i / 64, (BITS * i % 64) as u32);
        words[word] = words[word] | limb.shl(shift);
        if shift as usize + BITS > 64 && word < 3 {
            words[word + 1] = limb.shr(64 - shift);
        }
    }
    words
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use curve25519_dalek::Scalar;
    use proptest::prelude::*;

    use super::super::{Digit, reduce as reduce_one};
    use super::*;
    use crate::cpu::isa::Level64;
    use crate::cpu::lanes::MAX_LANES64;

    const RECODING: Recoding = Recoding::signed(12, 21);

    dispatch! {
        fn check(numbers: &[[u64; 8]; MAX_LANES64]) = check_lanes::<U64s>
    }

    /// Checks the reduction of each lane's number, and the product of two parts of it.
    #[inline(always)]
    fn check_lanes<L: Lanes64>(numbers: &[[u64; 8]; MAX_LANES64]) {
        let column = |number: &dyn Fn(&[u64; 8]) -> u64| L::load(&numbers.each_ref().map(number));
        let words: [L; 8] = std::array::from_fn(|i| column(&|number| number[i]));
        let row = |words: [L; 4], lane: usize| -> [u64; 4] {
            words.map(|word| {
                let mut lanes = [0; MAX_LANES64];
                word.store(&mut lanes);
                lanes[lane]
            })
        };
        let v: [L; 4] = std::array::from_fn(|i| column(&|number| of_160_bits(number)[i]));
        let s: [L; 4] = std::array::from_fn(|i| column(&|number| of_253_bits(number)[i]));
        let (reduced, product) = (reduce(&words), mul_balanced(&v, &s, &RecodingOffset::new(&RECODING)));
        for (lane, number) in numbers.iter().enumerate().take(L::LANES) {
            assert_eq!(row(reduced, lane), reduce_one(number), "{number:x?}");
            let mut sum = Scalar::ZERO;
            for index in (0..RECODING.count).rev() {
                let Digit { magnitude, negative } = RECODING.digit(&product, index);
                let [magnitude, negative, ..] = row([magnitude, negative, negative, negative], lane);
                assert!(magnitude <= 1 << 11);
                let magnitude = Scalar::from(magnitude);
                sum = sum * Scalar::from(1u64 << 12) + if negative != 0 { -magnitude } else { magnitude };
            }
            let expected = scalar(&of_160_bits(number)) * scalar(&of_253_bits(number));
            assert_eq!(sum, expected, "{number:x?}");
        }
    }

    fn of_160_bits([.., a, b, c]: &[u64; 8]) -> [u64; 4] {
        [*a, *b, c >> 32, 0]
    }

    fn of_253_bits([a, b, c, d, ..]: &[u64; 8]) -> [u64; 4] {
        [*a, *b, *c, d >> 3]
    }

    fn scalar(words: &[u64; 4]) -> Scalar {
        Scalar::from_bytes_mod_order(bytemuck::cast(words.map(u64::to_le)))
    }

    fn check_all(numbers: &[[u64; 8]; MAX_LANES64]) {
        Level64::available().for_each(|level| check(level, numbers));
    }

    /// Zero, values near L, and as many ones as fit.
    #[test]
    fn numbers_near_zero_and_multiples_of_the_order() {
        let [a, b, c, d] = ORDER;
        let near_order = |less: u64| [a.wrapping_sub(less), b, c, d, 0, 0, 0, 0];
        let ones = |count: usize| std::array::from_fn(|i| if i < count { u64::MAX } else { 0 });
        check_all(&[[0; 8], near_order(1), near_order(0), near_order(2), ones(8), ones(4), ones(1), ones(7)]);
        let twice_order = |less: u64| [(2 * a).wrapping_sub(less), (2 * b) | (a >> 63), c, 2 * d, 0, 0, 0, 0];
        let high = |word: usize| std::array::from_fn(|i| if i == word { 1 << 63 } else { 0 });
        check_all(&[
            twice_order(0),
            twice_order(1),
            high(7),
            high(6),
            high(5),
            high(4),
            high(3),
            near_order(a),
        ]);
    }

    proptest! {
        #[test]
        fn matches_dalek(mut numbers: [[u64; 8]; MAX_LANES64], ones in 0usize..8) {
            numbers[0][..ones].fill(u64::MAX);
            numbers[1][ones..].fill(u64::MAX);
            numbers[2][ones..].fill(0);
            check_all(&numbers);
        }
    }
}

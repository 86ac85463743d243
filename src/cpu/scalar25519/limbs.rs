//! Arithmetic modulo L in lanes, on limbs of 28 bits.
//!
//! Bit 252 is where limb 9 begins, and 2^252 = -t modulo L, where t has 125 bits: what
//! lies from there on goes down times -t.

use super::{Digits, ORDER, ORDER_TAIL};
use crate::cpu::field25519::bits_at;
use crate::cpu::lanes::Lanes64;

const BITS: usize = 28;
const MASK: u64 = (1 << BITS) - 1;

/// The limbs below bit 252.
const LOW: usize = 252 / BITS;

/// The limbs of t.
const TAIL: [u64; 5] = {
    let [low, high] = ORDER_TAIL;
    let middle = low >> 56 | high << 8;
    [low & MASK, low >> 28 & MASK, middle & MASK, middle >> 28 & MASK, high >> 48]
};

/// Added to each limb, and taken off the next one as its carry: so no limb has a sign.
const BIAS: u64 = 1 << 60;

/// A number of 512 bits modulo L.
#[inline(always)]
pub fn reduced<L: Lanes64>(words: &[L; 8]) -> [L; 4] {
    let limbs: [L; 15] = folded::<L, 19, 15>(&limbs(words));
    self::words(&below_order(&nearly_reduced(&limbs)))
}

/// What makes numbers ready to be taken in signed digits, as limbs.
pub struct Offset([u64; 10]);

impl Offset {
    /// That of [`Digits::signed`].
    pub const fn of(digits: &Digits) -> Self {
        Offset(biased(limbs_of(&digits.offset, 0)))
    }
}

/// v s modulo L, of a magnitude of half of L or little more, with `offset` added. v must
/// be below 2^160, and s below 2^253.
#[inline(always)]
pub fn product<L: Lanes64>(v: &[L; 4], s: &[L; 4], offset: &Offset) -> [L; 4] {
    let (v, s): ([L; 6], [L; 10]) = (limbs(v), limbs(s));
    let mut sums = [L::splat(0); 15];
    for (i, v) in v.into_iter().enumerate() {
        for (j, &s) in s.iter().enumerate() {
            sums[i + j] = sums[i + j] + v.mul32(s);
        }
    }
    near_zero(&nearly_reduced(&carried(sums)), offset)
}

/// A number below 2 L, less that multiple of L which takes it next to zero.
#[inline(always)]
fn near_zero<L: Lanes64>(limbs: &[L; 10], offset: &Offset) -> [L; 4] {
    // From bit 251 on, rounded: with 2^252 for L it is off by 2 t at most.
    let times = limbs[9] + (limbs[8] + L::splat(1 << (BITS - 1))).shr(BITS as u32);
    let order: [u64; 10] = const { limbs_of(&ORDER, 0) };
    let mut sums = *limbs;
    for i in 0..10 {
        sums[i] = sums[i] + L::splat(offset.0[i]);
        if order[i] != 0 {
            sums[i] = sums[i] - times.mul32(L::splat(order[i]));
        }
    }
    words(&carried(sums))
}

/// A number of 420 bits modulo L, or L more.
#[inline(always)]
fn nearly_reduced<L: Lanes64>(limbs: &[L; 15]) -> [L; 10] {
    folded::<L, 11, 10>(&folded::<L, 15, 11>(limbs))
}

/// What a number is modulo L, with `M` limbs instead of `N`; or L more, if `N` is 11.
#[inline(always)]
fn folded<L: Lanes64, const N: usize, const M: usize>(limbs: &[L; N]) -> [L; M] {
    let lift = const { lift::<M>(N - LOW) };
    let mut sums = [limbs[0]; M];
    for i in 0..M {
        sums[i] = L::splat(lift[i]);
        if i < LOW {
            sums[i] = sums[i] + limbs[i];
        }
    }
    for i in LOW..N {
        for (j, &tail) in TAIL.iter().enumerate() {
            sums[i - LOW + j] = sums[i - LOW + j] - limbs[i].mul32(L::splat(tail));
        }
    }
    carried(sums)
}

/// The limbs of that multiple of L, by a power of two, which is more than t times `high`
/// limbs, with the bias.
const fn lift<const M: usize>(high: usize) -> [u64; M] {
    let shift = (125 + BITS * high).saturating_sub(252);
    biased(limbs_of(&ORDER, shift))
}

const fn biased<const M: usize>(mut limbs: [u64; M]) -> [u64; M] {
    let mut i = 0;
    while i + 1 < M {
        limbs[i] = limbs[i].wrapping_add(BIAS);
        limbs[i + 1] = limbs[i + 1].wrapping_sub(BIAS >> BITS);
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

/// A number below 2 L modulo L.
#[inline(always)]
fn below_order<L: Lanes64>(limbs: &[L; 10]) -> [L; 10] {
    // 2^280 + x - L, which reaches 2^280 exactly if x reaches L.
    let less = const {
        let order: [u64; 10] = limbs_of(&ORDER, 0);
        let mut less = [0u64; 10];
        let mut i = 0;
        while i < 10 {
            less[i] = less[i].wrapping_sub(order[i]);
            i += 1;
        }
        less[9] = less[9].wrapping_add(1 << BITS);
        biased(less)
    };
    let mut sums = *limbs;
    for i in 0..10 {
        sums[i] = sums[i] + L::splat(less[i]);
    }
    let difference = carried(sums);
    let reaches = L::splat(0) - difference[9].shr(BITS as u32);
    let mut below = *limbs;
    for i in 0..9 {
        below[i] = reaches.choose(difference[i], limbs[i]);
    }
    below[9] = reaches.choose(difference[9] & L::splat(MASK), limbs[9]);
    below
}

/// Each limb's carry goes to the next. The highest keeps all that it gets.
#[inline(always)]
fn carried<L: Lanes64, const M: usize>(mut sums: [L; M]) -> [L; M] {
    for i in 0..M - 1 {
        sums[i + 1] = sums[i + 1] + sums[i].shr(BITS as u32);
        sums[i] = sums[i] & L::splat(MASK);
    }
    sums
}

/// The limbs of a number that they have room for.
#[inline(always)]
fn limbs<L: Lanes64, const M: usize>(words: &[L]) -> [L; M] {
    let mut limbs = [words[0]; M];
    for (i, limb) in limbs.iter_mut().enumerate() {
        *limb = bits_at(words, BITS * i, BITS as u32);
    }
    limbs
}

/// The words of a number below 2^256.
#[inline(always)]
fn words<L: Lanes64>(limbs: &[L; 10]) -> [L; 4] {
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

    use super::super::{Digit, reduced as reduced_alone};
    use super::*;
    use crate::cpu::Isa;
    use crate::cpu::lanes::MAX_LANES64;

    const DIGITS: Digits = Digits::signed(12, 21);

    dispatch! {
        fn check(numbers: &[[u64; 8]; MAX_LANES64]) = check_lanes::<U64s>
    }

    /// Each lane's number, and the product of parts of it.
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
        let (rest, product) = (reduced(&words), product(&v, &s, &Offset::of(&DIGITS)));
        for (lane, number) in numbers.iter().enumerate().take(L::LANES) {
            assert_eq!(row(rest, lane), reduced_alone(number), "{number:x?}");
            let mut sum = Scalar::ZERO;
            for index in (0..DIGITS.count).rev() {
                let Digit { magnitude, negative } = DIGITS.at(&product, index);
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
        Isa::available().filter(|&isa| isa > Isa::Scalar).for_each(|isa| check(isa, numbers));
    }

    /// Zero, L less and more a little, and as many ones as there is room for.
    #[test]
    fn numbers_at_the_edges() {
        let [a, b, c, d] = ORDER;
        let near_order = |less: u64| [a.wrapping_sub(less), b, c, d, 0, 0, 0, 0];
        let ones = |count: usize| std::array::from_fn(|i| if i < count { u64::MAX } else { 0 });
        check_all(&[[0; 8], near_order(1), near_order(0), near_order(2), ones(8), ones(4), ones(1), ones(7)]);
        let doubled = |less: u64| [(2 * a).wrapping_sub(less), (2 * b) | (a >> 63), c, 2 * d, 0, 0, 0, 0];
        let high = |word: usize| std::array::from_fn(|i| if i == word { 1 << 63 } else { 0 });
        check_all(&[doubled(0), doubled(1), high(7), high(6), high(5), high(4), high(3), near_order(a)]);
    }

    proptest! {
        #[test]
        fn as_dalek(mut numbers: [[u64; 8]; MAX_LANES64], ones in 0usize..8) {
            numbers[0][..ones].fill(u64::MAX);
            numbers[1][ones..].fill(u64::MAX);
            numbers[2][ones..].fill(0);
            check_all(&numbers);
        }
    }
}

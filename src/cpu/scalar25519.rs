//! Scalars modulo L = 2^252 + 27742317777372353535851937790883648493, the order
//! of the base point (RFC 8032, section 5.1), and their signed digits.

pub mod limbs;

use super::field25519::bits_at;
use super::lanes::{Lanes64, MAX_LANES64};

/// L, as little-endian words.
pub const ORDER: [u64; 4] = [0x5812_631a_5cf5_d3ed, 0x14de_f9de_a2f7_9cd6, 0, 0x1000_0000_0000_0000];

/// L - 2^252.
const ORDER_TAIL: [u64; 2] = [ORDER[0], ORDER[1]];

/// Whether a number of 256 bits is below L.
pub fn is_canonical(words: &[u64; 4]) -> bool {
    words.iter().rev().lt(ORDER.iter().rev())
}

/// A number of 512 bits modulo L.
///
/// 2^252 = -t modulo L, where t = `ORDER_TAIL` has 125 bits: what lies above bit
/// 252 goes down times -t, three times, and has 260, 133 and 6 bits.
pub fn reduced(words: &[u64; 8]) -> [u64; 4] {
    let (low, high) = split(words);
    let second: [u64; 7] = times_tail(&high);
    let (low_2, high_2) = split(&second);
    let third: [u64; 5] = times_tail(&high_2[..3]);
    let (low_3, high_3) = split(&third);
    let fourth: [u64; 4] = times_tail(&high_3[..1]);
    // low + low_3 - low_2 - fourth: above -2L, since low_2 is below 2^252 and
    // fourth below 2^131; below 2^253 < 2L. So plus 2L it is in 0..4L.
    let sum = plus(&plus(&low, &low_3), &plus(&ORDER, &ORDER));
    let sum = minus(&minus(&sum, &low_2), &fourth);
    // Once more, with L on top, since four times t may be more than the rest.
    let (rest, above) = split(&sum);
    let sum = minus(&plus(&rest, &ORDER), &times_tail(&above[..1]));
    if is_canonical(&sum) { sum } else { minus(&sum, &ORDER) }
}

/// The bits below bit 252, and those from there on.
fn split(words: &[u64]) -> ([u64; 4], [u64; 5]) {
    let word = |i: usize| words.get(i).copied().unwrap_or(0);
    let low = [word(0), word(1), word(2), word(3) & ((1 << 60) - 1)];
    let high = std::array::from_fn(|i| word(i + 3) >> 60 | word(i + 4) << 4);
    (low, high)
}

/// `words * t`, which must fit.
fn times_tail<const N: usize>(words: &[u64]) -> [u64; N] {
    let mut product = [0; N];
    for (i, &word) in words.iter().enumerate() {
        let mut carry = 0;
        for (j, &tail) in ORDER_TAIL.iter().enumerate() {
            (product[i + j], carry) = word.carrying_mul_add(tail, product[i + j], carry);
        }
        product[i + 2] = carry;
    }
    product
}

/// `a + b`, which must fit.
fn plus(a: &[u64; 4], b: &[u64; 4]) -> [u64; 4] {
    let mut carry = false;
    std::array::from_fn(|i| {
        let sum = u128::from(a[i]) + u128::from(b[i]) + u128::from(carry);
        carry = sum >> 64 != 0;
        sum as u64
    })
}

/// `a - b`, which must not be below zero.
pub fn minus(a: &[u64; 4], b: &[u64; 4]) -> [u64; 4] {
    let mut borrow = false;
    std::array::from_fn(|i| {
        let difference;
        (difference, borrow) = a[i].borrowing_sub(b[i], borrow);
        difference
    })
}

/// The magnitude, half of L at most, of what a scalar is modulo L, and whether
/// that is below zero.
pub fn nearest_zero(scalar: &[u64; 4]) -> ([u64; 4], bool) {
    let other = minus(&ORDER, scalar);
    let negative = other.iter().rev().lt(scalar.iter().rev());
    (if negative { other } else { *scalar }, negative)
}

/// `sum + z * scalar`, which must fit.
pub fn add_product(sum: &mut [u64; 8], z: &[u64], scalar: &[u64; 4]) {
    for (i, &z) in z.iter().enumerate() {
        let mut carry = 0;
        for (j, &word) in scalar.iter().enumerate() {
            (sum[i + j], carry) = z.carrying_mul_add(word, sum[i + j], carry);
        }
        for word in &mut sum[i + 4..] {
            let (sum, over) = word.overflowing_add(carry);
            (*word, carry) = (sum, u64::from(over));
        }
    }
}

/// How numbers are written in signed digits: from -2^(bits-1) to 2^(bits-1) - 1, but
/// the highest to more, since there a carry ends.
///
/// Adding 2^(bits-1) to each digit beforehand makes them plain bit fields.
#[derive(Clone, Copy)]
pub struct Digits {
    bits: u32,
    /// The number of digits.
    pub count: usize,
    /// Whether the highest has a sign.
    signed: bool,
    /// The sum of 2^(bits-1) at every digit that has a sign.
    offset: [u64; 4],
}

impl Digits {
    /// Digits of `bits` bits for numbers from 0 to 2^`width` - 1, where `width` is 254
    /// at most. The highest has no sign.
    pub const fn new(bits: u32, width: u32) -> Self {
        Self::with_sign(bits, width.div_ceil(bits) as usize, false)
    }

    /// `count` digits of `bits` bits for numbers of a magnitude up to half of
    /// 2^(bits * count), which is 2^254 at most, or little more.
    pub const fn signed(bits: u32, count: usize) -> Self {
        Self::with_sign(bits, count, true)
    }

    const fn with_sign(bits: u32, count: usize, signed: bool) -> Self {
        let mut offset = [0; 4];
        let mut digit = 0;
        while digit < if signed { count } else { count - 1 } {
            let bit = digit * bits as usize + bits as usize - 1;
            offset[bit / 64] |= 1 << (bit % 64);
            digit += 1;
        }
        Digits { bits, count, signed, offset }
    }

    /// `number`, ready for [`at`](Digits::at).
    pub fn prepared(&self, number: &[u64; 4]) -> [u64; 4] {
        plus(number, &self.offset)
    }

    /// The number of each lane, likewise.
    #[inline(always)]
    pub fn prepared_each<L: Lanes64>(&self, numbers: &[L; 4]) -> [L; 4] {
        let (mut sums, mut carry) = (*numbers, L::splat(0));
        for i in 0..4 {
            let (number, offset) = (numbers[i], L::splat(self.offset[i]));
            sums[i] = number + offset + carry;
            carry = number.majority(offset, sums[i] ^ L::splat(u64::MAX)).shr(63);
        }
        sums
    }

    /// The number of digits up to the highest that is not zero in all lanes.
    #[inline(always)]
    pub fn used<L: Lanes64>(&self, prepared: &[L; 4]) -> usize {
        let mut bits = 0;
        for i in 0..4 {
            let mut differences = [0; MAX_LANES64];
            (prepared[i] ^ L::splat(self.offset[i])).store(&mut differences);
            let differs = differences.iter().fold(0, |any, lane| any | lane);
            if differs != 0 {
                bits = 64 * (i as u32 + 1) - differs.leading_zeros();
            }
        }
        bits.div_ceil(self.bits) as usize
    }

    /// Digit `index` of each lane's prepared number.
    #[inline(always)]
    pub fn at<L: Lanes64>(&self, prepared: &[L; 4], index: usize) -> Digit<L> {
        let highest = index + 1 == self.count;
        let field = bits_at(prepared, index * self.bits as usize, self.bits + u32::from(highest));
        if highest && !self.signed {
            return Digit { magnitude: field, negative: L::splat(0) };
        }
        let value = field - L::splat(1 << (self.bits - 1));
        let negative = L::splat(0) - value.shr(63);
        Digit { magnitude: value.negate_where(negative), negative }
    }
}

/// A signed digit in each lane.
#[derive(Clone, Copy)]
pub struct Digit<L> {
    /// Its magnitude.
    pub magnitude: L,
    /// Ones where it is below zero, else zero.
    pub negative: L,
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::Scalar;
    use proptest::prelude::*;

    use super::*;
    use crate::cpu::Isa;

    fn bytes(words: &[u64]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    fn words<const N: usize>(bytes: &[u8]) -> [u64; N] {
        std::array::from_fn(|i| u64::from_le_bytes(*bytes.as_chunks().0[i..].first().unwrap()))
    }

    dispatch! {
        fn check_digits(scalar: &[u64; 4]) = check_digits_lanes::<U64s>
    }

    fn lanes<L: Lanes64>(word: L) -> [u64; MAX_LANES64] {
        let mut lanes = [0; MAX_LANES64];
        word.store(&mut lanes);
        lanes
    }

    #[inline(always)]
    fn check_digits_lanes<L: Lanes64>(scalar: &[u64; 4]) {
        for bits in [4, 5, 10, 12] {
            check_digits_of::<L>(Digits::new(bits, 253), scalar);
        }
        let (nearest, _) = nearest_zero(scalar);
        let short = [scalar[0], scalar[1] >> 3, 0, 0];
        for bits in [6, 7, 9] {
            check_digits_of::<L>(Digits::new(bits, 252), &nearest);
            check_digits_of::<L>(Digits::new(bits, 126), &short);
        }
    }

    #[inline(always)]
    fn check_digits_of<L: Lanes64>(digits: Digits, scalar: &[u64; 4]) {
        let prepared = digits.prepared_each(&scalar.map(L::splat));
        let used = digits.used(&prepared);
        for (word, expected) in prepared.iter().zip(digits.prepared(scalar)) {
            assert_eq!(lanes(*word)[0], expected);
        }
        let mut sum = Scalar::ZERO;
        for index in (0..digits.count).rev() {
            let digit = digits.at(&prepared, index);
            let [magnitude, negative] = [digit.magnitude, digit.negative].map(lanes);
            assert!(magnitude[0] <= 1 << (digits.bits - 1));
            assert!(negative[0] == 0 || negative[0] == u64::MAX);
            assert!(if index >= used { magnitude[0] == 0 } else { magnitude[0] != 0 || index + 1 < used });
            let magnitude = Scalar::from(magnitude[0]);
            sum = sum * Scalar::from(1u64 << digits.bits)
                + if negative[0] != 0 { -magnitude } else { magnitude };
        }
        assert_eq!(sum.as_bytes()[..], bytes(scalar));
    }

    fn check_all_digits(scalar: &[u64; 4]) {
        Isa::available().filter(|&isa| isa > Isa::Scalar).for_each(|isa| check_digits(isa, scalar));
    }

    #[test]
    fn multiples_of_the_order_reduce_to_zero() {
        let minus_one = minus(&ORDER, &[1, 0, 0, 0]);
        assert!(is_canonical(&minus_one) && !is_canonical(&ORDER));
        assert!(!is_canonical(&plus(&ORDER, &[1, 0, 0, 0])) && !is_canonical(&[0, 0, 0, 1 << 63]));
        // The highest multiple of L below 2^512.
        let mut most = [u64::MAX; 8];
        let rest = reduced(&most);
        let mut borrow = 0u128;
        for (i, word) in most.iter_mut().enumerate() {
            let take = u128::from(rest.get(i).copied().unwrap_or(0)) + borrow;
            borrow = u128::from(u128::from(*word) < take);
            *word = word.wrapping_sub(take as u64);
        }
        assert_eq!(reduced(&most), [0; 4]);
        most[0] -= 1;
        assert_eq!(reduced(&most), minus_one);
        check_all_digits(&minus_one);
    }

    proptest! {
        #[test]
        fn reduction_and_digits_as_dalek(wide in any::<[u64; 8]>(), ones in 0usize..8) {
            let mut wide = wide;
            wide[..ones].fill(u64::MAX);
            for wide in [wide, wide.map(|word| !word)] {
                let expected = Scalar::from_bytes_mod_order_wide(&bytes(&wide).try_into().unwrap());
                let scalar = reduced(&wide);
                prop_assert_eq!(scalar, words(expected.as_bytes()));
                check_all_digits(&scalar);
            }
        }

        #[test]
        fn products_add_up(a in any::<[u64; 4]>(), b in any::<[u64; 4]>(), x: [u64; 2], y: [u64; 2]) {
            let dalek = |words: &[u64]| {
                let mut wide = [0; 64];
                wide[..8 * words.len()].copy_from_slice(&bytes(words));
                Scalar::from_bytes_mod_order_wide(&wide)
            };
            let mut sum = [0; 8];
            for _ in 0..3 {
                add_product(&mut sum, &x, &a);
                add_product(&mut sum, &y, &b);
            }
            let expected = Scalar::from(3u8) * (dalek(&x) * dalek(&a) + dalek(&y) * dalek(&b));
            let (magnitude, negative) = nearest_zero(&reduced(&sum));
            let magnitude = dalek(&magnitude);
            prop_assert_eq!(if negative { -magnitude } else { magnitude }, expected);
        }
    }
}

//! Scalars modulo L = 2^252 + 27742317777372353535851937790883648493, the order of the base
//! point (RFC 8032, section 5.1), one at a time; and signed-digit recoding, in lanes too.

pub mod limbs;

use super::field25519::extract_bits;
use super::lanes::{Lanes64, MAX_LANES64};

/// L, as little-endian words.
pub const ORDER: [u64; 4] = [0x5812_631a_5cf5_d3ed, 0x14de_f9de_a2f7_9cd6, 0, 0x1000_0000_0000_0000];

/// t = L - 2^252, of 125 bits.
const ORDER_TAIL: [u64; 2] = [ORDER[0], ORDER[1]];

/// Whether a number is below L.
pub fn is_canonical(words: &[u64; 4]) -> bool {
    words.iter().rev().lt(ORDER.iter().rev())
}

/// Reduces a 512-bit number modulo L.
///
/// 2^252 = -t modulo L: what lies above bit 252 is multiplied by -t and added below, three
/// times. It then has 260, 133 and 6 bits.
pub fn reduce(words: &[u64; 8]) -> [u64; 4] {
    let (low, high) = split(words);
    let second: [u64; 7] = mul_tail(&high);
    let (low_2, high_2) = split(&second);
    let third: [u64; 5] = mul_tail(&high_2[..3]);
    let (low_3, high_3) = split(&third);
    let fourth: [u64; 4] = mul_tail(&high_3[..1]);
    // low + low_3 - low_2 - fourth is above -2L, since low_2 is below 2^252 and fourth below
    // 2^131, and below 2^253 < 2L. With 2L added it is in 0..4L.
    let sum = add(&add(&low, &low_3), &add(&ORDER, &ORDER));
    let sum = sub(&sub(&sum, &low_2), &fourth);
    // Once more, with L added, since four times t may exceed the rest.
    let (low, high) = split(&sum);
    let sum = sub(&add(&low, &ORDER), &mul_tail(&high[..1]));
    if is_canonical(&sum) { sum } else { sub(&sum, &ORDER) }
}

/// The bits below bit 252, and those above.
fn split(words: &[u64]) -> ([u64; 4], [u64; 5]) {
    let word = |i: usize| words.get(i).copied().unwrap_or(0);
    let low = [word(0), word(1), word(2), word(3) & ((1 << 60) - 1)];
    let high = std::array::from_fn(|i| word(i + 3) >> 60 | word(i + 4) << 4);
    (low, high)
}

/// `words * t`, which must fit `N` words.
fn mul_tail<const N: usize>(words: &[u64]) -> [u64; N] {
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

/// `a + b`, which must fit 256 bits.
fn add(a: &[u64; 4], b: &[u64; 4]) -> [u64; 4] {
    let mut carry = false;
    std::array::from_fn(|i| {
        let sum = u128::from(a[i]) + u128::from(b[i]) + u128::from(carry);
        carry = sum >> 64 != 0;
        sum as u64
    })
}

/// `a - b`, which must not be negative.
pub fn sub(a: &[u64; 4], b: &[u64; 4]) -> [u64; 4] {
    let mut borrow = false;
    std::array::from_fn(|i| {
        let difference;
        (difference, borrow) = a[i].borrowing_sub(b[i], borrow);
        difference
    })
}

/// The balanced representative of a scalar below L: its magnitude, at most L/2, and whether it
/// is negative.
pub fn balanced(scalar: &[u64; 4]) -> ([u64; 4], bool) {
    let negated = sub(&ORDER, scalar);
    let negative = negated.iter().rev().lt(scalar.iter().rev());
    (if negative { negated } else { *scalar }, negative)
}

/// Adds `z * scalar` to `sum`, which must not overflow.
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

/// A signed-digit recoding in windows of w bits: digits from -2^(w-1) to 2^(w-1) - 1, except
/// the top digit, which also takes the last carry.
///
/// Recoding adds 2^(w-1) at each signed digit. Each digit is then a bit field minus 2^(w-1).
#[derive(Clone, Copy)]
pub struct Recoding {
    window_bits: u32,
    /// The number of windows.
    pub count: usize,
    /// Whether the top digit is signed.
    top_is_signed: bool,
    /// The sum of 2^(w-1) at every signed digit.
    offset: [u64; 4],
}

impl Recoding {
    /// For scalars from 0 to 2^`scalar_bits` - 1, where `scalar_bits` is at most 254. The top
    /// digit is unsigned.
    pub const fn new(window_bits: u32, scalar_bits: u32) -> Self {
        Self::with_top(window_bits, scalar_bits.div_ceil(window_bits) as usize, false)
    }

    /// `count` windows, for scalars of magnitude up to 2^(w * count - 1), or slightly more,
    /// where w * count is at most 254. The top digit is signed.
    pub const fn signed(window_bits: u32, count: usize) -> Self {
        Self::with_top(window_bits, count, true)
    }

    const fn with_top(window_bits: u32, count: usize, top_is_signed: bool) -> Self {
        let mut offset = [0; 4];
        let mut digit = 0;
        while digit < if top_is_signed { count } else { count - 1 } {
            let bit = digit * window_bits as usize + window_bits as usize - 1;
            offset[bit / 64] |= 1 << (bit % 64);
            digit += 1;
        }
        Recoding { window_bits, count, top_is_signed, offset }
    }

    /// Recodes a scalar, for [`digit`](Recoding::digit).
    pub fn recode(&self, scalar: &[u64; 4]) -> [u64; 4] {
        add(scalar, &self.offset)
    }

    /// Recodes the scalar of each lane.
    #[inline(always)]
    pub fn recode_lanes<L: Lanes64>(&self, scalars: &[L; 4]) -> [L; 4] {
        let (mut sums, mut carry) = (*scalars, L::splat(0));
        for i in 0..4 {
            let (word, offset) = (scalars[i], L::splat(self.offset[i]));
            sums[i] = word + offset + carry;
            carry = word.majority(offset, sums[i] ^ L::splat(u64::MAX)).shr(63);
        }
        sums
    }

    /// The number of digits up to the highest that is nonzero in any lane.
    #[inline(always)]
    pub fn significant_digits<L: Lanes64>(&self, recoded: &[L; 4]) -> usize {
        let mut bits = 0;
        for i in 0..4 {
            let mut differences = [0; MAX_LANES64];
            (recoded[i] ^ L::splat(self.offset[i])).store(&mut differences);
            let significant = differences.iter().fold(0, |any, lane| any | lane);
            if significant != 0 {
                bits = 64 * (i as u32 + 1) - significant.leading_zeros();
            }
        }
        bits.div_ceil(self.window_bits) as usize
    }

    /// Digit `index` of each lane's recoded scalar.
    #[inline(always)]
    pub fn digit<L: Lanes64>(&self, recoded: &[L; 4], index: usize) -> Digit<L> {
        let is_top = index + 1 == self.count;
        let window =
            extract_bits(recoded, index * self.window_bits as usize, self.window_bits + u32::from(is_top));
        if is_top && !self.top_is_signed {
            return Digit { magnitude: window, negative: L::splat(0) };
        }
        let value = window - L::splat(1 << (self.window_bits - 1));
        let negative = L::splat(0) - value.shr(63);
        Digit { magnitude: value.conditional_negate(negative), negative }
    }
}

/// A signed digit in each lane.
#[derive(Clone, Copy)]
pub struct Digit<L> {
    /// The magnitude.
    pub magnitude: L,
    /// All ones if the digit is negative, else zero.
    pub negative: L,
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::Scalar;
    use proptest::prelude::*;

    use super::*;
    use crate::cpu::isa::Level64;

    fn bytes(words: &[u64]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    fn words<const N: usize>(bytes: &[u8]) -> [u64; N] {
        std::array::from_fn(|i| u64::from_le_bytes(*bytes.as_chunks().0[i..].first().unwrap()))
    }

    dispatch! {
        fn check_recoding_on(scalar: &[u64; 4]) = check_recoding_lanes::<U64s>
    }

    fn lanes<L: Lanes64>(word: L) -> [u64; MAX_LANES64] {
        let mut lanes = [0; MAX_LANES64];
        word.store(&mut lanes);
        lanes
    }

    #[inline(always)]
    fn check_recoding_lanes<L: Lanes64>(scalar: &[u64; 4]) {
        for bits in [4, 5, 10, 12] {
            check_recoding_of::<L>(Recoding::new(bits, 253), scalar);
        }
        let (magnitude, _) = balanced(scalar);
        let short = [scalar[0], scalar[1] >> 3, 0, 0];
        for bits in [6, 7, 9] {
            check_recoding_of::<L>(Recoding::new(bits, 252), &magnitude);
            check_recoding_of::<L>(Recoding::new(bits, 126), &short);
        }
    }

    #[inline(always)]
    fn check_recoding_of<L: Lanes64>(recoding: Recoding, scalar: &[u64; 4]) {
        let recoded = recoding.recode_lanes(&scalar.map(L::splat));
        let significant = recoding.significant_digits(&recoded);
        for (word, expected) in recoded.iter().zip(recoding.recode(scalar)) {
            assert_eq!(lanes(*word)[0], expected);
        }
        let mut sum = Scalar::ZERO;
        for index in (0..recoding.count).rev() {
            let digit = recoding.digit(&recoded, index);
            let [magnitude, negative] = [digit.magnitude, digit.negative].map(lanes);
            assert!(magnitude[0] <= 1 << (recoding.window_bits - 1));
            assert!(negative[0] == 0 || negative[0] == u64::MAX);
            assert!(if index >= significant {
                magnitude[0] == 0
            } else {
                magnitude[0] != 0 || index + 1 < significant
            });
            let magnitude = Scalar::from(magnitude[0]);
            sum = sum * Scalar::from(1u64 << recoding.window_bits)
                + if negative[0] != 0 { -magnitude } else { magnitude };
        }
        assert_eq!(sum.as_bytes()[..], bytes(scalar));
    }

    fn check_recoding(scalar: &[u64; 4]) {
        Level64::available().for_each(|level| check_recoding_on(level, scalar));
    }

    #[test]
    fn multiples_of_the_order_reduce_to_zero() {
        let minus_one = sub(&ORDER, &[1, 0, 0, 0]);
        assert!(is_canonical(&minus_one) && !is_canonical(&ORDER));
        assert!(!is_canonical(&add(&ORDER, &[1, 0, 0, 0])) && !is_canonical(&[0, 0, 0, 1 << 63]));
        // The highest multiple of L below 2^512.
        let mut most = [u64::MAX; 8];
        let rest = reduce(&most);
        let mut borrow = 0u128;
        for (i, word) in most.iter_mut().enumerate() {
            let take = u128::from(rest.get(i).copied().unwrap_or(0)) + borrow;
            borrow = u128::from(u128::from(*word) < take);
            *word = word.wrapping_sub(take as u64);
        }
        assert_eq!(reduce(&most), [0; 4]);
        most[0] -= 1;
        assert_eq!(reduce(&most), minus_one);
        check_recoding(&minus_one);
    }

    proptest! {
        #[test]
        fn reduction_and_recoding_match_dalek(wide in any::<[u64; 8]>(), ones in 0usize..8) {
            let mut wide = wide;
            wide[..ones].fill(u64::MAX);
            for wide in [wide, wide.map(|word| !word)] {
                let expected = Scalar::from_bytes_mod_order_wide(&bytes(&wide).try_into().unwrap());
                let scalar = reduce(&wide);
                prop_assert_eq!(scalar, words(expected.as_bytes()));
                check_recoding(&scalar);
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
            let (magnitude, negative) = balanced(&reduce(&sum));
            let magnitude = dalek(&magnitude);
            prop_assert_eq!(if negative { -magnitude } else { magnitude }, expected);
        }
    }
}

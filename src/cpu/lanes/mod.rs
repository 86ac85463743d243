//! SIMD vectors with one item in each lane. The algorithms are written once over the traits
//! here; each instruction-set level implements them in a file of its own.
//!
//! A level's vectors are private to its file: other code meets them only as a type parameter of
//! a [`Kernel32`] or [`Kernel64`], which the level's token runs. So whoever has the type has the
//! level's features, and methods on vectors are safe. Every function on lanes is
//! `#[inline(always)]`, so that it is compiled with those features, unless it is explicitly
//! compiled out of line.

use std::ops::{Add, BitAnd, BitOr, BitXor, Sub};

use bytemuck::{Pod, Zeroable};

/// Implements [`LanesF64`] for `U64s` by the level's intrinsics and its function `le`.
#[cfg(target_arch = "x86_64")]
macro_rules! impl_lanes_f64 {
    ($to_doubles:ident, $from_doubles:ident, $add:ident, $sub:ident, $approx_div:ident, $fma:ident) => {
        impl LanesF64 for U64s {
            #[inline(always)]
            fn add_f64(self, other: Self) -> Self {
                U64s(intrinsic!($from_doubles($add($to_doubles(self.0), $to_doubles(other.0)))))
            }

            #[inline(always)]
            fn sub_f64(self, other: Self) -> Self {
                U64s(intrinsic!($from_doubles($sub($to_doubles(self.0), $to_doubles(other.0)))))
            }

            #[inline(always)]
            fn approx_div_f64(self, other: Self) -> Self {
                U64s(intrinsic!($from_doubles($approx_div($to_doubles(self.0), $to_doubles(other.0)))))
            }

            #[inline(always)]
            fn le_f64(self, other: Self) -> Self {
                U64s(intrinsic!(le($to_doubles(self.0), $to_doubles(other.0))))
            }

            #[inline(always)]
            fn fma_f64(self, a: Self, b: Self) -> Self {
                let [sum, a, b] = [self.0, a.0, b.0];
                U64s(intrinsic!($from_doubles($fma($to_doubles(a), $to_doubles(b), $to_doubles(sum)))))
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx512ifma;
mod pair;
mod prefetch;
pub mod scalar;
#[cfg(target_arch = "x86_64")]
pub mod sha_ni;

/// A stand-in on other architectures, where there is no SHA extension.
#[cfg(not(target_arch = "x86_64"))]
pub mod sha_ni {
    /// Has no values.
    #[derive(Clone, Copy)]
    pub enum ShaNi {}

    impl ShaNi {
        pub fn available(_: crate::cpu::Level) -> Option<Self> {
            None
        }

        pub fn compress<const N: usize>(self, _: &mut [[u32; 8]; N], _: [&[[u8; 64]]; N]) {
            match self {}
        }
    }
}

pub use pair::Pair;
pub use prefetch::{
    prefetch, prefetch_for_write, prefetch_next_group_of_32, prefetch_strided, prefetch_strided_rest,
};

/// 32-bit words in a 64-byte block.
pub const BLOCK_WORDS: usize = 16;

/// The largest number of lanes of any [`Lanes32`].
pub const MAX_LANES32: usize = 32;

/// The largest number of lanes of any [`Lanes64`].
pub const MAX_LANES64: usize = 8;

/// A function on lanes, with its arguments. It is passed as a value because closures are
/// compiled without the level's features.
pub trait LaneFn {
    /// The result.
    type Output;

    /// Calls the function; must be `#[inline(always)]`.
    fn call(self) -> Self::Output;
}

/// A function on 32-bit lanes, with its arguments.
pub trait Kernel32 {
    /// The result.
    type Output;

    /// Runs on lanes of type `L`; must be `#[inline(always)]`.
    fn run<L: Lanes32>(self) -> Self::Output;
}

/// A function on 64-bit lanes, with its arguments: a version for each way of multiplying.
pub trait Kernel64 {
    /// The result.
    type Output;

    /// Runs on lanes with the fused multiply-add of doubles; must be `#[inline(always)]`.
    fn run_f64<L: LanesF64>(self) -> Self::Output;

    /// Runs on lanes with IFMA; must be `#[inline(always)]`.
    fn run_ifma<L: LanesIfma>(self) -> Self::Output;
}

/// A product of numbers of `N` limbs. Its arguments are references, which are passed in
/// registers.
pub trait Product<L, const N: usize> {
    /// `a * b + addend`, or `a * a + addend`; must be `#[inline(always)]`.
    fn mul(a: &[L; N], b: &[L; N], addend: &[u64; N]) -> [L; N];
}

/// A vector of 32-bit words, one of each item. Addition wraps.
pub trait Lanes32:
    Copy + Add<Output = Self> + BitXor<Output = Self> + BitAnd<Output = Self> + BitOr<Output = Self>
{
    /// The number of lanes.
    const LANES: usize;

    /// Calls `function` out of line, compiled once for each level. Inlining long functions into
    /// every caller would multiply compile time and code size.
    fn call_noinline<F: LaneFn>(function: F) -> F::Output;

    /// `value` in each lane.
    fn splat(value: u32) -> Self;

    /// Loads the first `LANES` values.
    fn load(values: &[u32]) -> Self;

    /// Rotates each lane right by `N` bits, 0 < `N` < 32.
    fn rotr<const N: i32>(self) -> Self;

    /// Shifts each lane right by `N` bits, 0 < `N` < 32.
    fn shr<const N: i32>(self) -> Self;

    /// `self ^ b ^ c`.
    fn xor3(self, b: Self, c: Self) -> Self;

    /// Bitwise select: the bits of `a` where `self` is 1, those of `b` where it is 0. Ch(self,
    /// a, b) in FIPS 180-4.
    fn choose(self, a: Self, b: Self) -> Self;

    /// Bitwise majority: Maj(self, b, c) in FIPS 180-4.
    fn majority(self, b: Self, c: Self) -> Self;

    /// All ones in the lanes where `self == other`, zero elsewhere.
    fn eq_mask(self, other: Self) -> Self;

    /// Whether any lane is nonzero.
    fn any(self) -> bool;

    /// Whether any lane is at most `bound`'s, unsigned.
    fn any_le(self, bound: Self) -> bool;

    /// Reverses the bytes of each word.
    fn swap_bytes(self) -> Self;

    /// Loads eight little-endian words for each lane: lane i's `length` bytes start at byte i *
    /// `stride`. `length` is at most 32; the missing bytes are zero.
    fn load_strided(bytes: &[u8], stride: usize, length: usize) -> [Self; 8];

    /// Loads eight little-endian words for each lane: half 0 or 1 of the lane's block.
    fn gather_half_blocks(blocks: &[&[u8; 64]], half: usize) -> [Self; 8];

    /// Loads sixteen little-endian words for each lane: the first 64 bytes of its tail,
    /// zero-padded.
    fn gather_tails(tails: &[&[u8]]) -> [Self; BLOCK_WORDS];

    /// Stores eight words of each lane as 32 little-endian bytes.
    fn store_digests(words: [Self; 8], out: &mut [[u8; 32]]);
}

/// Four words of one item. The alignment keeps them within a cache line.
#[derive(Clone, Copy, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C, align(32))]
pub struct U64x4(pub [u64; 4]);

/// A vector of 64-bit words, one of each item. Addition and subtraction wrap.
pub trait Lanes64:
    Copy
    + Add<Output = Self>
    + Sub<Output = Self>
    + BitXor<Output = Self>
    + BitAnd<Output = Self>
    + BitOr<Output = Self>
{
    /// The number of lanes.
    const LANES: usize;

    /// Calls [`Product::mul`] out of line, compiled once for each level. Inlined, the dozen
    /// products of a point formula would exceed the instruction cache and spill registers.
    fn mul_noinline<F: Product<Self, N>, const N: usize>(
        a: &[Self; N],
        b: &[Self; N],
        addend: &[u64; N],
    ) -> [Self; N];

    /// `value` in each lane.
    fn splat(value: u64) -> Self;

    /// Loads the first `LANES` values.
    fn load(values: &[u64]) -> Self;

    /// Stores the lanes to the first `LANES` values of `out`.
    fn store(self, out: &mut [u64]);

    /// Shifts each lane left; 64 bits and more give zero.
    fn shl(self, bits: u32) -> Self;

    /// Shifts each lane right; 64 bits and more give zero.
    fn shr(self, bits: u32) -> Self;

    /// Rotates each lane right by `N` bits, 0 < `N` < 64.
    #[inline(always)]
    fn rotr<const N: i32>(self) -> Self {
        self.shr(N as u32) | self.shl(64 - N as u32)
    }

    /// `self ^ b ^ c`.
    #[inline(always)]
    fn xor3(self, b: Self, c: Self) -> Self {
        self ^ b ^ c
    }

    /// Bitwise select: the bits of `a` where `self` is 1, those of `b` where it is 0.
    #[inline(always)]
    fn choose(self, a: Self, b: Self) -> Self {
        b ^ (self & (a ^ b))
    }

    /// Bitwise majority.
    #[inline(always)]
    fn majority(self, b: Self, c: Self) -> Self {
        (self & b) | (c & (self | b))
    }

    /// All ones in the lanes where `self == other`, zero elsewhere.
    fn eq_mask(self, other: Self) -> Self;

    /// Reverses the bytes of each word.
    fn swap_bytes(self) -> Self;

    /// The 64-bit product of the low 32 bits of each lane.
    fn mul32(self, other: Self) -> Self;

    /// `-self` in the lanes where `mask` is all ones, `self` where it is zero.
    #[inline(always)]
    fn conditional_negate(self, mask: Self) -> Self {
        (self ^ mask) - mask
    }

    /// Loads four words for each lane: lane i's are `rows[i]`.
    fn load_transposed(rows: &[&U64x4]) -> [Self; 4];

    /// Stores four words of each lane: lane i's to `rows[i * stride]`.
    fn store_transposed(words: [Self; 4], rows: &mut [U64x4], stride: usize);
}

/// 2^n.
pub const fn power_of_two(n: u64) -> f64 {
    f64::from_bits((1023 + n) << 52)
}

/// Adding this to a double of magnitude at most 2^51 rounds it to an integer: doubles in
/// \[2^52, 2^53) are spaced by 1. The bit pattern of the sum, less that of the constant, is the
/// integer in two's complement.
pub const ROUND_TO_INT: f64 = 1.5 * power_of_two(52);

/// 64-bit lanes that also hold doubles, as bit patterns.
pub trait LanesF64: Lanes64 {
    /// `value` in each lane.
    #[inline(always)]
    fn splat_f64(value: f64) -> Self {
        Self::splat(value.to_bits())
    }

    /// `self + other`, rounded to nearest.
    fn add_f64(self, other: Self) -> Self;

    /// `self - other`, rounded to nearest.
    fn sub_f64(self, other: Self) -> Self;

    /// `self / other`, with a relative error below 2^-13.
    fn approx_div_f64(self, other: Self) -> Self;

    /// All ones in the lanes where `self <= other`, zero elsewhere.
    fn le_f64(self, other: Self) -> Self;

    /// `self + a * b`, rounded once.
    fn fma_f64(self, a: Self, b: Self) -> Self;
}

/// Lanes with IFMA's multiply-add. It multiplies the low 52 bits of `a` and `b`.
pub trait LanesIfma: LanesF64 {
    /// Adds the low 52 bits of the 104-bit product.
    fn madd52lo(self, a: Self, b: Self) -> Self;

    /// Adds the high 52 bits of the 104-bit product.
    fn madd52hi(self, a: Self, b: Self) -> Self;
}

/// The byte order of words.
#[derive(Clone, Copy)]
pub enum Endian {
    Little,
    Big,
}

impl Endian {
    /// Converts little-endian words to this byte order, or back.
    #[inline(always)]
    pub fn convert_le<L: Lanes32, const N: usize>(self, mut words: [L; N]) -> [L; N] {
        if let Endian::Big = self {
            for word in &mut words {
                *word = word.swap_bytes();
            }
        }
        words
    }
}

/// Loads one block for each lane: lane i's `length` bytes, at most 64, start at byte i *
/// `stride`; the missing bytes are zero. The block is loaded in two parts because all words of
/// a pair's blocks do not fit the registers.
#[inline(always)]
pub fn load_strided_block<L: Lanes32>(
    words: &mut [L; BLOCK_WORDS],
    bytes: &[u8],
    stride: usize,
    length: usize,
    endian: Endian,
) {
    let half_blocks = words.as_chunks_mut().0;
    half_blocks[0] = endian.convert_le(L::load_strided(bytes, stride, length.min(32)));
    half_blocks[1] = match length {
        0..=32 => [L::splat(0); 8],
        _ => endian.convert_le(L::load_strided(&bytes[32..], stride, length - 32)),
    };
}

/// Loads one block for each lane, from anywhere.
#[inline(always)]
pub fn gather_blocks<L: Lanes32>(words: &mut [L; BLOCK_WORDS], blocks: &[&[u8; 64]], endian: Endian) {
    let half_blocks = words.as_chunks_mut().0;
    half_blocks[0] = endian.convert_le(L::gather_half_blocks(blocks, 0));
    half_blocks[1] = endian.convert_le(L::gather_half_blocks(blocks, 1));
}

/// The first `N` bytes of `tail`, zero-padded.
#[inline(always)]
fn zero_padded<const N: usize>(tail: &[u8]) -> [u8; N] {
    let mut block = [0; N];
    let length = tail.len().min(N);
    block[..length].copy_from_slice(&tail[..length]);
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::Level;

    dispatch! {
        fn check32() = check32_lanes::<U32s>
    }

    #[inline(always)]
    fn check32_lanes<L: Lanes32>() {
        check32_type::<L>();
        check32_type::<Pair<L>>();
    }

    #[inline(always)]
    fn check32_type<L: Lanes32>() {
        let word =
            |seed: u32, lane: usize| (seed + lane as u32).wrapping_mul(0x9e37_79b9) ^ (lane as u32) << 7;
        let values = |seed| (0..L::LANES).map(|lane| word(seed, lane)).collect::<Vec<_>>();
        let [a, b, c] = [1, 2, 3].map(|seed| L::load(&values(seed)));
        let check = |name: &str, lanes: L, expected: &dyn Fn(u32, u32, u32) -> u32| {
            for (lane, value) in values_of(lanes).into_iter().enumerate() {
                let [a, b, c] = [1, 2, 3].map(|seed| word(seed, lane));
                assert_eq!(value, expected(a, b, c), "{name} in lane {lane} of {}", L::LANES);
            }
        };
        check("splat", L::splat(77), &|_, _, _| 77);
        check("add", a + b, &|a, b, _| a.wrapping_add(b));
        check("xor", a ^ b, &|a, b, _| a ^ b);
        check("and", a & b, &|a, b, _| a & b);
        check("or", a | b, &|a, b, _| a | b);
        check("rotr 7", a.rotr::<7>(), &|a, _, _| a.rotate_right(7));
        check("rotr 16", a.rotr::<16>(), &|a, _, _| a.rotate_right(16));
        check("shr", a.shr::<10>(), &|a, _, _| a >> 10);
        check("xor3", a.xor3(b, c), &|a, b, c| a ^ b ^ c);
        check("choose", a.choose(b, c), &|a, b, c| a & b | !a & c);
        check("majority", a.majority(b, c), &|a, b, c| a & b | a & c | b & c);
        check("swap_bytes", a.swap_bytes(), &|a, _, _| a.swap_bytes());
        let one = L::load(&(0..L::LANES).map(|lane| u32::from(lane + 1 == L::LANES)).collect::<Vec<_>>());
        let mut equal = values_of((a ^ one).eq_mask(a));
        assert_eq!(equal.pop(), Some(0));
        assert!(equal.iter().all(|&lane| lane == u32::MAX));
        assert!(one.any() && !L::splat(0).any());
        let below = [L::splat(1 << 31), L::splat((1 << 31) - 1)];
        assert!(below[0].any_le(below[0]) && below[1].any_le(below[0]) && !below[0].any_le(below[1]));
        assert!(below[0].any_le(below[1] + one) == (L::LANES > 0));
        check_blocks::<L>();
    }

    #[inline(always)]
    fn values_of<L: Lanes32>(lanes: L) -> Vec<u32> {
        let mut out = vec![[0; 32]; L::LANES];
        L::store_digests([lanes; 8], &mut out);
        out.iter().map(|bytes| u32::from_le_bytes(*bytes.first_chunk().unwrap())).collect()
    }

    #[inline(always)]
    fn check_blocks<L: Lanes32>() {
        // All words differ, so that a misplaced lane, block or word shows.
        let bytes: Vec<u8> = (0..L::LANES * 64 + 66).map(|i| (i * 7 + i / 64 * 13) as u8).collect();
        let blocks: Vec<&[u8; 64]> = bytes[1..].as_chunks().0[..L::LANES].iter().collect();
        let mut out = vec![[0; 32]; L::LANES];
        let mut words = [L::splat(7); BLOCK_WORDS];
        gather_blocks(&mut words, &blocks, Endian::Little);
        let (low, high) = words.split_at(8);
        for (half, words) in [low, high].into_iter().enumerate() {
            L::store_digests(words.try_into().unwrap(), &mut out);
            for (block, out) in blocks.iter().zip(&out) {
                assert_eq!(block[32 * half..][..32], out[..]);
            }
        }
        for (stride, length) in [(64, 64), (32, 32), (64, 33), (2, 1), (50, 0)] {
            let mut words = [L::splat(7); BLOCK_WORDS];
            load_strided_block(&mut words, &bytes, stride, length, Endian::Little);
            for (half, words) in words.as_chunks::<8>().0.iter().enumerate() {
                L::store_digests(*words, &mut out);
                for (lane, out) in out.iter().enumerate() {
                    assert_eq!(
                        zero_padded::<64>(&bytes[lane * stride..][..length])[32 * half..][..32],
                        out[..]
                    );
                }
            }
        }
        for length in 0..=66 {
            let tail = |lane| &bytes[64 * lane..][..(length + lane) % 67];
            let tails: Vec<&[u8]> = (0..L::LANES).map(tail).collect();
            let words = L::gather_tails(&tails);
            L::store_digests(words[8..].try_into().unwrap(), &mut out);
            for (tail, out) in tails.iter().zip(&out) {
                assert_eq!(zero_padded::<64>(tail)[32..], out[..]);
            }
        }
    }

    #[test]
    fn lanes32_on_every_level() {
        Level::available().for_each(check32);
    }
}

//! One lane: plain words, on any processor.

use std::ops::{Add, BitAnd, BitOr, BitXor, Sub};

use super::{BLOCK_WORDS, Lanes32, Lanes64, Work, padded};
use crate::cpu::field25519::Field25;

/// One 32-bit word.
#[derive(Clone, Copy)]
pub struct U32s(u32);

impl U32s {
    /// The word.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl Add for U32s {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        U32s(self.0.wrapping_add(other.0))
    }
}

impl BitXor for U32s {
    type Output = Self;

    #[inline(always)]
    fn bitxor(self, other: Self) -> Self {
        U32s(self.0 ^ other.0)
    }
}

impl BitAnd for U32s {
    type Output = Self;

    #[inline(always)]
    fn bitand(self, other: Self) -> Self {
        U32s(self.0 & other.0)
    }
}

impl BitOr for U32s {
    type Output = Self;

    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        U32s(self.0 | other.0)
    }
}

impl Lanes32 for U32s {
    const LANES: usize = 1;

    #[inline(never)]
    fn outlined<W: Work>(work: W) -> W::Output {
        work.run()
    }

    #[inline(always)]
    fn splat(value: u32) -> Self {
        U32s(value)
    }

    #[inline(always)]
    fn load(values: &[u32]) -> Self {
        U32s(values[0])
    }

    #[inline(always)]
    fn store(self, out: &mut [u32]) {
        out[0] = self.0;
    }

    #[inline(always)]
    fn rotr<const N: i32>(self) -> Self {
        U32s(self.0.rotate_right(N as u32))
    }

    #[inline(always)]
    fn shr<const N: i32>(self) -> Self {
        U32s(self.0 >> N)
    }

    #[inline(always)]
    fn xor3(self, b: Self, c: Self) -> Self {
        self ^ b ^ c
    }

    #[inline(always)]
    fn choose(self, a: Self, b: Self) -> Self {
        b ^ (self & (a ^ b))
    }

    #[inline(always)]
    fn majority(self, b: Self, c: Self) -> Self {
        (self & b) | (c & (self | b))
    }

    #[inline(always)]
    fn equal(self, other: Self) -> Self {
        U32s(if self.0 == other.0 { u32::MAX } else { 0 })
    }

    #[inline(always)]
    fn any(self) -> bool {
        self.0 != 0
    }

    #[inline(always)]
    fn any_at_most(self, bound: Self) -> bool {
        self.0 <= bound.0
    }

    #[inline(always)]
    fn swap_bytes(self) -> Self {
        U32s(self.0.swap_bytes())
    }

    #[inline(always)]
    fn load_blocks(blocks: &[&[u8; 64]]) -> [Self; BLOCK_WORDS] {
        let mut words = [U32s(0); BLOCK_WORDS];
        for (word, bytes) in words.iter_mut().zip(blocks[0].as_chunks().0) {
            *word = U32s(u32::from_le_bytes(*bytes));
        }
        words
    }

    #[inline(always)]
    fn load_tails(tails: &[&[u8]]) -> [Self; BLOCK_WORDS] {
        Self::load_blocks(&[&padded(tails[0])])
    }

    #[inline(always)]
    fn store_digests(words: [Self; 8], out: &mut [[u8; 32]]) {
        for (word, bytes) in words.iter().zip(out[0].as_chunks_mut().0) {
            *bytes = word.0.to_le_bytes();
        }
    }
}

/// One 64-bit word.
#[derive(Clone, Copy)]
pub struct U64s(u64);

/// Elements of the field of 2^255 - 19 in the form that suits this level.
pub type Fe = Field25<U64s>;

macro_rules! operators64 {
    ($($trait:ident::$function:ident = $method:ident),* $(,)?) => {$(
        impl $trait for U64s {
            type Output = Self;

            #[inline(always)]
            fn $function(self, other: Self) -> Self {
                U64s(self.0.$method(other.0))
            }
        }
    )*};
}

operators64!(
    Add::add = wrapping_add,
    Sub::sub = wrapping_sub,
    BitXor::bitxor = bitxor,
    BitAnd::bitand = bitand,
    BitOr::bitor = bitor,
);

impl Lanes64 for U64s {
    const LANES: usize = 1;

    #[inline(always)]
    fn splat(value: u64) -> Self {
        U64s(value)
    }

    #[inline(always)]
    fn load(values: &[u64]) -> Self {
        U64s(values[0])
    }

    #[inline(always)]
    fn store(self, out: &mut [u64]) {
        out[0] = self.0;
    }

    #[inline(always)]
    fn shl(self, bits: u32) -> Self {
        U64s(self.0.checked_shl(bits).unwrap_or(0))
    }

    #[inline(always)]
    fn shr(self, bits: u32) -> Self {
        U64s(self.0.checked_shr(bits).unwrap_or(0))
    }

    #[inline(always)]
    fn equal(self, other: Self) -> Self {
        U64s(if self.0 == other.0 { u64::MAX } else { 0 })
    }

    #[inline(always)]
    fn mul32(self, other: Self) -> Self {
        U64s(u64::from(self.0 as u32) * u64::from(other.0 as u32))
    }

    #[inline(always)]
    fn gather<const N: usize>(table: &[u64], first: Self) -> [Self; N] {
        let entry = &table[first.0 as usize..][..N];
        std::array::from_fn(|j| U64s(entry[j]))
    }

    #[inline(always)]
    fn pick<const N: usize>(table: &[Self], first: Self) -> [Self; N] {
        let entry = &table[first.0 as usize..][..N];
        std::array::from_fn(|j| entry[j])
    }
}

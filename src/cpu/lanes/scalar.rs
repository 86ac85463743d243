//! The scalar level: one lane of 32 bits, on any processor.

use std::ops::{Add, BitAnd, BitOr, BitXor};

use super::{BLOCK_WORDS, LaneFn, Lanes32, zero_padded};

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
    fn call_noinline<F: LaneFn>(function: F) -> F::Output {
        function.call()
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
    fn eq_mask(self, other: Self) -> Self {
        U32s(if self.0 == other.0 { u32::MAX } else { 0 })
    }

    #[inline(always)]
    fn any(self) -> bool {
        self.0 != 0
    }

    #[inline(always)]
    fn any_le(self, bound: Self) -> bool {
        self.0 <= bound.0
    }

    #[inline(always)]
    fn swap_bytes(self) -> Self {
        U32s(self.0.swap_bytes())
    }

    #[inline(always)]
    fn load_strided(bytes: &[u8], _stride: usize, length: usize) -> [Self; 8] {
        le_words(&zero_padded::<32>(&bytes[..length]))
    }

    #[inline(always)]
    fn gather_half_blocks(blocks: &[&[u8; 64]], half: usize) -> [Self; 8] {
        le_words(&blocks[0].as_chunks::<32>().0[half])
    }

    #[inline(always)]
    fn gather_tails(tails: &[&[u8]]) -> [Self; BLOCK_WORDS] {
        le_words(&zero_padded::<64>(tails[0]))
    }

    #[inline(always)]
    fn store_digests(words: [Self; 8], out: &mut [[u8; 32]]) {
        for (word, bytes) in words.iter().zip(out[0].as_chunks_mut().0) {
            *bytes = word.0.to_le_bytes();
        }
    }
}

fn le_words<const N: usize>(bytes: &[u8]) -> [U32s; N] {
    let mut words = [U32s(0); N];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = U32s(u32::from_le_bytes(*bytes));
    }
    words
}

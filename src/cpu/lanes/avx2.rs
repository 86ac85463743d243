//! AVX2 with FMA: 8 lanes of 32 bits, 4 lanes of 64 bits.

#![expect(unsafe_code, reason = "intrinsics")]

use std::arch::x86_64::*;
use std::ops::{Add, BitAnd, BitOr, BitXor, Sub};

use super::{
    BLOCK_WORDS, Endian, Kernel32, Kernel64, LaneFn, Lanes32, Lanes64, LanesF64, Product, U64x4,
    gather_blocks, zero_padded,
};
use crate::cpu::isa::Avx2;

/// Eight 32-bit words.
#[derive(Clone, Copy)]
pub struct U32s(__m256i);

/// Evaluates intrinsics that access no memory, which are safe at this level.
macro_rules! intrinsic {
    ($intrinsics:expr) => {
        // SAFETY: only the token runs code on the vectors of this level, and it exists only
        // where the processor has the features.
        unsafe { $intrinsics }
    };
}

impl Avx2 {
    /// Runs a kernel on this level's 32-bit lanes.
    #[inline(always)]
    pub fn run32<K: Kernel32>(self, kernel: K) -> K::Output {
        kernel.run::<U32s>()
    }

    /// Runs a kernel on this level's 64-bit lanes.
    #[inline(always)]
    pub fn run64<K: Kernel64>(self, kernel: K) -> K::Output {
        kernel.run_f64::<U64s>()
    }
}

impl Add for U32s {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        U32s(intrinsic!(_mm256_add_epi32(self.0, other.0)))
    }
}

impl BitXor for U32s {
    type Output = Self;

    #[inline(always)]
    fn bitxor(self, other: Self) -> Self {
        U32s(intrinsic!(_mm256_xor_si256(self.0, other.0)))
    }
}

impl BitAnd for U32s {
    type Output = Self;

    #[inline(always)]
    fn bitand(self, other: Self) -> Self {
        U32s(intrinsic!(_mm256_and_si256(self.0, other.0)))
    }
}

impl BitOr for U32s {
    type Output = Self;

    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        U32s(intrinsic!(_mm256_or_si256(self.0, other.0)))
    }
}

impl Lanes32 for U32s {
    const LANES: usize = 8;

    #[inline(always)]
    fn call_noinline<F: LaneFn>(function: F) -> F::Output {
        features! {
            Avx2,
            enable { #[inline(never)] fn on_level<F: LaneFn>(function: F) -> F::Output { function.call() } }
        }
        intrinsic!(on_level(function))
    }

    #[inline(always)]
    fn splat(value: u32) -> Self {
        U32s(intrinsic!(_mm256_set1_epi32(value as i32)))
    }

    #[inline(always)]
    fn load(values: &[u32]) -> Self {
        let values: &[u32; 8] = values.first_chunk().expect("one value for each lane");
        // SAFETY: the array has the vector's length, the load needs no alignment, and the
        // processor has this level.
        U32s(unsafe { _mm256_loadu_si256(values.as_ptr().cast()) })
    }

    #[inline(always)]
    fn rotr<const N: i32>(self) -> Self {
        if N == 16 || N == 8 {
            return self.rotate_bytes::<N>();
        }
        U32s(intrinsic!({
            let right = _mm256_srl_epi32(self.0, _mm_cvtsi32_si128(N));
            let left = _mm256_sll_epi32(self.0, _mm_cvtsi32_si128(32 - N));
            _mm256_or_si256(right, left)
        }))
    }

    #[inline(always)]
    fn shr<const N: i32>(self) -> Self {
        U32s(intrinsic!(_mm256_srl_epi32(self.0, _mm_cvtsi32_si128(N))))
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
        U32s(intrinsic!(_mm256_cmpeq_epi32(self.0, other.0)))
    }

    #[inline(always)]
    fn any(self) -> bool {
        intrinsic!(_mm256_testz_si256(self.0, self.0)) == 0
    }

    #[inline(always)]
    fn any_le(self, bound: Self) -> bool {
        U32s(intrinsic!(_mm256_min_epu32(self.0, bound.0))).eq_mask(self).any()
    }

    #[inline(always)]
    fn swap_bytes(self) -> Self {
        self.shuffle_bytes([3, 2, 1, 0])
    }

    #[inline(always)]
    fn load_strided(bytes: &[u8], stride: usize, length: usize) -> [Self; 8] {
        let mut rows = [Self::splat(0); 8];
        for (lane, row) in rows.iter_mut().enumerate() {
            let part = &bytes[lane * stride..];
            *row = match length {
                32 => Self::from_bytes(part.first_chunk().expect("half a block for each lane")),
                _ => Self::from_bytes(&zero_padded(&part[..length])),
            };
        }
        transpose(rows)
    }

    #[inline(always)]
    fn gather_half_blocks(blocks: &[&[u8; 64]], half: usize) -> [Self; 8] {
        let blocks: &[&[u8; 64]; 8] = blocks.first_chunk().expect("one block for each lane");
        let mut rows = [Self::splat(0); 8];
        for (row, block) in rows.iter_mut().zip(blocks) {
            *row = Self::from_bytes(&block.as_chunks().0[half]);
        }
        transpose(rows)
    }

    #[inline(always)]
    fn gather_tails(tails: &[&[u8]]) -> [Self; BLOCK_WORDS] {
        let tails: &[&[u8]; 8] = tails.first_chunk().expect("one tail for each lane");
        let blocks = tails.map(zero_padded);
        let mut words = [Self::splat(0); BLOCK_WORDS];
        gather_blocks(&mut words, &blocks.each_ref(), Endian::Little);
        words
    }

    #[inline(always)]
    fn store_digests(words: [Self; 8], out: &mut [[u8; 32]]) {
        let out: &mut [[u8; 32]; 8] = out.first_chunk_mut().expect("room for each lane");
        for (row, out) in transpose(words).iter().zip(out) {
            // SAFETY: a digest has the vector's length, the store needs no alignment, and the
            // processor has this level.
            unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), row.0) }
        }
    }
}

impl U32s {
    #[inline(always)]
    fn from_bytes(bytes: &[u8; 32]) -> Self {
        // SAFETY: the array has the vector's length, the load needs no alignment, and the
        // processor has this level.
        U32s(unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) })
    }

    /// Rotates each word by whole bytes: one shuffle instead of two shifts and an OR.
    #[inline(always)]
    fn rotate_bytes<const N: i32>(self) -> Self {
        let first = N as u8 / 8;
        self.shuffle_bytes([first, first + 1, first + 2, first + 3].map(|byte| byte % 4))
    }

    #[inline(always)]
    fn shuffle_bytes(self, order: [u8; 4]) -> Self {
        U32s(intrinsic!({
            let offsets = _mm256_set_epi32(
                0x0c0c_0c0c,
                0x0808_0808,
                0x0404_0404,
                0,
                0x0c0c_0c0c,
                0x0808_0808,
                0x0404_0404,
                0,
            );
            let order = _mm256_set1_epi32(i32::from_le_bytes(order));
            _mm256_shuffle_epi8(self.0, _mm256_or_si256(offsets, order))
        }))
    }
}

/// Transposes 8 by 8 words in three steps: pairs of words, pairs of double words, 128-bit
/// half vectors.
#[inline(always)]
fn transpose(rows: [U32s; 8]) -> [U32s; 8] {
    let mut pairs = rows;
    for i in 0..4 {
        let (even, odd) = (rows[2 * i].0, rows[2 * i + 1].0);
        pairs[2 * i] = U32s(intrinsic!(_mm256_unpacklo_epi32(even, odd)));
        pairs[2 * i + 1] = U32s(intrinsic!(_mm256_unpackhi_epi32(even, odd)));
    }
    // fours[4i + j] has words j (low half) and 4 + j (high half) of rows 4i to 4i + 3.
    let mut fours = pairs;
    for i in 0..2 {
        for j in 0..2 {
            let (low, high) = (pairs[4 * i + j].0, pairs[4 * i + j + 2].0);
            fours[4 * i + 2 * j] = U32s(intrinsic!(_mm256_unpacklo_epi64(low, high)));
            fours[4 * i + 2 * j + 1] = U32s(intrinsic!(_mm256_unpackhi_epi64(low, high)));
        }
    }
    let mut columns = fours;
    for j in 0..4 {
        let (low, high) = (fours[j].0, fours[4 + j].0);
        columns[j] = U32s(intrinsic!(_mm256_permute2x128_si256::<0x20>(low, high)));
        columns[4 + j] = U32s(intrinsic!(_mm256_permute2x128_si256::<0x31>(low, high)));
    }
    columns
}

/// Four 64-bit words.
#[derive(Clone, Copy)]
pub struct U64s(__m256i);

macro_rules! operators64 {
    ($($trait:ident::$function:ident = $intrinsic:ident),* $(,)?) => {$(
        impl $trait for U64s {
            type Output = Self;

            #[inline(always)]
            fn $function(self, other: Self) -> Self {
                U64s(intrinsic!($intrinsic(self.0, other.0)))
            }
        }
    )*};
}

operators64!(
    Add::add = _mm256_add_epi64,
    Sub::sub = _mm256_sub_epi64,
    BitXor::bitxor = _mm256_xor_si256,
    BitAnd::bitand = _mm256_and_si256,
    BitOr::bitor = _mm256_or_si256,
);

impl_lanes_f64!(
    _mm256_castsi256_pd,
    _mm256_castpd_si256,
    _mm256_add_pd,
    _mm256_sub_pd,
    _mm256_div_pd,
    _mm256_fmadd_pd
);

/// # Safety
/// The processor must have this level.
#[inline(always)]
unsafe fn le(a: __m256d, b: __m256d) -> __m256i {
    intrinsic!(_mm256_castpd_si256(_mm256_cmp_pd::<_CMP_LE_OQ>(a, b)))
}

impl Lanes64 for U64s {
    const LANES: usize = 4;

    // The compiler ignores `inline(never)` on functions with target features. This one has none,
    // and a function with more features cannot be inlined into its caller.
    #[inline(never)]
    fn mul_noinline<F: Product<Self, N>, const N: usize>(
        a: &[Self; N],
        b: &[Self; N],
        addend: &[u64; N],
    ) -> [Self; N] {
        features! {
            Avx2,
            enable {
                fn on_level<F: Product<U64s, N>, const N: usize>(
                    a: &[U64s; N], b: &[U64s; N], addend: &[u64; N]
                ) -> [U64s; N] {
                    F::mul(a, b, addend)
                }
            }
        }
        intrinsic!(on_level::<F, N>(a, b, addend))
    }

    #[inline(always)]
    fn splat(value: u64) -> Self {
        U64s(intrinsic!(_mm256_set1_epi64x(value as i64)))
    }

    #[inline(always)]
    fn load(values: &[u64]) -> Self {
        let values: &[u64; 4] = values.first_chunk().expect("one value for each lane");
        // SAFETY: the array has the vector's length, the load needs no alignment, and the
        // processor has this level.
        U64s(unsafe { _mm256_loadu_si256(values.as_ptr().cast()) })
    }

    #[inline(always)]
    fn store(self, out: &mut [u64]) {
        let out: &mut [u64; 4] = out.first_chunk_mut().expect("room for each lane");
        // SAFETY: as in `load`, for a store.
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), self.0) }
    }

    #[inline(always)]
    fn shl(self, bits: u32) -> Self {
        U64s(intrinsic!(_mm256_sll_epi64(self.0, _mm_cvtsi32_si128(bits as i32))))
    }

    #[inline(always)]
    fn shr(self, bits: u32) -> Self {
        U64s(intrinsic!(_mm256_srl_epi64(self.0, _mm_cvtsi32_si128(bits as i32))))
    }

    #[inline(always)]
    fn eq_mask(self, other: Self) -> Self {
        U64s(intrinsic!(_mm256_cmpeq_epi64(self.0, other.0)))
    }

    #[inline(always)]
    fn swap_bytes(self) -> Self {
        U64s(intrinsic!({
            let order = _mm_set_epi64x(0x08_09_0a_0b_0c_0d_0e_0f, 0x00_01_02_03_04_05_06_07);
            _mm256_shuffle_epi8(self.0, _mm256_broadcastsi128_si256(order))
        }))
    }

    #[inline(always)]
    fn mul32(self, other: Self) -> Self {
        U64s(intrinsic!(_mm256_mul_epu32(self.0, other.0)))
    }

    #[inline(always)]
    fn load_transposed(rows: &[&U64x4]) -> [Self; 4] {
        let rows: &[&U64x4; 4] = rows.first_chunk().expect("a row for each lane");
        let [a, b, c, d] = rows;
        transpose_4x4([U64s::load(&a.0), U64s::load(&b.0), U64s::load(&c.0), U64s::load(&d.0)])
    }

    #[inline(always)]
    fn store_transposed(words: [Self; 4], rows: &mut [U64x4], stride: usize) {
        for (vector, row) in transpose_4x4(words).into_iter().zip(rows.iter_mut().step_by(stride)) {
            vector.store(&mut row.0);
        }
    }
}

/// Transposes 4 by 4 words.
#[inline(always)]
fn transpose_4x4([r0, r1, r2, r3]: [U64s; 4]) -> [U64s; 4] {
    intrinsic!({
        // Words 0 and 2 (even), and 1 and 3 (odd), of two rows.
        let (even_01, odd_01) = (_mm256_unpacklo_epi64(r0.0, r1.0), _mm256_unpackhi_epi64(r0.0, r1.0));
        let (even_23, odd_23) = (_mm256_unpacklo_epi64(r2.0, r3.0), _mm256_unpackhi_epi64(r2.0, r3.0));
        [
            U64s(_mm256_permute2x128_si256::<0x20>(even_01, even_23)),
            U64s(_mm256_permute2x128_si256::<0x20>(odd_01, odd_23)),
            U64s(_mm256_permute2x128_si256::<0x31>(even_01, even_23)),
            U64s(_mm256_permute2x128_si256::<0x31>(odd_01, odd_23)),
        ]
    })
}

//! AVX-512 F, BW, DQ and VL: 16 lanes of 32 bits, 8 lanes of 64 bits.

#![expect(unsafe_code, reason = "intrinsics")]

use std::arch::x86_64::*;
use std::ops::{Add, BitAnd, BitOr, BitXor, Sub};

use super::{BLOCK_WORDS, Kernel32, Kernel64, LaneFn, Lanes32, Lanes64, LanesF64, Product, U64x4};
use crate::cpu::isa::Avx512;

/// Sixteen 32-bit words.
#[derive(Clone, Copy)]
pub struct U32s(__m512i);

/// Evaluates intrinsics that access no memory, which are safe at this level.
macro_rules! intrinsic {
    ($intrinsics:expr) => {
        // SAFETY: only the token runs code on the vectors of this level, and it exists only
        // where the processor has the features.
        unsafe { $intrinsics }
    };
}

/// Truth tables for `vpternlog`: bit 4a + 2b + c is the result for a, b, c.
const XOR3: i32 = 0b1001_0110;
const CHOOSE: i32 = 0b1100_1010;
const MAJORITY: i32 = 0b1110_1000;

impl Avx512 {
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
        U32s(intrinsic!(_mm512_add_epi32(self.0, other.0)))
    }
}

impl BitXor for U32s {
    type Output = Self;

    #[inline(always)]
    fn bitxor(self, other: Self) -> Self {
        U32s(intrinsic!(_mm512_xor_si512(self.0, other.0)))
    }
}

impl BitAnd for U32s {
    type Output = Self;

    #[inline(always)]
    fn bitand(self, other: Self) -> Self {
        U32s(intrinsic!(_mm512_and_si512(self.0, other.0)))
    }
}

impl BitOr for U32s {
    type Output = Self;

    #[inline(always)]
    fn bitor(self, other: Self) -> Self {
        U32s(intrinsic!(_mm512_or_si512(self.0, other.0)))
    }
}

impl Lanes32 for U32s {
    const LANES: usize = 16;

    #[inline(always)]
    fn call_noinline<F: LaneFn>(function: F) -> F::Output {
        features! {
            Avx512,
            enable { #[inline(never)] fn on_level<F: LaneFn>(function: F) -> F::Output { function.call() } }
        }
        intrinsic!(on_level(function))
    }

    #[inline(always)]
    fn splat(value: u32) -> Self {
        U32s(intrinsic!(_mm512_set1_epi32(value as i32)))
    }

    #[inline(always)]
    fn load(values: &[u32]) -> Self {
        let values: &[u32; 16] = values.first_chunk().expect("one value for each lane");
        // SAFETY: the array has the vector's length, the load needs no alignment, and the
        // processor has this level.
        U32s(unsafe { _mm512_loadu_si512(values.as_ptr().cast()) })
    }

    #[inline(always)]
    fn rotr<const N: i32>(self) -> Self {
        U32s(intrinsic!(_mm512_ror_epi32::<N>(self.0)))
    }

    #[inline(always)]
    fn shr<const N: i32>(self) -> Self {
        U32s(intrinsic!(_mm512_srl_epi32(self.0, _mm_cvtsi32_si128(N))))
    }

    #[inline(always)]
    fn xor3(self, b: Self, c: Self) -> Self {
        U32s(intrinsic!(_mm512_ternarylogic_epi32::<XOR3>(self.0, b.0, c.0)))
    }

    #[inline(always)]
    fn choose(self, a: Self, b: Self) -> Self {
        U32s(intrinsic!(_mm512_ternarylogic_epi32::<CHOOSE>(self.0, a.0, b.0)))
    }

    #[inline(always)]
    fn majority(self, b: Self, c: Self) -> Self {
        U32s(intrinsic!(_mm512_ternarylogic_epi32::<MAJORITY>(self.0, b.0, c.0)))
    }

    #[inline(always)]
    fn eq_mask(self, other: Self) -> Self {
        U32s(intrinsic!(_mm512_maskz_set1_epi32(_mm512_cmpeq_epi32_mask(self.0, other.0), -1)))
    }

    #[inline(always)]
    fn any(self) -> bool {
        intrinsic!(_mm512_test_epi32_mask(self.0, self.0)) != 0
    }

    #[inline(always)]
    fn any_le(self, bound: Self) -> bool {
        intrinsic!(_mm512_cmple_epu32_mask(self.0, bound.0)) != 0
    }

    #[inline(always)]
    fn swap_bytes(self) -> Self {
        U32s(intrinsic!({
            let order = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
            _mm512_shuffle_epi8(self.0, _mm512_broadcast_i32x4(order))
        }))
    }

    #[inline(always)]
    fn load_strided(bytes: &[u8], stride: usize, length: usize) -> [Self; 8] {
        assert!(length <= 32 && stride <= bytes.len() / 15 && 15 * stride + length <= bytes.len());
        let start = |lane| bytes.as_ptr().wrapping_add(lane * stride);
        // SAFETY: the assertion keeps the last lane's `length` bytes within the slice, and with
        // them those of all lanes. Loads need no alignment, and bytes outside the mask are not
        // accessed. The processor has this level.
        unsafe {
            if length == 32 {
                return transpose_half_blocks(|lane| _mm256_loadu_si256(start(lane).cast()));
            }
            transpose_half_blocks(|lane| _mm256_maskz_loadu_epi8((1 << length) - 1, start(lane).cast()))
        }
    }

    #[inline(always)]
    fn gather_half_blocks(blocks: &[&[u8; 64]], half: usize) -> [Self; 8] {
        let blocks: &[&[u8; 64]; 16] = blocks.first_chunk().expect("one block for each lane");
        let part = |lane: usize| blocks[lane].as_chunks::<32>().0[half].as_ptr().cast();
        // SAFETY: half a block has the length of the load, which needs no alignment; the
        // processor has this level.
        transpose_half_blocks(|lane| unsafe { _mm256_loadu_si256(part(lane)) })
    }

    #[inline(always)]
    fn gather_tails(tails: &[&[u8]]) -> [Self; BLOCK_WORDS] {
        let tails: &[&[u8]; 16] = tails.first_chunk().expect("one tail for each lane");
        let mut rows = [Self::splat(0); 16];
        for (row, tail) in rows.iter_mut().zip(tails) {
            let mask = if tail.len() >= 64 { u64::MAX } else { (1 << tail.len()) - 1 };
            // SAFETY: bytes outside the mask are not accessed; the processor has this level.
            *row = U32s(unsafe { _mm512_maskz_loadu_epi8(mask, tail.as_ptr().cast()) });
        }
        transpose(rows)
    }

    #[inline(always)]
    fn store_digests(words: [Self; 8], out: &mut [[u8; 32]]) {
        let out: &mut [[u8; 32]; 16] = out.first_chunk_mut().expect("room for each lane");
        let rows = transpose_8_columns(words);
        for (i, row) in rows.iter().enumerate() {
            // SAFETY: half a row has the length of a digest, stores need no alignment, and the
            // processor has this level.
            unsafe {
                _mm256_storeu_si256(out[i].as_mut_ptr().cast(), _mm512_castsi512_si256(row.0));
                _mm256_storeu_si256(out[8 + i].as_mut_ptr().cast(), _mm512_extracti64x4_epi64::<1>(row.0));
            }
        }
    }
}

/// Eight words of each lane, from the 32 bytes that `part` loads for the lane.
#[inline(always)]
fn transpose_half_blocks(part: impl Fn(usize) -> __m256i) -> [U32s; 8] {
    // Inserting from memory needs no shuffle. Lanes i and i + 4 share a row, so that the
    // quarters end up in lane order.
    let row =
        |lane| U32s(intrinsic!(_mm512_inserti64x4::<1>(_mm512_castsi256_si512(part(lane)), part(lane + 4))));
    let low = transpose_quarters([row(0), row(1), row(2), row(3)]);
    let high = transpose_quarters([row(8), row(9), row(10), row(11)]);
    let mut columns = [low[0]; 8];
    for j in 0..4 {
        columns[j] = U32s(intrinsic!(_mm512_shuffle_i32x4::<0x88>(low[j].0, high[j].0)));
        columns[4 + j] = U32s(intrinsic!(_mm512_shuffle_i32x4::<0xdd>(low[j].0, high[j].0)));
    }
    columns
}

/// Transposes 4 by 4 words in each 128-bit quarter of four rows.
#[inline(always)]
fn transpose_quarters([a, b, c, d]: [U32s; 4]) -> [U32s; 4] {
    intrinsic!({
        let (ab_low, ab_high) = (_mm512_unpacklo_epi32(a.0, b.0), _mm512_unpackhi_epi32(a.0, b.0));
        let (cd_low, cd_high) = (_mm512_unpacklo_epi32(c.0, d.0), _mm512_unpackhi_epi32(c.0, d.0));
        [
            U32s(_mm512_unpacklo_epi64(ab_low, cd_low)),
            U32s(_mm512_unpackhi_epi64(ab_low, cd_low)),
            U32s(_mm512_unpacklo_epi64(ab_high, cd_high)),
            U32s(_mm512_unpackhi_epi64(ab_high, cd_high)),
        ]
    })
}

/// Transposes 16 by 16 words in steps: pairs of words, pairs of double words, 128-bit quarters.
#[inline(always)]
fn transpose(rows: [U32s; 16]) -> [U32s; 16] {
    let mut pairs = rows;
    for i in 0..8 {
        let (even, odd) = (rows[2 * i].0, rows[2 * i + 1].0);
        pairs[2 * i] = U32s(intrinsic!(_mm512_unpacklo_epi32(even, odd)));
        pairs[2 * i + 1] = U32s(intrinsic!(_mm512_unpackhi_epi32(even, odd)));
    }
    // fours[4i + j] has, in quarter q, word 4q + j of rows 4i to 4i + 3.
    let mut fours = pairs;
    for i in 0..4 {
        for j in 0..2 {
            let (low, high) = (pairs[4 * i + j].0, pairs[4 * i + j + 2].0);
            fours[4 * i + 2 * j] = U32s(intrinsic!(_mm512_unpacklo_epi64(low, high)));
            fours[4 * i + 2 * j + 1] = U32s(intrinsic!(_mm512_unpackhi_epi64(low, high)));
        }
    }
    let mut columns = fours;
    for j in 0..4 {
        let [a, b, c, d] = [fours[j].0, fours[4 + j].0, fours[8 + j].0, fours[12 + j].0];
        intrinsic!({
            let (ab_even, ab_odd) = (_mm512_shuffle_i32x4::<0x88>(a, b), _mm512_shuffle_i32x4::<0xdd>(a, b));
            let (cd_even, cd_odd) = (_mm512_shuffle_i32x4::<0x88>(c, d), _mm512_shuffle_i32x4::<0xdd>(c, d));
            columns[j] = U32s(_mm512_shuffle_i32x4::<0x88>(ab_even, cd_even));
            columns[4 + j] = U32s(_mm512_shuffle_i32x4::<0x88>(ab_odd, cd_odd));
            columns[8 + j] = U32s(_mm512_shuffle_i32x4::<0xdd>(ab_even, cd_even));
            columns[12 + j] = U32s(_mm512_shuffle_i32x4::<0xdd>(ab_odd, cd_odd));
        });
    }
    columns
}

/// Transposes 8 by 16 words: row i goes to the low half of vector i, row 8 + i to its high
/// half.
#[inline(always)]
fn transpose_8_columns(columns: [U32s; 8]) -> [U32s; 8] {
    let mut pairs = columns;
    for i in 0..4 {
        let (even, odd) = (columns[2 * i].0, columns[2 * i + 1].0);
        pairs[2 * i] = U32s(intrinsic!(_mm512_unpacklo_epi32(even, odd)));
        pairs[2 * i + 1] = U32s(intrinsic!(_mm512_unpackhi_epi32(even, odd)));
    }
    // fours[4i + j] has, in quarter q, words 4i to 4i + 3 of row 4q + j.
    let mut fours = pairs;
    for i in 0..2 {
        for j in 0..2 {
            let (low, high) = (pairs[4 * i + j].0, pairs[4 * i + j + 2].0);
            fours[4 * i + 2 * j] = U32s(intrinsic!(_mm512_unpacklo_epi64(low, high)));
            fours[4 * i + 2 * j + 1] = U32s(intrinsic!(_mm512_unpackhi_epi64(low, high)));
        }
    }
    let mut rows = fours;
    for j in 0..4 {
        let (low, high) = (fours[j].0, fours[4 + j].0);
        intrinsic!({
            let rows_0_8 = _mm512_set_epi64(13, 12, 5, 4, 9, 8, 1, 0);
            let rows_4_12 = _mm512_set_epi64(15, 14, 7, 6, 11, 10, 3, 2);
            rows[j] = U32s(_mm512_permutex2var_epi64(low, rows_0_8, high));
            rows[4 + j] = U32s(_mm512_permutex2var_epi64(low, rows_4_12, high));
        });
    }
    rows
}

/// Eight 64-bit words.
#[derive(Clone, Copy)]
pub struct U64s(pub(super) __m512i);

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
    Add::add = _mm512_add_epi64,
    Sub::sub = _mm512_sub_epi64,
    BitXor::bitxor = _mm512_xor_si512,
    BitAnd::bitand = _mm512_and_si512,
    BitOr::bitor = _mm512_or_si512,
);

impl_lanes_f64!(
    _mm512_castsi512_pd,
    _mm512_castpd_si512,
    _mm512_add_pd,
    _mm512_sub_pd,
    approx_div,
    _mm512_fmadd_pd
);

/// # Safety
/// The processor must have this level.
#[inline(always)]
unsafe fn approx_div(a: __m512d, b: __m512d) -> __m512d {
    intrinsic!(_mm512_mul_pd(a, _mm512_rcp14_pd(b)))
}

/// # Safety
/// The processor must have this level.
#[inline(always)]
unsafe fn le(a: __m512d, b: __m512d) -> __m512i {
    intrinsic!(_mm512_movm_epi64(_mm512_cmp_pd_mask::<_CMP_LE_OQ>(a, b)))
}

impl Lanes64 for U64s {
    const LANES: usize = 8;

    // The compiler ignores `inline(never)` on functions with target features. This one has none,
    // and a function with more features cannot be inlined into its caller.
    #[inline(never)]
    fn mul_noinline<F: Product<Self, N>, const N: usize>(
        a: &[Self; N],
        b: &[Self; N],
        addend: &[u64; N],
    ) -> [Self; N] {
        features! {
            Avx512,
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
        U64s(intrinsic!(_mm512_set1_epi64(value as i64)))
    }

    #[inline(always)]
    fn load(values: &[u64]) -> Self {
        let values: &[u64; 8] = values.first_chunk().expect("one value for each lane");
        // SAFETY: the array has the vector's length, the load needs no alignment, and the
        // processor has this level.
        U64s(unsafe { _mm512_loadu_si512(values.as_ptr().cast()) })
    }

    #[inline(always)]
    fn store(self, out: &mut [u64]) {
        let out: &mut [u64; 8] = out.first_chunk_mut().expect("room for each lane");
        // SAFETY: as in `load`, for a store.
        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), self.0) }
    }

    #[inline(always)]
    fn shl(self, bits: u32) -> Self {
        U64s(intrinsic!(_mm512_sll_epi64(self.0, _mm_cvtsi32_si128(bits as i32))))
    }

    #[inline(always)]
    fn shr(self, bits: u32) -> Self {
        U64s(intrinsic!(_mm512_srl_epi64(self.0, _mm_cvtsi32_si128(bits as i32))))
    }

    #[inline(always)]
    fn rotr<const N: i32>(self) -> Self {
        U64s(intrinsic!(_mm512_ror_epi64::<N>(self.0)))
    }

    #[inline(always)]
    fn xor3(self, b: Self, c: Self) -> Self {
        U64s(intrinsic!(_mm512_ternarylogic_epi64::<XOR3>(self.0, b.0, c.0)))
    }

    #[inline(always)]
    fn choose(self, a: Self, b: Self) -> Self {
        U64s(intrinsic!(_mm512_ternarylogic_epi64::<CHOOSE>(self.0, a.0, b.0)))
    }

    #[inline(always)]
    fn majority(self, b: Self, c: Self) -> Self {
        U64s(intrinsic!(_mm512_ternarylogic_epi64::<MAJORITY>(self.0, b.0, c.0)))
    }

    #[inline(always)]
    fn eq_mask(self, other: Self) -> Self {
        U64s(intrinsic!(_mm512_movm_epi64(_mm512_cmpeq_epi64_mask(self.0, other.0))))
    }

    #[inline(always)]
    fn swap_bytes(self) -> Self {
        U64s(intrinsic!({
            let order = _mm_set_epi64x(0x08_09_0a_0b_0c_0d_0e_0f, 0x00_01_02_03_04_05_06_07);
            _mm512_shuffle_epi8(self.0, _mm512_broadcast_i32x4(order))
        }))
    }

    #[inline(always)]
    fn mul32(self, other: Self) -> Self {
        U64s(intrinsic!(_mm512_mul_epu32(self.0, other.0)))
    }

    #[inline(always)]
    fn conditional_negate(self, mask: Self) -> Self {
        intrinsic!({
            let lanes = _mm512_movepi64_mask(mask.0);
            U64s(_mm512_mask_sub_epi64(self.0, lanes, _mm512_setzero_si512(), self.0))
        })
    }

    #[inline(always)]
    fn load_transposed(rows: &[&U64x4]) -> [Self; 4] {
        let rows: &[&U64x4; 8] = rows.first_chunk().expect("a row for each lane");
        let mut vectors = [intrinsic!(_mm512_setzero_si512()); 4];
        for (i, vector) in vectors.iter_mut().enumerate() {
            // SAFETY: each row has half the vector's length and the alignment of the load; the
            // processor has this level.
            *vector = unsafe {
                let low = _mm256_load_si256(rows[i].0.as_ptr().cast());
                let high = _mm256_load_si256(rows[i + 4].0.as_ptr().cast());
                _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
            };
        }
        let [a, b, c, d] = transpose_4x4(vectors);
        [U64s(a), U64s(b), U64s(c), U64s(d)]
    }

    #[inline(always)]
    fn store_transposed(words: [Self; 4], rows: &mut [U64x4], stride: usize) {
        let vectors = transpose_4x4(words.map(|word| word.0));
        for (i, vector) in vectors.into_iter().enumerate() {
            let half_rows =
                intrinsic!([_mm512_castsi512_si256(vector), _mm512_extracti64x4_epi64::<1>(vector)]);
            for (half, lane) in half_rows.into_iter().zip([i, i + 4]) {
                let row = &mut rows[lane * stride];
                // SAFETY: as in `load_transposed`, for a store.
                unsafe { _mm256_store_si256(row.0.as_mut_ptr().cast(), half) }
            }
        }
    }
}

/// Transposes 4 by 4 words in each half of four vectors: rows i and 4 + i are the low and the
/// high half of vector i. Its own inverse.
#[inline(always)]
fn transpose_4x4([r0, r1, r2, r3]: [__m512i; 4]) -> [__m512i; 4] {
    intrinsic!({
        // Words 0 and 2 (even), and 1 and 3 (odd), of two rows.
        let (even_01, odd_01) = (_mm512_unpacklo_epi64(r0, r1), _mm512_unpackhi_epi64(r0, r1));
        let (even_23, odd_23) = (_mm512_unpacklo_epi64(r2, r3), _mm512_unpackhi_epi64(r2, r3));
        let first = _mm512_set_epi64(13, 12, 5, 4, 9, 8, 1, 0);
        let second = _mm512_set_epi64(15, 14, 7, 6, 11, 10, 3, 2);
        [
            _mm512_permutex2var_epi64(even_01, first, even_23),
            _mm512_permutex2var_epi64(odd_01, first, odd_23),
            _mm512_permutex2var_epi64(even_01, second, even_23),
            _mm512_permutex2var_epi64(odd_01, second, odd_23),
        ]
    })
}

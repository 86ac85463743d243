//! The SHA extension (SHA-NI): the SHA-256 compression function on one to two interleaved
//! messages, whose rounds hide each other's latency.
//!
//! A block takes twice as long as one in a full AVX-512 vector and slightly less than one in a
//! full AVX2 vector. At AVX-512 levels the extension therefore serves only messages that would
//! leave lanes empty.

#![expect(unsafe_code, reason = "intrinsics")]

use std::arch::x86_64::*;

use crate::cpu::isa::{Level, Token};
use crate::cpu::sha256::K;

/// Proof that the processor has the extension.
#[derive(Clone, Copy)]
pub struct ShaNi(());

impl ShaNi {
    /// The extension, if the processor has it and `level` allows vectors.
    pub fn available(level: Level) -> Option<Self> {
        let detected = is_x86_feature_detected!("sha") && is_x86_feature_detected!("sse4.1");
        match level.0 {
            Token::Scalar => None,
            Token::Avx2(_) | Token::Avx512(_) | Token::Avx512Ifma(_) => detected.then_some(ShaNi(())),
        }
    }

    /// The compression function, on each message's blocks in turn. All messages must have as
    /// many blocks as the first.
    pub fn compress<const N: usize>(self, states: &mut [[u32; 8]; N], blocks: [&[[u8; 64]]; N]) {
        // SAFETY: `self` exists only where the processor has the extension.
        unsafe { compress(states, blocks) }
    }
}

#[target_feature(enable = "sha,sse4.1,avx2")]
fn compress<const N: usize>(states: &mut [[u32; 8]; N], blocks: [&[[u8; 64]]; N]) {
    let mut rounds = [[_mm_setzero_si128(); 2]; N];
    for n in 0..N {
        rounds[n] = load_state(&states[n]);
    }
    for (block, _) in blocks[0].iter().enumerate() {
        let initial = rounds;
        let mut words = [[_mm_setzero_si128(); 4]; N];
        for n in 0..N {
            words[n] = load_words(&blocks[n][block]);
        }
        for t in (0..16).step_by(4) {
            for n in 0..N {
                four_rounds(&mut rounds[n], words[n][t / 4], t);
            }
        }
        for pass in 1..4 {
            for t in (0..16).step_by(4) {
                for n in 0..N {
                    expand_words(&mut words[n], t / 4);
                    four_rounds(&mut rounds[n], words[n][t / 4], 16 * pass + t);
                }
            }
        }
        for n in 0..N {
            for half in 0..2 {
                rounds[n][half] = _mm_add_epi32(rounds[n][half], initial[n][half]);
            }
        }
    }
    for n in 0..N {
        states[n] = store_state(rounds[n]);
    }
}

/// Replaces the oldest four words of the message schedule by the next four.
#[inline]
#[target_feature(enable = "sha,sse4.1,avx2")]
fn expand_words(words: &mut [__m128i; 4], quarter: usize) {
    let (oldest, second) = (words[quarter], words[(quarter + 1) % 4]);
    let (third, newest) = (words[(quarter + 2) % 4], words[(quarter + 3) % 4]);
    let seventh = _mm_alignr_epi8::<4>(newest, third);
    let sum = _mm_add_epi32(_mm_sha256msg1_epu32(oldest, second), seventh);
    words[quarter] = _mm_sha256msg2_epu32(sum, newest);
}

/// Four rounds; the state is held as ABEF and CDGH.
#[inline]
#[target_feature(enable = "sha,sse4.1,avx2")]
fn four_rounds([abef, cdgh]: &mut [__m128i; 2], words: __m128i, t: usize) {
    let k = _mm_set_epi32(K[t + 3] as i32, K[t + 2] as i32, K[t + 1] as i32, K[t] as i32);
    let words = _mm_add_epi32(words, k);
    *cdgh = _mm_sha256rnds2_epu32(*cdgh, *abef, words);
    *abef = _mm_sha256rnds2_epu32(*abef, *cdgh, _mm_shuffle_epi32::<0x0e>(words));
}

#[inline]
#[target_feature(enable = "sha,sse4.1,avx2")]
fn load_words(block: &[u8; 64]) -> [__m128i; 4] {
    let order = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    let mut words = [_mm_setzero_si128(); 4];
    for (i, words) in words.iter_mut().enumerate() {
        // SAFETY: a quarter of the block has the length of the load, which needs no alignment.
        let bytes = unsafe { _mm_loadu_si128(block.as_ptr().cast::<__m128i>().add(i)) };
        *words = _mm_shuffle_epi8(bytes, order);
    }
    words
}

#[inline]
#[target_feature(enable = "sha,sse4.1,avx2")]
fn load_state(state: &[u32; 8]) -> [__m128i; 2] {
    let [a, b, c, d, e, f, g, h] = *state;
    [
        _mm_set_epi32(a as i32, b as i32, e as i32, f as i32),
        _mm_set_epi32(c as i32, d as i32, g as i32, h as i32),
    ]
}

#[inline]
#[target_feature(enable = "sha,sse4.1,avx2")]
fn store_state([abef, cdgh]: [__m128i; 2]) -> [u32; 8] {
    let [mut low, mut high] = [[0u32; 4]; 2];
    // SAFETY: each array has the length of the store, which needs no alignment.
    unsafe {
        _mm_storeu_si128(low.as_mut_ptr().cast(), abef);
        _mm_storeu_si128(high.as_mut_ptr().cast(), cdgh);
    }
    let ([f, e, b, a], [h, g, d, c]) = (low, high);
    [a, b, c, d, e, f, g, h]
}

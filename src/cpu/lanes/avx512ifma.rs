//! AVX-512 with IFMA: the 64-bit lanes of AVX-512 with a 52-bit multiply-add.

#![expect(unsafe_code, reason = "intrinsics")]

use std::arch::x86_64::*;

use super::avx512::U64s;
use super::{Kernel64, LanesIfma};
use crate::cpu::isa::Avx512Ifma;

impl Avx512Ifma {
    /// Runs a kernel on this level's 64-bit lanes.
    #[inline(always)]
    pub fn run64<K: Kernel64>(self, kernel: K) -> K::Output {
        kernel.run_ifma::<U64s>()
    }
}

impl LanesIfma for U64s {
    #[inline(always)]
    fn madd52lo(self, a: Self, b: Self) -> Self {
        // SAFETY: only the token runs code that knows of these products, and it exists only where
        // the processor has the features.
        U64s(unsafe { _mm512_madd52lo_epu64(self.0, a.0, b.0) })
    }

    #[inline(always)]
    fn madd52hi(self, a: Self, b: Self) -> Self {
        // SAFETY: as in `madd52lo`.
        U64s(unsafe { _mm512_madd52hi_epu64(self.0, a.0, b.0) })
    }
}

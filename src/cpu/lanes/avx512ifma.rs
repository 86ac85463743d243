//! AVX-512 with IFMA: the 64-bit lanes of AVX-512 with a 52-bit multiply-add.

use std::arch::x86_64::*;

pub use super::avx512::U64s;

use super::LanesIfma;
use crate::cpu::field25519::radix52::Field52;

/// The form of GF(2^255 - 19) elements at this level.
pub type Fe = Field52<U64s>;

impl LanesIfma for U64s {
    #[inline(always)]
    fn madd52lo(self, a: Self, b: Self) -> Self {
        // SAFETY: the entry points run this level only where the processor has it.
        U64s(unsafe { _mm512_madd52lo_epu64(self.0, a.0, b.0) })
    }

    #[inline(always)]
    fn madd52hi(self, a: Self, b: Self) -> Self {
        // SAFETY: as in `madd52lo`.
        U64s(unsafe { _mm512_madd52hi_epu64(self.0, a.0, b.0) })
    }
}

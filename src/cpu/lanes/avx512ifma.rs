//! AVX-512 with IFMA: its 52-bit multiply-add in the 64-bit lanes of AVX-512.

use std::arch::x86_64::*;

pub use super::avx512::U64s;

use super::Lanes52;
use crate::cpu::field25519::radix52::Field52;

/// Elements of the field of 2^255 - 19 in the form that suits this level.
pub type Fe = Field52<U64s>;

impl Lanes52 for U64s {
    #[inline(always)]
    fn madd_low(self, a: Self, b: Self) -> Self {
        // SAFETY: the entry points run this level only where the processor has it.
        U64s(unsafe { _mm512_madd52lo_epu64(self.0, a.0, b.0) })
    }

    #[inline(always)]
    fn madd_high(self, a: Self, b: Self) -> Self {
        // SAFETY: as in `madd_low`.
        U64s(unsafe { _mm512_madd52hi_epu64(self.0, a.0, b.0) })
    }
}

//! AVX-512 with IFMA: as AVX-512, with its 52-bit multiply-add in 64-bit lanes.

pub use super::avx512::U32s;

//! Two vectors as one.

use std::ops::{Add, BitAnd, BitOr, BitXor};

use super::{BLOCK_WORDS, LaneFn, Lanes32};

/// Two vectors as one, of twice the lanes. Their instructions interleave, so that each hides
/// the latency of the other.
#[derive(Clone, Copy)]
pub struct Pair<L>(L, L);

macro_rules! pair_operators {
    ($($trait:ident::$function:ident),*) => {$(
        impl<L: Lanes32> $trait for Pair<L> {
            type Output = Self;

            #[inline(always)]
            fn $function(self, other: Self) -> Self {
                Pair($trait::$function(self.0, other.0), $trait::$function(self.1, other.1))
            }
        }
    )*};
}

pair_operators!(Add::add, BitXor::bitxor, BitAnd::bitand, BitOr::bitor);

impl<L: Lanes32> Pair<L> {
    #[inline(always)]
    fn zip<const N: usize>(low: [L; N], high: [L; N]) -> [Self; N] {
        let mut words = [Pair(low[0], high[0]); N];
        for i in 1..N {
            words[i] = Pair(low[i], high[i]);
        }
        words
    }
}

impl<L: Lanes32> Lanes32 for Pair<L> {
    const LANES: usize = 2 * L::LANES;

    #[inline(always)]
    fn call_noinline<F: LaneFn>(function: F) -> F::Output {
        L::call_noinline(function)
    }

    #[inline(always)]
    fn splat(value: u32) -> Self {
        Pair(L::splat(value), L::splat(value))
    }

    #[inline(always)]
    fn load(values: &[u32]) -> Self {
        Pair(L::load(values), L::load(&values[L::LANES..]))
    }

    #[inline(always)]
    fn rotr<const N: i32>(self) -> Self {
        Pair(self.0.rotr::<N>(), self.1.rotr::<N>())
    }

    #[inline(always)]
    fn shr<const N: i32>(self) -> Self {
        Pair(self.0.shr::<N>(), self.1.shr::<N>())
    }

    #[inline(always)]
    fn xor3(self, b: Self, c: Self) -> Self {
        Pair(self.0.xor3(b.0, c.0), self.1.xor3(b.1, c.1))
    }

    #[inline(always)]
    fn choose(self, a: Self, b: Self) -> Self {
        Pair(self.0.choose(a.0, b.0), self.1.choose(a.1, b.1))
    }

    #[inline(always)]
    fn majority(self, b: Self, c: Self) -> Self {
        Pair(self.0.majority(b.0, c.0), self.1.majority(b.1, c.1))
    }

    #[inline(always)]
    fn eq_mask(self, other: Self) -> Self {
        Pair(self.0.eq_mask(other.0), self.1.eq_mask(other.1))
    }

    #[inline(always)]
    fn any(self) -> bool {
        (self.0 | self.1).any()
    }

    #[inline(always)]
    fn any_le(self, bound: Self) -> bool {
        self.0.any_le(bound.0) | self.1.any_le(bound.1)
    }

    #[inline(always)]
    fn swap_bytes(self) -> Self {
        Pair(self.0.swap_bytes(), self.1.swap_bytes())
    }

    #[inline(always)]
    fn load_strided(bytes: &[u8], stride: usize, length: usize) -> [Self; 8] {
        let (low, high) = (bytes, &bytes[L::LANES * stride..]);
        Pair::zip(L::load_strided(low, stride, length), L::load_strided(high, stride, length))
    }

    #[inline(always)]
    fn gather_half_blocks(blocks: &[&[u8; 64]], half: usize) -> [Self; 8] {
        let (low, high) = blocks.split_at(L::LANES);
        Pair::zip(L::gather_half_blocks(low, half), L::gather_half_blocks(high, half))
    }

    #[inline(always)]
    fn gather_tails(tails: &[&[u8]]) -> [Self; BLOCK_WORDS] {
        let (low, high) = tails.split_at(L::LANES);
        Pair::zip(L::gather_tails(low), L::gather_tails(high))
    }

    #[inline(always)]
    fn store_digests(words: [Self; 8], out: &mut [[u8; 32]]) {
        let (mut low, mut high) = ([words[0].0; 8], [words[0].1; 8]);
        for i in 1..8 {
            (low[i], high[i]) = (words[i].0, words[i].1);
        }
        let (first, second) = out.split_at_mut(L::LANES);
        L::store_digests(low, first);
        L::store_digests(high, second);
    }
}

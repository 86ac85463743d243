//! Vectors of words, one item in each lane: the seam between the algorithms,
//! each written once, and the instruction sets.
//!
//! A level's types are used only below the entry points that `dispatch!` makes,
//! which run them only where the processor has that level. What stands in no
//! function of its own is `#[inline(always)]`, to be compiled with the features of
//! the entry point.

use std::ops::{Add, BitAnd, BitOr, BitXor, Range, Sub};

use bytemuck::{Pod, Zeroable};

/// Implements [`Lanes51`] for `U64s` with the level's features.
///
/// The compiler does not heed `inline(never)` on functions with features. It
/// stands on functions without, which cannot have the others inlined into them.
#[cfg(target_arch = "x86_64")]
macro_rules! lanes51 {
    ($features:literal) => {
        impl Lanes51 for U64s {
            lanes51!($features, fn product(a: &[U64s; 5], b: &[U64s; 5], rest: &[u64; 5]));
            lanes51!($features, fn square(a: &[U64s; 5], rest: &[u64; 5]));
            lanes51!($features, fn carried_product(a: &[U64s; 5], b: &[U64s; 5]));
            lanes51!($features, fn carried_square(a: &[U64s; 5]));
        }
    };
    ($features:literal, fn $name:ident($($arg:ident: $type:ty),*)) => {
        #[inline(never)]
        fn $name($($arg: $type),*) -> [U64s; 5] {
            #[target_feature(enable = $features)]
            fn on_level($($arg: $type),*) -> [U64s; 5] {
                radix51::$name($($arg),*)
            }
            // SAFETY: the entry points run this level only where the processor has it.
            unsafe { on_level($($arg),*) }
        }
    };
}

/// Implements [`LanesF64`] for `U64s` by the level's intrinsics, and its `at_most`.
#[cfg(target_arch = "x86_64")]
macro_rules! lanes_f64 {
    ($to_doubles:ident, $from_doubles:ident, $add:ident, $sub:ident, $ratio:ident, $fused:ident) => {
        impl LanesF64 for U64s {
            #[inline(always)]
            fn add_f64(self, other: Self) -> Self {
                U64s(registers!($from_doubles($add($to_doubles(self.0), $to_doubles(other.0)))))
            }

            #[inline(always)]
            fn sub_f64(self, other: Self) -> Self {
                U64s(registers!($from_doubles($sub($to_doubles(self.0), $to_doubles(other.0)))))
            }

            #[inline(always)]
            fn ratio_f64(self, other: Self) -> Self {
                U64s(registers!($from_doubles($ratio($to_doubles(self.0), $to_doubles(other.0)))))
            }

            #[inline(always)]
            fn at_most_f64(self, other: Self) -> Self {
                U64s(registers!(at_most($to_doubles(self.0), $to_doubles(other.0))))
            }

            #[inline(always)]
            fn fused_add(self, a: Self, b: Self) -> Self {
                let [sum, a, b] = [self.0, a.0, b.0];
                U64s(registers!($from_doubles($fused($to_doubles(a), $to_doubles(b), $to_doubles(sum)))))
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
pub mod avx2;
#[cfg(target_arch = "x86_64")]
pub mod avx512;
#[cfg(target_arch = "x86_64")]
pub mod avx512ifma;
pub mod scalar;
#[cfg(target_arch = "x86_64")]
pub mod sha_ni;

/// Where there is no such extension.
#[cfg(not(target_arch = "x86_64"))]
pub mod sha_ni {
    /// Never made.
    #[derive(Clone, Copy)]
    pub enum ShaNi {}

    impl ShaNi {
        pub fn below(_: crate::cpu::Isa) -> Option<Self> {
            None
        }

        pub fn compress<const N: usize>(self, _: &mut [[u32; 8]; N], _: [&[[u8; 64]]; N]) {
            match self {}
        }
    }
}

/// Words in a 64-byte block.
pub const BLOCK_WORDS: usize = 16;

/// The most 32-bit lanes that a type has.
pub const MAX_LANES: usize = 32;

/// The most 64-bit lanes that a type has.
pub const MAX_LANES64: usize = 8;

/// Something to do in lanes, apart from its callers.
pub trait Work {
    /// What it gives.
    type Output;

    /// Does it: `#[inline(always)]`.
    fn run(self) -> Self::Output;
}

/// A 32-bit word of each item. Addition wraps.
pub trait Lanes32:
    Copy + Add<Output = Self> + BitXor<Output = Self> + BitAnd<Output = Self> + BitOr<Output = Self>
{
    /// The number of lanes.
    const LANES: usize;

    /// Does `work` in a function of its own, compiled once for this level: what
    /// is long and used in many places would take minutes to compile in each.
    fn outlined<W: Work>(work: W) -> W::Output;

    /// `value` in each lane.
    fn splat(value: u32) -> Self;

    /// One value for each lane, from the first `LANES`.
    fn load(values: &[u32]) -> Self;

    /// Rotates right by `N`, 0 < `N` < 32.
    fn rotr<const N: i32>(self) -> Self;

    /// Shifts right by `N`, 0 < `N` < 32.
    fn shr<const N: i32>(self) -> Self;

    /// `self ^ b ^ c`.
    fn xor3(self, b: Self, c: Self) -> Self;

    /// Bits of `a` where `self` has ones, of `b` where it has zeros.
    fn choose(self, a: Self, b: Self) -> Self;

    /// Bits that at least two of three have.
    fn majority(self, b: Self, c: Self) -> Self;

    /// All ones in the lanes that are equal, zero in the others.
    fn equal(self, other: Self) -> Self;

    /// Whether some lane is not zero.
    fn any(self) -> bool;

    /// Whether some lane is not above its bound, unsigned.
    fn any_at_most(self, bound: Self) -> bool;

    /// Each word's bytes in reverse.
    fn swap_bytes(self) -> Self;

    /// The little-endian words of half a block for each lane: the first `length`
    /// bytes, at most 32, from every `stride`-th byte on, and zeros after them.
    fn load_strided(bytes: &[u8], stride: usize, length: usize) -> [Self; 8];

    /// The little-endian words of half of one block for each lane: of half 0 or 1.
    fn load_halves(blocks: &[&[u8; 64]], half: usize) -> [Self; 8];

    /// The little-endian words of one block for each lane: of the first 64 bytes of
    /// each tail, with zeros past its end.
    fn load_tails(tails: &[&[u8]]) -> [Self; BLOCK_WORDS];

    /// Eight words of each lane as 32 little-endian bytes.
    fn store_digests(words: [Self; 8], out: &mut [[u8; 32]]);
}

/// Four words that belong together, in one half of a cache line.
#[derive(Clone, Copy, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C, align(32))]
pub struct Quad(pub [u64; 4]);

/// A 64-bit word of each item. Addition and subtraction wrap.
pub trait Lanes64:
    Copy
    + Add<Output = Self>
    + Sub<Output = Self>
    + BitXor<Output = Self>
    + BitAnd<Output = Self>
    + BitOr<Output = Self>
{
    /// The number of lanes.
    const LANES: usize;

    /// `value` in each lane.
    fn splat(value: u64) -> Self;

    /// One value for each lane, from the first `LANES`.
    fn load(values: &[u64]) -> Self;

    /// One value from each lane, to the first `LANES`.
    fn store(self, out: &mut [u64]);

    /// Shifts left; 64 and more leave zero.
    fn shl(self, bits: u32) -> Self;

    /// Shifts right; 64 and more leave zero.
    fn shr(self, bits: u32) -> Self;

    /// Rotates right by `N`, 0 < `N` < 64.
    #[inline(always)]
    fn rotr<const N: i32>(self) -> Self {
        self.shr(N as u32) | self.shl(64 - N as u32)
    }

    /// `self ^ b ^ c`.
    #[inline(always)]
    fn xor3(self, b: Self, c: Self) -> Self {
        self ^ b ^ c
    }

    /// Bits of `a` where `self` has ones, of `b` where it has zeros.
    #[inline(always)]
    fn choose(self, a: Self, b: Self) -> Self {
        b ^ (self & (a ^ b))
    }

    /// Bits that at least two of three have.
    #[inline(always)]
    fn majority(self, b: Self, c: Self) -> Self {
        (self & b) | (c & (self | b))
    }

    /// All ones in the lanes that are equal, zero in the others.
    fn equal(self, other: Self) -> Self;

    /// Each word's bytes in reverse.
    fn swap_bytes(self) -> Self;

    /// The product of the low 32 bits of each.
    fn mul32(self, other: Self) -> Self;

    /// `-self` in the lanes where `mask` has ones, `self` where it has zeros.
    #[inline(always)]
    fn negate_where(self, mask: Self) -> Self {
        (self ^ mask) - mask
    }

    /// Four words of each lane, from the lane's own quad.
    fn load_quads(quads: &[&Quad]) -> [Self; 4];

    /// Four words of each lane: lane i's to quad i times `stride`.
    fn store_quads(words: [Self; 4], quads: &mut [Quad], stride: usize);
}

/// 2^n.
pub const fn power_of_two(n: u64) -> f64 {
    f64::from_bits((1023 + n) << 52)
}

/// From 2^52 to 2^53 doubles are the whole numbers: from the middle, sums of 2^51 at
/// most in magnitude count up and down in the bit pattern, and are rounded to whole numbers.
pub const ONES: f64 = 1.5 * power_of_two(52);

/// Lanes that hold doubles too, by their bit patterns.
pub trait LanesF64: Lanes64 {
    /// `value` in each lane.
    #[inline(always)]
    fn splat_f64(value: f64) -> Self {
        Self::splat(value.to_bits())
    }

    /// `self + other`, rounded.
    fn add_f64(self, other: Self) -> Self;

    /// `self - other`, rounded.
    fn sub_f64(self, other: Self) -> Self;

    /// `self / other`, to 13 bits at least.
    fn ratio_f64(self, other: Self) -> Self;

    /// Ones in the lanes where `self <= other`.
    fn at_most_f64(self, other: Self) -> Self;

    /// `self + a * b`, rounded once.
    fn fused_add(self, a: Self, b: Self) -> Self;
}

/// Lanes with the products of [`radix51`](super::field25519::radix51), in functions
/// of their own: a point formula with a dozen of them inside would neither fit the
/// instruction cache nor leave the registers to any one.
pub trait Lanes51: LanesF64 {
    /// `a * b + rest`.
    fn product(a: &[Self; 5], b: &[Self; 5], rest: &[u64; 5]) -> [Self; 5];

    /// `a * a + rest`.
    fn square(a: &[Self; 5], rest: &[u64; 5]) -> [Self; 5];

    /// `a * b`, carried.
    fn carried_product(a: &[Self; 5], b: &[Self; 5]) -> [Self; 5];

    /// `a * a`, carried.
    fn carried_square(a: &[Self; 5]) -> [Self; 5];
}

/// Lanes with a multiply-add on their low 52 bits.
pub trait Lanes52: Lanes64 {
    /// Adds the low 52 bits of the 104-bit product of `a` and `b` modulo 2^52.
    fn madd_low(self, a: Self, b: Self) -> Self;

    /// Adds the high 52 bits of the 104-bit product of `a` and `b` modulo 2^52.
    fn madd_high(self, a: Self, b: Self) -> Self;
}

/// Two vectors side by side: their instructions interleave, and one hides the
/// latency of the other.
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
    fn outlined<W: Work>(work: W) -> W::Output {
        L::outlined(work)
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
    fn equal(self, other: Self) -> Self {
        Pair(self.0.equal(other.0), self.1.equal(other.1))
    }

    #[inline(always)]
    fn any(self) -> bool {
        (self.0 | self.1).any()
    }

    #[inline(always)]
    fn any_at_most(self, bound: Self) -> bool {
        self.0.any_at_most(bound.0) | self.1.any_at_most(bound.1)
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
    fn load_halves(blocks: &[&[u8; 64]], half: usize) -> [Self; 8] {
        let (low, high) = blocks.split_at(L::LANES);
        Pair::zip(L::load_halves(low, half), L::load_halves(high, half))
    }

    #[inline(always)]
    fn load_tails(tails: &[&[u8]]) -> [Self; BLOCK_WORDS] {
        let (low, high) = tails.split_at(L::LANES);
        Pair::zip(L::load_tails(low), L::load_tails(high))
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

/// How bytes make words.
#[derive(Clone, Copy)]
pub enum Endian {
    Little,
    Big,
}

impl Endian {
    /// Little-endian words to words of this kind, and back.
    #[inline(always)]
    pub fn words<L: Lanes32, const N: usize>(self, mut words: [L; N]) -> [L; N] {
        if let Endian::Big = self {
            for word in &mut words {
                *word = word.swap_bytes();
            }
        }
        words
    }
}

/// The words of one block for each lane: of the first `length` bytes, at most 64, from
/// every `stride`-th byte on, and zeros after them. They are put in place half by half:
/// those of a pair's whole block do not fit the registers.
#[inline(always)]
pub fn load_block<L: Lanes32>(
    words: &mut [L; BLOCK_WORDS],
    bytes: &[u8],
    stride: usize,
    length: usize,
    endian: Endian,
) {
    let halves = words.as_chunks_mut().0;
    halves[0] = endian.words(L::load_strided(bytes, stride, length.min(32)));
    halves[1] = match length {
        0..=32 => [L::splat(0); 8],
        _ => endian.words(L::load_strided(&bytes[32..], stride, length - 32)),
    };
}

/// The same of blocks that lie anywhere.
#[inline(always)]
pub fn load_blocks<L: Lanes32>(words: &mut [L; BLOCK_WORDS], blocks: &[&[u8; 64]], endian: Endian) {
    let halves = words.as_chunks_mut().0;
    halves[0] = endian.words(L::load_halves(blocks, 0));
    halves[1] = endian.words(L::load_halves(blocks, 1));
}

/// Asks for the cache line at `offset`.
#[inline(always)]
pub fn prefetch(bytes: &[u8], offset: usize) {
    ask(bytes.as_ptr().wrapping_add(offset), Wanted::Now);
}

/// Asks for the block after `block` of each of `LANES` items of `length` bytes, end
/// to end, and for half as many lines of the items after those: they are far away, and a
/// block is too short to wait for them.
#[inline(always)]
pub fn prefetch_strided<L: Lanes32>(items: &[u8], length: usize, block: usize) {
    let mut next = items.as_ptr().wrapping_add(64 * (block + 1));
    for _ in 0..L::LANES {
        ask(next, Wanted::Now);
        next = next.wrapping_add(length);
    }
    prefetch_later::<L>(items, length, block, 0..L::LANES / 2);
}

/// Asks for the other half, once `block` is through: more at once would have to queue.
#[inline(always)]
pub fn prefetch_strided_rest<L: Lanes32>(items: &[u8], length: usize, block: usize) {
    prefetch_later::<L>(items, length, block, L::LANES / 2..L::LANES);
}

#[inline(always)]
fn prefetch_later<L: Lanes32>(items: &[u8], length: usize, block: usize, lines: Range<usize>) {
    let later = items.as_ptr().wrapping_add(L::LANES * (length + 64 * block));
    for line in lines {
        ask(later.wrapping_add(64 * line), Wanted::Later);
    }
}

/// Asks for the items of 32 bytes after the first `LANES`.
#[inline(always)]
pub fn prefetch_next_32<L: Lanes32>(items: &[u8]) {
    for pair in L::LANES / 2..L::LANES {
        ask(items.as_ptr().wrapping_add(64 * pair), Wanted::Now);
    }
}

/// Asks for the room of the first `count` digests, which are written later.
#[inline(always)]
pub fn prefetch_room(digests: &[[u8; 32]], count: usize) {
    for pair in 0..count / 2 {
        ask(digests.as_flattened().as_ptr().wrapping_add(64 * pair), Wanted::ToWrite);
    }
}

/// What a cache line is wanted for.
#[derive(Clone, Copy)]
enum Wanted {
    Now,
    Later,
    ToWrite,
}

/// Asks for the line of any address: what is not there is not fetched, and a check
/// of each would cost more than it saves.
#[inline(always)]
fn ask(address: *const u8, wanted: Wanted) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_ET0, _MM_HINT_T0, _MM_HINT_T1, _mm_prefetch};
        let address = address.cast();
        // SAFETY: any address may be asked for; x86-64 has the instructions, of which
        // older processors take the last for one that does nothing.
        unsafe {
            match wanted {
                Wanted::Now => _mm_prefetch::<_MM_HINT_T0>(address),
                Wanted::Later => _mm_prefetch::<_MM_HINT_T1>(address),
                Wanted::ToWrite => _mm_prefetch::<_MM_HINT_ET0>(address),
            }
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (address, wanted);
}

/// The first `N` bytes of `tail`, with zeros past its end.
#[inline(always)]
fn padded<const N: usize>(tail: &[u8]) -> [u8; N] {
    let mut block = [0; N];
    let length = tail.len().min(N);
    block[..length].copy_from_slice(&tail[..length]);
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::Isa;

    dispatch! {
        fn check32() = check32_lanes::<U32s>
    }

    #[inline(always)]
    fn check32_lanes<L: Lanes32>() {
        check32_one::<L>();
        check32_one::<Pair<L>>();
    }

    #[inline(always)]
    fn check32_one<L: Lanes32>() {
        let word =
            |seed: u32, lane: usize| (seed + lane as u32).wrapping_mul(0x9e37_79b9) ^ (lane as u32) << 7;
        let values = |seed| (0..L::LANES).map(|lane| word(seed, lane)).collect::<Vec<_>>();
        let [a, b, c] = [1, 2, 3].map(|seed| L::load(&values(seed)));
        let check = |name: &str, lanes: L, expected: &dyn Fn(u32, u32, u32) -> u32| {
            for (lane, value) in values_of(lanes).into_iter().enumerate() {
                let [a, b, c] = [1, 2, 3].map(|seed| word(seed, lane));
                assert_eq!(value, expected(a, b, c), "{name} in lane {lane} of {}", L::LANES);
            }
        };
        check("splat", L::splat(77), &|_, _, _| 77);
        check("add", a + b, &|a, b, _| a.wrapping_add(b));
        check("xor", a ^ b, &|a, b, _| a ^ b);
        check("and", a & b, &|a, b, _| a & b);
        check("or", a | b, &|a, b, _| a | b);
        check("rotr 7", a.rotr::<7>(), &|a, _, _| a.rotate_right(7));
        check("rotr 16", a.rotr::<16>(), &|a, _, _| a.rotate_right(16));
        check("shr", a.shr::<10>(), &|a, _, _| a >> 10);
        check("xor3", a.xor3(b, c), &|a, b, c| a ^ b ^ c);
        check("choose", a.choose(b, c), &|a, b, c| a & b | !a & c);
        check("majority", a.majority(b, c), &|a, b, c| a & b | a & c | b & c);
        check("swap_bytes", a.swap_bytes(), &|a, _, _| a.swap_bytes());
        let one = L::load(&(0..L::LANES).map(|lane| u32::from(lane + 1 == L::LANES)).collect::<Vec<_>>());
        let mut equal = values_of((a ^ one).equal(a));
        assert_eq!(equal.pop(), Some(0));
        assert!(equal.iter().all(|&lane| lane == u32::MAX));
        assert!(one.any() && !L::splat(0).any());
        let below = [L::splat(1 << 31), L::splat((1 << 31) - 1)];
        assert!(
            below[0].any_at_most(below[0])
                && below[1].any_at_most(below[0])
                && !below[0].any_at_most(below[1])
        );
        assert!(below[0].any_at_most(below[1] + one) == (L::LANES > 0));
        check_blocks::<L>();
    }

    #[inline(always)]
    fn values_of<L: Lanes32>(lanes: L) -> Vec<u32> {
        let mut out = vec![[0; 32]; L::LANES];
        L::store_digests([lanes; 8], &mut out);
        out.iter().map(|bytes| u32::from_le_bytes(*bytes.first_chunk().unwrap())).collect()
    }

    #[inline(always)]
    fn check_blocks<L: Lanes32>() {
        // Every byte of every block is its own.
        let bytes: Vec<u8> = (0..L::LANES * 64 + 66).map(|i| (i * 7 + i / 64 * 13) as u8).collect();
        let blocks: Vec<&[u8; 64]> = bytes[1..].as_chunks().0[..L::LANES].iter().collect();
        let mut out = vec![[0; 32]; L::LANES];
        let mut words = [L::splat(7); BLOCK_WORDS];
        load_blocks(&mut words, &blocks, Endian::Little);
        let (low, high) = words.split_at(8);
        for (half, words) in [low, high].into_iter().enumerate() {
            L::store_digests(words.try_into().unwrap(), &mut out);
            for (block, out) in blocks.iter().zip(&out) {
                assert_eq!(block[32 * half..][..32], out[..]);
            }
        }
        for (stride, length) in [(64, 64), (32, 32), (64, 33), (2, 1), (50, 0)] {
            let mut words = [L::splat(7); BLOCK_WORDS];
            load_block(&mut words, &bytes, stride, length, Endian::Little);
            for (half, words) in words.as_chunks::<8>().0.iter().enumerate() {
                L::store_digests(*words, &mut out);
                for (lane, out) in out.iter().enumerate() {
                    assert_eq!(padded::<64>(&bytes[lane * stride..][..length])[32 * half..][..32], out[..]);
                }
            }
        }
        for length in 0..=66 {
            let tail = |lane| &bytes[64 * lane..][..(length + lane) % 67];
            let tails: Vec<&[u8]> = (0..L::LANES).map(tail).collect();
            let words = L::load_tails(&tails);
            L::store_digests(words[8..].try_into().unwrap(), &mut out);
            for (tail, out) in tails.iter().zip(&out) {
                assert_eq!(padded::<64>(tail)[32..], out[..]);
            }
        }
    }

    #[test]
    fn words_of_32_bits_on_every_level() {
        Isa::available().for_each(check32);
    }
}

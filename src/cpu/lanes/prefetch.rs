//! Prefetching of what the lanes read and write next.

#![cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "intrinsics"))]

use std::ops::Range;

use super::Lanes32;

/// Prefetches the cache line at `offset`.
#[inline(always)]
pub fn prefetch(bytes: &[u8], offset: usize) {
    prefetch_line(bytes.as_ptr().wrapping_add(offset), PrefetchHint::L1);
}

/// Prefetches before `block` of `LANES` contiguous items of `length` bytes is hashed: each
/// lane's next block into L1; and into L2 half of this block's share of the next group's lines,
/// since lines that far ahead take longer than one block to arrive.
#[inline(always)]
pub fn prefetch_strided<L: Lanes32>(items: &[u8], length: usize, block: usize) {
    let mut next = items.as_ptr().wrapping_add(64 * (block + 1));
    for _ in 0..L::LANES {
        prefetch_line(next, PrefetchHint::L1);
        next = next.wrapping_add(length);
    }
    prefetch_next_group::<L>(items, length, block, 0..L::LANES / 2);
}

/// Prefetches the other half of the share, after `block`: all of it at once would queue.
#[inline(always)]
pub fn prefetch_strided_rest<L: Lanes32>(items: &[u8], length: usize, block: usize) {
    prefetch_next_group::<L>(items, length, block, L::LANES / 2..L::LANES);
}

#[inline(always)]
fn prefetch_next_group<L: Lanes32>(items: &[u8], length: usize, block: usize, lines: Range<usize>) {
    let next_group = items.as_ptr().wrapping_add(L::LANES * (length + 64 * block));
    for line in lines {
        prefetch_line(next_group.wrapping_add(64 * line), PrefetchHint::L2);
    }
}

/// Prefetches the next group of `LANES` items of 32 bytes.
#[inline(always)]
pub fn prefetch_next_group_of_32<L: Lanes32>(items: &[u8]) {
    for pair in L::LANES / 2..L::LANES {
        prefetch_line(items.as_ptr().wrapping_add(64 * pair), PrefetchHint::L1);
    }
}

/// Prefetches the first `count` digests for writing.
#[inline(always)]
pub fn prefetch_for_write(digests: &[[u8; 32]], count: usize) {
    for pair in 0..count / 2 {
        prefetch_line(digests.as_flattened().as_ptr().wrapping_add(64 * pair), PrefetchHint::Write);
    }
}

/// The cache level, or the access, that a line is prefetched for.
#[derive(Clone, Copy)]
enum PrefetchHint {
    L1,
    L2,
    Write,
}

/// Prefetches the line at any address. A prefetch of an unmapped address is ignored, which is
/// cheaper than a bounds check.
#[inline(always)]
fn prefetch_line(address: *const u8, hint: PrefetchHint) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_ET0, _MM_HINT_T0, _MM_HINT_T1, _mm_prefetch};
        let address = address.cast();
        // SAFETY: a prefetch faults at no address. Every x86-64 processor has the first two
        // instructions, and those without the last treat it as a no-op.
        unsafe {
            match hint {
                PrefetchHint::L1 => _mm_prefetch::<_MM_HINT_T0>(address),
                PrefetchHint::L2 => _mm_prefetch::<_MM_HINT_T1>(address),
                PrefetchHint::Write => _mm_prefetch::<_MM_HINT_ET0>(address),
            }
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (address, hint);
}

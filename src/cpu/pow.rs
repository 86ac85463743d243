//! The search for the lowest nonce, a nonce in each lane.

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use super::Isa;
use super::lanes::{BLOCK_WORDS, Lanes32, MAX_LANES, Pair};
use super::sha256::{self, Expanding};
use crate::pow::{Nonce, NonceWindow, Puzzle};

/// Nonces that a thread takes at a time.
const STRIDE: u64 = 1 << 15;

/// The lowest nonce of the window that meets the target; called in the pool.
///
/// Threads take strides in ascending order, and none that lies above a nonce
/// already found: when all are done, nothing below the lowest is left untried.
pub fn search(isa: Isa, puzzle: &Puzzle, window: NonceWindow, threads: usize) -> Option<Nonce> {
    let job = Job::new(puzzle);
    let end = u64::from(*window.end());
    let next = AtomicU64::new(u64::from(*window.start()));
    let found = AtomicU64::new(u64::MAX);
    (0..threads).into_par_iter().for_each(|_| {
        loop {
            let start = next.fetch_add(STRIDE, Ordering::Relaxed);
            if start > end || start > found.load(Ordering::Relaxed) {
                return;
            }
            let last = end.min(start + STRIDE - 1);
            if let Some(nonce) = search_stride(isa, puzzle, &job, start as u32, last as u32) {
                found.fetch_min(u64::from(nonce), Ordering::Relaxed);
            }
        }
    });
    let nonce = u32::try_from(found.into_inner()).ok()?;
    puzzle.check(nonce)
}

/// What is the same for all nonces.
struct Job {
    /// The state before the last block.
    midstate: [u32; 8],
    /// The last block, padded, with a nonce of 0.
    block: [u32; BLOCK_WORDS],
    /// Where the nonce lies in it.
    word: usize,
    /// The most significant word of the target.
    bound: u32,
}

impl Job {
    fn new(puzzle: &Puzzle) -> Self {
        let header = puzzle.header_with(0);
        let (whole, rest) = header.as_chunks::<64>();
        let mut midstate = sha256::INITIAL;
        for block in whole {
            midstate = sha256::compress_one(midstate, block);
        }
        let mut last = [0; 64];
        last[..rest.len()].copy_from_slice(rest);
        last[rest.len()] = 0x80;
        last[56..].copy_from_slice(&(8 * header.len() as u64).to_be_bytes());
        let [a, b, c, d, ..] = puzzle.target().to_be_bytes();
        Job {
            midstate,
            block: sha256::words_of(&last),
            word: puzzle.nonce_offset() % 64 / 4,
            bound: u32::from_be_bytes([a, b, c, d]),
        }
    }
}

dispatch! {
    /// The lowest nonce from `first` to `last` that meets the target.
    fn search_stride(puzzle: &Puzzle, job: &Job, first: u32, last: u32) -> Option<u32> = search_lanes::<U32s>
}

#[inline(always)]
fn search_lanes<L: Lanes32>(puzzle: &Puzzle, job: &Job, first: u32, last: u32) -> Option<u32> {
    let mut offsets = [0; MAX_LANES];
    for (lane, offset) in offsets.iter_mut().enumerate() {
        *offset = lane as u32;
    }
    let offsets = Pair::<L>::load(&offsets);
    let mut start = first;
    loop {
        let nonces = Pair::<L>::splat(start) + offsets;
        let high = last_word(job, nonces);
        if high.any_at_most(Pair::<L>::splat(job.bound)) {
            let lanes = (Pair::<L>::LANES as u32 - 1).min(last - start);
            let hit = (start..=start + lanes).find(|&nonce| puzzle.check(nonce).is_some());
            if hit.is_some() {
                return hit;
            }
        }
        start = start.checked_add(Pair::<L>::LANES as u32).filter(|&start| start <= last)?;
    }
}

/// The most significant word of each digest, as the target is compared.
#[inline(always)]
fn last_word<L: Lanes32>(job: &Job, nonces: L) -> L {
    let mut block = sha256::splat(&job.block);
    block[job.word] = nonces.swap_bytes();
    let state = sha256::compress(sha256::splat(&job.midstate), Expanding(&mut block));
    sha256::of_digest(state)[7].swap_bytes()
}

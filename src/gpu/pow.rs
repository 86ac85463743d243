//! Nonce search: the host does once what all nonces share.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytemuck::{Pod, Zeroable};

use super::buffers::Buffer;
use super::command_list::{Batch, Pending};
use super::device::Device;
use super::shader::{Kernel, lib};
use crate::Fault;
use crate::hash::sha256::{INITIAL, K};
use crate::pow::{Nonce, NonceWindow, Puzzle};

pub(super) static POW: Kernel = Kernel {
    name: "pow",
    sources: &[lib::GRID, lib::DIGEST, lib::SHA256, include_str!("../../shaders/pow.wgsl")],
};

/// Lanes of a workgroup, and nonces that a lane tries at most.
const WORKGROUP: u32 = 128;
const NONCES: u32 = 32;

/// Nonces of the first dispatch, and of any.
const FEWEST: u32 = 1 << 18;
const MOST: u32 = 1 << 28;

/// How long a dispatch should take: long enough for its overhead not to count,
/// short enough for a hit to be told of soon.
const SHORT: Duration = Duration::from_millis(8);
const LONG: Duration = Duration::from_millis(50);

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Params {
    first: u32,
    count: u32,
    stride: u32,
}

/// What the kernel reads of a puzzle; see `shaders/pow.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Prepared {
    chain: [u32; 8],
    start: [u32; 8],
    bound: [u32; 8],
    constants: [u32; 64],
    folded: [u32; 64],
}

/// The lowest nonce of `window` that meets the puzzle's target.
pub(super) fn search(device: &Device, puzzle: &Puzzle, window: NonceWindow) -> Result<Option<Nonce>, Fault> {
    let (prepared, reached) = prepare(puzzle);
    let constants = [
        ("NONCE_WORD", nonce_word(puzzle) as u32),
        ("REACHED_LOW", reached as u32),
        ("REACHED_HIGH", (reached >> 32) as u32),
    ];
    let mut batch = device.batch();
    let uploaded = batch.upload(bytemuck::bytes_of(&prepared))?;
    let mut with_upload = Some(batch);
    let search = Search { device, uploaded, constants };
    let mut flight = VecDeque::new();
    let mut next = Some(*window.start());
    let mut count = FEWEST;
    let mut last = Instant::now();
    loop {
        // One dispatch waits while another runs, so the device is never idle.
        while let (Some(first), true) = (next, flight.len() < 2) {
            let here = count.min((window.end() - first).saturating_add(1));
            let batch = with_upload.take().unwrap_or_else(|| device.batch());
            flight.push_back((first, search.submit(batch, first, here)?));
            next = first.checked_add(here).filter(|next| next <= window.end());
        }
        let Some((first, pending)) = flight.pop_front() else { return Ok(None) };
        let best: u32 = pending.wait(bytemuck::pod_read_unaligned)?;
        if best != 0 {
            return confirm(puzzle, first + !best).map(Some);
        }
        count = next_count(count, last.elapsed());
        last = Instant::now();
    }
}

fn next_count(count: u32, elapsed: Duration) -> u32 {
    if elapsed < SHORT {
        (count * 4).min(MOST)
    } else if elapsed > LONG {
        (count / 2).max(FEWEST)
    } else {
        count
    }
}

/// The device's word is not taken for it.
fn confirm(puzzle: &Puzzle, nonce: u32) -> Result<Nonce, Fault> {
    let wrong = || Fault::SelfTest(format!("the device found nonce {nonce}, which does not meet the target"));
    puzzle.check(nonce).ok_or_else(wrong)
}

struct Search<'d> {
    device: &'d Device,
    uploaded: Buffer<'d>,
    constants: [(&'static str, u32); 3],
}

impl<'d> Search<'d> {
    fn submit(&self, mut batch: Batch<'d>, first: u32, count: u32) -> Result<Pending<'d>, Fault> {
        let groups = count.div_ceil(WORKGROUP * NONCES);
        let best = self.device.storage(4)?;
        batch.clear(&best);
        let params = Params { first, count, stride: groups * WORKGROUP };
        batch.dispatch(&POW, &self.constants, &[&self.uploaded, &best], &params, groups)?;
        batch.read_back(&best);
        batch.submit()
    }
}

/// The nonce's word in the last block.
fn nonce_word(puzzle: &Puzzle) -> usize {
    puzzle.nonce_offset() % 64 / 4
}

/// What all nonces share, and which words of the schedule the nonce reaches.
fn prepare(puzzle: &Puzzle) -> (Prepared, u64) {
    let split = puzzle.nonce_offset() / 64 * 64;
    let (before, last) = puzzle.header().split_at(split);
    let (before, _) = before.as_chunks::<64>();
    let mut chain = INITIAL;
    sha2::block_api::compress256(&mut chain, before);
    let mut block = [0; 64];
    block[..last.len()].copy_from_slice(last);
    block[last.len()] = 0x80;
    block[56..].copy_from_slice(&(8 * puzzle.header().len() as u64).to_be_bytes());
    let word = nonce_word(puzzle);
    block[4 * word..][..4].fill(0);
    let (constants, reached) = schedule(&block, word);
    let folded: [u32; 64] = std::array::from_fn(|t| constants[t].wrapping_add(K[t]));
    let start = (0..=word).fold(chain, |state, t| round(state, folded[t]));
    let target = puzzle.target().to_be_bytes();
    let bound = std::array::from_fn(|i| u32::from_be_bytes(std::array::from_fn(|j| target[28 - 4 * i + j])));
    (Prepared { chain, start, bound, constants, folded }, reached)
}

/// The constant part of each word of the schedule, whose word `nonce` varies, and
/// the words that vary with it, as bits.
fn schedule(block: &[u8; 64], nonce: usize) -> ([u32; 64], u64) {
    let mut constants = [0; 64];
    let mut reached = 1u64 << nonce;
    for t in 0..16 {
        constants[t] = u32::from_be_bytes(std::array::from_fn(|j| block[4 * t + j]));
    }
    for t in 16..64 {
        let constant = |t: usize| if reached >> t & 1 == 0 { constants[t] } else { 0 };
        constants[t] = small1(constant(t - 2))
            .wrapping_add(constant(t - 7))
            .wrapping_add(small0(constant(t - 15)))
            .wrapping_add(constant(t - 16));
        if [2, 7, 15, 16].iter().any(|back| reached >> (t - back) & 1 == 1) {
            reached |= 1 << t;
        }
    }
    (constants, reached)
}

fn small0(x: u32) -> u32 {
    x.rotate_right(7) ^ x.rotate_right(18) ^ x >> 3
}

fn small1(x: u32) -> u32 {
    x.rotate_right(17) ^ x.rotate_right(19) ^ x >> 10
}

/// One round of SHA-256; `kw` is the constant plus the schedule's word.
fn round([a, b, c, d, e, f, g, h]: [u32; 8], kw: u32) -> [u32; 8] {
    let sum1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
    let t1 = h.wrapping_add(sum1).wrapping_add((e & f) ^ (!e & g)).wrapping_add(kw);
    let sum0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
    let t2 = sum0.wrapping_add((a & b) ^ (a & c) ^ (b & c));
    [t1.wrapping_add(t2), a, b, c, d.wrapping_add(t1), e, f, g]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nonce_reaches_every_word_from_48_on() {
        for nonce in 0..=13 {
            let (constants, reached) = schedule(&[0xa5; 64], nonce);
            assert_eq!(reached >> 32, u64::from(u32::MAX), "{nonce}");
            assert_eq!(constants[48..], [0; 16], "{nonce}");
        }
    }

    #[test]
    fn dispatches_grow_and_shrink() {
        assert_eq!(next_count(FEWEST, Duration::from_millis(1)), FEWEST * 4);
        assert_eq!(next_count(MOST, Duration::from_millis(1)), MOST);
        assert_eq!(next_count(MOST, Duration::from_millis(100)), MOST / 2);
        assert_eq!(next_count(FEWEST, Duration::from_secs(1)), FEWEST);
        assert_eq!(next_count(MOST, Duration::from_millis(20)), MOST);
    }
}

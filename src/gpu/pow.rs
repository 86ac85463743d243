//! Nonce search. The host computes once what does not depend on the nonce: the midstate,
//! the rounds up to the nonce's word, and part of the last block's schedule. A queue of
//! dispatches searches the window in ascending order; the first hit is the lowest.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytemuck::{Pod, Zeroable};

use super::buffers::Buffer;
use super::command_list::{CommandList, Pending};
use super::device::Device;
use super::shader::{Kernel, lib};
use crate::Fault;
use crate::hash::sha256::{INITIAL, K};
use crate::pow::{Nonce, NonceWindow, Puzzle};

pub(super) static POW: Kernel = Kernel {
    name: "pow",
    sources: &[lib::GRID, lib::DIGEST, lib::SHA256, include_str!("../../shaders/pow.wgsl")],
};

/// Invocations of a workgroup, and the most nonces that one invocation tries.
const WORKGROUP_SIZE: u32 = 128;
const NONCES_PER_INVOCATION: u32 = 32;

/// The fewest and the most nonces of a dispatch. The first has the fewest.
const MIN_NONCES: u32 = 1 << 18;
const MAX_NONCES: u32 = 1 << 28;

/// The shortest and the longest time that a dispatch should take: long enough to make its
/// overhead negligible, short enough to report a hit soon.
const MIN_TIME: Duration = Duration::from_millis(8);
const MAX_TIME: Duration = Duration::from_millis(50);

/// The parameters of `shaders/pow.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Params {
    first: u32,
    count: u32,
    stride: u32,
}

/// `Puzzle` of `shaders/pow.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Precomputed {
    midstate: [u32; 8],
    state_after_nonce: [u32; 8],
    target_words: [u32; 8],
    schedule_constants: [u32; 64],
    schedule_plus_k: [u32; 64],
}

/// The lowest nonce of `window` that meets the puzzle's target.
pub(super) fn search(device: &Device, puzzle: &Puzzle, window: NonceWindow) -> Result<Option<Nonce>, Fault> {
    let (precomputed, dependent) = precompute(puzzle);
    let constants = [
        ("NONCE_WORD", nonce_word(puzzle) as u32),
        ("NONCE_DEPENDENT_LOW", dependent as u32),
        ("NONCE_DEPENDENT_HIGH", (dependent >> 32) as u32),
    ];
    let mut commands = device.commands();
    let precomputed = commands.upload(bytemuck::bytes_of(&precomputed))?;
    let mut first_commands = Some(commands);
    let search = Search { device, precomputed, constants };
    let mut in_flight = VecDeque::new();
    let mut next = Some(*window.start());
    let mut count = MIN_NONCES;
    let mut last_completion = Instant::now();
    loop {
        // A second dispatch is queued while one runs, so that the device is never idle.
        while let (Some(first), true) = (next, in_flight.len() < 2) {
            let dispatched = count.min((window.end() - first).saturating_add(1));
            let commands = first_commands.take().unwrap_or_else(|| device.commands());
            in_flight.push_back((first, search.submit(commands, first, dispatched)?));
            next = first.checked_add(dispatched).filter(|next| next <= window.end());
        }
        let Some((first, pending)) = in_flight.pop_front() else { return Ok(None) };
        let best: u32 = pending.wait(bytemuck::pod_read_unaligned)?;
        if best != 0 {
            return confirm(puzzle, first + !best).map(Some);
        }
        count = next_count(count, last_completion.elapsed());
        last_completion = Instant::now();
    }
}

/// The nonces of the next dispatch, from the time between the last two completions.
fn next_count(count: u32, elapsed: Duration) -> u32 {
    if elapsed < MIN_TIME {
        (count * 4).min(MAX_NONCES)
    } else if elapsed > MAX_TIME {
        (count / 2).max(MIN_NONCES)
    } else {
        count
    }
}

/// Checks the device's hit on the host.
fn confirm(puzzle: &Puzzle, nonce: u32) -> Result<Nonce, Fault> {
    let wrong = || Fault::SelfTest(format!("the device found nonce {nonce}, which does not meet the target"));
    puzzle.check(nonce).ok_or_else(wrong)
}

/// The dispatches of one search.
struct Search<'d> {
    device: &'d Device,
    precomputed: Buffer<'d>,
    constants: [(&'static str, u32); 3],
}

impl<'d> Search<'d> {
    /// Searches `count` nonces from `first` on.
    fn submit(&self, mut commands: CommandList<'d>, first: u32, count: u32) -> Result<Pending<'d>, Fault> {
        let workgroups = count.div_ceil(WORKGROUP_SIZE * NONCES_PER_INVOCATION);
        let best = self.device.storage(4)?;
        commands.clear(&best);
        let params = Params { first, count, stride: workgroups * WORKGROUP_SIZE };
        commands.dispatch(&POW, &self.constants, &[&self.precomputed, &best], &params, workgroups)?;
        commands.read_back(&best);
        commands.submit()
    }
}

/// The index of the nonce's word in the last block.
fn nonce_word(puzzle: &Puzzle) -> usize {
    puzzle.nonce_offset() % 64 / 4
}

/// What does not depend on the nonce, and the bits of the schedule words that do.
fn precompute(puzzle: &Puzzle) -> (Precomputed, u64) {
    let split = puzzle.nonce_offset() / 64 * 64;
    let (before, last) = puzzle.header().split_at(split);
    let (before, _) = before.as_chunks::<64>();
    let mut midstate = INITIAL;
    sha2::block_api::compress256(&mut midstate, before);
    let mut block = [0; 64];
    block[..last.len()].copy_from_slice(last);
    block[last.len()] = 0x80;
    block[56..].copy_from_slice(&(8 * puzzle.header().len() as u64).to_be_bytes());
    let word = nonce_word(puzzle);
    block[4 * word..][..4].fill(0);
    let (schedule_constants, dependent) = schedule(&block, word);
    let schedule_plus_k: [u32; 64] = std::array::from_fn(|t| schedule_constants[t].wrapping_add(K[t]));
    let state_after_nonce = (0..=word).fold(midstate, |state, t| round(state, schedule_plus_k[t]));
    let target = puzzle.target().to_be_bytes();
    let target_words =
        std::array::from_fn(|i| u32::from_be_bytes(std::array::from_fn(|j| target[28 - 4 * i + j])));
    let precomputed =
        Precomputed { midstate, state_after_nonce, target_words, schedule_constants, schedule_plus_k };
    (precomputed, dependent)
}

/// The part of each schedule word that does not depend on the nonce, which is word
/// `nonce_word` of `block`, and a bit for each schedule word that does.
fn schedule(block: &[u8; 64], nonce_word: usize) -> ([u32; 64], u64) {
    let mut constants = [0; 64];
    let mut dependent = 1u64 << nonce_word;
    for t in 0..16 {
        constants[t] = u32::from_be_bytes(std::array::from_fn(|j| block[4 * t + j]));
    }
    for t in 16..64 {
        let constant = |t: usize| if dependent >> t & 1 == 0 { constants[t] } else { 0 };
        constants[t] = sigma1(constant(t - 2))
            .wrapping_add(constant(t - 7))
            .wrapping_add(sigma0(constant(t - 15)))
            .wrapping_add(constant(t - 16));
        if [2, 7, 15, 16].iter().any(|back| dependent >> (t - back) & 1 == 1) {
            dependent |= 1 << t;
        }
    }
    (constants, dependent)
}

/// σ0 (FIPS 180-4, section 4.1.2).
fn sigma0(x: u32) -> u32 {
    x.rotate_right(7) ^ x.rotate_right(18) ^ x >> 3
}

/// σ1 (FIPS 180-4, section 4.1.2).
fn sigma1(x: u32) -> u32 {
    x.rotate_right(17) ^ x.rotate_right(19) ^ x >> 10
}

/// One round of SHA-256 (FIPS 180-4, section 6.2.2); `kw` is K_t + W_t.
fn round([a, b, c, d, e, f, g, h]: [u32; 8], kw: u32) -> [u32; 8] {
    let big_sigma1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
    let t1 = h.wrapping_add(big_sigma1).wrapping_add((e & f) ^ (!e & g)).wrapping_add(kw);
    let big_sigma0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
    let t2 = big_sigma0.wrapping_add((a & b) ^ (a & c) ^ (b & c));
    [t1.wrapping_add(t2), a, b, c, d.wrapping_add(t1), e, f, g]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schedule_word_from_48_on_depends_on_the_nonce() {
        for nonce_word in 0..=13 {
            let (constants, dependent) = schedule(&[0xa5; 64], nonce_word);
            assert_eq!(dependent >> 32, u64::from(u32::MAX), "{nonce_word}");
            assert_eq!(constants[48..], [0; 16], "{nonce_word}");
        }
    }

    #[test]
    fn dispatches_grow_and_shrink() {
        assert_eq!(next_count(MIN_NONCES, Duration::from_millis(1)), MIN_NONCES * 4);
        assert_eq!(next_count(MAX_NONCES, Duration::from_millis(1)), MAX_NONCES);
        assert_eq!(next_count(MAX_NONCES, Duration::from_millis(100)), MAX_NONCES / 2);
        assert_eq!(next_count(MIN_NONCES, Duration::from_secs(1)), MIN_NONCES);
        assert_eq!(next_count(MAX_NONCES, Duration::from_millis(20)), MAX_NONCES);
    }
}

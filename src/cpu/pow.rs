//! The search for the lowest nonce, a nonce in each lane.

use super::Isa;
use super::lanes::scalar::U32s;
use super::lanes::{BLOCK_WORDS, Lanes32, MAX_LANES, Pair, Work};
use super::sha256::{self, Schedule, State, Words};
use crate::pow::{Nonce, NonceWindow, Puzzle, strides};
use crate::threads::Threads;

/// Nonces that a thread takes at a time.
const STRIDE: u64 = 1 << 15;

/// The lowest nonce of the window that meets the target.
pub fn search(isa: Isa, puzzle: &Puzzle, window: &NonceWindow, threads: &Threads) -> Option<Nonce> {
    let job = Job::new(puzzle);
    let tries = |nonces: NonceWindow| search_stride(isa, puzzle, &job, *nonces.start(), *nonces.end());
    puzzle.check(threads.first(strides(window, STRIDE), tries)?)
}

/// What is the same for all nonces.
struct Job {
    /// The state before the last block.
    midstate: [u32; 8],
    /// The last block, padded, with a nonce of 0.
    block: [u32; BLOCK_WORDS],
    /// Where the nonce lies in it.
    word: usize,
    /// What a Bitcoin header has in common beyond that.
    bitcoin: Bitcoin,
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
        let block = sha256::words_of(&last);
        Job {
            midstate,
            block,
            word: puzzle.nonce_offset() % 64 / 4,
            bitcoin: Bitcoin::new(midstate, block),
            bound: u32::from_be_bytes([a, b, c, d]),
        }
    }
}

/// The word of the last block in which a Bitcoin header has its nonce.
const BITCOIN_WORD: usize = 3;

/// The first word after the block that the nonce reaches: words 16 and 17 come
/// from words 0 to 2, 9, 10 and 14 and 15 alone.
const FIRST_REACHED: usize = 18;

/// What hashes of one header have in common when the nonce is in word 3.
struct Bitcoin {
    /// The state after the rounds before the nonce.
    state: [u32; 8],
    /// The other words of the block plus the rounds' constants.
    words: [u32; BLOCK_WORDS],
    /// The share of each of the next sixteen words that the nonce does not reach.
    shares: [u32; BLOCK_WORDS],
}

impl Bitcoin {
    fn new(midstate: [u32; 8], block: [u32; BLOCK_WORDS]) -> Self {
        let known = |i: usize| i != BITCOIN_WORD && i < FIRST_REACHED;
        let mut words = [0u32; 2 * BLOCK_WORDS];
        words[..BLOCK_WORDS].copy_from_slice(&block);
        for t in BLOCK_WORDS..2 * BLOCK_WORDS {
            let word = |i: usize| if known(i) { words[i] } else { 0 };
            let (near, far) = (word(t - 2), word(t - 15));
            let sigma_0 = far.rotate_right(7) ^ far.rotate_right(18) ^ (far >> 3);
            let sigma_1 = near.rotate_right(17) ^ near.rotate_right(19) ^ (near >> 10);
            words[t] = [word(t - 7), sigma_0, sigma_1].into_iter().fold(word(t - 16), u32::wrapping_add);
        }
        let (block, shares) = words.as_chunks::<BLOCK_WORDS>().0.split_at(1);
        let mut words = block[0];
        for (word, k) in words.iter_mut().zip(sha256::K) {
            *word = word.wrapping_add(k);
        }
        let mut state = sha256::splat::<U32s, 8>(&midstate);
        for &word in &words[..BITCOIN_WORD] {
            state = sha256::round(state, U32s::splat(word));
        }
        Bitcoin { state: state.map(U32s::get), words, shares: shares[0] }
    }
}

/// The first hash of a Bitcoin header with each of the nonces.
struct FirstHash<'a, L> {
    job: &'a Job,
    nonces: L,
    schedule: &'a mut Schedule<L>,
}

impl<L: Lanes32> Work for FirstHash<'_, L> {
    type Output = State<L>;

    #[inline(always)]
    fn run(self) -> State<L> {
        let FirstHash { job, nonces, schedule } = self;
        let mut words = FromNonce { bitcoin: &job.bitcoin, nonces, later: schedule.later() };
        let mut state = sha256::splat(&job.bitcoin.state);
        sha256::eight_rounds(&mut state, &mut words, 3);
        state = sha256::round(state, words.word(11));
        state = sha256::round(state, words.word(12));
        state = sha256::round(state, words.word(13));
        state = sha256::round(state, words.word(14));
        state = sha256::round(state, words.word(15));
        sha256::sixteen_rounds(&mut state, &mut words, 16);
        schedule.rounds(&mut state, 32, 64);
        sha256::add(&mut state, sha256::splat(&job.midstate));
        state
    }
}

/// The first 32 words of a schedule that lanes share but for the nonce.
struct FromNonce<'a, L> {
    bitcoin: &'a Bitcoin,
    nonces: L,
    /// W_16 to W_31.
    later: &'a mut [L; BLOCK_WORDS],
}

impl<L: Lanes32> Words<L> for FromNonce<'_, L> {
    #[inline(always)]
    fn word(&mut self, t: usize) -> L {
        let FromNonce { bitcoin, nonces, later } = self;
        if t < BLOCK_WORDS {
            let known = L::splat(bitcoin.words[t]);
            return if t == BITCOIN_WORD { *nonces + L::splat(sha256::K[t]) } else { known };
        }
        let mut word = L::splat(bitcoin.shares[t - 16]);
        if t - 15 == BITCOIN_WORD {
            word = word + sha256::sigma_0(*nonces);
        }
        if t - 16 == BITCOIN_WORD {
            word = word + *nonces;
        }
        if t - 7 >= FIRST_REACHED {
            word = word + later[t - 7 - 16];
        }
        if t - 2 >= FIRST_REACHED {
            word = word + sha256::sigma_1(later[t - 2 - 16]);
        }
        later[t - 16] = word;
        word + L::splat(sha256::K[t])
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
    let (mut start, mut schedule) = (first, Schedule::new());
    loop {
        let nonces = Pair::<L>::splat(start) + offsets;
        let high = last_word(job, nonces, &mut schedule);
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
fn last_word<L: Lanes32>(job: &Job, nonces: L, schedule: &mut Schedule<L>) -> L {
    let nonces = nonces.swap_bytes();
    let state = if job.word == BITCOIN_WORD {
        L::outlined(FirstHash { job, nonces, schedule })
    } else {
        let block = schedule.block();
        *block = sha256::splat(&job.block);
        block[job.word] = nonces;
        let mut state = sha256::splat(&job.midstate);
        sha256::compress(&mut state, schedule);
        state
    };
    sha256::last_of_digest(&state, schedule).swap_bytes()
}

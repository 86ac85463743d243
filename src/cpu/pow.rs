//! Proof-of-work search for the lowest nonce, with one nonce in each lane.
//!
//! The state before the last block, and for Bitcoin headers all of the first hash that does not
//! depend on the nonce, is computed once for each puzzle. Of the second hash only the word that
//! is compared with the target is computed.

use super::Level;
use super::lanes::scalar::U32s;
use super::lanes::{BLOCK_WORDS, LaneFn, Lanes32, MAX_LANES32, Pair};
use super::sha256::{self, RoundWords, Schedule, State};
use crate::pow::{Nonce, NonceWindow, Puzzle, strides};
use crate::threads::Threads;

/// Nonces in a thread's stride.
const STRIDE: u64 = 1 << 15;

/// The lowest nonce in `window` that meets the target.
pub fn search(level: Level, puzzle: &Puzzle, window: &NonceWindow, threads: &Threads) -> Option<Nonce> {
    let job = Job::new(puzzle);
    let search_window =
        |nonces: NonceWindow| search_stride(level, puzzle, &job, *nonces.start(), *nonces.end());
    puzzle.check(threads.find_map_first(strides(window, STRIDE), search_window)?)
}

/// What the hashes with all nonces share.
struct Job {
    /// The state before the last block.
    midstate: [u32; 8],
    /// The last block, padded, with nonce 0.
    block: [u32; BLOCK_WORDS],
    /// The index of the nonce's word in the last block.
    nonce_word: usize,
    /// What else they share if that index is [`BITCOIN_NONCE_WORD`].
    bitcoin: BitcoinPrecomputed,
    /// The most significant word of the target.
    target_high: u32,
}

impl Job {
    fn new(puzzle: &Puzzle) -> Self {
        let header = puzzle.header_with(0);
        let (whole, rest) = header.as_chunks::<64>();
        let mut midstate = sha256::INITIAL;
        for block in whole {
            midstate = sha256::compress_scalar(midstate, block);
        }
        let mut last = [0; 64];
        last[..rest.len()].copy_from_slice(rest);
        last[rest.len()] = 0x80;
        last[56..].copy_from_slice(&(8 * header.len() as u64).to_be_bytes());
        let [a, b, c, d, ..] = puzzle.target().to_be_bytes();
        let block = sha256::be_words(&last);
        Job {
            midstate,
            block,
            nonce_word: puzzle.nonce_offset() % 64 / 4,
            bitcoin: BitcoinPrecomputed::new(midstate, block),
            target_high: u32::from_be_bytes([a, b, c, d]),
        }
    }
}

/// The index of the nonce's word in the last block of a Bitcoin header.
const BITCOIN_NONCE_WORD: usize = 3;

/// The first schedule word after the block that depends on the nonce: W_16 and W_17 depend on
/// W_0 to W_2, W_9, W_10, W_14 and W_15 only.
const FIRST_NONCE_DEPENDENT: usize = 18;

/// What the first hashes with all nonces share if the nonce is W_3.
struct BitcoinPrecomputed {
    /// The working variables before round 3.
    state: [u32; 8],
    /// W_t + K_t for t < 16, without the nonce.
    words: [u32; BLOCK_WORDS],
    /// For W_16 to W_31, the sum of the terms that do not depend on the nonce.
    partial_words: [u32; BLOCK_WORDS],
}

impl BitcoinPrecomputed {
    fn new(midstate: [u32; 8], block: [u32; BLOCK_WORDS]) -> Self {
        let is_known = |i: usize| i != BITCOIN_NONCE_WORD && i < FIRST_NONCE_DEPENDENT;
        let mut words = [0u32; 2 * BLOCK_WORDS];
        words[..BLOCK_WORDS].copy_from_slice(&block);
        for t in BLOCK_WORDS..2 * BLOCK_WORDS {
            let word = |i: usize| if is_known(i) { words[i] } else { 0 };
            let (near, far) = (word(t - 2), word(t - 15));
            let sigma_0 = far.rotate_right(7) ^ far.rotate_right(18) ^ (far >> 3);
            let sigma_1 = near.rotate_right(17) ^ near.rotate_right(19) ^ (near >> 10);
            words[t] = [word(t - 7), sigma_0, sigma_1].into_iter().fold(word(t - 16), u32::wrapping_add);
        }
        let (block, partial_words) = words.as_chunks::<BLOCK_WORDS>().0.split_at(1);
        let mut words = block[0];
        for (word, k) in words.iter_mut().zip(sha256::K) {
            *word = word.wrapping_add(k);
        }
        let mut state = sha256::splat_words::<U32s, 8>(&midstate);
        for &word in &words[..BITCOIN_NONCE_WORD] {
            state = sha256::round(state, U32s::splat(word));
        }
        BitcoinPrecomputed { state: state.map(U32s::get), words, partial_words: partial_words[0] }
    }
}

/// The first hash of a Bitcoin header with each of `nonces`.
struct FirstHash<'a, L> {
    job: &'a Job,
    nonces: L,
    schedule: &'a mut Schedule<L>,
}

impl<L: Lanes32> LaneFn for FirstHash<'_, L> {
    type Output = State<L>;

    #[inline(always)]
    fn call(self) -> State<L> {
        let FirstHash { job, nonces, schedule } = self;
        let mut words = NonceWords { bitcoin: &job.bitcoin, nonces, w16_31: schedule.w16_31() };
        let mut state = sha256::splat_words(&job.bitcoin.state);
        sha256::eight_rounds(&mut state, &mut words, 3);
        state = sha256::round(state, words.word(11));
        state = sha256::round(state, words.word(12));
        state = sha256::round(state, words.word(13));
        state = sha256::round(state, words.word(14));
        state = sha256::round(state, words.word(15));
        sha256::sixteen_rounds(&mut state, &mut words, 16);
        schedule.rounds(&mut state, 32, 64);
        sha256::feed_forward(&mut state, sha256::splat_words(&job.midstate));
        state
    }
}

/// W_0 to W_31 of the last block of a Bitcoin header, with a nonce in each lane.
struct NonceWords<'a, L> {
    bitcoin: &'a BitcoinPrecomputed,
    nonces: L,
    /// W_16 to W_31.
    w16_31: &'a mut [L; BLOCK_WORDS],
}

impl<L: Lanes32> RoundWords<L> for NonceWords<'_, L> {
    #[inline(always)]
    fn word(&mut self, t: usize) -> L {
        let NonceWords { bitcoin, nonces, w16_31 } = self;
        if t < BLOCK_WORDS {
            let known = L::splat(bitcoin.words[t]);
            return if t == BITCOIN_NONCE_WORD { *nonces + L::splat(sha256::K[t]) } else { known };
        }
        let mut word = L::splat(bitcoin.partial_words[t - 16]);
        if t - 15 == BITCOIN_NONCE_WORD {
            word = word + sha256::sigma_0(*nonces);
        }
        if t - 16 == BITCOIN_NONCE_WORD {
            word = word + *nonces;
        }
        if t - 7 >= FIRST_NONCE_DEPENDENT {
            word = word + w16_31[t - 7 - 16];
        }
        if t - 2 >= FIRST_NONCE_DEPENDENT {
            word = word + sha256::sigma_1(w16_31[t - 2 - 16]);
        }
        w16_31[t - 16] = word;
        word + L::splat(sha256::K[t])
    }
}

dispatch! {
    /// The lowest nonce from `first` to `last`, inclusive, that meets the target.
    fn search_stride(puzzle: &Puzzle, job: &Job, first: u32, last: u32) -> Option<u32> = search_lanes::<U32s>
}

#[inline(always)]
fn search_lanes<L: Lanes32>(puzzle: &Puzzle, job: &Job, first: u32, last: u32) -> Option<u32> {
    let mut offsets = [0; MAX_LANES32];
    for (lane, offset) in offsets.iter_mut().enumerate() {
        *offset = lane as u32;
    }
    let offsets = Pair::<L>::load(&offsets);
    let (mut start, mut schedule) = (first, Schedule::new());
    loop {
        let nonces = Pair::<L>::splat(start) + offsets;
        let high = digest_high_word(job, nonces, &mut schedule);
        if high.any_le(Pair::<L>::splat(job.target_high)) {
            let lanes = (Pair::<L>::LANES as u32 - 1).min(last - start);
            let hit = (start..=start + lanes).find(|&nonce| puzzle.check(nonce).is_some());
            if hit.is_some() {
                return hit;
            }
        }
        start = start.checked_add(Pair::<L>::LANES as u32).filter(|&start| start <= last)?;
    }
}

/// The most significant word of each lane's digest, in the target's byte order.
#[inline(always)]
fn digest_high_word<L: Lanes32>(job: &Job, nonces: L, schedule: &mut Schedule<L>) -> L {
    let nonces = nonces.swap_bytes();
    let state = if job.nonce_word == BITCOIN_NONCE_WORD {
        L::call_noinline(FirstHash { job, nonces, schedule })
    } else {
        let block = schedule.block();
        *block = sha256::splat_words(&job.block);
        block[job.nonce_word] = nonces;
        let mut state = sha256::splat_words(&job.midstate);
        sha256::compress(&mut state, schedule);
        state
    };
    sha256::hash_digest_last_word(&state, schedule).swap_bytes()
}

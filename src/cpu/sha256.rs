//! SHA-256 (FIPS 180-4) with one message in each lane.

use super::lanes::scalar::U32s;
use super::lanes::{BLOCK_WORDS, Lanes32, MAX_LANES, Work};

/// The initial hash value: FIPS 180-4, section 5.3.3.
pub const INITIAL: [u32; 8] =
    [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

/// The constants of the rounds: FIPS 180-4, section 4.2.2.
#[rustfmt::skip]
pub const K: [u32; 64] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];

/// The chaining value of each lane.
pub type State<L> = [L; 8];

/// The bit that ends a message, in the first byte of a word.
const END: u32 = 0x8000_0000;

/// The words of one block, as the rounds take them.
pub trait Schedule<L> {
    /// Word `t` plus the round's constant; asked for in order.
    fn word(&mut self, t: usize) -> L;
}

/// A block's sixteen words, expanded as the rounds go.
pub struct Expanding<'a, L>(pub &'a mut [L; BLOCK_WORDS]);

impl<L: Lanes32> Schedule<L> for Expanding<'_, L> {
    #[inline(always)]
    fn word(&mut self, t: usize) -> L {
        let words = &mut *self.0;
        if t >= 16 {
            let sum = words[t % 16] + words[(t + 9) % 16];
            words[t % 16] = sum + sigma_0(words[(t + 1) % 16]) + sigma_1(words[(t + 14) % 16]);
        }
        words[t % 16] + L::splat(K[t])
    }
}

/// A block that is the same in each lane, expanded beforehand.
pub struct Constant<'a>(pub &'a [u32; 64]);

impl<L: Lanes32> Schedule<L> for Constant<'_> {
    #[inline(always)]
    fn word(&mut self, t: usize) -> L {
        L::splat(self.0[t])
    }
}

/// The schedule of one block, with the constants of the rounds added.
pub const fn expand(block: [u32; BLOCK_WORDS]) -> [u32; 64] {
    let mut words = [0u32; 64];
    let mut t = 0;
    while t < 64 {
        words[t] = if t < 16 {
            block[t]
        } else {
            let (near, far) = (words[t - 2], words[t - 15]);
            let s0 = far.rotate_right(7) ^ far.rotate_right(18) ^ (far >> 3);
            let s1 = near.rotate_right(17) ^ near.rotate_right(19) ^ (near >> 10);
            words[t - 16].wrapping_add(s0).wrapping_add(words[t - 7]).wrapping_add(s1)
        };
        t += 1;
    }
    t = 0;
    while t < 64 {
        words[t] = words[t].wrapping_add(K[t]);
        t += 1;
    }
    words
}

/// The block after a message of whole blocks, `length` bytes in all.
pub const fn padding(length: u64) -> [u32; BLOCK_WORDS] {
    let mut block = [0; BLOCK_WORDS];
    block[0] = END;
    block[14] = (length >> 29) as u32;
    block[15] = (length << 3) as u32;
    block
}

/// The schedule of the block that pads a message of 64 bytes.
pub const PADDING_OF_64: [u32; 64] = expand(padding(64));

#[inline(always)]
pub fn sigma_0<L: Lanes32>(x: L) -> L {
    x.rotr::<7>().xor3(x.rotr::<18>(), x.shr::<3>())
}

#[inline(always)]
pub fn sigma_1<L: Lanes32>(x: L) -> L {
    x.rotr::<17>().xor3(x.rotr::<19>(), x.shr::<10>())
}

/// One round on variables a to h, which only trade names: the new `e` is left in
/// `d` and the new `a` in `h`.
#[inline(always)]
#[allow(clippy::many_single_char_names, clippy::too_many_arguments)]
fn round<L: Lanes32>(a: L, b: L, c: L, d: &mut L, e: L, f: L, g: L, h: &mut L, word: L) {
    let sum_1 = e.rotr::<6>().xor3(e.rotr::<11>(), e.rotr::<25>());
    let t1 = (*h + word) + e.choose(f, g) + sum_1;
    let sum_0 = a.rotr::<2>().xor3(a.rotr::<13>(), a.rotr::<22>());
    *d = *d + t1;
    *h = t1 + a.majority(b, c) + sum_0;
}

#[inline(always)]
fn eight_rounds<L: Lanes32>(state: &mut State<L>, schedule: &mut impl Schedule<L>, t: usize) {
    let [a, b, c, d, e, f, g, h] = state;
    round(*a, *b, *c, d, *e, *f, *g, h, schedule.word(t));
    round(*h, *a, *b, c, *d, *e, *f, g, schedule.word(t + 1));
    round(*g, *h, *a, b, *c, *d, *e, f, schedule.word(t + 2));
    round(*f, *g, *h, a, *b, *c, *d, e, schedule.word(t + 3));
    round(*e, *f, *g, h, *a, *b, *c, d, schedule.word(t + 4));
    round(*d, *e, *f, g, *h, *a, *b, c, schedule.word(t + 5));
    round(*c, *d, *e, f, *g, *h, *a, b, schedule.word(t + 6));
    round(*b, *c, *d, e, *f, *g, *h, a, schedule.word(t + 7));
}

/// The compression function: FIPS 180-4, section 6.2.2.
struct Compress<'a, L, S> {
    state: &'a mut State<L>,
    schedule: S,
}

impl<L: Lanes32, S: Schedule<L>> Work for Compress<'_, L, S> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let mut rounds = *self.state;
        // Sixteen rounds a turn, so that the schedule's ring has fixed places.
        eight_rounds(&mut rounds, &mut self.schedule, 0);
        eight_rounds(&mut rounds, &mut self.schedule, 8);
        for turn in 1..4 {
            eight_rounds(&mut rounds, &mut self.schedule, 16 * turn);
            eight_rounds(&mut rounds, &mut self.schedule, 16 * turn + 8);
        }
        for (sum, round) in self.state.iter_mut().zip(rounds) {
            *sum = *sum + round;
        }
    }
}

/// The state after one more block.
#[inline(always)]
pub fn compress<L: Lanes32, S: Schedule<L>>(mut state: State<L>, schedule: S) -> State<L> {
    L::outlined(Compress { state: &mut state, schedule });
    state
}

#[inline(always)]
pub fn initial<L: Lanes32>() -> State<L> {
    splat(&INITIAL)
}

#[inline(always)]
pub fn splat<L: Lanes32, const N: usize>(words: &[u32; N]) -> [L; N] {
    let mut lanes = [L::splat(0); N];
    for (lane, &word) in lanes.iter_mut().zip(words) {
        *lane = L::splat(word);
    }
    lanes
}

#[inline(always)]
pub fn swap_bytes<L: Lanes32, const N: usize>(mut words: [L; N]) -> [L; N] {
    for word in &mut words {
        *word = word.swap_bytes();
    }
    words
}

/// The compression function on one block.
pub fn compress_one(state: [u32; 8], block: &[u8; 64]) -> [u32; 8] {
    let lanes = compress(splat::<U32s, 8>(&state), Expanding(&mut splat(&words_of(block))));
    lanes.map(U32s::get)
}

/// A block's big-endian words.
pub fn words_of(block: &[u8; 64]) -> [u32; BLOCK_WORDS] {
    let mut words = [0; BLOCK_WORDS];
    for (word, bytes) in words.iter_mut().zip(block.as_chunks().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    words
}

/// SHA-256 of a digest in words: the second half of SHA-256d.
#[inline(always)]
pub fn of_digest<L: Lanes32>(digest: State<L>) -> State<L> {
    let mut block = splat(&padding(32));
    block[8] = L::splat(END);
    block[..8].copy_from_slice(&digest);
    compress(initial(), Expanding(&mut block))
}

/// The padding of messages of whole blocks: the one made last is kept, since
/// messages of one length tend to come together.
pub struct Padding {
    length: usize,
    schedule: [u32; 64],
}

impl Default for Padding {
    fn default() -> Self {
        Padding { length: 64, schedule: PADDING_OF_64 }
    }
}

impl Padding {
    fn of(&mut self, length: usize) -> Constant<'_> {
        if self.length != length {
            *self = Padding { length, schedule: expand(padding(length as u64)) };
        }
        Constant(&self.schedule)
    }
}

/// The digest of each of `LANES` messages; with `double`, of their digests.
#[inline(always)]
pub fn digests<L: Lanes32>(messages: &[&[u8]], double: bool, pad: &mut Padding, out: &mut [[u8; 32]]) {
    let messages = &messages[..L::LANES];
    let length = messages[0].len();
    let even = messages.iter().all(|message| message.len() == length);
    let whole = if even { length / 64 } else { messages.iter().map(|m| m.len() / 64).min().unwrap_or(0) };
    let mut state = initial::<L>();
    for block in 0..whole {
        state = compress(state, Expanding(&mut load_block(messages, block)));
    }
    state = match even {
        true if length.is_multiple_of(64) => compress(state, pad.of(length)),
        true => finish_even(state, messages, whole),
        false => finish_ragged(state, messages, whole),
    };
    if double {
        state = of_digest(state);
    }
    L::store_digests(swap_bytes(state), out);
}

#[inline(always)]
fn load_block<L: Lanes32>(messages: &[&[u8]], block: usize) -> [L; BLOCK_WORDS] {
    let mut blocks = [&[0; 64]; MAX_LANES];
    for (slot, message) in blocks.iter_mut().zip(messages) {
        *slot = &message.as_chunks().0[block];
    }
    swap_bytes(L::load_blocks(&blocks[..L::LANES]))
}

#[inline(always)]
fn load_tails<L: Lanes32>(messages: &[&[u8]], block: usize) -> [L; BLOCK_WORDS] {
    let mut tails: [&[u8]; MAX_LANES] = [&[]; MAX_LANES];
    for (slot, message) in tails.iter_mut().zip(messages) {
        *slot = message.get(64 * block..).unwrap_or(&[]);
    }
    swap_bytes(L::load_tails(&tails[..L::LANES]))
}

/// The end of messages of one length, not of whole blocks.
#[inline(always)]
fn finish_even<L: Lanes32>(mut state: State<L>, messages: &[&[u8]], whole: usize) -> State<L> {
    let length = messages[0].len();
    let rest = length % 64;
    let mut words = load_tails::<L>(messages, whole);
    words[rest / 4] = words[rest / 4] | L::splat(END >> (8 * (rest % 4)));
    if rest >= 56 {
        state = compress(state, Expanding(&mut words));
        words = [L::splat(0); BLOCK_WORDS];
    }
    let padding = padding(length as u64);
    words[14] = L::splat(padding[14]);
    words[15] = L::splat(padding[15]);
    compress(state, Expanding(&mut words))
}

/// The end of messages of unlike lengths, from block `first` on: lanes stand
/// still once their message is through.
#[inline(always)]
fn finish_ragged<L: Lanes32>(mut state: State<L>, messages: &[&[u8]], first: usize) -> State<L> {
    let last = messages.iter().map(|message| last_block(message.len())).max().unwrap_or(0);
    for block in first..=last {
        let (mut words, active) = pad_ragged::<L>(messages, block);
        let next = compress(state, Expanding(&mut words));
        for (word, next) in state.iter_mut().zip(next) {
            *word = active.choose(next, *word);
        }
    }
    state
}

/// Block `block` of each padded message, and which of them have one.
#[inline(always)]
fn pad_ragged<L: Lanes32>(messages: &[&[u8]], block: usize) -> ([L; BLOCK_WORDS], L) {
    let mut places = [u32::MAX; MAX_LANES];
    let (mut ends, mut low, mut high, mut active) =
        ([0; MAX_LANES], [0; MAX_LANES], [0; MAX_LANES], [0; MAX_LANES]);
    for (lane, message) in messages.iter().enumerate() {
        let length = message.len();
        ends[lane] = END >> (8 * (length % 4));
        if length / 64 == block {
            places[lane] = (length % 64 / 4) as u32;
        }
        if block <= last_block(length) {
            active[lane] = u32::MAX;
        }
        if block == last_block(length) {
            let padding = padding(length as u64);
            (high[lane], low[lane]) = (padding[14], padding[15]);
        }
    }
    let mut words = load_tails::<L>(messages, block);
    let (places, ends) = (L::load(&places), L::load(&ends));
    for (place, word) in words.iter_mut().enumerate() {
        *word = *word | (places.equal(L::splat(place as u32)) & ends);
    }
    words[14] = words[14] | L::load(&high);
    words[15] = words[15] | L::load(&low);
    (words, L::load(&active))
}

/// The position of the last block of a padded message.
pub const fn last_block(length: usize) -> usize {
    // The padding takes at least a bit, in a byte of its own, and the length.
    (length + 8) / 64
}

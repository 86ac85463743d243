//! SHA-256 (FIPS 180-4) with one message in each lane.

use super::lanes::scalar::U32s;
use super::lanes::{
    BLOCK_WORDS, Endian, Lanes32, MAX_LANES, Work, load_block, load_blocks, prefetch, prefetch_next_32,
    prefetch_strided,
};
pub use crate::hash::sha256::{INITIAL, K};

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
            step(words, t);
        }
        words[t % 16] + L::splat(K[t])
    }
}

/// Word `t` of the schedule, from 16 on, in place of the oldest.
#[inline(always)]
pub fn step<L: Lanes32>(words: &mut [L; BLOCK_WORDS], t: usize) {
    let sum = words[t % 16] + words[(t + 9) % 16];
    words[t % 16] = sum + sigma_0(words[(t + 1) % 16]) + sigma_1(words[(t + 14) % 16]);
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

/// One round. Six of the eight variables only move on, which costs nothing once
/// rounds are unrolled.
#[inline(always)]
pub fn round<L: Lanes32>([a, b, c, d, e, f, g, h]: State<L>, word: L) -> State<L> {
    let sum_1 = e.rotr::<6>().xor3(e.rotr::<11>(), e.rotr::<25>());
    let t1 = (h + word) + e.choose(f, g) + sum_1;
    let sum_0 = a.rotr::<2>().xor3(a.rotr::<13>(), a.rotr::<22>());
    [t1 + a.majority(b, c) + sum_0, a, b, c, d + t1, e, f, g]
}

#[inline(always)]
pub fn eight_rounds<L: Lanes32>(state: &mut State<L>, schedule: &mut impl Schedule<L>, t: usize) {
    *state = round(*state, schedule.word(t));
    *state = round(*state, schedule.word(t + 1));
    *state = round(*state, schedule.word(t + 2));
    *state = round(*state, schedule.word(t + 3));
    *state = round(*state, schedule.word(t + 4));
    *state = round(*state, schedule.word(t + 5));
    *state = round(*state, schedule.word(t + 6));
    *state = round(*state, schedule.word(t + 7));
}

#[inline(always)]
pub fn sixteen_rounds<L: Lanes32>(state: &mut State<L>, schedule: &mut impl Schedule<L>, t: usize) {
    eight_rounds(state, schedule, t);
    eight_rounds(state, schedule, t + 8);
}

#[inline(always)]
pub fn add<L: Lanes32>(state: &mut State<L>, rounds: State<L>) {
    for (sum, round) in state.iter_mut().zip(rounds) {
        *sum = *sum + round;
    }
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
        sixteen_rounds(&mut rounds, &mut self.schedule, 0);
        for turn in 1..4 {
            sixteen_rounds(&mut rounds, &mut self.schedule, 16 * turn);
        }
        add(self.state, rounds);
    }
}

/// Takes one more block into the state.
#[inline(always)]
pub fn compress<L: Lanes32, S: Schedule<L>>(state: &mut State<L>, schedule: S) {
    L::outlined(Compress { state, schedule });
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

/// The compression function on one block.
pub fn compress_one(state: [u32; 8], block: &[u8; 64]) -> [u32; 8] {
    let mut lanes = splat::<U32s, 8>(&state);
    compress(&mut lanes, Expanding(&mut splat(&words_of(block))));
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

/// SHA-256 of 32 bytes.
struct Of32Bytes<'a, L>(&'a mut State<L>);

impl<L: Lanes32> Work for Of32Bytes<'_, L> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (mut rounds, mut block) = (initial(), digest_block(self.0));
        let mut schedule = Expanding(&mut block);
        // Apart from the loop: what the padding's words alone decide falls away.
        sixteen_rounds(&mut rounds, &mut schedule, 0);
        sixteen_rounds(&mut rounds, &mut schedule, 16);
        for turn in 2..4 {
            sixteen_rounds(&mut rounds, &mut schedule, 16 * turn);
        }
        *self.0 = initial();
        add(self.0, rounds);
    }
}

/// The last word of SHA-256 of a digest in words.
struct LastOfDigest<'a, L>(&'a State<L>);

impl<L: Lanes32> Work for LastOfDigest<'_, L> {
    type Output = L;

    #[inline(always)]
    fn run(self) -> L {
        let (mut rounds, mut block) = (initial(), digest_block(self.0));
        let mut schedule = Expanding(&mut block);
        sixteen_rounds(&mut rounds, &mut schedule, 0);
        for turn in 1..3 {
            sixteen_rounds(&mut rounds, &mut schedule, 16 * turn);
        }
        // Apart from the loop: the last word is `e` three rounds before the end,
        // and what comes after that, or serves only the other words, falls away.
        sixteen_rounds(&mut rounds, &mut schedule, 48);
        rounds[7] + L::splat(INITIAL[7])
    }
}

#[inline(always)]
fn digest_block<L: Lanes32>(digest: &State<L>) -> [L; BLOCK_WORDS] {
    let mut block = splat(&padding(32));
    block[8] = L::splat(END);
    block[..8].copy_from_slice(digest);
    block
}

/// SHA-256 of a digest in words: the second half of SHA-256d. After other blocks, by the
/// same function as those, since two would crowd each other out of the instruction cache.
#[inline(always)]
pub fn of_digest<L: Lanes32>(digest: State<L>) -> State<L> {
    let mut state = initial();
    compress(&mut state, Expanding(&mut digest_block(&digest)));
    state
}

/// The last word of SHA-256 of a digest in words.
#[inline(always)]
pub fn last_of_digest<L: Lanes32>(digest: &State<L>) -> L {
    L::outlined(LastOfDigest(digest))
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

/// The digest of each of `LANES` messages of `length` bytes, end to end; with
/// `double`, of their digests. More may follow: those are asked for.
#[inline(always)]
pub fn digests_even<L: Lanes32>(
    messages: &[u8],
    length: usize,
    double: bool,
    pad: &mut Padding,
    out: &mut [[u8; 32]],
) {
    if length == 32 {
        return digests_of_32::<L>(messages, double, out);
    }
    let (mut state, mut words) = (initial::<L>(), [L::splat(0); BLOCK_WORDS]);
    for start in (0..length - length % 64).step_by(64) {
        prefetch_strided::<L>(messages, length, start / 64);
        load_block(&mut words, &messages[start..], length, 64, Endian::Big);
        compress(&mut state, Expanding(&mut words));
    }
    match length % 64 {
        0 => compress(&mut state, pad.of(length)),
        _ => finish_even(&mut state, messages, length),
    }
    store(state, double, out);
}

/// The same for messages of 32 bytes.
#[inline(always)]
fn digests_of_32<L: Lanes32>(messages: &[u8], double: bool, out: &mut [[u8; 32]]) {
    prefetch_next_32::<L>(messages);
    let mut state = Endian::Big.words(L::load_strided(messages, 32, 32));
    for _ in 0..if double { 2 } else { 1 } {
        L::outlined(Of32Bytes(&mut state));
    }
    store(state, false, out);
}

#[inline(always)]
fn store<L: Lanes32>(mut state: State<L>, double: bool, out: &mut [[u8; 32]]) {
    if double {
        state = of_digest(state);
    }
    L::store_digests(Endian::Big.words(state), out);
}

/// The end of messages of one length, not of whole blocks.
#[inline(always)]
fn finish_even<L: Lanes32>(state: &mut State<L>, messages: &[u8], length: usize) {
    let rest = length % 64;
    prefetch_strided::<L>(messages, length, length / 64);
    let mut words = [L::splat(0); BLOCK_WORDS];
    load_block(&mut words, &messages[length - rest..], length, rest, Endian::Big);
    words[rest / 4] = words[rest / 4] | L::splat(END >> (8 * (rest % 4)));
    if rest >= 56 {
        compress(state, Expanding(&mut words));
        words = [L::splat(0); BLOCK_WORDS];
    }
    let padding = padding(length as u64);
    words[14] = L::splat(padding[14]);
    words[15] = L::splat(padding[15]);
    compress(state, Expanding(&mut words));
}

/// The digest of each of `LANES` messages of any lengths; with `double`, of
/// their digests. Lanes stand still once their message is through.
#[inline(always)]
pub fn digests<L: Lanes32>(messages: &[&[u8]], double: bool, out: &mut [[u8; 32]]) {
    let messages = &messages[..L::LANES];
    let whole = messages.iter().map(|message| message.len() / 64).min().unwrap_or(0);
    let last = messages.iter().map(|message| last_block(message.len())).max().unwrap_or(0);
    let (mut state, mut words) = (initial::<L>(), [L::splat(0); BLOCK_WORDS]);
    for block in 0..whole {
        load_blocks(&mut words, &blocks(messages, block)[..L::LANES], Endian::Big);
        compress(&mut state, Expanding(&mut words));
    }
    let mut ends = Ends::<L>::new(messages);
    for block in whole..=last {
        let words = L::load_tails(&tails(messages, block)[..L::LANES]);
        let (mut words, active) = ends.pad(Endian::Big.words(words), block);
        let mut next = state;
        compress(&mut next, Expanding(&mut words));
        for (word, next) in state.iter_mut().zip(next) {
            *word = active.choose(next, *word);
        }
    }
    store(state, double, out);
}

/// Block `block` of each message.
#[inline(always)]
pub fn blocks<'a>(messages: &[&'a [u8]], block: usize) -> [&'a [u8; 64]; MAX_LANES] {
    let mut blocks = [&[0; 64]; MAX_LANES];
    for (slot, message) in blocks.iter_mut().zip(messages) {
        *slot = &message.as_chunks().0[block];
        prefetch(message, 64 * block + 64);
    }
    blocks
}

/// What each message has from block `block` on.
#[inline(always)]
pub fn tails<'a>(messages: &[&'a [u8]], block: usize) -> [&'a [u8]; MAX_LANES] {
    let mut tails: [&[u8]; MAX_LANES] = [&[]; MAX_LANES];
    for (slot, message) in tails.iter_mut().zip(messages) {
        *slot = message.get(64 * block..).unwrap_or(&[]);
    }
    tails
}

/// Where and how each lane's message ends.
struct Ends<L> {
    /// The block and the word in it that the end bit belongs in, and that word.
    block: L,
    place: L,
    bit: L,
    /// The last block, and its last two words.
    last: L,
    length: [L; 2],
    /// The lanes whose message is not through.
    active: L,
}

impl<L: Lanes32> Ends<L> {
    #[inline(always)]
    fn new(messages: &[&[u8]]) -> Self {
        let mut block = [0; MAX_LANES];
        let (mut place, mut bit, mut last, mut high, mut low) = (block, block, block, block, block);
        for (lane, message) in messages.iter().enumerate() {
            let length = message.len();
            // 32 bits count the blocks of 256 GiB.
            block[lane] = (length / 64) as u32;
            place[lane] = (length % 64 / 4) as u32;
            bit[lane] = END >> (8 * (length % 4));
            last[lane] = last_block(length) as u32;
            (high[lane], low[lane]) = ((length as u64 >> 29) as u32, (length << 3) as u32);
        }
        Ends {
            block: L::load(&block),
            place: L::load(&place),
            bit: L::load(&bit),
            last: L::load(&last),
            length: [L::load(&high), L::load(&low)],
            active: L::splat(u32::MAX),
        }
    }

    /// Block `block` of each padded message, and the lanes that have one; asked
    /// for in order.
    #[inline(always)]
    fn pad(&mut self, mut words: [L; BLOCK_WORDS], block: usize) -> ([L; BLOCK_WORDS], L) {
        let block = L::splat(block as u32);
        let bit = self.block.equal(block) & self.bit;
        for (place, word) in words.iter_mut().enumerate() {
            *word = *word | (self.place.equal(L::splat(place as u32)) & bit);
        }
        let ends = self.last.equal(block);
        words[14] = words[14] | (ends & self.length[0]);
        words[15] = words[15] | (ends & self.length[1]);
        let active = self.active;
        self.active = ends.choose(L::splat(0), active);
        (words, active)
    }
}

/// The position of the last block of a padded message.
pub const fn last_block(length: usize) -> usize {
    // The padding takes at least a bit, in a byte of its own, and the length.
    (length + 8) / 64
}

//! SHA-256 (FIPS 180-4) with one message in each lane.
//!
//! Long code, such as the compression function, is compiled out of line by
//! `Lanes32::call_noinline`. Blocks with many constant words have variants of their own, in
//! which the compiler folds the constants.

use super::lanes::scalar::U32s;
use super::lanes::{
    BLOCK_WORDS, Endian, LaneFn, Lanes32, MAX_LANES32, gather_blocks, load_strided_block, prefetch,
    prefetch_next_group_of_32, prefetch_strided, prefetch_strided_rest,
};
pub use crate::hash::sha256::{INITIAL, K};

/// The state of each lane: the hash value H_0 to H_7, or the working variables a to h.
pub type State<L> = [L; 8];

/// The padding bit, in the first byte of a big-endian word.
const PADDING_BIT: u32 = 0x8000_0000;

/// A source of the words of rounds: W_t + K_t.
pub trait RoundWords<L> {
    /// The word of round `t`. Must be called in ascending order of `t`.
    fn word(&mut self, t: usize) -> L;
}

/// W_0 to W_15: the words of a block.
struct BlockWords<'a, L>(&'a [L; BLOCK_WORDS]);

impl<L: Lanes32> RoundWords<L> for BlockWords<'_, L> {
    #[inline(always)]
    fn word(&mut self, t: usize) -> L {
        self.0[t] + L::splat(K[t])
    }
}

/// W_0 to W_31 of a block whose constant words the compiler knows and folds.
struct First32Words<'a, L> {
    block: [L; BLOCK_WORDS],
    /// W_16 to W_31.
    w16_31: &'a mut [L; BLOCK_WORDS],
}

impl<L: Lanes32> RoundWords<L> for First32Words<'_, L> {
    #[inline(always)]
    fn word(&mut self, t: usize) -> L {
        if t < 16 {
            return self.block[t] + L::splat(K[t]);
        }
        let w = |t: usize| if t < 16 { self.block[t] } else { self.w16_31[t - 16] };
        let word = expand_word([w(t - 16), w(t - 15), w(t - 7), w(t - 2)]);
        self.w16_31[t - 16] = word;
        word + L::splat(K[t])
    }
}

/// Eight words after the sixteen before them, with their round constants.
struct NextWords<'a, L> {
    words: &'a mut [L],
    k: &'a [u32],
}

impl<L: Lanes32> RoundWords<L> for NextWords<'_, L> {
    #[inline(always)]
    fn word(&mut self, t: usize) -> L {
        let words = &mut *self.words;
        words[t + 16] = expand_word([words[t], words[t + 1], words[t + 9], words[t + 14]]);
        words[t + 16] + L::splat(self.k[t])
    }
}

/// W_t from W_{t-16}, W_{t-15}, W_{t-7} and W_{t-2}.
#[inline(always)]
fn expand_word<L: Lanes32>([w16, w15, w7, w2]: [L; 4]) -> L {
    w16 + w7 + sigma_0(w15) + sigma_1(w2)
}

/// W_t + K_t of a block that is the same in each lane.
struct ConstantWords<'a>(&'a [u32; 16]);

impl<L: Lanes32> RoundWords<L> for ConstantWords<'_> {
    #[inline(always)]
    fn word(&mut self, t: usize) -> L {
        L::splat(self.0[t])
    }
}

/// Memory for the message schedule, W_0 to W_63, of one block at a time.
pub struct Schedule<L>([L; 64]);

impl<L: Lanes32> Schedule<L> {
    #[inline(always)]
    pub fn new() -> Self {
        Schedule([L::splat(0); 64])
    }

    /// W_0 to W_15: the block.
    #[inline(always)]
    pub fn block(&mut self) -> &mut [L; BLOCK_WORDS] {
        &mut self.0.as_chunks_mut().0[0]
    }

    /// W_16 to W_31.
    #[inline(always)]
    pub fn w16_31(&mut self) -> &mut [L; BLOCK_WORDS] {
        &mut self.0.as_chunks_mut().0[1]
    }

    /// The eight words from W_`t` on; `t` is at least 16.
    #[inline(always)]
    fn words_from(&mut self, t: usize) -> NextWords<'_, L> {
        NextWords { words: &mut self.0[t - 16..t + 8], k: &K[t..t + 8] }
    }

    /// All 64 rounds over the block.
    #[inline(always)]
    fn all_rounds(&mut self, state: &mut State<L>) {
        sixteen_rounds(state, &mut BlockWords(self.block()), 0);
        self.rounds(state, 16, 64);
    }

    /// The rounds from `start` to `end`, multiples of eight and at least 16. The loop is
    /// unrolled by eight: a longer body would evict the other functions of a two-block message
    /// from the instruction cache.
    #[inline(always)]
    pub fn rounds(&mut self, state: &mut State<L>, start: usize, end: usize) {
        for t in (start..end).step_by(8) {
            eight_rounds(state, &mut self.words_from(t), 0);
        }
    }
}

/// W_t + K_t for all rounds over one block.
pub const fn schedule_plus_k(block: [u32; BLOCK_WORDS]) -> [u32; 64] {
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

/// The padding block of a message of whole blocks, `length` bytes in all.
pub const fn padding_block(length: u64) -> [u32; BLOCK_WORDS] {
    let mut block = [0; BLOCK_WORDS];
    block[0] = PADDING_BIT;
    block[14] = (length >> 29) as u32;
    block[15] = (length << 3) as u32;
    block
}

/// W_t + K_t for the padding block of a 64-byte message.
pub const PADDING_OF_64_BYTES: [u32; 64] = schedule_plus_k(padding_block(64));

#[inline(always)]
pub fn sigma_0<L: Lanes32>(x: L) -> L {
    x.rotr::<7>().xor3(x.rotr::<18>(), x.shr::<3>())
}

#[inline(always)]
pub fn sigma_1<L: Lanes32>(x: L) -> L {
    x.rotr::<17>().xor3(x.rotr::<19>(), x.shr::<10>())
}

/// One round. The renaming of six working variables costs nothing once the rounds are unrolled.
#[inline(always)]
pub fn round<L: Lanes32>([a, b, c, d, e, f, g, h]: State<L>, word: L) -> State<L> {
    let sum_1 = e.rotr::<6>().xor3(e.rotr::<11>(), e.rotr::<25>());
    let t1 = (h + word) + e.choose(f, g) + sum_1;
    let sum_0 = a.rotr::<2>().xor3(a.rotr::<13>(), a.rotr::<22>());
    [t1 + a.majority(b, c) + sum_0, a, b, c, d + t1, e, f, g]
}

#[inline(always)]
pub fn eight_rounds<L: Lanes32>(state: &mut State<L>, words: &mut impl RoundWords<L>, t: usize) {
    *state = round(*state, words.word(t));
    *state = round(*state, words.word(t + 1));
    *state = round(*state, words.word(t + 2));
    *state = round(*state, words.word(t + 3));
    *state = round(*state, words.word(t + 4));
    *state = round(*state, words.word(t + 5));
    *state = round(*state, words.word(t + 6));
    *state = round(*state, words.word(t + 7));
}

#[inline(always)]
pub fn sixteen_rounds<L: Lanes32>(state: &mut State<L>, words: &mut impl RoundWords<L>, t: usize) {
    eight_rounds(state, words, t);
    eight_rounds(state, words, t + 8);
}

#[inline(always)]
pub fn feed_forward<L: Lanes32>(state: &mut State<L>, rounds: State<L>) {
    for (sum, round) in state.iter_mut().zip(rounds) {
        *sum = *sum + round;
    }
}

/// The compression function (FIPS 180-4, section 6.2.2) on the block in `schedule`.
struct Compress<'a, L> {
    state: &'a mut State<L>,
    schedule: &'a mut Schedule<L>,
}

impl<L: Lanes32> LaneFn for Compress<'_, L> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let mut rounds = *self.state;
        self.schedule.all_rounds(&mut rounds);
        feed_forward(self.state, rounds);
    }
}

/// Compresses the block in `schedule` into `state`.
#[inline(always)]
pub fn compress<L: Lanes32>(state: &mut State<L>, schedule: &mut Schedule<L>) {
    L::call_noinline(Compress { state, schedule });
}

/// The compression function from the initial hash value.
struct CompressFirst<'a, L> {
    state: &'a mut State<L>,
    schedule: &'a mut Schedule<L>,
}

impl<L: Lanes32> LaneFn for CompressFirst<'_, L> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let mut rounds = initial_state();
        self.schedule.all_rounds(&mut rounds);
        *self.state = initial_state();
        feed_forward(self.state, rounds);
    }
}

/// Sets `state` to the compression of the first block, in `schedule`, from the initial hash
/// value.
#[inline(always)]
pub fn compress_first<L: Lanes32>(state: &mut State<L>, schedule: &mut Schedule<L>) {
    L::call_noinline(CompressFirst { state, schedule });
}

/// The compression function on a block that is the same in each lane.
struct CompressConstant<'a, L> {
    state: &'a mut State<L>,
    words: &'a [u32; 64],
}

impl<L: Lanes32> LaneFn for CompressConstant<'_, L> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let mut rounds = *self.state;
        for words in self.words.as_chunks().0 {
            sixteen_rounds(&mut rounds, &mut ConstantWords(words), 0);
        }
        feed_forward(self.state, rounds);
    }
}

/// Compresses a block that is the same in each lane into `state`; `words` is the block's
/// [`schedule_plus_k`].
#[inline(always)]
pub fn compress_constant<L: Lanes32>(state: &mut State<L>, words: &[u32; 64]) {
    L::call_noinline(CompressConstant { state, words });
}

#[inline(always)]
pub fn initial_state<L: Lanes32>() -> State<L> {
    splat_words(&INITIAL)
}

#[inline(always)]
pub fn splat_words<L: Lanes32, const N: usize>(words: &[u32; N]) -> [L; N] {
    let mut lanes = [L::splat(0); N];
    for (lane, &word) in lanes.iter_mut().zip(words) {
        *lane = L::splat(word);
    }
    lanes
}

/// The compression function on one block of one message.
pub fn compress_scalar(state: [u32; 8], block: &[u8; 64]) -> [u32; 8] {
    let (mut lanes, mut schedule) = (splat_words::<U32s, 8>(&state), Schedule::new());
    *schedule.block() = splat_words(&be_words(block));
    compress(&mut lanes, &mut schedule);
    lanes.map(U32s::get)
}

/// The big-endian words of a block.
pub fn be_words(block: &[u8; 64]) -> [u32; BLOCK_WORDS] {
    let mut words = [0; BLOCK_WORDS];
    for (word, bytes) in words.iter_mut().zip(block.as_chunks().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    words
}

/// Rounds 0 to 31, fully unrolled so that the compiler folds the constant words of `block`.
#[inline(always)]
fn first_32_rounds<L: Lanes32>(state: &mut State<L>, block: [L; BLOCK_WORDS], schedule: &mut Schedule<L>) {
    let mut words = First32Words { block, w16_31: schedule.w16_31() };
    sixteen_rounds(state, &mut words, 0);
    sixteen_rounds(state, &mut words, 16);
}

/// The padded block of a 32-byte digest.
#[inline(always)]
fn padded_digest<L: Lanes32>(digest: &State<L>) -> [L; BLOCK_WORDS] {
    let mut block = splat_words(&padding_block(32));
    block[8] = L::splat(PADDING_BIT);
    block[..8].copy_from_slice(digest);
    block
}

/// SHA-256 of a digest, in place.
struct HashDigest<'a, L> {
    digest: &'a mut State<L>,
    schedule: &'a mut Schedule<L>,
}

impl<L: Lanes32> LaneFn for HashDigest<'_, L> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let mut rounds = initial_state();
        first_32_rounds(&mut rounds, padded_digest(self.digest), self.schedule);
        self.schedule.rounds(&mut rounds, 32, 64);
        *self.digest = initial_state();
        feed_forward(self.digest, rounds);
    }
}

/// Replaces `digest` by its SHA-256: the second hash of SHA-256d.
#[inline(always)]
pub fn hash_digest<L: Lanes32>(digest: &mut State<L>, schedule: &mut Schedule<L>) {
    L::call_noinline(HashDigest { digest, schedule });
}

/// The last word of the SHA-256 of a digest.
struct HashDigestLastWord<'a, L> {
    digest: &'a State<L>,
    schedule: &'a mut Schedule<L>,
}

impl<L: Lanes32> LaneFn for HashDigestLastWord<'_, L> {
    type Output = L;

    #[inline(always)]
    fn call(self) -> L {
        let mut rounds = initial_state();
        first_32_rounds(&mut rounds, padded_digest(self.digest), self.schedule);
        self.schedule.rounds(&mut rounds, 32, 56);
        let mut words = self.schedule.words_from(56);
        // The last word H_7 is added to h, which is e three rounds before the end.
        for t in 0..5 {
            rounds = round(rounds, words.word(t));
        }
        rounds[4] + L::splat(INITIAL[7])
    }
}

/// The last word of the SHA-256 of `digest`.
#[inline(always)]
pub fn hash_digest_last_word<L: Lanes32>(digest: &State<L>, schedule: &mut Schedule<L>) -> L {
    L::call_noinline(HashDigestLastWord { digest, schedule })
}

/// The compression function on the second block of a 65-byte message.
struct CompressTailOf65<'a, L> {
    state: &'a mut State<L>,
    last: L,
    schedule: &'a mut Schedule<L>,
}

impl<L: Lanes32> LaneFn for CompressTailOf65<'_, L> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let mut block = [L::splat(0); BLOCK_WORDS];
        block[0] = self.last | L::splat(PADDING_BIT >> 8);
        block[15] = L::splat(65 * 8);
        let mut rounds = *self.state;
        first_32_rounds(&mut rounds, block, self.schedule);
        self.schedule.rounds(&mut rounds, 32, 64);
        feed_forward(self.state, rounds);
    }
}

/// Compresses the second block of a 65-byte message into `state`: the last byte is the first of
/// the word `last`.
#[inline(always)]
pub fn compress_tail_of_65<L: Lanes32>(state: &mut State<L>, last: L, schedule: &mut Schedule<L>) {
    L::call_noinline(CompressTailOf65 { state, last, schedule });
}

/// The padding block's schedule for messages of whole blocks. Keeps the last one, since
/// consecutive messages tend to have the same length.
pub struct PaddingCache {
    length: usize,
    schedule: [u32; 64],
}

impl Default for PaddingCache {
    fn default() -> Self {
        PaddingCache { length: 64, schedule: PADDING_OF_64_BYTES }
    }
}

impl PaddingCache {
    fn schedule(&mut self, length: usize) -> &[u32; 64] {
        if self.length != length {
            *self = PaddingCache { length, schedule: schedule_plus_k(padding_block(length as u64)) };
        }
        &self.schedule
    }
}

/// A hasher for groups of messages of uniform length, with its scratch memory.
pub struct UniformHasher<L> {
    schedule: Schedule<L>,
    padding: PaddingCache,
}

impl<L: Lanes32> UniformHasher<L> {
    #[inline(always)]
    pub fn new() -> Self {
        UniformHasher { schedule: Schedule::new(), padding: PaddingCache::default() }
    }

    /// Writes the digest of each of `LANES` contiguous messages of `length` bytes to `out`, or
    /// the SHA-256d digest if `double`. Prefetches the messages that follow.
    #[inline(always)]
    pub fn hash(&mut self, messages: &[u8], length: usize, double: bool, out: &mut [[u8; 32]]) {
        if length == 32 {
            return self.hash_32(messages, double, out);
        }
        let (mut state, schedule) = (initial_state::<L>(), &mut self.schedule);
        for start in (0..length - length % 64).step_by(64) {
            prefetch_strided::<L>(messages, length, start / 64);
            load_strided_block(schedule.block(), &messages[start..], length, 64, Endian::Big);
            match start {
                0 => compress_first(&mut state, schedule),
                _ => compress(&mut state, schedule),
            }
            prefetch_strided_rest::<L>(messages, length, start / 64);
        }
        match length % 64 {
            0 => compress_constant(&mut state, self.padding.schedule(length)),
            _ => finish_uniform(&mut state, schedule, messages, length),
        }
        store_digests(state, schedule, double, out);
    }

    /// The same for messages of 32 bytes.
    #[inline(always)]
    fn hash_32(&mut self, messages: &[u8], double: bool, out: &mut [[u8; 32]]) {
        prefetch_next_group_of_32::<L>(messages);
        let mut state = Endian::Big.convert_le(L::load_strided(messages, 32, 32));
        hash_digest(&mut state, &mut self.schedule);
        store_digests(state, &mut self.schedule, double, out);
    }
}

#[inline(always)]
fn store_digests<L: Lanes32>(
    mut state: State<L>,
    schedule: &mut Schedule<L>,
    double: bool,
    out: &mut [[u8; 32]],
) {
    if double {
        hash_digest(&mut state, schedule);
    }
    L::store_digests(Endian::Big.convert_le(state), out);
}

/// Compresses the last one or two blocks of messages of uniform length that is not a multiple
/// of 64.
#[inline(always)]
fn finish_uniform<L: Lanes32>(
    state: &mut State<L>,
    schedule: &mut Schedule<L>,
    messages: &[u8],
    length: usize,
) {
    let rest = length % 64;
    prefetch_strided::<L>(messages, length, length / 64);
    let words = schedule.block();
    load_strided_block(words, &messages[length - rest..], length, rest, Endian::Big);
    words[rest / 4] = words[rest / 4] | L::splat(PADDING_BIT >> (8 * (rest % 4)));
    if rest >= 56 {
        compress(state, schedule);
        *schedule.block() = [L::splat(0); BLOCK_WORDS];
    }
    let padding = padding_block(length as u64);
    let words = schedule.block();
    words[14] = L::splat(padding[14]);
    words[15] = L::splat(padding[15]);
    compress(state, schedule);
    prefetch_strided_rest::<L>(messages, length, length / 64);
}

/// Writes the digest of each of `LANES` messages of any lengths to `out`, or the SHA-256d
/// digest if `double`. Lanes whose message has ended keep their state.
#[inline(always)]
pub fn hash_ragged<L: Lanes32>(
    messages: &[&[u8]],
    double: bool,
    schedule: &mut Schedule<L>,
    out: &mut [[u8; 32]],
) {
    let messages = &messages[..L::LANES];
    let whole_blocks = messages.iter().map(|message| message.len() / 64).min().unwrap_or(0);
    let last = messages.iter().map(|message| last_block_index(message.len())).max().unwrap_or(0);
    let mut state = initial_state::<L>();
    for block in 0..whole_blocks {
        gather_blocks(schedule.block(), &blocks_at(messages, block)[..L::LANES], Endian::Big);
        compress(&mut state, schedule);
    }
    let mut ends = MessageEnds::<L>::new(messages);
    for block in whole_blocks..=last {
        let words = L::gather_tails(&tails_at(messages, block)[..L::LANES]);
        let (words, active) = ends.pad(Endian::Big.convert_le(words), block);
        *schedule.block() = words;
        let mut next = state;
        compress(&mut next, schedule);
        for (word, next) in state.iter_mut().zip(next) {
            *word = active.choose(next, *word);
        }
    }
    store_digests(state, schedule, double, out);
}

/// Block `block` of each message; prefetches the next one.
#[inline(always)]
pub fn blocks_at<'a>(messages: &[&'a [u8]], block: usize) -> [&'a [u8; 64]; MAX_LANES32] {
    let mut blocks = [&[0; 64]; MAX_LANES32];
    for (slot, message) in blocks.iter_mut().zip(messages) {
        *slot = &message.as_chunks().0[block];
        prefetch(message, 64 * block + 64);
    }
    blocks
}

/// The bytes of each message from block `block` on.
#[inline(always)]
pub fn tails_at<'a>(messages: &[&'a [u8]], block: usize) -> [&'a [u8]; MAX_LANES32] {
    let mut tails: [&[u8]; MAX_LANES32] = [&[]; MAX_LANES32];
    for (slot, message) in tails.iter_mut().zip(messages) {
        *slot = message.get(64 * block..).unwrap_or(&[]);
    }
    tails
}

/// Where each lane's message ends.
struct MessageEnds<L> {
    /// The block, and the index of its word, that take the padding bit; and the bit in that
    /// word.
    end_block: L,
    end_word: L,
    end_bit: L,
    /// The last block, and the message's length in bits, which are the block's last two words.
    last_block: L,
    bit_length: [L; 2],
    /// All ones in the lanes whose message has not ended.
    active: L,
}

impl<L: Lanes32> MessageEnds<L> {
    #[inline(always)]
    fn new(messages: &[&[u8]]) -> Self {
        let mut end_block = [0; MAX_LANES32];
        let (mut end_word, mut end_bit, mut last_block, mut high, mut low) =
            (end_block, end_block, end_block, end_block, end_block);
        for (lane, message) in messages.iter().enumerate() {
            let length = message.len();
            // Block numbers fit 32 bits up to 256 GiB.
            end_block[lane] = (length / 64) as u32;
            end_word[lane] = (length % 64 / 4) as u32;
            end_bit[lane] = PADDING_BIT >> (8 * (length % 4));
            last_block[lane] = last_block_index(length) as u32;
            (high[lane], low[lane]) = ((length as u64 >> 29) as u32, (length << 3) as u32);
        }
        MessageEnds {
            end_block: L::load(&end_block),
            end_word: L::load(&end_word),
            end_bit: L::load(&end_bit),
            last_block: L::load(&last_block),
            bit_length: [L::load(&high), L::load(&low)],
            active: L::splat(u32::MAX),
        }
    }

    /// Pads block `block` of each message; returns it with a mask of the lanes that have such a
    /// block. Must be called in ascending order of `block`.
    #[inline(always)]
    fn pad(&mut self, mut words: [L; BLOCK_WORDS], block: usize) -> ([L; BLOCK_WORDS], L) {
        let block = L::splat(block as u32);
        let bit = self.end_block.eq_mask(block) & self.end_bit;
        for (i, word) in words.iter_mut().enumerate() {
            *word = *word | (self.end_word.eq_mask(L::splat(i as u32)) & bit);
        }
        let is_last = self.last_block.eq_mask(block);
        words[14] = words[14] | (is_last & self.bit_length[0]);
        words[15] = words[15] | (is_last & self.bit_length[1]);
        let active = self.active;
        self.active = is_last.choose(L::splat(0), active);
        (words, active)
    }
}

/// The index of the last block of a padded message.
pub const fn last_block_index(length: usize) -> usize {
    // Padding adds at least one byte with the padding bit, and eight with the length.
    (length + 8) / 64
}

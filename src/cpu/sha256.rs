//! SHA-256 (FIPS 180-4) with one message in each lane.

use super::lanes::scalar::U32s;
use super::lanes::{
    BLOCK_WORDS, Endian, Lanes32, MAX_LANES, Work, load_block, load_blocks, prefetch, prefetch_next_32,
    prefetch_strided, prefetch_strided_rest,
};
pub use crate::hash::sha256::{INITIAL, K};

/// The chaining value of each lane.
pub type State<L> = [L; 8];

/// The bit that ends a message, in the first byte of a word.
const END: u32 = 0x8000_0000;

/// The words of rounds, each with the round's constant.
pub trait Words<L> {
    /// The word of round `t`; asked for in order.
    fn word(&mut self, t: usize) -> L;
}

/// The words of a block.
struct Block<'a, L>(&'a [L; BLOCK_WORDS]);

impl<L: Lanes32> Words<L> for Block<'_, L> {
    #[inline(always)]
    fn word(&mut self, t: usize) -> L {
        self.0[t] + L::splat(K[t])
    }
}

/// The first 32 words of a schedule, of which the block's are known to the compiler.
struct FirstHalf<'a, L> {
    block: [L; BLOCK_WORDS],
    /// W_16 to W_31.
    later: &'a mut [L; BLOCK_WORDS],
}

impl<L: Lanes32> Words<L> for FirstHalf<'_, L> {
    #[inline(always)]
    fn word(&mut self, t: usize) -> L {
        if t < 16 {
            return self.block[t] + L::splat(K[t]);
        }
        let at = |t: usize| if t < 16 { self.block[t] } else { self.later[t - 16] };
        let word = expanded([at(t - 16), at(t - 15), at(t - 7), at(t - 2)]);
        self.later[t - 16] = word;
        word + L::splat(K[t])
    }
}

/// Eight words after the sixteen before them, and the constants of their rounds.
struct Next<'a, L> {
    words: &'a mut [L],
    k: &'a [u32],
}

impl<L: Lanes32> Words<L> for Next<'_, L> {
    #[inline(always)]
    fn word(&mut self, t: usize) -> L {
        let words = &mut *self.words;
        words[t + 16] = expanded([words[t], words[t + 1], words[t + 9], words[t + 14]]);
        words[t + 16] + L::splat(self.k[t])
    }
}

/// The word of a schedule after those sixteen, fifteen, seven and two places before it.
#[inline(always)]
fn expanded<L: Lanes32>([w16, w15, w7, w2]: [L; 4]) -> L {
    w16 + w7 + sigma_0(w15) + sigma_1(w2)
}

/// Words that are the same in each lane, with the constants of their rounds.
struct Constant<'a>(&'a [u32; 16]);

impl<L: Lanes32> Words<L> for Constant<'_> {
    #[inline(always)]
    fn word(&mut self, t: usize) -> L {
        L::splat(self.0[t])
    }
}

/// Room for the message schedule, W_0 to W_63, of one block after another.
pub struct Schedule<L>([L; 64]);

impl<L: Lanes32> Schedule<L> {
    #[inline(always)]
    pub fn new() -> Self {
        Schedule([L::splat(0); 64])
    }

    /// The place of a block's words.
    #[inline(always)]
    pub fn block(&mut self) -> &mut [L; BLOCK_WORDS] {
        &mut self.0.as_chunks_mut().0[0]
    }

    /// The place of W_16 to W_31.
    #[inline(always)]
    pub fn later(&mut self) -> &mut [L; BLOCK_WORDS] {
        &mut self.0.as_chunks_mut().0[1]
    }

    /// The words from `t` on, at least 16.
    #[inline(always)]
    fn next(&mut self, t: usize) -> Next<'_, L> {
        Next { words: &mut self.0[t - 16..t + 8], k: &K[t..t + 8] }
    }

    /// All rounds over the block.
    #[inline(always)]
    fn all_rounds(&mut self, state: &mut State<L>) {
        sixteen_rounds(state, &mut Block(self.block()), 0);
        self.rounds(state, 16, 64);
    }

    /// The rounds from `start` to `end`, multiples of eight from 16 on. Eight a turn: a
    /// longer loop would leave no room in the instruction cache for the other functions
    /// of a message of two blocks.
    #[inline(always)]
    pub fn rounds(&mut self, state: &mut State<L>, start: usize, end: usize) {
        for t in (start..end).step_by(8) {
            eight_rounds(state, &mut self.next(t), 0);
        }
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
pub fn eight_rounds<L: Lanes32>(state: &mut State<L>, words: &mut impl Words<L>, t: usize) {
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
pub fn sixteen_rounds<L: Lanes32>(state: &mut State<L>, words: &mut impl Words<L>, t: usize) {
    eight_rounds(state, words, t);
    eight_rounds(state, words, t + 8);
}

#[inline(always)]
pub fn add<L: Lanes32>(state: &mut State<L>, rounds: State<L>) {
    for (sum, round) in state.iter_mut().zip(rounds) {
        *sum = *sum + round;
    }
}

/// The compression function (FIPS 180-4, section 6.2.2) on the block in `schedule`.
struct Compress<'a, L> {
    state: &'a mut State<L>,
    schedule: &'a mut Schedule<L>,
}

impl<L: Lanes32> Work for Compress<'_, L> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut rounds = *self.state;
        self.schedule.all_rounds(&mut rounds);
        add(self.state, rounds);
    }
}

/// Takes the block in `schedule` into the state.
#[inline(always)]
pub fn compress<L: Lanes32>(state: &mut State<L>, schedule: &mut Schedule<L>) {
    L::outlined(Compress { state, schedule });
}

/// The compression function on a message's first block.
struct CompressFirst<'a, L> {
    state: &'a mut State<L>,
    schedule: &'a mut Schedule<L>,
}

impl<L: Lanes32> Work for CompressFirst<'_, L> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut rounds = initial();
        self.schedule.all_rounds(&mut rounds);
        *self.state = initial();
        add(self.state, rounds);
    }
}

/// Makes `state` the one after a message's first block, that in `schedule`.
#[inline(always)]
pub fn compress_first<L: Lanes32>(state: &mut State<L>, schedule: &mut Schedule<L>) {
    L::outlined(CompressFirst { state, schedule });
}

/// The compression function on a block that is the same in each lane.
struct CompressConstant<'a, L> {
    state: &'a mut State<L>,
    words: &'a [u32; 64],
}

impl<L: Lanes32> Work for CompressConstant<'_, L> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut rounds = *self.state;
        for words in self.words.as_chunks().0 {
            sixteen_rounds(&mut rounds, &mut Constant(words), 0);
        }
        add(self.state, rounds);
    }
}

/// Takes a block into the state of which `words` is the [expanded](expand) schedule.
#[inline(always)]
pub fn compress_constant<L: Lanes32>(state: &mut State<L>, words: &[u32; 64]) {
    L::outlined(CompressConstant { state, words });
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
    let (mut lanes, mut schedule) = (splat::<U32s, 8>(&state), Schedule::new());
    *schedule.block() = splat(&words_of(block));
    compress(&mut lanes, &mut schedule);
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

/// The first 32 rounds: written out, so that what the constants among a block's words
/// alone decide falls away.
#[inline(always)]
fn half_the_rounds<L: Lanes32>(state: &mut State<L>, block: [L; BLOCK_WORDS], schedule: &mut Schedule<L>) {
    let mut words = FirstHalf { block, later: schedule.later() };
    sixteen_rounds(state, &mut words, 0);
    sixteen_rounds(state, &mut words, 16);
}

/// The block of a digest in words.
#[inline(always)]
fn digest_block<L: Lanes32>(digest: &State<L>) -> [L; BLOCK_WORDS] {
    let mut block = splat(&padding(32));
    block[8] = L::splat(END);
    block[..8].copy_from_slice(digest);
    block
}

/// SHA-256 of a digest in words, in its place.
struct OfDigest<'a, L> {
    digest: &'a mut State<L>,
    schedule: &'a mut Schedule<L>,
}

impl<L: Lanes32> Work for OfDigest<'_, L> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut rounds = initial();
        half_the_rounds(&mut rounds, digest_block(self.digest), self.schedule);
        self.schedule.rounds(&mut rounds, 32, 64);
        *self.digest = initial();
        add(self.digest, rounds);
    }
}

/// SHA-256 of a digest in words, in its place: the second half of SHA-256d.
#[inline(always)]
pub fn of_digest<L: Lanes32>(digest: &mut State<L>, schedule: &mut Schedule<L>) {
    L::outlined(OfDigest { digest, schedule });
}

/// The last word of SHA-256 of a digest in words.
struct LastOfDigest<'a, L> {
    digest: &'a State<L>,
    schedule: &'a mut Schedule<L>,
}

impl<L: Lanes32> Work for LastOfDigest<'_, L> {
    type Output = L;

    #[inline(always)]
    fn run(self) -> L {
        let mut rounds = initial();
        half_the_rounds(&mut rounds, digest_block(self.digest), self.schedule);
        self.schedule.rounds(&mut rounds, 32, 56);
        let mut words = self.schedule.next(56);
        // The last word is `e` three rounds before the end.
        for t in 0..5 {
            rounds = round(rounds, words.word(t));
        }
        rounds[4] + L::splat(INITIAL[7])
    }
}

/// The last word of SHA-256 of a digest in words.
#[inline(always)]
pub fn last_of_digest<L: Lanes32>(digest: &State<L>, schedule: &mut Schedule<L>) -> L {
    L::outlined(LastOfDigest { digest, schedule })
}

/// The last block of 65 bytes.
struct CompressEndOf65<'a, L> {
    state: &'a mut State<L>,
    last: L,
    schedule: &'a mut Schedule<L>,
}

impl<L: Lanes32> Work for CompressEndOf65<'_, L> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut block = [L::splat(0); BLOCK_WORDS];
        block[0] = self.last | L::splat(END >> 8);
        block[15] = L::splat(65 * 8);
        let mut rounds = *self.state;
        half_the_rounds(&mut rounds, block, self.schedule);
        self.schedule.rounds(&mut rounds, 32, 64);
        add(self.state, rounds);
    }
}

/// Takes in the last of 65 bytes, the first of the word `last`.
#[inline(always)]
pub fn compress_end_of_65<L: Lanes32>(state: &mut State<L>, last: L, schedule: &mut Schedule<L>) {
    L::outlined(CompressEndOf65 { state, last, schedule });
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
    fn of(&mut self, length: usize) -> &[u32; 64] {
        if self.length != length {
            *self = Padding { length, schedule: expand(padding(length as u64)) };
        }
        &self.schedule
    }
}

/// What messages of one length have in common, one group after another.
pub struct Even<L> {
    schedule: Schedule<L>,
    padding: Padding,
}

impl<L: Lanes32> Even<L> {
    #[inline(always)]
    pub fn new() -> Self {
        Even { schedule: Schedule::new(), padding: Padding::default() }
    }

    /// The digest of each of `LANES` messages of `length` bytes, end to end; with
    /// `double`, of their digests. More may follow: those are asked for.
    #[inline(always)]
    pub fn digests(&mut self, messages: &[u8], length: usize, double: bool, out: &mut [[u8; 32]]) {
        if length == 32 {
            return self.digests_of_32(messages, double, out);
        }
        let (mut state, schedule) = (initial::<L>(), &mut self.schedule);
        for start in (0..length - length % 64).step_by(64) {
            prefetch_strided::<L>(messages, length, start / 64);
            load_block(schedule.block(), &messages[start..], length, 64, Endian::Big);
            match start {
                0 => compress_first(&mut state, schedule),
                _ => compress(&mut state, schedule),
            }
            prefetch_strided_rest::<L>(messages, length, start / 64);
        }
        match length % 64 {
            0 => compress_constant(&mut state, self.padding.of(length)),
            _ => finish_even(&mut state, schedule, messages, length),
        }
        store(state, schedule, double, out);
    }

    /// The same for messages of 32 bytes.
    #[inline(always)]
    fn digests_of_32(&mut self, messages: &[u8], double: bool, out: &mut [[u8; 32]]) {
        prefetch_next_32::<L>(messages);
        let mut state = Endian::Big.words(L::load_strided(messages, 32, 32));
        of_digest(&mut state, &mut self.schedule);
        store(state, &mut self.schedule, double, out);
    }
}

#[inline(always)]
fn store<L: Lanes32>(mut state: State<L>, schedule: &mut Schedule<L>, double: bool, out: &mut [[u8; 32]]) {
    if double {
        of_digest(&mut state, schedule);
    }
    L::store_digests(Endian::Big.words(state), out);
}

/// The end of messages of one length, not of whole blocks.
#[inline(always)]
fn finish_even<L: Lanes32>(state: &mut State<L>, schedule: &mut Schedule<L>, messages: &[u8], length: usize) {
    let rest = length % 64;
    prefetch_strided::<L>(messages, length, length / 64);
    let words = schedule.block();
    load_block(words, &messages[length - rest..], length, rest, Endian::Big);
    words[rest / 4] = words[rest / 4] | L::splat(END >> (8 * (rest % 4)));
    if rest >= 56 {
        compress(state, schedule);
        *schedule.block() = [L::splat(0); BLOCK_WORDS];
    }
    let padding = padding(length as u64);
    let words = schedule.block();
    words[14] = L::splat(padding[14]);
    words[15] = L::splat(padding[15]);
    compress(state, schedule);
    prefetch_strided_rest::<L>(messages, length, length / 64);
}

/// The digest of each of `LANES` messages of any lengths; with `double`, of
/// their digests. Lanes stand still once their message is through.
#[inline(always)]
pub fn digests<L: Lanes32>(
    messages: &[&[u8]],
    double: bool,
    schedule: &mut Schedule<L>,
    out: &mut [[u8; 32]],
) {
    let messages = &messages[..L::LANES];
    let whole = messages.iter().map(|message| message.len() / 64).min().unwrap_or(0);
    let last = messages.iter().map(|message| last_block(message.len())).max().unwrap_or(0);
    let mut state = initial::<L>();
    for block in 0..whole {
        load_blocks(schedule.block(), &blocks(messages, block)[..L::LANES], Endian::Big);
        compress(&mut state, schedule);
    }
    let mut ends = Ends::<L>::new(messages);
    for block in whole..=last {
        let words = L::load_tails(&tails(messages, block)[..L::LANES]);
        let (words, active) = ends.pad(Endian::Big.words(words), block);
        *schedule.block() = words;
        let mut next = state;
        compress(&mut next, schedule);
        for (word, next) in state.iter_mut().zip(next) {
            *word = active.choose(next, *word);
        }
    }
    store(state, schedule, double, out);
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

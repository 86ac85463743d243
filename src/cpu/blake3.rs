//! BLAKE3 (the BLAKE3 paper, version 20211102) with one chunk or parent node in each lane.
//!
//! Chunks of uniform length are loaded where they lie. Ragged chunks are gathered, and lanes
//! whose chunk has ended keep their chaining value. Section numbers refer to the paper.

use super::lanes::{
    BLOCK_WORDS, Endian, LaneFn, Lanes32, MAX_LANES32, gather_blocks, load_strided_block, prefetch_strided,
    prefetch_strided_rest,
};
use super::sha256::{blocks_at, splat_words, tails_at};

/// The initialization vector: that of SHA-256.
pub const IV: [u32; 8] = super::sha256::INITIAL;

/// Bytes in a chunk, the leaf of a record's tree.
pub const CHUNK_LEN: usize = 1024;

const CHUNK_START: u32 = 1 << 0;
const CHUNK_END: u32 = 1 << 1;
pub const PARENT: u32 = 1 << 2;
pub const ROOT: u32 = 1 << 3;
const KEYED_HASH: u32 = 1 << 4;

/// The message words of each round: the permutation of section 2.2, table 2, iterated.
const MESSAGE_SCHEDULE: [[usize; BLOCK_WORDS]; 7] = {
    let permutation = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];
    let mut schedule = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]; 7];
    let mut round = 1;
    while round < 7 {
        let mut i = 0;
        while i < BLOCK_WORDS {
            schedule[round][i] = schedule[round - 1][permutation[i]];
            i += 1;
        }
        round += 1;
    }
    schedule
};

/// The hash mode: key words and flags.
#[derive(Clone, Copy)]
pub struct Mode {
    key: [u32; 8],
    flags: u32,
}

impl Mode {
    /// The unkeyed hash.
    pub const HASH: Mode = Mode { key: IV, flags: 0 };

    /// The hash under `key`.
    pub fn keyed(key: &[u8; 32]) -> Self {
        let mut words = [0; 8];
        for (word, bytes) in words.iter_mut().zip(key.as_chunks().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        Mode { key: words, flags: KEYED_HASH }
    }

    fn start_flags(&self, block: usize) -> u32 {
        if block == 0 { self.flags | CHUNK_START } else { self.flags }
    }
}

/// The quarter round G (section 2.2); `None` is a message word of zero.
#[inline(always)]
fn quarter_round<L: Lanes32>(v: &mut [L; 16], [a, b, c, d]: [usize; 4], x: Option<L>, y: Option<L>) {
    v[a] = add_some(v[a] + v[b], x);
    v[d] = (v[d] ^ v[a]).rotr::<16>();
    v[c] = v[c] + v[d];
    v[b] = (v[b] ^ v[c]).rotr::<12>();
    v[a] = add_some(v[a] + v[b], y);
    v[d] = (v[d] ^ v[a]).rotr::<8>();
    v[c] = v[c] + v[d];
    v[b] = (v[b] ^ v[c]).rotr::<7>();
}

#[inline(always)]
fn add_some<L: Lanes32>(a: L, b: Option<L>) -> L {
    match b {
        Some(b) => a + b,
        None => a,
    }
}

/// Round `R`, for a block whose words from the `N`th on are zero.
#[inline(always)]
fn round<L: Lanes32, const R: usize, const N: usize>(v: &mut [L; 16], words: &[L; BLOCK_WORDS]) {
    let schedule = const { MESSAGE_SCHEDULE[R] };
    let m = |i: usize| if schedule[i] < N { Some(words[schedule[i]]) } else { None };
    quarter_round(v, [0, 4, 8, 12], m(0), m(1));
    quarter_round(v, [1, 5, 9, 13], m(2), m(3));
    quarter_round(v, [2, 6, 10, 14], m(4), m(5));
    quarter_round(v, [3, 7, 11, 15], m(6), m(7));
    quarter_round(v, [0, 5, 10, 15], m(8), m(9));
    quarter_round(v, [1, 6, 11, 12], m(10), m(11));
    quarter_round(v, [2, 7, 8, 13], m(12), m(13));
    quarter_round(v, [3, 4, 9, 14], m(14), m(15));
}

/// The inputs of the compression function besides chaining value and block: t (`counter`), b
/// (`block_len`) and d (`flags`) in section 2.2.
#[derive(Clone, Copy)]
pub struct BlockParams<L> {
    pub counter: [L; 2],
    pub block_len: L,
    pub flags: L,
}

/// The compression function (section 2.2), truncated to a chaining value, for a block whose
/// words from the `N`th on are zero.
struct Compress<'a, L, const N: usize> {
    cv: &'a mut [L; 8],
    words: &'a [L; BLOCK_WORDS],
    params: &'a BlockParams<L>,
}

impl<L: Lanes32, const N: usize> LaneFn for Compress<'_, L, N> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let BlockParams { counter, block_len, flags } = *self.params;
        let mut v = [L::splat(0); 16];
        v[..8].copy_from_slice(self.cv);
        for i in 0..4 {
            v[8 + i] = L::splat(IV[i]);
        }
        (v[12], v[13], v[14], v[15]) = (counter[0], counter[1], block_len, flags);
        round::<L, 0, N>(&mut v, self.words);
        round::<L, 1, N>(&mut v, self.words);
        round::<L, 2, N>(&mut v, self.words);
        round::<L, 3, N>(&mut v, self.words);
        round::<L, 4, N>(&mut v, self.words);
        round::<L, 5, N>(&mut v, self.words);
        round::<L, 6, N>(&mut v, self.words);
        for i in 0..8 {
            self.cv[i] = v[i] ^ v[8 + i];
        }
    }
}

#[inline(always)]
fn compress<L: Lanes32>(cv: &mut [L; 8], words: &[L; BLOCK_WORDS], params: &BlockParams<L>) {
    L::call_noinline(Compress::<L, BLOCK_WORDS> { cv, words, params });
}

/// Compresses a block of at most 32 bytes.
#[inline(always)]
fn compress_half_block<L: Lanes32>(cv: &mut [L; 8], words: &[L; BLOCK_WORDS], params: &BlockParams<L>) {
    L::call_noinline(Compress::<L, { BLOCK_WORDS / 2 }> { cv, words, params });
}

/// Writes the parent chaining value (section 2.4) of each of `LANES` contiguous pairs to `out`,
/// or the digest where `roots` says that the parent is a root.
#[inline(always)]
pub fn hash_parents<L: Lanes32>(mode: &Mode, pairs: &[u8], roots: &[bool], out: &mut [[u8; 32]]) {
    let mut flags = [mode.flags | PARENT; MAX_LANES32];
    for (flags, &root) in flags.iter_mut().zip(roots) {
        *flags |= if root { ROOT } else { 0 };
    }
    let params = BlockParams { flags: L::load(&flags), ..BlockParams::splat(0, 64, 0) };
    let (mut cv, mut words) = (splat_words(&mode.key), [L::splat(0); BLOCK_WORDS]);
    load_strided_block(&mut words, pairs, 64, 64, Endian::Little);
    compress(&mut cv, &words, &params);
    L::store_digests(cv, out);
}

/// The digest of a 64-byte message in each lane.
#[inline(always)]
pub fn hash_64<L: Lanes32>(mode: &Mode, words: &[L; BLOCK_WORDS], digest: &mut [L; 8]) {
    let flags = mode.flags | CHUNK_START | CHUNK_END | ROOT;
    *digest = splat_words(&mode.key);
    compress(digest, words, &BlockParams::splat(0, 64, flags));
}

/// The digest of a 65-byte message in each lane: `words`, and one byte in `end`.
#[inline(always)]
pub fn hash_65<L: Lanes32>(
    mode: &Mode,
    words: &[L; BLOCK_WORDS],
    end: &[L; BLOCK_WORDS],
    digest: &mut [L; 8],
) {
    *digest = splat_words(&mode.key);
    compress(digest, words, &BlockParams::splat(0, 64, mode.flags | CHUNK_START));
    compress_half_block(digest, end, &BlockParams::splat(0, 1, mode.flags | CHUNK_END | ROOT));
}

/// A chunk counter as its low and high word.
pub const fn counter_words(position: u64) -> [u32; 2] {
    [position as u32, (position >> 32) as u32]
}

impl<L: Lanes32> BlockParams<L> {
    /// The same parameters in each lane.
    #[inline(always)]
    pub fn splat(counter: u64, block_len: u32, flags: u32) -> Self {
        BlockParams {
            counter: splat_words(&counter_words(counter)),
            block_len: L::splat(block_len),
            flags: L::splat(flags),
        }
    }
}

/// The input bytes under one node of a record's tree: a whole record, a subtree or a chunk.
#[derive(Clone, Copy)]
pub struct NodeInput<'a> {
    /// The input bytes.
    pub bytes: &'a [u8],
    /// The counter of the first chunk.
    pub counter: u64,
    /// Whether the node is the root: the input is the whole record.
    pub root: bool,
}

impl<'a> NodeInput<'a> {
    /// A whole record.
    pub const fn whole(bytes: &'a [u8]) -> Self {
        NodeInput { bytes, counter: 0, root: true }
    }

    /// The chunks. There is at least one, which may be empty.
    pub fn chunks(&self) -> impl ExactSizeIterator<Item = NodeInput<'a>> + use<'a> {
        let NodeInput { bytes, counter, root } = *self;
        let count = bytes.len().div_ceil(CHUNK_LEN).max(1);
        (0..count).map(move |index| NodeInput {
            bytes: &bytes[index * CHUNK_LEN..bytes.len().min((index + 1) * CHUNK_LEN)],
            counter: counter + index as u64,
            root: root && count == 1,
        })
    }

    /// The index of the last block of an input of one chunk.
    pub fn last_block_index(&self) -> usize {
        last_block_index(self.bytes.len())
    }
}

/// Where chunks of uniform length stand in their records.
#[derive(Clone, Copy)]
pub struct ChunkParams<L> {
    /// Each chunk's counter, as low and high words.
    pub counter: [L; 2],
    /// Whether each chunk is a whole record.
    pub root: bool,
}

/// Writes the chaining value of each of `LANES` contiguous chunks of `length` bytes to `out`,
/// or the digest if they are roots. Prefetches the chunks that follow.
#[inline(always)]
pub fn hash_uniform_chunks<L: Lanes32>(
    mode: &Mode,
    chunks: &[u8],
    length: usize,
    params: ChunkParams<L>,
    out: &mut [[u8; 32]],
) {
    let ChunkParams { counter, root } = params;
    let last = last_block_index(length);
    let (mut cv, mut words) = (splat_words::<L, 8>(&mode.key), [L::splat(0); BLOCK_WORDS]);
    let mut params = BlockParams { counter, ..BlockParams::splat(0, 64, 0) };
    for block in 0..last {
        prefetch_strided::<L>(chunks, length, block);
        load_strided_block(&mut words, &chunks[64 * block..], length, 64, Endian::Little);
        params.flags = L::splat(mode.start_flags(block));
        compress(&mut cv, &words, &params);
        prefetch_strided_rest::<L>(chunks, length, block);
    }
    let rest = length - 64 * last;
    prefetch_strided::<L>(chunks, length, last);
    load_strided_block(&mut words, &chunks[64 * last..], length, rest, Endian::Little);
    (params.block_len, params.flags) =
        (L::splat(rest as u32), L::splat(mode.start_flags(last) | end_flags(root)));
    if rest <= 32 {
        compress_half_block(&mut cv, &words, &params);
    } else {
        compress(&mut cv, &words, &params);
    }
    prefetch_strided_rest::<L>(chunks, length, last);
    L::store_digests(cv, out);
}

/// The index of a chunk's last block. An empty chunk has one block.
fn last_block_index(length: usize) -> usize {
    length.saturating_sub(1) / 64
}

fn end_flags(root: bool) -> u32 {
    if root { CHUNK_END | ROOT } else { CHUNK_END }
}

/// Writes the chaining value of each of `LANES` chunks of any lengths to `out`, or the digest
/// of those that are roots. Lanes whose chunk has ended keep their chaining value.
#[inline(always)]
pub fn hash_ragged_chunks<L: Lanes32>(mode: &Mode, chunks: &[NodeInput<'_>], out: &mut [[u8; 32]]) {
    let chunks = &chunks[..L::LANES];
    let mut bytes: [&[u8]; MAX_LANES32] = [&[]; MAX_LANES32];
    for (bytes, chunk) in bytes.iter_mut().zip(chunks) {
        *bytes = chunk.bytes;
    }
    let mut ends = ChunkEnds::<L>::new(chunks);
    let (mut cv, mut words) = (splat_words::<L, 8>(&mode.key), [L::splat(0); BLOCK_WORDS]);
    let first_end = chunks.iter().map(NodeInput::last_block_index).min().unwrap_or(0);
    let last_end = chunks.iter().map(NodeInput::last_block_index).max().unwrap_or(0);
    for block in 0..first_end {
        let own = blocks_at(&bytes[..L::LANES], block);
        gather_blocks(&mut words, &own[..L::LANES], Endian::Little);
        let params =
            BlockParams { counter: ends.counter, ..BlockParams::splat(0, 64, mode.start_flags(block)) };
        compress(&mut cv, &words, &params);
    }
    for block in first_end..=last_end {
        let words = L::gather_tails(&tails_at(&bytes, block)[..L::LANES]);
        let (params, active) = ends.block_params(mode, block);
        let mut next = cv;
        compress(&mut next, &words, &params);
        for (word, next) in cv.iter_mut().zip(next) {
            *word = active.choose(next, *word);
        }
    }
    L::store_digests(cv, out);
}

/// Where each lane's chunk ends.
struct ChunkEnds<L> {
    counter: [L; 2],
    /// The last block, its length in bytes, and its flags.
    last_block: L,
    block_len: L,
    flags: L,
    /// All ones in the lanes whose chunk has not ended.
    active: L,
}

impl<L: Lanes32> ChunkEnds<L> {
    #[inline(always)]
    fn new(chunks: &[NodeInput<'_>]) -> Self {
        let mut low = [0; MAX_LANES32];
        let (mut high, mut last_block, mut block_len, mut flags) = (low, low, low, low);
        for (lane, chunk) in chunks.iter().enumerate() {
            [low[lane], high[lane]] = counter_words(chunk.counter);
            last_block[lane] = chunk.last_block_index() as u32;
            block_len[lane] = (chunk.bytes.len() - 64 * chunk.last_block_index()) as u32;
            flags[lane] = end_flags(chunk.root);
        }
        ChunkEnds {
            counter: [L::load(&low), L::load(&high)],
            last_block: L::load(&last_block),
            block_len: L::load(&block_len),
            flags: L::load(&flags),
            active: L::splat(u32::MAX),
        }
    }

    /// The parameters of block `block`, and a mask of the lanes that have such a block. Must be
    /// called in ascending order of `block`.
    #[inline(always)]
    fn block_params(&mut self, mode: &Mode, block: usize) -> (BlockParams<L>, L) {
        let is_last = self.last_block.eq_mask(L::splat(block as u32));
        let params = BlockParams {
            counter: self.counter,
            block_len: is_last.choose(self.block_len, L::splat(64)),
            flags: (is_last & self.flags) | L::splat(mode.start_flags(block)),
        };
        let active = self.active;
        self.active = is_last.choose(L::splat(0), active);
        (params, active)
    }
}

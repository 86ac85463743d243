//! BLAKE3 (the BLAKE3 paper, version 20211102) with one chunk or node in each lane.

use super::lanes::{
    BLOCK_WORDS, Endian, Lanes32, MAX_LANES, Work, load_block, load_blocks, prefetch_strided,
    prefetch_strided_rest,
};
use super::sha256::{blocks, splat, tails};

/// The initial chaining value: SHA-256's.
pub const IV: [u32; 8] = super::sha256::INITIAL;

/// Bytes in a chunk: a leaf of a record's tree.
pub const CHUNK: usize = 1024;

const CHUNK_START: u32 = 1 << 0;
const CHUNK_END: u32 = 1 << 1;
pub const PARENT: u32 = 1 << 2;
pub const ROOT: u32 = 1 << 3;
const KEYED_HASH: u32 = 1 << 4;

/// Where each round finds its message words: section 2.2, table 2, repeated.
const ORDER: [[usize; BLOCK_WORDS]; 7] = {
    let permutation = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];
    let mut order = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]; 7];
    let mut round = 1;
    while round < 7 {
        let mut i = 0;
        while i < BLOCK_WORDS {
            order[round][i] = order[round - 1][permutation[i]];
            i += 1;
        }
        round += 1;
    }
    order
};

/// What tells the hash from the keyed hash.
#[derive(Clone, Copy)]
pub struct Mode {
    key: [u32; 8],
    flags: u32,
}

impl Mode {
    /// The plain hash.
    pub const HASH: Mode = Mode { key: IV, flags: 0 };

    /// The hash under a key.
    pub fn keyed(key: &[u8; 32]) -> Self {
        let mut words = [0; 8];
        for (word, bytes) in words.iter_mut().zip(key.as_chunks().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        Mode { key: words, flags: KEYED_HASH }
    }

    fn start(&self, block: usize) -> u32 {
        if block == 0 { self.flags | CHUNK_START } else { self.flags }
    }
}

/// The quarter round (section 2.2), without words that are zero.
#[inline(always)]
fn mix<L: Lanes32>(v: &mut [L; 16], [a, b, c, d]: [usize; 4], x: Option<L>, y: Option<L>) {
    v[a] = sum(v[a] + v[b], x);
    v[d] = (v[d] ^ v[a]).rotr::<16>();
    v[c] = v[c] + v[d];
    v[b] = (v[b] ^ v[c]).rotr::<12>();
    v[a] = sum(v[a] + v[b], y);
    v[d] = (v[d] ^ v[a]).rotr::<8>();
    v[c] = v[c] + v[d];
    v[b] = (v[b] ^ v[c]).rotr::<7>();
}

#[inline(always)]
fn sum<L: Lanes32>(a: L, b: Option<L>) -> L {
    match b {
        Some(b) => a + b,
        None => a,
    }
}

/// A round with the first `N` words of the block, the others being zero.
#[inline(always)]
fn round<L: Lanes32, const R: usize, const N: usize>(v: &mut [L; 16], words: &[L; BLOCK_WORDS]) {
    let order = const { ORDER[R] };
    let m = |i: usize| if order[i] < N { Some(words[order[i]]) } else { None };
    mix(v, [0, 4, 8, 12], m(0), m(1));
    mix(v, [1, 5, 9, 13], m(2), m(3));
    mix(v, [2, 6, 10, 14], m(4), m(5));
    mix(v, [3, 7, 11, 15], m(6), m(7));
    mix(v, [0, 5, 10, 15], m(8), m(9));
    mix(v, [1, 6, 11, 12], m(10), m(11));
    mix(v, [2, 7, 8, 13], m(12), m(13));
    mix(v, [3, 4, 9, 14], m(14), m(15));
}

/// What a block is compressed with beside its chaining value and words.
#[derive(Clone, Copy)]
pub struct Tweak<L> {
    pub counter: [L; 2],
    pub length: L,
    pub flags: L,
}

/// The compression function, cut to a chaining value: section 2.2. Words of the block from
/// the `N`th on are zero.
struct Compress<'a, L, const N: usize> {
    cv: &'a mut [L; 8],
    words: &'a [L; BLOCK_WORDS],
    tweak: &'a Tweak<L>,
}

impl<L: Lanes32, const N: usize> Work for Compress<'_, L, N> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Tweak { counter, length, flags } = *self.tweak;
        let mut v = [L::splat(0); 16];
        v[..8].copy_from_slice(self.cv);
        for i in 0..4 {
            v[8 + i] = L::splat(IV[i]);
        }
        (v[12], v[13], v[14], v[15]) = (counter[0], counter[1], length, flags);
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
fn compress<L: Lanes32>(cv: &mut [L; 8], words: &[L; BLOCK_WORDS], tweak: &Tweak<L>) {
    L::outlined(Compress::<L, BLOCK_WORDS> { cv, words, tweak });
}

/// The same for a block of 32 bytes at most.
#[inline(always)]
fn compress_short<L: Lanes32>(cv: &mut [L; 8], words: &[L; BLOCK_WORDS], tweak: &Tweak<L>) {
    L::outlined(Compress::<L, { BLOCK_WORDS / 2 }> { cv, words, tweak });
}

/// The chaining value above each of `LANES` pairs, end to end: section 2.4; the
/// digest of those that are roots.
#[inline(always)]
pub fn parents<L: Lanes32>(mode: &Mode, pairs: &[u8], roots: &[bool], out: &mut [[u8; 32]]) {
    let mut flags = [mode.flags | PARENT; MAX_LANES];
    for (flags, &root) in flags.iter_mut().zip(roots) {
        *flags |= if root { ROOT } else { 0 };
    }
    let tweak = Tweak { flags: L::load(&flags), ..Tweak::even(0, 64, 0) };
    let (mut cv, mut words) = (splat(&mode.key), [L::splat(0); BLOCK_WORDS]);
    load_block(&mut words, pairs, 64, 64, Endian::Little);
    compress(&mut cv, &words, &tweak);
    L::store_digests(cv, out);
}

/// The digest of one whole block in each lane.
#[inline(always)]
pub fn whole<L: Lanes32>(mode: &Mode, words: &[L; BLOCK_WORDS], digest: &mut [L; 8]) {
    let flags = mode.flags | CHUNK_START | CHUNK_END | ROOT;
    *digest = splat(&mode.key);
    compress(digest, words, &Tweak::even(0, 64, flags));
}

/// The digest of 65 bytes in each lane: one whole block, and one byte in `end`.
#[inline(always)]
pub fn of_65<L: Lanes32>(mode: &Mode, words: &[L; BLOCK_WORDS], end: &[L; BLOCK_WORDS], digest: &mut [L; 8]) {
    *digest = splat(&mode.key);
    compress(digest, words, &Tweak::even(0, 64, mode.flags | CHUNK_START));
    compress_short(digest, end, &Tweak::even(0, 1, mode.flags | CHUNK_END | ROOT));
}

/// A chunk's position as two words.
pub const fn counter(position: u64) -> [u32; 2] {
    [position as u32, (position >> 32) as u32]
}

impl<L: Lanes32> Tweak<L> {
    /// The same in each lane.
    #[inline(always)]
    pub fn even(counter: u64, length: u32, flags: u32) -> Self {
        Tweak { counter: splat(&self::counter(counter)), length: L::splat(length), flags: L::splat(flags) }
    }
}

/// A record, or the part of one under a node of its tree.
#[derive(Clone, Copy)]
pub struct Piece<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// The position in the record of its first chunk.
    pub counter: u64,
    /// Whether it is the whole record.
    pub root: bool,
}

impl<'a> Piece<'a> {
    /// All of a record.
    pub const fn whole(bytes: &'a [u8]) -> Self {
        Piece { bytes, counter: 0, root: true }
    }

    /// Its chunks: one at least, which may be empty.
    pub fn chunks(&self) -> impl ExactSizeIterator<Item = Piece<'a>> + use<'a> {
        let Piece { bytes, counter, root } = *self;
        let count = bytes.len().div_ceil(CHUNK).max(1);
        (0..count).map(move |index| Piece {
            bytes: &bytes[index * CHUNK..bytes.len().min((index + 1) * CHUNK)],
            counter: counter + index as u64,
            root: root && count == 1,
        })
    }

    /// The position of its last block, if it is one chunk.
    pub fn last_block(&self) -> usize {
        last_block(self.bytes.len())
    }
}

/// Where chunks of one length lie in their records.
#[derive(Clone, Copy)]
pub struct Place<L> {
    /// The position of each in its record.
    pub counter: [L; 2],
    /// Whether each is a whole record.
    pub root: bool,
}

/// The chaining value of each of `LANES` chunks of `length` bytes, end to end. More
/// may follow: those are asked for.
#[inline(always)]
pub fn chunks_even<L: Lanes32>(
    mode: &Mode,
    chunks: &[u8],
    length: usize,
    place: Place<L>,
    out: &mut [[u8; 32]],
) {
    let Place { counter, root } = place;
    let last = last_block(length);
    let (mut cv, mut words) = (splat::<L, 8>(&mode.key), [L::splat(0); BLOCK_WORDS]);
    let mut tweak = Tweak { counter, ..Tweak::even(0, 64, 0) };
    for block in 0..last {
        prefetch_strided::<L>(chunks, length, block);
        load_block(&mut words, &chunks[64 * block..], length, 64, Endian::Little);
        tweak.flags = L::splat(mode.start(block));
        compress(&mut cv, &words, &tweak);
        prefetch_strided_rest::<L>(chunks, length, block);
    }
    let rest = length - 64 * last;
    prefetch_strided::<L>(chunks, length, last);
    load_block(&mut words, &chunks[64 * last..], length, rest, Endian::Little);
    (tweak.length, tweak.flags) = (L::splat(rest as u32), L::splat(mode.start(last) | end(root)));
    if rest <= 32 {
        compress_short(&mut cv, &words, &tweak);
    } else {
        compress(&mut cv, &words, &tweak);
    }
    prefetch_strided_rest::<L>(chunks, length, last);
    L::store_digests(cv, out);
}

/// The position of the last block of a chunk; an empty one has a block, too.
fn last_block(length: usize) -> usize {
    length.saturating_sub(1) / 64
}

fn end(root: bool) -> u32 {
    if root { CHUNK_END | ROOT } else { CHUNK_END }
}

/// The chaining value of each of `LANES` chunks of any lengths; the digest of
/// those that are roots. Lanes stand still once their chunk is through.
#[inline(always)]
pub fn chunks<L: Lanes32>(mode: &Mode, chunks: &[Piece<'_>], out: &mut [[u8; 32]]) {
    let chunks = &chunks[..L::LANES];
    let mut bytes: [&[u8]; MAX_LANES] = [&[]; MAX_LANES];
    for (bytes, chunk) in bytes.iter_mut().zip(chunks) {
        *bytes = chunk.bytes;
    }
    let mut ends = Ends::<L>::new(chunks);
    let (mut cv, mut words) = (splat::<L, 8>(&mode.key), [L::splat(0); BLOCK_WORDS]);
    let first = chunks.iter().map(Piece::last_block).min().unwrap_or(0);
    let last = chunks.iter().map(Piece::last_block).max().unwrap_or(0);
    for block in 0..first {
        let own = blocks(&bytes[..L::LANES], block);
        load_blocks(&mut words, &own[..L::LANES], Endian::Little);
        let tweak = Tweak { counter: ends.counter, ..Tweak::even(0, 64, mode.start(block)) };
        compress(&mut cv, &words, &tweak);
    }
    for block in first..=last {
        let words = L::load_tails(&tails(&bytes, block)[..L::LANES]);
        let (tweak, active) = ends.tweak(mode, block);
        let mut next = cv;
        compress(&mut next, &words, &tweak);
        for (word, next) in cv.iter_mut().zip(next) {
            *word = active.choose(next, *word);
        }
    }
    L::store_digests(cv, out);
}

/// Where and how each lane's chunk ends.
struct Ends<L> {
    counter: [L; 2],
    /// The last block, the bytes in it, and its flags.
    last: L,
    length: L,
    flags: L,
    /// The lanes whose chunk is not through.
    active: L,
}

impl<L: Lanes32> Ends<L> {
    #[inline(always)]
    fn new(chunks: &[Piece<'_>]) -> Self {
        let mut low = [0; MAX_LANES];
        let (mut high, mut last, mut length, mut flags) = (low, low, low, low);
        for (lane, chunk) in chunks.iter().enumerate() {
            [low[lane], high[lane]] = counter(chunk.counter);
            last[lane] = chunk.last_block() as u32;
            length[lane] = (chunk.bytes.len() - 64 * chunk.last_block()) as u32;
            flags[lane] = end(chunk.root);
        }
        Ends {
            counter: [L::load(&low), L::load(&high)],
            last: L::load(&last),
            length: L::load(&length),
            flags: L::load(&flags),
            active: L::splat(u32::MAX),
        }
    }

    /// What goes with block `block`, and the lanes that have one; asked for in
    /// order.
    #[inline(always)]
    fn tweak(&mut self, mode: &Mode, block: usize) -> (Tweak<L>, L) {
        let ends = self.last.equal(L::splat(block as u32));
        let tweak = Tweak {
            counter: self.counter,
            length: ends.choose(self.length, L::splat(64)),
            flags: (ends & self.flags) | L::splat(mode.start(block)),
        };
        let active = self.active;
        self.active = ends.choose(L::splat(0), active);
        (tweak, active)
    }
}

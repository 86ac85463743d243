//! Digests of many records of any lengths.
//!
//! Records of uniform length are hashed where they lie, a group of lanes at a time. Ragged
//! records are first sorted by their number of blocks, so that the lanes of a group end
//! together. A BLAKE3 record longer than a chunk is split into its chunks, which fill lanes as
//! records do; then the trees of all records are reduced level by level.

use std::borrow::Cow;
use std::ops::Range;

use super::Level;
use super::blake3::{self, CHUNK_LEN, ChunkParams, Mode, NodeInput};
use super::lanes::{Lanes32, MAX_LANES32, Pair, prefetch_for_write};
use super::sha256::{self, Schedule, UniformHasher};
use super::sha256_ni::Sha256Ni;
use crate::threads::Threads;
use crate::{Digest, Hash, Records};

/// The largest task of a thread: enough records to fill lanes with like lengths, few enough
/// bytes to stay in the L2 cache.
const MAX_TASK_RECORDS: usize = 4096;
const MAX_TASK_BYTES: usize = 1 << 18;

/// The smallest task worth handing to another thread.
const MIN_TASK_RECORDS: usize = 1024;
const MIN_TASK_BYTES: usize = 1 << 16;

/// Writes the digest of each record to `out`, on all threads.
pub fn hash_records(level: Level, hash: Hash, records: &Records<'_>, threads: &Threads, out: &mut [Digest]) {
    let mut rest = bytemuck::cast_slice_mut(out);
    let mut tasks = Vec::new();
    let shares = 4 * threads.count();
    let max_records =
        (records.len() / shares).next_multiple_of(MAX_LANES32).clamp(MIN_TASK_RECORDS, MAX_TASK_RECORDS);
    let max_bytes =
        (records.total_bytes() / shares as u64).clamp(MIN_TASK_BYTES as u64, MAX_TASK_BYTES as u64);
    for range in records.chunks(max_records, max_bytes) {
        let (task, after) = rest.split_at_mut(range.len());
        rest = after;
        tasks.push((records.slice(range), task));
    }
    threads.for_each(tasks.into_iter(), |(records, out)| hash_task(level, hash, &records, threads, out));
}

fn hash_task(level: Level, hash: Hash, records: &Records<'_>, threads: &Threads, out: &mut [[u8; 32]]) {
    match hash {
        Hash::Sha256 => sha256_records(level, records, false, Sha256Ni::available(level), out),
        Hash::Sha256d => sha256_records(level, records, true, Sha256Ni::available(level), out),
        Hash::Blake3 => blake3_records(level, &Mode::HASH, records, threads, out),
        Hash::KeyedBlake3(key) => blake3_records(level, &Mode::keyed(&key.0), records, threads, out),
    }
}

dispatch! {
    fn sha256_records(records: &Records<'_>, double: bool, sha_ni: Option<Sha256Ni>, out: &mut [[u8; 32]]) = sha256_lanes::<U32s>
}

#[inline(always)]
fn sha256_lanes<L: Lanes32>(
    records: &Records<'_>,
    double: bool,
    sha_ni: Option<Sha256Ni>,
    out: &mut [[u8; 32]],
) {
    let mut done = 0;
    let use_lanes = sha_ni.is_none_or(|sha_ni| !sha_ni.is_always_faster());
    if use_lanes {
        let mut hasher = UniformHasher::<Pair<L>>::new();
        let lanes = Pair::<L>::LANES;
        let (length, bytes) = (records.length(0), contiguous_bytes(records));
        while let Some((group, next)) = out[done..].split_at_mut_checked(lanes)
            && is_uniform(&records.offsets()[done..=done + lanes], length)
        {
            prefetch_for_write(next, lanes);
            hasher.hash(&bytes[done * length..], length, double, group);
            done += lanes;
        }
    }
    let (records, out) = (records.slice(done..records.len()), &mut out[done..]);
    let order = Order::ascending(out.len(), |index| sha256::last_block_index(records.length(index)));
    let (wide, narrow) = groups::<L>(out.len());
    let mut schedule = Schedule::<Pair<L>>::new();
    for group in wide {
        sha256_group(&records, &order, group, double, sha_ni, &mut schedule, out);
    }
    let mut schedule = Schedule::<L>::new();
    for group in narrow {
        sha256_group(&records, &order, group, double, sha_ni, &mut schedule, out);
    }
}

#[inline(always)]
fn sha256_group<L: Lanes32>(
    records: &Records<'_>,
    order: &Order,
    group: Range<usize>,
    double: bool,
    sha_ni: Option<Sha256Ni>,
    schedule: &mut Schedule<L>,
    out: &mut [[u8; 32]],
) {
    let mut messages: [&[u8]; MAX_LANES32] = [&[]; MAX_LANES32];
    for (lane, message) in messages[..L::LANES].iter_mut().enumerate() {
        // Lanes without a record repeat the last one.
        *message = records.get(order.index((group.start + lane).min(group.end - 1)));
    }
    let mut digests = [[0; 32]; MAX_LANES32];
    let messages_in_use = &messages[..group.len()];
    match sha_ni
        .filter(|sha_ni| sha_ni.is_faster(messages_in_use.iter().map(|message| message.len()), L::LANES))
    {
        Some(sha_ni) => sha_ni.hash(messages_in_use, double, &mut digests),
        None => sha256::hash_ragged(&messages, double, schedule, &mut digests),
    }
    order.scatter(group, &digests, out);
}

/// The length of every record, if they are uniform and not empty.
fn uniform_length(records: &Records<'_>) -> Option<usize> {
    let length = records.length(0);
    is_uniform(records.offsets(), length).then_some(length)
}

/// Whether every record between `offsets` has `length` bytes, and `length` is not zero.
#[inline(always)]
fn is_uniform(offsets: &[u64], length: usize) -> bool {
    let difference =
        offsets.windows(2).fold(0, |difference, pair| difference | ((pair[1] - pair[0]) ^ length as u64));
    difference == 0 && length > 0
}

/// The bytes of all records, in order.
fn contiguous_bytes<'a>(records: &'a Records<'_>) -> &'a [u8] {
    let start = records.offsets()[0] as usize;
    &records.bytes()[start..][..records.total_bytes() as usize]
}

/// The ranges of items that fill a pair of vectors, then those for single vectors. Only the
/// last range may leave lanes empty.
#[inline(always)]
fn groups<L: Lanes32>(
    count: usize,
) -> (impl Iterator<Item = Range<usize>>, impl Iterator<Item = Range<usize>>) {
    let wide = Pair::<L>::LANES;
    let narrow = count - count % wide;
    (
        (0..narrow).step_by(wide).map(move |start| start..start + wide),
        (narrow..count).step_by(L::LANES).map(move |start| start..count.min(start + L::LANES)),
    )
}

/// The order in which items are assigned to lanes.
enum Order {
    Input,
    Sorted(Vec<u32>),
}

impl Order {
    /// Ascending by `key`, stable for keys below 63.
    fn ascending(count: usize, key: impl Fn(usize) -> usize) -> Self {
        if (1..count).all(|index| key(index) == key(0)) {
            return Order::Input;
        }
        // A counting sort. Few items have large keys, and those take long to hash anyway.
        const KEYS: usize = 64;
        let bucket = |index| key(index).min(KEYS - 1);
        let mut starts = [0; KEYS + 1];
        for index in 0..count {
            starts[bucket(index) + 1] += 1;
        }
        for bucket in 0..KEYS {
            starts[bucket + 1] += starts[bucket];
        }
        let large = starts[KEYS - 1];
        let mut order = vec![0; count];
        for index in 0..count {
            let start = &mut starts[bucket(index)];
            order[*start] = index as u32;
            *start += 1;
        }
        order[large..].sort_unstable_by_key(|&index| key(index as usize));
        Order::Sorted(order)
    }

    #[inline(always)]
    fn index(&self, position: usize) -> usize {
        match self {
            Order::Input => position,
            Order::Sorted(order) => order[position] as usize,
        }
    }

    /// Writes the digests of the items at positions `group` to their indices in `out`.
    #[inline(always)]
    fn scatter(&self, group: Range<usize>, digests: &[[u8; 32]; MAX_LANES32], out: &mut [[u8; 32]]) {
        match self {
            Order::Input => out[group.clone()].copy_from_slice(&digests[..group.len()]),
            Order::Sorted(order) => {
                for (&index, digest) in order[group].iter().zip(digests) {
                    out[index as usize] = *digest;
                }
            }
        }
    }
}

fn blake3_records(level: Level, mode: &Mode, records: &Records<'_>, threads: &Threads, out: &mut [[u8; 32]]) {
    if let [digest] = out
        && records.length(0) > MAX_TASK_BYTES
    {
        *digest = hash_long_record(level, mode, records.get(0), threads);
        return;
    }
    match uniform_length(records) {
        Some(length) if length <= CHUNK_LEN => {
            let uniform = UniformChunks {
                bytes: contiguous_bytes(records),
                length,
                first_counter: 0,
                counter_period: 1,
                root: true,
            };
            chunk_cvs(level, mode, Chunks::Uniform(uniform), out);
        }
        Some(length) if length.is_multiple_of(CHUNK_LEN) => {
            let counter_period = length / CHUNK_LEN;
            let uniform = UniformChunks {
                bytes: contiguous_bytes(records),
                length: CHUNK_LEN,
                first_counter: 0,
                counter_period,
                root: false,
            };
            let mut cvs = vec![[0; 32]; out.len() * counter_period];
            chunk_cvs(level, mode, Chunks::Uniform(uniform), &mut cvs);
            let subtree = Subtree { cvs: counter_period, root: true };
            subtree_roots(level, mode, &vec![subtree; out.len()], cvs, out);
        }
        _ => ragged_cvs(level, mode, &records.iter().map(NodeInput::whole).collect::<Vec<_>>(), out),
    }
}

/// The digest of one long record, on all threads.
fn hash_long_record(level: Level, mode: &Mode, record: &[u8], threads: &Threads) -> [u8; 32] {
    let cvs = threads.map(record.chunks(MAX_TASK_BYTES).enumerate(), |(index, bytes)| {
        subtree_cv(level, mode, bytes, index * (MAX_TASK_BYTES / CHUNK_LEN))
    });
    let mut root = [[0; 32]];
    subtree_roots(level, mode, &[Subtree { cvs: cvs.len(), root: true }], cvs, &mut root);
    root[0]
}

/// The chaining value of a subtree: of `bytes`, whose first chunk has counter `first_counter`.
fn subtree_cv(level: Level, mode: &Mode, bytes: &[u8], first_counter: usize) -> [u8; 32] {
    let (whole, rest) = bytes.split_at(bytes.len() - bytes.len() % CHUNK_LEN);
    let mut cvs = vec![[0; 32]; bytes.len().div_ceil(CHUNK_LEN)];
    let whole_chunks = whole.len() / CHUNK_LEN;
    let uniform = UniformChunks {
        bytes: whole,
        length: CHUNK_LEN,
        first_counter,
        counter_period: whole_chunks,
        root: false,
    };
    chunk_cvs(level, mode, Chunks::Uniform(uniform), &mut cvs[..whole_chunks]);
    let rest = NodeInput { bytes: rest, counter: (first_counter + whole_chunks) as u64, root: false };
    chunk_cvs(level, mode, Chunks::Ragged(&[rest]), &mut cvs[whole_chunks..]);
    let mut cv = [[0; 32]];
    subtree_roots(level, mode, &[Subtree { cvs: cvs.len(), root: false }], cvs, &mut cv);
    cv[0]
}

/// The digest of each input that is a root, the chaining value of each other one.
fn ragged_cvs(level: Level, mode: &Mode, inputs: &[NodeInput<'_>], out: &mut [[u8; 32]]) {
    if inputs.iter().all(|input| input.bytes.len() <= CHUNK_LEN) {
        return chunk_cvs(level, mode, Chunks::Ragged(inputs), out);
    }
    let chunks: Vec<_> = inputs.iter().flat_map(NodeInput::chunks).collect();
    let mut cvs = vec![[0; 32]; chunks.len()];
    chunk_cvs(level, mode, Chunks::Ragged(&chunks), &mut cvs);
    let subtree = |input: &NodeInput<'_>| Subtree { cvs: input.chunks().len(), root: input.root };
    subtree_roots(level, mode, &inputs.iter().map(subtree).collect::<Vec<_>>(), cvs, out);
}

/// Consecutive chaining values under one node, and whether that is the root of its record.
#[derive(Clone)]
struct Subtree {
    cvs: usize,
    root: bool,
}

/// Writes the top node of each subtree of `cvs` to `out`. All subtrees are reduced together,
/// level by level, so that their nodes fill the lanes.
fn subtree_roots(
    level: Level,
    mode: &Mode,
    subtrees: &[Subtree],
    mut cvs: Vec<[u8; 32]>,
    out: &mut [[u8; 32]],
) {
    let mut counts: Vec<usize> = subtrees.iter().map(|subtree| subtree.cvs).collect();
    while counts.iter().any(|&count| count > 1) {
        let mut roots = Vec::with_capacity(cvs.len() / 2);
        for (subtree, &count) in subtrees.iter().zip(&counts) {
            roots.resize(roots.len() + count / 2, subtree.root && count == 2);
        }
        let mut nodes = vec![[0; 32]; roots.len()];
        parent_cvs(level, mode, &sibling_pairs(&counts, &cvs), &roots, &mut nodes);
        cvs = next_level(&mut counts, &cvs, nodes);
    }
    out.copy_from_slice(&cvs);
}

fn all_counts_even(counts: &[usize]) -> bool {
    counts.iter().all(|count| count.is_multiple_of(2))
}

/// The sibling pairs of each subtree, without a last node that has no sibling.
fn sibling_pairs<'a>(counts: &[usize], cvs: &'a [[u8; 32]]) -> Cow<'a, [[[u8; 32]; 2]]> {
    if all_counts_even(counts) {
        return Cow::Borrowed(cvs.as_chunks().0);
    }
    let (mut pairs, mut start) = (Vec::with_capacity(cvs.len() / 2), 0);
    for &count in counts {
        pairs.extend_from_slice(cvs[start..][..count].as_chunks().0);
        start += count;
    }
    Cow::Owned(pairs)
}

/// The next level of each subtree: its share of `nodes`, then its last node if that has no
/// sibling. Updates the subtrees' `counts` of nodes.
fn next_level(counts: &mut [usize], mut cvs: &[[u8; 32]], nodes: Vec<[u8; 32]>) -> Vec<[u8; 32]> {
    if all_counts_even(counts) {
        counts.iter_mut().for_each(|count| *count /= 2);
        return nodes;
    }
    let mut next = Vec::with_capacity(nodes.len() + counts.len());
    let mut nodes = &nodes[..];
    for count in counts {
        let (own, cvs_after) = cvs.split_at(*count);
        let (parents, nodes_after) = nodes.split_at(*count / 2);
        next.extend_from_slice(parents);
        next.extend_from_slice(own.as_chunks::<2>().1);
        *count = count.div_ceil(2);
        (cvs, nodes) = (cvs_after, nodes_after);
    }
    next
}

/// Contiguous chunks of one length.
#[derive(Clone, Copy)]
struct UniformChunks<'a> {
    bytes: &'a [u8],
    length: usize,
    /// Chunk i has counter `first_counter + i % counter_period`.
    first_counter: usize,
    counter_period: usize,
    root: bool,
}

impl<'a> UniformChunks<'a> {
    fn chunk(&self, index: usize) -> NodeInput<'a> {
        let bytes = &self.bytes[index * self.length..][..self.length];
        NodeInput {
            bytes,
            counter: (self.first_counter + index % self.counter_period) as u64,
            root: self.root,
        }
    }

    /// Writes the chaining values of the chunks that fill whole groups, and returns their
    /// number.
    #[inline(always)]
    fn full_groups<L: Lanes32>(&self, mode: &Mode, out: &mut [[u8; 32]]) -> usize {
        let mut done = 0;
        while let Some((group, next)) = out[done..].split_at_mut_checked(L::LANES) {
            prefetch_for_write(next, L::LANES);
            let params = ChunkParams { counter: self.counters(done), root: self.root };
            blake3::hash_uniform_chunks::<L>(
                mode,
                &self.bytes[done * self.length..],
                self.length,
                params,
                group,
            );
            done += L::LANES;
        }
        done
    }

    /// The counters of the chunks from `start` on, as low and high words.
    #[inline(always)]
    fn counters<L: Lanes32>(&self, start: usize) -> [L; 2] {
        if self.counter_period == 1 {
            return blake3::counter_words(self.first_counter as u64).map(L::splat);
        }
        let (mut low, mut high) = ([0; MAX_LANES32], [0; MAX_LANES32]);
        let mut position = start % self.counter_period;
        for (low, high) in low.iter_mut().zip(&mut high) {
            [*low, *high] = blake3::counter_words((self.first_counter + position) as u64);
            position = if position + 1 == self.counter_period { 0 } else { position + 1 };
        }
        [L::load(&low), L::load(&high)]
    }
}

/// The chunks to hash.
#[derive(Clone, Copy)]
enum Chunks<'a> {
    Uniform(UniformChunks<'a>),
    Ragged(&'a [NodeInput<'a>]),
}

impl<'a> Chunks<'a> {
    fn get(self, index: usize) -> NodeInput<'a> {
        match self {
            Chunks::Uniform(uniform) => uniform.chunk(index),
            Chunks::Ragged(inputs) => inputs[index],
        }
    }
}

dispatch! {
    fn chunk_cvs(mode: &Mode, chunks: Chunks<'_>, out: &mut [[u8; 32]]) = chunk_lanes::<U32s>
}

#[inline(always)]
fn chunk_lanes<L: Lanes32>(mode: &Mode, chunks: Chunks<'_>, out: &mut [[u8; 32]]) {
    let done = match chunks {
        Chunks::Uniform(uniform) => uniform.full_groups::<Pair<L>>(mode, out),
        Chunks::Ragged(_) => 0,
    };
    let out = &mut out[done..];
    let chunks = |index| chunks.get(done + index);
    let order = Order::ascending(out.len(), |index| chunks(index).last_block_index());
    let (wide, narrow) = groups::<L>(out.len());
    for group in wide {
        chunk_group::<Pair<L>>(mode, &chunks, &order, group, out);
    }
    for group in narrow {
        chunk_group::<L>(mode, &chunks, &order, group, out);
    }
}

#[inline(always)]
fn chunk_group<'a, L: Lanes32>(
    mode: &Mode,
    chunk: &impl Fn(usize) -> NodeInput<'a>,
    order: &Order,
    group: Range<usize>,
    out: &mut [[u8; 32]],
) {
    let mut lanes = [NodeInput::whole(&[]); MAX_LANES32];
    for (lane, input) in lanes[..L::LANES].iter_mut().enumerate() {
        // Lanes without a chunk repeat the last one.
        *input = chunk(order.index((group.start + lane).min(group.end - 1)));
    }
    let mut cvs = [[0; 32]; MAX_LANES32];
    blake3::hash_ragged_chunks::<L>(mode, &lanes, &mut cvs);
    order.scatter(group, &cvs, out);
}

dispatch! {
    fn parent_cvs(mode: &Mode, pairs: &[[[u8; 32]; 2]], roots: &[bool], out: &mut [[u8; 32]]) = parent_lanes::<U32s>
}

#[inline(always)]
fn parent_lanes<L: Lanes32>(mode: &Mode, pairs: &[[[u8; 32]; 2]], roots: &[bool], out: &mut [[u8; 32]]) {
    let lanes = Pair::<L>::LANES;
    let wide = pairs.len() - pairs.len() % lanes;
    for start in (0..wide).step_by(lanes) {
        let range = start..start + lanes;
        let bytes = pairs[range.clone()].as_flattened().as_flattened();
        blake3::hash_parents::<Pair<L>>(mode, bytes, &roots[range.clone()], &mut out[range]);
    }
    for start in (wide..pairs.len()).step_by(L::LANES) {
        let range = start..pairs.len().min(start + L::LANES);
        let (mut filled, mut root) = ([[[0; 32]; 2]; MAX_LANES32], [false; MAX_LANES32]);
        filled[..range.len()].copy_from_slice(&pairs[range.clone()]);
        root[..range.len()].copy_from_slice(&roots[range.clone()]);
        let mut cvs = [[0; 32]; MAX_LANES32];
        blake3::hash_parents::<L>(mode, filled.as_flattened().as_flattened(), &root, &mut cvs);
        out[range.clone()].copy_from_slice(&cvs[..range.len()]);
    }
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use ::blake3::hazmat::HasherExt;

    use super::*;

    /// The `blake3` crate's chaining value of a chunk that is not a root.
    fn expected(chunk: &NodeInput<'_>) -> [u8; 32] {
        let mut hasher = ::blake3::Hasher::new();
        hasher.set_input_offset(chunk.counter * CHUNK_LEN as u64);
        hasher.update(chunk.bytes).finalize_non_root()
    }

    #[test]
    fn counters_carry_into_the_high_word() {
        let bytes: Vec<u8> = (0..70 * CHUNK_LEN).map(|i| (i / 5 % 251) as u8).collect();
        let first_counter = u32::MAX as usize - 35;
        let uniform = UniformChunks {
            bytes: &bytes,
            length: CHUNK_LEN,
            first_counter,
            counter_period: 70,
            root: false,
        };
        let uniform_chunks: Vec<_> = (0..70).map(|index| uniform.chunk(index)).collect();
        let mut ragged = uniform_chunks.clone();
        for (index, chunk) in ragged.iter_mut().enumerate() {
            chunk.bytes = &chunk.bytes[..CHUNK_LEN - 37 * (index % 27)];
        }
        for level in Level::available() {
            for (chunks, inputs) in
                [(Chunks::Uniform(uniform), &uniform_chunks), (Chunks::Ragged(&ragged), &ragged)]
            {
                let mut cvs = vec![[0; 32]; 70];
                chunk_cvs(level, &Mode::HASH, chunks, &mut cvs);
                assert_eq!(cvs, inputs.iter().map(expected).collect::<Vec<_>>(), "{level}");
            }
        }
    }
}

//! Digests of many records of any lengths.
//!
//! Lanes that run together should end together, so the records of a chunk are
//! taken in the order of their numbers of blocks. A BLAKE3 record above one
//! chunk is cut into its chunks, which fill lanes as records do.

use rayon::prelude::*;

use super::Isa;
use super::blake3::{self, CHUNK, Mode, Piece};
use super::lanes::{Lanes32, MAX_LANES, Pair};
use super::sha256::{self, Padding};
use crate::{Digest, Hash, Records};

/// What one thread takes at a time: enough to fill lanes of like lengths, and
/// little enough to stay in the second-level cache.
const RECORDS_AT_ONCE: usize = 4096;
const BYTES_AT_ONCE: usize = 1 << 18;

/// The digest of each record; called in the pool.
pub fn digests(isa: Isa, hash: Hash, records: &Records<'_>, out: &mut [Digest]) {
    let mut rest: &mut [[u8; 32]] = bytemuck::cast_slice_mut(out);
    let mut tasks = Vec::new();
    for range in records.chunks(RECORDS_AT_ONCE, BYTES_AT_ONCE as u64) {
        let (task, after) = rest.split_at_mut(range.len());
        rest = after;
        tasks.push((records.slice(range), task));
    }
    tasks.into_par_iter().for_each(|(records, out)| match hash {
        Hash::Sha256 => sha256_digests(isa, &records, false, out),
        Hash::Sha256d => sha256_digests(isa, &records, true, out),
        Hash::Blake3 => blake3_digests(isa, &Mode::HASH, &records, out),
        Hash::KeyedBlake3(key) => blake3_digests(isa, &Mode::keyed(&key.0), &records, out),
    });
}

dispatch! {
    fn sha256_digests(records: &Records<'_>, double: bool, out: &mut [[u8; 32]]) = sha256_lanes::<U32s>
}

#[inline(always)]
fn sha256_lanes<L: Lanes32>(records: &Records<'_>, double: bool, out: &mut [[u8; 32]]) {
    let order = by_key(records.len(), |index| sha256::last_block(records.length(index)));
    let wide = order.len() - order.len() % Pair::<L>::LANES;
    let (wide, rest) = order.split_at(wide);
    let mut padding = Padding::default();
    for group in wide.chunks_exact(Pair::<L>::LANES) {
        sha256_group::<Pair<L>>(records, group, double, &mut padding, out);
    }
    for group in rest.chunks(L::LANES) {
        sha256_group::<L>(records, group, double, &mut padding, out);
    }
}

#[inline(always)]
fn sha256_group<L: Lanes32>(
    records: &Records<'_>,
    group: &[u32],
    double: bool,
    padding: &mut Padding,
    out: &mut [[u8; 32]],
) {
    let mut messages: [&[u8]; MAX_LANES] = [&[]; MAX_LANES];
    for (lane, message) in messages[..L::LANES].iter_mut().enumerate() {
        // Lanes without a record repeat the last one.
        *message = records.get(group[lane.min(group.len() - 1)] as usize);
    }
    let mut digests = [[0; 32]; MAX_LANES];
    sha256::digests::<L>(&messages, double, padding, &mut digests);
    scatter(&digests, group, out);
}

#[inline(always)]
fn scatter(digests: &[[u8; 32]; MAX_LANES], group: &[u32], out: &mut [[u8; 32]]) {
    for (digest, &index) in digests.iter().zip(group) {
        out[index as usize] = *digest;
    }
}

/// The positions `0..count` in ascending order of their keys.
fn by_key(count: usize, key: impl Fn(usize) -> usize) -> Vec<u32> {
    const KEYS: usize = 64;
    let mut starts = [0u32; KEYS + 1];
    for index in 0..count {
        starts[key(index).min(KEYS - 1) + 1] += 1;
    }
    for k in 0..KEYS {
        starts[k + 1] += starts[k];
    }
    let last = starts[KEYS - 1] as usize;
    let mut order = vec![0; count];
    for index in 0..count {
        let place = &mut starts[key(index).min(KEYS - 1)];
        order[*place as usize] = index as u32;
        *place += 1;
    }
    order[last..].sort_unstable_by_key(|&index| key(index as usize));
    order
}

fn blake3_digests(isa: Isa, mode: &Mode, records: &Records<'_>, out: &mut [[u8; 32]]) {
    let whole = |index| Piece { bytes: records.get(index), counter: 0, root: true };
    if records.len() == 1 && records.length(0) > BYTES_AT_ONCE {
        out[0] = one_digest(isa, mode, records.get(0));
        return;
    }
    let pieces: Vec<_> = (0..records.len()).map(whole).collect();
    piece_values(isa, mode, &pieces, out);
}

/// The digest of one long record, on all threads.
fn one_digest(isa: Isa, mode: &Mode, record: &[u8]) -> [u8; 32] {
    let mut values = vec![[0; 32]; record.len().div_ceil(BYTES_AT_ONCE)];
    values.par_iter_mut().zip(record.par_chunks(BYTES_AT_ONCE)).enumerate().for_each(
        |(index, (value, bytes))| {
            let counter = (index * (BYTES_AT_ONCE / CHUNK)) as u64;
            piece_values(isa, mode, &[Piece { bytes, counter, root: false }], std::slice::from_mut(value));
        },
    );
    let mut root = [[0; 32]];
    tree_values(isa, mode, &[Span { values: values.len(), root: true }], values, &mut root);
    root[0]
}

/// The chaining value of each piece; the digest of those that are roots.
fn piece_values(isa: Isa, mode: &Mode, pieces: &[Piece<'_>], out: &mut [[u8; 32]]) {
    if pieces.iter().all(|piece| piece.bytes.len() <= CHUNK) {
        return chunk_values(isa, mode, pieces, out);
    }
    let chunks: Vec<_> = pieces.iter().flat_map(Piece::chunks).collect();
    let mut values = vec![[0; 32]; chunks.len()];
    chunk_values(isa, mode, &chunks, &mut values);
    let spans: Vec<_> =
        pieces.iter().map(|piece| Span { values: piece.chunks().len(), root: piece.root }).collect();
    tree_values(isa, mode, &spans, values, out);
}

/// Neighbouring chaining values that belong under one node.
struct Span {
    values: usize,
    root: bool,
}

/// The node above each span of `values`; all spans rise together, so that their
/// nodes fill the lanes.
fn tree_values(isa: Isa, mode: &Mode, spans: &[Span], mut values: Vec<[u8; 32]>, out: &mut [[u8; 32]]) {
    let mut lengths: Vec<usize> = spans.iter().map(|span| span.values).collect();
    while lengths.iter().any(|&length| length > 1) {
        let (mut pairs, mut roots) = (Vec::new(), Vec::new());
        let mut start = 0;
        for (span, &length) in spans.iter().zip(&lengths) {
            pairs.extend_from_slice(values[start..][..length].as_chunks::<2>().0);
            roots.resize(pairs.len(), span.root && length == 2);
            start += length;
        }
        let mut nodes = vec![[0; 32]; pairs.len()];
        parent_values(isa, mode, &pairs, &roots, &mut nodes);
        values = rise(&mut lengths, &values, &nodes);
    }
    out.copy_from_slice(&values);
}

/// The next level of each span: its share of `nodes`, and its odd last value.
fn rise(lengths: &mut [usize], values: &[[u8; 32]], nodes: &[[u8; 32]]) -> Vec<[u8; 32]> {
    let (mut values, mut nodes) = (values, nodes);
    let mut next = Vec::with_capacity(values.len() / 2 + lengths.len());
    for length in lengths {
        let (own, values_after) = values.split_at(*length);
        let (above, nodes_after) = nodes.split_at(*length / 2);
        next.extend_from_slice(above);
        next.extend_from_slice(own.as_chunks::<2>().1);
        *length = length.div_ceil(2);
        (values, nodes) = (values_after, nodes_after);
    }
    next
}

dispatch! {
    fn chunk_values(mode: &Mode, chunks: &[Piece<'_>], out: &mut [[u8; 32]]) = chunk_lanes::<U32s>
}

#[inline(always)]
fn chunk_lanes<L: Lanes32>(mode: &Mode, chunks: &[Piece<'_>], out: &mut [[u8; 32]]) {
    let order = by_key(chunks.len(), |index| chunks[index].last_block());
    let wide = order.len() - order.len() % Pair::<L>::LANES;
    let (wide, rest) = order.split_at(wide);
    for group in wide.chunks_exact(Pair::<L>::LANES) {
        chunk_group::<Pair<L>>(mode, chunks, group, out);
    }
    for group in rest.chunks(L::LANES) {
        chunk_group::<L>(mode, chunks, group, out);
    }
}

#[inline(always)]
fn chunk_group<L: Lanes32>(mode: &Mode, chunks: &[Piece<'_>], group: &[u32], out: &mut [[u8; 32]]) {
    let mut lanes = [Piece { bytes: &[], counter: 0, root: false }; MAX_LANES];
    for (lane, chunk) in lanes[..L::LANES].iter_mut().enumerate() {
        // Lanes without a chunk repeat the last one.
        *chunk = chunks[group[lane.min(group.len() - 1)] as usize];
    }
    let mut values = [[0; 32]; MAX_LANES];
    blake3::chunks::<L>(mode, &lanes, &mut values);
    scatter(&values, group, out);
}

dispatch! {
    fn parent_values(mode: &Mode, pairs: &[[[u8; 32]; 2]], roots: &[bool], out: &mut [[u8; 32]]) = parent_lanes::<U32s>
}

#[inline(always)]
fn parent_lanes<L: Lanes32>(mode: &Mode, pairs: &[[[u8; 32]; 2]], roots: &[bool], out: &mut [[u8; 32]]) {
    let groups = pairs.chunks(L::LANES).zip(roots.chunks(L::LANES)).zip(out.chunks_mut(L::LANES));
    for ((pairs, roots), out) in groups {
        let mut blocks = [&[0; 64]; MAX_LANES];
        let mut root = [false; MAX_LANES];
        for (lane, pair) in pairs.iter().enumerate() {
            blocks[lane] = bytemuck::cast_ref(pair);
            root[lane] = roots[lane];
        }
        let mut values = [[0; 32]; MAX_LANES];
        blake3::parents::<L>(mode, &blocks, &root, &mut values);
        out.copy_from_slice(&values[..out.len()]);
    }
}

//! Digests of many records of any lengths.
//!
//! Lanes that run together should end together, so the records of a chunk are
//! taken in the order of their numbers of blocks. A BLAKE3 record above one
//! chunk is cut into its chunks, which fill lanes as records do.

use std::borrow::Cow;
use std::ops::Range;

use super::Isa;
use super::blake3::{self, CHUNK, Mode, Piece, Place};
use super::lanes::{Lanes32, MAX_LANES, Pair, prefetch_room};
use super::sha256::{self, Even, Schedule};
use super::streams::Streams;
use crate::threads::Threads;
use crate::{Digest, Hash, Records};

/// The most that a thread takes at a time: enough to fill lanes with like
/// lengths, and little enough to stay in the second-level cache.
const RECORDS_AT_ONCE: usize = 4096;
const BYTES_AT_ONCE: usize = 1 << 18;

/// The least that is worth handing to another thread.
const MIN_RECORDS: usize = 1024;
const MIN_BYTES: usize = 1 << 16;

/// The digest of each record.
pub fn digests(isa: Isa, hash: Hash, records: &Records<'_>, threads: &Threads, out: &mut [Digest]) {
    let mut rest = bytemuck::cast_slice_mut(out);
    let mut tasks = Vec::new();
    let shares = 4 * threads.count();
    let most_records =
        (records.len() / shares).next_multiple_of(MAX_LANES).clamp(MIN_RECORDS, RECORDS_AT_ONCE);
    let most_bytes = (records.total_bytes() / shares as u64).clamp(MIN_BYTES as u64, BYTES_AT_ONCE as u64);
    for range in records.chunks(most_records, most_bytes) {
        let (task, after) = rest.split_at_mut(range.len());
        rest = after;
        tasks.push((records.slice(range), task));
    }
    threads.each(tasks.into_iter(), |(records, out)| digests_of_task(isa, hash, &records, threads, out));
}

fn digests_of_task(isa: Isa, hash: Hash, records: &Records<'_>, threads: &Threads, out: &mut [[u8; 32]]) {
    match hash {
        Hash::Sha256 => sha256_digests(isa, records, false, Streams::beside(isa), out),
        Hash::Sha256d => sha256_digests(isa, records, true, Streams::beside(isa), out),
        Hash::Blake3 => blake3_digests(isa, &Mode::HASH, records, threads, out),
        Hash::KeyedBlake3(key) => blake3_digests(isa, &Mode::keyed(&key.0), records, threads, out),
    }
}

dispatch! {
    fn sha256_digests(records: &Records<'_>, double: bool, streams: Option<Streams>, out: &mut [[u8; 32]]) = sha256_lanes::<U32s>
}

#[inline(always)]
fn sha256_lanes<L: Lanes32>(
    records: &Records<'_>,
    double: bool,
    streams: Option<Streams>,
    out: &mut [[u8; 32]],
) {
    let mut done = 0;
    let lanes_win = streams.is_none_or(|streams| !streams.always());
    if lanes_win {
        let mut even_messages = Even::<Pair<L>>::new();
        let lanes = Pair::<L>::LANES;
        let (length, joined) = (records.length(0), joined(records));
        while let Some((group, next)) = out[done..].split_at_mut_checked(lanes)
            && even(&records.offsets()[done..=done + lanes], length)
        {
            prefetch_room(next, lanes);
            even_messages.digests(&joined[done * length..], length, double, group);
            done += lanes;
        }
    }
    let (records, out) = (records.slice(done..records.len()), &mut out[done..]);
    let order = Order::by(out.len(), |index| sha256::last_block(records.length(index)));
    let (wide, narrow) = groups::<L>(out.len());
    let mut schedule = Schedule::<Pair<L>>::new();
    for group in wide {
        sha256_group(&records, &order, group, double, streams, &mut schedule, out);
    }
    let mut schedule = Schedule::<L>::new();
    for group in narrow {
        sha256_group(&records, &order, group, double, streams, &mut schedule, out);
    }
}

#[inline(always)]
fn sha256_group<L: Lanes32>(
    records: &Records<'_>,
    order: &Order,
    group: Range<usize>,
    double: bool,
    streams: Option<Streams>,
    schedule: &mut Schedule<L>,
    out: &mut [[u8; 32]],
) {
    let mut messages: [&[u8]; MAX_LANES] = [&[]; MAX_LANES];
    for (lane, message) in messages[..L::LANES].iter_mut().enumerate() {
        // Lanes without a record repeat the last one.
        *message = records.get(order.at((group.start + lane).min(group.end - 1)));
    }
    let mut digests = [[0; 32]; MAX_LANES];
    let own = &messages[..group.len()];
    match streams.filter(|streams| streams.win(own.iter().map(|message| message.len()), L::LANES)) {
        Some(streams) => streams.digests(own, double, &mut digests),
        None => sha256::digests(&messages, double, schedule, &mut digests),
    }
    order.scatter(group, &digests, out);
}

/// The length of every record, if they have one in common and it is not zero.
fn even_length(records: &Records<'_>) -> Option<usize> {
    let length = records.length(0);
    even(records.offsets(), length).then_some(length)
}

/// Whether every record between `offsets` has this length, and it is not zero.
#[inline(always)]
fn even(offsets: &[u64], length: usize) -> bool {
    let unlike = offsets.windows(2).fold(0, |unlike, pair| unlike | ((pair[1] - pair[0]) ^ length as u64));
    unlike == 0 && length > 0
}

/// The bytes of all records.
fn joined<'a>(records: &'a Records<'_>) -> &'a [u8] {
    let start = records.offsets()[0] as usize;
    &records.bytes()[start..][..records.total_bytes() as usize]
}

/// Ranges that fill the lanes of a pair, and those that are left for single
/// vectors, of which only the last may leave lanes empty.
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

/// The order in which lanes take items.
enum Order {
    AsTheyCome,
    Sorted(Vec<u32>),
}

impl Order {
    /// Ascending by `key`.
    fn by(count: usize, key: impl Fn(usize) -> usize) -> Self {
        if (1..count).all(|index| key(index) == key(0)) {
            return Order::AsTheyCome;
        }
        // By counting; the few items with large keys take long enough anyway.
        const KEYS: usize = 64;
        let bucket = |index| key(index).min(KEYS - 1);
        let mut places = [0; KEYS + 1];
        for index in 0..count {
            places[bucket(index) + 1] += 1;
        }
        for bucket in 0..KEYS {
            places[bucket + 1] += places[bucket];
        }
        let large = places[KEYS - 1];
        let mut order = vec![0; count];
        for index in 0..count {
            let place = &mut places[bucket(index)];
            order[*place] = index as u32;
            *place += 1;
        }
        order[large..].sort_unstable_by_key(|&index| key(index as usize));
        Order::Sorted(order)
    }

    #[inline(always)]
    fn at(&self, place: usize) -> usize {
        match self {
            Order::AsTheyCome => place,
            Order::Sorted(order) => order[place] as usize,
        }
    }

    /// Puts each digest where its item stands.
    #[inline(always)]
    fn scatter(&self, group: Range<usize>, digests: &[[u8; 32]; MAX_LANES], out: &mut [[u8; 32]]) {
        match self {
            Order::AsTheyCome => out[group.clone()].copy_from_slice(&digests[..group.len()]),
            Order::Sorted(order) => {
                for (&index, digest) in order[group].iter().zip(digests) {
                    out[index as usize] = *digest;
                }
            }
        }
    }
}

fn blake3_digests(isa: Isa, mode: &Mode, records: &Records<'_>, threads: &Threads, out: &mut [[u8; 32]]) {
    if let [only] = out
        && records.length(0) > BYTES_AT_ONCE
    {
        *only = one_digest(isa, mode, records.get(0), threads);
        return;
    }
    match even_length(records) {
        Some(length) if length <= CHUNK => {
            let run = Run { bytes: joined(records), length, first: 0, cycle: 1, root: true };
            chunk_values(isa, mode, Chunks::Run(run), out);
        }
        Some(length) if length.is_multiple_of(CHUNK) => {
            let cycle = length / CHUNK;
            let run = Run { bytes: joined(records), length: CHUNK, first: 0, cycle, root: false };
            let mut values = vec![[0; 32]; out.len() * cycle];
            chunk_values(isa, mode, Chunks::Run(run), &mut values);
            let span = Span { values: cycle, root: true };
            tree_values(isa, mode, &vec![span; out.len()], values, out);
        }
        _ => piece_values(isa, mode, &records.iter().map(Piece::whole).collect::<Vec<_>>(), out),
    }
}

/// The digest of one long record, on all threads.
fn one_digest(isa: Isa, mode: &Mode, record: &[u8], threads: &Threads) -> [u8; 32] {
    let values = threads.map(record.chunks(BYTES_AT_ONCE).enumerate(), |(index, bytes)| {
        part_value(isa, mode, bytes, index * (BYTES_AT_ONCE / CHUNK))
    });
    let mut root = [[0; 32]];
    tree_values(isa, mode, &[Span { values: values.len(), root: true }], values, &mut root);
    root[0]
}

/// The chaining value of a part of a record, from chunk `first` on.
fn part_value(isa: Isa, mode: &Mode, bytes: &[u8], first: usize) -> [u8; 32] {
    let (whole, rest) = bytes.split_at(bytes.len() - bytes.len() % CHUNK);
    let mut values = vec![[0; 32]; bytes.len().div_ceil(CHUNK)];
    let cycle = whole.len() / CHUNK;
    let run = Run { bytes: whole, length: CHUNK, first, cycle, root: false };
    chunk_values(isa, mode, Chunks::Run(run), &mut values[..cycle]);
    let rest = Piece { bytes: rest, counter: (first + cycle) as u64, root: false };
    chunk_values(isa, mode, Chunks::Pieces(&[rest]), &mut values[cycle..]);
    let mut value = [[0; 32]];
    tree_values(isa, mode, &[Span { values: values.len(), root: false }], values, &mut value);
    value[0]
}

/// The digest of each piece.
fn piece_values(isa: Isa, mode: &Mode, pieces: &[Piece<'_>], out: &mut [[u8; 32]]) {
    if pieces.iter().all(|piece| piece.bytes.len() <= CHUNK) {
        return chunk_values(isa, mode, Chunks::Pieces(pieces), out);
    }
    let chunks: Vec<_> = pieces.iter().flat_map(Piece::chunks).collect();
    let mut values = vec![[0; 32]; chunks.len()];
    chunk_values(isa, mode, Chunks::Pieces(&chunks), &mut values);
    let span = |piece: &Piece<'_>| Span { values: piece.chunks().len(), root: piece.root };
    tree_values(isa, mode, &pieces.iter().map(span).collect::<Vec<_>>(), values, out);
}

/// Neighbouring chaining values that belong under one node.
#[derive(Clone)]
struct Span {
    values: usize,
    root: bool,
}

/// The node above each span of `values`; all spans rise together, so that their
/// nodes fill the lanes.
fn tree_values(isa: Isa, mode: &Mode, spans: &[Span], mut values: Vec<[u8; 32]>, out: &mut [[u8; 32]]) {
    let mut lengths: Vec<usize> = spans.iter().map(|span| span.values).collect();
    while lengths.iter().any(|&length| length > 1) {
        let mut roots = Vec::with_capacity(values.len() / 2);
        for (span, &length) in spans.iter().zip(&lengths) {
            roots.resize(roots.len() + length / 2, span.root && length == 2);
        }
        let mut nodes = vec![[0; 32]; roots.len()];
        parent_values(isa, mode, &pairs(&lengths, &values), &roots, &mut nodes);
        values = rise(&mut lengths, &values, nodes);
    }
    out.copy_from_slice(&values);
}

fn all_even(lengths: &[usize]) -> bool {
    lengths.iter().all(|length| length.is_multiple_of(2))
}

/// The pairs of each span, without its odd last value.
fn pairs<'a>(lengths: &[usize], values: &'a [[u8; 32]]) -> Cow<'a, [[[u8; 32]; 2]]> {
    if all_even(lengths) {
        return Cow::Borrowed(values.as_chunks().0);
    }
    let (mut pairs, mut start) = (Vec::with_capacity(values.len() / 2), 0);
    for &length in lengths {
        pairs.extend_from_slice(values[start..][..length].as_chunks().0);
        start += length;
    }
    Cow::Owned(pairs)
}

/// The next level of each span: its share of `nodes`, and its odd last value.
fn rise(lengths: &mut [usize], mut values: &[[u8; 32]], nodes: Vec<[u8; 32]>) -> Vec<[u8; 32]> {
    if all_even(lengths) {
        lengths.iter_mut().for_each(|length| *length /= 2);
        return nodes;
    }
    let mut next = Vec::with_capacity(nodes.len() + lengths.len());
    let mut nodes = &nodes[..];
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

/// Chunks of one length, end to end.
#[derive(Clone, Copy)]
struct Run<'a> {
    bytes: &'a [u8],
    length: usize,
    /// Chunks count from `first`, and begin again after `cycle` of them.
    first: usize,
    cycle: usize,
    root: bool,
}

impl<'a> Run<'a> {
    fn chunk(&self, index: usize) -> Piece<'a> {
        let bytes = &self.bytes[index * self.length..][..self.length];
        Piece { bytes, counter: (self.first + index % self.cycle) as u64, root: self.root }
    }

    /// The chaining values of the groups that fill the lanes, and how many
    /// chunks those are.
    #[inline(always)]
    fn values<L: Lanes32>(&self, mode: &Mode, out: &mut [[u8; 32]]) -> usize {
        let mut done = 0;
        while let Some((group, next)) = out[done..].split_at_mut_checked(L::LANES) {
            prefetch_room(next, L::LANES);
            let place = Place { counter: self.counters(done), root: self.root };
            blake3::chunks_even::<L>(mode, &self.bytes[done * self.length..], self.length, place, group);
            done += L::LANES;
        }
        done
    }

    /// The positions in their records of the chunks from `start` on, in two words.
    #[inline(always)]
    fn counters<L: Lanes32>(&self, start: usize) -> [L; 2] {
        if self.cycle == 1 {
            return blake3::counter(self.first as u64).map(L::splat);
        }
        let (mut low, mut high) = ([0; MAX_LANES], [0; MAX_LANES]);
        let mut position = start % self.cycle;
        for (low, high) in low.iter_mut().zip(&mut high) {
            [*low, *high] = blake3::counter((self.first + position) as u64);
            position = if position + 1 == self.cycle { 0 } else { position + 1 };
        }
        [L::load(&low), L::load(&high)]
    }
}

/// What lanes take chunks from.
#[derive(Clone, Copy)]
enum Chunks<'a> {
    Run(Run<'a>),
    Pieces(&'a [Piece<'a>]),
}

impl<'a> Chunks<'a> {
    fn get(self, index: usize) -> Piece<'a> {
        match self {
            Chunks::Run(run) => run.chunk(index),
            Chunks::Pieces(pieces) => pieces[index],
        }
    }
}

dispatch! {
    fn chunk_values(mode: &Mode, chunks: Chunks<'_>, out: &mut [[u8; 32]]) = chunk_lanes::<U32s>
}

#[inline(always)]
fn chunk_lanes<L: Lanes32>(mode: &Mode, chunks: Chunks<'_>, out: &mut [[u8; 32]]) {
    let done = match chunks {
        Chunks::Run(run) => run.values::<Pair<L>>(mode, out),
        Chunks::Pieces(_) => 0,
    };
    let out = &mut out[done..];
    let chunks = |index| chunks.get(done + index);
    let order = Order::by(out.len(), |index| chunks(index).last_block());
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
    chunk: &impl Fn(usize) -> Piece<'a>,
    order: &Order,
    group: Range<usize>,
    out: &mut [[u8; 32]],
) {
    let mut lanes = [Piece::whole(&[]); MAX_LANES];
    for (lane, piece) in lanes[..L::LANES].iter_mut().enumerate() {
        // Lanes without a chunk repeat the last one.
        *piece = chunk(order.at((group.start + lane).min(group.end - 1)));
    }
    let mut values = [[0; 32]; MAX_LANES];
    blake3::chunks::<L>(mode, &lanes, &mut values);
    order.scatter(group, &values, out);
}

dispatch! {
    fn parent_values(mode: &Mode, pairs: &[[[u8; 32]; 2]], roots: &[bool], out: &mut [[u8; 32]]) = parent_lanes::<U32s>
}

#[inline(always)]
fn parent_lanes<L: Lanes32>(mode: &Mode, pairs: &[[[u8; 32]; 2]], roots: &[bool], out: &mut [[u8; 32]]) {
    let lanes = Pair::<L>::LANES;
    let wide = pairs.len() - pairs.len() % lanes;
    for start in (0..wide).step_by(lanes) {
        let range = start..start + lanes;
        let bytes = pairs[range.clone()].as_flattened().as_flattened();
        blake3::parents::<Pair<L>>(mode, bytes, &roots[range.clone()], &mut out[range]);
    }
    for start in (wide..pairs.len()).step_by(L::LANES) {
        let range = start..pairs.len().min(start + L::LANES);
        let (mut filled, mut root) = ([[[0; 32]; 2]; MAX_LANES], [false; MAX_LANES]);
        filled[..range.len()].copy_from_slice(&pairs[range.clone()]);
        root[..range.len()].copy_from_slice(&roots[range.clone()]);
        let mut values = [[0; 32]; MAX_LANES];
        blake3::parents::<L>(mode, filled.as_flattened().as_flattened(), &root, &mut values);
        out[range.clone()].copy_from_slice(&values[..range.len()]);
    }
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use ::blake3::hazmat::HasherExt;

    use super::*;

    /// The crate's chaining value of a chunk that is not a root.
    fn expected(chunk: &Piece<'_>) -> [u8; 32] {
        let mut hasher = ::blake3::Hasher::new();
        hasher.set_input_offset(chunk.counter * CHUNK as u64);
        hasher.update(chunk.bytes).finalize_non_root()
    }

    #[test]
    fn counters_carry_into_the_high_word() {
        let bytes: Vec<u8> = (0..70 * CHUNK).map(|i| (i / 5 % 251) as u8).collect();
        let first = u32::MAX as usize - 35;
        let run = Run { bytes: &bytes, length: CHUNK, first, cycle: 70, root: false };
        let even: Vec<_> = (0..70).map(|index| run.chunk(index)).collect();
        let mut unlike = even.clone();
        for (index, chunk) in unlike.iter_mut().enumerate() {
            chunk.bytes = &chunk.bytes[..CHUNK - 37 * (index % 27)];
        }
        for isa in Isa::available() {
            for (chunks, pieces) in [(Chunks::Run(run), &even), (Chunks::Pieces(&unlike), &unlike)] {
                let mut values = vec![[0; 32]; 70];
                chunk_values(isa, &Mode::HASH, chunks, &mut values);
                assert_eq!(values, pieces.iter().map(expected).collect::<Vec<_>>(), "{isa}");
            }
        }
    }
}

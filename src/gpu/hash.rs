//! Digests of records: chunks of the column go up, digests come down.
//!
//! SHA-256 takes a lane for each record. BLAKE3 takes a lane for each 1,024-byte
//! chunk, and the chunks of longer records are merged level by level, so a single
//! long record uses the whole device. A record above the chunk size is hashed
//! piece by piece.

use std::ops::Range;

use bytemuck::{Pod, Zeroable};

use super::buffers::{Buffer, copy};
use super::command_list::{Batch, pipelined};
use super::device::Device;
use super::shader::{Kernel, lib};
use crate::hash::sha256::INITIAL;
use crate::{Digest, Fault, Hash, Records};

pub(super) static SHA256: Kernel = Kernel {
    name: "hash_sha256",
    sources: &[
        lib::GRID,
        lib::DIGEST,
        lib::SHA256,
        lib::RECORDS,
        lib::BYTES_ANY,
        include_str!("../../shaders/hash_sha256_ragged.wgsl"),
    ],
};

pub(super) static SHA256_ALIGNED: Kernel = Kernel {
    name: "hash_sha256_aligned",
    sources: &[
        lib::GRID,
        lib::DIGEST,
        lib::SHA256,
        lib::RECORDS,
        lib::BYTES_ALIGNED,
        include_str!("../../shaders/hash_sha256_ragged.wgsl"),
    ],
};

pub(super) static BLAKE3: Kernel = Kernel {
    name: "hash_blake3",
    sources: &[
        lib::GRID,
        lib::DIGEST,
        lib::BLAKE3,
        lib::RECORDS,
        lib::BYTES_ANY,
        include_str!("../../shaders/hash_blake3_ragged.wgsl"),
    ],
};

pub(super) static BLAKE3_ALIGNED: Kernel = Kernel {
    name: "hash_blake3_aligned",
    sources: &[
        lib::GRID,
        lib::DIGEST,
        lib::BLAKE3,
        lib::RECORDS,
        lib::BYTES_ALIGNED,
        include_str!("../../shaders/hash_blake3_ragged.wgsl"),
    ],
};

pub(super) static SHA256_SHORT: Kernel = Kernel {
    name: "hash_sha256_short",
    sources: &[
        lib::GRID,
        lib::DIGEST,
        lib::SHA256,
        lib::SHORT_RECORDS,
        include_str!("../../shaders/hash_sha256_uniform.wgsl"),
    ],
};

pub(super) static BLAKE3_SHORT: Kernel = Kernel {
    name: "hash_blake3_short",
    sources: &[
        lib::GRID,
        lib::DIGEST,
        lib::BLAKE3,
        lib::SHORT_RECORDS,
        include_str!("../../shaders/hash_blake3_uniform.wgsl"),
    ],
};

pub(super) static BLAKE3_MERGE: Kernel = Kernel {
    name: "blake3_merge",
    sources: &[lib::GRID, lib::DIGEST, lib::BLAKE3, include_str!("../../shaders/blake3_merge.wgsl")],
};

pub(super) static GATHER: Kernel =
    Kernel { name: "gather", sources: &[lib::GRID, lib::DIGEST, include_str!("../../shaders/gather.wgsl")] };

/// Lanes in a workgroup of each of these kernels.
const LANES: u32 = 64;

/// Bytes of a BLAKE3 chunk.
const CHUNK: usize = 1024;

/// Marks the number of a chunk that is a whole record, and the merge that ends one.
const ROOT: u32 = 1 << 31;

/// SHA-256 blocks of one record in one dispatch: a few milliseconds.
const BLOCKS: u32 = 2048;

/// How BLAKE3 starts: its mode's flags and the key, or the standard's initial value.
#[derive(Clone, Copy)]
pub(super) struct Mode {
    pub flags: u32,
    pub key: [u32; 8],
}

impl Mode {
    /// BLAKE3's mode for `hash`; SHA-256 has no use for it.
    pub fn of(hash: Hash) -> Self {
        /// The BLAKE3 paper, table 3.
        const KEYED_HASH: u32 = 16;
        match hash {
            Hash::KeyedBlake3(key) => {
                let word = |i: usize| u32::from_le_bytes(std::array::from_fn(|j| key.0[4 * i + j]));
                Mode { flags: KEYED_HASH, key: std::array::from_fn(word) }
            }
            Hash::Sha256 | Hash::Sha256d | Hash::Blake3 => Mode { flags: 0, key: INITIAL },
        }
    }
}

/// The parameters of `shaders/lib/ragged_records.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Params {
    count: u32,
    width: u32,
    ordered: u32,
    first_block: u32,
    end_block: u32,
    before: [u32; 2],
    open: u32,
    flags: u32,
    chunked: u32,
    align: [u32; 2],
    key: [u32; 8],
}

/// The parameters of `shaders/lib/uniform_records.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Short {
    count: u32,
    width: u32,
    flags: u32,
    align: u32,
    key: [u32; 8],
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Merge {
    first: u32,
    count: u32,
    distance: u32,
    flags: u32,
    key: [u32; 8],
}

/// The digest of each record.
pub(super) fn hash(
    device: &Device,
    hash: Hash,
    records: &Records<'_>,
    out: &mut [Digest],
    chunk_bytes: u64,
) -> Result<(), Fault> {
    let Chunks { size, short, long } = Chunks::of(device, records, chunk_bytes);
    let start = |range: &Range<usize>| {
        let mut batch = device.batch();
        let digests = digests(&mut batch, device, hash, &records.slice(range.clone()))?;
        batch.read_back(&digests);
        batch.submit()
    };
    pipelined(short.into_iter(), start, |range, bytes| {
        copy(bytes, bytemuck::cast_slice_mut(&mut out[range]))
    })?;
    for index in long {
        out[index] = long_digest(device, hash, records.get(index), size)?;
    }
    Ok(())
}

/// How a column is cut.
pub(super) struct Chunks {
    /// The most bytes of a chunk.
    pub size: usize,
    /// The chunks.
    pub short: Vec<Range<usize>>,
    /// The records that are longer than a chunk.
    pub long: Vec<usize>,
}

impl Chunks {
    pub fn of(device: &Device, records: &Records<'_>, chunk_bytes: u64) -> Self {
        let size = chunk_size(device, chunk_bytes);
        let ranges = records.chunks(size / 16, size as u64);
        let (long, short): (Vec<_>, _) = ranges.partition(|range| records.length(range.start) > size);
        Chunks { size, short, long: long.into_iter().map(|range| range.start).collect() }
    }
}

/// The bytes of a chunk of the column: a power of two, so that the pieces of a
/// long record are whole subtrees.
fn chunk_size(device: &Device, chunk_bytes: u64) -> usize {
    /// Large enough for any device to be busy, small enough to overlap its upload.
    const BEST: u64 = 64 << 20;
    let most = (device.limits.max_storage_buffer_binding_size / 2).min(BEST).min(chunk_bytes);
    1 << most.max(CHUNK as u64).ilog2()
}

fn is_blake3(hash: Hash) -> bool {
    matches!(hash, Hash::Blake3 | Hash::KeyedBlake3(_))
}

/// The digests of the records of one chunk, which are uploaded.
pub(super) fn digests<'d>(
    batch: &mut Batch<'d>,
    device: &'d Device,
    hash: Hash,
    records: &Records<'_>,
) -> Result<Buffer<'d>, Fault> {
    let bytes = batch.upload(&records.bytes()[range_of(records)])?;
    if is_blake3(hash) && (0..records.len()).any(|index| records.length(index) > CHUNK) {
        let (items, tree) = Tree::over(records, true);
        let values = blake3_chunks(batch, device, hash, &items, &bytes, 0)?;
        tree.merge(batch, hash, &values)?;
        return tree.gather(batch, device, &values);
    }
    whole_records(batch, device, hash, &Items::records(records), &bytes)
}

/// The digests of records that a lane hashes from one end to the other.
pub(super) fn whole_records<'d>(
    batch: &mut Batch<'d>,
    device: &'d Device,
    hash: Hash,
    items: &Items,
    bytes: &Buffer<'d>,
) -> Result<Buffer<'d>, Fault> {
    if is_blake3(hash) && !items.short() {
        return blake3_chunks(batch, device, hash, items, bytes, 0);
    }
    let digests = device.storage(32 * u64::from(items.count))?;
    if items.short() {
        short(batch, hash, items, bytes, &digests)?;
    } else {
        sha256(batch, hash, items, bytes, &digests, Piece::WHOLE)?;
    }
    Ok(digests)
}

/// The digests of records of one width, of 16, 32, 48 or 64 bytes.
fn short<'d>(
    batch: &mut Batch<'d>,
    hash: Hash,
    items: &Items,
    bytes: &Buffer<'d>,
    digests: &Buffer<'d>,
) -> Result<(), Fault> {
    let Mode { flags, key } = Mode::of(hash);
    let width = items.width.expect("short records have one width");
    let params = Short { count: items.count, width, flags, align: 0, key };
    let groups = items.count.div_ceil(LANES);
    if is_blake3(hash) {
        return batch.dispatch(&BLAKE3_SHORT, &[], &[bytes, digests], &params, groups);
    }
    let twice = ("TWICE", u32::from(hash == Hash::Sha256d));
    batch.dispatch(&SHA256_SHORT, &[twice], &[bytes, digests], &params, groups)
}

fn range_of(records: &Records<'_>) -> Range<usize> {
    let offsets = records.offsets();
    offsets[0] as usize..offsets[records.len()] as usize
}

/// What lanes hash: records, or the chunks of long ones.
pub(super) struct Items {
    count: u32,
    /// The length of each, if they are all equal.
    width: Option<u32>,
    /// Otherwise, where each begins and the last one ends.
    offsets: Vec<u32>,
    /// In which order lanes take them, if not as they come.
    order: Option<Vec<u32>>,
    /// The number of each chunk in its record; none where all are whole records.
    numbers: Option<Vec<u32>>,
}

impl Items {
    fn records(records: &Records<'_>) -> Self {
        let (start, count) = (records.offsets()[0], records.len() as u32);
        let width = records.length(0);
        if records.offsets().windows(2).all(|pair| (pair[1] - pair[0]) as usize == width) {
            return Items::fixed(count, width as u32);
        }
        Items::listed(records.offsets().iter().map(|offset| (offset - start) as u32).collect())
    }

    pub fn fixed(count: u32, width: u32) -> Self {
        Items { count, width: Some(width), offsets: Vec::new(), order: None, numbers: None }
    }

    fn listed(offsets: Vec<u32>) -> Self {
        let (count, order) = (offsets.len() as u32 - 1, order(&offsets));
        Items { count, width: None, offsets, order, numbers: None }
    }

    /// Whether lanes may read them directly: see `shaders/lib/uniform_records.wgsl`.
    fn short(&self) -> bool {
        self.width.is_some_and(|width| (16..=64).contains(&width) && width % 16 == 0)
    }

    /// Whether every item begins at a multiple of 16 bytes.
    fn aligned(&self) -> bool {
        match self.width {
            Some(width) => width % 16 == 0 || self.count == 1,
            None => self.offsets[..self.count as usize].iter().all(|offset| offset % 16 == 0),
        }
    }

    /// Blocks of the longest item, with room for SHA-256's padding.
    fn most_blocks(&self) -> u32 {
        let lengths = self.offsets.windows(2).map(|pair| pair[1] - pair[0]);
        (lengths.chain(self.width).max().unwrap_or(0) + 8) / 64 + 1
    }

    fn params(&self, mode: Mode) -> Params {
        Params {
            count: self.count,
            width: self.width.unwrap_or(u32::MAX),
            ordered: u32::from(self.order.is_some()),
            first_block: 0,
            end_block: u32::MAX,
            before: [0; 2],
            open: 0,
            flags: mode.flags,
            chunked: u32::from(self.numbers.is_some()),
            align: [0; 2],
            key: mode.key,
        }
    }

    /// The offsets and the order on the device; `bytes` stand in where lanes do not look.
    fn upload<'d>(&self, batch: &mut Batch<'d>) -> Result<[Option<Buffer<'d>>; 3], Fault> {
        let offsets = self.width.is_none().then_some(&self.offsets);
        let lists = [offsets, self.order.as_ref(), self.numbers.as_ref()];
        let mut uploaded = [None, None, None];
        for (place, list) in uploaded.iter_mut().zip(lists) {
            *place = list.map(|list| batch.upload(bytemuck::cast_slice(list))).transpose()?;
        }
        Ok(uploaded)
    }
}

/// The items by falling number of blocks, if taking them as they come would leave
/// more than a quarter of the lanes idle: a workgroup waits for its longest item.
fn order(offsets: &[u32]) -> Option<Vec<u32>> {
    /// Items of more blocks than this share a place.
    const PLACES: usize = 1024;
    let lengths = offsets.windows(2).map(|pair| pair[1] - pair[0]);
    let blocks: Vec<u32> = lengths.map(|length| length / 64 + 1).collect();
    let used: u64 = blocks.iter().copied().map(u64::from).sum();
    let longest = |group: &[u32]| u64::from(group.iter().copied().max().unwrap_or(0)) * group.len() as u64;
    let taken: u64 = blocks.chunks(LANES as usize).map(longest).sum();
    if used * 4 >= taken * 3 {
        return None;
    }
    let place = |blocks: u32| PLACES - (blocks as usize).min(PLACES);
    let mut next = [0; PLACES];
    blocks.iter().for_each(|&blocks| next[place(blocks)] += 1);
    let mut start = 0;
    next.iter_mut().for_each(|next| start += std::mem::replace(next, start));
    let mut order = vec![0; blocks.len()];
    for (index, &blocks) in blocks.iter().enumerate() {
        let next = &mut next[place(blocks)];
        order[*next as usize] = index as u32;
        *next += 1;
    }
    Some(order)
}

/// Which piece of a long record.
#[derive(Clone, Copy)]
struct Piece {
    /// Bytes before it.
    before: u64,
    /// Whether there are bytes after it.
    open: bool,
}

impl Piece {
    const WHOLE: Piece = Piece { before: 0, open: false };
}

fn halves(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}

/// SHA-256 of items, in as many dispatches as the longest needs.
fn sha256<'d>(
    batch: &mut Batch<'d>,
    hash: Hash,
    items: &Items,
    bytes: &Buffer<'d>,
    digests: &Buffer<'d>,
    piece: Piece,
) -> Result<(), Fault> {
    let [offsets, order, _] = items.upload(batch)?;
    let buffers = [bytes, offsets.as_ref().unwrap_or(bytes), order.as_ref().unwrap_or(bytes), digests];
    let constants = [("TWICE", u32::from(hash == Hash::Sha256d && !piece.open))];
    for first_block in (0..items.most_blocks()).step_by(BLOCKS as usize) {
        let params = Params {
            first_block,
            end_block: first_block + BLOCKS,
            before: halves(piece.before),
            open: u32::from(piece.open),
            ..items.params(Mode::of(hash))
        };
        let kernel = if items.aligned() { &SHA256_ALIGNED } else { &SHA256 };
        batch.dispatch(kernel, &constants, &buffers, &params, items.count.div_ceil(LANES))?;
    }
    Ok(())
}

/// The chaining values of items of at most a chunk, or the digests of whole records.
fn blake3_chunks<'d>(
    batch: &mut Batch<'d>,
    device: &'d Device,
    hash: Hash,
    items: &Items,
    bytes: &Buffer<'d>,
    chunks_before: u64,
) -> Result<Buffer<'d>, Fault> {
    let values = device.storage(32 * u64::from(items.count))?;
    let [offsets, order, numbers] = items.upload(batch)?;
    let [offsets, order, numbers] = [&offsets, &order, &numbers].map(|list| list.as_ref().unwrap_or(bytes));
    let params = Params { before: halves(chunks_before), ..items.params(Mode::of(hash)) };
    let buffers = [bytes, offsets, order, numbers, &values];
    let kernel = if items.aligned() { &BLAKE3_ALIGNED } else { &BLAKE3 };
    batch.dispatch(kernel, &[], &buffers, &params, items.count.div_ceil(LANES))?;
    Ok(values)
}

/// BLAKE3's trees over the chunks of records. A lone last node rises as it is, so
/// pairing level by level gives the paper's tree, whose left subtrees are whole.
#[derive(Default)]
struct Tree {
    /// The left value of each merge, level by level.
    merges: Vec<u32>,
    /// For each level, from a left value to its right one, and its merges.
    levels: Vec<(u32, Range<u32>)>,
    /// The first chunk of each record, where its digest comes to be.
    roots: Vec<u32>,
}

impl Tree {
    /// The chunks of `records` and the trees over them; `rooted` unless the
    /// records are parts of a longer one.
    fn over(records: &Records<'_>, rooted: bool) -> (Items, Tree) {
        let start = records.offsets()[0];
        let (mut offsets, mut numbers, mut roots) = (vec![0], Vec::new(), Vec::new());
        for index in 0..records.len() {
            let [from, end] = [index, index + 1].map(|index| records.offsets()[index] - start);
            let chunks = (end - from).div_ceil(CHUNK as u64).max(1);
            roots.push(numbers.len() as u32);
            let whole = if rooted && chunks == 1 { ROOT } else { 0 };
            numbers.extend((0..chunks as u32).map(|number| number | whole));
            offsets.extend((1..=chunks).map(|chunk| end.min(from + chunk * CHUNK as u64) as u32));
        }
        let tree = Tree::of_values(roots, numbers.len() as u32, rooted);
        (Items { numbers: Some(numbers), ..Items::listed(offsets) }, tree)
    }

    /// The trees over `values` chaining values, one beginning at each of `roots`.
    fn of_values(roots: Vec<u32>, values: u32, rooted: bool) -> Tree {
        let mut tree = Tree { roots, ..Tree::default() };
        let ends = tree.roots.iter().skip(1).copied().chain([values]);
        let mut spans: Vec<(u32, u32)> = tree.roots.iter().copied().zip(ends).collect();
        let mut distance = 1;
        loop {
            spans.retain(|(start, end)| end - start > distance);
            if spans.is_empty() {
                return tree;
            }
            let first = tree.merges.len() as u32;
            for &(start, end) in &spans {
                let last = if rooted && end - start <= 2 * distance { ROOT } else { 0 };
                tree.merges
                    .extend((start..end - distance).step_by(2 * distance as usize).map(|left| left | last));
            }
            tree.levels.push((distance, first..tree.merges.len() as u32));
            distance *= 2;
        }
    }

    fn merge<'d>(&self, batch: &mut Batch<'d>, hash: Hash, values: &Buffer<'d>) -> Result<(), Fault> {
        let Mode { flags, key } = Mode::of(hash);
        let merges = batch.upload(bytemuck::cast_slice(&self.merges))?;
        for (distance, range) in &self.levels {
            let count = range.len() as u32;
            let params = Merge { first: range.start, count, distance: *distance, flags, key };
            batch.dispatch(&BLAKE3_MERGE, &[], &[&merges, values], &params, count.div_ceil(LANES))?;
        }
        Ok(())
    }

    /// The values at the roots, one after the other.
    fn gather<'d>(
        &self,
        batch: &mut Batch<'d>,
        device: &'d Device,
        values: &Buffer<'d>,
    ) -> Result<Buffer<'d>, Fault> {
        let count = self.roots.len() as u32;
        let places = batch.upload(bytemuck::cast_slice(&self.roots))?;
        let gathered = device.storage(32 * u64::from(count))?;
        batch.dispatch(&GATHER, &[], &[&places, values, &gathered], &count, count.div_ceil(LANES))?;
        Ok(gathered)
    }
}

/// The digest of a record longer than `size` bytes.
pub(super) fn long_digest(device: &Device, hash: Hash, record: &[u8], size: usize) -> Result<Digest, Fault> {
    if is_blake3(hash) {
        long_blake3(device, hash, record, size)
    } else {
        long_sha256(device, hash, record, size)
    }
}

/// Pieces one after the other, the chaining value staying on the device.
fn long_sha256(device: &Device, hash: Hash, record: &[u8], size: usize) -> Result<Digest, Fault> {
    let chain = device.storage(32)?;
    let mut digest = Digest::default();
    let start = |&(before, bytes): &(usize, &[u8])| {
        let mut batch = device.batch();
        let piece = Piece { before: before as u64, open: before + bytes.len() < record.len() };
        let uploaded = batch.upload(bytes)?;
        sha256(&mut batch, hash, &Items::fixed(1, bytes.len() as u32), &uploaded, &chain, piece)?;
        batch.read_back(&chain);
        batch.submit()
    };
    let pieces = (0..).step_by(size).zip(record.chunks(size));
    pipelined(pieces, start, |_, bytes| copy(bytes, &mut digest.0))?;
    Ok(digest)
}

/// Pieces are whole subtrees; their chaining values are merged at the end.
fn long_blake3(device: &Device, hash: Hash, record: &[u8], size: usize) -> Result<Digest, Fault> {
    let mut values: Vec<Digest> = Vec::new();
    let start = |&(before, bytes): &(usize, &[u8])| {
        let mut batch = device.batch();
        let uploaded = batch.upload(bytes)?;
        let offsets = [0, bytes.len() as u64];
        let piece = Records::new(bytes, &offsets).expect("the offsets are those of the buffer");
        let (items, tree) = Tree::over(&piece, false);
        let values = blake3_chunks(&mut batch, device, hash, &items, &uploaded, (before / CHUNK) as u64)?;
        tree.merge(&mut batch, hash, &values)?;
        let value = tree.gather(&mut batch, device, &values)?;
        batch.read_back(&value);
        batch.submit()
    };
    let pieces = (0..).step_by(size).zip(record.chunks(size));
    pipelined(pieces, start, |_, bytes| {
        values.extend_from_slice(bytemuck::cast_slice(bytes));
        Ok(())
    })?;
    let mut batch = device.batch();
    let tree = Tree::of_values(vec![0], values.len() as u32, true);
    let uploaded = batch.upload(bytemuck::cast_slice(&values))?;
    tree.merge(&mut batch, hash, &uploaded)?;
    let root = tree.gather(&mut batch, device, &uploaded)?;
    batch.read_back(&root);
    batch.submit()?.wait(|bytes| *bytemuck::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_of_mixed_lengths_come_by_falling_blocks() {
        let offsets = |lengths: &[u32]| -> Vec<u32> {
            std::iter::once(0)
                .chain(lengths.iter().scan(0, |end, length| {
                    *end += length;
                    Some(*end)
                }))
                .collect()
        };
        assert_eq!(order(&offsets(&[10; 100])), None);
        assert_eq!(order(&offsets(&[60, 70, 64, 1])), None, "few lanes are idle");
        assert_eq!(order(&offsets(&[1, 6400, 2, 640, 3, 200_000])), Some(vec![5, 1, 3, 0, 2, 4]));
    }

    #[test]
    fn merges_of_a_tree_of_five_and_a_record_of_one_chunk() {
        let tree = Tree::of_values(vec![0, 5], 6, true);
        assert_eq!(tree.merges, [0, 2, 0, ROOT]);
        assert_eq!(tree.levels, [(1, 0..2), (2, 2..3), (4, 3..4)]);
    }
}

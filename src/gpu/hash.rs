//! Digests of records: chunks of the column are uploaded, their digests read back.
//!
//! SHA-256 takes an invocation for each record. BLAKE3 takes one for each chunk of
//! 1,024 bytes and merges the chunks of longer records level by level, so that one long
//! record occupies the whole device. A record longer than a chunk of the column is hashed
//! in segments.

use std::ops::Range;

use bytemuck::{Pod, Zeroable};

use super::buffers::{Buffer, parallel_copy};
use super::command_list::{CommandList, pipelined};
use super::device::Device;
use super::shader::{Kernel, lib};
use crate::hash::sha256::INITIAL;
use crate::{Digest, Fault, Hash, Records};

pub(super) static SHA256_RAGGED: Kernel = Kernel {
    name: "hash_sha256_ragged",
    sources: &[
        lib::GRID,
        lib::DIGEST,
        lib::SHA256,
        lib::RAGGED_RECORDS,
        lib::LOAD_UNALIGNED,
        include_str!("../../shaders/hash_sha256_ragged.wgsl"),
    ],
};

pub(super) static SHA256_RAGGED_ALIGNED: Kernel = Kernel {
    name: "hash_sha256_ragged_aligned",
    sources: &[
        lib::GRID,
        lib::DIGEST,
        lib::SHA256,
        lib::RAGGED_RECORDS,
        lib::LOAD_ALIGNED,
        include_str!("../../shaders/hash_sha256_ragged.wgsl"),
    ],
};

pub(super) static BLAKE3_RAGGED: Kernel = Kernel {
    name: "hash_blake3_ragged",
    sources: &[
        lib::GRID,
        lib::DIGEST,
        lib::BLAKE3,
        lib::RAGGED_RECORDS,
        lib::LOAD_UNALIGNED,
        include_str!("../../shaders/hash_blake3_ragged.wgsl"),
    ],
};

pub(super) static BLAKE3_RAGGED_ALIGNED: Kernel = Kernel {
    name: "hash_blake3_ragged_aligned",
    sources: &[
        lib::GRID,
        lib::DIGEST,
        lib::BLAKE3,
        lib::RAGGED_RECORDS,
        lib::LOAD_ALIGNED,
        include_str!("../../shaders/hash_blake3_ragged.wgsl"),
    ],
};

pub(super) static SHA256_UNIFORM: Kernel = Kernel {
    name: "hash_sha256_uniform",
    sources: &[
        lib::GRID,
        lib::DIGEST,
        lib::SHA256,
        lib::UNIFORM_RECORDS,
        include_str!("../../shaders/hash_sha256_uniform.wgsl"),
    ],
};

pub(super) static BLAKE3_UNIFORM: Kernel = Kernel {
    name: "hash_blake3_uniform",
    sources: &[
        lib::GRID,
        lib::DIGEST,
        lib::BLAKE3,
        lib::UNIFORM_RECORDS,
        include_str!("../../shaders/hash_blake3_uniform.wgsl"),
    ],
};

pub(super) static BLAKE3_MERGE: Kernel = Kernel {
    name: "blake3_merge",
    sources: &[lib::GRID, lib::DIGEST, lib::BLAKE3, include_str!("../../shaders/blake3_merge.wgsl")],
};

pub(super) static GATHER: Kernel =
    Kernel { name: "gather", sources: &[lib::GRID, lib::DIGEST, include_str!("../../shaders/gather.wgsl")] };

/// Invocations of a workgroup of each of these kernels.
const WORKGROUP_SIZE: u32 = 64;

/// Bytes of a BLAKE3 chunk (the BLAKE3 paper, section 2.1).
const CHUNK_LEN: usize = 1024;

/// Marks the counter of a record's only chunk, and the merge at the root of a record's tree.
const ROOT: u32 = 1 << 31;

/// The most SHA-256 blocks of one record in one dispatch, which take a few milliseconds.
const MAX_BLOCKS: u32 = 2048;

/// BLAKE3's mode: its flags, and the key words or the initial value.
#[derive(Clone, Copy)]
pub(super) struct Blake3Mode {
    pub flags: u32,
    pub key: [u32; 8],
}

impl Blake3Mode {
    /// The mode of `hash`; SHA-256 does not use it.
    pub fn of(hash: Hash) -> Self {
        /// A domain separation flag (the BLAKE3 paper, section 2.2, table 3).
        const KEYED_HASH: u32 = 16;
        match hash {
            Hash::KeyedBlake3(key) => {
                let word = |i: usize| u32::from_le_bytes(std::array::from_fn(|j| key.0[4 * i + j]));
                Blake3Mode { flags: KEYED_HASH, key: std::array::from_fn(word) }
            }
            Hash::Sha256 | Hash::Sha256d | Hash::Blake3 => Blake3Mode { flags: 0, key: INITIAL },
        }
    }
}

/// The parameters of `shaders/lib/ragged_records.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct RaggedParams {
    count: u32,
    width: u32,
    has_order: u32,
    first_block: u32,
    end_block: u32,
    preceding: [u32; 2],
    continues: u32,
    flags: u32,
    has_counters: u32,
    align: [u32; 2],
    key: [u32; 8],
}

/// The parameters of `shaders/lib/uniform_records.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct UniformParams {
    count: u32,
    width: u32,
    flags: u32,
    align: u32,
    key: [u32; 8],
}

/// The parameters of `shaders/blake3_merge.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct MergeParams {
    first: u32,
    count: u32,
    distance: u32,
    flags: u32,
    key: [u32; 8],
}

/// Writes the digest of each record.
pub(super) fn hash(
    device: &Device,
    hash: Hash,
    records: &Records<'_>,
    out: &mut [Digest],
    chunk_bytes: u64,
) -> Result<(), Fault> {
    let Chunks { size, short, long } = Chunks::of(device, records, chunk_bytes);
    let submit = |range: &Range<usize>| {
        let mut commands = device.commands();
        let digests = digests(&mut commands, device, hash, &records.slice(range.clone()))?;
        commands.read_back(&digests);
        commands.submit()
    };
    pipelined(short.into_iter(), submit, |range, bytes| {
        parallel_copy(bytes, bytemuck::cast_slice_mut(&mut out[range]))
    })?;
    for index in long {
        out[index] = hash_long_record(device, hash, records.get(index), size)?;
    }
    Ok(())
}

/// A column cut into chunks.
pub(super) struct Chunks {
    /// The most bytes of a chunk.
    pub size: usize,
    /// Ranges of records whose bytes fit in a chunk.
    pub short: Vec<Range<usize>>,
    /// Records longer than a chunk.
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

/// The bytes of a chunk of the column: a power of two, so that the segments of a long
/// record are complete BLAKE3 subtrees.
fn chunk_size(device: &Device, chunk_bytes: u64) -> usize {
    /// Large enough to occupy any device, small enough that uploads and kernels overlap.
    const BEST: u64 = 64 << 20;
    let bytes = (device.limits.max_storage_buffer_binding_size / 2).min(BEST).min(chunk_bytes);
    1 << bytes.max(CHUNK_LEN as u64).ilog2()
}

fn is_blake3(hash: Hash) -> bool {
    matches!(hash, Hash::Blake3 | Hash::KeyedBlake3(_))
}

/// Uploads the records of one chunk of the column and hashes them.
pub(super) fn digests<'d>(
    commands: &mut CommandList<'d>,
    device: &'d Device,
    hash: Hash,
    records: &Records<'_>,
) -> Result<Buffer<'d>, Fault> {
    let bytes = commands.upload(&records.bytes()[byte_range(records)])?;
    if is_blake3(hash) && (0..records.len()).any(|index| records.length(index) > CHUNK_LEN) {
        let (inputs, trees) = ChunkTrees::over(records, true);
        let values = hash_blake3_chunks(commands, device, hash, &inputs, &bytes, 0)?;
        trees.merge(commands, hash, &values)?;
        return trees.gather_roots(commands, device, &values);
    }
    hash_one_per_invocation(commands, device, hash, &HashInputs::records(records), &bytes)
}

/// Hashes records with one invocation for each; no BLAKE3 record has several chunks.
pub(super) fn hash_one_per_invocation<'d>(
    commands: &mut CommandList<'d>,
    device: &'d Device,
    hash: Hash,
    inputs: &HashInputs,
    bytes: &Buffer<'d>,
) -> Result<Buffer<'d>, Fault> {
    if is_blake3(hash) && !inputs.fit_uniform_kernels() {
        return hash_blake3_chunks(commands, device, hash, inputs, bytes, 0);
    }
    let digests = device.storage(32 * u64::from(inputs.count))?;
    if inputs.fit_uniform_kernels() {
        hash_uniform(commands, hash, inputs, bytes, &digests)?;
    } else {
        hash_ragged_sha256(commands, hash, inputs, bytes, &digests, Segment::WHOLE)?;
    }
    Ok(digests)
}

/// Hashes uniform records of 16, 32, 48 or 64 bytes.
fn hash_uniform<'d>(
    commands: &mut CommandList<'d>,
    hash: Hash,
    inputs: &HashInputs,
    bytes: &Buffer<'d>,
    digests: &Buffer<'d>,
) -> Result<(), Fault> {
    let Blake3Mode { flags, key } = Blake3Mode::of(hash);
    let width = inputs.width.expect("uniform records have one width");
    let params = UniformParams { count: inputs.count, width, flags, align: 0, key };
    let workgroups = inputs.count.div_ceil(WORKGROUP_SIZE);
    if is_blake3(hash) {
        return commands.dispatch(&BLAKE3_UNIFORM, &[], &[bytes, digests], &params, workgroups);
    }
    let twice = ("TWICE", u32::from(hash == Hash::Sha256d));
    commands.dispatch(&SHA256_UNIFORM, &[twice], &[bytes, digests], &params, workgroups)
}

fn byte_range(records: &Records<'_>) -> Range<usize> {
    let offsets = records.offsets();
    offsets[0] as usize..offsets[records.len()] as usize
}

/// What invocations hash: records, or the BLAKE3 chunks of records.
pub(super) struct HashInputs {
    count: u32,
    /// The length of each, if all are equal.
    width: Option<u32>,
    /// Otherwise, the start of each and the end of the last.
    offsets: Vec<u32>,
    /// The order in which invocations take them, if not the column's.
    order: Option<Vec<u32>>,
    /// The number of each chunk in its record; none where all inputs are whole records.
    chunk_counters: Option<Vec<u32>>,
}

impl HashInputs {
    fn records(records: &Records<'_>) -> Self {
        let (start, count) = (records.offsets()[0], records.len() as u32);
        let width = records.length(0);
        if records.offsets().windows(2).all(|pair| (pair[1] - pair[0]) as usize == width) {
            return HashInputs::uniform(count, width as u32);
        }
        HashInputs::ragged(records.offsets().iter().map(|offset| (offset - start) as u32).collect())
    }

    pub fn uniform(count: u32, width: u32) -> Self {
        HashInputs { count, width: Some(width), offsets: Vec::new(), order: None, chunk_counters: None }
    }

    fn ragged(offsets: Vec<u32>) -> Self {
        let (count, order) = (offsets.len() as u32 - 1, order_by_blocks(&offsets));
        HashInputs { count, width: None, offsets, order, chunk_counters: None }
    }

    /// Whether `shaders/lib/uniform_records.wgsl` serves them.
    fn fit_uniform_kernels(&self) -> bool {
        self.width.is_some_and(|width| (16..=64).contains(&width) && width % 16 == 0)
    }

    /// Whether each begins at a multiple of 16 bytes.
    fn are_aligned(&self) -> bool {
        match self.width {
            Some(width) => width % 16 == 0 || self.count == 1,
            None => self.offsets[..self.count as usize].iter().all(|offset| offset % 16 == 0),
        }
    }

    /// SHA-256 blocks of the longest, with padding.
    fn max_blocks(&self) -> u32 {
        let lengths = self.offsets.windows(2).map(|pair| pair[1] - pair[0]);
        (lengths.chain(self.width).max().unwrap_or(0) + 8) / 64 + 1
    }

    fn params(&self, mode: Blake3Mode) -> RaggedParams {
        RaggedParams {
            count: self.count,
            width: self.width.unwrap_or(u32::MAX),
            has_order: u32::from(self.order.is_some()),
            first_block: 0,
            end_block: u32::MAX,
            preceding: [0; 2],
            continues: 0,
            flags: mode.flags,
            has_counters: u32::from(self.chunk_counters.is_some()),
            align: [0; 2],
            key: mode.key,
        }
    }

    /// Uploads the offsets, the order and the chunk counters; none where kernels do not
    /// read them.
    fn upload<'d>(&self, commands: &mut CommandList<'d>) -> Result<[Option<Buffer<'d>>; 3], Fault> {
        let offsets = self.width.is_none().then_some(&self.offsets);
        let lists = [offsets, self.order.as_ref(), self.chunk_counters.as_ref()];
        let mut buffers = [None, None, None];
        for (buffer, list) in buffers.iter_mut().zip(lists) {
            *buffer = list.map(|list| commands.upload(bytemuck::cast_slice(list))).transpose()?;
        }
        Ok(buffers)
    }
}

/// The inputs by descending block count, if the column's order would leave more than a
/// quarter of the invocations idle: a workgroup runs until its longest input ends.
fn order_by_blocks(offsets: &[u32]) -> Option<Vec<u32>> {
    /// Buckets of the counting sort; the first holds all inputs of more blocks.
    const BUCKETS: usize = 1024;
    let lengths = offsets.windows(2).map(|pair| pair[1] - pair[0]);
    let blocks: Vec<u32> = lengths.map(|length| length / 64 + 1).collect();
    let used: u64 = blocks.iter().copied().map(u64::from).sum();
    let occupied_by =
        |workgroup: &[u32]| u64::from(workgroup.iter().copied().max().unwrap_or(0)) * workgroup.len() as u64;
    let occupied: u64 = blocks.chunks(WORKGROUP_SIZE as usize).map(occupied_by).sum();
    if used * 4 >= occupied * 3 {
        return None;
    }
    let bucket = |blocks: u32| BUCKETS - (blocks as usize).min(BUCKETS);
    let mut next = [0; BUCKETS];
    blocks.iter().for_each(|&blocks| next[bucket(blocks)] += 1);
    let mut start = 0;
    next.iter_mut().for_each(|next| start += std::mem::replace(next, start));
    let mut order = vec![0; blocks.len()];
    for (index, &blocks) in blocks.iter().enumerate() {
        let next = &mut next[bucket(blocks)];
        order[*next as usize] = index as u32;
        *next += 1;
    }
    Some(order)
}

/// Which segment of a record the bytes are.
#[derive(Clone, Copy)]
struct Segment {
    /// Bytes of the record before the segment.
    preceding: u64,
    /// Whether more bytes of the record follow.
    continues: bool,
}

impl Segment {
    const WHOLE: Segment = Segment { preceding: 0, continues: false };
}

/// The low and the high word.
fn low_high(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}

/// SHA-256 or SHA-256d of `inputs`, in as many dispatches as the longest one needs.
fn hash_ragged_sha256<'d>(
    commands: &mut CommandList<'d>,
    hash: Hash,
    inputs: &HashInputs,
    bytes: &Buffer<'d>,
    digests: &Buffer<'d>,
    segment: Segment,
) -> Result<(), Fault> {
    let [offsets, order, _] = inputs.upload(commands)?;
    let buffers = [bytes, offsets.as_ref().unwrap_or(bytes), order.as_ref().unwrap_or(bytes), digests];
    let constants = [("TWICE", u32::from(hash == Hash::Sha256d && !segment.continues))];
    for first_block in (0..inputs.max_blocks()).step_by(MAX_BLOCKS as usize) {
        let params = RaggedParams {
            first_block,
            end_block: first_block + MAX_BLOCKS,
            preceding: low_high(segment.preceding),
            continues: u32::from(segment.continues),
            ..inputs.params(Blake3Mode::of(hash))
        };
        let kernel = if inputs.are_aligned() { &SHA256_RAGGED_ALIGNED } else { &SHA256_RAGGED };
        commands.dispatch(kernel, &constants, &buffers, &params, inputs.count.div_ceil(WORKGROUP_SIZE))?;
    }
    Ok(())
}

/// The BLAKE3 chaining values of `inputs` of at most a chunk each, or the digests of those
/// that are whole records. `preceding_chunks` come before the inputs in their record.
fn hash_blake3_chunks<'d>(
    commands: &mut CommandList<'d>,
    device: &'d Device,
    hash: Hash,
    inputs: &HashInputs,
    bytes: &Buffer<'d>,
    preceding_chunks: u64,
) -> Result<Buffer<'d>, Fault> {
    let values = device.storage(32 * u64::from(inputs.count))?;
    let lists = inputs.upload(commands)?;
    let [offsets, order, chunk_counters] = lists.each_ref().map(|list| list.as_ref().unwrap_or(bytes));
    let params =
        RaggedParams { preceding: low_high(preceding_chunks), ..inputs.params(Blake3Mode::of(hash)) };
    let buffers = [bytes, offsets, order, chunk_counters, &values];
    let kernel = if inputs.are_aligned() { &BLAKE3_RAGGED_ALIGNED } else { &BLAKE3_RAGGED };
    commands.dispatch(kernel, &[], &buffers, &params, inputs.count.div_ceil(WORKGROUP_SIZE))?;
    Ok(values)
}

/// BLAKE3's trees over the chunks of records, hashed in place level by level. A last node
/// without a sibling moves up unchanged, which gives the paper's tree (section 2.1): left
/// subtrees are complete.
#[derive(Default)]
struct ChunkTrees {
    /// The index of each merge's left value, level by level; with [`ROOT`] at a root.
    merges: Vec<u32>,
    /// For each level, the distance from a left value to the right one, and its merges.
    levels: Vec<(u32, Range<u32>)>,
    /// The first chunk of each record, whose place the record's digest takes.
    roots: Vec<u32>,
}

impl ChunkTrees {
    /// The chunks of `records` and the trees over them. `finalize` says that each record is
    /// whole, so that its root's output is the digest; else it is a segment of a record.
    fn over(records: &Records<'_>, finalize: bool) -> (HashInputs, ChunkTrees) {
        let start = records.offsets()[0];
        let (mut offsets, mut chunk_counters, mut roots) = (vec![0], Vec::new(), Vec::new());
        for index in 0..records.len() {
            let [from, end] = [index, index + 1].map(|index| records.offsets()[index] - start);
            let chunks = (end - from).div_ceil(CHUNK_LEN as u64).max(1);
            roots.push(chunk_counters.len() as u32);
            let root_flag = if finalize && chunks == 1 { ROOT } else { 0 };
            chunk_counters.extend((0..chunks as u32).map(|counter| counter | root_flag));
            offsets.extend((1..=chunks).map(|chunk| end.min(from + chunk * CHUNK_LEN as u64) as u32));
        }
        let trees = ChunkTrees::over_values(roots, chunk_counters.len() as u32, finalize);
        (HashInputs { chunk_counters: Some(chunk_counters), ..HashInputs::ragged(offsets) }, trees)
    }

    /// The trees over `count` chaining values; the first value of each is at one of `roots`.
    fn over_values(roots: Vec<u32>, count: u32, finalize: bool) -> ChunkTrees {
        let mut trees = ChunkTrees { roots, ..ChunkTrees::default() };
        let ends = trees.roots.iter().skip(1).copied().chain([count]);
        let mut spans: Vec<(u32, u32)> = trees.roots.iter().copied().zip(ends).collect();
        let mut distance = 1;
        loop {
            spans.retain(|(start, end)| end - start > distance);
            if spans.is_empty() {
                return trees;
            }
            let first = trees.merges.len() as u32;
            for &(start, end) in &spans {
                let root_flag = if finalize && end - start <= 2 * distance { ROOT } else { 0 };
                let lefts = (start..end - distance).step_by(2 * distance as usize);
                trees.merges.extend(lefts.map(|left| left | root_flag));
            }
            trees.levels.push((distance, first..trees.merges.len() as u32));
            distance *= 2;
        }
    }

    /// Hashes all levels in place.
    fn merge<'d>(
        &self,
        commands: &mut CommandList<'d>,
        hash: Hash,
        values: &Buffer<'d>,
    ) -> Result<(), Fault> {
        let Blake3Mode { flags, key } = Blake3Mode::of(hash);
        let merges = commands.upload(bytemuck::cast_slice(&self.merges))?;
        for (distance, range) in &self.levels {
            let count = range.len() as u32;
            let params = MergeParams { first: range.start, count, distance: *distance, flags, key };
            let workgroups = count.div_ceil(WORKGROUP_SIZE);
            commands.dispatch(&BLAKE3_MERGE, &[], &[&merges, values], &params, workgroups)?;
        }
        Ok(())
    }

    /// The values at the roots, packed.
    fn gather_roots<'d>(
        &self,
        commands: &mut CommandList<'d>,
        device: &'d Device,
        values: &Buffer<'d>,
    ) -> Result<Buffer<'d>, Fault> {
        let count = self.roots.len() as u32;
        let indices = commands.upload(bytemuck::cast_slice(&self.roots))?;
        let gathered = device.storage(32 * u64::from(count))?;
        let workgroups = count.div_ceil(WORKGROUP_SIZE);
        commands.dispatch(&GATHER, &[], &[&indices, values, &gathered], &count, workgroups)?;
        Ok(gathered)
    }
}

/// The digest of a record longer than `size` bytes, hashed in segments of that size.
pub(super) fn hash_long_record(
    device: &Device,
    hash: Hash,
    record: &[u8],
    size: usize,
) -> Result<Digest, Fault> {
    if is_blake3(hash) {
        hash_long_blake3(device, hash, record, size)
    } else {
        hash_long_sha256(device, hash, record, size)
    }
}

/// Hashes the segments in order; the hash value stays on the device.
fn hash_long_sha256(device: &Device, hash: Hash, record: &[u8], size: usize) -> Result<Digest, Fault> {
    let state = device.storage(32)?;
    let mut digest = Digest::default();
    let submit = |&(preceding, bytes): &(usize, &[u8])| {
        let mut commands = device.commands();
        let segment =
            Segment { preceding: preceding as u64, continues: preceding + bytes.len() < record.len() };
        let uploaded = commands.upload(bytes)?;
        let inputs = HashInputs::uniform(1, bytes.len() as u32);
        hash_ragged_sha256(&mut commands, hash, &inputs, &uploaded, &state, segment)?;
        commands.read_back(&state);
        commands.submit()
    };
    let segments = (0..).step_by(size).zip(record.chunks(size));
    pipelined(segments, submit, |_, bytes| parallel_copy(bytes, &mut digest.0))?;
    Ok(digest)
}

/// Hashes each segment, a complete subtree, to its chaining value, then the tree over those.
fn hash_long_blake3(device: &Device, hash: Hash, record: &[u8], size: usize) -> Result<Digest, Fault> {
    let mut values: Vec<Digest> = Vec::new();
    let submit = |&(preceding, bytes): &(usize, &[u8])| {
        let mut commands = device.commands();
        let uploaded = commands.upload(bytes)?;
        let offsets = [0, bytes.len() as u64];
        let segment = Records::new(bytes, &offsets).expect("the offsets are those of the buffer");
        let (inputs, trees) = ChunkTrees::over(&segment, false);
        let preceding_chunks = (preceding / CHUNK_LEN) as u64;
        let values = hash_blake3_chunks(&mut commands, device, hash, &inputs, &uploaded, preceding_chunks)?;
        trees.merge(&mut commands, hash, &values)?;
        let value = trees.gather_roots(&mut commands, device, &values)?;
        commands.read_back(&value);
        commands.submit()
    };
    let segments = (0..).step_by(size).zip(record.chunks(size));
    pipelined(segments, submit, |_, bytes| {
        values.extend_from_slice(bytemuck::cast_slice(bytes));
        Ok(())
    })?;
    let mut commands = device.commands();
    let trees = ChunkTrees::over_values(vec![0], values.len() as u32, true);
    let uploaded = commands.upload(bytemuck::cast_slice(&values))?;
    trees.merge(&mut commands, hash, &uploaded)?;
    let root = trees.gather_roots(&mut commands, device, &uploaded)?;
    commands.read_back(&root);
    commands.submit()?.wait(|bytes| *bytemuck::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_of_mixed_lengths_are_ordered_by_descending_blocks() {
        let offsets = |lengths: &[u32]| -> Vec<u32> {
            std::iter::once(0)
                .chain(lengths.iter().scan(0, |end, length| {
                    *end += length;
                    Some(*end)
                }))
                .collect()
        };
        assert_eq!(order_by_blocks(&offsets(&[10; 100])), None);
        assert_eq!(order_by_blocks(&offsets(&[60, 70, 64, 1])), None, "few invocations are idle");
        assert_eq!(order_by_blocks(&offsets(&[1, 6400, 2, 640, 3, 200_000])), Some(vec![5, 1, 3, 0, 2, 4]));
    }

    #[test]
    fn merges_of_records_of_five_chunks_and_of_one() {
        let trees = ChunkTrees::over_values(vec![0, 5], 6, true);
        assert_eq!(trees.merges, [0, 2, 0, ROOT]);
        assert_eq!(trees.levels, [(1, 0..2), (2, 2..3), (4, 3..4)]);
    }
}

//! Merkle roots: leaves go up once, every level is computed where they are.

use std::ops::Range;

use bytemuck::{Pod, Zeroable};

use super::buffers::Buffer;
use super::command_list::{Batch, pipelined};
use super::device::Device;
use super::hash::Mode;
use super::shader::{Kernel, lib};
use crate::merkle::{Root, Tree, height};
use crate::{Digest, Fault, Hash};

const MERKLE: &str = include_str!("../../shaders/merkle.wgsl");

pub(super) static SHA256: Kernel = Kernel {
    name: "merkle_sha256",
    sources: &[lib::GRID, lib::DIGEST, lib::SHA256, lib::NODE_SHA256, MERKLE],
};

pub(super) static BLAKE3: Kernel = Kernel {
    name: "merkle_blake3",
    sources: &[lib::GRID, lib::DIGEST, lib::BLAKE3, lib::NODE_BLAKE3, MERKLE],
};

/// Nodes that a workgroup takes.
const GROUP: usize = 256;

/// Levels at once while there are many nodes: after these, only one of a
/// workgroup's four subgroups would still be at work.
const LEVELS: u32 = 3;

/// Levels of a chunk of the leaves, done while the next one comes; the levels
/// above wait until all chunks are there and are broad again.
const CHUNK_LEVELS: u32 = 9;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Params {
    count: u32,
    levels: u32,
    leaves: u32,
    doubles: u32,
    above_start: u32,
    flags: u32,
    align: [u32; 2],
    key: [u32; 8],
}

/// The root over `leaves`.
pub(super) fn root(device: &Device, tree: Tree, leaves: &[Digest], chunk_bytes: u64) -> Result<Root, Fault> {
    if let [leaf] = leaves {
        return Ok(Root { digest: *leaf, mutated: false });
    }
    let size = chunk_leaves(device, chunk_bytes);
    let mut batch = device.batch();
    if leaves.len() <= size {
        let nodes = batch.upload(bytemuck::cast_slice(leaves))?;
        rise(device, &mut batch, tree, &nodes, leaves.len())?;
    } else {
        let lower = CHUNK_LEVELS.min(size.ilog2());
        let pass = Pass::new(device, tree)?;
        let tops = pass.tops(leaves, size, lower)?;
        pass.finish(
            &mut batch,
            &tops,
            leaves.len().div_ceil(1 << lower),
            lower..height(leaves.len() as u64),
        )?;
    }
    batch.submit()?.wait(|bytes| read_root(tree, bytes))
}

/// Reads back the root over `count` leaves, two at least, that are on the device.
pub(super) fn rise<'d>(
    device: &'d Device,
    batch: &mut Batch<'d>,
    tree: Tree,
    leaves: &Buffer<'d>,
    count: usize,
) -> Result<(), Fault> {
    let pass = Pass::new(device, tree)?;
    batch.clear(&pass.mutated);
    pass.finish(batch, leaves, count, 0..height(count as u64))
}

/// The root from what was read back.
pub(super) fn read_root(tree: Tree, bytes: &[u8]) -> Root {
    Root {
        digest: in_bytes(tree, bytemuck::pod_read_unaligned(&bytes[..32])),
        mutated: bytes[32..] != [0; 4],
    }
}

/// Leaves of a chunk, a power of two, so that chunks are whole subtrees.
fn chunk_leaves(device: &Device, chunk_bytes: u64) -> usize {
    /// Large enough for any device to be busy, small enough to overlap its upload.
    const BEST: u64 = 32 << 20;
    let bytes = device.limits.max_storage_buffer_binding_size.min(BEST).min(chunk_bytes);
    1 << (bytes / 32).max(2).ilog2()
}

/// The kernels' nodes are words in the hash's own order.
fn in_bytes(tree: Tree, mut words: [u32; 8]) -> Digest {
    if matches!(tree.hash(), Hash::Sha256 | Hash::Sha256d) {
        words = words.map(u32::swap_bytes);
    }
    Digest(bytemuck::cast(words.map(u32::to_le)))
}

/// One tree's way up.
struct Pass<'d> {
    device: &'d Device,
    tree: Tree,
    mutated: Buffer<'d>,
}

impl<'d> Pass<'d> {
    fn new(device: &'d Device, tree: Tree) -> Result<Self, Fault> {
        Ok(Pass { device, tree, mutated: device.storage(4)? })
    }

    /// Reads back the root over `count` nodes on the first of `levels`, and whether
    /// equal pairs were seen.
    fn finish(
        &self,
        batch: &mut Batch<'d>,
        nodes: &Buffer<'d>,
        count: usize,
        levels: Range<u32>,
    ) -> Result<(), Fault> {
        let root = self.device.storage(32)?;
        self.rise(batch, nodes, count, levels, (&root, 0))?;
        batch.read_back(&root);
        batch.read_back(&self.mutated);
        Ok(())
    }

    /// The nodes `height` levels above the leaves, chunk by chunk.
    fn tops(&self, leaves: &[Digest], size: usize, height: u32) -> Result<Buffer<'d>, Fault> {
        let tops = self.device.storage(32 * leaves.len().div_ceil(1 << height) as u64)?;
        let start = |&(start, chunk): &(usize, &[Digest])| {
            let mut batch = self.device.batch();
            if start == 0 {
                batch.clear(&self.mutated);
            }
            let nodes = batch.upload(bytemuck::cast_slice(chunk))?;
            self.rise(&mut batch, &nodes, chunk.len(), 0..height, (&tops, start >> height))?;
            batch.submit()
        };
        pipelined((0..).step_by(size).zip(leaves.chunks(size)), start, |_, _| Ok(()))?;
        Ok(tops)
    }

    /// From `count` nodes on the first of `levels` up to the last, whose nodes go
    /// into a buffer from a position on.
    fn rise(
        &self,
        batch: &mut Batch<'d>,
        nodes: &Buffer<'d>,
        mut count: usize,
        levels: Range<u32>,
        (top, position): (&Buffer<'d>, usize),
    ) -> Result<(), Fault> {
        let (mut level, mut risen) = (levels.start, None);
        while level < levels.end {
            let most = if count <= GROUP { GROUP.ilog2() } else { LEVELS };
            let step = most.min(levels.end - level);
            let nodes = risen.as_ref().unwrap_or(nodes);
            let groups = count.div_ceil(GROUP) as u32;
            let params = self.params(count, step, level == 0);
            count = count.div_ceil(1 << step);
            level += step;
            if level == levels.end {
                let params = Params { above_start: position as u32, ..params };
                return self.dispatch(batch, &[nodes, top, &self.mutated], &params, groups);
            }
            let above = self.device.storage(32 * count as u64)?;
            self.dispatch(batch, &[nodes, &above, &self.mutated], &params, groups)?;
            risen = Some(above);
        }
        Ok(())
    }

    fn params(&self, count: usize, levels: u32, leaves: bool) -> Params {
        let Mode { flags, key } = Mode::of(self.tree.hash());
        Params {
            count: count as u32,
            levels,
            leaves: u32::from(leaves),
            doubles: u32::from(self.tree.doubles_last()),
            above_start: 0,
            flags,
            align: [0; 2],
            key,
        }
    }

    fn dispatch(
        &self,
        batch: &mut Batch<'d>,
        buffers: &[&Buffer<'d>],
        params: &Params,
        groups: u32,
    ) -> Result<(), Fault> {
        let prefixed = ("PREFIXED", u32::from(!self.tree.node_prefix().is_empty()));
        match self.tree.hash() {
            Hash::Blake3 | Hash::KeyedBlake3(_) => {
                batch.dispatch(&BLAKE3, &[prefixed], buffers, params, groups)
            }
            hash @ (Hash::Sha256 | Hash::Sha256d) => {
                let twice = ("TWICE", u32::from(hash == Hash::Sha256d));
                batch.dispatch(&SHA256, &[prefixed, twice], buffers, params, groups)
            }
        }
    }
}

//! Merkle roots: the leaves are uploaded once, and every level is hashed on the device.

use std::ops::Range;

use bytemuck::{Pod, Zeroable};

use super::buffers::Buffer;
use super::command_list::{CommandList, pipelined};
use super::device::Device;
use super::hash::Blake3Mode;
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

/// Nodes that a workgroup reduces.
const WORKGROUP_NODES: usize = 256;

/// Levels of a dispatch while there are many nodes. In further levels only one of a
/// workgroup's four subgroups would be active.
const LEVELS_PER_DISPATCH: u32 = 3;

/// Levels that are hashed chunk by chunk, while the next chunk is uploaded. The levels
/// above are hashed over the whole tree, with many nodes for each dispatch.
const CHUNK_LEVELS: u32 = 9;

/// The parameters of `shaders/merkle.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Params {
    count: u32,
    levels: u32,
    nodes_are_leaves: u32,
    duplicate_last: u32,
    parents_offset: u32,
    flags: u32,
    align: [u32; 2],
    key: [u32; 8],
}

/// The root over `leaves`, of which there must be one at least.
pub(super) fn root(device: &Device, tree: Tree, leaves: &[Digest], chunk_bytes: u64) -> Result<Root, Fault> {
    if let [leaf] = leaves {
        return Ok(Root { digest: *leaf, mutated: false });
    }
    let size = chunk_leaves(device, chunk_bytes);
    let mut commands = device.commands();
    if leaves.len() <= size {
        let nodes = commands.upload(bytemuck::cast_slice(leaves))?;
        hash_to_root(device, &mut commands, tree, &nodes, leaves.len())?;
    } else {
        let lower = CHUNK_LEVELS.min(size.ilog2());
        let hasher = TreeHasher::new(device, tree)?;
        let nodes = hasher.hash_chunks(leaves, size, lower)?;
        hasher.hash_to_root(
            &mut commands,
            &nodes,
            leaves.len().div_ceil(1 << lower),
            lower..height(leaves.len() as u64),
        )?;
    }
    commands.submit()?.wait(|bytes| read_root(tree, bytes))
}

/// Reads back the root over `count` leaves on the device, of which there must be two at
/// least.
pub(super) fn hash_to_root<'d>(
    device: &'d Device,
    commands: &mut CommandList<'d>,
    tree: Tree,
    leaves: &Buffer<'d>,
    count: usize,
) -> Result<(), Fault> {
    let hasher = TreeHasher::new(device, tree)?;
    commands.clear(&hasher.mutated);
    hasher.hash_to_root(commands, leaves, count, 0..height(count as u64))
}

/// The root from the bytes read back.
pub(super) fn read_root(tree: Tree, bytes: &[u8]) -> Root {
    Root {
        digest: digest_from_words(tree, bytemuck::pod_read_unaligned(&bytes[..32])),
        mutated: bytes[32..] != [0; 4],
    }
}

/// Leaves of a chunk: a power of two, so that chunks are complete subtrees.
fn chunk_leaves(device: &Device, chunk_bytes: u64) -> usize {
    /// Large enough to occupy any device, small enough that uploads and kernels overlap.
    const BEST: u64 = 32 << 20;
    let bytes = device.limits.max_storage_buffer_binding_size.min(BEST).min(chunk_bytes);
    1 << (bytes / 32).max(2).ilog2()
}

/// The digest of a node, whose words the kernels have in the hash's order.
fn digest_from_words(tree: Tree, mut words: [u32; 8]) -> Digest {
    if matches!(tree.hash(), Hash::Sha256 | Hash::Sha256d) {
        words = words.map(u32::swap_bytes);
    }
    Digest(bytemuck::cast(words.map(u32::to_le)))
}

/// Hashes the levels of a tree.
struct TreeHasher<'d> {
    device: &'d Device,
    tree: Tree,
    /// A word that becomes 1 where a pair of equal children was seen.
    mutated: Buffer<'d>,
}

impl<'d> TreeHasher<'d> {
    fn new(device: &'d Device, tree: Tree) -> Result<Self, Fault> {
        Ok(TreeHasher { device, tree, mutated: device.storage(4)? })
    }

    /// Reads back the root over `count` nodes of the first of `levels`, and whether pairs
    /// of equal children were seen.
    fn hash_to_root(
        &self,
        commands: &mut CommandList<'d>,
        nodes: &Buffer<'d>,
        count: usize,
        levels: Range<u32>,
    ) -> Result<(), Fault> {
        let root = self.device.storage(32)?;
        self.hash_levels(commands, nodes, count, levels, (&root, 0))?;
        commands.read_back(&root);
        commands.read_back(&self.mutated);
        Ok(())
    }

    /// The nodes `height` levels above the leaves, hashed chunk by chunk.
    fn hash_chunks(&self, leaves: &[Digest], size: usize, height: u32) -> Result<Buffer<'d>, Fault> {
        let nodes = self.device.storage(32 * leaves.len().div_ceil(1 << height) as u64)?;
        let submit = |&(start, chunk): &(usize, &[Digest])| {
            let mut commands = self.device.commands();
            if start == 0 {
                commands.clear(&self.mutated);
            }
            let leaves = commands.upload(bytemuck::cast_slice(chunk))?;
            self.hash_levels(&mut commands, &leaves, chunk.len(), 0..height, (&nodes, start >> height))?;
            commands.submit()
        };
        pipelined((0..).step_by(size).zip(leaves.chunks(size)), submit, |_, _| Ok(()))?;
        Ok(nodes)
    }

    /// Hashes `levels` upwards from `count` nodes, and writes the nodes above them to
    /// `output` from index `offset` on.
    fn hash_levels(
        &self,
        commands: &mut CommandList<'d>,
        nodes: &Buffer<'d>,
        mut count: usize,
        levels: Range<u32>,
        (output, offset): (&Buffer<'d>, usize),
    ) -> Result<(), Fault> {
        let (mut level, mut current) = (levels.start, None);
        while level < levels.end {
            let limit = if count <= WORKGROUP_NODES { WORKGROUP_NODES.ilog2() } else { LEVELS_PER_DISPATCH };
            let step = limit.min(levels.end - level);
            let nodes = current.as_ref().unwrap_or(nodes);
            let workgroups = count.div_ceil(WORKGROUP_NODES) as u32;
            let params = self.params(count, step, level == 0);
            count = count.div_ceil(1 << step);
            level += step;
            if level == levels.end {
                let params = Params { parents_offset: offset as u32, ..params };
                return self.dispatch(commands, &[nodes, output, &self.mutated], &params, workgroups);
            }
            let parents = self.device.storage(32 * count as u64)?;
            self.dispatch(commands, &[nodes, &parents, &self.mutated], &params, workgroups)?;
            current = Some(parents);
        }
        Ok(())
    }

    fn params(&self, count: usize, levels: u32, nodes_are_leaves: bool) -> Params {
        let Blake3Mode { flags, key } = Blake3Mode::of(self.tree.hash());
        Params {
            count: count as u32,
            levels,
            nodes_are_leaves: u32::from(nodes_are_leaves),
            duplicate_last: u32::from(self.tree.doubles_last()),
            parents_offset: 0,
            flags,
            align: [0; 2],
            key,
        }
    }

    fn dispatch(
        &self,
        commands: &mut CommandList<'d>,
        buffers: &[&Buffer<'d>],
        params: &Params,
        workgroups: u32,
    ) -> Result<(), Fault> {
        let prefixed = ("PREFIXED", u32::from(!self.tree.node_prefix().is_empty()));
        match self.tree.hash() {
            Hash::Blake3 | Hash::KeyedBlake3(_) => {
                commands.dispatch(&BLAKE3, &[prefixed], buffers, params, workgroups)
            }
            hash @ (Hash::Sha256 | Hash::Sha256d) => {
                let twice = ("TWICE", u32::from(hash == Hash::Sha256d));
                commands.dispatch(&SHA256, &[prefixed, twice], buffers, params, workgroups)
            }
        }
    }
}

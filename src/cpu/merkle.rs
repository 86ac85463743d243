//! Merkle roots, with one node in each lane.
//!
//! Each thread hashes subtrees that fit its cache. Within one, each lane hashes a small subtree
//! depth first: its nodes stay in vector form between levels, and each leaf is read once.

use std::borrow::Cow;

use super::Level;
use super::blake3::{self, Mode};
use super::lanes::{
    BLOCK_WORDS, Endian, Lanes32, MAX_LANES32, Pair, load_strided_block, prefetch_strided,
    prefetch_strided_rest,
};
use super::sha256::{self, PADDING_OF_64_BYTES, Schedule, State};
use super::sha256_ni::Sha256Ni;
use crate::merkle::{Root, Tree};
use crate::threads::Threads;
use crate::{Digest, Hash};

/// The levels of a lane's subtree.
const LANE_LEVELS: u32 = 3;

/// The levels of a thread's subtree: at most 256 KiB of leaves; at least as much work as waking
/// a thread takes.
const MAX_SUBTREE_LEVELS: u32 = 13;
const MIN_SUBTREE_LEVELS: u32 = 10;

/// The root over `leaves`, which must not be empty.
pub fn root(level: Level, tree: Tree, leaves: &[Digest], threads: &Threads) -> Root {
    let leaves: &[[u8; 32]] = bytemuck::cast_slice(leaves);
    let levels = leaves.len().next_power_of_two().trailing_zeros();
    let sha_ni = Sha256Ni::available(level);
    let parallel_levels = (4 * threads.count()).next_power_of_two().trailing_zeros();
    let subtree_levels =
        levels.saturating_sub(parallel_levels).clamp(MIN_SUBTREE_LEVELS, MAX_SUBTREE_LEVELS).min(levels);
    let subtrees = threads.map(leaves.chunks(1 << subtree_levels), |leaves| {
        hash_levels(level, tree, sha_ni, leaves, subtree_levels)
    });
    let mut mutated = subtrees.iter().any(|subtree| subtree.1);
    let nodes: Vec<_> = subtrees.into_iter().map(|subtree| subtree.0[0]).collect();
    let (root, top_mutated) = hash_levels(level, tree, sha_ni, &nodes, levels - subtree_levels);
    mutated |= top_mutated;
    Root { digest: Digest(root[0]), mutated }
}

dispatch! {
    /// The nodes `levels` above `nodes`; and, if the tree doubles its last node, whether any
    /// two siblings were equal (CVE-2012-2459).
    fn hash_levels(tree: Tree, sha_ni: Option<Sha256Ni>, nodes: &[[u8; 32]], levels: u32) -> (Vec<[u8; 32]>, bool) = hash_levels_lanes::<U32s>
}

#[inline(always)]
fn hash_levels_lanes<L: Lanes32>(
    tree: Tree,
    sha_ni: Option<Sha256Ni>,
    nodes: &[[u8; 32]],
    levels: u32,
) -> (Vec<[u8; 32]>, bool) {
    let hasher = NodeHasher::new(tree, sha_ni);
    let mut schedules = Schedules::<L> { pair: Schedule::new(), single: Schedule::new() };
    let (mut nodes, mut remaining, mut mutated) = (Cow::Borrowed(nodes), levels, false);
    while remaining > 0 {
        let fused = remaining >= LANE_LEVELS && nodes.len() >= Pair::<L>::LANES << LANE_LEVELS;
        let step = if fused { LANE_LEVELS } else { 1 };
        let (parents, equal) = hash_step(&hasher, &nodes, step, &mut schedules);
        (nodes, remaining, mutated) = (Cow::Owned(parents), remaining - step, mutated | equal);
    }
    (nodes.into_owned(), mutated)
}

/// Scratch memory for the nodes' blocks, for pairs of vectors and for single ones.
struct Schedules<L> {
    pair: Schedule<Pair<L>>,
    single: Schedule<L>,
}

/// The nodes `levels` above `nodes`: by [`hash_subtrees`] where they fill all lanes, the rest
/// level by level. Also whether equal siblings were seen.
#[inline(always)]
fn hash_step<L: Lanes32>(
    hasher: &NodeHasher,
    nodes: &[[u8; 32]],
    levels: u32,
    schedules: &mut Schedules<L>,
) -> (Vec<[u8; 32]>, bool) {
    let group = Pair::<L>::LANES << levels;
    let groups = if hasher.use_lanes() { nodes.len() / group } else { 0 };
    let (full, rest) = nodes.split_at(groups * group);
    let mut parents = vec![[0; 32]; full.len() >> levels];
    let mut mutated = false;
    for (start, parents) in (0..full.len()).step_by(group).zip(parents.chunks_exact_mut(Pair::<L>::LANES)) {
        let pairs = full[start..].as_flattened().as_chunks().0;
        mutated |= hash_subtrees(hasher, pairs, levels, &mut schedules.pair, parents);
    }
    let mut rest = rest.to_vec();
    for _ in 0..levels {
        mutated |= hasher.doubles_last && rest.as_chunks::<2>().0.iter().any(|[left, right]| left == right);
        rest = hash_level(hasher, rest, &mut schedules.single);
    }
    parents.extend_from_slice(&rest);
    (parents, mutated)
}

/// The level above any number of nodes.
#[inline(always)]
fn hash_level<L: Lanes32>(
    hasher: &NodeHasher,
    mut nodes: Vec<[u8; 32]>,
    schedule: &mut Schedule<L>,
) -> Vec<[u8; 32]> {
    if hasher.doubles_last && !nodes.len().is_multiple_of(2) {
        nodes.extend_from_within(nodes.len() - 1..);
    }
    let (pairs, promoted) = nodes.as_chunks::<2>();
    let mut parents = vec![[0; 32]; pairs.len()];
    for (pairs, parents) in pairs.chunks(L::LANES).zip(parents.chunks_mut(L::LANES)) {
        if let Some(sha_ni) = hasher.sha_ni
            && sha_ni.is_faster(pairs.iter().map(|_| hasher.message_length()), L::LANES)
        {
            hasher.hash_level_sha_ni(sha_ni, pairs, parents);
            continue;
        }
        let mut blocks = [[0; 64]; MAX_LANES32];
        blocks[..pairs.len()].copy_from_slice(bytemuck::cast_slice(pairs));
        let mut digests = [[0; 32]; MAX_LANES32];
        hash_subtrees(hasher, &blocks, 1, schedule, &mut digests);
        parents.copy_from_slice(&digests[..parents.len()]);
    }
    parents.extend_from_slice(promoted);
    parents
}

/// Writes the roots of `LANES` subtrees of `levels` levels, whose leaves are contiguous in
/// `pairs`, to `out`. Returns whether equal siblings were seen, if the tree asks for that.
///
/// Each lane hashes its subtree depth first: a node is hashed as soon as both its children are
/// known, and a left child waits in `left_siblings`. Prefetches the subtrees that follow.
#[inline(always)]
fn hash_subtrees<L: Lanes32>(
    hasher: &NodeHasher,
    pairs: &[[u8; 64]],
    levels: u32,
    schedule: &mut Schedule<L>,
    out: &mut [[u8; 32]],
) -> bool {
    let pairs_per_lane = 1 << (levels - 1);
    let mut left_siblings = [[L::splat(0); 8]; LANE_LEVELS as usize];
    let mut mutated = L::splat(0);
    let mut node = left_siblings[0];
    for pair in 0..pairs_per_lane {
        prefetch_strided::<L>(pairs.as_flattened(), 64 * pairs_per_lane, pair);
        let children = schedule.block();
        load_strided_block(children, pairs[pair..].as_flattened(), 64 * pairs_per_lane, 64, hasher.endian());
        let mut level = 0;
        loop {
            mutated = mutated | hasher.equal_children_mask(schedule.block());
            hasher.hash_node(schedule, &mut node);
            if pair >> level & 1 == 0 {
                break;
            }
            let children = schedule.block();
            children[..8].copy_from_slice(&left_siblings[level]);
            children[8..].copy_from_slice(&node);
            level += 1;
        }
        left_siblings[level] = node;
        prefetch_strided_rest::<L>(pairs.as_flattened(), 64 * pairs_per_lane, pair);
    }
    L::store_digests(hasher.endian().convert_le(node), out);
    mutated.any()
}

/// How a tree hashes its inner nodes, in lanes.
struct NodeHasher {
    hash: NodeHash,
    /// Whether the byte 0x01 precedes the children (RFC 6962).
    prefixed: bool,
    doubles_last: bool,
    /// The SHA extension, used where lanes would stay empty.
    sha_ni: Option<Sha256Ni>,
}

enum NodeHash {
    Sha256 { double: bool },
    Blake3(Mode),
}

impl NodeHasher {
    fn new(tree: Tree, sha_ni: Option<Sha256Ni>) -> Self {
        let hash = match tree.hash() {
            Hash::Sha256 => NodeHash::Sha256 { double: false },
            Hash::Sha256d => NodeHash::Sha256 { double: true },
            Hash::Blake3 => NodeHash::Blake3(Mode::HASH),
            Hash::KeyedBlake3(key) => NodeHash::Blake3(Mode::keyed(&key.0)),
        };
        let sha_ni = sha_ni.filter(|_| matches!(hash, NodeHash::Sha256 { .. }));
        let prefixed = !tree.node_prefix().is_empty();
        NodeHasher { hash, prefixed, doubles_last: tree.doubles_last(), sha_ni }
    }

    fn use_lanes(&self) -> bool {
        self.sha_ni.is_none_or(|sha_ni| !sha_ni.is_always_faster())
    }

    /// Bytes hashed for a node.
    fn message_length(&self) -> usize {
        if self.prefixed { 65 } else { 64 }
    }

    fn hash_level_sha_ni(&self, sha_ni: Sha256Ni, pairs: &[[[u8; 32]; 2]], parents: &mut [[u8; 32]]) {
        let double = matches!(self.hash, NodeHash::Sha256 { double: true });
        for (pairs, parents) in pairs.chunks(2).zip(parents.chunks_mut(2)) {
            let mut nodes = [[1; 65]; 2];
            let mut messages: [&[u8]; 2] = [&[]; 2];
            for ((node, message), pair) in nodes.iter_mut().zip(&mut messages).zip(pairs) {
                node[1..].copy_from_slice(pair.as_flattened());
                *message = &node[65 - self.message_length()..];
            }
            sha_ni.hash(&messages[..pairs.len()], double, parents);
        }
    }

    /// The byte order of the hash's words.
    fn endian(&self) -> Endian {
        match self.hash {
            NodeHash::Sha256 { .. } => Endian::Big,
            NodeHash::Blake3(_) => Endian::Little,
        }
    }

    /// All ones in the lanes whose children are equal, if the tree doubles its last node; else
    /// zero.
    #[inline(always)]
    fn equal_children_mask<L: Lanes32>(&self, children: &[L; BLOCK_WORDS]) -> L {
        if !self.doubles_last {
            return L::splat(0);
        }
        let mut difference = L::splat(0);
        for word in 0..8 {
            difference = difference | (children[word] ^ children[8 + word]);
        }
        difference.eq_mask(L::splat(0))
    }

    /// Hashes `children` to their parent `node`; overwrites `children`.
    #[inline(always)]
    fn hash_node<L: Lanes32>(&self, children: &mut Schedule<L>, node: &mut State<L>) {
        match &self.hash {
            NodeHash::Sha256 { double } => {
                if self.prefixed {
                    sha256_65(children, node);
                } else {
                    sha256_64(children, node);
                }
                if *double {
                    sha256::hash_digest(node, children);
                }
            }
            NodeHash::Blake3(mode) if self.prefixed => blake3_65(mode, children.block(), node),
            NodeHash::Blake3(mode) => blake3::hash_64(mode, children.block(), node),
        }
    }
}

#[inline(always)]
fn sha256_64<L: Lanes32>(children: &mut Schedule<L>, node: &mut State<L>) {
    sha256::compress_first(node, children);
    sha256::compress_constant(node, &PADDING_OF_64_BYTES);
}

/// SHA-256 of 0x01 and the children: 65 bytes.
#[inline(always)]
fn sha256_65<L: Lanes32>(children: &mut Schedule<L>, node: &mut State<L>) {
    // In big-endian words the first byte is the most significant.
    let last = insert_prefix::<L, 8>(children.block(), 0x0100_0000, 0xff00_0000);
    sha256::compress_first(node, children);
    sha256::compress_tail_of_65(node, last, children);
}

/// BLAKE3 of 0x01 and the children: 65 bytes.
#[inline(always)]
fn blake3_65<L: Lanes32>(mode: &Mode, children: &mut [L; BLOCK_WORDS], node: &mut [L; 8]) {
    // In little-endian words the first byte is the least significant.
    let last = insert_prefix::<L, 24>(children, 0x0000_0001, 0x0000_00ff);
    let mut end = [L::splat(0); BLOCK_WORDS];
    end[0] = last;
    blake3::hash_65(mode, children, &end, node);
}

/// Shifts the block in `words` by one byte and inserts `prefix` as its first byte. Returns the
/// byte shifted out, alone in its word. `mask` selects a word's first byte; rotating right by
/// `N` bits shifts its bytes by one.
#[inline(always)]
fn insert_prefix<L: Lanes32, const N: i32>(words: &mut [L; BLOCK_WORDS], prefix: u32, mask: u32) -> L {
    let mask = L::splat(mask);
    let mut previous = L::splat(prefix);
    for word in words {
        let rotated = word.rotr::<N>();
        *word = mask.choose(previous, rotated);
        previous = rotated;
    }
    previous & mask
}

//! Merkle roots, level by level, a node in each lane.
//!
//! Threads take subtrees that stay in cache. Within one, each lane climbs a small
//! subtree of its own, depth first: its nodes never leave the registers' layout
//! between levels, and the leaves are read once.

use std::borrow::Cow;

use super::Isa;
use super::blake3::{self, Mode};
use super::lanes::{
    BLOCK_WORDS, Endian, Lanes32, MAX_LANES, Pair, load_block, prefetch_strided, prefetch_strided_rest,
};
use super::sha256::{self, PADDING_OF_64, Schedule, State};
use super::streams::Streams;
use crate::merkle::{Root, Tree};
use crate::threads::Threads;
use crate::{Digest, Hash};

/// The levels that a lane climbs before its node is written.
const LANE_LEVELS: u32 = 3;

/// The levels of a thread's subtree: at most 256 KiB of leaves, and at least what takes
/// another thread as long as waking up.
const MAX_SUBTREE_LEVELS: u32 = 13;
const MIN_SUBTREE_LEVELS: u32 = 10;

/// The root over `leaves`, of which there is one at least.
pub fn root(isa: Isa, tree: Tree, leaves: &[Digest], threads: &Threads) -> Root {
    let leaves: &[[u8; 32]] = bytemuck::cast_slice(leaves);
    let levels = leaves.len().next_power_of_two().trailing_zeros();
    let streams = Streams::beside(isa);
    let spread = (4 * threads.count()).next_power_of_two().trailing_zeros();
    let low = levels.saturating_sub(spread).clamp(MIN_SUBTREE_LEVELS, MAX_SUBTREE_LEVELS).min(levels);
    let subtrees = threads.map(leaves.chunks(1 << low), |leaves| rise(isa, tree, streams, leaves, low));
    let mut mutated = subtrees.iter().any(|subtree| subtree.1);
    let nodes: Vec<_> = subtrees.into_iter().map(|subtree| subtree.0[0]).collect();
    let (root, above) = rise(isa, tree, streams, &nodes, levels - low);
    mutated |= above;
    Root { digest: Digest(root[0]), mutated }
}

dispatch! {
    /// The nodes `levels` above `nodes`, and whether a pair of equal ones was seen
    /// where the rule asks for that.
    fn rise(tree: Tree, streams: Option<Streams>, nodes: &[[u8; 32]], levels: u32) -> (Vec<[u8; 32]>, bool) = rise_lanes::<U32s>
}

#[inline(always)]
fn rise_lanes<L: Lanes32>(
    tree: Tree,
    streams: Option<Streams>,
    nodes: &[[u8; 32]],
    levels: u32,
) -> (Vec<[u8; 32]>, bool) {
    let rule = Rule::of(tree, streams);
    let mut schedules = Schedules::<L> { pair: Schedule::new(), single: Schedule::new() };
    let (mut nodes, mut left, mut mutated) = (Cow::Borrowed(nodes), levels, false);
    while left > 0 {
        let fused = left >= LANE_LEVELS && nodes.len() >= Pair::<L>::LANES << LANE_LEVELS;
        let step = if fused { LANE_LEVELS } else { 1 };
        let (above, equal) = step_up(&rule, &nodes, step, &mut schedules);
        (nodes, left, mutated) = (Cow::Owned(above), left - step, mutated | equal);
    }
    (nodes.into_owned(), mutated)
}

/// Room for the nodes' blocks, of two vectors side by side and of one.
struct Schedules<L> {
    pair: Schedule<Pair<L>>,
    single: Schedule<L>,
}

/// The nodes `levels` above `nodes`: where they fill all lanes, in one go; the
/// rest level by level.
#[inline(always)]
fn step_up<L: Lanes32>(
    rule: &Rule,
    nodes: &[[u8; 32]],
    levels: u32,
    schedules: &mut Schedules<L>,
) -> (Vec<[u8; 32]>, bool) {
    let group = Pair::<L>::LANES << levels;
    let groups = if rule.lanes_win() { nodes.len() / group } else { 0 };
    let (full, rest) = nodes.split_at(groups * group);
    let mut above = vec![[0; 32]; full.len() >> levels];
    let mut mutated = false;
    for (start, above) in (0..full.len()).step_by(group).zip(above.chunks_exact_mut(Pair::<L>::LANES)) {
        let pairs = full[start..].as_flattened().as_chunks().0;
        mutated |= climb(rule, pairs, levels, &mut schedules.pair, above);
    }
    let mut rest = rest.to_vec();
    for _ in 0..levels {
        mutated |= rule.doubles_last && rest.as_chunks::<2>().0.iter().any(|[left, right]| left == right);
        rest = level_above(rule, rest, &mut schedules.single);
    }
    above.extend_from_slice(&rest);
    (above, mutated)
}

/// One level above any number of nodes.
#[inline(always)]
fn level_above<L: Lanes32>(
    rule: &Rule,
    mut nodes: Vec<[u8; 32]>,
    schedule: &mut Schedule<L>,
) -> Vec<[u8; 32]> {
    if rule.doubles_last && !nodes.len().is_multiple_of(2) {
        nodes.extend_from_within(nodes.len() - 1..);
    }
    let (pairs, promoted) = nodes.as_chunks::<2>();
    let mut above = vec![[0; 32]; pairs.len()];
    for (pairs, above) in pairs.chunks(L::LANES).zip(above.chunks_mut(L::LANES)) {
        if let Some(streams) = rule.streams
            && streams.win(pairs.iter().map(|_| rule.message_length()), L::LANES)
        {
            rule.above_in_streams(streams, pairs, above);
            continue;
        }
        let mut blocks = [[0; 64]; MAX_LANES];
        blocks[..pairs.len()].copy_from_slice(bytemuck::cast_slice(pairs));
        let mut digests = [[0; 32]; MAX_LANES];
        climb(rule, &blocks, 1, schedule, &mut digests);
        above.copy_from_slice(&digests[..above.len()]);
    }
    above.extend_from_slice(promoted);
    above
}

/// The node `levels` above the first pairs in each of `LANES` equal parts of
/// `pairs`; whether a pair of equal ones was seen, if the rule asks for that.
///
/// Each lane goes through its part depth first, like a binary counter: a node
/// that completes a pair rises at once. More pairs may follow: those are asked for.
#[inline(always)]
fn climb<L: Lanes32>(
    rule: &Rule,
    pairs: &[[u8; 64]],
    levels: u32,
    schedule: &mut Schedule<L>,
    out: &mut [[u8; 32]],
) -> bool {
    let own = 1 << (levels - 1);
    let mut waiting = [[L::splat(0); 8]; LANE_LEVELS as usize];
    let mut mutated = L::splat(0);
    let mut node = waiting[0];
    for pair in 0..own {
        prefetch_strided::<L>(pairs.as_flattened(), 64 * own, pair);
        let children = schedule.block();
        load_block(children, pairs[pair..].as_flattened(), 64 * own, 64, rule.endian());
        let mut level = 0;
        loop {
            mutated = mutated | rule.equal_pair(schedule.block());
            rule.rise(schedule, &mut node);
            if pair >> level & 1 == 0 {
                break;
            }
            let children = schedule.block();
            children[..8].copy_from_slice(&waiting[level]);
            children[8..].copy_from_slice(&node);
            level += 1;
        }
        waiting[level] = node;
        prefetch_strided_rest::<L>(pairs.as_flattened(), 64 * own, pair);
    }
    L::store_digests(rule.endian().words(node), out);
    mutated.any()
}

/// A tree's rule, as lanes need it.
struct Rule {
    function: Function,
    /// Whether 0x01 comes before the children.
    prefix: bool,
    doubles_last: bool,
    /// What serves where lanes would stay empty.
    streams: Option<Streams>,
}

enum Function {
    Sha256 { double: bool },
    Blake3(Mode),
}

impl Rule {
    fn of(tree: Tree, streams: Option<Streams>) -> Self {
        let function = match tree.hash() {
            Hash::Sha256 => Function::Sha256 { double: false },
            Hash::Sha256d => Function::Sha256 { double: true },
            Hash::Blake3 => Function::Blake3(Mode::HASH),
            Hash::KeyedBlake3(key) => Function::Blake3(Mode::keyed(&key.0)),
        };
        let streams = streams.filter(|_| matches!(function, Function::Sha256 { .. }));
        let prefix = !tree.node_prefix().is_empty();
        Rule { function, prefix, doubles_last: tree.doubles_last(), streams }
    }

    fn lanes_win(&self) -> bool {
        self.streams.is_none_or(|streams| !streams.always())
    }

    /// The bytes hashed for a node.
    fn message_length(&self) -> usize {
        if self.prefix { 65 } else { 64 }
    }

    fn above_in_streams(&self, streams: Streams, pairs: &[[[u8; 32]; 2]], above: &mut [[u8; 32]]) {
        let double = matches!(self.function, Function::Sha256 { double: true });
        for (pairs, above) in pairs.chunks(2).zip(above.chunks_mut(2)) {
            let mut nodes = [[1; 65]; 2];
            let mut messages: [&[u8]; 2] = [&[]; 2];
            for ((node, message), pair) in nodes.iter_mut().zip(&mut messages).zip(pairs) {
                node[1..].copy_from_slice(pair.as_flattened());
                *message = &node[65 - self.message_length()..];
            }
            streams.digests(&messages[..pairs.len()], double, above);
        }
    }

    /// How the hash reads its words.
    fn endian(&self) -> Endian {
        match self.function {
            Function::Sha256 { .. } => Endian::Big,
            Function::Blake3(_) => Endian::Little,
        }
    }

    /// Not zero in the lanes whose children are equal, if the rule minds.
    #[inline(always)]
    fn equal_pair<L: Lanes32>(&self, children: &[L; BLOCK_WORDS]) -> L {
        if !self.doubles_last {
            return L::splat(0);
        }
        let mut unequal = L::splat(0);
        for word in 0..8 {
            unequal = unequal | (children[word] ^ children[8 + word]);
        }
        unequal.equal(L::splat(0))
    }

    /// The node above; the children's place is used up.
    #[inline(always)]
    fn rise<L: Lanes32>(&self, children: &mut Schedule<L>, node: &mut State<L>) {
        match &self.function {
            Function::Sha256 { double } => {
                if self.prefix {
                    sha256_of_65(children, node);
                } else {
                    sha256_of_64(children, node);
                }
                if *double {
                    sha256::of_digest(node, children);
                }
            }
            Function::Blake3(mode) if self.prefix => blake3_of_65(mode, children.block(), node),
            Function::Blake3(mode) => blake3::whole(mode, children.block(), node),
        }
    }
}

#[inline(always)]
fn sha256_of_64<L: Lanes32>(children: &mut Schedule<L>, node: &mut State<L>) {
    sha256::compress_first(node, children);
    sha256::compress_constant(node, &PADDING_OF_64);
}

/// SHA-256 of 0x01 and the children: 65 bytes.
#[inline(always)]
fn sha256_of_65<L: Lanes32>(children: &mut Schedule<L>, node: &mut State<L>) {
    // Big-endian words: each takes its first byte from the word before it.
    let last = prefix::<L, 8>(children.block(), 0x0100_0000, 0xff00_0000);
    sha256::compress_first(node, children);
    sha256::compress_end_of_65(node, last, children);
}

/// BLAKE3 of 0x01 and the children: 65 bytes.
#[inline(always)]
fn blake3_of_65<L: Lanes32>(mode: &Mode, children: &mut [L; BLOCK_WORDS], node: &mut [L; 8]) {
    // Little-endian words: each takes its lowest byte from the word before it.
    let last = prefix::<L, 24>(children, 0x0000_0001, 0x0000_00ff);
    let mut end = [L::splat(0); BLOCK_WORDS];
    end[0] = last;
    blake3::of_65(mode, children, &end, node);
}

/// Moves words up by one byte, after a first byte `prefix`, and gives the byte that falls
/// out, alone in its word. `mask` is where a word's first byte lies, rotating right by `N`
/// moves each byte one place up.
#[inline(always)]
fn prefix<L: Lanes32, const N: i32>(words: &mut [L; BLOCK_WORDS], prefix: u32, mask: u32) -> L {
    let mask = L::splat(mask);
    let mut before = L::splat(prefix);
    for word in words {
        let rotated = word.rotr::<N>();
        *word = mask.choose(before, rotated);
        before = rotated;
    }
    before & mask
}

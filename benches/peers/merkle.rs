//! Merkle roots over a million leaves.

use bitcoin_hashes::{Hash as _, sha256d};
use verilane::{Backend, Digest, Hash, Tree, TreeHash};

use crate::Lanes;
use crate::comparison::{Comparison, Implementation, Operations, Row};

const LEAVES: usize = 1 << 20;

pub fn rows(comparison: &Comparison, lanes: &Lanes) {
    hashtree_rs::init();
    let ops = || Operations::of(lanes.level);
    let node = ops().map(|ops| ops.sha256_first + ops.sha256_constant);
    let double = ops().map(|ops| ops.sha256_first + ops.sha256_constant + ops.sha256_of_digest);
    let prefixed = ops().map(|ops| ops.sha256_first + ops.sha256_end_of_65);
    let blake3 = ops().map(|ops| ops.blake3);
    let sha2: fn(Tree, &[Digest]) -> Digest = node_by_node;
    row(
        comparison,
        lanes,
        Tree::Plain(TreeHash::Sha256),
        Some(2.4),
        node,
        &[("hashtree-rs", hashtree), ("sha2 loop", sha2)],
    );
    row(
        comparison,
        lanes,
        Tree::Bitcoin,
        Some(4.0),
        double,
        &[("bitcoin_hashes", bitcoin), ("sha2 loop", sha2)],
    );
    row(comparison, lanes, Tree::Rfc6962(TreeHash::Sha256), Some(3.5), prefixed, &[("sha2 loop", sha2)]);
    row(comparison, lanes, Tree::Plain(TreeHash::Blake3), None, blake3, &[("blake3 loop", node_by_node)]);
}

type Peer = (&'static str, fn(Tree, &[Digest]) -> Digest);

fn row(
    comparison: &Comparison,
    lanes: &Lanes,
    tree: Tree,
    target_ratio: Option<f64>,
    operations: Option<f64>,
    peers: &[Peer],
) {
    let name = format!("merkle.{tree} {}", tree.hash());
    if !comparison.selects(&name) {
        return;
    }
    let leaves: Vec<Digest> = (0..LEAVES as u64).map(|i| Hash::Blake3.digest(&i.to_le_bytes())).collect();
    let mut implementations: Vec<Implementation<'_, Digest>> = vec![
        ("verilane", Box::new(|out| *out = lanes.one.merkle_root(tree, &leaves).expect("no fault").digest)),
        ("2 threads", Box::new(|out| *out = lanes.two.merkle_root(tree, &leaves).expect("no fault").digest)),
    ];
    for &(label, root) in peers {
        let leaves = &leaves;
        implementations.push((label, Box::new(move |out| *out = root(tree, leaves))));
    }
    let row = Row { name, items: LEAVES - 1, target_ratio, operations, level: lanes.level };
    comparison.run(&row, &Digest::default(), implementations);
}

/// Each node by the crate for the tree's hash.
fn node_by_node(tree: Tree, leaves: &[Digest]) -> Digest {
    root(leaves, |[left, right]| tree.node(left, right))
}

fn bitcoin(_: Tree, leaves: &[Digest]) -> Digest {
    root(leaves, |pair| {
        let bytes: &[u8; 64] = bytemuck::cast_ref(pair);
        Digest(sha256d::Hash::hash(bytes).to_byte_array())
    })
}

/// The root, level by level, with `node` as the parent of two nodes.
fn root(leaves: &[Digest], node: impl Fn(&[Digest; 2]) -> Digest) -> Digest {
    let mut level: Vec<Digest> = leaves.as_chunks().0.iter().map(&node).collect();
    while level.len() > 1 {
        for i in 0..level.len() / 2 {
            level[i] = node(&[level[2 * i], level[2 * i + 1]]);
        }
        level.truncate(level.len() / 2);
    }
    level[0]
}

/// One call for each level, as the crate is meant to be used.
fn hashtree(_: Tree, leaves: &[Digest]) -> Digest {
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        let mut parents = vec![Digest::default(); level.len() / 2];
        let count = parents.len();
        hashtree_rs::hash(bytemuck::cast_slice_mut(&mut parents), bytemuck::cast_slice(&level), count);
        level = parents;
    }
    level[0]
}

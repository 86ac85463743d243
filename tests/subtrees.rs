//! Roots combined from subtrees, against the root over all leaves in one call.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use verilane::merkle::{Root, Subtree};
use verilane::{BackendKind, Digest, Engine, Error, Options, Placement, Tree, TreeHash};

const TREES: [Tree; 3] = [Tree::Bitcoin, Tree::Rfc6962(TreeHash::Sha256), Tree::Plain(TreeHash::Blake3)];

fn engine() -> Engine {
    let placement = Placement::On(BackendKind::Cpu);
    Engine::with_options(&Options { placement, threads: 1, ..Options::default() }).unwrap()
}

fn subtree(engine: &Engine, tree: Tree, leaves: &[Digest]) -> Subtree {
    let root = engine.merkle_root(tree, leaves).unwrap().into_inner();
    Subtree { root, leaves: leaves.len() as u64 }
}

/// Every tree of up to 200 leaves, split at every height. The leaves are all different, repeat
/// at random, or repeat with a period, which makes whole subtrees equal.
#[test]
fn a_root_does_not_depend_on_the_split() {
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let distinct: Vec<_> = (0..200).map(|_| Digest(rng.random())).collect();
    let few = (0..200).map(|_| distinct[rng.random_range(0..3)]).collect();
    let periodic = |period: usize| distinct[..period].iter().copied().cycle().take(200).collect();
    let mut inputs = vec![distinct.clone(), few];
    inputs.extend([1, 4, 32, 64].map(periodic));
    let engine = engine();
    let mut mutated = [0, 0];
    for (tree, leaves) in TREES.iter().flat_map(|&tree| inputs.iter().map(move |leaves| (tree, leaves))) {
        for count in 1..=leaves.len() {
            let expected = subtree(&engine, tree, &leaves[..count]).root;
            mutated[usize::from(expected.mutated)] += 1;
        }
        (0..=7).for_each(|height| compare_roots(&engine, tree, leaves, 1 << height));
    }
    assert!(mutated[0] > 1000 && mutated[1] > 500, "{mutated:?}");
}

/// Compares the trees over every number of first leaves, split into subtrees of `width` leaves.
fn compare_roots(engine: &Engine, tree: Tree, leaves: &[Digest], width: usize) {
    let whole: Vec<_> = leaves.chunks(width).map(|leaves| subtree(engine, tree, leaves)).collect();
    for count in 1..=leaves.len() {
        let (full, rest) = (count / width, count % width);
        let mut parts = whole[..full].to_vec();
        if rest > 0 {
            parts.push(subtree(engine, tree, &leaves[full * width..count]));
        }
        let found = engine.merkle_combine(tree, &parts).unwrap().into_inner();
        let expected = subtree(engine, tree, &leaves[..count]).root;
        assert_eq!(found, expected, "{tree:?}, {count} leaves in parts of {width}");
    }
}

#[test]
fn a_misaligned_subtree_is_named() {
    let engine = engine();
    let root = Root { digest: Digest([1; 32]), mutated: false };
    let misaligned_index = |leaves: &[u64]| {
        let parts: Vec<_> = leaves.iter().map(|&leaves| Subtree { root, leaves }).collect();
        match engine.merkle_combine(Tree::Bitcoin, &parts) {
            Err(Error::Subtree { index, .. }) => Some(index),
            Err(error) => panic!("{leaves:?}: {error}"),
            Ok(_) => None,
        }
    };
    for fitting in [&[1][..], &[7], &[4, 4, 4], &[4, 4, 3], &[1, 1], &[8, 1], &[1 << 63, 1 << 63]] {
        assert_eq!(misaligned_index(fitting), None, "{fitting:?}");
    }
    let misaligned: [(&[u64], usize); 9] = [
        (&[0], 0),
        (&[3, 3], 0),
        (&[4, 0], 1),
        (&[4, 3, 4], 1),
        (&[4, 4, 8], 2),
        (&[4, 8, 4], 1),
        (&[4, 0, 4], 1),
        (&[4, 4, 5], 2),
        (&[4, 4, u64::MAX], 2),
    ];
    for (leaves, index) in misaligned {
        assert_eq!(misaligned_index(leaves), Some(index), "{leaves:?}");
    }
    let message = |leaves| Error::Subtree { index: 1, leaves, width: 4 }.to_string();
    assert!(message(5).contains("sub-tree 1, counted from 0, cannot have 5 leaves"), "{}", message(5));
    assert!(message(0).contains("at least one"), "{}", message(0));
}

#[test]
fn no_subtrees_are_no_leaves() {
    let engine = engine();
    assert!(matches!(engine.merkle_combine(Tree::Bitcoin, &[]), Err(Error::EmptyTree(_))));
    let tree = Tree::Rfc6962(TreeHash::Sha256);
    let found = engine.merkle_combine(tree, &[]).unwrap().into_inner();
    assert_eq!(found, tree.empty_root().unwrap());
}

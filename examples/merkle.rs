//! A Merkle root over a million leaves, and the inclusion proof of one of them.

use verilane::{Engine, Records, Tree, TreeHash};

fn main() -> Result<(), verilane::Error> {
    let engine = Engine::new()?;
    let entries = Records::from_slices((0..1_000_000).map(|n| format!("entry {n}")));
    let tree = Tree::Rfc6962(TreeHash::Sha256);

    let leaves = engine.merkle_leaves(tree, &entries)?;
    let root = engine.merkle_root(tree, &leaves)?;
    println!("root {} on {}", tree.display(root.digest), root.report().backend);

    let proof = engine.merkle_proof(tree, &leaves, 77)?;
    println!("the proof of entry 77 has {} nodes", proof.path.len());
    assert!(proof.verify(&leaves[77], &root.digest));
    assert!(!proof.verify(&leaves[78], &root.digest));
    Ok(())
}

//! `check_block` on every back end, against a check of each record by established crates, on
//! blocks with planted errors.

mod common;

use std::collections::HashMap;
use std::sync::Arc;

use common::backends;
use ed25519_dalek::{Signer, SigningKey};
use rand::rngs::ChaCha8Rng;
use rand::{Rng, RngExt, SeedableRng};
use verilane::ed25519::Rule;
use verilane::entries::{BlockCheck, RecordVerdict};
use verilane::reference::Reference;
use verilane::{Backend, Digest, Engine, Entries, Error, Hash, Key, Records, Threads, Tree, TreeHash};

const TREE: Tree = Tree::Rfc6962(TreeHash::Sha256);

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn bytes(rng: &mut ChaCha8Rng, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    rng.fill_bytes(&mut bytes);
    bytes
}

/// A third of the records, at random, repeat an earlier one. Of ten entries, two have a bad
/// signature and two a record with another digest than the signed one.
fn entries_with_errors(
    rng: &mut ChaCha8Rng,
    hash: Hash,
    lengths: impl Iterator<Item = usize>,
) -> Entries<'static> {
    let signers: Vec<_> = (0..7).map(|_| SigningKey::from_bytes(&rng.random())).collect();
    let mut entries = Entries::with_capacity(0, 0);
    let mut earlier: Vec<Vec<u8>> = Vec::new();
    for (index, length) in lengths.enumerate() {
        let mut record = match rng.random_range(0..3) {
            0 if index > 0 => earlier[rng.random_range(0..index)].clone(),
            _ => bytes(rng, length),
        };
        earlier.push(record.clone());
        let signer = &signers[rng.random_range(0..signers.len())];
        let mut digest = hash.digest(&record);
        let mut signature = signer.sign(&digest.0).to_bytes();
        match index % 10 {
            2 => signature[rng.random_range(0..64)] ^= 1 << rng.random_range(0..8),
            4 => record.push(0),
            7 => digest.0[rng.random_range(0..32)] ^= 0x10,
            9 => {
                digest = Digest(rng.random());
                signature = signer.sign(&digest.0).to_bytes();
            }
            _ => {}
        }
        entries.push(&signer.verifying_key().to_bytes(), &signature, digest, &record);
    }
    entries
}

/// The expected verdicts, first occurrences and root, computed record by record. Of the crate
/// under test it uses only the definitions of the rules.
fn expected(
    rule: Rule,
    hash: Hash,
    tree: Tree,
    entries: &Entries<'_>,
) -> (Vec<RecordVerdict>, Vec<u32>, Digest) {
    let (mut verdicts, mut first_occurrences, mut seen) = (Vec::new(), Vec::new(), HashMap::new());
    for (index, record) in entries.records().iter().enumerate() {
        let claimed = entries.digests()[index];
        let verdict = if !rule.accepts(&entries.keys()[index], &entries.signatures()[index], &claimed.0) {
            RecordVerdict::BadSignature
        } else if hash.digest(record) != claimed {
            RecordVerdict::HashMismatch
        } else {
            RecordVerdict::Valid
        };
        verdicts.push(verdict);
        first_occurrences.push(*seen.entry(record).or_insert(index as u32));
    }
    let leaf = |index: usize| {
        let parts = [&entries.digests()[index].0[..], &entries.keys()[index], &entries.signatures()[index]];
        tree.hash().digest(&[tree.leaf_prefix(), &parts.concat()].concat())
    };
    let mut level: Vec<_> = (0..entries.len()).map(leaf).collect();
    while level.len() > 1 {
        if tree.doubles_last() && level.len() % 2 == 1 {
            level.push(level[level.len() - 1]);
        }
        let parents = level.chunks(2).map(|pair| match pair {
            [left, right] => tree.node(left, right),
            single => single[0],
        });
        level = parents.collect();
    }
    (verdicts, first_occurrences, level[0])
}

#[track_caller]
fn compare(rule: Rule, hash: Hash, tree: Tree, entries: &Entries<'_>) -> Vec<RecordVerdict> {
    let (verdicts, first_occurrences, root) = expected(rule, hash, tree, entries);
    for backend in backends() {
        let name =
            format!("{} entries, {rule}, {hash}, {tree:?} on {}", entries.len(), backend.info().detail);
        let check = backend.check_block(rule, hash, tree, entries).unwrap();
        assert_eq!(check.verdicts, verdicts, "verdicts of {name}");
        assert_eq!(check.first_occurrences.as_slice(), first_occurrences, "first occurrences of {name}");
        assert_eq!(check.root.digest, root, "root of {name}");
        let digests: Vec<_> = entries.records().iter().map(|record| hash.digest(record)).collect();
        assert_eq!(check.digests, digests, "digests of {name}");
    }
    verdicts
}

#[test]
fn blocks_of_many_sizes() {
    let rng = &mut rng(1);
    for count in (1..=9).chain([31, 32, 33, 63, 64, 65, 129, 500]) {
        let lengths: Vec<_> = (0..count).map(|_| rng.random_range(0..300)).collect();
        let entries = entries_with_errors(rng, Hash::Sha256, lengths.into_iter());
        let verdicts = compare(Rule::Rfc8032, Hash::Sha256, TREE, &entries);
        assert_eq!(verdicts[0], RecordVerdict::Valid);
        if count == 500 {
            use RecordVerdict::{BadSignature, HashMismatch, Valid};
            let counts = [Valid, BadSignature, HashMismatch]
                .map(|kind| verdicts.iter().filter(|&&verdict| verdict == kind).count());
            assert_eq!(counts, [300, 100, 100]);
        }
    }
}

#[test]
fn blocks_under_every_rule_hash_and_tree() {
    let rng = &mut rng(2);
    let hashes = [Hash::Sha256, Hash::Sha256d, Hash::Blake3, Hash::KeyedBlake3(Key([9; 32]))];
    for hash in hashes {
        let entries = entries_with_errors(rng, hash, (0..45).map(|index| index * 40));
        let same = TreeHash::try_from(hash).ok().map(Tree::Plain);
        let others = [Tree::Bitcoin, TREE, Tree::Rfc6962(TreeHash::Blake3)];
        for tree in others.into_iter().chain(same) {
            compare(Rule::Strict, hash, tree, &entries);
        }
    }
    let entries = entries_with_errors(rng, Hash::Sha256, (0..45).map(|index| index * 40));
    for rule in Rule::ALL {
        compare(rule, Hash::Sha256, TREE, &entries);
    }
}

#[test]
fn blocks_of_records_of_very_different_lengths() {
    let rng = &mut rng(3);
    let lengths = [0, 1, 3_000_001, 55, 56, 64, 100_000, 65, 16, 1024, 1025, 0, 128, 70_000];
    let entries = entries_with_errors(rng, Hash::Sha256, lengths.into_iter());
    compare(Rule::Zip215, Hash::Sha256, TREE, &entries);
    compare(Rule::Zip215, Hash::Sha256, TREE, &entries.slice(3..12));
}

#[test]
fn blocks_of_one_record_repeated() {
    let signer = SigningKey::from_bytes(&[5; 32]);
    let digest = Hash::Sha256.digest(b"the same");
    let signature = signer.sign(&digest.0).to_bytes();
    let mut entries = Entries::with_capacity(0, 0);
    for _ in 0..64 {
        entries.push(&signer.verifying_key().to_bytes(), &signature, digest, b"the same");
    }
    compare(Rule::Strict, Hash::Sha256, TREE, &entries);
    // Equal leaves form pairs, which Bitcoin's rule reports as mutated.
    for backend in backends() {
        let check = backend.check_block(Rule::Strict, Hash::Sha256, Tree::Bitcoin, &entries).unwrap();
        assert!(
            check.root.mutated && check.first_occurrences.unique_count() == 1,
            "{}",
            backend.info().detail
        );
    }
}

#[test]
fn the_engine_checks_a_block_and_reports_the_back_end() {
    let reference: Arc<dyn Backend> = Arc::new(Reference::new(Threads::new(1).unwrap()));
    let engine = Engine::with_backends(vec![reference]).unwrap();
    let entries = entries_with_errors(&mut rng(4), Hash::Sha256, 0..10);
    let check = engine.check_block(Rule::Rfc8032, Hash::Sha256, TREE, &entries).unwrap();
    assert_eq!(check.report().backend.kind, verilane::BackendKind::Reference);
    let leaves = engine.merkle_leaves(TREE, &entries.leaves()).unwrap();
    assert_eq!(check.root, *engine.merkle_root(TREE, &leaves).unwrap());
    let BlockCheck { verdicts, .. } = &*check;
    let invalid: Vec<_> = check.invalid().map(|(index, _)| index).collect();
    assert_eq!((verdicts.len(), invalid), (10, vec![2, 4, 7, 9]));

    let records = Records::from_slices(["a"]);
    let result = Entries::from_columns(&[[0; 32]], &[[0; 64]], &[], records);
    assert!(matches!(result, Err(Error::EntryColumns { keys: 1, signatures: 1, digests: 0, records: 1 })));
}

//! Every back end against the reference, on inputs that expose swapped, dropped or mixed-up
//! lanes, workgroups, blocks and chunks.

mod common;

use std::sync::Arc;

use common::backends;
use ed25519_dalek::{Signer, SigningKey};
use proptest::prelude::*;
use rand::rngs::ChaCha8Rng;
use rand::{Rng, RngExt, SeedableRng};
use verilane::ed25519::Rule;
use verilane::merkle::Root;
use verilane::pow::{NonceWindow, Puzzle, Target};
use verilane::signature::Batch;
use verilane::{Backend, BackendKind, Digest, Engine, Hash, Key, Records, Tree, TreeHash};

const HASHES: [Hash; 4] = [Hash::Sha256, Hash::Sha256d, Hash::Blake3, Hash::KeyedBlake3(Key([0x5A; 32]))];

fn reference() -> &'static Arc<dyn Backend> {
    let mut all = backends().iter();
    all.find(|backend| backend.info().kind == BackendKind::Reference)
        .expect("the reference is always available")
}

fn others() -> impl Iterator<Item = &'static Arc<dyn Backend>> {
    backends().iter().filter(|backend| backend.info().kind != BackendKind::Reference)
}

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn bytes(rng: &mut ChaCha8Rng, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    rng.fill_bytes(&mut bytes);
    bytes
}

fn digests(rng: &mut ChaCha8Rng, count: usize) -> Vec<Digest> {
    (0..count).map(|_| Digest(rng.random())).collect()
}

fn records(rng: &mut ChaCha8Rng, lengths: impl IntoIterator<Item = usize>) -> Records<'static> {
    Records::from_slices(lengths.into_iter().map(|length| bytes(rng, length)))
}

fn compare_hash(records: &Records<'_>, what: &str) {
    for hash in HASHES {
        let mut expected = vec![Digest::default(); records.len()];
        reference().hash(hash, records, &mut expected).unwrap();
        for backend in others() {
            let mut found = vec![Digest([0xEE; 32]); records.len()];
            backend.hash(hash, records, &mut found).unwrap();
            let mismatch = (0..records.len()).find(|&i| found[i] != expected[i]);
            assert_eq!(mismatch, None, "{hash} on {}: {what}", backend.info().detail);
        }
    }
}

#[test]
fn hashes_of_many_counts() {
    let rng = &mut rng(1);
    for count in (0..=70).chain([127, 128, 129, 255, 256, 257, 1000, 4099]) {
        compare_hash(&records(rng, (0..count).map(|_| 64)), &format!("{count} records of 64 bytes"));
    }
}

#[test]
fn hashes_at_every_length_around_block_and_chunk_boundaries() {
    let rng = &mut rng(2);
    let boundaries = [54..=57, 63..=65, 119..=121, 127..=129, 191..=193, 511..=513, 1023..=1025];
    let longer = [1087..=1089, 2047..=2049, 3071..=3073, 4095..=4097, 8191..=8193, 65_535..=65_537];
    for length in (0..=9).chain(boundaries.into_iter().chain(longer).flatten()) {
        compare_hash(&records(rng, [length; 37]), &format!("37 records of {length} bytes"));
    }
}

#[test]
fn hashes_of_mixed_lengths() {
    let rng = &mut rng(3);
    let mut lengths: Vec<usize> = (0..3000).map(|_| rng.random_range(0..300)).collect();
    lengths.extend([1_000_003, 0, 40, 4096, 40, 4096, 131_072, 1, 5_000]);
    lengths.extend((0..200).map(|_| rng.random_range(0..20_000)));
    compare_hash(&records(rng, lengths), "mixed lengths");
}

#[test]
fn hashes_of_long_records() {
    // More than 65,536 blocks of 64 bytes, and more than 4,096 chunks of BLAKE3.
    compare_hash(&records(&mut rng(16), [3, (5 << 20) + 7, 100]), "a record of 5 MiB");
}

#[test]
fn hashes_of_unaligned_slices() {
    let rng = &mut rng(4);
    let all = records(rng, [1, 63, 64, 65, 7, 200, 1025, 3, 3, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 5]);
    for start in 0..all.len() {
        compare_hash(&all.slice(start..all.len()), "a slice");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn hashes_of_any_records(records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..2500), 0..90)) {
        compare_hash(&Records::from_slices(&records), "any records");
    }
}

fn trees() -> impl Iterator<Item = Tree> {
    let with_hash = |hash| [Tree::Rfc6962(hash), Tree::Plain(hash)];
    HASHES.into_iter().flat_map(TreeHash::try_from).flat_map(with_hash).chain([Tree::Bitcoin])
}

fn compare_root(tree: Tree, leaves: &[Digest]) -> Root {
    let expected = reference().merkle_root(tree, leaves).unwrap();
    for backend in others() {
        let found = backend.merkle_root(tree, leaves).unwrap();
        assert_eq!(found, expected, "{tree:?} of {} leaves on {}", leaves.len(), backend.info().detail);
    }
    expected
}

#[test]
fn merkle_roots_of_every_small_size() {
    let leaves = digests(&mut rng(5), 300);
    for tree in trees() {
        for count in 1..=leaves.len() {
            compare_root(tree, &leaves[..count]);
        }
    }
}

#[test]
fn merkle_roots_around_powers_of_two() {
    let leaves = digests(&mut rng(6), 10_000);
    let around = (9..=13).flat_map(|k| [(1 << k) - 1, 1 << k, (1 << k) + 1]);
    for count in around.chain([1000, 5000, 9999, 10_000]) {
        for tree in trees() {
            compare_root(tree, &leaves[..count]);
        }
    }
}

#[test]
fn merkle_roots_of_larger_trees() {
    let leaves = digests(&mut rng(7), (1 << 17) + 3);
    for tree in [Tree::Bitcoin, Tree::Rfc6962(TreeHash::Sha256), Tree::Plain(TreeHash::Blake3)] {
        for count in [1 << 17, (1 << 17) + 1, (1 << 17) + 3, 100_000] {
            compare_root(tree, &leaves[..count]);
        }
    }
}

#[test]
fn mutated_trees_are_detected_on_every_level() {
    let rng = &mut rng(8);
    for height in 0..10 {
        // The last 2^height leaves are repeated, as in CVE-2012-2459.
        let width = 1 << height;
        for blocks in [3, 5, 7] {
            let honest = digests(rng, blocks * width);
            let mut forged = honest.clone();
            forged.extend_from_within((blocks - 1) * width..);
            let root = compare_root(Tree::Bitcoin, &honest);
            assert!(!root.mutated);
            assert_eq!(compare_root(Tree::Bitcoin, &forged), Root { mutated: true, ..root });
        }
        // Equal neighbours that do not form a pair are no mutation.
        let mut leaves = digests(rng, 4 * width);
        leaves.copy_within(width..2 * width, 2 * width);
        assert!(!compare_root(Tree::Bitcoin, &leaves).mutated);
    }
    let equal = vec![Digest([7; 32]); 2000];
    assert!(compare_root(Tree::Bitcoin, &equal).mutated);
    assert!(!compare_root(Tree::Plain(TreeHash::Sha256), &equal).mutated);
}

#[test]
fn proofs_verify_for_their_leaf_only() {
    let leaves = digests(&mut rng(9), 70);
    for backend in backends() {
        let engine = Engine::with_backends(vec![backend.clone()]).unwrap();
        for tree in [Tree::Bitcoin, Tree::Rfc6962(TreeHash::Sha256), Tree::Plain(TreeHash::Blake3)] {
            for count in [1, 2, 3, 5, 6, 7, 8, 33, 64, 70] {
                let root = engine.merkle_root(tree, &leaves[..count]).unwrap().digest;
                for index in [0, count / 3, count / 2, count - 1] {
                    let proof = engine.merkle_proof(tree, &leaves[..count], index).unwrap();
                    assert!(proof.verify(&leaves[index], &root), "{tree:?}, leaf {index} of {count}");
                    assert!(!proof.verify(&leaves[(index + 1) % 71 % leaves.len()], &root));
                }
                assert!(engine.merkle_proof(tree, &leaves[..count], count).is_err());
            }
        }
    }
}

fn compare_first_occurrences(fingerprints: &[Digest], what: &str) {
    let mut expected = vec![0; fingerprints.len()];
    reference().first_occurrences(fingerprints, &mut expected).unwrap();
    for backend in others() {
        let mut found = vec![u32::MAX; fingerprints.len()];
        backend.first_occurrences(fingerprints, &mut found).unwrap();
        let mismatch = (0..fingerprints.len()).find(|&i| found[i] != expected[i]);
        let count = fingerprints.len();
        assert_eq!(mismatch, None, "{what}, {count} fingerprints on {}", backend.info().detail);
    }
}

#[test]
fn first_occurrences_of_random_fingerprints() {
    let rng = &mut rng(10);
    for count in (0..=70).chain([255, 256, 257, 1000, 65_537, 300_000]) {
        let pool = digests(rng, count * 7 / 10 + 1);
        let fingerprints: Vec<_> = (0..count).map(|_| pool[rng.random_range(0..pool.len())]).collect();
        compare_first_occurrences(&fingerprints, "30 % repeated");
    }
}

#[test]
fn first_occurrences_of_fingerprints_that_collide() {
    let rng = &mut rng(11);
    let varied_in = |range: std::ops::Range<usize>, count: usize, rng: &mut ChaCha8Rng| -> Vec<Digest> {
        let draw = |_| {
            let mut fingerprint = [0x33; 32];
            let value = rng.random_range(0..count as u64 / 2).to_le_bytes();
            let width = range.len().min(8);
            fingerprint[range.clone()][..width].copy_from_slice(&value[..width]);
            Digest(fingerprint)
        };
        (0..count).map(draw).collect()
    };
    for count in [100, 5_000, 50_000] {
        for range in [0..4, 4..8, 12..16, 24..28, 28..32] {
            compare_first_occurrences(
                &varied_in(range.clone(), count, rng),
                &format!("only bytes {range:?} differ"),
            );
        }
        compare_first_occurrences(&vec![Digest([0; 32]); count], "all zero");
        compare_first_occurrences(&vec![Digest([0xFF; 32]); count], "all ones");
        let mut ascending = digests(rng, count);
        ascending.sort();
        compare_first_occurrences(&ascending, "sorted and distinct");
        let mirrored: Vec<_> = ascending.iter().chain(ascending.iter().rev()).copied().collect();
        compare_first_occurrences(&mirrored, "mirrored");
    }
}

fn compare_search(puzzle: &Puzzle, window: NonceWindow) {
    let expected = reference().search(puzzle, window.clone()).unwrap();
    for backend in others() {
        let found = backend.search(puzzle, window.clone()).unwrap();
        assert_eq!(found, expected, "{window:?} of {puzzle:?} on {}", backend.info().detail);
    }
}

/// A target that a digest meets with probability 2^-`bits`.
fn target(bits: u32) -> Target {
    let mut bytes = [0xFF; 32];
    bytes[..bits as usize / 8].fill(0);
    bytes[bits as usize / 8] >>= bits % 8;
    Target::from_be_bytes(bytes)
}

#[test]
fn searches_in_windows_of_many_sizes() {
    let rng = &mut rng(12);
    for bits in [0, 1, 4, 8, 11, 14, 17, 40] {
        let header: [u8; 80] = bytes(rng, 80).try_into().unwrap();
        let puzzle = Puzzle::bitcoin(&header, target(bits));
        let start = rng.random_range(0..u32::MAX - 70_000);
        for size in [1, 2, 15, 16, 17, 31, 33, 63, 64, 65, 255, 257, 5_000, 70_000] {
            compare_search(&puzzle, start..=start + (size - 1));
            compare_search(&puzzle, 0..=size - 1);
            compare_search(&puzzle, u32::MAX - (size - 1)..=u32::MAX);
        }
    }
}

#[test]
fn searches_compare_with_the_target_exactly() {
    let rng = &mut rng(13);
    let header: [u8; 80] = bytes(rng, 80).try_into().unwrap();
    let digest = Puzzle::bitcoin(&header, target(0)).digest(12_345);
    // A target equal to the digest is met; one that is lower by 1 is not, whichever bytes borrow.
    let exact = digest.reversed().0;
    let mut below = exact;
    let last = below.iter().rposition(|&byte| byte != 0).unwrap();
    below[last] -= 1;
    below[last + 1..].fill(0xFF);
    for bound in [exact, below] {
        compare_search(&Puzzle::bitcoin(&header, Target::from_be_bytes(bound)), 12_000..=12_999);
    }
    let found = reference().search(&Puzzle::bitcoin(&header, Target::from_be_bytes(exact)), 12_345..=12_345);
    assert_eq!(found.unwrap().map(|found| found.nonce), Some(12_345));
}

#[test]
fn searches_in_headers_of_every_length_and_offset() {
    let rng = &mut rng(14);
    for length in [4, 8, 20, 52, 55, 68, 80, 100, 119, 132, 183] {
        let header = bytes(rng, length);
        for offset in (0..length - 3).step_by(4) {
            if let Ok(puzzle) = Puzzle::new(&header, offset, target(9)) {
                compare_search(&puzzle, 4_000_000_000..=4_000_002_000);
            }
        }
    }
}

#[test]
fn verdicts_of_valid_and_corrupted_signatures() {
    let rng = &mut rng(15);
    let signers: Vec<_> = (0..20).map(|_| SigningKey::from_bytes(&rng.random())).collect();
    for count in (0..=33).chain([64, 65, 127, 129, 600]) {
        let mut batch = Batch::with_capacity(count);
        for _ in 0..count {
            let signer = &signers[rng.random_range(0..signers.len())];
            let length = rng.random_range(0..400);
            let mut message = bytes(rng, length);
            let mut signature = signer.sign(&message).to_bytes();
            let mut key = signer.verifying_key().to_bytes();
            match rng.random_range(0..8) {
                0 => signature[rng.random_range(0..64)] ^= 1 << rng.random_range(0..8),
                1 => key[rng.random_range(0..32)] ^= 1 << rng.random_range(0..8),
                2 => message.push(0),
                _ => {}
            }
            batch.push(&key, &signature, &message);
        }
        for rule in Rule::ALL {
            let mut expected = vec![false; count];
            reference().verify(rule, &batch, &mut expected).unwrap();
            for backend in others().filter(|backend| backend.serves(verilane::Operation::Verify)) {
                let mut found: Vec<_> = expected.iter().map(|verdict| !verdict).collect();
                backend.verify(rule, &batch, &mut found).unwrap();
                assert_eq!(found, expected, "{rule} on {}", backend.info().detail);
            }
        }
    }
}

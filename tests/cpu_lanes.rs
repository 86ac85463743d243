//! The CPU's lanes against the reference, at every level that this machine has, at the
//! boundaries of lanes, blocks, chunks and nonce windows.

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use verilane::cpu::{Cpu, Level};
use verilane::pow::{Puzzle, Target};
use verilane::reference::Reference;
use verilane::{Backend, Digest, Hash, Key, Records, Threads, Tree, TreeHash};

const HASHES: [Hash; 4] = [Hash::Sha256, Hash::Sha256d, Hash::Blake3, Hash::KeyedBlake3(Key([0xA5; 32]))];

/// Lengths around every boundary of padding, blocks, chunks and trees.
const LENGTHS: [usize; 37] = [
    0, 1, 2, 3, 4, 5, 31, 32, 33, 54, 55, 56, 57, 63, 64, 65, 119, 120, 121, 127, 128, 129, 200, 255, 256,
    257, 1023, 1024, 1025, 2047, 2048, 2049, 3072, 4096, 8191, 8192, 8193,
];

/// Every level, on one thread and on three.
fn cpus() -> Vec<Cpu> {
    let pools = [1, 3].map(|count| Threads::new(count).unwrap());
    Level::available().flat_map(|level| pools.clone().map(|threads| Cpu::new(threads, level))).collect()
}

fn reference() -> Reference {
    Reference::new(Threads::new(2).unwrap())
}

fn random(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Bytes in which every word of every block differs, so that a misplaced lane, block or word
/// shows.
fn painted(length: usize) -> Vec<u8> {
    let word = |i: usize| (i as u32).wrapping_mul(0x9e37_79b9).rotate_left(i as u32 % 31).to_le_bytes();
    (0..length.div_ceil(4)).flat_map(word).take(length).collect()
}

fn painted_digests(count: usize) -> Vec<Digest> {
    painted(32 * count).as_chunks().0.iter().map(|bytes| Digest(*bytes)).collect()
}

#[track_caller]
fn check_hashes(backends: &[Cpu], records: &Records<'_>) {
    for hash in HASHES {
        let expected: Vec<Digest> = records.iter().map(|record| hash.digest(record)).collect();
        for backend in backends {
            let mut digests = vec![Digest::default(); records.len()];
            backend.hash(hash, records, &mut digests).unwrap();
            let wrong = digests.iter().zip(&expected).position(|(found, expected)| found != expected);
            if let Some(index) = wrong {
                let (detail, length) = (&backend.info().detail, records.length(index));
                panic!("{detail}: {hash} of record {index} of {}, {length} bytes", records.len());
            }
        }
    }
}

#[test]
fn every_lane_remainder() {
    let backends = cpus();
    for count in 0..=70 {
        for length in [32, 64, 100] {
            let bytes = painted(count * length);
            check_hashes(&backends, &Records::from_slices(bytes.chunks(length)));
        }
    }
}

#[test]
fn uniform_lengths_around_every_boundary() {
    let backends = cpus();
    for length in LENGTHS {
        let bytes = painted(35 * length + 1);
        // At odd addresses, too.
        for skip in 0..2 {
            let offsets: Vec<u64> = (0..=35).map(|i| (i * length + skip) as u64).collect();
            check_hashes(&backends, &Records::new(&bytes, &offsets).unwrap());
        }
    }
}

#[test]
fn ragged_lengths_side_by_side() {
    let backends = cpus();
    let bytes = painted(8193 + 40 * 37);
    let record = |i: usize| &bytes[i * 37..][..LENGTHS[i * 11 % LENGTHS.len()]];
    for count in [1, 2, 15, 16, 17, 31, 33, 37, 40] {
        check_hashes(&backends, &Records::from_slices((0..count).map(record)));
    }
    let short_and_long = (0..300).map(|i| &bytes[i..][..if i % 7 == 3 { 4096 } else { 40 }]);
    check_hashes(&backends, &Records::from_slices(short_and_long));
}

#[test]
fn uniform_lengths_but_for_one_record() {
    let backends = cpus();
    let bytes = painted(100 * 40);
    for other in [0, 1, 15, 16, 31, 32, 33, 63, 64, 99] {
        for length in [32, 39] {
            let record = |i: usize| &bytes[40 * i..][..if i == other { length } else { 40 }];
            check_hashes(&backends, &Records::from_slices((0..100).map(record)));
        }
    }
}

#[test]
fn random_lengths() {
    let backends = cpus();
    let mut random = random(4);
    let bytes = painted(1 << 16);
    for longest in [70, 300, 5000] {
        let records = (0..1500).map(|_| {
            let length = random.random_range(0..=longest);
            let start = random.random_range(0..bytes.len() - length);
            &bytes[start..start + length]
        });
        check_hashes(&backends, &Records::from_slices(records));
    }
}

#[test]
fn records_longer_than_a_thread_task() {
    let backends = cpus();
    let bytes = painted((1 << 20) + 70_001);
    for length in [(1 << 18) - 1, 1 << 18, (1 << 18) + 1, (1 << 18) + 1025, 1 << 20, bytes.len()] {
        check_hashes(&backends, &Records::from_slices([&bytes[..40], &bytes[..length], &bytes[..3000]]));
    }
}

#[test]
fn records_that_do_not_start_at_their_buffer() {
    let all = Records::from_slices(painted(5000).chunks(77).map(<[u8]>::to_vec));
    check_hashes(&cpus(), &all.slice(3..50));
}

const TREES: [Tree; 5] = [
    Tree::Bitcoin,
    Tree::Plain(TreeHash::Sha256),
    Tree::Plain(TreeHash::Blake3),
    Tree::Rfc6962(TreeHash::Sha256),
    Tree::Rfc6962(TreeHash::Blake3),
];

#[track_caller]
fn check_roots(backends: &[Cpu], tree: Tree, leaves: &[Digest]) {
    let expected = reference().merkle_root(tree, leaves).unwrap();
    for backend in backends {
        let root = backend.merkle_root(tree, leaves).unwrap();
        assert_eq!(root, expected, "{}: {tree:?} of {} leaves", backend.info().detail, leaves.len());
    }
}

#[test]
fn trees_of_every_small_size() {
    let backends = cpus();
    let leaves = painted_digests(300);
    for tree in TREES {
        (1..=300).for_each(|count| check_roots(&backends, tree, &leaves[..count]));
    }
}

#[test]
fn trees_around_powers_of_two() {
    let backends = cpus();
    let leaves = painted_digests(40_000);
    let mut trees = TREES.to_vec();
    trees.extend([Tree::Plain(TreeHash::Sha256d), Tree::Rfc6962(TreeHash::Sha256d)]);
    for tree in trees {
        for power in 9..=13 {
            for count in [(1 << power) - 1, 1 << power, (1 << power) + 1] {
                check_roots(&backends, tree, &leaves[..count]);
            }
        }
        check_roots(&backends, tree, &leaves[..10_000]);
        check_roots(&backends, tree, &leaves);
    }
}

#[test]
fn equal_subtrees_at_every_level() {
    let backends = cpus();
    for count in [2, 3, 6, 64, 255, 700, 5000] {
        let clean = painted_digests(count);
        check_roots(&backends, Tree::Bitcoin, &clean);
        // A pair of equal subtrees, at each height at which there is one.
        for height in (0..13).take_while(|height| 2 << height <= count) {
            for pair in [0, (count >> (height + 1)) - 1] {
                let mut leaves = clean.clone();
                let start = pair << (height + 1);
                leaves.copy_within(start..start + (1 << height), start + (1 << height));
                let root = reference().merkle_root(Tree::Bitcoin, &leaves).unwrap();
                assert!(root.mutated);
                check_roots(&backends, Tree::Bitcoin, &leaves);
            }
        }
        // Equal neighbours that are not siblings.
        if count > 3 {
            let mut leaves = clean.clone();
            leaves[2] = leaves[1];
            check_roots(&backends, Tree::Bitcoin, &leaves);
        }
    }
}

#[track_caller]
fn check_first_occurrences(fingerprints: &[Digest]) {
    let mut expected = vec![0; fingerprints.len()];
    reference().first_occurrences(fingerprints, &mut expected).unwrap();
    for backend in cpus() {
        let mut found = vec![u32::MAX; fingerprints.len()];
        backend.first_occurrences(fingerprints, &mut found).unwrap();
        assert!(found == expected, "{}: {} fingerprints", backend.info().detail, fingerprints.len());
    }
}

#[test]
fn first_occurrences() {
    for count in [0, 1, 2, 3, 100, 4096, 4097, 8191, 8193, 100_000] {
        let mut random = random(count as u64);
        let distinct = painted_digests(count / 2 + 1);
        check_first_occurrences(
            &(0..count).map(|_| distinct[random.random_range(0..distinct.len())]).collect::<Vec<_>>(),
        );
    }
    check_first_occurrences(&vec![Digest([7; 32]); 70_000]);
    check_first_occurrences(&painted_digests(70_000));
}

#[test]
fn fingerprints_that_differ_in_one_place() {
    // Counters in each 8-byte word in turn. The other words are equal: all zeros, which make
    // products vanish, or all ones.
    for filler in [0, 0xff] {
        for word in 0..4 {
            let fingerprint = |i: u64| {
                let mut fingerprint = Digest([filler; 32]);
                fingerprint.0[8 * word..][..8].copy_from_slice(&(i / 2).to_be_bytes());
                fingerprint
            };
            check_first_occurrences(&(0..40_000).map(fingerprint).collect::<Vec<_>>());
        }
    }
}

fn target(top: u32) -> Target {
    let mut bytes = [0xff; 32];
    bytes[..4].copy_from_slice(&top.to_be_bytes());
    Target::from_be_bytes(bytes)
}

#[track_caller]
fn check_search(backends: &[Cpu], puzzle: &Puzzle, from: u32, to: u32) {
    let expected = (from..=to).find_map(|nonce| puzzle.check(nonce));
    for backend in backends {
        let found = backend.search(puzzle, from..=to).unwrap();
        assert_eq!(found, expected, "{}: {from}..={to} of {puzzle:?}", backend.info().detail);
    }
}

#[test]
fn nonces_in_every_word_of_the_last_block() {
    let backends = cpus();
    let mut random = random(9);
    for whole in 0..3 {
        for rest in 4..=55 {
            let mut header = vec![0; 64 * whole + rest];
            random.fill(&mut header[..]);
            for offset in (64 * whole..=header.len() - 4).step_by(4) {
                let puzzle = Puzzle::new(&header, offset, target(0x03ff_ffff)).unwrap();
                let from = random.random_range(0..u32::MAX - 300);
                check_search(&backends, &puzzle, from, from + random.random_range(0..300));
            }
        }
    }
}

#[test]
fn windows_at_both_ends_of_the_nonce_range() {
    let backends = cpus();
    let header: [u8; 80] = painted(80).try_into().unwrap();
    for top in [0, 0x000f_ffff, 0x0fff_ffff, u32::MAX] {
        let puzzle = Puzzle::bitcoin(&header, target(top));
        for size in [1, 2, 31, 32, 33, 100, 3000] {
            check_search(&backends, &puzzle, 0, size - 1);
            check_search(&backends, &puzzle, u32::MAX - (size - 1), u32::MAX);
            check_search(&backends, &puzzle, (1 << 31) - size / 2, (1 << 31) - size / 2 + size - 1);
        }
    }
}

#[test]
fn the_lowest_of_many_nonces() {
    // Hits close together, and hits several strides apart.
    let backends = cpus();
    let header: [u8; 80] = painted(80).try_into().unwrap();
    let puzzle = Puzzle::bitcoin(&header, target(0x0000_7fff));
    let hits: Vec<u32> = (0..400_000).filter(|&nonce| puzzle.check(nonce).is_some()).collect();
    assert!(hits.len() > 1);
    for pair in hits.windows(2) {
        for backend in &backends {
            for (from, to) in [(pair[0] + 1, pair[1]), (pair[0] + 1, u32::MAX), (pair[0] + 1, pair[1] - 1)] {
                let expected = (to >= pair[1]).then_some(pair[1]);
                if from > to {
                    continue;
                }
                let found = backend.search(&puzzle, from..=to).unwrap();
                assert_eq!(found.map(|found| found.nonce), expected, "{}", backend.info().detail);
            }
        }
    }
}

#[test]
fn targets_are_compared_to_the_last_bit() {
    let backends = cpus();
    let header: [u8; 80] = painted(80).try_into().unwrap();
    let digest = Puzzle::bitcoin(&header, target(0)).digest(77).reversed();
    let mut below = digest.0;
    let last = below.iter().rposition(|&byte| byte > 0).unwrap();
    below[last] -= 1;
    for (bytes, hit) in [(digest.0, true), (below, false)] {
        let puzzle = Puzzle::bitcoin(&header, Target::from_be_bytes(bytes));
        for backend in &backends {
            assert_eq!(backend.search(&puzzle, 77..=77).unwrap().is_some(), hit);
        }
        check_search(&backends, &puzzle, 0, 200);
    }
}

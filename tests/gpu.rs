//! The GPU back end alone: chunks, workgroup boundaries, and a device that is lost.
#![cfg(feature = "gpu")]

use std::sync::Arc;

use ed25519_dalek::Signer;
use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use verilane::gpu::Gpu;
use verilane::pow::{Puzzle, Target};
use verilane::reference::Reference;
use verilane::{
    Backend, BackendKind, Digest, Engine, Entries, Error, Fault, Hash, Key, Outcome, Records, Threads, Tree,
    TreeHash, ed25519, signature,
};

/// Set where a missing adapter is a failure, not a skip.
const REQUIRE_GPU: &str = "VERILANE_REQUIRE_GPU";

/// A GPU of this test's own: hardware if there is any, else software.
fn gpu() -> Option<Arc<Gpu>> {
    match Gpu::start(None).or_else(|_| Gpu::start(Some("llvmpipe"))) {
        Ok(gpu) => Some(Arc::new(gpu)),
        Err(fault) => {
            assert!(std::env::var_os(REQUIRE_GPU).is_none(), "{REQUIRE_GPU} is set, but: {fault}");
            eprintln!("SKIPPED: {fault}");
            None
        }
    }
}

fn reference() -> Reference {
    Reference::new(Threads::new(2).unwrap())
}

fn digests(rng: &mut ChaCha8Rng, count: usize, distinct: u32) -> Vec<Digest> {
    let digest = |rng: &mut ChaCha8Rng| {
        let mut digest = Digest::default();
        digest.0[28..].copy_from_slice(&rng.random_range(0..distinct).to_le_bytes());
        digest
    };
    (0..count).map(|_| digest(rng)).collect()
}

#[test]
fn peak_rates_are_measured_and_checked() {
    let Some(gpu) = gpu() else { return };
    let peak_rates = gpu.peak_rates().unwrap();
    let rates = [
        peak_rates.add,
        peak_rates.choose,
        peak_rates.rotate,
        peak_rates.multiply,
        peak_rates.copy,
        peak_rates.upload,
        peak_rates.download,
    ];
    assert!(rates.into_iter().chain(peak_rates.wide_multiply).all(|rate| rate > 1e6), "{peak_rates:?}");
    let int64 = verilane::gpu::adapters().iter().any(|adapter| adapter.int64);
    assert!(peak_rates.wide_multiply.is_some() || !int64);
    gpu.lose_device_after(3);
    assert!(matches!(gpu.peak_rates(), Err(Fault::DeviceLost(_))));
}

const HASHES: [Hash; 4] = [Hash::Sha256, Hash::Sha256d, Hash::Blake3, Hash::KeyedBlake3(Key([7; 32]))];

fn random_bytes(rng: &mut ChaCha8Rng, length: usize) -> Vec<u8> {
    (0..length).map(|_| rng.random()).collect()
}

#[track_caller]
fn assert_hashes(gpu: &Gpu, records: &Records<'_>) {
    for hash in HASHES {
        let [mut found, mut expected] = [(); 2].map(|()| vec![Digest::default(); records.len()]);
        gpu.hash(hash, records, &mut found).unwrap();
        reference().hash(hash, records, &mut expected).unwrap();
        let wrong = (0..records.len()).find(|&i| found[i] != expected[i]);
        assert_eq!(wrong.map(|i| (i, records.length(i))), None, "{hash} of {} records", records.len());
    }
}

#[test]
fn records_of_every_length_and_alignment() {
    let Some(gpu) = gpu() else { return };
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mixed = Records::from_slices((0..1300).map(|length| random_bytes(&mut rng, length)));
    assert_hashes(&gpu, &mixed);
    assert_hashes(&gpu, &mixed.slice(7..400));
    assert_hashes(&gpu, &Records::from_slices([[]; 70]));
    for width in [1, 16, 32, 48, 55, 64, 80, 119, 1024, 1025, 3000] {
        let bytes = random_bytes(&mut rng, width * 67);
        assert_hashes(&gpu, &Records::from_fixed(&bytes, width).unwrap());
    }
}

#[test]
fn records_across_chunks() {
    let Some(gpu) = gpu() else { return };
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for chunk_bytes in [1, 2048, 16384] {
        gpu.limit_chunks(chunk_bytes);
        let lengths = [0, 1, 1023, 1024, 1025, 2048, 2049, 4096, 16383, 16384, 16385, 40_000, 65_536, 5];
        assert_hashes(&gpu, &Records::from_slices(lengths.map(|length| random_bytes(&mut rng, length))));
        let short = (0..3000).map(|i| random_bytes(&mut rng, i % 97));
        assert_hashes(&gpu, &Records::from_slices(short));
    }
}

#[test]
fn one_record_of_several_dispatches() {
    let Some(gpu) = gpu() else { return };
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let bytes = random_bytes(&mut rng, 3_000_001);
    assert_hashes(&gpu, &Records::new(&bytes, &[0, 5, 3_000_001]).unwrap());
}

fn trees() -> Vec<Tree> {
    let over = HASHES
        .into_iter()
        .flat_map(TreeHash::try_from)
        .flat_map(|hash| [Tree::Plain(hash), Tree::Rfc6962(hash)]);
    std::iter::once(Tree::Bitcoin).chain(over).collect()
}

#[track_caller]
fn assert_roots(gpu: &Gpu, leaves: &[Digest]) {
    for tree in trees() {
        let found = gpu.merkle_root(tree, leaves).unwrap();
        assert_eq!(found, reference().merkle_root(tree, leaves).unwrap(), "{tree:?} {}", leaves.len());
    }
}

#[test]
fn roots_around_workgroups_and_chunks() {
    let Some(gpu) = gpu() else { return };
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let leaves = digests(&mut rng, 5000, u32::MAX);
    for count in (1..20).chain([127, 128, 129, 255, 256, 257, 511, 513, 2047, 2048, 2049, 5000]) {
        assert_roots(&gpu, &leaves[..count]);
    }
    for (chunk_bytes, counts) in
        [(64, 1..40), (256, 30..70), (1024 * 32, 1020..1030), (1024 * 32, 4095..4098)]
    {
        gpu.limit_chunks(chunk_bytes);
        counts.for_each(|count| assert_roots(&gpu, &leaves[..count]));
    }
}

#[test]
fn mutations_are_reported_at_every_level_and_in_every_chunk() {
    let Some(gpu) = gpu() else { return };
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let mut leaves = digests(&mut rng, 96, u32::MAX);
    leaves.extend_from_within(64..96);
    for chunk_bytes in [u64::MAX, 512, 64] {
        gpu.limit_chunks(chunk_bytes);
        assert!(gpu.merkle_root(Tree::Bitcoin, &leaves).unwrap().mutated);
        assert!(!gpu.merkle_root(Tree::Bitcoin, &leaves[..96]).unwrap().mutated);
        for pair in [0, 40, 126] {
            let mut equal = digests(&mut rng, 128, u32::MAX);
            equal[pair] = equal[pair + 1];
            assert_roots(&gpu, &equal);
            assert!(gpu.merkle_root(Tree::Bitcoin, &equal).unwrap().mutated);
            equal.swap(pair + 1, (pair + 3) % 128);
            assert_roots(&gpu, &equal);
        }
    }
}

#[test]
fn first_occurrences_across_chunks() {
    let Some(gpu) = gpu() else { return };
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for (chunk_bytes, count, distinct) in
        [(u64::MAX, 10_000, 3_000), (4096, 2_000, 50), (4096, 2_000, u32::MAX), (8192, 5_000, 1)]
    {
        gpu.limit_chunks(chunk_bytes);
        let fingerprints = digests(&mut rng, count, distinct);
        let [mut found, mut expected] = [vec![0; count], vec![0; count]];
        gpu.first_occurrences(&fingerprints, &mut found).unwrap();
        reference().first_occurrences(&fingerprints, &mut expected).unwrap();
        assert_eq!(found, expected, "{chunk_bytes} {count} {distinct}");
    }
}

/// Entries with records of these lengths, signed by two keys. Every third record repeats an
/// earlier one; every fifth signature and every seventh digest is wrong.
fn entries(rng: &mut ChaCha8Rng, lengths: impl IntoIterator<Item = usize>) -> Entries<'static> {
    let signers = [1, 2].map(|byte| ed25519_dalek::SigningKey::from_bytes(&[byte; 32]));
    let mut entries = Entries::with_capacity(0, 0);
    for (index, length) in lengths.into_iter().enumerate() {
        let record = if index % 3 == 2 {
            entries.records().get(index / 3).to_vec()
        } else {
            random_bytes(rng, length)
        };
        let mut digest = Hash::Sha256.digest(&record);
        digest.0[9] ^= u8::from(index % 7 == 6);
        let signer = &signers[index % 2];
        let mut signature = signer.sign(&digest.0).to_bytes();
        signature[40] ^= u8::from(index % 5 == 4);
        entries.push(&signer.verifying_key().to_bytes(), &signature, digest, &record);
    }
    entries
}

#[test]
fn blocks_across_chunks() {
    let Some(gpu) = gpu() else { return };
    let mut rng = ChaCha8Rng::seed_from_u64(10);
    // Within a chunk, across chunks, with records longer than a chunk, and with more entries
    // than one pass takes.
    for (chunk_bytes, count) in [(u64::MAX, 300), (4096, 100), (4096, 128), (4096, 129), (1, 40)] {
        gpu.limit_chunks(chunk_bytes);
        let mut lengths: Vec<_> = (0..count).map(|_| rng.random_range(0..200)).collect();
        lengths[1] = 9000;
        lengths[count - 3] = 5000;
        let entries = entries(&mut rng, lengths);
        for (hash, tree) in [
            (Hash::Sha256, Tree::Rfc6962(TreeHash::Sha256)),
            (Hash::Blake3, Tree::Bitcoin),
            (Hash::Sha256d, Tree::Rfc6962(TreeHash::Blake3)),
        ] {
            let found = gpu.check_block(ed25519::Rule::Strict, hash, tree, &entries).unwrap();
            let expected = reference().check_block(ed25519::Rule::Strict, hash, tree, &entries).unwrap();
            assert_eq!(found, expected, "{count} entries in chunks of {chunk_bytes}, {hash}, {tree:?}");
        }
    }
}

/// A target that about one in 2^`bits` digests meets.
fn target(bits: u32) -> Target {
    let mut target = [0; 32];
    for bit in bits..256 {
        target[bit as usize / 8] |= 0x80 >> (bit % 8);
    }
    Target::from_be_bytes(target)
}

#[track_caller]
fn assert_found(gpu: &Gpu, puzzle: &Puzzle, window: std::ops::RangeInclusive<u32>) {
    let expected = reference().search(puzzle, window.clone()).unwrap();
    let offset = puzzle.nonce_offset();
    assert_eq!(gpu.search(puzzle, window.clone()).unwrap(), expected, "{offset} in {window:?}");
}

#[test]
fn nonces_at_every_word_of_the_block() {
    let Some(gpu) = gpu() else { return };
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for word in 0..=13 {
        for header in [4 * word + 4, 55, 64 + 4 * word + 4, 128 + 55] {
            let header = random_bytes(&mut rng, header);
            let offset = header.len() / 64 * 64 + 4 * word;
            for bits in [0, 6, 11] {
                let Ok(puzzle) = Puzzle::new(&header, offset, target(bits)) else { continue };
                assert_found(&gpu, &puzzle, 1000..=5000);
            }
        }
    }
}

#[test]
fn the_lowest_nonce_wins_across_dispatches() {
    let Some(gpu) = gpu() else { return };
    let header = [9; 80];
    for bits in [14, 18, 20] {
        assert_found(&gpu, &Puzzle::bitcoin(&header, target(bits)), 123..=1_500_000);
    }
    let hard = Puzzle::bitcoin(&header, target(200));
    assert_eq!(gpu.search(&hard, 0..=999_999).unwrap(), None);
    for window in [0..=0, u32::MAX..=u32::MAX, u32::MAX - 700_000..=u32::MAX, 5..=132] {
        for bits in [0, 9, 21] {
            assert_found(&gpu, &Puzzle::bitcoin(&header, target(bits)), window.clone());
        }
    }
}

#[test]
fn a_digest_equal_to_the_target_meets_it() {
    let Some(gpu) = gpu() else { return };
    let any = Puzzle::bitcoin(&[3; 80], target(0));
    let mut exact = any.digest(77).reversed().0;
    let found =
        |bound| gpu.search(&Puzzle::bitcoin(&[3; 80], Target::from_be_bytes(bound)), 77..=77).unwrap();
    assert_eq!(found(exact).map(|nonce| nonce.nonce), Some(77));
    let last = exact.iter().rposition(|&byte| byte > 0).unwrap();
    exact[last] -= 1;
    assert_eq!(found(exact), None);
}

#[track_caller]
fn assert_passed_over<T: PartialEq + std::fmt::Debug>(
    gpu: &Gpu,
    submissions: u32,
    call: impl Fn() -> Result<Outcome<T>, Error>,
) {
    let expected = call().unwrap();
    assert_eq!(expected.report().backend.kind, BackendKind::Gpu);
    gpu.lose_device_after(submissions);
    let outcome = call().unwrap();
    assert_eq!(*outcome, *expected);
    assert_eq!(outcome.report().backend.kind, BackendKind::Reference);
    let [(info, Fault::DeviceLost(reason))] = &outcome.report().passed_over[..] else {
        panic!("{:?}", outcome.report());
    };
    assert!(info.kind == BackendKind::Gpu && !reason.is_empty());
    let again = call().unwrap();
    assert_eq!((again.report().backend.kind, &*again), (BackendKind::Gpu, &*expected));
    assert!(again.report().passed_over.is_empty());
}

#[test]
fn a_device_lost_during_any_call_is_passed_over() {
    let Some(gpu) = gpu() else { return };
    let engine = Engine::with_backends(vec![gpu.clone(), Arc::new(reference())]).unwrap();
    gpu.limit_chunks(2048);
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let records = Records::from_slices((0..300).map(|i| random_bytes(&mut rng, i)));
    let leaves = digests(&mut rng, 1000, u32::MAX);
    let puzzle = Puzzle::bitcoin(&[1; 80], target(24));
    let key = ed25519_dalek::SigningKey::from_bytes(&[4; 32]);
    let mut batch = signature::Batch::with_capacity(200);
    for i in 0..200u8 {
        let message = [i % 20];
        batch.push(&key.verifying_key().to_bytes(), &key.sign(&[i % 19]).to_bytes(), &message);
    }
    for submissions in 1..=3 {
        assert_passed_over(&gpu, submissions, || engine.hash(Hash::Sha256, &records));
        assert_passed_over(&gpu, submissions, || engine.hash(Hash::Blake3, &records));
        assert_passed_over(&gpu, submissions, || engine.merkle_root(Tree::Bitcoin, &leaves));
        assert_passed_over(&gpu, submissions, || engine.first_occurrences(&leaves));
        assert_passed_over(&gpu, submissions, || engine.search(&puzzle, 0..=700_000));
    }
    // A new device compiles these kernels again, which takes longest: one loss is enough.
    assert_passed_over(&gpu, 2, || engine.verify(ed25519::Rule::Zip215, &batch));
    let entries = entries(&mut rng, 0..60);
    let tree = Tree::Rfc6962(TreeHash::Sha256);
    assert_passed_over(&gpu, 3, || engine.check_block(ed25519::Rule::Zip215, Hash::Sha256, tree, &entries));
}

#[test]
fn calls_from_several_threads_are_serialized() {
    let Some(gpu) = gpu() else { return };
    gpu.limit_chunks(4096);
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let leaves = digests(&mut rng, 1000, u32::MAX);
    let expected = reference().merkle_root(Tree::Bitcoin, &leaves).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(gpu.merkle_root(Tree::Bitcoin, &leaves).unwrap(), expected));
        }
    });
}

#[test]
fn calls_during_compilation_are_answered() {
    let Some(gpu) = gpu() else { return };
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let entries = entries(&mut rng, 0..20);
    let (rule, hash, tree) = (ed25519::Rule::Strict, Hash::Sha256, Tree::Rfc6962(TreeHash::Sha256));
    let expected = reference().check_block(rule, hash, tree, &entries).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| assert_eq!(gpu.prepare(), Ok(())));
        for _ in 0..2 {
            scope.spawn(|| assert_eq!(gpu.check_block(rule, hash, tree, &entries).unwrap(), expected));
        }
    });
}

#[test]
fn device_time_is_summed_until_it_is_taken() {
    let Some(gpu) = gpu() else { return };
    let leaves = vec![Digest::default(); 10_000];
    gpu.merkle_root(Tree::Bitcoin, &leaves).unwrap();
    let Some(time) = gpu.take_device_time() else { return };
    assert!(time > std::time::Duration::ZERO);
    assert_eq!(gpu.take_device_time(), Some(std::time::Duration::ZERO));
}

#[test]
fn adapters_are_listed_best_first() {
    let adapters = verilane::gpu::adapters();
    assert!(adapters.is_sorted_by_key(|adapter| adapter.kind));
    if let Some(gpu) = gpu() {
        assert!(adapters.iter().any(|adapter| adapter.to_string() == gpu.info().detail));
    }
    let Err(fault) = Gpu::start(Some("no such adapter")) else { panic!("it started") };
    assert!(matches!(fault, Fault::Start(_)));
}

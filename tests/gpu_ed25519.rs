//! Ed25519 verification on the GPU: verdicts across chunks, segments of long messages and a
//! lost device. The curve's edge cases are in `ed25519_edge`.
#![cfg(feature = "gpu")]

use std::sync::Arc;

use ed25519_dalek::{Signer, SigningKey};
use rand::rngs::ChaCha8Rng;
use rand::{Rng, RngExt, SeedableRng};
use verilane::cpu::{Cpu, Level};
use verilane::ed25519::Rule;
use verilane::gpu::Gpu;
use verilane::signature::Batch;
use verilane::{Backend, BackendKind, Engine, Fault, Threads};

/// Set where a missing adapter is a failure, not a skip.
const REQUIRE_GPU: &str = "VERILANE_REQUIRE_GPU";

/// A longer message is hashed in segments of this many bytes.
const SEGMENT: usize = 1 << 18;

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

/// A signed message of each length, and the verdicts; those at `bad` are over other messages.
fn signed(seed: u64, lengths: &[usize], bad: &[usize]) -> (Batch<'static>, Vec<bool>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut batch = Batch::with_capacity(lengths.len());
    for (index, &length) in lengths.iter().enumerate() {
        let key = SigningKey::from_bytes(&rng.random());
        let mut message = vec![0; length];
        rng.fill_bytes(&mut message);
        let signature = key.sign(&message).to_bytes();
        if bad.contains(&index) {
            let place = rng.random_range(0..length);
            message[place] ^= 1;
        }
        batch.push(key.verifying_key().as_bytes(), &signature, &message);
    }
    (batch, (0..lengths.len()).map(|index| !bad.contains(&index)).collect())
}

fn expect(gpu: &Gpu, rule: Rule, batch: &Batch<'_>, expected: &[bool]) {
    let mut found: Vec<_> = expected.iter().map(|valid| !valid).collect();
    gpu.verify(rule, batch, &mut found).unwrap();
    let wrong: Vec<_> = (0..expected.len()).filter(|&i| found[i] != expected[i]).collect();
    assert!(wrong.is_empty(), "{rule}: wrong verdicts at {wrong:?}");
}

#[test]
fn verdicts_across_chunks() {
    let Some(gpu) = gpu() else { return };
    let lengths: Vec<_> = (0..300).map(|i| 1 + i * 53 % 700).collect();
    let (batch, expected) = signed(1, &lengths, &[0, 50, 51, 101, 102, 103, 255, 256, 299]);
    // 51 signatures, 6 of them, 1 of them, and as many as 4096 bytes of messages allow.
    for chunk_bytes in [51 * 1280, 6 * 1280, 1280, 1] {
        gpu.limit_chunks(chunk_bytes);
        expect(&gpu, Rule::Zip215, &batch, &expected);
    }
}

#[test]
fn growing_chunks() {
    let Some(gpu) = gpu() else { return };
    let (few, _) = signed(2, &[20; 61], &[]);
    let mut batch = Batch::with_capacity(40_000);
    let mut expected = Vec::with_capacity(40_000);
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for i in 0..40_000 {
        let mut signature = few.signatures()[i % 61];
        let valid = rng.random_range(0..10) > 0;
        if !valid {
            signature[rng.random_range(0..64)] ^= 1 << rng.random_range(0..8);
        }
        batch.push(&few.keys()[i % 61], &signature, few.messages().get(i % 61));
        expected.push(valid);
    }
    expect(&gpu, Rule::Strict, &batch, &expected);
}

#[test]
fn long_messages_among_short_ones() {
    let Some(gpu) = gpu() else { return };
    // R ‖ A precede the message, so segments end 64 bytes before multiples of SEGMENT.
    let mut lengths = vec![5, SEGMENT - 65, SEGMENT - 64, SEGMENT, 0, SEGMENT + 1, SEGMENT + 47];
    lengths.extend([2 * SEGMENT - 81, 2 * SEGMENT - 80, 77, 2 * SEGMENT - 64, 3 * SEGMENT + 12_345]);
    let (batch, expected) = signed(4, &lengths, &[]);
    expect(&gpu, Rule::Rfc8032, &batch, &expected);
    let bad: Vec<_> = (0..lengths.len()).filter(|&index| lengths[index] > 0).collect();
    let (batch, expected) = signed(5, &lengths, &bad);
    expect(&gpu, Rule::Rfc8032, &batch, &expected);
}

#[test]
fn a_lost_device_gives_no_verdict() {
    let Some(gpu) = gpu() else { return };
    let cpu = Arc::new(Cpu::new(Threads::new(2).unwrap(), Level::detected()));
    let engine = Engine::with_backends(vec![gpu.clone(), cpu]).unwrap();
    let (batch, expected) = signed(6, &[100; 400], &[7, 200, 399]);
    gpu.limit_chunks(100 * 1280);
    let sound = engine.verify(Rule::Zip215, &batch).unwrap();
    assert_eq!((sound.as_slice(), sound.report().backend.kind), (&expected[..], BackendKind::Gpu));

    // A loss after the submission of each of the four chunks.
    for submissions in 1..=4 {
        gpu.lose_device_after(submissions);
        let verdicts = engine.verify(Rule::Zip215, &batch).unwrap();
        assert_eq!(verdicts.as_slice(), expected);
        assert_eq!(verdicts.report().backend.kind, BackendKind::Cpu, "{submissions}");
        let [(lost, Fault::DeviceLost(_))] = &verdicts.report().passed_over[..] else {
            panic!("{:?}", verdicts.report());
        };
        assert_eq!(lost, gpu.info());
        let again = engine.verify(Rule::Zip215, &batch).unwrap();
        assert_eq!((again.as_slice(), again.report().backend.kind), (&expected[..], BackendKind::Gpu));
    }
}

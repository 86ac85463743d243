//! The overhead of a call through C, against the same call from Rust:
//! `cargo test --release -p verilane-c --test overhead -- --ignored --nocapture`

#![expect(unsafe_code, reason = "the C interface")]

use std::time::Instant;

use ed25519_dalek::{Signer, SigningKey};
use verilane::Engine;
use verilane::ed25519::Rule;
use verilane::signature::Batch;
use verilane_c::{EngineHandle, Status, verilane_engine_free, verilane_engine_new, verilane_verify};

const SIGNATURES: usize = 16_384;

/// Enough that other load on the machine affects both alike.
const ROUNDS: usize = 60;

fn batch() -> Batch<'static> {
    let mut batch = Batch::with_capacity(SIGNATURES);
    for n in 0..SIGNATURES {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&(n as u64).to_le_bytes());
        let key = SigningKey::from_bytes(&seed);
        let message = vec![n as u8; 32 + n % 169];
        batch.push(key.verifying_key().as_bytes(), &key.sign(&message).to_bytes(), &message);
    }
    batch
}

fn seconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

#[test]
#[ignore = "it measures"]
fn overhead_of_a_call() {
    let batch = batch();
    let engine = Engine::new().unwrap();
    let mut handle = EngineHandle { id: 0 };
    // SAFETY: no options are given, and the handle lives here.
    assert_eq!(unsafe { verilane_engine_new(std::ptr::null(), &mut handle) }, Status::Ok);
    let mut verdicts = vec![0_u8; SIGNATURES];
    let mut from_c = || {
        let (messages, verdicts) = (batch.messages(), &mut verdicts);
        // SAFETY: the columns are the batch's, with its lengths.
        let status = unsafe {
            verilane_verify(
                handle,
                2,
                batch.keys().as_ptr().cast(),
                batch.signatures().as_ptr().cast(),
                messages.bytes().as_ptr(),
                messages.bytes().len(),
                messages.offsets().as_ptr(),
                SIGNATURES,
                verdicts.as_mut_ptr(),
                std::ptr::null_mut(),
            )
        };
        assert_eq!(status, Status::Ok);
        assert!(verdicts.iter().all(|&valid| valid == 1));
    };
    let from_rust = || assert!(engine.verify(Rule::Strict, &batch).unwrap().all_valid());
    let mut ratios: Vec<f64> = (0..ROUNDS)
        .map(|round| {
            // The second of the two finds the input in the cache.
            if round % 2 == 0 {
                let rust = seconds(from_rust);
                seconds(&mut from_c) / rust
            } else {
                let c = seconds(&mut from_c);
                c / seconds(from_rust)
            }
        })
        .collect();
    assert_eq!(verilane_engine_free(handle), Status::Ok);
    ratios.sort_by(f64::total_cmp);
    let median = ratios[ROUNDS / 2];
    let (low, high) = (ratios[ROUNDS / 4], ratios[ROUNDS * 3 / 4]);
    println!("C / Rust on {SIGNATURES} signatures: {median:.4} (quartiles {low:.4} and {high:.4})");
    assert!(median < 1.05, "{median}");
}

//! Runs the target `merkle_proof` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| verilane_fuzz::merkle_proof(data));

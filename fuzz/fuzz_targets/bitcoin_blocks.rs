//! Runs the target `bitcoin_blocks` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| verilane_fuzz::bitcoin_blocks(data));

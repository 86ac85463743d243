//! Runs the target `signature_lines` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| verilane_fuzz::signature_lines(data));

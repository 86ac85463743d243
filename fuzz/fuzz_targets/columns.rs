//! Runs the target `columns` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| verilane_fuzz::columns(data));

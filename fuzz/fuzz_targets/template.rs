//! Runs the target `template` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| verilane_fuzz::template(data));

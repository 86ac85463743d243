//! Runs the target `c_calls` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| verilane_fuzz::c_calls(data));

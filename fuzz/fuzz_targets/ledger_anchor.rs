//! Runs the target `ledger_anchor` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| verilane_fuzz::ledger_anchor(data));

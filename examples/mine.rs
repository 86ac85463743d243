//! Searches for the nonce of Bitcoin's first block.

use verilane::pow::{Puzzle, Target};
use verilane::{Engine, parse_hex};

const HEADER: &str = "0100000000000000000000000000000000000000000000000000000000000000\
                      000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa\
                      4b1e5e4a29ab5f49ffff001d00000000";

fn main() -> Result<(), verilane::Error> {
    let engine = Engine::new()?;
    let puzzle = Puzzle::bitcoin(&parse_hex(HEADER)?, Target::from_bits(0x1d00_ffff)?);
    println!("{:.3e} hashes are expected until one meets the target", puzzle.target().expected_hashes());

    // The full window is 0..=u32::MAX; this part holds the answer.
    let found = engine.search(&puzzle, 2_080_000_000..=2_090_000_000)?;
    let nonce = found.expect("the window holds a nonce");
    println!("nonce {} gives {} on {}", nonce.nonce, nonce.digest.reversed(), found.report().backend);
    assert_eq!(nonce.nonce, 2_083_236_893);
    Ok(())
}

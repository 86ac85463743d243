//! verilane's CPU back end against what people use, thread for thread.
//!
//! `cargo bench --bench peers [ROW…]` runs the rows whose names contain one of
//! the words given. Every round runs all contestants in turn, so that the ratios
//! hold on a machine whose speed wanders; figures are medians of
//! processor time, and every answer is checked. `VERILANE_ISA` caps the instruction set.

mod chunks;
mod dedup;
mod duel;
mod hash;
mod merkle;
mod pow;

use verilane::cpu::{Cpu, Isa};
use verilane::{Error, Threads};

use duel::Duel;

/// The back end on one thread and on two.
struct Lanes {
    isa: Isa,
    one: Cpu,
    two: Cpu,
}

impl Lanes {
    fn new() -> Result<Self, Error> {
        let isa = Isa::best(None)?;
        let on = |threads| Ok::<_, Error>(Cpu::new(Threads::new(threads)?, isa));
        Ok(Lanes { isa, one: on(1)?, two: on(2)? })
    }
}

fn main() -> Result<(), Error> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let duel = Duel::new(words);
    let lanes = Lanes::new()?;
    println!(
        "{} lanes; ns an item (of chunks: 1,000 bytes); limit: the time in which the counted vector operations could issue",
        lanes.isa
    );
    hash::rows(&duel, &lanes);
    merkle::rows(&duel, &lanes);
    pow::rows(&duel, &lanes);
    dedup::rows(&duel, &lanes);
    chunks::rows(&duel, &lanes);
    Ok(())
}

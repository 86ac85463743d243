//! verilane's CPU back end against other libraries, with the same number of threads.
//!
//! `cargo bench --bench peers [FILTER…]` runs the rows whose names contain one of the filters.
//! Each round runs all implementations in turn, so that the ratios hold on a machine whose
//! speed varies. Figures are medians of processor time, and all answers are compared.
//! `VERILANE_ISA` limits the instruction set.

mod chunks;
mod comparison;
mod dedup;
mod hash;
mod merkle;
mod pow;

use verilane::cpu::{Cpu, Level};
use verilane::{Error, Threads};

use comparison::Comparison;

/// The back end on one thread and on two.
struct Lanes {
    level: Level,
    one: Cpu,
    two: Cpu,
}

impl Lanes {
    fn new() -> Result<Self, Error> {
        let level = Level::best(None)?;
        let on = |threads| Ok::<_, Error>(Cpu::new(Threads::new(threads)?, level));
        Ok(Lanes { level, one: on(1)?, two: on(2)? })
    }
}

fn main() -> Result<(), Error> {
    let filters: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let comparison = Comparison::new(filters);
    let lanes = Lanes::new()?;
    println!(
        "{} lanes; ns for an item (of chunks: 1,000 bytes); at peak rate: the time in which the counted vector operations can issue",
        lanes.level
    );
    hash::rows(&comparison, &lanes);
    merkle::rows(&comparison, &lanes);
    pow::rows(&comparison, &lanes);
    dedup::rows(&comparison, &lanes);
    chunks::rows(&comparison, &lanes);
    Ok(())
}

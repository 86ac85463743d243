//! The processor's own limit, to compare kernels with.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::Isa;
use super::field25519::Field;
use super::lanes::{Lanes32, Lanes64, LanesF64, MAX_LANES64};

const CHAINS: usize = 12;
const STEPS: usize = 40_000;

/// The 32-bit operations that one thread issues in a nanosecond, each lane
/// counted: additions, rotations and three-operand logic in equal parts, with
/// nothing to wait for. Measured now, in a fraction of a millisecond.
pub fn issue_rate(isa: Isa) -> f64 {
    rate(|| issue(isa, black_box(7)))
}

/// Likewise the multiply-adds on 64-bit lanes that products in the field of Ed25519 are
/// made of, if the level has such lanes: of 52 bits with IFMA, else of doubles.
pub fn multiply_add_rate(isa: Isa) -> Option<f64> {
    (isa > Isa::Scalar).then(|| rate(|| multiply_adds(isa, black_box(1.5))))
}

/// What `work` does in a nanosecond, by the count that it gives.
fn rate(work: impl Fn() -> usize) -> f64 {
    let mut count = 0;
    let time = fastest(3, || count = work());
    count as f64 / time.as_nanos() as f64
}

/// The time of the fastest of some calls.
pub fn fastest(calls: usize, mut call: impl FnMut()) -> Duration {
    let times = (0..calls).map(|_| {
        let start = Instant::now();
        call();
        start.elapsed()
    });
    times.min().unwrap_or_default()
}

dispatch! {
    fn issue(seed: u32) -> usize = issue_lanes::<U32s>
}

/// Chains enough to hide the latency of each operation. Gives the count of operations.
#[inline(always)]
fn issue_lanes<L: Lanes32>(seed: u32) -> usize {
    let (a, b) = (L::splat(seed), L::splat(seed ^ 0x5555));
    let mut chains = [a; CHAINS];
    for _ in 0..STEPS {
        for chain in &mut chains {
            *chain = chain.rotr::<7>().xor3(a, b) + b;
        }
    }
    black_box(chains.iter().fold(a, |sum, &chain| sum ^ chain).any());
    L::LANES * 3 * CHAINS * STEPS
}

dispatch! {
    fn multiply_adds(seed: f64) -> usize = multiply_adds_of::<Fe>
}

#[inline(always)]
fn multiply_adds_of<F: Field>(seed: f64) -> usize {
    let (a, b) = (F::Lanes::splat_f64(seed), F::Lanes::splat_f64(-seed));
    let mut chains = [a; CHAINS];
    for _ in 0..STEPS {
        for chain in &mut chains {
            *chain = F::multiply_add(*chain, a, b);
        }
    }
    let mut lanes = [0; MAX_LANES64];
    chains.iter().fold(a, |sum, &chain| sum ^ chain).store(&mut lanes);
    black_box(lanes);
    F::Lanes::LANES * CHAINS * STEPS
}

//! The processor's own limit, to compare kernels with.

use std::hint::black_box;
use std::time::Instant;

use super::Isa;
use super::edwards25519::MAX_LANES;
use super::field25519::Field;
use super::lanes::{Lanes32, Lanes64, LanesF64};

const CHAINS: usize = 12;
const STEPS: usize = 40_000;

/// The 32-bit operations that one thread issues in a nanosecond, each lane
/// counted: additions, rotations and three-operand logic in equal parts, with
/// nothing to wait for. Measured now, in a fraction of a millisecond.
pub fn issue_rate(isa: Isa) -> f64 {
    let best = fastest(|| _ = black_box(issue(isa, black_box(7))));
    (lanes(isa) * 3 * CHAINS * STEPS) as f64 / best
}

/// Likewise the multiply-adds on 64-bit lanes that products in the field of Ed25519 are
/// made of, if the level has such lanes: of 52 bits with IFMA, else of doubles.
pub fn multiply_add_rate(isa: Isa) -> Option<f64> {
    if isa == Isa::Scalar {
        return None;
    }
    let best = fastest(|| _ = black_box(multiply_adds(isa, black_box(1.5))));
    Some((multiply_lanes(isa) * CHAINS * STEPS) as f64 / best)
}

/// The nanoseconds of the fastest of three calls.
fn fastest(mut call: impl FnMut()) -> f64 {
    let times = (0..3).map(|_| {
        let start = Instant::now();
        call();
        start.elapsed().as_nanos() as f64
    });
    times.fold(f64::INFINITY, f64::min)
}

dispatch! {
    fn lanes() -> usize = lanes_of::<U32s>
}

#[inline(always)]
fn lanes_of<L: Lanes32>() -> usize {
    L::LANES
}

dispatch! {
    fn issue(seed: u32) -> bool = issue_lanes::<U32s>
}

/// Chains enough to hide the latency of each operation.
#[inline(always)]
fn issue_lanes<L: Lanes32>(seed: u32) -> bool {
    let (a, b) = (L::splat(seed), L::splat(seed ^ 0x5555));
    let mut chains = [a; CHAINS];
    for _ in 0..STEPS {
        for chain in &mut chains {
            *chain = chain.rotr::<7>().xor3(a, b) + b;
        }
    }
    chains.iter().fold(a, |sum, &chain| sum ^ chain).any()
}

dispatch! {
    fn multiply_lanes() -> usize = multiply_lanes_of::<Fe>
}

#[inline(always)]
fn multiply_lanes_of<F: Field>() -> usize {
    F::Lanes::LANES
}

dispatch! {
    fn multiply_adds(seed: f64) -> u64 = multiply_adds_of::<Fe>
}

#[inline(always)]
fn multiply_adds_of<F: Field>(seed: f64) -> u64 {
    let (a, b) = (F::Lanes::splat_f64(seed), F::Lanes::splat_f64(-seed));
    let mut chains = [a; CHAINS];
    for _ in 0..STEPS {
        for chain in &mut chains {
            *chain = F::multiply_add(*chain, a, b);
        }
    }
    let mut lanes = [0; MAX_LANES];
    chains.iter().fold(a, |sum, &chain| sum ^ chain).store(&mut lanes);
    lanes[0]
}

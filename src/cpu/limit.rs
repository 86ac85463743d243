//! The processor's own limit, to compare kernels with.

use std::hint::black_box;
use std::time::Instant;

use super::lanes::Lanes32;

const CHAINS: usize = 12;
const STEPS: usize = 40_000;

/// The 32-bit operations that one thread issues in a nanosecond, each lane
/// counted: additions, rotations and three-operand logic in equal parts, with
/// nothing to wait for. Measured now, in a fraction of a millisecond.
pub fn issue_rate(isa: super::Isa) -> f64 {
    let best = (0..3).map(|_| nanoseconds(isa)).fold(f64::INFINITY, f64::min);
    (lanes(isa) * 3 * CHAINS * STEPS) as f64 / best
}

fn nanoseconds(isa: super::Isa) -> f64 {
    let start = Instant::now();
    black_box(issue(isa, black_box(7)));
    start.elapsed().as_nanos() as f64
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

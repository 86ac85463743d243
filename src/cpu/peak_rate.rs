//! Peak rates of one thread, measured: the roofline that kernels are compared with.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::Level;
use super::field25519::Field;
use super::lanes::{Lanes32, Lanes64, LanesF64, MAX_LANES64};

const CHAINS: usize = 12;
const STEPS: usize = 40_000;

/// Peak rate of 32-bit operations of one thread, in operations per nanosecond, each lane
/// counted: additions, rotations and three-operand logic in equal parts, without dependency
/// stalls. Each call measures anew, in a fraction of a millisecond.
pub fn issue_rate(level: Level) -> f64 {
    ops_per_ns(|| issue(level, black_box(7)))
}

/// Peak rate of the multiply-adds on 64-bit lanes that field products consist of, in the same
/// unit: 52-bit ones with IFMA, else FMA on doubles. `None` at the scalar level, which has no
/// such lanes.
pub fn multiply_add_rate(level: Level) -> Option<f64> {
    let level = level.lanes64()?;
    Some(ops_per_ns(|| multiply_adds(level, black_box(1.5))))
}

/// Operations per nanosecond, where `run` returns how many it did.
fn ops_per_ns(run: impl Fn() -> usize) -> f64 {
    let mut count = 0;
    let time = min_time(3, || count = run());
    count as f64 / time.as_nanos() as f64
}

/// The shortest time of `runs` calls.
pub fn min_time(runs: usize, mut run: impl FnMut()) -> Duration {
    let times = (0..runs).map(|_| {
        let start = Instant::now();
        run();
        start.elapsed()
    });
    times.min().unwrap_or_default()
}

dispatch! {
    fn issue(seed: u32) -> usize = issue_lanes::<U32s>
}

/// Runs enough independent chains to hide each operation's latency; returns the number of
/// operations.
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
    fn multiply_adds(seed: f64) -> usize = multiply_adds_field::<Fe>
}

#[inline(always)]
fn multiply_adds_field<F: Field>(seed: f64) -> usize {
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

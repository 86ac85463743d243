//! Timings of the real operations on an engine, with a check of each result.

use std::time::{Duration, Instant};

use ed25519_dalek::{Signer, SigningKey};

use super::energy::Power;
use super::{Quantity, Random};
use verilane::ed25519::Rule;
use verilane::pow::{Puzzle, Target};
use verilane::signature::Batch;
use verilane::{BackendInfo, Digest, Engine, Error, Report, Tree};

/// How to measure.
///
/// Exhaustive: a caller must choose each of these.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The time for which each operation is repeated.
    pub duration: Duration,
    /// The watts of the device under load, used if no energy counter can be read.
    pub stated_watts: Option<Quantity>,
    /// The acceptance rule under which signatures are verified.
    pub rule: Rule,
}

/// The measurement of an operation.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Measured {
    /// The report of the calls.
    pub report: Report,
    /// Whether every result was the known one. If not, there are no numbers.
    pub checked: bool,
    /// The items in each call.
    pub items_per_call: u64,
    /// The items a second of each call.
    pub samples: Vec<f64>,
    /// The items a second: the median of the samples.
    pub rate: Quantity,
    /// The joules for each item: the power of the device over the rate.
    pub joules: Quantity,
}

/// The units of an operation.
struct Units {
    rate: &'static str,
    joules: &'static str,
}

/// Measures the nonce search: double SHA-256 of block headers.
///
/// Each call searches the header of Bitcoin's block 0 up to its nonce, and must find it.
///
/// # Errors
/// [`Error::Fault`] if every back end failed.
pub fn hashes(engine: &Engine, plan: &Plan) -> Result<Measured, Error> {
    let puzzle = Puzzle::bitcoin(&genesis_header(), Target::from_bits(0x1d00_ffff)?);
    let call = |nonces: u64| {
        let first = GENESIS_NONCE + 1 - nonces as u32;
        let found = engine.search(&puzzle, first..=GENESIS_NONCE)?;
        let right = found.is_some_and(|found| found.nonce == GENESIS_NONCE);
        Ok((right, found.report().clone()))
    };
    measure(plan, Units { rate: "H/s", joules: "J/H" }, 1 << 12, 1 << 30, call)
}

/// The nonce of Bitcoin's block 0, the lowest that meets its target.
const GENESIS_NONCE: u32 = 2_083_236_893;

fn genesis_header() -> [u8; 80] {
    const MERKLE_ROOT: &str = "3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a";
    let mut header = [0; 80];
    header[0] = 1;
    header[36..68].copy_from_slice(&verilane::parse_hex::<32>(MERKLE_ROOT).expect("it is hexadecimal"));
    header[68..72].copy_from_slice(&0x495f_ab29_u32.to_le_bytes());
    header[72..76].copy_from_slice(&0x1d00_ffff_u32.to_le_bytes());
    header
}

/// Measures signature verification over votes of 100 bytes by 256 signers.
///
/// Every 97th message is changed after it is signed; exactly these must be invalid.
///
/// # Errors
/// As [`hashes`].
pub fn verifications(engine: &Engine, plan: &Plan) -> Result<Measured, Error> {
    let votes = Votes::new();
    let mut batch = votes.batch(0);
    let call = |items: u64| {
        let items = items as usize;
        if batch.len() != items {
            batch = votes.batch(items);
        }
        let verdicts = engine.verify(plan.rule, &batch)?;
        let right = verdicts.invalid().eq((0..items).filter(|&index| Votes::is_changed(index)));
        Ok((right, verdicts.report().clone()))
    };
    measure(plan, Units { rate: "verifications/s", joules: "J/verification" }, 1 << 8, 1 << 17, call)
}

/// Signed votes; a batch changes some of them after signing.
struct Votes(Vec<([u8; 32], [u8; 64], [u8; 100])>);

impl Votes {
    const DISTINCT: usize = 4096;
    const SIGNERS: usize = 256;

    fn new() -> Self {
        let mut random = Random::new(1);
        let mut bytes = || -> [u8; 32] { std::array::from_fn(|_| random.bits() as u8) };
        let keys: Vec<_> = (0..Self::SIGNERS).map(|_| SigningKey::from_bytes(&bytes())).collect();
        let vote = |index: usize| {
            let key = &keys[index % Self::SIGNERS];
            let mut message = [0; 100];
            message[..8].copy_from_slice(&(index as u64).to_le_bytes());
            (key.verifying_key().to_bytes(), key.sign(&message).to_bytes(), message)
        };
        Votes((0..Self::DISTINCT).map(vote).collect())
    }

    fn is_changed(index: usize) -> bool {
        index % 97 == 96
    }

    fn batch(&self, items: usize) -> Batch<'static> {
        let mut batch = Batch::with_capacity(items);
        for index in 0..items {
            let (key, signature, mut message) = self.0[index % Self::DISTINCT];
            message[99] ^= u8::from(Self::is_changed(index));
            batch.push(&key, &signature, &message);
        }
        batch
    }
}

/// Measures Merkle roots of RFC 6962. The items are the hashed nodes above the leaves.
///
/// The root must equal that of hashing node by node.
///
/// # Errors
/// As [`hashes`].
pub fn merkle_nodes(engine: &Engine, plan: &Plan) -> Result<Measured, Error> {
    let tree = Tree::Rfc6962(verilane::TreeHash::Sha256);
    let mut leaves: Vec<Digest> = Vec::new();
    let mut expected = Digest::default();
    let call = |nodes: u64| {
        if leaves.len() as u64 != nodes + 1 {
            leaves = (0..=nodes).map(numbered_leaf).collect();
            expected = root_node_by_node(tree, leaves.clone());
        }
        let root = engine.merkle_root(tree, &leaves)?;
        Ok((root.digest == expected, root.report().clone()))
    };
    measure(plan, Units { rate: "nodes/s", joules: "J/node" }, 1 << 12, 1 << 20, call)
}

fn numbered_leaf(index: u64) -> Digest {
    let mut leaf = Digest::default();
    leaf.0[..8].copy_from_slice(&index.to_le_bytes());
    leaf
}

fn root_node_by_node(tree: Tree, mut level: Vec<Digest>) -> Digest {
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => tree.node(left, right),
                _ => pair[0],
            })
            .collect();
    }
    level[0]
}

/// The watts of the devices of `backend` while nothing runs.
pub fn idle_power(backend: &BackendInfo, plan: &Plan) -> Quantity {
    Power::of(backend, plan.stated_watts.clone()).idle(plan.duration)
}

/// Calls are made longer than this, so that their start takes a small share.
const SHORTEST_CALL: Duration = Duration::from_millis(50);
/// The fewest calls in a measurement.
const FEWEST_CALLS: usize = 5;
/// The attempts at a measurement while calls move between back ends.
const ATTEMPTS: usize = 3;

/// Doubles the items of a call until it takes [`SHORTEST_CALL`], then repeats the call.
fn measure(
    plan: &Plan,
    units: Units,
    fewest: u64,
    most: u64,
    mut call: impl FnMut(u64) -> Result<(bool, Report), Error>,
) -> Result<Measured, Error> {
    let (items_per_call, mut report) = match calibrate(fewest, most, &mut call)? {
        Calibrated::Right(items, report) => (items, report),
        Calibrated::Wrong(items, report) => return Ok(no_number(units, WRONG, false, items, report)),
    };
    for _ in 0..ATTEMPTS {
        let power = Power::of(&report.backend, plan.stated_watts.clone());
        let measurement = power.start();
        match repeat(plan.duration, &report, || call(items_per_call))? {
            Repeated::Times(times) => {
                let samples: Vec<f64> = times.iter().map(|seconds| items_per_call as f64 / seconds).collect();
                let rate = median(&samples);
                return Ok(Measured {
                    rate: Quantity::measured(rate, units.rate, source(&report.backend)),
                    joules: Quantity::derived(units.joules, [&measurement.watts()], |[watts]| watts / rate),
                    checked: true,
                    report,
                    items_per_call,
                    samples,
                });
            }
            Repeated::Wrong(report) => return Ok(no_number(units, WRONG, false, items_per_call, report)),
            Repeated::Moved(to) => report = to,
        }
    }
    Ok(no_number(units, "calls kept moving between back ends", true, items_per_call, report))
}

const WRONG: &str = "a result was wrong";

fn no_number(units: Units, reason: &str, checked: bool, items_per_call: u64, report: Report) -> Measured {
    Measured {
        report,
        checked,
        items_per_call,
        samples: Vec::new(),
        rate: Quantity::unavailable(units.rate, reason),
        joules: Quantity::unavailable(units.joules, reason),
    }
}

/// The items of a call that takes [`SHORTEST_CALL`], and its report.
enum Calibrated {
    Right(u64, Report),
    Wrong(u64, Report),
}

fn calibrate(
    fewest: u64,
    most: u64,
    call: &mut impl FnMut(u64) -> Result<(bool, Report), Error>,
) -> Result<Calibrated, Error> {
    let mut items = fewest;
    loop {
        // The first call sets up, the second is timed.
        call(items)?;
        let start = Instant::now();
        let (right, report) = call(items)?;
        if !right {
            return Ok(Calibrated::Wrong(items, report));
        }
        if start.elapsed() >= SHORTEST_CALL || items >= most {
            return Ok(Calibrated::Right(items, report));
        }
        items = (items * 2).min(most);
    }
}

/// The result of repeated calls.
enum Repeated {
    /// The seconds of each call.
    Times(Vec<f64>),
    /// A result was wrong.
    Wrong(Report),
    /// A call ran on another back end than the previous one.
    Moved(Report),
}

fn repeat(
    duration: Duration,
    on: &Report,
    mut call: impl FnMut() -> Result<(bool, Report), Error>,
) -> Result<Repeated, Error> {
    let start = Instant::now();
    let mut times = Vec::new();
    while times.len() < FEWEST_CALLS || start.elapsed() < duration {
        let begin = Instant::now();
        let (right, report) = call()?;
        times.push(begin.elapsed().as_secs_f64());
        if !right {
            return Ok(Repeated::Wrong(report));
        }
        if report.backend != on.backend {
            return Ok(Repeated::Moved(report));
        }
    }
    Ok(Repeated::Times(times))
}

fn source(backend: &BackendInfo) -> String {
    format!("{backend}: {}", backend.detail)
}

fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) { (sorted[middle - 1] + sorted[middle]) / 2.0 } else { sorted[middle] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Mark;
    use verilane::{BackendKind, Options, Placement};

    fn engine() -> Engine {
        let placement = Placement::On(BackendKind::Reference);
        Engine::with_options(&Options { placement, threads: 1, ..Options::default() }).unwrap()
    }

    fn plan(watts: Option<f64>) -> Plan {
        let stated_watts = watts.map(|watts| Quantity::assumed(watts, "W", "--device-watts"));
        Plan { duration: Duration::from_millis(1), stated_watts, rule: Rule::Zip215 }
    }

    #[test]
    fn the_header_is_block_0s() {
        let found = Puzzle::bitcoin(&genesis_header(), Target::from_bits(0x1d00_ffff).unwrap());
        let hash = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";
        assert_eq!(found.digest(GENESIS_NONCE).reversed().to_string(), hash);
    }

    #[test]
    fn each_operation_is_checked_and_timed() {
        for operation in [hashes, verifications, merkle_nodes] {
            let measured = operation(&engine(), &plan(None)).unwrap();
            assert!(measured.checked && measured.samples.len() >= FEWEST_CALLS);
            assert_eq!(measured.report.backend.kind, BackendKind::Reference);
            assert_eq!(measured.rate.mark(), Mark::Measured);
            assert!(measured.rate.value().unwrap() > 100.0);
        }
    }

    #[test]
    fn stated_watts_give_joules_for_each_item() {
        let measured = verifications(&engine(), &plan(Some(50.0))).unwrap();
        if measured.joules.mark() == Mark::Measured {
            return; // An energy counter takes precedence.
        }
        let watts = measured.joules.value().unwrap() * measured.rate.value().unwrap();
        assert_eq!(measured.joules.mark(), Mark::Assumed);
        assert!((watts - 50.0).abs() < 1e-9, "{watts}");
    }

    #[test]
    fn a_wrong_result_gives_no_number() {
        let backend = engine().search(&Puzzle::bitcoin(&[0; 80], Target::from_be_bytes([0xff; 32])), 0..=0);
        let report = backend.unwrap().report().clone();
        let mut calls = 0;
        let measured = measure(&plan(None), Units { rate: "H/s", joules: "J/H" }, 1, 1, |_| {
            calls += 1;
            Ok((calls < 4, report.clone()))
        });
        let measured = measured.unwrap();
        assert!(!measured.checked);
        assert_eq!((measured.rate.value(), measured.rate.source()), (None, "a result was wrong"));
    }

    #[test]
    fn medians() {
        assert_eq!((median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0, 2.0, 3.0])), (2.0, 2.5));
    }
}

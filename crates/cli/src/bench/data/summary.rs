//! The summary of a full run: a line for each workload at its largest size, and each rate
//! as a share of what bounds it.

use serde::Serialize;
use verilane::BackendKind;
use verilane::gpu::PeakRates;
use verilane::gpu::op_counts::{self, OpCounts};

use super::recipe::{BLOCK_RULE, Recipe};
use super::report::{Report, Row};
use super::side_by_side::SideBySide;
use super::workload::{Case, LATENCY_SIZES};
use verilane::calibration::crossover;

/// A workload on the GPU; where there is none, on the CPU.
#[derive(Clone, Debug, Serialize)]
pub struct SummaryLine {
    pub workload: String,
    /// The back end, marked where it is software.
    pub label: String,
    /// What computes: lanes or the adapter.
    pub detail: String,
    pub software: bool,
    pub items: usize,
    pub item_bytes: [usize; 2],
    pub unit: &'static str,
    /// On the device alone.
    pub resident_per_second: Option<f64>,
    /// End to end.
    pub per_second: f64,
    pub cpu_per_second: Option<f64>,
    pub side_by_side_per_second: Option<f64>,
    /// The size from which a hardware GPU is faster than the CPU; none if it is not.
    pub faster_than_cpu_from: Option<u64>,
    /// Of calls of 1, 64 and 1,024 items.
    pub latencies: Vec<CallTime>,
    pub bounds: Vec<Bound>,
}

/// How long a call takes.
#[derive(Clone, Debug, Serialize)]
pub struct CallTime {
    pub items: usize,
    pub median_s: f64,
    pub p99_s: f64,
}

/// A rate as a share of what bounds it: items a second × `count` ÷ `per_second`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bound {
    /// Which rate.
    pub of: BoundedRate,
    pub resource: &'static str,
    /// What one item takes of the resource.
    pub count: f64,
    /// The rate of the resource alone, as measured.
    pub per_second: f64,
    pub fraction: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BoundedRate {
    Resident,
    EndToEnd,
}

/// A line for each workload at its largest size; on a GPU for each kind of kernels.
pub fn lines(
    cases: &[Case],
    report: &Report,
    side_by_side: &[SideBySide],
    ceilings: Option<&PeakRates>,
) -> Vec<SummaryLine> {
    let lines = report.largest(cases).into_iter().flat_map(|case| {
        let cpu = report.row(case, BackendKind::Cpu);
        let mut rows: Vec<_> = report.rows_of(case, BackendKind::Gpu).collect();
        if rows.is_empty() {
            rows.extend(cpu);
        }
        rows.into_iter().map(move |row| {
            let mut line = SummaryLine::new(case, row, report);
            line.cpu_per_second = cpu.map(|cpu| cpu.per_second);
            if let Some(ceilings) = ceilings.filter(|_| row.backend == BackendKind::Gpu.to_string()) {
                line.bounds = bounds(case.workload.recipe, row, ceilings);
            }
            if !row.is_narrow() {
                line.faster_than_cpu_from =
                    crossover(&report.cpu_and_gpu_times(&row.workload, row.item_bytes));
                let alike =
                    |both: &&SideBySide| (&both.workload, both.item_bytes) == (&row.workload, row.item_bytes);
                line.side_by_side_per_second = side_by_side.iter().find(alike).map(|both| both.per_second);
            }
            line
        })
    });
    lines.collect()
}

impl SummaryLine {
    fn new(case: &Case, row: &Row, report: &Report) -> Self {
        let alike = |items: usize| {
            let same = |other: &&Row| {
                other.is_of(&row.workload, row.item_bytes)
                    && (&other.detail, other.items) == (&row.detail, items)
            };
            let found = report.rows.iter().find(same)?;
            Some(CallTime { items, median_s: found.median_s, p99_s: found.p99_s })
        };
        SummaryLine {
            workload: case.workload.name.clone(),
            label: row.label(),
            detail: row.detail.clone(),
            software: row.software,
            items: row.items,
            item_bytes: row.item_bytes,
            unit: row.unit,
            resident_per_second: row.device_per_second,
            per_second: row.per_second,
            cpu_per_second: None,
            side_by_side_per_second: None,
            faster_than_cpu_from: None,
            latencies: LATENCY_SIZES.into_iter().filter_map(alike).collect(),
            bounds: Vec::new(),
        }
    }
}

/// What bounds the rates of a GPU's row.
fn bounds(recipe: Recipe, row: &Row, ceilings: &PeakRates) -> Vec<Bound> {
    let int64 = ceilings.wide_multiply.is_some() && !row.is_narrow();
    let resident = row.device_per_second.and_then(|rate| {
        let (resource, count, per_second) = resource(recipe, int64, ceilings)?;
        Some(Bound::new(BoundedRate::Resident, resource, count, per_second, rate))
    });
    let read = row.bytes as f64 / row.items as f64;
    let up = Bound::new(BoundedRate::EndToEnd, "bytes from the host", read, ceilings.upload, row.per_second);
    let answer = answer_bytes(recipe);
    let down =
        Bound::new(BoundedRate::EndToEnd, "bytes to the host", answer, ceilings.download, row.per_second);
    let link = if up.fraction < down.fraction { down } else { up };
    resident.into_iter().chain([link]).collect()
}

impl Bound {
    fn new(of: BoundedRate, resource: &'static str, count: f64, per_second: f64, rate: f64) -> Self {
        Bound { of, resource, count, per_second, fraction: rate * count / per_second }
    }
}

/// The resource that the kernels need most: its name, what an item takes of it, and how
/// much there is in a second.
fn resource(recipe: Recipe, int64: bool, ceilings: &PeakRates) -> Option<(&'static str, f64, f64)> {
    let integers = match recipe {
        Recipe::Hash { hash, shortest, longest } => {
            let all = (shortest..=longest).map(|length| op_counts::hash(hash, length));
            let sum = all.reduce(|sum, one| sum + one)?;
            1.0 / (longest - shortest + 1) as f64 * sum
        }
        Recipe::Merkle(tree) => op_counts::merkle_node(tree),
        Recipe::Verify(rule) => op_counts::signature(rule, int64),
        Recipe::Check => op_counts::signature(BLOCK_RULE, int64),
        Recipe::Pow => op_counts::nonce(verilane::pow::Puzzle::BITCOIN_HEADER - 4),
        // As many bytes are written as read.
        Recipe::Dedup => {
            return Some(("bytes of its memory", op_counts::FINGERPRINT_BYTES as f64, 2.0 * ceilings.copy));
        }
        Recipe::Index { .. } | Recipe::Queue => return None,
    };
    Some((name(&integers), integers.count(), integers.per_second(ceilings)?))
}

fn name(integers: &OpCounts) -> &'static str {
    match integers {
        OpCounts { wide_multiply, .. } if *wide_multiply > 0.0 => "products of 32 × 32 bits",
        OpCounts { multiply, .. } if *multiply > 0.0 => "products of 32 bits",
        _ => "integer operations",
    }
}

/// The bytes of an item's answer: a digest, a verdict, a position, or one of each.
fn answer_bytes(recipe: Recipe) -> f64 {
    match recipe {
        Recipe::Hash { .. } => 32.0,
        Recipe::Verify(_) | Recipe::Dedup | Recipe::Index { .. } | Recipe::Queue => 4.0,
        Recipe::Check => 32.0 + 4.0 + 4.0,
        Recipe::Merkle(_) | Recipe::Pow => 0.0,
    }
}

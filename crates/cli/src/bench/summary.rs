//! The short table of a full run: a line for each workload at its largest size, and
//! each rate as a share of what bounds it.

use serde::Serialize;
use verilane::BackendKind;
use verilane::gpu::Ceilings;
use verilane::gpu::work::{self, Integers};

use super::input::{BLOCK_RULE, Recipe};
use super::remarks;
use super::report::{Report, Row};
use super::side_by_side::SideBySide;
use super::table::{Column, Table, input};
use super::workload::{Case, LATENCY_SIZES};
use crate::shared::units::{Count, Rate, Seconds};
use verilane::calibration::crossover;

/// A workload on the GPU; where there is none, on the CPU.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    pub workload: String,
    #[serde(skip)]
    input: String,
    /// The back end, marked where it is software.
    pub label: String,
    /// What computed: lanes or the adapter.
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
    pub latencies: Vec<Latency>,
    pub bounds: Vec<Bound>,
}

/// How long a call takes.
#[derive(Clone, Debug, Serialize)]
pub struct Latency {
    pub items: usize,
    pub median_s: f64,
    pub p99_s: f64,
}

/// A rate as a share of what bounds it: items a second × `count` ÷ `per_second`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bound {
    /// Which rate.
    pub of: Of,
    pub resource: &'static str,
    /// What one item takes of the resource.
    pub count: f64,
    /// What was measured of the resource alone.
    pub per_second: f64,
    pub fraction: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Of {
    Resident,
    EndToEnd,
}

/// Each workload at the largest size that was measured.
pub fn largest<'a>(cases: &'a [Case], report: &Report) -> Vec<&'a Case> {
    let kinds = [BackendKind::Cpu, BackendKind::Gpu, BackendKind::Reference];
    let is_measured = |case: &&Case| kinds.iter().any(|&kind| row(report, case, kind).is_some());
    let measured: Vec<_> = cases.iter().filter(is_measured).collect();
    let is_largest = |case: &&Case| {
        let same = measured.iter().filter(|other| other.workload == case.workload);
        same.map(|other| other.items).max() == Some(case.items)
    };
    measured.iter().copied().filter(is_largest).collect()
}

/// The row of a case in one call.
pub fn row<'a>(report: &'a Report, case: &Case, kind: BackendKind) -> Option<&'a Row> {
    rows(report, case, kind).find(|row| !row.is_narrow())
}

fn rows<'a>(report: &'a Report, case: &Case, kind: BackendKind) -> impl Iterator<Item = &'a Row> {
    let (kind, name, items) = (kind.to_string(), case.workload.name.clone(), case.items);
    let item_bytes = case.workload.recipe.item_bytes();
    report
        .rows
        .iter()
        .filter(move |row| row.is_of(&name, item_bytes) && (&row.backend, row.items) == (&kind, items))
}

pub fn lines(
    cases: &[Case],
    report: &Report,
    side_by_side: &[SideBySide],
    ceilings: Option<&Ceilings>,
) -> Vec<Line> {
    let lines = largest(cases, report).into_iter().flat_map(|case| {
        let cpu = row(report, case, BackendKind::Cpu);
        let mut rows: Vec<_> = rows(report, case, BackendKind::Gpu).collect();
        if rows.is_empty() {
            rows.extend(cpu);
        }
        rows.into_iter().map(move |row| {
            let mut line = Line::new(case, row, report);
            line.cpu_per_second = cpu.map(|cpu| cpu.per_second);
            if let Some(ceilings) = ceilings.filter(|_| row.backend == BackendKind::Gpu.to_string()) {
                line.bounds = bounds(case.workload.recipe, row, ceilings);
            }
            if !row.is_narrow() {
                line.faster_than_cpu_from =
                    crossover(&remarks::contests(report, &row.workload, row.item_bytes));
                let alike =
                    |both: &&SideBySide| (&both.workload, both.item_bytes) == (&row.workload, row.item_bytes);
                line.side_by_side_per_second = side_by_side.iter().find(alike).map(|both| both.per_second);
            }
            line
        })
    });
    lines.collect()
}

impl Line {
    fn new(case: &Case, row: &Row, report: &Report) -> Self {
        let alike = |items: usize| {
            let same = |other: &&Row| {
                other.is_of(&row.workload, row.item_bytes)
                    && (&other.detail, other.items) == (&row.detail, items)
            };
            let found = report.rows.iter().find(same)?;
            Some(Latency { items, median_s: found.median_s, p99_s: found.p99_s })
        };
        Line {
            workload: case.workload.name.clone(),
            input: input(row),
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

    fn bound(&self, of: Of) -> String {
        let Some(bound) = self.bounds.iter().find(|bound| bound.of == of) else { return String::new() };
        let count = Count(bound.count.round() as u64);
        format!("{:.1} % of {count} {}", 100.0 * bound.fraction, bound.resource)
    }

    fn latency(&self, items: usize) -> String {
        let found = self.latencies.iter().find(|latency| latency.items == items);
        found.map_or_else(String::new, |&Latency { median_s, p99_s, .. }| {
            format!("{} / {}", Seconds(median_s), Seconds(p99_s))
        })
    }
}

/// What bounds the rates of a GPU's row.
fn bounds(recipe: Recipe, row: &Row, ceilings: &Ceilings) -> Vec<Bound> {
    let int64 = ceilings.wide_multiply.is_some() && !row.is_narrow();
    let resident = row.device_per_second.and_then(|rate| {
        let (resource, count, per_second) = resource(recipe, int64, ceilings)?;
        Some(Bound::new(Of::Resident, resource, count, per_second, rate))
    });
    let read = row.bytes as f64 / row.items as f64;
    let up = Bound::new(Of::EndToEnd, "bytes from the host", read, ceilings.upload, row.per_second);
    let answer = answer_bytes(recipe);
    let down = Bound::new(Of::EndToEnd, "bytes to the host", answer, ceilings.download, row.per_second);
    let link = if up.fraction < down.fraction { down } else { up };
    resident.into_iter().chain([link]).collect()
}

impl Bound {
    fn new(of: Of, resource: &'static str, count: f64, per_second: f64, rate: f64) -> Self {
        Bound { of, resource, count, per_second, fraction: rate * count / per_second }
    }
}

/// What the kernels take most of: its name, what an item takes, and how much there is
/// in a second.
fn resource(recipe: Recipe, int64: bool, ceilings: &Ceilings) -> Option<(&'static str, f64, f64)> {
    let integers = match recipe {
        Recipe::Hash { hash, shortest, longest } => {
            let all = (shortest..=longest).map(|length| work::hash(hash, length));
            let sum = all.reduce(|sum, one| sum + one)?;
            1.0 / (longest - shortest + 1) as f64 * sum
        }
        Recipe::Merkle(tree) => work::merkle_node(tree),
        Recipe::Verify(rule) => work::signature(rule, int64),
        Recipe::Check => work::signature(BLOCK_RULE, int64),
        Recipe::Pow => work::nonce(verilane::pow::Puzzle::BITCOIN_HEADER - 4),
        // Read, and as many written.
        Recipe::Dedup => {
            return Some(("bytes of its memory", work::FINGERPRINT_BYTES as f64, 2.0 * ceilings.copy));
        }
        Recipe::Index { .. } | Recipe::Queue => return None,
    };
    Some((name(&integers), integers.count(), integers.per_second(ceilings)?))
}

fn name(integers: &Integers) -> &'static str {
    match integers {
        Integers { wide_multiply, .. } if *wide_multiply > 0.0 => "products of 32 × 32 bits",
        Integers { multiply, .. } if *multiply > 0.0 => "products of 32 bits",
        _ => "integer operations",
    }
}

/// What comes back for an item: a digest, a verdict, a position, or one of each.
fn answer_bytes(recipe: Recipe) -> f64 {
    match recipe {
        Recipe::Hash { .. } => 32.0,
        Recipe::Verify(_) | Recipe::Dedup | Recipe::Index { .. } | Recipe::Queue => 4.0,
        Recipe::Check => 32.0 + 4.0 + 4.0,
        Recipe::Merkle(_) | Recipe::Pow => 0.0,
    }
}

const RATES: [Column<Line>; 10] = [
    ("workload", false, |line| line.workload.clone()),
    ("input", false, |line| line.input.clone()),
    ("back end", false, |line| line.label.clone()),
    ("resident", true, |line| rate(line.resident_per_second)),
    ("of its ceiling", true, |line| line.bound(Of::Resident)),
    ("end to end", true, |line| rate(Some(line.per_second))),
    ("of the link", true, |line| line.bound(Of::EndToEnd)),
    ("cpu", true, |line| rate(line.cpu_per_second)),
    ("cpu and gpu", true, |line| rate(line.side_by_side_per_second)),
    ("faster from", true, |line| {
        line.faster_than_cpu_from.map_or_else(String::new, |n| Count(n).to_string())
    }),
];

const LATENCIES: [Column<Line>; 6] = [
    ("latency, median / p99", false, |line| line.workload.clone()),
    ("item", false, |line| line.input.split_once(" × ").map_or_else(String::new, |(_, item)| item.into())),
    ("back end", false, |line| line.label.clone()),
    ("1", true, |line| line.latency(LATENCY_SIZES[0])),
    ("64", true, |line| line.latency(LATENCY_SIZES[1])),
    ("1,024", true, |line| line.latency(LATENCY_SIZES[2])),
];

fn rate(rate: Option<f64>) -> String {
    rate.map_or_else(String::new, |rate| format!("{}/s", Rate(rate)))
}

/// The latencies, where there are any, and then the rates.
pub fn tables(lines: &[Line]) -> Vec<Table> {
    let timed: Vec<_> = lines.iter().filter(|line| !line.latencies.is_empty()).collect();
    let mut tables = Vec::new();
    if !timed.is_empty() {
        tables.push(Table::of(&LATENCIES, &timed));
    }
    if !lines.is_empty() {
        tables.push(Table::of(&RATES, &lines.iter().collect::<Vec<_>>()));
    }
    tables
}

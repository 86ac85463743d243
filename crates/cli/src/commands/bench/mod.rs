//! `verilane bench`: every workload on every back end, every answer checked.

#[cfg(feature = "gpu")]
mod calibrate;
#[cfg(feature = "gpu")]
mod full;

use std::sync::Arc;

use anyhow::{Context as _, anyhow, ensure};
use verilane::{Backend, BackendKind, Engine, Error, Placement};

use crate::bench::data::recipe::Recipe;
use crate::bench::data::report::{NotMeasured, Report, Row};
use crate::bench::data::source::Source;
use crate::bench::data::workload::{self, Case, Scale};
use crate::bench::measure::pace::{Effort, Pace};
use crate::bench::measure::rows::rows;
#[cfg(feature = "gpu")]
use crate::bench::measure::start_up;
use crate::bench::measure::{BackendSet, latency, measure};
use crate::shared::context::Context;
use crate::shared::machine::{self, Machine};
use crate::shared::{output, progress};
use crate::{Status, export};

/// Measure every workload on every back end, and check every answer
///
/// The positions of wrong items, in errors and reports, count from 0.
#[derive(clap::Args)]
pub struct Args {
    /// End within a minute: smaller inputs, fewer samples
    #[arg(long)]
    quick: bool,
    /// Measure everything about this machine's GPU in ten minutes, with a short table
    ///
    /// The adapter's peak rates and its start, every workload at sizes from one item to what fills
    /// a large card, and the CPU and the GPU side by side. The table has each rate as a share of its
    /// ceiling. With --quick it takes about a minute, at small sizes only. Where there is no GPU, it
    /// measures the CPU alone.
    #[cfg(feature = "gpu")]
    #[arg(long)]
    full: bool,
    /// Only workloads whose names begin like this: verify, hash.blake3, merkle, dedup, pow …
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    workload: Vec<String>,
    /// Items in a call, instead of each workload's sizes
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = items)]
    sizes: Vec<usize>,
    /// Measure the size from which a GPU is faster, and store it for automatic placement
    #[cfg(feature = "gpu")]
    #[arg(long, conflicts_with_all = ["quick", "full", "workload", "sizes"])]
    calibrate: bool,
    #[command(flatten)]
    export: export::Files,
}

fn items(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("a call needs at least one item".into()),
        Ok(items) => Ok(items),
        Err(_) => Err("a whole number of items is expected, such as 65536".into()),
    }
}

pub fn run(args: &Args, context: &Context) -> anyhow::Result<Status> {
    if cfg!(debug_assertions) {
        output::warning("this build is not optimised for speed: use cargo run --release");
    }
    let workloads = workload::select(&args.workload)?;
    let exports = args.export.exports();
    exports.check()?;
    #[cfg(feature = "gpu")]
    let full = args.full.then(|| full::begin(context)).transpose()?;
    let (backends, mut report) = set_up(context)?;
    #[cfg(feature = "gpu")]
    if args.calibrate {
        return calibrate::run(&backends, &report, context);
    }
    #[cfg(feature = "gpu")]
    let backends = match &full {
        Some(_) => {
            BackendSet { verifiers: start_up::narrow(&context.options).into_iter().collect(), ..backends }
        }
        None => backends,
    };
    let effort = args.effort();
    let pace = Pace::new(effort);
    let scale = Scale {
        quick: args.quick,
        full: effort == Effort::Full,
        hardware_gpu: backends.measured.iter().any(is_hardware_gpu),
    };
    let cases: Vec<_> = workloads.iter().flat_map(|workload| workload.cases(&args.sizes, scale)).collect();
    let own_sizes = scale.full && args.sizes.is_empty();
    let cases = fitting(cases, machine::free_memory(), own_sizes, &backends, &mut report)?;
    let source = measure_all(&cases, &backends, pace, &mut report)?;
    #[cfg(feature = "gpu")]
    if let Some(full) = full {
        full::end(full, &cases, &backends, effort, source, &mut report);
    }
    #[cfg(not(feature = "gpu"))]
    drop(source);
    exports.write(&report)?;
    output::print(context, &report)?;
    Ok(status(&report))
}

impl Args {
    fn effort(&self) -> Effort {
        #[cfg(feature = "gpu")]
        let full = self.full;
        #[cfg(not(feature = "gpu"))]
        let full = false;
        match (self.quick, full) {
            (true, _) => Effort::Quick,
            (false, true) => Effort::Full,
            (false, false) => Effort::Normal,
        }
    }
}

fn status(report: &Report) -> Status {
    if report.all_checked() { Status::Passed } else { Status::Failed }
}

/// The cases whose input fits into `memory` bytes. Others are an error where the user asked
/// for them; a full run leaves out its own sizes, and the report says so.
fn fitting(
    cases: Vec<Case>,
    memory: u64,
    own_sizes: bool,
    backends: &BackendSet,
    report: &mut Report,
) -> anyhow::Result<Vec<Case>> {
    let mut fitting = Vec::new();
    for case in cases {
        match case.check(memory) {
            Ok(()) => fitting.push(case),
            Err(error) if own_sizes => leave_out(&case, backends, &error.to_string(), report),
            Err(error) => return Err(error),
        }
    }
    Ok(fitting)
}

/// Adds to the report why no back end measured this case.
fn leave_out(case: &Case, backends: &BackendSet, reason: &str, report: &mut Report) {
    for backend in &backends.measured {
        report.leave_out(NotMeasured::new(backend.info(), Some(&case.workload.name), reason));
    }
}

fn is_hardware_gpu(backend: &Arc<dyn Backend>) -> bool {
    let info = backend.info();
    info.kind == BackendKind::Gpu && !info.software
}

/// The back ends to measure, and a report that says why others are missing.
fn set_up(context: &Context) -> anyhow::Result<(BackendSet, Report)> {
    let found = Engine::backends(&context.options);
    let oracle = found.iter().find(|(kind, _)| *kind == BackendKind::Reference);
    let oracle = oracle.and_then(|(_, backend)| backend.as_ref().ok()).cloned();
    let oracle = oracle.context("the reference back end is not there to compare with")?;
    let mut report = Report::new(Machine::new(&context.options)?, machine::busy_percent()?);
    let mut measured = Vec::new();
    for (kind, backend) in found {
        match backend {
            _ if !is_wanted(kind, context.options.placement) => {}
            Ok(backend) => measured.push(backend),
            Err(error) => report.leave_out(NotMeasured::kind(kind, reason(error))),
        }
    }
    let reasons: Vec<_> = report.not_measured.iter().map(|note| note.reason.as_str()).collect();
    ensure!(!measured.is_empty(), "there is nothing to measure: {}", reasons.join("; "));
    Ok((BackendSet { oracle, measured, verifiers: Vec::new() }, report))
}

fn is_wanted(kind: BackendKind, placement: Placement) -> bool {
    match placement {
        Placement::Auto => true,
        Placement::On(only) => only == kind,
    }
}

/// Why a back end is missing, without its name.
fn reason(error: Error) -> String {
    match error {
        Error::Unavailable { reason, .. } => reason,
        error => error.to_string(),
    }
}

/// Measures each case; returns where its input came from.
fn measure_all(
    cases: &[Case],
    backends: &BackendSet,
    pace: Pace,
    report: &mut Report,
) -> anyhow::Result<Source> {
    let bar = progress::cases(cases.len() as u64);
    bar.set_message("fresh data");
    let mut source = workload::source(cases);
    for (index, case) in cases.iter().enumerate() {
        bar.set_message(format!("{}, {} {}", case.workload.name, case.items, case.workload.unit()));
        bar.inc(1);
        let able = able(case, backends, report);
        if able.measured.is_empty() {
            continue;
        }
        match pace.budget(cases.len() - index, able.measured.len(), report.least_time(case)) {
            Some(budget) => {
                let measurement = measure(case, &able, &mut source, budget)?;
                for row in rows(case, &measurement) {
                    match row {
                        Ok(row) => {
                            bar.suspend(|| print_mismatch(&row));
                            report.rows.push(row);
                        }
                        Err(note) => report.leave_out(note),
                    }
                }
                if case.workload.recipe == Recipe::Queue {
                    let time = budget.time / LATENCIES_IN_BUDGET;
                    for latency in latency::measure(case, &able, &measurement, &mut source, time)? {
                        match latency {
                            Ok(latency) => report.latencies.push(latency),
                            Err(note) => report.leave_out(note),
                        }
                    }
                }
            }
            None => leave_out(case, &able, "the time was up", report),
        }
    }
    bar.finish_and_clear();
    Ok(source)
}

/// A queue is measured at three loads, and so is ed25519-dalek.
const LATENCIES_IN_BUDGET: u32 = 4;

fn print_mismatch(row: &Row) {
    if let Some(mismatch) = &row.mismatch {
        let Row { workload, items, unit, .. } = row;
        output::error(&anyhow!("wrong answer: {workload} on {}, {items} {unit}: {mismatch}", row.label()));
    }
}

/// The back ends that serve the case's operation; the report says which do not.
fn able(case: &Case, backends: &BackendSet, report: &mut Report) -> BackendSet {
    let operation = case.workload.recipe.operation();
    let serves = |backend: &&Arc<dyn Backend>| {
        let serves = backend.serves(operation);
        if !serves {
            report.leave_out(NotMeasured::new(backend.info(), Some(&operation.to_string()), NO_KERNEL));
        }
        serves
    };
    let mut measured: Vec<_> = backends.measured.iter().filter(serves).cloned().collect();
    if let Recipe::Verify(_) = case.workload.recipe {
        measured.extend_from_slice(&backends.verifiers);
    }
    BackendSet { oracle: backends.oracle.clone(), measured, verifiers: Vec::new() }
}

const NO_KERNEL: &str = "it has no kernel for this";

#[cfg(all(test, feature = "gpu"))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::bench::data::full_run::FullRun;
    use crate::bench::measure::fake::{Behaviour, Fake};

    /// A full run on fakes, the card of this behaviour.
    fn full_run(names: &[&str], card: Behaviour) -> Report {
        let fake = |kind, behaviour| Arc::new(Fake::new(kind, behaviour)) as Arc<dyn Backend>;
        let backends = BackendSet {
            oracle: fake(BackendKind::Reference, Behaviour::Honest),
            measured: vec![fake(BackendKind::Cpu, Behaviour::Honest), fake(BackendKind::Gpu, card)],
            verifiers: Vec::new(),
        };
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let scale = Scale { quick: true, full: false, hardware_gpu: true };
        let workloads = workload::select(&names).unwrap();
        let cases: Vec<_> = workloads.iter().flat_map(|workload| workload.cases(&[16, 40], scale)).collect();
        let mut report = Report::new(Machine::default(), 0.0);
        let source = measure_all(&cases, &backends, Pace::new(Effort::Quick), &mut report).unwrap();
        full::end(FullRun::default(), &cases, &backends, Effort::Quick, source, &mut report);
        report
    }

    #[test]
    fn a_full_run_passes_if_every_answer_is_right() {
        let report = full_run(&["dedup", "verify.strict"], Behaviour::Honest);
        assert_eq!(status(&report), Status::Passed);
        let full = serde_json::to_value(report.full.as_ref().unwrap()).unwrap();
        let of = |list: &str, field: &str| -> Vec<_> {
            full[list].as_array().unwrap().iter().map(|entry| entry[field].clone()).collect()
        };
        assert_eq!(of("summary", "workload"), ["verify.strict", "dedup"]);
        assert_eq!(of("summary", "label"), ["gpu", "gpu"]);
        assert_eq!(of("summary", "items"), [40, 40]);
        assert_eq!(of("side_by_side", "items"), [40, 40]);
        let rates = of("side_by_side", "per_second");
        assert_eq!(of("summary", "side_by_side_per_second"), rates);
    }

    #[test]
    fn one_difference_fails_a_full_run() {
        assert_eq!(status(&full_run(&["dedup"], Behaviour::Lies)), Status::Failed);
        let mut report = full_run(&["dedup"], Behaviour::Lies);
        report.rows.clear();
        assert_eq!(status(&report), Status::Failed, "side by side alone");
    }

    #[test]
    fn the_largest_size_that_was_measured_counts() {
        let report = full_run(&["dedup"], Behaviour::Honest);
        let workload = workload::select(&["dedup".into()]).unwrap().remove(0);
        let cases = [16, 40, 90].map(|items| Case { workload: workload.clone(), items });
        assert_eq!(report.largest(&cases), [&cases[1]]);
    }

    #[test]
    fn a_fault_leaves_a_reason_and_the_lines_of_the_cpu() {
        let report = full_run(&["dedup"], Behaviour::Faults);
        assert_eq!(report.not_measured[0].reason, "the device was lost: unplugged");
        let full = serde_json::to_value(report.full.as_ref().unwrap()).unwrap();
        assert_eq!(full["summary"][0]["label"], "cpu");
        assert_eq!(full["side_by_side"], serde_json::json!([]));
    }

    #[test]
    fn sizes_without_room_are_left_out_of_a_full_run_only() {
        let fake = Arc::new(Fake::new(BackendKind::Cpu, Behaviour::Late(Duration::ZERO)));
        let backends = BackendSet { oracle: fake.clone(), measured: vec![fake], verifiers: Vec::new() };
        let workload = workload::select(&["dedup".into()]).unwrap().remove(0);
        let cases = || [1 << 10, 1 << 20].map(|items| Case { workload: workload.clone(), items }).to_vec();
        let mut report = Report::new(Machine::default(), 0.0);
        let left = fitting(cases(), 1 << 20, true, &backends, &mut report).unwrap();
        assert_eq!(left, cases()[..1]);
        assert!(report.not_measured[0].reason.contains("items would fit"), "{:?}", report.not_measured);
        assert!(fitting(cases(), 1 << 20, false, &backends, &mut report).is_err());
    }
}

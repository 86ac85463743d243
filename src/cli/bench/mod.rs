//! `verilane bench`: every workload on every back end, every answer checked.

#[cfg(feature = "gpu")]
mod calibrate;
#[cfg(test)]
mod fake;
mod input;
mod latency;
mod measure;
mod pace;
mod queues;
mod remarks;
mod report;
mod source;
mod standing;
mod statistics;
pub mod table;
mod workload;

use std::sync::Arc;

use anyhow::{Context as _, anyhow, ensure};
use verilane::{Backend, BackendKind, Engine, Error, Placement};

use super::context::Context;
use super::machine::{self, Machine};
use super::{Status, export, output, progress};
use input::Recipe;
use measure::{Field, measure};
use pace::Pace;
use workload::{Case, Scale};

pub use report::{Report, Row};

/// Measure every workload on every back end, and check every answer
#[derive(clap::Args)]
pub struct Args {
    /// End within a minute: smaller inputs, fewer samples
    #[arg(long)]
    quick: bool,
    /// Only workloads whose names begin so: verify, hash.blake3, merkle, dedup, pow …
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    workload: Vec<String>,
    /// Items in a call, instead of each workload's own sizes
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = items)]
    sizes: Vec<usize>,
    /// Measure from which size a GPU pays, and store it for automatic placement
    #[cfg(feature = "gpu")]
    #[arg(long, conflicts_with_all = ["quick", "workload", "sizes"])]
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
    let pace = Pace::new(args.quick);
    let workloads = workload::select(&args.workload)?;
    args.export.check()?;
    let (field, mut report) = set_up(context)?;
    #[cfg(feature = "gpu")]
    if args.calibrate {
        return calibrate::run(&field, &report, context);
    }
    let scale = Scale { quick: args.quick, hardware_gpu: field.measured.iter().any(is_hardware_gpu) };
    let cases: Vec<_> = workloads.iter().flat_map(|workload| workload.cases(&args.sizes, scale)).collect();
    let memory = machine::free_memory();
    cases.iter().try_for_each(|case| case.check(memory))?;
    measure_all(&cases, &field, pace, &mut report)?;
    args.export.write(&report)?;
    output::print(context, &report)?;
    Ok(if report.all_checked() { Status::Passed } else { Status::Failed })
}

fn is_hardware_gpu(backend: &Arc<dyn Backend>) -> bool {
    let info = backend.info();
    info.kind == BackendKind::Gpu && !info.software
}

/// The back ends to measure, and a report that says why others are missing.
fn set_up(context: &Context) -> anyhow::Result<(Field, Report)> {
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
            Err(error) => report.leave_out_kind(kind, reason(error)),
        }
    }
    let reasons: Vec<_> = report.not_measured.iter().map(|note| note.reason.as_str()).collect();
    ensure!(!measured.is_empty(), "there is nothing to measure: {}", reasons.join("; "));
    Ok((Field { oracle, measured }, report))
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

fn measure_all(cases: &[Case], field: &Field, pace: Pace, report: &mut Report) -> anyhow::Result<()> {
    let bar = progress::cases(cases.len() as u64);
    bar.set_message("fresh data");
    let mut source = workload::source(cases);
    for (index, case) in cases.iter().enumerate() {
        bar.set_message(format!("{}, {} {}", case.workload.name, case.items, case.workload.unit()));
        bar.inc(1);
        let able = able(case, field, report);
        if able.measured.is_empty() {
            continue;
        }
        match pace.budget(cases.len() - index, able.measured.len()) {
            Some(budget) => {
                let measurement = measure(case, &able, &mut source, budget)?;
                let rows = report.add(case, &measurement);
                bar.suspend(|| rows.iter().for_each(tell_mismatch));
                if case.workload.recipe == Recipe::Queue {
                    let time = budget.time / LATENCIES_IN_BUDGET;
                    latency::measure(case, &able, &measurement, &mut source, time, report)?;
                }
            }
            None => report.out_of_time(case, &able),
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// A queue is measured at three loads, and so is its peer.
const LATENCIES_IN_BUDGET: u32 = 4;

fn tell_mismatch(row: &Row) {
    if let Some(mismatch) = &row.mismatch {
        let Row { workload, items, unit, .. } = row;
        output::error(&anyhow!("wrong answer: {workload} on {}, {items} {unit}: {mismatch}", row.label()));
    }
}

/// The back ends that serve the case's operation; the report says which do not.
fn able(case: &Case, field: &Field, report: &mut Report) -> Field {
    let operation = case.workload.recipe.operation();
    let serves = |backend: &&Arc<dyn Backend>| {
        let serves = backend.serves(operation);
        if !serves {
            report.leave_out(backend.info(), Some(&operation.to_string()), NO_KERNEL.into());
        }
        serves
    };
    Field { oracle: field.oracle.clone(), measured: field.measured.iter().filter(serves).cloned().collect() }
}

const NO_KERNEL: &str = "it has no kernel for this";

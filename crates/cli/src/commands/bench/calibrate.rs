//! From which size a GPU pays: measured, and stored for automatic placement.

use std::fmt;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use serde::Serialize;
use verilane::calibration::{Calibrated, Found};
use verilane::crossover::Crossover;
use verilane::{Backend, BackendKind, Operation, Placement};

use super::is_hardware_gpu;
use crate::Status;
use crate::bench::data::report::Report;
use crate::bench::measure::BackendSet;
use crate::shared::context::Context;
use crate::shared::units::Count;
use crate::shared::{output, progress};

/// What was found, and where it is stored.
#[derive(Debug, Serialize)]
pub struct Calibration {
    adapter: String,
    crossovers: Vec<Pays>,
    /// Operations in which some answer was wrong: nothing is stored of them.
    wrong: Vec<String>,
    stored: String,
}

/// From which size the adapter pays in one operation.
#[derive(Debug, Serialize)]
struct Pays {
    operation: String,
    variant: String,
    /// Bytes for hashes, otherwise items; none if it did not pay at any size.
    size: Option<u64>,
}

/// Nothing was measured.
#[derive(Debug, Serialize)]
struct Nothing {
    reason: String,
}

impl fmt::Display for Nothing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nothing to calibrate: {}", self.reason)
    }
}

/// Measures and stores; with no hardware GPU it says that there is nothing to do.
pub fn run(backends: &BackendSet, report: &Report, context: &Context) -> anyhow::Result<Status> {
    ensure!(
        context.options.placement == Placement::Auto,
        "--calibrate compares the CPU with the GPU: leave --backend out"
    );
    let Some((cpu, gpu)) = pair(backends) else {
        output::print(context, &Nothing { reason: reason(backends, report) })?;
        return Ok(Status::Passed);
    };
    let mut stored = Crossover::load();
    let bar = progress::cases(Operation::ALL.len() as u64);
    let threads = context.options.host_threads().context("cannot start")?;
    let found = stored.measure(cpu.as_ref(), gpu.as_ref(), &threads, |operation| {
        bar.set_message(operation.to_string());
        bar.inc(1);
    });
    bar.finish_and_clear();
    let path = stored.store().context("cannot store the crossover in the cache folder")?;
    let calibration = Calibration::new(&gpu.info().detail, &found, path.display().to_string());
    output::print(context, &calibration)?;
    Ok(if calibration.wrong.is_empty() { Status::Passed } else { Status::Failed })
}

fn pair(backends: &BackendSet) -> Option<(Arc<dyn Backend>, Arc<dyn Backend>)> {
    let cpu = backends.measured.iter().find(|backend| backend.info().kind == BackendKind::Cpu)?;
    let gpu = backends.measured.iter().find(|backend| is_hardware_gpu(backend))?;
    Some((cpu.clone(), gpu.clone()))
}

fn reason(backends: &BackendSet, report: &Report) -> String {
    let software = backends.measured.iter().find(|backend| backend.info().software);
    if let Some(software) = software {
        let name = &software.info().detail;
        return format!("{name} is a software adapter, which is never chosen automatically");
    }
    let missing: Vec<_> = report.not_measured.iter().map(|note| note.reason.as_str()).collect();
    missing.join("; ")
}

impl Calibration {
    fn new(adapter: &str, found: &[Calibrated], stored: String) -> Self {
        let mut calibration =
            Calibration { adapter: adapter.into(), crossovers: Vec::new(), wrong: Vec::new(), stored };
        for Calibrated { operation, variant, found, .. } in found {
            let size = match found {
                Found::PaysFrom(size) => Some(*size),
                Found::NeverPays => None,
                Found::WrongAnswer => {
                    calibration.wrong.push(operation.to_string());
                    continue;
                }
            };
            let (operation, variant) = (operation.to_string(), variant.clone());
            calibration.crossovers.push(Pays { operation, variant, size });
        }
        calibration
    }
}

impl fmt::Display for Calibration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.adapter)?;
        for Pays { operation, variant, size } in &self.crossovers {
            let unit = if operation == "hash" { "bytes" } else { "items" };
            match size {
                Some(size) => writeln!(f, "{operation}: pays from {} {unit} ({variant})", Count(*size))?,
                None => writeln!(f, "{operation}: does not pay ({variant})")?,
            }
        }
        for operation in &self.wrong {
            writeln!(f, "{operation}: WRONG ANSWER; nothing is stored")?;
        }
        write!(f, "stored in {}", self.stored)
    }
}

//! From which size a GPU pays: measured, and stored for automatic placement.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::Serialize;
use verilane::crossover::Crossover;
use verilane::{Backend, BackendKind, Operation, Placement};

use super::input::{Manner, Recipe};
use super::is_hardware_gpu;
use super::measure::{Budget, Field, Measurement, measure};
use super::report::Report;
use super::statistics::{Contest, crossover, median};
use super::workload::{self, Case, Workload};
use crate::context::Context;
use crate::units::Count;
use crate::{Status, output, progress};

/// For each operation the workload that the CPU is best at, so that automatic
/// placement errs on its side.
const WORKLOADS: [&str; 6] =
    ["hash.blake3", "merkle.plain", "verify.rfc8032", "dedup", "pow.sha256d", "check"];

/// What was found, and where it is stored.
#[derive(Debug, Serialize)]
pub struct Calibration {
    adapter: String,
    crossovers: Vec<Found>,
    /// Operations in which some answer was wrong: nothing is stored of them.
    wrong: Vec<String>,
    stored: String,
}

/// From which size the adapter pays in one operation.
#[derive(Debug, Serialize)]
struct Found {
    operation: String,
    workload: String,
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
pub fn run(field: &Field, report: &Report, context: &Context) -> anyhow::Result<Status> {
    ensure!(
        context.options.placement == Placement::Auto,
        "--calibrate compares the CPU with the GPU: leave --backend out"
    );
    let Some((cpu, gpu)) = pair(field) else {
        output::print(context, &Nothing { reason: reason(field, report) })?;
        return Ok(Status::Passed);
    };
    let field = Field { oracle: field.oracle.clone(), measured: vec![cpu, gpu], verifiers: Vec::new() };
    let mut stored = Crossover::load();
    let mut calibration = calibrate(&field, &mut stored)?;
    let path = stored.store().context("cannot store the crossover in the cache folder")?;
    calibration.stored = path.display().to_string();
    output::print(context, &calibration)?;
    Ok(if calibration.wrong.is_empty() { Status::Passed } else { Status::Failed })
}

fn pair(field: &Field) -> Option<(Arc<dyn Backend>, Arc<dyn Backend>)> {
    let cpu = field.measured.iter().find(|backend| backend.info().kind == BackendKind::Cpu)?;
    let gpu = field.measured.iter().find(|backend| is_hardware_gpu(backend))?;
    Some((cpu.clone(), gpu.clone()))
}

fn reason(field: &Field, report: &Report) -> String {
    let software = field.measured.iter().find(|backend| backend.info().software);
    if let Some(software) = software {
        let name = &software.info().detail;
        return format!("{name} is a software adapter, which is never chosen automatically");
    }
    let missing: Vec<_> = report.not_measured.iter().map(|note| note.reason.as_str()).collect();
    missing.join("; ")
}

fn calibrate(field: &Field, stored: &mut Crossover) -> anyhow::Result<Calibration> {
    let mut calibration = Calibration::new(field);
    let bar = progress::cases(WORKLOADS.len() as u64);
    for name in WORKLOADS {
        bar.set_message(name);
        let workload = workload::select(&[name.into()])?.remove(0);
        let sizes: Vec<_> = sizes(workload.recipe).collect();
        calibration.measure(&workload, &sizes, field, stored)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(calibration)
}

const BUDGET: Budget = Budget { time: Duration::from_millis(500), least_rounds: 5 };

/// Sizes grow fourfold up to what a GPU needs to be filled.
fn sizes(recipe: Recipe) -> impl Iterator<Item = usize> {
    let (first, last) = match recipe {
        Recipe::Pow => (1 << 12, 1 << 26),
        Recipe::Verify(_) | Recipe::Check => (1 << 6, 1 << 16),
        _ => (1 << 8, 1 << 20),
    };
    std::iter::successors(Some(first), |size| Some(size * 4)).take_while(move |&size| size <= last)
}

impl Calibration {
    fn new(field: &Field) -> Self {
        let adapter = field.measured[1].info().detail.clone();
        Calibration { adapter, crossovers: Vec::new(), wrong: Vec::new(), stored: String::new() }
    }

    /// Measures one operation at ascending `sizes`; nothing is stored of one that
    /// the GPU does not serve, or not rightly.
    fn measure(
        &mut self,
        workload: &Workload,
        sizes: &[usize],
        field: &Field,
        stored: &mut Crossover,
    ) -> anyhow::Result<()> {
        let operation = workload.recipe.operation();
        if !field.measured.iter().all(|backend| backend.serves(operation)) {
            return Ok(());
        }
        let cases: Vec<_> = sizes.iter().map(|&items| Case { workload: workload.clone(), items }).collect();
        let mut source = workload::source(&cases);
        let mut contests = Vec::new();
        for case in &cases {
            let measurement = measure(case, field, &mut source, BUDGET)?;
            if measurement.runs.iter().any(|run| run.wrong.is_some()) {
                self.wrong.push(operation.to_string());
                return Ok(());
            }
            contests.extend(contest(case, &measurement));
        }
        let size = crossover(&contests);
        stored.set(&self.adapter, operation, size);
        let workload = workload.name.clone();
        self.crossovers.push(Found { operation: operation.to_string(), workload, size });
        Ok(())
    }
}

/// A card that faults loses; none if the CPU did.
fn contest(case: &Case, measurement: &Measurement) -> Option<Contest> {
    let mut runs = measurement.runs.iter().filter(|run| run.manner == Manner::AtOnce);
    let (cpu, gpu) = (runs.next()?, runs.next()?);
    let size = match case.workload.recipe.operation() {
        Operation::Hash => measurement.bytes,
        _ => case.items as u64,
    };
    let challenger = match gpu.fault {
        Some(_) => Duration::MAX,
        None => median(&gpu.samples)?,
    };
    Some(Contest { size, incumbent: median(&cpu.samples)?, challenger })
}

impl fmt::Display for Calibration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.adapter)?;
        for Found { operation, workload, size } in &self.crossovers {
            let unit = if operation == "hash" { "bytes" } else { "items" };
            match size {
                Some(size) => writeln!(f, "{operation}: pays from {} {unit} ({workload})", Count(*size))?,
                None => writeln!(f, "{operation}: does not pay ({workload})")?,
            }
        }
        for operation in &self.wrong {
            writeln!(f, "{operation}: WRONG ANSWER; nothing is stored")?;
        }
        write!(f, "stored in {}", self.stored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::fake::{Fake, Manner};

    /// Duplicates on a CPU and a card of these manners.
    fn calibrated(cpu: Manner, gpu: Manner) -> (Calibration, Crossover) {
        let field = Field {
            oracle: Arc::new(Fake::new(BackendKind::Reference, Manner::Honest)),
            measured: vec![
                Arc::new(Fake::new(BackendKind::Cpu, cpu)),
                Arc::new(Fake::new(BackendKind::Gpu, gpu)),
            ],
            verifiers: Vec::new(),
        };
        let workload = workload::select(&["dedup".into()]).unwrap().remove(0);
        let (mut calibration, mut stored) = (Calibration::new(&field), Crossover::default());
        calibration.measure(&workload, &[300, 900], &field, &mut stored).unwrap();
        (calibration, stored)
    }

    fn pays(stored: &Crossover, size: u64) -> bool {
        stored.pays("a fake gpu", Operation::Dedup, size)
    }

    const LATE: Manner = Manner::Late(Duration::from_millis(40));

    #[test]
    fn a_faster_card_pays_from_the_size_at_which_it_won() {
        let (calibration, stored) = calibrated(LATE, Manner::Honest);
        assert_eq!(calibration.crossovers[0].size, Some(300));
        assert!(pays(&stored, 300) && !pays(&stored, 299));
    }

    #[test]
    fn a_slower_card_never_pays() {
        let (calibration, stored) = calibrated(Manner::Honest, LATE);
        assert_eq!(calibration.crossovers[0].size, None);
        assert!(!pays(&stored, u64::MAX));
    }

    #[test]
    fn a_card_that_faults_never_pays() {
        let (calibration, stored) = calibrated(LATE, Manner::Faults);
        assert_eq!(calibration.crossovers[0].size, None);
        assert!(!pays(&stored, u64::MAX));
    }

    #[test]
    fn a_card_that_is_wrong_is_not_stored() {
        let (calibration, stored) = calibrated(LATE, Manner::Lies);
        assert_eq!(calibration.wrong, ["dedup"]);
        assert_eq!(stored, Crossover::default());
    }
}

//! `verilane bench --full`: what a GPU can do at most, how it starts, how it computes
//! beside the CPU, and a short table of all that.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;
use verilane::gpu::{self, Gpu};
use verilane::{Backend, BackendKind, Placement};

use super::measure::Field;
use super::pace::{Effort, Pace};
use super::report::{Report, Row};
use super::side_by_side::{self, SideBySide};
use super::source::Source;
use super::summary::{self, Line};
use super::table::{Table, drawn};
use super::workload::Case;
use crate::shared::context::Context;
use crate::shared::probe::Probe;
use crate::shared::progress;
use crate::shared::units::Seconds;

/// What only a full run has. Where there is no GPU, the lines of the CPU.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Full {
    ceilings: Option<Probe>,
    start_ups: Vec<StartUp>,
    side_by_side: Vec<SideBySide>,
    summary: Vec<Line>,
}

/// An adapter's start.
#[derive(Clone, Debug, Serialize)]
struct StartUp {
    /// Whether it had no compiled kernels of verilane's; a driver may keep its own.
    cold: bool,
    open_s: f64,
    /// All kernels, by several threads.
    compile_s: f64,
    kernels: Vec<Kernel>,
    /// Of one signature, after that.
    first_call_s: f64,
}

/// One variant of a kernel.
#[derive(Clone, Debug, Serialize)]
struct Kernel {
    name: &'static str,
    compile_s: f64,
}

impl Full {
    /// Starts and probes the GPU, before anything else does; without one there is
    /// nothing to do, and the report will say why.
    ///
    /// # Errors
    /// If the GPU fails, or computes something wrong.
    pub fn begin(context: &Context) -> anyhow::Result<Self> {
        let Some(gpu) = start(context) else { return Ok(Full::default()) };
        let bar = progress::cases(2);
        bar.set_message("starting the GPU");
        let [cold, warm] = gpu.start_ups().context("the GPU cannot be started")?;
        let start_ups = vec![StartUp::new(true, &cold), StartUp::new(false, &warm)];
        bar.inc(1);
        bar.set_message("what it can do at most");
        let ceilings = Some(Probe::of(&gpu)?);
        bar.finish_and_clear();
        Ok(Full { start_ups, ceilings, ..Full::default() })
    }

    /// Lets the CPU and the GPU compute side by side, and adds everything to the report.
    pub fn end(
        mut self,
        cases: &[Case],
        field: &Field,
        effort: Effort,
        mut source: Source,
        report: &mut Report,
    ) {
        self.side_by_side = side_by_side(cases, field, Pace::side_by_side(effort), &mut source, report);
        let ceilings = self.ceilings.as_ref().map(|probe| &probe.ceilings);
        self.summary = summary::lines(cases, report, &self.side_by_side, ceilings);
        report.full = Some(self);
    }

    pub fn all_checked(&self) -> bool {
        self.side_by_side.iter().all(|both| both.checked)
    }

    /// What to show of it.
    pub fn tables(&self) -> Vec<Table> {
        summary::tables(&self.summary)
    }
}

/// The GPU, if one is asked for and there.
fn start(context: &Context) -> Option<Gpu> {
    match context.options.placement {
        Placement::Auto | Placement::On(BackendKind::Gpu) => {
            Gpu::start(context.options.adapter.as_deref()).ok()
        }
        Placement::On(_) => None,
    }
}

/// The GPU by its kernels without 64-bit integers, if it has others too.
pub fn narrow(context: &Context) -> Option<Arc<dyn Backend>> {
    let gpu = start(context)?;
    gpu.has_int64().then(|| Arc::new(gpu.without_int64()) as Arc<dyn Backend>)
}

fn side_by_side(
    cases: &[Case],
    field: &Field,
    pace: Pace,
    source: &mut Source,
    report: &mut Report,
) -> Vec<SideBySide> {
    let of = |kind| field.measured.iter().find(|backend| backend.info().kind == kind);
    let (Some(cpu), Some(gpu)) = (of(BackendKind::Cpu), of(BackendKind::Gpu)) else { return Vec::new() };
    let contests: Vec<_> = summary::largest(cases, report)
        .into_iter()
        .filter(|case| side_by_side::can_be_split(case))
        .filter_map(|case| {
            let [cpu, gpu] = [cpu, gpu].map(|backend| rate(report, case, backend.info().kind));
            Some((case, [cpu?, gpu?]))
        })
        .collect();
    let bar = progress::cases(contests.len() as u64);
    let mut found = Vec::new();
    for (index, (case, rates)) in contests.iter().enumerate() {
        bar.set_message(name(case));
        bar.inc(1);
        let Some(budget) = pace.budget(contests.len() - index, 2, report.least_time(case)) else {
            report.leave_out(gpu.info(), Some(&name(case)), "the time was up".into());
            continue;
        };
        match side_by_side::measure(case, [cpu, gpu], *rates, &field.oracle, source, budget) {
            Ok(both) => found.push(both),
            Err(fault) => report.leave_out(gpu.info(), Some(&name(case)), fault.to_string()),
        }
    }
    bar.finish_and_clear();
    found
}

fn name(case: &Case) -> String {
    format!("{} side by side", case.workload.name)
}

fn rate(report: &Report, case: &Case, kind: BackendKind) -> Option<f64> {
    summary::row(report, case, kind).map(|row: &Row| row.per_second)
}

impl StartUp {
    fn new(cold: bool, start_up: &gpu::StartUp) -> Self {
        let kernel =
            |&(name, time): &(&'static str, Duration)| Kernel { name, compile_s: time.as_secs_f64() };
        StartUp {
            cold,
            open_s: start_up.open.as_secs_f64(),
            compile_s: start_up.compile.as_secs_f64(),
            kernels: start_up.kernels.iter().map(kernel).collect(),
            first_call_s: start_up.first_call.as_secs_f64(),
        }
    }
}

impl fmt::Display for StartUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = if self.cold { "without compiled kernels" } else { "with those that it left" };
        write!(f, "start {start}: {} to open the device, ", Seconds(self.open_s))?;
        write!(f, "{} to compile {} kernels", Seconds(self.compile_s), self.kernels.len())?;
        let slowest = self.kernels.iter().max_by(|a, b| a.compile_s.total_cmp(&b.compile_s));
        if let Some(Kernel { name, compile_s }) = slowest {
            write!(f, " ({name} {})", Seconds(*compile_s))?;
        }
        write!(f, ", {} for the first call, of one signature", Seconds(self.first_call_s))
    }
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(ceilings) = &self.ceilings {
            writeln!(f, "{ceilings}")?;
        }
        for start_up in &self.start_ups {
            writeln!(f, "{start_up}")?;
        }
        for table in self.tables() {
            writeln!(f, "\n{}", drawn(table))?;
        }
        Ok(())
    }
}

//! `verilane bench --full`: what a GPU can do at most, how it starts, and how it computes
//! beside the CPU.

use verilane::BackendKind;

use crate::bench::data::full_run::FullRun;
use crate::bench::data::report::{NotMeasured, Report};
use crate::bench::data::side_by_side::SideBySide;
use crate::bench::data::source::Source;
use crate::bench::data::summary;
use crate::bench::data::workload::Case;
use crate::bench::measure::pace::{Effort, Pace};
use crate::bench::measure::{BackendSet, side_by_side, start_up};
use crate::shared::context::Context;
use crate::shared::probe::Probe;
use crate::shared::progress;

/// Starts and probes the GPU, before anything else does. Without one it does nothing, and
/// the report says why.
///
/// # Errors
/// If the GPU fails, or computes something wrong.
pub fn begin(context: &Context) -> anyhow::Result<FullRun> {
    let Some(gpu) = start_up::start(&context.options) else { return Ok(FullRun::default()) };
    let bar = progress::cases(2);
    bar.set_message("starting the GPU");
    let start_ups = start_up::measure(&gpu)?;
    bar.inc(1);
    bar.set_message("what it can do at most");
    let ceilings = Some(Probe::of(&gpu)?);
    bar.finish_and_clear();
    Ok(FullRun { start_ups, ceilings, ..FullRun::default() })
}

/// Lets the CPU and the GPU compute side by side, and adds everything to the report.
pub fn end(
    mut full: FullRun,
    cases: &[Case],
    backends: &BackendSet,
    effort: Effort,
    mut source: Source,
    report: &mut Report,
) {
    full.side_by_side =
        compute_side_by_side(cases, backends, Pace::side_by_side(effort), &mut source, report);
    let ceilings = full.ceilings.as_ref().map(|probe| &probe.peak_rates);
    full.summary = summary::lines(cases, report, &full.side_by_side, ceilings);
    report.full = Some(full);
}

fn compute_side_by_side(
    cases: &[Case],
    backends: &BackendSet,
    pace: Pace,
    source: &mut Source,
    report: &mut Report,
) -> Vec<SideBySide> {
    let of = |kind| backends.measured.iter().find(|backend| backend.info().kind == kind);
    let (Some(cpu), Some(gpu)) = (of(BackendKind::Cpu), of(BackendKind::Gpu)) else { return Vec::new() };
    let splits: Vec<_> = report
        .largest(cases)
        .into_iter()
        .filter(|case| side_by_side::can_be_split(case))
        .filter_map(|case| {
            let [cpu, gpu] = [cpu, gpu].map(|backend| rate(report, case, backend.info().kind));
            Some((case, [cpu?, gpu?]))
        })
        .collect();
    let bar = progress::cases(splits.len() as u64);
    let mut found = Vec::new();
    for (index, (case, rates)) in splits.iter().enumerate() {
        let name = format!("{} side by side", case.workload.name);
        bar.set_message(name.clone());
        bar.inc(1);
        let budget = pace.budget(splits.len() - index, 2, report.least_time(case));
        let measured = budget.ok_or_else(|| "the time was up".to_string()).and_then(|budget| {
            side_by_side::measure(case, [cpu, gpu], *rates, &backends.oracle, source, budget)
                .map_err(|fault| fault.to_string())
        });
        match measured {
            Ok(both) => found.push(both),
            Err(reason) => report.leave_out(NotMeasured::new(gpu.info(), Some(&name), reason)),
        }
    }
    bar.finish_and_clear();
    found
}

fn rate(report: &Report, case: &Case, kind: BackendKind) -> Option<f64> {
    report.row(case, kind).map(|row| row.per_second)
}

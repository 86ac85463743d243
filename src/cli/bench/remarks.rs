//! What the rows of a workload say together, in sentences.

use std::time::Duration;

use verilane::BackendKind;

use super::report::{Report, Row};
use super::statistics::{Contest, crossover};
use super::workload::CALL_BY_CALL;
use crate::cli::units::{Count, Seconds};

/// What the first call on a device costs more than later ones, from which size a
/// GPU pays, and what one pass over a block saves.
pub fn remarks(report: &Report) -> Vec<String> {
    let mut workloads: Vec<_> = report.rows.iter().map(|row| row.workload.as_str()).collect();
    workloads.retain(|name| name.starts_with("verify."));
    workloads.dedup();
    // The rules share their kernels: only the first has to wait for them.
    let first_call = workloads.first().and_then(|name| first_call(report, name));
    let crossovers = workloads.iter().filter_map(|name| crossover_of(report, name));
    first_call.into_iter().chain(crossovers).chain(one_pass(report)).collect()
}

/// A check in one call against a call for each operation in it.
fn one_pass(report: &Report) -> impl Iterator<Item = String> {
    report.rows.iter().filter_map(|calls| {
        let name = calls.workload.strip_suffix(CALL_BY_CALL)?.trim_end();
        let alike =
            |row: &&Row| (&*row.workload, &row.detail, row.items) == (name, &calls.detail, calls.items);
        let at_once = report.rows.iter().find(alike)?;
        Some(format!(
            "{name} of {} {} on {}: one call takes {:.2} of the time of call after call",
            Count(calls.items as u64),
            calls.unit,
            calls.label(),
            at_once.median_s / calls.median_s
        ))
    })
}

fn rows<'a>(report: &'a Report, workload: &'a str, kind: BackendKind) -> impl Iterator<Item = &'a Row> {
    let kind = kind.to_string();
    report.rows.iter().filter(move |row| row.workload == workload && row.backend == kind)
}

fn first_call(report: &Report, workload: &str) -> Option<String> {
    let row = rows(report, workload, BackendKind::Gpu).next()?;
    Some(format!(
        "{workload} on {}: {} to make the kernels ready, then {} for a call of {}",
        row.label(),
        Seconds((row.first_call_s - row.median_s).max(0.0)),
        Seconds(row.median_s),
        Count(row.items as u64),
    ))
}

fn crossover_of(report: &Report, workload: &str) -> Option<String> {
    let contests = contests(report, workload);
    let largest = contests.last()?.size;
    Some(match crossover(&contests) {
        Some(size) => format!("{workload}: the gpu is faster than the cpu from {} signatures", Count(size)),
        None => format!("{workload}: the gpu is not faster than the cpu up to {} signatures", Count(largest)),
    })
}

/// The CPU against a hardware GPU, by size.
fn contests(report: &Report, workload: &str) -> Vec<Contest> {
    let contest = |cpu: &Row| {
        let mut gpus = rows(report, workload, BackendKind::Gpu);
        let gpu = gpus.find(|gpu| gpu.items == cpu.items && !gpu.software)?;
        Some(Contest {
            size: cpu.items as u64,
            incumbent: Duration::from_secs_f64(cpu.median_s),
            challenger: Duration::from_secs_f64(gpu.median_s),
        })
    };
    let mut contests: Vec<_> = rows(report, workload, BackendKind::Cpu).filter_map(contest).collect();
    contests.sort_by_key(|contest| contest.size);
    contests
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::machine::Machine;

    fn row(backend: &str, items: usize, median_s: f64) -> Row {
        let (workload, backend) = ("verify.strict".into(), backend.into());
        Row { workload, backend, items, median_s, first_call_s: 1.5, ..Row::default() }
    }

    fn remarks_on(rows: Vec<Row>) -> Vec<String> {
        let mut report = Report::new(Machine::default(), 0.0);
        report.rows = rows;
        remarks(&report)
    }

    #[test]
    fn first_calls_and_crossovers() {
        let rows = vec![
            row("cpu", 1, 0.125),
            row("gpu", 1, 0.5),
            row("cpu", 1001, 1.5),
            row("gpu", 1001, 0.5),
            row("cpu", 5000, 1.0),
        ];
        let expected = [
            "verify.strict on gpu: 1 s to make the kernels ready, then 500 ms for a call of 1",
            "verify.strict: the gpu is faster than the cpu from 274 signatures",
        ];
        assert_eq!(remarks_on(rows), expected);
    }

    #[test]
    fn one_call_stands_against_calls_of_the_same_size() {
        let check = |workload: &str, backend: &str, items, median_s| {
            let (workload, backend) = (workload.into(), backend.to_string());
            Row {
                workload,
                detail: backend.clone(),
                backend,
                items,
                median_s,
                unit: "records",
                ..Row::default()
            }
        };
        let rows = vec![
            check("check", "cpu", 64, 0.75),
            check("check call by call", "cpu", 64, 1.0),
            check("check", "gpu", 64, 0.25),
            check("check call by call", "gpu", 64, 0.5),
            check("check", "cpu", 99, 1.0),
        ];
        let expected = [
            "check of 64 records on cpu: one call takes 0.75 of the time of call after call",
            "check of 64 records on gpu: one call takes 0.50 of the time of call after call",
        ];
        assert_eq!(remarks_on(rows), expected);
    }

    #[test]
    fn software_has_no_crossover() {
        let gpu = Row { software: true, ..row("gpu", 64, 0.25) };
        let remarks = remarks_on(vec![row("cpu", 64, 1.0), gpu]);
        assert_eq!(remarks.len(), 1);
        assert!(remarks[0].starts_with("verify.strict on gpu (software): "), "{remarks:?}");
    }
}

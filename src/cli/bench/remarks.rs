//! What the rows of a workload say together, in sentences.

use std::time::Duration;

use verilane::BackendKind;

use super::report::{Report, Row};
use super::statistics::{Contest, crossover};
use crate::cli::units::{Count, Seconds};

/// The cost of the first call on a device, and from which size a GPU pays.
pub fn remarks(report: &Report) -> Vec<String> {
    let mut workloads: Vec<_> = report.rows.iter().map(|row| row.workload.as_str()).collect();
    workloads.retain(|name| name.starts_with("verify."));
    workloads.dedup();
    let first_calls = workloads.iter().filter_map(|name| first_call(report, name));
    let crossovers = workloads.iter().filter_map(|name| crossover_of(report, name));
    first_calls.chain(crossovers).collect()
}

fn rows<'a>(report: &'a Report, workload: &'a str, kind: BackendKind) -> impl Iterator<Item = &'a Row> {
    let kind = kind.to_string();
    report.rows.iter().filter(move |row| row.workload == workload && row.backend == kind)
}

fn first_call(report: &Report, workload: &str) -> Option<String> {
    let row = rows(report, workload, BackendKind::Gpu).next()?;
    Some(format!(
        "{workload} on {}: the first call takes {}, the next ones {} for {} {}",
        row.label(),
        Seconds(row.first_call_s),
        Seconds(row.median_s),
        Count(row.items as u64),
        row.unit,
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

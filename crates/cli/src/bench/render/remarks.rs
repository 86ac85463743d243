//! Sentences that compare the rows of a workload.

use verilane::BackendKind;

use crate::bench::data::latency::{Latency, Quantiles};
use crate::bench::data::report::{Report, Row};
use crate::bench::data::workload::{CALL_BY_CALL, IN_ONE_BATCH};
use crate::shared::units::{Count, Rate, Seconds};
use verilane::calibration::crossover;

/// The cost of the first call on a device, the size from which a GPU is faster, what one
/// pass over a block saves, and what a queue costs.
pub fn remarks(report: &Report) -> Vec<String> {
    let mut workloads: Vec<_> = report.rows.iter().map(|row| row.workload.as_str()).collect();
    workloads.retain(|name| name.starts_with("verify."));
    workloads.dedup();
    // The rules share their kernels: only the first compiles them.
    let first_call = workloads.first().and_then(|name| first_call(report, name));
    let crossovers = workloads.iter().filter_map(|name| crossover_of(report, name));
    let queue = saturation(report).chain(report.latencies.iter().map(latency));
    first_call.into_iter().chain(crossovers).chain(one_pass(report)).chain(queue).collect()
}

/// A full queue against one call with all signatures.
fn saturation(report: &Report) -> impl Iterator<Item = String> {
    pairs(report, IN_ONE_BATCH).map(|(queue, batch)| {
        format!(
            "{} of {} {} on {}: {:.2} of the rate of one batch",
            queue.workload,
            Count(queue.items as u64),
            queue.unit,
            queue.label(),
            batch.median_s / queue.median_s
        )
    })
}

fn latency(latency: &Latency) -> String {
    let dalek = match latency.dalek {
        Some(quantiles) => show(quantiles),
        None => format!("cannot keep up: it verifies {} in a second", Rate(latency.dalek_per_second)),
    };
    format!(
        "queue on {} at {:.0} % load, {} signatures in a second, p50 / p90 / p99 / p99.9: {}; ed25519-dalek, \
         one at a time on {} threads: {dalek}",
        latency.backend,
        100.0 * latency.load,
        Rate(latency.arrivals_per_second),
        show(latency.queue),
        latency.dalek_threads,
    )
}

fn show(quantiles: Quantiles) -> String {
    let Quantiles { p50_s, p90_s, p99_s, p999_s } = quantiles;
    [p50_s, p90_s, p99_s, p999_s].map(|latency| Seconds(latency).to_string()).join(" / ")
}

/// Each row whose workload is measured in another call mode too, and the row of that.
fn pairs<'a>(report: &'a Report, mode: &'a str) -> impl Iterator<Item = (&'a Row, &'a Row)> {
    report.rows.iter().filter_map(move |other| {
        let name = other.workload.strip_suffix(mode)?.trim_end();
        let alike =
            |row: &&Row| (&*row.workload, &row.detail, row.items) == (name, &other.detail, other.items);
        Some((report.rows.iter().find(alike)?, other))
    })
}

/// A check in one call against a call for each operation in it.
fn one_pass(report: &Report) -> impl Iterator<Item = String> {
    pairs(report, CALL_BY_CALL).map(|(batch, calls)| {
        format!(
            "{} of {} {} on {}: one call takes {:.2} of the time of call after call",
            batch.workload,
            Count(calls.items as u64),
            calls.unit,
            calls.label(),
            batch.median_s / calls.median_s
        )
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
    let item_bytes = report.rows.iter().find(|row| row.workload == workload)?.item_bytes;
    let pairs = report.cpu_and_gpu_times(workload, item_bytes);
    let largest = pairs.last()?.size;
    Some(match crossover(&pairs) {
        Some(size) => format!("{workload}: the gpu is faster than the cpu from {} signatures", Count(size)),
        None => format!("{workload}: the gpu is not faster than the cpu up to {} signatures", Count(largest)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::machine::Machine;

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
    fn a_queue_stands_against_one_batch_and_its_peer() {
        let row = |workload: &str, median_s| {
            let (workload, backend) = (workload.into(), "cpu".into());
            Row { workload, backend, items: 64, median_s, unit: "signatures", ..Row::default() }
        };
        let mut report = Report::new(Machine::default(), 0.0);
        report.rows = vec![row("queue", 1.25), row("queue in one batch", 1.0)];
        let quantiles = Quantiles { p50_s: 1e-3, p90_s: 2e-3, p99_s: 3e-3, p999_s: 4e-3 };
        for dalek in [Some(quantiles), None] {
            report.latencies.push(Latency {
                backend: "cpu".into(),
                detail: String::new(),
                software: false,
                threads: 2,
                load: 0.5,
                arrivals_per_second: 2e5,
                arrivals: 1000,
                queue: quantiles,
                dalek,
                dalek_per_second: 5e4,
                dalek_threads: 2,
                checked: true,
            });
        }
        let at = "queue on cpu at 50 % load, 200 k signatures in a second, p50 / p90 / p99 / p99.9: \
                  1 ms / 2 ms / 3 ms / 4 ms; ed25519-dalek, one at a time on 2 threads: ";
        let expected = [
            "queue of 64 signatures on cpu: 0.80 of the rate of one batch".to_string(),
            format!("{at}1 ms / 2 ms / 3 ms / 4 ms"),
            format!("{at}cannot keep up: it verifies 50 k in a second"),
        ];
        assert_eq!(remarks(&report), expected);
    }

    #[test]
    fn software_has_no_crossover() {
        let gpu = Row { software: true, ..row("gpu", 64, 0.25) };
        let remarks = remarks_on(vec![row("cpu", 64, 1.0), gpu]);
        assert_eq!(remarks.len(), 1);
        assert!(remarks[0].starts_with("verify.strict on gpu (software): "), "{remarks:?}");
    }
}

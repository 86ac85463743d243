//! Rows of the report from measurements.

use std::time::Duration;

use super::{Measurement, Run};
use crate::bench::data::report::{NotMeasured, Row};
use crate::bench::data::workload::Case;
use crate::shared::statistics::{median, quantile};

/// The row of each run of a case; or why it has none.
pub fn rows(case: &Case, measurement: &Measurement) -> Vec<Result<Row, NotMeasured>> {
    let row = |run: &Run| {
        row(case, measurement, run).ok_or_else(|| {
            let reason = run.fault.as_ref().map_or_else(|| "it gave no sample".into(), ToString::to_string);
            NotMeasured::new(run.backend.info(), Some(&case.workload.name), reason)
        })
    };
    measurement.runs.iter().map(row).collect()
}

fn row(case: &Case, measurement: &Measurement, run: &Run) -> Option<Row> {
    let Run { backend, samples, device_samples, first_call, wrong, fault, .. } = run;
    if fault.is_some() {
        return None;
    }
    let middle = median(samples)?.as_secs_f64();
    let device_middle = median(device_samples).map(|time| time.as_secs_f64());
    let info = backend.info();
    let items = case.items as f64;
    Some(Row {
        workload: case.workload.name_in(run.mode),
        hash: case.workload.hash().map(|hash| hash.to_string()),
        backend: info.kind.to_string(),
        detail: info.detail.clone(),
        software: info.software,
        threads: info.threads,
        items: case.items,
        bytes: measurement.bytes,
        item_bytes: case.workload.recipe.item_bytes(),
        first_call_s: first_call.as_ref()?.as_secs_f64(),
        samples_s: seconds(samples),
        device_samples_s: device_middle.map(|_| seconds(device_samples)),
        median_s: middle,
        p99_s: quantile(&sorted(samples), 0.99)?.as_secs_f64(),
        device_median_s: device_middle,
        per_second: items / middle,
        device_per_second: device_middle.map(|time| items / time),
        unit: case.workload.unit(),
        checked: wrong.is_none(),
        mismatch: wrong.clone(),
        vs_reference: median(&measurement.reference)?.as_secs_f64() / middle,
    })
}

fn sorted(samples: &[Duration]) -> Vec<Duration> {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    sorted
}

pub fn seconds(samples: &[Duration]) -> Vec<f64> {
    samples.iter().map(Duration::as_secs_f64).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use verilane::reference::Reference;
    use verilane::{Fault, Threads};

    use super::*;
    use crate::bench::data::recipe::CallMode;
    use crate::bench::data::report::Report;
    use crate::bench::data::workload;
    use crate::shared::machine::Machine;

    fn run() -> Run {
        Run {
            backend: Arc::new(Reference::new(Threads::new(1).unwrap())),
            mode: CallMode::Batch,
            first_call: Some(Duration::from_secs(9)),
            samples: [4, 1, 2].map(Duration::from_secs).to_vec(),
            device_samples: vec![Duration::from_secs(1)],
            wrong: None,
            fault: None,
        }
    }

    fn report(run: Run) -> Report {
        let case = Case { workload: workload::select(&["dedup".into()]).unwrap().remove(0), items: 8 };
        let reference = [6, 2, 4].map(Duration::from_secs).to_vec();
        let mut report = Report::new(Machine::default(), 0.0);
        for row in rows(&case, &Measurement { bytes: 256, reference, runs: vec![run] }) {
            match row {
                Ok(row) => report.rows.push(row),
                Err(note) => report.leave_out(note),
            }
        }
        report
    }

    #[test]
    fn rows_are_made_of_medians() {
        let report = report(run());
        let [row] = &report.rows[..] else { panic!("one row") };
        assert_eq!((row.median_s, row.per_second, row.vs_reference), (2.0, 4.0, 2.0));
        assert_eq!(row.p99_s, 4.0);
        assert_eq!((row.first_call_s, row.device_per_second), (9.0, Some(8.0)));
        assert!(row.checked && report.all_checked() && report.not_measured.is_empty());
    }

    #[test]
    fn larger_cases_take_longer_in_proportion() {
        let workload = |name: &str| workload::select(&[name.into()]).unwrap().remove(0);
        let time = |measured, name, items| {
            let mut report = report(run());
            report.rows[0].items = measured;
            report.least_time(&Case { workload: workload(name), items })
        };
        // Two seconds a round.
        assert_eq!(time(1 << 10, "dedup", 10 << 10), Duration::from_secs(40));
        assert_eq!(time(1 << 10, "verify.strict", 10 << 10), Duration::ZERO);
        assert_eq!(time(1, "dedup", 10 << 10), Duration::ZERO, "latency");
    }

    #[test]
    fn a_wrong_answer_marks_the_row_and_the_report() {
        let report = report(Run { wrong: Some("digest 3 is off".into()), ..run() });
        assert!(!report.rows[0].checked && !report.all_checked());
        assert_eq!(report.rows[0].mismatch.as_deref(), Some("digest 3 is off"));
    }

    #[test]
    fn a_fault_leaves_a_reason_and_no_row() {
        let report = report(Run { fault: Some(Fault::DeviceLost("unplugged".into())), ..run() });
        assert!(report.rows.is_empty());
        assert_eq!(report.not_measured[0].reason, "the device was lost: unplugged");
        assert_eq!(report.not_measured[0].workload.as_deref(), Some("dedup"));
    }
}

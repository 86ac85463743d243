//! What `bench` reports: the machine, and a row for each measurement.

use std::time::Duration;

use serde::Serialize;
use verilane::{BackendInfo, BackendKind};

#[cfg(feature = "gpu")]
use super::full::Full;
use super::latency::Latency;
use super::measure::{Field, Measurement, Run};
use super::workload::Case;
use crate::shared::machine::Machine;
use crate::shared::statistics::{median, quantile};

/// Changes with the meaning of any field; new fields leave it as it is.
const SCHEMA_VERSION: u32 = 1;

/// Everything that was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub schema_version: u32,
    pub machine: Machine,
    /// How busy other work kept the processor before the first measurement.
    pub busy_percent: f32,
    pub rows: Vec<Row>,
    /// How long single signatures took through queues.
    pub latencies: Vec<Latency>,
    pub not_measured: Vec<NotMeasured>,
    /// What only a full run has.
    #[cfg(feature = "gpu")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full: Option<Full>,
}

/// Items from which a call's time grows with their number.
const GROWS_FROM: usize = 1 << 10;

/// One workload on one back end at one size.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(Default))]
pub struct Row {
    pub workload: String,
    pub hash: Option<String>,
    pub backend: String,
    /// What computed: crates, lanes or the adapter.
    pub detail: String,
    /// Whether it is a software adapter.
    pub software: bool,
    pub threads: usize,
    pub items: usize,
    /// The bytes that one call reads.
    pub bytes: u64,
    /// Shortest and longest item.
    pub item_bytes: [usize; 2],
    /// The warm-up's call: with the kernels' compilation, where it is the first.
    pub first_call_s: f64,
    pub samples_s: Vec<f64>,
    /// The device's own share of each sample, without transfers.
    pub device_samples_s: Option<Vec<f64>>,
    pub median_s: f64,
    /// What one sample in a hundred exceeds; the longest of fewer than a hundred.
    pub p99_s: f64,
    pub device_median_s: Option<f64>,
    pub per_second: f64,
    pub device_per_second: Option<f64>,
    pub unit: &'static str,
    /// Whether every answer equalled the reference's.
    pub checked: bool,
    /// How an answer first differed.
    pub mismatch: Option<String>,
    /// How many times as fast as the reference.
    pub vs_reference: f64,
}

/// Why there is no row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotMeasured {
    pub backend: String,
    pub software: bool,
    /// An operation or a workload; none if it concerns all.
    pub workload: Option<String>,
    pub reason: String,
}

impl Report {
    pub fn new(machine: Machine, busy_percent: f32) -> Self {
        let (rows, latencies, not_measured) = (Vec::new(), Vec::new(), Vec::new());
        Report {
            schema_version: SCHEMA_VERSION,
            machine,
            busy_percent,
            rows,
            latencies,
            not_measured,
            #[cfg(feature = "gpu")]
            full: None,
        }
    }

    /// Whether every answer equalled the reference's.
    pub fn all_checked(&self) -> bool {
        let rows = self.rows.iter().all(|row| row.checked);
        #[cfg(feature = "gpu")]
        let rows = rows && self.full.as_ref().is_none_or(Full::all_checked);
        rows && self.latencies.iter().all(|latency| latency.checked)
    }

    /// What the warm-up and a round of this case will take, going by the size of the
    /// same workload that was measured before it. Nothing if none was, or only one at
    /// which time is latency and does not grow with the size.
    pub fn least_time(&self, case: &Case) -> Duration {
        let item_bytes = case.workload.recipe.item_bytes();
        let alike = |row: &&Row| row.is_of(&case.workload.name, item_bytes);
        let Some(last) = self.rows.iter().rfind(alike).filter(|row| row.items >= GROWS_FROM) else {
            return Duration::ZERO;
        };
        let rows = self.rows.iter().filter(alike).filter(|row| row.items == last.items);
        let round: f64 = rows.map(|row| row.median_s).sum();
        Duration::from_secs_f64(2.0 * round * case.items as f64 / last.items as f64)
    }

    /// Adds the rows of one case; returns those with wrong answers.
    pub fn add(&mut self, case: &Case, measurement: &Measurement) -> &[Row] {
        let first = self.rows.len();
        for run in &measurement.runs {
            match Row::new(case, measurement, run) {
                Some(row) => self.rows.push(row),
                None => self.leave_out(run.backend.info(), Some(&case.workload.name), reason(run)),
            }
        }
        &self.rows[first..]
    }

    /// Notes once why a back end has no row.
    pub fn leave_out(&mut self, info: &BackendInfo, workload: Option<&str>, reason: String) {
        self.note(NotMeasured {
            backend: info.kind.to_string(),
            software: info.software,
            workload: workload.map(Into::into),
            reason,
        });
    }

    /// Notes why this case was not measured.
    pub fn leave_out_case(&mut self, case: &Case, field: &Field, reason: &str) {
        for backend in &field.measured {
            self.leave_out(backend.info(), Some(&case.workload.name), reason.into());
        }
    }

    /// Notes that there is no back end of this kind.
    pub fn leave_out_kind(&mut self, kind: BackendKind, reason: String) {
        self.note(NotMeasured { backend: kind.to_string(), software: false, workload: None, reason });
    }

    fn note(&mut self, note: NotMeasured) {
        if !self.not_measured.contains(&note) {
            self.not_measured.push(note);
        }
    }
}

fn reason(run: &Run) -> String {
    run.fault.as_ref().map_or_else(|| "it gave no sample".into(), ToString::to_string)
}

impl Row {
    fn new(case: &Case, measurement: &Measurement, run: &Run) -> Option<Row> {
        let Run { backend, samples, device_samples, first_call, wrong, fault, .. } = run;
        if fault.is_some() {
            return None;
        }
        let middle = median(samples)?.as_secs_f64();
        let device_middle = median(device_samples).map(|time| time.as_secs_f64());
        let info = backend.info();
        let items = case.items as f64;
        Some(Row {
            workload: case.workload.name_in(run.manner),
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

    /// The back end, marked where it is software, and where it has 64-bit integers
    /// that it does not use.
    pub fn label(&self) -> String {
        label(&(self.backend.clone() + if self.is_narrow() { " u32" } else { "" }), self.software)
    }

    /// Whether it is of this workload, on items of these lengths.
    pub fn is_of(&self, workload: &str, item_bytes: [usize; 2]) -> bool {
        self.workload == workload && self.item_bytes == item_bytes
    }

    /// Whether the adapter has 64-bit integers that were not used.
    pub fn is_narrow(&self) -> bool {
        #[cfg(feature = "gpu")]
        return self.detail.ends_with(verilane::gpu::WITHOUT_INT64);
        #[cfg(not(feature = "gpu"))]
        false
    }
}

impl NotMeasured {
    /// The back end, marked where it is software.
    pub fn label(&self) -> String {
        label(&self.backend, self.software)
    }
}

fn label(backend: &str, software: bool) -> String {
    if software { format!("{backend} (software)") } else { backend.into() }
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
    use crate::bench::input::Manner;
    use crate::bench::workload;

    fn run() -> Run {
        Run {
            backend: Arc::new(Reference::new(Threads::new(1).unwrap())),
            manner: Manner::AtOnce,
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
        report.add(&case, &Measurement { bytes: 256, reference, runs: vec![run] });
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

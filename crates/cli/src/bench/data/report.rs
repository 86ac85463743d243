//! What `bench` reports: the machine, and a row for each measurement.

use std::time::Duration;

use serde::Serialize;
use verilane::{BackendInfo, BackendKind};

#[cfg(feature = "gpu")]
use super::full_run::FullRun;
use super::latency::Latency;
use super::workload::Case;
use crate::shared::machine::Machine;
use verilane::calibration::PairedTime;

/// Raised when a field changes its meaning, not when fields are added.
const SCHEMA_VERSION: u32 = 1;

/// Everything that was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub schema_version: u32,
    pub machine: Machine,
    /// How busy other programs kept the processor before the first measurement.
    pub busy_percent: f32,
    pub rows: Vec<Row>,
    /// How long single signatures took through queues.
    pub latencies: Vec<Latency>,
    pub not_measured: Vec<NotMeasured>,
    /// What only a full run has.
    #[cfg(feature = "gpu")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full: Option<FullRun>,
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
    /// What computes: crates, lanes or the adapter.
    pub detail: String,
    /// Whether it is a software adapter.
    pub software: bool,
    pub threads: usize,
    pub items: usize,
    /// The bytes that one call reads.
    pub bytes: u64,
    /// Shortest and longest item.
    pub item_bytes: [usize; 2],
    /// The call of the warm-up; it includes the compilation of kernels where it is the first.
    pub first_call_s: f64,
    pub samples_s: Vec<f64>,
    /// The device's share of each sample, without transfers.
    pub device_samples_s: Option<Vec<f64>>,
    pub median_s: f64,
    /// The time that one sample in a hundred exceeds; the longest of fewer than a hundred.
    pub p99_s: f64,
    pub device_median_s: Option<f64>,
    pub per_second: f64,
    pub device_per_second: Option<f64>,
    pub unit: &'static str,
    /// Whether every answer equalled the reference's.
    pub checked: bool,
    /// How the first wrong answer differs.
    pub mismatch: Option<String>,
    /// How many times faster than the reference.
    pub vs_reference: f64,
}

/// Why there is no row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotMeasured {
    pub backend: String,
    pub software: bool,
    /// An operation or a workload; none where it is every one.
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
        let rows = rows && self.full.as_ref().is_none_or(FullRun::all_checked);
        rows && self.latencies.iter().all(|latency| latency.checked)
    }

    /// An estimate of the time of this case's warm-up and one round, from the last size of
    /// the same workload. Zero if there is none, or only one at which latency dominates.
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

    /// Adds why something was not measured, once.
    pub fn leave_out(&mut self, note: NotMeasured) {
        if !self.not_measured.contains(&note) {
            self.not_measured.push(note);
        }
    }

    /// The row of a case in one call, on the back end's usual kernels.
    pub fn row(&self, case: &Case, kind: BackendKind) -> Option<&Row> {
        self.rows_of(case, kind).find(|row| !row.is_narrow())
    }

    /// The rows of a case in one call.
    pub fn rows_of(&self, case: &Case, kind: BackendKind) -> impl Iterator<Item = &Row> {
        let (kind, name, items) = (kind.to_string(), case.workload.name.clone(), case.items);
        let item_bytes = case.workload.recipe.item_bytes();
        self.rows
            .iter()
            .filter(move |row| row.is_of(&name, item_bytes) && (&row.backend, row.items) == (&kind, items))
    }

    /// Each workload at the largest size that was measured.
    pub fn largest<'c>(&self, cases: &'c [Case]) -> Vec<&'c Case> {
        let kinds = [BackendKind::Cpu, BackendKind::Gpu, BackendKind::Reference];
        let is_measured = |case: &&Case| kinds.iter().any(|&kind| self.row(case, kind).is_some());
        let measured: Vec<_> = cases.iter().filter(is_measured).collect();
        let is_largest = |case: &&Case| {
            let same = measured.iter().filter(|other| other.workload == case.workload);
            same.map(|other| other.items).max() == Some(case.items)
        };
        measured.iter().copied().filter(is_largest).collect()
    }

    /// The times of the CPU and of a hardware GPU on items of these lengths, by size.
    pub fn cpu_and_gpu_times(&self, workload: &str, item_bytes: [usize; 2]) -> Vec<PairedTime> {
        let rows = |kind: BackendKind| {
            let kind = kind.to_string();
            self.rows.iter().filter(move |row| row.is_of(workload, item_bytes) && row.backend == kind)
        };
        let pair = |cpu: &Row| {
            let gpu = rows(BackendKind::Gpu).find(|gpu| gpu.items == cpu.items && !gpu.software)?;
            Some(PairedTime {
                size: cpu.items as u64,
                baseline: Duration::from_secs_f64(cpu.median_s),
                candidate: Duration::from_secs_f64(gpu.median_s),
            })
        };
        let mut pairs: Vec<_> = rows(BackendKind::Cpu).filter_map(pair).collect();
        pairs.sort_by_key(|pair| pair.size);
        pairs
    }
}

impl Row {
    /// The back end, marked where it is software, and where it leaves the adapter's 64-bit
    /// integers unused.
    pub fn label(&self) -> String {
        label(&(self.backend.clone() + if self.is_narrow() { " u32" } else { "" }), self.software)
    }

    /// Whether it is of this workload, on items of these lengths.
    pub fn is_of(&self, workload: &str, item_bytes: [usize; 2]) -> bool {
        self.workload == workload && self.item_bytes == item_bytes
    }

    /// Whether the adapter's 64-bit integers were left unused.
    pub fn is_narrow(&self) -> bool {
        #[cfg(feature = "gpu")]
        return self.detail.ends_with(verilane::gpu::WITHOUT_INT64);
        #[cfg(not(feature = "gpu"))]
        false
    }
}

impl NotMeasured {
    /// Why a back end has no row, of one workload or of all.
    pub fn new(info: &BackendInfo, workload: Option<&str>, reason: impl Into<String>) -> Self {
        NotMeasured {
            backend: info.kind.to_string(),
            software: info.software,
            workload: workload.map(Into::into),
            reason: reason.into(),
        }
    }

    /// Why there is no back end of this kind.
    pub fn kind(kind: BackendKind, reason: String) -> Self {
        NotMeasured { backend: kind.to_string(), software: false, workload: None, reason }
    }

    /// The back end, marked where it is software.
    pub fn label(&self) -> String {
        label(&self.backend, self.software)
    }
}

fn label(backend: &str, software: bool) -> String {
    if software { format!("{backend} (software)") } else { backend.into() }
}

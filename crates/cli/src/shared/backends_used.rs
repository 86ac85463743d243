//! Which back ends computed a command's result.

use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::json;
use verilane::{BackendInfo, BackendKind, Fault, Outcome, Report};

use super::output;

/// The back ends that answered a command's calls, and those that were passed over.
#[derive(Default)]
pub struct BackendsUsed {
    backends: Vec<BackendInfo>,
    passed_over: Vec<(BackendInfo, Fault)>,
}

impl BackendsUsed {
    /// Records that the hashes' own crates worked, on one message in each of `threads`:
    /// single messages do not fill lanes.
    pub fn record_unbatched(&mut self, threads: usize) {
        let detail = "sha2, blake3".into();
        let backend = BackendInfo { kind: BackendKind::Reference, threads, detail, software: false };
        self.record_report(&Report::new(backend));
    }

    /// Records where a call ran, and returns its answer.
    pub fn record<T>(&mut self, outcome: Outcome<T>) -> T {
        self.record_report(outcome.report());
        outcome.into_inner()
    }

    /// Records where a call ran. Warns the first time that a back end is passed over.
    pub fn record_report(&mut self, report: &Report) {
        if !self.backends.contains(&report.backend) {
            self.backends.push(report.backend.clone());
        }
        for (backend, fault) in &report.passed_over {
            if self.passed_over.iter().any(|seen| (&seen.0, &seen.1) == (backend, fault)) {
                continue;
            }
            output::warning(format_args!("{backend}: {fault}; {} computed instead", report.backend));
            self.passed_over.push((backend.clone(), fault.clone()));
        }
    }

    fn join(&self, part: impl Fn(&BackendInfo) -> String) -> String {
        self.backends.iter().map(part).collect::<Vec<_>>().join("+")
    }
}

impl<'r> FromIterator<&'r Report> for BackendsUsed {
    fn from_iter<I: IntoIterator<Item = &'r Report>>(reports: I) -> Self {
        let mut backends = BackendsUsed::default();
        reports.into_iter().for_each(|report| backends.record_report(report));
        backends
    }
}

/// The kinds of back end; a software adapter is marked.
impl fmt::Display for BackendsUsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.join(BackendInfo::to_string))
    }
}

/// `backend`, `backend_detail`, `software` and `passed_over`, flattened into a command's
/// result.
impl Serialize for BackendsUsed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let passed_over: Vec<_> = self
            .passed_over
            .iter()
            .map(|(backend, fault)| json!({ "backend": backend.kind.to_string(), "reason": fault.to_string() }))
            .collect();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("backend", &self.join(|info| info.kind.to_string()))?;
        map.serialize_entry("backend_detail", &self.join(|info| info.detail.clone()))?;
        map.serialize_entry("software", &self.backends.iter().any(|info| info.software))?;
        map.serialize_entry("passed_over", &passed_over)?;
        map.end()
    }
}

//! Where a command's calls ran.

use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::json;
use verilane::{BackendInfo, BackendKind, Fault, Outcome, Report};

use super::output;

/// The back ends that answered a command's calls, and those that could not.
#[derive(Default)]
pub struct Ran {
    backends: Vec<BackendInfo>,
    passed_over: Vec<(BackendInfo, Fault)>,
}

impl Ran {
    /// Notes work on single messages, which have no use for lanes: the hashes'
    /// own crates do it, one message on each of `threads`.
    pub fn note_singly(&mut self, threads: usize) {
        let detail = "sha2, blake3".into();
        self.note_backend(&BackendInfo { kind: BackendKind::Reference, threads, detail, software: false });
    }

    /// Notes where a call ran, and gives its answer.
    pub fn note<T>(&mut self, outcome: Outcome<T>) -> T {
        self.note_report(outcome.report());
        outcome.into_inner()
    }

    /// Notes where a call ran; the first time that a back end is passed over, it warns.
    pub fn note_report(&mut self, report: &Report) {
        self.note_backend(&report.backend);
        for (backend, fault) in &report.passed_over {
            if self.passed_over.iter().any(|seen| (&seen.0, &seen.1) == (backend, fault)) {
                continue;
            }
            output::warning(format_args!("{backend}: {fault}; {} computed instead", report.backend));
            self.passed_over.push((backend.clone(), fault.clone()));
        }
    }

    fn note_backend(&mut self, backend: &BackendInfo) {
        if !self.backends.contains(backend) {
            self.backends.push(backend.clone());
        }
    }

    fn each(&self, part: impl Fn(&BackendInfo) -> String) -> String {
        self.backends.iter().map(part).collect::<Vec<_>>().join("+")
    }
}

/// The kinds of back end; a software adapter is marked.
impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.each(BackendInfo::to_string))
    }
}

/// `backend`, `backend_detail`, `software` and `passed_over`, to be flattened
/// into a command's result.
impl Serialize for Ran {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let passed_over: Vec<_> = self
            .passed_over
            .iter()
            .map(|(backend, fault)| json!({ "backend": backend.kind.to_string(), "reason": fault.to_string() }))
            .collect();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("backend", &self.each(|info| info.kind.to_string()))?;
        map.serialize_entry("backend_detail", &self.each(|info| info.detail.clone()))?;
        map.serialize_entry("software", &self.backends.iter().any(|info| info.software))?;
        map.serialize_entry("passed_over", &passed_over)?;
        map.end()
    }
}

//! Reports collected over many calls to the engine.

use verilane::{Outcome, Report};

/// The distinct reports of calls to the engine, in the order of their first occurrence.
#[derive(Debug, Default)]
pub(super) struct Reports(pub Vec<Report>);

impl Reports {
    /// Adds the report of a call, and gives the call's result.
    pub fn note<T>(&mut self, outcome: Outcome<T>) -> T {
        if !self.0.contains(outcome.report()) {
            self.0.push(outcome.report().clone());
        }
        outcome.into_inner()
    }
}

//! Where the calls of a long piece of work ran.

use verilane::{Outcome, Report};

/// Where calls ran, each different report once.
#[derive(Debug, Default)]
pub(super) struct Reports(pub Vec<Report>);

impl Reports {
    /// Notes where a call ran, and gives its answer.
    pub fn note<T>(&mut self, outcome: Outcome<T>) -> T {
        if !self.0.contains(outcome.report()) {
            self.0.push(outcome.report().clone());
        }
        outcome.into_inner()
    }
}

//! What only `verilane bench --full` has.

use serde::Serialize;

use super::side_by_side::SideBySide;
use super::summary::SummaryLine;
use crate::shared::probe::Probe;

/// What only a full run has. Where there is no GPU, the summary of the CPU.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FullRun {
    pub ceilings: Option<Probe>,
    pub start_ups: Vec<StartUp>,
    pub side_by_side: Vec<SideBySide>,
    pub summary: Vec<SummaryLine>,
}

/// An adapter's start.
#[derive(Clone, Debug, Serialize)]
pub struct StartUp {
    /// Whether there were no compiled kernels of verilane; a driver may keep its own.
    pub cold: bool,
    pub open_s: f64,
    /// All kernels, by several threads.
    pub compile_s: f64,
    pub kernels: Vec<Kernel>,
    /// Of one signature, after that.
    pub first_call_s: f64,
}

/// One variant of a kernel.
#[derive(Clone, Debug, Serialize)]
pub struct Kernel {
    pub name: &'static str,
    pub compile_s: f64,
}

impl FullRun {
    /// Whether every answer of the side-by-side measurement was right.
    pub fn all_checked(&self) -> bool {
        self.side_by_side.iter().all(|both| both.checked)
    }
}

//! The rates of the CPU and the GPU at the same time.

use serde::Serialize;

/// Both at once, on shares of one size.
#[derive(Clone, Debug, Serialize)]
pub struct SideBySide {
    pub workload: String,
    pub item_bytes: [usize; 2],
    pub items: usize,
    pub cpu_items: usize,
    pub gpu_items: usize,
    /// The adapter.
    pub detail: String,
    pub software: bool,
    /// From the start of both to the end of the later one.
    pub samples_s: Vec<f64>,
    pub median_s: f64,
    pub per_second: f64,
    /// As a share of the sum of both rates alone.
    pub of_sum: f64,
    pub unit: &'static str,
    pub checked: bool,
    /// How the first wrong answer differs.
    pub mismatch: Option<String>,
}

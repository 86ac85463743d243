//! How long single signatures take through a queue.

use std::time::Duration;

use serde::Serialize;

use crate::shared::statistics::quantile;

/// Latencies at one load.
#[derive(Clone, Debug, Serialize)]
pub struct Latency {
    pub backend: String,
    /// What computes: crates, lanes or the adapter.
    pub detail: String,
    pub software: bool,
    pub threads: usize,
    /// The share of the saturation rate at which signatures arrived.
    pub load: f64,
    pub arrivals_per_second: f64,
    pub arrivals: usize,
    pub queue: Quantiles,
    /// ed25519-dalek at the same arrivals; none if it cannot keep up with them.
    pub dalek: Option<Quantiles>,
    /// What ed25519-dalek verifies in a second on its threads.
    pub dalek_per_second: f64,
    pub dalek_threads: usize,
    /// Whether every verdict was right.
    pub checked: bool,
}

/// The median of the latencies, and what the slowest tenth, hundredth and thousandth
/// exceed.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Quantiles {
    pub p50_s: f64,
    pub p90_s: f64,
    pub p99_s: f64,
    pub p999_s: f64,
}

impl Quantiles {
    pub fn of(mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        let of = |share| quantile(&latencies, share).map_or(0.0, |latency| latency.as_secs_f64());
        Quantiles { p50_s: of(0.5), p90_s: of(0.9), p99_s: of(0.99), p999_s: of(0.999) }
    }
}

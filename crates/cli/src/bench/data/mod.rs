//! Workloads, their fresh input, and the figures of a report.

pub mod answer;
#[cfg(feature = "gpu")]
pub mod full_run;
pub mod index_fixture;
pub mod input;
pub mod latency;
pub mod pools;
pub mod queues;
pub mod random;
pub mod recipe;
pub mod report;
#[cfg(feature = "gpu")]
pub mod side_by_side;
pub mod source;
#[cfg(feature = "gpu")]
pub mod summary;
pub mod workload;

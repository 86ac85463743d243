//! Benchmarks: fresh input, its measurement, and tables of the figures.

#[cfg(test)]
pub(crate) mod fake;
#[cfg(feature = "gpu")]
pub(crate) mod full;
pub mod input;
pub(crate) mod latency;
pub(crate) mod measure;
pub(crate) mod pace;
pub mod queues;
pub(crate) mod remarks;
pub(crate) mod report;
#[cfg(feature = "gpu")]
pub(crate) mod side_by_side;
pub mod source;
pub mod standing;
#[cfg(feature = "gpu")]
pub(crate) mod summary;
pub mod table;
pub(crate) mod workload;

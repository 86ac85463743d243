//! What several commands use.

pub mod backends_used;
pub mod canonical;
pub mod color;
pub mod contents;
pub mod context;
pub mod digester;
pub mod exports;
pub mod input;
pub mod lines;
pub mod log;
pub mod machine;
pub mod names;
pub mod numbers;
pub mod output;
#[cfg(feature = "gpu")]
pub mod probe;
pub mod progress;
pub mod statistics;
pub mod units;
pub mod walk;

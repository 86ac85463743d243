//! Benchmarks: fresh input and figures as data, their measurement, and their rendering.
//!
//! `measure` and `render` import `data`, which imports neither.

pub mod data;
pub mod measure;
pub mod render;

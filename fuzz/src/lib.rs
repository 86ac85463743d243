//! The bodies of the fuzz targets, shared with the tests.

#[path = "../../tests/fuzz/mod.rs"]
mod fuzz;

pub use fuzz::*;

//! verilane for Python: its operations on Arrow arrays, which are read in place, and on
//! iterables of byte strings, which are packed first.
//!
//! Each call reads its input, releases the GIL while it computes, and converts the answer
//! to Python objects.

// Python prints nothing by `Debug`.
#![allow(missing_debug_implementations)]

mod argument;
mod arrow;
mod block;
mod column;
mod dedup;
mod devices;
mod engine;
mod error;
mod hash;
mod index;
mod merkle;
mod output;
mod pow;
mod verify;

use pyo3::prelude::*;

/// The compiled part of the package `verilane`.
#[pymodule]
mod _verilane {
    /// The version of the package.
    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "Python's own name for it")]
    const __version__: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_export]
    use crate::dedup::first_occurrences;
    #[pymodule_export]
    use crate::devices::devices;
    #[pymodule_export]
    use crate::engine::Engine;
    #[pymodule_export]
    use crate::hash::hash;
    #[pymodule_export]
    use crate::index::Index;
    #[pymodule_export]
    use crate::merkle::{merkle_combine, merkle_leaves, merkle_proof, merkle_root, proof_root};
    #[pymodule_export]
    use crate::pow::search;
    #[pymodule_export]
    use crate::verify::verify;
}

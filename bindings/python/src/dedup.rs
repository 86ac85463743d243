//! Duplicates.

use pyo3::prelude::*;
use verilane::Operation;

use crate::column::Column;
use crate::engine::{EngineHandle, run};
use crate::{engine, output};

/// For each fingerprint, the position of the first one equal to it.
///
/// A record is a duplicate where the answer is not its own position. Positions count
/// over all chunks of a chunked array.
///
/// Parameters
/// ----------
/// fingerprints
///     Digests of 32 bytes each, as `hash` gives them; at most 2³² - 1.
/// engine
///     The engine to compute on; by default one that the process shares.
///
/// Returns
/// -------
/// A pyarrow UInt32Array if the fingerprints are an Arrow array, otherwise a list of ints.
#[pyfunction]
#[pyo3(signature = (fingerprints, *, engine=None))]
pub fn first_occurrences<'py>(
    fingerprints: &Bound<'py, PyAny>,
    #[pyo3(from_py_with = engine::argument)] engine: Option<EngineHandle>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = fingerprints.py();
    let column = Column::read(fingerprints, "fingerprint")?;
    let fingerprints = column.fixed("fingerprint")?;
    let first_occurrences = run(py, engine, Operation::Dedup, |call| {
        let outcome = call.engine().first_occurrences(&fingerprints.digests())?;
        Ok(call.note(outcome).as_slice().to_vec())
    })?;
    output::positions(py, first_occurrences, column.format())
}

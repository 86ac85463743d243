//! Duplicates.

use pyo3::prelude::*;
use verilane::Operation;

use crate::column::Column;
use crate::engine::{Engine, run};
use crate::output;

/// For each fingerprint, the position of the first one equal to it.
///
/// A record is a duplicate where the answer is not its own position. Positions count
/// over all chunks of a chunked array.
///
/// Parameters
/// ----------
/// prints
///     Digests of 32 bytes each, as `hash` gives them; at most 2³² - 1.
/// engine
///     Where it is computed; by default on an engine that this process shares.
///
/// Returns
/// -------
/// A pyarrow UInt32Array if the fingerprints are an Arrow array, otherwise a list of ints.
#[pyfunction]
#[pyo3(signature = (prints, *, engine=None))]
pub fn first_occurrences<'py>(
    prints: &Bound<'py, PyAny>,
    engine: Option<&Engine>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = prints.py();
    let column = Column::read(prints, "fingerprint")?;
    let prints = column.fixed("fingerprint")?;
    let firsts = run(py, engine, Operation::Dedup, |work| {
        let outcome = work.engine().first_occurrences(&prints.digests())?;
        Ok(work.note(outcome).as_slice().to_vec())
    })?;
    output::positions(py, firsts, column.manner())
}

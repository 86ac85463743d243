//! Answers as Python objects, in the manner of the input.

use std::sync::Arc;

use arrow_array::{BooleanArray, FixedSizeBinaryArray, UInt32Array};
use arrow_buffer::Buffer;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};
use verilane::Digest;

use crate::arrow::export;
use crate::column::Manner;

/// Digests: `FixedSizeBinary(32)`, or a list of bytes.
pub fn digests(py: Python<'_>, digests: Vec<Digest>, manner: Manner) -> PyResult<Bound<'_, PyAny>> {
    if manner == Manner::List {
        return Ok(PyList::new(py, digests.iter().map(|digest| bytes(py, digest)))?.into_any());
    }
    let buffer = Buffer::from_vec(bytemuck::cast_vec::<Digest, u8>(digests));
    let array = FixedSizeBinaryArray::new(size_of::<Digest>() as i32, buffer, None);
    export(py, Arc::new(array))
}

/// Truth values: `Boolean`, or a list of bools.
pub fn verdicts(py: Python<'_>, verdicts: Vec<bool>, manner: Manner) -> PyResult<Bound<'_, PyAny>> {
    match manner {
        Manner::List => Ok(PyList::new(py, verdicts)?.into_any()),
        Manner::Arrow => export(py, Arc::new(BooleanArray::from(verdicts))),
    }
}

/// Positions: `UInt32`, or a list of ints.
pub fn positions(py: Python<'_>, positions: Vec<u32>, manner: Manner) -> PyResult<Bound<'_, PyAny>> {
    match manner {
        Manner::List => Ok(PyList::new(py, positions)?.into_any()),
        Manner::Arrow => export(py, Arc::new(UInt32Array::from(positions))),
    }
}

/// A digest's bytes.
pub fn bytes<'py>(py: Python<'py>, digest: &Digest) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &digest.0)
}

/// An instance of the class `name` in `verilane._results`.
pub fn result<'py>(
    py: Python<'py>,
    name: &str,
    fields: impl IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>, Error = PyErr>,
) -> PyResult<Bound<'py, PyAny>> {
    py.import(intern!(py, "verilane._results"))?.getattr(name)?.call1(fields.into_pyobject(py)?)
}

//! Converts answers to Python objects, in the form that follows from the input.

use std::sync::Arc;

use arrow_array::{
    BooleanArray, DictionaryArray, FixedSizeBinaryArray, Int8Array, StringArray, UInt32Array, UInt64Array,
};
use arrow_buffer::Buffer;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};
use verilane::dedup::Seen;
use verilane::entries::RecordVerdict;
use verilane::{Digest, Report};

use crate::arrow::export;
use crate::column::OutputFormat;

/// Digests, as `FixedSizeBinary(32)` or a list of bytes.
pub fn digests(py: Python<'_>, digests: Vec<Digest>, format: OutputFormat) -> PyResult<Bound<'_, PyAny>> {
    if format == OutputFormat::List {
        return Ok(PyList::new(py, digests.iter().map(|digest| bytes(py, digest)))?.into_any());
    }
    let buffer = Buffer::from_vec(bytemuck::cast_vec::<Digest, u8>(digests));
    let array = FixedSizeBinaryArray::new(size_of::<Digest>() as i32, buffer, None);
    export(py, Arc::new(array))
}

/// Verdicts, as `Boolean` or a list of bools.
pub fn verdicts(py: Python<'_>, verdicts: Vec<bool>, format: OutputFormat) -> PyResult<Bound<'_, PyAny>> {
    match format {
        OutputFormat::List => Ok(PyList::new(py, verdicts)?.into_any()),
        OutputFormat::Arrow => export(py, Arc::new(BooleanArray::from(verdicts))),
    }
}

/// Positions, as `UInt32` or a list of ints.
pub fn positions(py: Python<'_>, positions: Vec<u32>, format: OutputFormat) -> PyResult<Bound<'_, PyAny>> {
    match format {
        OutputFormat::List => Ok(PyList::new(py, positions)?.into_any()),
        OutputFormat::Arrow => export(py, Arc::new(UInt32Array::from(positions))),
    }
}

/// Verdicts on records, as a dictionary of names or a list of `RecordVerdict`.
pub fn record_verdicts<'py>(
    py: Python<'py>,
    verdicts: &[RecordVerdict],
    format: OutputFormat,
) -> PyResult<Bound<'py, PyAny>> {
    let names = [RecordVerdict::Valid, RecordVerdict::BadSignature, RecordVerdict::HashMismatch]
        .map(|verdict| verdict.to_string());
    let indices = verdicts.iter().map(|verdict| match verdict {
        RecordVerdict::Valid => 0,
        RecordVerdict::BadSignature => 1,
        RecordVerdict::HashMismatch => 2,
    });
    if format == OutputFormat::Arrow {
        let names = StringArray::from_iter_values(names);
        let array = DictionaryArray::new(Int8Array::from_iter_values(indices), Arc::new(names));
        return export(py, Arc::new(array));
    }
    let verdicts = names.map(|name| result(py, "RecordVerdict", (name,)));
    let verdicts = verdicts.into_iter().collect::<PyResult<Vec<_>>>()?;
    Ok(PyList::new(py, indices.map(|index| &verdicts[index as usize]).collect::<Vec<_>>())?.into_any())
}

/// An index's answer, as a `Seen`.
pub fn seen<'py>(
    py: Python<'py>,
    seen: &[Seen],
    report: &Report,
    format: OutputFormat,
) -> PyResult<Bound<'py, PyAny>> {
    let in_block = seen.iter().map(|seen| match *seen {
        Seen::InBlock(block) => Some(block),
        Seen::New | Seen::Repeats(_) => None,
    });
    let repeats = seen.iter().map(|seen| match *seen {
        Seen::Repeats(position) => Some(position),
        Seen::New | Seen::InBlock(_) => None,
    });
    let (in_block, repeats) = match format {
        OutputFormat::List => {
            let in_block = PyList::new(py, in_block.collect::<Vec<_>>())?;
            (in_block.into_any(), PyList::new(py, repeats.collect::<Vec<_>>())?.into_any())
        }
        OutputFormat::Arrow => {
            let in_block = export(py, Arc::new(in_block.collect::<UInt64Array>()))?;
            (in_block, export(py, Arc::new(repeats.collect::<UInt32Array>()))?)
        }
    };
    result(py, "Seen", (in_block, repeats, self::report(py, report)?))
}

/// Where a call ran, as a `Report`.
pub fn report<'py>(py: Python<'py>, report: &Report) -> PyResult<Bound<'py, PyAny>> {
    let backend = &report.backend;
    let passed_over = report.passed_over.iter();
    let passed_over = passed_over.map(|(backend, fault)| (backend.kind.to_string(), fault.to_string()));
    let passed_over = PyTuple::new(py, passed_over.collect::<Vec<_>>())?;
    let fields = (backend.kind.to_string(), &backend.detail, backend.threads, backend.software, passed_over);
    result(py, "Report", fields)
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

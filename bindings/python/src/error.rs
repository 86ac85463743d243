//! Exceptions: `verilane.InputError` for what the caller can mend, `verilane.Fault` for
//! failures of the machine, `verilane.StoreError` for those of an index's store.

use std::fmt::Display;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use verilane::dedup::IndexError;

mod python {
    #![allow(missing_docs, reason = "the macro writes no documentation")]
    pyo3::import_exception!(verilane._errors, Fault);
    pyo3::import_exception!(verilane._errors, InputError);
    pyo3::import_exception!(verilane._errors, InputTypeError);
    pyo3::import_exception!(verilane._errors, StoreError);
}

/// The exception for `error`.
pub fn raise(error: verilane::Error) -> PyErr {
    match error {
        verilane::Error::Fault(_) | verilane::Error::Unavailable { .. } => {
            python::Fault::new_err(error.to_string())
        }
        _ => python::InputError::new_err(error.to_string()),
    }
}

/// The exception for an index's `error`; its cause is what the system raised, if it did.
pub fn raise_index(py: Python<'_>, error: IndexError) -> PyErr {
    let message = error.to_string();
    match error {
        IndexError::Engine(error) => raise(error),
        IndexError::Block { .. } => python::InputError::new_err(message),
        IndexError::Io { source, .. } => {
            let raised = refuse_store(message);
            raised.set_cause(py, Some(source.into()));
            raised
        }
        _ => refuse_store(message),
    }
}

/// An index that cannot serve the call.
pub fn refuse_store(message: impl Display) -> PyErr {
    python::StoreError::new_err(message.to_string())
}

/// An input that is wrong as a whole.
pub fn refuse(message: impl Display) -> PyErr {
    python::InputError::new_err(message.to_string())
}

/// An input that is wrong in one row, counted from 0 over all chunks.
pub fn refuse_row(row: usize, message: impl Display) -> PyErr {
    python::InputError::new_err((format!("row {row}: {message}"), row))
}

/// An input of another type than `expected`.
pub fn refuse_type(found: &Bound<'_, PyAny>, expected: impl Display) -> PyErr {
    python::InputTypeError::new_err(format!("{expected}, not {}", type_name(found)))
}

/// One row of another type than `expected`.
pub fn refuse_row_type(row: usize, found: &Bound<'_, PyAny>, expected: impl Display) -> PyErr {
    python::InputTypeError::new_err((format!("row {row}: {expected}, not {}", type_name(found)), row))
}

/// An input that Python could not read as what is `expected`, and said so in `error`.
pub fn refuse_reading(py: Python<'_>, error: &PyErr, expected: impl Display) -> PyErr {
    python::InputTypeError::new_err(format!("{expected}: {}", error.value(py)))
}

/// [`refuse_reading`] for a TypeError; any other `error` is the caller's own and stays.
pub fn replace_type_error(py: Python<'_>, error: PyErr, expected: impl Display) -> PyErr {
    if error.is_instance_of::<PyTypeError>(py) { refuse_reading(py, &error, expected) } else { error }
}

fn type_name(object: &Bound<'_, PyAny>) -> String {
    object.get_type().name().map_or_else(|_| "an object".into(), |name| name.to_string())
}

//! The package's exceptions: `verilane.InputError` for wrong input, `verilane.Fault` for
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
pub fn exception(error: verilane::Error) -> PyErr {
    match error {
        verilane::Error::Fault(_) | verilane::Error::Unavailable { .. } => {
            python::Fault::new_err(error.to_string())
        }
        _ => python::InputError::new_err(error.to_string()),
    }
}

/// The exception for an index's `error`; an error of the operating system is its cause.
pub fn index_exception(py: Python<'_>, error: IndexError) -> PyErr {
    let message = error.to_string();
    match error {
        IndexError::Engine(error) => exception(error),
        IndexError::Block { .. } => python::InputError::new_err(message),
        IndexError::Io { source, .. } => {
            let exception = store_error(message);
            exception.set_cause(py, Some(source.into()));
            exception
        }
        _ => store_error(message),
    }
}

/// The exception for an index that cannot be opened, read or written.
pub fn store_error(message: impl Display) -> PyErr {
    python::StoreError::new_err(message.to_string())
}

/// The exception for an input that is wrong as a whole.
pub fn input_error(message: impl Display) -> PyErr {
    python::InputError::new_err(message.to_string())
}

/// The exception for one wrong row, counted from 0 over all chunks.
pub fn row_error(row: usize, message: impl Display) -> PyErr {
    python::InputError::new_err((format!("row {row}: {message}"), row))
}

/// The exception for an object of a type other than `expected`.
pub fn type_error(found: &Bound<'_, PyAny>, expected: impl Display) -> PyErr {
    python::InputTypeError::new_err(format!("{expected}, not {}", type_name(found)))
}

/// The exception for one row of a type other than `expected`.
pub fn row_type_error(row: usize, found: &Bound<'_, PyAny>, expected: impl Display) -> PyErr {
    python::InputTypeError::new_err((format!("row {row}: {expected}, not {}", type_name(found)), row))
}

/// The exception for an object that Python could not convert to what is `expected`.
pub fn conversion_error(py: Python<'_>, error: &PyErr, expected: impl Display) -> PyErr {
    python::InputTypeError::new_err(format!("{expected}: {}", error.value(py)))
}

/// [`conversion_error`] in place of a TypeError. Any other error comes from the caller's own
/// code and is passed on.
pub fn replace_type_error(py: Python<'_>, error: PyErr, expected: impl Display) -> PyErr {
    if error.is_instance_of::<PyTypeError>(py) { conversion_error(py, &error, expected) } else { error }
}

fn type_name(object: &Bound<'_, PyAny>) -> String {
    object.get_type().name().map_or_else(|_| "an object".into(), |name| name.to_string())
}

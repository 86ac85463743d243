//! Exceptions: `verilane.Error` for what the caller can mend, `verilane.Fault` for
//! failures of the machine.

use std::fmt::Display;

use pyo3::PyErr;

mod python {
    #![allow(missing_docs, reason = "the macro writes no documentation")]
    pyo3::import_exception!(verilane._errors, Error);
    pyo3::import_exception!(verilane._errors, Fault);
}

/// The exception for `error`.
pub fn raise(error: verilane::Error) -> PyErr {
    match error {
        verilane::Error::Fault(_) | verilane::Error::Unavailable { .. } => {
            python::Fault::new_err(error.to_string())
        }
        _ => python::Error::new_err(error.to_string()),
    }
}

/// An input that is wrong as a whole.
pub fn refuse(message: impl Display) -> PyErr {
    python::Error::new_err(message.to_string())
}

/// An input that is wrong in one row, counted from 0 over all chunks.
pub fn refuse_row(row: usize, message: impl Display) -> PyErr {
    python::Error::new_err((format!("row {row}: {message}"), row))
}

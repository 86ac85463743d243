//! Nonces.

use std::ops::Range;

use pyo3::intern;
use pyo3::prelude::*;
use verilane::Operation;
use verilane::pow::{Nonce, Puzzle, Target};

use crate::engine::{EngineHandle, run};
use crate::error::{exception, input_error};
use crate::{argument, engine, output};

/// Nonces searched between two checks for signals: a second or two on a processor, and
/// more than a GPU needs to be faster.
const STRIDE: u64 = 1 << 27;

/// The number of all nonces.
const NONCES: u64 = 1 << 32;

/// The lowest nonce with which the SHA-256d of `header` meets a target.
///
/// Ctrl-C interrupts a search within seconds.
///
/// Parameters
/// ----------
/// header
///     The header; the nonce's four bytes in it are replaced.
/// target
///     The target as a number: a digest meets it if, read as a little-endian number, it is
///     not higher.
/// bits
///     The target in Bitcoin's compact form, instead of `target`.
/// start, end
///     The nonces to try, as `range(start, end)` gives them: `end` is not among them. An
///     `end` of None, or of 2**32, stands for all from `start` on.
/// nonce_offset
///     Where the nonce begins, in bytes; 76 in Bitcoin's headers of 80 bytes.
/// engine
///     The engine to compute on; by default one that the process shares.
///
/// Returns
/// -------
/// A `Nonce`, or None if none of the nonces meets the target.
#[pyfunction]
#[pyo3(signature = (header, *, target=None, bits=None, start=0, end=None, nonce_offset=76, engine=None))]
#[expect(clippy::too_many_arguments, reason = "Python names them")]
pub fn search<'py>(
    py: Python<'py>,
    #[pyo3(from_py_with = argument::header)] header: Vec<u8>,
    #[pyo3(from_py_with = target)] target: Option<Target>,
    #[pyo3(from_py_with = bits)] bits: Option<Target>,
    #[pyo3(from_py_with = start)] start: u64,
    #[pyo3(from_py_with = end)] end: Option<u64>,
    #[pyo3(from_py_with = nonce_offset)] nonce_offset: usize,
    #[pyo3(from_py_with = engine::argument)] engine: Option<EngineHandle>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let target = match (target, bits) {
        (Some(target), None) | (None, Some(target)) => target,
        _ => return Err(input_error("name the bound once: as target or as bits")),
    };
    let puzzle = Puzzle::new(&header, nonce_offset, target).map_err(exception)?;
    let end = end.unwrap_or(NONCES);
    if start >= end {
        let valid = format_args!("an end from {} to 2**32, or None, would be valid", start + 1);
        return Err(input_error(format_args!("there is no nonce in range({start}, {end}): {valid}")));
    }
    let mut next = start;
    while next < end {
        let stride = next..end.min(next + STRIDE);
        next = stride.end;
        if let Some(found) = search_window(py, &puzzle, stride, engine.clone())? {
            let Nonce { nonce, digest } = found;
            return output::result(py, "Nonce", (nonce, output::bytes(py, &digest))).map(Some);
        }
        py.check_signals()?;
    }
    Ok(None)
}

fn search_window(
    py: Python<'_>,
    puzzle: &Puzzle,
    nonces: Range<u64>,
    engine: Option<EngineHandle>,
) -> PyResult<Option<Nonce>> {
    // Both bounds of the inclusive window are below 2³².
    let window = nonces.start as u32..=(nonces.end - 1) as u32;
    run(py, engine, Operation::Pow, |call| {
        let outcome = call.engine().search(puzzle, window)?;
        Ok(call.note(outcome))
    })
}

fn start(object: &Bound<'_, PyAny>) -> PyResult<u64> {
    argument::integer(object, "start", 0..=NONCES - 1, "0 to 2**32 - 1")
}

fn end(object: &Bound<'_, PyAny>) -> PyResult<Option<u64>> {
    if object.is_none() {
        return Ok(None);
    }
    argument::integer(object, "end", 0..=NONCES, "1 to 2**32, or None,").map(Some)
}

fn nonce_offset(object: &Bound<'_, PyAny>) -> PyResult<usize> {
    argument::size(object, "nonce_offset", "a multiple of 4 inside the header")
}

fn bits(object: &Bound<'_, PyAny>) -> PyResult<Option<Target>> {
    if object.is_none() {
        return Ok(None);
    }
    let bits = argument::integer(
        object,
        "bits",
        0..=u32::MAX.into(),
        "a target in Bitcoin's compact form, of 32 bits,",
    )?;
    Target::from_bits(bits as u32).map(Some).map_err(exception)
}

fn target(object: &Bound<'_, PyAny>) -> PyResult<Option<Target>> {
    const VALID: &str = "a target is a number from 0 to 2**256 - 1";
    if object.is_none() {
        return Ok(None);
    }
    let number = argument::to_int(object, VALID)?;
    let bytes = number.call_method1(intern!(object.py(), "to_bytes"), (32, "big"));
    let bytes = bytes.and_then(|bytes| bytes.extract()).map_err(|_| input_error(VALID))?;
    Ok(Some(Target::from_be_bytes(bytes)))
}

//! Nonces.

use pyo3::prelude::*;
use verilane::Operation;
use verilane::pow::{Nonce, NonceWindow, Puzzle, Target};

use crate::engine::{Engine, run};
use crate::error::{raise, refuse};
use crate::output;

/// Nonces searched between two looks at the interpreter's signals: a second or two of
/// a processor's work, and more than a GPU needs to be worth its start.
const STRIDE: u32 = 1 << 27;

/// The lowest nonce with which the SHA-256d of `header` meets a target.
///
/// Parameters
/// ----------
/// header
///     The header; the nonce's four bytes in it are replaced.
/// target
///     The bound as a number: a digest meets it if, read as a little-endian number, it is
///     not higher.
/// bits
///     The bound in Bitcoin's compact form, instead of `target`.
/// start, end
///     The first and the last nonce to try.
/// nonce_offset
///     Where the nonce begins, in bytes; 76 in Bitcoin's headers of 80 bytes.
/// engine
///     Where it is computed; by default on an engine that this process shares.
///
/// Returns
/// -------
/// A `Nonce`, or None if no nonce in the window meets the target.
#[pyfunction]
#[pyo3(signature = (header, *, target=None, bits=None, start=0, end=4294967295, nonce_offset=76, engine=None))]
#[expect(clippy::too_many_arguments, reason = "Python names them")]
pub fn search<'py>(
    py: Python<'py>,
    header: &[u8],
    target: Option<&Bound<'py, PyAny>>,
    bits: Option<u32>,
    start: u32,
    end: u32,
    nonce_offset: usize,
    engine: Option<&Engine>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let target = match (target, bits) {
        (Some(target), None) => whole(target)?,
        (None, Some(bits)) => Target::from_bits(bits).map_err(raise)?,
        _ => return Err(refuse("name the bound once: as target or as bits")),
    };
    let puzzle = Puzzle::new(header, nonce_offset, target).map_err(raise)?;
    let mut window = start..=end;
    loop {
        let stride = *window.start()..=window.start().saturating_add(STRIDE - 1).min(end);
        if let Some(found) = search_once(py, &puzzle, stride.clone(), engine)? {
            let Nonce { nonce, digest } = found;
            return output::result(py, "Nonce", (nonce, output::bytes(py, &digest))).map(Some);
        }
        if *stride.end() == end {
            return Ok(None);
        }
        py.check_signals()?;
        window = stride.end() + 1..=end;
    }
}

fn search_once(
    py: Python<'_>,
    puzzle: &Puzzle,
    window: NonceWindow,
    engine: Option<&Engine>,
) -> PyResult<Option<Nonce>> {
    run(py, engine, Operation::Pow, |work| {
        let outcome = work.engine().search(puzzle, window)?;
        Ok(work.note(outcome))
    })
}

/// A target from a Python number.
fn whole(target: &Bound<'_, PyAny>) -> PyResult<Target> {
    let bytes = target.call_method1("to_bytes", (32, "big"));
    let bytes: [u8; 32] = bytes
        .and_then(|bytes| bytes.extract())
        .map_err(|_| refuse("a target is a number from 0 to 2**256 - 1"))?;
    Ok(Target::from_be_bytes(bytes))
}

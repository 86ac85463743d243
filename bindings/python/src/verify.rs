//! Signatures.

use std::collections::BTreeSet;

use pyo3::prelude::*;
use verilane::ed25519::Rule;
use verilane::signature::Batch;
use verilane::{Error, Operation};

use crate::column::{Column, Fixed, OutputFormat};
use crate::engine::{Call, EngineHandle, run};
use crate::{argument, engine, output};

/// A verdict for each Ed25519 signature: whether it is valid under `rule`.
///
/// Parameters
/// ----------
/// keys
///     The encoded public keys, of 32 bytes each.
/// signatures
///     The signatures R ‖ S, of 64 bytes each.
/// messages
///     The signed messages.
/// rule
///     The acceptance rule, always named: "rfc8032" (as in OpenSSL and Go), "strict" (as in
///     Solana) or "zip215" (as in Zcash and CometBFT).
/// engine
///     The engine to compute on; by default one that the process shares.
///
/// Returns
/// -------
/// A pyarrow BooleanArray if any column is an Arrow array, otherwise a list of bools.
#[pyfunction]
#[pyo3(signature = (keys, signatures, messages, *, rule, engine=None))]
pub fn verify<'py>(
    keys: &Bound<'py, PyAny>,
    signatures: &Bound<'py, PyAny>,
    messages: &Bound<'py, PyAny>,
    #[pyo3(from_py_with = argument::rule)] rule: Rule,
    #[pyo3(from_py_with = engine::argument)] engine: Option<EngineHandle>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = keys.py();
    let keys = Column::read(keys, "public key")?;
    let signatures = Column::read(signatures, "signature")?;
    let messages = Column::read(messages, "message")?;
    let format = OutputFormat::of(&[&keys, &signatures, &messages]);
    let (keys, signatures) = (keys.fixed("public key")?, signatures.fixed("signature")?);
    let verdicts =
        run(py, engine, Operation::Verify, |call| verdicts(call, rule, &keys, &signatures, &messages))?;
    output::verdicts(py, verdicts, format)
}

/// Verifies batch by batch; a batch ends where a chunk of any column ends.
fn verdicts(
    call: &mut Call<'_>,
    rule: Rule,
    keys: &Fixed<32>,
    signatures: &Fixed<64>,
    messages: &Column,
) -> Result<Vec<bool>, Error> {
    let messages = messages.chunks();
    let lengths = [keys.len(), signatures.len(), messages.len()];
    if lengths.iter().any(|&length| length != keys.len()) {
        let [keys, signatures, messages] = lengths;
        return Err(Error::Columns { keys, signatures, messages });
    }
    let boundaries = [keys.boundaries(), signatures.boundaries(), messages.boundaries()];
    let cuts: Vec<usize> = boundaries.concat().into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    let mut verdicts = Vec::with_capacity(keys.len());
    for cut in cuts.windows(2) {
        let rows = cut[0]..cut[1];
        let (keys, at) = keys.locate(rows.clone());
        let keys = &keys.as_slice()[at];
        let (signatures, at) = signatures.locate(rows.clone());
        let signatures = &signatures.as_slice()[at];
        let (messages, at) = messages.locate(rows);
        let batch = Batch::from_columns(keys, signatures, messages.records(at)?)?;
        let outcome = call.engine().verify(rule, &batch)?;
        verdicts.extend_from_slice(call.note(outcome).as_slice());
    }
    Ok(verdicts)
}

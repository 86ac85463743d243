//! Signatures.

use std::collections::BTreeSet;

use pyo3::prelude::*;
use verilane::ed25519::{Batch, Rule};
use verilane::{Error, Operation};

use crate::column::{Column, Fixed, Manner};
use crate::engine::{Shared, Work, run};
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
///     Which signatures are accepted, always named: "rfc8032" (as OpenSSL and Go check),
///     "strict" (as Solana does) or "zip215" (as Zcash and CometBFT do).
/// engine
///     Where it is computed; by default on an engine that this process shares.
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
    #[pyo3(from_py_with = engine::argument)] engine: Option<Shared>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = keys.py();
    let keys = Column::read(keys, "public key")?;
    let signatures = Column::read(signatures, "signature")?;
    let messages = Column::read(messages, "message")?;
    let manner = Manner::of(&[&keys, &signatures, &messages]);
    let (keys, signatures) = (keys.fixed("public key")?, signatures.fixed("signature")?);
    let verdicts =
        run(py, engine, Operation::Verify, |work| verdicts(work, rule, &keys, &signatures, &messages))?;
    output::verdicts(py, verdicts, manner)
}

/// Columns whose chunks end at other rows are cut where any of them ends.
fn verdicts(
    work: &mut Work<'_>,
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
        let outcome = work.engine().verify(rule, &batch)?;
        verdicts.extend_from_slice(work.note(outcome).as_slice());
    }
    Ok(verdicts)
}

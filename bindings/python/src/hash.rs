//! Digests.

use pyo3::prelude::*;
use verilane::{Digest, Error, Hash, Key, Operation, Outcome, Records};

use crate::column::{Column, Rows};
use crate::engine::{Call, EngineHandle, run};
use crate::error::input_error;
use crate::{argument, engine, output};

/// The 32-byte digest of each record.
///
/// Parameters
/// ----------
/// records
///     The byte strings to hash.
/// hash
///     "sha256", "sha256d" (SHA-256 of the SHA-256, as Bitcoin hashes) or "blake3".
/// key
///     32 bytes, the key of keyed BLAKE3. Without the key, fingerprints cannot be matched
///     against guessed records.
/// engine
///     The engine to compute on; by default one that the process shares.
///
/// Returns
/// -------
/// A pyarrow FixedSizeBinaryArray if the records are an Arrow array, otherwise a list of
/// bytes.
#[pyfunction]
#[pyo3(signature = (records, *, hash=Hash::Blake3, key=None, engine=None), text_signature = "(records, *, hash='blake3', key=None, engine=None)")]
pub fn hash<'py>(
    records: &Bound<'py, PyAny>,
    #[pyo3(from_py_with = argument::hash)] hash: Hash,
    #[pyo3(from_py_with = argument::key)] key: Option<Key>,
    #[pyo3(from_py_with = engine::argument)] engine: Option<EngineHandle>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = records.py();
    let hash = keyed(hash, key)?;
    let records = Column::read(records, "record")?;
    let digests = run(py, engine, Operation::Hash, |call| {
        hash_chunks(call, &records, |engine, records| engine.hash(hash, records))
    })?;
    output::digests(py, digests, records.format())
}

/// Computes the digests of each chunk by `digest`, and joins them.
pub fn hash_chunks(
    call: &mut Call<'_>,
    column: &Column,
    digest: impl Fn(&verilane::Engine, &Records<'_>) -> Result<Outcome<Vec<Digest>>, Error>,
) -> Result<Vec<Digest>, Error> {
    let mut digests = Vec::new();
    for chunk in column.chunks().iter() {
        let outcome = digest(call.engine(), &chunk.records(0..chunk.len())?)?;
        let found = call.note(outcome);
        // A single chunk's digests are not copied.
        if digests.is_empty() { digests = found } else { digests.extend_from_slice(&found) }
    }
    Ok(digests)
}

/// `hash` under `key`, if one is given.
pub fn keyed(hash: Hash, key: Option<Key>) -> PyResult<Hash> {
    match (hash, key) {
        (hash, None) => Ok(hash),
        (Hash::Blake3, Some(key)) => Ok(Hash::KeyedBlake3(key)),
        (hash, Some(_)) => Err(input_error(format_args!("{hash} takes no key: only blake3 does"))),
    }
}

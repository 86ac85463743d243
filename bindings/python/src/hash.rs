//! Digests.

use pyo3::prelude::*;
use verilane::{Digest, Error, Hash, Key, Operation, Outcome, Records};

use crate::column::{Column, Rows};
use crate::engine::{Shared, Work, run};
use crate::error::refuse;
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
///     32 bytes under which BLAKE3 hashes: fingerprints that cannot be guessed from a
///     small space of values by who lacks the key.
/// engine
///     Where it is computed; by default on an engine that this process shares.
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
    #[pyo3(from_py_with = engine::argument)] engine: Option<Shared>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = records.py();
    let hash = keyed(hash, key)?;
    let records = Column::read(records, "record")?;
    let digests = run(py, engine, Operation::Hash, |work| {
        each_chunk(work, &records, |engine, records| engine.hash(hash, records))
    })?;
    output::digests(py, digests, records.manner())
}

/// The digests that `digest` gives of the chunks, end to end.
pub fn each_chunk(
    work: &mut Work<'_>,
    column: &Column,
    digest: impl Fn(&verilane::Engine, &Records<'_>) -> Result<Outcome<Vec<Digest>>, Error>,
) -> Result<Vec<Digest>, Error> {
    let mut digests = Vec::new();
    for chunk in column.chunks().iter() {
        let outcome = digest(work.engine(), &chunk.records(0..chunk.len())?)?;
        let found = work.note(outcome);
        // The only chunk's digests are not copied.
        if digests.is_empty() { digests = found } else { digests.extend_from_slice(&found) }
    }
    Ok(digests)
}

/// `hash` under the key, if one is given.
pub fn keyed(hash: Hash, key: Option<Key>) -> PyResult<Hash> {
    match (hash, key) {
        (hash, None) => Ok(hash),
        (Hash::Blake3, Some(key)) => Ok(Hash::KeyedBlake3(key)),
        (hash, Some(_)) => Err(refuse(format_args!("{hash} takes no key: only blake3 does"))),
    }
}

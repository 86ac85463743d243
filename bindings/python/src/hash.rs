//! Digests.

use pyo3::prelude::*;
use verilane::{Digest, Error, Hash, Key, Operation, Outcome, Records};

use crate::column::{Column, Rows};
use crate::engine::{Engine, Work, run};
use crate::error::{raise, refuse};
use crate::output;

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
#[pyo3(signature = (records, *, hash="blake3", key=None, engine=None))]
pub fn hash<'py>(
    records: &Bound<'py, PyAny>,
    hash: &str,
    key: Option<&[u8]>,
    engine: Option<&Engine>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = records.py();
    let hash = keyed(named(hash).map_err(raise)?, key)?;
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

/// The hash called `name`.
///
/// # Errors
/// [`Error::Name`] if none is.
pub fn named(name: &str) -> Result<Hash, Error> {
    let hashes = [Hash::Sha256, Hash::Sha256d, Hash::Blake3];
    hashes.into_iter().find(|hash| hash.to_string() == name).ok_or_else(|| Error::Name {
        what: "hash",
        name: name.into(),
        choices: "sha256, sha256d, blake3",
    })
}

fn keyed(hash: Hash, key: Option<&[u8]>) -> PyResult<Hash> {
    let Some(key) = key else { return Ok(hash) };
    if hash != Hash::Blake3 {
        return Err(refuse(format_args!("{hash} takes no key: only blake3 does")));
    }
    let key =
        key.try_into().map_err(|_| refuse(format_args!("a key has 32 bytes, this one has {}", key.len())))?;
    Ok(Hash::KeyedBlake3(Key(key)))
}

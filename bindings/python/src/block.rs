//! A block's signed records.

use pyo3::prelude::*;
use verilane::ed25519::Rule;
use verilane::{Entries, Hash, Operation, Tree};

use crate::column::{Column, Manner};
use crate::engine::{Shared, run};
use crate::output;

/// The columns of a block's entries.
pub struct Columns {
    public_keys: Column,
    signatures: Column,
    digests: Column,
    records: Column,
}

impl Columns {
    /// Reads the columns.
    pub fn read(
        public_keys: &Bound<'_, PyAny>,
        signatures: &Bound<'_, PyAny>,
        digests: &Bound<'_, PyAny>,
        records: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        Ok(Columns {
            public_keys: Column::read(public_keys, "public key")?,
            signatures: Column::read(signatures, "signature")?,
            digests: Column::read(digests, "digest")?,
            records: Column::read(records, "record")?,
        })
    }

    fn manner(&self) -> Manner {
        Manner::of(&[&self.public_keys, &self.signatures, &self.digests, &self.records])
    }
}

/// What is found of a block's entries, as a `BlockCheck`.
pub fn check(
    py: Python<'_>,
    engine: Shared,
    (rule, hash, tree): (Rule, Hash, Tree),
    columns: Columns,
) -> PyResult<Bound<'_, PyAny>> {
    let manner = columns.manner();
    let public_keys = columns.public_keys.fixed("public key")?;
    let signatures = columns.signatures.fixed("signature")?;
    let digests = columns.digests.fixed("digest")?;
    let records = &columns.records;
    let (check, report) = run(py, Some(engine), Operation::Check, |work| {
        // One tree stands over all entries: they are checked in one call.
        let (keys, signatures, digests) = (public_keys.gathered(), signatures.gathered(), digests.digests());
        let entries = Entries::from_columns(&keys, &signatures, &digests, records.gathered()?)?;
        let outcome = work.engine().check_block(rule, hash, tree, &entries)?;
        let report = outcome.report().clone();
        Ok((work.note(outcome), report))
    })?;
    let fields = (
        output::record_verdicts(py, &check.verdicts, manner)?,
        output::digests(py, check.digests, manner)?,
        output::positions(py, check.first_occurrences.as_slice().to_vec(), manner)?,
        output::bytes(py, &check.root.digest),
        check.root.mutated,
        output::report(py, &report)?,
    );
    output::result(py, "BlockCheck", fields)
}

//! The check of a block's signed records.

use pyo3::prelude::*;
use verilane::ed25519::Rule;
use verilane::{Entries, Hash, Operation, Tree};

use crate::column::{Column, OutputFormat};
use crate::engine::{EngineHandle, run};
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

    fn format(&self) -> OutputFormat {
        OutputFormat::of(&[&self.public_keys, &self.signatures, &self.digests, &self.records])
    }
}

/// What is found of a block's entries, as a `BlockCheck`.
pub fn check(
    py: Python<'_>,
    engine: EngineHandle,
    (rule, hash, tree): (Rule, Hash, Tree),
    columns: Columns,
) -> PyResult<Bound<'_, PyAny>> {
    let format = columns.format();
    let public_keys = columns.public_keys.fixed("public key")?;
    let signatures = columns.signatures.fixed("signature")?;
    let digests = columns.digests.fixed("digest")?;
    let records = &columns.records;
    let (check, report) = run(py, Some(engine), Operation::Check, |call| {
        // One tree covers all entries, so they are checked in one call.
        let (keys, signatures, digests) = (public_keys.gathered(), signatures.gathered(), digests.digests());
        let entries = Entries::from_columns(&keys, &signatures, &digests, records.gathered()?)?;
        let outcome = call.engine().check_block(rule, hash, tree, &entries)?;
        let report = outcome.report().clone();
        Ok((call.note(outcome), report))
    })?;
    let fields = (
        output::record_verdicts(py, &check.verdicts, format)?,
        output::digests(py, check.digests, format)?,
        output::positions(py, check.first_occurrences.as_slice().to_vec(), format)?,
        output::bytes(py, &check.root.digest),
        check.root.mutated,
        output::report(py, &report)?,
    );
    output::result(py, "BlockCheck", fields)
}

//! The errors of a build without the feature `parquet`.

use std::fs::File;

use anyhow::bail;
use verilane_ledger::Ledger;

use super::Rows;
use crate::signatures::Part;

const NOT_BUILT: &str =
    "this build cannot read or write Parquet: cargo build --release --features parquet makes one that can";

/// Refuses.
pub fn read(_file: File, _send: impl FnMut(Part) -> bool) -> anyhow::Result<()> {
    bail!(NOT_BUILT)
}

/// Refuses.
pub fn write(_ledger: &Ledger, _file: File) -> anyhow::Result<Rows> {
    bail!(NOT_BUILT)
}

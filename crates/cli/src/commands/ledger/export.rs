//! `verilane ledger export`: a ledger's records as rows of a Parquet file.

use std::fmt;
use std::fs::{self, File};
use std::path::PathBuf;

use anyhow::Context as _;
use serde::Serialize;
use verilane_ledger::Ledger;

use crate::shared::context::Context;
use crate::shared::output;
use crate::shared::units::{Count, Counted};
use crate::{Status, parquet};

/// Export the records of a ledger as rows of a Parquet file, which `verify` reads too
///
/// There is a row for each record of each list, also for those dropped when the list was sealed.
/// Its columns: position among all rows; block, list and record, as in `audit`; public_key, of the
/// institution; message, the SHA-256 that the institution signed; signature; fate: stored, seen (a
/// duplicate) or refused; bytes, the record, where it is stored. Rows, blocks, lists and records
/// count from 0. Nothing is checked: `audit` does that. Only a build with the feature `parquet` can
/// export: cargo build --release --features parquet.
#[derive(clap::Args)]
pub struct Args {
    /// The folder of the ledger
    #[arg(value_name = "LEDGER")]
    ledger: PathBuf,
    /// The file to write, which must not be there yet
    #[arg(long, value_name = "FILE")]
    parquet: PathBuf,
}

#[derive(Serialize)]
struct Summary {
    file: String,
    blocks: u64,
    rows: u64,
    stored: u64,
}

pub fn run(args: &Args, context: &Context) -> anyhow::Result<Status> {
    let ledger = Ledger::open(&args.ledger)?;
    let path = &args.parquet;
    let file = File::create_new(path).with_context(|| format!("cannot make {}", path.display()))?;
    let written = parquet::write(&ledger, file).map_err(|error| {
        // A partial export is useless. If it cannot be removed, readers see that its end is missing.
        let _ = fs::remove_file(path);
        error.context(format!("cannot export to {}", path.display()))
    })?;
    let summary = Summary {
        file: path.display().to_string(),
        blocks: ledger.blocks(),
        rows: written.all,
        stored: written.stored,
    };
    output::print(context, &summary)?;
    Ok(Status::Passed)
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, blocks) = (Counted(self.rows, "row"), Counted(self.blocks, "block"));
        write!(f, "{rows} of {blocks}, {} with their bytes, are in {}", Count(self.stored), self.file)
    }
}

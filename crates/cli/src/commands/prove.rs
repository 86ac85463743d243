//! `verilane prove`: that a record is in a ledger.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use verilane::dedup::{Index, IndexOptions, Seen};
use verilane::{Digest, Engine};
use verilane_ledger::{Ledger, RecordProof, proof_file};

use crate::Status;
use crate::shared::context::Context;
use crate::shared::{input, output, progress};

/// Prove that a record is in a ledger: from the record to its block, from the block to an anchor
///
/// Blocks, and the leaves of both trees, count from 0.
#[derive(clap::Args)]
pub struct Args {
    /// The record: its SHA-256 in hexadecimal, or a file with its bytes
    #[arg(value_name = "RECORD")]
    record: PathBuf,
    /// The ledger's folder
    #[arg(long, value_name = "DIR")]
    ledger: PathBuf,
    /// Where to write the proof [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub fn run(args: &Args, context: &Context) -> anyhow::Result<Status> {
    let digest = input::record_digest(&args.record)?;
    let engine = context.engine()?;
    let ledger = Ledger::open(&args.ledger)?;
    let Some(proof) = find(&engine, &ledger, &args.ledger, digest)? else {
        output::warning(format_args!("{digest} is not in {}", args.ledger.display()));
        return Ok(Status::Failed);
    };
    if proof.anchored.is_none() {
        let (height, blocks) = (proof.header.height, ledger.genesis().anchor_blocks);
        output::warning(format_args!(
            "block {height} is not anchored yet: an anchor is made of every {blocks} blocks"
        ));
    }
    let file = proof_file::write_proof(ledger.genesis(), &proof);
    match &args.out {
        Some(path) => {
            fs::write(path, file + "\n").with_context(|| format!("cannot write {}", path.display()))?
        }
        None => output::text(&file)?,
    }
    Ok(Status::Passed)
}

/// Searches the index, if the ledger has one, and then the blocks missing from it.
fn find(
    engine: &Engine,
    ledger: &Ledger,
    directory: &Path,
    digest: Digest,
) -> anyhow::Result<Option<RecordProof>> {
    let path = directory.join("index");
    let mut indexed = 0;
    if path.is_dir() {
        let index = Index::open(path, IndexOptions::default()).context("the ledger's index")?;
        if let Seen::InBlock(height) = index.scan(engine, &[digest])?[0] {
            return Ok(RecordProof::in_block(engine, ledger, height, digest)?);
        }
        indexed = index.blocks();
    }
    let bar = progress::steps(ledger.blocks().saturating_sub(indexed), "blocks");
    for height in indexed..ledger.blocks() {
        if let Some(proof) = RecordProof::in_block(engine, ledger, height, digest)? {
            bar.finish_and_clear();
            return Ok(Some(proof));
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(None)
}

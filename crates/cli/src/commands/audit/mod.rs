//! `verilane audit`: real blocks, and ledgers of signed records, checked.

mod bitcoin;
mod ledger;

use std::path::PathBuf;

use anyhow::bail;
use verilane_ledger::bitcoin::ObfuscationKey;

use crate::Status;
use crate::shared::context::Context;

/// Check Bitcoin blocks, or replay a ledger: links, roots, seals, signatures, duplicates, anchors
///
/// A failure names where it is. In a ledger: the block, the list and the record. In Bitcoin's files:
/// the byte at which the block begins, its position. All of them count from 0.
#[derive(clap::Args)]
pub struct Args {
    /// The folder of a ledger; or raw Bitcoin blocks, a node's blk*.dat files, - for standard input
    #[arg(required = true, value_name = "LEDGER|FILE")]
    files: Vec<PathBuf>,
    /// The key of obfuscated block files, 16 digits [default: that in xor.dat beside a blk*.dat]
    #[arg(long, value_name = "HEX")]
    xor_key: Option<ObfuscationKey>,
}

pub fn run(args: &Args, context: &Context) -> anyhow::Result<Status> {
    match &args.files[..] {
        [folder] if folder.is_dir() && args.xor_key.is_some() => {
            bail!("{} is a folder: --xor-key is for Bitcoin's block files", folder.display())
        }
        [folder] if folder.is_dir() => ledger::run(folder, context),
        // Among block files, a folder is a file that cannot be read.
        _ => bitcoin::run(args, context),
    }
}

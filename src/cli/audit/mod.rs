//! `verilane audit`: real blocks, and ledgers of signed records, checked.

mod bitcoin;
mod ledger;

use std::path::PathBuf;

use anyhow::bail;
use verilane::ledger::bitcoin::ObfuscationKey;

use super::Status;
use super::context::Context;

/// Check Bitcoin blocks, or replay a ledger: links, roots, seals, signatures, duplicates, anchors
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
    let Some(folder) = args.files.iter().find(|path| path.is_dir()) else {
        return bitcoin::run(args, context);
    };
    if args.files.len() > 1 {
        bail!("{} is a folder: a ledger is audited alone", folder.display());
    }
    if args.xor_key.is_some() {
        bail!("{} is a folder: --xor-key is for Bitcoin's block files", folder.display());
    }
    ledger::run(folder, context)
}

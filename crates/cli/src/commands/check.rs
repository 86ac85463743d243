//! `verilane check`: a proof that `verilane prove` wrote, without the ledger.

use std::fmt;
use std::io::Read;
use std::path::PathBuf;

use anyhow::Context as _;
use serde::Serialize;
use verilane::{Digest, to_hex};
use verilane_ledger::proof_file;

use crate::Status;
use crate::shared::context::Context;
use crate::shared::{input, output};

/// More than any proof has: two paths of 64 nodes, and 65,535 peers.
const MAX_BYTES: u64 = 8 << 20;

/// Check a proof that a record is in a ledger; the ledger is not needed
///
/// Blocks count from 0.
#[derive(clap::Args)]
pub struct Args {
    /// What `verilane prove` wrote; - for standard input
    #[arg(value_name = "PROOF")]
    proof: PathBuf,
    /// The anchor as it was published; without it, compare the one printed
    #[arg(long, value_name = "HEX")]
    anchor: Option<Digest>,
    /// The record that the proof must be about: its SHA-256, or a file with its bytes
    #[arg(long, value_name = "RECORD")]
    record: Option<PathBuf>,
}

#[derive(Serialize)]
struct Check {
    valid: bool,
    /// Why it is not valid.
    reason: Option<String>,
    record: String,
    institution: String,
    rule: String,
    chain: String,
    block: u64,
    block_hash: String,
    /// None if the block is not anchored.
    anchor: Option<String>,
    anchor_was_given: bool,
}

pub fn run(args: &Args, context: &Context) -> anyhow::Result<Status> {
    let describe = || format!("{} is no proof that prove wrote", args.proof.display());
    let mut json = Vec::new();
    input::open(&args.proof)?.take(MAX_BYTES).read_to_end(&mut json).with_context(describe)?;
    let (genesis, proof) = proof_file::parse_proof(&json).with_context(describe)?;
    let anchor = proof.anchored.as_ref().map(|(anchor, _)| anchor.digest());
    let record = args.record.as_deref().map(input::record_digest).transpose()?;
    let failed = proof.check(genesis.rule).err().map(|error| error.to_string());
    let other = |differs: bool, what: &str| differs.then(|| what.to_string());
    let reason = failed
        .or_else(|| other(genesis.chain() != proof.header.chain, "the block is not of the chain stated"))
        .or_else(|| other(record.is_some_and(|record| record != proof.digest), "it is about another record"))
        .or_else(|| match (args.anchor, anchor) {
            (Some(_), None) => Some("its block is not anchored".into()),
            (Some(given), Some(found)) => other(given != found, "it leads to another anchor"),
            (None, _) => None,
        });
    let check = Check {
        valid: reason.is_none(),
        reason,
        record: proof.digest.to_string(),
        institution: to_hex(&proof.institution),
        rule: genesis.rule.to_string(),
        chain: proof.header.chain.to_string(),
        block: proof.header.height,
        block_hash: proof.header.hash().to_string(),
        anchor: anchor.map(|anchor| anchor.to_string()),
        anchor_was_given: args.anchor.is_some(),
    };
    output::print(context, &check)?;
    Ok(if check.valid { Status::Passed } else { Status::Failed })
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(reason) = &self.reason {
            return write!(f, "the proof DOES NOT HOLD: {reason}");
        }
        writeln!(f, "the proof holds: record {}", self.record)?;
        writeln!(f, "signed by {} ({})", self.institution, self.rule)?;
        writeln!(f, "is in block {}, {}", self.block, self.block_hash)?;
        writeln!(f, "of chain {}", self.chain)?;
        match &self.anchor {
            Some(anchor) if self.anchor_was_given => write!(f, "under the anchor given, {anchor}"),
            Some(anchor) => write!(f, "under anchor {anchor}: compare it with the one published"),
            None => write!(f, "which is not anchored yet: compare the block's hash with the ledger's"),
        }
    }
}

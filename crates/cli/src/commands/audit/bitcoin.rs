//! The audit of Bitcoin's blocks.

use std::fmt;
use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use serde::Serialize;
use verilane_ledger::bitcoin::{BitcoinAuditor, BitcoinFailure, Deobfuscated, ObfuscationKey};

use super::Args;
use crate::Status;
use crate::shared::backends_used::BackendsUsed;
use crate::shared::context::Context;
use crate::shared::units::Counted;
use crate::shared::{input, output, progress};

#[derive(Serialize)]
struct Summary {
    blocks: u64,
    transactions: u64,
    failures: Vec<Finding>,
    unreadable: Vec<String>,
    bytes: u64,
    seconds: f64,
    mb_per_second: f64,
    #[serde(flatten)]
    backends: BackendsUsed,
}

#[derive(Serialize)]
struct Finding {
    /// As Bitcoin's tools print it; none where no header could be read.
    block: Option<String>,
    kind: String,
    detail: String,
    file: String,
    /// The byte of the file at which the block begins, from 0.
    position: u64,
}

pub fn run(args: &Args, context: &Context) -> anyhow::Result<Status> {
    let engine = context.engine()?;
    let start = Instant::now();
    let bar = progress::bytes(input::total_size(&args.files));
    let mut auditor = BitcoinAuditor::new(&engine);
    let mut audited = Vec::new();
    let mut unreadable = Vec::new();
    for path in &args.files {
        let read = input::open(path).and_then(|file| {
            audited.push(path.as_path());
            let key = args.xor_key.or_else(|| key_beside(path));
            let file = Deobfuscated::new(file, key.unwrap_or_default());
            auditor
                .read(file, |bytes| bar.inc(bytes))
                .with_context(|| format!("cannot audit {}", path.display()))
        });
        if let Err(error) = read {
            output::error(&error);
            unreadable.push(format!("{error:#}"));
        }
    }
    bar.finish_and_clear();
    let audit = auditor.finish();
    let seconds = start.elapsed().as_secs_f64();
    let backends = audit.reports.iter().collect();
    let summary = Summary {
        blocks: audit.blocks,
        transactions: audit.transactions,
        failures: audit.failures.iter().map(|failure| finding(failure, &audited)).collect(),
        unreadable,
        bytes: audit.bytes,
        seconds,
        mb_per_second: audit.bytes as f64 / 1e6 / seconds,
        backends,
    };
    output::print(context, &summary)?;
    Ok(Status::of(!summary.unreadable.is_empty(), !summary.failures.is_empty()))
}

/// The key that a node keeps beside its block files; other files have none.
fn key_beside(path: &Path) -> Option<ObfuscationKey> {
    let name = path.file_name()?.to_str()?;
    if !name.starts_with("blk") || !name.ends_with(".dat") {
        return None;
    }
    let key = std::fs::read(path.with_file_name("xor.dat")).ok()?;
    Some(ObfuscationKey(key.try_into().ok()?))
}

fn finding(failure: &BitcoinFailure, files: &[&Path]) -> Finding {
    Finding {
        block: failure.block.map(|hash| hash.reversed().to_string()),
        kind: failure.kind.to_string(),
        detail: failure.detail.clone(),
        file: files[failure.file].display().to_string(),
        position: failure.position,
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { block, kind, detail, file, position } in &self.failures {
            let block = block.as_deref().map_or("no block".into(), |hash| format!("block {hash}"));
            writeln!(f, "FAILED {kind}: {block} at byte {position} of {file}: {detail}")?;
        }
        let blocks = Counted(self.blocks, "block");
        let transactions = Counted(self.transactions, "transaction");
        write!(f, "{blocks}, {transactions}, {}", Counted(self.failures.len() as u64, "failure"))?;
        if self.blocks == 0 {
            return Ok(());
        }
        write!(f, "\n{:.0} MB/s on {}", self.mb_per_second, self.backends)
    }
}

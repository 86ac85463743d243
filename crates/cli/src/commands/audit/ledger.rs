//! The audit of a ledger of signed records.

use std::fmt;
use std::path::Path;
use std::time::Instant;

use serde::Serialize;
use verilane_ledger::LedgerFailure;

use crate::Status;
use crate::shared::backends_used::BackendsUsed;
use crate::shared::context::Context;
use crate::shared::units::Counted;
use crate::shared::{output, progress};

#[derive(Serialize)]
struct Summary {
    chain: String,
    name: String,
    blocks: u64,
    records: u64,
    /// Dropped as duplicates when their blocks were sealed.
    duplicates_left_out: u64,
    /// Refused when their blocks were sealed.
    refused: u64,
    signatures: u64,
    anchors: u64,
    failures: Vec<Finding>,
    bytes: u64,
    seconds: f64,
    records_per_second: f64,
    #[serde(flatten)]
    backends: BackendsUsed,
}

/// Positions count from 0.
#[derive(Serialize)]
struct Finding {
    block: u64,
    list: Option<u32>,
    record: Option<u32>,
    kind: String,
    detail: String,
    #[serde(skip)]
    place: String,
}

pub fn run(directory: &Path, context: &Context) -> anyhow::Result<Status> {
    let engine = context.engine()?;
    let start = Instant::now();
    let bar = progress::bytes(verilane_ledger::total_bytes(directory));
    let audit = verilane_ledger::audit(&engine, directory, |bytes| bar.set_position(bytes))?;
    bar.finish_and_clear();
    let seconds = start.elapsed().as_secs_f64();
    let backends = audit.reports.iter().collect();
    let summary = Summary {
        chain: audit.genesis.chain().to_string(),
        name: audit.genesis.name,
        blocks: audit.blocks,
        records: audit.records,
        duplicates_left_out: audit.seen,
        refused: audit.refused,
        signatures: audit.signatures,
        anchors: audit.anchors,
        failures: audit.failures.iter().map(finding).collect(),
        bytes: audit.bytes,
        seconds,
        records_per_second: audit.records as f64 / seconds,
        backends,
    };
    output::print(context, &summary)?;
    Ok(Status::of(false, !summary.failures.is_empty()))
}

fn finding(failure: &LedgerFailure) -> Finding {
    let place = failure.place;
    Finding {
        block: place.block,
        list: place.list,
        record: place.record,
        kind: failure.kind.to_string(),
        detail: failure.detail.clone(),
        place: place.to_string(),
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { place, kind, detail, .. } in &self.failures {
            writeln!(f, "FAILED {kind}: {place}: {detail}")?;
        }
        writeln!(f, "ledger {}, chain {}", self.name, self.chain)?;
        let blocks = Counted(self.blocks, "block");
        let records = Counted(self.records, "record");
        let signatures = Counted(self.signatures, "signature");
        let anchors = Counted(self.anchors, "anchor");
        let failures = Counted(self.failures.len() as u64, "failure");
        writeln!(f, "{blocks}, {records}, {signatures}, {anchors}, {failures}")?;
        let left_out = Counted(self.duplicates_left_out, "duplicate");
        let refused = Counted(self.refused, "record");
        write!(f, "{left_out} left out and {refused} refused when sealed")?;
        if self.blocks == 0 {
            return Ok(());
        }
        write!(f, "\n{:.0} k records/s on {}", self.records_per_second / 1e3, self.backends)
    }
}

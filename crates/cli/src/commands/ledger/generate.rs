//! `verilane ledger generate`: a synthetic ledger.

use std::fmt;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;
use verilane_ledger::generate::{GenerateOptions, Generated, PlantedFault, generate};
use verilane_ledger::{SealRule, jsonl};

use super::{SealArgs, keys};
use crate::Status;
use crate::shared::context::Context;
use crate::shared::units::{Count, Counted};
use crate::shared::{output, progress};

/// Generate a synthetic ledger of invented health records, on request with faults to be found
///
/// The same options give the same ledger. OUT/lists.jsonl holds the signed lists that `ledger seal`
/// reads, OUT/keys.jsonl the secret keys, OUT/ledger the sealed lists, and OUT/faults.jsonl the
/// faults planted there. Blocks, lists and records count from 0.
#[derive(clap::Args)]
pub struct Args {
    /// The folder to write to
    #[arg(value_name = "OUT")]
    out: PathBuf,
    /// The number of institutions
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    institutions: u32,
    /// The number of records uploaded, duplicates among them
    #[arg(long, value_name = "M", default_value_t = 10_000)]
    records: u64,
    /// The seed of all random choices
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// The share of records that repeat an earlier one, from 0 to below 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    duplicates: f64,
    /// The number of faults to plant, of every kind that an audit knows
    #[arg(long, value_name = "K", default_value_t = 0)]
    faults: usize,
    #[command(flatten)]
    seal: SealArgs,
    /// The records that end a stage and fill a block
    #[arg(long, value_name = "C", default_value_t = 1000)]
    stage: u32,
    /// The blocks in an anchor
    #[arg(long, value_name = "N", default_value_t = 10)]
    anchor_blocks: u32,
    /// The number of peers that endorse blocks, with Ed25519 and P-256 in turn
    #[arg(long, value_name = "N", default_value_t = 0, requires = "threshold")]
    endorsers: u16,
    /// How many of them must endorse a block
    #[arg(long, value_name = "K", default_value_t = 0, requires = "endorsers")]
    threshold: u16,
}

#[derive(Serialize)]
struct Summary {
    out: String,
    lists: u64,
    records: u64,
    blocks: u64,
    stored: u64,
    faults: usize,
}

pub fn run(args: &Args, context: &Context) -> anyhow::Result<Status> {
    let engine = context.engine()?;
    fs::create_dir_all(&args.out).with_context(|| format!("cannot make {}", args.out.display()))?;
    let path = args.out.join("lists.jsonl");
    let mut lists = BufWriter::new(create(&path)?);
    let bar = progress::steps(args.records, "records");
    let generated = generate(&engine, &args.out.join("ledger"), &args.options(), |list| {
        bar.inc(list.records.len() as u64);
        jsonl::write_list(list, &mut lists)
    })?;
    lists.flush().with_context(|| format!("cannot write {}", path.display()))?;
    bar.finish_and_clear();
    write_faults(&args.out.join("faults.jsonl"), &generated.faults)?;
    let path = args.out.join("keys.jsonl");
    keys::write(&path, &generated.keys).with_context(|| format!("cannot write {}", path.display()))?;
    output::print(context, &args.summary(&generated))?;
    Ok(Status::Passed)
}

impl Args {
    fn options(&self) -> GenerateOptions {
        GenerateOptions {
            seed: self.seed,
            institutions: self.institutions,
            records: self.records,
            duplicates: self.duplicates,
            seal: self.seal.rule().unwrap_or(SealRule::Stake),
            stage: self.stage,
            anchor_blocks: self.anchor_blocks,
            endorsers: self.endorsers,
            threshold: self.threshold,
            faults: self.faults,
        }
    }

    fn summary(&self, generated: &Generated) -> Summary {
        Summary {
            out: self.out.display().to_string(),
            lists: generated.lists,
            records: self.records,
            blocks: generated.blocks,
            stored: generated.stored,
            faults: generated.faults.len(),
        }
    }
}

/// A new file: what was generated before is not overwritten.
fn create(path: &Path) -> anyhow::Result<File> {
    File::create_new(path).with_context(|| format!("cannot make {}", path.display()))
}

#[derive(Serialize)]
struct FaultLine {
    block: u64,
    list: Option<u32>,
    record: Option<u32>,
    kind: String,
}

fn write_faults(path: &Path, faults: &[PlantedFault]) -> anyhow::Result<()> {
    let mut file = BufWriter::new(create(path)?);
    for PlantedFault { place, kind, .. } in faults {
        let (block, list, record) = (place.block, place.list, place.record);
        serde_json::to_writer(&mut file, &FaultLine { block, list, record, kind: kind.to_string() })?;
        file.write_all(b"\n")?;
    }
    file.flush().with_context(|| format!("cannot write {}", path.display()))
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (records, lists) = (Counted(self.records, "record"), Counted(self.lists, "list"));
        let (stored, blocks) = (Count(self.stored), Counted(self.blocks, "block"));
        writeln!(f, "{records} in {lists}, {stored} stored in {blocks}")?;
        write!(f, "{} planted; all is in {}", Counted(self.faults as u64, "fault"), self.out)
    }
}

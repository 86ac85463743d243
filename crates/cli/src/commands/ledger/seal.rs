//! `verilane ledger seal`: signed lists become blocks.

use std::fmt;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, bail};
use indicatif::ProgressBar;
use serde::Serialize;
use verilane::Digest;
use verilane::ed25519::Rule;
use verilane_ledger::endorsement::Policy;
use verilane_ledger::jsonl::{Line, Lines};
use verilane_ledger::{Genesis, Ledger, List, ListReview, RecordFinding, Sealed, Sealer, Store};

use super::SealArgs;
use super::keys::Keys;
use crate::Status;
use crate::shared::backends_used::BackendsUsed;
use crate::shared::context::Context;
use crate::shared::units::{Count, Counted, Rate};
use crate::shared::{input, output, progress};

/// Seal signed lists of records into the blocks of a ledger, new or begun before
///
/// Signatures are checked and duplicates dropped, also those of earlier blocks. After an interruption
/// the same command continues where it stopped. Lines count from 1, the records of a list from 0. A
/// line holds a list:
/// {"institution":HEX,"emergency":false,"signature":HEX,"records":[{"hash":HEX,"signature":HEX,"record":JSON}]}
#[derive(clap::Args)]
pub struct Args {
    /// Lists as JSON lines; - for standard input
    #[arg(required = true, value_name = "LISTS")]
    files: Vec<PathBuf>,
    /// The ledger's folder; it is made if it is not there
    #[arg(long, value_name = "DIR")]
    ledger: PathBuf,
    /// The secret keys to seal and endorse with, as JSON lines; the first is a new ledger's founder
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    #[command(flatten)]
    seal: SealArgs,
    /// The name of a new ledger [default: that of its folder]
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// The acceptance rule of a new ledger: rfc8032, strict or zip215
    #[arg(long, value_name = "NAME", default_value = "strict")]
    rule: Rule,
    /// The records that end a stage of a new ledger and fill a block
    #[arg(long, value_name = "C", default_value_t = 1000)]
    stage: u32,
    /// The blocks in an anchor of a new ledger
    #[arg(long, value_name = "N", default_value_t = 10)]
    anchor_blocks: u32,
    /// How many of the peers in the file of keys must endorse a block of a new ledger
    #[arg(long, value_name = "K", default_value_t = 0)]
    threshold: u16,
}

/// The records, and the bytes of lines, that are submitted together.
const SUBMITTED_RECORDS: usize = 1 << 16;
const SUBMITTED_BYTES: u64 = 128 << 20;

#[derive(Serialize)]
struct Summary {
    ledger: String,
    chain: String,
    lists: u64,
    records: u64,
    /// Records stored in new blocks.
    stored: u64,
    duplicates: u64,
    blocks: Vec<SealedBlock>,
    anchors: Vec<String>,
    refused: Vec<Refused>,
    malformed: Vec<Refused>,
    seconds: f64,
    records_per_second: f64,
    #[serde(flatten)]
    backends: BackendsUsed,
}

#[derive(Serialize)]
struct SealedBlock {
    height: u64,
    hash: String,
    records: u32,
}

/// What was refused or malformed, and why.
#[derive(Serialize)]
struct Refused {
    file: String,
    /// From 1.
    line: u64,
    /// The record in the list, from 0; none for a whole list.
    record: Option<usize>,
    reason: String,
}

pub fn run(args: &Args, context: &Context) -> anyhow::Result<Status> {
    let engine = context.engine()?;
    let keys = args.keys.as_deref().map(Keys::read).transpose()?.unwrap_or_default();
    args.create_if_new(&keys)?;
    let start = Instant::now();
    let mut sealer = Sealer::open(&engine, &args.ledger, keys.keyring)?;
    args.check_agrees(sealer.genesis())?;
    let mut work = Work::new(args, sealer.genesis().chain());
    for path in &args.files {
        work.read(&mut sealer, path)?;
    }
    work.submit(&mut sealer)?;
    let last = sealer.close(|_| work.bar.tick())?;
    work.summary.add_sealed(last);
    work.bar.finish_and_clear();
    let mut summary = work.summary;
    sealer.reports().iter().for_each(|report| summary.backends.record_report(report));
    summary.seconds = start.elapsed().as_secs_f64();
    summary.records_per_second = summary.records as f64 / summary.seconds;
    output::print(context, &summary)?;
    Ok(Status::of(!summary.malformed.is_empty(), !summary.refused.is_empty()))
}

impl Args {
    fn create_if_new(&self, keys: &Keys) -> anyhow::Result<()> {
        if Ledger::is_at(&self.ledger) {
            return Ok(());
        }
        let Some(seal) = self.seal.rule() else {
            bail!("{} is no ledger yet: --stake or --pow makes one", self.ledger.display());
        };
        let founder = keys.founder.context("a new ledger needs --keys with an institution: its founder")?;
        let endorsement = match self.threshold {
            0 => None,
            threshold => Some(Policy::new(threshold, &keys.peers[..]).context("--threshold")?),
        };
        let folder = || self.ledger.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let genesis = Genesis {
            name: self.name.clone().unwrap_or_else(folder),
            founder,
            rule: self.rule,
            seal,
            stage: self.stage,
            anchor_blocks: self.anchor_blocks,
            endorsement,
        };
        Store::create(&self.ledger, &genesis)?;
        Ok(())
    }

    fn check_agrees(&self, genesis: &Genesis) -> anyhow::Result<()> {
        match self.seal.rule() {
            Some(asked) if asked != genesis.seal => {
                bail!("{} is sealed otherwise: {:?}, not {asked:?}", self.ledger.display(), genesis.seal)
            }
            _ => Ok(()),
        }
    }
}

/// Lists that wait to be submitted, and the results of those before.
struct Work {
    bar: ProgressBar,
    lists: Vec<List>,
    /// The file and line of each.
    places: Vec<(String, u64)>,
    records: usize,
    bytes: u64,
    summary: Summary,
}

impl Work {
    fn new(args: &Args, chain: Digest) -> Self {
        Work {
            bar: progress::bytes(input::total_size(&args.files)),
            lists: Vec::new(),
            places: Vec::new(),
            records: 0,
            bytes: 0,
            summary: Summary {
                ledger: args.ledger.display().to_string(),
                chain: chain.to_string(),
                lists: 0,
                records: 0,
                stored: 0,
                duplicates: 0,
                blocks: Vec::new(),
                anchors: Vec::new(),
                refused: Vec::new(),
                malformed: Vec::new(),
                seconds: 0.0,
                records_per_second: 0.0,
                backends: BackendsUsed::default(),
            },
        }
    }

    fn read(&mut self, sealer: &mut Sealer<'_>, path: &Path) -> anyhow::Result<()> {
        let file = BufReader::with_capacity(1 << 20, input::open(path)?);
        let name = path.display().to_string();
        for line in Lines::new(file) {
            let Line { number, length, list, .. } = line.with_context(|| format!("cannot read {name}"))?;
            self.bytes += length;
            match list {
                Ok(list) => {
                    self.records += list.records.len();
                    self.lists.push(list);
                    self.places.push((name.clone(), number));
                }
                Err(error) => self.summary.malformed.push(Refused {
                    file: name.clone(),
                    line: number,
                    record: None,
                    reason: error.to_string(),
                }),
            }
            if self.records >= SUBMITTED_RECORDS || self.bytes >= SUBMITTED_BYTES {
                self.submit(sealer)?;
            }
        }
        Ok(())
    }

    fn submit(&mut self, sealer: &mut Sealer<'_>) -> anyhow::Result<()> {
        self.summary.lists += self.lists.len() as u64;
        self.summary.records += self.records as u64;
        let submitted = sealer.submit(std::mem::take(&mut self.lists), |_| self.bar.tick())?;
        for ((file, line), review) in self.places.drain(..).zip(&submitted.reviews) {
            self.summary.add_review(&file, line, review);
        }
        self.summary.add_sealed(submitted.sealed);
        self.bar.inc(self.bytes);
        (self.records, self.bytes) = (0, 0);
        Ok(())
    }
}

impl Summary {
    fn add_review(&mut self, file: &str, line: u64, review: &ListReview) {
        let mut refuse = |record, reason: String| {
            self.refused.push(Refused { file: file.into(), line, record, reason });
        };
        match review {
            ListReview::BadSignature => refuse(None, "the list's signature is bad".into()),
            ListReview::TooLong { records, most } => {
                refuse(None, format!("a list of {records} records: {most} are the most in this ledger"));
            }
            ListReview::Reviewed(findings) => {
                for (index, finding) in findings.iter().enumerate() {
                    match finding {
                        RecordFinding::New => {}
                        RecordFinding::InBlock(_) | RecordFinding::Waiting => self.duplicates += 1,
                        RecordFinding::BadSignature => {
                            refuse(Some(index), "the record's signature is bad".into())
                        }
                        RecordFinding::HashMismatch => {
                            refuse(Some(index), "the record does not have its hash".into())
                        }
                        RecordFinding::TooLong => {
                            refuse(Some(index), "the record is longer than any may be".into())
                        }
                    }
                }
            }
        }
    }

    fn add_sealed(&mut self, sealed: impl IntoIterator<Item = Sealed>) {
        for Sealed { header, hash, anchor, .. } in sealed {
            self.stored += u64::from(header.records);
            let hash = hash.to_string();
            self.blocks.push(SealedBlock { height: header.height, hash, records: header.records });
            self.anchors.extend(anchor.map(|anchor| anchor.digest().to_string()));
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Refused { file, line, reason, .. } in &self.malformed {
            writeln!(f, "MALFORMED {file}, line {line}: {reason}")?;
        }
        for Refused { file, line, record, reason } in &self.refused {
            let record = record.map_or(String::new(), |record| format!(", record {record}"));
            writeln!(f, "REFUSED {file}, line {line}{record}: {reason}")?;
        }
        for anchor in &self.anchors {
            writeln!(f, "anchor {anchor}")?;
        }
        let (records, lists) = (Counted(self.records, "record"), Counted(self.lists, "list"));
        let (stored, duplicates) = (Count(self.stored), Counted(self.duplicates, "duplicate"));
        writeln!(f, "{records} in {lists}: {stored} stored, {duplicates}")?;
        let blocks = Counted(self.blocks.len() as u64, "block");
        writeln!(f, "{blocks} sealed in {}, chain {}", self.ledger, self.chain)?;
        write!(f, "{} records/s on {}", Rate(self.records_per_second), self.backends)
    }
}

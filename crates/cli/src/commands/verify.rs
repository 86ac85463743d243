//! `verilane verify`: a verdict for each signature of a file.

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use anyhow::Context as _;
use serde::Serialize;
use verilane::Engine;
use verilane::ed25519::Rule;
use verilane::signature::Batch;

use crate::shared::backends_used::BackendsUsed;
use crate::shared::context::Context;
use crate::shared::units::{Count, Rate};
use crate::shared::{input, output, progress};
use crate::signatures::Part;
use crate::{Status, parquet, signatures};

/// Verify Ed25519 signatures, with a verdict for each, under a named acceptance rule
///
/// The file has one signature in a line: JSON objects or CSV with a header row. The fields are
/// public_key, signature and message in hexadecimal, or message_base64 in place of message. Or it
/// is Parquet, with columns of these names that hold the bytes (in a build with the feature
/// `parquet`: cargo build --release --features parquet). Malformed lines and rows count as failures.
/// Lines count from 1, rows from 0. A file without signatures passes, with a warning.
#[derive(clap::Args)]
pub struct Args {
    /// The acceptance rule: rfc8032, strict or zip215. Where nodes must agree, so must their rule
    #[arg(long, value_name = "NAME")]
    rule: Rule,
    /// JSON lines, CSV or Parquet; - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// A file of signatures, by its first bytes.
enum Source {
    Lines(Box<dyn Read + Send>),
    Rows(File),
}

/// What holds one signature.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
enum Unit {
    Line,
    Row,
}

#[derive(Serialize)]
struct Summary {
    rule: String,
    unit: Unit,
    /// Signatures, and malformed lines or rows.
    items: u64,
    valid: u64,
    /// Line numbers, from 1, or row numbers, from 0.
    invalid: Vec<u64>,
    /// Line numbers, from 1, or row numbers, from 0.
    malformed: Vec<u64>,
    /// Why each of them is malformed.
    reasons: Vec<String>,
    seconds: f64,
    per_second: f64,
    #[serde(flatten)]
    backends: BackendsUsed,
}

pub fn run(args: &Args, context: &Context) -> anyhow::Result<Status> {
    let engine = context.engine()?;
    let source = Source::open(&args.file)?;
    let start = Instant::now();
    let bar = progress::bytes(input::total_size(std::slice::from_ref(&args.file)));
    let mut summary = Summary::new(args.rule, source.unit());
    thread::scope(|scope| {
        let (send, parts) = mpsc::sync_channel(2);
        let reader = scope.spawn(move || source.read(|part| send.send(part).is_ok()));
        for part in parts {
            bar.inc(part.bytes_read);
            summary.add(&engine, args.rule, &part)?;
        }
        let read = reader.join().expect("the reader does not panic");
        read.with_context(|| format!("cannot read {}", args.file.display()))
    })?;
    bar.finish_and_clear();
    if summary.items == 0 {
        output::warning(format_args!("{} holds no signatures", args.file.display()));
        let none = engine.verify(args.rule, &Batch::with_capacity(0))?;
        summary.backends.record_report(none.report());
    }
    summary.seconds = start.elapsed().as_secs_f64();
    summary.per_second = summary.items as f64 / summary.seconds;
    output::print(context, &summary)?;
    Ok(if summary.valid == summary.items { Status::Passed } else { Status::Failed })
}

impl Source {
    fn open(path: &Path) -> anyhow::Result<Self> {
        // The first bytes of a pipe cannot be read twice.
        if input::is_stdin(path) || !path.is_file() {
            return input::open(path).map(Source::Lines);
        }
        let cannot_read = || format!("cannot read {}", path.display());
        let mut file = File::open(path).with_context(cannot_read)?;
        let mut start = Vec::new();
        file.by_ref().take(parquet::MAGIC.len() as u64).read_to_end(&mut start).with_context(cannot_read)?;
        file.rewind().with_context(cannot_read)?;
        Ok(if start == parquet::MAGIC { Source::Rows(file) } else { Source::Lines(Box::new(file)) })
    }

    fn unit(&self) -> Unit {
        match self {
            Source::Lines(_) => Unit::Line,
            Source::Rows(_) => Unit::Row,
        }
    }

    fn read(self, send: impl FnMut(Part) -> bool) -> anyhow::Result<()> {
        match self {
            Source::Lines(file) => signatures::read(file, send),
            Source::Rows(file) => parquet::read(file, send),
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Unit::Line => "line",
            Unit::Row => "row",
        })
    }
}

impl Summary {
    fn new(rule: Rule, unit: Unit) -> Self {
        Summary {
            rule: rule.to_string(),
            unit,
            items: 0,
            valid: 0,
            invalid: Vec::new(),
            malformed: Vec::new(),
            reasons: Vec::new(),
            seconds: 0.0,
            per_second: 0.0,
            backends: BackendsUsed::default(),
        }
    }

    fn add(&mut self, engine: &Engine, rule: Rule, part: &Part) -> anyhow::Result<()> {
        let verdicts = self.backends.record(engine.verify(rule, &part.batch)?);
        self.items += part.items() as u64;
        self.valid += verdicts.valid_count() as u64;
        self.invalid.extend(verdicts.invalid().map(|index| part.places[index]));
        for (place, reason) in &part.malformed {
            self.malformed.push(*place);
            self.reasons.push(reason.clone());
        }
        Ok(())
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = self.unit;
        for place in &self.invalid {
            writeln!(f, "{unit} {place}: invalid")?;
        }
        for (place, reason) in self.malformed.iter().zip(&self.reasons) {
            writeln!(f, "{unit} {place}: malformed: {reason}")?;
        }
        let [items, valid] = [self.items, self.valid].map(Count);
        writeln!(f, "{valid} of {items} signatures valid under {}", self.rule)?;
        write!(f, "{} signatures/s on {}", Rate(self.per_second), self.backends)
    }
}

//! `verilane verify`: a verdict for each signature of a file.

use std::fmt;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use anyhow::Context as _;
use serde::Serialize;
use verilane::Engine;
use verilane::ed25519::{Batch, Rule};

use super::context::Context;
use super::ran::Ran;
use super::units::{Count, Rate};
use super::{Status, input, output, progress, signatures};

/// Verify Ed25519 signatures, each on its own, under a named acceptance rule
///
/// The file has one signature in a line: JSON objects or CSV with a header row. The fields are
/// public_key, signature and message in hexadecimal, or message_base64 in place of message.
/// Malformed lines count as failures. A file without signatures passes, with a warning.
#[derive(clap::Args)]
pub struct Args {
    /// The acceptance rule: rfc8032, strict or zip215. Where nodes must agree, so must their rule
    #[arg(long, value_name = "NAME")]
    rule: Rule,
    /// JSON lines or CSV; - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Serialize)]
struct Summary {
    rule: String,
    /// Signatures and malformed lines together.
    items: u64,
    valid: u64,
    /// Line numbers, from 1.
    invalid: Vec<u64>,
    /// Line numbers, from 1.
    malformed: Vec<u64>,
    /// Why each malformed line is.
    reasons: Vec<String>,
    seconds: f64,
    per_second: f64,
    #[serde(flatten)]
    ran: Ran,
}

pub fn run(args: &Args, context: &Context) -> anyhow::Result<Status> {
    let engine = context.engine()?;
    let file = input::open(&args.file)?;
    let start = Instant::now();
    let bar = progress::bytes(input::total_size(std::slice::from_ref(&args.file)));
    let mut summary = Summary::new(args.rule);
    thread::scope(|scope| {
        let (send, parts) = mpsc::sync_channel(2);
        let reader = scope.spawn(move || signatures::read(file, |part| send.send(part).is_ok()));
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
        summary.ran.note_report(none.report());
    }
    summary.seconds = start.elapsed().as_secs_f64();
    summary.per_second = summary.items as f64 / summary.seconds;
    output::print(context, &summary)?;
    Ok(if summary.valid == summary.items { Status::Passed } else { Status::Failed })
}

impl Summary {
    fn new(rule: Rule) -> Self {
        Summary {
            rule: rule.to_string(),
            items: 0,
            valid: 0,
            invalid: Vec::new(),
            malformed: Vec::new(),
            reasons: Vec::new(),
            seconds: 0.0,
            per_second: 0.0,
            ran: Ran::default(),
        }
    }

    fn add(&mut self, engine: &Engine, rule: Rule, part: &signatures::Part) -> anyhow::Result<()> {
        let verdicts = self.ran.note(engine.verify(rule, &part.batch)?);
        self.items += (part.lines.len() + part.malformed.len()) as u64;
        self.valid += verdicts.valid_count() as u64;
        self.invalid.extend(verdicts.invalid().map(|index| part.lines[index]));
        for (line, reason) in &part.malformed {
            self.malformed.push(*line);
            self.reasons.push(reason.clone());
        }
        Ok(())
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.invalid {
            writeln!(f, "line {line}: invalid")?;
        }
        for (line, reason) in self.malformed.iter().zip(&self.reasons) {
            writeln!(f, "line {line}: malformed: {reason}")?;
        }
        let [items, valid] = [self.items, self.valid].map(Count);
        writeln!(f, "{valid} of {items} signatures valid under {}", self.rule)?;
        write!(f, "{} signatures/s on {}", Rate(self.per_second), self.ran)
    }
}

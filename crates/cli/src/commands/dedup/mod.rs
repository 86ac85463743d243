//! `verilane dedup`: groups of identical records.

mod chunks;
mod index;

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::ValueEnum;
use serde::Serialize;
use verilane::{Digest, Engine, Hash, Key, Threads};

use crate::Status;
use crate::shared::backends_used::BackendsUsed;
use crate::shared::context::Context;
use crate::shared::digester::Digester;
use crate::shared::lines::each_line;
use crate::shared::names::HashName;
use crate::shared::units::{Bytes, Count};
use crate::shared::walk::{self, File};
use crate::shared::{canonical, contents, input, output, progress};
use chunks::Sizes;
use index::{Comparison, RunIndex};

/// Find identical records by their fingerprints, and what leaving them out would save
///
/// The records are the lines of one FILE; of several, or of a DIR, they are the files. A file of a
/// size that no other has is not read. Hard links to a file count once; symbolic links are not
/// followed. This finds exact copies, not records of the same person. Lines and runs count from 1.
#[derive(clap::Args)]
pub struct Args {
    /// A key of 64 digits for BLAKE3: fingerprints that nobody without it can guess or compare
    #[arg(long, value_name = "HEX")]
    key: Option<Key>,
    /// The fingerprint's hash [default: blake3]
    #[arg(long)]
    hash: Option<HashName>,
    /// Compare records by their canonical form, RFC 8785, not by their bytes. Numbers become doubles
    /// there, so 1.0 and 1.00 are equal, and whole numbers beyond 2^53 may be. Records that are not
    /// JSON are reported with their position, and equal no other
    #[arg(long, value_name = "FORM")]
    canonical: Option<Form>,
    /// Find chunks that repeat inside files. FastCDC splits files by their content into chunks of the
    /// sizes given in bytes [default: 4096:16384:65536]
    #[arg(
        long, value_name = "MIN:AVERAGE:MAX", conflicts_with = "canonical",
        num_args = 0..=1, require_equals = true, default_missing_value = "4096:16384:65536"
    )]
    chunks: Option<Sizes>,
    /// Report the records that earlier runs have seen, by the index in the folder PATH, and add those
    /// of this run, or none if it is interrupted. All files are read. If there is no index, a new one
    /// is made, with --key or a random key
    #[arg(long, value_name = "PATH", conflicts_with_all = ["hash", "chunks"])]
    index: Option<PathBuf>,
    /// Files or folders; - for the lines of standard input
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Form {
    Json,
}

#[derive(Serialize)]
struct Summary {
    hash: String,
    records: usize,
    unique: usize,
    duplicate: usize,
    groups: Vec<Vec<Record>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<Comparison<Record>>,
    /// Bytes of the duplicates.
    saved_bytes: u64,
    unreadable: Vec<String>,
    /// Further hard links to files that were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    hard_links: Option<usize>,
    #[serde(flatten)]
    backends: BackendsUsed,
}

/// A line by its number, from 1, or a file by its path.
#[derive(Serialize)]
#[serde(untagged)]
enum Record {
    Line(u64),
    File(String),
}

pub fn run(args: &Args, context: &Context) -> anyhow::Result<Status> {
    let hash = match (args.key, args.hash) {
        // An index keys its fingerprints itself.
        _ if args.index.is_some() => Hash::Blake3,
        (Some(_), Some(HashName::Sha256)) => bail!("--key is for blake3: sha256 has no keyed form here"),
        (Some(key), _) => Hash::KeyedBlake3(key),
        (None, hash) => hash.unwrap_or(HashName::Blake3).into(),
    };
    let engine = context.engine()?;
    let threads = engine.threads().context("cannot start")?;
    if let Some(sizes) = args.chunks {
        if args.paths.iter().any(|path| input::is_stdin(path)) {
            bail!("--chunks is for files: standard input is none");
        }
        let summary = chunks::find(&engine, threads, hash, sizes, &args.paths)?;
        output::print(context, &summary)?;
        return Ok(Status::of(!summary.unreadable.is_empty(), false));
    }
    let index = args.index.as_deref().map(|path| RunIndex::open(path, args.key)).transpose()?;
    let summary = match (&args.paths[..], args.canonical) {
        ([path], None) if holds_lines(path) => lines(&engine, hash, index, path)?,
        ([path], Some(Form::Json)) if holds_lines(path) => json_lines(&engine, threads, hash, index, path)?,
        (paths, form) => files(&engine, threads, hash, form, index, paths)?,
    };
    output::print(context, &summary)?;
    Ok(Status::of(!summary.unreadable.is_empty(), false))
}

/// Whether the records are the lines of what `path` names, not files.
fn holds_lines(path: &Path) -> bool {
    input::is_stdin(path) || !path.is_dir()
}

fn lines(engine: &Engine, hash: Hash, index: Option<RunIndex>, path: &Path) -> anyhow::Result<Summary> {
    let bar = progress::bytes(input::total_size(&[path.into()]));
    let mut digester = Digester::new(engine, hash, &[]);
    let mut lengths = Vec::new();
    each_line(path, |line| {
        bar.inc(line.len() as u64 + 1);
        lengths.push(line.len() as u64);
        digester.push(line)
    })?;
    bar.finish_and_clear();
    let (fingerprints, backends) = digester.finish()?;
    let mut summary = Summary::new(hash, fingerprints.len(), backends);
    let name = |index: usize| Record::Line(index as u64 + 1);
    summary.group(engine, &fingerprints, name, |index| lengths[index])?;
    summary.compare(engine, index, &fingerprints, name)?;
    Ok(summary)
}

fn json_lines(
    engine: &Engine,
    threads: &Threads,
    hash: Hash,
    index: Option<RunIndex>,
    path: &Path,
) -> anyhow::Result<Summary> {
    let bar = progress::bytes(input::total_size(&[path.into()]));
    let lines = canonical::lines(engine, threads, hash, path, |bytes| bar.inc(bytes))?;
    bar.finish_and_clear();
    lines.invalid.iter().for_each(output::warning);
    let mut summary = Summary::new(hash, lines.fingerprints.len(), lines.backends);
    summary.unreadable = lines.invalid;
    let name = |index: usize| Record::Line(lines.numbers[index]);
    summary.group(engine, &lines.fingerprints, name, |index| lines.lengths[index])?;
    summary.compare(engine, index, &lines.fingerprints, name)?;
    Ok(summary)
}

fn files(
    engine: &Engine,
    threads: &Threads,
    hash: Hash,
    form: Option<Form>,
    index: Option<RunIndex>,
    paths: &[PathBuf],
) -> anyhow::Result<Summary> {
    let mut found = threads.run(|| walk::find(paths));
    let hard_links = found.drop_hard_links();
    let mut unreadable = found.unreadable;
    // Texts of different lengths can have the same form, and any file may have been seen before.
    let by_size = form.is_none() && index.is_none();
    let alone = if by_size { keep_same_sizes(&mut found.files) } else { 0 };
    let bar = progress::bytes(found.files.iter().map(|file| file.length).sum());
    let (digests, backends) = match form {
        None => contents::digests(engine, threads, hash, &found.files, &bar)?,
        Some(Form::Json) => contents::canonical_digests(engine, threads, hash, &found.files, &bar)?,
    };
    bar.finish_and_clear();
    let mut fingerprints = Vec::with_capacity(digests.len());
    let mut read = Vec::with_capacity(digests.len());
    for (file, digest) in found.files.into_iter().zip(digests) {
        match digest {
            Ok(digest) => {
                fingerprints.push(digest);
                read.push(file);
            }
            Err(error) => unreadable.push(format!("cannot read {}: {error}", file.path.display())),
        }
    }
    unreadable.iter().for_each(output::warning);
    let mut summary = Summary::new(hash, alone + read.len(), backends);
    summary.hard_links = Some(hard_links);
    summary.unreadable = unreadable;
    let name = |index: usize| Record::File(read[index].path.display().to_string());
    summary.group(engine, &fingerprints, name, |index| read[index].length)?;
    summary.compare(engine, index, &fingerprints, name)?;
    Ok(summary)
}

/// Keeps the files whose size another has too, in their order, and returns the number of
/// the others.
fn keep_same_sizes(files: &mut Vec<File>) -> usize {
    let mut counts = HashMap::new();
    for file in &*files {
        *counts.entry(file.length).or_insert(0) += 1;
    }
    let before = files.len();
    files.retain(|file| counts[&file.length] > 1);
    before - files.len()
}

impl Summary {
    fn new(hash: Hash, records: usize, backends: BackendsUsed) -> Self {
        Summary {
            hash: hash.to_string(),
            records,
            unique: records,
            duplicate: 0,
            groups: Vec::new(),
            index: None,
            saved_bytes: 0,
            unreadable: Vec::new(),
            hard_links: None,
            backends,
        }
    }

    /// Groups equal fingerprints, with the `name` and the `length` of each record.
    fn group(
        &mut self,
        engine: &Engine,
        fingerprints: &[Digest],
        name: impl Fn(usize) -> Record,
        length: impl Fn(usize) -> u64,
    ) -> anyhow::Result<()> {
        let firsts = self.backends.record(engine.first_occurrences(fingerprints)?);
        self.duplicate = firsts.duplicates().count();
        self.unique = self.records - self.duplicate;
        self.saved_bytes = firsts.duplicates().map(length).sum();
        let names = |group: Vec<u32>| group.into_iter().map(|index| name(index as usize)).collect();
        self.groups = firsts.groups().into_iter().map(names).collect();
        Ok(())
    }

    /// Compares the records with those of earlier runs, where an index of them was asked for.
    fn compare(
        &mut self,
        engine: &Engine,
        index: Option<RunIndex>,
        fingerprints: &[Digest],
        name: impl Fn(usize) -> Record,
    ) -> anyhow::Result<()> {
        let compare = |index: RunIndex| index.compare(engine, fingerprints, name, &mut self.backends);
        self.index = index.map(compare).transpose()?;
        Ok(())
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for group in &self.groups {
            let names: Vec<_> = group.iter().map(ToString::to_string).collect();
            writeln!(f, "{}", names.join(" = "))?;
        }
        if let Some(index) = &self.index {
            writeln!(f, "{index}")?;
        }
        let [records, unique, duplicate] =
            [self.records, self.unique, self.duplicate].map(|count| Count(count as u64));
        writeln!(f, "{records} records, {unique} unique, {duplicate} repeat an earlier one")?;
        if let Some(links) = self.hard_links.filter(|&links| links > 0) {
            writeln!(f, "{} further names of these files not counted", Count(links as u64))?;
        }
        let saved = Bytes(self.saved_bytes as f64);
        write!(f, "{saved} saved without these; {} on {}", self.hash, self.backends)
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Record::Line(number) => write!(f, "line {number}"),
            Record::File(path) => f.write_str(path),
        }
    }
}

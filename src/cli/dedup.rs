//! `verilane dedup`: groups of identical records.

use std::collections::HashMap;
use std::fmt;
use std::fs::Metadata;
use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::ValueEnum;
use serde::Serialize;
use verilane::{Digest, Engine, Hash, Key};
use walkdir::{DirEntry, WalkDir};

use super::context::Context;
use super::digester::Digester;
use super::lines::each_line;
use super::ran::Ran;
use super::units::{Bytes, Count};
use super::{Status, input, output, progress};

/// Find identical records by their fingerprints, and what leaving them out would save
///
/// The records are the lines of one FILE; of several, or of a DIR, they are the files. Files alone
/// in their size are not read. Symbolic links are not followed. This finds exact copies, not
/// records of the same person. JSON counts lines from 0.
#[derive(clap::Args)]
pub struct Args {
    /// A key of 64 digits for BLAKE3: fingerprints that nobody without it can guess or compare
    #[arg(long, value_name = "HEX")]
    key: Option<Key>,
    /// The fingerprint's hash [default: blake3]
    #[arg(long)]
    hash: Option<HashName>,
    /// Files or folders; - for the lines of standard input
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum HashName {
    Blake3,
    Sha256,
}

#[derive(Serialize)]
struct Summary {
    hash: String,
    records: usize,
    unique: usize,
    duplicate: usize,
    groups: Vec<Vec<Record>>,
    /// Bytes of the records that repeat an earlier one.
    saved_bytes: u64,
    unreadable: Vec<String>,
    #[serde(flatten)]
    ran: Ran,
}

/// A line by its position, from 0, or a file by its path.
#[derive(Serialize)]
#[serde(untagged)]
enum Record {
    Line(u32),
    File(String),
}

pub fn run(args: &Args, context: &Context) -> anyhow::Result<Status> {
    let hash = match (args.key, args.hash) {
        (Some(_), Some(HashName::Sha256)) => bail!("--key is for blake3: sha256 has no keyed form here"),
        (Some(key), _) => Hash::KeyedBlake3(key),
        (None, Some(HashName::Sha256)) => Hash::Sha256,
        (None, _) => Hash::Blake3,
    };
    let engine = context.engine()?;
    let summary = match &args.paths[..] {
        [path] if input::is_stdin(path) || !path.is_dir() => lines(&engine, hash, path)?,
        paths => files(&engine, hash, paths)?,
    };
    output::print(context, &summary)?;
    Ok(if summary.unreadable.is_empty() { Status::Passed } else { Status::Unreadable })
}

fn lines(engine: &Engine, hash: Hash, path: &Path) -> anyhow::Result<Summary> {
    let bar = progress::bytes(input::total_size(&[path.into()]));
    let mut digester = Digester::new(engine, hash, &[]);
    let mut lengths = Vec::new();
    each_line(path, |line| {
        bar.inc(line.len() as u64 + 1);
        lengths.push(line.len() as u64);
        digester.push(line)
    })?;
    bar.finish_and_clear();
    let (prints, ran) = digester.finish()?;
    let mut summary = Summary::new(hash, prints.len(), ran);
    summary.group(engine, &prints, |index| (Record::Line(index as u32), lengths[index]))?;
    Ok(summary)
}

/// A file that may have a copy.
struct File {
    path: PathBuf,
    length: u64,
}

fn files(engine: &Engine, hash: Hash, paths: &[PathBuf]) -> anyhow::Result<Summary> {
    let mut unreadable = Vec::new();
    let mut complain = |error: String| {
        output::warning(&error);
        unreadable.push(error);
    };
    let found = find_files(paths, &mut complain);
    let records = found.len();
    let mut candidates = same_size(found);
    let bar = progress::bytes(candidates.iter().map(|file| file.length).sum());
    let mut digester = Digester::new(engine, hash, &[]);
    let before = candidates.len();
    candidates.retain(|file| match digester.push_file(&file.path) {
        Ok(length) => {
            bar.inc(length);
            true
        }
        Err(error) => {
            complain(format!("cannot read {}: {error:#}", file.path.display()));
            false
        }
    });
    bar.finish_and_clear();
    let (prints, ran) = digester.finish()?;
    let mut summary = Summary::new(hash, records - (before - candidates.len()), ran);
    summary.unreadable = unreadable;
    summary.group(engine, &prints, |index| {
        let file = &candidates[index];
        (Record::File(file.path.display().to_string()), file.length)
    })?;
    Ok(summary)
}

/// The files under `paths`, folders in the order of their entries' names.
fn find_files(paths: &[PathBuf], complain: &mut impl FnMut(String)) -> Vec<File> {
    let mut files = Vec::new();
    for entry in paths.iter().flat_map(|path| WalkDir::new(path).sort_by_file_name()) {
        match entry.and_then(|entry| Ok((metadata(&entry)?, entry))) {
            Ok((metadata, entry)) if metadata.is_file() => {
                files.push(File { path: entry.into_path(), length: metadata.len() });
            }
            Ok(_) => {}
            Err(error) => {
                let path = error.path().unwrap_or(Path::new("")).display();
                let reason = error.io_error().map_or(error.to_string(), ToString::to_string);
                complain(format!("cannot read {path}: {reason}"));
            }
        }
    }
    files
}

/// What an entry is; a path that was named is meant, even if it is a link.
fn metadata(entry: &DirEntry) -> walkdir::Result<Metadata> {
    match entry.path().metadata() {
        Ok(metadata) if entry.depth() == 0 => Ok(metadata),
        _ => entry.metadata(),
    }
}

/// The files that are not alone in their size, in their order.
fn same_size(files: Vec<File>) -> Vec<File> {
    let mut counts = HashMap::new();
    for file in &files {
        *counts.entry(file.length).or_insert(0) += 1;
    }
    files.into_iter().filter(|file| counts[&file.length] > 1).collect()
}

impl Summary {
    fn new(hash: Hash, records: usize, ran: Ran) -> Self {
        Summary {
            hash: hash.to_string(),
            records,
            unique: records,
            duplicate: 0,
            groups: Vec::new(),
            saved_bytes: 0,
            unreadable: Vec::new(),
            ran,
        }
    }

    /// Groups equal fingerprints; `record` tells a record's name and length.
    fn group(
        &mut self,
        engine: &Engine,
        prints: &[Digest],
        record: impl Fn(usize) -> (Record, u64),
    ) -> anyhow::Result<()> {
        let firsts = self.ran.note(engine.first_occurrences(prints)?);
        self.duplicate = firsts.duplicates().count();
        self.unique = self.records - self.duplicate;
        self.saved_bytes = firsts.duplicates().map(|index| record(index).1).sum();
        let names = |group: Vec<u32>| group.into_iter().map(|index| record(index as usize).0).collect();
        self.groups = firsts.groups().into_iter().map(names).collect();
        Ok(())
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for group in &self.groups {
            let names: Vec<_> = group.iter().map(ToString::to_string).collect();
            writeln!(f, "{}", names.join(" = "))?;
        }
        let [records, unique, duplicate] =
            [self.records, self.unique, self.duplicate].map(|count| Count(count as u64));
        writeln!(f, "{records} records, {unique} unique, {duplicate} repeat an earlier one")?;
        let saved = Bytes(self.saved_bytes as f64);
        write!(f, "{saved} saved without these; {} on {}", self.hash, self.ran)
    }
}

/// Lines are numbered from 1 in text, as editors number them.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Record::Line(position) => write!(f, "line {}", u64::from(*position) + 1),
            Record::File(path) => f.write_str(path),
        }
    }
}

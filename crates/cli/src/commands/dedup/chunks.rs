//! `verilane dedup --chunks`: repeated chunks inside files.

use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::Context as _;
use indicatif::ProgressBar;
use rayon::prelude::*;
use serde::Serialize;
use verilane::dedup::chunks::ChunkSizes;
use verilane::{Digest, Engine, Hash, Records, Threads};

use crate::shared::backends_used::BackendsUsed;
use crate::shared::units::{Bytes, Count};
use crate::shared::walk::{self, File};
use crate::shared::{contents, output, progress};

/// Bytes of a long file in memory: more than the longest chunk.
const WINDOW: usize = 64 << 20;

/// The smallest, the average and the largest size of a chunk.
#[derive(Clone, Copy)]
pub struct Sizes(ChunkSizes);

impl FromStr for Sizes {
    type Err = anyhow::Error;

    /// Reads `MIN:AVERAGE:MAX`, in bytes.
    fn from_str(text: &str) -> anyhow::Result<Self> {
        let sizes: Result<Vec<usize>, _> = text.split(':').map(str::parse).collect();
        let sizes: Result<[usize; 3], _> = sizes.unwrap_or_default().try_into();
        let [min, average, max] =
            sizes.ok().context("three numbers of bytes are expected, MIN:AVERAGE:MAX")?;
        Ok(Sizes(ChunkSizes::new(min, average, max)?))
    }
}

#[derive(Serialize)]
pub struct Summary {
    hash: String,
    files: usize,
    bytes: u64,
    chunks: usize,
    unique: usize,
    duplicate: usize,
    /// Bytes of the duplicates.
    saved_bytes: u64,
    pub unreadable: Vec<String>,
    /// Further hard links to files that were counted.
    hard_links: usize,
    #[serde(flatten)]
    backends: BackendsUsed,
}

/// Splits all files under `paths` and finds equal chunks.
pub fn find(
    engine: &Engine,
    threads: &Threads,
    hash: Hash,
    Sizes(sizes): Sizes,
    paths: &[PathBuf],
) -> anyhow::Result<Summary> {
    let mut found = threads.run(|| walk::find(paths));
    let hard_links = found.drop_hard_links();
    let walk::Found { files, mut unreadable, .. } = found;
    let before = unreadable.len();
    let mut push_unreadable = |file: &File, error: &anyhow::Error| {
        unreadable.push(format!("cannot read {}: {error:#}", file.path.display()));
    };
    let bar = progress::bytes(files.iter().map(|file| file.length).sum());
    let mut chunks = Chunks::new(engine, threads, hash, sizes);
    let long = contents::each_batch(threads, &files, |batch| {
        bar.inc(batch.records.total_bytes());
        let read = batch.read.into_iter().enumerate().filter_map(|(position, read)| match read {
            Ok(()) => Some(batch.records.get(position)),
            Err(error) => {
                push_unreadable(&files[batch.indices[position]], &error.into());
                None
            }
        });
        chunks.push_files(&read.collect::<Vec<_>>())
    })?;
    for index in long {
        match chunks.push_long(&files[index], &bar) {
            Err(error) if error.is::<io::Error>() => push_unreadable(&files[index], &error),
            pushed => pushed?,
        }
    }
    bar.finish_and_clear();
    unreadable.iter().for_each(output::warning);
    let files = files.len() - (unreadable.len() - before);
    let firsts = chunks.backends.record(engine.first_occurrences(&chunks.fingerprints)?);
    let length = |index: usize| u64::from(chunks.lengths[index]);
    Ok(Summary {
        hash: hash.to_string(),
        files,
        bytes: (0..chunks.lengths.len()).map(length).sum(),
        chunks: chunks.fingerprints.len(),
        unique: firsts.unique_count(),
        duplicate: firsts.duplicates().count(),
        saved_bytes: firsts.duplicates().map(length).sum(),
        unreadable,
        hard_links,
        backends: chunks.backends,
    })
}

/// The chunks of all files: 36 bytes for each.
struct Chunks<'e> {
    engine: &'e Engine,
    threads: &'e Threads,
    hash: Hash,
    sizes: ChunkSizes,
    fingerprints: Vec<Digest>,
    lengths: Vec<u32>,
    backends: BackendsUsed,
}

impl<'e> Chunks<'e> {
    fn new(engine: &'e Engine, threads: &'e Threads, hash: Hash, sizes: ChunkSizes) -> Self {
        let (fingerprints, lengths) = (Vec::new(), Vec::new());
        Chunks { engine, threads, hash, sizes, fingerprints, lengths, backends: BackendsUsed::default() }
    }

    fn push_files(&mut self, files: &[&[u8]]) -> anyhow::Result<()> {
        let cuts: Vec<Vec<usize>> =
            self.threads.run(|| files.par_iter().map(|file| self.sizes.cut(file, self.threads)).collect());
        let mut chunks = Records::with_capacity(cuts.iter().map(Vec::len).sum(), 0);
        for (file, cuts) in files.iter().zip(cuts) {
            let starts = std::iter::once(0).chain(cuts.iter().copied());
            starts.zip(&cuts).for_each(|(start, &end)| chunks.push(&file[start..end]));
        }
        self.push(&chunks)
    }

    /// Splits a file as it is read. After an error, nothing of it was added.
    fn push_long(&mut self, file: &File, bar: &ProgressBar) -> anyhow::Result<()> {
        let before = self.fingerprints.len();
        let pushed = self.push_windows(bar.wrap_read(contents::open(file)?));
        if pushed.is_err() {
            self.fingerprints.truncate(before);
            self.lengths.truncate(before);
        }
        pushed
    }

    fn push_windows(&mut self, mut content: impl Read) -> anyhow::Result<()> {
        let mut window = Vec::with_capacity(WINDOW);
        loop {
            let room = (WINDOW - window.len()) as u64;
            let is_last = content.by_ref().take(room).read_to_end(&mut window)? < room as usize;
            let cuts = match is_last {
                true => self.sizes.cut(&window, self.threads),
                false => self.sizes.cut_beginning(&window, self.threads),
            };
            let offsets: Vec<u64> = std::iter::once(0).chain(cuts.iter().map(|&cut| cut as u64)).collect();
            self.push(&Records::new(&window, &offsets)?)?;
            if is_last {
                return Ok(());
            }
            window.drain(..offsets[cuts.len()] as usize);
        }
    }

    fn push(&mut self, chunks: &Records<'_>) -> anyhow::Result<()> {
        let digests = self.backends.record(self.engine.hash(self.hash, chunks)?);
        self.fingerprints.extend(digests);
        self.lengths.extend(chunks.iter().map(|chunk| chunk.len() as u32));
        Ok(())
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [files, chunks, unique, duplicate] =
            [self.files, self.chunks, self.unique, self.duplicate].map(|count| Count(count as u64));
        let [bytes, saved] = [self.bytes, self.saved_bytes].map(|bytes| Bytes(bytes as f64));
        writeln!(f, "{files} files of {bytes}")?;
        if self.hard_links > 0 {
            writeln!(f, "{} further names of these files not counted", Count(self.hard_links as u64))?;
        }
        writeln!(f, "{chunks} chunks, {unique} unique, {duplicate} repeat an earlier one")?;
        write!(f, "{saved} saved without these; {} on {}", self.hash, self.backends)
    }
}

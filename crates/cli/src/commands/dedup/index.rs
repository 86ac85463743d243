//! The index of earlier runs: `verilane dedup --index`.

use std::fmt::{self, Display};
use std::path::Path;

use serde::Serialize;
use verilane::dedup::{Index, IndexOptions, Seen};
use verilane::{Digest, Engine, Key};

use crate::shared::backends_used::BackendsUsed;
use crate::shared::units::Count;

/// The records of all earlier runs; each run is a block of the index.
pub struct RunIndex {
    path: String,
    index: Index,
}

/// A run's records against those of earlier runs.
#[derive(Serialize)]
pub struct Comparison<R> {
    path: String,
    /// This run's number, from 1.
    run: u64,
    seen: Vec<SeenBefore<R>>,
    added: usize,
    /// Distinct records of all runs, including this one.
    records: u64,
}

#[derive(Serialize)]
struct SeenBefore<R> {
    record: R,
    run: u64,
}

impl RunIndex {
    pub fn open(path: &Path, key: Option<Key>) -> anyhow::Result<Self> {
        let index = Index::open(path, IndexOptions { key, ..IndexOptions::default() })?;
        Ok(RunIndex { path: path.display().to_string(), index })
    }

    /// Compares this run's records, named by `name`, and adds the new ones: all of them, or
    /// none if it is interrupted.
    pub fn compare<R>(
        mut self,
        engine: &Engine,
        digests: &[Digest],
        name: impl Fn(usize) -> R,
        backends: &mut BackendsUsed,
    ) -> anyhow::Result<Comparison<R>> {
        let block = self.index.blocks();
        let answers = backends.record(self.index.add(engine, block, digests)?);
        let seen_before = |(index, &seen): (usize, &Seen)| match seen {
            Seen::InBlock(block) => Some(SeenBefore { record: name(index), run: block + 1 }),
            Seen::New | Seen::Repeats(_) => None,
        };
        let seen = answers.iter().enumerate().filter_map(seen_before).collect();
        let added = answers.iter().filter(|&&seen| seen == Seen::New).count();
        Ok(Comparison { path: self.path, run: block + 1, seen, added, records: self.index.len() })
    }
}

impl<R: Display> Display for Comparison<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for SeenBefore { record, run } in &self.seen {
            writeln!(f, "{record} was seen in run {run}")?;
        }
        let [seen, added, records] = [self.seen.len() as u64, self.added as u64, self.records].map(Count);
        let (path, run) = (&self.path, self.run);
        write!(f, "{seen} seen in earlier runs, {added} added as run {run}: {path} holds {records}")
    }
}

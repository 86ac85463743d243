//! Indexes that hold the same records, one for each back end, and a map that gives the
//! right answers.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use tempfile::TempDir;
use verilane::dedup::{Index, IndexError, IndexOptions, Seen};
use verilane::{Backend, BackendKind, Digest, Engine, Error, Fault};

use super::random::{RandomStream, below, repeats};

/// Records in each block that fills an index before the first call.
const BLOCK_RECORDS: u64 = 1 << 16;

/// What the indexes hold: records by their numbers, from 0.
pub struct IndexFixture {
    /// The number of records up to the end of each block.
    ends: Vec<u64>,
    /// The block of each record.
    blocks: HashMap<u64, u64>,
    indexes: Vec<BackendIndex>,
}

/// A back end's own index, which grows with each call.
pub struct BackendIndex {
    backend: BackendKind,
    pub engine: Engine,
    pub index: Index,
    /// Removed on drop.
    _folder: TempDir,
}

/// A block's records, and whether each was seen before.
pub struct IndexBlock {
    pub number: u64,
    pub records: Vec<Digest>,
    pub seen: Vec<Seen>,
}

impl IndexFixture {
    /// Indexes that hold `known` records before the first call.
    pub fn new(known: u64) -> Self {
        let ends = (0..known)
            .step_by(BLOCK_RECORDS as usize)
            .map(|start| known.min(start + BLOCK_RECORDS))
            .collect();
        let blocks = (0..known).map(|number| (number, number / BLOCK_RECORDS)).collect();
        IndexFixture { ends, blocks, indexes: Vec::new() }
    }

    /// The next block: 30 % of its records were seen before, in the index or in
    /// the block itself.
    pub fn next_block(&mut self, items: usize, stream: &mut RandomStream) -> IndexBlock {
        let number = self.ends.len() as u64;
        let mut next = self.blocks.len() as u64;
        let mut draw = |word| {
            if repeats(word) && next > 0 {
                return below(word, next as usize) as u64;
            }
            next += 1;
            next - 1
        };
        let drawn: Vec<u64> = stream.words(items).into_iter().map(&mut draw).collect();
        let mut firsts = HashMap::new();
        let mut look_up = |(position, record)| match (self.blocks.get(record), firsts.entry(*record)) {
            (Some(&block), _) => Seen::InBlock(block),
            (None, Entry::Occupied(first)) => Seen::Repeats(*first.get()),
            (None, Entry::Vacant(first)) => {
                first.insert(position);
                Seen::New
            }
        };
        let seen = (0..).zip(&drawn).map(&mut look_up).collect();
        self.blocks.extend(firsts.into_keys().map(|record| (record, number)));
        self.ends.push(next);
        IndexBlock { number, records: drawn.into_iter().map(record).collect(), seen }
    }

    /// The back end's index, filled with the blocks below `next`.
    pub fn index_of(&mut self, backend: &Arc<dyn Backend>, next: u64) -> Result<&mut BackendIndex, Fault> {
        let kind = backend.info().kind;
        let position = match self.indexes.iter().position(|index| index.backend == kind) {
            Some(position) => position,
            None => {
                self.indexes.push(BackendIndex::new(backend)?);
                self.indexes.len() - 1
            }
        };
        let index = &mut self.indexes[position];
        index.fill(&self.ends[..next as usize])?;
        Ok(index)
    }
}

impl BackendIndex {
    fn new(backend: &Arc<dyn Backend>) -> Result<Self, Fault> {
        let engine =
            Engine::with_backends(vec![backend.clone()]).map_err(|error| index_fault(error.into()))?;
        let folder = tempfile::tempdir().map_err(|error| Fault::Start(error.to_string()))?;
        let index = Index::open(folder.path(), IndexOptions::default()).map_err(index_fault)?;
        Ok(BackendIndex { backend: backend.info().kind, engine, index, _folder: folder })
    }

    /// Adds those of the blocks with these ends that are missing.
    fn fill(&mut self, ends: &[u64]) -> Result<(), Fault> {
        for block in self.index.blocks()..ends.len() as u64 {
            let end = ends[block as usize];
            let records: Vec<_> = (self.index.len()..end).map(record).collect();
            let _ = self.index.add(&self.engine, block, &records).map_err(index_fault)?;
        }
        Ok(())
    }
}

/// The digest that stands for a record: what an index keeps of it is random.
fn record(number: u64) -> Digest {
    let mut digest = Digest::default();
    digest.0[..8].copy_from_slice(&number.to_le_bytes());
    digest
}

pub fn index_fault(error: IndexError) -> Fault {
    match error {
        IndexError::Engine(Error::Fault(fault)) => fault,
        error => Fault::Start(error.to_string()),
    }
}

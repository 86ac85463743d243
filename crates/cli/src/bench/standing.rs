//! Indexes that hold the same records, one for each back end, and a map that
//! knows the right answers.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use verilane::dedup::{Index, IndexError, IndexOptions, Seen};
use verilane::{Backend, BackendKind, Digest, Engine, Error, Fault};

use super::input::{Stream, below, repeats};

/// Records in a block with which an index is filled.
const BLOCK: u64 = 1 << 16;

/// What the indexes have seen: records by their numbers, from 0.
pub struct Standing {
    /// How many records there are with each block.
    ends: Vec<u64>,
    /// The block of each record.
    blocks: HashMap<u64, u64>,
    indexes: Vec<Own>,
}

/// A back end's own index, which grows with each call.
struct Own {
    backend: BackendKind,
    engine: Engine,
    index: Index,
    /// Removed when this is dropped.
    _folder: TempDir,
}

/// A block's records, and whether each was seen before.
pub struct Block {
    number: u64,
    records: Vec<Digest>,
    pub seen: Vec<Seen>,
}

impl Standing {
    /// Indexes that hold `known` records before the first call.
    pub fn new(known: u64) -> Self {
        let ends = (0..known).step_by(BLOCK as usize).map(|start| known.min(start + BLOCK)).collect();
        let blocks = (0..known).map(|number| (number, number / BLOCK)).collect();
        Standing { ends, blocks, indexes: Vec::new() }
    }

    /// The next block: 30 % of its records were seen before, in the index or in
    /// the block itself.
    pub fn draw(&mut self, items: usize, stream: &mut Stream) -> Block {
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
        Block { number, records: drawn.into_iter().map(record).collect(), seen }
    }

    /// What the back end's index tells of the block, when it is scanned and when
    /// it is then added; and the time that both take.
    pub fn check(
        &mut self,
        backend: &Arc<dyn Backend>,
        block: &Block,
    ) -> Result<([Vec<Seen>; 2], Duration), Fault> {
        let Own { engine, index, .. } = self.own(backend, block.number)?;
        let start = Instant::now();
        let scanned = index.scan(engine, &block.records).map_err(fault)?;
        let added = index.add(engine, block.number, &block.records).map_err(fault)?;
        let time = start.elapsed();
        Ok(([scanned.into_inner(), added.into_inner()], time))
    }

    /// The back end's index with the blocks below `next`.
    fn own(&mut self, backend: &Arc<dyn Backend>, next: u64) -> Result<&mut Own, Fault> {
        let kind = backend.info().kind;
        let place = match self.indexes.iter().position(|own| own.backend == kind) {
            Some(place) => place,
            None => {
                self.indexes.push(Own::new(backend)?);
                self.indexes.len() - 1
            }
        };
        let own = &mut self.indexes[place];
        own.fill(&self.ends[..next as usize])?;
        Ok(own)
    }
}

impl Own {
    fn new(backend: &Arc<dyn Backend>) -> Result<Self, Fault> {
        let engine = Engine::with_backends(vec![backend.clone()]).map_err(|error| fault(error.into()))?;
        let folder = tempfile::tempdir().map_err(|error| Fault::Start(error.to_string()))?;
        let index = Index::open(folder.path(), IndexOptions::default()).map_err(fault)?;
        Ok(Own { backend: backend.info().kind, engine, index, _folder: folder })
    }

    /// Adds the blocks with these ends that are not in the index.
    fn fill(&mut self, ends: &[u64]) -> Result<(), Fault> {
        for block in self.index.blocks()..ends.len() as u64 {
            let end = ends[block as usize];
            let records: Vec<_> = (self.index.len()..end).map(record).collect();
            let _ = self.index.add(&self.engine, block, &records).map_err(fault)?;
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

fn fault(error: IndexError) -> Fault {
    match error {
        IndexError::Engine(Error::Fault(fault)) => fault,
        error => Fault::Start(error.to_string()),
    }
}

//! The store on disk: the fingerprints of all blocks, in order of arrival.
//!
//! | table | key | value |
//! |---|---|---|
//! | `meta` | `format`, `key` | the format's version, 4 bytes, little-endian; the key check value, a digest that depends on the key |
//! | `blocks` | the block's number | the number of fingerprints up to and including this block |
//! | `prints` | the segment's number | the fingerprints from position number × [`SEGMENT_LEN`] on |

use std::path::Path;

use redb::{
    Builder, Database, DatabaseError, ReadOnlyTable, ReadableDatabase, ReadableTable, ReadableTableMetadata,
    TableDefinition, TableError,
};

use super::error::IndexError;
use super::filter::Candidate;
use crate::Digest;

/// The version of the format: the one written, and the latest one read.
const FORMAT: u32 = 1;

/// The types of this table are the same in all versions, so that each version recognizes the
/// others.
const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");
const BLOCKS: TableDefinition<u64, u32> = TableDefinition::new("blocks");
const FINGERPRINTS: TableDefinition<u32, &[u8]> = TableDefinition::new("prints");

/// The number of fingerprints in a segment: the most for which redb's node fits a page of
/// 4 KiB, so that a lookup reads one page.
const SEGMENT_LEN: usize = 127;

/// The number of segments that are read at a time when the store is opened.
const SEGMENTS_PER_RUN: usize = 1 << 13;

pub struct Store {
    database: Database,
}

impl Store {
    /// Creates a store in the file at `path`, which must not exist.
    pub fn create(path: &Path, key_check: &Digest) -> Result<(), IndexError> {
        let create = || -> Result<(), redb::Error> {
            let write = Builder::new().create(path)?.begin_write()?;
            {
                let mut meta = write.open_table(META)?;
                meta.insert("format", &FORMAT.to_le_bytes()[..])?;
                meta.insert("key", &key_check.0[..])?;
                write.open_table(BLOCKS)?;
                write.open_table(FINGERPRINTS)?;
            }
            Ok(write.commit()?)
        };
        create().map_err(|error| IndexError::store(path, error))
    }

    /// Opens the store in the file at `path`; repairs it if it was not closed.
    pub fn open(path: &Path, key_check: &Digest, cache_bytes: usize) -> Result<Self, IndexError> {
        let database = Builder::new().set_cache_size(cache_bytes).open(path);
        let database = database.map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => IndexError::InUse { path: path.into() },
            error => IndexError::store(path, error),
        })?;
        let store = Store { database };
        store.check_meta(path, key_check)?;
        Ok(store)
    }

    /// Checks the format and the key.
    fn check_meta(&self, path: &Path, key_check: &Digest) -> Result<(), IndexError> {
        let meta = |name: &str| -> Result<Option<Vec<u8>>, redb::Error> {
            let meta = match self.database.begin_read()?.open_table(META) {
                Err(TableError::TableDoesNotExist(_)) => return Ok(None),
                meta => meta?,
            };
            Ok(meta.get(name)?.map(|value| value.value().to_vec()))
        };
        let read = |name| meta(name).map_err(|error| IndexError::store(path, error));
        let format = read("format")?.and_then(|format| format.try_into().ok()).map(u32::from_le_bytes);
        match format {
            None => {
                let reason = "it is the store of something else".into();
                return Err(IndexError::NotAnIndex { path: path.into(), reason });
            }
            Some(found) if found > FORMAT => {
                return Err(IndexError::Version { path: path.into(), found, supported: FORMAT });
            }
            Some(_) => {}
        }
        if read("key")?.as_deref() != Some(key_check.as_ref()) {
            return Err(IndexError::WrongKey { path: path.into() });
        }
        Ok(())
    }

    /// The number of fingerprints up to and including each block.
    pub fn block_ends(&self) -> Result<Vec<u32>, redb::Error> {
        let blocks = self.database.begin_read()?.open_table(BLOCKS)?;
        let mut block_ends = Vec::new();
        for entry in blocks.iter()? {
            let (block, end) = entry?;
            let end = end.value();
            if block.value() != block_ends.len() as u64 || block_ends.last().is_some_and(|&last| end < last) {
                return Err(corrupted(format!("block {} does not follow the one before it", block.value())));
            }
            block_ends.push(end);
        }
        Ok(block_ends)
    }

    /// Calls `visit` with all `len` fingerprints in consecutive runs, each with the position of
    /// its first fingerprint.
    pub fn for_each_run(&self, len: u32, mut visit: impl FnMut(u32, &[Digest])) -> Result<(), redb::Error> {
        let table = self.database.begin_read()?.open_table(FINGERPRINTS)?;
        let segments = (len as usize).div_ceil(SEGMENT_LEN);
        if table.len()? != segments as u64 {
            return Err(corrupted(format!("{} segments hold {len} fingerprints", table.len()?)));
        }
        let mut run: Vec<Digest> = Vec::new();
        let mut run_start = 0;
        for segment in 0..segments {
            let segment_start = segment * SEGMENT_LEN;
            let expected = SEGMENT_LEN.min(len as usize - segment_start);
            read_segment(&table, segment as u32, |stored| run.extend_from_slice(stored))?;
            if run_start as usize + run.len() != segment_start + expected {
                return Err(corrupted(format!("segment {segment} does not hold {expected} fingerprints")));
            }
            if (segment + 1) % SEGMENTS_PER_RUN == 0 || segment + 1 == segments {
                visit(run_start, &run);
                run_start += run.len() as u32;
                run.clear();
            }
        }
        Ok(())
    }

    /// Appends a block and its `fingerprints` to the `len` fingerprints in the store,
    /// atomically. They are on disk when this returns.
    pub fn append(&self, block: u64, len: u32, fingerprints: &[Digest]) -> Result<(), redb::Error> {
        let write = self.database.begin_write()?;
        {
            write.open_table(BLOCKS)?.insert(block, len + fingerprints.len() as u32)?;
            let mut table = write.open_table(FINGERPRINTS)?;
            let first = len / SEGMENT_LEN as u32;
            let partial = table.get(first)?.map(|segment| segment.value().to_vec());
            let mut bytes = partial.unwrap_or_default();
            bytes.extend_from_slice(bytemuck::cast_slice(fingerprints));
            for (segment, bytes) in (first..).zip(bytes.chunks(SEGMENT_LEN * size_of::<Digest>())) {
                table.insert(segment, bytes)?;
            }
        }
        Ok(write.commit()?)
    }

    /// The `candidates` whose fingerprint is at their position. `candidates` must be sorted by
    /// position.
    pub fn confirm(
        &self,
        fingerprints: &[Digest],
        candidates: &[Candidate],
    ) -> Result<Vec<Candidate>, redb::Error> {
        let table = self.database.begin_read()?.open_table(FINGERPRINTS)?;
        let segment = |candidate: &Candidate| candidate.position / SEGMENT_LEN as u32;
        let mut confirmed = Vec::with_capacity(candidates.len());
        for group in candidates.chunk_by(|a, b| segment(a) == segment(b)) {
            read_segment(&table, segment(&group[0]), |stored| {
                let matches = |candidate: &&Candidate| {
                    let stored = stored.get(candidate.position as usize % SEGMENT_LEN);
                    stored == Some(&fingerprints[candidate.index as usize])
                };
                confirmed.extend(group.iter().filter(matches));
            })?;
        }
        Ok(confirmed)
    }
}

/// Calls `read` with the fingerprints of a segment.
fn read_segment(
    table: &ReadOnlyTable<u32, &[u8]>,
    segment: u32,
    read: impl FnOnce(&[Digest]),
) -> Result<(), redb::Error> {
    let value = table.get(segment)?.ok_or_else(|| corrupted(format!("segment {segment} is missing")))?;
    let fingerprints = bytemuck::try_cast_slice(value.value());
    read(fingerprints.map_err(|_| corrupted(format!("segment {segment} is cut within a fingerprint")))?);
    Ok(())
}

fn corrupted(reason: String) -> redb::Error {
    redb::Error::Corrupted(reason)
}

//! What is on disk: the fingerprints of all blocks, one after the other.
//!
//! | table | key | value |
//! |---|---|---|
//! | `meta` | `format`, `key` | the format's version, 4 bytes, little-endian; a digest that shows the key |
//! | `blocks` | the block's number | fingerprints in the store with this block |
//! | `prints` | the segment's number | the fingerprints from position number × [`SEGMENT`] on |

use std::path::Path;

use redb::{
    Builder, Database, DatabaseError, ReadOnlyTable, ReadableDatabase, ReadableTable, ReadableTableMetadata,
    TableDefinition, TableError,
};

use super::error::IndexError;
use super::filter::Candidate;
use crate::Digest;

/// The format that is written, and the latest that is read.
const FORMAT: u32 = 1;

/// This table keeps its types in all versions, so that each can tell the others.
const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");
const BLOCKS: TableDefinition<u64, u32> = TableDefinition::new("blocks");
const PRINTS: TableDefinition<u32, &[u8]> = TableDefinition::new("prints");

/// Fingerprints in a segment: as many as fit a page of 4 KiB beside what the
/// store keeps with them, so that one is found in one read.
const SEGMENT: usize = 127;

/// Segments that are read at once when the store is opened.
const STRETCH: usize = 1 << 13;

pub struct Store {
    database: Database,
}

impl Store {
    /// A new store in the file at `path`, which must not exist.
    pub fn create(path: &Path, shown_key: &Digest) -> Result<(), IndexError> {
        let create = || -> Result<(), redb::Error> {
            let write = Builder::new().create(path)?.begin_write()?;
            {
                let mut meta = write.open_table(META)?;
                meta.insert("format", &FORMAT.to_le_bytes()[..])?;
                meta.insert("key", &shown_key.0[..])?;
                write.open_table(BLOCKS)?;
                write.open_table(PRINTS)?;
            }
            Ok(write.commit()?)
        };
        create().map_err(|error| IndexError::store(path, error))
    }

    /// The store in the file at `path`, made whole if it was not closed.
    pub fn open(path: &Path, shown_key: &Digest, cache_bytes: usize) -> Result<Self, IndexError> {
        let database = Builder::new().set_cache_size(cache_bytes).open(path);
        let database = database.map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => IndexError::InUse { path: path.into() },
            error => IndexError::store(path, error),
        })?;
        let store = Store { database };
        store.check_meta(path, shown_key)?;
        Ok(store)
    }

    fn check_meta(&self, path: &Path, shown_key: &Digest) -> Result<(), IndexError> {
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
        if read("key")?.as_deref() != Some(shown_key.as_ref()) {
            return Err(IndexError::WrongKey { path: path.into() });
        }
        Ok(())
    }

    /// How many fingerprints there are with each block, block after block.
    pub fn ends(&self) -> Result<Vec<u32>, redb::Error> {
        let blocks = self.database.begin_read()?.open_table(BLOCKS)?;
        let mut ends = Vec::new();
        for entry in blocks.iter()? {
            let (block, end) = entry?;
            let end = end.value();
            if block.value() != ends.len() as u64 || ends.last().is_some_and(|&last| end < last) {
                return Err(corrupted(format!("block {} does not follow the one before it", block.value())));
            }
            ends.push(end);
        }
        Ok(ends)
    }

    /// Gives `each` all fingerprints in stretches, with the position of its first.
    pub fn read_all(&self, len: u32, mut each: impl FnMut(u32, &[Digest])) -> Result<(), redb::Error> {
        let table = self.database.begin_read()?.open_table(PRINTS)?;
        let segments = (len as usize).div_ceil(SEGMENT);
        if table.len()? != segments as u64 {
            return Err(corrupted(format!("{} segments hold {len} fingerprints", table.len()?)));
        }
        let mut prints: Vec<Digest> = Vec::new();
        let mut start = 0;
        for segment in 0..segments {
            let place = segment * SEGMENT;
            let expected = SEGMENT.min(len as usize - place);
            with_segment(&table, segment as u32, |stored| prints.extend_from_slice(stored))?;
            if start as usize + prints.len() != place + expected {
                return Err(corrupted(format!("segment {segment} does not hold {expected} fingerprints")));
            }
            if (segment + 1) % STRETCH == 0 || segment + 1 == segments {
                each(start, &prints);
                start += prints.len() as u32;
                prints.clear();
            }
        }
        Ok(())
    }

    /// Adds a block and its `prints` after the `len` fingerprints that are there:
    /// both or nothing, and on disk when this returns.
    pub fn append(&self, block: u64, len: u32, prints: &[Digest]) -> Result<(), redb::Error> {
        let write = self.database.begin_write()?;
        {
            write.open_table(BLOCKS)?.insert(block, len + prints.len() as u32)?;
            let mut table = write.open_table(PRINTS)?;
            let first = len / SEGMENT as u32;
            let begun = table.get(first)?.map(|segment| segment.value().to_vec());
            let mut bytes = begun.unwrap_or_default();
            bytes.extend_from_slice(bytemuck::cast_slice(prints));
            for (segment, bytes) in (first..).zip(bytes.chunks(SEGMENT * size_of::<Digest>())) {
                table.insert(segment, bytes)?;
            }
        }
        Ok(write.commit()?)
    }

    /// Those of `candidates`, in the order of the store, at which the
    /// fingerprint really is.
    pub fn confirm(
        &self,
        prints: &[Digest],
        candidates: &[Candidate],
    ) -> Result<Vec<Candidate>, redb::Error> {
        let table = self.database.begin_read()?.open_table(PRINTS)?;
        let place = |candidate: &Candidate| {
            (candidate.position / SEGMENT as u32, candidate.position as usize % SEGMENT)
        };
        let mut confirmed = Vec::with_capacity(candidates.len());
        for together in candidates.chunk_by(|a, b| place(a).0 == place(b).0) {
            with_segment(&table, place(&together[0]).0, |stored| {
                let is_there = |candidate: &&Candidate| {
                    stored.get(place(candidate).1) == Some(&prints[candidate.index as usize])
                };
                confirmed.extend(together.iter().filter(is_there));
            })?;
        }
        Ok(confirmed)
    }
}

fn with_segment(
    table: &ReadOnlyTable<u32, &[u8]>,
    segment: u32,
    read: impl FnOnce(&[Digest]),
) -> Result<(), redb::Error> {
    let value = table.get(segment)?.ok_or_else(|| corrupted(format!("segment {segment} is missing")))?;
    let prints = bytemuck::try_cast_slice(value.value());
    read(prints.map_err(|_| corrupted(format!("segment {segment} is cut within a fingerprint")))?);
    Ok(())
}

fn corrupted(reason: String) -> redb::Error {
    redb::Error::Corrupted(reason)
}

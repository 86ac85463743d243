//! The persistent index of fingerprints: exact, and stored on disk.

mod error;
mod filter;
mod key;
mod store;

use std::fmt;
use std::fs;
#[cfg(unix)]
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

pub use error::IndexError;

use super::FirstOccurrences;
use crate::{Digest, Engine, Hash, Key, Outcome};
use filter::Filter;
use store::Store;

/// How an index is opened.
#[derive(Clone, Copy, Debug)]
pub struct IndexOptions {
    /// The key of the fingerprints. If `None`, the key is read from the index's folder; a
    /// new index stores a random one there.
    pub key: Option<Key>,
    /// The maximum memory for cached pages of the store, in bytes; 1 GiB by default. Looking
    /// up a record that was seen before is six times as fast if all pages fit.
    pub cache_bytes: usize,
}

impl Default for IndexOptions {
    fn default() -> Self {
        IndexOptions { key: None, cache_bytes: 1 << 30 }
    }
}

/// Whether a record was seen before. Exhaustive: callers must handle every answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Neither in the index nor earlier in this call.
    New,
    /// In the index since this block, whether or not it also repeats a record of this call.
    InBlock(u64),
    /// Not in the index, but first seen at this lower position of the call.
    Repeats(u32),
}

/// An index of records, block by block.
///
/// Callers identify records by their digests under any hash; records are equal if their
/// digests are. The index stores the keyed BLAKE3 fingerprint of each digest, all 32
/// bytes: answers are exact, and the store reveals nothing without the key.
///
/// [`add`](Index::add) is atomic and durable: a block is added whole or not at all, and is
/// on disk when the call returns. After a crash the index holds the blocks below
/// [`blocks`](Index::blocks); add the next ones again.
///
/// ```
/// use verilane::dedup::{Index, IndexOptions, Seen};
/// use verilane::{Engine, Hash, Records};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("index");
/// let engine = Engine::new()?;
/// let mut index = Index::open(&path, IndexOptions::default())?;
/// let digests = engine.hash(Hash::Sha256, &Records::from_slices(["ada", "bob", "ada"]))?;
/// let seen = index.add(&engine, 0, &digests)?;
/// assert_eq!(seen[..], [Seen::New, Seen::New, Seen::Repeats(0)]);
/// assert_eq!(index.scan(&engine, &digests[1..])?[..], [Seen::InBlock(0), Seen::InBlock(0)]);
/// assert_eq!((index.blocks(), index.len()), (1, 2));
/// # Ok(())
/// # }
/// ```
///
/// # On disk
/// The folder contains `index.redb` and, unless the caller provides the key, `key`: 64
/// hexadecimal digits in a file that only its owner can read. The store holds fingerprints
/// in the order in which they were added, 127 in each page of 4 KiB. A table in memory
/// holds 32 bits of each fingerprint and its position. The table alone identifies a new
/// record, except with probability `len` / 2⁴²; a record that was seen before costs one
/// page read.
///
/// 100 million fingerprints need
/// - on disk: 100,000,000 / 127 pages of 4,096 bytes, 3.23 GB, and one percent for
///   the tree over them; 3.27 GB measured;
/// - in memory: 1,024 shards of 97,656 entries in 131,072 slots of 9 bytes,
///   1.21 GB, and the cache: 1 GiB, or 3.3 GB for the whole store;
/// - 9 s of one processor to open, since the table is filled from the store.
///
/// # Why redb, and why in order of arrival
/// 10 million random keys of 32 bytes with the block number as value, sorted within batches
/// of 100,000, each batch made durable, then all looked up; one run each, on two busy
/// processors (November 2026):
///
/// | | inserted, 1/s | the last million, 1/s | found, 1/s | absent, 1/s | disk, MB | memory, MiB |
/// |---|---|---|---|---|---|---|
/// | redb 4.4 | 103,000 | 90,000 | 731,000 | 738,000 | 813 | 829 |
/// | heed 0.23 (LMDB) | 149,000 | 114,000 | 952,000 | 686,000 | 1,306 | 1,551, mostly mapped |
/// | fjall 3.1 | 345,000 | 294,000 | 162,000 | 251,000 | 403 | 701 |
/// | redb, in order; positions in memory: this index | 3,200,000 | 3,400,000 | 1,050,000 | 7,000,000 | 327 | 624 |
///
/// Random keys touch a page for almost every key, or are compacted repeatedly; none of the
/// three stores inserts more than half a million keys a second. In order of arrival,
/// fingerprints fill page after page, which all three do fast. redb was chosen because it
/// is safe Rust and stores one file: opening heed is `unsafe`, and fjall has background
/// threads and takes seconds to recover.
///
/// Blocks of 100,000 records scanned *and* added, in records a second. In the last column
/// 30 % of the records are at random positions of the index; looking them up takes most of
/// the time. (The same machine, busier; processor time for one record in brackets.)
///
/// | in the index | cache | all new | 30 % seen before |
/// |---|---|---|---|
/// | 10 million | 1 GiB: all of it | 1,100,000 (0.4 µs) | 590,000 to 730,000 (0.7 µs) |
/// | 100 million | 1 GiB: a third | 1,080,000 (0.4 µs) | 203,000 (2.3 µs) |
/// | 100 million | 4 GiB: all of it | 900,000 (0.4 µs) | 339,000 (1.2 µs) |
pub struct Index {
    path: PathBuf,
    key: Key,
    store: Store,
    filter: Filter,
    /// The number of fingerprints up to and including each block.
    block_ends: Vec<u32>,
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index")
            .field("blocks", &self.blocks())
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl Index {
    /// Opens the index in the folder at `path`; creates one if the folder is empty or does
    /// not exist.
    ///
    /// # Errors
    /// [`IndexError`] if the folder holds something else, or an index of a later format or
    /// under another key, or one that is damaged or in use; or if a file cannot be read or
    /// written.
    pub fn open(path: impl AsRef<Path>, options: IndexOptions) -> Result<Self, IndexError> {
        let folder = path.as_ref();
        let path = folder.join("index.redb");
        let is_new = !path.try_exists().map_err(IndexError::io(folder))?;
        if is_new {
            prepare_folder(folder)?;
        }
        let key = load_or_create_key(folder, options.key, is_new)?;
        let key_check = Hash::KeyedBlake3(key).digest(b"verilane dedup index");
        if is_new {
            create_store(&path, &key_check)?;
        }
        let store = Store::open(&path, &key_check, options.cache_bytes)?;
        let block_ends = store.block_ends().map_err(|error| IndexError::store(&path, error))?;
        let len = total(&block_ends);
        let mut filter = Filter::with_capacity(len as usize);
        let insert = |start, fingerprints: &[Digest]| filter.insert(start, fingerprints);
        store.for_each_run(len, insert).map_err(|error| IndexError::store(&path, error))?;
        Ok(Index { path, key, store, filter, block_ends })
    }

    /// Whether each record was seen before, in the order of the records. Adds nothing.
    ///
    /// # Errors
    /// [`IndexError::Engine`] above [`MAX_FINGERPRINTS`](super::MAX_FINGERPRINTS) records, or
    /// if every back end failed; [`IndexError::Store`] or [`IndexError::Damaged`] if the store
    /// cannot be read.
    pub fn scan(&self, engine: &Engine, records: &[Digest]) -> Result<Outcome<Vec<Seen>>, IndexError> {
        Ok(self.look_up(engine, records)?.map(|lookup| lookup.seen))
    }

    /// Adds the new records of a block, and returns what [`scan`](Index::scan) would have
    /// returned before.
    ///
    /// # Errors
    /// [`IndexError::Block`] if `block` is not [`blocks`](Index::blocks);
    /// [`IndexError::Full`] above 2³² − 1 fingerprints; and the errors of
    /// [`scan`](Index::scan), also if the store cannot be written. After an error nothing is
    /// added.
    pub fn add(
        &mut self,
        engine: &Engine,
        block: u64,
        records: &[Digest],
    ) -> Result<Outcome<Vec<Seen>>, IndexError> {
        if block != self.blocks() {
            return Err(IndexError::Block { block, next: self.blocks() });
        }
        let lookup = self.look_up(engine, records)?;
        let new = lookup.fingerprints.iter().zip(&lookup.seen).filter(|(_, seen)| **seen == Seen::New);
        let new: Vec<Digest> = new.map(|(&fingerprint, _)| fingerprint).collect();
        let len = total(&self.block_ends);
        let end = u32::try_from(new.len()).ok().and_then(|more| len.checked_add(more));
        let end = end.ok_or(IndexError::Full { len, more: new.len() })?;
        self.store.append(block, len, &new).map_err(|error| self.store_error(error))?;
        self.filter.insert(len, &new);
        self.block_ends.push(end);
        Ok(lookup.map(|lookup| lookup.seen))
    }

    /// The number of blocks in the index, which is the number of the next block.
    pub fn blocks(&self) -> u64 {
        self.block_ends.len() as u64
    }

    /// The number of distinct records in all blocks.
    pub fn len(&self) -> u64 {
        total(&self.block_ends).into()
    }

    /// Whether the index holds no record.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn look_up(&self, engine: &Engine, records: &[Digest]) -> Result<Outcome<Lookup>, IndexError> {
        let outcome = engine.fingerprints(Hash::KeyedBlake3(self.key), records)?;
        let (fingerprints, first_occurrences) = &*outcome;
        let mut seen = seen_in_call(first_occurrences);
        let distinct = (0..).zip(&seen).filter(|(_, seen)| **seen == Seen::New).map(|(index, _)| index);
        let candidates = self.filter.candidates(fingerprints, distinct);
        let found = self.store.confirm(fingerprints, &candidates).map_err(|error| self.store_error(error))?;
        for candidate in found {
            seen[candidate.index as usize] = Seen::InBlock(self.block_of(candidate.position));
        }
        // Repetitions of a record in the index are in the index, too.
        for (index, &first) in first_occurrences.as_slice().iter().enumerate() {
            if let Seen::InBlock(block) = seen[first as usize] {
                seen[index] = Seen::InBlock(block);
            }
        }
        Ok(outcome.map(|(fingerprints, _)| Lookup { fingerprints, seen }))
    }

    /// The block that added the fingerprint at `position`.
    fn block_of(&self, position: u32) -> u64 {
        self.block_ends.partition_point(|&end| end <= position) as u64
    }

    fn store_error(&self, error: redb::Error) -> IndexError {
        IndexError::store(&self.path, error)
    }
}

/// The fingerprints of a call's records, and whether each was seen before.
struct Lookup {
    fingerprints: Vec<Digest>,
    seen: Vec<Seen>,
}

/// The number of fingerprints in all blocks.
fn total(block_ends: &[u32]) -> u32 {
    block_ends.last().copied().unwrap_or(0)
}

/// Whether each record repeats an earlier one of its call.
fn seen_in_call(first_occurrences: &FirstOccurrences) -> Vec<Seen> {
    let seen = |(index, &first)| if first == index { Seen::New } else { Seen::Repeats(first) };
    (0..).zip(first_occurrences.as_slice()).map(seen).collect()
}

/// The name of the file of the key.
const KEY_FILE: &str = "key";

/// Creates the folder of a new index. The folder may exist if it is empty, or holds only files
/// of an interrupted call.
fn prepare_folder(folder: &Path) -> Result<(), IndexError> {
    fs::create_dir_all(folder).map_err(IndexError::io(folder))?;
    for entry in fs::read_dir(folder).map_err(IndexError::io(folder))? {
        let name = entry.map_err(IndexError::io(folder))?.file_name();
        if ![KEY_FILE, "key.new", "index.new"].iter().any(|own| name == *own) {
            let reason = format!("it holds {}, but no index.redb", name.display());
            return Err(IndexError::NotAnIndex { path: folder.into(), reason });
        }
    }
    Ok(())
}

/// The key that the caller provides, else the one in the folder, which a new index creates.
fn load_or_create_key(folder: &Path, given: Option<Key>, is_new: bool) -> Result<Key, IndexError> {
    let path = folder.join(KEY_FILE);
    if let Some(key) = given {
        return Ok(key);
    }
    match key::read(&path)? {
        Some(key) => Ok(key),
        None if is_new => key::create(&path),
        None => Err(IndexError::NoKey { path }),
    }
}

/// Creates an empty store at `path`, atomically.
fn create_store(path: &Path, key_check: &Digest) -> Result<(), IndexError> {
    let unfinished = path.with_extension("new");
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(IndexError::io(&unfinished)(error));
        }
        _ => {}
    }
    Store::create(&unfinished, key_check)?;
    rename(&unfinished, path).map_err(IndexError::io(path))
}

/// Renames a file within its folder. The new name is on disk when this returns.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    // Other systems cannot sync a folder.
    #[cfg(unix)]
    if let Some(folder) = to.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

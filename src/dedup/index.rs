//! An index of everything that was ever seen: exact, and kept on disk.

mod error;
mod filter;
mod key;
mod store;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

pub use error::IndexError;

use super::FirstOccurrences;
use crate::{Digest, Engine, Hash, Key, Outcome};
use filter::Filter;
use store::Store;

/// How an index is opened.
#[derive(Clone, Copy, Debug)]
pub struct IndexOptions {
    /// The key of the fingerprints. Without it, it is the one kept in the
    /// index's folder, and drawn from the system's randomness for a new index.
    pub key: Option<Key>,
    /// The most memory for pages of the store, in bytes: 1 GiB, unless set. A
    /// record that was seen before is found six times as fast where they all fit.
    pub cache_bytes: usize,
}

impl Default for IndexOptions {
    fn default() -> Self {
        IndexOptions { key: None, cache_bytes: 1 << 30 }
    }
}

/// Whether a record was seen before. Exhaustive: a caller has to act on each answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Neither in the index nor earlier in this call.
    New,
    /// In the index since the block of this number, whether or not it also
    /// repeats a record of this call.
    InBlock(u64),
    /// Not in the index, but equal to the record at this lower position of the call.
    Repeats(u32),
}

/// An index of records, block by block.
///
/// Records are given by their digests, of any hash; they are equal if their
/// digests are. What is kept is each digest's keyed BLAKE3 fingerprint, all 32
/// bytes of it: the answers are exact, and the store tells nothing to who lacks
/// the key.
///
/// A block is added whole or not at all, and is on disk when
/// [`add`](Index::add) returns. After a crash the index holds the blocks below
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
/// A folder with `index.redb`, and `key`, 64 hexadecimal digits that only the
/// owner can read, unless the key is given by the caller. Fingerprints lie in
/// the store in the order in which they came, 127 in a page of 4 KiB; a table
/// in memory holds 32 bits of each and its position. A new record is known as
/// such by the table alone, save one in 2⁴² / `len`; for one that was seen, one
/// page is read.
///
/// 100 million fingerprints take
/// - on disk 100,000,000 / 127 pages of 4,096 bytes, 3.23 GB, and a percent for
///   the tree over them: 3.27 GB measured;
/// - in memory 1,024 parts, each with 97,656 entries in 131,072 slots of 9 bytes,
///   1.21 GB, and the cache: 1 GiB, or 3.3 GB for all of the store;
/// - to open, 9 s of one processor, since the table is filled from the store.
///
/// # Why redb, and why in order
/// 10 million random keys of 32 bytes with the block's number as value, sorted
/// within batches of 100,000, each batch made durable, then all looked up; one
/// run each, on two busy processors (November 2026):
///
/// | | inserted, 1/s | the last million, 1/s | found, 1/s | absent, 1/s | disk, MB | memory, MiB |
/// |---|---|---|---|---|---|---|
/// | redb 4.4 | 103,000 | 90,000 | 731,000 | 738,000 | 813 | 829 |
/// | heed 0.23 (LMDB) | 149,000 | 114,000 | 952,000 | 686,000 | 1,306 | 1,551, mostly mapped |
/// | fjall 3.1 | 345,000 | 294,000 | 162,000 | 251,000 | 403 | 701 |
/// | redb, in order; positions in memory: this index | 3,200,000 | 3,400,000 | 1,050,000 | 7,000,000 | 327 | 624 |
///
/// Random keys touch a page for almost every key, or are compacted again and
/// again; none of the three stays above half a million a second. In the order
/// in which they come, fingerprints fill page after page, which any of them
/// does fast. redb was taken as it is safe Rust in one file: opening heed's is
/// `unsafe`, and fjall keeps threads of its own and takes seconds to recover.
///
/// A block of 100,000 records is scanned *and* added, in records a second; 30 %
/// of the third column's lie anywhere in the index, and finding them costs most
/// (the same machine, busier; a processor's own time for one record in brackets):
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
    /// How many fingerprints there are with each block, block after block.
    ends: Vec<u32>,
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
    /// The index in the folder at `path`; a new one if that is empty or not there.
    ///
    /// # Errors
    /// An [`IndexError`] if the folder holds something else, an index of a later
    /// format or one under another key, if it is in use, or cannot be read.
    pub fn open(path: impl AsRef<Path>, options: IndexOptions) -> Result<Self, IndexError> {
        let folder = path.as_ref();
        let path = folder.join("index.redb");
        let is_new = !path.try_exists().map_err(IndexError::io(folder))?;
        if is_new {
            make_folder(folder)?;
        }
        let key = find_key(folder, options.key, is_new)?;
        let shown_key = Hash::KeyedBlake3(key).digest(b"verilane dedup index");
        if is_new {
            create(&path, &shown_key)?;
        }
        let store = Store::open(&path, &shown_key, options.cache_bytes)?;
        let ends = store.ends().map_err(|error| IndexError::store(&path, error))?;
        let mut filter = Filter::with_capacity(len(&ends) as usize);
        let read = store.read_all(len(&ends), |start, prints| filter.insert(start, prints));
        read.map_err(|error| IndexError::store(&path, error))?;
        Ok(Index { path, key, store, filter, ends })
    }

    /// Whether each of the records was seen before. Nothing is added.
    ///
    /// # Errors
    /// [`IndexError::Engine`] above [`MAX_FINGERPRINTS`](super::MAX_FINGERPRINTS) records, or
    /// if every back end failed; another [`IndexError`] if the store cannot be read.
    pub fn scan(&self, engine: &Engine, records: &[Digest]) -> Result<Outcome<Vec<Seen>>, IndexError> {
        Ok(self.look_up(engine, records)?.map(|lookup| lookup.seen))
    }

    /// Adds the new ones of a block's records, and tells what
    /// [`scan`](Index::scan) would have told before.
    ///
    /// # Errors
    /// [`IndexError::Block`] if `block` is not the next number;
    /// [`IndexError::Full`] above 2³² - 1 fingerprints; and those of
    /// [`scan`](Index::scan). Nothing is added then.
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
        let new = lookup.prints.iter().zip(&lookup.seen).filter(|(_, seen)| **seen == Seen::New);
        let new: Vec<Digest> = new.map(|(&print, _)| print).collect();
        let len = len(&self.ends);
        let end = u32::try_from(new.len()).ok().and_then(|more| len.checked_add(more));
        let end = end.ok_or(IndexError::Full { len, more: new.len() })?;
        self.store.append(block, len, &new).map_err(|error| self.failed(error))?;
        self.filter.insert(len, &new);
        self.ends.push(end);
        Ok(lookup.map(|lookup| lookup.seen))
    }

    /// The number of blocks that were added, which is the next block's number.
    pub fn blocks(&self) -> u64 {
        self.ends.len() as u64
    }

    /// The number of distinct records in all blocks.
    pub fn len(&self) -> u64 {
        len(&self.ends).into()
    }

    /// Whether there is no record in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn look_up(&self, engine: &Engine, records: &[Digest]) -> Result<Outcome<Lookup>, IndexError> {
        let fingerprints = engine.fingerprints(Hash::KeyedBlake3(self.key), records)?;
        let (prints, firsts) = &*fingerprints;
        let mut seen = repeats(firsts);
        let distinct = (0..).zip(&seen).filter(|(_, seen)| **seen == Seen::New).map(|(index, _)| index);
        let candidates = self.filter.candidates(prints, distinct);
        let found = self.store.confirm(prints, &candidates).map_err(|error| self.failed(error))?;
        for candidate in found {
            seen[candidate.index as usize] = Seen::InBlock(self.block_at(candidate.position));
        }
        // What repeats a record that is in the index is in it, too.
        for (index, &first) in firsts.as_slice().iter().enumerate() {
            if let Seen::InBlock(block) = seen[first as usize] {
                seen[index] = Seen::InBlock(block);
            }
        }
        Ok(fingerprints.map(|(prints, _)| Lookup { prints, seen }))
    }

    /// The block that brought the fingerprint at `position`.
    fn block_at(&self, position: u32) -> u64 {
        self.ends.partition_point(|&end| end <= position) as u64
    }

    fn failed(&self, error: redb::Error) -> IndexError {
        IndexError::store(&self.path, error)
    }
}

/// The fingerprints of a call's records, and whether each was seen before.
struct Lookup {
    prints: Vec<Digest>,
    seen: Vec<Seen>,
}

/// The number of fingerprints in all blocks.
fn len(ends: &[u32]) -> u32 {
    ends.last().copied().unwrap_or(0)
}

fn repeats(firsts: &FirstOccurrences) -> Vec<Seen> {
    let repeats = |(index, &first)| if first == index { Seen::New } else { Seen::Repeats(first) };
    (0..).zip(firsts.as_slice()).map(repeats).collect()
}

const KEY: &str = "key";

/// A folder without a store; what an interrupted call has left there is no obstacle.
fn make_folder(folder: &Path) -> Result<(), IndexError> {
    fs::create_dir_all(folder).map_err(IndexError::io(folder))?;
    for entry in fs::read_dir(folder).map_err(IndexError::io(folder))? {
        let name = entry.map_err(IndexError::io(folder))?.file_name();
        if !["key", "key.new", "index.new"].iter().any(|own| name == *own) {
            let reason = format!("it holds {}, but no index.redb", name.display());
            return Err(IndexError::NotAnIndex { path: folder.into(), reason });
        }
    }
    Ok(())
}

fn find_key(folder: &Path, given: Option<Key>, is_new: bool) -> Result<Key, IndexError> {
    let path = folder.join(KEY);
    if let Some(key) = given {
        return Ok(key);
    }
    match key::read(&path)? {
        Some(key) => Ok(key),
        None if is_new => key::create(&path),
        None => Err(IndexError::NoKey { path }),
    }
}

/// An empty store at `path`, where it appears whole.
fn create(path: &Path, shown_key: &Digest) -> Result<(), IndexError> {
    let unfinished = path.with_extension("new");
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(IndexError::io(&unfinished)(error));
        }
        _ => {}
    }
    Store::create(&unfinished, shown_key)?;
    fs::rename(&unfinished, path).map_err(IndexError::io(path))
}

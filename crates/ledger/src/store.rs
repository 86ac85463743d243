//! A ledger's directory: the files `genesis`, `blocks` and `anchors`, each of
//! frames. A block is in the ledger when its frame is whole.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::anchor::Anchor;
use super::block::Block;
use super::encoding::{DecodeError, Decoder};
use super::frames::{Frame, FrameError, FrameErrorKind, Frames, LedgerFile, frame};
use super::genesis::Genesis;
use super::header::Header;
use verilane::{Digest, Engine, Error};

/// Why a ledger cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The directory is no ledger.
    #[error("{0} is no ledger: it has no file called genesis")]
    NotALedger(PathBuf),
    /// There is a ledger already.
    #[error("{0} is a ledger already")]
    Exists(PathBuf),
    /// Another process is writing to it.
    #[error("another process is writing to {0}")]
    Locked(PathBuf),
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A frame of a file cannot be read.
    #[error("{path}: {source}")]
    Frame {
        /// The file.
        path: PathBuf,
        /// Why not, and where.
        source: FrameError,
    },
    /// The payload of a frame is not what it should be.
    #[error("{path}: the frame at byte {at}: {source}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where the frame begins.
        at: u64,
        /// What is wrong with its payload.
        source: DecodeError,
    },
    /// There is no block of this height.
    #[error("there is no block {height}: the ledger has {blocks}, counted from 0")]
    NoSuchBlock {
        /// The height asked for.
        height: u64,
        /// The number of blocks.
        blocks: u64,
    },
    /// A block is longer than any may be.
    #[error("a block of {0} bytes: {max} are the most", max = Block::MAX_BYTES)]
    TooLong(usize),
    /// The engine could not serve a call.
    #[error(transparent)]
    Engine(#[from] Error),
}

/// The files of a ledger.
#[derive(Clone, Debug)]
pub(super) struct Files(pub PathBuf);

impl Files {
    pub fn path(&self, content: LedgerFile) -> PathBuf {
        self.0.join(match content {
            LedgerFile::Genesis => "genesis",
            LedgerFile::Blocks => "blocks",
            LedgerFile::Anchors => "anchors",
        })
    }

    pub fn open(&self, content: LedgerFile) -> Result<Frames<io::BufReader<File>>, StoreError> {
        let path = self.path(content);
        let file = File::open(&path).map_err(|source| match (content, source.kind()) {
            (LedgerFile::Genesis, io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                StoreError::NotALedger(self.0.clone())
            }
            _ => StoreError::Io { path: path.clone(), source },
        })?;
        Frames::open(file, content).map_err(|source| StoreError::Frame { path, source })
    }

    fn io<T>(&self, content: LedgerFile, result: io::Result<T>) -> Result<T, StoreError> {
        result.map_err(|source| StoreError::Io { path: self.path(content), source })
    }

    fn framed<T>(&self, content: LedgerFile, result: Result<T, FrameError>) -> Result<T, StoreError> {
        result.map_err(|source| StoreError::Frame { path: self.path(content), source })
    }

    fn decoded<T>(
        &self,
        content: LedgerFile,
        at: u64,
        result: Result<T, DecodeError>,
    ) -> Result<T, StoreError> {
        result.map_err(|source| StoreError::Malformed { path: self.path(content), at, source })
    }

    pub fn genesis(&self) -> Result<Genesis, StoreError> {
        let content = LedgerFile::Genesis;
        let Some(Frame { at, payload }) = self.framed(content, self.open(content)?.next())? else {
            let truncated =
                FrameError { at: LedgerFile::HEADER, kind: FrameErrorKind::Truncated { length: 0 } };
            return self.framed(content, Err(truncated));
        };
        self.decoded(content, at, Genesis::decode(&payload))
    }
}

/// A ledger, to be read.
#[derive(Debug)]
pub struct Ledger {
    files: Files,
    genesis: Genesis,
    chain: Digest,
    /// Where each block's frame begins.
    positions: Vec<u64>,
    anchors: Vec<Anchor>,
}

impl Ledger {
    /// Opens the ledger in `directory`. What a writer that was interrupted left
    /// behind the last whole block does not count.
    ///
    /// # Errors
    /// [`StoreError`] if it is no ledger or cannot be read.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, StoreError> {
        let files = Files(directory.as_ref().into());
        let genesis = files.genesis()?;
        let chain = genesis.chain();
        let positions = whole_frames(&files, LedgerFile::Blocks)?.positions;
        let mut ledger = Ledger { files, genesis, chain, positions, anchors: Vec::new() };
        ledger.anchors = ledger.read_anchors()?;
        Ok(ledger)
    }

    /// Whether there is a ledger in `directory`.
    pub fn is_at(directory: impl AsRef<Path>) -> bool {
        Files(directory.as_ref().into()).path(LedgerFile::Genesis).exists()
    }

    fn read_anchors(&self) -> Result<Vec<Anchor>, StoreError> {
        let content = LedgerFile::Anchors;
        let positions = whole_frames(&self.files, content)?.positions;
        let mut frames = self.files.open(content)?;
        let mut anchors = Vec::with_capacity(positions.len());
        for _ in positions {
            let frame = self.files.framed(content, frames.next())?.expect("its frame is whole");
            anchors.push(self.files.decoded(content, frame.at, Anchor::decode(&frame.payload))?);
        }
        Ok(anchors)
    }

    /// The chain's parameters.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The chain's identity.
    pub fn chain(&self) -> Digest {
        self.chain
    }

    /// The number of blocks.
    pub fn blocks(&self) -> u64 {
        self.positions.len() as u64
    }

    /// The anchors, in the order of their blocks.
    pub fn anchors(&self) -> &[Anchor] {
        &self.anchors
    }

    /// The encoding of the block of this height.
    ///
    /// # Errors
    /// [`StoreError`] if there is none or it cannot be read.
    pub fn block(&self, height: u64) -> Result<Vec<u8>, StoreError> {
        let content = LedgerFile::Blocks;
        let Some(&at) = self.positions.get(height as usize) else {
            return Err(StoreError::NoSuchBlock { height, blocks: self.blocks() });
        };
        let mut frames = self.files.open(content)?;
        self.files.io(content, frames.seek(at))?;
        Ok(self.files.framed(content, frames.next())?.expect("its frame is whole").payload)
    }

    /// Reads `encoding`, that of the block of this height.
    ///
    /// # Errors
    /// [`StoreError::Malformed`] where it is none.
    pub fn decode<'b>(&self, height: u64, encoding: &'b [u8]) -> Result<Block<'b>, StoreError> {
        self.files.decoded(LedgerFile::Blocks, self.positions[height as usize], Block::decode(encoding))
    }

    /// The header of the block of this height.
    ///
    /// # Errors
    /// [`StoreError`] if there is none or it cannot be read.
    pub fn header(&self, height: u64) -> Result<Header, StoreError> {
        let encoding = self.block(height)?;
        let header = Header::decode(&mut Decoder::new(&encoding));
        self.files.decoded(LedgerFile::Blocks, self.positions[height as usize], header)
    }

    /// The hashes of the blocks `range`.
    ///
    /// # Errors
    /// [`StoreError`] if one is not there or cannot be read.
    pub fn hashes(&self, range: std::ops::Range<u64>) -> Result<Vec<Digest>, StoreError> {
        range.map(|height| Ok(self.header(height)?.hash())).collect()
    }
}

/// The whole frames of a file, and where they end.
struct Whole {
    positions: Vec<u64>,
    end: u64,
}

/// Finds the frames by their lengths; of the last one also the checksum is
/// compared, since a write may have been cut short there.
fn whole_frames(files: &Files, content: LedgerFile) -> Result<Whole, StoreError> {
    let mut frames = files.open(content)?;
    let length = files.io(content, fs::metadata(files.path(content)))?.len();
    let mut positions = Vec::new();
    while let Some(next) = files.io(content, frames.skip(length))? {
        positions.push(next);
    }
    let mut end = frames.at();
    if let Some(&last) = positions.last() {
        files.io(content, frames.seek(last))?;
        match frames.next() {
            Err(error) if error.kind.is_local() => {
                positions.pop();
                end = last;
            }
            other => drop(files.framed(content, other)?),
        }
    }
    Ok(Whole { positions, end })
}

/// A ledger, to be written by one process at a time.
#[derive(Debug)]
pub struct Store {
    ledger: Ledger,
    blocks: File,
    anchors: File,
    /// Held until the store is dropped.
    _lock: File,
}

impl Store {
    /// Makes a new ledger in `directory`, which is made too if it is not there.
    ///
    /// # Errors
    /// [`StoreError`] if there is one already, if the parameters are none that a
    /// chain can have, or if it cannot be written.
    pub fn create(directory: impl AsRef<Path>, genesis: &Genesis) -> Result<Self, StoreError> {
        let files = Files(directory.as_ref().into());
        files.decoded(LedgerFile::Genesis, 0, Genesis::decode(&genesis.encode()).map(drop))?;
        if Ledger::is_at(&files.0) {
            return Err(StoreError::Exists(files.0));
        }
        files.io(LedgerFile::Genesis, fs::create_dir_all(&files.0))?;
        // The genesis comes last: with it the directory is a ledger.
        for content in [LedgerFile::Blocks, LedgerFile::Anchors, LedgerFile::Genesis] {
            let payload = genesis.encode();
            let frames = if content == LedgerFile::Genesis { frame(&payload) } else { Vec::new() };
            files.io(content, begin(&files.path(content), content, &frames))?;
        }
        Store::open(directory)
    }

    /// Opens the ledger in `directory` for writing. A block that an interrupted
    /// writer left incomplete is moved to a file beside it, and anchors that are
    /// due are written.
    ///
    /// # Errors
    /// [`StoreError`] if it is no ledger, cannot be read, or is being written by
    /// another process.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, StoreError> {
        let files = Files(directory.as_ref().into());
        let genesis = LedgerFile::Genesis;
        let lock = files.open(genesis).and_then(|_| files.io(genesis, File::open(files.path(genesis))))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::Locked(files.0)),
            Err(TryLockError::Error(source)) => return files.io(genesis, Err(source)),
        }
        let blocks = open_end(&files, LedgerFile::Blocks)?;
        let anchors = open_end(&files, LedgerFile::Anchors)?;
        Ok(Store { ledger: Ledger::open(directory)?, blocks, anchors, _lock: lock })
    }

    /// The ledger, to be read.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Appends a block as it is given, and waits until it is on the disk.
    ///
    /// # Errors
    /// [`StoreError`] if it is too long or cannot be written.
    pub fn append(&mut self, block: &Block<'_>) -> Result<(), StoreError> {
        let payload = block.encode();
        if payload.len() > Block::MAX_BYTES {
            return Err(StoreError::TooLong(payload.len()));
        }
        let at = self.ledger.files.io(LedgerFile::Blocks, write_end(&mut self.blocks, &payload))?;
        self.ledger.positions.push(at);
        Ok(())
    }

    /// Appends an anchor as it is given, and waits until it is on the disk.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be written.
    pub fn append_anchor(&mut self, anchor: Anchor) -> Result<(), StoreError> {
        self.ledger.files.io(LedgerFile::Anchors, write_end(&mut self.anchors, &anchor.encode()))?;
        self.ledger.anchors.push(anchor);
        Ok(())
    }

    /// Writes the next anchor if all its blocks are there.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be made or written.
    pub fn anchor_if_due(&mut self, engine: &Engine) -> Result<Option<Anchor>, StoreError> {
        let blocks = u64::from(self.ledger.genesis.anchor_blocks);
        let first = self.ledger.anchors.len() as u64 * blocks;
        if self.ledger.blocks() < first + blocks {
            return Ok(None);
        }
        let hashes = self.ledger.hashes(first..first + blocks)?;
        let anchor = Anchor::over(engine, self.ledger.chain, first, &hashes)?;
        self.append_anchor(anchor)?;
        Ok(Some(anchor))
    }
}

fn begin(path: &Path, content: LedgerFile, frames: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    content.begin(&mut file)?;
    file.write_all(frames)?;
    file.sync_all()
}

fn write_end(file: &mut File, payload: &[u8]) -> io::Result<u64> {
    let at = file.metadata()?.len();
    file.write_all(&frame(payload))?;
    file.sync_data()?;
    Ok(at)
}

/// Opens a file of frames to append to it; what stands behind its last whole
/// frame is moved to a file beside it.
fn open_end(files: &Files, content: LedgerFile) -> Result<File, StoreError> {
    let end = whole_frames(files, content)?.end;
    let path = files.path(content);
    let open = || {
        let file = OpenOptions::new().append(true).open(&path)?;
        if file.metadata()?.len() > end {
            let aside = path.with_extension(format!("incomplete-{end}"));
            tracing::warn!(file = %path.display(), at = end, aside = %aside.display(), "incomplete frame moved");
            let mut tail = File::open(&path)?;
            io::Seek::seek(&mut tail, io::SeekFrom::Start(end))?;
            io::copy(&mut tail, &mut File::create(aside)?)?;
            file.set_len(end)?;
            file.sync_all()?;
        }
        Ok(file)
    };
    files.io(content, open())
}

//! A ledger's directory: the files `genesis`, `blocks` and `anchors`, each a file of
//! frames. A block is in the ledger once its frame is complete.

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
    /// The directory is not a ledger.
    #[error("{0} is no ledger: it has no file called genesis")]
    NotALedger(PathBuf),
    /// The directory is a ledger already.
    #[error("{0} is a ledger already")]
    Exists(PathBuf),
    /// Another process is writing to the ledger.
    #[error("another process is writing to {0}")]
    Locked(PathBuf),
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A frame of a file cannot be read.
    #[error("{path}: {source}")]
    Frame {
        /// The file.
        path: PathBuf,
        /// The reason, and the position of the frame.
        source: FrameError,
    },
    /// The payload of a frame does not decode.
    #[error("{path}: the frame at byte {at}: {source}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The position of the frame, in bytes.
        at: u64,
        /// What is wrong with the payload.
        source: DecodeError,
    },
    /// There is no block of this height.
    #[error("there is no block {height}: the ledger has {blocks}, counted from 0")]
    NoSuchBlock {
        /// The height that was asked for.
        height: u64,
        /// The number of blocks.
        blocks: u64,
    },
    /// The block is longer than [`Block::MAX_BYTES`].
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
    pub fn path(&self, file: LedgerFile) -> PathBuf {
        self.0.join(match file {
            LedgerFile::Genesis => "genesis",
            LedgerFile::Blocks => "blocks",
            LedgerFile::Anchors => "anchors",
        })
    }

    pub fn open(&self, file: LedgerFile) -> Result<Frames<io::BufReader<File>>, StoreError> {
        let path = self.path(file);
        let opened = File::open(&path).map_err(|source| match (file, source.kind()) {
            (LedgerFile::Genesis, io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                StoreError::NotALedger(self.0.clone())
            }
            _ => StoreError::Io { path: path.clone(), source },
        })?;
        Frames::open(opened, file).map_err(|source| StoreError::Frame { path, source })
    }

    pub fn io<T>(&self, file: LedgerFile, result: io::Result<T>) -> Result<T, StoreError> {
        result.map_err(|source| StoreError::Io { path: self.path(file), source })
    }

    fn framed<T>(&self, file: LedgerFile, result: Result<T, FrameError>) -> Result<T, StoreError> {
        result.map_err(|source| StoreError::Frame { path: self.path(file), source })
    }

    fn decoded<T>(&self, file: LedgerFile, at: u64, result: Result<T, DecodeError>) -> Result<T, StoreError> {
        result.map_err(|source| StoreError::Malformed { path: self.path(file), at, source })
    }

    /// The next frame of `file`, which must not be at its end.
    fn next_frame(
        &self,
        file: LedgerFile,
        frames: &mut Frames<io::BufReader<File>>,
    ) -> Result<Frame, StoreError> {
        let at = frames.at();
        let missing = FrameError { at, kind: FrameErrorKind::Truncated { length: 0 } };
        let frame = frames.next().and_then(|frame| frame.ok_or(missing));
        self.framed(file, frame)
    }

    pub fn genesis(&self) -> Result<Genesis, StoreError> {
        let file = LedgerFile::Genesis;
        let Frame { at, payload } = self.next_frame(file, &mut self.open(file)?)?;
        self.decoded(file, at, Genesis::decode(&payload))
    }
}

/// A ledger, open for reading.
#[derive(Debug)]
pub struct Ledger {
    files: Files,
    genesis: Genesis,
    chain: Digest,
    /// The position of each block's frame.
    positions: Vec<u64>,
    anchors: Vec<Anchor>,
}

impl Ledger {
    /// Opens the ledger in `directory`. Ignores an incomplete block at the end of the
    /// file, which an interrupted writer leaves.
    ///
    /// # Errors
    /// [`StoreError`] if the directory is not a ledger or cannot be read.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, StoreError> {
        let files = Files(directory.as_ref().into());
        let genesis = files.genesis()?;
        let chain = genesis.chain();
        let positions = complete_frames(&files, LedgerFile::Blocks)?.positions;
        let mut ledger = Ledger { files, genesis, chain, positions, anchors: Vec::new() };
        ledger.anchors = ledger.read_anchors()?;
        Ok(ledger)
    }

    /// Whether `directory` is a ledger.
    pub fn is_at(directory: impl AsRef<Path>) -> bool {
        Files(directory.as_ref().into()).path(LedgerFile::Genesis).exists()
    }

    fn read_anchors(&self) -> Result<Vec<Anchor>, StoreError> {
        let file = LedgerFile::Anchors;
        let positions = complete_frames(&self.files, file)?.positions;
        let mut frames = self.files.open(file)?;
        let mut anchors = Vec::with_capacity(positions.len());
        for _ in positions {
            let frame = self.files.next_frame(file, &mut frames)?;
            anchors.push(self.files.decoded(file, frame.at, Anchor::decode(&frame.payload))?);
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

    /// The position of the frame of the block at `height`.
    fn position(&self, height: u64) -> Result<u64, StoreError> {
        let position = usize::try_from(height).ok().and_then(|height| self.positions.get(height));
        position.copied().ok_or(StoreError::NoSuchBlock { height, blocks: self.blocks() })
    }

    /// The encoding of the block at `height`.
    ///
    /// # Errors
    /// [`StoreError`] if there is no such block or it cannot be read.
    pub fn block(&self, height: u64) -> Result<Vec<u8>, StoreError> {
        let at = self.position(height)?;
        let mut frames = self.files.open(LedgerFile::Blocks)?;
        self.files.io(LedgerFile::Blocks, frames.seek(at))?;
        Ok(self.files.next_frame(LedgerFile::Blocks, &mut frames)?.payload)
    }

    /// Decodes `encoding`, which [`block`](Self::block) gave for `height`. The block
    /// borrows from it.
    ///
    /// # Errors
    /// [`StoreError::Malformed`] if the bytes are not a block;
    /// [`StoreError::NoSuchBlock`] if the ledger has no block at `height`.
    pub fn decode<'b>(&self, height: u64, encoding: &'b [u8]) -> Result<Block<'b>, StoreError> {
        self.files.decoded(LedgerFile::Blocks, self.position(height)?, Block::decode(encoding))
    }

    /// The header of the block at `height`.
    ///
    /// # Errors
    /// [`StoreError`] if there is no such block or it cannot be read.
    pub fn header(&self, height: u64) -> Result<Header, StoreError> {
        let encoding = self.block(height)?;
        let header = Header::decode(&mut Decoder::new(&encoding));
        self.files.decoded(LedgerFile::Blocks, self.position(height)?, header)
    }

    /// The hashes of the blocks at the heights in `range`.
    ///
    /// # Errors
    /// [`StoreError`] if one of them does not exist or cannot be read.
    pub fn hashes(&self, range: std::ops::Range<u64>) -> Result<Vec<Digest>, StoreError> {
        range.map(|height| Ok(self.header(height)?.hash())).collect()
    }
}

/// The complete frames of a file: their positions, and the end of the last.
struct CompleteFrames {
    positions: Vec<u64>,
    end: u64,
}

/// Finds the frames by their lengths. Checks the checksum of the last frame alone,
/// since only that write can have been interrupted.
fn complete_frames(files: &Files, file: LedgerFile) -> Result<CompleteFrames, StoreError> {
    let mut frames = files.open(file)?;
    let length = files.io(file, fs::metadata(files.path(file)))?.len();
    let mut positions = Vec::new();
    while let Some(next) = files.io(file, frames.skip(length))? {
        positions.push(next);
    }
    let mut end = frames.at();
    if let Some(&last) = positions.last() {
        files.io(file, frames.seek(last))?;
        match frames.next() {
            Err(error) if error.kind.is_local() => {
                positions.pop();
                end = last;
            }
            other => drop(files.framed(file, other)?),
        }
    }
    Ok(CompleteFrames { positions, end })
}

/// A ledger, open for writing, by one process at a time.
#[derive(Debug)]
pub struct Store {
    ledger: Ledger,
    blocks: File,
    anchors: File,
    /// The lock on the ledger, held until the store is dropped.
    _lock: File,
}

impl Store {
    /// Creates a ledger in `directory`, and the directory if it does not exist.
    ///
    /// # Errors
    /// [`StoreError`] if the directory is a ledger already, if a parameter is out of
    /// range, or if the ledger cannot be written.
    pub fn create(directory: impl AsRef<Path>, genesis: &Genesis) -> Result<Self, StoreError> {
        let files = Files(directory.as_ref().into());
        files.decoded(LedgerFile::Genesis, 0, Genesis::decode(&genesis.encode()).map(drop))?;
        if Ledger::is_at(&files.0) {
            return Err(StoreError::Exists(files.0));
        }
        files.io(LedgerFile::Genesis, fs::create_dir_all(&files.0))?;
        // The genesis comes last: it makes the directory a ledger.
        for file in [LedgerFile::Blocks, LedgerFile::Anchors, LedgerFile::Genesis] {
            let payload = genesis.encode();
            let frames = if file == LedgerFile::Genesis { frame(&payload) } else { Vec::new() };
            files.io(file, create_file(&files.path(file), file, &frames))?;
        }
        Store::open(directory)
    }

    /// Opens the ledger in `directory` for writing. Moves what an interrupted writer
    /// left incomplete to a file beside it.
    ///
    /// # Errors
    /// [`StoreError`] if the directory is not a ledger, cannot be read, or is being
    /// written by another process.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, StoreError> {
        let files = Files(directory.as_ref().into());
        let genesis = LedgerFile::Genesis;
        let lock = files.open(genesis).and_then(|_| files.io(genesis, File::open(files.path(genesis))))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::Locked(files.0)),
            Err(TryLockError::Error(source)) => return files.io(genesis, Err(source)),
        }
        let blocks = open_to_append(&files, LedgerFile::Blocks)?;
        let anchors = open_to_append(&files, LedgerFile::Anchors)?;
        Ok(Store { ledger: Ledger::open(directory)?, blocks, anchors, _lock: lock })
    }

    /// The ledger, for reading.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Appends a block without checking it, and waits until it is on the disk.
    ///
    /// # Errors
    /// [`StoreError`] if the block is too long or cannot be written.
    ///
    /// # Panics
    /// As [`Block::encode`].
    pub fn append(&mut self, block: &Block<'_>) -> Result<(), StoreError> {
        let payload = block.encode();
        if payload.len() > Block::MAX_BYTES {
            return Err(StoreError::TooLong(payload.len()));
        }
        let at = self.ledger.files.io(LedgerFile::Blocks, append_frame(&mut self.blocks, &payload))?;
        self.ledger.positions.push(at);
        Ok(())
    }

    /// Appends an anchor without checking it, and waits until it is on the disk.
    ///
    /// # Errors
    /// [`StoreError`] if the anchor cannot be written.
    pub fn append_anchor(&mut self, anchor: Anchor) -> Result<(), StoreError> {
        self.ledger.files.io(LedgerFile::Anchors, append_frame(&mut self.anchors, &anchor.encode()))?;
        self.ledger.anchors.push(anchor);
        Ok(())
    }

    /// Writes the next anchor if the ledger has all of its blocks.
    ///
    /// # Errors
    /// [`StoreError`] if the anchor cannot be computed or written.
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

fn create_file(path: &Path, file: LedgerFile, frames: &[u8]) -> io::Result<()> {
    let mut created = File::create(path)?;
    file.begin(&mut created)?;
    created.write_all(frames)?;
    created.sync_all()
}

fn append_frame(file: &mut File, payload: &[u8]) -> io::Result<u64> {
    let at = file.metadata()?.len();
    file.write_all(&frame(payload))?;
    file.sync_data()?;
    Ok(at)
}

/// Opens a file of frames to append to it. Moves the bytes after its last complete
/// frame to a file beside it.
fn open_to_append(files: &Files, file: LedgerFile) -> Result<File, StoreError> {
    let end = complete_frames(files, file)?.end;
    let path = files.path(file);
    let open = || {
        let opened = OpenOptions::new().append(true).open(&path)?;
        if opened.metadata()?.len() > end {
            let aside = path.with_extension(format!("incomplete-{end}"));
            tracing::warn!(file = %path.display(), at = end, aside = %aside.display(), "incomplete frame moved");
            let mut tail = File::open(&path)?;
            io::Seek::seek(&mut tail, io::SeekFrom::Start(end))?;
            io::copy(&mut tail, &mut File::create(aside)?)?;
            opened.set_len(end)?;
            opened.sync_all()?;
        }
        Ok(opened)
    };
    files.io(file, open())
}

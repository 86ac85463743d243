//! Files of frames. A frame is a length, a payload, and the payload's checksum, so
//! that a reader can tell an interrupted write from a complete one.
//!
//! | bytes | |
//! |--:|---|
//! | 8 | the kind of file: `VLGENES`, `VLBLOCK` or `VLANCHR`, and the format's version, 1 |
//! | 4 + n + 32 | each frame: the payload's length, the payload, its BLAKE3 digest |

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};

use super::block::Block;

/// A file of a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LedgerFile {
    /// The file with the chain's parameters.
    Genesis,
    /// The file with the blocks.
    Blocks,
    /// The file with the anchors.
    Anchors,
}

impl LedgerFile {
    /// The bytes before the first frame.
    pub(super) const HEADER: u64 = 8;
    const VERSION: u8 = 1;

    fn magic(self) -> &'static [u8; 7] {
        match self {
            LedgerFile::Genesis => b"VLGENES",
            LedgerFile::Blocks => b"VLBLOCK",
            LedgerFile::Anchors => b"VLANCHR",
        }
    }

    /// Writes the bytes before the first frame.
    pub(super) fn begin(self, file: &mut impl Write) -> io::Result<()> {
        file.write_all(self.magic())?;
        file.write_all(&[Self::VERSION])
    }

    fn check(self, found: [u8; 8]) -> Result<(), FrameError> {
        let refuse = |kind| Err(FrameError { at: 0, kind });
        if found[..7] != *self.magic() {
            return refuse(FrameErrorKind::WrongFile(self));
        }
        if found[7] != Self::VERSION {
            return refuse(FrameErrorKind::Version(found[7]));
        }
        Ok(())
    }
}

/// Why a frame cannot be read, and where it begins.
#[derive(Debug, thiserror::Error)]
#[error("byte {at}: {kind}")]
#[non_exhaustive]
pub struct FrameError {
    /// The position of the frame in the file, in bytes.
    pub at: u64,
    /// The reason.
    pub kind: FrameErrorKind,
}

/// Why a frame cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameErrorKind {
    /// The file is not of the expected kind.
    #[error("the file does not begin as one of {0:?} does")]
    WrongFile(LedgerFile),
    /// This program does not read this version of the format.
    #[error("version {0} of the format: this program reads 1")]
    Version(u8),
    /// The file ends inside the frame.
    #[error("the file ends inside a frame of {length} bytes")]
    Truncated {
        /// The length of its payload; 0 if the file ends before it.
        length: u32,
    },
    /// No payload has this length.
    #[error("a frame of {0} bytes: 1 to {max} would be valid", max = Block::MAX_BYTES)]
    Length(u32),
    /// The payload does not have its checksum.
    #[error("the checksum does not match the {0} bytes before it")]
    Checksum(u32),
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl FrameErrorKind {
    /// Whether the frames after this one can be read.
    pub fn is_local(&self) -> bool {
        matches!(self, FrameErrorKind::Checksum(_))
    }
}

/// A payload, and the position of its frame.
pub struct Frame {
    /// The position of the frame in the file, in bytes.
    pub at: u64,
    /// The payload.
    pub payload: Vec<u8>,
}

/// Reads the frames of a file.
pub struct Frames<R> {
    file: R,
    at: u64,
}

impl Frames<BufReader<File>> {
    /// A reader at the first frame of `file`.
    ///
    /// # Errors
    /// [`FrameError`] if the file is not of the expected kind.
    pub fn open(file: File, expected: LedgerFile) -> Result<Self, FrameError> {
        Frames::new(BufReader::with_capacity(1 << 20, file), expected)
    }

    /// Moves to the frame at position `at`.
    pub fn seek(&mut self, at: u64) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(at))?;
        self.at = at;
        Ok(())
    }

    /// Skips the next frame of a file of `end` bytes without reading its payload.
    /// Gives its position, or none if no complete frame follows.
    pub fn skip(&mut self, end: u64) -> io::Result<Option<u64>> {
        let at = self.at;
        let mut length = [0; 4];
        if at + 4 > end || self.fill(&mut length)? < 4 {
            return Ok(None);
        }
        let length = u32::from_le_bytes(length);
        let next = at + 4 + u64::from(length) + 32;
        if length == 0 || length as usize > Block::MAX_BYTES || next > end {
            return Ok(None);
        }
        self.file.seek_relative(i64::from(length) + 32)?;
        self.at = next;
        Ok(Some(at))
    }
}

impl<R: Read> Frames<R> {
    /// A reader at the first frame of `file`.
    ///
    /// # Errors
    /// [`FrameError`] if the file is not of the expected kind.
    pub fn new(mut file: R, expected: LedgerFile) -> Result<Self, FrameError> {
        let mut header = [0; 8];
        file.read_exact(&mut header).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => FrameError { at: 0, kind: FrameErrorKind::WrongFile(expected) },
            _ => FrameError { at: 0, kind: error.into() },
        })?;
        expected.check(header)?;
        Ok(Frames { file, at: LedgerFile::HEADER })
    }

    /// The position of the next frame.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// The next frame; none at the end of the file.
    ///
    /// # Errors
    /// [`FrameError`]. If [`FrameErrorKind::is_local`], the next call reads the next
    /// frame; otherwise no further call may be made.
    pub fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        let at = self.at;
        let fail = |kind| Err(FrameError { at, kind });
        let mut length = [0; 4];
        match self.fill(&mut length) {
            Ok(0) => return Ok(None),
            Ok(4) => {}
            Ok(_) => return fail(FrameErrorKind::Truncated { length: 0 }),
            Err(error) => return fail(error.into()),
        }
        let length = u32::from_le_bytes(length);
        if length == 0 || length as usize > Block::MAX_BYTES {
            return fail(FrameErrorKind::Length(length));
        }
        // Grows with the bytes read: a damaged length allocates nothing.
        let mut payload = Vec::new();
        let whole = u64::from(length) + 32;
        match (&mut self.file).take(whole).read_to_end(&mut payload) {
            Ok(read) if read as u64 == whole => {}
            Ok(_) => return fail(FrameErrorKind::Truncated { length }),
            Err(error) => return fail(error.into()),
        }
        self.at += 4 + whole;
        let checksum = payload.split_off(length as usize);
        if blake3::hash(&payload).as_bytes()[..] != checksum {
            return fail(FrameErrorKind::Checksum(length));
        }
        Ok(Some(Frame { at, payload }))
    }

    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.file.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

/// The frame of a payload.
pub fn frame(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(payload.len() + 36);
    bytes.extend((payload.len() as u32).to_le_bytes());
    bytes.extend(payload);
    bytes.extend(blake3::hash(payload).as_bytes());
    bytes
}

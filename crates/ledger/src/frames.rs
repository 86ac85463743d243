//! Files of frames: each a length, a payload, and the payload's checksum, so
//! that a write cut short is told from a whole one.
//!
//! | bytes | |
//! |--:|---|
//! | 8 | what the file holds: `VLGENES` `VLBLOCK` `VLANCHR`, and the format's version, 1 |
//! | 4 + n + 32 | each frame: the payload's length, the payload, its BLAKE3 |

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};

use super::block::Block;

/// What a file of frames holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerFile {
    /// A chain's parameters.
    Genesis,
    /// Its blocks.
    Blocks,
    /// Its anchors.
    Anchors,
}

impl LedgerFile {
    /// The length of what a file begins with.
    pub const HEADER: u64 = 8;
    const VERSION: u8 = 1;

    fn name(self) -> &'static [u8; 7] {
        match self {
            LedgerFile::Genesis => b"VLGENES",
            LedgerFile::Blocks => b"VLBLOCK",
            LedgerFile::Anchors => b"VLANCHR",
        }
    }

    /// Writes what the file begins with.
    pub fn begin(self, file: &mut impl Write) -> io::Result<()> {
        file.write_all(self.name())?;
        file.write_all(&[Self::VERSION])
    }

    fn check(self, found: [u8; 8]) -> Result<(), FrameError> {
        let refuse = |kind| Err(FrameError { at: 0, kind });
        if found[..7] != *self.name() {
            return refuse(FrameErrorKind::NotThis(self));
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
pub struct FrameError {
    /// The position of the frame in the file.
    pub at: u64,
    /// Why it cannot be read.
    pub kind: FrameErrorKind,
}

/// Why a frame cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FrameErrorKind {
    /// The file does not hold what it should.
    #[error("the file does not begin as one of {0:?} does")]
    NotThis(LedgerFile),
    /// The file is in a format that is not known yet.
    #[error("version {0} of the format: this program reads 1")]
    Version(u8),
    /// The file ends inside the frame.
    #[error("the file ends inside a frame of {length} bytes")]
    Truncated {
        /// The length of its payload, as far as it could be read.
        length: u32,
    },
    /// The frame's length is none that a payload has.
    #[error("a frame of {0} bytes: 1 to {max} would be valid", max = Block::MAX_BYTES)]
    Length(u32),
    /// The payload is not what was written.
    #[error("the checksum does not match the {0} bytes before it")]
    Checksum(u32),
    /// The file could not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl FrameErrorKind {
    /// Whether the frames after this one can still be found.
    pub fn is_local(&self) -> bool {
        matches!(self, FrameErrorKind::Checksum(_))
    }
}

/// A payload, and where its frame begins in the file.
pub struct Frame {
    /// The position of the frame.
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
    /// Reads what the file begins with.
    ///
    /// # Errors
    /// [`FrameError`] if it does not hold `content`.
    pub fn open(file: File, content: LedgerFile) -> Result<Self, FrameError> {
        Frames::new(BufReader::with_capacity(1 << 20, file), content)
    }

    /// Moves to the frame at position `at`.
    pub fn seek(&mut self, at: u64) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(at))?;
        self.at = at;
        Ok(())
    }

    /// Passes over a frame of a file of `end` bytes by its length alone, and
    /// tells where it begins; none where no whole frame follows.
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
    /// Reads what the file begins with.
    ///
    /// # Errors
    /// [`FrameError`] if it does not hold `content`.
    pub fn new(mut file: R, content: LedgerFile) -> Result<Self, FrameError> {
        let mut header = [0; 8];
        file.read_exact(&mut header).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => FrameError { at: 0, kind: FrameErrorKind::NotThis(content) },
            _ => FrameError { at: 0, kind: error.into() },
        })?;
        content.check(header)?;
        Ok(Frames { file, at: LedgerFile::HEADER })
    }

    /// The position of the next frame.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// The next frame; none at the end of the file.
    ///
    /// # Errors
    /// [`FrameError`]; the next call reads the frame behind it if
    /// [`FrameErrorKind::is_local`], and must not be made otherwise.
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
        // Grows with what is there, not with what is claimed.
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

//! Block files, cut into batches of whole blocks.

use std::io::Read;
use std::ops::Range;
use std::sync::mpsc::Receiver;

use ::bitcoin::Network;

use super::audit::BlockFileError;
use super::layout::{Cursor, HEADER, LayoutError, Segwit};
use verilane::Records;

/// The longest block in bytes: its weight is at most 4,000,000 (BIP 141), and each byte
/// weighs at least 1.
pub const MAX_BLOCK: usize = 4_000_000;

/// The shortest block in bytes: a header and a count of transactions.
const MIN_BLOCK: usize = HEADER + 1;

/// The bytes before each block of a block file: the magic and the length.
const FRAME: usize = 8;

/// The bytes of the file in a batch, and so in a call to the engine: many blocks, so that
/// every lane has work.
const BATCH_BYTES: usize = 32 << 20;

const NETWORKS: [Network; 5] =
    [Network::Bitcoin, Network::Testnet, Network::Testnet4, Network::Signet, Network::Regtest];

/// Complete blocks that follow each other in a file.
pub struct BlockBatch {
    /// The network of the magic before the blocks; none for a raw block.
    pub network: Option<Network>,
    /// The position of the batch in the file.
    pub position: u64,
    bytes: Vec<u8>,
    /// The bounds of records in `bytes`. Each header and each transaction is a record. The
    /// bytes between them are records too, so that the records are contiguous and need no
    /// copy.
    bounds: Vec<u64>,
    /// The blocks, in the file's order.
    pub blocks: Vec<BlockSpan>,
    /// The places where a block was expected and none could be read.
    pub damages: Vec<Damage>,
}

/// The extent of a block in its batch.
pub struct BlockSpan {
    /// The position of the block in the batch.
    pub at: usize,
    /// The index of the record that is the header.
    pub header: usize,
    /// The indices of the records that are the transactions.
    pub transactions: Range<usize>,
    /// The transactions with witness data, by their index in the block.
    pub segwit: Vec<(usize, Segwit)>,
}

/// A place in the file where a block was expected and none could be read.
pub struct Damage {
    /// The position of the block in the file.
    pub position: u64,
    /// The block's header, if it could be read.
    pub header: Option<[u8; HEADER]>,
    /// What is wrong, and at which byte of the file.
    pub detail: String,
}

impl BlockBatch {
    /// The batch's bytes as records, cut at headers and transactions.
    pub fn records(&self) -> Records<'_> {
        Records::new(&self.bytes, &self.bounds).expect("bounds ascend and lie in the batch")
    }

    /// The batch's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The buffer, for reuse.
    pub fn into_buffer(self) -> Vec<u8> {
        self.bytes
    }

    /// The record at `index`.
    pub fn record(&self, index: usize) -> &[u8] {
        &self.bytes[self.bounds[index] as usize..self.bounds[index + 1] as usize]
    }

    /// Adds the block that begins at `at` and must end by `limit`. Gives its end.
    fn add_block(&mut self, at: usize, limit: usize) -> Result<usize, LayoutError> {
        let bounds = self.bounds.len();
        match push_bounds(&self.bytes[..limit], at, &mut self.bounds) {
            Ok((block, end)) => {
                self.blocks.push(block);
                Ok(end)
            }
            Err(malformed) => {
                self.bounds.truncate(bounds);
                Err(malformed)
            }
        }
    }

    /// Notes that the byte at `at` is wrong, in the block at `block` or where a block
    /// should begin.
    fn add_damage(&mut self, block: Option<usize>, at: usize, reason: impl std::fmt::Display) {
        let header = block.and_then(|start| self.bytes.get(start..start + HEADER));
        self.damages.push(Damage {
            position: self.position + block.unwrap_or(at) as u64,
            header: header.map(|bytes| bytes.try_into().expect("80 bytes")),
            detail: format!("at byte {}: {reason}", self.position + at as u64),
        });
    }
}

/// Appends the bounds of a block's header and transactions. Gives the block and its end.
fn push_bounds(bytes: &[u8], at: usize, bounds: &mut Vec<u64>) -> Result<(BlockSpan, usize), LayoutError> {
    if bounds.last() != Some(&(at as u64)) {
        bounds.push(at as u64);
    }
    let header = bounds.len() - 1;
    let mut cursor = Cursor::new(bytes, at);
    cursor.header()?;
    bounds.push(cursor.at() as u64);
    let count = cursor.transaction_count()?;
    bounds.push(cursor.at() as u64);
    let first = bounds.len() - 1;
    let mut segwit = Vec::new();
    for index in 0..count {
        if let Some(parts) = cursor.transaction()? {
            segwit.push((index as usize, parts));
        }
        bounds.push(cursor.at() as u64);
    }
    let block = BlockSpan { at, header, transactions: first..bounds.len() - 1, segwit };
    Ok((block, cursor.at()))
}

/// The framing of the blocks in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// A single block, without a frame.
    Raw,
    /// Each block after the network's magic and its length; zeros may be between blocks
    /// and after them.
    Frames(Network),
}

impl Framing {
    /// Detects the framing from the first bytes of a file, or from all of them if it
    /// `ended`.
    fn detect(bytes: &[u8], ended: bool) -> Result<Framing, BlockFileError> {
        let data = &bytes[padding(bytes)..];
        if data.is_empty() {
            return Err(BlockFileError::Empty);
        }
        let begins = |network: &Network| data.starts_with(&magic(*network));
        if let Some(network) = NETWORKS.into_iter().find(begins) {
            return Ok(Framing::Frames(network));
        }
        // The first magic may be damaged.
        let frames = NETWORKS.into_iter().filter_map(|network| Some((find_frame(data, network)?, network)));
        if let Some((_, network)) = frames.min_by_key(|frame| frame.0) {
            return Ok(Framing::Frames(network));
        }
        if ended && bytes.len() <= MAX_BLOCK { Ok(Framing::Raw) } else { Err(BlockFileError::Unknown) }
    }
}

/// The batches of a file, in order.
pub struct BlockBatches<R> {
    file: R,
    /// Buffers for reuse: fresh memory costs as much time as hashing.
    spare: Receiver<Vec<u8>>,
    framing: Option<Framing>,
    /// The bytes that were read and belong to the next batch.
    rest: Vec<u8>,
    /// The position of the next batch in the file.
    position: u64,
    ended: bool,
    /// Whether to search for the next frame, since damage hides its position.
    lost: bool,
}

impl<R: Read> BlockBatches<R> {
    /// The batches of `file` from its current position, in `spare` buffers if there are
    /// any.
    pub fn new(file: R, spare: Receiver<Vec<u8>>) -> Self {
        BlockBatches { file, spare, framing: None, rest: Vec::new(), position: 0, ended: false, lost: false }
    }

    fn next_batch(&mut self) -> Result<BlockBatch, BlockFileError> {
        let mut bytes = self.spare.try_recv().unwrap_or_default();
        bytes.clear();
        bytes.reserve(BATCH_BYTES);
        bytes.append(&mut self.rest);
        let wanted = (BATCH_BYTES - bytes.len()) as u64;
        let read = self.file.by_ref().take(wanted).read_to_end(&mut bytes)?;
        self.ended = (read as u64) < wanted;
        let framing = match self.framing {
            Some(framing) => framing,
            None => Framing::detect(&bytes, self.ended)?,
        };
        self.framing = Some(framing);
        let mut batch = BlockBatch {
            network: None,
            position: self.position,
            bytes,
            bounds: vec![0],
            blocks: Vec::new(),
            damages: Vec::new(),
        };
        match framing {
            Framing::Raw => read_raw(&mut batch),
            Framing::Frames(network) => self.read_frames(&mut batch, network),
        }
        self.position += batch.bytes.len() as u64;
        Ok(batch)
    }

    /// Takes all complete frames, and leaves the bytes after them for the next batch.
    fn read_frames(&mut self, batch: &mut BlockBatch, network: Network) {
        batch.network = Some(network);
        let mut at = 0;
        while let Some(next) = self.step(batch, at, network) {
            at = next;
        }
        self.rest = batch.bytes.split_off(at);
    }

    /// Takes the padding, damage or block at `at`, and gives the position after it; none at
    /// the end, or if more bytes must be read first.
    fn step(&mut self, batch: &mut BlockBatch, at: usize, network: Network) -> Option<usize> {
        let rest = &batch.bytes[at..];
        let padding = padding(rest);
        if padding > 0 {
            return Some(at + padding);
        }
        if rest.is_empty() || rest.len() < FRAME && !self.ended {
            return None;
        }
        if self.lost {
            return Some(at + self.find_next_frame(rest, network));
        }
        if !rest.starts_with(&magic(network)) {
            let expected = ::bitcoin::p2p::Magic::from(network);
            batch.add_damage(
                None,
                at,
                format_args!("the magic {expected} of the network {network} is expected"),
            );
            self.lost = true;
            return Some(at);
        }
        let Some(length) = frame_length(rest) else {
            batch.add_damage(None, at + 4, "the data ends inside a block's length");
            return Some(batch.bytes.len());
        };
        if !(MIN_BLOCK..=MAX_BLOCK).contains(&length) {
            let reason =
                format!("{length} is no block's length: {MIN_BLOCK} to {MAX_BLOCK} bytes are possible");
            batch.add_damage(Some(at + FRAME), at + 4, reason);
            self.lost = true;
            return Some(at + FRAME);
        }
        // The next frame's magic shows whether this length is damaged.
        if rest.len() < FRAME + length + FRAME && !self.ended {
            return None;
        }
        Some(self.take_block(batch, at + FRAME, length, network))
    }

    fn take_block(&mut self, batch: &mut BlockBatch, start: usize, length: usize, network: Network) -> usize {
        let declared = start + length;
        let limit = declared.min(batch.bytes.len());
        match batch.add_block(start, limit) {
            Ok(end) if end == declared => return end,
            Ok(end) => {
                let reason = format!("the block ends here, but {length} bytes were announced");
                batch.add_damage(Some(start), end, reason);
            }
            Err(LayoutError { at, kind }) => batch.add_damage(Some(start), at, kind),
        }
        self.lost = true;
        let next = batch.bytes.get(declared..).is_some_and(|rest| rest.starts_with(&magic(network)));
        if next { declared } else { start }
    }

    /// The distance to the next frame, or to the end of the bytes that were searched.
    fn find_next_frame(&mut self, rest: &[u8], network: Network) -> usize {
        match find_frame(rest, network) {
            Some(ahead) => {
                self.lost = false;
                ahead
            }
            None if self.ended => rest.len(),
            // A frame may begin in the last bytes.
            None => rest.len() - (FRAME - 1),
        }
    }
}

impl<R: Read> Iterator for BlockBatches<R> {
    type Item = Result<BlockBatch, BlockFileError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let batch = self.next_batch();
        self.ended |= batch.is_err();
        Some(batch)
    }
}

fn read_raw(batch: &mut BlockBatch) {
    let length = batch.bytes.len();
    match batch.add_block(0, length) {
        // Tools that treat a block as text append a line feed.
        Ok(end) if matches!(batch.bytes[end..], [] | [b'\n']) => {}
        Ok(end) => {
            let reason = format!("the block ends here, but {} more bytes follow", length - end);
            batch.add_damage(Some(0), end, reason);
        }
        Err(LayoutError { at, kind }) => batch.add_damage(Some(0), at, kind),
    }
}

fn magic(network: Network) -> [u8; 4] {
    network.magic().to_bytes()
}

/// The number of leading zeros.
fn padding(bytes: &[u8]) -> usize {
    bytes.iter().position(|&byte| byte != 0).unwrap_or(bytes.len())
}

/// The length in a frame, after the magic.
fn frame_length(frame: &[u8]) -> Option<usize> {
    let digits = frame.get(4..FRAME)?.try_into().expect("four bytes");
    Some(u32::from_le_bytes(digits) as usize)
}

/// The position of the first frame with a possible length.
fn find_frame(bytes: &[u8], network: Network) -> Option<usize> {
    let magic = magic(network);
    bytes.windows(FRAME).position(|frame| {
        frame.starts_with(&magic)
            && frame_length(frame).is_some_and(|length| (MIN_BLOCK..=MAX_BLOCK).contains(&length))
    })
}

//! The audit: reads files of blocks and collects what is wrong with them.

use std::fmt;
use std::io::{self, Read};
use std::sync::mpsc;
use std::thread;

use ::bitcoin::block::Header;
use ::bitcoin::consensus::deserialize;
use ::bitcoin::hashes::Hash as _;

use super::batch::{BlockBatch, BlockBatches, BlockSpan, MAX_BLOCK};
use super::checks::Subject;
use super::links::{self, Link};
use crate::reports::Reports;
use verilane::{Digest, Engine, Error, Hash, Records, Report};

/// What is wrong with a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BitcoinFailureKind {
    /// The bytes are not a block.
    Parse,
    /// The header's hash does not meet the target of its own bits, or these ask
    /// for less than the network allows.
    ProofOfWork,
    /// The header's root is not that over the transactions' ids.
    MerkleRoot,
    /// The coinbase's commitment is not that to the witnesses (BIP 141), or is missing.
    WitnessCommitment,
    /// Another list of transactions has the same root (CVE-2012-2459).
    Mutated,
    /// Two transactions of the block have the same id.
    DuplicateTransaction,
    /// The block does not follow the one before it.
    Link,
}

/// The kind in lower case, its words joined by hyphens.
impl fmt::Display for BitcoinFailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            BitcoinFailureKind::Parse => "parse",
            BitcoinFailureKind::ProofOfWork => "proof-of-work",
            BitcoinFailureKind::MerkleRoot => "merkle-root",
            BitcoinFailureKind::WitnessCommitment => "witness-commitment",
            BitcoinFailureKind::Mutated => "mutated",
            BitcoinFailureKind::DuplicateTransaction => "duplicate-transaction",
            BitcoinFailureKind::Link => "link",
        })
    }
}

/// Something wrong with a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BitcoinFailure {
    /// The block's hash in the order in which it was hashed; none where not even
    /// a header could be read.
    pub block: Option<Digest>,
    /// The file, by the number of the call that read it, from 0.
    pub file: usize,
    /// Where the block begins in the file, in bytes.
    pub position: u64,
    /// What is wrong.
    pub kind: BitcoinFailureKind,
    /// The values that show it.
    pub detail: String,
}

/// What an audit found.
#[derive(Clone, Debug)]
#[must_use]
pub struct BitcoinAudit {
    /// Blocks that were read whole and checked.
    pub blocks: u64,
    /// Their transactions.
    pub transactions: u64,
    /// Bytes read.
    pub bytes: u64,
    /// All that is wrong, in the order of the files; none if all is well.
    pub failures: Vec<BitcoinFailure>,
    /// Where the engine's calls ran, each different report once.
    pub reports: Vec<Report>,
}

/// Why a file could not be audited.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlockFileError {
    /// It could not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// There is no block in it.
    #[error("there is no block in it")]
    Empty,
    /// It is no file of blocks.
    #[error(
        "no network's magic is in it, and it is too long for one raw block ({MAX_BLOCK} bytes); block files of Bitcoin \
         Core 28 and later are obfuscated: the key is needed, eight bytes in the file xor.dat beside them"
    )]
    Unknown,
    /// The engine could not serve a call.
    #[error(transparent)]
    Engine(#[from] Error),
}

/// Audits files of blocks, one after the other.
#[derive(Debug)]
pub struct BitcoinAuditor<'e> {
    engine: &'e Engine,
    files: usize,
    blocks: u64,
    transactions: u64,
    bytes: u64,
    failures: Vec<BitcoinFailure>,
    links: Vec<Link>,
    reports: Reports,
}

impl<'e> BitcoinAuditor<'e> {
    /// An auditor that hashes on `engine`.
    pub fn new(engine: &'e Engine) -> Self {
        BitcoinAuditor {
            engine,
            files: 0,
            blocks: 0,
            transactions: 0,
            bytes: 0,
            failures: Vec::new(),
            links: Vec::new(),
            reports: Reports::default(),
        }
    }

    /// Audits one file: a raw block, or blocks with the network's magic and
    /// their length before each, as in a node's `blk*.dat`. The file is read in
    /// stretches of 32 MiB on a thread of its own; `progress` is told the length
    /// of each when it is done.
    ///
    /// What is wrong with blocks is no error, and hides no later block: it is in
    /// the [`BitcoinAudit`]'s failures.
    ///
    /// # Errors
    /// [`BlockFileError`] if the file cannot be read or is no file of blocks. What
    /// was audited before counts.
    pub fn read(
        &mut self,
        file: impl Read + Send,
        mut progress: impl FnMut(u64),
    ) -> Result<(), BlockFileError> {
        self.files += 1;
        let (send, batches) = mpsc::sync_channel(1);
        let (recycle, spare) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(move || BlockBatches::new(file, spare).try_for_each(|batch| send.send(batch)));
            for batch in batches {
                let batch = batch?;
                self.check(&batch)?;
                progress(batch.bytes().len() as u64);
                // After the last batch there is nobody who would use it.
                let _ = recycle.send(batch.into_buffer());
            }
            Ok(())
        })
    }

    fn check(&mut self, batch: &BlockBatch) -> Result<(), Error> {
        let digests = self.reports.note(self.engine.hash(Hash::Sha256d, &batch.records())?);
        let mut ids = digests.clone();
        self.strip_witnesses(batch, &mut ids)?;
        for block in &batch.blocks {
            self.check_block(batch, block, &ids, &digests)?;
        }
        for damage in &batch.damages {
            let block = damage.header.map(|header| Hash::Sha256d.digest(&header));
            self.fail(block, damage.position, BitcoinFailureKind::Parse, damage.detail.clone());
        }
        self.bytes += batch.bytes().len() as u64;
        Ok(())
    }

    /// Replaces the digests of transactions with witness data by their ids.
    fn strip_witnesses(&mut self, batch: &BlockBatch, ids: &mut [Digest]) -> Result<(), Error> {
        let segwit = || {
            let blocks = batch.blocks.iter();
            blocks.flat_map(|block| {
                block.segwit.iter().map(|(index, parts)| (block.transactions.start + index, parts))
            })
        };
        let mut messages = Records::with_capacity(segwit().count(), 0);
        for (_, parts) in segwit() {
            messages.push_parts(parts.stripped(batch.bytes()));
        }
        if messages.is_empty() {
            return Ok(());
        }
        let stripped = self.reports.note(self.engine.hash(Hash::Sha256d, &messages)?);
        for ((record, _), id) in segwit().zip(stripped) {
            ids[record] = id;
        }
        Ok(())
    }

    fn check_block(
        &mut self,
        batch: &BlockBatch,
        block: &BlockSpan,
        ids: &[Digest],
        digests: &[Digest],
    ) -> Result<(), Error> {
        let hash = digests[block.header];
        let position = batch.position + block.at as u64;
        self.blocks += 1;
        self.transactions += block.transactions.len() as u64;
        let header: Header = deserialize(batch.record(block.header)).expect("any 80 bytes are a header");
        let coinbase = match deserialize(batch.record(block.transactions.start)) {
            Ok(coinbase) => coinbase,
            Err(error) => {
                self.fail(
                    Some(hash),
                    position,
                    BitcoinFailureKind::Parse,
                    format!("the first transaction: {error}"),
                );
                return Ok(());
            }
        };
        let subject = Subject {
            network: batch.network,
            header,
            hash,
            coinbase,
            ids: &ids[block.transactions.clone()],
            witness_ids: &digests[block.transactions.clone()],
            has_witness: !block.segwit.is_empty(),
        };
        for (kind, detail) in subject.check(self.engine, &mut self.reports)? {
            self.fail(Some(hash), position, kind, detail);
        }
        let previous = Digest(header.prev_blockhash.to_byte_array());
        self.links.push(Link { hash, previous, height: subject.height(), file: self.files - 1, position });
        Ok(())
    }

    fn fail(&mut self, block: Option<Digest>, position: u64, kind: BitcoinFailureKind, detail: String) {
        self.failures.push(BitcoinFailure { block, file: self.files - 1, position, kind, detail });
    }

    /// Checks the links between the blocks of all files, and tells what was found.
    pub fn finish(mut self) -> BitcoinAudit {
        let broken = links::broken(&self.links).map(|(link, detail)| BitcoinFailure {
            block: Some(link.hash),
            file: link.file,
            position: link.position,
            kind: BitcoinFailureKind::Link,
            detail,
        });
        self.failures.extend(broken);
        self.failures.sort_by_key(|failure| (failure.file, failure.position));
        BitcoinAudit {
            blocks: self.blocks,
            transactions: self.transactions,
            bytes: self.bytes,
            failures: self.failures,
            reports: self.reports.0,
        }
    }
}

//! The audit: reads block files and collects every failure.

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
    /// The header's hash does not meet the target of its bits, or the target is above
    /// the network's limit.
    ProofOfWork,
    /// The header's root is not that of the transactions' ids.
    MerkleRoot,
    /// The coinbase's commitment to the witnesses (BIP 141) is wrong or missing.
    WitnessCommitment,
    /// Another list of transactions has the same root (CVE-2012-2459).
    Mutated,
    /// Two transactions of the block have the same id.
    DuplicateTransaction,
    /// The block does not follow the previous block.
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

/// A failure that an audit of Bitcoin blocks found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BitcoinFailure {
    /// The block's hash in the byte order of SHA-256d, which Bitcoin's tools print
    /// reversed; none if the header could not be read.
    pub block: Option<Digest>,
    /// The number of the file, in the order in which files were read, from 0.
    pub file: usize,
    /// The position of the block in the file, in bytes.
    pub position: u64,
    /// What is wrong.
    pub kind: BitcoinFailureKind,
    /// The values that show the failure.
    pub detail: String,
}

/// The result of an audit of Bitcoin blocks.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use]
pub struct BitcoinAudit {
    /// The blocks that were read and checked.
    pub blocks: u64,
    /// The transactions of these blocks.
    pub transactions: u64,
    /// The bytes that were read.
    pub bytes: u64,
    /// Every failure, in the order of the files; empty if all blocks pass.
    pub failures: Vec<BitcoinFailure>,
    /// The distinct reports of the calls to the engine.
    pub reports: Vec<Report>,
}

/// Why a file cannot be audited.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlockFileError {
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file has no block.
    #[error("there is no block in it")]
    Empty,
    /// The file is not a block file.
    #[error(
        "no network's magic is in it, and it is too long for one raw block ({MAX_BLOCK} bytes); block files of Bitcoin \
         Core 28 and later are obfuscated: the key is needed, eight bytes in the file xor.dat beside them"
    )]
    Unknown,
    /// The engine could not serve a call.
    #[error(transparent)]
    Engine(#[from] Error),
}

/// Audits block files, one after the other.
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

    /// Audits one file: a raw block, or blocks each after the network's magic and a
    /// length, as in a node's `blk*.dat`. A thread reads the file in batches of 32 MiB;
    /// `progress` is called with the length of each batch once it is checked.
    ///
    /// A bad block is not an error: it is in [`failures`](BitcoinAudit::failures), and
    /// the audit continues with the next block.
    ///
    /// # Errors
    /// [`BlockFileError`] if the file cannot be read or is not a block file. Blocks that
    /// were checked before the error are in the result.
    pub fn read(
        &mut self,
        file: impl Read + Send,
        mut progress: impl FnMut(u64),
    ) -> Result<(), BlockFileError> {
        self.files += 1;
        let (send, batches) = mpsc::sync_channel(1);
        let (recycle, spare) = mpsc::channel();
        thread::scope(|scope| {
            let read = move || BlockBatches::new(file, spare).try_for_each(|batch| send.send(batch));
            thread::Builder::new().spawn_scoped(scope, read)?;
            for batch in batches {
                let batch = batch?;
                self.check(&batch)?;
                progress(batch.bytes().len() as u64);
                // Fails after the last batch, when the reader has ended.
                let _ = recycle.send(batch.into_buffer());
            }
            Ok(())
        })
    }

    fn check(&mut self, batch: &BlockBatch) -> Result<(), Error> {
        let digests = self.reports.note(self.engine.hash(Hash::Sha256d, &batch.records())?);
        let mut ids = digests.clone();
        self.replace_by_ids(batch, &mut ids)?;
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

    /// Replaces the digests of transactions that have witness data by their ids.
    fn replace_by_ids(&mut self, batch: &BlockBatch, ids: &mut [Digest]) -> Result<(), Error> {
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

    /// Checks the links between the blocks of all files, and gives the result.
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

//! The audit: replays a ledger and collects every failure.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use super::anchor::Anchor;
use super::block::{Block, Fate, Previous};
use super::election::block_review_key;
use super::encoding::DecodeError;
use super::endorsement::{Endorsed, Endorsement, block_message};
use super::failure::{LedgerFailure, LedgerFailureKind, Place};
use super::frames::{Frame, FrameError, Frames, LedgerFile};
use super::genesis::{Genesis, HASH, SealRule, TREE};
use super::header::Claim;
use super::reports::Reports;
use super::seal::Seal;
use super::store::{Files, StoreError};
use verilane::entries::RecordVerdict;
use verilane::pow::Target;
use verilane::signature::Batch;
use verilane::{Digest, Engine, Error, Report};

/// The signatures of lists and seals that are verified in one call.
const SIGNATURE_BATCH: usize = 1 << 14;

/// The result of an audit of a ledger.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[must_use]
pub struct LedgerAudit {
    /// The chain's parameters.
    pub genesis: Genesis,
    /// The blocks that were read and checked.
    pub blocks: u64,
    /// The stored records of these blocks.
    pub records: u64,
    /// The records that are not stored because they are duplicates.
    pub seen: u64,
    /// The records that the sealer refused.
    pub refused: u64,
    /// The verified signatures: of records, lists, seals and endorsements.
    pub signatures: u64,
    /// The checked anchors.
    pub anchors: u64,
    /// The bytes of blocks that were read.
    pub bytes: u64,
    /// Every failure, by place; empty if the ledger passes.
    pub failures: Vec<LedgerFailure>,
    /// The distinct reports of the calls to the engine.
    pub reports: Vec<Report>,
}

/// Audits the ledger in `directory`. Calls `progress` with the number of bytes read so
/// far.
///
/// A bad block is not an error: it is in [`failures`](LedgerAudit::failures), and the
/// audit continues with the next block. Only a damaged length ends it, since the next
/// block cannot be found; the failure says so.
///
/// # Errors
/// [`StoreError`] if the directory is not a ledger or cannot be read.
pub fn audit(
    engine: &Engine,
    directory: impl AsRef<Path>,
    mut progress: impl FnMut(u64),
) -> Result<LedgerAudit, StoreError> {
    let files = Files(directory.as_ref().into());
    let genesis = files.genesis()?;
    let mut blocks = files.open(LedgerFile::Blocks)?;
    let mut auditor = LedgerAuditor::new(engine, genesis);
    let (send, frames) = mpsc::sync_channel(2);
    thread::scope(|scope| {
        let read = move || read(&mut blocks, |frame| send.send(frame).is_ok());
        files.io(LedgerFile::Blocks, thread::Builder::new().spawn_scoped(scope, read))?;
        for (position, frame) in (0..).zip(frames) {
            let (at, length) = match frame {
                Ok(Frame { at, payload }) => {
                    auditor.check(position, &payload)?;
                    (at, payload.len() as u64 + 36)
                }
                Err(error) => {
                    auditor.cannot_read(position, &error);
                    (error.at, 0)
                }
            };
            auditor.audit.bytes = at + length;
            progress(at + length);
        }
        Ok::<_, StoreError>(())
    })?;
    auditor.flush()?;
    auditor.check_duplicates()?;
    auditor.check_anchors(&files)?;
    Ok(auditor.finish())
}

/// Why a single block is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The bytes are not a block.
    #[error(transparent)]
    Malformed(#[from] DecodeError),
    /// The block fails a check.
    #[error("{}", failures.iter().map(|failure| format!("{}: {}", failure.kind, failure.detail)).collect::<Vec<_>>().join("; "))]
    Failed {
        /// Every failure.
        failures: Vec<LedgerFailure>,
    },
    /// The engine could not serve a call.
    #[error(transparent)]
    Engine(#[from] Error),
}

impl<'a> Block<'a> {
    /// Decodes a single block, for instance one that a peer sent, and checks all that
    /// does not depend on earlier blocks: its chain, root, lists, seal, endorsements,
    /// and every signature and record. It does not check that the block follows the
    /// last one, that its producer was elected, or that its records are new; the
    /// [`audit`] does, and the [`Index`](verilane::dedup::Index) knows earlier records.
    ///
    /// # Errors
    /// [`OpenError`] names every failure.
    pub fn open(engine: &Engine, genesis: &Genesis, encoding: &'a [u8]) -> Result<Self, OpenError> {
        let block = Block::decode(encoding)?;
        let mut auditor = LedgerAuditor::new(engine, genesis.clone());
        auditor.check_alone(block.header.height, &block, block.header.hash())?;
        auditor.flush()?;
        auditor.check_duplicates()?;
        // A record that is marked as a duplicate may be in an earlier block.
        let mut failures = auditor.finish().failures;
        failures.retain(|failure| failure.kind != LedgerFailureKind::LeftOut);
        if failures.is_empty() { Ok(block) } else { Err(OpenError::Failed { failures }) }
    }
}

/// The size of the file of blocks in `directory`, for the progress of an [`audit`]; 0
/// if there is none.
pub fn total_bytes(directory: impl AsRef<Path>) -> u64 {
    let path = Files(directory.as_ref().into()).path(LedgerFile::Blocks);
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Sends frames until the end, or until an error after which no frame can be found.
fn read<R: io::Read>(frames: &mut Frames<R>, mut send: impl FnMut(Result<Frame, FrameError>) -> bool) {
    loop {
        let frame = frames.next().transpose();
        let Some(frame) = frame else { return };
        let last = frame.as_ref().is_err_and(|error| !error.kind.is_local());
        if !send(frame) || last {
            return;
        }
    }
}

struct LedgerAuditor<'e> {
    engine: &'e Engine,
    chain: Digest,
    audit: LedgerAudit,
    reports: Reports,
    /// The previous block; none if it cannot be read.
    previous: Option<Previous>,
    /// The hash of each block; none if it cannot be read.
    hashes: Vec<Option<Digest>>,
    pending: PendingSignatures,
    /// The position, hash and endorsements of each block since the last flush.
    endorsed: Vec<(u64, Digest, Vec<Endorsement>)>,
    /// The digest of each record that was not refused.
    digests: Vec<Digest>,
    /// The place of each of these records, and whether it is stored.
    records: Vec<(Place, bool)>,
}

/// Signatures of several blocks, to be verified in one batch.
struct PendingSignatures {
    batch: Batch<'static>,
    /// The failure of each signature if it is bad.
    failures: Vec<(Place, LedgerFailureKind)>,
}

impl Default for PendingSignatures {
    fn default() -> Self {
        PendingSignatures { batch: Batch::with_capacity(0), failures: Vec::new() }
    }
}

impl<'e> LedgerAuditor<'e> {
    fn new(engine: &'e Engine, genesis: Genesis) -> Self {
        let chain = genesis.chain();
        let audit = LedgerAudit {
            genesis,
            blocks: 0,
            records: 0,
            seen: 0,
            refused: 0,
            signatures: 0,
            anchors: 0,
            bytes: 0,
            failures: Vec::new(),
            reports: Vec::new(),
        };
        LedgerAuditor {
            engine,
            chain,
            audit,
            reports: Reports::default(),
            previous: Some(Previous::default()),
            hashes: Vec::new(),
            pending: PendingSignatures::default(),
            endorsed: Vec::new(),
            digests: Vec::new(),
            records: Vec::new(),
        }
    }

    fn fail(&mut self, place: Place, kind: LedgerFailureKind, detail: impl Into<String>) {
        self.audit.failures.push(LedgerFailure { place, kind, detail: detail.into() });
    }

    fn cannot_read(&mut self, position: u64, error: &FrameError) {
        let rest = if error.kind.is_local() { "" } else { "; nothing behind it can be found" };
        self.unreadable(position, format!("{error}{rest}"));
    }

    fn unreadable(&mut self, position: u64, detail: String) {
        self.fail(Place::block(position), LedgerFailureKind::Parse, detail);
        self.hashes.push(None);
        self.previous = None;
    }

    fn check(&mut self, position: u64, payload: &[u8]) -> Result<(), Error> {
        let block = match Block::decode(payload) {
            Ok(block) => block,
            Err(DecodeError { at, reason }) => {
                self.unreadable(position, format!("byte {at} of the block: {reason}"));
                return Ok(());
            }
        };
        self.check_link(position, &block);
        let previous = Previous::of(&block);
        self.check_alone(position, &block, previous.hash)?;
        self.audit.blocks += 1;
        self.hashes.push(Some(previous.hash));
        self.previous = Some(previous);
        if self.pending.failures.len() >= SIGNATURE_BATCH { self.flush() } else { Ok(()) }
    }

    /// Checks all of a block that does not depend on earlier blocks.
    fn check_alone(&mut self, position: u64, block: &Block<'_>, hash: Digest) -> Result<(), Error> {
        self.check_header(position, block, hash);
        self.check_seal(position, block, hash);
        self.check_lists(position, block);
        self.check_records(position, block)?;
        self.endorsed.push((position, hash, block.endorsements.clone()));
        Ok(())
    }

    fn check_header(&mut self, position: u64, block: &Block<'_>, hash: Digest) {
        let place = Place::block(position);
        let header = &block.header;
        if header.chain != self.chain {
            self.fail(
                place,
                LedgerFailureKind::Chain,
                format!("the block {hash} is of chain {}", header.chain),
            );
        }
        let table = block.table_digest();
        if header.lists != table {
            self.fail(
                place,
                LedgerFailureKind::Lists,
                format!("the header has {}, the lists {table}", header.lists),
            );
        }
    }

    /// Checks that a block follows the previous block, and that its producer was elected.
    fn check_link(&mut self, position: u64, block: &Block<'_>) {
        let place = Place::block(position);
        let header = &block.header;
        if header.height != position {
            self.fail(place, LedgerFailureKind::Height, format!("it claims height {}", header.height));
        }
        self.check_election(position, block);
        // The previous block could not be read: that is a failure already.
        let Some(&Previous { hash: expected, time, .. }) = self.previous.as_ref() else { return };
        if header.previous != expected {
            let claimed = header.previous;
            self.fail(
                place,
                LedgerFailureKind::Link,
                format!("it follows {claimed}, the block before is {expected}"),
            );
        }
        if header.time < time {
            self.fail(
                place,
                LedgerFailureKind::Time,
                format!("{} is before {time}, the time of the last", header.time),
            );
        }
    }

    fn check_seal(&mut self, position: u64, block: &Block<'_>, hash: Digest) {
        let place = Place::block(position);
        match (self.audit.genesis.seal, block.header.claim, &block.seal) {
            (SealRule::Work { bits }, Claim::Work { bits: claimed, .. }, _) => {
                let met = Target::from_bits(bits).is_ok_and(|target| target.is_met_by(&hash));
                if claimed != bits || !met {
                    let detail =
                        format!("hash {} of bits {claimed:08x}, asked is {bits:08x}", hash.reversed());
                    self.fail(place, LedgerFailureKind::Seal, detail);
                }
            }
            (SealRule::Stake, Claim::Stake { tally: claimed }, Seal::Stake { tally, signature }) => {
                let message = Seal::message(hash);
                self.pending.push(
                    &block.header.producer,
                    signature,
                    &message,
                    place,
                    LedgerFailureKind::Seal,
                );
                if claimed != tally.digest() {
                    self.fail(
                        place,
                        LedgerFailureKind::Tally,
                        "the header does not have the digest of the seal's tally",
                    );
                }
            }
            (rule, _, _) => {
                self.fail(
                    place,
                    LedgerFailureKind::Seal,
                    format!("it is sealed otherwise than the chain asks: {rule:?}"),
                );
            }
        }
    }

    fn check_election(&mut self, position: u64, block: &Block<'_>) {
        let Seal::Stake { tally, .. } = &block.seal else { return };
        let place = Place::block(position);
        let Some(previous) = &self.previous else { return };
        let expected = previous.tally.clone();
        if *tally != expected {
            self.fail(place, LedgerFailureKind::Tally, "it is not that of the lists of the block before");
        }
        let elected = expected.winner().unwrap_or(self.audit.genesis.founder);
        if block.header.producer != elected {
            let (producer, elected) = (Digest(block.header.producer), Digest(elected));
            self.fail(
                place,
                LedgerFailureKind::Producer,
                format!("{producer} produced it, elected was {elected}"),
            );
        }
    }

    fn check_lists(&mut self, position: u64, block: &Block<'_>) {
        let stage = self.audit.genesis.stage as usize;
        for (index, list) in block.lists.iter().enumerate() {
            let place = Place::list(position, index);
            let message = list.message();
            self.pending.push(
                &list.institution,
                &list.signature,
                &message,
                place,
                LedgerFailureKind::ListSignature,
            );
            if list.entries.len() >= stage {
                let detail = format!("{} records, fewer than {stage} are allowed", list.entries.len());
                self.fail(place, LedgerFailureKind::Stage, detail);
            }
            if index > 0 && block_review_key(&block.lists[index - 1]) > block_review_key(list) {
                self.fail(place, LedgerFailureKind::Order, "it is to be reviewed before the list before it");
            }
        }
        if block.records.len() >= 2 * stage {
            let detail = format!("{} records, fewer than {} are allowed", block.records.len(), 2 * stage);
            self.fail(Place::block(position), LedgerFailureKind::Stage, detail);
        }
    }

    fn check_records(&mut self, position: u64, block: &Block<'_>) -> Result<(), Error> {
        let rule = self.audit.genesis.rule;
        let entries = block.entries();
        let checked = self.reports.note(self.engine.check_block(rule, HASH, TREE, &entries)?);
        self.audit.signatures += entries.len() as u64;
        self.audit.records += entries.len() as u64;
        let mut stored = checked.verdicts.iter().zip(&checked.digests);
        for (l, list) in block.lists.iter().enumerate() {
            for (r, entry) in list.entries.iter().enumerate() {
                let place = Place::record(position, l, r);
                match entry.fate {
                    Fate::Refused => self.audit.refused += 1,
                    Fate::Seen => {
                        self.audit.seen += 1;
                        self.digests.push(entry.digest);
                        self.records.push((place, false));
                    }
                    Fate::Stored => {
                        let (verdict, digest) = stored.next().expect("every stored record was checked");
                        self.check_verdict(place, *verdict, entry.digest, *digest);
                        self.digests.push(entry.digest);
                        self.records.push((place, true));
                    }
                }
            }
        }
        if checked.root.digest != block.header.root {
            let (claimed, found) = (block.header.root, checked.root.digest);
            let detail = format!("the header has {claimed}, the records {found}");
            self.fail(Place::block(position), LedgerFailureKind::Root, detail);
        }
        Ok(())
    }

    fn check_verdict(&mut self, place: Place, verdict: RecordVerdict, claimed: Digest, found: Digest) {
        match verdict {
            RecordVerdict::Valid => {}
            RecordVerdict::BadSignature => {
                self.fail(
                    place,
                    LedgerFailureKind::RecordSignature,
                    format!("the signature over {claimed} is bad"),
                );
            }
            RecordVerdict::HashMismatch => {
                self.fail(
                    place,
                    LedgerFailureKind::RecordHash,
                    format!("signed was {claimed}, the record has {found}"),
                );
            }
        }
    }

    /// Verifies the pending signatures and endorsements.
    fn flush(&mut self) -> Result<(), Error> {
        let rule = self.audit.genesis.rule;
        let PendingSignatures { batch, failures } = std::mem::take(&mut self.pending);
        let verdicts = self.reports.note(self.engine.verify(rule, &batch)?);
        self.audit.signatures += batch.len() as u64;
        for index in verdicts.invalid() {
            let (place, kind) = failures[index];
            self.fail(place, kind, format!("the signature of {} is bad", Digest(batch.keys()[index])));
        }
        let blocks = std::mem::take(&mut self.endorsed);
        let Some(policy) = self.audit.genesis.endorsement.clone() else { return Ok(()) };
        let messages: Vec<_> = blocks.iter().map(|(_, hash, _)| block_message(*hash)).collect();
        let endorsed: Vec<_> = blocks
            .iter()
            .zip(&messages)
            .map(|((.., endorsements), message)| Endorsed { message, endorsements })
            .collect();
        let verdicts = self.reports.note(policy.verify(self.engine, rule, &endorsed)?);
        for ((position, _, endorsements), verdict) in blocks.iter().zip(&verdicts) {
            self.audit.signatures += endorsements.len() as u64;
            if !verdict.endorsed {
                let (found, needed) = (verdict.peers.len(), policy.threshold());
                let detail = format!("{found} peers have endorsed it, {needed} are needed");
                self.fail(Place::block(*position), LedgerFailureKind::Endorsement, detail);
            }
        }
        Ok(())
    }

    /// Checks that each stored record is the first with its digest, and that each record
    /// marked as a duplicate is not.
    fn check_duplicates(&mut self) -> Result<(), Error> {
        let first_occurrences = self.reports.note(self.engine.first_occurrences(&self.digests)?);
        // The first stored record of each digest whose first occurrence is not stored.
        let mut stored: HashMap<u32, Place> = HashMap::new();
        for (index, &first) in first_occurrences.as_slice().iter().enumerate() {
            let (place, is_stored) = self.records[index];
            let (earlier, first_is_stored) = self.records[first as usize];
            let earlier = if first_is_stored && first as usize != index {
                Some(earlier)
            } else {
                stored.get(&first).copied()
            };
            match (is_stored, earlier) {
                (true, Some(earlier)) => {
                    self.fail(
                        place,
                        LedgerFailureKind::Duplicate,
                        format!("{} is in {earlier}", self.digests[index]),
                    );
                }
                (true, None) if !first_is_stored => drop(stored.insert(first, place)),
                (false, None) => {
                    let detail = format!("{} is in no record before it", self.digests[index]);
                    self.fail(place, LedgerFailureKind::LeftOut, detail);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn check_anchors(&mut self, files: &Files) -> Result<(), StoreError> {
        let blocks = u64::from(self.audit.genesis.anchor_blocks);
        let mut frames = Vec::new();
        read(&mut files.open(LedgerFile::Anchors)?, |frame| {
            frames.push(frame);
            true
        });
        let due = self.hashes.len() as u64 / blocks;
        for number in 0..due.max(frames.len() as u64) {
            let place = Place::block(number * blocks);
            let found = frames.get(number as usize).map(|frame| match frame {
                Ok(frame) => Anchor::decode(&frame.payload).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            });
            match found {
                None => self.fail(place, LedgerFailureKind::Anchor, "it is missing"),
                Some(Err(error)) => self.fail(place, LedgerFailureKind::Anchor, error),
                Some(Ok(anchor)) => self.check_anchor(place, blocks, anchor)?,
            }
        }
        Ok(())
    }

    fn check_anchor(&mut self, place: Place, blocks: u64, anchor: Anchor) -> Result<(), Error> {
        self.audit.anchors += 1;
        let range = place.block as usize..(place.block + blocks) as usize;
        let Some(hashes) = self.hashes.get(range) else {
            self.fail(place, LedgerFailureKind::Anchor, "it is over blocks that are not there");
            return Ok(());
        };
        // A block that cannot be read is a failure already.
        let Some(hashes) = hashes.iter().copied().collect::<Option<Vec<_>>>() else { return Ok(()) };
        let expected = Anchor::over(self.engine, self.chain, place.block, &hashes)?;
        if anchor != expected {
            let (found, expected) = (anchor.digest(), expected.digest());
            self.fail(place, LedgerFailureKind::Anchor, format!("it is {found}, its blocks give {expected}"));
        }
        Ok(())
    }

    fn finish(mut self) -> LedgerAudit {
        self.audit.failures.sort_by_key(|failure| (failure.place, failure.kind));
        self.audit.reports = self.reports.0;
        self.audit
    }
}

impl PendingSignatures {
    fn push(
        &mut self,
        key: &[u8; 32],
        signature: &[u8; 64],
        message: &[u8],
        place: Place,
        kind: LedgerFailureKind,
    ) {
        self.batch.push(key, signature, message);
        self.failures.push((place, kind));
    }
}

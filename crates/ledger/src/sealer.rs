//! The sealer: turns signed lists into blocks.
//!
//! The sealer verifies lists when they are submitted, and holds them until their new
//! records fill a stage. Then it reviews the lists in order, drops the bytes of
//! duplicates, and seals and endorses the block. A block is on the disk before the
//! sealer takes the next list. The index holds the digests of all sealed records, so
//! that after an interruption the same lists can be submitted again: only what is
//! missing is sealed.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::anchor::Anchor;
use super::block::{Block, BlockList, Fate, Previous, table_digest};
use super::election::review_key;
use super::endorsement::block_message;
use super::genesis::{Genesis, HASH, SealRule, TREE};
use super::header::{Claim, Header};
use super::keyring::Keyring;
use super::list::{List, SignedRecord};
use super::reports::Reports;
use super::seal::Seal;
use super::store::{Store, StoreError};
use verilane::dedup::{Index, IndexError, IndexOptions, Seen};
use verilane::entries::{Entries, RecordVerdict};
use verilane::signature::{Batch, Verdicts};
use verilane::{Digest, Engine, Error, Records, Report};

/// A stage ends before it is full once its records have this many bytes, so that no
/// block is too long.
const STAGE_BYTES: usize = 256 << 20;

/// Why blocks cannot be sealed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The ledger cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The index of sealed records cannot be read or written.
    #[error("the ledger's index: {0}")]
    Index(#[from] IndexError),
    /// The index has more blocks than the ledger.
    #[error(
        "the index has {index} blocks, the ledger {ledger}: they do not belong together; an index is made anew where its folder is missing"
    )]
    IndexAhead {
        /// The blocks in the index.
        index: u64,
        /// The blocks in the ledger.
        ledger: u64,
    },
    /// The secret key of the elected producer is not in the keyring.
    #[error("block {height} is to be produced by {}, whose secret key is not here", Digest(*producer))]
    NoKey {
        /// The block's height.
        height: u64,
        /// The elected producer's public key.
        producer: [u8; 32],
    },
    /// The keyring has the keys of fewer peers than the chain's policy requires.
    #[error("the chain asks for {needed} endorsements; the secret keys of {held} of its peers are here")]
    Endorsements {
        /// The endorsements that the policy requires.
        needed: u16,
        /// The peers whose keys are in the keyring.
        held: usize,
    },
    /// The engine could not serve a call.
    #[error(transparent)]
    Engine(#[from] Error),
}

/// What the sealer found of a list.
///
/// Exhaustive, so that a caller must treat each case: a list that is not reviewed is
/// not in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListReview {
    /// The list's signature is bad; the list is refused.
    BadSignature,
    /// The list has at least as many records as end a stage; the list is refused.
    TooLong {
        /// The records of the list.
        records: usize,
        /// The most records that a list of this chain may have.
        most: usize,
    },
    /// The list was reviewed, with a finding for each record.
    Reviewed(Vec<RecordFinding>),
}

/// What the sealer found of a record.
///
/// Exhaustive, so that a caller must treat each case: some records are not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordFinding {
    /// The record is new; its block will store it.
    New,
    /// The block at this height stores the record already.
    InBlock(u64),
    /// The record is a duplicate of one that waits for the next block.
    Waiting,
    /// The institution's signature over its digest is bad.
    BadSignature,
    /// The record's bytes do not have the claimed digest.
    HashMismatch,
    /// The record is longer than [`SignedRecord::MAX_BYTES`].
    TooLong,
}

/// A block that was sealed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Sealed {
    /// The block's header.
    pub header: Header,
    /// The block's hash.
    pub hash: Digest,
    /// The number of lists in the block.
    pub lists: usize,
    /// The anchor that the block completed, if any.
    pub anchor: Option<Anchor>,
}

/// The result of submitting lists.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Submitted {
    /// The review of each list, in order.
    pub reviews: Vec<ListReview>,
    /// The blocks that the lists filled.
    pub sealed: Vec<Sealed>,
}

/// The lists that wait for the next block.
#[derive(Default)]
struct Stage {
    lists: Vec<(List, Vec<Fate>)>,
    /// The digests of their new records.
    fresh: HashSet<Digest>,
    /// The bytes of their new records.
    bytes: usize,
}

/// Turns signed lists into blocks.
pub struct Sealer<'e> {
    engine: &'e Engine,
    store: Store,
    index: Index,
    keyring: Keyring,
    /// The producer of blocks that are sealed by work.
    producer: [u8; 32],
    stage: Stage,
    /// The height of each record that was sealed since the last scan of the index.
    recent: HashMap<Digest, u64>,
    previous: Previous,
    reports: Reports,
}

impl fmt::Debug for Sealer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer")
            .field("index", &self.index)
            .field("keyring", &self.keyring)
            .finish_non_exhaustive()
    }
}

impl<'e> Sealer<'e> {
    /// A sealer for the ledger in `directory`. The index is in the same directory;
    /// blocks that it lacks after an interruption are added to it. The founder produces
    /// blocks that are sealed by work, unless [`set_producer`](Sealer::set_producer)
    /// names another.
    ///
    /// # Errors
    /// [`SealError`] if the ledger or its index cannot be opened, or if the keyring has
    /// too few keys for the endorsements.
    pub fn open(engine: &'e Engine, directory: &Path, keyring: Keyring) -> Result<Self, SealError> {
        let mut store = Store::open(directory)?;
        while store.anchor_if_due(engine)?.is_some() {}
        let mut index = Index::open(directory.join("index"), IndexOptions::default())?;
        let mut reports = Reports::default();
        catch_up(engine, &store, &mut index, &mut reports)?;
        let previous = match store.ledger().blocks() {
            0 => Previous::default(),
            blocks => {
                let encoding = store.ledger().block(blocks - 1)?;
                let block = store.ledger().decode(blocks - 1, &encoding)?;
                Previous::of(&block)
            }
        };
        let producer = store.ledger().genesis().founder;
        let sealer = Sealer {
            engine,
            store,
            index,
            keyring,
            producer,
            stage: Stage::default(),
            recent: HashMap::new(),
            previous,
            reports,
        };
        sealer.check_endorsers()?;
        Ok(sealer)
    }

    /// Sets the producer of blocks that are sealed by work.
    pub fn set_producer(&mut self, public_key: [u8; 32]) {
        self.producer = public_key;
    }

    /// The ledger's parameters.
    pub fn genesis(&self) -> &Genesis {
        self.store.ledger().genesis()
    }

    /// The distinct reports of the calls to the engine.
    pub fn reports(&self) -> &[Report] {
        &self.reports.0
    }

    /// The number of new records that wait for the next block.
    pub fn waiting(&self) -> usize {
        self.stage.fresh.len()
    }

    fn check_endorsers(&self) -> Result<(), SealError> {
        let Some(policy) = &self.genesis().endorsement else { return Ok(()) };
        let held = self.keyring.endorse(policy, &[]).len();
        if held < usize::from(policy.threshold()) {
            return Err(SealError::Endorsements { needed: policy.threshold(), held });
        }
        Ok(())
    }

    /// Verifies all lists in one batch, takes their new records, and seals each block
    /// that they fill. Calls `progress` with the number of nonces searched.
    ///
    /// # Errors
    /// [`SealError`]. Blocks sealed before the error are in the ledger, and the same
    /// lists can be submitted again to another sealer.
    pub fn submit(
        &mut self,
        lists: Vec<List>,
        mut progress: impl FnMut(u64),
    ) -> Result<Submitted, SealError> {
        self.recent.clear();
        let rule = self.genesis().rule;
        let signed = self.reports.note(self.engine.verify(rule, &list_signatures(&lists))?);
        let entries = entries(&lists);
        let checked = self.reports.note(self.engine.check_block(rule, HASH, TREE, &entries)?);
        let seen = self.reports.note(self.index.scan(self.engine, entries.digests())?);
        let mut records = checked.verdicts.iter().zip(&seen);
        let mut submitted = Submitted { reviews: Vec::with_capacity(lists.len()), sealed: Vec::new() };
        for (position, list) in lists.into_iter().enumerate() {
            let found: Vec<_> = records.by_ref().take(list.records.len()).collect();
            let review = self.review(&list, &found, &signed, position);
            if let ListReview::Reviewed(findings) = &review {
                submitted.sealed.extend(self.take(list, findings, &mut progress)?);
            }
            submitted.reviews.push(review);
        }
        Ok(submitted)
    }

    fn review(
        &self,
        list: &List,
        found: &[(&RecordVerdict, &Seen)],
        signed: &Verdicts,
        position: usize,
    ) -> ListReview {
        let most = self.genesis().stage as usize - 1;
        if list.records.len() > most {
            return ListReview::TooLong { records: list.records.len(), most };
        }
        if !signed.is_valid(position) {
            return ListReview::BadSignature;
        }
        let finding =
            |(record, (verdict, seen)): (&SignedRecord, &(&RecordVerdict, &Seen))| match (verdict, seen) {
                (RecordVerdict::BadSignature, _) => RecordFinding::BadSignature,
                (RecordVerdict::HashMismatch, _) => RecordFinding::HashMismatch,
                (RecordVerdict::Valid, Seen::InBlock(block)) => RecordFinding::InBlock(*block),
                (RecordVerdict::Valid, _) if record.bytes.len() > SignedRecord::MAX_BYTES => {
                    RecordFinding::TooLong
                }
                (RecordVerdict::Valid, _) => self.find_recent(&record.digest),
            };
        let mut findings: Vec<_> = list.records.iter().zip(found).map(finding).collect();
        // A list may have a record twice.
        let mut in_list = HashSet::new();
        for (finding, record) in findings.iter_mut().zip(&list.records) {
            if *finding == RecordFinding::New && !in_list.insert(record.digest) {
                *finding = RecordFinding::Waiting;
            }
        }
        ListReview::Reviewed(findings)
    }

    fn find_recent(&self, digest: &Digest) -> RecordFinding {
        if let Some(&block) = self.recent.get(digest) {
            return RecordFinding::InBlock(block);
        }
        if self.stage.fresh.contains(digest) { RecordFinding::Waiting } else { RecordFinding::New }
    }

    /// Adds a list with new records to the stage, and seals the block if that fills it.
    fn take(
        &mut self,
        list: List,
        findings: &[RecordFinding],
        progress: impl FnMut(u64),
    ) -> Result<Option<Sealed>, SealError> {
        if !findings.contains(&RecordFinding::New) {
            return Ok(None);
        }
        let fate = |finding: &RecordFinding| match finding {
            RecordFinding::New | RecordFinding::Waiting => Fate::Stored,
            RecordFinding::InBlock(_) => Fate::Seen,
            RecordFinding::BadSignature | RecordFinding::HashMismatch | RecordFinding::TooLong => {
                Fate::Refused
            }
        };
        for (record, finding) in list.records.iter().zip(findings) {
            if *finding == RecordFinding::New {
                self.stage.fresh.insert(record.digest);
                self.stage.bytes += record.bytes.len();
            }
        }
        self.stage.lists.push((list, findings.iter().map(fate).collect()));
        let full = self.stage.fresh.len() >= self.genesis().stage as usize;
        if full || self.stage.bytes >= STAGE_BYTES { self.close(progress) } else { Ok(None) }
    }

    /// Ends the stage, full or not, and seals its block; none if no list waits.
    ///
    /// # Errors
    /// [`SealError`] if the block cannot be sealed or written.
    pub fn close(&mut self, progress: impl FnMut(u64)) -> Result<Option<Sealed>, SealError> {
        let stage = std::mem::take(&mut self.stage);
        if stage.lists.is_empty() {
            return Ok(None);
        }
        let (lists, records) = reviewed(stage.lists);
        let mut block = Block {
            header: self.header(&lists, &records)?,
            seal: Seal::Work,
            endorsements: Vec::new(),
            lists,
            records,
        };
        let entries = block.entries();
        let leaves = self.reports.note(self.engine.merkle_leaves(TREE, &entries.leaves())?);
        block.header.root = self.reports.note(self.engine.merkle_root(TREE, &leaves)?).digest;
        self.seal(&mut block, progress)?;
        let hash = block.header.hash();
        if let Some(policy) = &self.genesis().endorsement {
            block.endorsements = self.keyring.endorse(policy, &block_message(hash));
        }
        self.store.append(&block)?;
        let anchor = self.store.anchor_if_due(self.engine)?;
        self.reports.note(self.index.add(self.engine, block.header.height, entries.digests())?);
        self.recent.extend(entries.digests().iter().map(|&digest| (digest, block.header.height)));
        self.previous = Previous::of(&block);
        Ok(Some(Sealed { header: block.header, hash, lists: block.lists.len(), anchor }))
    }

    /// The header, without its root and its nonce.
    fn header(&self, lists: &[BlockList], records: &Records<'_>) -> Result<Header, SealError> {
        let ledger = self.store.ledger();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let (producer, claim) = match ledger.genesis().seal {
            SealRule::Work { bits } => (self.producer, Claim::Work { bits, nonce: 0 }),
            SealRule::Stake => {
                let tally = &self.previous.tally;
                let producer = tally.winner().unwrap_or(ledger.genesis().founder);
                (producer, Claim::Stake { tally: tally.digest() })
            }
        };
        Ok(Header {
            chain: ledger.chain(),
            height: ledger.blocks(),
            previous: self.previous.hash,
            root: Digest([0; 32]),
            lists: table_digest(lists, records),
            records: records.len() as u32,
            time: now.max(self.previous.time),
            producer,
            claim,
        })
    }

    fn seal(&self, block: &mut Block<'_>, progress: impl FnMut(u64)) -> Result<(), SealError> {
        let header = &mut block.header;
        block.seal = match self.genesis().seal {
            SealRule::Work { bits } => Seal::work(self.engine, header, bits, progress)?,
            SealRule::Stake => {
                let (height, producer) = (header.height, header.producer);
                let key = self.keyring.producer(&producer).ok_or(SealError::NoKey { height, producer })?;
                Seal::stake(header, self.previous.tally.clone(), key)
            }
        };
        Ok(())
    }
}

/// Adds the blocks that the index lacks.
fn catch_up(
    engine: &Engine,
    store: &Store,
    index: &mut Index,
    reports: &mut Reports,
) -> Result<(), SealError> {
    let ledger = store.ledger();
    if index.blocks() > ledger.blocks() {
        return Err(SealError::IndexAhead { index: index.blocks(), ledger: ledger.blocks() });
    }
    for height in index.blocks()..ledger.blocks() {
        let encoding = ledger.block(height)?;
        let block = ledger.decode(height, &encoding)?;
        reports.note(index.add(engine, height, block.entries().digests())?);
    }
    Ok(())
}

fn list_signatures(lists: &[List]) -> Batch<'static> {
    let mut batch = Batch::with_capacity(lists.len());
    for list in lists {
        batch.push(&list.institution, &list.signature, &list.message());
    }
    batch
}

fn entries(lists: &[List]) -> Entries<'static> {
    let records =
        || lists.iter().flat_map(|list| list.records.iter().map(|record| (list.institution, record)));
    let bytes = records().map(|(_, record)| record.bytes.len()).sum();
    let mut entries = Entries::with_capacity(records().count(), bytes);
    for (institution, record) in records() {
        entries.push(&institution, &record.signature, record.digest, &record.bytes);
    }
    entries
}

/// Sorts the lists into the order of their review. Stores the first of equal records,
/// and marks the others as seen.
fn reviewed(mut stage: Vec<(List, Vec<Fate>)>) -> (Vec<BlockList>, Records<'static>) {
    stage.sort_by_key(|(list, _)| review_key(list));
    let mut seen = HashSet::new();
    let mut records = Records::with_capacity(0, 0);
    let mut blocks = Vec::with_capacity(stage.len());
    for (list, mut fates) in stage {
        for (record, fate) in list.records.iter().zip(&mut fates) {
            if *fate == Fate::Stored && !seen.insert(record.digest) {
                *fate = Fate::Seen;
            }
        }
        blocks.push(BlockList::new(list, fates, &mut records));
    }
    (blocks, records)
}

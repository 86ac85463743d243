//! A generated ledger: sealed like any other, but at invented times and, on
//! request, with faults.

use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::clock::Instant;
use super::draft::Draft;
use super::faults::{Circumstances, Faults, PlantedFault};
use super::keys::SyntheticKeys;
use crate::block::Previous;
use crate::endorsement::block_message;
use crate::store::Files;
use crate::{
    Anchor, Block, Claim, Genesis, Header, Keyring, LedgerFailureKind, LedgerFile, List, Seal, SealRule,
    Store, StoreError, TREE,
};
use verilane::pow::Target;
use verilane::{Digest, Engine, Error};

/// Seconds between blocks.
const BLOCK_SECONDS: u64 = 60;

/// Builds a ledger from lists.
pub struct Chain<'e> {
    engine: &'e Engine,
    store: Store,
    blocks: PathBuf,
    keys: &'e SyntheticKeys,
    keyring: Keyring,
    /// The distinct records to be added, and those added until now.
    distinct: u64,
    added: u64,
    stored: u64,
    stage: Stage,
    held: HashSet<Digest>,
    previous: Previous,
    hashes: Vec<Digest>,
    faults: Faults,
    /// The position and height of each block to be made unreadable.
    unreadable: Vec<(u64, u64)>,
}

/// The lists that wait for the next block.
#[derive(Default)]
struct Stage {
    lists: Vec<List>,
    fresh: HashSet<Digest>,
    /// The faults to try in the block.
    kinds: Vec<LedgerFailureKind>,
}

/// The built ledger.
#[derive(Debug)]
pub struct Built {
    /// The number of blocks.
    pub blocks: u64,
    /// The number of records stored in them.
    pub stored: u64,
    /// The planted faults, by place.
    pub faults: Vec<PlantedFault>,
}

impl<'e> Chain<'e> {
    /// Creates a ledger in `directory`, for lists of `distinct` distinct records, with
    /// `faults`.
    ///
    /// # Errors
    /// [`StoreError`] if the ledger cannot be created.
    pub fn create(
        engine: &'e Engine,
        directory: &Path,
        genesis: &Genesis,
        keys: &'e SyntheticKeys,
        distinct: u64,
        faults: Faults,
    ) -> Result<Self, StoreError> {
        Ok(Chain {
            engine,
            store: Store::create(directory, genesis)?,
            blocks: Files(directory.into()).path(LedgerFile::Blocks),
            keys,
            keyring: keys.keyring(),
            distinct,
            added: 0,
            stored: 0,
            stage: Stage::default(),
            held: HashSet::new(),
            previous: Previous::default(),
            hashes: Vec::new(),
            faults,
            unreadable: Vec::new(),
        })
    }

    fn genesis(&self) -> &Genesis {
        self.store.ledger().genesis()
    }

    fn height(&self) -> u64 {
        self.hashes.len() as u64
    }

    /// Adds a list, and seals the block if that fills its stage.
    ///
    /// # Errors
    /// [`StoreError`] if the block cannot be sealed or written.
    pub fn add(&mut self, list: List) -> Result<(), StoreError> {
        let stage = self.genesis().stage as usize;
        if self.stage.lists.is_empty() {
            let circumstances = self.circumstances();
            self.stage.kinds = self.faults.choose(self.store.ledger().genesis(), &circumstances);
        }
        let digests = list.records.iter().map(|record| record.digest);
        self.stage.fresh.extend(digests.filter(|digest| !self.held.contains(digest)));
        self.stage.lists.push(list);
        let full = if self.stage.kinds.contains(&LedgerFailureKind::Stage) { 2 * stage } else { stage };
        if self.stage.fresh.len() >= full { self.seal() } else { Ok(()) }
    }

    fn circumstances(&self) -> Circumstances {
        let height = self.height();
        let blocks = u64::from(self.genesis().anchor_blocks);
        let readable =
            |range: std::ops::Range<u64>| !self.unreadable.iter().any(|(_, height)| range.contains(height));
        Circumstances {
            height,
            follows_readable: height == 0 || readable(height - 1..height),
            completes_anchor: (height + 1).is_multiple_of(blocks) && readable(height + 1 - blocks..height),
            institutions: self.keys.institutions.len(),
            // A stage has fewer than 2c distinct records.
            share: (self.added + 2 * u64::from(self.genesis().stage)) as f64 / self.distinct as f64,
        }
    }

    fn seal(&mut self) -> Result<(), StoreError> {
        let Stage { lists, fresh, kinds } = std::mem::take(&mut self.stage);
        self.added += fresh.len() as u64;
        let height = self.height();
        let mut draft = Draft::new(lists);
        if kinds.contains(&LedgerFailureKind::Order) {
            self.faults.disorder(height, &mut draft);
        }
        draft.decide(&self.held);
        let stage = self.genesis().stage as usize;
        self.faults.plant_in_lists(&kinds, height, &mut draft, stage);
        // An auditor that cannot read the block does not know its records.
        if !kinds.contains(&LedgerFailureKind::Parse) {
            self.held.extend(&draft.stored);
        }
        let block = self.block(draft, &kinds)?;
        self.append(&block, &kinds)
    }

    fn block(&mut self, draft: Draft, kinds: &[LedgerFailureKind]) -> Result<Block<'static>, Error> {
        let (lists, records) = draft.into_parts();
        let header = Header {
            chain: self.store.ledger().chain(),
            height: self.height(),
            previous: self.previous.hash,
            root: Digest::default(),
            lists: Digest::default(),
            records: records.len() as u32,
            time: Instant::YEAR_2025.plus((self.height() + 1) * BLOCK_SECONDS).0,
            producer: self.genesis().founder,
            claim: Claim::Work { bits: 0, nonce: 0 },
        };
        let mut block = Block { header, seal: Seal::Work, endorsements: Vec::new(), lists, records };
        let leaves = self.engine.merkle_leaves(TREE, &block.entries().leaves())?;
        block.header.root = self.engine.merkle_root(TREE, &leaves)?.digest;
        block.header.lists = block.table_digest();
        self.faults.plant_in_header(kinds, &mut block.header, self.previous.time);
        match self.genesis().seal {
            SealRule::Work { bits } => self.work(&mut block, bits, kinds)?,
            SealRule::Stake => self.stake(&mut block, kinds),
        }
        self.endorse(&mut block, kinds);
        Ok(block)
    }

    fn work(&mut self, block: &mut Block<'_>, bits: u32, kinds: &[LedgerFailureKind]) -> Result<(), Error> {
        if !kinds.contains(&LedgerFailureKind::Seal) {
            block.seal = Seal::work(self.engine, &mut block.header, bits, |_| ())?;
            return Ok(());
        }
        let target = Target::from_bits(bits)?;
        let mut headers = (0..).map(|nonce| Header { claim: Claim::Work { bits, nonce }, ..block.header });
        let unmet = headers.find(|header| !target.is_met_by(&header.hash()));
        block.header = unmet.expect("some nonce misses the target");
        self.faults.note_block(self.height(), LedgerFailureKind::Seal);
        Ok(())
    }

    fn stake(&mut self, block: &mut Block<'_>, kinds: &[LedgerFailureKind]) {
        let height = self.height();
        let elected = self.previous.tally.winner().unwrap_or(self.genesis().founder);
        let position = |key: [u8; 32]| {
            let mut institutions = self.keys.institutions.iter();
            institutions
                .position(|secret| secret.public_key() == key)
                .expect("an elected producer is an institution")
        };
        let count = self.keys.institutions.len();
        let mut producer = position(elected);
        if kinds.contains(&LedgerFailureKind::Producer) {
            producer = (producer + 1 + self.faults.below(count as u64 - 1) as usize) % count;
            self.faults.note_block(height, LedgerFailureKind::Producer);
        }
        let mut tally = self.previous.tally.clone();
        if kinds.contains(&LedgerFailureKind::Tally) {
            tally = self.faults.miscount(height, &tally, elected);
        }
        let producer = &self.keys.institutions[producer];
        block.header.producer = producer.public_key();
        block.header.claim = Claim::Stake { tally: tally.digest() };
        block.seal = Seal::stake(&block.header, tally, producer);
        if let (Seal::Stake { signature, .. }, true) =
            (&mut block.seal, kinds.contains(&LedgerFailureKind::Seal))
        {
            signature[63] ^= 1;
            self.faults.note_block(height, LedgerFailureKind::Seal);
        }
    }

    fn endorse(&mut self, block: &mut Block<'_>, kinds: &[LedgerFailureKind]) {
        let Some(policy) = &self.store.ledger().genesis().endorsement else { return };
        block.endorsements = self.keyring.endorse(policy, &block_message(block.header.hash()));
        if kinds.contains(&LedgerFailureKind::Endorsement) {
            self.faults.withhold(self.hashes.len() as u64, &mut block.endorsements, policy);
        }
    }

    fn append(&mut self, block: &Block<'_>, kinds: &[LedgerFailureKind]) -> Result<(), StoreError> {
        let height = self.height();
        let at = self.io(fs::metadata(&self.blocks))?.len();
        self.store.append(block)?;
        if kinds.contains(&LedgerFailureKind::Parse) {
            self.unreadable.push((at, height));
            self.faults.note_block(height, LedgerFailureKind::Parse);
        }
        self.previous = Previous::of(block);
        self.hashes.push(self.previous.hash);
        self.stored += u64::from(block.header.records);
        self.anchor(kinds)
    }

    fn anchor(&mut self, kinds: &[LedgerFailureKind]) -> Result<(), StoreError> {
        let blocks = self.genesis().anchor_blocks as usize;
        if !self.hashes.len().is_multiple_of(blocks) {
            return Ok(());
        }
        let first = self.hashes.len() - blocks;
        let chain = self.store.ledger().chain();
        let mut anchor = Anchor::over(self.engine, chain, first as u64, &self.hashes[first..])?;
        if kinds.contains(&LedgerFailureKind::Anchor) {
            anchor.root = self.faults.digest();
            self.faults.note_block(first as u64, LedgerFailureKind::Anchor);
        }
        self.store.append_anchor(anchor)
    }

    /// Seals the lists that wait, and damages the blocks that are to be unreadable.
    ///
    /// # Errors
    /// [`StoreError`] if the ledger cannot be written.
    pub fn finish(mut self) -> Result<Built, StoreError> {
        if !self.stage.lists.is_empty() {
            self.seal()?;
        }
        let path = self.blocks.clone();
        for &(at, _) in &self.unreadable {
            flip_bit(&path, at + 4).map_err(|source| StoreError::Io { path: path.clone(), source })?;
        }
        let mut faults = self.faults.into_planted();
        faults.sort_unstable();
        Ok(Built { blocks: self.hashes.len() as u64, stored: self.stored, faults })
    }

    fn io<T>(&self, result: io::Result<T>) -> Result<T, StoreError> {
        result.map_err(|source| StoreError::Io { path: self.blocks.clone(), source })
    }
}

fn flip_bit(path: &Path, at: u64) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut byte = [0];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut byte)?;
    file.seek(SeekFrom::Start(at))?;
    file.write_all(&[byte[0] ^ 1])
}

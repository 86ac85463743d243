//! Faults, planted where nothing else is wrong: an audit finds each as one
//! failure, and nothing else follows from it.

use super::draft::Draft;
use crate::endorsement::{Endorsement, Policy};
use crate::generate::random::Random;
use crate::{Fate, Genesis, Header, LedgerFailureKind, Place, SealRule, Tally, review_key};
use verilane::Digest;

/// A planted fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlantedFault {
    /// Where.
    pub place: Place,
    /// What.
    pub kind: LedgerFailureKind,
}

/// The kinds of fault that a block can have more than once.
const OF_RECORDS: [LedgerFailureKind; 4] = [
    LedgerFailureKind::RecordSignature,
    LedgerFailureKind::RecordHash,
    LedgerFailureKind::Duplicate,
    LedgerFailureKind::LeftOut,
];

/// The kinds that it can have once.
const OF_BLOCKS: [LedgerFailureKind; 15] = [
    LedgerFailureKind::Parse,
    LedgerFailureKind::Chain,
    LedgerFailureKind::Height,
    LedgerFailureKind::Link,
    LedgerFailureKind::Time,
    LedgerFailureKind::Producer,
    LedgerFailureKind::Tally,
    LedgerFailureKind::Seal,
    LedgerFailureKind::Endorsement,
    LedgerFailureKind::Root,
    LedgerFailureKind::Lists,
    LedgerFailureKind::Stage,
    LedgerFailureKind::Order,
    LedgerFailureKind::ListSignature,
    LedgerFailureKind::Anchor,
];

/// What to plant, and what was planted.
pub struct Faults {
    random: Random,
    asked: usize,
    planted: Vec<PlantedFault>,
}

/// What decides which faults a block can have.
pub struct Circumstances {
    /// The block's height.
    pub height: u64,
    /// Whether an audit can read the block before.
    pub follows_readable: bool,
    /// Whether the block completes an anchor, whose other blocks can be read.
    pub completes_anchor: bool,
    /// The number of institutions.
    pub institutions: usize,
    /// The share of the records that will have been added with it; if that is
    /// all, it may be the last block.
    pub share: f64,
}

impl Circumstances {
    fn allow(&self, kind: LedgerFailureKind, genesis: &Genesis) -> bool {
        let staked = genesis.seal == SealRule::Stake;
        match kind {
            LedgerFailureKind::Link => self.follows_readable,
            LedgerFailureKind::Time => self.follows_readable && self.height > 0,
            LedgerFailureKind::Producer => staked && self.follows_readable && self.institutions > 1,
            LedgerFailureKind::Tally => staked && self.follows_readable,
            LedgerFailureKind::Endorsement => genesis.endorsement.is_some(),
            LedgerFailureKind::Anchor => self.completes_anchor,
            // Later blocks take what finds no place in one; the last must have room.
            LedgerFailureKind::Parse
            | LedgerFailureKind::Stage
            | LedgerFailureKind::Order
            | LedgerFailureKind::Duplicate
            | LedgerFailureKind::LeftOut => self.share < 1.0,
            _ => true,
        }
    }
}

impl Faults {
    pub fn new(seed: u64, asked: usize) -> Self {
        // Runs count records, and the last one the lists.
        Faults { random: Random::for_run(seed, u64::MAX - 1), asked, planted: Vec::new() }
    }

    pub fn into_planted(self) -> Vec<PlantedFault> {
        self.planted
    }

    /// The faults to try in the next block, so that the same share of them is
    /// planted as of records: of the kinds that it can have those first that are
    /// still rare.
    pub fn choose(&mut self, genesis: &Genesis, at: &Circumstances) -> Vec<LedgerFailureKind> {
        let share = at.share.min(1.0) * self.asked as f64;
        let due = (share.ceil() as usize).saturating_sub(self.planted.len());
        let mut kinds: Vec<LedgerFailureKind> = OF_BLOCKS.into_iter().chain(OF_RECORDS).collect();
        kinds.retain(|&kind| at.allow(kind, genesis));
        kinds.sort_by_cached_key(|&kind| {
            let count = self.planted.iter().filter(|fault| fault.kind == kind).count();
            (count, self.random.bits())
        });
        // In a block that cannot be read nothing else can be found.
        if due > 0 && kinds[0] == LedgerFailureKind::Parse {
            return vec![LedgerFailureKind::Parse];
        }
        kinds.retain(|&kind| kind != LedgerFailureKind::Parse);
        let more = due.saturating_sub(kinds.len());
        kinds.truncate(due);
        kinds.extend(OF_RECORDS.into_iter().filter(|&kind| at.allow(kind, genesis)).cycle().take(more));
        // A stage that is too long has to stay so.
        if kinds.contains(&LedgerFailureKind::Stage) {
            kinds.retain(|&kind| kind != LedgerFailureKind::LeftOut);
        }
        kinds
    }

    fn note(&mut self, height: u64, at: &[usize], kind: LedgerFailureKind) {
        let position = |level: usize| at.get(level).map(|&position| position as u32);
        let place = Place { block: height, list: position(0), record: position(1) };
        self.planted.push(PlantedFault { place, kind });
    }

    /// Notes a fault that was made in the whole block.
    pub fn note_block(&mut self, height: u64, kind: LedgerFailureKind) {
        self.note(height, &[], kind);
    }

    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.random.below(n)
    }

    /// A digest of nothing.
    pub fn digest(&mut self) -> Digest {
        Digest(std::array::from_fn(|_| self.random.bits() as u8))
    }

    fn one_of<T>(&mut self, mut choices: Vec<T>) -> Option<T> {
        if choices.is_empty() {
            return None;
        }
        let choice = self.below(choices.len() as u64);
        Some(choices.swap_remove(choice as usize))
    }

    /// Puts a list before one that is to be reviewed earlier.
    pub fn disorder(&mut self, height: u64, draft: &mut Draft) {
        let keys: Vec<_> = draft.lists.iter().map(|reviewed| review_key(&reviewed.list)).collect();
        let later = (1..keys.len()).filter(|&later| keys[later - 1] < keys[later]).collect();
        let Some(later) = self.one_of(later) else { return };
        draft.lists.swap(later - 1, later);
        self.note(height, &[later], LedgerFailureKind::Order);
    }

    /// Plants those `kinds` that lie in the lists and records.
    pub fn plant_in_lists(
        &mut self,
        kinds: &[LedgerFailureKind],
        height: u64,
        draft: &mut Draft,
        stage: usize,
    ) {
        let mut spoilt = Vec::new();
        for &kind in kinds {
            if kind == LedgerFailureKind::ListSignature {
                let at = self.below(draft.lists.len() as u64) as usize;
                draft.lists[at].list.signature[63] ^= 1;
                self.note(height, &[at], kind);
            }
            if let Some(at) = self.plant_in_record(kind, draft, &spoilt, stage) {
                spoilt.push(at);
                self.note(height, &at, kind);
            }
        }
        if kinds.contains(&LedgerFailureKind::Stage) && draft.stored_count() >= 2 * stage {
            self.note_block(height, LedgerFailureKind::Stage);
        }
    }

    fn plant_in_record(
        &mut self,
        kind: LedgerFailureKind,
        draft: &mut Draft,
        spoilt: &[[usize; 2]],
        stage: usize,
    ) -> Option<[usize; 2]> {
        let from = match kind {
            LedgerFailureKind::RecordSignature
            | LedgerFailureKind::RecordHash
            | LedgerFailureKind::LeftOut => Fate::Stored,
            // Beyond the length of a stage it would be two faults.
            LedgerFailureKind::Duplicate if draft.stored_count() + 1 != 2 * stage => Fate::Seen,
            _ => return None,
        };
        let sound = draft.fates().filter(|&(at, fate)| fate == from && !spoilt.contains(&at));
        let at = self.one_of(sound.map(|(at, _)| at).collect())?;
        let record = draft.record(at);
        let digest = record.digest;
        match kind {
            LedgerFailureKind::RecordSignature => record.signature[63] ^= 1,
            LedgerFailureKind::RecordHash => {
                let digit = record.bytes.iter_mut().rfind(|byte| byte.is_ascii_digit())?;
                *digit = if *digit == b'9' { b'0' } else { *digit + 1 };
            }
            LedgerFailureKind::Duplicate => draft.lists[at[0]].fates[at[1]] = Fate::Stored,
            _ if draft.occurrences(digest) > 1 => return None,
            _ => {
                draft.lists[at[0]].fates[at[1]] = Fate::Seen;
                draft.stored.remove(&digest);
            }
        }
        Some(at)
    }

    /// Plants those `kinds` that lie in the header; `time` is that of the block before.
    pub fn plant_in_header(&mut self, kinds: &[LedgerFailureKind], header: &mut Header, time: u64) {
        let height = header.height;
        for &kind in kinds {
            match kind {
                LedgerFailureKind::Chain => header.chain = self.digest(),
                LedgerFailureKind::Height => header.height += 1 + self.below(1000),
                LedgerFailureKind::Link => header.previous = self.digest(),
                LedgerFailureKind::Time => header.time = time - 1,
                LedgerFailureKind::Root => header.root = self.digest(),
                LedgerFailureKind::Lists => header.lists = self.digest(),
                _ => continue,
            }
            self.note_block(height, kind);
        }
    }

    /// A tally with a record more for somebody.
    pub fn miscount(&mut self, height: u64, tally: &Tally, somebody: [u8; 32]) -> Tally {
        let mut pairs: Vec<_> = tally.pairs().map(|(key, records)| (*key, records)).collect();
        match pairs.iter_mut().find(|pair| pair.0 == somebody) {
            Some((_, records)) => *records += 1,
            None => {
                pairs.push((somebody, 1));
                pairs.sort_unstable();
            }
        }
        self.note_block(height, LedgerFailureKind::Tally);
        Tally::from_pairs(&pairs).expect("the keys ascend")
    }

    /// Leaves too few sound endorsements.
    pub fn withhold(&mut self, height: u64, endorsements: &mut Vec<Endorsement>, policy: &Policy) {
        let sound = usize::from(policy.threshold()) - 1;
        if self.below(2) == 0 {
            endorsements.truncate(sound);
        }
        for endorsement in endorsements.iter_mut().skip(sound) {
            endorsement.signature[40] ^= 1;
        }
        self.note_block(height, LedgerFailureKind::Endorsement);
    }
}

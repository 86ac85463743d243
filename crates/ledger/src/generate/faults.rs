//! Planted faults. Each is planted where nothing else is wrong, so that an audit
//! finds exactly one failure for it.

use super::draft::Draft;
use crate::endorsement::{Endorsement, Policy};
use crate::generate::random::Random;
use crate::{Fate, Genesis, Header, LedgerFailureKind, Place, SealRule, Tally, review_key};
use verilane::Digest;

/// A planted fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct PlantedFault {
    /// Where an audit finds it.
    pub place: Place,
    /// What an audit finds.
    pub kind: LedgerFailureKind,
}

/// The faults that a block can have more than once.
const OF_RECORDS: [LedgerFailureKind; 4] = [
    LedgerFailureKind::RecordSignature,
    LedgerFailureKind::RecordHash,
    LedgerFailureKind::Duplicate,
    LedgerFailureKind::LeftOut,
];

/// The faults that a block can have once.
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

/// Plants faults, and notes them.
pub struct Faults {
    random: Random,
    /// The number of faults to plant.
    asked: usize,
    planted: Vec<PlantedFault>,
}

/// The circumstances that decide which faults a block can have.
pub struct Circumstances {
    /// The block's height.
    pub height: u64,
    /// Whether an audit can read the previous block.
    pub follows_readable: bool,
    /// Whether the block completes an anchor, and an audit can read the anchor's other
    /// blocks.
    pub completes_anchor: bool,
    /// The number of institutions.
    pub institutions: usize,
    /// The share of the records that are added once the block is full; from 1 on it may
    /// be the last block.
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
            // A fault that finds no place moves to a later block; the last has none.
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
        // The runs of a seed are the numbers of records; the last one is that of the lists.
        Faults { random: Random::for_run(seed, u64::MAX - 1), asked, planted: Vec::new() }
    }

    pub fn into_planted(self) -> Vec<PlantedFault> {
        self.planted
    }

    /// The faults to try in the next block, so that their planted share keeps pace with
    /// the share of records. Prefers the kinds that are planted least.
    pub fn choose(&mut self, genesis: &Genesis, at: &Circumstances) -> Vec<LedgerFailureKind> {
        let share = at.share.min(1.0) * self.asked as f64;
        let due = (share.ceil() as usize).saturating_sub(self.planted.len());
        let mut kinds: Vec<LedgerFailureKind> = OF_BLOCKS.into_iter().chain(OF_RECORDS).collect();
        kinds.retain(|&kind| at.allow(kind, genesis));
        kinds.sort_by_cached_key(|&kind| {
            let count = self.planted.iter().filter(|fault| fault.kind == kind).count();
            (count, self.random.bits())
        });
        // An audit finds nothing else in a block that it cannot read.
        if due > 0 && kinds[0] == LedgerFailureKind::Parse {
            return vec![LedgerFailureKind::Parse];
        }
        kinds.retain(|&kind| kind != LedgerFailureKind::Parse);
        let more = due.saturating_sub(kinds.len());
        kinds.truncate(due);
        kinds.extend(OF_RECORDS.into_iter().filter(|&kind| at.allow(kind, genesis)).cycle().take(more));
        // Leaving out a record would make a stage that is too long shorter.
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

    /// Notes a fault of the whole block.
    pub fn note_block(&mut self, height: u64, kind: LedgerFailureKind) {
        self.note(height, &[], kind);
    }

    /// A random number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.random.below(n)
    }

    /// A random digest.
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

    /// Swaps two adjacent lists whose review keys differ.
    pub fn disorder(&mut self, height: u64, draft: &mut Draft) {
        let keys: Vec<_> = draft.lists.iter().map(|reviewed| review_key(&reviewed.list)).collect();
        let later = (1..keys.len()).filter(|&later| keys[later - 1] < keys[later]).collect();
        let Some(later) = self.one_of(later) else { return };
        draft.lists.swap(later - 1, later);
        self.note(height, &[later], LedgerFailureKind::Order);
    }

    /// Plants the `kinds` that are in lists and records.
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
            // A record that makes the stage too long would be a second fault.
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

    /// Plants the `kinds` that are in the header; `time` is that of the previous block.
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

    /// A tally with one more record for `somebody`.
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

    /// Leaves fewer valid endorsements than the policy requires.
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

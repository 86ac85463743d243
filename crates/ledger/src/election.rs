//! The producer of the next block, and the order in which lists are reviewed.
//!
//! A stage ends when it has c records or more. Every list is shorter than c, so a
//! stage has fewer than 2c. The institution with the most records stored in a stage
//! produces the block of the next stage; the founder produces the first block.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::block::BlockList;
use super::list::List;
use verilane::{Digest, Hash};

/// The number of records that a stage stores for each institution, by ascending key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<[u8; 32], u32>);

impl Tally {
    /// The tally of the lists of a block.
    pub fn of(lists: &[BlockList]) -> Self {
        let mut tally = BTreeMap::new();
        for list in lists {
            *tally.entry(list.institution).or_default() += list.stored_count() as u32;
        }
        tally.retain(|_, &mut records| records > 0);
        Tally(tally)
    }

    /// A tally of pairs of an institution's key and its number of records.
    ///
    /// # Errors
    /// The position of the first pair whose key is not above the one before.
    pub fn from_pairs(pairs: &[([u8; 32], u32)]) -> Result<Self, usize> {
        match pairs.windows(2).position(|pair| pair[0].0 >= pair[1].0) {
            Some(position) => Err(position + 1),
            None => Ok(Tally(pairs.iter().copied().collect())),
        }
    }

    /// Each institution's key and number of records, by ascending key.
    pub fn pairs(&self) -> impl ExactSizeIterator<Item = (&[u8; 32], u32)> {
        self.0.iter().map(|(key, &records)| (key, records))
    }

    /// The institution with the most records; in a tie, the one with the lowest key,
    /// read as a big-endian number. None if the tally is empty.
    pub fn winner(&self) -> Option<[u8; 32]> {
        self.0.iter().max_by_key(|(key, records)| (**records, Reverse(**key))).map(|(key, _)| *key)
    }

    /// SHA-256d of the tally's encoding: each key, and its number of records in 32 bits.
    pub fn digest(&self) -> Digest {
        let bytes: Vec<u8> = self
            .pairs()
            .flat_map(|(key, records)| key.iter().copied().chain(records.to_le_bytes()))
            .collect();
        Hash::Sha256d.digest(&bytes)
    }
}

/// The key that orders lists for review: emergencies first, then the lists with more
/// records, then the lower public key, then the lower signature.
pub type ReviewKey = (Reverse<bool>, Reverse<usize>, [u8; 32], [u8; 64]);

/// The review key of a list; lists with lower keys come first.
pub fn review_key(list: &List) -> ReviewKey {
    (Reverse(list.emergency), Reverse(list.records.len()), list.institution, list.signature)
}

/// The review key of a list in a block.
pub(super) fn block_review_key(list: &BlockList) -> ReviewKey {
    (Reverse(list.emergency), Reverse(list.entries.len()), list.institution, list.signature)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SignedRecord;

    fn list(institution: u8, records: usize, emergency: bool) -> List {
        let record = SignedRecord { bytes: vec![], digest: Digest([0; 32]), signature: [0; 64] };
        List { institution: [institution; 32], emergency, records: vec![record; records], signature: [0; 64] }
    }

    #[test]
    fn emergencies_come_first_then_the_largest_then_the_lowest_key() {
        let mut lists =
            [list(3, 5, false), list(2, 5, false), list(1, 9, false), list(9, 1, true), list(8, 2, true)];
        lists.sort_by_key(review_key);
        assert_eq!(lists.map(|list| list.institution[0]), [8, 9, 1, 2, 3]);
    }

    #[test]
    fn most_records_win_and_the_lowest_key_wins_a_tie() {
        let of = |pairs: &[(u8, u32)]| {
            let pairs: Vec<_> = pairs.iter().map(|&(key, records)| ([key; 32], records)).collect();
            Tally::from_pairs(&pairs).unwrap().winner().map(|key| key[0])
        };
        assert_eq!(of(&[(1, 5), (2, 7), (3, 7), (4, 1)]), Some(2));
        assert_eq!(of(&[]), None);
        assert_eq!(Tally::from_pairs(&[([1; 32], 1), ([1; 32], 2)]), Err(1));
    }
}

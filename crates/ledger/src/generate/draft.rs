//! A block before it is sealed.

use std::collections::HashSet;

use crate::{BlockList, Fate, List, SignedRecord, review_key};
use verilane::{Digest, Records};

/// The lists of a block, in the order of their review.
pub struct Draft {
    pub lists: Vec<Reviewed>,
    /// The digests of the stored records.
    pub stored: HashSet<Digest>,
}

/// A list, and the fate of each of its records.
pub struct Reviewed {
    pub list: List,
    pub fates: Vec<Fate>,
}

impl Draft {
    pub fn new(mut lists: Vec<List>) -> Self {
        lists.sort_by_key(review_key);
        let reviewed = |list: List| Reviewed { fates: Vec::with_capacity(list.records.len()), list };
        Draft { lists: lists.into_iter().map(reviewed).collect(), stored: HashSet::new() }
    }

    /// Decides the fate of each record of a chain that stores the records `held`.
    pub fn decide(&mut self, held: &HashSet<Digest>) {
        for Reviewed { list, fates } in &mut self.lists {
            let mut is_new =
                |record: &SignedRecord| !held.contains(&record.digest) && self.stored.insert(record.digest);
            fates.extend(list.records.iter().map(|record| match is_new(record) {
                true => Fate::Stored,
                false => Fate::Seen,
            }));
        }
    }

    /// The fate of each record, with the position of its list and its position there.
    pub fn fates(&self) -> impl Iterator<Item = ([usize; 2], Fate)> {
        let lists = self.lists.iter().enumerate();
        lists.flat_map(|(l, list)| list.fates.iter().enumerate().map(move |(r, &fate)| ([l, r], fate)))
    }

    /// The number of stored records.
    pub fn stored_count(&self) -> usize {
        self.fates().filter(|&(_, fate)| fate == Fate::Stored).count()
    }

    /// The number of records with this digest in the lists.
    pub fn occurrences(&self, digest: Digest) -> usize {
        let records = self.lists.iter().flat_map(|reviewed| &reviewed.list.records);
        records.filter(|record| record.digest == digest).count()
    }

    pub fn record(&mut self, [list, record]: [usize; 2]) -> &mut SignedRecord {
        &mut self.lists[list].list.records[record]
    }

    /// The lists in the form of a block, and the bytes of the stored records.
    pub fn into_parts(self) -> (Vec<BlockList>, Records<'static>) {
        let mut records = Records::with_capacity(0, 0);
        let mut lists = Vec::with_capacity(self.lists.len());
        for Reviewed { list, fates } in self.lists {
            lists.push(BlockList::new(list, fates, &mut records));
        }
        (lists, records)
    }
}

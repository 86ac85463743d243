//! The memory in front of the store: where each fingerprint may be found.

use hashbrown::HashTable;

use crate::Digest;

/// Parts of the table: each grows by itself, so that never all of it is there
/// twice, and fits the cache while a batch passes through it.
const PARTS: usize = 1 << 10;

/// A table of 8-byte entries: 32 bits of a fingerprint, and its position in the
/// store.
///
/// The part adds ten bits. A new fingerprint meets an entry's 42 bits by chance
/// once in 2⁴² / `len` calls, and only then is the store read in vain.
pub struct Filter {
    parts: Vec<HashTable<Entry>>,
}

#[derive(Clone, Copy)]
struct Entry {
    tag: u32,
    position: u32,
}

/// A position in the store at which the fingerprint `index` of a call may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    pub position: u32,
    pub index: u32,
}

impl Filter {
    /// An empty filter with room for `len` fingerprints.
    pub fn with_capacity(len: usize) -> Self {
        Filter { parts: vec![HashTable::with_capacity(len / PARTS); PARTS] }
    }

    /// Notes that `prints` lie in the store from position `start` on.
    pub fn insert(&mut self, start: u32, prints: &[Digest]) {
        for index in by_part(prints, 0..prints.len() as u32) {
            let print = &prints[index as usize];
            let entry = Entry { tag: tag(print), position: start + index };
            self.parts[part(print)].insert_unique(hash(entry.tag), entry, |entry| hash(entry.tag));
        }
    }

    /// Where those of `prints` that are `wanted` may be, in the order of the
    /// store. Those without a candidate are not in it.
    pub fn candidates(&self, prints: &[Digest], wanted: impl Iterator<Item = u32> + Clone) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        for index in by_part(prints, wanted) {
            let print = &prints[index as usize];
            let tag = tag(print);
            let same = self.parts[part(print)].iter_hash(hash(tag)).filter(|entry| entry.tag == tag);
            candidates.extend(same.map(|entry| Candidate { position: entry.position, index }));
        }
        candidates.sort_unstable();
        candidates
    }
}

/// The `wanted` indices of `prints`, part by part.
fn by_part(prints: &[Digest], wanted: impl Iterator<Item = u32> + Clone) -> Vec<u32> {
    let part = |index: u32| part(&prints[index as usize]);
    let mut next = [0; PARTS];
    wanted.clone().for_each(|index| next[part(index)] += 1);
    let mut count = 0;
    for next in &mut next {
        count += std::mem::replace(next, count);
    }
    let mut order = vec![0; count];
    for index in wanted {
        let place = &mut next[part(index)];
        order[*place] = index;
        *place += 1;
    }
    order
}

/// Fingerprints are keyed: their bits are as good as random, and nobody without
/// the key can crowd a part.
fn part(print: &Digest) -> usize {
    usize::from(u16::from_le_bytes([print.0[0], print.0[1]])) % PARTS
}

fn tag(print: &Digest) -> u32 {
    let [.., a, b, c, d] = print.0;
    u32::from_le_bytes([a, b, c, d])
}

/// The tag twice, as the table takes its place from the low bits and the mark by
/// which it tells entries apart from the high ones.
fn hash(tag: u32) -> u64 {
    u64::from(tag) << 32 | u64::from(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(part: u8, middle: u8, tag: u8) -> Digest {
        let mut print = Digest::default();
        (print.0[0], print.0[16], print.0[31]) = (part, middle, tag);
        print
    }

    #[test]
    fn equal_tags_are_all_candidates() {
        let mut filter = Filter::with_capacity(0);
        filter.insert(7, &[print(1, 0, 1), print(2, 0, 1), print(1, 0, 2)]);
        filter.insert(10, &[print(1, 5, 1)]);
        let asked = [print(3, 0, 1), print(1, 9, 1), print(1, 0, 2), print(2, 0, 2), print(1, 0, 1)];
        let found = filter.candidates(&asked, [0, 1, 2, 3].into_iter());
        let expected =
            [(7, 1), (9, 2), (10, 1)].map(|(position, index)| Candidate { position, index }).to_vec();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_grown_table_keeps_its_entries() {
        let prints: Vec<_> = (0..20_000u64).map(|n| crate::Hash::Blake3.digest(&n.to_le_bytes())).collect();
        let mut filter = Filter::with_capacity(0);
        for (start, prints) in (0..).step_by(100).zip(prints.chunks(100)) {
            filter.insert(start, prints);
        }
        let candidates = filter.candidates(&prints, 0..prints.len() as u32);
        let own: Vec<_> = (0..20_000).map(|index| Candidate { position: index, index }).collect();
        assert!(own.iter().all(|own| candidates.binary_search(own).is_ok()));
        assert!(candidates.len() < own.len() + 5, "42 bits tell 20,000 fingerprints apart");
    }
}

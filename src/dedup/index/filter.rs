//! The table in memory: the positions in the store at which a fingerprint may be.

use hashbrown::HashTable;

use crate::Digest;

/// The number of shards. Shards grow one by one, so the table is never in memory twice; and a
/// shard fits the cache while a batch is processed.
const SHARDS: usize = 1 << 10;

/// A hash table, in shards, of 8-byte entries: a tag of 32 bits of a fingerprint, and the
/// fingerprint's position in the store.
///
/// The shard adds 10 bits. A new fingerprint matches the 42 bits of an entry by chance with
/// probability `len` / 2⁴²; then the store is read in vain.
pub struct Filter {
    shards: Vec<HashTable<Entry>>,
}

#[derive(Clone, Copy)]
struct Entry {
    tag: u32,
    position: u32,
}

/// A position in the store at which fingerprint `index` of a call may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    pub position: u32,
    pub index: u32,
}

impl Filter {
    /// An empty filter with capacity for `len` fingerprints.
    pub fn with_capacity(len: usize) -> Self {
        Filter { shards: vec![HashTable::with_capacity(len / SHARDS); SHARDS] }
    }

    /// Inserts `fingerprints`, which are in the store from position `start` on.
    pub fn insert(&mut self, start: u32, fingerprints: &[Digest]) {
        for index in by_shard(fingerprints, 0..fingerprints.len() as u32) {
            let fingerprint = &fingerprints[index as usize];
            let entry = Entry { tag: tag(fingerprint), position: start + index };
            self.shards[shard(fingerprint)].insert_unique(hash(entry.tag), entry, |entry| hash(entry.tag));
        }
    }

    /// The candidates of the `fingerprints` at the indices `wanted`, in the order of the
    /// store. A fingerprint without a candidate is not in the store.
    pub fn candidates(
        &self,
        fingerprints: &[Digest],
        wanted: impl Iterator<Item = u32> + Clone,
    ) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        for index in by_shard(fingerprints, wanted) {
            let fingerprint = &fingerprints[index as usize];
            let tag = tag(fingerprint);
            let entries = self.shards[shard(fingerprint)].iter_hash(hash(tag));
            let same = entries.filter(|entry| entry.tag == tag);
            candidates.extend(same.map(|entry| Candidate { position: entry.position, index }));
        }
        candidates.sort_unstable();
        candidates
    }
}

/// The `wanted` indices of `fingerprints`, grouped by shard.
fn by_shard(fingerprints: &[Digest], wanted: impl Iterator<Item = u32> + Clone) -> Vec<u32> {
    let shard = |index: u32| shard(&fingerprints[index as usize]);
    let mut next = [0; SHARDS];
    wanted.clone().for_each(|index| next[shard(index)] += 1);
    let mut count = 0;
    for next in &mut next {
        count += std::mem::replace(next, count);
    }
    let mut grouped = vec![0; count];
    for index in wanted {
        let next = &mut next[shard(index)];
        grouped[*next] = index;
        *next += 1;
    }
    grouped
}

/// The shard of a fingerprint. Fingerprints are keyed, so without the key nobody can choose
/// records whose fingerprints crowd one shard.
fn shard(fingerprint: &Digest) -> usize {
    usize::from(u16::from_le_bytes([fingerprint.0[0], fingerprint.0[1]])) % SHARDS
}

fn tag(fingerprint: &Digest) -> u32 {
    let [.., a, b, c, d] = fingerprint.0;
    u32::from_le_bytes([a, b, c, d])
}

/// The tag in both halves: the table takes the bucket from the low bits of the hash and its
/// control byte from the high ones.
fn hash(tag: u32) -> u64 {
    u64::from(tag) << 32 | u64::from(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint((shard, middle, tag): (u8, u8, u8)) -> Digest {
        let mut fingerprint = Digest::default();
        (fingerprint.0[0], fingerprint.0[16], fingerprint.0[31]) = (shard, middle, tag);
        fingerprint
    }

    #[test]
    fn all_entries_with_the_tag_are_candidates() {
        let mut filter = Filter::with_capacity(0);
        filter.insert(7, &[(1, 0, 1), (2, 0, 1), (1, 0, 2)].map(fingerprint));
        filter.insert(10, &[(1, 5, 1)].map(fingerprint));
        let queries = [(3, 0, 1), (1, 9, 1), (1, 0, 2), (2, 0, 2), (1, 0, 1)].map(fingerprint);
        let found = filter.candidates(&queries, [0, 1, 2, 3].into_iter());
        let expected =
            [(7, 1), (9, 2), (10, 1)].map(|(position, index)| Candidate { position, index }).to_vec();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_grown_table_keeps_its_entries() {
        let fingerprints: Vec<_> =
            (0..20_000u64).map(|n| crate::Hash::Blake3.digest(&n.to_le_bytes())).collect();
        let mut filter = Filter::with_capacity(0);
        for (start, fingerprints) in (0..).step_by(100).zip(fingerprints.chunks(100)) {
            filter.insert(start, fingerprints);
        }
        let candidates = filter.candidates(&fingerprints, 0..fingerprints.len() as u32);
        let expected: Vec<_> = (0..20_000).map(|index| Candidate { position: index, index }).collect();
        assert!(expected.iter().all(|candidate| candidates.binary_search(candidate).is_ok()));
        assert!(candidates.len() < expected.len() + 5, "42 bits distinguish 20,000 fingerprints");
    }
}

//! First occurrences by a radix-partitioned hash table.
//!
//! Fingerprints are partitioned by their hash, so that each partition's table fits the cache;
//! then each partition is searched for duplicates with open addressing. The hash key is random
//! for each call, so that no input can be crafted to collide, and the expected time is linear.

use std::hash::{BuildHasher, RandomState};

use super::lanes::prefetch;
use crate::Digest;
use crate::threads::Threads;

/// Mean number of fingerprints in a partition. Its table takes 128 KiB to 256 KiB and is at
/// most a quarter full, unless many fingerprints are equal.
const PARTITION_LEN: usize = 1 << 12;

/// The smallest number of fingerprints worth a thread.
const MIN_CHUNK: usize = 1 << 15;

/// Bytes between a fingerprint that is hashed and the one prefetched: two pages, since the
/// hardware prefetcher stops at a page boundary.
const PARTITION_PREFETCH_BYTES: usize = 1 << 13;

/// Duplicates between one that is compared and the one prefetched.
const COMPARE_PREFETCH_DISTANCE: usize = 12;

/// Writes the lowest index of an equal fingerprint for each fingerprint.
pub fn first_occurrences(fingerprints: &[Digest], threads: &Threads, out: &mut [u32]) {
    if fingerprints.len() <= PARTITION_LEN {
        return first_occurrences_on_this_thread(fingerprints, out);
    }
    let hasher = FingerprintHasher::new();
    let partition_bits = fingerprints.len().div_ceil(PARTITION_LEN).next_power_of_two().trailing_zeros();
    let chunk = fingerprints.len().div_ceil(threads.count()).max(MIN_CHUNK);
    let partition_chunk =
        |(index, fingerprints)| partition(&hasher, fingerprints, index * chunk, partition_bits);
    let chunks: Vec<Vec<Vec<Entry>>> = threads.map(fingerprints.chunks(chunk).enumerate(), partition_chunk);
    let find_in_partition = |table: &mut Table, partition: usize| {
        let entries: Vec<&[Entry]> = chunks.iter().map(|partitions| &partitions[partition][..]).collect();
        find_duplicates(fingerprints, &entries, table)
    };
    let duplicates: Vec<Vec<Duplicate>> =
        threads.map_init(0..1 << partition_bits, Table::default, find_in_partition);
    threads.for_each_chunk(out, chunk, |start, out| write_first_occurrences(&duplicates, start as u32, out));
}

/// The same on the calling thread, with a single partition.
pub fn first_occurrences_on_this_thread(fingerprints: &[Digest], out: &mut [u32]) {
    let entries = partition(&FingerprintHasher::new(), fingerprints, 0, 0);
    let duplicates = find_duplicates(fingerprints, &[&entries[0]], &mut Table::default());
    write_first_occurrences(&[duplicates], 0, out);
}

/// A fingerprint in its partition: the index in the low 32 bits, hash bits in the high 32. The
/// lowest hash bit is set, so that zero marks an empty slot.
type Entry = u64;

/// A fingerprint that equals an earlier one, and the first such.
#[derive(Clone, Copy, Default)]
struct Duplicate {
    index: u32,
    first: u32,
}

/// The entries of a chunk by partition, in order within each.
fn partition(
    hasher: &FingerprintHasher,
    fingerprints: &[Digest],
    start: usize,
    partition_bits: u32,
) -> Vec<Vec<Entry>> {
    let mean = fingerprints.len() >> partition_bits;
    let new_partition = || Vec::with_capacity(mean + mean / 16);
    let mut partitions: Vec<Vec<Entry>> = (0..1 << partition_bits).map(|_| new_partition()).collect();
    for (index, fingerprint) in fingerprints.iter().enumerate() {
        prefetch(&fingerprint.0, PARTITION_PREFETCH_BYTES);
        let hash = hasher.hash(fingerprint);
        let partition = (hash >> 32 >> (32 - partition_bits)) as usize;
        partitions[partition].push((hash << 32 | 1 << 32) | (start + index) as u64);
    }
    partitions
}

/// The duplicates among a partition's entries, which are given chunk by chunk in order.
fn find_duplicates(fingerprints: &[Digest], partition: &[&[Entry]], table: &mut Table) -> Vec<Duplicate> {
    // First assumes that entries of equal hash are duplicates, then compares their
    // fingerprints, which are scattered in memory, with prefetches.
    let candidates = table.find(partition, |_, _| true);
    for (i, duplicate) in candidates.iter().enumerate() {
        if let Some(next) = candidates.get(i + COMPARE_PREFETCH_DISTANCE) {
            prefetch(&fingerprints[next.index as usize].0, 0);
            prefetch(&fingerprints[next.first as usize].0, 0);
        }
        if fingerprints[duplicate.index as usize] != fingerprints[duplicate.first as usize] {
            return table
                .find(partition, |a, b| fingerprints[a as usize] == fingerprints[b as usize])
                .to_vec();
        }
    }
    candidates.to_vec()
}

/// Scratch memory that a thread keeps between partitions.
#[derive(Default)]
struct Table {
    slots: Vec<Entry>,
    duplicates: Vec<Duplicate>,
}

impl Table {
    /// The duplicates among a partition's entries. `equal` tells, by their indices, whether two
    /// entries of equal hash are duplicates.
    fn find(&mut self, partition: &[&[Entry]], equal: impl Fn(u32, u32) -> bool) -> &[Duplicate] {
        let count: usize = partition.iter().map(|entries| entries.len()).sum();
        // Entries beyond `PARTITION_LEN` are mostly duplicates. There are at least twice as
        // many slots as entries in any case.
        let bits = (4 * count.min(PARTITION_LEN)).max(2 * count).next_power_of_two().trailing_zeros();
        self.slots.clear();
        self.slots.resize(1 << bits, 0);
        self.duplicates.resize(count.max(self.duplicates.len()), Duplicate::default());
        let mask = self.slots.len() - 1;
        let mut found = 0;
        for &entry in partition.iter().copied().flatten() {
            let mut slot = (entry >> 32) as usize >> 1 & mask;
            let occupant = loop {
                let occupant = self.slots[slot];
                let matches = (occupant == 0) | ((occupant ^ entry) >> 32 == 0);
                if matches && (occupant == 0 || equal(occupant as u32, entry as u32)) {
                    break occupant;
                }
                slot = (slot + 1) & mask;
            };
            // Without a branch, which would be unpredictable: the next entry overwrites what is
            // not a duplicate.
            let first = if occupant == 0 { entry } else { occupant };
            self.slots[slot] = first;
            self.duplicates[found] = Duplicate { index: entry as u32, first: first as u32 };
            found += usize::from(occupant != 0);
        }
        &self.duplicates[..found]
    }
}

/// Writes the first occurrences of the fingerprints from index `start` on.
fn write_first_occurrences(partitions: &[Vec<Duplicate>], start: u32, out: &mut [u32]) {
    for (index, first) in (start..).zip(&mut *out) {
        *first = index;
    }
    for duplicates in partitions {
        let in_range = &duplicates[duplicates.partition_point(|duplicate| duplicate.index < start)..];
        for duplicate in in_range {
            let Some(first) = out.get_mut((duplicate.index - start) as usize) else { break };
            *first = duplicate.first;
        }
    }
}

/// Folded multiplication, as in wyhash, under a random key.
struct FingerprintHasher {
    key: [u64; 6],
}

impl FingerprintHasher {
    fn new() -> Self {
        let random = RandomState::new();
        FingerprintHasher { key: [0, 1, 2, 3, 4, 5].map(|i: u64| random.hash_one(i)) }
    }

    #[inline]
    fn hash(&self, fingerprint: &Digest) -> u64 {
        let [a, b, c, d]: [u64; 4] = bytemuck::cast(fingerprint.0);
        let key = &self.key;
        let low = folded_multiply(a ^ key[0], b ^ key[1]);
        let high = folded_multiply(c ^ key[2], d ^ key[3]);
        folded_multiply(low ^ key[4], high ^ key[5])
    }
}

#[inline]
fn folded_multiply(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unequal_fingerprints_of_one_hash() {
        let fingerprint = |i: u32| Digest(bytemuck::cast([i % 200; 8]));
        let fingerprints: Vec<Digest> = (0..600).map(fingerprint).collect();
        let entries: Vec<Entry> = (0..600).map(|index| 7 << 32 | index).collect();
        let duplicates =
            find_duplicates(&fingerprints, &[&entries[..250], &entries[250..]], &mut Table::default());
        let found: Vec<_> = duplicates.iter().map(|duplicate| (duplicate.index, duplicate.first)).collect();
        assert_eq!(found, (200..600).map(|i| (i, i % 200)).collect::<Vec<_>>());
    }
}

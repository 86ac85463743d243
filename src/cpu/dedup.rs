//! First occurrences: one table after another, each small enough for the cache.
//!
//! Fingerprints are spread over parts, and over each part's table, by a hash
//! whose key is drawn for each call, so that no input can be made to crowd one
//! place. Then the work is linear in them.

use std::hash::{BuildHasher, RandomState};

use rayon::prelude::*;

use crate::Digest;

/// Fingerprints in a part, on average: its table of 8-byte slots, at most half
/// full, takes 128 KiB to 256 KiB.
const PART: usize = 1 << 13;

/// The least that is worth a thread of its own.
const CHUNK: usize = 1 << 15;

/// For each fingerprint the lowest position with an equal one; called in the pool.
pub fn first_occurrences(prints: &[Digest], out: &mut [u32], threads: usize) {
    let hasher = PrintHasher::new();
    let part_bits = prints.len().div_ceil(PART).next_power_of_two().trailing_zeros();
    let chunk = prints.len().div_ceil(threads).max(CHUNK);
    let spread = |(index, prints)| Chunk::new(&hasher, prints, index * chunk, part_bits);
    let mut chunks: Vec<Chunk> = prints.par_chunks(chunk).enumerate().map(spread).collect();
    let parts = parts(&mut chunks, part_bits);
    parts.into_par_iter().for_each_init(Vec::new, |table, part| resolve(prints, part, table));
    out.par_chunks_mut(chunk).zip(chunks).enumerate().for_each(|(index, (out, resolved))| {
        for entry in resolved.entries {
            out[entry.index as usize - index * chunk] = entry.tag;
        }
    });
}

/// A fingerprint in its part: 32 bits of its hash, until they are overwritten
/// with the position of the first one equal to it.
#[derive(Clone, Copy, Default)]
struct Entry {
    tag: u32,
    index: u32,
}

/// A chunk's fingerprints, part by part, in their order within each.
struct Chunk {
    entries: Vec<Entry>,
    lengths: Vec<u32>,
}

impl Chunk {
    fn new(hasher: &PrintHasher, prints: &[Digest], start: usize, part_bits: u32) -> Self {
        let hashes: Vec<u64> = prints.iter().map(|print| hasher.hash(print)).collect();
        let part = |hash: u64| (hash >> 32 >> (32 - part_bits)) as usize;
        let mut lengths = vec![0u32; 1 << part_bits];
        for &hash in &hashes {
            lengths[part(hash)] += 1;
        }
        let mut next: Vec<u32> = lengths.clone();
        let mut sum = 0;
        for next in &mut next {
            sum += std::mem::replace(next, sum);
        }
        let mut entries = vec![Entry::default(); prints.len()];
        for (index, &hash) in hashes.iter().enumerate() {
            let place = &mut next[part(hash)];
            entries[*place as usize] = Entry { tag: hash as u32, index: (start + index) as u32 };
            *place += 1;
        }
        Chunk { entries, lengths }
    }
}

/// Each part's entries, from all chunks, in order.
fn parts(chunks: &mut [Chunk], part_bits: u32) -> Vec<Vec<&mut [Entry]>> {
    let mut parts: Vec<Vec<&mut [Entry]>> = (0..1 << part_bits).map(|_| Vec::new()).collect();
    for chunk in chunks {
        let mut rest = &mut chunk.entries[..];
        for (part, &length) in parts.iter_mut().zip(&chunk.lengths) {
            let (own, after) = rest.split_at_mut(length as usize);
            part.push(own);
            rest = after;
        }
    }
    parts
}

/// Puts the position of the first equal fingerprint in each entry's tag; `table`
/// only lends its memory.
fn resolve(prints: &[Digest], mut part: Vec<&mut [Entry]>, table: &mut Vec<Entry>) {
    const EMPTY: Entry = Entry { tag: 0, index: u32::MAX };
    let count: usize = part.iter().map(|entries| entries.len()).sum();
    let bits = (2 * count).next_power_of_two().trailing_zeros();
    table.clear();
    table.resize(1 << bits, EMPTY);
    let mask = table.len() - 1;
    for entry in part.iter_mut().flat_map(|entries| entries.iter_mut()) {
        let mut slot = entry.tag as usize & mask;
        loop {
            let found = table[slot];
            if found.index == EMPTY.index {
                table[slot] = *entry;
                entry.tag = entry.index;
                break;
            }
            if found.tag == entry.tag && prints[found.index as usize] == prints[entry.index as usize] {
                entry.tag = found.index;
                break;
            }
            slot = (slot + 1) & mask;
        }
    }
}

/// Folded multiplication, as in wyhash, under a random key.
struct PrintHasher {
    key: [u64; 6],
}

impl PrintHasher {
    fn new() -> Self {
        let random = RandomState::new();
        PrintHasher { key: [0, 1, 2, 3, 4, 5].map(|part: u64| random.hash_one(part)) }
    }

    #[inline]
    fn hash(&self, print: &Digest) -> u64 {
        let [a, b, c, d]: [u64; 4] = bytemuck::cast(print.0);
        let key = &self.key;
        let low = folded(a ^ key[0], b ^ key[1]);
        let high = folded(c ^ key[2], d ^ key[3]);
        folded(low ^ key[4], high ^ key[5])
    }
}

#[inline]
fn folded(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

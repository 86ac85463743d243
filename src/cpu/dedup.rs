//! First occurrences: one table after another, each small enough for the cache.
//!
//! Fingerprints are spread over parts, and over each part's table, by a hash
//! whose key is drawn for each call, so that no input can be made to crowd one
//! place. Then the work is linear in them.

use std::hash::{BuildHasher, RandomState};

use super::lanes::prefetch;
use crate::Digest;
use crate::threads::Threads;

/// Fingerprints in a part, on average: its table, at most a quarter full unless many
/// are equal, takes 128 KiB to 256 KiB.
const PART: usize = 1 << 12;

/// The least that is worth a thread of its own.
const CHUNK: usize = 1 << 15;

/// How many bytes ahead of their hash fingerprints are asked for: two pages, since the
/// processor's own prefetches end with a page.
const SPREAD_AHEAD: usize = 1 << 13;

/// How many repeats ahead of their comparison fingerprints are asked for.
const COMPARE_AHEAD: usize = 12;

/// For each fingerprint the lowest position with an equal one.
pub fn first_occurrences(prints: &[Digest], threads: &Threads, out: &mut [u32]) {
    if prints.len() <= PART {
        return first_occurrences_of_few(prints, out);
    }
    let hasher = PrintHasher::new();
    let part_bits = prints.len().div_ceil(PART).next_power_of_two().trailing_zeros();
    let chunk = prints.len().div_ceil(threads.count()).max(CHUNK);
    let spread = |(index, prints)| spread(&hasher, prints, index * chunk, part_bits);
    let chunks: Vec<Vec<Vec<Entry>>> = threads.map(prints.chunks(chunk).enumerate(), spread);
    let resolve = |table: &mut Table, part: usize| {
        let entries: Vec<&[Entry]> = chunks.iter().map(|parts| &parts[part][..]).collect();
        resolve(prints, &entries, table)
    };
    let repeats: Vec<Vec<Repeat>> = threads.map_with(0..1 << part_bits, Table::default, resolve);
    threads.each_chunk(out, chunk, |start, out| write_firsts(&repeats, start as u32, out));
}

/// The same in one part, on the calling thread.
pub fn first_occurrences_of_few(prints: &[Digest], out: &mut [u32]) {
    let entries = spread(&PrintHasher::new(), prints, 0, 0);
    let repeats = resolve(prints, &[&entries[0]], &mut Table::default());
    write_firsts(&[repeats], 0, out);
}

/// A fingerprint in its part: its position, below 32 bits of its hash, of which one is
/// always set, so that zero stands for none.
type Entry = u64;

/// A fingerprint that has an equal one before it, and the first of those.
#[derive(Clone, Copy, Default)]
struct Repeat {
    index: u32,
    first: u32,
}

/// The entries of a chunk, part by part, in their order within each.
fn spread(hasher: &PrintHasher, prints: &[Digest], start: usize, part_bits: u32) -> Vec<Vec<Entry>> {
    let mean = prints.len() >> part_bits;
    let part = || Vec::with_capacity(mean + mean / 16);
    let mut parts: Vec<Vec<Entry>> = (0..1 << part_bits).map(|_| part()).collect();
    for (index, print) in prints.iter().enumerate() {
        prefetch(&print.0, SPREAD_AHEAD);
        let hash = hasher.hash(print);
        let part = (hash >> 32 >> (32 - part_bits)) as usize;
        parts[part].push((hash << 32 | 1 << 32) | (start + index) as u64);
    }
    parts
}

/// The repeats among a part's entries, which come from all chunks in order.
fn resolve(prints: &[Digest], part: &[&[Entry]], table: &mut Table) -> Vec<Repeat> {
    // Whether fingerprints of one hash are equal is asked for all at once: they lie
    // scattered over memory, and their lines can be under way together.
    let likely = table.repeats(part, |_, _| true);
    for (i, repeat) in likely.iter().enumerate() {
        if let Some(next) = likely.get(i + COMPARE_AHEAD) {
            prefetch(&prints[next.index as usize].0, 0);
            prefetch(&prints[next.first as usize].0, 0);
        }
        if prints[repeat.index as usize] != prints[repeat.first as usize] {
            return table.repeats(part, |a, b| prints[a as usize] == prints[b as usize]).to_vec();
        }
    }
    likely.to_vec()
}

/// What threads keep from part to part, for its memory.
#[derive(Default)]
struct Table {
    slots: Vec<Entry>,
    repeats: Vec<Repeat>,
}

impl Table {
    /// The repeats among a part's entries, where those with one hash are equal if
    /// `equal` says so of their positions.
    fn repeats(&mut self, part: &[&[Entry]], equal: impl Fn(u32, u32) -> bool) -> &[Repeat] {
        let count: usize = part.iter().map(|entries| entries.len()).sum();
        // Many more than the mean are equal, mostly; even so there is room for all.
        let bits = (4 * count.min(PART)).max(2 * count).next_power_of_two().trailing_zeros();
        self.slots.clear();
        self.slots.resize(1 << bits, 0);
        self.repeats.resize(count.max(self.repeats.len()), Repeat::default());
        let mask = self.slots.len() - 1;
        let mut found = 0;
        for &entry in part.iter().copied().flatten() {
            let mut slot = (entry >> 32) as usize >> 1 & mask;
            let there = loop {
                let there = self.slots[slot];
                let like = (there == 0) | ((there ^ entry) >> 32 == 0);
                if like && (there == 0 || equal(there as u32, entry as u32)) {
                    break there;
                }
                slot = (slot + 1) & mask;
            };
            // Without a branch, which nothing could predict: what is not a repeat is
            // overwritten by the next.
            let first = if there == 0 { entry } else { there };
            self.slots[slot] = first;
            self.repeats[found] = Repeat { index: entry as u32, first: first as u32 };
            found += usize::from(there != 0);
        }
        &self.repeats[..found]
    }
}

/// The first occurrences from position `start` on.
fn write_firsts(parts: &[Vec<Repeat>], start: u32, out: &mut [u32]) {
    for (index, first) in (start..).zip(&mut *out) {
        *first = index;
    }
    for repeats in parts {
        let own = &repeats[repeats.partition_point(|repeat| repeat.index < start)..];
        for repeat in own {
            let Some(first) = out.get_mut((repeat.index - start) as usize) else { break };
            *first = repeat.first;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unequal_fingerprints_of_one_hash() {
        let print = |i: u32| Digest(bytemuck::cast([i % 200; 8]));
        let prints: Vec<Digest> = (0..600).map(print).collect();
        let entries: Vec<Entry> = (0..600).map(|index| 7 << 32 | index).collect();
        let repeats = resolve(&prints, &[&entries[..250], &entries[250..]], &mut Table::default());
        let found: Vec<_> = repeats.iter().map(|repeat| (repeat.index, repeat.first)).collect();
        assert_eq!(found, (200..600).map(|i| (i, i % 200)).collect::<Vec<_>>());
    }
}

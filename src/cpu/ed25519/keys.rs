//! A cache of public keys that sign again and again.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Key, expanded, rounds_to_nearest};
use crate::cpu::Isa;
use crate::threads::Threads;

/// Signatures by a key from which its table pays for itself.
const WORTHWHILE: usize = 4;

/// Keys that a thread expands at a time.
const CHUNK: usize = 32;

/// The expanded forms of public keys, for back ends that verify many signatures
/// by few keys. Bounded, and shared by all threads.
///
/// A key takes about 9 KiB. Keys that have not been used for longest go first,
/// roughly: two generations take turns.
pub struct KeyCache {
    capacity: usize,
    generations: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashMap<[u8; 32], Arc<Key>>,
    old: HashMap<[u8; 32], Arc<Key>>,
}

impl fmt::Debug for KeyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyCache").finish_non_exhaustive()
    }
}

impl KeyCache {
    /// A cache of at most `capacity` keys.
    pub fn new(capacity: usize) -> Self {
        KeyCache { capacity, generations: Mutex::default() }
    }

    /// The most keys that it keeps.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The number of keys that it keeps now.
    pub fn len(&self) -> usize {
        let generations = self.generations();
        generations.young.len() + generations.old.len()
    }

    /// Whether it keeps no key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The expanded form of each of `keys`, if all of them are known or recur
    /// often enough to be worth expanding now.
    pub(crate) fn expand(&self, isa: Isa, keys: &[[u8; 32]], threads: &Threads) -> Option<Expanded> {
        if isa == Isa::Scalar || self.capacity == 0 || keys.is_empty() || !rounds_to_nearest() {
            return None;
        }
        let few = keys.len() / WORTHWHILE;
        if few == 0 && self.is_empty() {
            return None;
        }
        let mut places = HashMap::new();
        let mut order = Vec::with_capacity(keys.len());
        for key in keys {
            let next = places.len();
            let place = *places.entry(*key).or_insert(next);
            order.push(place);
            let many = places.len() > few;
            if places.len() > self.capacity || many && place == next && !self.knows(key) {
                return None;
            }
        }
        let worthwhile = places.len() <= few;
        let mut distinct = vec![[0; 32]; places.len()];
        for (key, place) in places {
            distinct[place] = key;
        }
        let mut known = self.known(&distinct);
        let unknown: Vec<_> = (0..distinct.len()).filter(|&place| known[place].is_none()).collect();
        if !unknown.is_empty() && !worthwhile {
            return None;
        }
        let encodings: Vec<_> = unknown.iter().map(|&place| distinct[place]).collect();
        let new = threads.map(encodings.chunks(CHUNK), |encodings| expanded(isa, encodings));
        let new: Vec<_> = new.into_iter().flatten().map(Arc::new).collect();
        self.keep(encodings.iter().zip(&new));
        for (place, key) in unknown.into_iter().zip(new) {
            known[place] = Some(key);
        }
        Some(Expanded { distinct: known.into_iter().flatten().collect(), order })
    }

    fn knows(&self, key: &[u8; 32]) -> bool {
        let generations = self.generations();
        generations.young.contains_key(key) || generations.old.contains_key(key)
    }

    fn generations(&self) -> MutexGuard<'_, Generations> {
        // A panic elsewhere leaves whole maps behind: each holds whole keys.
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, keys: &[[u8; 32]]) -> Vec<Option<Arc<Key>>> {
        let mut generations = self.generations();
        let known = keys.iter().map(|key| {
            if let Some(old) = generations.old.remove(key) {
                generations.add(key, &old, self.capacity);
                return Some(old);
            }
            generations.young.get(key).cloned()
        });
        known.collect()
    }

    fn keep<'a>(&self, keys: impl Iterator<Item = (&'a [u8; 32], &'a Arc<Key>)>) {
        let mut generations = self.generations();
        keys.for_each(|(encoding, key)| generations.add(encoding, key, self.capacity));
    }
}

impl Generations {
    fn add(&mut self, encoding: &[u8; 32], key: &Arc<Key>, capacity: usize) {
        if self.young.len() >= capacity.div_ceil(2) {
            self.old = std::mem::take(&mut self.young);
        }
        if self.young.len() + self.old.len() >= capacity {
            self.old.clear();
        }
        self.young.insert(*encoding, Arc::clone(key));
    }
}

/// The expanded keys of a batch.
pub(crate) struct Expanded {
    distinct: Vec<Arc<Key>>,
    order: Vec<usize>,
}

impl Expanded {
    /// The key of each signature in `range`.
    pub fn of(&self, range: std::ops::Range<usize>) -> Vec<&Key> {
        self.order[range].iter().map(|&place| self.distinct[place].as_ref()).collect()
    }
}

//! A cache of expanded public keys, for keys that sign many messages.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{ExpandedKey, expand_keys, rounds_to_nearest};
use crate::cpu::isa::Level;
use crate::threads::Threads;

/// Signatures by one key that pay for its expansion.
const MIN_SIGNATURES_PER_KEY: usize = 4;

/// Keys that a thread expands at a time.
const EXPAND_CHUNK: usize = 32;

/// A bounded cache of expanded public keys, which speeds up verification of many signatures by
/// few keys. Shared by all threads.
///
/// A key takes about 9 KiB. Eviction is approximately least recently used: keys live in two
/// generations, and the older one is dropped as a whole.
pub struct KeyCache {
    capacity: usize,
    generations: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashMap<[u8; 32], Arc<ExpandedKey>>,
    old: HashMap<[u8; 32], Arc<ExpandedKey>>,
}

impl fmt::Debug for KeyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyCache").finish_non_exhaustive()
    }
}

impl KeyCache {
    /// An empty cache for at most `capacity` keys.
    pub fn new(capacity: usize) -> Self {
        KeyCache { capacity, generations: Mutex::default() }
    }

    /// The largest number of keys that the cache holds.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The number of keys that the cache holds.
    pub fn len(&self) -> usize {
        let generations = self.generations();
        generations.young.len() + generations.old.len()
    }

    /// Whether the cache holds no key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The expanded form of each of `keys`. `None` unless all are cached, or the distinct ones
    /// are few enough to be worth expanding now.
    pub(crate) fn expand(&self, level: Level, keys: &[[u8; 32]], threads: &Threads) -> Option<ExpandedKeys> {
        let level = level.lanes64()?;
        if self.capacity == 0 || keys.is_empty() || !rounds_to_nearest() {
            return None;
        }
        let max_distinct = keys.len() / MIN_SIGNATURES_PER_KEY;
        if max_distinct == 0 && self.is_empty() {
            return None;
        }
        let mut slots = HashMap::new();
        let mut slot_of_signature = Vec::with_capacity(keys.len());
        for key in keys {
            let next = slots.len();
            let slot = *slots.entry(*key).or_insert(next);
            slot_of_signature.push(slot);
            let too_many = slots.len() > max_distinct;
            if slots.len() > self.capacity || too_many && slot == next && !self.contains(key) {
                return None;
            }
        }
        let worthwhile = slots.len() <= max_distinct;
        let mut distinct = vec![[0; 32]; slots.len()];
        for (key, slot) in slots {
            distinct[slot] = key;
        }
        let mut expanded = self.get_all(&distinct);
        let missing: Vec<_> = (0..distinct.len()).filter(|&slot| expanded[slot].is_none()).collect();
        if !missing.is_empty() && !worthwhile {
            return None;
        }
        let encodings: Vec<_> = missing.iter().map(|&slot| distinct[slot]).collect();
        let new = threads.map(encodings.chunks(EXPAND_CHUNK), |encodings| expand_keys(level, encodings));
        let new: Vec<_> = new.into_iter().flatten().map(Arc::new).collect();
        self.insert_all(encodings.iter().zip(&new));
        for (slot, key) in missing.into_iter().zip(new) {
            expanded[slot] = Some(key);
        }
        Some(ExpandedKeys { distinct: expanded.into_iter().flatten().collect(), slot_of_signature })
    }

    fn contains(&self, key: &[u8; 32]) -> bool {
        let generations = self.generations();
        generations.young.contains_key(key) || generations.old.contains_key(key)
    }

    fn generations(&self) -> MutexGuard<'_, Generations> {
        // A panic leaves only whole entries behind, so a poisoned lock is usable.
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get_all(&self, keys: &[[u8; 32]]) -> Vec<Option<Arc<ExpandedKey>>> {
        let mut generations = self.generations();
        let found = keys.iter().map(|key| {
            if let Some(old) = generations.old.remove(key) {
                generations.insert(key, &old, self.capacity);
                return Some(old);
            }
            generations.young.get(key).cloned()
        });
        found.collect()
    }

    fn insert_all<'a>(&self, keys: impl Iterator<Item = (&'a [u8; 32], &'a Arc<ExpandedKey>)>) {
        let mut generations = self.generations();
        keys.for_each(|(encoding, key)| generations.insert(encoding, key, self.capacity));
    }
}

impl Generations {
    fn insert(&mut self, encoding: &[u8; 32], key: &Arc<ExpandedKey>, capacity: usize) {
        if self.young.len() >= capacity.div_ceil(2) {
            self.old = std::mem::take(&mut self.young);
        }
        if self.young.len() + self.old.len() >= capacity {
            self.old.clear();
        }
        self.young.insert(*encoding, Arc::clone(key));
    }
}

/// The expanded keys of a batch: the distinct ones, and the slot of each signature's key.
pub(crate) struct ExpandedKeys {
    distinct: Vec<Arc<ExpandedKey>>,
    slot_of_signature: Vec<usize>,
}

impl ExpandedKeys {
    /// The expanded key of each signature in `range`.
    pub fn in_range(&self, range: std::ops::Range<usize>) -> Vec<&ExpandedKey> {
        self.slot_of_signature[range].iter().map(|&slot| self.distinct[slot].as_ref()).collect()
    }
}

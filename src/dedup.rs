//! Duplicate detection: the first occurrence of each fingerprint, content-defined chunks,
//! and a persistent index of fingerprints.
//!
//! Two records count as equal if their digests are equal. This finds exact copies. It is
//! not record linkage, which decides whether two records describe the same person.

pub mod chunks;
#[cfg(feature = "index")]
mod index;

use crate::Error;

#[cfg(feature = "index")]
pub use index::{Index, IndexError, IndexOptions, Seen};

/// The maximum number of fingerprints in one call. Positions are 32 bits wide, and the
/// highest value marks an empty slot in the hash tables.
pub const MAX_FINGERPRINTS: usize = u32::MAX as usize;

/// For each record, the position of its first occurrence: of the first record equal to
/// it, which is its own position if none comes before. Positions count from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FirstOccurrences(Vec<u32>);

impl FirstOccurrences {
    pub(crate) fn new(first_occurrences: Vec<u32>) -> Self {
        FirstOccurrences(first_occurrences)
    }

    /// The position of each record's first occurrence.
    pub fn as_slice(&self) -> &[u32] {
        &self.0
    }

    /// Whether record `index` repeats an earlier one.
    ///
    /// # Panics
    /// If `index` is not below the number of records.
    pub fn is_duplicate(&self, index: usize) -> bool {
        self.0[index] as usize != index
    }

    /// The positions of the records that repeat an earlier one, ascending.
    pub fn duplicates(&self) -> impl Iterator<Item = usize> {
        (0..self.0.len()).filter(|&index| self.is_duplicate(index))
    }

    /// The number of distinct records.
    pub fn unique_count(&self) -> usize {
        self.0.len() - self.duplicates().count()
    }

    /// The records that occur more than once, as groups of positions of equal records.
    /// Positions ascend within a group; groups are in order of their first positions.
    pub fn groups(&self) -> Vec<Vec<u32>> {
        let mut pairs: Vec<(u32, u32)> =
            self.duplicates().map(|index| (self.0[index], index as u32)).collect();
        pairs.sort_unstable();
        let group = |pairs: &[(u32, u32)]| {
            std::iter::once(pairs[0].0).chain(pairs.iter().map(|pair| pair.1)).collect()
        };
        pairs.chunk_by(|a, b| a.0 == b.0).map(group).collect()
    }
}

impl IntoIterator for FirstOccurrences {
    type Item = u32;
    type IntoIter = std::vec::IntoIter<u32>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a FirstOccurrences {
    type Item = u32;
    type IntoIter = std::iter::Copied<std::slice::Iter<'a, u32>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().copied()
    }
}

/// Checks the number of fingerprints of one call.
///
/// # Errors
/// [`Error::TooMany`] above [`MAX_FINGERPRINTS`].
pub(crate) fn check_count(items: usize) -> Result<(), Error> {
    if items > MAX_FINGERPRINTS {
        return Err(Error::TooMany { items, limit: MAX_FINGERPRINTS });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_in_order() {
        let first_occurrences = FirstOccurrences::new(vec![0, 1, 0, 3, 1, 0]);
        assert_eq!(first_occurrences.groups(), [vec![0, 2, 5], vec![1, 4]]);
        assert_eq!(first_occurrences.duplicates().collect::<Vec<_>>(), [2, 4, 5]);
        assert_eq!(first_occurrences.unique_count(), 3);
        assert_eq!(FirstOccurrences::new(vec![]).groups(), Vec::<Vec<u32>>::new());
    }

    #[cfg(target_pointer_width = "64")]
    #[test]
    fn counts_past_32_bits_are_refused() {
        assert!(check_count(MAX_FINGERPRINTS).is_ok());
        assert!(matches!(check_count(MAX_FINGERPRINTS + 1), Err(Error::TooMany { .. })));
    }
}

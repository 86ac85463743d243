//! Signatures: batches and verdicts.

use std::borrow::Cow;
use std::ops::Range;

#[cfg(feature = "queue")]
use crate::records::clear;
use crate::{Error, Records};

pub mod ed25519;

/// Signatures to verify: columns of public keys (32 bytes each), signatures (64 bytes each)
/// and messages (of any length).
#[derive(Clone, Debug, Default)]
pub struct Batch<'a> {
    keys: Cow<'a, [[u8; 32]]>,
    signatures: Cow<'a, [[u8; 64]]>,
    messages: Records<'a>,
}

impl<'a> Batch<'a> {
    /// An empty batch with capacity for `n` signatures.
    ///
    /// # Panics
    /// If the capacity is more than memory can have, as [`Vec::with_capacity`] does.
    pub fn with_capacity(n: usize) -> Batch<'static> {
        Batch {
            keys: Cow::Owned(Vec::with_capacity(n)),
            signatures: Cow::Owned(Vec::with_capacity(n)),
            messages: Records::with_capacity(n, 0),
        }
    }

    /// A batch that borrows columns of equal length.
    ///
    /// # Errors
    /// [`Error::Columns`] if the lengths differ.
    pub fn from_columns(
        keys: &'a [[u8; 32]],
        signatures: &'a [[u8; 64]],
        messages: Records<'a>,
    ) -> Result<Self, Error> {
        if keys.len() != signatures.len() || keys.len() != messages.len() {
            return Err(Error::Columns {
                keys: keys.len(),
                signatures: signatures.len(),
                messages: messages.len(),
            });
        }
        Ok(Batch { keys: Cow::Borrowed(keys), signatures: Cow::Borrowed(signatures), messages })
    }

    /// Appends a signature by `public_key` over `message`. Borrowed columns are copied first.
    pub fn push(&mut self, public_key: &[u8; 32], signature: &[u8; 64], message: &[u8]) {
        self.keys.to_mut().push(*public_key);
        self.signatures.to_mut().push(*signature);
        self.messages.push(message);
    }

    /// Removes all signatures and keeps the capacity of owned columns.
    #[cfg(feature = "queue")]
    pub(crate) fn clear(&mut self) {
        clear(&mut self.keys);
        clear(&mut self.signatures);
        self.messages.clear();
    }

    /// The number of signatures.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no signature.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The public keys `A`, encoded as in RFC 8032, section 5.1.2.
    pub fn keys(&self) -> &[[u8; 32]] {
        &self.keys
    }

    /// The signatures `R ‖ S`.
    pub fn signatures(&self) -> &[[u8; 64]] {
        &self.signatures
    }

    /// The messages `M`.
    pub fn messages(&self) -> &Records<'a> {
        &self.messages
    }

    /// The signatures at the positions `range`, borrowed.
    ///
    /// # Panics
    /// If `range` starts after its end or ends past the last signature, as slicing does.
    pub fn slice(&self, range: Range<usize>) -> Batch<'_> {
        Batch {
            keys: Cow::Borrowed(&self.keys[range.clone()]),
            signatures: Cow::Borrowed(&self.signatures[range.clone()]),
            messages: self.messages.slice(range),
        }
    }
}

/// A verdict for each signature of a batch, in the order of the batch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[must_use = "a signature counts as valid only if its verdict says so"]
pub struct Verdicts(Vec<bool>);

impl Verdicts {
    pub(crate) fn new(verdicts: Vec<bool>) -> Self {
        Verdicts(verdicts)
    }

    /// Whether every signature is valid; true for an empty batch.
    #[must_use]
    pub fn all_valid(&self) -> bool {
        self.0.iter().all(|&valid| valid)
    }

    /// Whether signature `index` is valid; false if there is no such signature.
    #[must_use]
    pub fn is_valid(&self, index: usize) -> bool {
        self.0.get(index).copied().unwrap_or(false)
    }

    /// The positions of the signatures that are not valid, ascending.
    pub fn invalid(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().filter_map(|(index, &valid)| (!valid).then_some(index))
    }

    /// The number of valid signatures.
    #[must_use]
    pub fn valid_count(&self) -> usize {
        self.0.iter().filter(|&&valid| valid).count()
    }

    /// Whether each signature is valid.
    #[must_use]
    pub fn as_slice(&self) -> &[bool] {
        &self.0
    }
}

impl IntoIterator for Verdicts {
    type Item = bool;
    type IntoIter = std::vec::IntoIter<bool>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Verdicts {
    type Item = bool;
    type IntoIter = std::iter::Copied<std::slice::Iter<'a, bool>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_different_lengths_are_rejected() {
        let messages = Records::from_slices(["a", "b"]);
        let result = Batch::from_columns(&[[0; 32]; 2], &[[0; 64]; 3], messages);
        assert!(matches!(result, Err(Error::Columns { keys: 2, signatures: 3, messages: 2 })));
    }

    #[test]
    fn verdicts_count_and_list_invalid_signatures() {
        let verdicts = Verdicts::new(vec![true, false, true, false]);
        assert_eq!(verdicts.invalid().collect::<Vec<_>>(), [1, 3]);
        assert_eq!((verdicts.valid_count(), verdicts.all_valid()), (2, false));
        assert!(verdicts.is_valid(2) && !verdicts.is_valid(4));
        assert!(Verdicts::new(vec![]).all_valid());
        assert!((&verdicts).into_iter().eq([true, false, true, false]));
        assert!(verdicts.into_iter().eq([true, false, true, false]));
    }
}

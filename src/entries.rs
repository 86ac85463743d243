//! Signed records of a block, and what a check of the whole block finds.
//!
//! An institution signs the digest of each record that it uploads; what it has
//! uploaded is an entry: its public key, the signature, the digest that was
//! signed, and the record. A block's tree stands over its entries.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use crate::dedup::FirstOccurrences;
use crate::ed25519::Batch;
use crate::merkle::{Root, Tree};
use crate::{Digest, Error, Records};

/// Bytes of an entry's leaf: digest, public key and signature.
pub const LEAF_BYTES: usize = 32 + 32 + 64;

/// Signed records: columns of public keys, signatures, signed digests and records.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    keys: Cow<'a, [[u8; 32]]>,
    signatures: Cow<'a, [[u8; 64]]>,
    digests: Cow<'a, [Digest]>,
    records: Records<'a>,
}

impl<'a> Entries<'a> {
    /// No entries, with room for `entries` of records of `bytes` bytes together.
    pub fn with_capacity(entries: usize, bytes: usize) -> Entries<'static> {
        Entries {
            keys: Cow::Owned(Vec::with_capacity(entries)),
            signatures: Cow::Owned(Vec::with_capacity(entries)),
            digests: Cow::Owned(Vec::with_capacity(entries)),
            records: Records::with_capacity(entries, bytes),
        }
    }

    /// Borrows columns of equal length; nothing is copied.
    ///
    /// # Errors
    /// [`Error::EntryColumns`] if the lengths differ.
    pub fn from_columns(
        keys: &'a [[u8; 32]],
        signatures: &'a [[u8; 64]],
        digests: &'a [Digest],
        records: Records<'a>,
    ) -> Result<Self, Error> {
        let lengths = [keys.len(), signatures.len(), digests.len(), records.len()];
        if lengths.iter().any(|&length| length != keys.len()) {
            let [keys, signatures, digests, records] = lengths;
            return Err(Error::EntryColumns { keys, signatures, digests, records });
        }
        Ok(Entries {
            keys: Cow::Borrowed(keys),
            signatures: Cow::Borrowed(signatures),
            digests: Cow::Borrowed(digests),
            records,
        })
    }

    /// Appends `record`, whose digest is claimed to be `digest`, signed by
    /// `public_key`.
    pub fn push(&mut self, public_key: &[u8; 32], signature: &[u8; 64], digest: Digest, record: &[u8]) {
        self.keys.to_mut().push(*public_key);
        self.signatures.to_mut().push(*signature);
        self.digests.to_mut().push(digest);
        self.records.push(record);
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The encoded public keys.
    pub fn keys(&self) -> &[[u8; 32]] {
        &self.keys
    }

    /// The signatures over the claimed digests.
    pub fn signatures(&self) -> &[[u8; 64]] {
        &self.signatures
    }

    /// The digests that are claimed to be the records'.
    pub fn digests(&self) -> &[Digest] {
        &self.digests
    }

    /// The records.
    pub fn records(&self) -> &Records<'a> {
        &self.records
    }

    /// The entries `range`, borrowed.
    ///
    /// # Panics
    /// If `range` reaches past the last entry, as slicing does.
    pub fn slice(&self, range: Range<usize>) -> Entries<'_> {
        Entries {
            keys: Cow::Borrowed(&self.keys[range.clone()]),
            signatures: Cow::Borrowed(&self.signatures[range.clone()]),
            digests: Cow::Borrowed(&self.digests[range.clone()]),
            records: self.records.slice(range),
        }
    }

    /// What entry `index` puts into a block's tree: the claimed digest, the public
    /// key and the signature. It is fixed when the entry is signed, so a record
    /// that was changed later leaves the root as it is and shows in its verdict.
    ///
    /// # Panics
    /// If there is no such entry.
    pub fn leaf(&self, index: usize) -> [u8; LEAF_BYTES] {
        let mut leaf = [0; LEAF_BYTES];
        leaf[..32].copy_from_slice(&self.digests[index].0);
        leaf[32..64].copy_from_slice(&self.keys[index]);
        leaf[64..].copy_from_slice(&self.signatures[index]);
        leaf
    }

    /// The leaf of each entry, for [`merkle_leaves`](crate::Engine::merkle_leaves).
    pub fn leaves(&self) -> Records<'static> {
        Records::from_slices((0..self.len()).map(|index| self.leaf(index)))
    }

    /// What is hashed for each leaf of `tree`.
    pub(crate) fn leaf_messages(&self, tree: Tree) -> Records<'static> {
        let prefix = tree.leaf_prefix();
        let mut messages = Records::with_capacity(self.len(), self.len() * (prefix.len() + LEAF_BYTES));
        for ((digest, key), signature) in self.digests.iter().zip(&*self.keys).zip(&*self.signatures) {
            messages.push_parts([prefix, &digest.0, key, signature]);
        }
        messages
    }

    /// The signatures over the claimed digests, borrowed.
    pub fn batch(&self) -> Batch<'_> {
        let messages =
            Records::from_fixed(bytemuck::cast_slice(&self.digests), 32).expect("digests have 32 bytes each");
        Batch::from_columns(&self.keys, &self.signatures, messages).expect("the columns are equally long")
    }
}

/// What is found of one entry. The signature is looked at first.
///
/// Exhaustive: whoever acts on a verdict must act on each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum RecordVerdict {
    /// The signature holds for the claimed digest, and the record has that digest.
    Valid,
    /// The signature does not hold for the claimed digest under the public key.
    BadSignature,
    /// The signature holds, but the record has another digest than the signed one.
    HashMismatch,
}

impl RecordVerdict {
    /// The verdict where the signature is `valid` and the record's digest is the
    /// `same` as the claimed one.
    pub fn of(valid: bool, same: bool) -> Self {
        match (valid, same) {
            (false, _) => RecordVerdict::BadSignature,
            (true, false) => RecordVerdict::HashMismatch,
            (true, true) => RecordVerdict::Valid,
        }
    }
}

impl fmt::Display for RecordVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            RecordVerdict::Valid => "valid",
            RecordVerdict::BadSignature => "bad signature",
            RecordVerdict::HashMismatch => "hash mismatch",
        })
    }
}

/// What a check of a block's entries finds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "a record counts as valid only if its verdict says so"]
pub struct BlockCheck {
    /// What is found of each entry.
    pub verdicts: Vec<RecordVerdict>,
    /// The digest that each record has, whatever was claimed.
    pub digests: Vec<Digest>,
    /// For each record, the first one with the same digest.
    pub first_occurrences: FirstOccurrences,
    /// The root over the entries' leaves (see [`Entries::leaf`]).
    pub root: Root,
}

impl BlockCheck {
    /// From whether each signature is `valid`, the records' digests, their first
    /// occurrences and the root.
    pub(crate) fn new(
        entries: &Entries<'_>,
        valid: &[bool],
        digests: Vec<Digest>,
        firsts: Vec<u32>,
        root: Root,
    ) -> Self {
        let same = digests.iter().zip(entries.digests()).map(|(found, claimed)| found == claimed);
        let verdicts = valid.iter().zip(same).map(|(&valid, same)| RecordVerdict::of(valid, same)).collect();
        BlockCheck { verdicts, digests, first_occurrences: FirstOccurrences::new(firsts), root }
    }

    /// The positions of the entries that are not valid, and what is wrong with each.
    pub fn invalid(&self) -> impl Iterator<Item = (usize, RecordVerdict)> {
        self.verdicts.iter().copied().enumerate().filter(|(_, verdict)| *verdict != RecordVerdict::Valid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_different_lengths_are_refused() {
        let refuse = |keys: usize, signatures: usize, digests: usize, records: usize| {
            let records = Records::from_slices(vec!["r"; records]);
            let (keys, signatures) = (vec![[0; 32]; keys], vec![[0; 64]; signatures]);
            let digests = vec![Digest::default(); digests];
            let refused = Entries::from_columns(&keys, &signatures, &digests, records).unwrap_err();
            refused.to_string()
        };
        let message = "columns of different lengths: 2 public keys, 2 signatures, 2 digests, 3 records";
        assert_eq!(refuse(2, 2, 2, 3), message);
        for [keys, signatures, digests] in [[1, 2, 2], [2, 1, 2], [2, 2, 1]] {
            assert!(refuse(keys, signatures, digests, 2).contains(&format!("{keys} public keys, ")));
        }
    }

    #[test]
    fn leaves_are_digest_key_and_signature() {
        let mut entries = Entries::with_capacity(2, 3);
        entries.push(&[1; 32], &[2; 64], Digest([3; 32]), b"abc");
        entries.push(&[4; 32], &[5; 64], Digest([6; 32]), b"");
        let expected = [[3; 32], [1; 32], [2; 32], [2; 32]].concat();
        assert_eq!(entries.leaf(0)[..], expected);
        let last = entries.slice(1..2);
        assert_eq!((last.len(), last.records().get(0)), (1, &b""[..]));
        assert_eq!(last.leaf(0), entries.leaf(1));
        assert_eq!(entries.leaves().get(1), entries.leaf(1));
        assert_eq!(entries.batch().messages().get(1), [6; 32]);
    }

    #[test]
    fn the_signature_comes_first() {
        assert_eq!(RecordVerdict::of(false, false), RecordVerdict::BadSignature);
        assert_eq!(RecordVerdict::of(false, true), RecordVerdict::BadSignature);
        assert_eq!(RecordVerdict::of(true, false), RecordVerdict::HashMismatch);
        assert_eq!(RecordVerdict::of(true, true), RecordVerdict::Valid);
    }
}

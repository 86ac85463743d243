//! The entries of a block, and the result of checking a whole block.
//!
//! An institution signs the digest of each record that it uploads. An entry holds the
//! institution's public key, the signature, the digest that was signed (the claimed
//! digest), and the record. A block's Merkle tree is built over its entries.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use crate::dedup::FirstOccurrences;
use crate::merkle::{Root, Tree};
use crate::signature::Batch;
use crate::{Digest, Error, Records};

/// The length in bytes of an entry's leaf: digest, public key and signature.
pub const LEAF_BYTES: usize = 32 + 32 + 64;

/// Signed records: columns of public keys (32 bytes each), signatures (64 bytes each),
/// claimed digests (32 bytes each) and records (of any length).
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    keys: Cow<'a, [[u8; 32]]>,
    signatures: Cow<'a, [[u8; 64]]>,
    digests: Cow<'a, [Digest]>,
    records: Records<'a>,
}

impl<'a> Entries<'a> {
    /// No entries, with capacity for `entries` of them whose records have `bytes` bytes in
    /// total.
    ///
    /// # Panics
    /// If the capacity is more than memory can have, as [`Vec::with_capacity`] does.
    pub fn with_capacity(entries: usize, bytes: usize) -> Entries<'static> {
        Entries {
            keys: Cow::Owned(Vec::with_capacity(entries)),
            signatures: Cow::Owned(Vec::with_capacity(entries)),
            digests: Cow::Owned(Vec::with_capacity(entries)),
            records: Records::with_capacity(entries, bytes),
        }
    }

    /// Entries that borrow columns of equal length.
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

    /// Appends `record` with its claimed `digest`, signed by `public_key`. Borrowed columns
    /// are copied first.
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

    /// The public keys, encoded as in RFC 8032, section 5.1.2.
    pub fn keys(&self) -> &[[u8; 32]] {
        &self.keys
    }

    /// The signatures over the claimed digests.
    pub fn signatures(&self) -> &[[u8; 64]] {
        &self.signatures
    }

    /// The claimed digests of the records.
    pub fn digests(&self) -> &[Digest] {
        &self.digests
    }

    /// The records.
    pub fn records(&self) -> &Records<'a> {
        &self.records
    }

    /// The entries at the positions `range`, borrowed.
    ///
    /// # Panics
    /// If `range` starts after its end or ends past the last entry, as slicing does.
    pub fn slice(&self, range: Range<usize>) -> Entries<'_> {
        Entries {
            keys: Cow::Borrowed(&self.keys[range.clone()]),
            signatures: Cow::Borrowed(&self.signatures[range.clone()]),
            digests: Cow::Borrowed(&self.digests[range.clone()]),
            records: self.records.slice(range),
        }
    }

    /// The leaf of entry `index` in a block's tree, not yet hashed: the claimed digest, the
    /// public key and the signature. A record changed after signing does not change its
    /// leaf or the root; its verdict reports it.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Entries::len).
    pub fn leaf(&self, index: usize) -> [u8; LEAF_BYTES] {
        let mut leaf = [0; LEAF_BYTES];
        leaf[..32].copy_from_slice(&self.digests[index].0);
        leaf[32..64].copy_from_slice(&self.keys[index]);
        leaf[64..].copy_from_slice(&self.signatures[index]);
        leaf
    }

    /// The [leaf](Entries::leaf) of each entry, as input of
    /// [`merkle_leaves`](crate::Engine::merkle_leaves).
    pub fn leaves(&self) -> Records<'static> {
        Records::from_slices((0..self.len()).map(|index| self.leaf(index)))
    }

    /// The byte strings whose digests under [`hash`](Tree::hash) are the leaf nodes of `tree`.
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

/// The verdict on one entry. A bad signature takes precedence over a hash mismatch.
///
/// Exhaustive: callers must handle every verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum RecordVerdict {
    /// The signature over the claimed digest is valid, and the record has that digest.
    Valid,
    /// The signature over the claimed digest is not valid under the public key.
    BadSignature,
    /// The signature is valid, but the record has another digest than the claimed one.
    HashMismatch,
}

impl RecordVerdict {
    /// The verdict on an entry, from whether its signature is valid and whether its
    /// record's digest equals the claimed one.
    pub fn of(signature_is_valid: bool, digest_matches: bool) -> Self {
        match (signature_is_valid, digest_matches) {
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

/// The result of checking a block's entries.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "a record counts as valid only if its verdict says so"]
pub struct BlockCheck {
    /// The verdict on each entry, in their order.
    pub verdicts: Vec<RecordVerdict>,
    /// The digest of each record, whatever was claimed.
    pub digests: Vec<Digest>,
    /// For each record, the position of the first record with the same digest.
    pub first_occurrences: FirstOccurrences,
    /// The root over the entries' [leaves](Entries::leaf).
    pub root: Root,
}

impl BlockCheck {
    /// The result from the verdict on each signature, the records' digests, their first
    /// occurrences and the root.
    pub(crate) fn new(
        entries: &Entries<'_>,
        signature_verdicts: &[bool],
        digests: Vec<Digest>,
        first_occurrences: Vec<u32>,
        root: Root,
    ) -> Self {
        let matches = digests.iter().zip(entries.digests()).map(|(actual, claimed)| actual == claimed);
        let verdict = |(&valid, matches)| RecordVerdict::of(valid, matches);
        let verdicts = signature_verdicts.iter().zip(matches).map(verdict).collect();
        BlockCheck { verdicts, digests, first_occurrences: FirstOccurrences::new(first_occurrences), root }
    }

    /// The positions and verdicts of the entries that are not valid, ascending.
    pub fn invalid(&self) -> impl Iterator<Item = (usize, RecordVerdict)> {
        self.verdicts.iter().copied().enumerate().filter(|(_, verdict)| *verdict != RecordVerdict::Valid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_different_lengths_are_rejected() {
        let error = |keys: usize, signatures: usize, digests: usize, records: usize| {
            let records = Records::from_slices(vec!["r"; records]);
            let (keys, signatures) = (vec![[0; 32]; keys], vec![[0; 64]; signatures]);
            let digests = vec![Digest::default(); digests];
            Entries::from_columns(&keys, &signatures, &digests, records).unwrap_err().to_string()
        };
        let message = "columns of different lengths: 2 public keys, 2 signatures, 2 digests, 3 records";
        assert_eq!(error(2, 2, 2, 3), message);
        for [keys, signatures, digests] in [[1, 2, 2], [2, 1, 2], [2, 2, 1]] {
            assert!(error(keys, signatures, digests, 2).contains(&format!("{keys} public keys, ")));
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
    fn a_bad_signature_takes_precedence() {
        assert_eq!(RecordVerdict::of(false, false), RecordVerdict::BadSignature);
        assert_eq!(RecordVerdict::of(false, true), RecordVerdict::BadSignature);
        assert_eq!(RecordVerdict::of(true, false), RecordVerdict::HashMismatch);
        assert_eq!(RecordVerdict::of(true, true), RecordVerdict::Valid);
    }
}

//! The failures that an audit of a ledger finds.

use std::fmt;

/// What is wrong with a block or an anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LedgerFailureKind {
    /// The checksum does not match, or the bytes are not a block.
    Parse,
    /// The block belongs to another chain.
    Chain,
    /// The block's height is not its position in the file.
    Height,
    /// The block does not name the previous block's hash.
    Link,
    /// The block's time is before that of the previous block.
    Time,
    /// The producer is not the elected institution.
    Producer,
    /// The tally is not that of the previous block.
    Tally,
    /// The hash does not meet the target, or the producer's signature is bad.
    Seal,
    /// Fewer peers have endorsed the block than the policy requires.
    Endorsement,
    /// The header's root is not that of the stored records.
    Root,
    /// The header's digest of the table of lists is not that of the table.
    Lists,
    /// A list has c records or more, or the block has 2c or more.
    Stage,
    /// A list is not in the order of review.
    Order,
    /// A list's signature is bad.
    ListSignature,
    /// A record's signature is bad.
    RecordSignature,
    /// A record's bytes do not have the signed digest.
    RecordHash,
    /// The chain stores a record twice.
    Duplicate,
    /// A record is marked as a duplicate, but the chain did not have it.
    LeftOut,
    /// An anchor is missing, or is not that of its blocks.
    Anchor,
}

/// The kind in lower case, its words joined by hyphens.
impl fmt::Display for LedgerFailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            LedgerFailureKind::Parse => "parse",
            LedgerFailureKind::Chain => "chain",
            LedgerFailureKind::Height => "height",
            LedgerFailureKind::Link => "link",
            LedgerFailureKind::Time => "time",
            LedgerFailureKind::Producer => "producer",
            LedgerFailureKind::Tally => "tally",
            LedgerFailureKind::Seal => "seal",
            LedgerFailureKind::Endorsement => "endorsement",
            LedgerFailureKind::Root => "root",
            LedgerFailureKind::Lists => "lists",
            LedgerFailureKind::Stage => "stage",
            LedgerFailureKind::Order => "order",
            LedgerFailureKind::ListSignature => "list-signature",
            LedgerFailureKind::RecordSignature => "record-signature",
            LedgerFailureKind::RecordHash => "record-hash",
            LedgerFailureKind::Duplicate => "duplicate",
            LedgerFailureKind::LeftOut => "left-out",
            LedgerFailureKind::Anchor => "anchor",
        })
    }
}

/// The place of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Place {
    /// The block, by its position from 0; for an anchor, its first block.
    pub block: u64,
    /// The list in the block, from 0.
    pub list: Option<u32>,
    /// The record in the list, from 0.
    pub record: Option<u32>,
}

impl Place {
    pub(super) fn block(block: u64) -> Self {
        Place { block, list: None, record: None }
    }

    pub(super) fn list(block: u64, list: usize) -> Self {
        Place { list: Some(list as u32), ..Place::block(block) }
    }

    pub(super) fn record(block: u64, list: usize, record: usize) -> Self {
        Place { record: Some(record as u32), ..Place::list(block, list) }
    }
}

/// The block, then the list, then the record, all counted from 0.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "block {}", self.block)?;
        if let Some(list) = self.list {
            write!(f, ", list {list}")?;
        }
        if let Some(record) = self.record {
            write!(f, ", record {record}")?;
        }
        Ok(())
    }
}

/// A failure that an audit of a ledger found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LedgerFailure {
    /// Where it is.
    pub place: Place,
    /// What is wrong.
    pub kind: LedgerFailureKind,
    /// The values that show the failure.
    pub detail: String,
}

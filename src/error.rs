//! The errors of a call.

use crate::merkle::Tree;

/// Why a call failed: an argument that is not valid, or a fault of every back end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The offsets of a packed column do not fit its buffer.
    #[error("offset {index} of the column is not valid: {reason}")]
    Offsets {
        /// The position of the offset, from 0.
        index: usize,
        /// What is wrong with the offset.
        reason: &'static str,
    },
    /// A buffer does not divide into records of one width.
    #[error("{bytes} bytes do not divide into records of {width} bytes")]
    Width {
        /// The buffer's length in bytes.
        bytes: usize,
        /// The record's width in bytes.
        width: usize,
    },
    /// The lengths of records do not add up to the length of their buffer.
    #[error("the lengths add up to {total} bytes, the buffer has {bytes}")]
    Lengths {
        /// The buffer's length in bytes.
        bytes: usize,
        /// The sum of the lengths.
        total: u64,
    },
    /// The columns of a signature batch have different lengths.
    #[error("columns of different lengths: {keys} public keys, {signatures} signatures, {messages} messages")]
    Columns {
        /// The number of public keys.
        keys: usize,
        /// The number of signatures.
        signatures: usize,
        /// The number of messages.
        messages: usize,
    },
    /// The columns of a block's entries have different lengths.
    #[error(
        "columns of different lengths: {keys} public keys, {signatures} signatures, {digests} digests, \
         {records} records"
    )]
    EntryColumns {
        /// The number of public keys.
        keys: usize,
        /// The number of signatures.
        signatures: usize,
        /// The number of claimed digests.
        digests: usize,
        /// The number of records.
        records: usize,
    },
    /// There is no leaf, and the tree's rule defines no root for that.
    #[error("a {0} tree needs at least one leaf")]
    EmptyTree(Tree),
    /// A subtree has a number of leaves that does not fit the other subtrees.
    #[error("{}", subtree_message(*index, *leaves, *width))]
    Subtree {
        /// The position of the subtree, from 0.
        index: usize,
        /// The number of its leaves.
        leaves: u64,
        /// The number of leaves of the first subtree.
        width: u64,
    },
    /// The tree has no leaf at this position.
    #[error("leaf {index} does not exist: the tree has {leaves} leaves, counted from 0")]
    NoSuchLeaf {
        /// The position, from 0.
        index: usize,
        /// The number of leaves in the tree.
        leaves: usize,
    },
    /// More items than one call can take.
    #[error("{items} items are too many: {limit} are possible in one call")]
    TooMany {
        /// The number of items given.
        items: usize,
        /// The maximum number of items.
        limit: usize,
    },
    /// Compact difficulty bits that encode no target.
    #[error("bits {bits:#010x} give no target: {reason}")]
    Bits {
        /// The bits given.
        bits: u32,
        /// Why they encode no target.
        reason: &'static str,
    },
    /// The nonce of a header template is at a position where it cannot be searched.
    #[error("no nonce can be searched in a header of {length} bytes at offset {offset}: {reason}")]
    Template {
        /// The template's length in bytes.
        length: usize,
        /// The offset of the nonce in bytes.
        offset: usize,
        /// What would be valid.
        reason: &'static str,
    },
    /// The end of a nonce window is lower than its start.
    #[error("the nonce window from {from} to {to} is empty: its end must not be lower than its start")]
    EmptyWindow {
        /// The first nonce.
        from: u32,
        /// The last nonce.
        to: u32,
    },
    /// A text is not hexadecimal or has another length.
    #[error("{}", hex_message(*expected, *found, *position))]
    Hex {
        /// The number of digits expected.
        expected: usize,
        /// The length of the text in bytes.
        found: usize,
        /// The byte position of the first character that is not a hexadecimal digit, from
        /// 0; `None` if only the length is wrong.
        position: Option<usize>,
    },
    /// An unknown name.
    #[error("no {what} is called \"{name}\": it is one of {choices}")]
    Name {
        /// What the name should name.
        what: &'static str,
        /// The name given.
        name: String,
        /// The known names.
        choices: &'static str,
    },
    /// A back end is not available on this machine.
    #[error("the {backend} back end is not available: {reason}")]
    Unavailable {
        /// The kind of back end.
        backend: crate::BackendKind,
        /// Why it is not available.
        reason: String,
    },
    /// A parameter has a value that is not valid.
    #[error("{name} cannot be {found}: {valid}")]
    Parameter {
        /// The parameter's name.
        name: &'static str,
        /// The value given.
        found: String,
        /// What would be valid.
        valid: &'static str,
    },
    /// Every back end that could serve the call failed. The call has no result.
    #[error("no back end could serve the call; the last one failed: {0}")]
    Fault(#[from] crate::Fault),
}

fn subtree_message(index: usize, leaves: u64, width: u64) -> String {
    let valid = match index {
        _ if leaves == 0 => "each has at least one".into(),
        0 => "the first of several has a power of two".into(),
        _ => format!("each has as many as the first one, {width}, and only the last one may have fewer"),
    };
    format!("sub-tree {index}, counted from 0, cannot have {leaves} leaves: {valid}")
}

fn hex_message(expected: usize, found: usize, position: Option<usize>) -> String {
    match position {
        Some(position) => {
            format!("character {position} is not hexadecimal: {expected} digits of 0-9 and a-f are expected")
        }
        None => format!("{expected} hexadecimal digits are expected, {found} were found"),
    }
}

//! What a caller can do wrong.

use crate::merkle::Tree;

/// A mistake of the caller's, or a call that no back end could serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A packed column's offsets do not describe its buffer.
    #[error("offset {index} of the column is not valid: {reason}")]
    Offsets {
        /// The position among the offsets.
        index: usize,
        /// What is wrong with it.
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
    /// Lengths that do not add up to that of their buffer.
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
        /// Public keys in the batch.
        keys: usize,
        /// Signatures in the batch.
        signatures: usize,
        /// Messages in the batch.
        messages: usize,
    },
    /// The columns of a block's entries have different lengths.
    #[error(
        "columns of different lengths: {keys} public keys, {signatures} signatures, {digests} digests, \
         {records} records"
    )]
    EntryColumns {
        /// Public keys among the entries.
        keys: usize,
        /// Signatures among the entries.
        signatures: usize,
        /// Signed digests among the entries.
        digests: usize,
        /// Records among the entries.
        records: usize,
    },
    /// The tree's rule gives no root to no leaves.
    #[error("a {0} tree needs at least one leaf")]
    EmptyTree(Tree),
    /// A sub-tree that does not fit between the others.
    #[error("{}", subtree_message(*index, *leaves, *width))]
    Subtree {
        /// Its position, from 0.
        index: usize,
        /// The number of its leaves.
        leaves: u64,
        /// The number of the first sub-tree's leaves.
        width: u64,
    },
    /// A leaf that the tree does not have.
    #[error("leaf {index} does not exist: the tree has {leaves} leaves, counted from 0")]
    NoSuchLeaf {
        /// The leaf asked for.
        index: usize,
        /// The number of leaves.
        leaves: usize,
    },
    /// More items than the operation can count.
    #[error("{items} items are too many: {limit} are possible in one call")]
    TooMany {
        /// The items given.
        items: usize,
        /// The most that one call takes.
        limit: usize,
    },
    /// Compact difficulty bits that stand for no target.
    #[error("bits {bits:#010x} give no target: {reason}")]
    Bits {
        /// The compact form.
        bits: u32,
        /// Why it gives no target.
        reason: &'static str,
    },
    /// A header template whose nonce cannot be searched.
    #[error("no nonce can be searched in a header of {length} bytes at offset {offset}: {reason}")]
    Template {
        /// The template's length in bytes.
        length: usize,
        /// Where the nonce begins.
        offset: usize,
        /// What would be valid.
        reason: &'static str,
    },
    /// A nonce window whose end lies before its start.
    #[error("the nonce window from {from} to {to} is empty: its end must not be lower than its start")]
    EmptyWindow {
        /// The first nonce.
        from: u32,
        /// The last nonce.
        to: u32,
    },
    /// Text that is not hexadecimal of the right length.
    #[error("{}", hex_message(*expected, *found, *position))]
    Hex {
        /// The digits expected.
        expected: usize,
        /// The length found, in bytes.
        found: usize,
        /// The position of the first character that is no digit, from 0.
        position: Option<usize>,
    },
    /// A name that is none of those on offer.
    #[error("no {what} is called \"{name}\": it is one of {choices}")]
    Name {
        /// What was to be named.
        what: &'static str,
        /// The name given.
        name: String,
        /// The names on offer.
        choices: &'static str,
    },
    /// The back end asked for cannot be had on this machine.
    #[error("the {backend} back end is not available: {reason}")]
    Unavailable {
        /// The back end asked for.
        backend: crate::BackendKind,
        /// Why, and what would help.
        reason: String,
    },
    /// A parameter that nothing can have.
    #[error("{name} cannot be {found}: {valid}")]
    Parameter {
        /// The parameter's name.
        name: &'static str,
        /// The value given.
        found: String,
        /// What would be valid.
        valid: &'static str,
    },
    /// Every back end that could serve the call failed; nothing is known of its result.
    #[error("no back end could serve the call; the last one failed: {0}")]
    Fault(#[from] crate::Fault),
}

fn subtree_message(index: usize, leaves: u64, width: u64) -> String {
    let valid = match index {
        _ if leaves == 0 => "each has one at least".into(),
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

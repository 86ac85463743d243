//! What each workload's input is made of, and how back ends are called on it.

use verilane::ed25519::Rule;
use verilane::pow::Puzzle;
use verilane::{Hash, Operation, Tree, TreeHash};

/// What an input is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Recipe {
    /// Records of random bytes, of lengths from `shortest` to `longest`.
    Hash { hash: Hash, shortest: usize, longest: usize },
    /// Random leaves.
    Merkle(Tree),
    /// Signatures by distinct keys over messages of 32 to 200 bytes, one in 64
    /// with a flipped bit.
    Verify(Rule),
    /// Fingerprints, 30 % of which repeat an earlier one.
    Dedup,
    /// A block's records, 30 % of which were seen before, looked up in an index of `known`
    /// others and then added to it.
    Index { known: u64 },
    /// A nonce window of a random header without a hit.
    Pow,
    /// Records of 256 to 2,048 bytes, 30 % of which repeat an earlier one, signed by 64
    /// institutions; one in 64 entries has a flipped bit.
    Check,
    /// Signatures as for [`Verify`](Recipe::Verify), submitted one at a time by threads.
    Queue,
}

/// How a back end is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallMode {
    /// All items in one call.
    Batch,
    /// A block's check by one call for each operation in it.
    PerOperation,
    /// Signatures one at a time, through a queue.
    PerItem,
}

/// The rule under which a queue verifies.
pub const QUEUE_RULE: Rule = Rule::Strict;

/// The rule, the hash and the tree by which blocks are checked.
pub const BLOCK_RULE: Rule = Rule::Strict;
pub const BLOCK_HASH: Hash = Hash::Sha256;
pub const BLOCK_TREE: Tree = Tree::Rfc6962(TreeHash::Sha256);

/// Shortest and longest signed record, in bytes.
pub const RECORD_BYTES: [usize; 2] = [256, 2048];

/// Shortest and longest signed message, in bytes.
pub const MESSAGE_BYTES: [usize; 2] = [32, 200];

impl Recipe {
    pub fn operation(self) -> Operation {
        match self {
            Recipe::Hash { .. } => Operation::Hash,
            Recipe::Merkle(_) => Operation::Merkle,
            Recipe::Verify(_) | Recipe::Queue => Operation::Verify,
            Recipe::Dedup | Recipe::Index { .. } => Operation::Dedup,
            Recipe::Pow => Operation::Pow,
            Recipe::Check => Operation::Check,
        }
    }

    /// Shortest and longest item in bytes, without keys and signatures.
    pub fn item_bytes(self) -> [usize; 2] {
        match self {
            Recipe::Hash { shortest, longest, .. } => [shortest, longest],
            Recipe::Merkle(_) | Recipe::Dedup | Recipe::Index { .. } => [32, 32],
            Recipe::Verify(_) | Recipe::Queue => MESSAGE_BYTES,
            Recipe::Pow => [Puzzle::BITCOIN_HEADER; 2],
            Recipe::Check => RECORD_BYTES,
        }
    }

    /// The call modes in which it is measured.
    pub fn call_modes(self) -> &'static [CallMode] {
        match self {
            Recipe::Check => &[CallMode::Batch, CallMode::PerOperation],
            Recipe::Queue => &[CallMode::PerItem, CallMode::Batch],
            _ => &[CallMode::Batch],
        }
    }
}

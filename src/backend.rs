//! The seam: what a back end does, and how it can fail.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::ed25519::{Batch, Rule};
use crate::entries::{BlockCheck, Entries};
use crate::merkle::{Root, Tree};
use crate::pow::{Nonce, NonceWindow, Puzzle};
use crate::{Digest, Error, Hash, Records};

/// The five operations, and a block's check that is composed of four of them.
/// Every implementation gives the answers of
/// [`reference`](crate::reference), bit for bit, on every input; or a [`Fault`],
/// and then whatever it has written to `out` means nothing.
///
/// Callers have checked the arguments: `out` is as long as the input, trees
/// have a leaf, nonce windows are not empty, counts fit.
pub trait Backend: Send + Sync {
    /// What this back end is and runs on.
    fn info(&self) -> &BackendInfo;

    /// Whether it can serve `operation` at all.
    fn serves(&self, operation: Operation) -> bool {
        let _ = operation;
        true
    }

    /// Does what the first calls would otherwise wait for, such as the compilation of
    /// kernels. The self-test begins with it; calls need not wait for it.
    ///
    /// # Errors
    /// A [`Fault`], as in all operations, if the machine fails.
    fn prepare(&self) -> Result<(), Fault> {
        Ok(())
    }

    /// The digest of each record.
    ///
    /// # Errors
    /// A [`Fault`] if the machine fails.
    fn hash(&self, hash: Hash, records: &Records<'_>, out: &mut [Digest]) -> Result<(), Fault>;

    /// The root over leaf nodes.
    fn merkle_root(&self, tree: Tree, leaves: &[Digest]) -> Result<Root, Fault>;

    /// Whether each signature is valid under `rule`.
    fn verify(&self, rule: Rule, batch: &Batch<'_>, out: &mut [bool]) -> Result<(), Fault>;

    /// For each fingerprint, the lowest position with an equal one.
    fn first_occurrences(&self, prints: &[Digest], out: &mut [u32]) -> Result<(), Fault>;

    /// The lowest nonce in the window that meets the puzzle's target.
    fn search(&self, puzzle: &Puzzle, window: NonceWindow) -> Result<Option<Nonce>, Fault>;

    /// What is found of a block's entries: signatures under `rule`, records under
    /// `hash`, the root under `tree`. Overridden where one pass saves something,
    /// which is on devices: on the CPU stages that share a cache were no faster
    /// than stages one after the other. The answer is this one's.
    fn check_block(
        &self,
        rule: Rule,
        hash: Hash,
        tree: Tree,
        entries: &Entries<'_>,
    ) -> Result<BlockCheck, Fault> {
        check_call_by_call(self, rule, hash, tree, entries)
    }

    /// How long the device itself has computed since the last call of this
    /// function, without transfers; none where that is not measured apart.
    fn take_device_time(&self) -> Option<Duration> {
        None
    }
}

/// A block's check as calls of the operations it is composed of: what
/// [`Backend::check_block`] does where a back end has nothing better.
///
/// # Errors
/// The [`Fault`] of the first call that fails.
pub fn check_call_by_call<B: Backend + ?Sized>(
    backend: &B,
    rule: Rule,
    hash: Hash,
    tree: Tree,
    entries: &Entries<'_>,
) -> Result<BlockCheck, Fault> {
    let mut valid = vec![false; entries.len()];
    backend.verify(rule, &entries.batch(), &mut valid)?;
    let mut digests = bytemuck::zeroed_vec(entries.len());
    backend.hash(hash, entries.records(), &mut digests)?;
    let mut firsts = vec![0; entries.len()];
    backend.first_occurrences(&digests, &mut firsts)?;
    let mut leaves = bytemuck::zeroed_vec(entries.len());
    backend.hash(tree.hash(), &entries.leaf_messages(tree), &mut leaves)?;
    let root = backend.merkle_root(tree, &leaves)?;
    Ok(BlockCheck::new(entries, &valid, digests, firsts, root))
}

/// A failure of the machine's. It says nothing about the input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The device went away: a reset, a driver crash, an unplugged card.
    #[error("the device was lost: {0}")]
    DeviceLost(String),
    /// Memory, on the device or the host, did not suffice.
    #[error("out of memory: {0}")]
    OutOfMemory(String),
    /// The back end gave a wrong answer to a known question and is not used.
    #[error("the self-test failed: {0}")]
    SelfTest(String),
    /// The back end does not serve this operation, or not with this input.
    #[error("not served: {0}")]
    NotServed(String),
    /// The back end could not be started.
    #[error("{0}")]
    Start(String),
}

/// What an engine places: one of the five operations, or a block's check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Operation {
    /// [`Backend::hash`].
    Hash,
    /// [`Backend::merkle_root`].
    Merkle,
    /// [`Backend::verify`].
    Verify,
    /// [`Backend::first_occurrences`].
    Dedup,
    /// [`Backend::search`].
    Pow,
    /// [`Backend::check_block`].
    Check,
}

impl Operation {
    /// All of them.
    pub const ALL: [Operation; 6] = [
        Operation::Hash,
        Operation::Merkle,
        Operation::Verify,
        Operation::Dedup,
        Operation::Pow,
        Operation::Check,
    ];
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Operation::Hash => "hash",
            Operation::Merkle => "merkle",
            Operation::Verify => "verify",
            Operation::Dedup => "dedup",
            Operation::Pow => "pow",
            Operation::Check => "check",
        })
    }
}

/// The kinds of back end. Exhaustive: bindings and stored reports need a number for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BackendKind {
    /// The field's own crates: the oracle.
    Reference,
    /// SIMD lanes on all threads.
    Cpu,
    /// WGSL compute shaders.
    Gpu,
}

impl fmt::Display for BackendKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            BackendKind::Reference => "reference",
            BackendKind::Cpu => "cpu",
            BackendKind::Gpu => "gpu",
        })
    }
}

impl FromStr for BackendKind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "reference" => Ok(BackendKind::Reference),
            "cpu" => Ok(BackendKind::Cpu),
            "gpu" => Ok(BackendKind::Gpu),
            _ => Err(Error::Name { what: "back end", name: name.into(), choices: "reference, cpu, gpu" }),
        }
    }
}

/// What a back end is and runs on.
///
/// Exhaustive, since implementations of [`Backend`] outside this crate make it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct BackendInfo {
    /// Its kind.
    pub kind: BackendKind,
    /// Host threads that it computes on.
    pub threads: usize,
    /// What computes: crates, lanes, or the adapter's name.
    pub detail: String,
    /// Whether it is a software adapter: a processor that poses as a GPU, for
    /// tests, whose speed says nothing of any GPU.
    pub software: bool,
}

/// The kind, marked where the adapter is software.
impl fmt::Display for BackendInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.software { " (software)" } else { "" };
        f.pad(&format!("{}{mark}", self.kind))
    }
}

//! The trait that every back end implements, and how a back end can fail.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::ed25519::Rule;
use crate::entries::{BlockCheck, Entries};
use crate::merkle::{Root, Tree};
use crate::pow::{Nonce, NonceWindow, Puzzle};
use crate::signature::Batch;
use crate::{Digest, Error, Hash, Records};

/// The five operations, and the check of a block, which is composed of four of them.
///
/// On every input, an implementation either gives the answer of
/// [`reference`](crate::reference), bit for bit, or returns a [`Fault`]; after a fault
/// the contents of `out` mean nothing. The one exception is [`verify`](Backend::verify)
/// under [`Rule::Zip215`], where it may use an equation that accepts an invalid signature
/// with probability at most 2⁻¹²⁵ (see [`ed25519`](crate::ed25519#independence)).
///
/// The caller checks the arguments, as [`Engine`](crate::Engine) does: `out` is as long
/// as the input, a tree has at least one leaf, a nonce window is not empty, and there
/// are at most [`MAX_FINGERPRINTS`](crate::dedup::MAX_FINGERPRINTS) fingerprints. With other
/// arguments an implementation may panic or give a wrong answer.
pub trait Backend: Send + Sync {
    /// What this back end is and runs on.
    fn info(&self) -> &BackendInfo;

    /// Whether this back end implements `operation`. Calls of others return a [`Fault`].
    fn serves(&self, operation: Operation) -> bool {
        let _ = operation;
        true
    }

    /// Prepares the back end for its first call, for instance by compiling kernels. The
    /// [self-test](crate::self_test) calls it first. Operations work without it, but the
    /// first ones may be slower.
    ///
    /// # Errors
    /// A [`Fault`] if the machine fails.
    fn prepare(&self) -> Result<(), Fault> {
        Ok(())
    }

    /// Writes the digest of each record to `out`.
    ///
    /// # Errors
    /// A [`Fault`] if the machine fails.
    ///
    /// # Panics
    /// May panic unless `out` is as long as `records`.
    fn hash(&self, hash: Hash, records: &Records<'_>, out: &mut [Digest]) -> Result<(), Fault>;

    /// The root over `leaves`, which are leaf nodes and are not hashed again.
    ///
    /// # Errors
    /// A [`Fault`] if the machine fails.
    ///
    /// # Panics
    /// May panic if there is no leaf.
    fn merkle_root(&self, tree: Tree, leaves: &[Digest]) -> Result<Root, Fault>;

    /// Writes to `out` whether each signature is valid under `rule`.
    ///
    /// # Errors
    /// A [`Fault`] if the machine fails.
    ///
    /// # Panics
    /// May panic unless `out` is as long as `batch`.
    fn verify(&self, rule: Rule, batch: &Batch<'_>, out: &mut [bool]) -> Result<(), Fault>;

    /// Writes to `out`, for each fingerprint, the lowest position with an equal one.
    ///
    /// # Errors
    /// A [`Fault`] if the machine fails.
    ///
    /// # Panics
    /// May panic unless `out` is as long as `fingerprints`, or above
    /// [`MAX_FINGERPRINTS`](crate::dedup::MAX_FINGERPRINTS) of them.
    fn first_occurrences(&self, fingerprints: &[Digest], out: &mut [u32]) -> Result<(), Fault>;

    /// The lowest nonce in `window`, both ends included, that meets the puzzle's target;
    /// `None` if no nonce does.
    ///
    /// # Errors
    /// A [`Fault`] if the machine fails.
    fn search(&self, puzzle: &Puzzle, window: NonceWindow) -> Result<Option<Nonce>, Fault>;

    /// Checks a block's entries: the signatures under `rule`, the records under `hash`,
    /// the root under `tree`.
    ///
    /// The default calls the operations one after the other. A back end overrides it if
    /// a single pass saves transfers, as on a GPU; on the CPU, fused stages that share the
    /// cache were measured to be no faster. An override gives the same answer.
    ///
    /// # Errors
    /// A [`Fault`] if the machine fails.
    ///
    /// # Panics
    /// May panic if there is no entry.
    fn check_block(
        &self,
        rule: Rule,
        hash: Hash,
        tree: Tree,
        entries: &Entries<'_>,
    ) -> Result<BlockCheck, Fault> {
        check_call_by_call(self, rule, hash, tree, entries)
    }

    /// How long the device has computed since the last call of this method, without
    /// transfers; `None` if the back end does not measure that.
    fn take_device_time(&self) -> Option<Duration> {
        None
    }
}

/// Checks a block by a call of each operation that the check is composed of: the
/// default of [`Backend::check_block`].
///
/// # Errors
/// The [`Fault`] of the first call that fails.
///
/// # Panics
/// May panic if there is no entry.
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
    let mut first_occurrences = vec![0; entries.len()];
    backend.first_occurrences(&digests, &mut first_occurrences)?;
    let mut leaves = bytemuck::zeroed_vec(entries.len());
    backend.hash(tree.hash(), &entries.leaf_messages(tree), &mut leaves)?;
    let root = backend.merkle_root(tree, &leaves)?;
    Ok(BlockCheck::new(entries, &valid, digests, first_occurrences, root))
}

/// A failure of the machine. It says nothing about the input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The device was lost: reset, driver crash or unplugged card.
    #[error("the device was lost: {0}")]
    DeviceLost(String),
    /// There was not enough memory on the device or the host.
    #[error("out of memory: {0}")]
    OutOfMemory(String),
    /// The back end gave a wrong answer in the [self-test](crate::self_test).
    #[error("the self-test failed: {0}")]
    SelfTest(String),
    /// The back end does not implement this operation, or not for this input.
    #[error("not served: {0}")]
    NotServed(String),
    /// The back end could not be started.
    #[error("{0}")]
    Start(String),
}

/// What an engine can be called for: one of the five operations, or the check of a block.
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
    /// All operations.
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

/// The kinds of back end. Exhaustive: bindings and stored reports give each a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BackendKind {
    /// [`reference`](crate::reference): established crates, item by item; the oracle of the tests.
    Reference,
    /// [`cpu`](crate::cpu): SIMD lanes on a thread pool.
    Cpu,
    /// The GPU back end: WGSL compute shaders.
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
/// Exhaustive: implementations of [`Backend`] in other crates construct it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct BackendInfo {
    /// The kind of back end.
    pub kind: BackendKind,
    /// The number of host threads that it uses.
    pub threads: usize,
    /// What computes: the crates, the lanes, or the name of the adapter.
    pub detail: String,
    /// Whether it is a software adapter: a driver that runs shaders on the CPU. It serves
    /// tests; its speed says nothing about any GPU.
    pub software: bool,
}

/// The kind, followed by ` (software)` for a software adapter.
impl fmt::Display for BackendInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.software { " (software)" } else { "" };
        f.pad(&format!("{}{mark}", self.kind))
    }
}

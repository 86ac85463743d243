//! The engine: runs each call on a back end, and on the next one after a fault.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use crate::cpu::{self, Cpu, Isa};
use crate::ed25519::Rule;
use crate::entries::{BlockCheck, Entries};
use crate::merkle::{self, Level, Proof, Root, Subtree, Tree};
use crate::pow::{self, Nonce, NonceWindow, Puzzle};
use crate::reference::Reference;
use crate::signature::{Batch, Verdicts};
use crate::{
    Backend, BackendInfo, BackendKind, Digest, Error, Fault, Hash, Operation, Records, Threads, dedup,
    dedup::FirstOccurrences, self_test,
};

/// Which back end serves a call: one chosen by the engine, or one that the caller names.
///
/// Exhaustive: there is no third way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// The CPU; a hardware GPU for calls of at least the size from which it was
    /// measured to be faster. A software adapter is never chosen.
    #[default]
    Auto,
    /// This kind of back end. Another serves a call only after a fault, and the
    /// call's [`Report`] says so.
    On(BackendKind),
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Placement::Auto => f.pad("auto"),
            Placement::On(kind) => kind.fmt(f),
        }
    }
}

impl FromStr for Placement {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        if name == "auto" {
            return Ok(Placement::Auto);
        }
        name.parse().map(Placement::On).map_err(|_| Error::Name {
            what: "back end",
            name: name.into(),
            choices: "reference, cpu, gpu, auto",
        })
    }
}

/// A kind of back end, and either a back end of that kind or why there is none.
pub type Candidate = (BackendKind, Result<Arc<dyn Backend>, Error>);

/// How an engine is set up.
///
/// Not `#[non_exhaustive]`, so that `Options { threads: 2, ..Options::default() }` compiles
/// in other crates. Later versions add fields: end with `..Options::default()`.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Which back end serves a call.
    pub placement: Placement,
    /// The number of host threads; 0 means one for each processor.
    pub threads: usize,
    /// A thread pool shared with other engines or with other work of the program. If
    /// `None`, the engine creates one of `threads` threads.
    pub pool: Option<Threads>,
    /// The highest instruction set to use. The processor and the environment variable
    /// `VERILANE_ISA` may limit it further. If `None`, only these two limit it.
    pub isa: Option<Isa>,
    /// Part of the name of the GPU adapter to use; case is ignored. If `None`, the
    /// environment variable `VERILANE_ADAPTER` applies. A software adapter is used only
    /// if named.
    pub adapter: Option<String>,
}

/// Runs each call on a back end, and on the next one after a [`Fault`].
///
/// All methods take `&self`, and any number of threads may call them at once.
pub struct Engine {
    /// In the order in which they are tried; at least one.
    backends: Vec<Arc<dyn Backend>>,
    /// Created on first use if the caller provided the back ends.
    threads: OnceLock<Threads>,
    #[cfg(feature = "gpu")]
    auto: Option<crate::auto::Auto>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let backends: Vec<_> = self.backends.iter().map(|backend| backend.info()).collect();
        f.debug_struct("Engine").field("backends", &backends).finish_non_exhaustive()
    }
}

impl Options {
    /// The host threads to compute on: those of `pool`, or new ones.
    ///
    /// # Errors
    /// [`Error::Parameter`] if `pool` is given and `threads` is neither 0 nor the pool's
    /// number; [`Error::Unavailable`] if the system cannot start the threads.
    pub fn host_threads(&self) -> Result<Threads, Error> {
        let Some(pool) = &self.pool else { return Threads::new(self.threads) };
        if ![0, pool.count()].contains(&self.threads) {
            return Err(Error::Parameter {
                name: "threads",
                found: self.threads.to_string(),
                valid: "where a pool is given, leave it at 0 or set it to the pool's number",
            });
        }
        Ok(pool.clone())
    }
}

impl Engine {
    /// An engine with [`Options::default`]: automatic placement, a thread for each processor.
    ///
    /// The CPU serves calls at once. The first call large enough for a GPU starts it in
    /// the background; it serves calls once its kernels are compiled and tested.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the system cannot start the threads;
    /// [`Error::Name`] if `VERILANE_ISA` names no instruction set,
    /// [`Error::Parameter`] if it is not Unicode.
    pub fn new() -> Result<Self, Error> {
        Engine::with_options(&Options::default())
    }

    /// An engine configured by `options`.
    ///
    /// # Errors
    /// [`Error::Unavailable`], with the reason, if the back end that `options` names is
    /// not available or the system cannot start the threads; [`Error::Parameter`] as from
    /// [`Options::host_threads`], or if `VERILANE_ISA` is not Unicode; [`Error::Name`] if it
    /// names no instruction set; [`Error::Fault`] if every back end fails the [self-test](self_test).
    pub fn with_options(options: &Options) -> Result<Self, Error> {
        let threads = options.host_threads()?;
        let reference: Arc<dyn Backend> = Arc::new(Reference::new(threads.clone()));
        let cpu: Arc<dyn Backend> = Arc::new(Cpu::new(threads.clone(), cpu::Level::best(options.isa)?));
        let backends = match options.placement {
            Placement::On(BackendKind::Reference) => vec![reference],
            Placement::On(BackendKind::Cpu) | Placement::Auto => vec![cpu, reference],
            Placement::On(BackendKind::Gpu) => vec![start_gpu(options)?, cpu, reference],
        };
        let mut engine = Engine::with_backends(backends)?;
        engine.threads = OnceLock::from(threads);
        if options.placement == Placement::Auto {
            engine.enable_gpu_placement(options);
        }
        Ok(engine)
    }

    /// An engine on back ends that the caller provides, in the order in which they are
    /// tried. One that fails the [self-test](self_test) is not used; a `tracing` event
    /// reports it.
    ///
    /// # Errors
    /// [`Error::Fault`] if no back end passes the self-test, or `backends` is empty.
    pub fn with_backends(backends: Vec<Arc<dyn Backend>>) -> Result<Self, Error> {
        let mut passed = Vec::new();
        let mut last_fault = Fault::Start("no back end was given".into());
        for backend in backends {
            match self_test(backend.as_ref()) {
                Ok(()) => passed.push(backend),
                Err(fault) => {
                    tracing::error!(backend = %backend.info(), %fault, "the back end is not used");
                    last_fault = fault;
                }
            }
        }
        if passed.is_empty() {
            return Err(last_fault.into());
        }
        Ok(Engine {
            backends: passed,
            threads: OnceLock::new(),
            #[cfg(feature = "gpu")]
            auto: None,
        })
    }

    #[cfg(feature = "gpu")]
    fn enable_gpu_placement(&mut self, options: &Options) {
        let options = options.clone();
        self.auto =
            Some(crate::auto::Auto::new(crate::crossover::Crossover::load(), move || start_gpu(&options)));
    }

    #[cfg(not(feature = "gpu"))]
    fn enable_gpu_placement(&mut self, _options: &Options) {}

    /// For each kind of back end, one configured by `options`, or why there is none.
    ///
    /// None of them is tested: [`with_backends`](Engine::with_backends) does that.
    #[must_use]
    pub fn backends(options: &Options) -> Vec<Candidate> {
        let cpu = || -> Result<Arc<dyn Backend>, Error> {
            Ok(Arc::new(Cpu::new(options.host_threads()?, cpu::Level::best(options.isa)?)))
        };
        let reference =
            || -> Result<Arc<dyn Backend>, Error> { Ok(Arc::new(Reference::new(options.host_threads()?))) };
        vec![
            (BackendKind::Reference, reference()),
            (BackendKind::Cpu, cpu()),
            (BackendKind::Gpu, start_gpu(options)),
        ]
    }

    /// The host threads that the engine computes on, for other work of the caller. An
    /// engine from [`with_backends`](Engine::with_backends) creates as many as its first
    /// back end uses.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the system cannot start the threads.
    pub fn threads(&self) -> Result<&Threads, Error> {
        if self.threads.get().is_none() {
            // Fails if a concurrent call has set it; the new threads are dropped then.
            let _ = self.threads.set(Threads::new(self.concurrency())?);
        }
        Ok(self.threads.get().expect("it is set above"))
    }

    /// How many calls the first back end can usefully run at once: its threads, at least 1.
    pub(crate) fn concurrency(&self) -> usize {
        self.backends[0].info().threads.max(1)
    }

    /// The digest of each record, in the order of the records.
    ///
    /// # Errors
    /// [`Error::Fault`] if every back end failed.
    pub fn hash(&self, hash: Hash, records: &Records<'_>) -> Result<Outcome<Vec<Digest>>, Error> {
        self.call(Operation::Hash, records.total_bytes(), |backend| {
            let mut digests = bytemuck::zeroed_vec(records.len());
            backend.hash(hash, records, &mut digests)?;
            Ok(digests)
        })
    }

    /// The leaf nodes of a tree over `data`: for each record, the digest of the tree's
    /// [leaf prefix](Tree::leaf_prefix) followed by the record.
    ///
    /// # Errors
    /// [`Error::Fault`] if every back end failed.
    pub fn merkle_leaves(&self, tree: Tree, data: &Records<'_>) -> Result<Outcome<Vec<Digest>>, Error> {
        self.hash(tree.hash(), &tree.leaf_messages(data))
    }

    /// The root over `leaves`, which are leaf nodes (see
    /// [`merkle_leaves`](Engine::merkle_leaves)): they are not hashed again.
    ///
    /// # Errors
    /// [`Error::EmptyTree`] if there is no leaf and the tree's rule defines no root for that;
    /// [`Error::Fault`] if every back end failed.
    pub fn merkle_root(&self, tree: Tree, leaves: &[Digest]) -> Result<Outcome<Root>, Error> {
        let empty = if leaves.is_empty() { Some(tree.empty_root()?) } else { None };
        self.call(Operation::Merkle, leaves.len() as u64, |backend| match empty {
            Some(root) => Ok(root),
            None => backend.merkle_root(tree, leaves),
        })
    }

    /// The root over the leaves of all `subtrees`, in their order: what
    /// [`merkle_root`](Engine::merkle_root) returns for all those leaves. Every subtree
    /// except the last has the same power of two of leaves; the last has at most as many.
    ///
    /// # Errors
    /// [`Error::Subtree`] if a subtree has another number of leaves;
    /// [`Error::EmptyTree`] if there is no subtree and the tree's rule defines no root for
    /// that; [`Error::Fault`] if every back end failed.
    pub fn merkle_combine(&self, tree: Tree, subtrees: &[Subtree]) -> Result<Outcome<Root>, Error> {
        if subtrees.is_empty() {
            return self.merkle_root(tree, &[]);
        }
        let mutated = subtrees.iter().any(|subtree| subtree.root.mutated);
        let root = self.merkle_root(tree, &merkle::common_level(tree, subtrees)?)?;
        Ok(root.map(|root| Root { mutated: mutated | root.mutated, ..root }))
    }

    /// The inclusion proof for leaf `index` of the tree over `leaves`.
    ///
    /// # Errors
    /// [`Error::NoSuchLeaf`] if `index` is not below the number of leaves;
    /// [`Error::Fault`] if every back end failed.
    pub fn merkle_proof(&self, tree: Tree, leaves: &[Digest], index: usize) -> Result<Outcome<Proof>, Error> {
        if index >= leaves.len() {
            return Err(Error::NoSuchLeaf { index, leaves: leaves.len() });
        }
        self.call(Operation::Merkle, leaves.len() as u64, |backend| {
            let path = proof_path(backend, tree, leaves, index)?;
            Ok(Proof { tree, index, leaves: leaves.len(), path })
        })
    }

    /// A verdict for each signature, under `rule`, in the order of the batch. An empty
    /// batch has no verdict and counts as all valid.
    ///
    /// Under [`Rule::Rfc8032`] and [`Rule::Strict`] each signature is verified by itself:
    /// its verdict does not depend on the others. Under [`Rule::Zip215`] the CPU back end
    /// may verify a call of 256 signatures or more by random linear combinations of their
    /// equations. A valid signature is always accepted; a combination accepts an invalid
    /// one with probability at most 2⁻¹²⁵ (see [`ed25519`](crate::ed25519#independence)).
    ///
    /// # Errors
    /// [`Error::Fault`] if every back end failed; there is no verdict then.
    pub fn verify(&self, rule: Rule, batch: &Batch<'_>) -> Result<Outcome<Verdicts>, Error> {
        self.call(Operation::Verify, batch.len() as u64, |backend| {
            let mut verdicts = vec![false; batch.len()];
            backend.verify(rule, batch, &mut verdicts)?;
            Ok(Verdicts::new(verdicts))
        })
    }

    /// For each fingerprint, the position of its first occurrence: the lowest position
    /// with an equal one.
    ///
    /// # Errors
    /// [`Error::TooMany`] above [`dedup::MAX_FINGERPRINTS`] fingerprints;
    /// [`Error::Fault`] if every back end failed.
    pub fn first_occurrences(&self, fingerprints: &[Digest]) -> Result<Outcome<FirstOccurrences>, Error> {
        dedup::check_count(fingerprints.len())?;
        self.call(Operation::Dedup, fingerprints.len() as u64, |backend| {
            let mut first_occurrences = vec![0; fingerprints.len()];
            backend.first_occurrences(fingerprints, &mut first_occurrences)?;
            Ok(FirstOccurrences::new(first_occurrences))
        })
    }

    /// The fingerprints of `digests` under `hash`, and their first occurrences, on the
    /// same back end.
    #[cfg(feature = "index")]
    pub(crate) fn fingerprints(
        &self,
        hash: Hash,
        digests: &[Digest],
    ) -> Result<Outcome<(Vec<Digest>, FirstOccurrences)>, Error> {
        dedup::check_count(digests.len())?;
        let records = Records::from_fixed(bytemuck::cast_slice(digests), size_of::<Digest>())?;
        const NEEDED: [Operation; 2] = [Operation::Hash, Operation::Dedup];
        self.call_serving(&NEEDED, Operation::Dedup, digests.len() as u64, |backend| {
            let mut fingerprints = bytemuck::zeroed_vec(digests.len());
            let mut first_occurrences = vec![0; digests.len()];
            backend.hash(hash, &records, &mut fingerprints)?;
            backend.first_occurrences(&fingerprints, &mut first_occurrences)?;
            Ok((fingerprints, FirstOccurrences::new(first_occurrences)))
        })
    }

    /// The lowest nonce in `window` that meets the puzzle's target; `None` if no nonce
    /// does. Both ends of the window are included.
    ///
    /// # Errors
    /// [`Error::EmptyWindow`] if the window's end is lower than its start;
    /// [`Error::Fault`] if every back end failed.
    pub fn search(&self, puzzle: &Puzzle, window: NonceWindow) -> Result<Outcome<Option<Nonce>>, Error> {
        pow::check_window(&window)?;
        self.call(Operation::Pow, pow::window_size(&window), |backend| backend.search(puzzle, window.clone()))
    }

    /// Checks a block's entries in one call: verifies the signatures over the claimed
    /// digests under `rule`, compares the records' digests under `hash` with the claimed
    /// ones, finds the records that repeat an earlier one, and computes the root over the
    /// entries' [leaves](Entries::leaf) under `tree`.
    ///
    /// Entries are independent of each other, as signatures are in
    /// [`verify`](Engine::verify).
    ///
    /// # Errors
    /// [`Error::EmptyTree`] if there is no entry and the tree's rule defines no root for
    /// that; [`Error::TooMany`] above [`dedup::MAX_FINGERPRINTS`] entries; [`Error::Fault`] if
    /// every back end failed.
    pub fn check_block(
        &self,
        rule: Rule,
        hash: Hash,
        tree: Tree,
        entries: &Entries<'_>,
    ) -> Result<Outcome<BlockCheck>, Error> {
        dedup::check_count(entries.len())?;
        let empty = if entries.is_empty() { Some(tree.empty_root()?) } else { None };
        self.call(Operation::Check, entries.len() as u64, |backend| match empty {
            Some(root) => Ok(BlockCheck::new(entries, &[], vec![], vec![], root)),
            None => backend.check_block(rule, hash, tree, entries),
        })
    }

    /// Runs `work` on the first back end that serves `operation` and does not fault.
    fn call<T>(
        &self,
        operation: Operation,
        size: u64,
        work: impl Fn(&dyn Backend) -> Result<T, Fault>,
    ) -> Result<Outcome<T>, Error> {
        self.call_serving(&[operation], operation, size, work)
    }

    /// As [`call`](Self::call), for work that needs more than the operation by which the call
    /// is placed.
    fn call_serving<T>(
        &self,
        needed: &[Operation],
        operation: Operation,
        size: u64,
        work: impl Fn(&dyn Backend) -> Result<T, Fault>,
    ) -> Result<Outcome<T>, Error> {
        let mut passed_over: Vec<(BackendInfo, Fault)> = Vec::new();
        for backend in self.candidates(operation, size) {
            let info = backend.info();
            let result = match needed.iter().find(|&&needed| !backend.serves(needed)) {
                None => work(backend.as_ref()),
                Some(missing) => {
                    Err(Fault::NotServed(format!("the {info} back end has no kernel for {missing}")))
                }
            };
            match result {
                Ok(value) => {
                    let report = Report { passed_over, ..Report::new(info.clone()) };
                    return Ok(Outcome { value, report });
                }
                Err(fault) => {
                    tracing::warn!(backend = %info, %operation, %fault, "the next back end is tried");
                    passed_over.push((info.clone(), fault));
                }
            }
        }
        let (_, fault) = passed_over.pop().expect("an engine has at least one back end");
        Err(fault.into())
    }

    /// The back ends for a call, in the order in which they are tried.
    fn candidates(&self, operation: Operation, size: u64) -> impl Iterator<Item = Arc<dyn Backend>> {
        #[cfg(feature = "gpu")]
        let gpu = self.auto.as_ref().and_then(|auto| auto.gpu_for(operation, size));
        #[cfg(not(feature = "gpu"))]
        let gpu = {
            let _ = (operation, size);
            None
        };
        gpu.into_iter().chain(self.backends.iter().cloned())
    }
}

/// The siblings of the path from leaf `index` to the root, lowest first.
fn proof_path(
    backend: &dyn Backend,
    tree: Tree,
    leaves: &[Digest],
    index: usize,
) -> Result<Vec<Digest>, Fault> {
    let mut path = Vec::new();
    let mut node = leaves[index];
    for level in merkle::levels(tree, index, leaves.len()) {
        match level {
            Level::Promoted => continue,
            Level::Doubled => {
                path.push(node);
                node = tree.node(&node, &node);
            }
            Level::Paired { range, height, sibling_is_left } => {
                let sibling = node_above(backend, tree, &leaves[range], height)?;
                path.push(sibling);
                node = if sibling_is_left { tree.node(&sibling, &node) } else { tree.node(&node, &sibling) };
            }
        }
    }
    Ok(path)
}

/// The node `height` levels above `leaves`, of which there are at most 2^`height`.
fn node_above(backend: &dyn Backend, tree: Tree, leaves: &[Digest], height: u32) -> Result<Digest, Fault> {
    let node = backend.merkle_root(tree, leaves)?.digest;
    Ok(tree.lift(node, height - merkle::height(leaves.len() as u64)))
}

#[cfg(feature = "gpu")]
fn start_gpu(options: &Options) -> Result<Arc<dyn Backend>, Error> {
    let gpu = crate::gpu::Gpu::start(options.adapter.as_deref())
        .map_err(|fault| Error::Unavailable { backend: BackendKind::Gpu, reason: fault.to_string() })?;
    Ok(Arc::new(gpu))
}

#[cfg(not(feature = "gpu"))]
fn start_gpu(_options: &Options) -> Result<Arc<dyn Backend>, Error> {
    let reason = "this build of verilane has no `gpu` feature".into();
    Err(Error::Unavailable { backend: BackendKind::Gpu, reason })
}

/// An answer and the [`Report`] of the call. Dereferences to the answer.
#[derive(Clone, Debug)]
#[must_use]
pub struct Outcome<T> {
    value: T,
    report: Report,
}

impl<T> Outcome<T> {
    /// The answer, without the report.
    pub fn into_inner(self) -> T {
        self.value
    }

    /// Maps the answer and keeps the report.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Outcome<U> {
        Outcome { value: f(self.value), report: self.report }
    }

    /// Where the call ran.
    pub fn report(&self) -> &Report {
        &self.report
    }
}

impl<T> Deref for Outcome<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// Where a call ran, and which back ends faulted before.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The back end that computed the answer.
    pub backend: BackendInfo,
    /// The back ends that were tried before and faulted, in order.
    pub passed_over: Vec<(BackendInfo, Fault)>,
}

impl Report {
    /// The report of a call that `backend` served without a fault before.
    pub fn new(backend: BackendInfo) -> Self {
        Report { backend, passed_over: Vec::new() }
    }
}

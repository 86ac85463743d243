//! The engine: places each call on a back end, and on the next one after a fault.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use crate::cpu::{Cpu, Isa};
use crate::ed25519::{Batch, Rule, Verdicts};
use crate::entries::{BlockCheck, Entries};
use crate::merkle::{self, Level, Proof, Root, Subtree, Tree};
use crate::pow::{self, Nonce, NonceWindow, Puzzle};
use crate::reference::Reference;
use crate::{
    Backend, BackendInfo, BackendKind, Digest, Error, Fault, Hash, Operation, Records, Threads, dedup,
    dedup::FirstOccurrences, self_test,
};

/// Where calls are placed. Exhaustive: by itself, or on one kind of back end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// On the CPU; and on a hardware GPU for calls above the size from which it
    /// was measured to be faster. Software adapters are never chosen.
    #[default]
    Auto,
    /// On one back end; on another only after a fault, and the report says so.
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

/// A kind of back end, and the back end itself or why it cannot be had.
pub type Candidate = (BackendKind, Result<Arc<dyn Backend>, Error>);

/// How an engine is set up.
///
/// Not `#[non_exhaustive]`, so that `Options { threads: 2, ..Options::default() }` can be
/// written; fields will be added, so end with `..Options::default()`.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where calls are placed.
    pub placement: Placement,
    /// Host threads; 0 stands for one for each processor.
    pub threads: usize,
    /// The threads to compute on, shared with other engines or with other work of the
    /// program; without them the engine makes `threads` of its own.
    pub pool: Option<Threads>,
    /// The highest instruction set to use, below what the processor has and
    /// what the environment variable `VERILANE_ISA` allows.
    pub isa: Option<Isa>,
    /// Part of the name of the adapter to use, in any case; without it the
    /// environment variable `VERILANE_ADAPTER` counts. A software adapter is
    /// used only if named.
    pub adapter: Option<String>,
}

/// Places each call on a back end.
///
/// Calls take `&self` and may come from many threads at once.
pub struct Engine {
    /// In the order in which they are tried.
    backends: Vec<Arc<dyn Backend>>,
    /// Made when they are first asked for, where the back ends came from outside.
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
    /// The host threads to compute on.
    ///
    /// # Errors
    /// [`Error::Parameter`] if both a pool and another number of threads are given;
    /// [`Error::Unavailable`] if the system starts no threads.
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
    /// An engine that places calls by itself, on all processors.
    ///
    /// It serves from the CPU at once. The first call large enough for a GPU
    /// starts it in the background, and it joins when its kernels are ready.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the system starts no threads.
    pub fn new() -> Result<Self, Error> {
        Engine::with_options(&Options::default())
    }

    /// An engine set up as `options` say.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the back end asked for cannot be had, with the
    /// reason; [`Error::Name`] if `VERILANE_ISA` names no instruction set.
    pub fn with_options(options: &Options) -> Result<Self, Error> {
        let threads = options.host_threads()?;
        let reference: Arc<dyn Backend> = Arc::new(Reference::new(threads.clone()));
        let cpu: Arc<dyn Backend> = Arc::new(Cpu::new(threads.clone(), Isa::best(options.isa)?));
        let backends = match options.placement {
            Placement::On(BackendKind::Reference) => vec![reference],
            Placement::On(BackendKind::Cpu) | Placement::Auto => vec![cpu, reference],
            Placement::On(BackendKind::Gpu) => vec![start_gpu(options)?, cpu, reference],
        };
        let mut engine = Engine::with_backends(backends)?;
        engine.threads = OnceLock::from(threads);
        if options.placement == Placement::Auto {
            engine.join_gpu_when_it_pays(options);
        }
        Ok(engine)
    }

    /// An engine on back ends of your own making, in the order in which they are
    /// tried. Those that fail the self-test are left out, with a `tracing` event.
    ///
    /// # Errors
    /// [`Error::Fault`] if none is left.
    pub fn with_backends(backends: Vec<Arc<dyn Backend>>) -> Result<Self, Error> {
        let mut sound = Vec::new();
        let mut last = Fault::Start("no back end was given".into());
        for backend in backends {
            match self_test(backend.as_ref()) {
                Ok(()) => sound.push(backend),
                Err(fault) => {
                    tracing::error!(backend = %backend.info(), %fault, "left out");
                    last = fault;
                }
            }
        }
        if sound.is_empty() {
            return Err(last.into());
        }
        Ok(Engine {
            backends: sound,
            threads: OnceLock::new(),
            #[cfg(feature = "gpu")]
            auto: None,
        })
    }

    #[cfg(feature = "gpu")]
    fn join_gpu_when_it_pays(&mut self, options: &Options) {
        let options = options.clone();
        self.auto =
            Some(crate::auto::Auto::new(crate::crossover::Crossover::load(), move || start_gpu(&options)));
    }

    #[cfg(not(feature = "gpu"))]
    fn join_gpu_when_it_pays(&mut self, _options: &Options) {}

    /// Every kind of back end as `options` would set it up, or why it cannot be had.
    #[must_use]
    pub fn backends(options: &Options) -> Vec<Candidate> {
        let cpu = || -> Result<Arc<dyn Backend>, Error> {
            Ok(Arc::new(Cpu::new(options.host_threads()?, Isa::best(options.isa)?)))
        };
        let reference =
            || -> Result<Arc<dyn Backend>, Error> { Ok(Arc::new(Reference::new(options.host_threads()?))) };
        vec![
            (BackendKind::Reference, reference()),
            (BackendKind::Cpu, cpu()),
            (BackendKind::Gpu, start_gpu(options)),
        ]
    }

    /// The host threads that it computes on, for work of the caller's beside its own;
    /// where the back ends came from outside, as many as the first one has.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the system starts no threads.
    pub fn threads(&self) -> Result<&Threads, Error> {
        if self.threads.get().is_none() {
            // Another call may have made them meanwhile; these are dropped then.
            let _ = self.threads.set(Threads::new(self.concurrency())?);
        }
        Ok(self.threads.get().expect("they were set"))
    }

    /// How many calls its first back end computes side by side, each on a thread.
    pub(crate) fn concurrency(&self) -> usize {
        self.backends[0].info().threads.max(1)
    }

    /// The digest of each record, in their order.
    ///
    /// # Errors
    /// [`Error::Fault`], as in all operations, if every back end failed.
    pub fn hash(&self, hash: Hash, records: &Records<'_>) -> Result<Outcome<Vec<Digest>>, Error> {
        self.call(Operation::Hash, records.total_bytes(), |backend| {
            let mut digests = bytemuck::zeroed_vec(records.len());
            backend.hash(hash, records, &mut digests)?;
            Ok(digests)
        })
    }

    /// The leaf nodes of a tree over `data`: the digest of each record, after
    /// the prefix that the tree's rule puts before a leaf.
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
    /// [`Error::EmptyTree`] if there is no leaf and the rule forbids that;
    /// [`Error::Fault`] if every back end failed.
    pub fn merkle_root(&self, tree: Tree, leaves: &[Digest]) -> Result<Outcome<Root>, Error> {
        let empty = if leaves.is_empty() { Some(tree.empty_root()?) } else { None };
        self.call(Operation::Merkle, leaves.len() as u64, |backend| match empty {
            Some(root) => Ok(root),
            None => backend.merkle_root(tree, leaves),
        })
    }

    /// The root over the leaves of all `subtrees`, in their order: what
    /// [`merkle_root`](Engine::merkle_root) gives for the leaves in one call. Each
    /// sub-tree but the last has the same power of two of leaves, the last at most
    /// as many.
    ///
    /// # Errors
    /// [`Error::Subtree`] if one has another number of leaves;
    /// [`Error::EmptyTree`] if there is none and the rule forbids that;
    /// [`Error::Fault`] if every back end failed.
    pub fn merkle_combine(&self, tree: Tree, subtrees: &[Subtree]) -> Result<Outcome<Root>, Error> {
        if subtrees.is_empty() {
            return self.merkle_root(tree, &[]);
        }
        let mutated = subtrees.iter().any(|subtree| subtree.root.mutated);
        let root = self.merkle_root(tree, &merkle::common_level(tree, subtrees)?)?;
        Ok(root.map(|root| Root { mutated: mutated | root.mutated, ..root }))
    }

    /// The proof that leaf `index` is in the tree over `leaves`.
    ///
    /// # Errors
    /// [`Error::NoSuchLeaf`] if it is not; [`Error::Fault`] if every back end failed.
    pub fn merkle_proof(&self, tree: Tree, leaves: &[Digest], index: usize) -> Result<Outcome<Proof>, Error> {
        if index >= leaves.len() {
            return Err(Error::NoSuchLeaf { index, leaves: leaves.len() });
        }
        self.call(Operation::Merkle, leaves.len() as u64, |backend| {
            let path = proof_path(backend, tree, leaves, index)?;
            Ok(Proof { tree, index, leaves: leaves.len(), path })
        })
    }

    /// A verdict for each signature, under `rule`; no signature's verdict
    /// depends on another's. A batch of none has no verdict and is all valid.
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

    /// For each fingerprint, the position of the first one equal to it.
    ///
    /// # Errors
    /// [`Error::TooMany`] above [`dedup::MAX_FINGERPRINTS`] fingerprints;
    /// [`Error::Fault`] if every back end failed.
    pub fn first_occurrences(&self, prints: &[Digest]) -> Result<Outcome<FirstOccurrences>, Error> {
        dedup::check_count(prints.len())?;
        self.call(Operation::Dedup, prints.len() as u64, |backend| {
            let mut firsts = vec![0; prints.len()];
            backend.first_occurrences(prints, &mut firsts)?;
            Ok(FirstOccurrences::new(firsts))
        })
    }

    /// The fingerprints of `digests` by `hash`, and the position of the first one
    /// equal to each: one call on one back end.
    #[cfg(feature = "index")]
    pub(crate) fn fingerprints(
        &self,
        hash: Hash,
        digests: &[Digest],
    ) -> Result<Outcome<(Vec<Digest>, FirstOccurrences)>, Error> {
        dedup::check_count(digests.len())?;
        let records = Records::from_fixed(bytemuck::cast_slice(digests), size_of::<Digest>())?;
        self.call(Operation::Dedup, digests.len() as u64, |backend| {
            let (mut prints, mut firsts) = (bytemuck::zeroed_vec(digests.len()), vec![0; digests.len()]);
            backend.hash(hash, &records, &mut prints)?;
            backend.first_occurrences(&prints, &mut firsts)?;
            Ok((prints, FirstOccurrences::new(firsts)))
        })
    }

    /// The lowest nonce of `window` that meets the puzzle's target, if any does.
    ///
    /// # Errors
    /// [`Error::EmptyWindow`] if the window's end lies before its start;
    /// [`Error::Fault`] if every back end failed.
    pub fn search(&self, puzzle: &Puzzle, window: NonceWindow) -> Result<Outcome<Option<Nonce>>, Error> {
        pow::check_window(&window)?;
        self.call(Operation::Pow, pow::window_size(&window), |backend| backend.search(puzzle, window.clone()))
    }

    /// Checks a block's entries in one call: the signatures over the claimed
    /// digests under `rule`, the records' digests under `hash` against those, which
    /// records repeat an earlier one, and the root over the entries under `tree`.
    /// No entry's verdict depends on another's.
    ///
    /// # Errors
    /// [`Error::EmptyTree`] if there is no entry and the tree's rule forbids that;
    /// [`Error::TooMany`] above [`dedup::MAX_FINGERPRINTS`] entries; [`Error::Fault`] if
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

    /// Runs `work` on the first back end that does not fault.
    fn call<T>(
        &self,
        operation: Operation,
        size: u64,
        work: impl Fn(&dyn Backend) -> Result<T, Fault>,
    ) -> Result<Outcome<T>, Error> {
        let mut passed_over: Vec<(BackendInfo, Fault)> = Vec::new();
        for backend in self.candidates(operation, size) {
            let info = backend.info();
            let result = if backend.serves(operation) {
                work(backend.as_ref())
            } else {
                Err(Fault::NotServed(format!("the {info} back end has no kernel for {operation}")))
            };
            match result {
                Ok(value) => {
                    let report = Report { passed_over, ..Report::new(info.clone()) };
                    return Ok(Outcome { value, report });
                }
                Err(fault) => {
                    tracing::warn!(backend = %info, %operation, %fault, "the call goes to the next back end");
                    passed_over.push((info.clone(), fault));
                }
            }
        }
        let (_, fault) = passed_over.pop().expect("an engine has a back end");
        Err(fault.into())
    }

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
                let sibling = node_over(backend, tree, &leaves[range], height)?;
                path.push(sibling);
                node = if sibling_is_left { tree.node(&sibling, &node) } else { tree.node(&node, &sibling) };
            }
        }
    }
    Ok(path)
}

/// The node `height` levels above `leaves`, at most 2^height of them.
fn node_over(backend: &dyn Backend, tree: Tree, leaves: &[Digest], height: u32) -> Result<Digest, Fault> {
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

/// An answer, and the report of how it was come by. It dereferences to the answer.
#[derive(Clone, Debug)]
#[must_use]
pub struct Outcome<T> {
    value: T,
    report: Report,
}

impl<T> Outcome<T> {
    /// The answer alone.
    pub fn into_inner(self) -> T {
        self.value
    }

    /// Another answer that follows from this one, with the same report.
    pub fn map<U>(self, follow: impl FnOnce(T) -> U) -> Outcome<U> {
        Outcome { value: follow(self.value), report: self.report }
    }

    /// How it was come by.
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

/// Where a call ran, and where it should have run but could not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The back end that gave the answer.
    pub backend: BackendInfo,
    /// The back ends that came before it and faulted, in order.
    pub passed_over: Vec<(BackendInfo, Fault)>,
}

impl Report {
    /// The report of a call that `backend` served at once.
    pub fn new(backend: BackendInfo) -> Self {
        Report { backend, passed_over: Vec::new() }
    }
}

//! Engines, the one that serves where none is named, and the word on where calls ran.

use std::mem::ManuallyDrop;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::intern;
use pyo3::prelude::*;
use verilane::cpu::Isa;
use verilane::ed25519::Rule;
use verilane::{BackendKind, Hash, Key, Operation, Options, Outcome, Placement, Records, Report};

use crate::error::{raise, refuse, refuse_type};
use crate::hash::keyed;
use crate::{argument, block, merkle};

/// Where calls are computed.
///
/// Any number of threads may share one engine. A process made by fork has none of
/// its parent's threads and makes its own engine.
///
/// Parameters
/// ----------
/// backend
///     "auto": the CPU, and a hardware GPU for calls above the size from which it was
///     measured to be faster. "cpu", "gpu" or "reference": that back end; should it
///     fault in a call, the next one computes and a `FallbackWarning` says so.
/// threads
///     Host threads; 0 stands for one for each processor.
/// isa
///     The highest instruction set to use: "scalar", "avx2", "avx512" or "avx512ifma".
/// adapter
///     Part of the name of the GPU to use, as `devices` shows it. A software adapter is
///     used only if named.
#[pyclass(frozen, module = "verilane")]
pub struct Engine {
    shared: Shared,
    options: Options,
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(
        signature = (backend=Placement::Auto, *, threads=0, isa=None, adapter=None),
        text_signature = "(backend='auto', *, threads=0, isa=None, adapter=None)"
    )]
    fn new(
        py: Python<'_>,
        #[pyo3(from_py_with = argument::placement)] backend: Placement,
        #[pyo3(from_py_with = argument::threads)] threads: usize,
        #[pyo3(from_py_with = argument::isa)] isa: Option<Isa>,
        #[pyo3(from_py_with = argument::adapter)] adapter: Option<String>,
    ) -> PyResult<Self> {
        let options = Options { placement: backend, threads, isa, adapter, ..Options::default() };
        let shared = py.detach(|| Shared::new(&options)).map_err(raise)?;
        Ok(Engine { shared, options })
    }

    /// Checks a block's entries, which are signed records, in one call: the signatures over
    /// the claimed digests, the records' digests against those, which records repeat an
    /// earlier one, and the root over the entries.
    ///
    /// A column in several chunks is copied into one.
    ///
    /// Parameters
    /// ----------
    /// rule
    ///     Which signatures are accepted, always named, as for `verify`.
    /// hash
    ///     The hash of the records: "sha256", "sha256d" or "blake3".
    /// tree
    ///     The rule of the tree: "bitcoin", "rfc6962" or "plain". What an entry puts into it
    ///     is its claimed digest, public key and signature, end to end: 128 bytes.
    /// public_keys
    ///     The encoded public keys, of 32 bytes each.
    /// signatures
    ///     The signatures over the claimed digests, of 64 bytes each.
    /// digests
    ///     The digests that are claimed to be the records', of 32 bytes each.
    /// records
    ///     The records.
    /// tree_hash
    ///     The hash of an rfc6962 or plain tree, "sha256" by default; a bitcoin tree always
    ///     uses SHA-256 twice.
    /// key
    ///     32 bytes under which BLAKE3 hashes the records, as for `hash`.
    ///
    /// Returns
    /// -------
    /// A `BlockCheck`, of pyarrow arrays if any column is an Arrow array, otherwise of lists.
    #[pyo3(signature = (
        rule, hash, tree, public_keys, signatures, digests, records, *, tree_hash=None, key=None
    ))]
    #[expect(clippy::too_many_arguments, reason = "Python names them")]
    fn check_block<'py>(
        &self,
        py: Python<'py>,
        #[pyo3(from_py_with = argument::rule)] rule: Rule,
        #[pyo3(from_py_with = argument::hash)] hash: Hash,
        #[pyo3(from_py_with = argument::tree)] tree: String,
        public_keys: &Bound<'py, PyAny>,
        signatures: &Bound<'py, PyAny>,
        digests: &Bound<'py, PyAny>,
        records: &Bound<'py, PyAny>,
        #[pyo3(from_py_with = argument::hash_or_none)] tree_hash: Option<Hash>,
        #[pyo3(from_py_with = argument::key)] key: Option<Key>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let rules = (rule, keyed(hash, key)?, merkle::rule(&tree, tree_hash)?);
        let columns = block::Columns::read(public_keys, signatures, digests, records)?;
        block::check(py, self.shared.clone(), rules, columns)
    }

    /// The back end asked for.
    #[getter]
    fn backend(&self) -> String {
        self.options.placement.to_string()
    }

    fn __repr__(&self) -> String {
        let Options { placement, threads, isa, adapter, .. } = &self.options;
        let isa = isa.map_or("None".into(), |isa| format!("\"{isa}\""));
        let adapter = adapter.as_ref().map_or("None".into(), |adapter| format!("{adapter:?}"));
        format!("Engine(\"{placement}\", threads={threads}, isa={isa}, adapter={adapter})")
    }
}

/// An engine and the process that it was made in: its threads live there alone.
#[derive(Clone)]
pub struct Shared {
    engine: ManuallyDrop<Arc<verilane::Engine>>,
    process: u32,
}

impl Shared {
    fn new(options: &Options) -> Result<Self, verilane::Error> {
        let engine = verilane::Engine::with_options(options)?;
        check_leads(&engine, options.placement)?;
        Ok(Shared { engine: ManuallyDrop::new(Arc::new(engine)), process: std::process::id() })
    }

    fn is_of_this_process(&self) -> bool {
        self.process == std::process::id()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // A forked process must not wait for threads, or locks, of its parent.
        if self.is_of_this_process() {
            // SAFETY: it is not used after this.
            unsafe { ManuallyDrop::drop(&mut self.engine) };
        }
    }
}

/// An engine leaves out a back end that fails its self-test; the one asked for must not
/// be left out in silence.
fn check_leads(engine: &verilane::Engine, placement: Placement) -> Result<(), verilane::Error> {
    let kind = match placement {
        Placement::On(kind) => kind,
        Placement::Auto => BackendKind::Cpu,
    };
    let outcome = engine.hash(Hash::Sha256, &Records::from_slices(["verilane"]))?;
    if outcome.report().backend.kind == kind {
        return Ok(());
    }
    Err(verilane::Error::Unavailable { backend: kind, reason: "it failed the self-test".into() })
}

/// The engine that serves where none is named, made at the first such call.
static DEFAULT: Mutex<Option<Shared>> = Mutex::new(None);

fn default_engine(py: Python<'_>) -> PyResult<Shared> {
    let current = || DEFAULT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(shared) = current().as_ref().filter(|shared| shared.is_of_this_process()) {
        return Ok(shared.clone());
    }
    let made = py.detach(|| Shared::new(&Options::default())).map_err(raise)?;
    let mut current = current();
    if !current.as_ref().is_some_and(Shared::is_of_this_process) {
        *current = Some(made.clone());
    }
    Ok(made)
}

/// The engine of a call, if it names one.
pub fn argument(object: &Bound<'_, PyAny>) -> PyResult<Option<Shared>> {
    if object.is_none() {
        return Ok(None);
    }
    let engine =
        object.cast::<Engine>().map_err(|_| refuse_type(object, "an engine is a verilane.Engine"))?;
    Ok(Some(engine.get().shared.clone()))
}

/// An engine at work on one call from Python, and the reports of its calls.
pub struct Work<'a> {
    engine: &'a verilane::Engine,
    reports: Vec<Report>,
}

impl Work<'_> {
    /// The engine.
    pub fn engine(&self) -> &verilane::Engine {
        self.engine
    }

    /// Notes where a call ran, and gives its answer.
    pub fn note<T>(&mut self, outcome: Outcome<T>) -> T {
        if !self.reports.contains(outcome.report()) {
            self.reports.push(outcome.report().clone());
        }
        outcome.into_inner()
    }
}

/// Does `work` on `engine`, without the interpreter, and says where it ran.
pub fn run<T: Send>(
    py: Python<'_>,
    engine: Option<Shared>,
    operation: Operation,
    work: impl FnOnce(&mut Work<'_>) -> Result<T, verilane::Error> + Send,
) -> PyResult<T> {
    let shared = match engine {
        Some(engine) => engine,
        None => default_engine(py)?,
    };
    if !shared.is_of_this_process() {
        return Err(refuse("this engine was made before the process was forked: make one in this process"));
    }
    let (answer, reports) = py.detach(|| {
        let mut at_work = Work { engine: &shared.engine, reports: Vec::new() };
        let answer = work(&mut at_work);
        (answer, at_work.reports)
    });
    for report in &reports {
        tell(py, operation, report)?;
    }
    answer.map_err(raise)
}

/// Logs where a call ran; warns of each back end that should have served it.
fn tell(py: Python<'_>, operation: Operation, report: &Report) -> PyResult<()> {
    let ran = &report.backend;
    let logger = py.import(intern!(py, "logging"))?.call_method1(intern!(py, "getLogger"), ("verilane",))?;
    let line = "%s ran on %s: %s, threads: %d";
    let arguments = (line, operation.to_string(), ran.to_string(), &ran.detail, ran.threads);
    logger.call_method1(intern!(py, "debug"), arguments)?;
    for (backend, fault) in &report.passed_over {
        let message = format!("{operation}: {backend}: {fault}; {ran} computed instead");
        let category = py.import(intern!(py, "verilane._errors"))?.getattr("FallbackWarning")?;
        py.import(intern!(py, "warnings"))?.call_method1(intern!(py, "warn"), (message, category))?;
    }
    Ok(())
}

//! Engines, the default engine, and the log of where calls ran.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::intern;
use pyo3::prelude::*;
use verilane::cpu::Isa;
use verilane::ed25519::Rule;
use verilane::{BackendKind, Hash, Key, Operation, Options, Outcome, Placement, Records, Report};

use crate::error::{exception, input_error, type_error};
use crate::hash::keyed;
use crate::{argument, block, merkle};

/// Computes calls on a back end.
///
/// Any number of threads may share one engine. A process made by fork has none of
/// its parent's threads and needs an engine of its own.
///
/// Parameters
/// ----------
/// backend
///     "auto": the CPU, and a hardware GPU for calls above the size from which it was
///     measured to be faster. "cpu", "gpu" or "reference": that back end; if it faults in a
///     call, the next one computes, with a `FallbackWarning`.
/// threads
///     The number of host threads; 0 means one for each processor.
/// isa
///     The highest instruction set to use: "scalar", "avx2", "avx512" or "avx512ifma".
/// adapter
///     The name of the GPU to use, or a part of it, as in `devices`. A software adapter is
///     used only if named.
#[pyclass(frozen, module = "verilane")]
pub struct Engine {
    handle: EngineHandle,
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
        let handle = py.detach(|| EngineHandle::new(&options)).map_err(exception)?;
        Ok(Engine { handle, options })
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
    ///     The acceptance rule, always named, as for `verify`.
    /// hash
    ///     The hash of the records: "sha256", "sha256d" or "blake3".
    /// tree
    ///     The rule of the tree: "bitcoin", "rfc6962" or "plain". The data of an entry's leaf is
    ///     its claimed digest, public key and signature, concatenated: 128 bytes.
    /// public_keys
    ///     The encoded public keys, of 32 bytes each.
    /// signatures
    ///     The signatures over the claimed digests, of 64 bytes each.
    /// digests
    ///     The claimed digests of the records, of 32 bytes each.
    /// records
    ///     The records.
    /// tree_hash
    ///     The hash of an rfc6962 or plain tree, "sha256" by default; a bitcoin tree always
    ///     uses SHA-256 twice.
    /// key
    ///     32 bytes, the key of keyed BLAKE3 for the records, as for `hash`.
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
        let rules = (rule, keyed(hash, key)?, merkle::named_tree(&tree, tree_hash)?);
        let columns = block::Columns::read(public_keys, signatures, digests, records)?;
        block::check(py, self.handle.clone(), rules, columns)
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

/// A shared engine, and the process that made it: only there its threads exist.
#[derive(Clone)]
pub struct EngineHandle {
    engine: Arc<verilane::Engine>,
    process: u32,
}

impl EngineHandle {
    fn new(options: &Options) -> Result<Self, verilane::Error> {
        let engine = verilane::Engine::with_options(options)?;
        check_placement(&engine, options.placement)?;
        Ok(EngineHandle { engine: Arc::new(engine), process: std::process::id() })
    }

    fn belongs_to_this_process(&self) -> bool {
        self.process == std::process::id()
    }
}

impl Drop for EngineHandle {
    fn drop(&mut self) {
        // Dropping an engine waits for its threads, which a forked process does not have: there
        // it is never dropped.
        if !self.belongs_to_this_process() {
            std::mem::forget(Arc::clone(&self.engine));
        }
    }
}

/// Refuses an engine that has left out the back end asked for, as it does when the back end
/// fails its self-test.
fn check_placement(engine: &verilane::Engine, placement: Placement) -> Result<(), verilane::Error> {
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

/// The engine of calls that name none, made by the first of them.
static DEFAULT: Mutex<Option<EngineHandle>> = Mutex::new(None);

fn default_engine(py: Python<'_>) -> PyResult<EngineHandle> {
    let current = || DEFAULT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = current().as_ref().filter(|handle| handle.belongs_to_this_process()) {
        return Ok(handle.clone());
    }
    let made = py.detach(|| EngineHandle::new(&Options::default())).map_err(exception)?;
    let mut current = current();
    if !current.as_ref().is_some_and(EngineHandle::belongs_to_this_process) {
        *current = Some(made.clone());
    }
    Ok(made)
}

/// The engine of a call, if it names one.
pub fn argument(object: &Bound<'_, PyAny>) -> PyResult<Option<EngineHandle>> {
    if object.is_none() {
        return Ok(None);
    }
    let engine = object.cast::<Engine>().map_err(|_| type_error(object, "an engine is a verilane.Engine"))?;
    Ok(Some(engine.get().handle.clone()))
}

/// One call from Python: its engine, and the reports of the engine's own calls.
pub struct Call<'a> {
    engine: &'a verilane::Engine,
    reports: Vec<Report>,
}

impl Call<'_> {
    /// The engine.
    pub fn engine(&self) -> &verilane::Engine {
        self.engine
    }

    /// Records where an engine's call ran, and returns its answer.
    pub fn note<T>(&mut self, outcome: Outcome<T>) -> T {
        if !self.reports.contains(outcome.report()) {
            self.reports.push(outcome.report().clone());
        }
        outcome.into_inner()
    }
}

/// Runs `compute` on `engine` without the GIL, and logs where it ran.
pub fn run<T: Send>(
    py: Python<'_>,
    engine: Option<EngineHandle>,
    operation: Operation,
    compute: impl FnOnce(&mut Call<'_>) -> Result<T, verilane::Error> + Send,
) -> PyResult<T> {
    let handle = match engine {
        Some(engine) => engine,
        None => default_engine(py)?,
    };
    if !handle.belongs_to_this_process() {
        return Err(input_error(
            "this engine was made before the process was forked: make one in this process",
        ));
    }
    let (answer, reports) = py.detach(|| {
        let mut call = Call { engine: &handle.engine, reports: Vec::new() };
        let answer = compute(&mut call);
        (answer, call.reports)
    });
    for report in &reports {
        log_report(py, operation, report)?;
    }
    answer.map_err(exception)
}

/// Logs where a call ran, and warns of each back end that faulted before.
fn log_report(py: Python<'_>, operation: Operation, report: &Report) -> PyResult<()> {
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

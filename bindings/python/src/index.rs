//! The persistent index of records seen before.

use std::path::PathBuf;
use std::sync::{LockResult, PoisonError, RwLock};

use pyo3::prelude::*;
use verilane::dedup::{IndexError, IndexOptions, Seen};
use verilane::{Digest, Key, Operation, Outcome};

use crate::column::Column;
use crate::engine::{EngineHandle, run};
use crate::error::{index_exception, input_error, store_error};
use crate::{argument, engine, output};

/// An exact index, on disk, of all records that were ever seen, block by block.
///
/// Records are given by their digests, of any hash; they are equal if their digests are.
/// The index holds a keyed fingerprint of each digest, from which nothing can be learnt
/// without the key.
///
/// A block is added whole or not at all, and is on disk when `add` returns. After a crash
/// the index holds the blocks below `blocks`: add the next ones again.
///
/// One process at a time can open an index. In that process any number of threads may share
/// it: scans run side by side, additions one after the other. A process made by fork cannot
/// use its parent's index.
///
/// As a context manager it is closed at the end.
///
/// Parameters
/// ----------
/// path
///     The index's folder. A new index is made if it is empty or not there.
/// key
///     The key of the fingerprints, 32 bytes. Without it, it is the one kept in the folder,
///     and drawn from the system's randomness for a new index. A key that is given is not
///     kept.
/// cache_bytes
///     The most memory for pages of the store: 1 GiB by default. Each fingerprint takes 12
///     bytes more.
///
/// Raises
/// ------
/// StoreError
///     The folder holds something else, an index of a later format, or one under another
///     key; it is in use; or it cannot be read.
#[pyclass(frozen, module = "verilane")]
pub struct Index {
    path: PathBuf,
    process: u32,
    /// None when it is closed.
    open: RwLock<Option<verilane::dedup::Index>>,
}

#[pymethods]
impl Index {
    #[new]
    #[pyo3(signature = (path, *, key=None, cache_bytes=1073741824))]
    fn new(
        py: Python<'_>,
        #[pyo3(from_py_with = argument::path)] path: PathBuf,
        #[pyo3(from_py_with = argument::key)] key: Option<Key>,
        #[pyo3(from_py_with = cache_bytes)] cache_bytes: usize,
    ) -> PyResult<Self> {
        let options = IndexOptions { key, cache_bytes };
        let opened = py.detach(|| verilane::dedup::Index::open(&path, options));
        let open = RwLock::new(Some(opened.map_err(|error| index_exception(py, error))?));
        Ok(Index { path, process: std::process::id(), open })
    }

    /// Whether each of the records was seen before. Nothing is added.
    ///
    /// Parameters
    /// ----------
    /// digests
    ///     The records' digests of 32 bytes each, of any hash, as `hash` gives them.
    /// engine
    ///     The engine that computes the fingerprints; by default one that the process shares.
    ///
    /// Returns
    /// -------
    /// A `Seen`, of pyarrow arrays if the digests are an Arrow array, otherwise of lists.
    #[pyo3(signature = (digests, *, engine=None))]
    fn scan<'py>(
        &self,
        digests: &Bound<'py, PyAny>,
        #[pyo3(from_py_with = engine::argument)] engine: Option<EngineHandle>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.answer(digests, engine, |engine, digests| {
            let open = unpoisoned(self.open.read())?;
            Ok(open.as_ref().ok_or(Refusal::Closed)?.scan(engine, digests)?)
        })
    }

    /// Adds the new ones of a block's records, and answers as `scan` would have before.
    ///
    /// Parameters
    /// ----------
    /// block
    ///     The block's number, which must be the next one: `blocks`. So no block is added
    ///     twice.
    /// digests
    ///     The records' digests of 32 bytes each, of any hash, as `hash` gives them.
    /// engine
    ///     The engine that computes the fingerprints; by default one that the process shares.
    ///
    /// Returns
    /// -------
    /// A `Seen`, of pyarrow arrays if the digests are an Arrow array, otherwise of lists.
    #[pyo3(signature = (block, digests, *, engine=None))]
    fn add<'py>(
        &self,
        #[pyo3(from_py_with = block)] block: u64,
        digests: &Bound<'py, PyAny>,
        #[pyo3(from_py_with = engine::argument)] engine: Option<EngineHandle>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.answer(digests, engine, |engine, digests| {
            let mut open = unpoisoned(self.open.write())?;
            Ok(open.as_mut().ok_or(Refusal::Closed)?.add(engine, block, digests)?)
        })
    }

    /// The number of blocks that were added, which is the next block's number.
    #[getter]
    fn blocks(&self, py: Python<'_>) -> PyResult<u64> {
        self.read(py, verilane::dedup::Index::blocks)
    }

    /// The number of distinct records in all blocks.
    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.read(py, |index| index.len() as usize)
    }

    /// Closes the index, so that another process can open it. Waits for calls that have begun;
    /// refuses later ones. Closing a closed index does nothing.
    fn close(&self, py: Python<'_>) {
        if self.belongs_to_this_process() {
            py.detach(|| self.open.write().unwrap_or_else(PoisonError::into_inner).take());
        }
    }

    fn __enter__(this: Bound<'_, Self>) -> Bound<'_, Self> {
        this
    }

    fn __exit__(
        &self,
        py: Python<'_>,
        kind: &Bound<'_, PyAny>,
        error: &Bound<'_, PyAny>,
        traceback: &Bound<'_, PyAny>,
    ) {
        let _ = (kind, error, traceback);
        self.close(py);
    }

    fn __repr__(&self) -> String {
        format!("Index({:?})", self.path)
    }
}

/// Why an index did not serve a call.
enum Refusal {
    Closed,
    Panicked,
    Index(IndexError),
}

impl From<IndexError> for Refusal {
    fn from(error: IndexError) -> Self {
        Refusal::Index(error)
    }
}

impl Index {
    fn belongs_to_this_process(&self) -> bool {
        self.process == std::process::id()
    }

    /// A forked process shares the open store with its parent: both would write to it.
    fn check_process(&self) -> PyResult<()> {
        if self.belongs_to_this_process() {
            return Ok(());
        }
        Err(input_error("this index was opened before the process was forked: only its parent can use it"))
    }

    fn answer<'py>(
        &self,
        digests: &Bound<'py, PyAny>,
        engine: Option<EngineHandle>,
        look_up: impl FnOnce(&verilane::Engine, &[Digest]) -> Result<Outcome<Vec<Seen>>, Refusal> + Send,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = digests.py();
        self.check_process()?;
        let column = Column::read(digests, "digest")?;
        let digests = column.fixed("digest")?;
        // A block is on disk before its answer is converted, which must not fail then.
        column.format().check_available(py)?;
        let answer = run(py, engine, Operation::Dedup, |call| {
            Ok(look_up(call.engine(), &digests.digests()).map(|outcome| {
                let report = outcome.report().clone();
                (call.note(outcome), report)
            }))
        })?;
        let (seen, report) = answer.map_err(|refusal| self.exception(py, refusal))?;
        output::seen(py, &seen, &report, column.format())
    }

    fn read<T: Send>(
        &self,
        py: Python<'_>,
        read: impl FnOnce(&verilane::dedup::Index) -> T + Send,
    ) -> PyResult<T> {
        self.check_process()?;
        let answer = py.detach(|| {
            let open = unpoisoned(self.open.read())?;
            open.as_ref().map(read).ok_or(Refusal::Closed)
        });
        answer.map_err(|refusal| self.exception(py, refusal))
    }

    fn exception(&self, py: Python<'_>, refusal: Refusal) -> PyErr {
        let path = self.path.display();
        match refusal {
            Refusal::Closed => input_error(format_args!("the index in {path} is closed: open it again")),
            Refusal::Panicked => store_error(format_args!(
                "the index in {path} was left in an unknown state by a panic: open it again"
            )),
            Refusal::Index(error) => index_exception(py, error),
        }
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        // A forked process must not write to its parent's store, which closing it does.
        if !self.belongs_to_this_process() {
            std::mem::forget(self.open.get_mut().unwrap_or_else(PoisonError::into_inner).take());
        }
    }
}

/// The guard of a lock, unless a call has panicked while it held the lock for writing.
fn unpoisoned<G>(guard: LockResult<G>) -> Result<G, Refusal> {
    guard.map_err(|_| Refusal::Panicked)
}

fn block(object: &Bound<'_, PyAny>) -> PyResult<u64> {
    argument::integer(object, "block", 0..=u64::MAX, "the number of blocks in the index")
}

fn cache_bytes(object: &Bound<'_, PyAny>) -> PyResult<usize> {
    argument::size(object, "cache_bytes", "a number of bytes that fits in memory")
}

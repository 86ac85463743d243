//! The index of what was seen before, kept on disk.

use std::path::PathBuf;
use std::sync::{LockResult, PoisonError, RwLock};

use pyo3::prelude::*;
use verilane::dedup::{IndexError, IndexOptions, Seen};
use verilane::{Digest, Key, Operation, Outcome};

use crate::column::Column;
use crate::engine::{Shared, run};
use crate::error::{raise_index, refuse, refuse_store};
use crate::{argument, engine, output};

/// An index of everything that was ever seen, block by block: exact, and kept on disk.
///
/// Records are given by their digests, of any hash; they are equal if their digests are.
/// What is kept is a keyed fingerprint of each digest, which tells nothing to who lacks
/// the key.
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
///     The most memory for pages of the store: 1 GiB by default. Beside it a fingerprint
///     takes twelve bytes of memory.
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
        let open = RwLock::new(Some(opened.map_err(|error| raise_index(py, error))?));
        Ok(Index { path, process: std::process::id(), open })
    }

    /// Whether each of the records was seen before. Nothing is added.
    ///
    /// Parameters
    /// ----------
    /// digests
    ///     The records' digests of 32 bytes each, of any hash, as `hash` gives them.
    /// engine
    ///     Where their fingerprints are computed; by default on an engine that this
    ///     process shares.
    ///
    /// Returns
    /// -------
    /// A `Seen`, of pyarrow arrays if the digests are an Arrow array, otherwise of lists.
    #[pyo3(signature = (digests, *, engine=None))]
    fn scan<'py>(
        &self,
        digests: &Bound<'py, PyAny>,
        #[pyo3(from_py_with = engine::argument)] engine: Option<Shared>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.look_up(digests, engine, |engine, digests| {
            let open = unpoisoned(self.open.read())?;
            Ok(open.as_ref().ok_or(Refusal::Closed)?.scan(engine, digests)?)
        })
    }

    /// Adds the new ones of a block's records, and tells what `scan` would have told before.
    ///
    /// Parameters
    /// ----------
    /// block
    ///     The block's number, which must be the next one: `blocks`. So no block is added
    ///     twice.
    /// digests
    ///     The records' digests of 32 bytes each, of any hash, as `hash` gives them.
    /// engine
    ///     Where their fingerprints are computed; by default on an engine that this
    ///     process shares.
    ///
    /// Returns
    /// -------
    /// A `Seen`, of pyarrow arrays if the digests are an Arrow array, otherwise of lists.
    #[pyo3(signature = (block, digests, *, engine=None))]
    fn add<'py>(
        &self,
        #[pyo3(from_py_with = block)] block: u64,
        digests: &Bound<'py, PyAny>,
        #[pyo3(from_py_with = engine::argument)] engine: Option<Shared>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.look_up(digests, engine, |engine, digests| {
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

    /// Closes the index, so that another process can open it. Calls that have begun are
    /// waited for; later ones are refused. To close it again does nothing.
    fn close(&self, py: Python<'_>) {
        if self.is_of_this_process() {
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
    fn is_of_this_process(&self) -> bool {
        self.process == std::process::id()
    }

    /// A forked process shares the store's file with its parent, and would write over it.
    fn check_process(&self) -> PyResult<()> {
        if self.is_of_this_process() {
            return Ok(());
        }
        Err(refuse("this index was opened before the process was forked: only its parent can use it"))
    }

    fn look_up<'py>(
        &self,
        digests: &Bound<'py, PyAny>,
        engine: Option<Shared>,
        call: impl FnOnce(&verilane::Engine, &[Digest]) -> Result<Outcome<Vec<Seen>>, Refusal> + Send,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = digests.py();
        self.check_process()?;
        let column = Column::read(digests, "digest")?;
        let digests = column.fixed("digest")?;
        let answer = run(py, engine, Operation::Dedup, |work| {
            Ok(call(work.engine(), &digests.digests()).map(|outcome| {
                let report = outcome.report().clone();
                (work.note(outcome), report)
            }))
        })?;
        let (seen, report) = answer.map_err(|refusal| self.raise(py, refusal))?;
        output::seen(py, &seen, &report, column.manner())
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
        answer.map_err(|refusal| self.raise(py, refusal))
    }

    fn raise(&self, py: Python<'_>, refusal: Refusal) -> PyErr {
        let path = self.path.display();
        match refusal {
            Refusal::Closed => refuse(format_args!("the index in {path} is closed: open it again")),
            Refusal::Panicked => {
                refuse_store(format_args!("the index in {path} was left halfway by a panic: open it again"))
            }
            Refusal::Index(error) => raise_index(py, error),
        }
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        // A forked process must not write to its parent's store, which closing it does.
        if !self.is_of_this_process() {
            std::mem::forget(self.open.get_mut().unwrap_or_else(PoisonError::into_inner).take());
        }
    }
}

/// What a lock guards, unless a call has panicked while it changed that.
fn unpoisoned<G>(guard: LockResult<G>) -> Result<G, Refusal> {
    guard.map_err(|_| Refusal::Panicked)
}

fn block(object: &Bound<'_, PyAny>) -> PyResult<u64> {
    argument::whole(object, "block", 0..=u64::MAX, "the number of blocks in the index")
}

fn cache_bytes(object: &Bound<'_, PyAny>) -> PyResult<usize> {
    argument::size(object, "cache_bytes", "a number of bytes that fits in memory")
}

//! The pool of threads that the host's back ends compute on.

use std::sync::Arc;

use crate::{BackendKind, Error};

/// A pool of threads, shared by its clones.
#[derive(Clone)]
pub struct Threads(Arc<rayon::ThreadPool>);

impl Threads {
    /// A pool of `count` threads; 0 stands for one for each processor.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the system starts no more threads.
    pub fn new(count: usize) -> Result<Self, Error> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(count)
            .thread_name(|index| format!("verilane-{index}"))
            .build();
        pool.map(|pool| Threads(Arc::new(pool)))
            .map_err(|error| Error::Unavailable { backend: BackendKind::Cpu, reason: error.to_string() })
    }

    /// The number of threads.
    pub fn count(&self) -> usize {
        self.0.current_num_threads()
    }

    /// Runs `work` in the pool and waits for it.
    pub fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.0.install(work)
    }
}

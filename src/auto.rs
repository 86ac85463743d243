//! Automatic placement: a GPU joins in the background, for calls large enough.

use std::sync::{Arc, Mutex, PoisonError};

use crate::crossover::Crossover;
use crate::{Backend, Error, Operation};

type Start = dyn Fn() -> Result<Arc<dyn Backend>, Error> + Send + Sync;

/// A GPU that starts in the background when the first call is large enough for it.
pub struct Auto {
    crossover: Crossover,
    start: Arc<Start>,
    gpu: Arc<Mutex<Gpu>>,
}

enum Gpu {
    Idle,
    Starting,
    Ready(Arc<dyn Backend>),
    /// It cannot be had, or is software: the CPU serves.
    Absent,
}

impl Auto {
    /// Nothing is started yet; `start` will be called on a thread of its own.
    pub fn new(
        crossover: Crossover,
        start: impl Fn() -> Result<Arc<dyn Backend>, Error> + Send + Sync + 'static,
    ) -> Self {
        Auto { crossover, start: Arc::new(start), gpu: Arc::new(Mutex::new(Gpu::Idle)) }
    }

    /// The GPU, if the call is large enough for it and it is ready.
    pub fn gpu_for(&self, operation: Operation, size: u64) -> Option<Arc<dyn Backend>> {
        let mut gpu = self.gpu.lock().unwrap_or_else(PoisonError::into_inner);
        match &*gpu {
            Gpu::Idle if self.crossover.any_pays(operation, size) => {
                *gpu = Gpu::Starting;
                self.start_in_background();
                None
            }
            Gpu::Ready(backend) if self.crossover.pays(&backend.info().detail, operation, size) => {
                Some(backend.clone())
            }
            _ => None,
        }
    }

    fn start_in_background(&self) {
        let (start, gpu) = (self.start.clone(), self.gpu.clone());
        std::thread::spawn(move || {
            let state = started(start());
            *gpu.lock().unwrap_or_else(PoisonError::into_inner) = state;
        });
    }
}

fn started(result: Result<Arc<dyn Backend>, Error>) -> Gpu {
    let backend = match result {
        Ok(backend) => backend,
        Err(error) => {
            tracing::info!(%error, "the CPU serves every call");
            return Gpu::Absent;
        }
    };
    if backend.info().software {
        tracing::info!(adapter = backend.info().detail, "a software adapter is not used automatically");
        return Gpu::Absent;
    }
    if let Err(fault) = crate::self_test(backend.as_ref()) {
        tracing::error!(adapter = backend.info().detail, %fault, "left out");
        return Gpu::Absent;
    }
    tracing::info!(adapter = backend.info().detail, "joined");
    Gpu::Ready(backend)
}

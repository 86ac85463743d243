//! Automatic placement: a GPU joins in the background, for calls large enough.

use std::convert::Infallible;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use crate::crossover::Crossover;
use crate::threads::locked;
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
    /// Nothing is ever sent: the other end goes when the drivers are loaded.
    Starting(Receiver<Infallible>),
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
        let mut gpu = locked(&self.gpu);
        match &*gpu {
            Gpu::Idle if self.crossover.any_pays(operation, size) => {
                *gpu = Gpu::Starting(self.start_in_background());
                None
            }
            Gpu::Ready(backend) if self.crossover.pays(&backend.info().detail, operation, size) => {
                Some(backend.clone())
            }
            _ => None,
        }
    }

    fn start_in_background(&self) -> Receiver<Infallible> {
        let (start, gpu) = (self.start.clone(), self.gpu.clone());
        let (loading, loaded) = channel();
        std::thread::spawn(move || {
            let backend = start();
            drop(loading);
            let state = started(backend);
            *locked(&gpu) = state;
        });
        loaded
    }
}

impl Drop for Auto {
    /// Waits while drivers are loaded: their libraries abort a program that ends
    /// meanwhile.
    fn drop(&mut self) {
        let gpu = std::mem::replace(&mut *locked(&self.gpu), Gpu::Absent);
        if let Gpu::Starting(loaded) = gpu {
            let Err(_gone) = loaded.recv();
        }
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::BackendKind;

    /// Drops one whose GPU takes a while to start, and tells whether it was through.
    fn is_through_when_dropped(start: fn() -> Result<Arc<dyn Backend>, Error>) -> bool {
        let through = Arc::new(AtomicBool::new(false));
        let seen = through.clone();
        let auto = Auto::new(Crossover::load(), move || {
            std::thread::sleep(Duration::from_millis(100));
            seen.store(true, Ordering::SeqCst);
            start()
        });
        assert!(auto.gpu_for(Operation::Pow, u64::MAX).is_none());
        drop(auto);
        through.load(Ordering::SeqCst)
    }

    #[test]
    fn nothing_is_loaded_after_the_end() {
        let refused = || Err(Error::Unavailable { backend: BackendKind::Gpu, reason: "none".into() });
        assert!(is_through_when_dropped(refused));
        assert!(is_through_when_dropped(|| panic!("a driver that panics")));
    }
}

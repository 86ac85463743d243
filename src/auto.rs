//! Automatic placement: starts a GPU in the background and offers it large calls.

use std::convert::Infallible;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use crate::crossover::Crossover;
use crate::threads::locked;
use crate::{Backend, Error, Operation};

type StartGpu = dyn Fn() -> Result<Arc<dyn Backend>, Error> + Send + Sync;

/// A GPU that the first call large enough for it starts in the background.
pub struct Auto {
    crossover: Crossover,
    start: Arc<StartGpu>,
    gpu: Arc<Mutex<GpuState>>,
}

enum GpuState {
    NotStarted,
    /// Nothing is ever sent: the sender is dropped when the drivers are loaded.
    Starting(Receiver<Infallible>),
    Ready(Arc<dyn Backend>),
    /// There is no GPU, or only a software adapter, or it failed the self-test.
    Unavailable,
}

impl Auto {
    /// Starts nothing yet. `start` is called at most once, on a new thread.
    pub fn new(
        crossover: Crossover,
        start: impl Fn() -> Result<Arc<dyn Backend>, Error> + Send + Sync + 'static,
    ) -> Self {
        Auto { crossover, start: Arc::new(start), gpu: Arc::new(Mutex::new(GpuState::NotStarted)) }
    }

    /// The GPU, if it is ready and faster for a call of `size`. Starts it if it is not
    /// started and may be faster.
    pub fn gpu_for(&self, operation: Operation, size: u64) -> Option<Arc<dyn Backend>> {
        let mut gpu = locked(&self.gpu);
        match &*gpu {
            GpuState::NotStarted if self.crossover.pays_on_some_adapter(operation, size) => {
                *gpu = GpuState::Starting(self.start_in_background());
                None
            }
            GpuState::Ready(backend) if self.crossover.pays(&backend.info().detail, operation, size) => {
                Some(backend.clone())
            }
            _ => None,
        }
    }

    fn start_in_background(&self) -> Receiver<Infallible> {
        let (start, gpu) = (self.start.clone(), self.gpu.clone());
        let (drivers_loading, drivers_loaded) = channel();
        std::thread::spawn(move || {
            let backend = start();
            drop(drivers_loading);
            let state = state_after_start(backend);
            *locked(&gpu) = state;
        });
        drivers_loaded
    }
}

impl Drop for Auto {
    /// Waits until the drivers are loaded: their libraries abort a program that ends
    /// while they are being loaded.
    fn drop(&mut self) {
        let gpu = std::mem::replace(&mut *locked(&self.gpu), GpuState::Unavailable);
        if let GpuState::Starting(drivers_loaded) = gpu {
            let Err(_disconnected) = drivers_loaded.recv();
        }
    }
}

fn state_after_start(result: Result<Arc<dyn Backend>, Error>) -> GpuState {
    let backend = match result {
        Ok(backend) => backend,
        Err(error) => {
            tracing::info!(%error, "no GPU: the CPU serves every call");
            return GpuState::Unavailable;
        }
    };
    if backend.info().software {
        tracing::info!(adapter = backend.info().detail, "a software adapter is not used automatically");
        return GpuState::Unavailable;
    }
    if let Err(fault) = crate::self_test(backend.as_ref()) {
        tracing::error!(adapter = backend.info().detail, %fault, "the GPU is not used");
        return GpuState::Unavailable;
    }
    tracing::info!(adapter = backend.info().detail, "the GPU is ready");
    GpuState::Ready(backend)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::BackendKind;

    /// Drops an [`Auto`] whose GPU takes 100 ms to load. Whether the drop waited for that.
    fn drop_waits_for(start: fn() -> Result<Arc<dyn Backend>, Error>) -> bool {
        let loaded = Arc::new(AtomicBool::new(false));
        let set_loaded = loaded.clone();
        let auto = Auto::new(Crossover::load(), move || {
            std::thread::sleep(Duration::from_millis(100));
            set_loaded.store(true, Ordering::SeqCst);
            start()
        });
        assert!(auto.gpu_for(Operation::Pow, u64::MAX).is_none());
        drop(auto);
        loaded.load(Ordering::SeqCst)
    }

    #[test]
    fn dropping_waits_until_drivers_are_loaded() {
        let unavailable = || Err(Error::Unavailable { backend: BackendKind::Gpu, reason: "none".into() });
        assert!(drop_waits_for(unavailable));
        assert!(drop_waits_for(|| panic!("a driver that panics")));
    }
}

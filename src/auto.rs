//! Automatic placement: starts a GPU in the background and offers it large calls.

use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

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
    /// The thread that starts it and then sets one of the states below.
    Starting(JoinHandle<()>),
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
                *gpu = self.start_in_background();
                None
            }
            GpuState::Ready(backend) if self.crossover.pays(&backend.info().detail, operation, size) => {
                Some(backend.clone())
            }
            _ => None,
        }
    }

    /// Starts the GPU on a new thread. If the system refuses the thread, a later call tries
    /// again.
    fn start_in_background(&self) -> GpuState {
        let (start, gpu) = (self.start.clone(), self.gpu.clone());
        let run = move || {
            let started = start();
            let is_dropped = !matches!(*locked(&gpu), GpuState::Starting(_));
            let state = if is_dropped { GpuState::Unavailable } else { state_after_start(started) };
            *locked(&gpu) = state;
        };
        match thread::Builder::new().name("verilane-gpu".into()).spawn(run) {
            Ok(thread) => GpuState::Starting(thread),
            Err(error) => {
                tracing::warn!(%error, "no thread to start the GPU: the CPU serves this call");
                GpuState::NotStarted
            }
        }
    }
}

impl Drop for Auto {
    /// Waits for the thread that starts the GPU, which ends after its current step: the
    /// libraries of drivers abort a program that ends while they load or compile.
    fn drop(&mut self) {
        let gpu = std::mem::replace(&mut *locked(&self.gpu), GpuState::Unavailable);
        if let GpuState::Starting(thread) = gpu
            && thread.join().is_err()
        {
            tracing::error!("the thread that started the GPU panicked");
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
    use std::process::Command;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::ed25519::{Batch, Rule};
    use crate::merkle::{Root, Tree};
    use crate::pow::{Nonce, NonceWindow, Puzzle};
    use crate::{BackendInfo, BackendKind, Digest, Fault, Hash, Records};

    fn unavailable() -> Result<Arc<dyn Backend>, Error> {
        Err(Error::Unavailable { backend: BackendKind::Gpu, reason: "none".into() })
    }

    /// A back end that serves nothing and takes 100 ms to compile its kernels.
    struct SlowToCompile {
        info: BackendInfo,
        progress: Arc<Progress>,
    }

    #[derive(Default)]
    struct Progress {
        compiling: AtomicBool,
        compiled: AtomicBool,
    }

    fn not_served<T>() -> Result<T, Fault> {
        Err(Fault::NotServed("nothing is".into()))
    }

    impl Backend for SlowToCompile {
        fn info(&self) -> &BackendInfo {
            &self.info
        }

        fn serves(&self, _: Operation) -> bool {
            false
        }

        fn prepare(&self) -> Result<(), Fault> {
            self.progress.compiling.store(true, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(100));
            self.progress.compiled.store(true, Ordering::SeqCst);
            Ok(())
        }

        fn hash(&self, _: Hash, _: &Records<'_>, _: &mut [Digest]) -> Result<(), Fault> {
            not_served()
        }

        fn merkle_root(&self, _: Tree, _: &[Digest]) -> Result<Root, Fault> {
            not_served()
        }

        fn verify(&self, _: Rule, _: &Batch<'_>, _: &mut [bool]) -> Result<(), Fault> {
            not_served()
        }

        fn first_occurrences(&self, _: &[Digest], _: &mut [u32]) -> Result<(), Fault> {
            not_served()
        }

        fn search(&self, _: &Puzzle, _: NonceWindow) -> Result<Option<Nonce>, Fault> {
            not_served()
        }
    }

    /// Drops an [`Auto`] whose GPU takes 100 ms to load. Whether the drop waited for that.
    fn drop_waits_for(start: fn() -> Result<Arc<dyn Backend>, Error>) -> bool {
        let loaded = Arc::new(AtomicBool::new(false));
        let set_loaded = loaded.clone();
        let auto = Auto::new(Crossover::default(), move || {
            thread::sleep(Duration::from_millis(100));
            set_loaded.store(true, Ordering::SeqCst);
            start()
        });
        assert!(auto.gpu_for(Operation::Pow, u64::MAX).is_none());
        drop(auto);
        loaded.load(Ordering::SeqCst)
    }

    #[test]
    fn dropping_waits_until_drivers_are_loaded() {
        assert!(drop_waits_for(unavailable));
        assert!(drop_waits_for(|| panic!("a driver that panics")));
    }

    #[test]
    fn dropping_waits_until_kernels_are_compiled() {
        let progress = Arc::new(Progress::default());
        let started = progress.clone();
        let auto = Auto::new(Crossover::default(), move || {
            let info =
                BackendInfo { kind: BackendKind::Gpu, threads: 0, detail: "slow".into(), software: false };
            Ok(Arc::new(SlowToCompile { info, progress: started.clone() }))
        });
        assert!(auto.gpu_for(Operation::Pow, u64::MAX).is_none());
        while !progress.compiling.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        drop(auto);
        assert!(progress.compiled.load(Ordering::SeqCst));
    }

    /// Set in the process that the test below starts, in which no thread can be started: its
    /// default stack is larger than the address space.
    const CHILD_VARIABLE: &str = "VERILANE_TEST_WITHOUT_THREADS";

    #[test]
    fn the_cpu_serves_where_the_system_refuses_a_thread() {
        const NAME: &str = "auto::tests::the_cpu_serves_where_the_system_refuses_a_thread";
        if std::env::var_os(CHILD_VARIABLE).is_some() {
            let auto = Auto::new(Crossover::default(), unavailable);
            assert!(auto.gpu_for(Operation::Pow, u64::MAX).is_none());
            assert!(matches!(*locked(&auto.gpu), GpuState::NotStarted));
            return;
        }
        // A single test thread runs the test on the main thread.
        let child = Command::new(std::env::current_exe().unwrap())
            .args([NAME, "--exact", "--test-threads=1"])
            .env(CHILD_VARIABLE, "1")
            .env("RUST_MIN_STACK", (1_u64 << 47).to_string())
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success() && output.contains("1 passed"), "{output}");
    }
}

//! How an adapter starts, and what it can do at most.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use verilane::gpu::{self, Gpu};
use verilane::{Backend, BackendKind, Options, Placement};

use crate::bench::data::full_run::{Kernel, StartUp};

/// The GPU, if one is asked for and there.
pub fn start(options: &Options) -> Option<Gpu> {
    match options.placement {
        Placement::Auto | Placement::On(BackendKind::Gpu) => Gpu::start(options.adapter.as_deref()).ok(),
        Placement::On(_) => None,
    }
}

/// The GPU on its kernels without 64-bit integers, if it has others too.
pub fn narrow(options: &Options) -> Option<Arc<dyn Backend>> {
    let gpu = start(options)?;
    gpu.has_int64().then(|| Arc::new(gpu.without_int64()) as Arc<dyn Backend>)
}

/// Starts without compiled kernels, and then with those of the first start.
///
/// # Errors
/// If the GPU fails, or computes something wrong.
pub fn measure(gpu: &Gpu) -> anyhow::Result<Vec<StartUp>> {
    let [cold, warm] = gpu.start_ups().context("the GPU cannot be started")?;
    Ok(vec![start_up(true, &cold), start_up(false, &warm)])
}

fn start_up(cold: bool, start_up: &gpu::StartUp) -> StartUp {
    let kernel = |&(name, time): &(&'static str, Duration)| Kernel { name, compile_s: time.as_secs_f64() };
    StartUp {
        cold,
        open_s: start_up.open.as_secs_f64(),
        compile_s: start_up.compile.as_secs_f64(),
        kernels: start_up.kernels.iter().map(kernel).collect(),
        first_call_s: start_up.first_call.as_secs_f64(),
    }
}

//! The back ends under test.

use std::sync::{Arc, OnceLock};

use verilane::cpu::Level;
use verilane::{Backend, BackendKind, Engine, Options};

/// An environment variable. If it is set, a missing adapter fails the tests; if not, they skip it.
const REQUIRE_GPU: &str = "VERILANE_REQUIRE_GPU";

/// Every back end of this machine, and the CPU at every instruction set that it has. A software
/// adapter is used if there is no hardware one.
pub fn backends() -> &'static [Arc<dyn Backend>] {
    static BACKENDS: OnceLock<Vec<Arc<dyn Backend>>> = OnceLock::new();
    BACKENDS.get_or_init(|| {
        let lower = Level::available().filter(|&level| level != Level::detected());
        let cpus = lower.map(|level| {
            of_kind(&Options { isa: Some(level.isa()), ..Options::default() }, BackendKind::Cpu)
        });
        let mut backends: Vec<_> = cpus.map(|cpu| cpu.expect("the CPU is always available")).collect();
        for (kind, backend) in Engine::backends(&Options::default()) {
            match backend {
                Ok(backend) => backends.push(backend),
                Err(reason) => backends.extend(software_or_skip(kind, &reason.to_string())),
            }
        }
        #[cfg(feature = "gpu")]
        backends.extend(without_int64(&backends));
        backends
    })
}

/// Another GPU back end on the same adapter, with the kernels that use no 64-bit integers.
#[cfg(feature = "gpu")]
fn without_int64(backends: &[Arc<dyn Backend>]) -> Option<Arc<dyn Backend>> {
    let found = backends.iter().find(|backend| backend.info().kind == BackendKind::Gpu)?;
    let adapter = found.info().software.then_some("llvmpipe");
    let gpu = verilane::gpu::Gpu::start(adapter).expect("it has started before");
    Some(Arc::new(gpu.without_int64()))
}

fn of_kind(options: &Options, kind: BackendKind) -> Result<Arc<dyn Backend>, verilane::Error> {
    let all = Engine::backends(options);
    all.into_iter().find(|found| found.0 == kind).expect("every kind is listed").1
}

fn software_or_skip(kind: BackendKind, reason: &str) -> Option<Arc<dyn Backend>> {
    let software = Options { adapter: Some("llvmpipe".into()), ..Options::default() };
    if let Ok(backend) = of_kind(&software, kind) {
        return Some(backend);
    }
    assert!(std::env::var_os(REQUIRE_GPU).is_none(), "{REQUIRE_GPU} is set, but: {reason}");
    eprintln!("SKIPPED: the {kind} back end: {reason}");
    None
}

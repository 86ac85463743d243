//! The machine that figures were taken on.

use std::fmt;

use serde::Serialize;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};
use verilane::cpu::Isa;
use verilane::{BackendInfo, Options};

use super::units::Bytes;

const UNKNOWN: &str = "unknown";

/// The machine, and the build that ran on it.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    pub processor: String,
    /// The instruction set that lanes use.
    pub isa: String,
    pub cores: usize,
    /// Threads that the processor runs at once.
    pub threads: usize,
    pub memory_bytes: u64,
    pub adapters: Vec<Adapter>,
    pub os: String,
    pub rustc: &'static str,
    pub version: &'static str,
    pub commit: &'static str,
}

/// A GPU, or software that poses as one.
#[derive(Clone, Debug, Serialize)]
pub struct Adapter {
    pub name: String,
    pub software: bool,
}

impl Machine {
    /// This machine; `adapters` are those that were found.
    pub fn new(options: &Options, adapters: Vec<Adapter>) -> anyhow::Result<Self> {
        let system = System::new_with_specifics(
            RefreshKind::nothing()
                .with_cpu(CpuRefreshKind::nothing())
                .with_memory(MemoryRefreshKind::nothing().with_ram()),
        )?;
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Machine {
            processor: processor(&system),
            isa: Isa::best(options.isa)?.to_string(),
            cores: System::physical_core_count().unwrap_or(threads),
            threads,
            memory_bytes: system.total_memory(),
            adapters,
            os: os(),
            rustc: env!("VERILANE_RUSTC"),
            version: env!("CARGO_PKG_VERSION"),
            commit: env!("VERILANE_COMMIT"),
        })
    }
}

impl Adapter {
    /// The adapter of a back end that runs on one.
    pub fn of(info: &BackendInfo) -> Self {
        Adapter { name: info.detail.clone(), software: info.software }
    }
}

fn processor(system: &System) -> String {
    let brand = system.cpus().first().map_or("", |cpu| cpu.brand()).trim();
    if brand.is_empty() { System::cpu_arch() } else { brand.into() }
}

fn os() -> String {
    let name = System::long_os_version().unwrap_or_else(|_| std::env::consts::OS.into());
    let kernel = System::kernel_version().unwrap_or_else(|_| UNKNOWN.into());
    format!("{name}, kernel {kernel}")
}

/// Memory that can be had without swapping, in bytes; none where that is unknown.
pub fn free_memory() -> Option<u64> {
    let ram = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(ram).ok()?;
    let limit = system.cgroup_limits().map_or(u64::MAX, |limits| limits.free_memory);
    Some(system.available_memory().min(limit)).filter(|&bytes| bytes > 0)
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, {} cores, {} threads, {}", self.processor, self.cores, self.threads, self.isa)?;
        for adapter in &self.adapters {
            writeln!(f, "{adapter}")?;
        }
        writeln!(f, "{} of memory, {}", Bytes(self.memory_bytes as f64), self.os)?;
        write!(f, "verilane {}, commit {}, {}", self.version, self.commit, self.rustc)
    }
}

impl fmt::Display for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.software { f.write_str(" (software)") } else { Ok(()) }
    }
}

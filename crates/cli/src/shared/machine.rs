//! The machine that figures were taken on.

use std::fmt;

use serde::Serialize;
use sysinfo::{CpuRefreshKind, MINIMUM_CPU_UPDATE_INTERVAL, MemoryRefreshKind, RefreshKind, System};
use verilane::Options;
use verilane::cpu::Level;

use super::units::Bytes;

const UNKNOWN: &str = "unknown";

/// The machine and the build.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(Default))]
pub struct Machine {
    pub processor: String,
    /// The instruction set that lanes use.
    pub isa: String,
    pub cores: usize,
    /// Hardware threads.
    pub threads: usize,
    pub memory_bytes: u64,
    pub adapters: Vec<Adapter>,
    pub os: String,
    pub rustc: &'static str,
    pub version: &'static str,
    pub commit: &'static str,
}

/// A GPU, or a software adapter.
#[derive(Clone, Debug, Serialize)]
pub struct Adapter {
    name: String,
    kind: String,
    software: bool,
    api: String,
    driver: String,
    driver_version: String,
}

impl Machine {
    pub fn new(options: &Options) -> anyhow::Result<Self> {
        let system = System::new_with_specifics(
            RefreshKind::nothing()
                .with_cpu(CpuRefreshKind::nothing())
                .with_memory(MemoryRefreshKind::nothing().with_ram()),
        )?;
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Machine {
            processor: processor(&system),
            isa: Level::best(options.isa)?.to_string(),
            cores: System::physical_core_count().unwrap_or(threads),
            threads,
            memory_bytes: system.total_memory(),
            adapters: adapters(),
            os: os(),
            rustc: env!("VERILANE_RUSTC"),
            version: env!("CARGO_PKG_VERSION"),
            commit: env!("VERILANE_COMMIT"),
        })
    }
}

#[cfg(feature = "gpu")]
fn adapters() -> Vec<Adapter> {
    use verilane::gpu::{AdapterKind, adapters};
    let adapter = |info: verilane::gpu::AdapterInfo| Adapter {
        kind: info.kind.to_string(),
        software: info.kind == AdapterKind::Software,
        name: info.name,
        api: info.api,
        driver: info.driver,
        driver_version: info.driver_version,
    };
    adapters().into_iter().map(adapter).collect()
}

#[cfg(not(feature = "gpu"))]
fn adapters() -> Vec<Adapter> {
    Vec::new()
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

/// Memory that is available without swapping, in bytes; where that is unknown, the address
/// space.
pub fn free_memory() -> u64 {
    let ram = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(ram).ok();
    let free = system.map(|system| {
        let limit = system.cgroup_limits().map_or(u64::MAX, |limits| limits.free_memory);
        system.available_memory().min(limit)
    });
    free.filter(|&bytes| bytes > 0).unwrap_or(isize::MAX as u64)
}

/// How busy other programs keep the processor now, in percent.
pub fn busy_percent() -> anyhow::Result<f32> {
    let usage = CpuRefreshKind::nothing().with_usage();
    let mut system = System::new_with_specifics(RefreshKind::nothing().with_cpu(usage))?;
    std::thread::sleep(MINIMUM_CPU_UPDATE_INTERVAL);
    system.refresh_cpu_usage();
    Ok(system.global_cpu_usage())
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
        let Adapter { name, kind, api, driver, driver_version, .. } = self;
        write!(f, "{name} ({kind}), {api}, {driver} {driver_version}")
    }
}

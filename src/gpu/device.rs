//! Adapter choice, the open device, and what becomes of its failures.
//!
//! wgpu answers most failures through callbacks; they are collected in
//! [`Health`], which every submission and every wait looks at. Whatever is found
//! there becomes a [`Fault`], and a device with a fault is never used again.

use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::buffers::{Buffer, Pool, Use};
use super::command_list::{Batch, Clock};
use super::ed25519::Curve;
use super::shader::{Constants, Kept, Kernel, Kernels, operations};
use crate::Fault;

/// Longer than any dispatch takes, on software adapters too.
const PATIENCE: Duration = Duration::from_secs(120);

/// What there is to compute on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AdapterKind {
    /// A card with memory of its own.
    Discrete,
    /// A GPU that shares the host's memory.
    Integrated,
    /// A GPU lent to a virtual machine.
    Virtual,
    /// The driver does not say.
    Unknown,
    /// A processor that poses as a GPU; used only if asked for by name.
    Software,
}

impl std::fmt::Display for AdapterKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            AdapterKind::Discrete => "discrete",
            AdapterKind::Integrated => "integrated",
            AdapterKind::Virtual => "virtual",
            AdapterKind::Unknown => "unknown",
            AdapterKind::Software => "software",
        })
    }
}

/// An adapter, and what matters of its limits and features.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AdapterInfo {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: AdapterKind,
    /// Vulkan, Metal or DX12.
    pub api: String,
    /// The driver's name.
    pub driver: String,
    /// The driver's version.
    pub driver_version: String,
    /// The largest buffer in bytes.
    pub max_buffer: u64,
    /// The most bytes of a buffer that a kernel sees at once.
    pub max_binding: u64,
    /// The most invocations in a workgroup.
    pub max_workgroup: u32,
    /// The most workgroups in one dimension of a dispatch.
    pub max_workgroups: u32,
    /// Bytes of memory that a workgroup shares.
    pub workgroup_memory: u32,
    /// The smallest and the largest subgroup.
    pub subgroup: (u32, u32),
    /// Whether kernels may compute with 64-bit integers.
    pub int64: bool,
    /// Whether kernels may use subgroup operations.
    pub subgroups: bool,
    /// Whether device time can be measured apart.
    pub timestamps: bool,
    /// Whether compiled kernels can be kept on disk.
    pub pipeline_cache: bool,
}

impl AdapterInfo {
    fn of(adapter: &wgpu::Adapter) -> Self {
        let (info, limits, features) = (adapter.get_info(), adapter.limits(), adapter.features());
        AdapterInfo {
            kind: kind_of(info.device_type),
            api: format!("{:?}", info.backend),
            name: info.name,
            driver: info.driver,
            driver_version: info.driver_info,
            max_buffer: limits.max_buffer_size,
            max_binding: limits.max_storage_buffer_binding_size,
            max_workgroup: limits.max_compute_invocations_per_workgroup,
            max_workgroups: limits.max_compute_workgroups_per_dimension,
            workgroup_memory: limits.max_compute_workgroup_storage_size,
            subgroup: (info.subgroup_min_size, info.subgroup_max_size),
            int64: features.contains(wgpu::Features::SHADER_INT64),
            subgroups: features.contains(wgpu::Features::SUBGROUP),
            timestamps: features.contains(wgpu::Features::TIMESTAMP_QUERY),
            pipeline_cache: features.contains(wgpu::Features::PIPELINE_CACHE),
        }
    }
}

/// The adapter's name and driver: what tells one machine's figures from another's.
impl std::fmt::Display for AdapterInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{}, {} {}", self.name, self.driver, self.driver_version))
    }
}

fn kind_of(device_type: wgpu::DeviceType) -> AdapterKind {
    match device_type {
        wgpu::DeviceType::DiscreteGpu => AdapterKind::Discrete,
        wgpu::DeviceType::IntegratedGpu => AdapterKind::Integrated,
        wgpu::DeviceType::VirtualGpu => AdapterKind::Virtual,
        wgpu::DeviceType::Cpu => AdapterKind::Software,
        wgpu::DeviceType::Other => AdapterKind::Unknown,
    }
}

/// Every adapter of this machine, the one that would be chosen first.
#[must_use]
pub fn adapters() -> Vec<AdapterInfo> {
    enumerate().into_iter().map(|(info, _)| info).collect()
}

fn enumerate() -> Vec<(AdapterInfo, wgpu::Adapter)> {
    let backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = backends;
    descriptor.flags = wgpu::InstanceFlags::empty();
    let found = pollster::block_on(wgpu::Instance::new(descriptor).enumerate_adapters(backends));
    let mut found: Vec<_> = found.into_iter().map(|adapter| (AdapterInfo::of(&adapter), adapter)).collect();
    found.sort_by_key(|(info, _)| info.kind);
    found
}

/// The first of `found` that may be used: any whose name contains `wanted`, in
/// any case, or without a wish any that is not software.
fn choose<'a, T>(found: &'a [(AdapterInfo, T)], wanted: Option<&str>) -> Result<&'a (AdapterInfo, T), Fault> {
    let wanted = wanted.map(str::to_lowercase);
    let fits = |info: &AdapterInfo| match &wanted {
        Some(wanted) => info.name.to_lowercase().contains(wanted),
        None => info.kind != AdapterKind::Software,
    };
    found.iter().find(|(info, _)| fits(info)).ok_or_else(|| {
        let names: Vec<_> =
            found.iter().map(|(info, _)| format!("\"{}\" ({})", info.name, info.kind)).collect();
        Fault::Start(match wanted {
            _ if names.is_empty() => "no Vulkan, Metal or DX12 driver answered (in a container, the \
                                      `graphics` driver capability and the driver's ICD file are needed)"
                .into(),
            Some(wanted) => format!("no adapter is called \"{wanted}\"; found: {}", names.join(", ")),
            None => format!(
                "found only {}; for tests, name it with --adapter or VERILANE_ADAPTER",
                names.join(", ")
            ),
        })
    })
}

/// The first failure that the device's callbacks have told of.
#[derive(Default)]
struct Health(Mutex<Option<Fault>>);

impl Health {
    fn record(&self, fault: Fault) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(fault);
    }

    fn check(&self) -> Result<(), Fault> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone().map_or(Ok(()), Err)
    }
}

impl From<wgpu::Error> for Fault {
    fn from(error: wgpu::Error) -> Self {
        match error {
            wgpu::Error::OutOfMemory { source } => Fault::OutOfMemory(source.to_string()),
            error => Fault::DeviceLost(error.to_string()),
        }
    }
}

/// An open device: used by one call at a time, and only while it is healthy.
pub(crate) struct Device {
    pub(super) raw: wgpu::Device,
    queue: wgpu::Queue,
    pub(crate) info: AdapterInfo,
    pub(crate) limits: wgpu::Limits,
    pub(super) pool: Pool,
    pub(super) clock: Option<Clock>,
    pub(super) kernels: Kernels,
    health: Arc<Health>,
    /// Submissions until the device is destroyed; 0 stands for never.
    fuse: Arc<AtomicU32>,
    /// How many signatures a chunk takes, as learned from the time it took.
    pub(super) signatures_at_once: Cell<usize>,
}

impl Device {
    /// Opens the adapter whose name contains `wanted`, or the best hardware one.
    pub fn open(wanted: Option<&str>, fuse: Arc<AtomicU32>, kept: Kept<'_>) -> Result<Self, Fault> {
        let found = enumerate();
        let (info, adapter) = choose(&found, wanted)?;
        let useful = wgpu::Features::SHADER_INT64
            | wgpu::Features::SUBGROUP
            | wgpu::Features::TIMESTAMP_QUERY
            | wgpu::Features::PIPELINE_CACHE;
        let features = adapter.features() & useful | wgpu::Features::IMMEDIATES;
        let mut limits = adapter.limits();
        limits.max_storage_buffer_binding_size = limits.max_storage_buffer_binding_size.min((1 << 31) - 256);
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("verilane"),
            required_features: features,
            required_limits: limits.clone(),
            memory_hints: wgpu::MemoryHints::Performance,
            ..Default::default()
        };
        let (raw, queue) = pollster::block_on(adapter.request_device(&descriptor))
            .map_err(|error| Fault::Start(format!("{} cannot be opened: {error}", info.name)))?;
        let health = Arc::new(Health::default());
        let on_error = health.clone();
        raw.on_uncaptured_error(Arc::new(move |error: wgpu::Error| on_error.record(error.into())));
        let on_loss = health.clone();
        raw.set_device_lost_callback(move |reason, message| {
            on_loss.record(Fault::DeviceLost(format!("{reason:?}: {message}")));
        });
        Ok(Device {
            pool: Pool::new(limits.max_buffer_size),
            clock: features
                .contains(wgpu::Features::TIMESTAMP_QUERY)
                .then(|| Clock::new(queue.get_timestamp_period())),
            kernels: Kernels::open(&raw, &adapter.get_info(), features, kept),
            info: info.clone(),
            raw,
            queue,
            limits,
            health,
            fuse,
            signatures_at_once: Cell::new(super::ed25519::SMALLEST_CHUNK),
        })
    }

    /// An empty batch of uploads, dispatches and read-backs.
    pub fn batch(&self) -> Batch<'_> {
        Batch::new(self)
    }

    /// The compiled pipeline of `kernel` with its override constants set.
    pub fn pipeline(
        &self,
        kernel: &'static Kernel,
        constants: Constants<'_>,
    ) -> Result<wgpu::ComputePipeline, Fault> {
        let pipeline = self.kernels.pipeline(&self.raw, kernel, constants);
        self.check().map(|()| pipeline)
    }

    /// Compiles every kernel that operations run on `curve`, in several threads; says
    /// how long each took.
    pub fn compile_all(&self, curve: &'static Curve) -> Result<Vec<(&'static str, Duration)>, Fault> {
        let times = self.kernels.compile_all(&self.raw, operations(curve));
        self.check().map(|()| times)
    }

    /// Storage that kernels read and write; what it holds at first is undefined.
    pub fn storage(&self, bytes: u64) -> Result<Buffer<'_>, Fault> {
        Buffer::new(self, Use::Storage, bytes)
    }

    /// The storage called `name`, which stays; `fill` fills it at its first use.
    pub fn resident<'d>(
        &'d self,
        name: &'static str,
        bytes: u64,
        fill: impl FnOnce(&Buffer<'d>) -> Result<(), Fault>,
    ) -> Result<Buffer<'d>, Fault> {
        Buffer::resident(self, name, bytes, fill)
    }

    /// How long kernels have run since the last call; none where the adapter
    /// has no timestamps.
    pub fn take_time(&self) -> Option<Duration> {
        self.clock.as_ref().map(Clock::take)
    }

    /// What was compiled so far, for [`Kept::InMemory`].
    pub fn compiled(&self) -> Vec<u8> {
        self.kernels.data()
    }

    /// Keeps newly compiled kernels on disk, where the driver gives them out.
    pub fn store_kernels(&self) {
        self.kernels.store();
    }

    /// The failure that the device's callbacks have told of, if any.
    pub fn check(&self) -> Result<(), Fault> {
        self.health.check()
    }

    pub(super) fn submit(&self, commands: wgpu::CommandBuffer) -> Result<wgpu::SubmissionIndex, Fault> {
        self.check()?;
        let index = self.queue.submit([commands]);
        self.pool.submitted();
        if self.fuse.load(Ordering::Relaxed) > 0 && self.fuse.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.raw.destroy();
        }
        self.check().map(|()| index)
    }

    /// Waits until a submission has completed and its buffers are mapped.
    pub(super) fn wait(&self, submission: wgpu::SubmissionIndex) -> Result<(), Fault> {
        let poll = wgpu::PollType::Wait { submission_index: Some(submission), timeout: Some(PATIENCE) };
        // wgpu's poll panics where the driver reports a lost device.
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| self.raw.poll(poll)));
        self.check()?;
        match polled {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Fault::DeviceLost(error.to_string())),
            Err(_) => Err(Fault::DeviceLost("the driver failed while a submission was waited for".into())),
        }
    }
}

/// For tests of kernels alone: a card, or the software adapter. Without either they are
/// skipped, unless VERILANE_REQUIRE_GPU is set.
#[cfg(test)]
pub(super) fn for_test() -> Option<Device> {
    let open = |adapter| Device::open(adapter, Arc::default(), Kept::InMemory(&[]));
    match open(None).or_else(|_| open(Some("llvmpipe"))) {
        Ok(device) => Some(device),
        Err(fault) => {
            let required = std::env::var_os("VERILANE_REQUIRE_GPU").is_some();
            assert!(!required, "VERILANE_REQUIRE_GPU is set, but: {fault}");
            eprintln!("SKIPPED: {fault}");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(adapters: &[(&str, AdapterKind)]) -> Vec<(AdapterInfo, ())> {
        let info = |&(name, kind): &(&str, AdapterKind)| AdapterInfo {
            name: name.into(),
            kind,
            api: String::new(),
            driver: String::new(),
            driver_version: String::new(),
            max_buffer: 0,
            max_binding: 0,
            max_workgroup: 0,
            max_workgroups: 0,
            workgroup_memory: 0,
            subgroup: (0, 0),
            int64: false,
            subgroups: false,
            timestamps: false,
            pipeline_cache: false,
        };
        adapters.iter().map(|adapter| (info(adapter), ())).collect()
    }

    #[test]
    fn software_is_used_only_if_named() {
        let both = found(&[("NVIDIA H100", AdapterKind::Discrete), ("llvmpipe", AdapterKind::Software)]);
        assert_eq!(choose(&both, None).unwrap().0.name, "NVIDIA H100");
        assert_eq!(choose(&both, Some("LLVM")).unwrap().0.name, "llvmpipe");
        let software = found(&[("llvmpipe", AdapterKind::Software)]);
        let refusal = choose(&software, None).unwrap_err().to_string();
        assert!(refusal.contains("llvmpipe") && refusal.contains("VERILANE_ADAPTER"), "{refusal}");
    }

    #[test]
    fn a_refusal_says_what_was_found() {
        let both = found(&[("NVIDIA H100", AdapterKind::Discrete), ("llvmpipe", AdapterKind::Software)]);
        let refusal = choose(&both, Some("radeon")).unwrap_err().to_string();
        assert!(refusal.contains("radeon") && refusal.contains("H100") && refusal.contains("llvmpipe"));
        let refusal = choose(&found(&[]), None).unwrap_err().to_string();
        assert!(refusal.contains("driver answered") && refusal.contains("ICD"), "{refusal}");
    }
}

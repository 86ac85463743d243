//! Adapter selection, the open device, and its failures.
//!
//! wgpu reports most failures through callbacks. They record the first one in
//! [`FirstFault`], which every submission and every wait checks. A device with a fault
//! is never used again.

use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::buffers::{Buffer, BufferUse, Pool};
use super::command_list::{CommandList, PassTimer};
use super::ed25519::CurveKernels;
use super::shader::{Constants, Kernel, KernelCache, Kernels, operations};
use crate::Fault;

/// The longest wait for a submission: longer than any takes, on software adapters too.
const WAIT_TIMEOUT: Duration = Duration::from_secs(120);

/// The kind of an adapter, the most preferred first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AdapterKind {
    /// A GPU with memory of its own.
    Discrete,
    /// A GPU that shares the host's memory.
    Integrated,
    /// A virtual machine's GPU.
    Virtual,
    /// The driver does not say.
    Unknown,
    /// A CPU driver such as llvmpipe; used only where the caller names it.
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

/// An adapter, with the limits and features that kernels depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AdapterInfo {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: AdapterKind,
    /// Vulkan, Metal or DX12.
    pub api: String,
    /// The driver's name.
    pub driver: String,
    /// The driver's version.
    pub driver_version: String,
    /// The largest buffer in bytes.
    pub max_buffer: u64,
    /// The largest storage buffer binding in bytes.
    pub max_binding: u64,
    /// The most invocations in a workgroup.
    pub max_workgroup: u32,
    /// The most workgroups in one dimension of a dispatch.
    pub max_workgroups: u32,
    /// Bytes of workgroup memory.
    pub workgroup_memory: u32,
    /// The smallest and the largest subgroup size.
    pub subgroup: (u32, u32),
    /// Whether kernels may compute with 64-bit integers.
    pub int64: bool,
    /// Whether kernels may use subgroup operations.
    pub subgroups: bool,
    /// Whether compute passes can be timed on the device.
    pub timestamps: bool,
    /// Whether the driver's compiled kernels can be saved to disk.
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

/// The adapter's name, its driver and the driver's version.
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

/// Every adapter of this machine, the preferred one first.
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

/// The first of `found` whose name contains `wanted`, in any case; without `wanted`, the
/// first that is not software.
fn select_adapter<'a, T>(
    found: &'a [(AdapterInfo, T)],
    wanted: Option<&str>,
) -> Result<&'a (AdapterInfo, T), Fault> {
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

/// The first failure that the device's callbacks have reported.
#[derive(Default)]
struct FirstFault(Mutex<Option<Fault>>);

impl FirstFault {
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

/// An open device, used by one call at a time, and only until its first fault.
pub(crate) struct Device {
    pub(super) raw: wgpu::Device,
    queue: wgpu::Queue,
    pub(crate) info: AdapterInfo,
    pub(crate) limits: wgpu::Limits,
    pub(super) pool: Pool,
    pub(super) timer: Option<PassTimer>,
    pub(super) kernels: Kernels,
    first_fault: Arc<FirstFault>,
    /// The number of submissions after which the device is destroyed; 0 for never.
    fail_after: Arc<AtomicU32>,
    /// Signatures of the next chunk, adapted to the time that earlier ones took.
    pub(super) signature_chunk_size: Cell<usize>,
}

impl Device {
    /// Opens the adapter whose name contains `wanted`, or the best hardware one.
    pub fn open(
        wanted: Option<&str>,
        fail_after: Arc<AtomicU32>,
        cache: KernelCache<'_>,
    ) -> Result<Self, Fault> {
        let found = enumerate();
        let (info, adapter) = select_adapter(&found, wanted)?;
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
        let first_fault = Arc::new(FirstFault::default());
        let on_error = first_fault.clone();
        raw.on_uncaptured_error(Arc::new(move |error: wgpu::Error| on_error.record(error.into())));
        let on_loss = first_fault.clone();
        raw.set_device_lost_callback(move |reason, message| {
            on_loss.record(Fault::DeviceLost(format!("{reason:?}: {message}")));
        });
        Ok(Device {
            pool: Pool::new(limits.max_buffer_size),
            timer: features
                .contains(wgpu::Features::TIMESTAMP_QUERY)
                .then(|| PassTimer::new(queue.get_timestamp_period())),
            kernels: Kernels::open(&raw, &adapter.get_info(), features, cache),
            info: info.clone(),
            raw,
            queue,
            limits,
            first_fault,
            fail_after,
            signature_chunk_size: Cell::new(super::ed25519::MIN_CHUNK),
        })
    }

    /// An empty command list.
    pub fn commands(&self) -> CommandList<'_> {
        CommandList::new(self)
    }

    /// The compiled pipeline of `kernel` with these override constants.
    pub fn pipeline(
        &self,
        kernel: &'static Kernel,
        constants: Constants<'_>,
    ) -> Result<wgpu::ComputePipeline, Fault> {
        let pipeline = self.kernels.pipeline(&self.raw, kernel, constants);
        self.check().map(|()| pipeline)
    }

    /// Compiles every kernel that operations run, with the Ed25519 kernels of `curve`, in
    /// several threads. Returns each kernel's name and time.
    pub fn compile_all(&self, curve: &'static CurveKernels) -> Result<Vec<(&'static str, Duration)>, Fault> {
        let times = self.kernels.compile_all(&self.raw, operations(curve));
        self.check().map(|()| times)
    }

    /// Storage that kernels read and write, with undefined contents.
    pub fn storage(&self, bytes: u64) -> Result<Buffer<'_>, Fault> {
        Buffer::new(self, BufferUse::Storage, bytes)
    }

    /// The storage called `name`, which lives as long as the device; `fill` fills it at
    /// its first use.
    pub fn resident<'d>(
        &'d self,
        name: &'static str,
        bytes: u64,
        fill: impl FnOnce(&Buffer<'d>) -> Result<(), Fault>,
    ) -> Result<Buffer<'d>, Fault> {
        Buffer::resident(self, name, bytes, fill)
    }

    /// How long kernels have run since the last call; none without timestamp queries.
    pub fn take_time(&self) -> Option<Duration> {
        self.timer.as_ref().map(PassTimer::take)
    }

    /// The driver's data of all kernels compiled so far, for [`KernelCache::InMemory`].
    pub fn compiled_kernels(&self) -> Vec<u8> {
        self.kernels.data()
    }

    /// Saves newly compiled kernels to disk, where the driver returns their data.
    pub fn store_kernels(&self) {
        self.kernels.store();
    }

    /// The first failure that the device's callbacks have reported, if any.
    pub fn check(&self) -> Result<(), Fault> {
        self.first_fault.check()
    }

    pub(super) fn submit(&self, commands: wgpu::CommandBuffer) -> Result<wgpu::SubmissionIndex, Fault> {
        self.check()?;
        let index = self.queue.submit([commands]);
        self.pool.release_retired();
        if self.fail_after.load(Ordering::Relaxed) > 0 && self.fail_after.fetch_sub(1, Ordering::Relaxed) == 1
        {
            self.raw.destroy();
        }
        self.check().map(|()| index)
    }

    /// Waits until a submission has completed and its staging buffers are mapped.
    pub(super) fn wait(&self, submission: wgpu::SubmissionIndex) -> Result<(), Fault> {
        let poll = wgpu::PollType::Wait { submission_index: Some(submission), timeout: Some(WAIT_TIMEOUT) };
        // wgpu's poll panics if the driver reports a lost device.
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| self.raw.poll(poll)));
        self.check()?;
        match polled {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Fault::DeviceLost(error.to_string())),
            Err(_) => Err(Fault::DeviceLost("the driver failed while a submission was waited for".into())),
        }
    }
}

/// A device for tests of single kernels: the preferred adapter, else the software one.
/// Without either the test is skipped, or fails where VERILANE_REQUIRE_GPU is set.
#[cfg(test)]
pub(super) fn for_tests() -> Option<Device> {
    let open = |adapter| Device::open(adapter, Arc::default(), KernelCache::InMemory(&[]));
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
    fn software_is_selected_only_by_name() {
        let both = found(&[("NVIDIA H100", AdapterKind::Discrete), ("llvmpipe", AdapterKind::Software)]);
        assert_eq!(select_adapter(&both, None).unwrap().0.name, "NVIDIA H100");
        assert_eq!(select_adapter(&both, Some("LLVM")).unwrap().0.name, "llvmpipe");
        let software = found(&[("llvmpipe", AdapterKind::Software)]);
        let fault = select_adapter(&software, None).unwrap_err().to_string();
        assert!(fault.contains("llvmpipe") && fault.contains("VERILANE_ADAPTER"), "{fault}");
    }

    #[test]
    fn a_failed_selection_lists_the_adapters() {
        let both = found(&[("NVIDIA H100", AdapterKind::Discrete), ("llvmpipe", AdapterKind::Software)]);
        let fault = select_adapter(&both, Some("radeon")).unwrap_err().to_string();
        assert!(fault.contains("radeon") && fault.contains("H100") && fault.contains("llvmpipe"));
        let fault = select_adapter(&found(&[]), None).unwrap_err().to_string();
        assert!(fault.contains("driver answered") && fault.contains("ICD"), "{fault}");
    }
}

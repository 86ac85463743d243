//! Kernels: WGSL put together from its parts, compiled when first used, kept.
//!
//! To add a kernel:
//! 1. `shaders/NAME.wgsl` holds one `@compute fn main`; what it shares with others
//!    goes to `shaders/lib/`. Bindings are in group 0, numbered from 0, parameters
//!    are one `var<immediate>` of at most 128 bytes.
//! 2. In the host module: `pub(super) const KERNEL: Kernel = Kernel { name: "NAME",
//!    sources: &[lib::GRID, include_str!("../../shaders/NAME.wgsl")] };` as a `static`.
//! 3. List it in [`ALL`], with the override constants of each variant, so that the
//!    tests validate and translate it.
//! 4. Every index into a buffer must be in bounds and every loop must end whatever
//!    the buffers hold: release builds compile kernels without hidden checks.
//!
//! Variants are override constants, folded when the pipeline is made, or another
//! list of sources where the text differs.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Instant;

use crate::crossover::cache_dir;

/// What kernels share, in `shaders/lib/`.
pub(super) mod lib {
    /// The position of a workgroup in a dispatch.
    pub const GRID: &str = include_str!("../../shaders/lib/grid.wgsl");
}

/// A compute kernel: WGSL texts that together hold one entry point, `main`.
pub(crate) struct Kernel {
    /// Its name, that of its file in `shaders/`.
    pub name: &'static str,
    /// Its parts, what is shared first.
    pub sources: &'static [&'static str],
}

/// Every kernel, with the override constants of each of its variants.
#[cfg(test)]
pub(super) const ALL: &[(&Kernel, &[&[(&str, u32)]])] = {
    use super::ed25519::{HASH, NARROW, WIDE};
    &[
        (&HASH, &[&[]]),
        (&WIDE.base, &[&[]]),
        (&WIDE.keys, &[&[]]),
        (&WIDE.ladder, &[&[]]),
        (&WIDE.finish, &[&[]]),
        (&NARROW.base, &[&[]]),
        (&NARROW.keys, &[&[]]),
        (&NARROW.ladder, &[&[]]),
        (&NARROW.finish, &[&[]]),
    ]
};

/// Which pipeline of a kernel: its name and the override constants.
type Variant = (&'static str, Vec<(&'static str, u32)>);

/// The kernels compiled so far.
pub(super) struct Kernels {
    compiled: RefCell<HashMap<Variant, wgpu::ComputePipeline>>,
    /// Whether something was compiled since the last storing.
    fresh: Cell<bool>,
    cache: Option<DiskCache>,
}

impl Kernels {
    pub fn open(device: &wgpu::Device, info: &wgpu::AdapterInfo, features: wgpu::Features) -> Self {
        let cached = features.contains(wgpu::Features::PIPELINE_CACHE);
        let cache = cached.then(|| DiskCache::open(device, info)).flatten();
        Kernels { compiled: RefCell::default(), fresh: Cell::default(), cache }
    }

    /// The pipeline of a variant, compiled if this is its first use. Failures go
    /// to the device's error callback.
    pub fn pipeline(
        &self,
        device: &wgpu::Device,
        kernel: &'static Kernel,
        constants: &[(&'static str, u32)],
    ) -> wgpu::ComputePipeline {
        let variant = (kernel.name, constants.to_vec());
        let mut compiled = self.compiled.borrow_mut();
        compiled.entry(variant).or_insert_with(|| self.compile(device, kernel, constants)).clone()
    }

    fn compile(
        &self,
        device: &wgpu::Device,
        kernel: &Kernel,
        constants: &[(&'static str, u32)],
    ) -> wgpu::ComputePipeline {
        let start = Instant::now();
        let module = shader_module(device, kernel);
        let constants: Vec<_> = constants.iter().map(|&(name, value)| (name, f64::from(value))).collect();
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(kernel.name),
            layout: None,
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &constants,
                zero_initialize_workgroup_memory: false,
            },
            cache: self.cache.as_ref().map(|cache| &cache.raw),
        });
        self.fresh.set(true);
        tracing::debug!(
            kernel = kernel.name,
            ?constants,
            seconds = start.elapsed().as_secs_f64(),
            "compiled"
        );
        pipeline
    }

    /// Keeps what was compiled since the last call, for the next start.
    pub fn store(&self) {
        if self.fresh.take()
            && let Some(cache) = &self.cache
        {
            cache.store();
        }
    }
}

/// The text that is compiled.
fn source(kernel: &Kernel) -> String {
    kernel.sources.concat()
}

fn shader_module(device: &wgpu::Device, kernel: &Kernel) -> wgpu::ShaderModule {
    let descriptor = wgpu::ShaderModuleDescriptor {
        label: Some(kernel.name),
        source: wgpu::ShaderSource::Wgsl(source(kernel).into()),
    };
    let checks = if cfg!(debug_assertions) {
        wgpu::ShaderRuntimeChecks::checked()
    } else {
        wgpu::ShaderRuntimeChecks::unchecked()
    };
    // SAFETY: the text is this crate's own. Each kernel bounds its indices by
    // `arrayLength` or by parameters that the host derives from the lengths of the
    // buffers it binds, each loop ends after a bounded number of steps, and no
    // divisor is zero; debug builds, in which the tests run, keep every check.
    unsafe { device.create_shader_module_trusted(descriptor, checks) }
}

/// The driver's compiled kernels on disk, behind a digest that shows damage.
struct DiskCache {
    raw: wgpu::PipelineCache,
    path: PathBuf,
}

impl DiskCache {
    fn open(device: &wgpu::Device, info: &wgpu::AdapterInfo) -> Option<Self> {
        let key = wgpu::util::pipeline_cache_key(info)?;
        let driver = blake3::hash(format!("{} {}", info.driver, info.driver_info).as_bytes()).to_hex();
        let path = cache_dir().ok()?.join(format!("{key}-{}", &driver[..16]));
        let stored = std::fs::read(&path).ok();
        let data = stored.as_deref().and_then(undamaged);
        let descriptor = wgpu::PipelineCacheDescriptor { label: None, data, fallback: true };
        // SAFETY: the data was returned by `PipelineCache::get_data` for an adapter
        // of the same key and driver: only `store` writes such a file, and its
        // digest shows that it is whole.
        let raw = unsafe { device.create_pipeline_cache(&descriptor) };
        Some(DiskCache { raw, path })
    }

    fn store(&self) {
        let Some(data) = self.raw.get_data() else { return };
        if let Err(error) = self.write(&data) {
            tracing::warn!(%error, path = %self.path.display(), "the compiled kernels cannot be kept");
        }
    }

    /// Replaces the file at once, so that no reader sees half of it.
    fn write(&self, data: &[u8]) -> std::io::Result<()> {
        let stored = [blake3::hash(data).as_bytes(), data].concat();
        if std::fs::read(&self.path).is_ok_and(|old| old == stored) {
            return Ok(());
        }
        let new = self.path.with_extension(std::process::id().to_string());
        std::fs::create_dir_all(self.path.parent().expect("the path ends in a file's name"))?;
        std::fs::write(&new, stored)?;
        std::fs::rename(&new, &self.path)
    }
}

fn undamaged(stored: &[u8]) -> Option<&[u8]> {
    let (digest, data) = stored.split_at_checked(32)?;
    (blake3::hash(data).as_bytes() == digest).then_some(data)
}

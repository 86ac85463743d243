//! Kernels: their WGSL sources, their compilation in advance by several threads or at
//! first use, and the cache of compiled kernels on disk.
//!
//! To add a kernel:
//! 1. `shaders/NAME.wgsl` holds one `@compute fn main`; shared functions go to
//!    `shaders/lib/`. Bindings are in group 0, numbered from 0; parameters are one
//!    `var<immediate>` of at most 128 bytes.
//! 2. In the host module: `pub(super) static KERNEL: Kernel = Kernel { name: "NAME",
//!    sources: &[lib::GRID, include_str!("../../shaders/NAME.wgsl")] };`, to be passed
//!    to [`CommandList::dispatch`](super::command_list::CommandList::dispatch).
//! 3. List it in `OPERATIONS` with the override constants of each variant: it is then
//!    compiled in advance, and the tests validate and translate it.
//! 4. Every index into a buffer must be in bounds and every loop must end, whatever the
//!    buffers hold: release builds compile kernels without runtime checks.
//!
//! A variant is a set of override constants, which drivers fold, or another list of
//! sources where the text differs.

#![expect(unsafe_code, reason = "compilation without run-time checks, and the driver's pipeline cache")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::ed25519::CurveKernels;
use crate::crossover::cache_dir;

/// The shared sources in `shaders/lib/`.
pub(super) mod lib {
    /// The linear index of a workgroup.
    pub const GRID: &str = include_str!("../../shaders/lib/grid.wgsl");
    /// The type of digests, chaining values and nodes.
    pub const DIGEST: &str = include_str!("../../shaders/lib/digest.wgsl");
    /// SHA-256's compression function; after [`DIGEST`].
    pub const SHA256: &str = include_str!("../../shaders/lib/sha256.wgsl");
    /// BLAKE3's compression function; after [`DIGEST`].
    pub const BLAKE3: &str = include_str!("../../shaders/lib/blake3.wgsl");
    /// A Merkle node by SHA-256; after [`SHA256`].
    pub const NODE_SHA256: &str = include_str!("../../shaders/lib/node_sha256.wgsl");
    /// A Merkle node by BLAKE3; after [`BLAKE3`].
    pub const NODE_BLAKE3: &str = include_str!("../../shaders/lib/node_blake3.wgsl");
    /// Uniform records of at most 64 bytes; after a compression function.
    pub const UNIFORM_RECORDS: &str = include_str!("../../shaders/lib/uniform_records.wgsl");
    /// Records of any lengths; after a compression function.
    pub const RAGGED_RECORDS: &str = include_str!("../../shaders/lib/ragged_records.wgsl");
    /// Loads records that begin at any byte; after [`RAGGED_RECORDS`].
    pub const LOAD_UNALIGNED: &str = include_str!("../../shaders/lib/load_unaligned.wgsl");
    /// Loads records that begin at multiples of 16 bytes; after [`RAGGED_RECORDS`].
    pub const LOAD_ALIGNED: &str = include_str!("../../shaders/lib/load_aligned.wgsl");
    /// Chains of an operation whose peak rate is measured.
    pub const PEAK_CHAINS: &str = include_str!("../../shaders/lib/peak_chains.wgsl");
}

/// A compute kernel: WGSL sources with one entry point, `main`.
pub(crate) struct Kernel {
    /// Its name; for most, that of its file in `shaders/`.
    pub name: &'static str,
    /// Its sources in order, shared ones first.
    pub sources: &'static [&'static str],
}

/// The override constants of a variant of a kernel.
pub(crate) type Constants<'a> = &'a [(&'static str, u32)];

/// A kernel and the override constants of each of its variants.
pub(super) type Variants = (&'static Kernel, &'static [Constants<'static>]);

/// Every kernel that operations run, the slowest to compile first, so that no thread
/// starts one of those last.
pub(super) const OPERATIONS: &[Variants] = {
    use super::{check, dedup, ed25519, hash, merkle, pow};
    &[
        (&ed25519::HASH, &[&[]]),
        (&ed25519::WIDE.tables, &[&[]]),
        (&ed25519::WIDE.msm, &[&[]]),
        (&ed25519::WIDE.base_table, &[&[]]),
        (&ed25519::NARROW.tables, &[&[]]),
        (&ed25519::NARROW.msm, &[&[]]),
        (&ed25519::NARROW.base_table, &[&[]]),
        (&ed25519::HALF_SIZE, &[&[]]),
        (&hash::SHA256_RAGGED, &[&[("TWICE", 0)], &[("TWICE", 1)]]),
        (&hash::SHA256_RAGGED_ALIGNED, &[&[("TWICE", 0)], &[("TWICE", 1)]]),
        (&hash::SHA256_UNIFORM, &[&[("TWICE", 0)], &[("TWICE", 1)]]),
        (&hash::BLAKE3_RAGGED, &[&[]]),
        (&hash::BLAKE3_UNIFORM, &[&[]]),
        (&hash::BLAKE3_RAGGED_ALIGNED, &[&[]]),
        (&hash::BLAKE3_MERGE, &[&[]]),
        (&hash::GATHER, &[&[]]),
        (
            &merkle::SHA256,
            &[
                &[("PREFIXED", 0), ("TWICE", 0)],
                &[("PREFIXED", 0), ("TWICE", 1)],
                &[("PREFIXED", 1), ("TWICE", 0)],
                &[("PREFIXED", 1), ("TWICE", 1)],
            ],
        ),
        (&merkle::BLAKE3, &[&[("PREFIXED", 0)], &[("PREFIXED", 1)]]),
        (
            &pow::POW,
            &[
                &[
                    ("NONCE_WORD", 3),
                    ("NONCE_DEPENDENT_LOW", 0xfffc_0008),
                    ("NONCE_DEPENDENT_HIGH", u32::MAX),
                ],
                &[("NONCE_WORD", 0), ("NONCE_DEPENDENT_LOW", 1), ("NONCE_DEPENDENT_HIGH", u32::MAX)],
            ],
        ),
        (&dedup::INSERT, &[&[]]),
        (&dedup::RESOLVE, &[&[]]),
        (&check::LEAF_MESSAGES, &[&[("PREFIXED", 0)], &[("PREFIXED", 1)]]),
    ]
};

/// The variants that operations run with the Ed25519 kernels of `curve`, in the same order.
pub(super) fn operations(
    curve: &'static CurveKernels,
) -> impl Iterator<Item = (&'static Kernel, Constants<'static>)> + Send {
    let used = OPERATIONS.iter().filter(|(kernel, _)| curve.uses(kernel));
    used.flat_map(|(kernel, variants)| variants.iter().map(|constants| (*kernel, *constants)))
}

/// The kernels that measure peak rates.
#[cfg(test)]
const PEAK_RATES: &[Variants] = {
    use super::roofline;
    &[
        (
            &roofline::PEAK_U32,
            &[
                &[("OPERATION", 0)],
                &[("OPERATION", 1)],
                &[("OPERATION", 2)],
                &[("OPERATION", 3)],
                &[("OPERATION", 4)],
                &[("OPERATION", 5)],
            ],
        ),
        (&roofline::PEAK_U64, &[&[]]),
        (&roofline::PEAK_COPY, &[&[]]),
    ]
};

/// The key of a pipeline: the kernel's name and its override constants.
type Variant = (&'static str, Vec<(&'static str, u32)>);

/// The most threads that compile. The slowest kernel takes more than an eighth of the
/// total time, so more threads would not finish earlier.
const THREADS: usize = 8;

/// The pipelines compiled so far.
pub(super) struct Kernels {
    /// Each slot is filled once; other threads that need it wait.
    compiled: Mutex<HashMap<Variant, Arc<OnceLock<wgpu::ComputePipeline>>>>,
    /// Pipelines compiled since the last [`store`](Kernels::store).
    unsaved: AtomicUsize,
    cache: Option<DriverCache>,
}

impl Kernels {
    pub fn open(
        device: &wgpu::Device,
        info: &wgpu::AdapterInfo,
        features: wgpu::Features,
        cache: KernelCache<'_>,
    ) -> Self {
        let cached = features.contains(wgpu::Features::PIPELINE_CACHE);
        let cache = cached.then(|| DriverCache::open(device, info, cache)).flatten();
        Kernels { compiled: Mutex::default(), unsaved: AtomicUsize::default(), cache }
    }

    /// The pipeline of a variant, compiled at its first use. Failures go to the device's
    /// error callback.
    pub fn pipeline(
        &self,
        device: &wgpu::Device,
        kernel: &'static Kernel,
        constants: Constants<'_>,
    ) -> wgpu::ComputePipeline {
        let variant = (kernel.name, constants.to_vec());
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = compiled.entry(variant).or_default().clone();
        drop(compiled);
        slot.get_or_init(|| self.compile(device, kernel, constants)).clone()
    }

    /// Compiles `variants` in order, in several threads. Returns each one's name and time.
    pub fn compile_all(
        &self,
        device: &wgpu::Device,
        variants: impl Iterator<Item = (&'static Kernel, Constants<'static>)> + Send,
    ) -> Vec<(&'static str, Duration)> {
        let variants = Mutex::new(variants);
        let compile_rest = || {
            let next = || variants.lock().unwrap_or_else(PoisonError::into_inner).next();
            let compile = |(kernel, constants): (&'static Kernel, _)| {
                let start = Instant::now();
                self.pipeline(device, kernel, constants);
                (kernel.name, start.elapsed())
            };
            std::iter::from_fn(next).map(compile).collect::<Vec<_>>()
        };
        let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS);
        thread::scope(|scope| {
            // If the system starts no more threads, the existing ones compile everything.
            let start = |_| thread::Builder::new().spawn_scoped(scope, compile_rest).ok();
            let others: Vec<_> = (1..threads).map_while(start).collect();
            let mut times = compile_rest();
            for other in others {
                times.extend(other.join().expect("failures go to the error callback"));
            }
            times
        })
    }

    fn compile(
        &self,
        device: &wgpu::Device,
        kernel: &Kernel,
        constants: Constants<'_>,
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
        self.unsaved.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(
            kernel = kernel.name,
            ?constants,
            seconds = start.elapsed().as_secs_f64(),
            "compiled"
        );
        pipeline
    }

    /// The driver's data of all pipelines compiled so far; empty if it returns none.
    pub fn data(&self) -> Vec<u8> {
        self.cache.as_ref().and_then(|cache| cache.raw.get_data()).unwrap_or_default()
    }

    /// Saves the pipelines for the next start, if any was compiled since the last call.
    pub fn store(&self) {
        if self.unsaved.swap(0, Ordering::Relaxed) > 0
            && let Some(cache) = &self.cache
        {
            cache.store();
        }
    }
}

/// The kernel's whole text.
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
    // bound buffers, each loop ends after a bounded number of steps, and no divisor is
    // zero. Debug builds, in which the tests run, keep every check.
    unsafe { device.create_shader_module_trusted(descriptor, checks) }
}

/// Where compiled kernels are stored between starts.
#[derive(Clone, Copy)]
pub(super) enum KernelCache<'a> {
    /// In the user's cache folder, preceded by a digest that detects damage.
    OnDisk,
    /// In memory: what [`Kernels::data`] returned in this process, or nothing.
    InMemory(&'a [u8]),
}

/// The driver's pipeline cache, and the file that stores it.
struct DriverCache {
    raw: wgpu::PipelineCache,
    path: Option<PathBuf>,
}

impl DriverCache {
    fn open(device: &wgpu::Device, info: &wgpu::AdapterInfo, cache: KernelCache<'_>) -> Option<Self> {
        match cache {
            KernelCache::OnDisk => {
                let path = cache_file(info)?;
                let stored = std::fs::read(&path).ok();
                Some(DriverCache::new(device, stored.as_deref().and_then(checked_data), Some(path)))
            }
            KernelCache::InMemory(data) => {
                Some(DriverCache::new(device, Some(data).filter(|data| !data.is_empty()), None))
            }
        }
    }

    fn new(device: &wgpu::Device, data: Option<&[u8]>, path: Option<PathBuf>) -> Self {
        let descriptor = wgpu::PipelineCacheDescriptor { label: None, data, fallback: true };
        // SAFETY: the data was returned by `PipelineCache::get_data` for an adapter of
        // the same key and driver: in this process, or in one that stored it in a file
        // that only `store` writes and whose digest matches.
        let raw = unsafe { device.create_pipeline_cache(&descriptor) };
        DriverCache { raw, path }
    }

    fn store(&self) {
        let Some(path) = &self.path else { return };
        let Some(data) = self.raw.get_data() else { return };
        if let Err(error) = write_cache_file(path, &data) {
            tracing::warn!(%error, path = %path.display(), "the compiled kernels cannot be kept");
        }
    }
}

/// The cache file of an adapter and its driver.
fn cache_file(info: &wgpu::AdapterInfo) -> Option<PathBuf> {
    let key = wgpu::util::pipeline_cache_key(info)?;
    let driver = blake3::hash(format!("{} {}", info.driver, info.driver_info).as_bytes()).to_hex();
    Some(cache_dir().ok()?.join(format!("{key}-{}", &driver[..16])))
}

/// Replaces the file atomically, with the digest of `data` before it.
fn write_cache_file(path: &Path, data: &[u8]) -> std::io::Result<()> {
    let stored = [blake3::hash(data).as_bytes(), data].concat();
    if std::fs::read(path).is_ok_and(|old| old == stored) {
        return Ok(());
    }
    let new = path.with_extension(std::process::id().to_string());
    std::fs::create_dir_all(path.parent().expect("the path ends in a file's name"))?;
    std::fs::write(&new, stored)?;
    std::fs::rename(&new, path)
}

/// The data after the digest, if the digest matches.
fn checked_data(stored: &[u8]) -> Option<&[u8]> {
    let (digest, data) = stored.split_at_checked(32)?;
    (blake3::hash(data).as_bytes() == digest).then_some(data)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use naga::back::{hlsl, msl, pipeline_constants::process_overrides, spv};
    use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};

    use super::super::device::{self, Device};
    use super::super::ed25519;
    use super::*;

    /// The parsed module, validated as wgpu validates it.
    fn validated(kernel: &Kernel) -> (naga::Module, ModuleInfo) {
        let text = source(kernel);
        let module = naga::front::wgsl::parse_str(&text)
            .unwrap_or_else(|error| panic!("{}: {}", kernel.name, error.emit_to_string(&text)));
        let capabilities = Capabilities::IMMEDIATES | Capabilities::SHADER_INT64 | Capabilities::SUBGROUP;
        let info = Validator::new(ValidationFlags::all(), capabilities)
            .validate(&module)
            .unwrap_or_else(|error| panic!("{}: {}", kernel.name, error.emit_to_string(&text)));
        (module, info)
    }

    fn variants() -> impl Iterator<Item = (&'static Kernel, naga::back::PipelineConstants)> {
        OPERATIONS.iter().chain(PEAK_RATES).flat_map(|(kernel, variants)| {
            variants.iter().map(|constants| {
                let constants: HashMap<_, _> =
                    constants.iter().map(|&(name, value)| (name.to_owned(), f64::from(value))).collect();
                (*kernel, constants.into_iter().collect())
            })
        })
    }

    #[test]
    fn every_kernel_translates_to_spirv_msl_and_hlsl() {
        for (kernel, constants) in variants() {
            let (module, info) = validated(kernel);
            let entry = Some((naga::ShaderStage::Compute, "main"));
            let (module, info) = process_overrides(&module, &info, entry, &constants).unwrap();
            let words = spv::write_vec(&module, &info, &spv::Options::default(), None);
            assert!(!words.unwrap().is_empty(), "{}", kernel.name);
            let mut options =
                msl::Options { lang_version: (2, 4), fake_missing_bindings: true, ..Default::default() };
            options.zero_initialize_workgroup_memory = false;
            let text = msl::write_string(&module, &info, &options, &msl::PipelineOptions::default());
            assert!(text.unwrap().0.contains("kernel void"), "{}", kernel.name);
            let options = hlsl::Options {
                shader_model: hlsl::ShaderModel::V6_0,
                immediates_target: Some(hlsl::BindTarget::default()),
                ..Default::default()
            };
            let mut text = String::new();
            let pipeline = hlsl::PipelineOptions::default();
            hlsl::Writer::new(&mut text, &options, &pipeline).write(&module, &info, None).unwrap();
            assert!(text.contains("numthreads"), "{}", kernel.name);
        }
    }

    #[test]
    fn array_types_have_one_name() {
        for (kernel, _) in variants() {
            let (module, _) = validated(kernel);
            let arrays =
                module.types.iter().filter(|(_, ty)| matches!(ty.inner, naga::TypeInner::Array { .. }));
            let mut names = HashMap::new();
            for (_, array) in arrays {
                // In MSL an alias of an array type is another type than the array, and in
                // HLSL both share one constructor function.
                let other = names.insert(&array.inner, &array.name);
                assert_eq!(other, None, "{}: {:?} is also written out", kernel.name, array.name);
            }
        }
    }

    #[test]
    fn every_shader_file_belongs_to_a_listed_kernel() {
        let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders")).unwrap();
        for file in files.map(|file| file.unwrap().path()).filter(|path| path.is_file()) {
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(text.contains("fn main("), "{} has no entry point", file.display());
            let mut all = OPERATIONS.iter().chain(PEAK_RATES);
            let listed = all.any(|(kernel, _)| kernel.sources.contains(&text.as_str()));
            assert!(listed, "{} is no kernel's", file.display());
        }
    }

    /// A device, and every variant that operations run on it.
    fn device() -> Option<(Device, Vec<(&'static Kernel, Constants<'static>)>)> {
        let device = device::for_tests()?;
        let curve = if device.info.int64 { &ed25519::WIDE } else { &ed25519::NARROW };
        Some((device, operations(curve).collect()))
    }

    #[test]
    fn several_threads_compile_every_kernel_once() {
        let Some((device, variants)) = device() else { return };
        let (raw, kernels) = (&device.raw, &device.kernels);
        let times = thread::scope(|scope| {
            let compile = || kernels.compile_all(raw, variants.iter().copied());
            [(); 2].map(|()| scope.spawn(compile)).map(|thread| thread.join().unwrap())
        });
        let sorted = |mut names: Vec<&'static str>| {
            names.sort_unstable();
            names
        };
        let expected = sorted(variants.iter().map(|(kernel, _)| kernel.name).collect());
        for times in times {
            assert_eq!(sorted(times.iter().map(|(name, _)| *name).collect()), expected);
        }
        for &(kernel, constants) in &variants {
            device.pipeline(kernel, constants).unwrap();
        }
        assert_eq!(kernels.unsaved.load(Ordering::Relaxed), variants.len());
    }

    #[test]
    fn a_kernel_that_does_not_compile_is_a_fault() {
        static BROKEN: Kernel = Kernel { name: "broken", sources: &["@compute fn main() { nothing(); }"] };
        let Some((device, variants)) = device() else { return };
        let with_broken = [(&BROKEN, &[][..])].into_iter().chain(variants);
        device.kernels.compile_all(&device.raw, with_broken);
        let fault = device.check().unwrap_err();
        assert!(fault.to_string().contains("broken"), "{fault}");
    }

    #[test]
    fn a_damaged_cache_file_is_detected() {
        let data = [1, 2, 3];
        let mut stored = [blake3::hash(&data).as_bytes(), &data[..]].concat();
        assert_eq!(checked_data(&stored), Some(&data[..]));
        stored[34] ^= 1;
        assert_eq!(checked_data(&stored), None);
        assert_eq!(checked_data(&stored[..20]), None);
    }
}

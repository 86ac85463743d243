//! The back end on WGSL compute shaders.
//!
//! A call locks the device from its first upload to its last read-back, so calls from
//! several threads run one after another. A fault closes the device, and the next call
//! opens it again.

mod buffers;
mod check;
mod command_list;
mod dedup;
mod device;
mod ed25519;
mod hash;
mod merkle;
pub mod op_counts;
mod pow;
mod roofline;
mod shader;
mod start_up;

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use device::{AdapterInfo, AdapterKind, adapters};
pub use roofline::PeakRates;
pub use start_up::StartUp;

use crate::backend::{Backend, BackendInfo, BackendKind, Fault, check_call_by_call};
use crate::ed25519::{Batch, Rule};
use crate::entries::{BlockCheck, Entries};
use crate::merkle::{Root, Tree};
use crate::pow::{Nonce, NonceWindow, Puzzle};
use crate::{Digest, Hash, Records};
use check::CheckRequest;
use device::Device;
use ed25519::CurveKernels;
use shader::KernelCache;

/// The environment variable that names the adapter where the caller does not.
const ADAPTER_VARIABLE: &str = "VERILANE_ADAPTER";

/// The end of [`BackendInfo::detail`] where kernels use no 64-bit integers although the
/// adapter has them.
pub const WITHOUT_INT64: &str = ", without 64-bit integers";

/// The back end on WGSL compute shaders.
///
/// [`take_device_time`](Backend::take_device_time) sums the time that kernels run on the
/// device, without uploads and read-backs: the *resident* time of a call, as if its input
/// were on the device already. Timestamp queries around each compute pass measure it, where
/// the adapter has them.
pub struct Gpu {
    info: BackendInfo,
    /// The adapter's full name, by which a lost device is opened again.
    adapter: String,
    device: Mutex<Option<Device>>,
    /// The most bytes of a chunk of an input on the device.
    chunk_bytes: AtomicU64,
    /// The number of submissions after which the device is destroyed; 0 for never.
    fail_after: Arc<AtomicU32>,
    /// Whether kernels use 64-bit integers.
    int64: bool,
}

impl fmt::Debug for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gpu").field("info", &self.info).finish_non_exhaustive()
    }
}

impl Gpu {
    /// Starts the adapter whose name contains `adapter` or else the environment variable
    /// `VERILANE_ADAPTER`, in any case; without a name, the preferred hardware adapter.
    ///
    /// # Errors
    /// [`Fault::Start`] if there is none; it lists the adapters found.
    pub fn start(adapter: Option<&str>) -> Result<Self, Fault> {
        let from_environment = std::env::var(ADAPTER_VARIABLE).ok().filter(|name| !name.is_empty());
        let fail_after = Arc::new(AtomicU32::new(0));
        let device =
            Device::open(adapter.or(from_environment.as_deref()), fail_after.clone(), KernelCache::OnDisk)?;
        let info = BackendInfo {
            kind: BackendKind::Gpu,
            threads: 1,
            detail: device.info.to_string(),
            software: device.info.kind == AdapterKind::Software,
        };
        Ok(Gpu {
            info,
            adapter: device.info.name.clone(),
            int64: device.info.int64,
            device: Mutex::new(Some(device)),
            chunk_bytes: AtomicU64::new(u64::MAX),
            fail_after,
        })
    }

    /// Measures the adapter's peak rates, in a second or two.
    ///
    /// # Errors
    /// [`Fault`] if the device fails, or if a kernel's result is wrong.
    pub fn peak_rates(&self) -> Result<PeakRates, Fault> {
        self.with_device(roofline::peak_rates)
    }

    /// Measures two starts of the adapter: without compiled kernels, then with those that
    /// the first start compiled. A driver may have a cache of its own; the first start is
    /// then not cold.
    ///
    /// # Errors
    /// [`Fault`] if the device fails, or if its first answer is wrong.
    pub fn start_ups(&self) -> Result<[StartUp; 2], Fault> {
        *self.lock() = None;
        let open = |compiled: &[u8]| {
            Device::open(Some(&self.adapter), self.fail_after.clone(), KernelCache::InMemory(compiled))
        };
        let (cold, compiled) = start_up::measure(|| open(&[]), self.curve())?;
        let (warm, _) = start_up::measure(|| open(&compiled), self.curve())?;
        Ok([cold, warm])
    }

    /// Whether the kernels use 64-bit integers.
    #[must_use]
    pub fn has_int64(&self) -> bool {
        self.int64
    }

    /// Cuts inputs into chunks of at most `bytes`, so that tests cover chunk boundaries with
    /// small inputs.
    #[doc(hidden)]
    pub fn limit_chunks(&self, bytes: u64) {
        self.chunk_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Destroys the device after this many more submissions, so that tests cover a loss
    /// during a call; 0 cancels.
    #[doc(hidden)]
    pub fn lose_device_after(&self, submissions: u32) {
        self.fail_after.store(submissions, Ordering::Relaxed);
    }

    /// Uses the kernels for adapters without 64-bit integers, to test and measure them on an
    /// adapter that has those. Only verification has such kernels.
    #[must_use]
    pub fn without_int64(mut self) -> Self {
        self.info.detail += WITHOUT_INT64;
        self.int64 = false;
        self
    }

    /// Runs `call` on the device, opened if need be. A fault closes the device and discards
    /// the result.
    fn with_device<R>(&self, call: impl FnOnce(&Device) -> Result<R, Fault>) -> Result<R, Fault> {
        let mut slot = self.lock();
        if slot.is_none() {
            *slot = Some(Device::open(Some(&self.adapter), self.fail_after.clone(), KernelCache::OnDisk)?);
        }
        let device = slot.as_ref().expect("it was just opened");
        let result = call(device).and_then(|value| device.check().map(|()| value));
        match &result {
            Err(Fault::NotServed(_)) | Ok(_) => device.store_kernels(),
            Err(_) => *slot = None,
        }
        result
    }

    fn curve(&self) -> &'static CurveKernels {
        if self.int64 { &ed25519::WIDE } else { &ed25519::NARROW }
    }

    fn chunk_bytes(&self) -> u64 {
        self.chunk_bytes.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Device>> {
        self.device.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backend for Gpu {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    /// Compiles every kernel that operations run, in several threads.
    fn prepare(&self) -> Result<(), Fault> {
        self.with_device(|device| device.compile_all(self.curve()).map(|_| ()))
    }

    fn hash(&self, hash: Hash, records: &Records<'_>, out: &mut [Digest]) -> Result<(), Fault> {
        self.with_device(|device| hash::hash(device, hash, records, out, self.chunk_bytes()))
    }

    fn merkle_root(&self, tree: Tree, leaves: &[Digest]) -> Result<Root, Fault> {
        self.with_device(|device| merkle::root(device, tree, leaves, self.chunk_bytes()))
    }

    fn verify(&self, rule: Rule, batch: &Batch<'_>, out: &mut [bool]) -> Result<(), Fault> {
        self.with_device(|device| ed25519::verify(device, self.curve(), rule, batch, out, self.chunk_bytes()))
    }

    fn first_occurrences(&self, fingerprints: &[Digest], out: &mut [u32]) -> Result<(), Fault> {
        self.with_device(|device| dedup::first_occurrences(device, fingerprints, out, self.chunk_bytes()))
    }

    fn search(&self, puzzle: &Puzzle, window: NonceWindow) -> Result<Option<Nonce>, Fault> {
        self.with_device(|device| pow::search(device, puzzle, window))
    }

    fn check_block(
        &self,
        rule: Rule,
        hash: Hash,
        tree: Tree,
        entries: &Entries<'_>,
    ) -> Result<BlockCheck, Fault> {
        let chunk_bytes = self.chunk_bytes();
        let check = self.with_device(|device| {
            if !check::fits(device, entries, chunk_bytes) {
                return Ok(None);
            }
            let request = CheckRequest { curve: self.curve(), rule, hash, tree, entries };
            check::check_block(device, &request, chunk_bytes).map(Some)
        })?;
        match check {
            Some(check) => Ok(check),
            None => check_call_by_call(self, rule, hash, tree, entries),
        }
    }

    fn take_device_time(&self) -> Option<Duration> {
        self.lock().as_ref().and_then(Device::take_time)
    }
}

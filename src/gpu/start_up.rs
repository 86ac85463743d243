//! The time from opening an adapter to its first verdict.

use std::time::{Duration, Instant};

use super::device::Device;
use super::ed25519::{self, CurveKernels};
use crate::Fault;
use crate::ed25519::{Batch, Rule};

/// The times of an adapter's start.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StartUp {
    /// Opening the device.
    pub open: Duration,
    /// Compiling all kernels, in several threads.
    pub compile: Duration,
    /// The name and compile time of each variant of each kernel that operations run. Some
    /// drivers defer part of the compilation to the first call.
    pub kernels: Vec<(&'static str, Duration)>,
    /// The first call after that, of one signature; it also fills the base point's lookup
    /// table.
    pub first_call: Duration,
}

/// Starts a device. Also returns the driver's data of the compiled kernels.
pub(super) fn measure(
    open: impl FnOnce() -> Result<Device, Fault>,
    curve: &'static CurveKernels,
) -> Result<(StartUp, Vec<u8>), Fault> {
    let (device, open) = timed(open)?;
    let (kernels, compile) = timed(|| device.compile_all(curve))?;
    let ((), first_call) = timed(|| verify_one(&device, curve))?;
    Ok((StartUp { open, compile, kernels, first_call }, device.compiled_kernels()))
}

/// Verifies a signature with A = R = the identity and S = 0, which is valid for every
/// message under `rfc8032`.
fn verify_one(device: &Device, curve: &'static CurveKernels) -> Result<(), Fault> {
    let (mut key, mut signature, mut verdict) = ([0; 32], [0; 64], [false]);
    (key[0], signature[0]) = (1, 1);
    let mut batch = Batch::with_capacity(1);
    batch.push(&key, &signature, b"anything");
    ed25519::verify(device, curve, Rule::Rfc8032, &batch, &mut verdict, u64::MAX)?;
    match verdict {
        [true] => device.check(),
        [false] => Err(Fault::SelfTest("a valid signature was refused".into())),
    }
}

fn timed<T>(job: impl FnOnce() -> Result<T, Fault>) -> Result<(T, Duration), Fault> {
    let start = Instant::now();
    let value = job()?;
    Ok((value, start.elapsed()))
}

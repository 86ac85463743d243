//! How long an adapter takes from its opening to its first answer.

use std::time::{Duration, Instant};

use super::device::Device;
use super::ed25519::{self, Curve};
use crate::Fault;
use crate::ed25519::{Batch, Rule};

/// An adapter's start.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StartUp {
    /// Until the device is open.
    pub open: Duration,
    /// Until all kernels are compiled, by several threads.
    pub compile: Duration,
    /// For each kernel that operations run, in each of its variants, its name and how
    /// long it takes to compile. Some drivers leave part of that to the first call.
    pub kernels: Vec<(&'static str, Duration)>,
    /// The first call after that, of one signature, for which the table of the base
    /// point's multiples is made.
    pub first_call: Duration,
}

/// Starts a device; also gives what it has compiled.
pub(super) fn measure(
    open: impl FnOnce() -> Result<Device, Fault>,
    curve: &'static Curve,
) -> Result<(StartUp, Vec<u8>), Fault> {
    let (device, open) = timed(open)?;
    let (kernels, compile) = timed(|| device.compile_all(curve))?;
    let ((), first_call) = timed(|| verify_one(&device, curve))?;
    Ok((StartUp { open, compile, kernels, first_call }, device.compiled()))
}

/// The identity signs everything for itself.
fn verify_one(device: &Device, curve: &'static Curve) -> Result<(), Fault> {
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

fn timed<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<(T, Duration), Fault> {
    let start = Instant::now();
    let value = work()?;
    Ok((value, start.elapsed()))
}

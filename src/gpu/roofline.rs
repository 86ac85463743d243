//! An adapter's peak rates, which bound its kernels (the roofline model): integer
//! operations, copies in its memory, and transfers from and to the host.
//!
//! A kernel that does nothing else measures each rate, and its result is compared with the
//! host's.

use std::time::{Duration, Instant};

use bytemuck::{Pod, Zeroable};

use super::device::Device;
use super::shader::{Constants, Kernel, lib};
use crate::Fault;

pub(super) static PEAK_U32: Kernel = Kernel {
    name: "peak_u32",
    sources: &[lib::GRID, lib::PEAK_CHAINS, include_str!("../../shaders/peak_u32.wgsl")],
};

pub(super) static PEAK_U64: Kernel = Kernel {
    name: "peak_u64",
    sources: &[lib::GRID, lib::PEAK_CHAINS, include_str!("../../shaders/peak_u64.wgsl")],
};

pub(super) static PEAK_COPY: Kernel =
    Kernel { name: "peak_copy", sources: &[lib::GRID, include_str!("../../shaders/peak_copy.wgsl")] };

/// Invocations of a workgroup.
const WORKGROUP_SIZE: u32 = 128;

/// The fewest and the most invocations of a dispatch.
const MIN_INVOCATIONS: u32 = 1 << 10;
const MAX_INVOCATIONS: u32 = 1 << 22;

/// Iterations of a kernel's loop, and the operations of each.
const ROUNDS: u32 = 512;
const OPERATIONS_PER_ROUND: u32 = 8;

/// The shortest dispatch whose time is used.
const MIN_TIME: Duration = Duration::from_millis(20);

/// Measurements of each rate, of which the fastest counts.
const REPETITIONS: usize = 5;

/// The most bytes of a copy or transfer.
const MAX_BYTES: u64 = 256 << 20;

/// The peak rates of an adapter per second: of operations, counted in each invocation, and
/// of bytes.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PeakRates {
    /// 32-bit additions.
    pub add: f64,
    /// Additions of three words: one instruction where additions take three operands.
    pub add_three: f64,
    /// Ch(a, b, c) of SHA-2: one instruction where logic takes three operands.
    pub choose: f64,
    /// 32-bit rotations, each with an exclusive or.
    pub rotate: f64,
    /// Exclusive ors of three rotated words: Σ and σ of SHA-2.
    pub sigma: f64,
    /// 32-bit multiplications, each with an addition.
    pub multiply: f64,
    /// Multiplications of 32 by 32 bits, each with a 64-bit addition; none without 64-bit
    /// integers.
    pub wide_multiply: Option<f64>,
    /// Bytes read from the adapter's memory by a copy, which writes as many.
    pub copy: f64,
    /// Bytes from the host's staging buffers to the device.
    pub upload: f64,
    /// Bytes from the device to the host's staging buffers.
    pub download: f64,
}

/// The parameters of `shaders/lib/peak_chains.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Params {
    invocations: u32,
    rounds: u32,
}

/// Measures an open device.
pub(super) fn peak_rates(device: &Device) -> Result<PeakRates, Fault> {
    let u32_rate = |number: u32, operation: fn(u32, u32, u32) -> u32| {
        operation_rate(device, &PEAK_U32, &[("OPERATION", number)], 4, |index| expected_u32(index, operation))
    };
    let u64_rate = || operation_rate(device, &PEAK_U64, &[], 1, expected_u64);
    let [copy, upload, download] = byte_rates(device)?;
    Ok(PeakRates {
        add: u32_rate(0, |a, b, _| a.wrapping_add(b))?,
        add_three: u32_rate(4, |a, b, c| a.wrapping_add(b).wrapping_add(c))?,
        choose: u32_rate(1, |a, b, c| a & b | !a & c)?,
        rotate: u32_rate(2, |a, b, _| a.rotate_left(7) ^ b)?,
        sigma: u32_rate(5, |a, b, c| a.rotate_left(7) ^ b.rotate_left(18) ^ c.rotate_left(30))?,
        multiply: u32_rate(3, |a, b, c| a.wrapping_mul(b).wrapping_add(c))?,
        wide_multiply: if device.info.int64 { Some(u64_rate()?) } else { None },
        copy,
        upload,
        download,
    })
}

/// The rate of the operation of `kernel`, which runs on vectors of `width` words. An
/// invocation's result must be `expected` of its index.
fn operation_rate(
    device: &Device,
    kernel: &'static Kernel,
    constants: Constants<'_>,
    width: u32,
    expected: impl Fn(u32) -> u32,
) -> Result<f64, Fault> {
    let mut invocations = MIN_INVOCATIONS;
    let run = |invocations: u32| {
        let results = device.storage(4 * u64::from(invocations))?;
        let mut commands = device.commands();
        let params = Params { invocations, rounds: ROUNDS };
        commands.dispatch(kernel, constants, &[&results], &params, invocations.div_ceil(WORKGROUP_SIZE))?;
        commands.read_back(&results);
        timed(device, || commands.submit()?.wait(|bytes| check(kernel, bytes, &expected))?)
    };
    while invocations < MAX_INVOCATIONS && run(invocations)? < MIN_TIME {
        invocations *= 2;
    }
    let fastest = fastest(|| run(invocations))?;
    let operations = u64::from(invocations) * u64::from(ROUNDS * OPERATIONS_PER_ROUND * width);
    Ok(operations as f64 / fastest.as_secs_f64())
}

/// The rates of bytes copied on the device, uploaded to it and downloaded from it.
fn byte_rates(device: &Device) -> Result<[f64; 3], Fault> {
    let length =
        MAX_BYTES.min(device.limits.max_storage_buffer_binding_size).min(device.limits.max_buffer_size);
    let words = length as u32 / 16 * 4;
    let data: Vec<u32> = (0..words).map(|word| word.wrapping_mul(0x9e37_79b9)).collect();
    let bytes: &[u8] = bytemuck::cast_slice(&data);
    let rate = |time: Duration| bytes.len() as f64 / time.as_secs_f64();
    let output = device.storage(bytes.len() as u64)?;

    let upload = fastest(|| {
        let mut commands = device.commands();
        commands.upload_to(&output, 0, bytes)?;
        let start = Instant::now();
        commands.submit()?.wait(|_| ())?;
        Ok(start.elapsed())
    })?;
    let mut commands = device.commands();
    let input = commands.upload(bytes)?;
    commands.clear(&output);
    commands.submit()?.wait(|_| ())?;
    let copy = fastest(|| {
        let mut commands = device.commands();
        let workgroups = (words / 4).div_ceil(WORKGROUP_SIZE);
        commands.dispatch(&PEAK_COPY, &[], &[&input, &output], &(words / 4), workgroups)?;
        timed(device, || commands.submit()?.wait(|_| ()))
    })?;
    let download = fastest(|| {
        let mut commands = device.commands();
        commands.read_back(&output);
        let start = Instant::now();
        let (time, equal) = commands.submit()?.wait(|found| (start.elapsed(), found == bytes))?;
        if equal { Ok(time) } else { Err(wrong_result(&PEAK_COPY)) }
    })?;
    Ok([copy, upload, download].map(rate))
}

/// The shortest of several measurements.
fn fastest(mut time: impl FnMut() -> Result<Duration, Fault>) -> Result<Duration, Fault> {
    let mut fastest = time()?;
    for _ in 1..REPETITIONS {
        fastest = fastest.min(time()?);
    }
    Ok(fastest)
}

/// The device time of `job`'s kernels, or the host's time where the adapter has no
/// timestamp queries.
fn timed(device: &Device, job: impl FnOnce() -> Result<(), Fault>) -> Result<Duration, Fault> {
    device.take_time();
    let start = Instant::now();
    job()?;
    let elapsed = start.elapsed();
    Ok(device.take_time().filter(|time| !time.is_zero()).unwrap_or(elapsed))
}

/// Compares the first and the last invocation's result with the host's.
fn check(kernel: &Kernel, results: &[u8], expected: impl Fn(u32) -> u32) -> Result<(), Fault> {
    let results: Vec<u32> = bytemuck::pod_collect_to_vec(results);
    let last = results.len() - 1;
    if [0, last].iter().any(|&index| results[index] != expected(index as u32)) {
        return Err(wrong_result(kernel));
    }
    Ok(())
}

fn wrong_result(kernel: &Kernel) -> Fault {
    Fault::SelfTest(format!("the kernel {} gave a wrong result", kernel.name))
}

/// An invocation's chains after all their operations.
fn run_chains<T: Copy>(mut chains: [T; 4], operation: impl Fn(T, T, T) -> T) -> [T; 4] {
    for n in 0..(ROUNDS * OPERATIONS_PER_ROUND) as usize {
        chains[n % 4] = operation(chains[n % 4], chains[(n + 1) % 4], chains[(n + 2) % 4]);
    }
    chains
}

/// The result of `shaders/peak_u32.wgsl` for an invocation.
fn expected_u32(index: u32, operation: fn(u32, u32, u32) -> u32) -> u32 {
    let next = |word: u32| word.wrapping_mul(0x85eb_ca6b).wrapping_add(1);
    let component = |first: u32| {
        let a = index.wrapping_mul(0x9e37_79b9).wrapping_add(first);
        let [b, c, d] = [next(a), next(next(a)), next(next(next(a)))];
        run_chains([a, b, c, d], operation).into_iter().fold(0, |all, word| all ^ word)
    };
    (1..=4).fold(0, |all, first| all ^ component(first))
}

/// The result of `shaders/peak_u64.wgsl` for an invocation.
fn expected_u64(index: u32) -> u32 {
    let next = |word: u64| word.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
    let a = next(u64::from(index));
    let [b, c, d] = [next(a), next(next(a)), next(next(next(a)))];
    let operation = |a: u64, b: u64, c: u64| (a & 0xffff_ffff).wrapping_mul(b >> 32).wrapping_add(c);
    let all = run_chains([a, b, c, d], operation).into_iter().fold(0, |all, word| all ^ word);
    all as u32 ^ (all >> 32) as u32
}

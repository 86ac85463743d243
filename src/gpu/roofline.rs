//! What an adapter can do at most, measured by kernels that do nothing else.

use std::time::{Duration, Instant};

use bytemuck::{Pod, Zeroable};

use super::device::Device;
use super::shader::{Constants, Kernel, lib};
use crate::Fault;

pub(super) static INTEGERS: Kernel = Kernel {
    name: "probe",
    sources: &[lib::GRID, lib::PROBE_CHAINS, include_str!("../../shaders/peak_u32.wgsl")],
};

pub(super) static WIDE: Kernel = Kernel {
    name: "probe_wide",
    sources: &[lib::GRID, lib::PROBE_CHAINS, include_str!("../../shaders/peak_u64.wgsl")],
};

pub(super) static COPY: Kernel =
    Kernel { name: "probe_copy", sources: &[lib::GRID, include_str!("../../shaders/peak_copy.wgsl")] };

/// Lanes of a workgroup.
const WORKGROUP: u32 = 128;

/// Lanes of the first dispatch, and of any.
const FEWEST_LANES: u32 = 1 << 10;
const MOST_LANES: u32 = 1 << 22;

/// Turns of a kernel's loop, with this many steps each.
const TURNS: u32 = 512;
const STEPS: u32 = 8;

/// How long a dispatch takes that is believed.
const LONG: Duration = Duration::from_millis(20);

/// How often each is measured; the fastest counts.
const ROUNDS: usize = 5;

/// The most bytes that are copied.
const BYTES: u64 = 256 << 20;

/// The highest rates of an adapter, a second: of operations with each lane
/// counted, and of bytes. Every result is compared with the host's.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Ceilings {
    /// 32-bit additions.
    pub add: f64,
    /// Sums of three words: one instruction where additions take three operands.
    pub add_three: f64,
    /// Choices between the bits of two words by those of a third: one instruction
    /// where logic takes three operands.
    pub choose: f64,
    /// Rotations of 32 bits, each with an exclusive or.
    pub rotate: f64,
    /// The exclusive or of three words, each rotated: SHA-2's Σ and σ.
    pub sigma: f64,
    /// 32-bit products, each added to a word.
    pub multiply: f64,
    /// Products of 64 bits, each added to a double word; none without 64-bit integers.
    pub wide_multiply: Option<f64>,
    /// Bytes of its own memory read, and as many written.
    pub copy: f64,
    /// Bytes from the host's staging to the device.
    pub upload: f64,
    /// Bytes from the device to the host's staging.
    pub download: f64,
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Params {
    lanes: u32,
    turns: u32,
}

/// Measures an open device.
pub(super) fn ceilings(device: &Device) -> Result<Ceilings, Fault> {
    let narrow = |operation: u32, step: fn(u32, u32, u32) -> u32| {
        operations(device, &INTEGERS, &[("OPERATION", operation)], 4, |lane| narrow_result(lane, step))
    };
    let wide = || operations(device, &WIDE, &[], 1, wide_result);
    let [copy, upload, download] = bytes(device)?;
    Ok(Ceilings {
        add: narrow(0, |a, b, _| a.wrapping_add(b))?,
        add_three: narrow(4, |a, b, c| a.wrapping_add(b).wrapping_add(c))?,
        choose: narrow(1, |a, b, c| a & b | !a & c)?,
        rotate: narrow(2, |a, b, _| a.rotate_left(7) ^ b)?,
        sigma: narrow(5, |a, b, c| a.rotate_left(7) ^ b.rotate_left(18) ^ c.rotate_left(30))?,
        multiply: narrow(3, |a, b, c| a.wrapping_mul(b).wrapping_add(c))?,
        wide_multiply: if device.info.int64 { Some(wide()?) } else { None },
        copy,
        upload,
        download,
    })
}

/// Operations a second of `kernel`, whose steps are `width` operations each.
fn operations(
    device: &Device,
    kernel: &'static Kernel,
    constants: Constants<'_>,
    width: u32,
    expected: impl Fn(u32) -> u32,
) -> Result<f64, Fault> {
    let mut lanes = FEWEST_LANES;
    let run = |lanes: u32| {
        let results = device.storage(4 * u64::from(lanes))?;
        let mut batch = device.batch();
        let params = Params { lanes, turns: TURNS };
        batch.dispatch(kernel, constants, &[&results], &params, lanes.div_ceil(WORKGROUP))?;
        batch.read_back(&results);
        timed(device, || batch.submit()?.wait(|bytes| check(kernel, bytes, &expected))?)
    };
    while lanes < MOST_LANES && run(lanes)? < LONG {
        lanes *= 2;
    }
    let fastest = fastest(|| run(lanes))?;
    let operations = u64::from(lanes) * u64::from(TURNS * STEPS * width);
    Ok(operations as f64 / fastest.as_secs_f64())
}

/// Bytes copied on the device, to it and from it in a second.
fn bytes(device: &Device) -> Result<[f64; 3], Fault> {
    let length = BYTES.min(device.limits.max_storage_buffer_binding_size).min(device.limits.max_buffer_size);
    let words = length as u32 / 16 * 4;
    let data: Vec<u32> = (0..words).map(|word| word.wrapping_mul(0x9e37_79b9)).collect();
    let bytes: &[u8] = bytemuck::cast_slice(&data);
    let rate = |time: Duration| bytes.len() as f64 / time.as_secs_f64();
    let output = device.storage(bytes.len() as u64)?;

    let upload = fastest(|| {
        let mut batch = device.batch();
        batch.upload_to(&output, 0, bytes)?;
        let start = Instant::now();
        batch.submit()?.wait(|_| ())?;
        Ok(start.elapsed())
    })?;
    let mut batch = device.batch();
    let input = batch.upload(bytes)?;
    batch.clear(&output);
    batch.submit()?.wait(|_| ())?;
    let copy = fastest(|| {
        let mut batch = device.batch();
        let groups = (words / 4).div_ceil(WORKGROUP);
        batch.dispatch(&COPY, &[], &[&input, &output], &(words / 4), groups)?;
        timed(device, || batch.submit()?.wait(|_| ()))
    })?;
    let download = fastest(|| {
        let mut batch = device.batch();
        batch.read_back(&output);
        let start = Instant::now();
        let (time, same) = batch.submit()?.wait(|found| (start.elapsed(), found == bytes))?;
        if same { Ok(time) } else { Err(wrong(&COPY)) }
    })?;
    Ok([copy, upload, download].map(rate))
}

/// The shortest of several times.
fn fastest(mut time: impl FnMut() -> Result<Duration, Fault>) -> Result<Duration, Fault> {
    let mut fastest = time()?;
    for _ in 1..ROUNDS {
        fastest = fastest.min(time()?);
    }
    Ok(fastest)
}

/// How long kernels ran; by the host's clock where the adapter has no timestamps.
fn timed(device: &Device, work: impl FnOnce() -> Result<(), Fault>) -> Result<Duration, Fault> {
    device.take_time();
    let start = Instant::now();
    work()?;
    let elapsed = start.elapsed();
    Ok(device.take_time().filter(|time| !time.is_zero()).unwrap_or(elapsed))
}

/// Compares the first and the last lane's result with the host's.
fn check(kernel: &Kernel, results: &[u8], expected: impl Fn(u32) -> u32) -> Result<(), Fault> {
    let results: Vec<u32> = bytemuck::pod_collect_to_vec(results);
    let last = results.len() - 1;
    if [0, last].iter().any(|&lane| results[lane] != expected(lane as u32)) {
        return Err(wrong(kernel));
    }
    Ok(())
}

fn wrong(kernel: &Kernel) -> Fault {
    Fault::SelfTest(format!("the kernel {} gave a wrong result", kernel.name))
}

/// The steps of a lane's chains.
fn chains<T: Copy>(mut chains: [T; 4], step: impl Fn(T, T, T) -> T) -> [T; 4] {
    for n in 0..(TURNS * STEPS) as usize {
        chains[n % 4] = step(chains[n % 4], chains[(n + 1) % 4], chains[(n + 2) % 4]);
    }
    chains
}

/// What `shaders/peak_u32.wgsl` gives for a lane.
fn narrow_result(lane: u32, step: fn(u32, u32, u32) -> u32) -> u32 {
    let next = |word: u32| word.wrapping_mul(0x85eb_ca6b).wrapping_add(1);
    let component = |first: u32| {
        let a = lane.wrapping_mul(0x9e37_79b9).wrapping_add(first);
        let [b, c, d] = [next(a), next(next(a)), next(next(next(a)))];
        chains([a, b, c, d], step).into_iter().fold(0, |all, word| all ^ word)
    };
    (1..=4).fold(0, |all, first| all ^ component(first))
}

/// What `shaders/peak_u64.wgsl` gives for a lane.
fn wide_result(lane: u32) -> u32 {
    let next = |word: u64| word.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
    let a = next(u64::from(lane));
    let [b, c, d] = [next(a), next(next(a)), next(next(next(a)))];
    let step = |a: u64, b: u64, c: u64| (a & 0xffff_ffff).wrapping_mul(b >> 32).wrapping_add(c);
    let all = chains([a, b, c, d], step).into_iter().fold(0, |all, word| all ^ word);
    all as u32 ^ (all >> 32) as u32
}

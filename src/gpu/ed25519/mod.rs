//! Signatures on the device: the host packs and uploads, five kernels do the rest.
//!
//! | kernel | for each signature | products M, squares S |
//! |---|---|---|
//! | `ed25519_hash` | k = SHA-512(R ‖ A ‖ M) mod L, S < L | |
//! | `ed25519_halves` | u and v of half the length, u = v k mod 8 L; v S mod L; digits of all | |
//! | `ed25519_points` | A and R decoded, the tables of −A or A, and of −R | 158 M + 510 S |
//! | `ed25519_ladder` | whether \[v S\]B − \[u\]A − \[v\]R is the identity | 1027 M + 512 S |
//! | `ed25519_base` | once for a device: \[1\]B … \[32768\]B, and of \[2^128\]B | |
//!
//! With 64-bit integers that is 145,000 multiplies of 32 by 32 bits for a
//! signature, without them 570,000 of 32 bits (see `super::op_counts`). Digits of 4 bits for
//! u and v: of 5 would save 2 % of that, and twice the tables. Digits of 16 bits for v S:
//! half the additions of 8, and 8 MiB that every signature shares.
//!
//! \[S\]B − \[k\]A = R holds exactly if v times it does: v is odd and shorter than L, so
//! that it has no divisor in common with the order of any point, torsion included.

#[cfg(test)]
mod half_size;

use std::ops::Range;
use std::time::{Duration, Instant};

use bytemuck::{Pod, Zeroable};

use super::buffers::Buffer;
use super::command_list::{Batch as Work, pipelined};
use super::device::Device;
use super::shader::{Kernel, lib};
use crate::ed25519::{Batch, Rule};
use crate::{Fault, Records};

pub(super) static HASH: Kernel = Kernel {
    name: "ed25519_hash",
    sources: &[
        lib::GRID,
        include_str!("../../../shaders/lib/sha512.wgsl"),
        include_str!("../../../shaders/lib/sha512_rounds.wgsl"),
        include_str!("../../../shaders/lib/scalar25519.wgsl"),
        include_str!("../../../shaders/ed25519_hash.wgsl"),
    ],
};

pub(super) static HALVES: Kernel = Kernel {
    name: "ed25519_halves",
    sources: &[
        lib::GRID,
        include_str!("../../../shaders/lib/scalar25519.wgsl"),
        include_str!("../../../shaders/lib/half_size25519.wgsl"),
        include_str!("../../../shaders/lib/recoded_scalars.wgsl"),
        include_str!("../../../shaders/ed25519_half_size.wgsl"),
    ],
};

/// The kernels over field elements, in one form of those.
pub(super) struct Curve {
    pub base: Kernel,
    pub points: Kernel,
    pub ladder: Kernel,
}

impl Curve {
    /// Whether `kernel` is not one of the other form's.
    pub fn uses(&self, kernel: &Kernel) -> bool {
        let own = |curve: &Curve| {
            [&curve.base, &curve.points, &curve.ladder].into_iter().any(|own| own.name == kernel.name)
        };
        own(self) || !(own(&WIDE) || own(&NARROW))
    }
}

macro_rules! curve_kernel {
    ($form:literal, $name:literal) => {
        Kernel {
            name: concat!($name, " ", $form),
            sources: &[
                lib::GRID,
                include_str!(concat!("../../../shaders/lib/field25519_", $form, ".wgsl")),
                include_str!("../../../shaders/lib/edwards25519.wgsl"),
                include_str!("../../../shaders/lib/recoded_scalars.wgsl"),
                include_str!(concat!("../../../shaders/", $name, ".wgsl")),
            ],
        }
    };
}

macro_rules! curve {
    ($form:literal) => {
        Curve {
            base: curve_kernel!($form, "ed25519_base_table"),
            points: curve_kernel!($form, "ed25519_tables"),
            ladder: curve_kernel!($form, "ed25519_msm"),
        }
    };
}

/// On adapters with 64-bit integers.
pub(super) static WIDE: Curve = curve!("wide");

/// On all adapters.
pub(super) static NARROW: Curve = curve!("narrow");

const WORKGROUP: u32 = 64;

/// Bytes of a multiple of B, and how many there are.
const BASE_ROW: u64 = 128;
const BASE_ROWS: u32 = 2 << 15;

/// Bytes of a point's table, and of what a signature's points are multiplied by.
const TABLE: u64 = 8 * 160;
const SCALARS: u64 = 112;

/// A message above this many bytes is hashed in as many dispatches as it has
/// windows of this size, so that none takes long; and because lavapipe ends all
/// loops of an invocation after 65,535 steps together, here 17 for each block.
const WINDOW: usize = 1 << 18;
const BLOCK: usize = 128;

/// The bytes before the message in what is hashed: R ‖ A.
const PREFIX: usize = 64;

/// Bytes of messages that a chunk takes.
const CHUNK_BYTES: u64 = 64 << 20;

/// Chunks grow and shrink between these until they take a time near `PACE`, so
/// that no dispatch takes longer than 100 ms.
pub(super) const SMALLEST_CHUNK: usize = 1 << 13;
const LARGEST_CHUNK: usize = 1 << 18;
const PACE: Duration = Duration::from_millis(60);

/// What `ed25519_hash` knows of a message.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Item {
    /// Where the message begins in what is uploaded; below 0, wrapping, if its
    /// first bytes are not there.
    start: u32,
    length: u32,
    index: u32,
}

/// A verdict for each signature.
pub(super) fn verify(
    device: &Device,
    curve: &'static Curve,
    rule: Rule,
    batch: &Batch<'_>,
    out: &mut [bool],
    chunk_bytes: u64,
) -> Result<(), Fault> {
    check_lengths(batch.messages())?;
    let base = base(device, curve)?;
    let start = |(chunk, _): &(Range<usize>, Instant)| {
        let batch = batch.slice(chunk.clone());
        let mut chunk = Chunk::new(device, &batch)?;
        chunk.hash(batch.messages())?;
        chunk.verify(curve, &base, rule)?;
        chunk.work.read_back(&chunk.verdicts);
        chunk.work.submit()
    };
    pipelined(chunks(device, batch.messages(), chunk_bytes), start, |(chunk, begun), verdicts| {
        read_verdicts(device, verdicts, begun, &mut out[chunk]);
        Ok(())
    })
}

/// The signatures that are on the device at once, chunk by chunk, each as large as
/// those before it suggest; and when a chunk was begun.
pub(super) fn chunks(
    device: &Device,
    messages: &Records<'_>,
    chunk_bytes: u64,
) -> impl Iterator<Item = (Range<usize>, Instant)> {
    let most = most_signatures(device, chunk_bytes);
    let mut from = 0;
    std::iter::from_fn(move || {
        let size = device.signatures_at_once.get().min(most);
        let chunk = next_chunk(messages, from, size, chunk_bytes.min(CHUNK_BYTES))?;
        from = chunk.end;
        Some((chunk, Instant::now()))
    })
}

/// The verdicts of a chunk from what was read back; its time counts for later ones.
pub(super) fn read_verdicts(device: &Device, verdicts: &[u8], begun: Instant, out: &mut [bool]) {
    let size = &device.signatures_at_once;
    if out.len() == size.get() {
        size.set(next_size(out.len(), begun.elapsed()));
    }
    for (out, &verdict) in out.iter_mut().zip(bytemuck::cast_slice::<u8, u32>(verdicts)) {
        *out = verdict == 1;
    }
}

/// Positions in messages are counted in 32 bits on the device.
fn check_lengths(messages: &Records<'_>) -> Result<(), Fault> {
    let most = u32::MAX as usize - 2 * BLOCK;
    match (0..messages.len()).find(|&index| messages.length(index) > most) {
        Some(index) => Err(Fault::NotServed(format!(
            "message {index} has {} bytes, kernels take {most}",
            messages.length(index)
        ))),
        None => Ok(()),
    }
}

fn most_signatures(device: &Device, chunk_bytes: u64) -> usize {
    let bytes = device.limits.max_storage_buffer_binding_size.min(chunk_bytes);
    (bytes / (2 * TABLE)).clamp(1, LARGEST_CHUNK as u64) as usize
}

/// A chunk's time counts from its packing to its verdicts, with up to two others
/// on the way; so the device was at work on it for a third of that or longer.
fn next_size(size: usize, elapsed: Duration) -> usize {
    if elapsed < PACE {
        return (2 * size).min(LARGEST_CHUNK);
    }
    if elapsed > 4 * PACE {
        return (size / 2).max(SMALLEST_CHUNK);
    }
    size
}

/// Signatures from `from` on, at most `size`; a long message is alone.
fn next_chunk(messages: &Records<'_>, from: usize, size: usize, bytes: u64) -> Option<Range<usize>> {
    if from == messages.len() {
        return None;
    }
    let fitting = messages.slice(from..messages.len()).chunks(size, bytes).next()?;
    let short = fitting.take_while(|index| messages.length(from + index) <= WINDOW).count();
    Some(from..from + short.max(1))
}

pub(super) fn base<'d>(device: &'d Device, curve: &'static Curve) -> Result<Buffer<'d>, Fault> {
    device.resident(curve.base.name, BASE_ROW * u64::from(BASE_ROWS), |base| {
        let mut work = device.batch();
        work.dispatch(&curve.base, &[], &[base], &(), BASE_ROWS / WORKGROUP)?;
        work.submit()?.wait(|_| ())
    })
}

/// Signatures that are on the device at once.
pub(super) struct Chunk<'d> {
    device: &'d Device,
    pub work: Work<'d>,
    count: u32,
    pub keys: Buffer<'d>,
    pub signatures: Buffer<'d>,
    scalars: Buffer<'d>,
    pub verdicts: Buffer<'d>,
}

impl<'d> Chunk<'d> {
    pub fn new(device: &'d Device, batch: &Batch<'_>) -> Result<Self, Fault> {
        let count = batch.len() as u64;
        let mut work = device.batch();
        Ok(Chunk {
            keys: work.upload(bytemuck::cast_slice(batch.keys()))?,
            signatures: work.upload(bytemuck::cast_slice(batch.signatures()))?,
            scalars: device.storage(SCALARS * count)?,
            verdicts: device.storage(4 * count)?,
            count: count as u32,
            device,
            work,
        })
    }

    /// Hashes the messages; returns where they are, or the last window of a long one.
    pub fn hash(&mut self, messages: &Records<'_>) -> Result<Buffer<'d>, Fault> {
        if messages.length(0) > WINDOW {
            return self.hash_windows(messages.get(0));
        }
        let first = messages.offsets()[0];
        let item = |index: usize| Item {
            start: (messages.offsets()[index] - first) as u32,
            length: messages.length(index) as u32,
            index: index as u32,
        };
        let mut items: Vec<_> = (0..messages.len()).map(item).collect();
        // Neighbours run in step: each waits for the longest of its group.
        items.sort_unstable_by_key(|item| blocks(item.length as usize));
        let end = first + messages.total_bytes();
        self.hash_blocks(&items, &messages.bytes()[first as usize..end as usize], 0..usize::MAX)
    }

    /// Hashes the one message of this chunk window by window, each in a
    /// submission of its own; the last one is left to be submitted.
    fn hash_windows(&mut self, message: &[u8]) -> Result<Buffer<'d>, Fault> {
        let blocks = blocks(message.len());
        let mut first = 0;
        loop {
            let end = blocks.min(first + WINDOW / BLOCK);
            let from = message.len().min((first * BLOCK).saturating_sub(PREFIX));
            let to = message.len().min(end * BLOCK - PREFIX);
            let item = Item { start: 0u32.wrapping_sub(from as u32), length: message.len() as u32, index: 0 };
            let window = self.hash_blocks(&[item], &message[from..to], first..end)?;
            if end == blocks {
                return Ok(window);
            }
            let rest = self.device.batch();
            std::mem::replace(&mut self.work, rest).submit()?.wait(|_| ())?;
            first = end;
        }
    }

    fn hash_blocks(
        &mut self,
        items: &[Item],
        bytes: &[u8],
        blocks: Range<usize>,
    ) -> Result<Buffer<'d>, Fault> {
        let count = items.len() as u32;
        let params = [count, blocks.start as u32, blocks.end as u32];
        let items = self.work.upload(bytemuck::cast_slice(items))?;
        let messages = self.work.upload(bytes)?;
        let bindings = [&self.keys, &self.signatures, &items, &messages, &self.scalars, &self.verdicts];
        self.work.dispatch(&HASH, &[], &bindings, &params, count.div_ceil(WORKGROUP))?;
        Ok(messages)
    }

    /// Whether each signature is valid, once the messages are hashed.
    pub fn verify(&mut self, curve: &'static Curve, base: &Buffer<'d>, rule: Rule) -> Result<(), Fault> {
        let Chunk { device, work, count, keys, signatures, scalars, verdicts } = self;
        let groups = |invocations: u32| invocations.div_ceil(WORKGROUP);
        let tables = device.storage(2 * TABLE * u64::from(*count))?;
        let params = [*count, rule_number(rule)];

        work.dispatch(&HALVES, &[], &[signatures, scalars], count, groups(*count))?;
        let bindings = [&*keys, signatures, scalars, &tables, verdicts];
        work.dispatch(&curve.points, &[], &bindings, &params, groups(2 * *count))?;
        work.dispatch(&curve.ladder, &[], &[scalars, &tables, base, verdicts], &params, groups(*count))
    }
}

/// SHA-512's blocks for R ‖ A and a message of `length` bytes, with 0x80 and 16
/// bytes of length after them.
fn blocks(length: usize) -> usize {
    (PREFIX + length + 1 + 16).div_ceil(BLOCK)
}

/// As the kernels number them.
fn rule_number(rule: Rule) -> u32 {
    match rule {
        Rule::Rfc8032 => 0,
        Rule::Strict => 1,
        Rule::Zip215 => 2,
    }
}

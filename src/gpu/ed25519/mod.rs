//! Ed25519 verification on the device: the host packs and uploads, five kernels compute.
//!
//! | kernel | for each signature | products M, squares S |
//! |---|---|---|
//! | `ed25519_hash` | k = SHA-512(R ‖ A ‖ M) mod L; S < L | |
//! | `ed25519_half_size` | half-size scalars u and v with u = v k mod 8 L; v S mod L; recodes all three | |
//! | `ed25519_tables` | decodes A and R; lookup tables of −A or A, and of −R | 158 M + 510 S |
//! | `ed25519_msm` | whether \[v S\]B − \[u\]A − \[v\]R is the identity | 1027 M + 512 S |
//! | `ed25519_base_table` | once for a device: \[1\]B … \[32768\]B, and the same of \[2^128\]B | |
//!
//! With 64-bit integers a signature takes 145,000 multiplications of 32 by 32 bits, without
//! them 570,000 of 32 bits (see `super::op_counts`). u and v have digits of 4 bits: 5 bits
//! would save 2 % of the multiplications and double the tables. v S has digits of 16 bits:
//! half the additions of 8-bit digits, and a table of 8 MiB that all signatures share.
//!
//! \[S\]B − \[k\]A = R holds exactly if it holds multiplied by v: v is odd and less than L,
//! so it is coprime to 8 L, and thus to the order of every point, torsion included.

#[cfg(test)]
mod half_size;

use std::ops::Range;
use std::time::{Duration, Instant};

use bytemuck::{Pod, Zeroable};

use super::buffers::Buffer;
use super::command_list::{CommandList, pipelined};
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

pub(super) static HALF_SIZE: Kernel = Kernel {
    name: "ed25519_half_size",
    sources: &[
        lib::GRID,
        include_str!("../../../shaders/lib/scalar25519.wgsl"),
        include_str!("../../../shaders/lib/half_size25519.wgsl"),
        include_str!("../../../shaders/lib/recoded_scalars.wgsl"),
        include_str!("../../../shaders/ed25519_half_size.wgsl"),
    ],
};

/// The kernels of the curve's arithmetic, over one form of field elements.
pub(super) struct CurveKernels {
    pub base_table: Kernel,
    pub tables: Kernel,
    pub msm: Kernel,
}

impl CurveKernels {
    /// Whether `kernel` is used with these kernels: it is not one of the other form's.
    pub fn uses(&self, kernel: &Kernel) -> bool {
        let is_of = |curve: &CurveKernels| {
            [&curve.base_table, &curve.tables, &curve.msm].into_iter().any(|own| own.name == kernel.name)
        };
        is_of(self) || !(is_of(&WIDE) || is_of(&NARROW))
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

macro_rules! curve_kernels {
    ($form:literal) => {
        CurveKernels {
            base_table: curve_kernel!($form, "ed25519_base_table"),
            tables: curve_kernel!($form, "ed25519_tables"),
            msm: curve_kernel!($form, "ed25519_msm"),
        }
    };
}

/// Over limbs of 29 bits with 64-bit products, for adapters with 64-bit integers.
pub(super) static WIDE: CurveKernels = curve_kernels!("wide");

/// Over limbs of 13 bits with 32-bit products, for all adapters.
pub(super) static NARROW: CurveKernels = curve_kernels!("narrow");

/// Invocations of a workgroup.
const WORKGROUP_SIZE: u32 = 64;

/// Bytes of an entry of the base point's table, and the number of entries.
const BASE_ENTRY_BYTES: u64 = 128;
const BASE_ENTRIES: u32 = 2 << 15;

/// Bytes of a point's lookup table, and of a signature's recoded scalars.
const TABLE_BYTES: u64 = 8 * 160;
const SCALAR_BYTES: u64 = 112;

/// Longer messages are hashed in segments of this many bytes, a submission for each, to
/// keep dispatches short. Besides, lavapipe ends the loops of an invocation after 65,535
/// iterations in all; the kernel takes 17 for each block.
const SEGMENT: usize = 1 << 18;
const BLOCK: usize = 128;

/// The bytes of R ‖ A, which are hashed before the message.
const PREFIX: usize = 64;

/// The most message bytes of a chunk.
const CHUNK_BYTES: u64 = 64 << 20;

/// The fewest and the most signatures of a chunk. Chunks grow and shrink until one takes
/// from one to four times `TARGET_TIME`, so that no dispatch takes longer than 100 ms.
pub(super) const MIN_CHUNK: usize = 1 << 13;
const MAX_CHUNK: usize = 1 << 18;
const TARGET_TIME: Duration = Duration::from_millis(60);

/// Where `ed25519_hash` finds a message.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct MessageSpan {
    /// The message's first byte in the uploaded bytes; wraps below 0 where the message's
    /// beginning is not uploaded.
    start: u32,
    /// The message's length in bytes.
    length: u32,
    /// The signature's index in the chunk.
    index: u32,
}

/// Writes a verdict for each signature.
pub(super) fn verify(
    device: &Device,
    curve: &'static CurveKernels,
    rule: Rule,
    batch: &Batch<'_>,
    out: &mut [bool],
    chunk_bytes: u64,
) -> Result<(), Fault> {
    check_lengths(batch.messages())?;
    let base_table = base_table(device, curve)?;
    let submit = |(chunk, _): &(Range<usize>, Instant)| {
        let batch = batch.slice(chunk.clone());
        let mut chunk = Chunk::new(device, &batch)?;
        chunk.hash(batch.messages())?;
        chunk.verify(curve, &base_table, rule)?;
        chunk.commands.read_back(&chunk.verdicts);
        chunk.commands.submit()
    };
    pipelined(chunks(device, batch.messages(), chunk_bytes), submit, |(chunk, start), verdicts| {
        read_verdicts(device, verdicts, start, &mut out[chunk]);
        Ok(())
    })
}

/// The ranges of signatures of each chunk, sized by the times of earlier chunks, and the
/// time when the chunk begins.
pub(super) fn chunks(
    device: &Device,
    messages: &Records<'_>,
    chunk_bytes: u64,
) -> impl Iterator<Item = (Range<usize>, Instant)> {
    let limit = max_signatures(device, chunk_bytes);
    let mut from = 0;
    std::iter::from_fn(move || {
        let size = device.signature_chunk_size.get().min(limit);
        let chunk = next_chunk(messages, from, size, chunk_bytes.min(CHUNK_BYTES))?;
        from = chunk.end;
        Some((chunk, Instant::now()))
    })
}

/// Reads a chunk's verdicts, and adapts the size of later chunks to its time.
pub(super) fn read_verdicts(device: &Device, verdicts: &[u8], start: Instant, out: &mut [bool]) {
    let size = &device.signature_chunk_size;
    if out.len() == size.get() {
        size.set(next_size(out.len(), start.elapsed()));
    }
    for (out, &verdict) in out.iter_mut().zip(bytemuck::cast_slice::<u8, u32>(verdicts)) {
        *out = verdict == 1;
    }
}

/// Kernels count message positions in 32 bits: longer messages are not served.
fn check_lengths(messages: &Records<'_>) -> Result<(), Fault> {
    let limit = u32::MAX as usize - 2 * BLOCK;
    match (0..messages.len()).find(|&index| messages.length(index) > limit) {
        Some(index) => Err(Fault::NotServed(format!(
            "message {index} has {} bytes, kernels take {limit}",
            messages.length(index)
        ))),
        None => Ok(()),
    }
}

/// The most signatures whose lookup tables fit in a binding.
fn max_signatures(device: &Device, chunk_bytes: u64) -> usize {
    let bytes = device.limits.max_storage_buffer_binding_size.min(chunk_bytes);
    (bytes / (2 * TABLE_BYTES)).clamp(1, MAX_CHUNK as u64) as usize
}

/// The size of the next chunk. `elapsed` is from packing a chunk to reading its verdicts,
/// with up to two other chunks in flight: the device took at least a third of it.
fn next_size(size: usize, elapsed: Duration) -> usize {
    if elapsed < TARGET_TIME {
        return (2 * size).min(MAX_CHUNK);
    }
    if elapsed > 4 * TARGET_TIME {
        return (size / 2).max(MIN_CHUNK);
    }
    size
}

/// The next signatures from `from` on, at most `size`. A message longer than a segment is a
/// chunk of its own.
fn next_chunk(messages: &Records<'_>, from: usize, size: usize, bytes: u64) -> Option<Range<usize>> {
    if from == messages.len() {
        return None;
    }
    let fitting = messages.slice(from..messages.len()).chunks(size, bytes).next()?;
    let short = fitting.take_while(|index| messages.length(from + index) <= SEGMENT).count();
    Some(from..from + short.max(1))
}

/// The base point's lookup table, which is filled at its first use.
pub(super) fn base_table<'d>(device: &'d Device, curve: &'static CurveKernels) -> Result<Buffer<'d>, Fault> {
    let bytes = BASE_ENTRY_BYTES * u64::from(BASE_ENTRIES);
    device.resident(curve.base_table.name, bytes, |table| {
        let mut commands = device.commands();
        commands.dispatch(&curve.base_table, &[], &[table], &(), BASE_ENTRIES / WORKGROUP_SIZE)?;
        commands.submit()?.wait(|_| ())
    })
}

/// A chunk of signatures on the device, and the commands that verify it.
pub(super) struct Chunk<'d> {
    device: &'d Device,
    pub commands: CommandList<'d>,
    count: u32,
    pub keys: Buffer<'d>,
    pub signatures: Buffer<'d>,
    scalars: Buffer<'d>,
    pub verdicts: Buffer<'d>,
}

impl<'d> Chunk<'d> {
    /// Uploads keys and signatures.
    pub fn new(device: &'d Device, batch: &Batch<'_>) -> Result<Self, Fault> {
        let count = batch.len() as u64;
        let mut commands = device.commands();
        Ok(Chunk {
            keys: commands.upload(bytemuck::cast_slice(batch.keys()))?,
            signatures: commands.upload(bytemuck::cast_slice(batch.signatures()))?,
            scalars: device.storage(SCALAR_BYTES * count)?,
            verdicts: device.storage(4 * count)?,
            count: count as u32,
            device,
            commands,
        })
    }

    /// Hashes the messages. Returns their buffer, or that of a long message's last segment.
    pub fn hash(&mut self, messages: &Records<'_>) -> Result<Buffer<'d>, Fault> {
        if messages.length(0) > SEGMENT {
            return self.hash_segments(messages.get(0));
        }
        let first = messages.offsets()[0];
        let span = |index: usize| MessageSpan {
            start: (messages.offsets()[index] - first) as u32,
            length: messages.length(index) as u32,
            index: index as u32,
        };
        let mut spans: Vec<_> = (0..messages.len()).map(span).collect();
        // Invocations of a subgroup run in lockstep, until the longest message ends.
        spans.sort_unstable_by_key(|span| blocks(span.length as usize));
        let end = first + messages.total_bytes();
        self.hash_blocks(&spans, &messages.bytes()[first as usize..end as usize], 0..usize::MAX)
    }

    /// Hashes this chunk's only message in segments, a submission for each but the last,
    /// which is left in `commands`.
    fn hash_segments(&mut self, message: &[u8]) -> Result<Buffer<'d>, Fault> {
        let blocks = blocks(message.len());
        let mut first = 0;
        loop {
            let end = blocks.min(first + SEGMENT / BLOCK);
            let from = message.len().min((first * BLOCK).saturating_sub(PREFIX));
            let to = message.len().min(end * BLOCK - PREFIX);
            let start = 0u32.wrapping_sub(from as u32);
            let span = MessageSpan { start, length: message.len() as u32, index: 0 };
            let segment = self.hash_blocks(&[span], &message[from..to], first..end)?;
            if end == blocks {
                return Ok(segment);
            }
            let next = self.device.commands();
            std::mem::replace(&mut self.commands, next).submit()?.wait(|_| ())?;
            first = end;
        }
    }

    /// Hashes these blocks of the messages, whose uploaded part is `bytes`. Returns the
    /// messages' buffer.
    fn hash_blocks(
        &mut self,
        spans: &[MessageSpan],
        bytes: &[u8],
        blocks: Range<usize>,
    ) -> Result<Buffer<'d>, Fault> {
        let count = spans.len() as u32;
        let params = [count, blocks.start as u32, blocks.end as u32];
        let spans = self.commands.upload(bytemuck::cast_slice(spans))?;
        let messages = self.commands.upload(bytes)?;
        let bindings = [&self.keys, &self.signatures, &spans, &messages, &self.scalars, &self.verdicts];
        self.commands.dispatch(&HASH, &[], &bindings, &params, count.div_ceil(WORKGROUP_SIZE))?;
        Ok(messages)
    }

    /// Computes the verdicts, after the messages are hashed.
    pub fn verify(
        &mut self,
        curve: &'static CurveKernels,
        base_table: &Buffer<'d>,
        rule: Rule,
    ) -> Result<(), Fault> {
        let Chunk { device, commands, count, keys, signatures, scalars, verdicts } = self;
        let workgroups = |invocations: u32| invocations.div_ceil(WORKGROUP_SIZE);
        let tables = device.storage(2 * TABLE_BYTES * u64::from(*count))?;
        let params = [*count, rule_number(rule)];

        commands.dispatch(&HALF_SIZE, &[], &[signatures, scalars], count, workgroups(*count))?;
        let bindings = [&*keys, signatures, scalars, &tables, verdicts];
        commands.dispatch(&curve.tables, &[], &bindings, &params, workgroups(2 * *count))?;
        let bindings = [&*scalars, &tables, base_table, verdicts];
        commands.dispatch(&curve.msm, &[], &bindings, &params, workgroups(*count))
    }
}

/// SHA-512's blocks of R ‖ A, a message of `length` bytes and the padding: 0x80 and 16 bytes
/// of length at least.
fn blocks(length: usize) -> usize {
    (PREFIX + length + 1 + 16).div_ceil(BLOCK)
}

/// The rule's number in the kernels.
fn rule_number(rule: Rule) -> u32 {
    match rule {
        Rule::Rfc8032 => 0,
        Rule::Strict => 1,
        Rule::Zip215 => 2,
    }
}

//! First occurrences of fingerprints, by a hash table of positions on the device.
//!
//! The fingerprints and the table must fit in bindings. Larger inputs are partitioned by
//! a secret hash, so that equal fingerprints fall into one partition. A partition is
//! processed in blocks: each block together with the distinct fingerprints of the blocks
//! before it.

use std::hash::{BuildHasher, RandomState};

use bytemuck::{Pod, Zeroable};

use super::buffers::Buffer;
use super::command_list::{CommandList, pipelined};
use super::device::Device;
use super::shader::{Kernel, lib};
use crate::{Digest, Fault};

pub(super) static INSERT: Kernel =
    Kernel { name: "dedup_insert", sources: &[lib::GRID, include_str!("../../shaders/dedup_insert.wgsl")] };

pub(super) static RESOLVE: Kernel =
    Kernel { name: "dedup_resolve", sources: &[lib::GRID, include_str!("../../shaders/dedup_resolve.wgsl")] };

/// Invocations of a workgroup.
const WORKGROUP_SIZE: u32 = 128;

/// The parameters of `shaders/dedup_insert.wgsl`.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct InsertParams {
    first: u32,
    count: u32,
    slot_mask: u32,
    seed: [u32; 16],
}

/// Writes, for each fingerprint, the lowest position of an equal one.
pub(super) fn first_occurrences(
    device: &Device,
    fingerprints: &[Digest],
    out: &mut [u32],
    chunk_bytes: u64,
) -> Result<(), Fault> {
    let capacity = max_fingerprints(device, chunk_bytes);
    if fingerprints.len() <= capacity {
        return resident_first_occurrences(device, fingerprints, |found| out.copy_from_slice(found));
    }
    // Half of the capacity is reserved for distinct fingerprints of earlier blocks. A
    // partition has a quarter of that on average.
    let count = fingerprints.len().div_ceil(capacity / 8).next_power_of_two();
    for partition in partition(fingerprints, count) {
        partition_first_occurrences(device, fingerprints, &partition, capacity, out)?;
    }
    Ok(())
}

/// The most fingerprints that fit in bindings: 32 bytes each, and up to 4 slots of 4 bytes.
pub(super) fn max_fingerprints(device: &Device, chunk_bytes: u64) -> usize {
    let bytes = device.limits.max_storage_buffer_binding_size.min(chunk_bytes);
    (bytes / 32).max(16) as usize
}

/// The positions of the fingerprints of each of `count` partitions, ascending; `count`
/// is a power of two.
fn partition(fingerprints: &[Digest], count: usize) -> Vec<Vec<u32>> {
    let secret = RandomState::new();
    let mut partitions = vec![Vec::new(); count];
    for (position, fingerprint) in fingerprints.iter().enumerate() {
        partitions[secret.hash_one(fingerprint) as usize & (count - 1)].push(position as u32);
    }
    partitions
}

/// Writes the first occurrences of the fingerprints at `positions`, block by block.
fn partition_first_occurrences(
    device: &Device,
    fingerprints: &[Digest],
    positions: &[u32],
    capacity: usize,
    out: &mut [u32],
) -> Result<(), Fault> {
    let mut distinct: Vec<u32> = Vec::new();
    for block in positions.chunks(capacity / 2) {
        if distinct.len() > capacity / 2 {
            return Err(Fault::OutOfMemory(format!(
                "{} distinct fingerprints met in one part",
                distinct.len()
            )));
        }
        let members = [&distinct, block].concat();
        let values: Vec<Digest> = members.iter().map(|&position| fingerprints[position as usize]).collect();
        let known = distinct.len();
        resident_first_occurrences(device, &values, |found| {
            for (index, &first) in found.iter().enumerate().skip(known) {
                out[members[index] as usize] = members[first as usize];
                if first as usize == index {
                    distinct.push(members[index]);
                }
            }
        })?;
    }
    Ok(())
}

/// Passes the first occurrences of fingerprints that fit in bindings to `read`.
fn resident_first_occurrences(
    device: &Device,
    fingerprints: &[Digest],
    mut read: impl FnMut(&[u32]),
) -> Result<(), Fault> {
    /// Fingerprints of an upload, which overlaps the insertion of those before.
    const CHUNK: usize = 1 << 20;
    let input = device.storage(32 * fingerprints.len() as u64)?;
    let table = Table::new(device, fingerprints.len())?;
    let submit = |&(first, chunk): &(usize, &[Digest])| {
        let mut commands = device.commands();
        if first == 0 {
            table.clear(&mut commands);
        }
        commands.upload_to(&input, 32 * first as u64, bytemuck::cast_slice(chunk))?;
        table.insert(&mut commands, &input, first as u32, chunk.len() as u32)?;
        if first + chunk.len() == fingerprints.len() {
            table.resolve(&mut commands)?;
        }
        commands.submit()
    };
    let chunks = (0..).step_by(CHUNK).zip(fingerprints.chunks(CHUNK));
    pipelined(chunks, submit, |_, bytes| {
        if !bytes.is_empty() {
            read(bytemuck::cast_slice(bytes));
        }
        Ok(())
    })
}

/// A hash table of positions for `count` fingerprints, and the first occurrences.
pub(super) struct Table<'d> {
    count: u32,
    slots: u32,
    seed: [u32; 16],
    table: Buffer<'d>,
    output: Buffer<'d>,
}

impl<'d> Table<'d> {
    pub fn new(device: &'d Device, count: usize) -> Result<Self, Fault> {
        let slots = (count + 1).next_power_of_two() * 2;
        let [table, output] = [device.storage(4 * slots as u64)?, device.storage(4 * count as u64)?];
        Ok(Table { count: count as u32, slots: slots as u32, seed: seed(), table, output })
    }

    /// Empties the table, before the first insertion.
    pub fn clear(&self, commands: &mut CommandList<'d>) {
        commands.clear(&self.table);
    }

    /// Inserts the `count` fingerprints of `input` that begin at position `first`.
    pub fn insert(
        &self,
        commands: &mut CommandList<'d>,
        input: &Buffer<'d>,
        first: u32,
        count: u32,
    ) -> Result<(), Fault> {
        let params = InsertParams { first, count, slot_mask: self.slots - 1, seed: self.seed };
        let buffers = [input, &self.table, &self.output];
        commands.dispatch(&INSERT, &[], &buffers, &params, count.div_ceil(WORKGROUP_SIZE))
    }

    /// Reads back the first occurrences of all fingerprints, after the last insertion.
    pub fn resolve(&self, commands: &mut CommandList<'d>) -> Result<(), Fault> {
        let buffers = [&self.table, &self.output];
        commands.dispatch(&RESOLVE, &[], &buffers, &self.count, self.count.div_ceil(WORKGROUP_SIZE))?;
        commands.read_back(&self.output);
        Ok(())
    }
}

/// Secret words from the system's randomness. Those at odd indices are odd: the kernel
/// multiplies by them.
fn seed() -> [u32; 16] {
    let secret = RandomState::new();
    std::array::from_fn(|index| secret.hash_one(index) as u32 | (index as u32 & 1))
}

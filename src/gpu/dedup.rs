//! First occurrences: a table of positions on the device.
//!
//! Fingerprints and table must fit in bindings. Larger inputs are cut into parts
//! by a secret hash, so that equal prints meet in one part; a part is worked off
//! in blocks, and each block is looked at together with the distinct prints of
//! those before it.

use std::hash::{BuildHasher, RandomState};

use bytemuck::{Pod, Zeroable};

use super::buffers::Buffer;
use super::command_list::{Batch, pipelined};
use super::device::Device;
use super::shader::{Kernel, lib};
use crate::{Digest, Fault};

pub(super) static INSERT: Kernel =
    Kernel { name: "dedup_insert", sources: &[lib::GRID, include_str!("../../shaders/dedup_insert.wgsl")] };

pub(super) static RESOLVE: Kernel =
    Kernel { name: "dedup_resolve", sources: &[lib::GRID, include_str!("../../shaders/dedup_resolve.wgsl")] };

const WORKGROUP: u32 = 128;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Insert {
    first: u32,
    count: u32,
    slot_mask: u32,
    seed: [u32; 16],
}

/// For each print, the lowest position with an equal one.
pub(super) fn first_occurrences(
    device: &Device,
    prints: &[Digest],
    out: &mut [u32],
    chunk_bytes: u64,
) -> Result<(), Fault> {
    let most = most_prints(device, chunk_bytes);
    if prints.len() <= most {
        return firsts(device, prints, |firsts| out.copy_from_slice(firsts));
    }
    // Half of a block is for the distinct prints carried along; a quarter of that
    // is what a part of evenly spread prints brings.
    let parts = prints.len().div_ceil(most / 8).next_power_of_two();
    for part in partition(prints, parts) {
        part_firsts(device, prints, &part, most, out)?;
    }
    Ok(())
}

/// How many prints fit at once: 32 bytes each, and up to 4 slots of 4 bytes.
pub(super) fn most_prints(device: &Device, chunk_bytes: u64) -> usize {
    let bytes = device.limits.max_storage_buffer_binding_size.min(chunk_bytes);
    (bytes / 32).max(16) as usize
}

/// The positions of the prints of each part, ascending.
fn partition(prints: &[Digest], parts: usize) -> Vec<Vec<u32>> {
    let secret = RandomState::new();
    let mut lists = vec![Vec::new(); parts];
    for (index, print) in prints.iter().enumerate() {
        lists[secret.hash_one(print) as usize & (parts - 1)].push(index as u32);
    }
    lists
}

/// The first occurrences among the prints at `positions`, block by block.
fn part_firsts(
    device: &Device,
    prints: &[Digest],
    positions: &[u32],
    most: usize,
    out: &mut [u32],
) -> Result<(), Fault> {
    let mut distinct: Vec<u32> = Vec::new();
    for block in positions.chunks(most / 2) {
        if distinct.len() > most / 2 {
            return Err(Fault::OutOfMemory(format!("{} distinct prints met in one part", distinct.len())));
        }
        let members = [&distinct, block].concat();
        let values: Vec<Digest> = members.iter().map(|&position| prints[position as usize]).collect();
        let carried = distinct.len();
        firsts(device, &values, |firsts| {
            for (index, &first) in firsts.iter().enumerate().skip(carried) {
                out[members[index] as usize] = members[first as usize];
                if first as usize == index {
                    distinct.push(members[index]);
                }
            }
        })?;
    }
    Ok(())
}

/// Hands the first occurrences among prints that fit at once to `read`.
fn firsts(device: &Device, prints: &[Digest], mut read: impl FnMut(&[u32])) -> Result<(), Fault> {
    /// Prints that go up while those before are looked for.
    const CHUNK: usize = 1 << 20;
    let input = device.storage(32 * prints.len() as u64)?;
    let table = Table::new(device, prints.len())?;
    let start = |&(first, chunk): &(usize, &[Digest])| {
        let mut batch = device.batch();
        if first == 0 {
            table.clear(&mut batch);
        }
        batch.upload_to(&input, 32 * first as u64, bytemuck::cast_slice(chunk))?;
        table.insert(&mut batch, &input, first as u32, chunk.len() as u32)?;
        if first + chunk.len() == prints.len() {
            table.resolve(&mut batch)?;
        }
        batch.submit()
    };
    let chunks = (0..).step_by(CHUNK).zip(prints.chunks(CHUNK));
    pipelined(chunks, start, |_, bytes| {
        if !bytes.is_empty() {
            read(bytemuck::cast_slice(bytes));
        }
        Ok(())
    })
}

/// A table of positions for `count` prints, and the first occurrences found with it.
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

    /// Empties it; before the first insertion.
    pub fn clear(&self, batch: &mut Batch<'d>) {
        batch.clear(&self.table);
    }

    /// Inserts `count` prints of `input` from the `first` on.
    pub fn insert(
        &self,
        batch: &mut Batch<'d>,
        input: &Buffer<'d>,
        first: u32,
        count: u32,
    ) -> Result<(), Fault> {
        let params = Insert { first, count, slot_mask: self.slots - 1, seed: self.seed };
        let buffers = [input, &self.table, &self.output];
        batch.dispatch(&INSERT, &[], &buffers, &params, count.div_ceil(WORKGROUP))
    }

    /// Reads back the first occurrences of all prints, which are inserted by then.
    pub fn resolve(&self, batch: &mut Batch<'d>) -> Result<(), Fault> {
        let buffers = [&self.table, &self.output];
        batch.dispatch(&RESOLVE, &[], &buffers, &self.count, self.count.div_ceil(WORKGROUP))?;
        batch.read_back(&self.output);
        Ok(())
    }
}

/// Secret words from the system's randomness; the multipliers among them are odd.
fn seed() -> [u32; 16] {
    let secret = RandomState::new();
    std::array::from_fn(|index| secret.hash_one(index) as u32 | (index as u32 & 1))
}

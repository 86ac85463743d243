//! The check of a block's entries in one pass over the device.
//!
//! Records, keys, signatures and signed digests are uploaded once. The records' digests
//! stay on the device for the search for duplicates. The leaf messages are assembled on
//! the device from the columns of the verified signatures, and the tree is hashed from
//! the leaves' digests. Verdicts, digests, first occurrences and the root are read back.
//!
//! | bytes per record | uploaded, besides the records | read back |
//! |---|--:|--:|
//! | in one pass | 140: key, signature, signed digest, and the message's span | 40 |
//! | in separate calls | 333: also a digest, a leaf message of 129 bytes and a leaf's digest | 72 |
//!
//! One pass saves these bytes, and the waits for the device between the calls.

use std::ops::Range;
use std::time::Instant;

use super::buffers::{Buffer, parallel_copy};
use super::command_list::{CommandList, Pending, pipelined};
use super::dedup::{self, Table};
use super::device::Device;
use super::ed25519::{self, Chunk, CurveKernels};
use super::hash::{self, HashInputs};
use super::merkle;
use super::shader::{Kernel, lib};
use crate::ed25519::Rule;
use crate::entries::{BlockCheck, Entries, LEAF_BYTES};
use crate::merkle::Tree;
use crate::{Digest, Fault, Hash};

pub(super) static LEAF_MESSAGES: Kernel =
    Kernel { name: "leaf_messages", sources: &[lib::GRID, include_str!("../../shaders/leaf_messages.wgsl")] };

/// Invocations of a workgroup.
const WORKGROUP_SIZE: u32 = 64;

/// The arguments of a check.
pub(super) struct CheckRequest<'a> {
    pub curve: &'static CurveKernels,
    pub rule: Rule,
    pub hash: Hash,
    pub tree: Tree,
    pub entries: &'a Entries<'a>,
}

/// Whether one pass can check `entries`: their digests must fit in a binding, and there
/// must be two at least for a tree.
pub(super) fn fits(device: &Device, entries: &Entries<'_>, chunk_bytes: u64) -> bool {
    (2..=dedup::max_fingerprints(device, chunk_bytes)).contains(&entries.len())
}

/// The parts of a check, each a submission.
enum Part {
    /// Hashes these records.
    Records(Range<usize>),
    /// Verifies these signatures and hashes their leaves; the time when it began.
    Signatures(Range<usize>, Instant),
    /// Finds duplicates and hashes the tree.
    Finish,
}

/// Checks entries for which [`fits`] holds.
pub(super) fn check_block(
    device: &Device,
    request: &CheckRequest<'_>,
    chunk_bytes: u64,
) -> Result<BlockCheck, Fault> {
    let entries = request.entries;
    let (count, signed) = (entries.len(), entries.batch());
    let pass = Pass::new(device, request)?;
    let (mut valid, mut first_occurrences) = (vec![false; count], vec![0; count]);
    let (mut digests, mut root) = (bytemuck::zeroed_vec(count), None);

    let chunks = hash::Chunks::of(device, entries.records(), chunk_bytes);
    for &index in &chunks.long {
        digests[index] =
            hash::hash_long_record(device, request.hash, entries.records().get(index), chunks.size)?;
        pass.upload_digest(index, &digests[index])?;
    }
    let records = chunks.short.into_iter().map(Part::Records);
    let signatures = ed25519::chunks(device, signed.messages(), chunk_bytes);
    let signatures = signatures.map(|(range, start)| Part::Signatures(range, start));
    let parts = records.chain(signatures).chain([Part::Finish]);
    pipelined(
        parts,
        |part| pass.submit(part),
        |part, bytes| {
            match part {
                Part::Records(range) => parallel_copy(bytes, bytemuck::cast_slice_mut(&mut digests[range]))?,
                Part::Signatures(range, start) => {
                    ed25519::read_verdicts(device, bytes, start, &mut valid[range]);
                }
                Part::Finish => {
                    let (positions, root_bytes) = bytes.split_at(4 * count);
                    first_occurrences.copy_from_slice(bytemuck::cast_slice(positions));
                    root = Some(merkle::read_root(request.tree, root_bytes));
                }
            }
            Ok(())
        },
    )?;
    let root = root.expect("the last part reads it");
    Ok(BlockCheck::new(entries, &valid, digests, first_occurrences, root))
}

/// A running check, with the buffers that its last part needs.
struct Pass<'a, 'd> {
    device: &'d Device,
    request: &'a CheckRequest<'a>,
    base_table: Buffer<'d>,
    /// The records' digests.
    fingerprints: Buffer<'d>,
    /// The leaves' digests.
    leaves: Buffer<'d>,
}

impl<'a, 'd> Pass<'a, 'd> {
    fn new(device: &'d Device, request: &'a CheckRequest<'a>) -> Result<Self, Fault> {
        let bytes = 32 * request.entries.len() as u64;
        Ok(Pass {
            device,
            request,
            base_table: ed25519::base_table(device, request.curve)?,
            fingerprints: device.storage(bytes)?,
            leaves: device.storage(bytes)?,
        })
    }

    /// Uploads the digest of a long record, which the host has read back.
    fn upload_digest(&self, index: usize, digest: &Digest) -> Result<(), Fault> {
        let mut commands = self.device.commands();
        commands.upload_to(&self.fingerprints, 32 * index as u64, &digest.0)?;
        commands.submit()?.wait(|_| ())
    }

    fn submit(&self, part: &Part) -> Result<Pending<'d>, Fault> {
        match part {
            Part::Records(range) => self.hash(range.clone()),
            Part::Signatures(range, _) => self.verify(range.clone()),
            Part::Finish => self.finish(),
        }
    }

    /// Hashes the records of `range`.
    fn hash(&self, range: Range<usize>) -> Result<Pending<'d>, Fault> {
        let mut commands = self.device.commands();
        let records = self.request.entries.records().slice(range.clone());
        let digests = hash::digests(&mut commands, self.device, self.request.hash, &records)?;
        commands.copy(&digests, &self.fingerprints, 32 * range.start as u64);
        commands.read_back(&digests);
        commands.submit()
    }

    /// Verifies the signatures of `range` and hashes their leaves.
    fn verify(&self, range: Range<usize>) -> Result<Pending<'d>, Fault> {
        let &CheckRequest { curve, rule, .. } = self.request;
        let signed = self.request.entries.slice(range.clone());
        let signed = signed.batch();
        let mut chunk = Chunk::new(self.device, &signed)?;
        let digests = chunk.hash(signed.messages())?;
        chunk.verify(curve, &self.base_table, rule)?;
        let Chunk { mut commands, keys, signatures, verdicts, .. } = chunk;
        let leaves = self.hash_leaves(&mut commands, range.len() as u32, [&digests, &keys, &signatures])?;
        commands.copy(&leaves, &self.leaves, 32 * range.start as u64);
        commands.read_back(&verdicts);
        commands.submit()
    }

    /// The digests of the leaves of `count` entries.
    fn hash_leaves(
        &self,
        commands: &mut CommandList<'d>,
        count: u32,
        [digests, keys, signatures]: [&Buffer<'d>; 3],
    ) -> Result<Buffer<'d>, Fault> {
        let tree = self.request.tree;
        let prefix = tree.leaf_prefix().len() as u32;
        let width = prefix + LEAF_BYTES as u32;
        let words = (count * width).div_ceil(4);
        let messages = self.device.storage(4 * u64::from(words))?;
        let buffers = [digests, keys, signatures, &messages];
        let workgroups = words.div_ceil(WORKGROUP_SIZE);
        commands.dispatch(&LEAF_MESSAGES, &[("PREFIXED", prefix)], &buffers, &[words, count], workgroups)?;
        hash::hash_one_per_invocation(
            commands,
            self.device,
            tree.hash(),
            &HashInputs::uniform(count, width),
            &messages,
        )
    }

    /// Finds the first occurrences and hashes the tree.
    fn finish(&self) -> Result<Pending<'d>, Fault> {
        let count = self.request.entries.len();
        let mut commands = self.device.commands();
        let table = Table::new(self.device, count)?;
        table.clear(&mut commands);
        table.insert(&mut commands, &self.fingerprints, 0, count as u32)?;
        table.resolve(&mut commands)?;
        merkle::hash_to_root(self.device, &mut commands, self.request.tree, &self.leaves, count)?;
        commands.submit()
    }
}

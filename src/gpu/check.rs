//! A block's check in one pass over the device.
//!
//! Records, keys, signatures and signed digests go up once. The records' digests
//! stay there for the search of duplicates, and what is hashed for the leaves is
//! put together from the columns that the signatures were verified in; from the
//! leaves' digests the tree rises at once. Verdicts, digests, first occurrences
//! and the root come down.
//!
//! | bytes a record | up, besides the records | down |
//! |---|--:|--:|
//! | in one pass | 140: key, signature, signed digest, and where it is | 40 |
//! | call by call | 333: also a digest, a leaf's 129 bytes and a leaf's digest | 72 |
//!
//! That is what it saves, and waiting for the device between the calls.

use std::ops::Range;
use std::time::Instant;

use super::buffers::{Buffer, copy};
use super::command_list::{Batch, Pending, pipelined};
use super::dedup::{self, Table};
use super::device::Device;
use super::ed25519::{self, Chunk, Curve};
use super::hash::{self, Items};
use super::merkle;
use super::shader::{Kernel, lib};
use crate::ed25519::Rule;
use crate::entries::{BlockCheck, Entries, LEAF_BYTES};
use crate::merkle::Tree;
use crate::{Digest, Fault, Hash};

pub(super) static LEAF_MESSAGES: Kernel =
    Kernel { name: "leaf_messages", sources: &[lib::GRID, include_str!("../../shaders/leaf_messages.wgsl")] };

const WORKGROUP: u32 = 64;

/// What is asked of the entries.
pub(super) struct Question<'a> {
    pub curve: &'static Curve,
    pub rule: Rule,
    pub hash: Hash,
    pub tree: Tree,
    pub entries: &'a Entries<'a>,
}

/// Whether one pass serves `entries`: their digests must fit in a binding, and a
/// single one has no tree.
pub(super) fn fits(device: &Device, entries: &Entries<'_>, chunk_bytes: u64) -> bool {
    (2..=dedup::most_prints(device, chunk_bytes)).contains(&entries.len())
}

/// What is submitted at once.
enum Part {
    /// Records are hashed.
    Records(Range<usize>),
    /// Signatures are verified, from then on, and their leaves hashed.
    Signatures(Range<usize>, Instant),
    /// Duplicates are looked for, and the tree rises.
    Whole,
}

/// What is found of entries that [`fits`] lets pass.
pub(super) fn check_block(
    device: &Device,
    question: &Question<'_>,
    chunk_bytes: u64,
) -> Result<BlockCheck, Fault> {
    let entries = question.entries;
    let (count, signed) = (entries.len(), entries.batch());
    let pass = Pass::new(device, question)?;
    let (mut valid, mut firsts) = (vec![false; count], vec![0; count]);
    let (mut digests, mut root) = (bytemuck::zeroed_vec(count), None);

    let chunks = hash::Chunks::of(device, entries.records(), chunk_bytes);
    for &index in &chunks.long {
        digests[index] = hash::long_digest(device, question.hash, entries.records().get(index), chunks.size)?;
        pass.keep(index, &digests[index])?;
    }
    let records = chunks.short.into_iter().map(Part::Records);
    let signatures = ed25519::chunks(device, signed.messages(), chunk_bytes);
    let signatures = signatures.map(|(range, begun)| Part::Signatures(range, begun));
    let parts = records.chain(signatures).chain([Part::Whole]);
    pipelined(
        parts,
        |part| pass.start(part),
        |part, bytes| {
            match part {
                Part::Records(range) => copy(bytes, bytemuck::cast_slice_mut(&mut digests[range]))?,
                Part::Signatures(range, begun) => {
                    ed25519::read_verdicts(device, bytes, begun, &mut valid[range]);
                }
                Part::Whole => {
                    let (positions, rest) = bytes.split_at(4 * count);
                    firsts.copy_from_slice(bytemuck::cast_slice(positions));
                    root = Some(merkle::read_root(question.tree, rest));
                }
            }
            Ok(())
        },
    )?;
    let root = root.expect("the last part reads it");
    Ok(BlockCheck::new(entries, &valid, digests, firsts, root))
}

/// A check on its way, and what stays on the device for its last part.
struct Pass<'a, 'd> {
    device: &'d Device,
    question: &'a Question<'a>,
    base: Buffer<'d>,
    /// The records' digests.
    prints: Buffer<'d>,
    /// The leaves' digests.
    leaves: Buffer<'d>,
}

impl<'a, 'd> Pass<'a, 'd> {
    fn new(device: &'d Device, question: &'a Question<'a>) -> Result<Self, Fault> {
        let bytes = 32 * question.entries.len() as u64;
        Ok(Pass {
            device,
            question,
            base: ed25519::base(device, question.curve)?,
            prints: device.storage(bytes)?,
            leaves: device.storage(bytes)?,
        })
    }

    /// Puts the digest of a record to its place.
    fn keep(&self, index: usize, digest: &Digest) -> Result<(), Fault> {
        let mut batch = self.device.batch();
        batch.upload_to(&self.prints, 32 * index as u64, &digest.0)?;
        batch.submit()?.wait(|_| ())
    }

    fn start(&self, part: &Part) -> Result<Pending<'d>, Fault> {
        match part {
            Part::Records(range) => self.hash(range.clone()),
            Part::Signatures(range, _) => self.verify(range.clone()),
            Part::Whole => self.finish(),
        }
    }

    fn hash(&self, range: Range<usize>) -> Result<Pending<'d>, Fault> {
        let mut batch = self.device.batch();
        let records = self.question.entries.records().slice(range.clone());
        let digests = hash::digests(&mut batch, self.device, self.question.hash, &records)?;
        batch.copy(&digests, &self.prints, 32 * range.start as u64);
        batch.read_back(&digests);
        batch.submit()
    }

    fn verify(&self, range: Range<usize>) -> Result<Pending<'d>, Fault> {
        let &Question { curve, rule, .. } = self.question;
        let signed = self.question.entries.slice(range.clone());
        let signed = signed.batch();
        let mut chunk = Chunk::new(self.device, &signed)?;
        let digests = chunk.hash(signed.messages())?;
        chunk.verify(curve, &self.base, rule)?;
        let Chunk { mut work, keys, signatures, verdicts, .. } = chunk;
        let leaves = self.leaves(&mut work, range.len() as u32, [&digests, &keys, &signatures])?;
        work.copy(&leaves, &self.leaves, 32 * range.start as u64);
        work.read_back(&verdicts);
        work.submit()
    }

    /// The leaves' digests of `count` entries.
    fn leaves(
        &self,
        batch: &mut Batch<'d>,
        count: u32,
        [digests, keys, signatures]: [&Buffer<'d>; 3],
    ) -> Result<Buffer<'d>, Fault> {
        let tree = self.question.tree;
        let prefix = tree.leaf_prefix().len() as u32;
        let width = prefix + LEAF_BYTES as u32;
        let words = (count * width).div_ceil(4);
        let messages = self.device.storage(4 * u64::from(words))?;
        let buffers = [digests, keys, signatures, &messages];
        let groups = words.div_ceil(WORKGROUP);
        batch.dispatch(&LEAF_MESSAGES, &[("PREFIXED", prefix)], &buffers, &[words, count], groups)?;
        hash::whole_records(batch, self.device, tree.hash(), &Items::fixed(count, width), &messages)
    }

    fn finish(&self) -> Result<Pending<'d>, Fault> {
        let count = self.question.entries.len();
        let mut batch = self.device.batch();
        let table = Table::new(self.device, count)?;
        table.clear(&mut batch);
        table.insert(&mut batch, &self.prints, 0, count as u32)?;
        table.resolve(&mut batch)?;
        merkle::rise(self.device, &mut batch, self.question.tree, &self.leaves, count)?;
        batch.submit()
    }
}

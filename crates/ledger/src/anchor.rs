//! Anchors: one root over consecutive blocks, to be published where the operators
//! of the ledger cannot change it.

use super::encoding::{DecodeError, Decoder};
use super::genesis::TREE;
use verilane::merkle::Proof;
use verilane::{Digest, Engine, Error, Hash, Records};

/// The root over the hashes of consecutive blocks. A block's hash covers its
/// header, and so the root over its records.
///
/// Exhaustive: the fields are those of version 1 of the format.
///
/// | bytes | |
/// |--:|---|
/// | 2 | version, 1 |
/// | 32 | the chain |
/// | 8 | the height of the first block |
/// | 4 | the number of blocks |
/// | 32 | the root: RFC 6962 with SHA-256; the data of each leaf is a block's hash |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The chain that the blocks belong to.
    pub chain: Digest,
    /// The height of the first block.
    pub first: u64,
    /// The number of blocks.
    pub blocks: u32,
    /// The root over the hashes of the blocks.
    pub root: Digest,
}

impl Anchor {
    /// The version of the format.
    pub const VERSION: u16 = 1;

    /// The anchor of the blocks with these hashes, the first of which is at height `first`.
    ///
    /// # Errors
    /// [`Error::Fault`] if every back end failed.
    pub fn over(engine: &Engine, chain: Digest, first: u64, hashes: &[Digest]) -> Result<Self, Error> {
        let leaves = leaves(engine, hashes)?;
        let root = engine.merkle_root(TREE, &leaves)?.into_inner().digest;
        Ok(Anchor { chain, first, blocks: hashes.len() as u32, root })
    }

    /// The proof that the block at `height` is one of the blocks with these hashes,
    /// the first of which is at height `first`.
    ///
    /// # Errors
    /// [`Error::NoSuchLeaf`] if no hash is that of `height`; [`Error::Fault`] if every back end failed.
    pub fn proof(engine: &Engine, first: u64, hashes: &[Digest], height: u64) -> Result<Proof, Error> {
        let index = height.checked_sub(first).map_or(usize::MAX, |index| index as usize);
        Ok(engine.merkle_proof(TREE, &leaves(engine, hashes)?, index)?.into_inner())
    }

    /// SHA-256d of the encoding: the digest to publish.
    pub fn digest(&self) -> Digest {
        Hash::Sha256d.digest(&self.encode())
    }

    /// The canonical encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(78);
        bytes.extend(Self::VERSION.to_le_bytes());
        bytes.extend(self.chain.0);
        bytes.extend(self.first.to_le_bytes());
        bytes.extend(self.blocks.to_le_bytes());
        bytes.extend(self.root.0);
        bytes
    }

    /// Reads the canonical encoding.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not an anchor.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut decoder = Decoder::new(bytes);
        let version = decoder.u16("the anchor's version")?;
        if version != Self::VERSION {
            return decoder.refuse(0, format!("version {version} of the anchor: this program reads 1"));
        }
        let anchor = Anchor {
            chain: decoder.digest("the chain")?,
            first: decoder.u64("the first height")?,
            blocks: decoder.u32("the number of blocks")?,
            root: decoder.digest("the root")?,
        };
        decoder.finish()?;
        Ok(anchor)
    }
}

/// The leaf node of a block in an anchor's tree.
pub(super) fn leaf(hash: &Digest) -> Digest {
    TREE.leaf(&hash.0)
}

fn leaves(engine: &Engine, hashes: &[Digest]) -> Result<Vec<Digest>, Error> {
    Ok(engine.merkle_leaves(TREE, &Records::from_slices(hashes))?.into_inner())
}

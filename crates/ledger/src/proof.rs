//! The proof that a record is in a ledger: from the record to its block's root,
//! from the block to an anchor.

use super::anchor::{self, Anchor};
use super::genesis::TREE;
use super::header::Header;
use super::store::{Ledger, StoreError};
use verilane::ed25519::Rule;
use verilane::entries::Entries;
use verilane::merkle::Proof;
use verilane::{Digest, Engine};

/// The proof that a record is in a ledger.
///
/// Exhaustive: a caller that stores proofs in a format of its own builds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordProof {
    /// The record's digest.
    pub digest: Digest,
    /// The public key of the institution that signed it.
    pub institution: [u8; 32],
    /// The institution's signature over the digest.
    pub signature: [u8; 64],
    /// The Merkle path from the record to the root of its block.
    pub record: Proof,
    /// The block's header.
    pub header: Header,
    /// The anchor over the block, and the Merkle path from the block to the anchor's
    /// root; none until all of the anchor's blocks are sealed.
    pub anchored: Option<(Anchor, Proof)>,
}

/// Why a proof does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The institution did not sign this digest.
    #[error("the institution's signature over the digest is bad")]
    Signature,
    /// The path does not lead to the header's root.
    #[error("the path from the record does not lead to the block's root")]
    Root,
    /// The anchor belongs to another chain.
    #[error("the block and the anchor are of different chains")]
    Chain,
    /// The block's position under the anchor does not agree with its height.
    #[error("the block's height is not its place under the anchor")]
    Height,
    /// The path does not lead to the anchor's root.
    #[error("the path from the block does not lead to the anchor's root")]
    Anchor,
}

impl RecordProof {
    /// The proof of the record with this digest in the block at `height`; none if the
    /// block does not store it.
    ///
    /// # Errors
    /// [`StoreError`] if the block cannot be read.
    pub fn in_block(
        engine: &Engine,
        ledger: &Ledger,
        height: u64,
        digest: Digest,
    ) -> Result<Option<Self>, StoreError> {
        let encoding = ledger.block(height)?;
        let block = ledger.decode(height, &encoding)?;
        let entries = block.entries();
        let Some(index) = entries.digests().iter().position(|&stored| stored == digest) else {
            return Ok(None);
        };
        let leaves = engine.merkle_leaves(TREE, &entries.leaves())?;
        let record = engine.merkle_proof(TREE, &leaves, index)?;
        Ok(Some(RecordProof {
            digest,
            institution: entries.keys()[index],
            signature: entries.signatures()[index],
            record: record.into_inner(),
            header: block.header,
            anchored: anchored(engine, ledger, height)?,
        }))
    }

    /// Checks the proof under `rule`, the chain's. If it holds, the institution signed
    /// this digest, the record is under the header's root, and the block is under the
    /// anchor's root if there is an anchor. The caller must know from elsewhere that
    /// the header or the anchor is authentic.
    ///
    /// # Errors
    /// [`ProofError`] names the step that does not hold.
    pub fn check(&self, rule: Rule) -> Result<(), ProofError> {
        let hold = |holds: bool, error| if holds { Ok(()) } else { Err(error) };
        hold(rule.accepts(&self.institution, &self.signature, &self.digest.0), ProofError::Signature)?;
        let mut entry = Entries::with_capacity(1, 0);
        entry.push(&self.institution, &self.signature, self.digest, &[]);
        let leaf = TREE.leaf(&entry.leaf(0));
        let fits = self.record.tree == TREE && self.record.leaves == self.header.records as usize;
        hold(fits && self.record.verify(&leaf, &self.header.root), ProofError::Root)?;
        let Some((anchor, path)) = &self.anchored else { return Ok(()) };
        hold(anchor.chain == self.header.chain, ProofError::Chain)?;
        let place = self.header.height.checked_sub(anchor.first);
        hold(place == Some(path.index as u64), ProofError::Height)?;
        let fits = path.tree == TREE && path.leaves == anchor.blocks as usize;
        hold(fits && path.verify(&anchor::leaf(&self.header.hash()), &anchor.root), ProofError::Anchor)
    }
}

fn anchored(engine: &Engine, ledger: &Ledger, height: u64) -> Result<Option<(Anchor, Proof)>, StoreError> {
    let covers = |anchor: &&Anchor| {
        height.checked_sub(anchor.first).is_some_and(|place| place < u64::from(anchor.blocks))
    };
    let Some(anchor) = ledger.anchors().iter().find(covers) else { return Ok(None) };
    let hashes = ledger.hashes(anchor.first..anchor.first + u64::from(anchor.blocks))?;
    let path = Anchor::proof(engine, anchor.first, &hashes, height)?;
    Ok(Some((*anchor, path)))
}

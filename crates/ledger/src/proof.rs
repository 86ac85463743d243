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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordProof {
    /// The record's digest.
    pub digest: Digest,
    /// The public key of the institution that signed it.
    pub institution: [u8; 32],
    /// Its signature over the digest.
    pub signature: [u8; 64],
    /// From the record to the root of its block.
    pub record: Proof,
    /// The block's header.
    pub header: Header,
    /// The anchor over the block, and the proof from the block to its root; none
    /// while the anchor's blocks are not complete.
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
    /// The anchor is one of another chain.
    #[error("the block and the anchor are of different chains")]
    Chain,
    /// The block is not at the place in the anchor that its height says.
    #[error("the block's height is not its place under the anchor")]
    Height,
    /// The path does not lead to the anchor's root.
    #[error("the path from the block does not lead to the anchor's root")]
    Anchor,
}

impl RecordProof {
    /// The proof for the record with this digest in the block at `height`; none
    /// if the block does not store it.
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

    /// Whether the proof holds under `rule`, the chain's: then the record with
    /// this digest, signed by this institution, is under the header's root, and
    /// under the anchor's if there is one. That the header or the anchor is
    /// itself to be trusted is for the caller to know.
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
    let covers = |anchor: &&Anchor| (anchor.first..anchor.first + u64::from(anchor.blocks)).contains(&height);
    let Some(anchor) = ledger.anchors().iter().find(covers) else { return Ok(None) };
    let hashes = ledger.hashes(anchor.first..anchor.first + u64::from(anchor.blocks))?;
    let path = Anchor::proof(engine, anchor.first, &hashes, height)?;
    Ok(Some((*anchor, path)))
}

//! The genesis: the parameters on which a chain's nodes agree before its first block.

use super::encoding::{DecodeError, Decoder, rule_number};
use super::endorsement::{PeerKey, Policy};
use verilane::ed25519::Rule;
use verilane::pow::Target;
use verilane::{Digest, Hash, Tree, TreeHash};

/// The hash of records, and of the nodes of the ledger's trees.
pub const HASH: Hash = Hash::Sha256;

/// The tree over a block's records, and over an anchor's blocks.
pub const TREE: Tree = Tree::Rfc6962(TreeHash::Sha256);

/// How a chain's blocks are sealed.
///
/// Exhaustive: version 1 of the format has these two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealRule {
    /// By proof of work: the header's hash meets the target of these compact bits.
    Work {
        /// The target in Bitcoin's compact form.
        bits: u32,
    },
    /// By stake: the elected producer signs the header's hash.
    Stake,
}

/// A chain's parameters. Their hash is the chain's identity. Every header repeats
/// it, so that no block can be moved to another chain.
///
/// Exhaustive: the fields are those of version 1 of the format.
///
/// | bytes | |
/// |--:|---|
/// | 2 | version, 1 |
/// | 2 + n | the name's length, and the name in UTF-8 |
/// | 32 | the founder's public key |
/// | 1 | the acceptance rule: 0 rfc8032, 1 strict, 2 zip215 |
/// | 1 | the seal: 0 work, 1 stake |
/// | 4 | for work, the compact target; for stake, 0 |
/// | 4 | c, the records that end a stage |
/// | 4 | the blocks under an anchor |
/// | 2 | the endorsements that a block needs; 0 if there are no peers |
/// | 2 | the number of peers |
/// | n | each peer: 0 and an Ed25519 key of 32 bytes, or 1 and a P-256 key of 33 bytes |
#[derive(Clone, Debug)]
pub struct Genesis {
    /// The chain's name, for people; it need not be unique.
    pub name: String,
    /// The public key of the founder, who produces the first block.
    pub founder: [u8; 32],
    /// The acceptance rule for all Ed25519 signatures.
    pub rule: Rule,
    /// How the blocks are sealed.
    pub seal: SealRule,
    /// The threshold c: a stage ends with at least c records, and fewer than 2c.
    pub stage: u32,
    /// The number of blocks under one anchor.
    pub anchor_blocks: u32,
    /// Who must endorse each block; none if blocks need no endorsement.
    pub endorsement: Option<Policy>,
}

impl Genesis {
    /// The version of the format.
    pub const VERSION: u16 = 1;

    /// The chain's identity: SHA-256d of the encoding.
    pub fn chain(&self) -> Digest {
        Hash::Sha256d.digest(&self.encode())
    }

    /// The canonical encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend(Self::VERSION.to_le_bytes());
        bytes.extend((self.name.len() as u16).to_le_bytes());
        bytes.extend(self.name.as_bytes());
        bytes.extend(self.founder);
        bytes.push(rule_number(self.rule));
        let (kind, bits) = match self.seal {
            SealRule::Work { bits } => (0, bits),
            SealRule::Stake => (1, 0),
        };
        bytes.push(kind);
        bytes.extend(bits.to_le_bytes());
        bytes.extend(self.stage.to_le_bytes());
        bytes.extend(self.anchor_blocks.to_le_bytes());
        let (threshold, peers) =
            self.endorsement.as_ref().map_or((0, &[][..]), |policy| (policy.threshold(), policy.peers()));
        bytes.extend(threshold.to_le_bytes());
        bytes.extend((peers.len() as u16).to_le_bytes());
        for peer in peers {
            match peer {
                PeerKey::Ed25519(key) => {
                    bytes.push(0);
                    bytes.extend(key);
                }
                PeerKey::P256(key) => {
                    bytes.push(1);
                    bytes.extend(key);
                }
            }
        }
        bytes
    }

    /// Reads the canonical encoding.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not an encoding, or if a value is out of range.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut decoder = Decoder::new(bytes);
        let version = decoder.u16("the version")?;
        if version != Self::VERSION {
            return decoder.refuse(0, format!("version {version} of the format: this program reads 1"));
        }
        let length = decoder.u16("the name's length")?.into();
        let at = decoder.at();
        let name = String::from_utf8(decoder.bytes(length, "the name")?.to_vec()).or_else(|error| {
            decoder.refuse(at + error.utf8_error().valid_up_to(), "the name is not UTF-8")
        })?;
        let founder = decoder.array("the founder's key")?;
        let rule = decoder.rule()?;
        let seal = decode_seal(&mut decoder)?;
        let at = decoder.at();
        let stage = decoder.u32("the records of a stage")?;
        if stage < 2 {
            return decoder.refuse(at, format!("a stage of {stage} records: 2 or more would be valid"));
        }
        let at = decoder.at();
        let anchor_blocks = decoder.u32("the blocks of an anchor")?;
        if anchor_blocks == 0 {
            return decoder.refuse(at, "an anchor of 0 blocks: 1 or more would be valid");
        }
        let endorsement = decode_policy(&mut decoder)?;
        decoder.finish()?;
        Ok(Genesis { name, founder, rule, seal, stage, anchor_blocks, endorsement })
    }
}

fn decode_seal(decoder: &mut Decoder<'_>) -> Result<SealRule, DecodeError> {
    let at = decoder.at();
    let kind = decoder.u8("the kind of seal")?;
    let bits = decoder.u32("the target's bits")?;
    match (kind, bits) {
        (0, bits) => match Target::from_bits(bits) {
            Ok(_) => Ok(SealRule::Work { bits }),
            Err(error) => decoder.refuse(at + 1, error.to_string()),
        },
        (1, 0) => Ok(SealRule::Stake),
        (1, bits) => decoder.refuse(at + 1, format!("a stake with a target of bits {bits:#x}: 0 is valid")),
        (kind, _) => decoder.refuse(at, format!("{kind} is no kind of seal: 0 or 1 would be valid")),
    }
}

fn decode_policy(decoder: &mut Decoder<'_>) -> Result<Option<Policy>, DecodeError> {
    let at = decoder.at();
    let threshold = decoder.u16("the endorsements needed")?;
    let count = decoder.u16("the number of peers")?;
    if threshold == 0 && count == 0 {
        return Ok(None);
    }
    let mut peers = Vec::new();
    for _ in 0..count {
        peers.push(decode_peer(decoder)?);
    }
    match Policy::new(threshold, peers) {
        Ok(policy) => Ok(Some(policy)),
        Err(error) => decoder.refuse(at, error.to_string()),
    }
}

fn decode_peer(decoder: &mut Decoder<'_>) -> Result<PeerKey, DecodeError> {
    let at = decoder.at();
    match decoder.u8("a peer's kind of key")? {
        0 => Ok(PeerKey::Ed25519(decoder.array("a peer's Ed25519 key")?)),
        1 => Ok(PeerKey::P256(decoder.array("a peer's P-256 key")?)),
        kind => decoder.refuse(at, format!("{kind} is no kind of key: 0 or 1 would be valid")),
    }
}

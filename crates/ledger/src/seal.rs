//! Seals: by proof of work, or by the signature of an elected producer.

use super::election::Tally;
use super::encoding::{DecodeError, Decoder};
use super::header::{Claim, Header};
use super::keyring::Ed25519SecretKey;
use verilane::pow::{Puzzle, Target};
use verilane::{Digest, Engine, Error};

/// What seals a block.
///
/// Exhaustive: version 1 of the format has these two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seal {
    /// The header's hash, which meets the target of its bits.
    Work,
    /// The elected producer's signature.
    Stake {
        /// The tally that elected the producer: that of the previous block.
        tally: Tally,
        /// The producer's Ed25519 signature over [`Seal::message`].
        signature: [u8; 64],
    },
}

impl Seal {
    /// Seals by work: sets the header's nonce to the lowest with which the hash meets
    /// the target of `bits`. Calls `progress` with the number of nonces searched after
    /// every 2²⁴.
    ///
    /// # Errors
    /// [`Error::Bits`] if `bits` give no target; [`Error::Fault`] if every back end failed.
    pub fn work(
        engine: &Engine,
        header: &mut Header,
        bits: u32,
        mut progress: impl FnMut(u64),
    ) -> Result<Seal, Error> {
        const WINDOW: u64 = 1 << 24;
        let target = Target::from_bits(bits)?;
        for start in (0..).step_by(WINDOW as usize) {
            header.claim = Claim::Work { bits, nonce: start };
            let puzzle = Puzzle::new(&header.encode(), Header::NONCE_OFFSET, target)?;
            let low = start as u32;
            let found = engine.search(&puzzle, low..=low + (WINDOW as u32 - 1))?.into_inner();
            if let Some(found) = found {
                header.claim = Claim::Work { bits, nonce: start & !0xffff_ffff | u64::from(found.nonce) };
                break;
            }
            progress(WINDOW);
        }
        Ok(Seal::Work)
    }

    /// Seals by stake: signs with the producer's key. The header's claim must have the
    /// digest of `tally` already, since the signature covers it.
    pub fn stake(header: &Header, tally: Tally, producer: &Ed25519SecretKey) -> Seal {
        let signature = producer.sign(&Self::message(header.hash()));
        Seal::Stake { tally, signature }
    }

    /// The message that a producer signs: the 15 bytes `verilane seal 1` and a zero
    /// byte, and the header's hash.
    pub fn message(hash: Digest) -> [u8; 48] {
        let mut message = *b"verilane seal 1\0................................";
        message[16..].copy_from_slice(&hash.0);
        message
    }

    /// Appends the encoding.
    pub(super) fn encode(&self, bytes: &mut Vec<u8>) {
        let Seal::Stake { tally, signature } = self else { return };
        bytes.extend((tally.pairs().len() as u32).to_le_bytes());
        for (key, records) in tally.pairs() {
            bytes.extend(key);
            bytes.extend(records.to_le_bytes());
        }
        bytes.extend(signature);
    }

    pub(super) fn decode_stake(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let count = decoder.count(36, "the number of institutions in the tally")?;
        let start = decoder.at();
        let mut pairs = Vec::with_capacity(count);
        for _ in 0..count {
            pairs.push((decoder.array("an institution in the tally")?, decoder.u32("its records")?));
        }
        let tally = Tally::from_pairs(&pairs).or_else(|position| {
            decoder.refuse(start + 36 * position, "the keys of a tally must ascend, each once")
        })?;
        Ok(Seal::Stake { tally, signature: decoder.array("the seal's signature")? })
    }
}

//! Block headers.

use super::encoding::{DecodeError, Decoder};
use verilane::{Digest, Hash};

/// What a header states about its seal.
///
/// Exhaustive: version 1 of the format has these two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The header's hash meets a target.
    Work {
        /// The target in Bitcoin's compact form.
        bits: u32,
        /// The nonce; a search varies its low 32 bits.
        nonce: u64,
    },
    /// The producer was elected and signs the header's hash.
    Stake {
        /// The digest of the [`Tally`](super::Tally) that elected the producer.
        tally: Digest,
    },
}

/// A block's header. Its hash, SHA-256d of the encoding, is the block's hash.
///
/// Exhaustive: the fields are those of version 1 of the format.
///
/// | offset | bytes | |
/// |--:|--:|---|
/// | 0 | 4 | the number of bytes that follow: 196 for work, 216 for stake |
/// | 4 | 2 | version, 1 |
/// | 6 | 2 | the seal: 0 work, 1 stake |
/// | 8 | 32 | the chain: the hash of its [`Genesis`](super::Genesis) |
/// | 40 | 8 | the height, from 0 |
/// | 48 | 32 | the hash of the previous block; zeros at height 0 |
/// | 80 | 32 | the root over the stored records ([`Entries::leaf`](verilane::Entries::leaf), RFC 6962, SHA-256) |
/// | 112 | 32 | SHA-256d of the table of lists |
/// | 144 | 4 | the number of stored records |
/// | 148 | 8 | the time in seconds since 1970 |
/// | 156 | 32 | the producer's public key |
/// | 188 | 4 + 8 | for work: the compact target, and the nonce |
/// | 188 | 32 | for stake: the digest of the tally |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The chain that the block belongs to.
    pub chain: Digest,
    /// The block's height, from 0.
    pub height: u64,
    /// The hash of the previous block; zeros at height 0.
    pub previous: Digest,
    /// The root over the stored records.
    pub root: Digest,
    /// The digest of the table of lists.
    pub lists: Digest,
    /// The number of stored records.
    pub records: u32,
    /// The time in seconds since 1970.
    pub time: u64,
    /// The producer's public key.
    pub producer: [u8; 32],
    /// What the header states about the seal.
    pub claim: Claim,
}

impl Header {
    /// The version of the format.
    pub const VERSION: u16 = 1;

    /// The offset of the low 32 bits of the nonce in a header sealed by work.
    pub(super) const NONCE_OFFSET: usize = 192;

    /// The header's hash.
    pub fn hash(&self) -> Digest {
        Hash::Sha256d.digest(&self.encode())
    }

    /// The canonical encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; 4];
        bytes.extend(Self::VERSION.to_le_bytes());
        let kind: u16 = if matches!(self.claim, Claim::Work { .. }) { 0 } else { 1 };
        bytes.extend(kind.to_le_bytes());
        bytes.extend(self.chain.0);
        bytes.extend(self.height.to_le_bytes());
        bytes.extend(self.previous.0);
        bytes.extend(self.root.0);
        bytes.extend(self.lists.0);
        bytes.extend(self.records.to_le_bytes());
        bytes.extend(self.time.to_le_bytes());
        bytes.extend(self.producer);
        match self.claim {
            Claim::Work { bits, nonce } => {
                bytes.extend(bits.to_le_bytes());
                bytes.extend(nonce.to_le_bytes());
            }
            Claim::Stake { tally } => bytes.extend(tally.0),
        }
        let length = bytes.len() as u32 - 4;
        bytes[..4].copy_from_slice(&length.to_le_bytes());
        bytes
    }

    /// Reads a header, and leaves the decoder at the byte after it.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not a header.
    pub fn decode(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let start = decoder.at();
        let length = decoder.u32("the header's length")?;
        let version = decoder.u16("the header's version")?;
        if version != Self::VERSION {
            return decoder
                .refuse(start + 4, format!("version {version} of the header: this program reads 1"));
        }
        let kind = decoder.u16("the kind of seal")?;
        let expected = match kind {
            0 => 196,
            1 => 216,
            _ => {
                return decoder
                    .refuse(start + 6, format!("{kind} is no kind of seal: 0 or 1 would be valid"));
            }
        };
        if length != expected {
            return decoder.refuse(start, format!("a header of {length} bytes: {expected} would be valid"));
        }
        Ok(Header {
            chain: decoder.digest("the chain")?,
            height: decoder.u64("the height")?,
            previous: decoder.digest("the previous block's hash")?,
            root: decoder.digest("the root")?,
            lists: decoder.digest("the digest of the lists")?,
            records: decoder.u32("the number of records")?,
            time: decoder.u64("the time")?,
            producer: decoder.array("the producer")?,
            claim: match kind {
                0 => Claim::Work { bits: decoder.u32("the bits")?, nonce: decoder.u64("the nonce")? },
                _ => Claim::Stake { tally: decoder.digest("the tally's digest")? },
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_is_as_documented() {
        let digest = |byte| Digest([byte; 32]);
        let header = Header {
            chain: digest(1),
            height: 2,
            previous: digest(3),
            root: digest(4),
            lists: digest(5),
            records: 6,
            time: 7,
            producer: [8; 32],
            claim: Claim::Work { bits: 9, nonce: 10 << 32 | 11 },
        };
        let bytes = header.encode();
        assert_eq!((bytes.len(), bytes[0], bytes[4], bytes[40], bytes[144]), (200, 196, 1, 2, 6));
        assert_eq!((bytes[188], bytes[Header::NONCE_OFFSET], bytes[196]), (9, 11, 10));
        assert_eq!(Header::decode(&mut Decoder::new(&bytes)), Ok(header));
        let staked = Header { claim: Claim::Stake { tally: digest(12) }, ..header };
        let bytes = staked.encode();
        assert_eq!((bytes.len(), bytes[0], bytes[6], bytes[219]), (220, 216, 1, 12));
        assert_eq!(Header::decode(&mut Decoder::new(&bytes)), Ok(staked));
        for length in 0..bytes.len() {
            assert!(Header::decode(&mut Decoder::new(&bytes[..length])).is_err(), "{length}");
        }
    }
}

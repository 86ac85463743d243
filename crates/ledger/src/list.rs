//! An institution's signed list of signed records.

use super::genesis::HASH;
use verilane::Digest;

/// A record, and the institution's signature over its digest.
///
/// Exhaustive: institutions build it from these three parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedRecord {
    /// The record's bytes.
    pub bytes: Vec<u8>,
    /// The SHA-256 digest that the institution claims for the bytes.
    pub digest: Digest,
    /// The institution's Ed25519 signature over the 32 bytes of the digest.
    pub signature: [u8; 64],
}

impl SignedRecord {
    /// The longest record in bytes. Larger data, such as imaging files, is recorded by
    /// its CID.
    pub const MAX_BYTES: usize = 16 << 20;
}

/// The records that an institution uploads together.
///
/// Exhaustive: institutions build it from these four parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// The institution's public key.
    pub institution: [u8; 32],
    /// Whether it is reviewed before lists that are not emergencies.
    pub emergency: bool,
    /// The records, in the signed order.
    pub records: Vec<SignedRecord>,
    /// The institution's signature over [`list_message`].
    pub signature: [u8; 64],
}

impl List {
    /// The message that the list's signature is over.
    pub fn message(&self) -> Vec<u8> {
        let digests = self.records.iter().map(|record| record.digest);
        list_message(&self.institution, self.emergency, digests)
    }
}

/// The message that an institution signs for a list: the 15 bytes `verilane list 1`
/// and a zero byte, its public key, a byte for the emergency, the number of records in
/// 32 bits, and their digests.
pub fn list_message(
    institution: &[u8; 32],
    emergency: bool,
    digests: impl ExactSizeIterator<Item = Digest>,
) -> Vec<u8> {
    let mut message = Vec::with_capacity(16 + 32 + 1 + 4 + 32 * digests.len());
    message.extend(b"verilane list 1\0");
    message.extend(institution);
    message.push(emergency.into());
    message.extend((digests.len() as u32).to_le_bytes());
    digests.for_each(|digest| message.extend(digest.0));
    message
}

/// The digest that a record's signature is over.
pub fn record_digest(record: &[u8]) -> Digest {
    HASH.digest(record)
}

//! Blocks: a header, its seal, endorsements, and a body of lists and records.

use super::election::Tally;
use super::encoding::{DecodeError, Decoder};
use super::endorsement::Endorsement;
use super::header::{Claim, Header};
use super::list::{List, SignedRecord, list_message};
use super::seal::Seal;
use verilane::entries::Entries;
use verilane::{Digest, Hash, Records};

/// What the sealer did with a record of a list.
///
/// Exhaustive: version 1 of the format has these three, and a reader must treat each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The block stores it.
    Stored,
    /// It is a duplicate: an earlier block, or an earlier list of this one, has it.
    Seen,
    /// Its signature is bad, or its bytes do not have the claimed digest.
    Refused,
}

/// A record of a list, without its bytes.
///
/// Exhaustive: the fields are those of version 1 of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The claimed digest.
    pub digest: Digest,
    /// The institution's signature over it.
    pub signature: [u8; 64],
    /// What the sealer did with it.
    pub fate: Fate,
}

/// A list in a block. It keeps the digest of every record, so that its signature
/// can be checked even where the bytes of some records are not stored.
///
/// Exhaustive: the fields are those of version 1 of the format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockList {
    /// The institution's public key.
    pub institution: [u8; 32],
    /// Whether it is reviewed before lists that are not emergencies.
    pub emergency: bool,
    /// The institution's signature over [`list_message`].
    pub signature: [u8; 64],
    /// Its records, in the signed order.
    pub entries: Vec<Entry>,
}

impl BlockList {
    /// The list with a fate for each of its records. Appends the bytes of the stored
    /// records to `records`.
    pub(super) fn new(list: List, fates: Vec<Fate>, records: &mut Records<'_>) -> Self {
        let entry = |(record, fate): (SignedRecord, Fate)| {
            if fate == Fate::Stored {
                records.push(&record.bytes);
            }
            Entry { digest: record.digest, signature: record.signature, fate }
        };
        let entries = list.records.into_iter().zip(fates).map(entry).collect();
        let List { institution, emergency, signature, .. } = list;
        BlockList { institution, emergency, signature, entries }
    }

    /// The message that the list's signature is over.
    pub fn message(&self) -> Vec<u8> {
        list_message(&self.institution, self.emergency, self.entries.iter().map(|entry| entry.digest))
    }

    /// The number of stored records.
    pub fn stored_count(&self) -> usize {
        self.stored().count()
    }

    /// The stored records.
    pub fn stored(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.fate == Fate::Stored)
    }
}

/// A block.
///
/// Exhaustive: the fields are those of version 1 of the format.
///
/// | | |
/// |---|---|
/// | header | see [`Header`] |
/// | seal | for work nothing; for stake the number of pairs in the tally in 32 bits, each pair (a key of 32 bytes, its records in 32 bits), and a signature of 64 bytes |
/// | endorsements | their number in 16 bits; each has the peer in 16 bits and a signature of 64 bytes |
/// | table | the number of lists in 32 bits; each list has a key of 32 bytes, a byte for the emergency, a signature of 64 bytes, and the number of its records in 32 bits; each record has a digest of 32 bytes, a signature of 64 bytes, a byte for its fate (0 stored, 1 seen, 2 refused), and its length in 32 bits, 0 unless stored |
/// | records | the bytes of the stored records, end to end |
#[derive(Clone, Debug)]
pub struct Block<'a> {
    /// The header.
    pub header: Header,
    /// The seal.
    pub seal: Seal,
    /// The endorsements.
    pub endorsements: Vec<Endorsement>,
    /// The lists, in the order of their review.
    pub lists: Vec<BlockList>,
    /// The bytes of the stored records, in the order of the lists.
    pub records: Records<'a>,
}

impl<'a> Block<'a> {
    /// The longest encoding in bytes.
    pub const MAX_BYTES: usize = 1 << 30;

    /// The stored records as columns.
    pub fn entries(&self) -> Entries<'static> {
        let stored = self.lists.iter().flat_map(|list| list.stored().map(move |entry| (list, entry)));
        let mut entries = Entries::with_capacity(self.records.len(), self.records.total_bytes() as usize);
        for ((list, entry), record) in stored.zip(self.records.iter()) {
            entries.push(&list.institution, &entry.signature, entry.digest, record);
        }
        entries
    }

    /// The canonical encoding.
    ///
    /// # Panics
    /// If [`lists`](Self::lists) have more stored entries than there are
    /// [`records`](Self::records).
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.header.encode();
        self.seal.encode(&mut bytes);
        bytes.extend((self.endorsements.len() as u16).to_le_bytes());
        for endorsement in &self.endorsements {
            bytes.extend(endorsement.peer.to_le_bytes());
            bytes.extend(endorsement.signature);
        }
        bytes.extend(table(&self.lists, &self.records));
        self.records.iter().for_each(|record| bytes.extend(record));
        bytes
    }

    /// Reads the canonical encoding; the records borrow from `bytes`.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are not a block.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut decoder = Decoder::new(bytes);
        let header = Header::decode(&mut decoder)?;
        let seal = match header.claim {
            Claim::Work { .. } => Seal::Work,
            Claim::Stake { .. } => Seal::decode_stake(&mut decoder)?,
        };
        let endorsements = decode_endorsements(&mut decoder)?;
        let mut lengths = Vec::new();
        let lists = decode_table(&mut decoder, &mut lengths)?;
        let total = lengths.iter().map(|&length| u64::from(length)).sum::<u64>();
        let at = decoder.at();
        let stored = usize::try_from(total).ok().filter(|&total| total <= decoder.remaining());
        let Some(stored) = stored else {
            let left = decoder.remaining();
            return decoder.refuse(at, format!("the records take {total} bytes, {left} are left"));
        };
        let records = Records::from_lengths(decoder.bytes(stored, "the records")?, &lengths)
            .expect("the lengths add up to the bytes taken");
        decoder.finish()?;
        if header.records as usize != records.len() {
            let (claimed, found) = (header.records, records.len());
            return Decoder::new(bytes)
                .refuse(144, format!("the header claims {claimed} records, {found} are stored"));
        }
        Ok(Block { header, seal, endorsements, lists, records })
    }

    /// The digest of the table of lists.
    ///
    /// # Panics
    /// As [`encode`](Self::encode).
    pub fn table_digest(&self) -> Digest {
        table_digest(&self.lists, &self.records)
    }

    /// The stored records of each institution.
    pub fn tally(&self) -> Tally {
        Tally::of(&self.lists)
    }
}

/// What a block builds on: the block before it; the default before the first block.
#[derive(Default)]
pub(super) struct Previous {
    pub hash: Digest,
    pub time: u64,
    pub tally: Tally,
}

impl Previous {
    pub fn of(block: &Block<'_>) -> Self {
        Previous { hash: block.header.hash(), time: block.header.time, tally: block.tally() }
    }
}

/// The digest of the table of lists, as the header has it.
pub(super) fn table_digest(lists: &[BlockList], records: &Records<'_>) -> Digest {
    Hash::Sha256d.digest(&table(lists, records))
}

fn table(lists: &[BlockList], records: &Records<'_>) -> Vec<u8> {
    let mut lengths = records.iter().map(|record| record.len() as u32);
    let mut bytes = Vec::new();
    bytes.extend((lists.len() as u32).to_le_bytes());
    for list in lists {
        bytes.extend(list.institution);
        bytes.push(list.emergency.into());
        bytes.extend(list.signature);
        bytes.extend((list.entries.len() as u32).to_le_bytes());
        for entry in &list.entries {
            bytes.extend(entry.digest.0);
            bytes.extend(entry.signature);
            let (fate, length) = match entry.fate {
                Fate::Stored => (0, lengths.next().expect("every stored record has its bytes")),
                Fate::Seen => (1, 0),
                Fate::Refused => (2, 0),
            };
            bytes.push(fate);
            bytes.extend(length.to_le_bytes());
        }
    }
    bytes
}

fn decode_endorsements(decoder: &mut Decoder<'_>) -> Result<Vec<Endorsement>, DecodeError> {
    let count = decoder.u16("the number of endorsements")?;
    let endorsement = |_| {
        Ok(Endorsement {
            peer: decoder.u16("an endorsing peer")?,
            signature: decoder.array("an endorsement's signature")?,
        })
    };
    (0..count).map(endorsement).collect()
}

fn decode_table(decoder: &mut Decoder<'_>, lengths: &mut Vec<u32>) -> Result<Vec<BlockList>, DecodeError> {
    let count = decoder.count(32 + 1 + 64 + 4, "the number of lists")?;
    let mut lists = Vec::with_capacity(count);
    for _ in 0..count {
        let institution = decoder.array("a list's institution")?;
        let emergency = decoder.flag("a list's emergency")?;
        let signature = decoder.array("a list's signature")?;
        let records = decoder.count(32 + 64 + 1 + 4, "the number of a list's records")?;
        let mut entries = Vec::with_capacity(records);
        for _ in 0..records {
            entries.push(decode_entry(decoder, lengths)?);
        }
        lists.push(BlockList { institution, emergency, signature, entries });
    }
    Ok(lists)
}

fn decode_entry(decoder: &mut Decoder<'_>, lengths: &mut Vec<u32>) -> Result<Entry, DecodeError> {
    let digest = decoder.digest("a record's digest")?;
    let signature = decoder.array("a record's signature")?;
    let at = decoder.at();
    let fate = match decoder.u8("a record's fate")? {
        0 => Fate::Stored,
        1 => Fate::Seen,
        2 => Fate::Refused,
        other => return decoder.refuse(at, format!("{other} is no fate: 0, 1 or 2 would be valid")),
    };
    let at = decoder.at();
    let length = decoder.u32("a record's length")?;
    match fate {
        Fate::Stored if length as usize > SignedRecord::MAX_BYTES => {
            let most = SignedRecord::MAX_BYTES;
            return decoder.refuse(at, format!("a record of {length} bytes: {most} are the most"));
        }
        Fate::Stored => lengths.push(length),
        _ if length != 0 => {
            return decoder
                .refuse(at, format!("{length} bytes of a record that is not stored: 0 would be valid"));
        }
        _ => {}
    }
    Ok(Entry { digest, signature, fate })
}

//! Signatures and signed records that are made once and drawn from again and again.

use ed25519_dalek::{Signer as _, SigningKey};
use rayon::prelude::*;
use verilane::signature::Batch;
use verilane::{Digest, Entries, Records};

use super::random::{RandomStream, below, repeats};
use super::recipe::{BLOCK_HASH, MESSAGE_BYTES, RECORD_BYTES};

/// The keys that sign records.
const INSTITUTIONS: usize = 64;

/// Random records of `shortest` to `longest` bytes.
pub fn records(items: usize, [shortest, longest]: [usize; 2], stream: &mut RandomStream) -> Records<'static> {
    if shortest == longest {
        let bytes = stream.bytes(items * longest);
        return Records::from_slices(bytes.chunks_exact(longest));
    }
    let spread = longest - shortest + 1;
    let lengths: Vec<_> =
        stream.words(items).into_iter().map(|word| shortest + below(word, spread)).collect();
    let bytes = stream.bytes(lengths.iter().sum());
    let mut records = Records::with_capacity(items, bytes.len());
    let mut rest = &bytes[..];
    for length in lengths {
        let (record, tail) = rest.split_at(length);
        records.push(record);
        rest = tail;
    }
    records
}

/// Flips the bit of the signature or the message that a random word chooses.
fn flip_bit(word: u64, signature: &mut [u8; 64], message: &mut [u8]) {
    let bit = below(word, 8 * (64 + message.len()));
    let byte = signature.iter_mut().chain(message).nth(bit / 8);
    *byte.expect("the bit is in one of them") ^= 1 << (bit % 8);
}

/// Valid signatures to draw from.
pub struct SignaturePool {
    keys: Vec<[u8; 32]>,
    signatures: Vec<[u8; 64]>,
    messages: Vec<Vec<u8>>,
}

impl SignaturePool {
    /// At least `count` signatures, each by its own key.
    pub fn new(count: usize, stream: &mut RandomStream) -> Self {
        // A power of two, so that every odd stride visits all of them.
        let count = count.next_power_of_two();
        let secrets = stream.digests(count);
        let messages: Vec<_> = records(count, MESSAGE_BYTES, stream).iter().map(<[u8]>::to_vec).collect();
        let sign = |(secret, message): (&Digest, &Vec<u8>)| {
            let key = SigningKey::from_bytes(&secret.0);
            (key.verifying_key().to_bytes(), key.sign(message).to_bytes())
        };
        let (keys, signatures) = secrets.par_iter().zip(&messages).map(sign).unzip();
        SignaturePool { keys, signatures, messages }
    }

    /// A batch of `items` in a new order, one in 64 of them with a bit of the signature
    /// or the message flipped.
    pub fn draw(&self, items: usize, stream: &mut RandomStream) -> Batch<'static> {
        let (start, stride) = (stream.word() as usize, stream.word() as usize | 1);
        let mut batch = Batch::with_capacity(items);
        for (i, word) in stream.words(items).into_iter().enumerate() {
            let index = start.wrapping_add(i.wrapping_mul(stride)) & (self.keys.len() - 1);
            let (key, mut signature) = (&self.keys[index], self.signatures[index]);
            let message = &self.messages[index];
            if word & 63 != 0 {
                batch.push(key, &signature, message);
                continue;
            }
            let mut message = message.clone();
            flip_bit(word, &mut signature, &mut message);
            batch.push(key, &signature, &message);
        }
        batch
    }
}

/// Signed records to draw from.
pub struct EntryPool(Entries<'static>);

impl EntryPool {
    /// At least `count` entries; none for a count of 0.
    pub fn new(count: usize, stream: &mut RandomStream) -> Self {
        // A power of two, so that every odd stride visits all of them.
        let count = if count == 0 { 0 } else { count.next_power_of_two() };
        let records = records(count, RECORD_BYTES, stream);
        let signers: Vec<_> =
            stream.digests(INSTITUTIONS).iter().map(|secret| SigningKey::from_bytes(&secret.0)).collect();
        let sign = |index: usize| {
            let digest = BLOCK_HASH.digest(records.get(index));
            (digest, signers[index % INSTITUTIONS].sign(&digest.0).to_bytes())
        };
        let signed: Vec<_> = (0..count).into_par_iter().map(sign).collect();
        let mut entries = Entries::with_capacity(count, records.total_bytes() as usize);
        for (index, (digest, signature)) in signed.into_iter().enumerate() {
            let key = signers[index % INSTITUTIONS].verifying_key().to_bytes();
            entries.push(&key, &signature, digest, records.get(index));
        }
        EntryPool(entries)
    }

    /// `items` entries in a new order, one in 64 of them with a bit of the signature or
    /// the record flipped.
    pub fn draw(&self, items: usize, stream: &mut RandomStream) -> Entries<'static> {
        let EntryPool(all) = self;
        let (start, stride) = (stream.word() as usize, stream.word() as usize | 1);
        let mut entries = Entries::with_capacity(items, items * RECORD_BYTES[1]);
        let words = stream.words(2 * items);
        for (i, [word, flip]) in words.as_chunks::<2>().0.iter().enumerate() {
            let position = if repeats(*word) { below(*word, i) } else { i };
            let index = start.wrapping_add(position.wrapping_mul(stride)) & (all.len() - 1);
            let mut record = all.records().get(index).to_vec();
            let mut signature = all.signatures()[index];
            if flip & 63 == 0 {
                flip_bit(*flip, &mut signature, &mut record);
            }
            entries.push(&all.keys()[index], &signature, all.digests()[index], &record);
        }
        entries
    }
}

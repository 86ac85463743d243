//! Digests of a stream of records, longer than memory.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256};
use verilane::{Digest, Engine, Hash, Records};

use super::backends_used::BackendsUsed;
use super::input::is_stdin;

/// Bytes in one call to the engine.
const BATCH_BYTES: u64 = 64 << 20;

/// Records in one call to the engine.
const BATCH_RECORDS: usize = 1 << 20;

/// Files from this length are hashed as they are read, not held in memory.
const STREAMED_BYTES: u64 = 256 << 20;

/// Hashes records in batches, one in each call to the engine.
pub struct Digester<'e> {
    engine: &'e Engine,
    hash: Hash,
    /// Hashed before each record.
    prefix: &'static [u8],
    batch: Records<'static>,
    /// The positions of the batch's digests.
    positions: Vec<usize>,
    digests: Vec<Digest>,
    backends: BackendsUsed,
}

impl<'e> Digester<'e> {
    /// Hashes `prefix` and the record, on `engine`.
    pub fn new(engine: &'e Engine, hash: Hash, prefix: &'static [u8]) -> Self {
        Digester {
            engine,
            hash,
            prefix,
            batch: Records::with_capacity(0, 0),
            positions: Vec::new(),
            digests: Vec::new(),
            backends: BackendsUsed::default(),
        }
    }

    /// Adds a record.
    pub fn push(&mut self, record: &[u8]) -> anyhow::Result<()> {
        if self.prefix.is_empty() {
            self.batch.push(record);
        } else {
            self.batch.push(&[self.prefix, record].concat());
        }
        self.positions.push(self.digests.len());
        self.digests.push(Digest::default());
        if self.positions.len() >= BATCH_RECORDS || self.batch.total_bytes() >= BATCH_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Adds a file's content as a record, and returns its length. A long file is hashed as
    /// it is read. After an error, nothing was added.
    pub fn push_file(&mut self, path: &Path) -> anyhow::Result<u64> {
        if is_stdin(path) {
            let mut content = Vec::new();
            io::stdin().read_to_end(&mut content)?;
            self.push(&content)?;
            return Ok(content.len() as u64);
        }
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        if length >= STREAMED_BYTES {
            self.digests.push(stream(self.hash, self.prefix, file)?);
            self.backends.record_unbatched(1);
            return Ok(length);
        }
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        self.push(&content)?;
        Ok(content.len() as u64)
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        let digests = self.backends.record(self.engine.hash(self.hash, &self.batch)?);
        for (position, digest) in self.positions.drain(..).zip(digests) {
            self.digests[position] = digest;
        }
        self.batch = Records::with_capacity(0, 0);
        Ok(())
    }

    /// The digests in the order of the records, and the back ends that computed them.
    pub fn finish(mut self) -> anyhow::Result<(Vec<Digest>, BackendsUsed)> {
        if !self.positions.is_empty() || self.digests.is_empty() {
            self.flush()?;
        }
        Ok((self.digests, self.backends))
    }
}

/// The digest of `prefix` and all of `file`.
pub fn stream(hash: Hash, prefix: &[u8], file: impl Read) -> io::Result<Digest> {
    let blake3 = match hash {
        Hash::Blake3 => Some(blake3::Hasher::new()),
        Hash::KeyedBlake3(key) => Some(blake3::Hasher::new_keyed(&key.0)),
        _ => None,
    };
    if let Some(mut hasher) = blake3 {
        each_chunk(prefix, file, |chunk| {
            hasher.update(chunk);
        })?;
        return Ok(Digest(hasher.finalize().into()));
    }
    let mut hasher = Sha256::new();
    each_chunk(prefix, file, |chunk| hasher.update(chunk))?;
    let digest = Digest(hasher.finalize().into());
    Ok(if hash == Hash::Sha256d { Hash::Sha256.digest(&digest.0) } else { digest })
}

fn each_chunk(prefix: &[u8], mut file: impl Read, mut update: impl FnMut(&[u8])) -> io::Result<()> {
    update(prefix);
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => update(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use verilane::Key;

    #[test]
    fn streamed_digests_are_those_of_the_whole() {
        let content: Vec<u8> = (0..=250).cycle().take((1 << 20) + 77).collect();
        for hash in [Hash::Sha256, Hash::Sha256d, Hash::Blake3, Hash::KeyedBlake3(Key([3; 32]))] {
            for prefix in [&[][..], &[0]] {
                let whole = hash.digest(&[prefix, &content].concat());
                assert_eq!(stream(hash, prefix, &content[..]).unwrap(), whole, "{hash} {prefix:?}");
            }
        }
    }
}

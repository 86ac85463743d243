//! The contents of files, read on all threads, and their digests.

use std::fs;
use std::io::{self, Read, Take};

use indicatif::ProgressBar;
use rayon::prelude::*;
use verilane::{Digest, Engine, Hash, Records, Threads};

use super::backends_used::BackendsUsed;
use super::canonical;
use super::digester::stream;
use super::walk::File;

/// Bytes that are read before they are hashed: few enough to stay in the processor's
/// caches.
const BATCH_BYTES: u64 = 8 << 20;

/// Files from this length are hashed as they are read.
const STREAMED_BYTES: u64 = BATCH_BYTES;

/// The digest of each file, or why there is none; and the back ends that computed them.
type Digests = (Vec<io::Result<Digest>>, BackendsUsed);

/// The digest of each file's content. A file whose length has changed since it was found
/// is an error.
pub fn digests(
    engine: &Engine,
    threads: &Threads,
    hash: Hash,
    files: &[File],
    bar: &ProgressBar,
) -> anyhow::Result<Digests> {
    let mut backends = BackendsUsed::default();
    let mut digests: Vec<_> = files.iter().map(|_| Ok(Digest::default())).collect();
    let long = each_batch(threads, files, |batch| {
        let hashed = backends.record(engine.hash(hash, &batch.records)?);
        for ((&index, read), digest) in batch.indices.iter().zip(batch.read).zip(hashed) {
            digests[index] = read.map(|()| digest);
        }
        bar.inc(batch.records.total_bytes());
        Ok(())
    })?;
    if !long.is_empty() {
        backends.record_unbatched(threads.count());
    }
    let streamed: Vec<_> = threads.run(|| {
        let long = long.par_iter().with_max_len(1);
        long.map(|&index| stream(hash, &[], bar.wrap_read(open(&files[index])?))).collect()
    });
    for (index, digest) in long.into_iter().zip(streamed) {
        digests[index] = digest;
    }
    Ok((digests, backends))
}

/// The digest of the canonical form of each file's JSON. A file that is not JSON is an
/// error.
pub fn canonical_digests(
    engine: &Engine,
    threads: &Threads,
    hash: Hash,
    files: &[File],
    bar: &ProgressBar,
) -> anyhow::Result<Digests> {
    let mut backends = BackendsUsed::default();
    let mut digests: Vec<_> = files.iter().map(|_| Ok(Digest::default())).collect();
    let mut hash_forms = |indices: &[usize], forms: Vec<io::Result<Vec<u8>>>| -> anyhow::Result<()> {
        let records = Records::from_slices(forms.iter().flatten());
        let mut hashed = backends.record(engine.hash(hash, &records)?).into_iter();
        for (&index, form) in indices.iter().zip(forms) {
            digests[index] = form.map(|_| hashed.next().unwrap_or_default());
        }
        bar.inc(indices.iter().map(|&index| files[index].length).sum());
        Ok(())
    };
    let long = each_batch(threads, files, |batch| {
        let Batch { indices, records, read } = batch;
        let form =
            |(index, read): (usize, io::Result<()>)| read.and_then(|()| canonical::json(records.get(index)));
        let forms = threads.run(|| read.into_par_iter().enumerate().map(form).collect());
        hash_forms(indices, forms)
    })?;
    for index in long {
        hash_forms(&[index], vec![canonical_long(&files[index])])?;
    }
    Ok((digests, backends))
}

fn canonical_long(file: &File) -> io::Result<Vec<u8>> {
    if file.length > canonical::MAX_BYTES {
        return Err(io::Error::other(format!(
            "JSON of more than {} bytes is not taken",
            canonical::MAX_BYTES
        )));
    }
    let mut content = Vec::new();
    open(file)?.read_to_end(&mut content)?;
    canonical::json(&content)
}

/// Files that were read together.
pub struct Batch<'b> {
    /// Their positions among the files.
    pub indices: &'b [usize],
    /// Their contents; arbitrary where one could not be read.
    pub records: Records<'b>,
    /// Whether each could be read.
    pub read: Vec<io::Result<()>>,
}

/// Reads files in batches, on all threads, and passes them to `work`. Returns the positions
/// of the long ones, which are not read.
pub fn each_batch(
    threads: &Threads,
    files: &[File],
    mut work: impl FnMut(Batch<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<Vec<usize>> {
    let (long, short): (Vec<usize>, Vec<usize>) =
        (0..files.len()).partition(|&index| files[index].length >= STREAMED_BYTES);
    let mut buffer = Vec::new();
    for indices in batches(files, &short) {
        let mut offsets = vec![0];
        for &index in indices {
            offsets.push(offsets[offsets.len() - 1] + files[index].length);
        }
        buffer.resize(buffer.len().max(offsets[indices.len()] as usize), 0);
        let read = threads.run(|| read_batch(files, indices, &mut buffer));
        work(Batch { indices, records: Records::new(&buffer, &offsets)?, read })?;
    }
    Ok(long)
}

/// Cuts `short` into batches of at most [`BATCH_BYTES`].
fn batches<'i>(files: &[File], mut short: &'i [usize]) -> impl Iterator<Item = &'i [usize]> {
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fit = short.iter().take_while(|&&index| {
            bytes += files[index].length;
            bytes <= BATCH_BYTES
        });
        let count = fit.count();
        short.split_off(..count).filter(|batch| !batch.is_empty())
    })
}

/// Reads the files at `indices` to `buffer`, end to end.
fn read_batch(files: &[File], indices: &[usize], buffer: &mut [u8]) -> Vec<io::Result<()>> {
    let mut rest = buffer;
    let mut targets = Vec::with_capacity(indices.len());
    for &index in indices {
        let (target, after) = rest.split_at_mut(files[index].length as usize);
        targets.push((&files[index], target));
        rest = after;
    }
    let read = |(file, target): (&File, &mut [u8])| {
        let mut content = open(file)?;
        content.read_exact(target)?;
        content.read(&mut [0]).map(|_| ())
    };
    targets.into_par_iter().map(read).collect()
}

/// A file that is read with an error if its length has changed.
pub struct Unchanged<'f> {
    file: &'f File,
    content: Take<fs::File>,
}

/// Opens a file that was found.
pub fn open(file: &File) -> io::Result<Unchanged<'_>> {
    Ok(Unchanged { file, content: fs::File::open(&file.path)?.take(file.length) })
}

impl Read for Unchanged<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.content.read(buffer)?;
        if length > 0 || buffer.is_empty() {
            return Ok(length);
        }
        if self.content.limit() > 0 || self.content.get_mut().read(&mut [0])? > 0 {
            let length = self.file.length;
            return Err(io::Error::other(format!("its length was {length} bytes and is another now")));
        }
        Ok(0)
    }
}
#[cfg(test)]
mod tests {
    use super::super::walk;
    use super::*;

    #[test]
    fn digests_are_those_of_the_contents() {
        let folder = tempfile::tempdir().unwrap();
        let edge = BATCH_BYTES as usize;
        for (name, length) in [0, 1, 1000, edge - 1, edge, edge + 1, 5].into_iter().enumerate() {
            fs::write(folder.path().join(name.to_string()), vec![name as u8; length]).unwrap();
        }
        let engine = Engine::new().unwrap();
        let threads = Threads::new(2).unwrap();
        let mut files = walk::find(&[folder.path().into()]).files;
        files[2].length = 999;
        files[3].length -= 2;
        files[5].length += 1;
        fs::remove_file(&files[6].path).unwrap();
        for hash in [Hash::Blake3, Hash::Sha256] {
            let (digests, _) = digests(&engine, &threads, hash, &files, &ProgressBar::hidden()).unwrap();
            for (index, digest) in digests.into_iter().enumerate() {
                let content = fs::read(&files[index].path).ok().filter(|_| ![2, 3, 5].contains(&index));
                assert_eq!(digest.ok(), content.map(|content| hash.digest(&content)), "file {index}");
            }
        }
    }
}

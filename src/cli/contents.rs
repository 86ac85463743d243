//! Digests of whole files, read on all threads.

use std::fs;
use std::io::{self, Read};

use indicatif::ProgressBar;
use rayon::prelude::*;
use verilane::{Digest, Engine, Hash, Records, Threads};

use super::digester::stream;
use super::ran::Ran;
use super::walk::File;

/// Bytes that are read before they are hashed: few enough that the processor's
/// caches still hold them then.
const BATCH_BYTES: u64 = 8 << 20;

/// Files from this length on are hashed as they are read.
const STREAMED_BYTES: u64 = BATCH_BYTES;

/// The digest of each file's content, or why it cannot be had; and where they
/// were computed. A file that is no longer as long as it was found is an error.
pub fn digests(
    engine: &Engine,
    threads: &Threads,
    hash: Hash,
    files: &[File],
    bar: &ProgressBar,
) -> anyhow::Result<(Vec<io::Result<Digest>>, Ran)> {
    let mut ran = Ran::default();
    let mut digests: Vec<_> = files.iter().map(|_| Ok(Digest::default())).collect();
    let (long, short): (Vec<usize>, Vec<usize>) =
        (0..files.len()).partition(|&index| files[index].length >= STREAMED_BYTES);
    let mut buffer = Vec::new();
    for batch in batches(files, &short) {
        let offsets = offsets(files, batch);
        let (read, records) = threads.run(|| read(files, batch, &offsets, &mut buffer))?;
        let hashed = ran.note(engine.hash(hash, &records)?);
        for ((&index, read), digest) in batch.iter().zip(read).zip(hashed) {
            digests[index] = read.map(|()| digest);
        }
        bar.inc(records.total_bytes());
    }
    if !long.is_empty() {
        ran.note_singly(threads.count());
    }
    let streamed: Vec<_> = threads.run(|| {
        let long = long.par_iter().with_max_len(1);
        long.map(|&index| digest_of_long(hash, &files[index], bar)).collect()
    });
    for (index, digest) in long.into_iter().zip(streamed) {
        digests[index] = digest;
    }
    Ok((digests, ran))
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

/// Where the batch's files lie, end to end.
fn offsets(files: &[File], batch: &[usize]) -> Vec<u64> {
    let mut offsets = vec![0];
    for &index in batch {
        offsets.push(offsets[offsets.len() - 1] + files[index].length);
    }
    offsets
}

/// Reads the batch's files, each to its place in `buffer`; where one could not
/// be read, the place holds anything.
fn read<'b>(
    files: &[File],
    batch: &[usize],
    offsets: &'b [u64],
    buffer: &'b mut Vec<u8>,
) -> Result<(Vec<io::Result<()>>, Records<'b>), verilane::Error> {
    buffer.resize(buffer.len().max(offsets[batch.len()] as usize), 0);
    let mut rest = &mut buffer[..];
    let mut places = Vec::with_capacity(batch.len());
    for &index in batch {
        let (place, after) = rest.split_at_mut(files[index].length as usize);
        places.push((&files[index], place));
        rest = after;
    }
    let read = places.into_par_iter().map(|(file, place)| read_short(file, place)).collect();
    Ok((read, Records::new(buffer, offsets)?))
}

/// Reads the whole of `file` to `place`, which is as long.
fn read_short(file: &File, place: &mut [u8]) -> io::Result<()> {
    let mut content = fs::File::open(&file.path)?;
    content.read_exact(place).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => changed(file),
        _ => error,
    })?;
    expect_end(file, content)
}

/// Hashes `file` as it is read.
fn digest_of_long(hash: Hash, file: &File, bar: &ProgressBar) -> io::Result<Digest> {
    let mut content = fs::File::open(&file.path)?.take(file.length);
    let digest = stream(hash, &[], bar.wrap_read(&mut content))?;
    if content.limit() > 0 {
        return Err(changed(file));
    }
    expect_end(file, content.into_inner())?;
    Ok(digest)
}

fn expect_end(file: &File, mut rest: impl Read) -> io::Result<()> {
    if rest.read(&mut [0])? > 0 {
        return Err(changed(file));
    }
    Ok(())
}

fn changed(file: &File) -> io::Error {
    io::Error::other(format!("its length was {} bytes and is another now", file.length))
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
        for hash in [Hash::Blake3, Hash::Sha256] {
            let (digests, _) = digests(&engine, &threads, hash, &files, &ProgressBar::hidden()).unwrap();
            for (index, digest) in digests.into_iter().enumerate() {
                let expected = hash.digest(&fs::read(&files[index].path).unwrap());
                let changed = [2, 3, 5].contains(&index);
                assert_eq!(digest.ok(), (!changed).then_some(expected), "file {index}");
            }
        }
    }
}

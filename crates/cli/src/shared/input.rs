//! Files and standard input.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use verilane::Digest;
use verilane_ledger::SignedRecord;

/// Opens a file, or standard input for `-`.
pub fn open(path: &Path) -> anyhow::Result<Box<dyn Read + Send>> {
    if is_stdin(path) {
        return Ok(Box::new(io::stdin()));
    }
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Box::new(file))
}

/// Whether the path stands for standard input.
pub fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// The bytes of all files, as far as they are known.
pub fn total_size(paths: &[PathBuf]) -> u64 {
    paths.iter().filter_map(|path| fs::metadata(path).ok()).map(|metadata| metadata.len()).sum()
}

/// The digest of a record that is given as 64 digits or as a file.
pub fn record_digest(record: &Path) -> anyhow::Result<Digest> {
    if let Some(Ok(digest)) = record.to_str().map(str::parse) {
        return Ok(digest);
    }
    let length = fs::metadata(record).with_context(|| {
        format!("{} is neither a digest of 64 hexadecimal digits nor a file", record.display())
    })?;
    if length.len() > SignedRecord::MAX_BYTES as u64 {
        bail!(
            "{} has {} bytes: a record has {} at most",
            record.display(),
            length.len(),
            SignedRecord::MAX_BYTES
        );
    }
    let bytes = fs::read(record).with_context(|| format!("cannot read {}", record.display()))?;
    Ok(verilane_ledger::record_digest(&bytes))
}

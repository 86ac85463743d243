//! The key of an index, in a file beside its store.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use super::error::IndexError;
use crate::{Digest, Key};

/// The key in the file at `path`, as 64 hexadecimal digits; none if there is no file.
pub fn read(path: &Path) -> Result<Option<Key>, IndexError> {
    match fs::read_to_string(path) {
        Ok(text) => text.trim_end().parse().map(Some).map_err(|source| key_file(path, source)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(IndexError::io(path)(error)),
    }
}

fn key_file(path: &Path, source: crate::Error) -> IndexError {
    IndexError::KeyFile { path: path.into(), source }
}

/// A new key from the system's randomness, kept in a file at `path` that only
/// its owner can read. The file is there whole or not at all.
pub fn create(path: &Path) -> Result<Key, IndexError> {
    let write = || -> io::Result<Key> {
        let mut key = Key([0; 32]);
        getrandom::fill(&mut key.0)?;
        let unfinished = path.with_extension("new");
        let mut file = private().open(&unfinished)?;
        writeln!(file, "{}", Digest(key.0))?;
        file.sync_all()?;
        fs::rename(unfinished, path)?;
        Ok(key)
    };
    write().map_err(IndexError::io(path))
}

fn private() -> OpenOptions {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

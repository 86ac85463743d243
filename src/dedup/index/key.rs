//! The key file of an index.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use super::error::IndexError;
use super::rename;
use crate::{Digest, Key};

/// Reads the key from the file at `path`; `None` if there is no file.
pub fn read(path: &Path) -> Result<Option<Key>, IndexError> {
    match fs::read_to_string(path) {
        Ok(text) => text.trim_end().parse().map(Some).map_err(|source| invalid_key(path, source)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(IndexError::io(path)(error)),
    }
}

fn invalid_key(path: &Path, source: crate::Error) -> IndexError {
    IndexError::KeyFile { path: path.into(), source }
}

/// Creates a random key and stores it, as 64 hexadecimal digits, in a file at `path` that only
/// its owner can read. The file is created atomically, and is on disk when this returns.
pub fn create(path: &Path) -> Result<Key, IndexError> {
    let write = || -> io::Result<Key> {
        let mut key = Key([0; 32]);
        getrandom::fill(&mut key.0)?;
        let unfinished = path.with_extension("new");
        let mut file = owner_only().open(&unfinished)?;
        writeln!(file, "{}", Digest(key.0))?;
        file.sync_all()?;
        rename(&unfinished, path)?;
        Ok(key)
    };
    write().map_err(IndexError::io(path))
}

fn owner_only() -> OpenOptions {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

//! Why an index could not be opened, or a call failed.

use std::io;
use std::path::{Path, PathBuf};

use crate::Error;

/// Why an index could not be opened, or a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// A file or folder could not be read or written.
    #[error("cannot open the index: {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The file or folder is something else.
    #[error("{} is no index: {reason}", path.display())]
    NotAnIndex {
        /// The file or folder.
        path: PathBuf,
        /// How that was detected.
        reason: String,
    },
    /// A later version of verilane wrote the index.
    #[error("{} is of format {found}: this version of verilane reads up to format {supported}", path.display())]
    Version {
        /// The store's file.
        path: PathBuf,
        /// The format of the index.
        found: u32,
        /// The latest format that this version reads.
        supported: u32,
    },
    /// The fingerprints were made under another key.
    #[error("the fingerprints in {} were made under another key", path.display())]
    WrongKey {
        /// The store's file.
        path: PathBuf,
    },
    /// The caller did not provide the key, and it is not in the index's folder.
    #[error("the index's key is needed: it was given when the index was made, and {} is not there", path.display())]
    NoKey {
        /// The file in which the key would be.
        path: PathBuf,
    },
    /// The key file does not contain a key.
    #[error("{} does not hold a key: {source}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Error,
    },
    /// Another process, or another `Index`, has it open.
    #[error("{} is in use: one process at a time can open an index", path.display())]
    InUse {
        /// The store's file.
        path: PathBuf,
    },
    /// The block is not the next one.
    #[error("block {block} cannot be added: the next one is block {next}")]
    Block {
        /// The number given.
        block: u64,
        /// The number that would be valid.
        next: u64,
    },
    /// The index would exceed 2³² − 1 fingerprints: positions are 32 bits wide.
    #[error("the index is full: it holds {len} fingerprints, {more} more would be too many")]
    Full {
        /// The number of fingerprints in the index.
        len: u32,
        /// The number of fingerprints to add.
        more: usize,
    },
    /// The store contradicts itself.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The store's file.
        path: PathBuf,
        /// How that was detected.
        reason: String,
    },
    /// The store could not be read or written.
    #[error("the store in {} failed: {reason}", path.display())]
    Store {
        /// The store's file.
        path: PathBuf,
        /// What it said.
        reason: String,
    },
    /// The engine could not serve the call.
    #[error(transparent)]
    Engine(#[from] Error),
}

impl IndexError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> IndexError {
        |source| IndexError::Io { path: path.into(), source }
    }

    pub(super) fn store(path: &Path, error: impl Into<redb::Error>) -> IndexError {
        let path = path.into();
        match error.into() {
            redb::Error::Corrupted(reason) => IndexError::Damaged { path, reason },
            error => IndexError::Store { path, reason: error.to_string() },
        }
    }
}

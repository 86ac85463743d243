//! The size of call from which a GPU was measured to be faster than the CPU.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};

use crate::Operation;

const SCHEMA_VERSION: u32 = 1;

/// For each adapter and operation, the size from which a GPU pays: bytes for
/// [`Operation::Hash`], otherwise items (leaves, signatures, fingerprints, nonces, entries).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crossover {
    schema_version: u32,
    /// Adapter → operation → size; no size where the GPU never paid.
    adapters: BTreeMap<String, BTreeMap<String, Option<u64>>>,
}

impl Default for Crossover {
    fn default() -> Self {
        Crossover { schema_version: SCHEMA_VERSION, adapters: BTreeMap::new() }
    }
}

impl Crossover {
    /// What was measured on this machine; nothing if that cannot be read.
    pub fn load() -> Self {
        let stored = path().and_then(std::fs::read).and_then(|bytes| Ok(serde_json::from_slice(&bytes)?));
        match stored {
            Ok(Crossover { schema_version: SCHEMA_VERSION, adapters }) => {
                Crossover { schema_version: SCHEMA_VERSION, adapters }
            }
            Ok(other) => {
                tracing::warn!(
                    version = other.schema_version,
                    "the stored crossover has another version; calibrate again"
                );
                Crossover::default()
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Crossover::default(),
            Err(error) => {
                tracing::warn!(%error, "the stored crossover cannot be read; calibrate again");
                Crossover::default()
            }
        }
    }

    /// Stores it in the user's cache folder, and says where.
    ///
    /// # Errors
    /// Those of the file system; [`io::ErrorKind::NotFound`] if there is no home folder.
    pub fn store(&self) -> io::Result<PathBuf> {
        let path = path()?;
        std::fs::create_dir_all(path.parent().expect("the path ends in a file's name"))?;
        // Whoever reads meanwhile sees the old file or the new one, whole.
        let draft = path.with_extension(format!("{}.tmp", std::process::id()));
        std::fs::write(&draft, serde_json::to_vec_pretty(self)?)?;
        std::fs::rename(&draft, &path)?;
        Ok(path)
    }

    /// Records the size from which `adapter` pays; none if it never does.
    pub fn set(&mut self, adapter: &str, operation: Operation, size: Option<u64>) {
        self.adapters.entry(adapter.into()).or_default().insert(operation.to_string(), size);
    }

    /// Whether `adapter` pays for a call of `size`.
    pub fn pays(&self, adapter: &str, operation: Operation, size: u64) -> bool {
        let measured = self.adapters.get(adapter).and_then(|sizes| sizes.get(&operation.to_string()));
        measured.copied().unwrap_or(default_size(operation)).is_some_and(|least| size >= least)
    }

    /// Whether some adapter may pay for a call of `size`.
    pub(crate) fn any_pays(&self, operation: Operation, size: u64) -> bool {
        let unmeasured = std::iter::once("");
        unmeasured
            .chain(self.adapters.keys().map(String::as_str))
            .any(|adapter| self.pays(adapter, operation, size))
    }
}

/// Serves before anything is measured. Hashing and duplicates that start in host
/// memory are bounded by the bus and stay on the CPU; nonces need no bus.
fn default_size(operation: Operation) -> Option<u64> {
    match operation {
        Operation::Hash | Operation::Dedup => None,
        Operation::Merkle => Some(1 << 20),
        Operation::Verify | Operation::Check => Some(1 << 14),
        Operation::Pow => Some(1 << 26),
    }
}

fn path() -> io::Result<PathBuf> {
    Ok(cache_dir()?.join("crossover.json"))
}

/// The folder where verilane keeps what it has measured and compiled.
pub(crate) fn cache_dir() -> io::Result<PathBuf> {
    let folders =
        etcetera::choose_base_strategy().map_err(|error| io::Error::new(io::ErrorKind::NotFound, error))?;
    Ok(folders.cache_dir().join("verilane"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measured_sizes_go_before_the_defaults() {
        let mut crossover = Crossover::default();
        assert!(!crossover.pays("card", Operation::Hash, u64::MAX));
        assert!(crossover.pays("card", Operation::Pow, 1 << 26));
        crossover.set("card", Operation::Hash, Some(100));
        crossover.set("card", Operation::Pow, None);
        assert!(crossover.pays("card", Operation::Hash, 100) && !crossover.pays("card", Operation::Hash, 99));
        assert!(!crossover.pays("card", Operation::Pow, u64::MAX));
        assert!(crossover.any_pays(Operation::Hash, 100) && !crossover.any_pays(Operation::Dedup, u64::MAX));
        let stored = serde_json::to_vec(&crossover).unwrap();
        assert_eq!(serde_json::from_slice::<Crossover>(&stored).unwrap(), crossover);
    }
}

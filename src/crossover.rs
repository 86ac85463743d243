//! The crossover: the size of call from which a GPU was measured to be faster than the CPU.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};

use crate::Operation;

const SCHEMA_VERSION: u32 = 1;

/// For each adapter and operation, the size of call from which the GPU is faster than the
/// CPU. Sizes are bytes for [`Operation::Hash`] and items (leaves, signatures,
/// fingerprints, nonces or entries) for the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crossover {
    schema_version: u32,
    /// Adapter → operation → size; `None` if the GPU was slower at every size.
    adapters: BTreeMap<String, BTreeMap<String, Option<u64>>>,
}

impl Default for Crossover {
    fn default() -> Self {
        Crossover { schema_version: SCHEMA_VERSION, adapters: BTreeMap::new() }
    }
}

impl Crossover {
    /// The sizes that [`store`](Crossover::store) has written on this machine. Empty if
    /// there is no file; also, with a `tracing` event, if it cannot be read or has another
    /// version.
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

    /// Writes the sizes to a file in the user's cache folder and returns its path.
    ///
    /// # Errors
    /// Any error of the file system; [`io::ErrorKind::NotFound`] if there is no home folder.
    pub fn store(&self) -> io::Result<PathBuf> {
        let path = path()?;
        std::fs::create_dir_all(path.parent().expect("the path ends in the name of a file"))?;
        // Renaming is atomic: a concurrent reader sees the old file or the new one.
        let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
        std::fs::write(&temporary, serde_json::to_vec_pretty(self)?)?;
        std::fs::rename(&temporary, &path)?;
        Ok(path)
    }

    /// Sets the size from which `adapter` is faster; `None` if it is slower at every size.
    pub fn set(&mut self, adapter: &str, operation: Operation, size: Option<u64>) {
        self.adapters.entry(adapter.into()).or_default().insert(operation.to_string(), size);
    }

    /// Whether `adapter` is faster than the CPU for a call of `size`. What was not measured
    /// is decided by defaults that favour the CPU.
    pub fn pays(&self, adapter: &str, operation: Operation, size: u64) -> bool {
        let measured = self.adapters.get(adapter).and_then(|sizes| sizes.get(&operation.to_string()));
        measured.copied().unwrap_or(default_min_size(operation)).is_some_and(|min_size| size >= min_size)
    }

    /// Whether some adapter, measured or not, may be faster for a call of `size`.
    pub(crate) fn pays_on_some_adapter(&self, operation: Operation, size: u64) -> bool {
        // No adapter has this name, so that the defaults apply.
        let unmeasured = std::iter::once("");
        unmeasured
            .chain(self.adapters.keys().map(String::as_str))
            .any(|adapter| self.pays(adapter, operation, size))
    }
}

/// The size from which an adapter that was not measured is used. Hashing and duplicate
/// detection on data in host memory are bound by the bus, so the CPU serves them; a nonce
/// search transfers almost nothing.
fn default_min_size(operation: Operation) -> Option<u64> {
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

/// The folder for measured crossovers and compiled kernels.
pub(crate) fn cache_dir() -> io::Result<PathBuf> {
    let folders =
        etcetera::choose_base_strategy().map_err(|error| io::Error::new(io::ErrorKind::NotFound, error))?;
    Ok(folders.cache_dir().join("verilane"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measured_sizes_override_the_defaults() {
        let mut crossover = Crossover::default();
        assert!(!crossover.pays("card", Operation::Hash, u64::MAX));
        assert!(crossover.pays("card", Operation::Pow, 1 << 26));
        crossover.set("card", Operation::Hash, Some(100));
        crossover.set("card", Operation::Pow, None);
        assert!(crossover.pays("card", Operation::Hash, 100) && !crossover.pays("card", Operation::Hash, 99));
        assert!(!crossover.pays("card", Operation::Pow, u64::MAX));
        assert!(
            crossover.pays_on_some_adapter(Operation::Hash, 100)
                && !crossover.pays_on_some_adapter(Operation::Dedup, u64::MAX)
        );
        let stored = serde_json::to_vec(&crossover).unwrap();
        assert_eq!(serde_json::from_slice::<Crossover>(&stored).unwrap(), crossover);
    }
}

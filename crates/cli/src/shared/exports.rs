//! Files that a result is exported to.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Renders a result in one format.
pub type Render<T> = fn(&T) -> anyhow::Result<Vec<u8>>;

/// The files asked for, each with its format.
pub struct Exports<'a, T>(Vec<(&'a Path, Render<T>)>);

impl<'a, T> Exports<'a, T> {
    /// Those of `files` that have a path.
    pub fn new<const N: usize>(files: [(&'a Option<PathBuf>, Render<T>); N]) -> Self {
        Exports(files.into_iter().filter_map(|(path, render)| Some((path.as_deref()?, render))).collect())
    }

    /// Makes sure that every file can be written, before time is spent; none is changed.
    ///
    /// # Errors
    /// Those of the file system, with the path.
    pub fn check(&self) -> anyhow::Result<()> {
        for (path, _) in &self.0 {
            let file = OpenOptions::new().append(true).create(true).open(path);
            file.with_context(|| format!("cannot write to {}", path.display()))?;
        }
        Ok(())
    }

    /// Writes the result to each file.
    ///
    /// # Errors
    /// Those of the file system, with the path.
    pub fn write(&self, result: &T) -> anyhow::Result<()> {
        for (path, render) in &self.0 {
            std::fs::write(path, render(result)?)
                .with_context(|| format!("cannot write to {}", path.display()))?;
        }
        Ok(())
    }
}
